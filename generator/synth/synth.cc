// Runs Yosys on an emission and turns its statistics into areas per module.
#include "generator/synth/synth.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <regex>
#include <sstream>
#include <utility>

#include "generator/emit/emit.h"
#include "generator/emit/files.h"
#include "generator/plan/plan.h"
#include "generator/support/cache.h"
#include "generator/support/file.h"
#include "generator/support/process.h"
#include "generator/support/sha256.h"
#include "generator/support/temporary.h"

namespace npugen {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

/// The kind of entries in the cache, and the file in them.
constexpr const char* kAreas = "area";
constexpr const char* kReportName = "report.json";
/// The cell library in Yosys' folder.
constexpr const char* kLibertyName = "cells.lib";
constexpr uint64_t kLargestLiberty = uint64_t{1} << 30;

Diagnostic Error(DiagnosticCode code, const std::string& file, std::string message,
                 std::string hint = "") {
  return {code, {file, 0, 0}, std::move(message), std::move(hint)};
}

/// The text of a file that Yosys wrote; nothing if it cannot be read.
std::string ReadText(const fs::path& path) {
  constexpr uint64_t kMost = uint64_t{1} << 31;
  Result<std::string> text = ReadFileText(path.string(), kMost);
  return text ? std::move(*text) : std::string();
}

/// The folder that the user wants to keep, or one that disappears with its owner.
class WorkFolder {
 public:
  static Result<WorkFolder> Make(const std::string& keep) {
    if (keep.empty()) {
      Result<TemporaryFolder> folder = TemporaryFolder::MakeInTemp("npugen-synth");
      if (!folder) return folder.errors();
      std::string path = folder->path();
      return WorkFolder(std::move(path), std::move(*folder));
    }
    std::error_code error;
    fs::create_directories(keep, error);
    if (error) {
      return SystemError(DiagnosticCode::kFileWrite, keep, "made", error.value());
    }
    return WorkFolder(keep, std::nullopt);
  }
  const fs::path& path() const { return path_; }
  /// Leaves the folder for the user to look into.
  void Keep() {
    if (temporary_) temporary_->Keep();
  }

 private:
  WorkFolder(std::string path, std::optional<TemporaryFolder> temporary)
      : path_(std::move(path)), temporary_(std::move(temporary)) {}
  fs::path path_;
  std::optional<TemporaryFolder> temporary_;
};

/// Cell name -> area, from the `cell (...) { ... area : x;` groups of a liberty file.
std::map<std::string, double> LibertyAreas(const std::string& text) {
  std::map<std::string, double> areas;
  static const std::regex kItem(
      R"re(\bcell\s*\(\s*"?([A-Za-z0-9_]+)"?\s*\)|\barea\s*:\s*([0-9.eE+]+))re");
  std::string cell;
  for (std::sregex_iterator it(text.begin(), text.end(), kItem), end; it != end; ++it) {
    if ((*it)[1].matched) {
      cell = (*it)[1];
    } else if (!cell.empty()) {
      areas.emplace(cell, std::strtod((*it)[2].str().c_str(), nullptr));
      cell.clear();
    }
  }
  return areas;
}

/// The smallest cell whose name says two-input NAND.
double Nand2Area(const std::map<std::string, double>& areas) {
  static const std::regex kName("(.*_)?NAND2.*|(.*_)?ND2.*|nand2.*", std::regex::icase);
  double smallest = 0;
  for (const auto& [name, area] : areas) {
    if (area > 0 && std::regex_match(name, kName) && (smallest == 0 || area < smallest))
      smallest = area;
  }
  return smallest;
}

/// Yosys writes names with a leading backslash in some places and without in others.
std::string Unescaped(const std::string& name) {
  return name.starts_with('\\') ? name.substr(1) : name;
}

/// RTL name of a Yosys module: `\npu_x`, `$paramod\npu_x\P=1`, `$paramod$hash\npu_x`.
std::string BaseName(const std::string& module) {
  static const std::regex kName(R"((npu_[a-z0-9_]+))");
  std::smatch match;
  return std::regex_search(module, match, kName) ? match[1].str() : module;
}

/// The full adder of libraries that call it as OSU does; ABC finds none by itself.
constexpr const char* kFullAdderCell = "FAX1";
/// Takes the place of npu_full_adder.sv: a black box that remains one until it is mapped.
constexpr const char* kFullAdderBox = R"(
(* blackbox *)
module npu_full_adder #(parameter Width = 1) (
  input [Width-1:0] a_i, b_i, c_i, output [Width-1:0] sum_o, carry_o
);
endmodule
(* blackbox *)
module FAX1 (input A, B, C, output YC, YS);
endmodule
)";
constexpr const char* kFullAdderMap = R"(
module npu_full_adder #(parameter Width = 1) (
  input [Width-1:0] a_i, b_i, c_i, output [Width-1:0] sum_o, carry_o
);
  genvar i;
  generate for (i = 0; i < Width; i = i + 1) begin : gen_bit
    FAX1 adder (.A(a_i[i]), .B(b_i[i]), .C(c_i[i]), .YC(carry_o[i]), .YS(sum_o[i]));
  end endgenerate
endmodule
)";

/// Stands in for the latch of npu_clock_gate.sv, which dfflibmap does not map and for which some
/// libraries give no area: a flip-flop that holds the enable from the falling edge on.
constexpr const char* kLatchMap = R"(
module \$_DLATCH_N_ (input E, input D, output Q);
  \$_DFF_N_ enable (.C(E), .D(D), .Q(Q));
endmodule
)";

std::string Script(const std::string& files, const std::string& liberty, bool full_adders) {
  return fmt::format(
      "read_verilog -sv -DSYNTHESIS {0}\n"
      "{2}"
      "hierarchy -check -top npu_top\n"
      "{3}"
      "blackbox *npu_ram_1rw* *npu_ram_1r1w*\n"
      "tee -q -o memories.txt dump -m =*npu_ram_1rw* =*npu_ram_1r1w*\n"
      "synth -top npu_top -noalumacc\n"
      "techmap -map latch_map.v\n"
      "dfflibmap -liberty {1}\n"
      "abc -liberty {1} -script +strash;ifraig;dc2;dch,-f;amap,-m\n"
      "opt_clean\n"
      "tee -q -o stat.json stat -json\n",
      files, liberty, full_adders ? "read_verilog full_adder_box.v\n" : "",
      full_adders ? "techmap -map full_adder_map.v\n" : "");
}

/// Module name -> parameters of the black boxes that `dump -m` printed.
std::map<std::string, std::map<std::string, uint64_t>> MemoryParameters(const std::string& dump) {
  std::map<std::string, std::map<std::string, uint64_t>> result;
  static const std::regex kLine(R"((?:^|\n)\s*(?:module (\S+)|parameter \\(\w+) (\d+)))");
  std::string module;
  for (std::sregex_iterator it(dump.begin(), dump.end(), kLine), end; it != end; ++it) {
    if ((*it)[1].matched) {
      module = Unescaped((*it)[1]);
    } else {
      result[module][(*it)[2]] = std::strtoull((*it)[3].str().c_str(), nullptr, 10);
    }
  }
  return result;
}

/// The output of `stat -json`. Yosys 0.23 prints the tree of the design as plain text behind the
/// modules, which alone matter here.
json ParseStatistics(const std::string& text) {
  json stat = json::parse(text, nullptr, false);
  if (!stat.is_discarded()) return stat;
  const size_t end = text.find("\n   },\n");
  if (end == std::string::npos) return stat;
  return json::parse(text.substr(0, end) + "\n   }\n}", nullptr, false);
}

/// A digest of everything that decides the result.
std::string CacheKey(const FileSet& files, const std::string& script, const std::string& liberty) {
  std::string all;
  const auto add = [&all](std::string_view text) {
    all += fmt::format("{}:{}", text.size(), text);
  };
  for (const auto& [path, text] : files) {
    if (path.ends_with(".sv")) add(text);
  }
  add(script);
  add(liberty);
  return Sha256(all).substr(0, 32);
}

/// The inverse of AreaJson, as far as the report is stored there.
bool ParseReport(const std::string& text, AreaReport* report) {
  const json in = json::parse(text, nullptr, false);
  if (in.is_discarded() || !in.is_object()) return false;
  try {
    report->nand2_area = in.at("nand2_area");
    report->seconds = in.at("seconds");
    for (const json& module : in.at("modules")) {
      report->modules.push_back(
          {module.at("name"), module.at("instances"), module.at("cells"), module.at("area")});
    }
    for (const json& memory : in.at("memories")) {
      report->memories.push_back({memory.at("cell"), memory.at("instances"), memory.at("words"),
                                  memory.at("bits_per_word")});
    }
  } catch (const json::exception&) {
    return false;
  }
  return true;
}

/// Whether the report became an entry of the cache.
bool StoreReport(const Cache& cache, const std::string& key, const std::string& json) {
  const Result<TemporaryFolder> work = cache.Work();
  if (!work) return false;
  const fs::path entry = fs::path(work->path()) / "entry";
  std::error_code error;
  fs::create_directory(entry, error);
  return WriteNewFile((entry / kReportName).string(), json).ok() &&
         cache.Store(kAreas, key, entry.string()).ok();
}

}  // namespace

double AreaReport::TotalGateEquivalents() const {
  double total = 0;
  for (const ModuleArea& module : modules) total += GateEquivalents(module);
  return total;
}

double AreaReport::TileGateEquivalentsPerMac(const NpuConfig& config) const {
  double total = 0;
  for (const ModuleArea& module : modules) {
    if (module.name.starts_with("npu_dot_")) total += GateEquivalents(module);
  }
  return total / static_cast<double>(config.macs_per_cycle());
}

Result<AreaReport> Synthesize(const NpuConfig& config, const SynthOptions& options) {
  const auto begin = std::chrono::steady_clock::now();
  const Result<std::string> liberty_text = ReadFileText(options.liberty, kLargestLiberty);
  if (!liberty_text || liberty_text->size() > kLargestLiberty) {
    return Error(DiagnosticCode::kFileRead, options.liberty,
                 "the cell library: " + (liberty_text ? std::string("it has more than 1 GiB")
                                                      : liberty_text.errors().front().message),
                 "install qflow-tech-osu018 (make setup), or name a liberty file with --liberty");
  }
  const std::map<std::string, double> cell_areas = LibertyAreas(*liberty_text);
  AreaReport report;
  report.liberty = options.liberty;
  report.nand2_area = Nand2Area(cell_areas);
  if (report.nand2_area <= 0) {
    return Error(DiagnosticCode::kFileRead, options.liberty,
                 "the cell library has no two-input NAND cell with an area",
                 "gate equivalents need a cell whose name contains NAND2 or ND2");
  }

  Result<Plan> plan = MakePlan(config);
  if (!plan) return plan.errors();
  Result<FileSet> files = Emit(*plan);
  if (!files) return files.errors();
  constexpr std::string_view kFullAdderFile = "rtl/npu_full_adder.sv";
  const bool full_adders =
      files->contains(std::string(kFullAdderFile)) && cell_areas.contains(kFullAdderCell);
  const std::string script_key =
      Script("", "", full_adders) + kLatchMap + (full_adders ? kFullAdderMap : "");
  std::optional<Cache> cache;
  const std::string key = CacheKey(*files, script_key, *liberty_text);
  if (!options.cache_folder.empty()) {
    Result<Cache> opened = Cache::Open(options.cache_folder);
    if (!opened) return opened.errors();
    cache = std::move(*opened);
    const Result<std::optional<std::string>> entry = cache->Find(kAreas, key);
    if (!entry) return entry.errors();
    AreaReport found;
    if (*entry && ParseReport(ReadText(fs::path(**entry) / kReportName), &found)) {
      found.liberty = options.liberty;
      found.cached = true;
      return found;
    }
  }
  Result<WorkFolder> work = WorkFolder::Make(options.keep_folder);
  if (!work) return work.errors();
  WorkFolder& folder = *work;
  const fs::path emission = folder.path() / "emission";
  const Status written = WriteFolder(*files, emission.string(), true);
  if (!written) {
    folder.Keep();
    return written.errors();
  }

  std::string sources;
  std::istringstream list(ReadText(emission / "filelist.f"));
  for (std::string line; std::getline(list, line);) {
    if (full_adders && line == kFullAdderFile) continue;
    if (line.ends_with(".sv")) sources += " emission/" + line;
  }
  FileSet scripts = {{"synth.ys", Script(sources, kLibertyName, full_adders)},
                     {kLibertyName, *liberty_text},
                     {"latch_map.v", kLatchMap}};
  if (full_adders) {
    scripts["full_adder_box.v"] = kFullAdderBox;
    scripts["full_adder_map.v"] = kFullAdderMap;
  }
  for (const auto& [name, text] : scripts) {
    const Status script = WriteNewFile((folder.path() / name).string(), text);
    if (!script) return script.errors();
  }
  const Result<int> status = RunProcess({"yosys", "-q", "-s", "synth.ys"}, folder.path().string(),
                                        (folder.path() / "yosys.log").string());
  if (!status) return status.errors();
  json stat = ParseStatistics(ReadText(folder.path() / "stat.json"));
  if (*status != 0 || stat.is_discarded() || !stat.contains("modules")) {
    folder.Keep();
    return Error(DiagnosticCode::kToolFailed, (folder.path() / "yosys.log").string(),
                 fmt::format("yosys ended with status {}", *status), "its log says why");
  }

  // Own cells and children of every module, then the number of instances from the top down.
  struct Node {
    uint64_t cells = 0;
    double area = 0;
    std::map<std::string, uint64_t> children;
  };
  std::map<std::string, Node> nodes;
  for (const auto& [name, module] : stat["modules"].items()) {
    Node& node = nodes[Unescaped(name)];
    for (const auto& [type, count] : module["num_cells_by_type"].items()) {
      const auto cell = cell_areas.find(type);
      if (cell != cell_areas.end()) {
        node.cells += count.get<uint64_t>();
        node.area += cell->second * count.get<double>();
      } else {
        node.children[Unescaped(type)] += count.get<uint64_t>();
      }
    }
  }
  std::map<std::string, uint64_t> instances;
  auto count = [&](auto&& self, const std::string& name, uint64_t times) -> void {
    instances[name] += times;
    const auto node = nodes.find(name);
    if (node == nodes.end()) return;
    for (const auto& [child, each] : node->second.children) self(self, child, times * each);
  };
  count(count, "npu_top", 1);

  std::map<std::string, int> variants;
  for (const auto& [name, times] : instances) ++variants[BaseName(name)];
  const auto memories = MemoryParameters(ReadText(folder.path() / "memories.txt"));
  for (const auto& [name, times] : instances) {
    const std::string base = BaseName(name);
    auto node = nodes.find(name);
    if (node == nodes.end()) {
      auto memory = memories.find(name);
      if (memory == memories.end()) {
        folder.Keep();
        return Error(DiagnosticCode::kToolFailed, (folder.path() / "stat.json").string(),
                     fmt::format("cell `{}` is neither in the library nor a memory", name));
      }
      MemoryArea area;
      area.cell = base;
      area.instances = times;
      area.words = memory->second.at("Depth");
      area.bits_per_word = memory->second.contains("Bytes") ? 8 * memory->second.at("Bytes")
                                                            : memory->second.at("Width");
      report.memories.push_back(area);
      continue;
    }
    ModuleArea area;
    area.name = base;
    area.instances = times;
    area.cells = node->second.cells;
    area.area = node->second.area;
    report.modules.push_back(area);
  }
  // Several variants of one module get a number.
  std::map<std::string, int> seen;
  for (ModuleArea& module : report.modules) {
    const std::string base = module.name;
    if (variants[base] > 1) module.name = fmt::format("{} #{}", base, ++seen[base]);
  }
  std::stable_sort(report.modules.begin(), report.modules.end(),
                   [&](const ModuleArea& a, const ModuleArea& b) {
                     return report.GateEquivalents(a) > report.GateEquivalents(b);
                   });
  std::stable_sort(
      report.memories.begin(), report.memories.end(), [](const MemoryArea& a, const MemoryArea& b) {
        return a.instances * a.words * a.bits_per_word > b.instances * b.words * b.bits_per_word;
      });
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  // Without its entry the report is still good, so failures to write that are no errors.
  if (cache) [[maybe_unused]] const bool stored = StoreReport(*cache, key, AreaJson(config, report));
  return report;
}

std::string FormatArea(const NpuConfig& config, const AreaReport& report) {
  std::string text = fmt::format("Area of {} ({}; 1 GE = {:g} area units)\n\n", config.name,
                                 fs::path(report.liberty).filename().string(), report.nand2_area);
  text += fmt::format("{:<28} {:>9} {:>10} {:>12} {:>12} {:>6}\n", "module (own cells)",
                      "instances", "cells each", "GE each", "GE in all", "%");
  const double total = report.TotalGateEquivalents();
  for (const ModuleArea& module : report.modules) {
    const double all = report.GateEquivalents(module);
    text += fmt::format("{:<28} {:>9} {:>10} {:>12.0f} {:>12.0f} {:>6.1f}\n", module.name,
                        module.instances, module.cells, module.area / report.nand2_area, all,
                        total > 0 ? 100 * all / total : 0);
  }
  text += fmt::format("{:<28} {:>9} {:>10} {:>12} {:>12.0f}\n", "total without memories", "", "",
                      "", total);
  text += fmt::format("MAC tiles: {:.0f} GE per MAC\n\n", report.TileGateEquivalentsPerMac(config));
  text += fmt::format("{:<28} {:>9} {:>10} {:>12} {:>12}\n", "memory (black box)", "instances",
                      "words", "bits a word", "KiB in all");
  for (const MemoryArea& memory : report.memories) {
    const double bits = static_cast<double>(memory.instances * memory.words * memory.bits_per_word);
    text += fmt::format("{:<28} {:>9} {:>10} {:>12} {:>12.2f}\n", memory.cell, memory.instances,
                        memory.words, memory.bits_per_word, bits / 8192);
  }
  return text;
}

std::string AreaJson(const NpuConfig& config, const AreaReport& report) {
  nlohmann::ordered_json out;
  out["spec"] = config.name;
  out["config_hash"] = fmt::format("{:016x}", config.hash);
  out["liberty"] = fs::path(report.liberty).filename().string();
  out["nand2_area"] = report.nand2_area;
  out["total_ge"] = report.TotalGateEquivalents();
  out["tile_ge_per_mac"] = report.TileGateEquivalentsPerMac(config);
  out["modules"] = nlohmann::ordered_json::array();
  for (const ModuleArea& module : report.modules) {
    out["modules"].push_back({{"name", module.name},
                              {"instances", module.instances},
                              {"cells", module.cells},
                              {"area", module.area},
                              {"ge", report.GateEquivalents(module)}});
  }
  out["memories"] = nlohmann::ordered_json::array();
  for (const MemoryArea& memory : report.memories) {
    out["memories"].push_back({{"cell", memory.cell},
                               {"instances", memory.instances},
                               {"words", memory.words},
                               {"bits_per_word", memory.bits_per_word}});
  }
  out["seconds"] = report.seconds;
  return out.dump(2) + "\n";
}

}  // namespace npugen

// Turns the statistics of a mapped emission into areas per module.
#include "generator/synth/synth.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>
#include <sstream>

#include "generator/emit/emit.h"
#include "generator/plan/plan.h"

namespace npugen {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

Diagnostic Error(DiagnosticCode code, const std::string& file, std::string message,
                 std::string hint = "") {
  return {code, {file, 0, 0}, std::move(message), std::move(hint)};
}

std::string ReadText(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

/// A folder that disappears with its owner unless it is to stay.
class WorkFolder {
 public:
  explicit WorkFolder(const std::string& keep) : keep_(!keep.empty()) {
    if (keep_) {
      path_ = keep;
      std::error_code ignored;
      fs::create_directories(path_, ignored);
    } else {
      std::string name = (fs::temp_directory_path() / "npugen-synth-XXXXXX").string();
      if (mkdtemp(name.data()) != nullptr) path_ = name;
    }
  }
  ~WorkFolder() {
    std::error_code ignored;
    if (!keep_ && !path_.empty()) fs::remove_all(path_, ignored);
  }
  WorkFolder(const WorkFolder&) = delete;
  WorkFolder& operator=(const WorkFolder&) = delete;
  const fs::path& path() const { return path_; }
  void Keep() { keep_ = true; }

 private:
  bool keep_;
  fs::path path_;
};

/// The smallest cell whose name says two-input NAND.
double Nand2Area(const CellLibrary& cells) {
  static const std::regex kName("(.*_)?NAND2.*|(.*_)?ND2.*|nand2.*", std::regex::icase);
  double smallest = 0;
  for (const auto& [name, cell] : cells) {
    if (cell.area > 0 && std::regex_match(name, kName) && (smallest == 0 || cell.area < smallest))
      smallest = cell.area;
  }
  return smallest;
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

/// FNV-1a over everything that decides the result.
std::string CacheKey(const FileSet& files, const FileSet& script, const std::string& liberty) {
  uint64_t hash = 0xcbf29ce484222325;
  const auto add = [&hash](std::string_view text) {
    for (const char c : text) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3;
    hash = (hash ^ 0xff) * 0x100000001b3;
  };
  for (const auto& [path, text] : files) {
    if (path.ends_with(".sv")) add(text);
  }
  for (const auto& [path, text] : script) add(text);
  add(liberty);
  return fmt::format("{:016x}", hash);
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
  std::error_code code;
  Result<LibraryFile> library = LoadLibrary(options.liberty);
  if (!library) return library.errors();
  AreaReport report;
  report.liberty = options.liberty;
  report.nand2_area = Nand2Area(library->cells);
  if (report.nand2_area <= 0) {
    return Error(DiagnosticCode::kFileRead, options.liberty,
                 "the cell library has no two-input NAND cell with an area",
                 "gate equivalents need a cell whose name contains NAND2 or ND2");
  }

  Result<Plan> plan = MakePlan(config);
  if (!plan) return plan.errors();
  Result<FileSet> files = Emit(*plan);
  if (!files) return files.errors();
  const FileSet script = MappingFiles(*files, *library, MappingResult::kStatistics);
  fs::path cached;
  if (!options.cache_folder.empty()) {
    // Where the library lies does not matter.
    const LibraryFile anywhere = {"", library->text, library->cells};
    const FileSet key = MappingFiles(*files, anywhere, MappingResult::kStatistics);
    cached =
        fs::path(options.cache_folder) / "area" / (CacheKey(*files, key, library->text) + ".json");
    AreaReport found;
    if (fs::is_regular_file(cached, code) && ParseReport(ReadText(cached), &found)) {
      found.liberty = options.liberty;
      found.cached = true;
      return found;
    }
  }
  WorkFolder folder(options.keep_folder);
  if (folder.path().empty()) {
    return Error(DiagnosticCode::kFileWrite, "", "no temporary folder can be made");
  }
  const Status mapped = MapToCells(*files, script, folder.path().string());
  if (!mapped) {
    folder.Keep();
    return mapped.errors();
  }
  const json stat = ParseStatistics(ReadText(folder.path() / "stat.json"));
  if (stat.is_discarded() || !stat.contains("modules")) {
    folder.Keep();
    return Error(DiagnosticCode::kToolFailed, (folder.path() / "yosys.log").string(),
                 "yosys left no statistics", "its log says why");
  }

  // Own cells and children of every module, then the number of instances from the top down.
  struct Node {
    uint64_t cells = 0;
    double area = 0;
    std::map<std::string, uint64_t> children;
  };
  std::map<std::string, Node> nodes;
  for (const auto& [name, module] : stat["modules"].items()) {
    Node& node = nodes[UnescapedName(name)];
    for (const auto& [type, count] : module["num_cells_by_type"].items()) {
      const auto cell = library->cells.find(type);
      if (cell != library->cells.end()) {
        node.cells += count.get<uint64_t>();
        node.area += cell->second.area * count.get<double>();
      } else {
        node.children[UnescapedName(type)] += count.get<uint64_t>();
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
  for (const auto& [name, times] : instances) ++variants[RtlModuleName(name)];
  const auto memories = MemoryParameters(ReadText(folder.path() / "memories.txt"));
  for (const auto& [name, times] : instances) {
    const std::string base = RtlModuleName(name);
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
  if (!cached.empty()) {
    // Without the cache the report is still good, so failures to write it are no errors.
    fs::create_directories(cached.parent_path(), code);
    const fs::path fresh = cached.string() + fmt::format(".{}", getpid());
    std::ofstream(fresh) << AreaJson(config, report);
    fs::rename(fresh, cached, code);
  }
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

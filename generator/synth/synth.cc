// SPDX-License-Identifier: Apache-2.0
// Turns the statistics of a mapped emission into areas per module.
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
#include "generator/plan/plan.h"
#include "generator/support/cache.h"
#include "generator/support/file.h"
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

/// A digest of everything that decides the result.
std::string CacheKey(const FileSet& files, const FileSet& script, const std::string& liberty) {
  std::string all;
  const auto add = [&all](std::string_view text) {
    all += fmt::format("{}:{}", text.size(), text);
  };
  for (const auto& [path, text] : files) {
    if (path.ends_with(".sv")) add(text);
  }
  for (const auto& [path, text] : script) add(text);
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
  // Where the library lies does not matter.
  const LibraryFile anywhere = {"", library->text, library->cells};
  const std::string key =
      CacheKey(*files, MappingFiles(*files, anywhere, MappingResult::kStatistics), library->text);
  std::optional<Cache> cache;
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
  // Without its entry the report is still good, so failures to write that are no errors.
  if (cache) [[maybe_unused]]
    const bool stored = StoreReport(*cache, key, AreaJson(config, report));
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

// SPDX-License-Identifier: Apache-2.0
// Turns a mapped emission into areas by module and by kind of cell.
#include "generator/synth/synth.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "generator/emit/emit.h"
#include "generator/plan/plan.h"
#include "generator/support/cache.h"
#include "generator/support/file.h"
#include "generator/support/temporary.h"
#include "generator/support/version.h"
#include "generator/synth/design.h"
#include "generator/synth/work_folder.h"

namespace npugen {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

/// The kind of entries in the cache, and the file in them.
constexpr const char* kAreas = "area";
constexpr const char* kReportName = "report.json";
constexpr const char* kClockGate = "npu_clock_gate";

constexpr std::string_view kKindNames[kCellKinds] = {
    "flip_flops", "clock_gates", "full_adders", "multiplexers", "xors", "buffers", "other"};

/// The text of a file; nothing if it cannot be read.
std::string ReadText(const fs::path& path) {
  constexpr uint64_t kMost = uint64_t{1} << 31;
  Result<std::string> text = ReadFileText(path.string(), kMost);
  return text ? std::move(*text) : std::string();
}

/// Whether an input of the cell selects one of the two others, perhaps inverted.
bool IsMultiplexer(const LibertyCell& cell) {
  if (cell.inputs.size() != 3 || cell.functions.size() != 1) return false;
  constexpr uint64_t kTables[3] = {0xaaaaaaaaaaaaaaaa, 0xcccccccccccccccc, 0xf0f0f0f0f0f0f0f0};
  for (int select = 0; select < 3; ++select) {
    const uint64_t s = kTables[select];
    const uint64_t a = kTables[(select + 1) % 3];
    const uint64_t b = kTables[(select + 2) % 3];
    for (const uint64_t table : {(s & a) | (~s & b), (s & b) | (~s & a)}) {
      const uint64_t found = cell.functions.front().table;
      if (found == table || found == ~table) return true;
    }
  }
  return false;
}

CellKind KindOf(const std::string& type, const LibertyCell& cell, const Technology& technology) {
  constexpr uint64_t kXor = 0x6666666666666666;
  if (cell.flip_flop) return CellKind::kFlipFlops;
  if (technology.full_adder && type == technology.full_adder->cell.name) {
    return CellKind::kFullAdders;
  }
  if (cell.inputs.size() == 1) return CellKind::kBuffers;
  if (IsMultiplexer(cell)) return CellKind::kMultiplexers;
  if (cell.inputs.size() == 2 && cell.functions.size() == 1 &&
      (cell.functions.front().table == kXor || cell.functions.front().table == ~kXor)) {
    return CellKind::kXors;
  }
  return CellKind::kOther;
}

/// The inverse of AreaJson, as far as the report is stored there.
bool ParseReport(const std::string& text, AreaReport* report) {
  const json in = json::parse(text, nullptr, false);
  if (in.is_discarded() || !in.is_object()) return false;
  try {
    report->technology = in.at("technology");
    report->nand2_area = in.at("nand2_area");
    report->area_unit = in.at("area_unit_um2");
    report->seconds = in.at("seconds");
    for (const json& module : in.at("modules")) {
      ModuleArea area;
      area.name = module.at("name");
      area.instances = module.at("instances");
      area.cells = module.at("cells");
      area.area = module.at("area");
      for (size_t k = 0; k < kCellKinds; ++k) {
        area.by_kind[k] = module.at("area_by_kind").at(std::string(kKindNames[k]));
      }
      area.flip_flops = module.at("flip_flop_bits");
      area.gating = {module.at("inferred_gates"), module.at("gated_bits"),
                     module.at("enabled_bits")};
      report->modules.push_back(std::move(area));
    }
    for (const json& memory : in.at("memories")) {
      MemoryArea area;
      area.cell = memory.at("cell");
      area.owner = memory.at("module");
      area.name = memory.at("name");
      area.instances = memory.at("instances");
      area.words = memory.at("words");
      area.bits_per_word = memory.at("bits_per_word");
      report->memories.push_back(std::move(area));
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

double MemoryKibibytes(const MemoryArea& memory) {
  return static_cast<double>(memory.instances * memory.words * memory.bits_per_word) / 8192;
}

}  // namespace

std::string_view CellKindName(CellKind kind) { return kKindNames[static_cast<size_t>(kind)]; }

double AreaReport::TotalGateEquivalents() const {
  double total = 0;
  for (const ModuleArea& module : modules) total += GateEquivalents(module);
  return total;
}

double AreaReport::GateEquivalents(CellKind kind) const {
  double total = 0;
  for (const ModuleArea& module : modules) {
    total += module.by_kind[static_cast<size_t>(kind)] * static_cast<double>(module.instances);
  }
  return nand2_area > 0 ? total / nand2_area : 0;
}

double AreaReport::AccumulatorGateEquivalents() const {
  double total = 0;
  for (const MemoryArea& memory : memories) {
    if (memory.accumulators()) total += GateEquivalents(memory);
  }
  return total;
}

double AreaReport::MemoryGateEquivalents() const {
  double total = 0;
  for (const MemoryArea& memory : memories) {
    if (!memory.accumulators()) total += GateEquivalents(memory);
  }
  return total;
}

double AreaReport::TileGateEquivalentsPerMac(const NpuConfig& config) const {
  double total = 0;
  for (const ModuleArea& module : modules) {
    if (module.name.starts_with("npu_dot_")) total += GateEquivalents(module);
  }
  return total / static_cast<double>(config.macs_per_cycle());
}

Result<AreaReport> MeasureArea(const MappedDesign& mapped, const TechnologyLibrary& technology) {
  const CellLibrary& cells = technology.library.cells;
  const Result<Design> design = ReadDesign(mapped, &cells);
  if (!design) return design.errors();
  AreaReport report;
  report.technology = technology.technology.title;
  report.liberty = technology.library.path;
  report.nand2_area = technology.technology.gate_area;
  report.area_unit = technology.technology.area_unit;
  const double latch_area = technology.technology.latch ? technology.technology.latch->area /
                                                              technology.technology.area_unit
                                                        : 0;
  std::map<std::string, int> variants;
  for (const auto& [name, module] : design->modules) {
    if (module.instances == 0) continue;
    ++variants[module.rtl];
    ModuleArea area;
    area.name = module.rtl;
    area.instances = module.instances;
    area.gating = module.gating;
    for (const DesignCell& cell : module.cells) {
      const auto known = cells.find(cell.type);
      const bool latch = cell.type == kLatchType;
      if (known == cells.end() && !latch) continue;
      const double each = latch ? latch_area : known->second.area;
      CellKind kind =
          latch ? CellKind::kClockGates : KindOf(cell.type, known->second, technology.technology);
      if (module.rtl == kClockGate) kind = CellKind::kClockGates;
      ++area.cells;
      area.area += each;
      area.by_kind[static_cast<size_t>(kind)] += each;
      area.flip_flops += kind == CellKind::kFlipFlops;
    }
    if (module.gating.gates > 0) {
      const double gates = static_cast<double>(module.gating.gates) *
                           cells.at(technology.technology.clock_and->name).area;
      area.by_kind[static_cast<size_t>(CellKind::kClockGates)] += gates;
      area.by_kind[static_cast<size_t>(CellKind::kOther)] -= gates;
    }
    report.modules.push_back(std::move(area));
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
  for (const DesignMemory& memory : design->memories) {
    report.memories.push_back(
        {memory.rtl, memory.owner, memory.name, memory.instances, memory.words, memory.bits, {}});
  }
  std::stable_sort(report.memories.begin(), report.memories.end(),
                   [](const MemoryArea& a, const MemoryArea& b) {
                     return MemoryKibibytes(a) > MemoryKibibytes(b);
                   });
  return report;
}

Status PriceMemories(const Technology& technology, const std::string& macros, AreaReport* report) {
  std::vector<MemoryMacro> table;
  if (!macros.empty()) {
    constexpr uint64_t kLargestTable = uint64_t{1} << 20;
    const Result<std::string> text = ReadFileText(macros, kLargestTable);
    if (!text) return text.errors();
    Result<std::vector<MemoryMacro>> read = ReadMacros(*text, macros);
    if (!read) return read.errors();
    table = std::move(*read);
  }
  for (MemoryArea& memory : report->memories) {
    const MemoryShape shape = memory.Shape();
    if (!macros.empty()) {
      std::optional<MemoryCost> cost = ComposeMemory(table, shape);
      if (!cost) {
        return Diagnostic(DiagnosticCode::kUsageValue, {macros, 0, 0},
                          fmt::format("no macro has {} ports, as {} in {} needs", shape.ports,
                                      memory.cell, memory.owner),
                          "add one; the report without --memories lists what the design needs");
      }
      memory.cost = std::move(*cost);
    } else if (technology.memory) {
      memory.cost = ModelMemory(*technology.memory, shape);
    }
  }
  return Unit{};
}

Result<AreaReport> Synthesize(const NpuConfig& config, const SynthOptions& options) {
  const auto begin = std::chrono::steady_clock::now();
  const Result<TechnologyLibrary> technology = LoadTechnology(options.technology, options.liberty);
  if (!technology) return technology.errors();
  // A damaged table of macros shows before minutes of synthesis.
  AreaReport none;
  if (Status priced = PriceMemories(technology->technology, options.macros, &none); !priced) {
    return priced.errors();
  }
  Result<Plan> plan = MakePlan(config);
  if (!plan) return plan.errors();
  Result<FileSet> files = Emit(*plan);
  if (!files) return files.errors();
  const std::string key = MappingKey(*files, *technology, options.mapping);
  std::optional<Cache> cache;
  if (!options.cache_folder.empty()) {
    Result<Cache> opened = Cache::Open(options.cache_folder);
    if (!opened) return opened.errors();
    cache = std::move(*opened);
    const Result<std::optional<std::string>> entry = cache->Find(kAreas, key);
    if (!entry) return entry.errors();
    AreaReport found;
    if (*entry && ParseReport(ReadText(fs::path(**entry) / kReportName), &found)) {
      found.liberty = technology->library.path;
      found.cached = true;
      Status priced = PriceMemories(technology->technology, options.macros, &found);
      if (!priced) return priced.errors();
      return found;
    }
  }
  Result<WorkFolder> work = WorkFolder::Make(options.keep_folder);
  if (!work) return work.errors();
  Result<MappedDesign> mapped = MapDesign(*files, *technology, cache ? &*cache : nullptr,
                                          work->path().string(), options.mapping);
  if (!mapped) {
    work->Keep();
    return mapped.errors();
  }
  Result<AreaReport> report = MeasureArea(*mapped, *technology);
  if (!report) {
    work->Keep();
    return report;
  }
  report->seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  // Without its entry the report is still good, so failures to write that are no errors.
  if (cache) [[maybe_unused]]
    const bool stored = StoreReport(*cache, key, AreaJson(config, *report));
  if (Status priced = PriceMemories(technology->technology, options.macros, &*report); !priced) {
    return priced.errors();
  }
  return report;
}

std::string FormatArea(const NpuConfig& config, const AreaReport& report) {
  const auto ge = [&report](double area) {
    return report.nand2_area > 0 ? area / report.nand2_area : 0;
  };
  std::string text =
      fmt::format("Area of {} ({}; {}; 1 GE = {:g} area units)\n\n", config.name, report.technology,
                  fs::path(report.liberty).filename().string(), report.nand2_area);
  text += fmt::format("{:<24} {:>9} {:>8} {:>10} {:>10} {:>6} {:>9} {:>9} {:>9}\n",
                      "module (own cells)", "instances", "cells", "GE each", "GE in all", "%",
                      "registers", "gated", "enabled");
  const double total = report.TotalGateEquivalents();
  uint64_t registers = 0, gated = 0, enabled = 0, gates = 0;
  for (const ModuleArea& module : report.modules) {
    const double all = report.GateEquivalents(module);
    text += fmt::format("{:<24} {:>9} {:>8} {:>10.0f} {:>10.0f} {:>6.1f} {:>9} {:>9} {:>9}\n",
                        module.name, module.instances, module.cells, ge(module.area), all,
                        total > 0 ? 100 * all / total : 0, module.flip_flops,
                        module.gating.gated_bits, module.gating.enabled_bits);
    registers += module.instances * module.flip_flops;
    gated += module.instances * module.gating.gated_bits;
    enabled += module.instances * module.gating.enabled_bits;
    gates += module.instances * module.gating.gates;
  }
  text += fmt::format("{:<24} {:>9} {:>8} {:>10} {:>10.0f} {:>6} {:>9} {:>9} {:>9}\n",
                      "logic in all", "", "", "", total, "", registers, gated, enabled);
  text += fmt::format("MAC tiles: {:.0f} GE per MAC; {} inferred clock gates\n\n",
                      report.TileGateEquivalentsPerMac(config), gates);
  text += fmt::format("{:<24} {:>10} {:>6}\n", "logic by kind of cell", "GE in all", "%");
  for (size_t k = 0; k < kCellKinds; ++k) {
    const double all = report.GateEquivalents(static_cast<CellKind>(k));
    std::string name(kKindNames[k]);
    std::replace(name.begin(), name.end(), '_', ' ');
    text +=
        fmt::format("{:<24} {:>10.0f} {:>6.1f}\n", name, all, total > 0 ? 100 * all / total : 0);
  }
  text +=
      fmt::format("\n{:<32} {:>9} {:>7} {:>6} {:>9} {:>10} {:>7} {:>8} {:>8}\n", "memory",
                  "instances", "words", "bits", "KiB", "GE in all", "ns", "pJ read", "pJ write");
  for (const MemoryArea& memory : report.memories) {
    text +=
        fmt::format("{:<32} {:>9} {:>7} {:>6} {:>9.2f} {:>10.0f} {:>7.2f} {:>8.2f} {:>8.2f}{}{}\n",
                    memory.owner + "." + memory.name, memory.instances, memory.words,
                    memory.bits_per_word, MemoryKibibytes(memory), report.GateEquivalents(memory),
                    memory.cost.access_time, memory.cost.read_energy, memory.cost.write_energy,
                    memory.cost.macro.empty() ? "" : "  ", memory.cost.macro);
  }
  const double accumulators = report.AccumulatorGateEquivalents();
  const double memories = report.MemoryGateEquivalents();
  const auto macs = static_cast<double>(config.macs_per_cycle());
  text += fmt::format("\n{:<24} {:>10} {:>12}\n", "", "GE", "GE per MAC");
  const auto line = [&](std::string_view name, double value) {
    text += fmt::format("{:<24} {:>10.0f} {:>12.1f}\n", name, value, value / macs);
  };
  line("logic", total);
  line("accumulators", accumulators);
  line("other memories", memories);
  line("in all", total + accumulators + memories);
  return text;
}

std::string AreaJson(const NpuConfig& config, const AreaReport& report) {
  nlohmann::ordered_json out;
  out["npugen"] = kToolVersion;
  out["spec"] = config.name;
  out["config_hash"] = fmt::format("{:016x}", config.hash);
  out["technology"] = report.technology;
  out["liberty"] = fs::path(report.liberty).filename().string();
  out["nand2_area"] = report.nand2_area;
  out["area_unit_um2"] = report.area_unit;
  out["total_ge"] = report.TotalGateEquivalents();
  out["accumulators_ge"] = report.AccumulatorGateEquivalents();
  out["memories_ge"] = report.MemoryGateEquivalents();
  out["tile_ge_per_mac"] = report.TileGateEquivalentsPerMac(config);
  for (size_t k = 0; k < kCellKinds; ++k) {
    out["ge_by_kind"][std::string(kKindNames[k])] =
        report.GateEquivalents(static_cast<CellKind>(k));
  }
  out["modules"] = nlohmann::ordered_json::array();
  for (const ModuleArea& module : report.modules) {
    nlohmann::ordered_json row = {{"name", module.name},
                                  {"instances", module.instances},
                                  {"cells", module.cells},
                                  {"area", module.area},
                                  {"ge", report.GateEquivalents(module)},
                                  {"flip_flop_bits", module.flip_flops},
                                  {"inferred_gates", module.gating.gates},
                                  {"gated_bits", module.gating.gated_bits},
                                  {"enabled_bits", module.gating.enabled_bits}};
    for (size_t k = 0; k < kCellKinds; ++k) {
      row["area_by_kind"][std::string(kKindNames[k])] = module.by_kind[k];
    }
    out["modules"].push_back(std::move(row));
  }
  out["memories"] = nlohmann::ordered_json::array();
  for (const MemoryArea& memory : report.memories) {
    out["memories"].push_back({{"cell", memory.cell},
                               {"module", memory.owner},
                               {"name", memory.name},
                               {"instances", memory.instances},
                               {"words", memory.words},
                               {"bits_per_word", memory.bits_per_word},
                               {"accumulators", memory.accumulators()},
                               {"area_um2", memory.cost.area},
                               {"ge", report.GateEquivalents(memory)},
                               {"access_ns", memory.cost.access_time},
                               {"read_pj", memory.cost.read_energy},
                               {"write_pj", memory.cost.write_energy},
                               {"macro", memory.cost.macro}});
  }
  out["seconds"] = report.seconds;
  return out.dump(2) + "\n";
}

std::string AreaCsv(const AreaReport& report) {
  std::string text = "part,name,instances,cells,ge";
  for (const std::string_view kind : kKindNames) text += fmt::format(",{}_ge", kind);
  text += ",flip_flop_bits,gated_bits,enabled_bits,words,bits_per_word\n";
  for (const ModuleArea& module : report.modules) {
    text += fmt::format("logic,{},{},{},{:.1f}", module.name, module.instances, module.cells,
                        report.GateEquivalents(module));
    for (const double area : module.by_kind) {
      text +=
          fmt::format(",{:.1f}", area * static_cast<double>(module.instances) / report.nand2_area);
    }
    text += fmt::format(",{},{},{},,\n", module.flip_flops, module.gating.gated_bits,
                        module.gating.enabled_bits);
  }
  for (const MemoryArea& memory : report.memories) {
    text +=
        fmt::format("{},{}.{},{},,{:.1f}", memory.accumulators() ? "accumulators" : "memory",
                    memory.owner, memory.name, memory.instances, report.GateEquivalents(memory));
    for (size_t k = 0; k < kCellKinds; ++k) text += ',';
    text += fmt::format(",,,,{},{}\n", memory.words, memory.bits_per_word);
  }
  return text;
}

}  // namespace npugen

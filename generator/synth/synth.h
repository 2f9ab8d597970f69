// SPDX-License-Identifier: Apache-2.0
// Area of an emitted NPU in a technology: by module and by kind of cell, memories apart.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "generator/config/npu_config.h"
#include "generator/support/diagnostic.h"
#include "generator/synth/mapping.h"
#include "generator/synth/memory_model.h"

namespace npugen {

struct SynthOptions {
  std::string technology = kDefaultTechnology;  ///< name, or file of a description
  std::string liberty;       ///< path of the library; empty: that of the technology
  std::string macros;        ///< table of memory macros; empty: the analytical model
  std::string keep_folder;   ///< where emission, scripts, logs and results stay; empty: nowhere
  std::string cache_folder;  ///< modules and reports are kept here; empty: always synthesize
  MappingOptions mapping;
};

/// Kinds of cells that areas are told apart by.
enum class CellKind : uint8_t {
  kFlipFlops,
  kClockGates,    ///< latches and what gates clocks, of the RTL and inferred
  kFullAdders,    ///< of compressor trees
  kMultiplexers,  ///< two inputs to one, as cells
  kXors,          ///< XOR and XNOR: sums, comparisons
  kBuffers,       ///< buffers and inverters
  kOther,
};
inline constexpr size_t kCellKinds = 7;
std::string_view CellKindName(CellKind kind);

/// One module as it was mapped. Numbers are of one instance, without the modules inside it.
struct ModuleArea {
  std::string name;        ///< RTL module, with a number where several variants occur
  uint64_t instances = 0;  ///< in the whole design
  uint64_t cells = 0;
  double area = 0;                              ///< in the library's units
  std::array<double, kCellKinds> by_kind = {};  ///< of `area`
  uint64_t flip_flops = 0;                      ///< bits
  ClockGating gating;
};

/// One kind of memory, which is no part of the areas of modules.
struct MemoryArea {
  std::string cell;   ///< npu_ram_1rw or npu_ram_1r1w
  std::string owner;  ///< RTL module that it is in
  std::string name;   ///< of the instance there
  uint64_t instances = 0;
  uint64_t words = 0;
  uint64_t bits_per_word = 0;
  MemoryCost cost;  ///< of one instance; all zero when the technology does not say

  MemoryShape Shape() const { return {words, bits_per_word, cell == "npu_ram_1r1w" ? 2u : 1u}; }
  /// Whether it holds the running sums of a core.
  bool accumulators() const { return owner == "npu_core" && name.starts_with("u_half"); }
};

struct AreaReport {
  std::string technology;           ///< title
  std::string liberty;              ///< path of the library
  double nand2_area = 0;            ///< area of a NAND2 cell: 1 gate equivalent (GE)
  double area_unit = 1;             ///< square micrometres of a unit of area
  std::vector<ModuleArea> modules;  ///< largest total first
  std::vector<MemoryArea> memories;
  double seconds = 0;   ///< of the run that made the report
  bool cached = false;  ///< taken from the cache

  double GateEquivalents(const ModuleArea& module) const {
    return nand2_area > 0 ? module.area * static_cast<double>(module.instances) / nand2_area : 0;
  }
  /// Gate equivalents of a memory's area in square micrometres.
  double GateEquivalents(const MemoryArea& memory) const {
    return nand2_area > 0
               ? memory.cost.area * static_cast<double>(memory.instances) / (nand2_area * area_unit)
               : 0;
  }
  /// Of all modules, without memories.
  double TotalGateEquivalents() const;
  /// Of all modules by kind of cell.
  double GateEquivalents(CellKind kind) const;
  /// Of accumulators, and of all other memories.
  double AccumulatorGateEquivalents() const;
  double MemoryGateEquivalents() const;
  /// Gate equivalents of all dot-product tiles (their lanes included) per multiply-accumulate unit.
  double TileGateEquivalentsPerMac(const NpuConfig& config) const;
};

/// Emits `config`, runs Yosys on it and reads the result. Errors: those of LoadTechnology(),
/// ReadMacros() and MapDesign(), kUsageValue for a table of macros without one for a memory.
Result<AreaReport> Synthesize(const NpuConfig& config, const SynthOptions& options);

/// The report of a mapped design, without the costs of memories.
Result<AreaReport> MeasureArea(const MappedDesign& mapped, const TechnologyLibrary& technology);
/// Puts the costs of memories into a report: of `macros` unless it is empty, else of the model of
/// the technology, if it has one.
Status PriceMemories(const Technology& technology, const std::string& macros, AreaReport* report);

/// The report as a table.
std::string FormatArea(const NpuConfig& config, const AreaReport& report);
/// The report as JSON; docs/ppa.md has the members.
std::string AreaJson(const NpuConfig& config, const AreaReport& report);
/// Modules and memories as comma-separated values, a line each behind a line of names.
std::string AreaCsv(const AreaReport& report);

}  // namespace npugen

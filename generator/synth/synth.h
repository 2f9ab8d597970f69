// SPDX-License-Identifier: Apache-2.0
// Area of an emitted NPU: Yosys maps it to a cell library, memories stay black boxes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "generator/config/npu_config.h"
#include "generator/support/diagnostic.h"
#include "generator/synth/mapping.h"

namespace npugen {

struct SynthOptions {
  std::string liberty = kDefaultLiberty;
  std::string keep_folder;   ///< where emission, script, log and statistics stay; empty: nowhere
  std::string cache_folder;  ///< reports of equal emission, library and script are kept here;
                             ///< empty: always synthesize
};

/// One module as it was mapped. Numbers are of one instance, without the modules inside it.
struct ModuleArea {
  std::string name;        ///< RTL module, with its parameters where several variants occur
  uint64_t instances = 0;  ///< in the whole design
  uint64_t cells = 0;
  double area = 0;  ///< in the library's units
};

/// One kind of memory cell that was left out.
struct MemoryArea {
  std::string cell;  ///< npu_ram_1rw or npu_ram_1r1w
  uint64_t instances = 0;
  uint64_t words = 0;
  uint64_t bits_per_word = 0;
};

struct AreaReport {
  std::string liberty;
  double nand2_area = 0;            ///< area of the library's NAND2 cell: 1 gate equivalent (GE)
  std::vector<ModuleArea> modules;  ///< largest total first
  std::vector<MemoryArea> memories;
  double seconds = 0;   ///< of the run that made the report
  bool cached = false;  ///< taken from the cache

  double GateEquivalents(const ModuleArea& module) const {
    return nand2_area > 0 ? module.area * static_cast<double>(module.instances) / nand2_area : 0;
  }
  double TotalGateEquivalents() const;
  /// Gate equivalents of all dot-product tiles (their lanes included) per multiply-accumulate unit.
  double TileGateEquivalentsPerMac(const NpuConfig& config) const;
};

/// Emits `config`, runs Yosys on it and reads the result.
/// Errors: kToolMissing (no yosys), kFileRead (liberty), kToolFailed (with the path of the log),
/// those of Cache.
Result<AreaReport> Synthesize(const NpuConfig& config, const SynthOptions& options);

/// The report as a table.
std::string FormatArea(const NpuConfig& config, const AreaReport& report);
/// The report as JSON: liberty, nand2_area, total_ge, tile_ge_per_mac, modules, memories, seconds.
std::string AreaJson(const NpuConfig& config, const AreaReport& report);

}  // namespace npugen

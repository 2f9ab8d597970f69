// SPDX-License-Identifier: Apache-2.0
// Yosys on an emission: every module, with its parameters, is mapped once and by itself to the
// cells of a library, several at a time. Memories stay black boxes.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "generator/emit/files.h"
#include "generator/support/cache.h"
#include "generator/support/diagnostic.h"
#include "generator/synth/rtlil.h"
#include "generator/synth/technology.h"

namespace npugen {

/// Flip-flops with the same clock and enable from which on a clock gate pays (docs/ppa.md).
inline constexpr uint32_t kLeastGateBits = 4;

struct MappingOptions {
  /// The script of constraints/synth that maps to an FPGA: `xilinx`, `ecp5`, `ice40`. Memories are
  /// mapped, too; what is said below of clocks and gates does not apply. Empty: to the library.
  std::string fpga;
  /// Whether cells are chosen, buffered and sized for speed; else the smallest are taken.
  bool for_clock = false;
  /// Flip-flops that share a clock gate, at least; 0: no gates but those of the RTL.
  uint32_t least_gate_bits = kLeastGateBits;
  int jobs = 0;  ///< modules at a time; 0: as many as the machine has processors
  /// Told what is under way, by one thread at a time; may be empty.
  std::function<void(const std::string&)> progress;
};

/// One module with its parameters.
struct MappedUnit {
  /// As in Yosys' `write_json`, the value of the module: ports, cells, named nets. The latch of a
  /// clock gate is a `$_DLATCH_N_`.
  std::string json;
  ClockGating gating;
  double seconds = 0;  ///< of the run that mapped it
};

struct MappedDesign {
  std::map<std::string, MappedUnit> units;      ///< by the names that Yosys gives, unescaped
  std::map<std::string, std::string> memories;  ///< black boxes: the same JSON of ports, parameters

  /// One JSON text of all modules, as `write_json` prints a design.
  std::string Json() const;
};

/// A digest of everything that decides the result of MapDesign(); where the library lies does not.
std::string MappingKey(const FileSet& emission, const TechnologyLibrary& technology,
                       const MappingOptions& options);

/// Maps `emission`. Modules come from `cache` (may be nullptr) or go there. Yosys works in folders
/// of `folder`, where logs stay. Errors: kToolMissing, kToolFailed (with the path of the log),
/// kFileWrite, those of Cache.
Result<MappedDesign> MapDesign(const FileSet& emission, const TechnologyLibrary& technology,
                               const Cache* cache, const std::string& folder,
                               const MappingOptions& options);

/// Yosys writes names with a leading backslash in some places and without in others.
std::string UnescapedName(const std::string& name);
/// RTL name of a Yosys module: `\npu_x`, `$paramod\npu_x\P=1`, `$paramod$hash\npu_x`.
std::string RtlModuleName(const std::string& module);

/// Runs a tool with its output in `log`. Errors: kToolMissing, and kToolFailed with the last lines
/// of the log when its status is not 0.
Status RunTool(const std::vector<std::string>& arguments, const std::string& folder,
               const std::string& log);

/// The text of a script of constraints/ in which `@NAME@` is replaced by the value of NAME. Error:
/// kInternal when a name has no value.
Result<std::string> FillTemplate(const std::string& name,
                                 const std::map<std::string, std::string>& values);

}  // namespace npugen

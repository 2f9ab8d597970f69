// SPDX-License-Identifier: Apache-2.0
// Compares the netlist of every unique module of an emission with its RTL, by random vectors.
//
// Yosys reads and maps the emission as for area (generator/synth/mapping.h); Verilator reads the
// RTL. Modules inside a module are cut out on both sides: what they give are inputs, what they get
// are outputs that are compared. docs/netlist.md says why no value that differs is taken for equal
// and none that may differ for a fault.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "generator/emit/files.h"
#include "generator/support/diagnostic.h"

namespace npugen {

struct ModuleComparisonOptions {
  std::string cache_folder;  ///< empty: DefaultCacheFolder() of support/cache.h
  uint64_t cycles = 2000;
  uint64_t seed = 1;
  int jobs = 0;  ///< compilers at a time; 0: one for each CPU
  /// Told what is under way; may be null.
  std::function<void(const std::string&)> progress;
};

/// One unique module. Bits are those of its outputs and of what modules inside it get.
struct ModuleComparison {
  std::string module;      ///< RTL name
  std::string parameters;  ///< such as `Depth=4 Width=61`
  uint64_t gates = 0;
  uint64_t registers = 0;
  uint64_t bits = 0;
  uint64_t compared = 0;  ///< bits that had a value independent of power-up, and equal
  uint64_t toggled = 0;   ///< of these: bits seen as 0 and as 1
  uint64_t values = 0;    ///< that were compared in all
  std::vector<std::string> not_compared;  ///< outputs with other bits
  std::string difference;                 ///< the first one, in words; empty: none
};

/// Errors: those of MapDesign() and of the compilation of the RTL, kToolFailed when both sides
/// have unlike ports or instances. Mapped netlists and compiled RTL are kept in the cache.
Result<std::vector<ModuleComparison>> CompareModules(const FileSet& emission,
                                                     const ModuleComparisonOptions& options);

/// A table with a line for each module.
std::string FormatComparisons(const std::vector<ModuleComparison>& comparisons);

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// Timing of an emitted NPU by OpenSTA: its netlist for a clock, buffered and sized; paths; slacks.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "generator/config/npu_config.h"
#include "generator/support/diagnostic.h"
#include "generator/synth/flat_netlist.h"
#include "generator/synth/synth.h"

namespace npugen {

/// The worst path to an endpoint.
struct TimingPath {
  double slack = 0;               ///< nanoseconds
  std::string from, from_module;  ///< register, memory or port; its RTL module, empty for ports
  std::string to, to_module;
};

struct TimingReport {
  std::string technology;         ///< title
  double clock_period = 0;        ///< of the spec, nanoseconds, as all periods
  double constrained_period = 0;  ///< the shortest with the margin and delays of the emitted SDC
  double register_period = 0;     ///< the shortest without margin, ports at the clock's edge
  double worst_slack = 0;         ///< at the clock of the spec
  uint64_t endpoints = 0, violated = 0;
  std::vector<TimingPath> paths;    ///< the worst, worst first: 1000 at most
  double histogram_begin = 0;       ///< slack at which the first bin begins
  double histogram_step = 0;        ///< nanoseconds
  std::vector<uint64_t> histogram;  ///< endpoints by slack
  BufferTrees buffers;
  double area_ge = 0;  ///< of this netlist without memories, in gate equivalents
  uint64_t cells = 0;
  double seconds = 0;
  bool cached = false;
};

/// Maps `config` for speed, adds trees of buffers and asks OpenSTA. Errors: as of Synthesize();
/// kToolMissing without OpenSTA, kToolFailed when it does not report, kTechnologyCell when the
/// technology does not name what timing needs.
Result<TimingReport> AnalyzeTiming(const NpuConfig& config, const SynthOptions& options);

/// The script of constraints/sta and what it reads besides netlist and libraries; `sdc` is the
/// emission's, `period` in nanoseconds. Error: kTechnologyCell.
Result<FileSet> TimingScripts(const Technology& technology, const std::string& sdc, double period);

/// Times a mapped design in `folder`, where its netlist (npu_top.v, netlist.json), the scripts and
/// sta.log stay. The report lacks the clock of the spec. Errors: kToolMissing, kToolFailed with the
/// log, kFileWrite.
Result<TimingReport> TimeDesign(const MappedDesign& mapped, const TechnologyLibrary& technology,
                                const std::vector<MemoryMacro>& macros, const FileSet& scripts,
                                const std::string& folder);

/// The report as a table, and as JSON (docs/ppa.md has the members).
std::string FormatTiming(const NpuConfig& config, const TimingReport& report);
std::string TimingJson(const NpuConfig& config, const TimingReport& report);

/// What the memories of `netlist` cost, by its types (others: nothing): of `macros`, or after the
/// model of the technology.
std::vector<MemoryCost> MemoryCosts(const FlatNetlist& netlist, const Design& design,
                                    const Technology& technology,
                                    const std::vector<MemoryMacro>& macros);

/// The macros of the file `path`; empty: none. Errors: kFileRead, those of ReadMacros().
Result<std::vector<MemoryMacro>> LoadMacros(const std::string& path);

/// Load of a pin of a memory, picofarads, where no macro says another.
inline constexpr double kMemoryPinLoad = 0.02;

/// A library in liberty format of the memories of `netlist`, after `technology`'s model or macros.
std::string MemoryLiberty(const FlatNetlist& netlist, const Design& design,
                          const Technology& technology, const std::vector<MemoryMacro>& macros);

/// Reads what constraints/sta/timing.tcl prints. Error: kToolFailed with `log`.
Status ParseTiming(const std::string& output, const std::string& log, const FlatNetlist& netlist,
                   TimingReport* report);

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// What a run of a model came to: tensors against the golden model, cycles of each layer and where
// they went.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "generator/config/npu_config.h"
#include "sw/runtime/npu_host.h"
#include "verif/golden/golden_model.h"
#include "verif/session/stream_summary.h"

namespace npugen {

/// The largest part of a layer's cycles.
struct LayerLimit {
  std::string by;    ///< such as `loads of weights`
  double share = 0;  ///< of the layer's cycles, 0..1
  std::string help;  ///< such as `46 KiB more core memory keep them`
};

/// One operator in the last measured run.
struct LayerReport {
  uint32_t index = 0;          ///< position in the model file
  std::string op;              ///< such as CONV_2D
  std::vector<int32_t> shape;  ///< of the output
  uint64_t macs = 0;
  uint64_t cycles = 0;
  double utilization = 0;  ///< macs / (cycles * MACs per cycle of the array), 0..1
  CauseCycles causes = {};
  LayerTraffic traffic;
  LayerLimit limit;
};

/// One step of the network in the last measured run: a segment of the NPU, or an operator of the
/// host.
struct StepReport {
  bool on_host = false;
  uint32_t index = 0;  ///< position in the model file of the operator, or of the segment's first
  std::string op;      ///< such as QUANTIZE; empty for a segment
  uint64_t macs = 0;
  uint64_t elements = 0;  ///< of the host's results
  uint64_t layers = 0;    ///< of the NPU, as all that follows
  uint64_t cycles = 0;
};

/// What one inference took. docs/figures.md defines these figures and the words for them.
struct InferenceCost {
  uint64_t cycles = 0;      ///< doorbell to interrupt
  uint64_t bytes_read = 0;  ///< on the bus, commands included
  uint64_t bytes_written = 0;
  double utilization = 0;  ///< share of the array's slots that did useful work, 0..1
};

/// What a simulated DRAM did since the simulation began, or until then.
struct DramReport {
  std::string name;  ///< such as hbm3
  uint32_t channels = 1;
  uint64_t bursts = 0;       ///< of 32 bytes, read and written
  uint64_t rows_opened = 0;  ///< for them
};

struct RunReport {
  std::string spec;
  uint64_t config_hash = 0;
  uint64_t clock_hz = 0;
  uint64_t macs_per_cycle = 0;     ///< that the array can do
  uint32_t bus_bytes = 0;          ///< of a beat: most that can be read in a cycle
  uint64_t pe_memory_bytes = 0;    ///< of one PE
  uint64_t core_memory_bytes = 0;  ///< of one core
  /// Of all core memories, that the parameters of a job fill which finds none; loaded again, again.
  uint64_t parameter_room = 0;
  bool caches_parameters = false;  ///< a job may find some in core memory
  std::string model;
  std::vector<LayerReport> layers;  ///< of all segments
  std::vector<MemoryBlock> blocks;  ///< what is where in the memories; layers count over `layers`
  std::vector<StepReport> steps;    ///< in the order in which they run
  CauseCycles other = {};           ///< cycles of the last run that belong to no layer
  CauseCycles causes = {};          ///< all cycles of the last run
  uint64_t cycles = 0;              ///< of the last measured run, doorbell to interrupt
  InferenceCost cold;  ///< a job that loads everything from memory: the first measured run
  std::optional<InferenceCost> cached;  ///< a run that finds cached parameters, if there are any
  uint32_t repetitions = 0;             ///< measured runs
  bool estimated = false;               ///< by the performance model; nothing was run or checked
  bool warm = false;                    ///< the last run found its parameters in core memory
  uint64_t macs = 0;
  double utilization = 0;
  uint64_t bytes_read = 0;  ///< by the last run
  uint64_t bytes_written = 0;
  std::optional<DramReport> dram;  ///< none: a memory that answers after its latency
  double sim_hz = 0;  ///< simulated cycles per second of host time, over the measured runs
  uint64_t tensors_checked = 0;
  uint64_t elements_checked = 0;
  uint64_t mismatches = 0;  ///< elements that differ from the golden model, over all runs
  std::optional<Mismatch> first_mismatch;
  std::vector<std::string> dumps;  ///< files with the first mismatching tensor, expected and actual
};

/// What a run of `network`, or a job of `program`, took on the NPU.
InferenceCost CostOf(const NpuConfig& config, const Network& network, const NetworkReport& run);
InferenceCost CostOf(const NpuConfig& config, const Program& program, const JobReport& job);

/// Fills the rows and totals from one run.
void AddRun(const NpuConfig& config, const Network& network, const NetworkReport& run,
            RunReport* report);

/// The table that `npugen run` prints.
std::string FormatRunReport(const NpuConfig& config, const RunReport& report);
/// The object that docs/run-json.md describes.
std::string RunReportJson(const RunReport& report);

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// Energy of jobs on the netlist that meets the clock, by part of the NPU.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "generator/config/npu_config.h"
#include "generator/support/cache.h"
#include "generator/support/diagnostic.h"
#include "generator/synth/memory_model.h"
#include "generator/synth/technology.h"
#include "verif/netlist/energy_simulator.h"

namespace npugen {

/// Cycles of one job that a model of the netlist recorded (npu_model_states).
struct RecordedStates {
  std::vector<uint8_t> bits;
  uint64_t count = 0;   ///< cycles recorded
  uint64_t cycles = 0;  ///< of the job
  uint32_t state_bytes = 0;
};

/// A part of the NPU.
struct PowerPart {
  std::string name;        ///< path of the instance, or RTL module
  uint64_t instances = 1;  ///< of the module
  PlaceEnergy energy;      ///< of all jobs, picojoules
};

struct PowerReport {
  std::string technology;          ///< title
  double clock_hz = 0;             ///< of the spec
  uint64_t jobs = 0;               ///< of the inference
  uint64_t cycles = 0;             ///< of the jobs
  uint64_t samples = 0;            ///< cycles that were simulated with delays
  double standard_error = 0;       ///< of `energy`, as a part of it, by the spread of the samples
  PlaceEnergy energy;              ///< of all jobs, picojoules, without leakage
  double leakage = 0;              ///< microwatts, of cells
  std::vector<PowerPart> parts;    ///< by instance, largest first
  std::vector<PowerPart> modules;  ///< by RTL module, largest first

  double seconds() const { return static_cast<double>(cycles) / clock_hz; }
  /// Milliwatts while jobs run, leakage included.
  double power() const { return energy.total() * 1e-9 / seconds() + leakage * 1e-3; }
};

/// Simulates the recorded cycles of `jobs` on the netlist of `config` that --timing times. Memories
/// cost what `macros` or the technology's model say. Errors:
/// those of Emit(), MapDesign(), ReadNetlist() and EnergySimulator; kToolFailed when the states are
/// not of this netlist.
Result<PowerReport> MeasurePower(const NpuConfig& config, const TechnologyLibrary& technology,
                                 const std::vector<MemoryMacro>& macros, const Cache& cache,
                                 const std::vector<RecordedStates>& jobs,
                                 const std::function<void(const std::string&)>& progress);

/// What an inference is called and computes, for the reports.
struct PowerContext {
  std::string spec, model;
  uint64_t macs = 0;  ///< useful multiply-accumulates
  bool warm = false;  ///< the parameters were in core memory
};

/// The report as a table, as JSON (docs/ppa.md has the members) and as CSV of parts and modules.
std::string FormatPower(const PowerContext& context, const PowerReport& report);
std::string PowerJson(const PowerContext& context, const PowerReport& report);
std::string PowerCsv(const PowerReport& report);

}  // namespace npugen

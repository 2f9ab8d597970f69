// SPDX-License-Identifier: Apache-2.0
// One model on one machine: a checking run with all tensors, then measured runs of the plain
// program.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "generator/config/npu_config.h"
#include "generator/support/diagnostic.h"
#include "sw/compiler/compile_network.h"
#include "sw/compiler/network.h"
#include "sw/model/model.h"
#include "sw/runtime/machine.h"
#include "verif/session/run_report.h"

namespace npugen {

/// A model compiled twice for one configuration.
struct CompiledModel {
  Network plain;     ///< what is measured
  Network checking;  ///< stores every tensor

  /// The program of `plain` with most multiply-accumulates: the one that a timeline is of.
  uint32_t largest_program() const;
};

/// Compiles both programs. Errors: those of the compiler.
Result<CompiledModel> CompileForRun(const Model& model, const NpuConfig& config,
                                    const CompileOptions& options = {});

/// Bytes of memory that RunModel() needs in the machine.
uint64_t RunMemoryBytes(const CompiledModel& compiled);

struct RunModelOptions {
  uint32_t repeat = 1;                  ///< measured runs of each filling, at least 1
  bool reset_state = false;             ///< before every run, not only before the first one
  bool check_tensors = true;            ///< do the checking run
  uint64_t timeout_cycles = 0;          ///< for one job; 0: a generous guess from the model's size
  std::string dump_folder;              ///< for the tensors of a mismatch; empty: no files
  Timeline* timeline = nullptr;         ///< gets what the largest program of the last measured run
                                        ///< did; may be null
  uint64_t timeline_limit = 1'000'000;  ///< of its events
  /// Called around each job of the last measured run, with whether the job begins; may be null.
  std::function<void(bool begins)> around_last;
  std::function<void(const std::string&)> progress;  ///< told what is under way; may be null
};

/// Runs the model on `inputs`, one for each of Model::inputs and of its size, or of several times
/// its size: fillings for so many runs, one after the other, between which states are kept. A
/// difference to the golden model is no error but stands in the report. `outputs` (may be null)
/// gets the output tensors of the last repetition, filling by filling. Errors: those of NpuHost and
/// of the golden model, kFileWrite for dumps.
Result<RunReport> RunModel(const NpuConfig& config, const Model& model,
                           const CompiledModel& compiled, Machine& machine,
                           const std::vector<std::vector<uint8_t>>& inputs,
                           const RunModelOptions& options,
                           std::vector<std::vector<uint8_t>>* outputs);

/// A generous limit for the cycles of a job of `macs` multiply-accumulates.
uint64_t TimeoutCycles(const NpuConfig& config, uint64_t macs);

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// Several programs on one machine: jobs in any order, as a host that shares an NPU gives them.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "generator/config/npu_config.h"
#include "generator/support/diagnostic.h"
#include "sw/compiler/network.h"
#include "sw/model/model.h"
#include "sw/runtime/machine.h"
#include "verif/session/run_report.h"

namespace npugen {

/// A program that takes part.
struct JobProgram {
  std::string name;  ///< for reports
  Network network;
  std::optional<Model> model;  ///< what its outputs are compared with; a program file has none
};

/// One job.
struct JobRow {
  size_t program = 0;  ///< position in the list of programs
  bool warm = false;   ///< it found its parameters in core memory
  InferenceCost cost;
  uint64_t elements_checked = 0;
  uint64_t mismatches = 0;  ///< elements of outputs that are not as they must be
};

struct JobsReport {
  std::string spec;
  uint64_t config_hash = 0;
  struct ProgramRow {
    std::string name;
    uint64_t cache_token = 0;
    bool has_model = false;  ///< jobs are compared with the golden model, else with the first one
  };
  std::vector<ProgramRow> programs;
  std::vector<JobRow> jobs;
  uint64_t mismatches = 0;     ///< of all jobs
  std::string first_mismatch;  ///< in words; empty if there is none
  double sim_hz = 0;           ///< simulated cycles per second of host time
};

struct RunJobsOptions {
  uint64_t seed = 1;            ///< of the inputs
  bool reset_state = false;     ///< before every job; else a program's states go on
  uint64_t timeout_cycles = 0;  ///< for one job; 0: a generous guess from the program's size
  std::function<void(const std::string&)> progress;  ///< told what is under way; may be null
};

/// Bytes of memory that the programs need in the machine.
uint64_t JobsMemoryBytes(const std::vector<JobProgram>& programs);

/// Runs a job of programs[order[i]] for each i. Every job of a model has random inputs of its own,
/// and its outputs are compared with the golden model; all jobs of a program without a model have
/// the same inputs, and their outputs are compared with those of its first job. A difference is no
/// error but stands in the report. Errors: those of NpuHost, with the number of the job, and of the
/// golden model.
Result<JobsReport> RunJobs(const NpuConfig& config, const std::vector<JobProgram>& programs,
                           const std::vector<size_t>& order, Machine& machine,
                           const RunJobsOptions& options);

/// The table that `npugen run` prints.
std::string FormatJobsReport(const NpuConfig& config, const JobsReport& report);
/// The object that docs/run-json.md describes.
std::string JobsReportJson(const JobsReport& report);

/// Random bytes of an input; of float32 values around the range that it is quantized to.
std::vector<uint8_t> RandomInput(const Network& network, const NetworkTensor& tensor,
                                 uint64_t* state);

/// Reproducible random bytes (splitmix64); moves `state`.
std::vector<uint8_t> RandomBytes(size_t count, uint64_t* state);

}  // namespace npugen

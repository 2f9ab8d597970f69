// SPDX-License-Identifier: Apache-2.0
// npugen run of several models or program files: what the command line says of them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/report_flags.h"
#include "cli/simulate.h"
#include "generator/support/diagnostic.h"

namespace npugen {

struct RunJobsFlags {
  std::string spec;
  std::vector<std::string> files;  ///< models and .npu programs
  std::string order;               ///< of --jobs-order; empty: each file once
  bool separately = false;
  uint64_t random_seed = 1;
  uint32_t repeat = 1;
  uint64_t timeout = 0;
  ReportFlags output;
  ModelKind kind = ModelKind::kRtl;
  bool reset_state = false;  ///< before every job
  bool host_operators = false;
  BuildFlags build;
  SimulationFlags simulation;
};

/// Whether the file at `path` is one that `npugen compile` wrote, by its first bytes.
bool IsProgramFile(const std::string& path);

/// Positions in `files` that an order names: names separated by commas, each a file as it is given,
/// its name without folder and ending where no other has it, or its position, from 1. Error:
/// kUsage.
Result<std::vector<size_t>> ParseJobsOrder(const std::string& order,
                                           const std::vector<std::string>& files);

/// Compiles the models, together or `separately`, and runs all jobs on one NPU. Returns the exit
/// status.
int RunJobsCommand(const RunJobsFlags& flags);

}  // namespace npugen

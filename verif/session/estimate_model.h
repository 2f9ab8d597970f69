// SPDX-License-Identifier: Apache-2.0
// The performance model in the form of a run: the same rows, causes and totals, without hardware.
#pragma once

#include "generator/config/npu_config.h"
#include "generator/support/diagnostic.h"
#include "sw/compiler/network.h"
#include "sw/compiler/program.h"
#include "sw/runtime/npu_host.h"
#include "sw/timing/estimate.h"
#include "verif/session/run_report.h"

namespace npugen {

/// What a job of `program` would report; `warm` finds the parameters in core memory,
/// `latency` is that of the memory. Errors: those
/// of EstimateStream().
Result<JobReport> EstimateJob(const NpuConfig& config, const Program& program, bool warm,
                              uint32_t latency = 50);

/// The report of a run that was not made: its last job is cold or `warm`; RunReport::first and
/// ::cached are estimated, too.
Result<RunReport> EstimateModel(const NpuConfig& config, const Network& network, bool warm,
                                uint32_t latency = 50);

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// How long a schedule takes, roughly: to choose between plans.
#pragma once

#include <cstdint>
#include <vector>

#include "generator/config/npu_config.h"
#include "sw/compiler/schedule/step.h"

namespace npugen::compiler {

/// Cycles from doorbell to interrupt of steps with barriers, in the order of the stream: engines in
/// order, waits, queues and the bus as machine.md has them; commands by their loop counts. Good for
/// comparisons, a few percent off as a number.
int64_t EstimateCycles(const NpuConfig& config, const std::vector<Step>& steps);

/// Cycles of a compute command that waits for nothing.
int64_t ComputeCycles(const NpuConfig& config, const Command& command);

}  // namespace npugen::compiler

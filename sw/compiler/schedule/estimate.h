// SPDX-License-Identifier: Apache-2.0
// How long a schedule takes: to choose between plans.
#pragma once

#include <cstdint>
#include <vector>

#include "generator/config/npu_config.h"
#include "sw/compiler/encode/step.h"

namespace npugen::compiler {

/// Whether steps move so much that playing them for every plan would take seconds.
bool IsLong(const NpuConfig& config, const std::vector<Step>& steps);

/// Cycles from doorbell to interrupt of steps with barriers, in the order of the stream, as the
/// performance model (sw/timing) has them with its default memory; of long ones, as the rough model
/// has them, which takes `cycles` of the steps.
int64_t EstimateCycles(const NpuConfig& config, const std::vector<Step>& steps);

}  // namespace npugen::compiler

// SPDX-License-Identifier: Apache-2.0
// Additions that are done on the way of a matrix product's results to PE memory.
#pragma once

#include "generator/config/npu_config.h"
#include "sw/compiler/lower/layer.h"

namespace npugen::compiler {

/// Cycles from one vector of results to the next where they are added to something.
inline constexpr int64_t kAdditionCycles = 5;

/// Lets MATMUL layers add (docs/machine.md, 4.3b) where the only reader of their results is an ADD
/// and that takes no more cycles than both one after the other. Needs `units.residual`.
void FuseAdditions(const NpuConfig& config, LoweredModel* lowered);

}  // namespace npugen::compiler

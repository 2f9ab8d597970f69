// SPDX-License-Identifier: Apache-2.0
// Output positions side by side in the lanes: convolutions with few output channels.
#pragma once

#include <cstdint>

#include "sw/compiler/lower/dense.h"

namespace npugen::compiler {

/// How many neighbouring positions of an output row layer MATMUL should compute as one, whose
/// channels are those of all of them: a divisor of out_w, 1 where that does not save cycles. Such a
/// position reads a kernel that is wider, with zeros where one of the positions has no weights; so
/// it pays where output channels leave lanes idle, or kernels of few bytes slots.
int64_t ChooseSideBySide(const NpuConfig& config, const Layer& layer);

/// Makes `positions` positions one in geometry, groups and records of `layer`. Its weights are not
/// set yet; they are SideBySideWeights of what they would have been.
void SetSideBySide(const NpuConfig& config, int64_t positions, Layer* layer);

/// Weights of `layer`, after SetSideBySide, from those of `before`, its geometry until then, which
/// are `weight` (it must live as long as the result).
WeightFunction SideBySideWeights(const Geometry& before, const WeightFunction& weight);

}  // namespace npugen::compiler

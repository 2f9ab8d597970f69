// SPDX-License-Identifier: Apache-2.0
// Products of int16 data and int8 weights on the NPU: which it can do exactly, and how.
#pragma once

#include "sw/compiler/lower/lower_operators.h"

namespace npugen::compiler {

/// Whether `op`, a product that otherwise runs on the host, is exact on the NPU and fits there: its
/// weights and biases show that sums hold in 32 bits, and TFLM's one rounding of a factor of 15
/// bits is the NPU's first one.
bool TakesWideProduct(const Model& model, const Operator& op, const NpuConfig& config);

/// Appends the layers of such a product.
LowerResult LowerWideProduct(LoweringContext& context, int32_t op);

}  // namespace npugen::compiler

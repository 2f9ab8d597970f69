// SPDX-License-Identifier: Apache-2.0
// What element-wise layers share.
#pragma once

#include <cstdint>
#include <vector>

#include "sw/compiler/lower/lower_operators.h"

namespace npugen::compiler {

/// Rows of an element-wise layer over a tensor: those of the image where there is one, so that
/// tiles and shares agree with its neighbours'; else pieces that tile well.
void SetRows(const std::vector<int32_t>& shape, Geometry* geometry);

/// Storage of a tensor broadcast to `shape` (by a copy layer where it is smaller).
int32_t BroadcastTo(LoweringContext& context, int32_t tensor, const std::vector<int32_t>& shape);

/// A layer of two operands with rows and zero point of `output`.
Layer TwoOperandLayer(Opcode opcode, const Tensor& output);

/// Appends a look-up of every byte of `input`.
void AppendLookup(LoweringContext& context, int32_t input, int32_t output,
                  const std::vector<int32_t>& shape, std::vector<uint8_t> table);

}  // namespace npugen::compiler

// SPDX-License-Identifier: Apache-2.0
// Operators that put elements elsewhere and compute nothing.
#pragma once

#include <cstdint>
#include <vector>

#include "sw/model/model.h"

namespace npugen::golden {

/// True for PAD, MIRROR_PAD, CONCATENATION, TRANSPOSE, REVERSE_V2, SLICE, SPLIT, PACK, UNPACK,
/// SPACE_TO_DEPTH, DEPTH_TO_SPACE, SPACE_TO_BATCH_ND, BATCH_TO_SPACE_ND, RESIZE_NEAREST_NEIGHBOR.
bool IsMoving(OperatorType type);

/// The bytes of output number `output` of such an operator (all int8), given those of its inputs.
std::vector<uint8_t> Move(const Model& model, const Operator& op, size_t output,
                          const std::vector<const std::vector<uint8_t>*>& inputs);

}  // namespace npugen::golden

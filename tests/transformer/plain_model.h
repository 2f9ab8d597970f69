// SPDX-License-Identifier: Apache-2.0
// Transformers in double precision, written from the formulas alone: what the golden model must be
// near to.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sw/transformer/transformer.h"

namespace npugen::testing {

/// The logits of all tokens of a text, without any rounding but that of the weights.
std::vector<std::vector<double>> PlainLogits(const Transformer& model,
                                             std::span<const uint32_t> tokens);

}  // namespace npugen::testing

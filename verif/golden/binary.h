// SPDX-License-Identifier: Apache-2.0
// Operators of bits, in numbers of +1 and -1: dot products and counts of thresholds.
#pragma once

#include <cstdint>
#include <vector>

#include "sw/model/model.h"
#include "verif/golden/fixed_point.h"

namespace npugen::golden {

/// The filter of a BINARY_CONV_2D as numbers, [O,KH,KW,I]: +1 and -1 for kBits.
std::vector<int16_t> BinaryWeights(const Tensor& filter);

/// The output of a BINARY_CONV_2D whose input has the bytes `in`. `weights` are BinaryWeights();
/// `residual`: the bytes of its third input, or nullptr.
std::vector<uint8_t> BinaryConv(const Model& model, const Operator& op,
                                const std::vector<int16_t>& weights, const std::vector<uint8_t>& in,
                                const std::vector<uint8_t>* residual, Rounding rounding);

/// The output of a THERMOMETER.
std::vector<uint8_t> Thermometer(const Model& model, const Operator& op,
                                 const std::vector<uint8_t>& in);

/// The output of a MAX_POOL_2D of kBits: the largest code of each window, as far as it lies inside
/// of the image.
std::vector<uint8_t> PoolCodes(const Model& model, const Operator& op,
                               const std::vector<uint8_t>& in);

/// The code at [n, y, x, c] of a kBits tensor; 0 beyond the end of `bytes`.
int32_t CodeAt(const Tensor& tensor, const std::vector<uint8_t>& bytes, int64_t n, int64_t y,
               int64_t x, int64_t c);

/// The value at [0, y, x, c] of a kBits tensor with values, or of an int16 one.
int16_t ValueAt(const Tensor& tensor, const std::vector<uint8_t>& bytes, int64_t y, int64_t x,
                int64_t c);

}  // namespace npugen::golden

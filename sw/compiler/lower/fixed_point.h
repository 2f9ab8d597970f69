// SPDX-License-Identifier: Apache-2.0
// Fixed-point arithmetic of gemmlowp, for the tables that the compiler fills.
#pragma once

#include <cstdint>

#include "sw/model/quantization.h"

namespace npugen::compiler {

/// a * b / 2^31, halves up, saturated (SaturatingRoundingDoublingHighMul).
int32_t HighMultiply(int32_t a, int32_t b);
/// value / 2^exponent, halves away from zero; exponent >= 0.
int32_t DivideByPowerOfTwo(int64_t value, int exponent);
/// value * factor with both roundings.
int32_t Scaled(int32_t value, const QuantizedMultiplier& factor);
/// e^a in Q0.31 for a <= 0 with `integer_bits` (at most 5) bits before the point.
int32_t ExpOfNegative(int32_t a, int integer_bits);
/// 1 / (1 + x) in Q0.31 for x in [0, 1), Q0.31.
int32_t OneOverOnePlus(int32_t x);
/// 1 / (1 + e^-x) in Q0.31 and tanh(x) in Q0.31, x in Q4.27.
int32_t LogisticOf(int32_t x);
int32_t TanhOf(int32_t x);
/// 1 / sqrt(x) for x >= 1 as multiplier * 2^(shift - 31).
QuantizedMultiplier InverseRootOf(int32_t x);

}  // namespace npugen::compiler

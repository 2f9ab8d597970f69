// SPDX-License-Identifier: Apache-2.0
// The arithmetic of the post-processing and vector units, as docs/machine.md 4.3-4.6 defines it.
//
// Deliberately independent of sw/model/quantization.h: the golden model and the compiler use that
// one, so a slip on either side shows as a difference.
#pragma once

#include <cstdint>

namespace npugen::functional {

/// Saturating rounding doubling high multiply: floor((a * b + 2^30) / 2^31), saturated.
int32_t HighMultiply(int32_t a, int32_t b);
/// Division by 2^exponent to the nearest, halves away from zero. `exponent` 0..62.
int32_t RoundingShift(int64_t value, int exponent);
/// Two roundings: HighMultiply of (value << left) and then RoundingShift. Left shifts wrap at 32
/// bits. Of `shift` its six low bits count, signed; -32 does not shift.
int32_t MultiplyByQuantized(int32_t value, int32_t multiplier, int shift);
/// sign(sum) * floor((|sum| + bias) * multiplier / 2^(31 - shift)), `shift` as above. To the left,
/// |sum| + bias is shifted: its low 32 bits, bit 32 stays.
int64_t DivideForAverage(int32_t sum, int32_t bias, int32_t multiplier, int shift);
/// 1 / (1 + x) for x in [0, 1), both Q0.31: three Newton steps as in gemmlowp.
int32_t OneOverOnePlus(int32_t x);

}  // namespace npugen::functional

// SPDX-License-Identifier: Apache-2.0
// TFLite's fixed-point arithmetic, written from its definition: requantization and the functions of
// gemmlowp.
#pragma once

#include <cstdint>

namespace npugen::golden {

/// How a product with a quantized multiplier is rounded. TFLM's default rounds twice.
enum class Rounding : uint8_t { kDouble, kSingle };

/// a * b / 2^31, rounded to nearest (halves towards plus infinity), saturated: only the product of
/// the two smallest numbers does not fit. gemmlowp SaturatingRoundingDoublingHighMul.
inline int32_t DoublingHighMultiply(int32_t a, int32_t b) {
  if (a == INT32_MIN && b == INT32_MIN) return INT32_MAX;
  return static_cast<int32_t>((int64_t{a} * b + (int64_t{1} << 30)) >> 31);
}

/// x / 2^exponent, rounded to nearest, halves away from zero. gemmlowp RoundingDivideByPOT;
/// exponents above 31, which it does not accept, give 0, the true quotient.
inline int32_t RoundingShiftRight(int32_t x, int32_t exponent) {
  if (exponent > 31) return 0;
  const int64_t mask = (int64_t{1} << exponent) - 1;
  const int64_t remainder = x & mask;
  const int64_t threshold = (mask >> 1) + (x < 0 ? 1 : 0);
  return static_cast<int32_t>((int64_t{x} >> exponent) + (remainder > threshold ? 1 : 0));
}

/// x * multiplier * 2^(shift - 31) as TFLite's MultiplyByQuantizedMultiplier; a left shift beyond
/// int32 keeps the low 32 bits.
inline int32_t MultiplyByQuantizedMultiplier(int32_t x, int32_t multiplier, int32_t shift,
                                             Rounding rounding) {
  if (rounding == Rounding::kSingle) {
    const int32_t total = 31 - shift;
    const int64_t half = int64_t{1} << (total - 1);
    return static_cast<int32_t>((int64_t{x} * multiplier + half) >> total);
  }
  const int32_t left = shift > 0 ? shift : 0;
  const int32_t right = shift > 0 ? 0 : -shift;
  const auto shifted = static_cast<int32_t>(static_cast<uint32_t>(x) << left);
  return RoundingShiftRight(DoublingHighMultiply(shifted, multiplier), right);
}

/// The same for `shift` up to 30, but nothing is lost on the left: the value that belongs to x.
inline int64_t MultiplyByQuantizedMultiplierExactly(int32_t x, int32_t multiplier, int32_t shift,
                                                    Rounding rounding) {
  if (rounding == Rounding::kDouble && shift <= 0) {
    return RoundingShiftRight(DoublingHighMultiply(x, multiplier), -shift);
  }
  const int32_t total = 31 - shift;
  return (int64_t{x} * multiplier + (int64_t{1} << (total - 1))) >> total;
}

/// e^a for a <= 0 in Q5.26; the result is Q0.31. gemmlowp exp_on_negative_values.
int32_t ExpOnNegativeValues(int32_t a);

/// 1 / (1 + x) for x in [0, 1), both Q0.31. gemmlowp one_over_one_plus_x_for_x_in_0_1.
int32_t OneOverOnePlus(int32_t x);

/// 1 / (1 + e^-x) for x in Q4.27; the result is Q0.31. gemmlowp logistic.
int32_t Logistic(int32_t x);

/// tanh(x) for x in Q4.27; the result is Q0.31. gemmlowp tanh.
int32_t Tanh(int32_t x);

/// multiplier * 2^(shift - 31).
struct ScaledNumber {
  int32_t multiplier;
  int32_t shift;
};
/// 1 / sqrt(x) for x >= 0; 0 counts as 1. TFLite GetInvSqrtQuantizedMultiplierExp.
ScaledNumber InverseSquareRoot(int32_t x);

}  // namespace npugen::golden

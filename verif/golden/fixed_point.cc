// SPDX-License-Identifier: Apache-2.0
// Exponential, reciprocal and what follows from them, inverse square root, in 32-bit fixed point.
#include "verif/golden/fixed_point.h"

#include <algorithm>
#include <array>
#include <bit>

namespace npugen::golden {
namespace {

// x * 2^exponent, saturated.
int32_t SaturatingShiftLeft(int32_t x, int32_t exponent) {
  return static_cast<int32_t>(
      std::clamp<int64_t>(int64_t{x} * (int64_t{1} << exponent), INT32_MIN, INT32_MAX));
}

// e^a for a in [-1/4, 0), Q0.31: Taylor series around -1/8, e^(-1/8) * (1 + x + x^2/2 + x^3/6 +
// x^4/24).
int32_t ExpNearZero(int32_t a) {
  constexpr int32_t kExpMinusEighth = 1895147668;
  constexpr int32_t kOneThird = 715827883;
  const int32_t x = a + (1 << 28);
  const int32_t x2 = DoublingHighMultiply(x, x);
  const int32_t x3 = DoublingHighMultiply(x2, x);
  const int32_t x4 = DoublingHighMultiply(x2, x2);
  const int32_t cubic = RoundingShiftRight(x4, 2) + x3;
  const int32_t series = RoundingShiftRight(DoublingHighMultiply(cubic, kOneThird) + x2, 1);
  return kExpMinusEighth + DoublingHighMultiply(kExpMinusEighth, x + series);
}

// e^a for a <= 0 with `integer_bits` bits before the point, at most 5; the result is Q0.31.
int32_t Exp(int32_t a, int32_t integer_bits) {
  const int32_t fraction_bits = 31 - integer_bits;
  const int32_t quarter = 1 << (fraction_bits - 2);
  // e^-(2^i) for i = -2 .. 4, Q0.31.
  constexpr std::array<int32_t, 7> kExpOfPowers = {1672461947, 1302514674, 790015084, 290630308,
                                                   39332535,   720401,     242};
  if (a == 0) return INT32_MAX;
  const int32_t near_zero = (a & (quarter - 1)) - quarter;
  int32_t result = ExpNearZero(SaturatingShiftLeft(near_zero, integer_bits));
  const int32_t quarters = near_zero - a;
  for (int32_t i = 0; i < integer_bits + 2; ++i) {
    if (quarters & (quarter << i)) result = DoublingHighMultiply(result, kExpOfPowers[i]);
  }
  return result;
}

constexpr int32_t kOneQ29 = 1 << 29;

// 2 / (1 + x) for x in [0, 1), Q0.31; the result is Q2.29.
int32_t TwiceReciprocal(int32_t x) {
  constexpr int32_t kFortyEightSeventeenths = 1515870810;  // Q2.29
  constexpr int32_t kThirtyTwoSeventeenths = 1010580540;   // Q2.29
  const int64_t sum = int64_t{x} + INT32_MAX;
  const auto half_denominator = static_cast<int32_t>((sum + (sum >= 0 ? 1 : -1)) / 2);
  int32_t estimate =
      kFortyEightSeventeenths + DoublingHighMultiply(half_denominator, -kThirtyTwoSeventeenths);
  for (int step = 0; step < 3; ++step) {  // Newton-Raphson
    const int32_t error = kOneQ29 - DoublingHighMultiply(half_denominator, estimate);
    estimate += SaturatingShiftLeft(DoublingHighMultiply(estimate, error), 2);
  }
  return estimate;
}

}  // namespace

int32_t ExpOnNegativeValues(int32_t a) { return Exp(a, 5); }

int32_t OneOverOnePlus(int32_t x) { return SaturatingShiftLeft(TwiceReciprocal(x), 1); }

int32_t Logistic(int32_t x) {
  if (x == 0) return 1 << 30;
  const int32_t positive = OneOverOnePlus(Exp(x > 0 ? -x : x, 4));
  return x > 0 ? positive : INT32_MAX - positive;
}

int32_t Tanh(int32_t x) {
  if (x == 0) return 0;
  // (1 - e) / (1 + e) with e = e^(-2 |x|): Q4.27 read as Q5.26 is twice the number.
  const int32_t magnitude =
      SaturatingShiftLeft(TwiceReciprocal(Exp(x > 0 ? -x : x, 5)) - kOneQ29, 2);
  return x > 0 ? magnitude : -magnitude;
}

ScaledNumber InverseSquareRoot(int32_t x) {
  constexpr int32_t kOne = 1 << 28;  // Q3.28, as all numbers of the iteration
  constexpr int32_t kHalfThree = kOne + kOne / 2;
  constexpr int32_t kHalfRootOfTwo = 1518500250;  // Q0.31
  if (x <= 1) return {INT32_MAX, 0};
  int32_t right_shift = 11;
  for (; x >= 1 << 29; x /= 4) ++right_shift;
  const int32_t pairs = (std::countl_zero(static_cast<uint32_t>(x)) - 1) / 2 - 1;
  right_shift -= pairs;
  const int32_t half_input = RoundingShiftRight((x << (2 * pairs)) >> 1, 1);
  int32_t root = kOne;
  for (int step = 0; step < 5; ++step) {  // Newton-Raphson
    const int32_t cube =
        SaturatingShiftLeft(DoublingHighMultiply(DoublingHighMultiply(root, root), root), 6);
    root = SaturatingShiftLeft(
        DoublingHighMultiply(kHalfThree, root) - DoublingHighMultiply(half_input, cube), 3);
  }
  root = DoublingHighMultiply(root, kHalfRootOfTwo);
  if (right_shift < 0) return {root << -right_shift, 0};
  return {root, -right_shift};
}

}  // namespace npugen::golden

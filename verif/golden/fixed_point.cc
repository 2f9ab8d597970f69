// Softmax's exponential and reciprocal in 32-bit fixed point.
#include "verif/golden/fixed_point.h"

#include <algorithm>
#include <array>

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

}  // namespace

int32_t ExpOnNegativeValues(int32_t a) {
  constexpr int32_t kFractionBits = 26;
  constexpr int32_t kQuarter = 1 << (kFractionBits - 2);
  // e^-(2^i) for i = -2 .. 4, Q0.31.
  constexpr std::array<int32_t, 7> kExpOfPowers = {1672461947, 1302514674, 790015084, 290630308,
                                                   39332535,   720401,     242};
  if (a == 0) return INT32_MAX;
  const int32_t near_zero = (a & (kQuarter - 1)) - kQuarter;
  int32_t result = ExpNearZero(SaturatingShiftLeft(near_zero, 31 - kFractionBits));
  const int32_t quarters = near_zero - a;
  for (int32_t i = 0; i < static_cast<int32_t>(kExpOfPowers.size()); ++i) {
    if (quarters & (kQuarter << i)) result = DoublingHighMultiply(result, kExpOfPowers[i]);
  }
  return result;
}

int32_t OneOverOnePlus(int32_t x) {
  constexpr int32_t kFortyEightSeventeenths = 1515870810;  // Q2.29
  constexpr int32_t kThirtyTwoSeventeenths = 1010580540;   // Q2.29
  constexpr int32_t kOne = 1 << 29;                        // Q2.29
  const int64_t sum = int64_t{x} + INT32_MAX;
  const auto half_denominator = static_cast<int32_t>((sum + (sum >= 0 ? 1 : -1)) / 2);
  int32_t estimate =
      kFortyEightSeventeenths + DoublingHighMultiply(half_denominator, -kThirtyTwoSeventeenths);
  for (int step = 0; step < 3; ++step) {  // Newton-Raphson
    const int32_t error = kOne - DoublingHighMultiply(half_denominator, estimate);
    estimate += SaturatingShiftLeft(DoublingHighMultiply(estimate, error), 2);
  }
  return SaturatingShiftLeft(estimate, 1);
}

}  // namespace npugen::golden

// SPDX-License-Identifier: Apache-2.0
// Multiplication, exponential, reciprocal and inverse root in 32 bits.
#include "sw/compiler/lower/fixed_point.h"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <limits>

namespace npugen::compiler {
namespace {

constexpr int32_t kLargest = std::numeric_limits<int32_t>::max();
constexpr int32_t kSmallest = std::numeric_limits<int32_t>::min();

/// value * 2^exponent, saturated.
int32_t ShiftLeft(int32_t value, int exponent) {
  const int64_t wide = int64_t{value} * (int64_t{1} << exponent);
  return static_cast<int32_t>(std::min<int64_t>(std::max<int64_t>(wide, kSmallest), kLargest));
}

/// e^a for a in [-1/4, 0), Q0.31: a Taylor series around -1/8.
int32_t ExpOfQuarter(int32_t a) {
  constexpr int32_t kExpOfMinusEighth = 1895147668;
  constexpr int32_t kThird = 715827883;
  const int32_t x = a + (1 << 28);
  const int32_t x2 = HighMultiply(x, x);
  const int32_t x3 = HighMultiply(x2, x);
  const int32_t x4 = HighMultiply(x2, x2);
  const int32_t x4_over_4 = DivideByPowerOfTwo(x4, 2);
  const int32_t tail = DivideByPowerOfTwo(int64_t{HighMultiply(x4_over_4 + x3, kThird)} + x2, 1);
  return kExpOfMinusEighth + HighMultiply(kExpOfMinusEighth, x + tail);
}

/// 2 / (1 + x) in Q2.29 for x in [0, 1), Q0.31: three steps of Newton-Raphson.
int32_t TwoOverOnePlus(int32_t x) {
  const int64_t sum = int64_t{x} + kLargest;
  const int32_t half = static_cast<int32_t>((sum + (sum >= 0 ? 1 : -1)) / 2);
  int32_t y = 1515870810 + HighMultiply(half, -1010580540);  // 48/17 - 32/17 x
  for (int step = 0; step < 3; ++step) {
    y += ShiftLeft(HighMultiply(y, (1 << 29) - HighMultiply(half, y)), 2);
  }
  return y;
}

}  // namespace

int32_t HighMultiply(int32_t a, int32_t b) {
  if (a == b && a == kSmallest) return kLargest;
  return static_cast<int32_t>((int64_t{a} * b + (int64_t{1} << 30)) >> 31);
}

int32_t DivideByPowerOfTwo(int64_t value, int exponent) {
  if (exponent == 0) return static_cast<int32_t>(value);
  const int64_t magnitude = (std::llabs(value) + (int64_t{1} << (exponent - 1))) >> exponent;
  return static_cast<int32_t>(value < 0 ? -magnitude : magnitude);
}

int32_t Scaled(int32_t value, const QuantizedMultiplier& factor) {
  const int left = std::max(factor.shift, 0);
  const int right = std::max(-factor.shift, 0);
  const uint32_t shifted = left < 32 ? static_cast<uint32_t>(value) << left : 0;
  return DivideByPowerOfTwo(HighMultiply(static_cast<int32_t>(shifted), factor.multiplier), right);
}

int32_t ExpOfNegative(int32_t a, int integer_bits) {
  const int fraction = 31 - integer_bits;
  const int32_t quarter = 1 << (fraction - 2);
  // e^-(2^(i - 2)) in Q0.31.
  constexpr int32_t kFactors[] = {1672461947, 1302514674, 790015084, 290630308,
                                  39332535,   720401,     242};
  if (a == 0) return kLargest;
  const int32_t below = (a & (quarter - 1)) - quarter;
  int32_t result = ExpOfQuarter(ShiftLeft(below, integer_bits));
  const uint32_t remainder = static_cast<uint32_t>(below) - static_cast<uint32_t>(a);
  for (int i = 0; i < integer_bits + 2; ++i) {
    if (remainder >> (fraction - 2 + i) & 1) result = HighMultiply(result, kFactors[i]);
  }
  return result;
}

int32_t OneOverOnePlus(int32_t x) { return ShiftLeft(TwoOverOnePlus(x), 1); }

int32_t LogisticOf(int32_t x) {
  if (x == 0) return 1 << 30;
  const int32_t y = OneOverOnePlus(ExpOfNegative(x < 0 ? x : -x, 4));
  return x < 0 ? kLargest - y : y;
}

int32_t TanhOf(int32_t x) {
  if (x == 0) return 0;
  // tanh |x| = (1 - e) / (1 + e) = 2 / (1 + e) - 1 with e = e^(-2 |x|).
  const int32_t y = ShiftLeft(TwoOverOnePlus(ExpOfNegative(x < 0 ? x : -x, 5)) - (1 << 29), 2);
  return x < 0 ? -y : y;
}

QuantizedMultiplier InverseRootOf(int32_t x) {
  if (x <= 1) return {kLargest, 0};
  int shift = 11;
  while (x >= 1 << 29) {
    x /= 4;
    ++shift;
  }
  // Pairs of leading zeros are shifted out: x is then in [2^27, 2^29).
  const int pairs = (std::countl_zero(static_cast<uint32_t>(x)) - 1) / 2 - 1;
  shift -= pairs;
  const int32_t half = DivideByPowerOfTwo((x << 2 * pairs) >> 1, 1);
  constexpr int32_t kOne = 1 << 28;
  int32_t y = kOne;
  for (int step = 0; step < 5; ++step) {
    const int32_t cube = ShiftLeft(HighMultiply(HighMultiply(y, y), y), 6);
    y = ShiftLeft(HighMultiply(kOne + kOne / 2, y) - HighMultiply(half, cube), 3);
  }
  y = HighMultiply(y, 1518500250);  // sqrt(2) / 2
  return shift < 0 ? QuantizedMultiplier{y << -shift, 0} : QuantizedMultiplier{y, -shift};
}

}  // namespace npugen::compiler

// SPDX-License-Identifier: Apache-2.0
// Fixed-point steps of the post-processing and vector units.
#include "verif/functional/fixed_point.h"

#include <cstdlib>
#include <limits>

namespace npugen::functional {

int32_t HighMultiply(int32_t a, int32_t b) {
  constexpr int32_t kLowest = std::numeric_limits<int32_t>::min();
  if (a == kLowest && b == kLowest) return std::numeric_limits<int32_t>::max();
  const int64_t product = int64_t{a} * int64_t{b};
  return static_cast<int32_t>((product + (int64_t{1} << 30)) >> 31);
}

int32_t RoundingShift(int64_t value, int exponent) {
  if (exponent == 0) return static_cast<int32_t>(value);
  const int64_t half = int64_t{1} << (exponent - 1);
  const int64_t magnitude = (std::llabs(value) + half) >> exponent;
  return static_cast<int32_t>(value < 0 ? -magnitude : magnitude);
}

namespace {

/// What a shift field or record says: places to the left, and to the right.
struct Shift {
  int left, right;
  explicit Shift(int shift) {
    const int low = shift & 0x3f;
    left = low < 32 ? low : 0;
    right = low > 32 ? 64 - low : 0;
  }
};

}  // namespace

int32_t MultiplyByQuantized(int32_t value, int32_t multiplier, int shift) {
  const Shift places(shift);
  const uint32_t shifted = static_cast<uint32_t>(value) << places.left;
  return RoundingShift(HighMultiply(static_cast<int32_t>(shifted), multiplier), places.right);
}

int64_t DivideForAverage(int32_t sum, int32_t bias, int32_t multiplier, int shift) {
  const Shift places(shift);
  int64_t magnitude = std::llabs(int64_t{sum}) + bias;
  const uint32_t low = static_cast<uint32_t>(magnitude) << places.left;
  magnitude = ((magnitude >> 32 & 1) != 0 ? -(int64_t{1} << 32) : 0) + int64_t{low};
  const int64_t quotient = (magnitude * multiplier) >> (31 + places.right);
  return sum < 0 ? -quotient : quotient;
}

namespace {

int32_t ShiftLeftSaturating(int32_t value, int amount) {
  const int64_t wide = int64_t{value} * (int64_t{1} << amount);
  if (wide > std::numeric_limits<int32_t>::max()) return std::numeric_limits<int32_t>::max();
  if (wide < std::numeric_limits<int32_t>::min()) return std::numeric_limits<int32_t>::min();
  return static_cast<int32_t>(wide);
}

}  // namespace

int32_t OneOverOnePlus(int32_t x) {
  constexpr int32_t kFortyEightOver17 = 1515870810;       // Q2.29
  constexpr int32_t kMinusThirtyTwoOver17 = -1010580540;  // Q2.29
  constexpr int32_t kOne = 1 << 29;                       // Q2.29
  const int64_t sum = int64_t{x} + std::numeric_limits<int32_t>::max();
  const int32_t half_denominator = static_cast<int32_t>((sum + (sum >= 0 ? 1 : -1)) / 2);
  int32_t estimate = kFortyEightOver17 + HighMultiply(half_denominator, kMinusThirtyTwoOver17);
  for (int step = 0; step < 3; ++step) {
    const int32_t error = kOne - HighMultiply(half_denominator, estimate);
    estimate += ShiftLeftSaturating(HighMultiply(estimate, error), 2);
  }
  return ShiftLeftSaturating(estimate, 1);
}

}  // namespace npugen::functional

// SPDX-License-Identifier: Apache-2.0
// Operations on FP32 bits: take apart, compute in 64 bits what is exact or has a sticky bit, round.
#include "sw/numerics/fp32.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace npugen::numerics {
namespace {

constexpr int32_t kLowestExponent = -149;  // of the last bit
constexpr int32_t kFraction = 23;

/// The same number with a significand of 24 bits; not of 0.
Fp32Parts Normalized(Fp32Parts x) {
  const int32_t shift = kFraction + 1 - static_cast<int32_t>(std::bit_width(x.significand));
  return {x.negative, x.significand << shift, x.exponent - shift};
}

Fp32 Signed(bool negative, Fp32 magnitude) { return negative ? magnitude | kFp32Sign : magnitude; }

/// A number whose order as an integer is that of the numbers, NaNs apart; equal for both zeros.
int64_t Order(Fp32 x) {
  const auto magnitude = static_cast<int64_t>(Magnitude(x));
  return IsNegative(x) ? -magnitude : magnitude;
}

/// floor(sqrt(x)).
uint64_t WholeRoot(uint64_t x) {
  uint64_t root = 0;
  for (int32_t bit = 31; bit >= 0; --bit) {
    const uint64_t larger = root | uint64_t{1} << bit;
    if (larger * larger <= x) root = larger;
  }
  return root;
}

/// The whole number nearest to +-significand * 2^exponent for exponents below 0.
uint64_t NearestWhole(uint64_t significand, int32_t exponent) {
  if (exponent < -30) return 0;
  const int32_t shift = -exponent;
  const uint64_t whole = significand >> shift;
  const uint64_t rest = significand & ((uint64_t{1} << shift) - 1);
  const uint64_t half = uint64_t{1} << (shift - 1);
  return whole + (rest > half || (rest == half && (whole & 1) != 0) ? 1 : 0);
}

}  // namespace

Fp32 Rounded(bool negative, uint64_t magnitude, int32_t exponent, bool sticky) {
  if (magnitude == 0) return Signed(negative, 0);
  const auto width = static_cast<int32_t>(std::bit_width(magnitude));
  int32_t last = std::max(exponent + width - 1 - kFraction, kLowestExponent);
  const int32_t shift = last - exponent;
  uint64_t kept = 0;
  if (shift <= 0) {
    kept = magnitude << -shift;
  } else if (shift <= 64) {
    kept = shift == 64 ? 0 : magnitude >> shift;
    const uint64_t half = uint64_t{1} << (shift - 1);
    const uint64_t rest = magnitude & (half | (half - 1));
    if (rest > half || (rest == half && (sticky || (kept & 1) != 0))) ++kept;
  }
  if (kept >> (kFraction + 1) != 0) {
    kept >>= 1;
    ++last;
  }
  if (kept >> kFraction == 0) return Signed(negative, static_cast<Fp32>(kept));
  const int32_t field = last + 150;
  if (field >= 255) return Signed(negative, kFp32Infinity);
  return Signed(negative, (static_cast<Fp32>(field) << kFraction) |
                              (static_cast<Fp32>(kept) & ((1u << kFraction) - 1)));
}

Fp32 Add(Fp32 a, Fp32 b) {
  if (IsNaN(a) || IsNaN(b)) return kFp32NaN;
  if (IsInfinite(a)) return IsInfinite(b) && a != b ? kFp32NaN : a;
  if (IsInfinite(b)) return b;
  Fp32Parts large = Parts(a), small = Parts(b);
  if (large.exponent < small.exponent) std::swap(large, small);
  // Where bits are lost, the large number has 32 more than it needs: the lowest one can be sticky.
  constexpr int32_t kRoom = 32;
  const int32_t distance = large.exponent - small.exponent;
  const int32_t left = std::min(distance, kRoom);
  const int32_t right = distance - left;
  int64_t aligned = small.significand;
  if (right > 0) {
    const int64_t cut = right > 31 ? 0 : aligned >> right;
    const bool lost = right > 31 ? aligned != 0 : (cut << right) != aligned;
    aligned = cut | (lost ? 1 : 0);
  }
  const int64_t shifted = int64_t{large.significand} << left;
  const int64_t sum = (large.negative ? -shifted : shifted) + (small.negative ? -aligned : aligned);
  if (sum == 0) return Signed(large.negative && small.negative, 0);
  return Rounded(sum < 0, static_cast<uint64_t>(sum < 0 ? -sum : sum), large.exponent - left);
}

Fp32 Multiply(Fp32 a, Fp32 b) {
  if (IsNaN(a) || IsNaN(b)) return kFp32NaN;
  const bool negative = IsNegative(a) != IsNegative(b);
  if (IsInfinite(a) || IsInfinite(b)) {
    return IsZero(a) || IsZero(b) ? kFp32NaN : Signed(negative, kFp32Infinity);
  }
  const Fp32Parts x = Parts(a), y = Parts(b);
  return Rounded(negative, uint64_t{x.significand} * y.significand, x.exponent + y.exponent);
}

Fp32 Divide(Fp32 a, Fp32 b) {
  if (IsNaN(a) || IsNaN(b)) return kFp32NaN;
  const bool negative = IsNegative(a) != IsNegative(b);
  if (IsInfinite(a)) return IsInfinite(b) ? kFp32NaN : Signed(negative, kFp32Infinity);
  if (IsInfinite(b)) return Signed(negative, 0);
  if (IsZero(b)) return IsZero(a) ? kFp32NaN : Signed(negative, kFp32Infinity);
  if (IsZero(a)) return Signed(negative, 0);
  const Fp32Parts x = Normalized(Parts(a)), y = Normalized(Parts(b));
  const uint64_t dividend = uint64_t{x.significand} << 32;
  return Rounded(negative, dividend / y.significand, x.exponent - y.exponent - 32,
                 dividend % y.significand != 0);
}

Fp32 SquareRoot(Fp32 x) {
  if (IsNaN(x)) return kFp32NaN;
  if (IsZero(x)) return x;
  if (IsNegative(x)) return kFp32NaN;
  if (IsInfinite(x)) return x;
  const Fp32Parts parts = Normalized(Parts(x));
  // 62 or 63 bits under the root, and an even exponent.
  const int32_t shift = parts.exponent % 2 == 0 ? 38 : 39;
  const uint64_t square = uint64_t{parts.significand} << shift;
  const uint64_t root = WholeRoot(square);
  return Rounded(false, root, (parts.exponent - shift) / 2, root * root != square);
}

Fp32 RoundToWhole(Fp32 x) {
  if (IsNaN(x)) return kFp32NaN;
  if (IsInfinite(x)) return x;
  const Fp32Parts parts = Parts(x);
  if (parts.exponent >= 0) return x;
  return Rounded(parts.negative, NearestWhole(parts.significand, parts.exponent), 0);
}

Fp32 PowerOfTwo(Fp32 x) {
  if (IsNaN(x)) return kFp32NaN;
  const int32_t n = ToInteger(x, -1000, 1000);
  return n < kLowestExponent ? 0 : Rounded(false, 1, n);
}

bool IsLess(Fp32 a, Fp32 b) { return !IsNaN(a) && !IsNaN(b) && Order(a) < Order(b); }

bool IsEqual(Fp32 a, Fp32 b) { return !IsNaN(a) && !IsNaN(b) && Order(a) == Order(b); }

Fp32 Maximum(Fp32 a, Fp32 b) {
  if (IsNaN(a)) return IsNaN(b) ? kFp32NaN : b;
  if (IsNaN(b)) return a;
  if (IsZero(a) && IsZero(b)) return a & b;
  return Order(a) < Order(b) ? b : a;
}

Fp32 Minimum(Fp32 a, Fp32 b) {
  if (IsNaN(a) && IsNaN(b)) return kFp32NaN;
  return Negated(Maximum(Negated(a), Negated(b)));
}

Fp32 FromInteger(int32_t x) {
  const int64_t wide = x;
  return Rounded(x < 0, static_cast<uint64_t>(x < 0 ? -wide : wide), 0);
}

int32_t ToInteger(Fp32 x, int32_t low, int32_t high) {
  int64_t whole = 0;
  if (IsInfinite(x)) {
    whole = INT64_MAX;
  } else if (!IsNaN(x)) {
    const Fp32Parts parts = Parts(x);
    whole = parts.exponent >= 16 ? INT64_MAX
            : parts.exponent >= 0
                ? static_cast<int64_t>(uint64_t{parts.significand} << parts.exponent)
                : static_cast<int64_t>(NearestWhole(parts.significand, parts.exponent));
  }
  if (IsNegative(x)) whole = -whole;
  return static_cast<int32_t>(std::clamp<int64_t>(whole, low, high));
}

}  // namespace npugen::numerics

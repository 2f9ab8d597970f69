// SPDX-License-Identifier: Apache-2.0
// FP32 arithmetic on bit patterns, with integers only: the same bits on every host, whatever its
// compiler, its libraries and its rounding mode.
//
// All operations round to nearest, ties to even, and count subnormal numbers. A NaN that comes out
// is kFp32NaN. Nothing here fails: every pattern is a number, an infinity or a NaN.
#pragma once

#include <cstdint>

namespace npugen::numerics {

/// The bits of an FP32 number.
using Fp32 = uint32_t;

inline constexpr Fp32 kFp32NaN = 0x7fc00000;
inline constexpr Fp32 kFp32Infinity = 0x7f800000;
inline constexpr Fp32 kFp32Largest = 0x7f7fffff;
inline constexpr Fp32 kFp32One = 0x3f800000;
inline constexpr Fp32 kFp32Sign = 0x80000000;

constexpr bool IsNaN(Fp32 x) { return (x & ~kFp32Sign) > kFp32Infinity; }
constexpr bool IsInfinite(Fp32 x) { return (x & ~kFp32Sign) == kFp32Infinity; }
constexpr bool IsFinite(Fp32 x) { return (x & ~kFp32Sign) < kFp32Infinity; }
constexpr bool IsZero(Fp32 x) { return (x & ~kFp32Sign) == 0; }
constexpr bool IsNegative(Fp32 x) { return (x & kFp32Sign) != 0; }
constexpr Fp32 Negated(Fp32 x) { return x ^ kFp32Sign; }
constexpr Fp32 Magnitude(Fp32 x) { return x & ~kFp32Sign; }

/// A finite number: +-significand * 2^exponent, the significand below 2^24.
struct Fp32Parts {
  bool negative;
  uint32_t significand;
  int32_t exponent;  ///< -149..104
};
/// Parts of a finite number.
constexpr Fp32Parts Parts(Fp32 x) {
  const uint32_t field = x >> 23 & 0xff;
  const uint32_t fraction = x & 0x7fffff;
  return {IsNegative(x), field != 0 ? fraction | 0x800000 : fraction,
          static_cast<int32_t>(field != 0 ? field : 1) - 150};
}

/// +-magnitude * 2^exponent rounded; too large: an infinity. `sticky` says that the magnitude is
/// larger by less than one, which needs a magnitude of 2^25 at least.
Fp32 Rounded(bool negative, uint64_t magnitude, int32_t exponent, bool sticky = false);

Fp32 Add(Fp32 a, Fp32 b);
inline Fp32 Subtract(Fp32 a, Fp32 b) { return Add(a, Negated(b)); }
Fp32 Multiply(Fp32 a, Fp32 b);
Fp32 Divide(Fp32 a, Fp32 b);
/// Of numbers below zero a NaN, of -0 -0.
Fp32 SquareRoot(Fp32 x);
/// The nearest whole number, with the sign of x.
Fp32 RoundToWhole(Fp32 x);
/// 2^n with n the whole number nearest to x: 0 below -149.
Fp32 PowerOfTwo(Fp32 x);

/// A NaN is less than nothing and equal to nothing; -0 equals 0.
bool IsLess(Fp32 a, Fp32 b);
bool IsEqual(Fp32 a, Fp32 b);
/// The larger, smaller one; one NaN is passed over, and 0 is larger than -0.
Fp32 Maximum(Fp32 a, Fp32 b);
Fp32 Minimum(Fp32 a, Fp32 b);

Fp32 FromInteger(int32_t x);
/// The nearest whole number in low..high; NaN gives 0, if need be moved into this range, too.
int32_t ToInteger(Fp32 x, int32_t low, int32_t high);

}  // namespace npugen::numerics

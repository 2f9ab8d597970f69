// SPDX-License-Identifier: Apache-2.0
// Floating-point formats of up to 16 bits, and conversions between them and FP32.
//
// Subnormal numbers count everywhere. Nothing here fails: every code and every pattern has a
// meaning.
#pragma once

#include <cstdint>
#include <string_view>

#include "sw/numerics/fp32.h"

namespace npugen::numerics {

/// What the codes with the largest exponent are.
enum class TopCodes : uint8_t {
  kInfinityAndNaN,  ///< as in IEEE 754
  kOneNaN,          ///< numbers, but for the last code, which is a NaN
  kNumbers,         ///< numbers
};

/// How a format writes sign, exponent and fraction, the sign in the highest bit.
struct FloatFormat {
  std::string_view name;
  uint32_t exponent_bits;
  uint32_t fraction_bits;
  int32_t bias;
  TopCodes top;

  constexpr uint32_t bits() const { return 1 + exponent_bits + fraction_bits; }
  constexpr uint32_t sign() const { return 1u << (exponent_bits + fraction_bits); }
  /// Code of the largest finite number.
  constexpr uint32_t largest() const {
    return top == TopCodes::kNumbers  ? sign() - 1
           : top == TopCodes::kOneNaN ? sign() - 2
                                      : infinity() - 1;
  }
  /// Code of infinity, with kInfinityAndNaN.
  constexpr uint32_t infinity() const { return ((1u << exponent_bits) - 1) << fraction_bits; }
  /// Code of the NaN that conversions give; 0 where there is none.
  constexpr uint32_t nan() const {
    return top == TopCodes::kNumbers  ? 0
           : top == TopCodes::kOneNaN ? sign() - 1
                                      : infinity() | 1u << (fraction_bits - 1);
  }
  /// Whether the code is an infinity or a NaN.
  constexpr bool IsSpecial(uint32_t code) const { return (code & (sign() - 1)) > largest(); }
};

inline constexpr FloatFormat kBf16 = {"bf16", 8, 7, 127, TopCodes::kInfinityAndNaN};
inline constexpr FloatFormat kF16 = {"f16", 5, 10, 15, TopCodes::kInfinityAndNaN};
inline constexpr FloatFormat kE4m3 = {"fp8_e4m3", 4, 3, 7, TopCodes::kOneNaN};
inline constexpr FloatFormat kE5m2 = {"fp8_e5m2", 5, 2, 15, TopCodes::kInfinityAndNaN};
inline constexpr FloatFormat kE3m2 = {"e3m2", 3, 2, 3, TopCodes::kNumbers};
inline constexpr FloatFormat kE2m3 = {"e2m3", 2, 3, 1, TopCodes::kNumbers};
inline constexpr FloatFormat kE2m1 = {"e2m1", 2, 1, 1, TopCodes::kNumbers};

/// What becomes of numbers that are too large, infinities included.
enum class Overflow : uint8_t {
  kSaturates,  ///< the largest finite number, with the sign
  kInfinity,   ///< infinity with the sign; with kOneNaN the NaN with the sign, with kNumbers as
               ///< above
};

/// x * 2^exponent rounded to the nearest code, ties to the even one; a NaN gives nan().
uint32_t ToFormat(const FloatFormat& format, Fp32 x, Overflow overflow, int32_t exponent = 0);
/// The value of a code, which is exact; kFp32NaN of every NaN.
Fp32 FromFormat(const FloatFormat& format, uint32_t code);

/// To BF16 by the upper half of bits + random, which is 0..65535: rounds up as often as x lies high
/// between two codes. Infinities stay.
uint32_t ToBf16Stochastically(Fp32 x, uint32_t random);

/// The random numbers of stochastic rounding: 16 steps of a 32-bit register for each.
class RoundingNoise {
 public:
  explicit RoundingNoise(uint32_t state = 0xace1) : state_(state) {}
  /// The next one, 0..65535.
  uint32_t Next();

 private:
  uint32_t state_;
};

}  // namespace npugen::numerics

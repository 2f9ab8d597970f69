// SPDX-License-Identifier: Apache-2.0
// Conversions against their definition: the nearest of all codes.
#include "sw/numerics/float_format.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "tests/numerics/random_numbers.h"

namespace npugen::numerics {
namespace {

using ::npugen::testing::Bits;
using ::npugen::testing::RandomNumbers;
using ::npugen::testing::Value;

constexpr FloatFormat kFormats[] = {kBf16, kF16, kE4m3, kE5m2, kE3m2, kE2m3, kE2m1};

/// The value of a positive finite code, from the definition.
double ValueOf(const FloatFormat& format, uint32_t code) {
  const int field = static_cast<int>(code >> format.fraction_bits);
  const double fraction = std::ldexp(code & ((1u << format.fraction_bits) - 1),
                                     -static_cast<int>(format.fraction_bits));
  return std::ldexp(fraction + (field != 0 ? 1 : 0), std::max(field, 1) - format.bias);
}

/// The nearest code to a number by search. A number that lies nearer to what would be the next
/// code after the largest one is too large, as is the tie.
uint32_t Nearest(const FloatFormat& format, float x, Overflow overflow) {
  const uint32_t sign = std::signbit(x) ? format.sign() : 0;
  const double size = std::fabs(static_cast<double>(x));
  const uint32_t largest = format.largest();
  uint32_t low = 0, high = largest;
  while (low < high) {  // the last code not above size
    const uint32_t middle = (low + high + 1) / 2;
    if (ValueOf(format, middle) <= size) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  const double below = ValueOf(format, low);
  const double above =
      low < largest ? ValueOf(format, low + 1) : 2 * below - ValueOf(format, low - 1);
  const double middle = (below + above) / 2;
  const bool up = size > middle || (size == middle && low % 2 == 1);
  if (low < largest || !up) return sign | (low + (up ? 1 : 0));
  if (overflow == Overflow::kSaturates || format.top == TopCodes::kNumbers) return sign | largest;
  return sign | (largest + 1);  // infinity, or the NaN of e4m3
}

TEST(FloatFormat, GivesTheNearestCode) {
  RandomNumbers random(1);
  for (const FloatFormat& format : kFormats) {
    const int range = static_cast<int>(1u << format.exponent_bits);
    for (int i = 0; i < 200000; ++i) {
      uint32_t x = random.Fp32();
      if (IsNaN(x) || IsInfinite(x)) continue;
      if (i % 4 != 0 && format.exponent_bits < 8) {
        // Sizes that the format has, and some beyond them; often on or beside a tie.
        const auto field = static_cast<uint32_t>(127 - format.bias - 8 +
                                                 static_cast<int>(random.Below(range + 12)));
        x = (x & 0x807fffff) | field << 23;
        if (i % 4 == 2) x &= ~0u << (22 - format.fraction_bits);
        if (i % 4 == 3) x = (x & ~0u << (22 - format.fraction_bits)) + random.Below(3) - 1;
      }
      for (const Overflow overflow : {Overflow::kSaturates, Overflow::kInfinity}) {
        ASSERT_EQ(ToFormat(format, x, overflow), Nearest(format, Value(x), overflow))
            << format.name << ' ' << std::hex << x;
      }
    }
  }
}

TEST(FloatFormat, GivesEveryCodeBack) {
  for (const FloatFormat& format : kFormats) {
    for (uint32_t code = 0; code < 1u << format.bits(); ++code) {
      const uint32_t size = code & (format.sign() - 1);
      const Fp32 value = FromFormat(format, code);
      if (size <= format.largest()) {
        ASSERT_EQ(static_cast<double>(Value(Magnitude(value))), ValueOf(format, size));
        ASSERT_EQ(IsNegative(value), (code & format.sign()) != 0);
      }
      if (IsNaN(value)) {
        ASSERT_TRUE(format.IsSpecial(code));
        ASSERT_EQ(ToFormat(format, value, Overflow::kSaturates), format.nan());
      } else {
        ASSERT_EQ(ToFormat(format, value, Overflow::kInfinity), code) << format.name;
      }
    }
  }
}

TEST(FloatFormat, HasTheNamedCodes) {
  EXPECT_EQ(kBf16.nan(), 0x7fc0u);
  EXPECT_EQ(kF16.nan(), 0x7e00u);
  EXPECT_EQ(kE4m3.nan(), 0x7fu);
  EXPECT_EQ(kE5m2.nan(), 0x7eu);
  EXPECT_EQ(kE3m2.nan(), 0u);
  EXPECT_EQ(Value(FromFormat(kE4m3, kE4m3.largest())), 448);
  EXPECT_EQ(Value(FromFormat(kE5m2, kE5m2.largest())), 57344);
  EXPECT_EQ(Value(FromFormat(kE3m2, kE3m2.largest())), 28);
  EXPECT_EQ(Value(FromFormat(kE2m3, kE2m3.largest())), 7.5);
  EXPECT_EQ(Value(FromFormat(kE2m1, kE2m1.largest())), 6);
  EXPECT_EQ(ToFormat(kE4m3, 0xff800000, Overflow::kInfinity), 0xffu);
  EXPECT_EQ(ToFormat(kE4m3, 0xff800000, Overflow::kSaturates), 0xfeu);
  EXPECT_EQ(ToFormat(kE2m1, 0xffc00000, Overflow::kInfinity), 0u);
}

/// A power of two beside the number is the same as a product without rounding.
TEST(FloatFormat, ScalesExactly) {
  RandomNumbers random(2);
  for (int i = 0; i < 200000; ++i) {
    const uint32_t x = (random.Fp32() & 0x80ffffff) | 0x3f000000;
    const int exponent = static_cast<int>(random.Below(60)) - 30;
    const uint32_t scaled = Bits(std::ldexp(Value(x), exponent));
    ASSERT_EQ(ToFormat(kE5m2, x, Overflow::kInfinity, exponent),
              ToFormat(kE5m2, scaled, Overflow::kInfinity));
  }
}

TEST(FloatFormat, RoundsStochastically) {
  EXPECT_EQ(ToBf16Stochastically(0x3f808000, 0x7fff), 0x3f80u);
  EXPECT_EQ(ToBf16Stochastically(0x3f808000, 0x8000), 0x3f81u);
  EXPECT_EQ(ToBf16Stochastically(0xff800000, 0xffff), 0xff80u);
  EXPECT_EQ(ToBf16Stochastically(0xffffffff, 0xffff), 0x7fc0u);
  EXPECT_EQ(ToBf16Stochastically(0x7f7fffff, 1), 0x7f80u);
}

}  // namespace
}  // namespace npugen::numerics

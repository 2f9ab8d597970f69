// SPDX-License-Identifier: Apache-2.0
// FP32 operations against the host's, which rounds to nearest even.
#include "sw/numerics/fp32.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/numerics/random_numbers.h"

namespace npugen::numerics {
namespace {

using ::npugen::testing::Bits;
using ::npugen::testing::RandomNumbers;
using ::npugen::testing::Value;

constexpr int kPairs = 4000000;

TEST(Fp32, AddsAndMultipliesAsTheHost) {
  RandomNumbers random(1);
  for (int i = 0; i < kPairs; ++i) {
    const uint32_t a = random.Fp32(), b = random.NearTo(a);
    ASSERT_EQ(Add(a, b), Bits(Value(a) + Value(b))) << std::hex << a << " + " << b;
    ASSERT_EQ(Subtract(a, b), Bits(Value(a) - Value(b))) << std::hex << a << " - " << b;
    ASSERT_EQ(Multiply(a, b), Bits(Value(a) * Value(b))) << std::hex << a << " * " << b;
  }
}

TEST(Fp32, DividesAsTheHost) {
  RandomNumbers random(2);
  for (int i = 0; i < kPairs; ++i) {
    const uint32_t a = random.Fp32(), b = random.NearTo(a);
    ASSERT_EQ(Divide(a, b), Bits(Value(a) / Value(b))) << std::hex << a << " / " << b;
  }
}

/// All significands at two neighbouring exponents, which decide the root's bits, and all exponents.
TEST(Fp32, TakesRootsAsTheHost) {
  for (uint32_t x = 0x3f800000; x < 0x40800000; ++x) {
    ASSERT_EQ(SquareRoot(x), Bits(std::sqrt(Value(x)))) << std::hex << x;
  }
  RandomNumbers random(3);
  for (int i = 0; i < kPairs; ++i) {
    const uint32_t x = random.Fp32();
    ASSERT_EQ(SquareRoot(x), Bits(std::sqrt(Value(x)))) << std::hex << x;
  }
}

TEST(Fp32, RoundsToWholeNumbersAsTheHost) {
  RandomNumbers random(4);
  for (int i = 0; i < kPairs; ++i) {
    uint32_t x = random.Fp32();
    if (i % 2 == 0) x = (x & 0x8fffffff) + 0x3b000000;  // fractions matter
    ASSERT_EQ(RoundToWhole(x), Bits(std::nearbyint(Value(x)))) << std::hex << x;
    const double nearest = std::nearbyint(static_cast<double>(Value(x)));
    const double kept = nearest != nearest ? 0 : std::fmin(std::fmax(nearest, -128), 127);
    ASSERT_EQ(ToInteger(x, -128, 127), static_cast<int32_t>(kept)) << std::hex << x;
    ASSERT_EQ(FromInteger(static_cast<int32_t>(x)),
              Bits(static_cast<float>(static_cast<int32_t>(x))));
  }
  EXPECT_EQ(ToInteger(kFp32Infinity, INT32_MIN, INT32_MAX), INT32_MAX);
  EXPECT_EQ(ToInteger(Negated(kFp32Infinity), INT32_MIN, INT32_MAX), INT32_MIN);
  EXPECT_EQ(ToInteger(0x4effffff, INT32_MIN, INT32_MAX), 0x7fffff80);
  EXPECT_EQ(ToInteger(0x4f000000, INT32_MIN, INT32_MAX), INT32_MAX);
}

TEST(Fp32, RaisesTwoToWholePowers) {
  for (int n = -400; n < 400; ++n) {
    ASSERT_EQ(PowerOfTwo(FromInteger(n)), Bits(std::ldexp(1.0f, n))) << n;
  }
  EXPECT_EQ(PowerOfTwo(0x40200000), 0x40800000u);  // 2.5: 2^2
  EXPECT_EQ(PowerOfTwo(kFp32Infinity), kFp32Infinity);
  EXPECT_EQ(PowerOfTwo(Negated(kFp32Infinity)), 0u);
  EXPECT_EQ(PowerOfTwo(0xff800001), kFp32NaN);
}

TEST(Fp32, ComparesAsTheHost) {
  RandomNumbers random(5);
  for (int i = 0; i < kPairs; ++i) {
    const uint32_t a = random.Fp32(), b = i % 4 == 0 ? a : random.NearTo(a);
    ASSERT_EQ(IsLess(a, b), Value(a) < Value(b));
    ASSERT_EQ(IsEqual(a, b), Value(a) == Value(b));
    if (IsZero(a) && IsZero(b)) continue;  // the host may give either
    if (IsNaN(a) || IsNaN(b)) {
      ASSERT_EQ(Maximum(a, b), !IsNaN(a) ? a : !IsNaN(b) ? b : kFp32NaN);
      ASSERT_EQ(Minimum(a, b), Maximum(a, b));
      continue;
    }
    ASSERT_EQ(Maximum(a, b), Bits(std::fmax(Value(a), Value(b)))) << std::hex << a << ' ' << b;
    ASSERT_EQ(Minimum(a, b), Bits(std::fmin(Value(a), Value(b)))) << std::hex << a << ' ' << b;
  }
  EXPECT_EQ(Maximum(0, kFp32Sign), 0u);
  EXPECT_EQ(Minimum(0, kFp32Sign), kFp32Sign);
}

/// Bits below the significand decide ties.
TEST(Fp32, RoundsWithAStickyBit) {
  EXPECT_EQ(Rounded(false, 0x2000001, 0), 0x4c000000u);        // a quarter
  EXPECT_EQ(Rounded(false, 0x2000002, 0), 0x4c000000u);        // a tie to even
  EXPECT_EQ(Rounded(false, 0x2000002, 0, true), 0x4c000001u);  // above it
  EXPECT_EQ(Rounded(false, 0x2000006, 0), 0x4c000002u);        // a tie to even, upwards
  EXPECT_EQ(Rounded(true, 1, -150), 0x80000000u);
  EXPECT_EQ(Rounded(true, 3, -151), 0x80000001u);
  EXPECT_EQ(Rounded(false, ~uint64_t{0}, 63), 0x7f000000u);
  EXPECT_EQ(Rounded(false, ~uint64_t{0}, 64), kFp32Infinity);
  EXPECT_EQ(Rounded(false, ~uint64_t{0}, -300), 0u);
}

}  // namespace
}  // namespace npugen::numerics

// SPDX-License-Identifier: Apache-2.0
// Drains of sums: the order of operations, and what zeros, infinities and NaNs become.
#include "sw/numerics/drain.h"

#include <gtest/gtest.h>

#include "tests/numerics/random_numbers.h"

namespace npugen::numerics {
namespace {

using ::npugen::testing::Bits;
using ::npugen::testing::RandomNumbers;
using ::npugen::testing::Value;

TEST(Drain, ComputesInOrder) {
  RandomNumbers random(1);
  for (int i = 0; i < 200000; ++i) {
    const uint32_t sum = random.Fp32(), scale = random.NearTo(0x3f800000);
    const uint32_t bias = random.NearTo(sum), cast = random.NearTo(0x3f800000);
    if (IsNaN(sum) || IsNaN(scale) || IsNaN(bias) || IsNaN(cast)) continue;
    Fp32 largest = 0;
    const Drain drain = {.scale = scale, .bias = bias, .cast_scale = cast, .format = &kE5m2};
    const volatile float product = Value(sum) * Value(scale);
    const volatile float biased = product + Value(bias);
    const volatile float scaled = biased * Value(cast);
    ASSERT_EQ(DrainSum(drain, sum, largest).code,
              ToFormat(kE5m2, Bits(scaled), Overflow::kInfinity));
    ASSERT_EQ(largest, Bits(biased) == kFp32NaN ? kFp32NaN : Magnitude(Bits(biased)));
  }
}

TEST(Drain, LeavesOutWhatIsNotGiven) {
  Fp32 largest = 0;
  EXPECT_EQ(DrainSum({}, kFp32Sign, largest).code, kFp32Sign);  // no bias is added
  EXPECT_EQ(DrainSum({.bias = 0}, kFp32Sign, largest).code, 0u);
  EXPECT_EQ(DrainSum({}, 0xffc00001, largest).code, kFp32NaN);
  EXPECT_EQ(largest, kFp32NaN);
  EXPECT_EQ(DrainSum({}, kFp32One, largest).code, kFp32One);
  EXPECT_EQ(largest, kFp32NaN) << "stays";
}

TEST(Drain, ClampsBelowZero) {
  Fp32 largest = 0;
  const Drain drain = {.relu = true, .format = &kBf16};
  EXPECT_EQ(DrainSum(drain, 0xc0000000, largest).code, 0u);
  EXPECT_EQ(DrainSum(drain, kFp32Sign, largest).code, 0u);
  EXPECT_EQ(largest, 0u);
  EXPECT_TRUE(DrainSum(drain, 0x40000000, largest).above_zero);
  EXPECT_FALSE(DrainSum(drain, 1, largest).above_zero) << "rounded to zero";
  EXPECT_EQ(largest, 0x40000000u);
  EXPECT_EQ(DrainSum(drain, kFp32NaN, largest).code, kBf16.nan());
}

TEST(Drain, Saturates) {
  Fp32 largest = 0;
  Drain drain = {.format = &kE4m3, .overflow = Overflow::kSaturates};
  EXPECT_EQ(DrainSum(drain, Bits(1000), largest).code, 0x7eu);
  drain.overflow = Overflow::kInfinity;
  EXPECT_EQ(DrainSum(drain, Bits(-1000), largest).code, 0xffu);
}

}  // namespace
}  // namespace npugen::numerics

// SPDX-License-Identifier: Apache-2.0
// Fixed-point arithmetic of the golden model against hand-computed and exact values.
#include "verif/golden/fixed_point.h"

#include <gtest/gtest.h>

#include <cmath>

#include "sw/model/quantization.h"

namespace npugen::golden {
namespace {

int32_t Scale(double factor, int32_t x, Rounding rounding) {
  const QuantizedMultiplier q = QuantizeMultiplier(factor);
  return MultiplyByQuantizedMultiplier(x, q.multiplier, q.shift, rounding);
}

TEST(FixedPointTest, TwoRoundingsDifferFromOneWhereTheyShould) {
  EXPECT_EQ(QuantizeMultiplier(0.3), (QuantizedMultiplier{1288490189, -1}));
  EXPECT_EQ(Scale(0.3, -1998, Rounding::kDouble), -600);
  EXPECT_EQ(Scale(0.3, -1998, Rounding::kSingle), -599);
  EXPECT_EQ(Scale(0.3, 8, Rounding::kDouble), 3);
  EXPECT_EQ(Scale(0.3, 8, Rounding::kSingle), 2);
  EXPECT_EQ(Scale(0.3, 1, Rounding::kDouble), 1);
  EXPECT_EQ(Scale(0.3, 1, Rounding::kSingle), 0);
  EXPECT_EQ(QuantizeMultiplier(0.0123456), (QuantizedMultiplier{1696766344, -6}));
  EXPECT_EQ(Scale(0.0123456, -1984, Rounding::kDouble), -25);
  EXPECT_EQ(Scale(0.0123456, -1984, Rounding::kSingle), -24);
}

TEST(FixedPointTest, DoublingHighMultiplyRoundsHalvesUpAndSaturates) {
  EXPECT_EQ(DoublingHighMultiply(1, 1 << 30), 1);    // 0.5
  EXPECT_EQ(DoublingHighMultiply(-1, 1 << 30), 0);   // -0.5
  EXPECT_EQ(DoublingHighMultiply(-3, 1 << 30), -1);  // -1.5
  EXPECT_EQ(DoublingHighMultiply(INT32_MIN, INT32_MIN), INT32_MAX);
  EXPECT_EQ(DoublingHighMultiply(INT32_MIN, INT32_MAX), -INT32_MAX);
}

TEST(FixedPointTest, ShiftRightRoundsHalvesAwayFromZero) {
  EXPECT_EQ(RoundingShiftRight(5, 1), 3);
  EXPECT_EQ(RoundingShiftRight(-5, 1), -3);
  EXPECT_EQ(RoundingShiftRight(-6, 2), -2);
  EXPECT_EQ(RoundingShiftRight(6, 2), 2);
  EXPECT_EQ(RoundingShiftRight(7, 0), 7);
  EXPECT_EQ(RoundingShiftRight(INT32_MIN, 31), -1);
  EXPECT_EQ(RoundingShiftRight(INT32_MAX, 31), 1);
  EXPECT_EQ(RoundingShiftRight(INT32_MAX, 32), 0);
}

TEST(FixedPointTest, ExponentialIsClose) {
  EXPECT_EQ(ExpOnNegativeValues(0), INT32_MAX);
  for (int32_t a = -(31 << 26); a < 0; a += 999'983) {
    const double exact = std::exp(a / 67108864.0);
    EXPECT_NEAR(ExpOnNegativeValues(a) / 2147483648.0, exact, 1e-6) << a;
  }
}

// Beyond e^(-1/4) the function multiplies by e^-(2^i): each factor must be the nearest number.
TEST(FixedPointTest, ExponentialsFactorsAreExact) {
  constexpr int32_t kQuarter = 1 << 24;
  const int32_t start = ExpOnNegativeValues(-kQuarter);
  for (int i = 0; i < 7; ++i) {
    const auto factor =
        static_cast<int32_t>(std::llround(std::exp(-std::ldexp(1.0, i - 2)) * 2147483648.0));
    EXPECT_EQ(ExpOnNegativeValues(-kQuarter - (kQuarter << i)),
              DoublingHighMultiply(start, factor));
  }
}

TEST(FixedPointTest, ReciprocalIsClose) {
  for (int64_t x = 0; x <= INT32_MAX; x += 999'983) {
    const double exact = 1.0 / (1.0 + static_cast<double>(x) / 2147483648.0);
    EXPECT_NEAR(OneOverOnePlus(static_cast<int32_t>(x)) / 2147483648.0, exact, 1e-7) << x;
  }
}

TEST(FixedPointTest, LogisticAndTanhAreCloseAndSymmetric) {
  for (int64_t x = -INT32_MAX; x <= INT32_MAX; x += 9'999'991) {
    const auto raw = static_cast<int32_t>(x);
    const double real = static_cast<double>(x) / (1 << 27);
    EXPECT_NEAR(Logistic(raw) / 2147483648.0, 1.0 / (1.0 + std::exp(-real)), 1e-6) << x;
    EXPECT_NEAR(Tanh(raw) / 2147483648.0, std::tanh(real), 1e-6) << x;
    EXPECT_EQ(Tanh(raw), -Tanh(-raw));
  }
  EXPECT_EQ(Logistic(0), 1 << 30);
  EXPECT_EQ(Tanh(0), 0);
}

TEST(FixedPointTest, InverseSquareRootIsClose) {
  for (int32_t x : {2, 3, 4, 5, 100, 255, 1000, 123456, (1 << 29) - 1, 1 << 29, INT32_MAX}) {
    const ScaledNumber root = InverseSquareRoot(x);
    const double real = std::ldexp(root.multiplier, root.shift - 31);
    EXPECT_NEAR(real * std::sqrt(static_cast<double>(x)), 1.0, 1e-4) << x;
  }
  EXPECT_EQ(InverseSquareRoot(1).multiplier, INT32_MAX);
  EXPECT_EQ(InverseSquareRoot(0).shift, 0);
}

}  // namespace
}  // namespace npugen::golden

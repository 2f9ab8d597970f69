// SPDX-License-Identifier: Apache-2.0
// Steps of dot products against their definition in the host's doubles, which round once.
#include "sw/numerics/dot_product.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "tests/numerics/random_numbers.h"

namespace npugen::numerics {
namespace {

using ::npugen::testing::Bits;
using ::npugen::testing::RandomNumbers;
using ::npugen::testing::Value;

constexpr std::pair<FloatFormat, FloatFormat> kFormatPairs[] = {
    {kBf16, kBf16}, {kE4m3, kE4m3}, {kE4m3, kE5m2}, {kE5m2, kE4m3}, {kE5m2, kE5m2}};

/// floor(x * 2^exponent) for |x| below 2^53.
double Floor(double x, int exponent) { return std::floor(std::ldexp(x, exponent)); }

uint32_t Defined(uint32_t sum, const FloatFormat& format_a, const std::vector<uint16_t>& a,
                 const FloatFormat& format_w, const std::vector<uint16_t>& w, int scale) {
  const int fractions = static_cast<int>(format_a.fraction_bits + format_w.fraction_bits);
  std::vector<std::pair<int, double>> products;  // exponents, and signed integers
  const auto parts = [](const FloatFormat& format, uint32_t code) {
    const uint32_t size = code & (format.sign() - 1);
    const auto field = static_cast<int>(size >> format.fraction_bits);
    const double integer =
        (size & ((1u << format.fraction_bits) - 1)) +
        (field != 0 ? std::ldexp(1.0, static_cast<int>(format.fraction_bits)) : 0);
    return std::pair((code & format.sign()) != 0 ? -integer : integer, std::max(field, 1));
  };
  for (size_t i = 0; i < a.size(); ++i) {
    const uint32_t size_a = a[i] & (format_a.sign() - 1), size_w = w[i] & (format_w.sign() - 1);
    if (size_a == 0 || size_w == 0) continue;
    if (size_a > format_a.largest() || size_w > format_w.largest()) return kFp32NaN;
    const auto [m_a, e_a] = parts(format_a, a[i]);
    const auto [m_w, e_w] = parts(format_w, w[i]);
    products.emplace_back(e_a + e_w, m_a * m_w);
  }
  if (products.empty()) return sum;
  int top = 0;
  for (const auto& [x, product] : products) top = std::max(top, x);
  double step = 0;
  for (const auto& [x, product] : products) {
    const double cut = Floor(std::fabs(product), 25 - fractions - (top - x));
    step += product < 0 ? -cut : cut;
  }
  EXPECT_LT(std::fabs(step), 2147483648.0);
  if (!std::isfinite(Value(sum)) || step == 0) return sum;
  const int unit = top - format_a.bias - format_w.bias - 25 + scale;
  if (Value(sum) == 0) return Bits(static_cast<float>(std::ldexp(step, unit)));
  int exponent = 0;
  const int field = static_cast<int>(sum >> 23 & 0xff);
  exponent = std::max(field, 1) - 158;
  const double old = std::ldexp(static_cast<double>(Value(sum)), -exponent);
  const int grid = std::max(unit, exponent);
  const double total =
      Floor(old, -std::min(grid - exponent, 40)) + Floor(step, -std::min(grid - unit, 40));
  return Bits(static_cast<float>(std::ldexp(total, grid)));
}

uint16_t RandomCode(RandomNumbers& random, const FloatFormat& format, int kind, uint32_t near) {
  const auto code = static_cast<uint16_t>(random.Next() & (2 * format.sign() - 1));
  switch (kind) {
    case 0:  // anything
      return code;
    case 1: {  // of like size, so that much cancels
      const uint32_t span = std::min(3u, format.exponent_bits);
      const uint32_t field = (near + random.Below(span)) & ((1u << format.exponent_bits) - 1);
      const uint32_t rest = format.sign() | ((1u << format.fraction_bits) - 1);
      const auto made = static_cast<uint16_t>((code & rest) | field << format.fraction_bits);
      return format.IsSpecial(made) ? static_cast<uint16_t>(0) : made;
    }
    case 2:  // small ones and zeros
      return static_cast<uint16_t>(code & (format.sign() | ((2u << format.fraction_bits) - 1)));
    default:  // numbers
      return format.IsSpecial(code) ? static_cast<uint16_t>(code & format.sign()) : code;
  }
}

TEST(DotStep, IsAsDefined) {
  RandomNumbers random(1);
  for (const auto& [format_a, format_w] : kFormatPairs) {
    for (int i = 0; i < 200000; ++i) {
      const size_t count = 1 + random.Below(format_a.bits() == 16 ? 8 : 16);
      std::vector<uint16_t> a(count), w(count);
      const int kind = static_cast<int>(random.Below(12));
      const uint32_t near = random.Below(256), near_w = random.Below(256);
      for (size_t k = 0; k < count; ++k) {
        a[k] = RandomCode(random, format_a, std::min(kind, 3), near);
        w[k] = RandomCode(random, format_w, kind > 7 ? 1 : std::min(kind, 3), near_w);
        if (kind > 9 && k % 2 == 1) {  // cancels the product before, but for its last bits
          a[k] = a[k - 1] ^ static_cast<uint16_t>(random.Below(8) == 0 ? 1 : 0);
          w[k] = w[k - 1] ^ static_cast<uint16_t>(format_w.sign());
        }
      }
      uint32_t sum = random.Fp32();
      if (random.Below(4) == 0) sum = random.Below(2) << 31;
      if (random.Below(2) == 0) {  // near the step's size
        sum = DotStep(0, format_a, a, format_w, w);
        if (sum != 0) sum ^= kFp32Sign ^ random.Below(3) << random.Below(26);
      }
      const bool scaled = random.Below(8) == 0;
      const BlockScales scales =
          scaled ? BlockScales{random.Below(255), random.Below(255)} : BlockScales{};
      ASSERT_EQ(DotStep(sum, format_a, a, format_w, w, scales),
                Defined(sum, format_a, a, format_w, w, static_cast<int>(scales.a + scales.w) - 254))
          << format_a.name << ' ' << format_w.name << " step " << i << std::hex << " sum " << sum;
    }
  }
}

TEST(DotStep, TreatsInfinitiesAndNaNs) {
  const std::vector<uint16_t> one = {0x3f80}, zero = {0x8000}, infinity = {0xff80}, nan = {0x7fc0};
  const auto step = [](Fp32 sum, const std::vector<uint16_t>& a, const std::vector<uint16_t>& w) {
    return DotStep(sum, kBf16, a, kBf16, w);
  };
  EXPECT_EQ(step(0x40000000, one, one), 0x40400000u);
  EXPECT_EQ(step(0x40000000, infinity, zero), 0x40000000u);  // no product
  EXPECT_EQ(step(0x40000000, zero, nan), 0x40000000u);
  EXPECT_EQ(step(0x40000000, infinity, one), kFp32NaN);
  EXPECT_EQ(step(0xff800000, one, nan), kFp32NaN);
  EXPECT_EQ(step(0xff800000, one, one), 0xff800000u);
  EXPECT_EQ(step(0x7f800001, one, one), 0x7f800001u);  // stays as it is
  EXPECT_EQ(step(0x7f7fffff, {0x7f7f}, {0x3f80}), kFp32Infinity);
  EXPECT_EQ(DotStep(0, kE4m3, one, kE4m3, one, {255, 127}), kFp32NaN);
}

TEST(DotProduct, TakesAShorterLastStep) {
  const std::vector<uint16_t> a(11, 0x3f80), w(11, 0x4000);
  EXPECT_EQ(DotProduct(kBf16, a, kBf16, w, 8), 0x41b00000u);  // 22
}

}  // namespace
}  // namespace npugen::numerics

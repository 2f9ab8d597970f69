// SPDX-License-Identifier: Apache-2.0
// Programs of the vector unit against the host's FPU in the same order, and against mathematics.
#include "sw/numerics/vector.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/numerics/random_numbers.h"

namespace npugen::numerics {
namespace {

using ::npugen::testing::Bits;
using ::npugen::testing::RandomNumbers;
using ::npugen::testing::Value;

TEST(Exponential, IsNearToTheTrueOne) {
  RandomNumbers random(1);
  for (int i = 0; i < 200000; ++i) {
    const uint32_t x = Bits(static_cast<float>(random.Below(1u << 24)) / (1u << 24) * 168 - 80);
    const double wanted = std::exp(static_cast<double>(Value(x)));
    ASSERT_NEAR(static_cast<double>(Value(Exponential(x))) / wanted, 1, 4e-6) << Value(x);
  }
  EXPECT_EQ(Exponential(0), kFp32One);
  EXPECT_EQ(Exponential(Bits(-80.001f)), 0u);
  EXPECT_EQ(Exponential(Bits(88.001f)), kFp32Infinity);
  EXPECT_EQ(Exponential(0xffc00001), kFp32NaN);
}

TEST(PartialSums, AddInTheirOrder) {
  RandomNumbers random(2);
  for (size_t count : {0, 1, 15, 16, 17, 100}) {
    std::vector<Fp32> values(count);
    float partial[16] = {};
    for (size_t i = 0; i < count; ++i) {
      values[i] = (random.Fp32() & 0x83ffffff) + 0x3e000000;
      partial[i % 16] += Value(values[i]);
    }
    for (int half = 8; half > 0; half /= 2) {
      for (int i = 0; i < half; ++i) partial[i] += partial[i + half];
    }
    EXPECT_EQ(SumOf(values), Bits(partial[0])) << count;
  }
}

TEST(DelayedScale, FollowsTheHistory) {
  DelayedScale scale;
  scale.history = {0x40000000, 0, 0x41000000};  // 2 now, 8 the step before
  scale.Update(ScaleSource::kMaximum, Bits(448), 0, false);
  EXPECT_EQ(scale.scale, Bits(56));
  EXPECT_EQ(scale.inverse, Bits(1.0f / 56));
  EXPECT_EQ(scale.history, (std::vector<Fp32>{0, 0x41000000, 0x40000000}));
  scale.history[0] = Bits(4);
  scale.Update(ScaleSource::kMostRecent, Bits(448), 2, false);
  EXPECT_EQ(scale.scale, Bits(28));
  scale.history[0] = kFp32Infinity;
  scale.Update(ScaleSource::kMaximum, Bits(448), 0, false);
  EXPECT_EQ(scale.scale, Bits(28));  // kept
  scale.history.assign(1, 1);        // the smallest number
  scale.Update(ScaleSource::kMaximum, Bits(448), 0, false);
  EXPECT_EQ(scale.scale, kFp32Largest);
}

TEST(Zeroes, AreRemovedAndRestored) {
  RandomNumbers random(3);
  for (const size_t count : {0, 1, 31, 32, 33, 100}) {
    std::vector<uint16_t> words(count);
    for (uint16_t& word : words) {
      word = random.Below(3) == 0 ? static_cast<uint16_t>(random.Next()) : uint16_t{0};
    }
    std::vector<uint8_t> bytes = ZeroesRemoved(words);
    EXPECT_EQ(ZeroesRestored(bytes, count), words);
    while (!bytes.empty()) {  // an end in the middle
      bytes.pop_back();
      EXPECT_LE(ZeroesRestored(bytes, count).size(), count);
    }
  }
}

}  // namespace
}  // namespace npugen::numerics

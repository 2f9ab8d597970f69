// SPDX-License-Identifier: Apache-2.0
// npu_booth against a 64-bit product.
#include <gtest/gtest.h>

#include <cstdint>
#include <random>

#include "Vdut.h"

namespace {

TEST(Booth, MultipliesAndRounds) {
  Vdut dut;
  std::mt19937_64 random(1);
  constexpr int64_t kSpan = int64_t{1} << 32;
  const int64_t x_edges[] = {-kSpan, -kSpan + 1, -kSpan / 2, -1, 0, 1, kSpan / 2, kSpan - 1};
  const int64_t m_edges[] = {0, 1, 2, 3, 0x55555555, 0x2aaaaaaa, 0x40000000, 0x7fffffff};
  for (int i = 0; i < 1000000; ++i) {
    int64_t x = static_cast<int64_t>(random()) >> (31 + random() % 33);
    int64_t m = static_cast<int64_t>(random() >> (33 + random() % 31));
    if (random() % 8 == 0) x = x_edges[random() % 8];
    if (random() % 8 == 0) m = m_edges[random() % 8];
    const bool rounds = random() % 2;
    const bool minus = random() % 2;
    dut.x_i = static_cast<uint64_t>(x) & ((uint64_t{1} << 33) - 1);
    dut.multiplier_i = static_cast<uint32_t>(m);
    dut.rounds_i = rounds;
    dut.minus_i = minus;
    dut.eval();
    const uint64_t product = static_cast<uint64_t>(x) * static_cast<uint64_t>(m) +
                             (uint64_t{rounds} << 30) - (uint64_t{minus} << 31);
    const uint64_t sum = (dut.sum_o + dut.carry_o + dut.low_o) & ((uint64_t{1} << 33) - 1);
    ASSERT_EQ(sum, product >> 31) << x << " * " << m;
  }
}

}  // namespace

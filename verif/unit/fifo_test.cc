// SPDX-License-Identifier: Apache-2.0
// npu_fifo against std::deque under random pushes, pops and clears.
#include <gtest/gtest.h>

#include <deque>
#include <random>

#include "Vdut.h"

namespace {

constexpr uint64_t kMask = PARAM_Width == 64 ? ~0ull : (1ull << PARAM_Width) - 1;

void Tick(Vdut& dut) {
  dut.clk_i = 0;
  dut.eval();
  dut.clk_i = 1;
  dut.eval();
}

TEST(Fifo, BehavesLikeAQueueUnderRandomTraffic) {
  Vdut dut;
  std::mt19937_64 random(1);
  dut.rst_ni = 0;
  Tick(dut);
  dut.rst_ni = 1;
  std::deque<uint64_t> expected;
  for (int cycle = 0; cycle < 20000; ++cycle) {
    const uint64_t data = random() & kMask;
    dut.clk_i = 0;
    dut.valid_i = random() % 3 != 0;
    dut.ready_i = random() % ((cycle / 1000) % 2 ? 4 : 2) == 0;
    dut.clear_i = random() % 500 == 0;
    dut.data_i = data;
    dut.eval();
    ASSERT_EQ(dut.valid_o, !expected.empty());
    ASSERT_EQ(dut.ready_o, expected.size() < PARAM_Depth);
    ASSERT_EQ(dut.count_o, expected.size());
    if (dut.valid_o) {
      ASSERT_EQ(dut.data_o, expected.front());
    }
    const bool push = dut.valid_i && dut.ready_o;
    const bool pop = dut.valid_o && dut.ready_i;
    if (pop) expected.pop_front();
    if (push) expected.push_back(data);
    if (dut.clear_i) expected.clear();
    dut.clk_i = 1;
    dut.eval();
  }
}

}  // namespace

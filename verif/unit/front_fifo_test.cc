// SPDX-License-Identifier: Apache-2.0
// npu_front_fifo: order, room, a latency of one cycle, no bubbles, also with a clock that stands
// still while no word comes or goes.
#include <gtest/gtest.h>

#include <deque>
#include <random>

#include "Vdut.h"

namespace {

constexpr uint64_t kMask = PARAM_Width == 64 ? ~0ull : (1ull << (PARAM_Width % 64)) - 1;

void Reset(Vdut& dut) {
  dut.clear_i = 0;
  dut.valid_i = 0;
  dut.ready_i = 0;
  dut.rst_ni = 0;
  dut.clk_i = 0;
  dut.eval();
  dut.clk_i = 1;
  dut.eval();
  dut.rst_ni = 1;
}

void RunRandomTraffic(bool gated) {
  Vdut dut;
  Reset(dut);
  std::mt19937_64 random(gated ? 2 : 1);
  std::deque<uint64_t> expected;
  uint64_t most = 0;
  for (int cycle = 0; cycle < 40000; ++cycle) {
    const uint64_t data = random() & kMask;
    const int phase = cycle / 1000 % 4;
    dut.clk_i = 0;
    dut.clear_i = random() % 2000 == 0;
    dut.valid_i = random() % 8 < (phase == 1 ? 1u : phase == 3 ? 8u : 5u);
    dut.ready_i = random() % 8 < (phase == 0 ? 1u : phase == 3 ? 7u : 5u);
    dut.data_i = data;
    dut.eval();
    ASSERT_EQ(dut.valid_o, !expected.empty()) << cycle;
    if (dut.valid_o) {
      ASSERT_FALSE(expected.empty());
      ASSERT_EQ(dut.data_o, expected.front()) << cycle;
    }
    if (expected.size() < PARAM_Depth) {
      ASSERT_TRUE(dut.ready_o);
    }
    if (expected.size() > PARAM_Depth + 1) {
      ASSERT_FALSE(dut.ready_o);
    }
    const bool push = dut.valid_i && dut.ready_o;
    const bool pop = dut.valid_o && dut.ready_i;
    if (pop) expected.pop_front();
    if (push) expected.push_back(data);
    if (dut.clear_i) expected.clear();
    most = std::max<uint64_t>(most, expected.size());
    if (gated && !push && !pop && !dut.clear_i) continue;
    dut.clk_i = 1;
    dut.eval();
  }
  EXPECT_EQ(most, PARAM_Depth + 2u);
}

TEST(FrontFifo, BehavesLikeAQueueUnderRandomTraffic) { RunRandomTraffic(false); }

TEST(FrontFifo, NeedsNoClockWhileNothingMoves) { RunRandomTraffic(true); }

}  // namespace

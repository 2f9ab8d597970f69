// SPDX-License-Identifier: Apache-2.0
// npu_ram_fifo: order, room, latency and full throughput.
#include <gtest/gtest.h>

#include <deque>
#include <random>

#include "Vdut.h"

namespace {

constexpr uint64_t kMask = PARAM_Width == 64 ? ~0ull : (1ull << (PARAM_Width % 64)) - 1;
constexpr int kLatency = PARAM_Bypass ? 1 : 2;

struct Bench {
  Vdut dut;

  Bench() {
    dut.rst_ni = 0;
    dut.clear_i = 0;
    Cycle(false, 0, false);
    dut.rst_ni = 1;
  }

  /// Sets the inputs and evaluates; the outputs are those of the cycle that Edge() ends.
  void Drive(bool push, uint64_t data, bool pop) {
    dut.clk_i = 0;
    dut.valid_i = push;
    dut.data_i = data & kMask;
    dut.ready_i = pop;
    dut.eval();
  }
  void Edge() {
    dut.clk_i = 1;
    dut.eval();
  }
  void Cycle(bool push, uint64_t data, bool pop) {
    Drive(push, data, pop);
    Edge();
  }
};

TEST(RamFifo, BehavesLikeAQueueUnderRandomTraffic) {
  Bench bench;
  std::mt19937_64 random(1);
  std::deque<uint64_t> expected;
  for (int cycle = 0; cycle < 30000; ++cycle) {
    const uint64_t data = random() & kMask;
    const int phase = cycle / 1000 % 3;
    bench.dut.clear_i = random() % 500 == 0;
    bench.Drive(random() % 4 < (phase == 1 ? 1 : 3), data, random() % 4 < (phase == 0 ? 1 : 3));
    ASSERT_EQ(bench.dut.empty_o, expected.empty());
    if (bench.dut.valid_o) {
      ASSERT_FALSE(expected.empty());
      ASSERT_EQ(bench.dut.data_o, expected.front());
    }
    if (expected.size() < PARAM_Depth) ASSERT_TRUE(bench.dut.ready_o);
    if (expected.size() > PARAM_Depth) ASSERT_FALSE(bench.dut.ready_o);
    const bool push = bench.dut.valid_i && bench.dut.ready_o;
    if (bench.dut.valid_o && bench.dut.ready_i) expected.pop_front();
    if (push) expected.push_back(data);
    if (bench.dut.clear_i) expected.clear();
    bench.Edge();
  }
}

TEST(RamFifo, ShowsAWordAfterItsLatency) {
  Bench bench;
  for (int round = 0; round < 5; ++round) {
    bench.Cycle(true, 40 + round, false);
    for (int cycle = 1; cycle < kLatency; ++cycle) {
      bench.Drive(false, 0, false);
      EXPECT_FALSE(bench.dut.valid_o);
      bench.Edge();
    }
    bench.Drive(false, 0, true);
    EXPECT_TRUE(bench.dut.valid_o);
    EXPECT_EQ(bench.dut.data_o, 40u + round);
    bench.Edge();
    bench.Drive(false, 0, false);
    EXPECT_TRUE(bench.dut.empty_o);
    bench.Edge();
  }
}

TEST(RamFifo, HoldsDepthWordsAndOneAtTheOutput) {
  Bench bench;
  int accepted = 0;
  for (int cycle = 0; cycle < PARAM_Depth + 10; ++cycle) {
    bench.Drive(true, accepted, false);
    accepted += bench.dut.ready_o;
    bench.Edge();
  }
  EXPECT_EQ(accepted, PARAM_Depth + 1);
  for (int word = 0; word < accepted; ++word) {
    bench.Drive(false, 0, true);
    ASSERT_TRUE(bench.dut.valid_o) << "words leave without bubbles";
    ASSERT_EQ(bench.dut.data_o, static_cast<uint64_t>(word));
    bench.Edge();
  }
}

TEST(RamFifo, MovesAWordEveryCycle) {
  if (PARAM_Depth < 2) GTEST_SKIP() << "needs two words of memory";
  Bench bench;
  int popped = 0;
  for (int cycle = 0; cycle < 100; ++cycle) {
    bench.Drive(true, cycle, true);
    ASSERT_TRUE(bench.dut.ready_o);
    ASSERT_EQ(bench.dut.valid_o, cycle >= kLatency);
    popped += bench.dut.valid_o;
    bench.Edge();
  }
  EXPECT_EQ(popped, 100 - kLatency);
}

}  // namespace

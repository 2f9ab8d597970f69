// SPDX-License-Identifier: Apache-2.0
// npu_load_staging against two queues: beats come out of the buffer that is asked, in order, and
// room counts from a beat's request until it has left.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <random>

#include "Vdut.h"
#include "verif/unit/bits.h"

namespace {

constexpr uint32_t kDepth[2] = {PARAM_ActivationBuffer, PARAM_ParameterBuffer};

TEST(LoadStaging, KeepsBeatsInOrderAndRoomForThem) {
  std::mt19937_64 random(PARAM_BusBytes + 100 * PARAM_ParameterBuffer);
  Vdut dut;
  const auto edge = [&] {
    dut.clk_i = 1;
    dut.eval();
    dut.clk_i = 0;
    dut.eval();
  };
  dut.rst_ni = 0;
  dut.eval();
  edge();
  dut.rst_ni = 1;
  std::deque<uint64_t> requested;  // beats under way: for which memory
  std::deque<uint64_t> inside[2];  // data
  uint32_t used[2] = {0, 0};
  uint32_t bursts = 0, popped = 0;
  for (int cycle = 0; cycle < 40000; ++cycle) {
    const uint32_t core = random() & 1;
    const uint32_t burst = 1 + static_cast<uint32_t>(random() % PARAM_MaxBurst);
    dut.request_core_i = core;
    // The burst is the smaller one of two numbers.
    const uint32_t larger = burst + static_cast<uint32_t>(random() % (PARAM_MaxBurst - burst + 1));
    const bool swapped = (random() & 1) != 0;
    dut.beats_i = swapped ? larger : burst;
    dut.limit_i = swapped ? burst : larger;
    dut.request_beats_i = 0;
    dut.valid_i = 0;
    dut.ready_i = 0;
    dut.eval();
    ASSERT_EQ(dut.room_o != 0, used[core] + burst <= kDepth[core]);
    ASSERT_EQ(dut.word_room_o != 0, used[core] < kDepth[core]);
    // Now and then without room: the beats wait on the bus.
    const bool request =
        bursts < PARAM_Outstanding && random() % 2 == 0 && (dut.room_o || random() % 16 == 0);
    const uint32_t under_way = !requested.empty() ? static_cast<uint32_t>(requested.front()) : 0;
    const uint64_t data = random() >> 32;
    dut.core_i = under_way;
    SetBits(&dut.data_i, 0, 32, data);
    dut.eval();
    const bool room = under_way ? dut.core_ready_o : dut.pe_ready_o;
    dut.valid_i = !requested.empty() && room && random() % 4 != 0;
    dut.take_core_i = random() & 1;
    dut.ready_i = random() % 2 == 0;
    if (request) dut.request_beats_i = burst;
    dut.eval();
    const uint32_t from = dut.take_core_i;
    // What is inside comes out, soon.
    if (!dut.moving_o) ASSERT_EQ(dut.valid_o != 0, !inside[from].empty());
    if (dut.valid_o && dut.ready_i) {
      ASSERT_FALSE(inside[from].empty());
      ASSERT_EQ(GetBits(&dut.data_o, 0, 32), inside[from].front());
      inside[from].pop_front();
      --used[from];
      ++popped;
    }
    if (dut.valid_i) {
      inside[under_way].push_back(data);
      requested.pop_front();
    }
    if (request) {
      for (uint32_t i = 0; i < burst; ++i) requested.push_back(core);
      used[core] += burst;
    }
    bursts = static_cast<uint32_t>((requested.size() + PARAM_MaxBurst - 1) / PARAM_MaxBurst);
    edge();
  }
  EXPECT_GT(popped, 5000u);
  dut.final();
}

}  // namespace

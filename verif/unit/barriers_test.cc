// SPDX-License-Identifier: Apache-2.0
// npu_barriers against plain numbers: simultaneous arrivals, saturation, clear.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <random>

#include "Vdut.h"
#include "verif/unit/bits.h"

namespace {

constexpr uint64_t kMax = (1 << 24) - 1;

TEST(Barriers, CountEveryArrival) {
  Vdut dut;
  std::mt19937_64 random(2);
  std::array<uint64_t, PARAM_Barriers> expected{};
  dut.rst_ni = 0;
  dut.clear_i = 0;
  dut.clk_i = 0;
  dut.eval();
  dut.clk_i = 1;
  dut.eval();
  dut.rst_ni = 1;
  int saturated = 0;
  for (int cycle = 0; cycle < 20000; ++cycle) {
    dut.clk_i = 0;
    const uint64_t spread =
        cycle % 100 < 50 ? PARAM_Barriers : 2;  // often several at the same barrier
    dut.clear_i = random() % 1500 == 0;
    dut.add_valid_i = random() % 3 == 0;
    dut.add_id_i = random() % spread;
    dut.add_amount_i = cycle % 3000 < 1500 ? random() % 100 : random() & kMax;
    std::array<uint64_t, PARAM_Barriers> next = expected;
    if (dut.add_valid_i) next[dut.add_id_i] += dut.add_amount_i;
    for (int port = 0; port < PARAM_UnitPorts; ++port) {
      const bool valid = random() % 3 == 0;
      const uint64_t id = random() % spread;
      SetBits(&dut.unit_valid_i, port, 1, valid);
      SetBits(&dut.unit_id_i, 6 * port, 6, id);
      if (valid) ++next[id];
    }
    dut.eval();
    for (int id = 0; id < PARAM_Barriers; ++id) {
      ASSERT_EQ(GetBits(&dut.counts_o, 24 * id, 24), expected[id]) << "barrier " << id;
    }
    dut.clk_i = 1;
    dut.eval();
    for (uint64_t& count : next) {
      saturated += count > kMax;
      count = std::min(count, kMax);
    }
    expected = dut.clear_i ? std::array<uint64_t, PARAM_Barriers>{} : next;
  }
  EXPECT_GT(saturated, 0);
}

}  // namespace

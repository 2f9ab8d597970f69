// SPDX-License-Identifier: Apache-2.0
// npu_load_waits against a queue of commands: each is released once, in order, when its waits hold.
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <deque>
#include <random>

#include "Vdut.h"
#include "verif/unit/bits.h"

namespace {

constexpr uint32_t kBarriers = PARAM_Barriers;
constexpr uint32_t kNumbers = 1u << PARAM_NumberW;

struct Wait {
  uint32_t tag;
  std::array<bool, 2> enable;
  std::array<uint32_t, 2> id, count;
};

TEST(LoadWaits, ReleasesCommandsInOrder) {
  std::mt19937_64 random(kBarriers);
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
  std::array<uint32_t, kBarriers> counts = {};
  std::deque<Wait> open;
  uint32_t taken = 0, released = 0, begun = 0;
  Wait next = {};
  const auto make = [&] {
    next.tag = static_cast<uint32_t>(random() & 0xffff);
    for (int w = 0; w < 2; ++w) {
      next.enable[w] = random() & 1;
      next.id[w] = static_cast<uint32_t>(random() % kBarriers);
      next.count[w] = counts[next.id[w]] + static_cast<uint32_t>(random() % 4);
    }
  };
  make();
  for (int cycle = 0; cycle < 30000; ++cycle) {
    if (random() % 2 == 0) ++counts[random() % kBarriers];
    for (uint32_t b = 0; b < kBarriers; ++b) SetBits(&dut.barrier_counts_i, 24 * b, 24, counts[b]);
    for (uint32_t w = 0; w < 2; ++w) {
      SetBits(&dut.wait_i, 24 * w, 24, next.count[w]);
      SetBits(&dut.wait_i, 48 + 6 * w, 6, next.id[w]);
      SetBits(&dut.wait_i, 60 + w, 1, next.enable[w]);
    }
    SetBits(&dut.wait_i, 62, 16, next.tag);
    // As many in flight as npu_load lets in.
    dut.take_i = 0;
    dut.begin_i = 0;
    dut.number_i = 0;
    dut.eval();
    dut.take_i = dut.ready_o && taken - begun < kNumbers / 2 - 1 && random() % 2 == 0;
    dut.begin_i = dut.may_begin_o && random() % 2 == 0;
    ASSERT_EQ(dut.may_begin_o != 0, released != begun);
    ASSERT_EQ(dut.number_o, taken % kNumbers);
    ASSERT_EQ(dut.open_o != 0, !open.empty());
    bool holds = false;
    if (!open.empty()) {
      const Wait& first = open.front();
      holds = true;
      for (int w = 0; w < 2; ++w) {
        holds = holds && (!first.enable[w] || counts[first.id[w]] >= first.count[w]);
      }
      ASSERT_EQ(dut.tag_o, first.tag);
    }
    ASSERT_EQ(dut.release_o != 0, holds);
    for (uint32_t number = begun; number != taken; ++number) {
      dut.number_i = number % kNumbers;
      dut.eval();
      ASSERT_EQ(dut.released_o != 0, number < released) << "command " << number;
    }
    dut.eval();
    if (holds) {
      open.pop_front();
      ++released;
    }
    if (dut.begin_i) ++begun;
    if (dut.take_i) {
      open.push_back(next);
      ++taken;
      make();
    }
    edge();
  }
  EXPECT_GT(begun, 500u);
  dut.final();
}

}  // namespace

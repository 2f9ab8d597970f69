// SPDX-License-Identifier: Apache-2.0
// npu_argmax against a plain search for the first largest or smallest value.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <optional>
#include <random>
#include <utility>
#include <vector>

#include "Vdut.h"

namespace {

constexpr uint32_t kReadBytes = PARAM_ReadBytes;
constexpr uint32_t kMemBytes = 1 << 25;  // all that 25 address bits reach

struct Command {
  uint32_t rows = 1, depth = 1, in_base = 0, in_step = 0, out_base = 0, out_step = 4;
  bool minimum = false;
};

struct Timing {
  unsigned read = 0, out = 0;  // a port is not ready in this many of 8 cycles
  unsigned latency = 2;        // cycles from the grant of a read to its data
  unsigned more_latency = 0;   // up to this many more
};

using Writes = std::vector<std::pair<uint32_t, uint8_t>>;

class ArgmaxUnit : public testing::Test {
 protected:
  ArgmaxUnit() : memory_(kMemBytes + kReadBytes) {
    dut_.rst_ni = 0;
    dut_.clear_i = 0;
    dut_.start_i = 0;
    dut_.rd_rvalid_i = 0;
    Edge();
    dut_.rst_ni = 1;
  }

  ~ArgmaxUnit() override { dut_.final(); }

  uint32_t Random(uint32_t below) { return static_cast<uint32_t>(random_() % below); }

  Writes Expected(const Command& command) const {
    Writes writes;
    for (uint32_t y = 0; y < command.rows; ++y) {
      const auto* row =
          reinterpret_cast<const int8_t*>(&memory_[command.in_base + y * command.in_step]);
      uint32_t best = 0;
      for (uint32_t x = 1; x < command.depth; ++x) {
        if (command.minimum ? row[x] < row[best] : row[x] > row[best]) best = x;
      }
      for (uint32_t i = 0; i < 4; ++i) {
        writes.emplace_back(command.out_base + y * command.out_step + i,
                            static_cast<uint8_t>(best >> (8 * i)));
      }
    }
    return writes;
  }

  /// Runs a command and checks its reads and writes; returns the busy cycles. With `clear_after`,
  /// clear_i ends it after so many cycles.
  uint64_t Run(const Command& command, const Timing& timing,
               std::optional<uint64_t> clear_after = {}) {
    const Writes expected = Expected(command);
    dut_.minimum_i = command.minimum;
    dut_.rows_i = command.rows;
    dut_.depth_i = command.depth;
    dut_.in_base_i = command.in_base;
    dut_.in_row_step_i = command.in_step;
    dut_.out_base_i = command.out_base;
    dut_.out_row_step_i = command.out_step;
    dut_.start_i = 1;
    dut_.rd_ready_i = 1;
    dut_.out_ready_i = 1;
    dut_.clk_i = 0;
    dut_.eval();
    EXPECT_FALSE(dut_.busy_o || dut_.rd_valid_o || dut_.out_valid_o);
    Edge();
    dut_.start_i = 0;

    Writes writes;
    std::optional<uint32_t> wanted;  // address of the read under way
    unsigned wait = 0;               // cycles until its data
    bool data_stays = false;
    std::optional<uint32_t> stalled_read;  // address of a read without a grant
    std::optional<std::pair<uint32_t, uint8_t>> stalled_out;
    uint64_t cycles = 0;
    const uint64_t limit = 1000 + uint64_t{80} * command.rows * (command.depth + 8);
    for (; cycles < limit; ++cycles) {
      dut_.clk_i = 0;
      dut_.rd_ready_i = timing.read == 0 || Random(8) >= timing.read;
      dut_.out_ready_i = timing.out == 0 || Random(8) >= timing.out;
      dut_.rd_rvalid_i = wanted && wait == 0;
      if (dut_.rd_rvalid_i) {
        std::memcpy(&dut_.rd_data_i, &memory_[*wanted], kReadBytes);
        wanted.reset();
        data_stays = true;
      } else if (!data_stays) {
        Garbage();
      }
      if (wait > 0) --wait;
      dut_.clear_i = clear_after && cycles == *clear_after;
      dut_.eval();
      if (!dut_.busy_o) break;
      if (stalled_read) EXPECT_TRUE(dut_.rd_valid_o && dut_.rd_addr_o == *stalled_read);
      stalled_read.reset();
      if (dut_.rd_valid_o) {
        EXPECT_FALSE(wanted) << "a second read";
        if (dut_.rd_ready_i) {
          // Some byte of the row is in the vector.
          const uint32_t offset = dut_.rd_addr_o - command.in_base -
                                  static_cast<uint32_t>(writes.size() / 4) * command.in_step;
          EXPECT_LT(offset, command.depth);
          EXPECT_EQ(offset % kReadBytes, 0u);
          wanted = dut_.rd_addr_o;
          wait = timing.latency - 1 + Random(timing.more_latency + 1);
          data_stays = false;
        } else {
          stalled_read = dut_.rd_addr_o;
        }
      }
      const std::pair<uint32_t, uint8_t> out(dut_.out_addr_o, dut_.out_data_o);
      if (stalled_out) EXPECT_TRUE(dut_.out_valid_o && out == *stalled_out);
      stalled_out.reset();
      if (dut_.out_valid_o) {
        if (dut_.out_ready_i) {
          writes.push_back(out);
        } else {
          stalled_out = out;
        }
      }
      Edge();
      if (dut_.clear_i || HasFailure()) break;
    }
    if (dut_.clear_i) {
      dut_.clear_i = 0;
      EXPECT_LE(writes.size(), expected.size());
      EXPECT_TRUE(std::equal(writes.begin(), writes.end(), expected.begin()));
    } else {
      EXPECT_EQ(writes, expected) << command.rows << " rows of " << command.depth << " at "
                                  << command.in_base << (command.minimum ? " minimum" : "");
    }
    EXPECT_FALSE(dut_.busy_o);
    // The next command starts in the next cycle, or later.
    dut_.rd_rvalid_i = 0;
    dut_.depth_i = Random(1 << 24);
    dut_.minimum_i = Random(2);
    Garbage();
    for (uint32_t idle = Random(3); idle > 0; --idle) {
      dut_.clk_i = 0;
      dut_.eval();
      EXPECT_FALSE(dut_.busy_o || dut_.rd_valid_o || dut_.out_valid_o);
      Edge();
    }
    return cycles;
  }

  /// Values close together and far apart, with many equal ones.
  void FillRandom(uint32_t base, uint32_t bytes) {
    const int spread = 1 << Random(9);
    const int centre = static_cast<int>(Random(256)) - 128;
    for (uint32_t i = 0; i < bytes; ++i) {
      const int value = centre + static_cast<int>(Random(spread)) - spread / 2;
      memory_[base + i] = static_cast<uint8_t>(std::clamp(value, -128, 127));
    }
  }

  Timing RandomTiming() { return {Random(8), Random(8), 1 + Random(4), Random(4)}; }

  std::mt19937_64 random_{kReadBytes};
  Vdut dut_;
  std::vector<uint8_t> memory_;

 private:
  void Edge() {
    dut_.clk_i = 1;
    dut_.eval();
  }

  void Garbage() {
    uint64_t words[(kReadBytes + 7) / 8];
    for (uint64_t& word : words) word = random_();
    std::memcpy(&dut_.rd_data_i, words, kReadBytes);
  }
};

TEST_F(ArgmaxUnit, FindsTheFirstExtremeOfRandomRows) {
  for (int round = 0; round < 3000; ++round) {
    Command command;
    command.rows = 1 + Random(4);
    command.depth = 1 + Random(round % 4 == 0 ? 300 : 40);
    command.in_base = 0x100 + Random(70);
    command.in_step = command.depth + Random(9);
    command.out_base = 0x4000 + Random(70);
    command.out_step = 4 + Random(9);
    command.minimum = Random(2);
    FillRandom(command.in_base, command.rows * command.in_step + kReadBytes);
    Run(command, round % 3 == 0 ? Timing{} : RandomTiming());
    if (HasFailure()) return;
  }
}

TEST_F(ArgmaxUnit, FindsAnExtremeAnywhereInRowsAroundVectorLengths) {
  std::vector<uint32_t> depths = {1, 2, 3};
  for (uint32_t vectors : {1u, 2u, 3u}) {
    for (uint32_t around : {0u, 1u, 2u}) depths.push_back(vectors * kReadBytes + around - 1);
  }
  for (uint32_t depth : depths) {
    if (depth == 0) continue;
    for (bool minimum : {false, true}) {
      for (int other : {-128, -127, -1, 0, 1, 126, 127}) {
        const int extreme = minimum ? other - 1 : other + 1;
        const int beyond = minimum ? -128 : 127;  // would win, but is not in the row
        const uint32_t base = 0x100 + Random(64);
        const Command command = {1, depth, base, 0, 0x4000, 4, minimum};
        std::fill_n(&memory_[base - 80], 80 + depth + kReadBytes, static_cast<uint8_t>(beyond));
        std::fill_n(&memory_[base], depth, static_cast<uint8_t>(other));
        Run(command, {});  // all equal: the first
        if (extreme >= -128 && extreme <= 127) {
          for (uint32_t x = 0; x < depth; ++x) {
            memory_[base + x] = static_cast<uint8_t>(extreme);
            Run(command, {});
            if (x > 0) memory_[base + Random(x)] = static_cast<uint8_t>(extreme);
            Run(command, {});  // the first of two
            std::fill_n(&memory_[base], depth, static_cast<uint8_t>(other));
          }
        }
        if (HasFailure()) return;
      }
    }
  }
}

TEST_F(ArgmaxUnit, ReadsAndWritesRowsAnywhere) {
  for (int round = 0; round < 200; ++round) {
    Command command;
    command.rows = 1 + Random(5);
    command.depth = 1 + Random(60);
    command.minimum = Random(2);
    const uint32_t steps = std::max(command.rows - 1, 1u);
    command.in_step =
        round % 8 == 0 ? 0 : Random(std::min((kMemBytes - command.depth) / steps, 1u << 24));
    command.in_base = Random(kMemBytes - steps * command.in_step - command.depth + 1);
    command.out_step = 4 + Random(((1 << 24) - 4) / steps - 4);
    command.out_base = steps * command.out_step > (1 << 24) - 4
                           ? 0
                           : Random((1 << 24) - 4 - steps * command.out_step + 1);
    if (round % 8 == 1) {  // the last bytes that an address reaches
      command.in_base = kMemBytes - (command.rows - 1) * command.in_step - command.depth;
      command.out_base = (1 << 24) - (command.rows - 1) * command.out_step - 4;
    }
    for (uint32_t y = 0; y < command.rows; ++y) {
      FillRandom(command.in_base + y * command.in_step, command.depth);
    }
    Run(command, round % 3 == 0 ? Timing{} : RandomTiming());
    if (HasFailure()) return;
  }
}

TEST_F(ArgmaxUnit, CountsManyRows) {
  for (uint32_t rows : {255u, 256u, 257u, 0xffffu}) {
    const Command command = {rows, 2, 0x1000, 3, 0x800000, 5, rows % 2 == 0};
    FillRandom(command.in_base, rows * 3);
    Run(command, {0, 0, 1, 0});
  }
}

TEST_F(ArgmaxUnit, CountsLongRows) {
  for (uint32_t depth : {256u, 257u, 1000u, 0x10000u, 0x10001u, 0x123456u, 0xffffffu}) {
    for (bool first : {false, true}) {
      if (first && depth > 0x20000) continue;
      const Command command = {1, depth, 0x41, 0, 0x8003, 4, first};
      std::fill_n(&memory_[0x40], depth + 2, uint8_t{5});
      memory_[0x41 + (first ? depth / 2 : depth - 1)] = first ? 4 : 6;
      Run(command, {});
    }
  }
}

TEST_F(ArgmaxUnit, ForgetsACommandWhenCleared) {
  for (int round = 0; round < 300; ++round) {
    const Command cleared = {3, 1 + Random(3 * kReadBytes), 0x100, 200, 0x4000, 4, round % 2 == 0};
    const Command next = {1 + Random(2), 1 + Random(40), 0x900, 50, 0x6000, 6, Random(2) == 0};
    FillRandom(0x100, 800);
    FillRandom(0x900, 200);
    Run(cleared, RandomTiming(), static_cast<uint64_t>(round) / 2);
    Run(next, RandomTiming());
    if (HasFailure()) return;
  }
  // A row of the lowest values, after better ones.
  for (bool minimum : {false, true}) {
    std::fill_n(&memory_[0x100], 100, uint8_t{0});
    memory_[0x105] = minimum ? 0x80 : 0x7f;
    std::fill_n(&memory_[0x900], 20, minimum ? uint8_t{0x7f} : uint8_t{0x80});
    Run({1, 100, 0x100, 0, 0x4000, 4, minimum}, {}, 90);
    Run({1, 20, 0x900, 0, 0x4000, 4, minimum}, {});
  }
  // Every cycle of a command.
  for (uint64_t cycle = 0; cycle < 40; ++cycle) {
    FillRandom(0x100, 200);
    Run({2, kReadBytes > 4 ? 10u : 2 * kReadBytes + 1, 0x100, 30, 0x4000, 4, false}, {}, cycle);
    Run({2, 7, 0x123, 30, 0x5000, 4, true}, {});
    if (HasFailure()) return;
  }
}

TEST_F(ArgmaxUnit, NeedsOneCyclePerByteAndAFewPerVectorAndRow) {
  for (uint32_t depth : {1u, 10u, 16u, 1000u}) {
    for (unsigned latency : {1u, 2u, 3u}) {
      const uint32_t vectors = (depth + kReadBytes - 1) / kReadBytes;
      FillRandom(0x100, 3 * depth + kReadBytes);
      EXPECT_EQ(Run({3, depth, 0x100, depth, 0x4000, 4, false}, {0, 0, latency, 0}),
                3u * (depth + vectors * latency + 4));
    }
  }
}

}  // namespace

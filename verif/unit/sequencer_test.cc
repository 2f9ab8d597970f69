// SPDX-License-Identifier: Apache-2.0
// npu_sequencer with its walkers against the loops of docs/machine.md section 4, written out: every
// vector in its order, where it lies, which of its bytes count, and which sum it belongs to. Passes
// of bits and lanes that skip are the bench of npu_pe's.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <random>
#include <string_view>
#include <vector>

#include "verif/unit/bits.h"
#include "verif/unit/command_fields.h"
#include "verif/unit/module_bench.h"

namespace npugen {
namespace {

constexpr int64_t kMemory = PARAM_MemBytes;
constexpr int64_t kWord = PARAM_WordBytes;
constexpr int64_t kSimd = PARAM_Simd;
constexpr int64_t kWidth = PARAM_PostWidth;
constexpr int64_t kTile = PARAM_Accumulators;
constexpr uint32_t kPorts = PARAM_Ports;
constexpr int64_t kBanks = PARAM_Banks;
constexpr int64_t kDepth = kMemory / (kBanks * kWord);

/// Cycles after the start in which the first vectors are on their way to the queue.
constexpr int kAhead = 4;

constexpr uint32_t kOffsetBits = Log2(kWord);
constexpr uint32_t kByteBits = kOffsetBits + 1;
constexpr uint32_t kBankBits = Log2(kBanks);
constexpr uint32_t kRowBits = Log2(kDepth);

/// The bank of a word of PE memory (npu_bank_map).
int64_t BankOf(int64_t word) {
  const int64_t line = word / kBanks;
  const int64_t skew1 = kBanks == 2 ? 0 : kBanks == 4 ? 1 : kBanks == 8 ? 2 : 7;
  const int64_t skew2 = kBanks == 8 ? 3 : kBanks > 8 ? 9 : 0;
  const int64_t skew3 = kBanks == 4 ? 3 : 0;
  return (word + line * skew1 + line / kBanks * skew2 + line / kBanks / kBanks * skew3) % kBanks;
}

/// A vector that is fetched.
struct Fetch {
  int64_t address = 0;               // of byte 0
  std::vector<bool> counts;          // bytes inside the tensor
  int64_t place = 0;                 // gathered slices: where it goes
  uint32_t port = 0;                 // rows of a column take ports in turn
  bool first = false, last = false;  // of its position
  bool swap = false;                 // first one of a slice
  bool clear = false;
  int64_t half = 0, index = 0;

  bool inside() const { return std::find(counts.begin(), counts.end(), true) != counts.end(); }
};

/// A command's geometry: tensor of in_h rows, `pitch` bytes apart, at `base`.
struct Shape {
  Opcode opcode;
  int64_t base = 0, pitch = 0, row_bytes = 0, in_h = 0;
  int64_t out_w = 1, positions = 1, groups = 1, group_step = 0, group_channels = 1;
  int64_t x_start = 0, x_step = 0, y_start = 0, y_step = 0;
  int64_t k0 = 1, k1 = 1, k2 = 1, k1_step = 0, k2_y_step = 0;
  int64_t rows = 0, cols = 0, new_cols = 0, win_y_step = 0, col_step = 0, run = 0;
  int64_t b_base = 0, b_pitch = 0;

  bool array() const { return opcode == Opcode::kMatmul || opcode == Opcode::kWindow; }
  bool two() const { return opcode == Opcode::kAdd; }
  bool linear() const { return two() || opcode == Opcode::kLookup; }
};

class Sequencer : public ModuleBench {
 protected:
  Sequencer() : ModuleBench(PARAM_Simd + 100 * PARAM_Ports) { Reset(); }

  static Fetch Vector(const Shape& s, int64_t y, int64_t x, int64_t length) {
    Fetch fetch;
    fetch.address = s.base + y * s.pitch + x;
    for (int64_t i = 0; i < length; ++i) {
      fetch.counts.push_back((s.linear() || (y >= 0 && y < s.in_h)) && x + i >= 0 &&
                             x + i < s.row_bytes);
    }
    return fetch;
  }

  /// The columns of a window that are fetched for position `t`, which comes behind `before`
  /// (-1: a position whose operands are not in the lanes). `learnt`: the hardware has seen how rows
  /// of the group end.
  static int64_t FirstColumn(const Shape& s, int64_t t, int64_t before, int64_t group_x,
                             bool learnt) {
    if (before < 0) return 0;
    const int64_t ox = t % s.out_w;
    if (ox != 0) return s.cols - s.new_cols;
    if (!learnt) return 0;
    int64_t outside = 0;
    while (outside < s.cols - 1 &&
           s.x_start + group_x + outside * s.col_step + s.group_channels <= 0) {
      ++outside;
    }
    const int64_t last_x = s.x_start + group_x + before % s.out_w * s.x_step;
    const bool shared = last_x + (s.cols - outside) * s.col_step >= s.row_bytes;
    return s.k1 == 1 && shared ? outside : 0;
  }

  /// The vectors of one position in slice (k0, k1, k2), from column `first_column` on.
  static std::vector<Fetch> Position(const Shape& s, int64_t t, int64_t group_x, int64_t k0,
                                     int64_t k1, int64_t k2, int64_t first_column) {
    const int64_t ox = t % s.out_w, oy = t / s.out_w;
    const int64_t y = s.y_start + oy * s.y_step + k2 * s.k2_y_step;
    const int64_t x = s.x_start + group_x + ox * s.x_step + k1 * s.k1_step;
    std::vector<Fetch> fetches;
    if (s.linear()) {
      fetches.push_back(Vector(s, oy, ox * kWidth, kWidth));
      if (s.two()) {
        fetches.push_back(fetches[0]);
        fetches[1].address = s.b_base + oy * s.b_pitch + ox * kWidth;
      }
    } else if (s.opcode == Opcode::kMatmul && s.run == 0) {
      fetches.push_back(Vector(s, y, x + k0 * kSimd, kSimd));
    } else if (s.opcode == Opcode::kMatmul) {
      int64_t row = k0 * kSimd / s.run, skip = k0 * kSimd % s.run;
      for (int64_t place = 0; place < kSimd && row < s.rows; ++row, skip = 0) {
        Fetch fetch = Vector(s, s.y_start + oy * s.y_step + row * s.win_y_step, x + skip,
                             std::min(kSimd, s.run - skip));
        fetch.place = place;
        fetch.port = static_cast<uint32_t>(fetches.size()) % kPorts;
        place += static_cast<int64_t>(fetch.counts.size());
        fetches.push_back(fetch);
      }
    } else {
      for (int64_t c = first_column; c < s.cols; ++c) {
        for (int64_t r = 0; r < s.rows; ++r) {
          fetches.push_back(Vector(s, y + r * s.win_y_step, x + c * s.col_step, s.group_channels));
          if (s.opcode == Opcode::kWindow) fetches.back().port = static_cast<uint32_t>(r) % kPorts;
        }
      }
    }
    if (!fetches.empty()) {
      fetches.front().first = true;
      fetches.back().last = true;
    }
    return fetches;
  }

  /// All vectors of the command, in order.
  std::vector<Fetch> Expected(const Shape& s) {
    std::vector<Fetch> all;
    for (int64_t g = 0; g < s.groups; ++g) {
      int64_t before = -1;
      // Steps of the group so far, and which was the last one of its first row.
      int64_t steps = 0, row_end = -1;
      for (int64_t tile = 0; tile < s.positions; tile += s.array() ? kTile : s.positions) {
        const int64_t end = s.array() ? std::min(tile + kTile, s.positions) : s.positions;
        for (int64_t slice = 0; slice < s.k0 * s.k1 * s.k2; ++slice) {
          const int64_t k0 = slice % s.k0, k1 = slice / s.k0 % s.k1, k2 = slice / s.k0 / s.k1;
          if (s.k0 * s.k1 * s.k2 != 1 || s.opcode != Opcode::kWindow) before = -1;
          bool swap = s.array();
          for (int64_t t = tile; t < end; ++t) {
            // Three steps go by until it is known.
            const bool learnt = row_end >= 0 && steps - 1 >= row_end + 3;
            const int64_t from = s.opcode == Opcode::kWindow
                                     ? FirstColumn(s, t, before, g * s.group_step, learnt)
                                     : 0;
            steps += (s.cols - from) * ((s.rows + kPorts - 1) / kPorts);
            if (row_end < 0 && t % s.out_w == s.out_w - 1) row_end = steps - 1;
            for (Fetch& fetch : Position(s, t, g * s.group_step, k0, k1, k2, from)) {
              fetch.swap = swap;
              swap = false;
              fetch.clear = slice == 0;
              fetch.half = half_;
              fetch.index = t - tile;
              all.push_back(fetch);
            }
            before = t;
          }
        }
        if (s.array()) half_ ^= 1;
      }
    }
    return all;
  }

  void Load(const Shape& s) {
    Command command(s.opcode, FindOpcode(static_cast<uint8_t>(s.opcode))->most_entries, 0);
    if (s.linear()) {
      SetField(&command, "act_base", s.base);
      SetField(&command, "row_step", s.pitch);
      if (s.two()) SetField(&command, "b_base", s.b_base);
      if (s.two()) SetField(&command, "b_row_step", s.b_pitch);
    } else {
      SetField(&command, "act_base", s.base + s.y_start * s.pitch);
      SetField(&command, "row_step", s.y_step * s.pitch);
      SetField(&command, "x_start", s.x_start);
      SetField(&command, "x_step", s.x_step);
      SetField(&command, "y_start", s.y_start);
      SetField(&command, "y_step", s.y_step);
      SetField(&command, "in_h", s.in_h);
      SetField(&command, "groups", s.groups);
      SetField(&command, "group_channels", s.group_channels);
    }
    SetField(&command, "row_bytes", s.row_bytes);
    SetField(&command, "out_w", s.out_w);
    SetField(&command, "positions", s.positions);
    if (s.opcode != Opcode::kMatmul && !s.linear()) {
      SetField(&command, "group_step", s.group_step);
      SetField(&command, "win_new_cols", s.new_cols);
      SetField(&command, "win_col_step", s.col_step);
    }
    if (s.rows != 0) {
      SetField(&command, "win_rows", s.rows);
      SetField(&command, "win_cols", s.run != 0 ? kSimd / s.run : s.cols);
      SetField(&command, "win_y_step", s.win_y_step);
      SetField(&command, "win_row_step", s.win_y_step * s.pitch);
    }
    if (s.array()) {
      const int64_t y_step = s.run != 0 ? kSimd / s.run * s.win_y_step : s.k2_y_step;
      SetField(&command, "acc_init", 1);
      SetField(&command, "drain", 1);
      SetField(&command, "k0_count", s.k0);
      SetField(&command, "k1_count", s.k1);
      SetField(&command, "k2_count", s.k2);
      SetField(&command, "k1_step", s.run != 0 ? kSimd % s.run : s.k1_step);
      SetField(&command, "k2_y_step", y_step);
      SetField(&command, "k2_row_step", y_step * s.pitch);
      if (s.run != 0) SetField(&command, "run_bytes", s.run);
    }
    SetCommand(&dut_.cmd_i, command);
  }

  /// Runs the command and compares. PE memory and the others are ready in `ready` of 8 cycles.
  void Run(const Shape& s, uint64_t ready) {
    Load(s);
    const std::vector<Fetch> expected = Expected(s);
    const int64_t slices = s.groups * ((s.positions + kTile - 1) / kTile) * s.k0 * s.k1 * s.k2;
    const int64_t tiles = s.groups * ((s.positions + kTile - 1) / kTile);
    dut_.start_i = 1;
    Edge();
    dut_.start_i = 0;
    size_t next = 0;
    int64_t takes = 0, ends = 0;
    Reads reads;
    for (int cycle = 0; dut_.active_o || dut_.stage_valid_o; ++cycle) {
      ASSERT_LT(cycle, 500000);
      if (dut_.stage_valid_o) {
        // Vectors stand at the ports that they have in their step: the row of a window column says
        // which.
        const uint32_t ports = dut_.stage_ports_o;
        const auto count = static_cast<uint32_t>(std::popcount(ports));
        const auto first = static_cast<uint32_t>(std::countr_zero(ports));
        ASSERT_EQ(ports, ((1u << count) - 1) << first);
        ASSERT_GE(count, 1u);
        ASSERT_LE(next + count, expected.size());
        ASSERT_EQ(first, expected[next].port) << "vector " << next;
        ASSERT_EQ(dut_.stage_first_o != 0, expected[next].first) << "vector " << next;
        ASSERT_EQ(dut_.stage_last_o != 0, expected[next + count - 1].last) << "vector " << next;
        ASSERT_EQ(dut_.stage_swap_o != 0, expected[next].swap) << "vector " << next;
        for (uint32_t p = first; p < first + count; ++p, ++next) {
          Compare(s, expected[next], p, reads);
        }
        for (uint32_t p = 0; p < kPorts; ++p) {
          if ((ports >> p & 1) == 0) {
            ASSERT_EQ(reads.address[p], -1) << "port " << p;
          }
        }
      }
      dut_.read_ready_i = random_() % 8 < ready;
      dut_.slice_ready_i = random_() % 8 < ready;
      dut_.half_free_i = random_() % 8 < ready ? 3 : 0;
      dut_.result_ready_i = random_() % 8 < ready;
      dut_.eval();
      ASSERT_FALSE(dut_.error_o);
      reads = Asked();
      ASSERT_LE(dut_.slice_take_o, dut_.slice_ready_i);
      takes += dut_.slice_take_o;
      if (dut_.tile_end_o) {
        const int64_t tile = ends++ % ((s.positions + kTile - 1) / kTile);
        ASSERT_EQ(dut_.tile_size_o, std::min(kTile, s.positions - tile * kTile));
      }
      Edge();
    }
    EXPECT_EQ(next, expected.size());
    EXPECT_EQ(takes, s.array() ? slices : 0);
    EXPECT_EQ(ends, s.array() ? tiles : 0);
  }

  /// What is asked of PE memory: addresses, -1 where none is.
  struct Reads {
    int64_t address[kPorts];
    int64_t place[kPorts];  // that the first byte is turned to
  };
  /// Of this cycle. Banks and rows must belong to one word each, and those of all vectors together
  /// be what one access of every bank gives.
  Reads Asked() {
    Reads reads;
    std::fill(std::begin(reads.address), std::end(reads.address), -1);
    if (!dut_.read_valid_o) return reads;
    int64_t rows[kBanks];
    std::fill(std::begin(rows), std::end(rows), -1);
    const auto word = [&](const auto* banks, const auto* bank_rows, uint32_t p) {
      const auto bank = static_cast<int64_t>(GetBits(banks, kBankBits * p, kBankBits));
      const auto row = static_cast<int64_t>(GetBits(bank_rows, kRowBits * p, kRowBits));
      EXPECT_TRUE(rows[bank] < 0 || rows[bank] == row) << "two rows of a bank";
      rows[bank] = row;
      for (int64_t w = row * kBanks;; ++w) {
        if (BankOf(w) == bank) return w;
      }
    };
    for (uint32_t p = 0; p < kPorts; ++p) {
      if (!(dut_.read_inside_o >> p & 1)) continue;
      const int64_t first = word(&dut_.read_bank_o, &dut_.read_row_o, p);
      reads.address[p] = first * kWord + static_cast<int64_t>(GetBits(
                                             &dut_.read_offset_o, kOffsetBits * p, kOffsetBits));
      const uint64_t turn = GetBits(&dut_.read_turn_o, kOffsetBits * p, kOffsetBits);
      reads.place[p] = (reads.address[p] - static_cast<int64_t>(turn)) & (kWord - 1);
      if (!(dut_.read_two_o >> p & 1)) continue;
      const int64_t second = word(&dut_.read_bank2_o, &dut_.read_row2_o, p);
      EXPECT_EQ(second, (first + 1) % (kBanks * kDepth));
    }
    for (int64_t b = 0; b < kBanks; ++b) {
      EXPECT_EQ(dut_.read_mask_o >> b & 1, static_cast<uint32_t>(rows[b] >= 0)) << "bank " << b;
    }
    return reads;
  }

  void Compare(const Shape& s, const Fetch& want, uint32_t p, const Reads& reads) {
    ASSERT_EQ(reads.address[p], want.inside() ? want.address : -1);
    if (want.inside()) {
      ASSERT_EQ(reads.place[p], s.run != 0 ? want.place : 0);
    }
    const bool clip = dut_.stage_clip_o >> p & 1;
    const int64_t low = static_cast<int64_t>(GetBits(&dut_.stage_low_o, kByteBits * p, kByteBits));
    const int64_t high =
        static_cast<int64_t>(GetBits(&dut_.stage_high_o, kByteBits * p, kByteBits));
    for (int64_t i = 0; i < static_cast<int64_t>(want.counts.size()); ++i) {
      ASSERT_EQ(!clip || (i >= low && i < high), want.counts[static_cast<size_t>(i)])
          << "byte " << i;
    }
    if (s.run != 0) {
      ASSERT_TRUE(dut_.stage_gather_o >> p & 1);
      ASSERT_EQ(GetBits(&dut_.stage_place_o, kByteBits * p, kByteBits),
                static_cast<uint64_t>(want.place));
      ASSERT_EQ(GetBits(&dut_.stage_length_o, kByteBits * p, kByteBits), want.counts.size());
    }
    if (s.array()) {
      ASSERT_EQ(dut_.stage_clear_o != 0, want.clear);
      ASSERT_EQ(dut_.stage_half_o, want.half);
      ASSERT_EQ(dut_.stage_index_o, want.index);
    }
  }

  /// A tensor somewhere in memory.
  Shape Tensor(Opcode opcode) {
    Shape s;
    s.opcode = opcode;
    s.in_h = Uniform(1, 9);
    s.row_bytes = Uniform(1, 60);
    s.pitch = s.row_bytes + Uniform(0, 5);
    s.base = Uniform(0, kMemory - s.in_h * s.pitch - kWord);
    s.out_w = Uniform(1, 7);
    s.positions = Uniform(1, s.out_w * 6);
    s.y_start = Uniform(-2, 1);
    s.y_step = Uniform(1, 2);
    s.x_start = Uniform(-20, 5);
    s.x_step = Uniform(1, 12);
    return s;
  }

  int64_t half_ = 0;
};

TEST_F(Sequencer, SlicesOfAMatrixProduct) {
  for (int round = 0; round < 150 && !HasFailure(); ++round) {
    Shape s = Tensor(Opcode::kMatmul);
    s.k0 = Uniform(1, 3);
    s.k1 = Uniform(1, 3);
    s.k2 = Uniform(1, 3);
    s.k1_step = Uniform(0, 9);
    s.k2_y_step = Uniform(1, 2);
    s.groups = Uniform(1, 3);
    Run(s, static_cast<uint64_t>(Uniform(2, 8)));
  }
}

TEST_F(Sequencer, SlicesGatheredFromKernelRows) {
  for (int round = 0; round < 150 && !HasFailure(); ++round) {
    Shape s = Tensor(Opcode::kMatmul);
    s.rows = Uniform(1, 8);
    s.win_y_step = Uniform(1, 2);
    // A slice spans four rows at most.
    s.run = Uniform((kSimd + 2) / 3, 3 * kSimd);
    s.k0 = (s.rows * s.run + kSimd - 1) / kSimd;
    s.groups = Uniform(1, 2);
    Run(s, static_cast<uint64_t>(Uniform(2, 8)));
  }
}

TEST_F(Sequencer, WindowsSlide) {
  for (int round = 0; round < 300 && !HasFailure(); ++round) {
    Shape s = Tensor(Opcode::kWindow);
    s.rows = Uniform(1, std::min<int64_t>(kSimd / kPorts * kPorts, 5));
    const int64_t group = s.rows == 1 ? 1 : kPorts;
    s.cols = Uniform(1, kSimd / ((s.rows + group - 1) / group * group));
    s.col_step = Uniform(1, 6);
    s.new_cols = Uniform(1, s.cols);
    if (s.new_cols != s.cols) s.x_step = s.new_cols * s.col_step;
    // The second position of a row has no column on the row's left.
    s.x_start = -Uniform(0, s.x_step);
    s.group_channels = Uniform(1, std::min<int64_t>(kWord, s.col_step));
    s.win_y_step = Uniform(1, 2);
    s.k1 = Uniform(1, 2);
    s.k2 = Uniform(1, 2);
    s.k1_step = s.cols * s.col_step;
    s.k2_y_step = s.rows * s.win_y_step;
    Run(s, static_cast<uint64_t>(Uniform(2, 8)));
  }
}

TEST_F(Sequencer, WindowsOfPoolingAreFetchedWhole) {
  for (int round = 0; round < 100 && !HasFailure(); ++round) {
    Shape s = Tensor(Opcode::kMaxPool);
    s.rows = Uniform(1, 4);
    s.cols = s.new_cols = Uniform(1, 4);
    s.col_step = Uniform(1, 6);
    s.win_y_step = Uniform(1, 2);
    s.group_channels = Uniform(1, kWidth);
    s.groups = Uniform(1, 3);
    s.group_step = s.group_channels;
    Run(s, static_cast<uint64_t>(Uniform(2, 8)));
  }
}

TEST_F(Sequencer, VectorsInRows) {
  for (const Opcode opcode : {Opcode::kAdd, Opcode::kLookup}) {
    for (int round = 0; round < 50 && !HasFailure(); ++round) {
      Shape s = Tensor(opcode);
      s.out_w = (s.row_bytes + kWidth - 1) / kWidth;
      s.positions = s.out_w * s.in_h;
      s.b_pitch = s.row_bytes;
      s.b_base = Uniform(0, kMemory - s.in_h * s.b_pitch);
      Run(s, static_cast<uint64_t>(Uniform(2, 8)));
    }
  }
}

TEST_F(Sequencer, AVectorTakesOneCycle) {
  Shape s = Tensor(Opcode::kMatmul);
  s.out_w = s.positions = 40;
  s.x_step = 1;
  s.k0 = 3;
  Load(s);
  dut_.start_i = 1;
  Edge();
  dut_.start_i = 0;
  dut_.read_ready_i = 1;
  dut_.slice_ready_i = dut_.result_ready_i = 1;
  dut_.half_free_i = 3;
  dut_.eval();
  for (int cycle = 0; cycle < kAhead; ++cycle) {
    ASSERT_FALSE(dut_.read_valid_o);
    Edge();
  }
  int64_t cycles = 0;
  for (; dut_.active_o; ++cycles) {
    ASSERT_EQ(dut_.cause_o, 1u) << "a cycle is not spent on products (CauseCompute)";
    ASSERT_LT(cycles, 200);
    Edge();
  }
  EXPECT_EQ(cycles, 40 * 3);
}

TEST_F(Sequencer, AByteOutsideMemoryIsAnError) {
  for (const int64_t beyond : {0, 1}) {
    Shape s = Tensor(Opcode::kLookup);
    s.row_bytes = s.pitch = kWidth;
    s.out_w = s.in_h = s.positions = 1;
    s.base = kMemory - kWidth + beyond;
    Load(s);
    dut_.start_i = 1;
    Edge();
    dut_.start_i = 0;
    dut_.result_ready_i = 1;
    dut_.read_ready_i = 1;
    dut_.eval();
    for (int cycle = 0; cycle < kAhead; ++cycle) {
      ASSERT_FALSE(dut_.error_o);
      Edge();
    }
    EXPECT_EQ(dut_.error_o, beyond);
    if (beyond != 0) {
      EXPECT_EQ(dut_.error_address_o, kMemory);
      EXPECT_EQ(dut_.read_valid_o, 0u);
    }
    Edge();
    EXPECT_FALSE(dut_.active_o);
    EXPECT_EQ(dut_.stage_valid_o, beyond == 0);
    Edge();
  }
}

}  // namespace
}  // namespace npugen

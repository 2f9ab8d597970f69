// SPDX-License-Identifier: Apache-2.0
// npu_results against docs/machine.md sections 4.3 to 4.5: what is written where, that results let
// in never outnumber the writes that PE memory can hold, and writes outside memory.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <random>
#include <string_view>
#include <vector>

#include "verif/unit/bits.h"
#include "verif/unit/command_fields.h"
#include "verif/unit/module_bench.h"

namespace npugen {
namespace {

constexpr int64_t kMemory = PARAM_MemBytes;
constexpr int64_t kWidth = PARAM_PostWidth;
constexpr int64_t kLanes = PARAM_PeLanes;
constexpr int kDepth = PARAM_WriteDepth;

class Results : public ModuleBench {
 protected:
  Results() : ModuleBench(PARAM_PostWidth + 100 * PARAM_PeLanes) { Reset(); }

  void Start(const Command& command) {
    SetCommand(&dut_.cmd_i, command);
    dut_.write_done_i = 0;
    dut_.running_i = 0;
    Edge();
    written_.clear();
    dut_.running_i = 1;
    dut_.start_i = 1;
    Edge();
    dut_.start_i = 0;
  }

  /// The side of PE memory: takes writes while its buffer has room, and writes one in `drains` of 8
  /// cycles. Call when the inputs of the cycle stand; ends the cycle.
  void Cycle(uint64_t drains) {
    dut_.write_ready_i = waiting_ < kDepth;
    dut_.write_done_i = waiting_ > 0 && random_() % 8 < drains;
    dut_.eval();
    waiting_ -= dut_.write_done_i;
    if (dut_.write_valid_o && (dut_.write_ready_i || !unit_)) {
      ASSERT_TRUE(dut_.write_ready_i) << "a result comes that has no room";
      ++waiting_;
      for (int64_t byte = 0; byte < kWidth; ++byte) {
        if (!(dut_.write_strb_o >> byte & 1)) continue;
        const int64_t at = dut_.write_addr_o + byte;
        ASSERT_LT(at, kMemory);
        ASSERT_EQ(written_.count(at), 0u);
        written_[at] =
            static_cast<uint8_t>(GetBits(&dut_.write_data_o, 8 * static_cast<unsigned>(byte), 8));
      }
    }
    Edge();
  }

  void Finish(uint64_t drains) {
    for (int i = 0; dut_.busy_o || waiting_ > 0; ++i) {
      ASSERT_LT(i, 2000);
      Cycle(drains);
    }
  }

  std::map<int64_t, uint8_t> written_;
  int waiting_ = 0;    // writes in front of PE memory
  bool unit_ = false;  // writes come from outside and can be refused
};

/// Sums of a MATMUL of `positions` in rows of out_w, `channels` in groups of all lanes; each result
/// is sum + bias + zero point (multiplier 1), or with `thresholds` a code.
TEST_F(Results, SumsBecomeBytesOrCodes) {
  for (int round = 0; round < 80 && !HasFailure(); ++round) {
    const int64_t thresholds = round % 4 == 0 ? 1 : round % 4 == 1 ? 3 : 0;
    const int64_t out_w = Uniform(1, 5), positions = Uniform(1, 3 * out_w);
    const int64_t groups = Uniform(1, 3), channels = (groups - 1) * kLanes + Uniform(1, kLanes);
    const int64_t zero_point = Uniform(-128, 127), base = Uniform(0, 99);
    const int64_t plane = 2000;  // bytes from plane to plane
    Command command(Opcode::kMatmul,
                    FindOpcode(static_cast<uint8_t>(Opcode::kMatmul))->most_entries, 0);
    SetField(&command, "out_w", out_w);
    SetField(&command, "positions", positions);
    SetField(&command, "groups", groups);
    SetField(&command, "channels", channels);
    SetField(&command, "group_channels", kLanes);
    SetField(&command, "out_base", base);
    SetField(&command, "out_x_step", channels);
    SetField(&command, "out_row_step", out_w * channels);
    SetField(&command, "out_group_step", kLanes);
    SetField(&command, "out_zero_point", zero_point);
    SetField(&command, "act_min", -128);
    SetField(&command, "act_max", 127);
    if (thresholds != 0) SetField(&command, "thresholds", thresholds);
    if (thresholds == 3) SetField(&command, "out_plane_step", plane);
    Start(command);
    const uint64_t drains = static_cast<uint64_t>(Uniform(1, 8));
    std::map<int64_t, uint8_t> expected;
    bool room = false;
    for (int64_t g = 0; g < groups; ++g) {
      const int64_t left = std::min(kLanes, channels - g * kLanes);
      for (int64_t t = 0; t < positions; ++t) {
        for (int64_t first = 0; first < left; first += kWidth) {
          // The drain issues when there is room, a cycle before its sums come.
          while (!room || random_() % 4 == 0) {
            dut_.sums_valid_i = 0;
            dut_.eval();
            room = dut_.sums_room_o;
            Cycle(drains);
            ASSERT_FALSE(HasFatalFailure());
          }
          dut_.sums_valid_i = 1;
          dut_.sums_chunk_i = static_cast<uint32_t>(first / kWidth);
          dut_.sums_last_i = first + kWidth >= left;
          dut_.sums_strb_i =
              static_cast<uint32_t>((uint64_t{1} << std::min(kWidth, left - first)) - 1);
          for (int64_t lane = 0; lane < kWidth; ++lane) {
            const auto at = static_cast<unsigned>(lane);
            const int64_t sum = Uniform(-200, 200), bias = Uniform(-100, 100);
            const int64_t second = Uniform(0, 100), third = second + Uniform(0, 100);
            const bool flip = random_() & 1;
            SetBits(&dut_.sums_i, 32 * at, 32, static_cast<uint32_t>(sum));
            SetBits(&dut_.records_i, 72 * at, 32, static_cast<uint32_t>(bias));
            if (thresholds == 0) {
              SetBits(&dut_.records_i, 72 * at + 32, 31, 0x40000000);
              SetBits(&dut_.records_i, 72 * at + 64, 8, 1);
            } else {
              SetBits(&dut_.records_i, 72 * at + 32, 19, static_cast<uint64_t>(second));
              SetBits(&dut_.records_i, 72 * at + 51, 20, static_cast<uint64_t>(third));
              SetBits(&dut_.records_i, 72 * at + 71, 1, flip);
            }
            if (first + lane >= left) continue;
            const int64_t to = base + g * kLanes + t / out_w * out_w * channels +
                               t % out_w * channels + first + lane;
            const int64_t v = sum + bias;
            if (thresholds == 0) {
              expected[to] = static_cast<uint8_t>(std::clamp<int64_t>(v + zero_point, -128, 127));
              continue;
            }
            int64_t code = v >= 0;
            if (thresholds == 3) code += (v >= second) + (v >= third);
            if (flip) code = thresholds - code;
            expected[to] = static_cast<uint8_t>(thresholds == 3 ? code >> 1 : code);
            if (thresholds == 3) expected[to + plane] = code & 1;
          }
          dut_.eval();
          room = dut_.sums_room_o;
          Cycle(drains);
          ASSERT_FALSE(HasFatalFailure());
          dut_.sums_valid_i = 0;
        }
      }
    }
    Finish(drains);
    EXPECT_EQ(written_, expected) << "thresholds " << thresholds;
  }
}

/// Vectors of MAXIMUM, the larger one of two, in rows.
TEST_F(Results, VectorsAreClampedAndWrittenInRows) {
  for (int round = 0; round < 40 && !HasFailure(); ++round) {
    const int64_t row_bytes = Uniform(1, 3 * kWidth), rows = Uniform(1, 5);
    const int64_t out_w = (row_bytes + kWidth - 1) / kWidth, base = Uniform(0, 99);
    const int64_t low = Uniform(-128, 0), high = Uniform(0, 127);
    Command command(Opcode::kMaximum,
                    FindOpcode(static_cast<uint8_t>(Opcode::kMaximum))->most_entries, 0);
    SetField(&command, "out_w", out_w);
    SetField(&command, "positions", out_w * rows);
    SetField(&command, "out_base", base);
    SetField(&command, "out_row_step", row_bytes);
    SetField(&command, "act_min", low);
    SetField(&command, "act_max", high);
    Start(command);
    const uint64_t drains = static_cast<uint64_t>(Uniform(1, 8));
    std::map<int64_t, uint8_t> expected;
    for (int64_t t = 0; t < out_w * rows; ++t) {
      const int64_t bytes = std::min(kWidth, row_bytes - t % out_w * kWidth);
      int8_t a[kWidth], b[kWidth];
      for (int64_t i = 0; i < kWidth; ++i) {
        a[i] = static_cast<int8_t>(random_());
        b[i] = static_cast<int8_t>(random_());
        const int64_t to = base + t / out_w * row_bytes + t % out_w * kWidth + i;
        if (i < bytes) {
          expected[to] = static_cast<uint8_t>(std::clamp<int64_t>(std::max(a[i], b[i]), low, high));
        }
      }
      const auto deliver = [&](const int8_t* vector, bool first) {
        bool granted = false;
        while (!granted) {
          dut_.vector_valid_i = 0;
          dut_.eval();
          granted = random_() % 4 != 0 && (first || dut_.vector_ready_o);
          Cycle(drains);
        }
        dut_.vector_valid_i = 1;
        dut_.vector_first_i = first;
        dut_.vector_last_i = !first;
        dut_.vector_high_i = static_cast<uint32_t>(bytes);
        SetBytes(&dut_.vector_i, vector, kWidth);
        Cycle(drains);
        dut_.vector_valid_i = 0;
      };
      deliver(a, true);
      deliver(b, false);
      ASSERT_FALSE(HasFatalFailure());
    }
    Finish(drains);
    EXPECT_EQ(written_, expected);
  }
}

TEST_F(Results, VectorsOfLookupGoOutAndWritesOfUnitsComeIn) {
  Command command(Opcode::kLookup, FindOpcode(static_cast<uint8_t>(Opcode::kLookup))->most_entries,
                  0);
  SetField(&command, "out_w", 4);
  SetField(&command, "positions", 4);
  SetField(&command, "out_base", 40);
  Start(command);
  unit_ = true;
  for (uint32_t t = 0; t < 4; ++t) {
    uint8_t vector[kWidth];
    for (uint8_t& byte : vector) byte = static_cast<uint8_t>(random_());
    dut_.vector_valid_i = dut_.vector_first_i = dut_.vector_last_i = 1;
    dut_.vector_high_i = kWidth;
    SetBytes(&dut_.vector_i, vector, kWidth);
    Cycle(8);
    dut_.vector_valid_i = 0;
    dut_.lookup_ready_i = 0;
    Cycle(8);
    ASSERT_TRUE(dut_.lookup_valid_o);
    ASSERT_FALSE(dut_.vector_ready_o);
    uint8_t data[kWidth];
    GetBytes(&dut_.lookup_data_o, data, kWidth);
    EXPECT_TRUE(std::equal(data, data + kWidth, vector));
    EXPECT_EQ(dut_.lookup_addr_o, 40 + t * kWidth);
    dut_.lookup_ready_i = 1;
    Cycle(8);
    EXPECT_FALSE(dut_.lookup_valid_o);
    EXPECT_FALSE(dut_.busy_o);
  }
  // More writes than fit: the unit waits.
  for (int sent = 0; sent < 3 * kDepth;) {
    dut_.unit_valid_i = 1;
    dut_.unit_addr_i = static_cast<uint32_t>(sent * kWidth);
    dut_.unit_strb_i = 1;
    SetBits(&dut_.unit_data_i, 0, 8, static_cast<uint64_t>(sent));
    dut_.write_ready_i = waiting_ < kDepth;
    dut_.eval();
    const bool taken = dut_.unit_ready_o;
    Cycle(1);
    sent += taken;
  }
  dut_.unit_valid_i = 0;
  EXPECT_EQ(written_.size(), 3u * kDepth);
  EXPECT_EQ(written_[5 * kWidth], 5);
}

TEST_F(Results, AWriteOutsideMemoryIsAnError) {
  Command command(Opcode::kLookup, FindOpcode(static_cast<uint8_t>(Opcode::kLookup))->most_entries,
                  0);
  Start(command);
  dut_.unit_valid_i = 1;
  dut_.write_ready_i = 1;
  for (int round = 0; round < 500; ++round) {
    dut_.unit_addr_i = static_cast<uint32_t>(kMemory + Uniform(-2 * kWidth, 2 * kWidth));
    dut_.unit_strb_i = static_cast<uint32_t>(random_() & random_() & ((uint64_t{1} << kWidth) - 1));
    dut_.eval();
    bool outside = false;
    for (int64_t i = 0; i < kWidth; ++i) {
      outside = outside || ((dut_.unit_strb_i >> i & 1) && dut_.unit_addr_i + i >= kMemory);
    }
    EXPECT_EQ(dut_.error_o, outside);
    EXPECT_EQ(dut_.write_valid_o, !outside);
    EXPECT_EQ(dut_.write_addr_o, dut_.unit_addr_i);
  }
}

}  // namespace
}  // namespace npugen

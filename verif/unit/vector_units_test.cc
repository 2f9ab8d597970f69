// SPDX-License-Identifier: Apache-2.0
// npu_vector_units: tables out of core memory, LOOKUP and ARGMAX from reads to writes, SOFTMAX's
// way to its table and out, and the bounds of rows. What softmax computes is softmax_test.cc's.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <map>
#include <random>
#include <vector>

#include "generator/arch/command_set.h"
#include "verif/unit/bits.h"
#include "verif/unit/module_bench.h"

namespace npugen {
namespace {

constexpr uint32_t kMemory = PARAM_MemBytes;
constexpr uint32_t kWord = PARAM_WordBytes;
constexpr uint32_t kWidth = PARAM_PostWidth;
constexpr uint32_t kRowBytes = PARAM_RowBytes;
constexpr uint32_t kRows = PARAM_Rows;

class VectorUnits : public ModuleBench {
 protected:
  VectorUnits()
      : ModuleBench(kWord + 100 * kWidth + 10000 * kRowBytes),
        memory_(kMemory + kWord),
        core_(kRows * kRowBytes) {
    for (uint8_t& byte : memory_) byte = static_cast<uint8_t>(random_());
    for (uint8_t& byte : core_) byte = static_cast<uint8_t>(random_());
    Reset();
  }

  /// One cycle in which memories, the row port and the writer answer in `ready` of 8 cycles.
  void Cycle(unsigned ready) {
    // Data of what was granted in the cycle before; a row of core memory stands until the next one.
    std::vector<uint8_t> data(kWord);
    for (uint8_t& byte : data) byte = static_cast<uint8_t>(random_());
    if (read_) std::copy_n(memory_.begin() + read_address_, kWord, data.begin());
    // A read that was taken is granted in the next cycle or later; another one may be taken then.
    read_ = waits_ && random_() % 8 < ready;
    read_address_ = wait_address_;
    dut_.read_granted_i = read_;
    SetBytes(&dut_.read_data_i, data.data(), kWord);
    SetBytes(&dut_.table_data_i, &core_[row_ * kRowBytes], kRowBytes);
    dut_.table_ready_i = random_() % 8 < ready;
    dut_.read_ready_i = !waits_ || read_;
    dut_.write_ready_i = random_() % 8 < ready;
    dut_.eval();
    if (dut_.table_valid_o && dut_.table_ready_i && !dut_.table_error_o) row_ = dut_.table_row_o;
    waits_ = dut_.read_valid_o || (waits_ && !read_);
    if (dut_.read_valid_o && dut_.read_ready_i) {
      wait_address_ = dut_.read_addr_o;
      ASSERT_LT(wait_address_, kMemory);
    }
    if (dut_.write_valid_o && dut_.write_ready_i) {
      for (uint32_t byte = 0; byte < kWidth; ++byte) {
        if (!(dut_.write_strb_o >> byte & 1)) continue;
        ASSERT_EQ(written_.count(dut_.write_addr_o + byte), 0u) << "a byte is written twice";
        written_[dut_.write_addr_o + byte] =
            static_cast<uint8_t>(GetBits(&dut_.write_data_o, 8 * byte, 8));
      }
    }
  }

  /// A field of the command.
  void Set(const CommandField& field, int64_t value) {
    SetBits(&dut_.cmd_i, 32u * field.word + field.lsb, field.width,
            static_cast<uint64_t>(value) & ((uint64_t{1} << field.width) - 1));
  }

  void Start(Opcode opcode) {
    written_.clear();
    Set(header::opcode, static_cast<int64_t>(opcode));
    dut_.running_i = 1;
    dut_.start_i = 1;
    Cycle(8);
    Edge();
    dut_.start_i = 0;
  }

  std::vector<uint8_t> memory_, core_;
  std::map<uint32_t, uint8_t> written_;
  bool read_ = false, waits_ = false;  // granted in the cycle before; taken and not granted
  uint32_t read_address_ = 0, wait_address_ = 0, row_ = 0;
};

TEST_F(VectorUnits, LookupLoadsItsTableAndReplacesBytes) {
  for (int round = 0; round < 10 && !HasFailure(); ++round) {
    const uint32_t table_rows = (256 + kRowBytes - 1) / kRowBytes;
    const uint32_t base = Uniform(0, kRows - table_rows);
    const unsigned ready = Uniform(1, 8);
    Set(compute::b_base, base);
    Start(Opcode::kLookup);
    dut_.load_table_i = 1;
    int cycles = 0;
    for (dut_.eval(); !dut_.table_done_o; ++cycles) {
      ASSERT_LT(cycles, 20000);
      Cycle(ready);
      ASSERT_FALSE(dut_.table_error_o);
      Edge();
    }
    // A byte a cycle, and one cycle more for each row.
    if (ready == 8) EXPECT_EQ(cycles, 256 + static_cast<int>(table_rows));
    dut_.load_table_i = 0;
    std::map<uint32_t, uint8_t> expected;
    uint32_t address = 0;
    for (int sent = 0; sent < 50;) {
      if (dut_.lookup_valid_i == 0 && random_() % 2 == 0) {
        dut_.lookup_valid_i = 1;
        dut_.lookup_addr_i = address;
        dut_.lookup_strb_i = static_cast<uint32_t>(random_() & ((uint64_t{1} << kWidth) - 1));
        for (uint32_t byte = 0; byte < kWidth; ++byte) {
          const uint8_t index = static_cast<uint8_t>(random_());
          SetBits(&dut_.lookup_data_i, 8 * byte, 8, index);
          if (dut_.lookup_strb_i >> byte & 1) {
            expected[address + byte] = core_[base * kRowBytes + index];
          }
        }
        address += kWidth;
      }
      Cycle(ready);
      const bool taken = dut_.lookup_valid_i && dut_.lookup_ready_o;
      Edge();
      if (taken) {
        dut_.lookup_valid_i = 0;
        ++sent;
      }
    }
    for (int i = 0; dut_.lookup_busy_o; ++i) {
      ASSERT_LT(i, 2000);
      Cycle(ready);
      Edge();
    }
    EXPECT_EQ(written_, expected);
    dut_.running_i = 0;
    Edge();
  }
}

TEST_F(VectorUnits, ArgmaxWritesFourBytesForEachRow) {
  for (int round = 0; round < 40 && !HasFailure(); ++round) {
    const uint32_t rows = Uniform(1, 4), depth = Uniform(1, 40), step = depth + Uniform(0, 9);
    const uint32_t in = Uniform(0, kMemory - rows * step), out = Uniform(0, 1000);
    const bool minimum = random_() & 1;
    Set(compute::minimum, minimum);
    Set(compute::out_h, rows);
    Set(compute::row_bytes, depth);
    Set(compute::act_base, in);
    Set(compute::row_step, step);
    Set(compute::out_base, out);
    Set(compute::out_row_step, 4);
    Start(Opcode::kArgMax);
    const unsigned ready = Uniform(1, 8);
    for (int i = 0; dut_.rows_busy_o; ++i) {
      ASSERT_LT(i, 20000);
      Cycle(ready);
      ASSERT_FALSE(dut_.rows_error_o);
      Edge();
    }
    std::map<uint32_t, uint8_t> expected;
    for (uint32_t y = 0; y < rows; ++y) {
      uint32_t best = 0;
      for (uint32_t x = 1; x < depth; ++x) {
        const auto value = static_cast<int8_t>(memory_[in + y * step + x]);
        const auto largest = static_cast<int8_t>(memory_[in + y * step + best]);
        if (minimum ? value < largest : value > largest) best = x;
      }
      for (uint32_t i = 0; i < 4; ++i) {
        expected[out + 4 * y + i] = static_cast<uint8_t>(best >> 8 * i);
      }
    }
    EXPECT_EQ(written_, expected);
    dut_.running_i = 0;
    Edge();
  }
}

TEST_F(VectorUnits, SoftmaxOfEqualBytesReadsTheFirstWordOfItsTable) {
  // All bytes equal: every index is 0, the terms are the table's first word, so n of them give
  // 1/n: 256/n - 128.
  const uint32_t base = Uniform(0, kRows - (1024 + kRowBytes - 1) / kRowBytes);
  const uint32_t one = 0x7fffffff;
  std::memcpy(&core_[base * kRowBytes], &one, 4);
  std::fill_n(memory_.begin() + 100, 64, uint8_t{7});
  Set(compute::b_base, base);
  Set(compute::out_h, 2);
  Set(compute::row_bytes, 16);
  Set(compute::act_base, 100);
  Set(compute::row_step, 20);
  Set(compute::out_base, 500);
  Set(compute::out_row_step, 16);
  Start(Opcode::kSoftmax);
  for (int i = 0; dut_.rows_busy_o; ++i) {
    ASSERT_LT(i, 20000);
    Cycle(5);
    if (dut_.table_valid_o) EXPECT_EQ(dut_.table_row_o, base);
    Edge();
  }
  ASSERT_EQ(written_.size(), 32u);
  for (const auto& [address, byte] : written_) {
    EXPECT_GE(address, 500u);
    EXPECT_LT(address, 532u);
    EXPECT_EQ(static_cast<int8_t>(byte), 256 / 16 - 128);
  }
}

TEST_F(VectorUnits, RowsOutsideMemoriesAreErrors) {
  Set(compute::out_h, 1);
  Set(compute::row_bytes, 20);
  Set(compute::row_step, 0);
  for (const bool outside : {false, true}) {
    for (const Opcode opcode : {Opcode::kSoftmax, Opcode::kArgMax}) {
      Set(compute::act_base, kMemory - 20 + outside);
      Start(opcode);
      bool error = false;
      for (int i = 0; i < 5; ++i) {
        dut_.read_ready_i = 0;
        dut_.eval();
        error = error || dut_.rows_error_o;
        if (dut_.rows_error_o) {
          EXPECT_FALSE(dut_.read_valid_o);
          EXPECT_EQ(dut_.error_addr_o, kMemory - 20 + outside);
        }
        Edge();
      }
      EXPECT_EQ(error, outside);
      dut_.clear_i = 1;
      Edge();
      dut_.clear_i = 0;
      dut_.running_i = 0;
      Edge();
    }
  }
  Set(compute::b_base, kRows);
  Start(Opcode::kLookup);
  dut_.load_table_i = 1;
  dut_.eval();
  EXPECT_TRUE(dut_.table_error_o);
  EXPECT_EQ(dut_.table_row_o, kRows);
}

}  // namespace
}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// npu_operands against docs/machine.md section 4.1: bytes outside the tensor are `fill`, and a
// gathered operand is its kernel rows one behind the other.
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <random>

#include "generator/arch/command_set.h"
#include "verif/unit/bits.h"
#include "verif/unit/module_bench.h"

namespace npugen {
namespace {

constexpr uint32_t kWord = PARAM_WordBytes;
constexpr uint32_t kSimd = PARAM_Simd;
constexpr uint32_t kPorts = PARAM_Ports;

constexpr uint32_t kByteBits = Log2(kWord) + 1;

class Operands : public ModuleBench {
 protected:
  Operands() : ModuleBench(PARAM_Simd + 100 * PARAM_Ports) { Reset(); }

  /// `count` random vectors of which each has `length` bytes that count; returns them with fill.
  std::array<std::array<uint8_t, kWord>, kPorts> Vectors(uint32_t count, uint32_t length) {
    std::array<std::array<uint8_t, kWord>, kPorts> vectors = {};
    uint32_t clip = 0;
    fill_ = static_cast<uint8_t>(random_());
    for (uint32_t p = 0; p < kPorts; ++p) {
      const bool inside = random_() % 2 != 0;
      const uint32_t low = inside ? 0 : Uniform(0, length);
      const uint32_t high = inside ? length : Uniform(0, length);
      if (!inside) clip |= 1u << p;
      SetBits(&dut_.low_i, kByteBits * p, kByteBits, low);
      SetBits(&dut_.high_i, kByteBits * p, kByteBits, high);
      for (uint32_t byte = 0; byte < kWord; ++byte) {
        const uint8_t read = static_cast<uint8_t>(random_());
        read_[p][byte] = read;
        SetBits(&dut_.data_i, 8 * (kWord * p + byte), 8, read);
        const bool keep = p >= count || inside || (byte >= low && byte < high);
        vectors[p][byte] = keep ? read : fill_;
      }
    }
    dut_.fill_i = fill_;
    dut_.clip_i = clip;
    dut_.ports_i = (1u << count) - 1;
    return vectors;
  }

  void Expect(const std::array<std::array<uint8_t, kWord>, kPorts>& vectors, uint32_t count,
              uint32_t length) {
    for (uint32_t p = 0; p < count; ++p) {
      for (uint32_t byte = 0; byte < length; ++byte) {
        ASSERT_EQ(GetBits(&dut_.vectors_o, 8 * (kWord * p + byte), 8), vectors[p][byte])
            << "byte " << byte << " of vector " << p;
      }
    }
  }

  /// The cycle of a position's last vector: flags that come back with the fire a cycle later.
  void Fire() {
    const uint32_t clear = random_() & 1, digit = random_() & 1, half = random_() & 1;
    const uint32_t index = Uniform(0, PARAM_Accumulators - 1);
    dut_.clear_sum_i = clear;
    dut_.digit_i = digit;
    dut_.half_i = half;
    dut_.index_i = index;
    dut_.last_i = 1;
    dut_.eval();
    EXPECT_TRUE(dut_.sum_read_o);
    EXPECT_FALSE(dut_.fire_o);
    Edge();
    dut_.valid_i = 0;
    dut_.last_i = 0;
    dut_.clear_sum_i = !clear;
    dut_.eval();
    EXPECT_TRUE(dut_.fire_o);
    EXPECT_EQ(dut_.fire_clear_o, clear);
    EXPECT_EQ(dut_.fire_digit_o, digit);
    EXPECT_EQ(dut_.fire_half_o, half);
    EXPECT_EQ(dut_.fire_index_o, index);
    EXPECT_FALSE(dut_.load_o || dut_.shift_o || dut_.swap_o || dut_.sum_read_o);
    Edge();
    EXPECT_FALSE(dut_.fire_o);
  }

  /// Turns vector p as PE memory does for a place in a gathered operand.
  void Turn(uint32_t p, uint32_t place) {
    for (uint32_t byte = 0; byte < kWord; ++byte) {
      SetBits(&dut_.data_i, 8 * (kWord * p + (place + byte) % kWord), 8, read_[p][byte]);
    }
  }

  uint8_t fill_ = 0;
  std::array<std::array<uint8_t, kWord>, kPorts> read_ = {};  // the last vectors without fill
};

TEST_F(Operands, DenseVectorsAreTheOperand) {
  dut_.opcode_i = static_cast<uint8_t>(Opcode::kMatmul);
  dut_.run_bytes_i = 0;
  for (int round = 0; round < 300 && !HasFailure(); ++round) {
    const auto vectors = Vectors(1, kSimd);
    dut_.valid_i = 1;
    dut_.first_i = 1;
    dut_.last_i = 1;
    dut_.swap_i = random_() & 1;
    dut_.eval();
    Expect(vectors, 1, kSimd);
    EXPECT_TRUE(dut_.load_o);
    EXPECT_FALSE(dut_.shift_o);
    EXPECT_EQ(dut_.swap_o, dut_.swap_i);
    for (uint32_t byte = 0; byte < kSimd; ++byte) {
      EXPECT_EQ(GetBits(&dut_.operand_o, 8 * byte, 8), vectors[0][byte]);
    }
    Fire();
  }
}

TEST_F(Operands, GatheredOperandIsTheRowsInOrder) {
  dut_.opcode_i = static_cast<uint8_t>(Opcode::kMatmul);
  for (int round = 0; round < 300 && !HasFailure(); ++round) {
    dut_.run_bytes_i = Uniform(1, kSimd);
    std::array<uint8_t, kSimd> operand = {};
    uint32_t place = 0;
    bool first = true;
    while (place < kSimd) {
      const uint32_t count = Uniform(1, kPorts);
      const auto vectors = Vectors(count, kSimd);
      uint32_t gather = 0;
      for (uint32_t p = 0; p < count; ++p) {
        const uint32_t length = Uniform(1, kSimd);
        SetBits(&dut_.length_i, kByteBits * p, kByteBits, length);
        SetBits(&dut_.place_i, kByteBits * p, kByteBits, place % kWord);
        Turn(p, place % kWord);
        if (place >= kSimd || random_() % 8 == 0) continue;  // not of this operand
        gather |= 1u << p;
        for (uint32_t byte = 0; byte < length && place + byte < kSimd; ++byte) {
          operand[place + byte] = vectors[p][byte];
        }
        place += length;
      }
      dut_.gather_i = gather;
      dut_.valid_i = 1;
      dut_.first_i = first;
      dut_.last_i = 0;
      dut_.eval();
      EXPECT_TRUE(dut_.load_o);
      EXPECT_FALSE(dut_.sum_read_o);
      if (place < kSimd) {
        Edge();
        // Cycles without a vector between.
        dut_.valid_i = 0;
        for (uint32_t i = Uniform(0, 2); i > 0; --i) Edge();
        EXPECT_FALSE(dut_.fire_o);
      }
      first = false;
    }
    for (uint32_t byte = 0; byte < kSimd; ++byte) {
      EXPECT_EQ(GetBits(&dut_.operand_o, 8 * byte, 8), operand[byte]) << "byte " << byte;
    }
    Fire();
  }
}

TEST_F(Operands, WindowsShiftAndVectorOperationsDoNothing) {
  for (int round = 0; round < 200 && !HasFailure(); ++round) {
    const bool window = round % 2 == 0;
    dut_.opcode_i = static_cast<uint8_t>(window ? Opcode::kWindow : Opcode::kAdd);
    const uint32_t count = window ? Uniform(1, kPorts) : 1;
    dut_.win_rows_i = Uniform(1, 3);
    const auto vectors = Vectors(count, kWord);
    dut_.valid_i = 1;
    dut_.swap_i = 0;
    dut_.last_i = !window || random_() % 2 != 0;
    dut_.eval();
    Expect(vectors, count, kWord);
    EXPECT_FALSE(dut_.load_o);
    // A group of a column's rows that does not begin it moves no slots.
    EXPECT_EQ(dut_.shift_o, window);
    EXPECT_EQ(dut_.shift_rows_o, window ? dut_.ports_i : 0u);
    EXPECT_EQ(dut_.shift_one_o, dut_.win_rows_i == 1);
    if (window && count > 1) {
      const uint32_t ports = (1u << count) - 1;
      dut_.ports_i = ports & ~1u;
      dut_.eval();
      EXPECT_FALSE(dut_.shift_o);
      EXPECT_EQ(dut_.shift_rows_o, ports & ~1u);
      dut_.ports_i = ports;
      dut_.eval();
    }
    EXPECT_EQ(dut_.sum_read_o, window && dut_.last_i);
    dut_.clear_i = round % 8 < 2;
    const bool fires = dut_.sum_read_o && !dut_.clear_i;
    Edge();
    dut_.valid_i = 0;
    dut_.clear_i = 0;
    dut_.eval();
    EXPECT_EQ(dut_.fire_o, fires);
    Edge();
  }
}

}  // namespace
}  // namespace npugen

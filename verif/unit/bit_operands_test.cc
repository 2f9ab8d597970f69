// SPDX-License-Identifier: Apache-2.0
// npu_bit_operands against docs/machine.md section 4.1a: the valid bytes of an operand and their
// number, and operands of the second plane that come back in the block of their position.
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <map>
#include <random>
#include <utility>

#include "verif/unit/bits.h"
#include "verif/unit/module_bench.h"

namespace {

constexpr uint32_t kWord = PARAM_WordBytes;
constexpr uint32_t kSimd = PARAM_Simd;
constexpr uint32_t kPorts = PARAM_Ports;
constexpr uint32_t kWindow = PARAM_SkipWindow;
constexpr uint32_t kSlices = PARAM_SkipSlices;
constexpr uint32_t kTile = PARAM_Accumulators;

constexpr uint32_t kByteBits = Log2(kWord) + 1;
constexpr uint32_t kBytesBits = Log2(kSimd + 1);
constexpr uint32_t kVectorBits = 9 * kSimd + kBytesBits;

struct Operand {
  std::array<uint8_t, kSimd> bytes = {};
  std::array<bool, kSimd> valid = {};
};

class BitOperands : public ModuleBench {
 protected:
  BitOperands() : ModuleBench(kSimd + 100 * kPorts + 1000 * kWindow) {}

  /// Fetches an operand and, with `both`, one of the second plane behind it. Returns the first one
  /// and leaves the other in second_; both have the same valid bytes, as in a network.
  Operand Fetch(uint32_t slice, uint32_t index, bool both) {
    Operand first;
    second_ = Operand();
    const uint32_t rows = Uniform(1, 4);
    uint32_t length[4], low[4], high[4];
    for (uint32_t r = 0, left = kSimd; r < 4; ++r) {
      length[r] = r < rows && left > 0 ? Uniform(1, left) : 0;
      left -= length[r];
      low[r] = Uniform(0, length[r]);
      high[r] = Uniform(0, length[r]);
    }
    uint32_t fetches = rows;
    while (fetches > 1 && length[fetches - 1] == 0) --fetches;
    const uint32_t used = fetches;
    fetches = both ? 2 * used : used;
    dut_.slice_i = slice;
    dut_.index_i = index;
    for (uint32_t fetch = 0; fetch < fetches;) {
      const uint32_t count = std::min(Uniform(1, kPorts), fetches - fetch);
      uint32_t gather = 0, lower = 0;
      for (uint32_t p = 0; p < count; ++p) {
        const uint32_t r = (fetch + p) % used;
        uint32_t place = 0;
        for (uint32_t before = 0; before < r; ++before) place += length[before];
        const bool second = fetch + p >= used;
        (second ? lower : gather) |= 1u << p;
        SetBits(&dut_.length_i, kByteBits * p, kByteBits, length[r]);
        SetBits(&dut_.place_i, kByteBits * p, kByteBits, place);
        SetBits(&dut_.low_i, kByteBits * p, kByteBits, low[r]);
        SetBits(&dut_.high_i, kByteBits * p, kByteBits, high[r]);
        Operand& operand = second ? second_ : first;
        for (uint32_t byte = 0; byte < kWord; ++byte) {
          const uint8_t value = static_cast<uint8_t>(random_());
          // Vectors come turned to their places.
          SetBits(&dut_.vectors_i, 8 * (kWord * p + (place + byte) % kWord), 8, value);
          if (byte >= length[r]) continue;
          operand.bytes[place + byte] = value;
          first.valid[place + byte] = !dut_.skip_outside_i || (byte >= low[r] && byte < high[r]);
        }
      }
      dut_.valid_i = 1;
      dut_.gather_i = gather;
      dut_.lower_i = lower;
      dut_.first_i = fetch == 0;
      fetch += count;
      dut_.last_i = fetch == fetches;
      dut_.sum_read_i = dut_.last_i;
      dut_.eval();
      Edge();
      dut_.valid_i = 0;
      dut_.sum_read_i = 0;
      if (random_() % 4 == 0) Edge();
    }
    second_.valid = first.valid;
    return first;
  }

  Operand second_;
};

TEST_F(BitOperands, CountsBytesThatAreValid) {
  dut_.binary_i = 1;
  for (int round = 0; round < 500 && !HasFailure(); ++round) {
    dut_.skip_outside_i = random_() & 1;
    dut_.double_i = random_() & 1;
    const Operand operand = Fetch(0, 0, false);
    uint32_t bytes = 0;
    for (uint32_t i = 0; i < kSimd; ++i) {
      EXPECT_EQ(GetBits(&dut_.fire_valid_o, i, 1), operand.valid[i]) << "byte " << i;
      bytes += operand.valid[i];
    }
    EXPECT_EQ(dut_.fire_bits_o, 8 * bytes);
    EXPECT_EQ(dut_.fire_double_o, dut_.double_i);
  }
}

// With a window of one position lanes go in lockstep, and there are no blocks.
#if PARAM_SkipWindow > 1
TEST_F(BitOperands, OperandsOfTheSecondPlaneComeBackInTheirBlock) {
  dut_.binary_i = 1;
  dut_.skip_window_i = 1;
  dut_.second_i = 0;
  for (int round = 0; round < 20 && !HasFailure(); ++round) {
    dut_.skip_outside_i = random_() & 1;
    const uint32_t size = Uniform(1, kTile), slices = Uniform(1, kSlices);
    std::map<std::pair<uint32_t, uint32_t>, Operand> kept;
    for (uint32_t slice = 0; slice < slices; ++slice) {
      for (uint32_t index = 0; index < size; ++index) {
        Fetch(slice, index, true);
        kept[{slice, index}] = second_;
      }
    }
    for (int look = 0; look < 40; ++look) {
      const uint32_t slice = Uniform(0, slices - 1);
      const uint32_t block = Uniform(0, (size - 1) / kWindow) * kWindow;
      dut_.skip_slice_i = slice;
      dut_.skip_index_i = block;
      dut_.step_i = 1;
      dut_.begin_i = 1;
      Edge();
      // Other steps of the block leave its vectors standing.
      dut_.begin_i = 0;
      dut_.skip_slice_i = 0;
      Edge();
      dut_.step_i = 0;
      for (uint32_t w = 0; w < kWindow && block + w < size; ++w) {
        const Operand& operand = kept[{slice, block + w}];
        uint32_t bytes = 0;
        for (uint32_t i = 0; i < kSimd; ++i) {
          ASSERT_EQ(GetBits(&dut_.skip_vectors_o, kVectorBits * w + 8 * i, 8), operand.bytes[i]);
          ASSERT_EQ(GetBits(&dut_.skip_vectors_o, kVectorBits * w + 8 * kSimd + i, 1),
                    operand.valid[i]);
          bytes += operand.valid[i];
        }
        ASSERT_EQ(GetBits(&dut_.skip_vectors_o, kVectorBits * w + 9 * kSimd, kBytesBits), bytes);
      }
    }
  }
}
#endif

}  // namespace

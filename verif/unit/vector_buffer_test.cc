// SPDX-License-Identifier: Apache-2.0
// npu_vector_buffer against docs/machine.md sections 4.4 and 4.5: largest bytes and bits of
// windows, pairs of operands, and which channels of a vector count.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <vector>

#include "generator/arch/command_set.h"
#include "verif/unit/bits.h"
#include "verif/unit/module_bench.h"

namespace npugen {
namespace {

constexpr uint32_t kWidth = PARAM_PostWidth;
using Vector = std::vector<uint8_t>;

/// A position: its vectors, and what stands in the buffer after the last one.
struct Position {
  std::vector<Vector> vectors;
  Vector a, b;  // b: empty if it has none
  uint32_t high = kWidth, strobe = 0;
};

class VectorBuffer : public ModuleBench {
 protected:
  VectorBuffer() : ModuleBench(kWidth) { Reset(); }

  Vector Random() {
    Vector vector(kWidth);
    const bool near = random_() % 2 != 0;
    for (uint8_t& byte : vector) byte = static_cast<uint8_t>(near ? random_() % 4 : random_());
    return vector;
  }

  /// Runs the positions of a command; a vector comes in `fetches` of 8 cycles, the buffer is taken
  /// in `takes` of 8.
  void Run(const std::vector<Position>& positions, unsigned fetches, unsigned takes) {
    dut_.start_i = 1;
    Edge();
    dut_.start_i = 0;
    size_t position = 0, vector = 0, taken = 0;
    bool arrives = false;  // vector `vector` of `position` was granted in the cycle before
    for (int cycle = 0; taken < positions.size(); ++cycle) {
      ASSERT_LT(cycle, 20000);
      dut_.vector_valid_i = arrives;
      dut_.vector_first_i = random_() & 1;
      dut_.vector_last_i = random_() & 1;
      SetBytes(&dut_.vector_i, Random().data(), kWidth);
      if (arrives) {
        const Position& now = positions[position];
        dut_.vector_first_i = vector == 0;
        dut_.vector_last_i = vector + 1 == now.vectors.size();
        dut_.vector_high_i = now.high;
        SetBytes(&dut_.vector_i, now.vectors[vector].data(), kWidth);
      }
      const bool take = random_() % 8 < takes;
      dut_.ready_i = 0;
      dut_.eval();
      dut_.ready_i = take && dut_.valid_o;
      dut_.eval();
      if (dut_.ready_i) {
        const Position& want = positions[taken];
        Vector a(kWidth), b(kWidth);
        GetBytes(&dut_.a_o, a.data(), kWidth);
        GetBytes(&dut_.b_o, b.data(), kWidth);
        ASSERT_LT(taken, position);
        ASSERT_EQ(a, want.a) << "position " << taken;
        if (!want.b.empty()) ASSERT_EQ(b, want.b);
        ASSERT_EQ(dut_.strb_o, want.strobe) << "position " << taken;
        ++taken;
      }
      if (arrives && ++vector == positions[position].vectors.size()) {
        ++position;
        vector = 0;
      }
      const bool last =
          position < positions.size() && vector + 1 == positions[position].vectors.size();
      arrives = position < positions.size() && random_() % 8 < fetches && (!last || dut_.ready_o);
      Edge();
    }
    dut_.vector_valid_i = 0;
    dut_.eval();
    EXPECT_FALSE(dut_.valid_o);
  }
};

uint32_t Ones(uint32_t count) { return static_cast<uint32_t>((uint64_t{1} << count) - 1); }

TEST_F(VectorBuffer, LargestBytesOfWindows) {
  dut_.opcode_i = static_cast<uint8_t>(Opcode::kMaxPool);
  for (int round = 0; round < 60 && !HasFailure(); ++round) {
    const bool minimum = random_() & 1;
    const uint32_t per_group = Uniform(1, kWidth), groups = Uniform(1, 3), count = Uniform(1, 5);
    const uint32_t channels = (groups - 1) * per_group + Uniform(1, per_group);
    dut_.minimum_i = minimum;
    dut_.positions_i = count;
    dut_.channels_i = channels;
    dut_.group_channels_i = per_group;
    std::vector<Position> positions;
    for (uint32_t group = 0; group < groups; ++group) {
      for (uint32_t i = 0; i < count; ++i) {
        Position position;
        for (uint32_t v = Uniform(1, 9); v > 0; --v) position.vectors.push_back(Random());
        position.a = position.vectors[0];
        for (const Vector& vector : position.vectors) {
          for (uint32_t byte = 0; byte < kWidth; ++byte) {
            const auto now = static_cast<int8_t>(position.a[byte]);
            const auto next = static_cast<int8_t>(vector[byte]);
            position.a[byte] =
                static_cast<uint8_t>(minimum ? std::min(now, next) : std::max(now, next));
          }
        }
        position.strobe = Ones(std::min(per_group, channels - group * per_group));
        positions.push_back(position);
      }
    }
    Run(positions, Uniform(1, 8), Uniform(1, 8));
  }
}

TEST_F(VectorBuffer, LargestCodesOfBits) {
  dut_.opcode_i = static_cast<uint8_t>(Opcode::kMaxPool);
  dut_.pool_bits_i = 1;
  for (int round = 0; round < 60 && !HasFailure(); ++round) {
    const bool two = random_() & 1;
    dut_.two_planes_i = two;
    dut_.positions_i = 20;
    dut_.channels_i = kWidth;
    dut_.group_channels_i = kWidth;
    std::vector<Position> positions(20);
    for (Position& position : positions) {
      const uint32_t codes = Uniform(1, 5);
      for (uint32_t v = 0; v < (two ? 2 * codes : codes); ++v) {
        Vector vector = Random();
        for (uint8_t& byte : vector) byte &= static_cast<uint8_t>(random_());
        position.vectors.push_back(vector);
      }
      position.a.resize(kWidth);
      for (uint32_t bit = 0; bit < 8 * kWidth; ++bit) {
        const auto plane = [&](size_t v) { return position.vectors[v][bit / 8] >> bit % 8 & 1; };
        int largest = 0;
        for (uint32_t c = 0; c < codes; ++c) {
          largest = std::max(largest, two ? 2 * plane(2 * c) + plane(2 * c + 1) : plane(c));
        }
        position.a[bit / 8] |= static_cast<uint8_t>((largest & 1) << bit % 8);
      }
      position.strobe = Ones(kWidth);
    }
    Run(positions, Uniform(1, 8), Uniform(1, 8));
  }
}

TEST_F(VectorBuffer, OperandsOfVectorOperations) {
  for (const Opcode opcode : {Opcode::kAdd, Opcode::kMultiply, Opcode::kSquaredDifference,
                              Opcode::kMaximum, Opcode::kLookup}) {
    dut_.opcode_i = static_cast<uint8_t>(opcode);
    dut_.minimum_i = 0;
    std::vector<Position> positions(100);
    for (Position& position : positions) {
      position.vectors = {Random()};
      position.a = position.vectors[0];
      if (opcode != Opcode::kLookup) position.vectors.push_back(Random());
      if (opcode == Opcode::kMaximum) {
        for (uint32_t byte = 0; byte < kWidth; ++byte) {
          position.a[byte] =
              static_cast<uint8_t>(std::max(static_cast<int8_t>(position.vectors[0][byte]),
                                            static_cast<int8_t>(position.vectors[1][byte])));
        }
      } else if (opcode != Opcode::kLookup) {
        position.b = position.vectors[1];
      }
      position.high = Uniform(1, kWidth);
      position.strobe = Ones(position.high);
    }
    Run(positions, Uniform(1, 8), Uniform(1, 8));
    if (HasFailure()) return;
  }
}

TEST_F(VectorBuffer, ClearEmptiesIt) {
  dut_.opcode_i = static_cast<uint8_t>(Opcode::kLookup);
  dut_.vector_valid_i = dut_.vector_first_i = dut_.vector_last_i = 1;
  Edge();
  dut_.vector_valid_i = 0;
  EXPECT_TRUE(dut_.valid_o);
  dut_.clear_i = 1;
  Edge();
  dut_.clear_i = 0;
  EXPECT_FALSE(dut_.valid_o);
  // Vectors of the array pass by.
  dut_.opcode_i = static_cast<uint8_t>(Opcode::kMatmul);
  dut_.vector_valid_i = 1;
  Edge();
  EXPECT_FALSE(dut_.valid_o);
}

}  // namespace
}  // namespace npugen

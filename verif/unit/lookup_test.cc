// SPDX-License-Identifier: Apache-2.0
// npu_lookup against an array of 256 bytes.
#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <deque>
#include <random>
#include <vector>

#include "Vdut.h"

namespace {

constexpr int kWidth = PARAM_Width;

struct Vector {
  uint8_t bytes[kWidth];
  uint32_t address, strobe;
};

class Lookup : public testing::Test {
 protected:
  Lookup() : table_(256) {
    dut_.rst_ni = 0;
    Edge();
    dut_.rst_ni = 1;
  }

  ~Lookup() override { dut_.final(); }

  void Load() {
    for (int i = 0; i < 256; ++i) {
      table_[i] = static_cast<uint8_t>(random_());
      dut_.load_valid_i = 1;
      dut_.load_index_i = i;
      dut_.load_data_i = table_[i];
      Edge();
    }
    dut_.load_valid_i = 0;
    dut_.load_data_i = 0;
  }

  /// Looks `count` vectors up; each port rests in that many of 8 cycles. Returns the cycles taken.
  int Run(int count, unsigned input_rests, unsigned output_rests) {
    std::deque<Vector> inside;
    Vector next = RandomVector();
    bool offered = false;
    int sent = 0, received = 0, cycles = 0;
    for (; received < count && cycles < 200 * (count + 10); ++cycles) {
      dut_.clk_i = 0;
      offered = offered || (sent < count && random_() % 8 >= input_rests);
      dut_.valid_i = offered;
      dut_.ready_i = random_() % 8 >= output_rests;
      std::memcpy(&dut_.data_i, next.bytes, kWidth);
      dut_.addr_i = next.address;
      dut_.strb_i = next.strobe;
      dut_.eval();
      EXPECT_TRUE(dut_.busy_o || inside.empty());
      if (dut_.valid_o && dut_.ready_i) {
        if (inside.empty()) {
          ADD_FAILURE() << "a result of nothing";
          return cycles;
        }
        EXPECT_EQ(dut_.addr_o, inside.front().address);
        EXPECT_EQ(dut_.strb_o, inside.front().strobe);
        uint8_t bytes[kWidth];
        std::memcpy(bytes, &dut_.data_o, kWidth);
        for (int i = 0; i < kWidth; ++i) {
          if (inside.front().strobe >> i & 1) EXPECT_EQ(bytes[i], table_[inside.front().bytes[i]]);
        }
        inside.pop_front();
        ++received;
      }
      if (dut_.valid_i && dut_.ready_o) {
        inside.push_back(next);
        next = RandomVector();
        offered = false;
        ++sent;
      }
      dut_.clk_i = 1;
      dut_.eval();
    }
    EXPECT_EQ(received, count);
    dut_.valid_i = 0;
    Edge();
    EXPECT_FALSE(dut_.busy_o);
    EXPECT_FALSE(dut_.valid_o);
    return cycles;
  }

  void Edge() {
    dut_.clk_i = 0;
    dut_.eval();
    dut_.clk_i = 1;
    dut_.eval();
  }

  std::mt19937_64 random_{kWidth + 100 * PARAM_Ports};
  Vdut dut_;

 private:
  Vector RandomVector() {
    Vector vector;
    for (uint8_t& byte : vector.bytes) byte = static_cast<uint8_t>(random_());
    vector.address = static_cast<uint32_t>(random_() & 0xffffff);
    vector.strobe = static_cast<uint32_t>(random_() | random_()) & ((1u << kWidth) - 1);
    return vector;
  }

  std::vector<uint8_t> table_;
};

TEST_F(Lookup, ReplacesEveryByteUnderRandomStalls) {
  for (int round = 0; round < 60; ++round) {
    Load();
    Run(100, random_() % 8, random_() % 8);
    if (HasFailure()) return;
  }
}

TEST_F(Lookup, TakesAVectorInWidthOverPortsCyclesAndThree) {
  Load();
  EXPECT_LE(Run(100, 0, 0), 100 * (PARAM_Width / PARAM_Ports + 3) + 1);
}

TEST_F(Lookup, ClearDropsTheVectorAndKeepsTheTable) {
  Load();
  for (int cycles = 1; cycles < PARAM_Width + 5; ++cycles) {
    dut_.valid_i = 1;
    dut_.ready_i = 0;
    for (int i = 0; i < cycles; ++i) Edge();
    EXPECT_TRUE(dut_.busy_o);
    dut_.valid_i = 0;
    dut_.clear_i = 1;
    Edge();
    dut_.clear_i = 0;
    EXPECT_FALSE(dut_.busy_o);
    EXPECT_FALSE(dut_.valid_o);
    Run(5, 2, 2);
  }
}

}  // namespace

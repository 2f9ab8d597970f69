// SPDX-License-Identifier: Apache-2.0
// npu_result_chunk against indices: lane l of chunk c is lane c*PostWidth + l of the PE.
#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <vector>

#include "Vdut.h"
#include "verif/unit/bits.h"

namespace {

constexpr uint32_t kLanes = PARAM_Lanes;
constexpr uint32_t kPeLanes = PARAM_Cores * PARAM_Lanes;
constexpr uint32_t kWidth = PARAM_PostWidth;

TEST(ResultChunk, TakesTheLanesOfTheChunk) {
  std::mt19937_64 random(kPeLanes);
  Vdut dut;
  for (int round = 0; round < 500; ++round) {
    std::vector<uint32_t> sums(kPeLanes);
    for (uint32_t lane = 0; lane < kPeLanes; ++lane) {
      sums[lane] = static_cast<uint32_t>(random());
      SetBits(&dut.sums_i, 32 * lane, 32, sums[lane]);
    }
    // Bits of all records, in the order of the port.
    std::vector<uint8_t> records(9 * kPeLanes);
    for (uint32_t i = 0; i < records.size(); ++i) {
      records[i] = static_cast<uint8_t>(random());
      SetBits(&dut.records_i, 8 * i, 8, records[i]);
    }
    const bool common = random() % 2 != 0;
    const uint32_t chunk = static_cast<uint32_t>(random() % ((kPeLanes + kWidth - 1) / kWidth));
    const uint32_t shift = static_cast<uint32_t>(random() & 0xff);
    const uint32_t multiplier = static_cast<uint32_t>(random() & 0x7fffffff);
    dut.common_scale_i = common;
    dut.out_shift_i = shift;
    dut.out_multiplier_i = multiplier;
    dut.chunk_i = chunk;
    dut.eval();
    for (uint32_t l = 0; l < kWidth; ++l) {
      const uint32_t lane = chunk * kWidth + l;
      const auto bias = [&](uint32_t first) {
        uint32_t value = 0;
        for (uint32_t i = 0; i < 4; ++i) value |= uint32_t{records[first + i]} << 8 * i;
        return value;
      };
      uint32_t want_sum = 0, want_bias = 0, want_multiplier = 0, want_shift = 0;
      if (lane < kPeLanes) {
        want_sum = sums[lane];
        // A core's biases begin where its records would.
        want_bias = bias(common ? 9 * kLanes * (lane / kLanes) + 4 * (lane % kLanes) : 9 * lane);
        want_multiplier = common ? multiplier : bias(9 * lane + 4);
        want_shift = common ? shift : records[9 * lane + 8];
      }
      ASSERT_EQ(GetBits(&dut.sums_o, 32 * l, 32), want_sum);
      ASSERT_EQ(GetBits(&dut.records_o, 72 * l, 32), want_bias);
      ASSERT_EQ(GetBits(&dut.records_o, 72 * l + 32, 32), want_multiplier);
      ASSERT_EQ(GetBits(&dut.records_o, 72 * l + 64, 8), want_shift);
    }
  }
  dut.final();
}

}  // namespace

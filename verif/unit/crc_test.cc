// SPDX-License-Identifier: Apache-2.0
// The printed npu_crc, npu_crc_cxl and npu_crc_ucie, against their definition bit by bit. Every tap
// is seen alone: what one bit of data or of the remainder before leaves is compared.
#include "generator/emit/crc.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "Vdut.h"
#include "verif/unit/bits.h"

namespace {

constexpr unsigned kBytes = sizeof(Vdut::data_i);

class Crc : public testing::Test {
 protected:
  Crc() {
    for (const npugen::CrcSpec& spec : npugen::LinkCrcs()) {
      if (spec.bits == 8 * kBytes && spec.width == 8 * sizeof(Vdut::state_i)) spec_ = spec;
    }
  }
  uint32_t Step(uint32_t state, const std::vector<uint8_t>& data) {
    SetBits(&dut_.state_i, 0, spec_.width, state);
    SetBytes(&dut_.data_i, data.data(), kBytes);
    dut_.eval();
    return dut_.state_o;
  }

  npugen::CrcSpec spec_;
  std::mt19937_64 random_{7};
  Vdut dut_;
};

TEST_F(Crc, EveryTapAlone) {
  std::vector<uint8_t> data(kBytes);
  ASSERT_EQ(Step(0, data), 0u);
  for (unsigned bit = 0; bit < 8 * kBytes; ++bit) {
    data[bit / 8] = static_cast<uint8_t>(1u << bit % 8);
    ASSERT_EQ(Step(0, data), CrcSerial(spec_, 0, data)) << "data bit " << bit;
    data[bit / 8] = 0;
  }
  for (unsigned bit = 0; bit < spec_.width; ++bit) {
    ASSERT_EQ(Step(1u << bit, data), CrcSerial(spec_, 1u << bit, data)) << "remainder bit " << bit;
  }
}

TEST_F(Crc, RandomSteps) {
  uint32_t state = 0;
  for (int step = 0; step < 2000; ++step) {
    std::vector<uint8_t> data(kBytes);
    for (uint8_t& byte : data) byte = static_cast<uint8_t>(random_());
    const uint32_t expected = CrcSerial(spec_, state, data);
    ASSERT_EQ(Step(state, data), expected);
    state = expected;
  }
}

}  // namespace

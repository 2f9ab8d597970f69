// SPDX-License-Identifier: Apache-2.0
// npu_float_results against numerics: random and directed sums, chunks whenever there is room, from
// a random state. Products and sums of FP32 alone are among what it computes.
#include <bit>
#include <cstring>
#include <deque>
#include <string>
#include <vector>

#include "sw/numerics/drain.h"
#include "verif/unit/module_bench.h"

namespace {

using npugen::numerics::Drain;
using npugen::numerics::DrainSum;
using npugen::numerics::FloatFormat;
using npugen::numerics::Fp32;
using npugen::numerics::kBf16;
using npugen::numerics::kE4m3;
using npugen::numerics::kE5m2;
using npugen::numerics::kFp32Sign;
using npugen::numerics::Overflow;

constexpr uint32_t kSums = PARAM_PostWidth, kWidth = kSums / 4, kRecordBits = 72;
constexpr const FloatFormat* kFormats[] = {nullptr, &kBf16, &kE4m3, &kE5m2, nullptr};
constexpr uint32_t kBytes[] = {0, 2, 1, 1, 4};

/// Registers hold anything at first; said before the module is made.
const bool kRandomState = [] {
  Verilated::randReset(2);
  Verilated::randSeed(11);
  return true;
}();

struct Write {
  uint32_t address;
  std::vector<uint8_t> bytes;
};

class FloatResults : public ModuleBench {
 protected:
  FloatResults() : ModuleBench(3) {
    dut_.clk_i = dut_.clear_i = dut_.valid_i = 0;  // inputs are random, too
    Reset();
  }

  bool Chance(int one_in) { return Uniform(1, one_in) == 1; }

  /// Numbers of every size, of which many are near the edges of formats.
  Fp32 Number() {
    constexpr Fp32 kCorners[] = {0,          kFp32Sign,  0x7f800000, 0xff800000, 0x7fc00000,
                                 0xffc00001, 0x7f800001, 0x00000001, 0x80000001, 0x007fffff,
                                 0x00800000, 0x80800000, 0x7f7fffff, 0xff7fffff, 0x3f800000,
                                 0xbf7fffff, 0x43e00000, 0x43e80000, 0x47600000, 0x47700000,
                                 0x3b000000, 0x3a800000, 0x37000000, 0x37800000, 0x7f7f8000};
    const auto bits = static_cast<Fp32>(random_());
    const auto size = [&](uint32_t low, uint32_t high) {
      return (bits & 0x807fffff) | Uniform(low, high) << 23;
    };
    switch (Uniform(0, 7)) {
      case 0:
        return kCorners[Uniform(0u, std::size(kCorners) - 1)] ^ (bits & kFp32Sign);
      case 1:
        return bits & 0x80ffffff;
      case 2:
        return bits;
      case 3:  // ends of FP8
        return size(108, 124);
      case 4:  // ties
        return size(100, 150) & (0xffffffffu << Uniform(8, 21));
      default:
        return size(120, 137);
    }
  }

  template <typename Port>
  static void Put(Port& port, uint32_t bit, uint32_t bits, uint64_t value) {
    auto* bytes = reinterpret_cast<uint8_t*>(&port);
    for (uint32_t i = 0; i < bits; ++i, ++bit) {
      bytes[bit / 8] =
          static_cast<uint8_t>((bytes[bit / 8] & ~(1u << bit % 8)) | (value >> i & 1) << bit % 8);
    }
  }

  /// One command: `chunks` chunks of random sums.
  void Run(uint32_t format, int chunks) {
    Drain drain;
    const bool scale = Chance(2), bias = Chance(2), cast = Chance(2);
    drain.relu = Chance(3);
    drain.format = kFormats[format];
    drain.overflow = Chance(2) ? Overflow::kSaturates : Overflow::kInfinity;
    if (cast) drain.cast_scale = Number();
    dut_.scale_i = scale;
    dut_.bias_i = bias;
    dut_.relu_i = drain.relu;
    dut_.cast_i = cast;
    dut_.cast_scale_i = drain.cast_scale.value_or(static_cast<Fp32>(random_()));
    dut_.format_i = format;
    dut_.saturate_i = drain.overflow == Overflow::kSaturates;
    std::deque<Write> expected;
    const uint32_t pause = Uniform(0u, 3u), stalls = Chance(2) ? 0u : Uniform(1u, 3u);
    bool room = false;
    uint64_t quiet = 0;
    while (chunks > 0 || !expected.empty()) {
      const bool comes = room && chunks > 0 && Uniform(0u, pause) == 0;
      dut_.valid_i = comes;
      if (comes) {
        --chunks;
        const uint32_t channels = Chance(2) ? kSums : Uniform(1u, kSums);
        const uint32_t address = Uniform(0u, 0xffffffu), channel = Uniform(0u, 3u) * kSums;
        dut_.addr_i = address;
        dut_.channel_i = channel;
        dut_.strb_i = (uint64_t{1} << channels) - 1;
        for (uint32_t part = 0; part * kWidth < channels; ++part) {
          Write write = {(address + (channel + part * kWidth) * kBytes[format]) & 0xffffff, {}};
          for (uint32_t n = part * kWidth; n < std::min((part + 1) * kWidth, channels); ++n) {
            const Fp32 sum = Number();
            const Fp32 bias_bits = Chance(4) ? sum ^ kFp32Sign : Number();
            const Fp32 scale_bits = Number();
            Put(dut_.sums_i, 32 * n, 32, sum);
            Put(dut_.records_i, kRecordBits * n, 32, bias_bits);
            Put(dut_.records_i, kRecordBits * n + 32, 32, scale_bits);
            Drain one = drain;
            if (scale) one.scale = scale_bits;
            if (bias) one.bias = bias_bits;
            Fp32 largest = 0;
            const uint32_t code = DrainSum(one, sum, largest).code;
            for (uint32_t b = 0; b < kBytes[format]; ++b) {
              write.bytes.push_back(static_cast<uint8_t>(code >> 8 * b));
            }
          }
          expected.push_back(write);
        }
      }
      dut_.ready_i = Uniform(0u, stalls) == 0;
      dut_.eval();
      if (dut_.valid_o && dut_.ready_i) {
        ASSERT_FALSE(expected.empty());
        Compare(expected.front());
        if (HasFatalFailure()) return;
        expected.pop_front();
        quiet = 0;
      }
      room = dut_.room_o;
      Edge();
      ASSERT_LT(++quiet, 200u) << "a result does not come";
    }
    EXPECT_FALSE(dut_.busy_o);
  }

  void Compare(const Write& write) {
    ASSERT_EQ(dut_.addr_o, write.address);
    const auto* data = reinterpret_cast<const uint8_t*>(&dut_.data_o);
    ASSERT_EQ(uint64_t{dut_.strb_o}, (uint64_t{1} << write.bytes.size()) - 1);
    for (size_t i = 0; i < write.bytes.size(); ++i) {
      ASSERT_EQ(data[i], write.bytes[i]) << "byte " << i << " of format " << int{dut_.format_i};
    }
  }
};

TEST_F(FloatResults, AreThoseOfNumerics) {
#ifdef PARAM_Synthesis
  constexpr int kCommands = 400;
#else
  constexpr int kCommands = 4000;
#endif
  for (int command = 0; command < kCommands && !HasFatalFailure(); ++command) {
    Run(1 + static_cast<uint32_t>(command) % 4, Uniform(1, 40));
  }
}

// What is dropped in the middle leaves nothing behind.
TEST_F(FloatResults, AreDropped) {
  for (int i = 0; i < 100 && !HasFatalFailure(); ++i) {
    dut_.valid_i = 1;
    dut_.cast_i = Chance(2);
    dut_.ready_i = Chance(2);
    Edge();
    dut_.valid_i = 0;
    for (int cycles = Uniform(0, 20); cycles > 0; --cycles) Edge();
    dut_.clear_i = 1;
    Edge();
    dut_.clear_i = 0;
    dut_.eval();
    EXPECT_FALSE(dut_.busy_o);
    Run(1 + static_cast<uint32_t>(i) % 4, 3);
  }
}

}  // namespace

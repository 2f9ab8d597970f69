// SPDX-License-Identifier: Apache-2.0
// npu_float_lane against steps of numerics and sums of integers: random and directed, fires at any
// distance, formats one after the other, from a random state.
#include <algorithm>
#include <array>
#include <deque>
#include <string>
#include <vector>

#include "sw/numerics/dot_product.h"
#include "verif/unit/module_bench.h"

namespace {

using npugen::numerics::BlockScales;
using npugen::numerics::DotStep;
using npugen::numerics::FloatFormat;
using npugen::numerics::Fp32;
using npugen::numerics::IsNaN;
using npugen::numerics::kBf16;
using npugen::numerics::kE4m3;
using npugen::numerics::kE5m2;
using npugen::numerics::kFp32NaN;
using npugen::numerics::kFp32Sign;
using npugen::numerics::kNoScale;
using npugen::numerics::kUnitScale;

constexpr uint32_t kSimd = PARAM_Simd;
constexpr int kCyclesToSum = 3, kCyclesToUnit = 2, kCyclesToResult = 5;
constexpr int kEntries = 8;

/// Registers hold anything at first; said before the module is made.
const bool kRandomState = [] {
  Verilated::randReset(2);
  Verilated::randSeed(7);
  return true;
}();

/// What bytes of slots and weights are; both nullptr: integers.
struct Mode {
  const FloatFormat* slots;
  const FloatFormat* weights;
};
constexpr Mode kModes[] = {{nullptr, nullptr}, {&kBf16, &kBf16}, {&kE4m3, &kE4m3},
                           {&kE4m3, &kE5m2},   {&kE5m2, &kE4m3}, {&kE5m2, &kE5m2}};

struct Step {
  uint64_t cycle;  ///< of the fire
  int entry;       ///< of the accumulators; -1: a sum of its own
  BlockScales scales;
  std::vector<uint16_t> slots, weights;  ///< codes, or integers
  Fp32 before = 0, expected = 0;
};

class FloatLane : public ModuleBench {
 protected:
  FloatLane() : ModuleBench(1) {}

  bool Chance(int one_in) { return Uniform(1, one_in) == 1; }

  uint16_t Code(const FloatFormat& format, int kind, uint32_t near) {
    const auto code = static_cast<uint16_t>(random_() & (2 * format.sign() - 1));
    const uint32_t fraction = (1u << format.fraction_bits) - 1;
    switch (kind) {
      case 0:  // anything, infinities and NaNs included
        return code;
      case 1: {  // of like size
        const uint32_t field = (near + Uniform(0u, 2u)) & ((1u << format.exponent_bits) - 1);
        const auto made = static_cast<uint16_t>((code & (format.sign() | fraction)) |
                                                field << format.fraction_bits);
        return format.IsSpecial(made) ? uint16_t{0} : made;
      }
      case 2:  // subnormal, the next ones, zeros
        return static_cast<uint16_t>(code & (format.sign() | (2 * fraction + 1)));
      case 3:  // the largest
        return static_cast<uint16_t>((code & format.sign()) |
                                     (format.largest() - (code & fraction)));
      default:
        if (Chance(6)) return static_cast<uint16_t>(code & format.sign());
        return format.IsSpecial(code) ? static_cast<uint16_t>(code & format.sign()) : code;
    }
  }

  Fp32 Sum() {
    constexpr Fp32 kCorners[] = {0,          kFp32Sign,  0x7f800000, 0xff800000, 0x7fc00000,
                                 0xffc00001, 0x00000001, 0x80000001, 0x007fffff, 0x80800000,
                                 0x7f7fffff, 0xff7fffff, 0x3f800000, 0xbf7fffff};
    switch (Uniform(0, 5)) {
      case 0:
        return kCorners[Uniform(0u, std::size(kCorners) - 1)];
      case 1:
        return static_cast<Fp32>(random_()) & 0x80ffffff;
      case 2:
        return 0;
      default:
        return static_cast<Fp32>(random_());
    }
  }

  Step MakeStep(const Mode& mode) {
    Step step = {};
    step.entry = -1;
    if (mode.slots == nullptr) {
      const bool corners = Chance(4);
      for (uint32_t i = 0; i < kSimd; ++i) {
        const auto value = [&] {
          return static_cast<uint16_t>(corners ? (Chance(2) ? 0x80 : 0x7f) : random_() & 0xff);
        };
        step.slots.push_back(value());
        step.weights.push_back(value());
      }
      return step;
    }
    const uint32_t count = kSimd * 8 / mode.slots->bits();
    const int kind = Uniform(0, 13), kind_weights = Chance(2) ? kind : Uniform(1, 13);
    const uint32_t near = Uniform(0u, 255u), near_weights = Uniform(0u, 255u);
    // Infinities and NaNs spoil most sums: few of them.
    const int slot_kind = kind == 0 && !Chance(8) ? 4 : kind % 6;
    const int weight_kind = kind_weights == 0 && !Chance(8) ? 4 : kind_weights % 6;
    for (uint32_t i = 0; i < count; ++i) {
      step.slots.push_back(Code(*mode.slots, slot_kind == 0 && Chance(2) ? 4 : slot_kind, near));
      step.weights.push_back(Code(*mode.weights, weight_kind, near_weights));
      if (kind >= 11 && i % 2 == 1) {  // takes away what the number before brought, or nearly
        step.slots[i] = step.slots[i - 1] ^ static_cast<uint16_t>(Chance(6) ? 1 : 0);
        step.weights[i] = step.weights[i - 1] ^ static_cast<uint16_t>(mode.weights->sign());
      }
      if (kind == 10 && i > 0) step.slots[i] = 0;  // one product alone
    }
    if (mode.slots != &kBf16 && Chance(5)) {
      step.scales = {Uniform(0u, 254u), Uniform(0u, 254u)};
      if (Chance(50)) step.scales.a = kNoScale;
      if (Chance(50)) step.scales.w = kNoScale;
      if (Chance(2)) step.scales.w = std::clamp(254 - step.scales.a + Uniform(0u, 9u), 0u, 254u);
    }
    return step;
  }

  /// The sum before a step, often one that the step nearly takes away.
  Fp32 SumBefore(const Mode& mode, const Step& step) {
    if (mode.slots == nullptr) return static_cast<Fp32>(random_());
    if (!Chance(2)) return Sum();
    const Fp32 alone = Expected(mode, step, 0);
    if (IsNaN(alone)) return Sum();
    switch (Uniform(0, 3)) {
      case 0:
        return alone ^ kFp32Sign;
      case 1:
        return alone ^ kFp32Sign ^ (1u << Uniform(0, 25));
      case 2:  // ties
        return (alone & 0xff800000) + static_cast<Fp32>(Uniform(0, 30) << 23) + (Chance(2) ? 0 : 1);
      default:
        return alone + static_cast<Fp32>(Uniform(-3, 3)) + (Uniform(0u, 1u) << 31);
    }
  }

  static Fp32 Expected(const Mode& mode, const Step& step, Fp32 before) {
    if (mode.slots == nullptr) {
      Fp32 sum = before;
      for (uint32_t i = 0; i < kSimd; ++i) {
        sum += static_cast<Fp32>(static_cast<int8_t>(step.slots[i]) *
                                 static_cast<int8_t>(step.weights[i]));
      }
      return sum;
    }
    const Fp32 sum =
        DotStep(before, *mode.slots, step.slots, *mode.weights, step.weights, step.scales);
    return IsNaN(sum) ? kFp32NaN : sum;
  }

  template <typename Port>
  static void Put(Port& port, const std::vector<uint16_t>& codes, uint32_t bytes) {
    std::array<uint8_t, 16> all = {};
    for (size_t i = 0; i < codes.size(); ++i) {
      for (uint32_t b = 0; b < bytes; ++b)
        all[bytes * i + b] = static_cast<uint8_t>(codes[i] >> 8 * b);
    }
    if constexpr (kSimd > 8) {
      for (uint32_t word = 0; word < kSimd / 4; ++word) {
        port[word] = 0;
        for (uint32_t b = 0; b < 4; ++b) port[word] |= uint32_t{all[4 * word + b]} << 8 * b;
      }
    } else {
      uint64_t value = 0;
      for (uint32_t b = 0; b < kSimd; ++b) value |= uint64_t{all[b]} << 8 * b;
      port = static_cast<std::remove_reference_t<Port>>(value);
    }
  }

  /// A mode's steps, until `count` have been compared.
  void Run(const Mode& mode, int count) {
    const bool integers = mode.slots == nullptr, bf16 = mode.slots == &kBf16;
    dut_.bf16_i = bf16;
    dut_.fp8_i = !integers && !bf16;
    dut_.slots_e5m2_i = mode.slots == &kE5m2;
    dut_.weights_e5m2_i = mode.weights == &kE5m2;
    std::array<Fp32, kEntries> sums = {};
    std::array<uint64_t, kEntries> ready = {};  // cycle of the next fire that finds the sum
    std::deque<Step> under_way;
    int fired = 0;
    while (fired < count || !under_way.empty()) {
      // What no step says is anything.
      dut_.unit_i = static_cast<uint32_t>(random_()) & 0x3ff;
      dut_.scale_nan_i = Chance(2);
      dut_.sum_i = static_cast<uint32_t>(random_());
      dut_.fire_i = fired < count && !Chance(5);
      Step step = MakeStep(mode);
      Put(dut_.slots_i, step.slots, bf16 ? 2 : 1);
      Put(dut_.weights_i, step.weights, bf16 ? 2 : 1);
      if (dut_.fire_i) {
        ++fired;
        step.cycle = cycle_;
        const int entry = Uniform(0, kEntries - 1);
        if (Chance(3) && ready[entry] <= cycle_) {
          // A sum comes back as early as it can: in the cycle in which it is written, it is read.
          step.entry = entry;
          ready[entry] = cycle_ + kCyclesToResult - kCyclesToSum + 1;
          step.before = IsNaN(sums[entry]) && !integers ? 0 : sums[entry];
        } else {
          step.before = SumBefore(mode, step);
        }
        step.expected = Expected(mode, step, step.before);
        if (step.entry >= 0) sums[step.entry] = step.expected;
        Count(step);
        under_way.push_back(step);
      }
      for (const Step& earlier : under_way) {
        if (earlier.cycle + kCyclesToUnit == cycle_) {
          const int bias = integers ? 0 : mode.slots->bias + mode.weights->bias;
          const int scale = static_cast<int>(earlier.scales.a + earlier.scales.w) - 254;
          dut_.unit_i = static_cast<uint32_t>(133 - bias + scale) & 0x3ff;
          dut_.scale_nan_i = earlier.scales.a == kNoScale || earlier.scales.w == kNoScale;
        }
        if (earlier.cycle + kCyclesToSum == cycle_) dut_.sum_i = earlier.before;
      }
      dut_.eval();
      if (!under_way.empty() && under_way.front().cycle + kCyclesToResult == cycle_) {
        const Step& done = under_way.front();
        ASSERT_EQ(dut_.sum_o, done.expected)
            << (integers ? "integers"
                         : std::string(mode.slots->name) + " " + std::string(mode.weights->name))
            << std::hex << " before " << done.before << Text(done);
        under_way.pop_front();
      }
      Edge();
      ++cycle_;
    }
  }

  static std::string Text(const Step& step) {
    std::string text =
        " scales " + std::to_string(step.scales.a) + " " + std::to_string(step.scales.w) + " codes";
    for (size_t i = 0; i < step.slots.size(); ++i) {
      text += " " + std::to_string(step.slots[i]) + "*" + std::to_string(step.weights[i]);
    }
    return text;
  }

  void Count(const Step& step) {
    const Fp32 size = step.expected & ~kFp32Sign;
    if (size == 0) ++zeros_;
    if (size > 0 && size < 0x00800000) ++subnormal_;
    if (size == 0x7f800000 && (step.before & ~kFp32Sign) != 0x7f800000) ++overflows_;
    if (size > 0x7f800000 && !IsNaN(step.before)) ++nans_;
    const int field = static_cast<int>(step.before >> 23 & 0xff);
    if (field != 255 && static_cast<int>(size >> 23) < field - 8) ++cancelled_;
  }

  uint64_t cycle_ = 0;
  int zeros_ = 0, subnormal_ = 0, overflows_ = 0, nans_ = 0, cancelled_ = 0;
};

TEST_F(FloatLane, AddsStepsAsDefined) {
  ASSERT_TRUE(kRandomState);
  constexpr int kSteps = 1200000, kBurst = 5000;
  for (int done = 0; done < kSteps; done += kBurst) {
    Run(kModes[(done / kBurst) % std::size(kModes)], kBurst);
    if (HasFatalFailure()) return;
  }
  // What the steps came to.
  EXPECT_GT(zeros_, 5000);
  EXPECT_GT(subnormal_, 3000);
  EXPECT_GT(overflows_, 500);
  EXPECT_GT(nans_, 3000);
  EXPECT_GT(cancelled_, 3000);
}

}  // namespace

// SPDX-License-Identifier: Apache-2.0
// npu_fp32_divide against numerics: directed and random operands, starts at once and after pauses,
// from a random state. NPUGEN_DIVIDE_CASES is the number of random operations (100,000).
#include <cstdlib>
#include <string>
#include <vector>

#include "sw/numerics/fp32.h"
#include "verif/unit/module_bench.h"

namespace {

using npugen::numerics::Divide;
using npugen::numerics::Fp32;
using npugen::numerics::kFp32Sign;
using npugen::numerics::Multiply;
using npugen::numerics::SquareRoot;

constexpr int kCycles = 19;  // from start_i to valid_o

/// Registers hold anything at first; said before the module is made.
const bool kRandomState = [] {
  Verilated::randReset(2);
  Verilated::randSeed(19);
  return true;
}();

/// Numbers at the ends of ranges, and their neighbours; without signs.
std::vector<Fp32> Corners() {
  std::vector<Fp32> corners = {0x7f800000, 0x7fc00000, 0x7f800001, 0x7fffffff, 0x7f7fffff,
                               0x7f7ffffe, 0x3fffffff, 0x3f7fffff, 0x3f800000, 0x3f800001,
                               0x40400000, 0x3eaaaaab, 0x40490fdb, 0x7e800001, 0x00ffffff,
                               0x3fb504f3, 0x3fb504f4, 0x4b7fffff, 0x7effffff, 0x3f000001};
  for (uint32_t bit = 0; bit < 31; ++bit) {
    corners.push_back(1u << bit);
    if (bit < 24) corners.push_back((1u << bit) - 1);
    corners.push_back((1u << bit) + 1);
  }
  for (uint32_t field : {0u, 1u, 2u, 23u, 24u, 25u, 63u, 64u, 126u, 127u, 128u, 129u, 190u, 253u}) {
    corners.push_back(field << 23);
    corners.push_back(field << 23 | 0x7fffff);
    corners.push_back(field << 23 | 0x400000);
  }
  return corners;
}

class Fp32DivideBench : public ModuleBench {
 protected:
  Fp32DivideBench() : ModuleBench(5) {
    dut_.clk_i = dut_.clear_i = dut_.start_i = 0;  // inputs are random, too
    Reset();
  }

  /// What stands at the inputs between starts does not matter.
  void Noise() {
    const uint64_t bits = random_();
    dut_.a_i = static_cast<uint32_t>(bits);
    dut_.b_i = static_cast<uint32_t>(bits >> 32);
    dut_.root_i = bits >> 17 & 1;
  }

  void Start(bool root, Fp32 a, Fp32 b) {
    dut_.start_i = 1;
    dut_.root_i = root;
    dut_.a_i = a;
    dut_.b_i = b;
    Edge();
    dut_.start_i = 0;
    Noise();
  }

  /// One operation from start to result; the next start may follow in the same cycle.
  void Check(bool root, Fp32 a, Fp32 b) {
    const Fp32 expected = root ? SquareRoot(a) : Divide(a, b);
    const Fp32 before = dut_.result_o;
    Start(root, a, b);
    for (int cycle = 1; cycle < kCycles; ++cycle) {
      ASSERT_FALSE(dut_.valid_o) << "cycle " << cycle;
      ASSERT_EQ(dut_.result_o, before) << "the result before does not stay";
      Edge();
    }
    ASSERT_TRUE(dut_.valid_o);
    ASSERT_EQ(dut_.result_o, expected)
        << std::hex << (root ? "root of " : "") << a << (root ? " beside " : " / ") << b;
  }

  /// The result stays and is not told again.
  void Pause(int cycles) {
    const Fp32 result = dut_.result_o;
    for (; cycles > 0; --cycles) {
      Noise();
      Edge();
      ASSERT_FALSE(dut_.valid_o);
      ASSERT_EQ(dut_.result_o, result);
    }
  }

  Fp32 Bits() { return static_cast<Fp32>(random_()); }
  /// A fraction of any number of bits, often few ones.
  uint32_t Fraction() {
    const uint32_t fraction = Bits() & 0x7fffff;
    switch (Uniform(0, 3)) {
      case 0:
        return fraction & (0x7fffffffu << Uniform(1, 23)) & 0x7fffff;
      case 1:
        return fraction | ((1u << Uniform(0, 23)) - 1);
      default:
        return fraction;
    }
  }
  Fp32 Number(int low_field, int high_field) {
    return (Bits() & kFp32Sign) | Uniform(low_field, high_field) << 23 | Fraction();
  }
  Fp32 Subnormal() { return (Bits() & kFp32Sign) | (Bits() & 0x7fffff) >> Uniform(0, 22); }
  Fp32 Any() { return Chance(4) ? Subnormal() : Chance(4) ? Bits() : Number(0, 255); }
  bool Chance(int one_in) { return Uniform(1, one_in) == 1; }

  struct Operands {
    bool root;
    Fp32 a, b;
  };
  Operands Random() {
    switch (Uniform(0, 9)) {
      case 0:
      case 1:
        return {true, Any() & (Chance(8) ? ~0u : ~kFp32Sign), Bits()};
      case 2: {  // a square of 12 bits, or nearly
        const Fp32 root = Number(64, 190) & ~0xfffu;
        return {true, (Multiply(root, root) & ~kFp32Sign) + Uniform(0, 2) - 1, Bits()};
      }
      case 3: {  // a whole quotient, or nearly
        const Fp32 b = Number(64, 190) & ~0xfffu, quotient = Number(64, 190) & ~0xfffu;
        return {false, Multiply(b, quotient) + Uniform(0, 2) - 1, b};
      }
      case 4: {  // below the smallest exponent, exact and tied ones among them
        const int below = Uniform(-2, 27), a_field = Uniform(1, 127);
        const Fp32 a = Number(a_field, a_field);
        const Fp32 b = Number(a_field + 126 + below > 254 ? 254 : a_field + 126 + below, 254);
        return {false, a, Chance(2) ? b & 0xff800000 : b};
      }
      case 5: {  // near the largest
        const int b_field = Uniform(1, 127);
        return {false, Number(b_field + 125, b_field + 127), Number(b_field, b_field)};
      }
      case 6:
        return {false, Subnormal(), Chance(2) ? Subnormal() : Number(100, 150)};
      case 7:
        return {false, Number(120, 135), Number(120, 135)};
      default:
        return {false, Any(), Any()};
    }
  }
};

TEST_F(Fp32DivideBench, CornersAreThoseOfNumerics) {
  const std::vector<Fp32> corners = Corners();
  for (const Fp32 a : corners) {
    for (const Fp32 sign : {0u, kFp32Sign}) {
      Check(true, a ^ sign, Bits());
      if (HasFatalFailure()) return;
    }
    for (const Fp32 b : corners) {
      const Fp32 signs = Bits();
      Check(false, a ^ (signs & kFp32Sign), b ^ (signs << 1 & kFp32Sign));
      if (HasFatalFailure()) return;
    }
  }
}

// Their definitions, said without numerics.
TEST_F(Fp32DivideBench, KnownResults) {
  struct Known {
    Operands operands;
    Fp32 result;
  };
  constexpr Known kKnown[] = {
      {{false, 0x00000000, 0x80000000}, 0x7fc00000},  // 0 / -0
      {{false, 0x7f800000, 0xff800000}, 0x7fc00000},  // infinite / infinite
      {{false, 0x7f800001, 0x3f800000}, 0x7fc00000},  // NaN / 1
      {{false, 0x00000000, 0xffffffff}, 0x7fc00000},  // 0 / NaN
      {{false, 0x3f800000, 0x80000000}, 0xff800000},  // 1 / -0
      {{false, 0xff800000, 0x00000000}, 0xff800000},  // -infinite / 0
      {{false, 0x80000000, 0x3f800000}, 0x80000000},  // -0 / 1
      {{false, 0x3f800000, 0xff800000}, 0x80000000},  // 1 / -infinite
      {{false, 0x3f800000, 0x40400000}, 0x3eaaaaab},  // 1 / 3
      {{false, 0x00000001, 0x00000003}, 0x3eaaaaab},
      {{false, 0x00000001, 0x40000000}, 0x00000000},  // ties of subnormals
      {{false, 0x00000003, 0x40000000}, 0x00000002},
      {{false, 0x00000003, 0xc0000001}, 0x80000001},  // below a tie
      {{false, 0x00ffffff, 0x40000000}, 0x00800000},  // a tie up to the smallest normal number
      {{false, 0x00800000, 0x7f7fffff}, 0x00000000},
      {{false, 0x7f7fffff, 0x00000001}, 0x7f800000},
      {{false, 0x7f7fffff, 0x3f7fffff}, 0x7f800000},  // just above the largest
      {{false, 0x7f7ffffe, 0x3f7fffff}, 0x7f7fffff},
      {{true, 0x80000000, 0xffffffff}, 0x80000000},  // of -0, whatever b is
      {{true, 0x00000000, 0x80000000}, 0x00000000},
      {{true, 0x80000001, 0x00000000}, 0x7fc00000},
      {{true, 0xff800000, 0x00000000}, 0x7fc00000},
      {{true, 0x7f800000, 0x00000000}, 0x7f800000},
      {{true, 0xffc00000, 0x00000000}, 0x7fc00000},
      {{true, 0x40000000, 0x00000000}, 0x3fb504f3},  // of 2
      {{true, 0x41100000, 0xffffffff}, 0x40400000},  // of 9, beside a NaN
      {{true, 0x00000001, 0x7f800000}, 0x1a3504f3},  // of 2^-149
      {{true, 0x7f7fffff, 0x80000000}, 0x5f7fffff},
  };
  for (const Known& known : kKnown) {
    Check(known.operands.root, known.operands.a, known.operands.b);
    if (HasFatalFailure()) return;
    EXPECT_EQ(dut_.result_o, known.result) << std::hex << known.operands.a;
  }
}

// Squares of all sizes and their neighbours; those that leave 2^25 at the last digit.
TEST_F(Fp32DivideBench, RootsOfSquares) {
  for (uint32_t root = 1; root < 4096 && !HasFatalFailure(); root += Uniform(1, 3)) {
    const auto square = npugen::numerics::FromInteger(static_cast<int32_t>(root * root));
    Check(true, square, Bits());
    Check(true, square + (Chance(2) ? 1 : -1), Bits());
  }
  for (uint32_t k = 2048; k < 2896 && !HasFatalFailure(); ++k) {
    Check(true, 127u << 23 | ((2 * k * k + 1) & 0x7fffff), Bits());
  }
}

TEST_F(Fp32DivideBench, AreThoseOfNumerics) {
  const char* wanted = std::getenv("NPUGEN_DIVIDE_CASES");
  const int cases = wanted != nullptr ? std::atoi(wanted) : 100'000;
  for (int i = 0; i < cases && !HasFatalFailure(); ++i) {
    const Operands operands = Random();
    Check(operands.root, operands.a, operands.b);
    if (Chance(3) && !HasFatalFailure()) Pause(Uniform(1, 4));
  }
}

// What is dropped, by clear_i or reset, leaves nothing behind; a start with clear_i is none.
TEST_F(Fp32DivideBench, AreDropped) {
  for (int i = 0; i < 2'000 && !HasFatalFailure(); ++i) {
    Operands operands = Random();
    if (Chance(4)) dut_.clear_i = 1;
    Start(operands.root, operands.a, operands.b);
    dut_.clear_i = 0;
    for (int cycles = Uniform(0, kCycles - 1); cycles > 0; --cycles) {
      ASSERT_FALSE(dut_.valid_o);
      Edge();
    }
    if (Chance(4)) {
      Reset();
    } else {
      dut_.clear_i = 1;
      Edge();
      dut_.clear_i = 0;
    }
    ASSERT_FALSE(dut_.valid_o);
    if (Chance(2)) {
      operands = Random();
      Check(operands.root, operands.a, operands.b);
    } else {
      for (int cycles = 0; cycles < 2 * kCycles; ++cycles) {
        Edge();
        ASSERT_FALSE(dut_.valid_o);
      }
    }
  }
}

}  // namespace

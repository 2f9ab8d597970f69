// SPDX-License-Identifier: Apache-2.0
// Fixture of benches of modules with one clock and, mostly, a reset.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <type_traits>

#include "Vdut.h"

/// A module, its clock, and random numbers that are the same in every run.
class ModuleBench : public testing::Test {
 protected:
  explicit ModuleBench(uint64_t seed) : random_(seed) {}
  ~ModuleBench() override { dut_.final(); }

  /// A template: some modules have no reset, and are in none.
  template <typename Dut = Vdut>
  void Reset() {
    Dut& dut = dut_;
    dut.rst_ni = 0;
    Edge();
    dut.rst_ni = 1;
  }
  /// Takes the inputs in, and lets the clock rise and fall.
  void Edge() {
    dut_.eval();
    dut_.clk_i = 1;
    dut_.eval();
    dut_.clk_i = 0;
    dut_.eval();
  }
  /// A random number of low..high.
  template <typename Low, typename High>
  std::common_type_t<Low, High> Uniform(Low low, High high) {
    using Number = std::common_type_t<Low, High>;
    const auto first = static_cast<Number>(low);
    const auto count = static_cast<uint64_t>(static_cast<Number>(high) - first) + 1;
    return first + static_cast<Number>(random_() % count);
  }

  std::mt19937_64 random_;
  Vdut dut_;
};

// SPDX-License-Identifier: Apache-2.0
// npu_softmax against TFLite's int8 softmax, with gemmlowp's fixed-point functions written out.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <deque>
#include <limits>
#include <random>
#include <vector>

#include "Vdut.h"

namespace {

constexpr int kReadBytes = PARAM_ReadBytes;
constexpr int kReadLatency = 2;
constexpr int32_t kLowest = std::numeric_limits<int32_t>::min();
constexpr int32_t kHighest = std::numeric_limits<int32_t>::max();

// ---- gemmlowp's fixedpoint.h for raw int32 values ----

int32_t HighMul(int32_t a, int32_t b) {
  if (a == b && a == kLowest) return kHighest;
  const int64_t product = int64_t{a} * b;
  const int32_t nudge = product >= 0 ? (1 << 30) : (1 - (1 << 30));
  return static_cast<int32_t>((product + nudge) / (int64_t{1} << 31));
}

int32_t DivideByPot(int64_t x, int exponent) {
  const int64_t mask = (int64_t{1} << exponent) - 1;
  const int64_t remainder = x & mask;
  const int64_t threshold = (mask >> 1) + (x < 0 ? 1 : 0);
  return static_cast<int32_t>((x >> exponent) + (remainder > threshold ? 1 : 0));
}

int32_t SaturatingMultiplyByPot(int32_t x, int exponent) {
  const int32_t threshold = (1 << (31 - exponent)) - 1;
  if (x > threshold) return kHighest;
  if (x < -threshold) return kLowest;
  return static_cast<int32_t>(static_cast<uint32_t>(x) << exponent);
}

int32_t ExpOnQuarter(int32_t a) {
  const int32_t constant_term = 1895147668;
  const int32_t one_third = 715827883;
  const int32_t x = a + (1 << 28);
  const int32_t x2 = HighMul(x, x);
  const int32_t x3 = HighMul(x2, x);
  const int32_t x4 = HighMul(x2, x2);
  const int32_t x4_over_4 = DivideByPot(x4, 2);
  const int32_t tail = DivideByPot(int64_t{HighMul(x4_over_4 + x3, one_third)} + x2, 1);
  return constant_term + HighMul(constant_term, x + tail);
}

/// exp(a) for a <= 0 with 5 integer bits, result with none.
int32_t ExpOnNegative(int32_t a) {
  constexpr int kFractionalBits = 26;
  const int32_t quarter = 1 << (kFractionalBits - 2);
  const int32_t mod = (a & (quarter - 1)) - quarter;
  int32_t result = ExpOnQuarter(SaturatingMultiplyByPot(mod, 5));
  const int32_t remainder = mod - a;
  const struct {
    int exponent;
    int32_t multiplier;
  } kSteps[] = {{-2, 1672461947}, {-1, 1302514674}, {0, 790015084}, {1, 290630308},
                {2, 39332535},    {3, 720401},      {4, 242}};
  for (const auto& step : kSteps) {
    if (remainder & (1 << (kFractionalBits + step.exponent))) {
      result = HighMul(result, step.multiplier);
    }
  }
  return a == 0 ? kHighest : result;
}

int32_t OneOverOnePlus(int32_t a) {
  const int64_t sum = int64_t{a} + kHighest;
  const int32_t half_denominator = static_cast<int32_t>((sum + (sum >= 0 ? 1 : -1)) / 2);
  int32_t x = 1515870810 + HighMul(half_denominator, -1010580540);
  for (int i = 0; i < 3; ++i) {
    const int32_t one_minus = (1 << 29) - HighMul(half_denominator, x);
    x = x + SaturatingMultiplyByPot(HighMul(x, one_minus), 2);
  }
  return SaturatingMultiplyByPot(x, 1);
}

// ---- TFLite's softmax ----

std::vector<uint32_t> TableOf(double scale, double beta) {
  const double real = std::min(beta * scale * (1 << 26), double{kHighest});
  int shift = 0;
  int64_t multiplier = std::llround(std::frexp(real, &shift) * (int64_t{1} << 31));
  if (multiplier == int64_t{1} << 31) multiplier /= 2, ++shift;
  const int left = shift;
  const int diff_min = -static_cast<int>(
      std::floor(1.0 * ((1 << 5) - 1) * (1 << 26) / static_cast<double>(int64_t{1} << left)));
  std::vector<uint32_t> table(256);
  for (int d = 0; d < 256; ++d) {
    if (-d < diff_min) continue;
    const int32_t shifted = static_cast<int32_t>(static_cast<uint32_t>(-d) << left);
    const int32_t scaled = HighMul(shifted, static_cast<int32_t>(multiplier));
    table[d] = static_cast<uint32_t>(ExpOnNegative(scaled));
  }
  return table;
}

std::vector<int8_t> Softmax(const std::vector<int8_t>& in, const std::vector<uint32_t>& table) {
  const int8_t largest = *std::max_element(in.begin(), in.end());
  uint32_t sum = 0;
  for (int8_t v : in) sum += DivideByPot(static_cast<int32_t>(table[largest - v]), 12);
  const int headroom = std::countl_zero(sum);
  const int32_t shifted = static_cast<int32_t>((sum << headroom) - (uint32_t{1} << 31));
  const int32_t reciprocal = OneOverOnePlus(shifted);
  std::vector<int8_t> out;
  for (int8_t v : in) {
    const int32_t product = HighMul(reciprocal, static_cast<int32_t>(table[largest - v]));
    const int32_t unsat = DivideByPot(product, 12 - headroom + 31 - 8) - 128;
    out.push_back(static_cast<int8_t>(std::clamp(unsat, -128, 127)));
  }
  return out;
}

struct Stalls {
  unsigned read = 0, table = 0, out = 0;  // a port is not ready in this many of 8 cycles
  int table_latency = 1;
};

class SoftmaxUnit : public testing::Test {
 protected:
  SoftmaxUnit() : memory_(1 << 16) {
    for (uint8_t& byte : memory_) byte = static_cast<uint8_t>(random_());
    dut_.rst_ni = 0;
    dut_.start_i = 0;
    Edge();
    dut_.rst_ni = 1;
  }

  ~SoftmaxUnit() override { dut_.final(); }

  /// Runs rows of `depth` values and checks every output; returns the cycles from start to idle.
  int Run(uint32_t rows, uint32_t depth, uint32_t in_base, uint32_t in_step, uint32_t out_base,
          uint32_t out_step, const std::vector<uint32_t>& table, const Stalls& stalls) {
    std::vector<uint8_t> expected = memory_;
    for (uint32_t y = 0; y < rows; ++y) {
      std::vector<int8_t> in(depth);
      std::memcpy(in.data(), &memory_[in_base + y * in_step], depth);
      const std::vector<int8_t> out = Softmax(in, table);
      std::memcpy(&expected[out_base + y * out_step], out.data(), depth);
    }
    std::deque<std::vector<uint8_t>> reads;  // one entry per cycle of latency; empty: no grant
    reads.resize(kReadLatency - 1);
    std::deque<int64_t> words(stalls.table_latency - 1, -1);
    std::vector<uint8_t> arriving;
    int64_t word = -1;
    dut_.rows_i = rows;
    dut_.depth_i = depth;
    dut_.in_base_i = in_base;
    dut_.in_row_step_i = in_step;
    dut_.out_base_i = out_base;
    dut_.out_row_step_i = out_step;
    dut_.start_i = 1;
    uint64_t outputs = 0;
    int cycles = 0;
    for (const int limit = 2000 + 200 * static_cast<int>(rows * (depth + 20)); cycles < limit;
         ++cycles) {
      dut_.clk_i = 0;
      dut_.rd_ready_i = random_() % 8 >= stalls.read;
      dut_.table_ready_i = random_() % 8 >= stalls.table;
      dut_.out_ready_i = random_() % 8 >= stalls.out;
      uint8_t data[kReadBytes];
      for (uint8_t& byte : data) byte = static_cast<uint8_t>(random_());
      if (!arriving.empty()) std::copy(arriving.begin(), arriving.end(), data);
      std::memcpy(&dut_.rd_data_i, data, sizeof data);
      dut_.rd_rvalid_i = !arriving.empty();
      dut_.table_rvalid_i = word >= 0;
      dut_.table_data_i =
          word >= 0 ? static_cast<uint32_t>(word) : static_cast<uint32_t>(random_());
      dut_.eval();
      if (cycles > 0 && !dut_.busy_o) break;
      std::vector<uint8_t> granted;
      if (dut_.rd_valid_o && dut_.rd_ready_i) {
        granted.assign(memory_.begin() + dut_.rd_addr_o,
                       memory_.begin() + dut_.rd_addr_o + kReadBytes);
      }
      reads.push_back(granted);
      words.push_back(dut_.table_valid_o && dut_.table_ready_i ? int64_t{table[dut_.table_index_o]}
                                                               : -1);
      if (dut_.out_valid_o && dut_.out_ready_i) {
        memory_[dut_.out_addr_o] = dut_.out_data_o;
        ++outputs;
      }
      dut_.clk_i = 1;
      dut_.eval();
      dut_.start_i = 0;
      arriving = reads.front();
      reads.pop_front();
      word = words.front();
      words.pop_front();
    }
    EXPECT_FALSE(dut_.busy_o);
    EXPECT_EQ(outputs, uint64_t{rows} * depth);
    EXPECT_EQ(memory_, expected) << rows << " rows of " << depth;
    memory_ = expected;
    return cycles - 1;
  }

  void FillRows(uint32_t base, uint32_t bytes) {
    // Values close together and far apart, runs of equal ones.
    const int spread = 1 << (random_() % 9);
    const int centre = static_cast<int>(random_() % 256) - 128;
    for (uint32_t i = 0; i < bytes; ++i) {
      const int value = centre + static_cast<int>(random_() % spread) - spread / 2;
      memory_[base + i] = static_cast<uint8_t>(std::clamp(value, -128, 127));
    }
  }

  std::vector<uint32_t> RandomTable() {
    std::vector<uint32_t> table(256);
    for (uint32_t& word : table) {
      word = static_cast<uint32_t>(random_() & kHighest) >> (random_() % 32);
    }
    if (random_() % 3 == 0) {
      // Small sums of words that lie halfway between two terms.
      for (uint32_t& word : table) word = (word % 16) << 12 | 0x800;
      table[0] |= 0x3000;
    } else {
      table[0] = random_() % 2 ? kHighest : 0x1000u | (table[0] << (random_() % 8) & kHighest);
    }
    return table;
  }

  std::mt19937_64 random_{kReadBytes};
  Vdut dut_;
  std::vector<uint8_t> memory_;

 private:
  void Edge() {
    dut_.clk_i = 0;
    dut_.eval();
    dut_.clk_i = 1;
    dut_.eval();
  }
};

TEST(SoftmaxReference, IsASoftmax) {
  for (double scale : {0.003, 0.02, 0.1, 0.3}) {
    const std::vector<uint32_t> table = TableOf(scale, 1.0);
    EXPECT_EQ(table[0], static_cast<uint32_t>(kHighest));
    for (int d = 0; d < 256; ++d) {
      EXPECT_NEAR(table[d] / 2147483648.0, std::exp(-d * scale), 1e-6) << scale << " " << d;
    }
    const std::vector<int8_t> in = {3, -100, 127, 90, 120, 127, -128, 0};
    const std::vector<int8_t> out = Softmax(in, table);
    double sum = 0;
    for (int8_t v : in) sum += std::exp(v * scale);
    for (size_t i = 0; i < in.size(); ++i) {
      EXPECT_NEAR((out[i] + 128) / 256.0, std::exp(in[i] * scale) / sum, 0.51 / 256);
    }
  }
}

TEST_F(SoftmaxUnit, GivesTflitesBytesForRowsOf1To40Values) {
  for (double scale : {0.0021, 0.0471, 0.12, 0.4}) {
    const std::vector<uint32_t> table = TableOf(scale, 1.0);
    for (uint32_t depth = 1; depth <= 40; ++depth) {
      FillRows(0x100, 200);
      const uint32_t base = 0x100 + random_() % 32;
      Run(1 + random_() % 3, depth, base, depth + random_() % 9, 0x4000 + random_() % 32,
          depth + random_() % 9, table, {});
      if (HasFailure()) return;
    }
  }
}

TEST_F(SoftmaxUnit, KeepsItsResultsUnderStallsAndRandomTables) {
  for (int round = 0; round < 1500; ++round) {
    const uint32_t depth = 1 + random_() % 40;
    const uint32_t rows = 1 + random_() % 4;
    FillRows(0x100, 300);
    const Stalls stalls = {
        static_cast<unsigned>(random_() % 8), static_cast<unsigned>(random_() % 8),
        static_cast<unsigned>(random_() % 8), 1 + static_cast<int>(random_() % 3)};
    const std::vector<uint32_t> table =
        round % 3 == 0 ? TableOf(std::exp2(-static_cast<double>(random_() % 9)), 1.0)
                       : RandomTable();
    const bool in_place = random_() % 4 == 0;
    const uint32_t base = 0x100 + random_() % 32;
    const uint32_t step = depth + random_() % 9;
    Run(rows, depth, base, step, in_place ? base : 0x4000 + random_() % 32, step, table, stalls);
    if (HasFailure()) return;
  }
}

TEST_F(SoftmaxUnit, WorksOnLongRows) {
  for (uint32_t depth : {255u, 256u, 1000u, 4000u}) {
    for (double scale : {0.004, 0.05, 0.3}) {
      FillRows(0x200, depth);
      Run(1, depth, 0x201, depth, 0x8003, depth, TableOf(scale, 1.0), {0, 0, 0, 1});
      Run(1, depth, 0x201, depth, 0x8003, depth, TableOf(scale, 1.0), {2, 2, 2, 3});
      std::fill_n(memory_.begin() + 0x200, depth + 1, uint8_t{5});
      Run(1, depth, 0x201, depth, 0x8003, depth, TableOf(scale, 1.0), {});
      if (HasFailure()) return;
    }
  }
}

TEST_F(SoftmaxUnit, NeedsFewCycles) {
  const std::vector<uint32_t> table = TableOf(0.1, 1.0);
  const int ten = Run(1, 10, 0x100, 10, 0x4000, 10, table, {});
  const int thousand = Run(1, 1000, 0x100, 1000, 0x4000, 1000, table, {});
  RecordProperty("cycles_10", ten);
  RecordProperty("cycles_1000", thousand);
  EXPECT_LT(ten, kReadBytes >= 4 ? 110 : 200);
  EXPECT_LT(thousand, 1000 * (2 * kReadBytes + 13) / kReadBytes + 100);
}

}  // namespace

// SPDX-License-Identifier: Apache-2.0
// npu_postprocess against TFLite's arithmetic, written as its reference kernels do it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <limits>
#include <random>
#include <utility>
#include <vector>

#include "Vdut.h"

namespace {

/// One of so many rounds and numbers in the view for synthesis, where each full adder is simulated;
/// the cells have benches and proofs of their own.
#ifdef PARAM_Synthesis
constexpr int kShare = 8;
#else
constexpr int kShare = 1;
#endif

constexpr int kWidth = PARAM_Width;
constexpr int kLatency[] = {4, 4, 7, 4, 7, 12};  // of the modes
constexpr int kAdditionLatency = 11;             // of sums that are added to another operand
constexpr int kLongestLatency = 12;
constexpr int32_t kLowest = std::numeric_limits<int32_t>::min();
constexpr int32_t kHighest = std::numeric_limits<int32_t>::max();

enum Mode { kRequantize, kAverage, kAdd, kPass, kMultiply, kSquare };
constexpr Mode kModes[] = {kRequantize, kAverage, kAdd, kPass, kMultiply, kSquare};

int32_t Wrap(int64_t value) { return static_cast<int32_t>(static_cast<uint32_t>(value)); }

int32_t SaturatingRoundingDoublingHighMul(int32_t a, int32_t b) {
  if (a == b && a == kLowest) return kHighest;
  const int64_t product = int64_t{a} * b;
  const int32_t nudge = product >= 0 ? (1 << 30) : (1 - (1 << 30));
  return static_cast<int32_t>((product + nudge) / (int64_t{1} << 31));
}

int32_t RoundingDivideByPot(int32_t x, int exponent) {
  const int32_t mask = static_cast<int32_t>((int64_t{1} << exponent) - 1);
  const int32_t remainder = x & mask;
  const int32_t threshold = (mask >> 1) + (x < 0 ? 1 : 0);
  return (x >> exponent) + (remainder > threshold ? 1 : 0);
}

int32_t MultiplyByQuantizedMultiplier(int32_t x, int32_t multiplier, int shift) {
  const int left = shift > 0 ? shift : 0;
  const int right = shift > 0 ? 0 : -shift;
  return RoundingDivideByPot(
      SaturatingRoundingDoublingHighMul(Wrap(int64_t{x} * (int64_t{1} << left)), multiplier),
      right);
}

struct Scalars {
  int out_zero_point = 0, act_min = -128, act_max = 127, a_zero_point = 0, b_zero_point = 0;
  int b_shift = 0, out_shift = 0;
  int32_t b_multiplier = 0, out_multiplier = 0;
  bool a_subtract = false, b_subtract = false;
  int out_type = 0, out_byte = 0;
  bool residual = false, second = false;  ///< all sums are added to a, as a or as b
};

struct Lane {
  int32_t acc = 0, bias = 0, multiplier = 0;
  int shift = 0;
  int8_t a = 0, b = 0;
};

struct Vector {
  Mode mode = kRequantize;
  uint32_t address = 0;
  uint32_t strobe = 0;
  Lane lanes[kWidth];
};

int32_t Rescaled(const Scalars& s, int64_t value) {
  return MultiplyByQuantizedMultiplier(Wrap(value), s.out_multiplier, s.out_shift);
}

int64_t ExpectedValue(const Scalars& s, Mode mode, const Lane& lane) {
  const int64_t a = lane.a - s.a_zero_point;
  const int64_t b = lane.b - s.b_zero_point;
  switch (mode) {
    case kRequantize:
      return MultiplyByQuantizedMultiplier(Wrap(int64_t{lane.acc} + lane.bias), lane.multiplier,
                                           lane.shift) +
             int64_t{s.out_zero_point};
    case kAverage: {
      const int64_t magnitude = std::llabs(int64_t{lane.acc}) + lane.bias;
      const int64_t quotient = (magnitude * lane.multiplier) >> (31 - lane.shift);
      return (lane.acc < 0 ? -quotient : quotient) + s.out_zero_point;
    }
    case kAdd: {
      const int64_t w =
          MultiplyByQuantizedMultiplier(Wrap(b * (1 << 20)), s.b_multiplier, s.b_shift);
      const int64_t u = a * (1 << 19);
      return int64_t{Rescaled(s, (s.a_subtract ? -u : u) + (s.b_subtract ? -w : w))} +
             s.out_zero_point;
    }
    case kPass:
      return lane.a;
    case kMultiply:
      return int64_t{Rescaled(s, a * b)} + s.out_zero_point;
    case kSquare: {
      const int64_t difference = a * (1 << 6) - MultiplyByQuantizedMultiplier(
                                                    Wrap(b * (1 << 7)), s.b_multiplier, s.b_shift);
      return int64_t{Rescaled(s, difference * difference)} + s.out_zero_point;
    }
  }
  return 0;
}

uint8_t Expected(const Scalars& s, Mode mode, const Lane& lane) {
  if (s.residual) {
    Scalars alone = s;
    alone.residual = false;
    alone.act_min = -128;
    alone.act_max = 127;
    alone.out_zero_point = s.second ? s.b_zero_point : s.a_zero_point;
    Scalars sum = s;
    sum.residual = false;
    Lane both = lane;
    (s.second ? both.b : both.a) = static_cast<int8_t>(Expected(alone, kRequantize, lane));
    (s.second ? both.a : both.b) = lane.a;
    return Expected(sum, kAdd, both);
  }
  int64_t value = ExpectedValue(s, mode, lane);
  if (s.out_type == 0) value = std::min<int64_t>(std::max<int64_t>(value, s.act_min), s.act_max);
  if (s.out_type == 1) value = std::min<int64_t>(std::max<int64_t>(value, -32768), 32767);
  return static_cast<uint8_t>(static_cast<uint64_t>(value) >> 8 * s.out_byte);
}

class Postprocess : public testing::Test {
 protected:
  Postprocess() {
    dut_.rst_ni = 0;
    Tick();
    dut_.rst_ni = 1;
    SetScalars({});
  }

  ~Postprocess() override { dut_.final(); }

  void SetScalars(const Scalars& s) {
    scalars_ = s;
    dut_.out_zero_point_i = s.out_zero_point & 0xff;
    dut_.act_min_i = s.act_min & 0xff;
    dut_.act_max_i = s.act_max & 0xff;
    dut_.a_zero_point_i = s.a_zero_point & 0xff;
    dut_.b_zero_point_i = s.b_zero_point & 0xff;
    dut_.b_shift_i = s.b_shift & 0xff;
    dut_.out_shift_i = s.out_shift & 0xff;
    dut_.b_multiplier_i = s.b_multiplier;
    dut_.out_multiplier_i = s.out_multiplier;
    dut_.a_subtract_i = s.a_subtract;
    dut_.b_subtract_i = s.b_subtract;
    dut_.out_type_i = s.out_type;
    dut_.out_byte_i = s.out_byte;
    dut_.residual_i = s.residual;
    dut_.second_i = s.second;
  }

  /// One cycle with `vector` offered (nullptr: nothing). Returns whether it was taken.
  bool Cycle(const Vector* vector) {
    dut_.clk_i = 0;
    dut_.valid_i = vector != nullptr;
    if (vector != nullptr) {
      uint32_t acc[kWidth];
      uint8_t record[9 * kWidth], a[kWidth], b[kWidth];
      for (int i = 0; i < kWidth; ++i) {
        const Lane& lane = vector->lanes[i];
        acc[i] = static_cast<uint32_t>(lane.acc);
        const uint32_t multiplier =
            static_cast<uint32_t>(lane.multiplier) | (random_() % 2 ? 0x80000000u : 0);
        std::memcpy(record + 9 * i, &lane.bias, 4);
        std::memcpy(record + 9 * i + 4, &multiplier, 4);
        record[9 * i + 8] = static_cast<uint8_t>(lane.shift);
        a[i] = static_cast<uint8_t>(lane.a);
        b[i] = static_cast<uint8_t>(lane.b);
      }
      std::memcpy(&dut_.acc_i, acc, sizeof acc);
      std::memcpy(&dut_.record_i, record, sizeof record);
      std::memcpy(&dut_.a_i, a, sizeof a);
      std::memcpy(&dut_.b_i, b, sizeof b);
      dut_.mode_i = vector->mode;
      dut_.addr_i = vector->address;
      dut_.strb_i = vector->strobe;
    }
    dut_.eval();
    const bool taken = vector != nullptr && dut_.ready_o;
    EXPECT_TRUE(taken || vector == nullptr || !scalars_.residual) << "soon_o promised it";
    soon_ = dut_.soon_o;
    if (vector != nullptr && random_() % 8 == 0) {
      // Whoever waits for ready_o before valid_i sees the same.
      dut_.valid_i = 0;
      dut_.eval();
      EXPECT_EQ(dut_.ready_o, taken);
      dut_.valid_i = 1;
      dut_.eval();
    }
    EXPECT_EQ(dut_.busy_o, !expected_.empty());
    if (dut_.valid_o) CheckResult();
    if (taken) {
      const int latency = scalars_.residual ? kAdditionLatency : kLatency[vector->mode];
      Result result{cycle_ + static_cast<uint64_t>(latency), vector->address, vector->strobe, {}};
      for (int i = 0; i < kWidth; ++i) {
        result.bytes[i] = Expected(scalars_, vector->mode, vector->lanes[i]);
      }
      expected_.push_back(result);
    }
    Tick();
    return taken;
  }

  /// Sends all vectors, with idle cycles in one of `gaps` cycles (0: none), and waits for their
  /// results.
  void Run(const std::vector<Vector>& vectors, unsigned gaps) {
    for (const Vector& vector : vectors) {
      while (gaps != 0 && random_() % gaps == 0) Cycle(nullptr);
      int waited = 0;
      while (!Cycle(&vector)) ASSERT_LT(++waited, 20);
      if (HasFailure()) return;
    }
    Drain();
  }

  void Drain() {
    for (int i = 0; i < kLongestLatency + 1; ++i) Cycle(nullptr);
    EXPECT_TRUE(expected_.empty());
    EXPECT_FALSE(dut_.busy_o);
  }

  /// A cycle in which a vector is offered, too.
  void Clear() {
    dut_.clear_i = 1;
    dut_.valid_i = 1;
    dut_.mode_i = kModes[random_() % 6];
    Tick();
    dut_.clear_i = 0;
    dut_.valid_i = 0;
    dut_.eval();
    expected_.clear();
  }

  /// The same for sums that are added: they enter where soon_o allowed it.
  void RunAdditions(const std::vector<Vector>& vectors, unsigned gaps) {
    const uint64_t first = cycle_;
    for (const Vector& vector : vectors) {
      int waited = 0;
      for (; !soon_ || (gaps != 0 && random_() % gaps == 0); ++waited) Cycle(nullptr);
      ASSERT_LT(waited, gaps != 0 ? 1000 : 6);
      Cycle(&vector);
      if (HasFailure()) return;
    }
    if (gaps == 0) EXPECT_LE(cycle_ - first, 5 * vectors.size() + 1) << "one every five cycles";
    Drain();
  }

  std::mt19937_64 random_{kWidth};
  bool soon_ = false;
  Vdut dut_;
  uint64_t cycle_ = 0;

 private:
  struct Result {
    uint64_t cycle;
    uint32_t address, strobe;
    uint8_t bytes[kWidth];
  };

  void Tick() {
    dut_.clk_i = 0;
    dut_.eval();
    dut_.clk_i = 1;
    dut_.eval();
    ++cycle_;
  }

  void CheckResult() {
    ASSERT_FALSE(expected_.empty());
    const Result& result = expected_.front();
    EXPECT_EQ(cycle_, result.cycle);
    EXPECT_EQ(dut_.addr_o, result.address);
    EXPECT_EQ(dut_.strb_o, result.strobe);
    uint8_t bytes[kWidth];
    std::memcpy(bytes, &dut_.data_o, sizeof bytes);
    for (int i = 0; i < kWidth; ++i) {
      if ((result.strobe >> i & 1) != 0) {
        EXPECT_EQ(+bytes[i], +result.bytes[i]) << "lane " << i;
      }
    }
    expected_.pop_front();
  }

  Scalars scalars_;
  std::deque<Result> expected_;
};

/// Accumulators, biases and multipliers that lie at the edges more often than not.
class Corners {
 public:
  explicit Corners(std::mt19937_64& random) : random_(random) {}

  int32_t Word() {
    static constexpr int32_t kEdges[] = {kLowest,      kLowest + 1, -1,      0,         1,
                                         kHighest - 1, kHighest,    1 << 30, -(1 << 30)};
    switch (random_() % 4) {
      case 0:
        return kEdges[random_() % std::size(kEdges)];
      case 1:
        return static_cast<int32_t>(random_());
      default:
        return static_cast<int32_t>(random_()) >> (random_() % 32);
    }
  }

  int32_t Multiplier() {
    static constexpr int32_t kEdges[] = {0, 1, 1 << 30, kHighest, kHighest - 1, (1 << 30) + 1};
    switch (random_() % 4) {
      case 0:
        return kEdges[random_() % std::size(kEdges)];
      case 1:
        return static_cast<int32_t>(random_() & kHighest);
      default:
        return static_cast<int32_t>((random_() & 0x3fffffff) | 0x40000000);
    }
  }

  int Shift(int lowest, int highest) {
    return lowest + static_cast<int>(random_() % static_cast<unsigned>(highest - lowest + 1));
  }

 private:
  std::mt19937_64& random_;
};

Scalars RandomScalars(std::mt19937_64& random) {
  Corners corners(random);
  Scalars s;
  const auto byte = [&] { return static_cast<int>(random() % 256) - 128; };
  s.out_zero_point = random() % 4 == 0 ? -128 : byte();
  s.act_min = byte();
  s.act_max = byte();
  if (s.act_min > s.act_max) std::swap(s.act_min, s.act_max);
  if (random() % 2 == 0) s.act_min = -128, s.act_max = 127;
  s.a_zero_point = random() % 4 == 0 ? -128 : byte();
  s.b_zero_point = random() % 4 == 0 ? -128 : byte();
  s.b_multiplier = corners.Multiplier();
  s.out_multiplier = corners.Multiplier();
  // Shifts with which results of ADD and SQUAREDDIFFERENCE, or those of MULTIPLY, lie around the
  // range of the output.
  s.b_shift = corners.Shift(-12, 3);
  s.out_shift = random() % 2 == 0 ? corners.Shift(-24, -14) : corners.Shift(-10, 2);
  if (random() % 8 == 0) s.b_shift = corners.Shift(-31, 31);
  if (random() % 8 == 0) s.out_shift = corners.Shift(-31, 31);
  s.a_subtract = random() % 3 == 0;
  s.b_subtract = random() % 3 == 0;
  if (random() % 2 == 0) s.out_type = 1 + static_cast<int>(random() % 2);
  if (s.out_type != 0) s.out_byte = static_cast<int>(random() % (2 * s.out_type));
  return s;
}

Vector RandomVector(std::mt19937_64& random, Mode mode) {
  Corners corners(random);
  Vector vector;
  vector.mode = mode;
  vector.address = static_cast<uint32_t>(random() & 0xffffff);
  vector.strobe = static_cast<uint32_t>(random() | random()) & ((1u << kWidth) - 1);
  for (Lane& lane : vector.lanes) {
    lane.acc = corners.Word();
    lane.bias = corners.Word();
    lane.multiplier = corners.Multiplier();
    lane.shift = corners.Shift(-31, mode == kAverage ? 0 : 31);
    lane.a = static_cast<int8_t>(random());
    lane.b = static_cast<int8_t>(random());
    if (random() % 2 == 0 && mode == kRequantize) {
      // A shift with which the result lies around the range of the output.
      const int64_t sum = std::llabs(int64_t{Wrap(int64_t{lane.acc} + lane.bias)});
      int bits = 0;
      while (sum >> bits != 0) ++bits;
      lane.shift = std::clamp(8 - bits, -31, 31);
    }
  }
  return vector;
}

/// Fills vectors with the lanes one after the other.
std::vector<Vector> Pack(Mode mode, const std::vector<Lane>& lanes) {
  static size_t first = 0;  // other ones each time
  std::vector<Vector> vectors;
  size_t packed = 0;
  for (size_t i = first++ % kShare; i < lanes.size(); i += kShare, ++packed) {
    if (packed % kWidth == 0) vectors.emplace_back().mode = mode;
    vectors.back().strobe |= 1u << (packed % kWidth);
    vectors.back().lanes[packed % kWidth] = lanes[i];
  }
  return vectors;
}

TEST_F(Postprocess, RequantizesAsTfliteOnRandomAndExtremeValues) {
  for (int round = 0; round < 300 / kShare; ++round) {
    SetScalars(RandomScalars(random_));
    std::vector<Vector> vectors;
    for (int i = 0; i < 1000; ++i) vectors.push_back(RandomVector(random_, kRequantize));
    Run(vectors, round % 3 == 0 ? 0 : round % 3 + 1);
    if (HasFailure()) return;
  }
}

TEST_F(Postprocess, AddsResultsToAnotherOperand) {
  for (int round = 0; round < 200 / kShare; ++round) {
    Scalars s = RandomScalars(random_);
    s.out_type = s.out_byte = 0;
    s.residual = true;
    s.second = random_() % 2 != 0;
    SetScalars(s);
    std::vector<Vector> vectors;
    for (int i = 0; i < 500; ++i) vectors.push_back(RandomVector(random_, kRequantize));
    RunAdditions(vectors, round % 3 == 0 ? 0 : round % 3 * 2);
    if (HasFailure()) return;
    SetScalars({});
    Cycle(nullptr);
  }
}

TEST_F(Postprocess, RoundsTwiceAndTiesAwayFromZero) {
  // The values at which one rounding, or ties upward, would give another result.
  EXPECT_EQ(MultiplyByQuantizedMultiplier(-1998, 1288490189, -1), -600);
  EXPECT_EQ(MultiplyByQuantizedMultiplier(-1984, 1696766344, -6), -25);
  EXPECT_EQ(MultiplyByQuantizedMultiplier(8, 1288490189, -1), 3);
  EXPECT_EQ(MultiplyByQuantizedMultiplier(1, 1288490189, -1), 1);
  std::vector<Lane> lanes;
  for (const auto& [multiplier, shift] : {std::pair{1288490189, -1},
                                          {1696766344, -6},
                                          {1 << 30, -1},
                                          {1 << 30, -4},
                                          {kHighest, -3}}) {
    for (int x = -2000; x <= 2000; ++x) lanes.push_back({x, 0, multiplier, shift, 0, 0});
  }
  for (int zero_point : {0, 100, -100}) {
    Scalars s;
    s.out_zero_point = zero_point;
    SetScalars(s);
    Run(Pack(kRequantize, lanes), 0);
  }
}

TEST_F(Postprocess, AveragesOnRandomAndExtremeValues) {
  for (int round = 0; round < 100 / kShare; ++round) {
    SetScalars(RandomScalars(random_));
    std::vector<Vector> vectors;
    for (int i = 0; i < 1000; ++i) vectors.push_back(RandomVector(random_, kAverage));
    Run(vectors, round % 3 == 0 ? 0 : 2);
    if (HasFailure()) return;
  }
}

TEST_F(Postprocess, DividesEverySumOfUpTo300BytesExactly) {
  SetScalars({});
  for (int n = 1; n <= 300; ++n) {
    // 2^s / n rounded up, as the compiler does; 1 with a bias of 1 and (1 - 2^-31).
    int s = 31;
    const auto multiplier = [&](int exponent) { return ((int64_t{1} << exponent) + n - 1) / n; };
    while (multiplier(s + 1) <= kHighest) ++s;
    const int32_t m = n == 1 ? kHighest : static_cast<int32_t>(multiplier(s));
    const int32_t bias = n == 1 ? 1 : n / 2;
    const int shift = n == 1 ? 0 : 31 - s;
    const int step = kWidth == 16 ? 1 : 1 + static_cast<int>(random_() % 16);
    std::vector<Lane> lanes;
    for (int sum = -128 * n; sum <= 127 * n; sum += step) {
      lanes.push_back({sum, bias, m, shift, 0, 0});
      const int quotient = sum > 0 ? (sum + n / 2) / n : (sum - n / 2) / n;
      ASSERT_EQ(ExpectedValue({}, kAverage, lanes.back()), quotient) << sum << " / " << n;
    }
    Run(Pack(kAverage, lanes), 0);
    if (HasFailure()) return;
  }
}

TEST_F(Postprocess, ShiftsByUpTo31BitsAndWraps) {
  std::vector<Lane> lanes;
  for (int shift = -31; shift <= 31; ++shift) {
    for (int32_t acc : {kLowest, kLowest + 1, -(1 << 30), -256, -3, -1, 0, 1, 2, 255, 1 << 30,
                        kHighest - 1, kHighest, 0x12345678}) {
      for (int32_t bias : {0, 1, -1, kLowest, kHighest}) {
        for (int32_t multiplier : {0, 1, 1 << 30, 0x5a5a5a5a, kHighest}) {
          lanes.push_back({acc, bias, multiplier, shift, 0, 0});
        }
      }
    }
  }
  for (int type : {0, 1, 2}) {
    for (int byte = 0; byte < std::max(1, 2 * type); ++byte) {
      for (int zero_point : {0, -128, 127}) {
        Scalars s;
        s.out_type = type;
        s.out_byte = byte;
        s.out_zero_point = zero_point;
        s.act_min = -127;
        s.act_max = 100;
        SetScalars(s);
        Run(Pack(kRequantize, lanes), 0);
        if (HasFailure()) return;
      }
    }
  }
}

TEST_F(Postprocess, SaturatesToInt16AndWrapsAtInt32) {
  // Results around the limits: the multiplier is 1 but for 2^-31, which rounding up makes good.
  std::vector<Lane> rounded, truncated;
  for (int64_t middle : {int64_t{0}, int64_t{1} << 15, -(int64_t{1} << 15), int64_t{1} << 16,
                         int64_t{1} << 24, int64_t{kHighest}, int64_t{kLowest}}) {
    for (int64_t x = middle - 300; x <= middle + 300; ++x) {
      rounded.push_back({Wrap(x), 0, kHighest, 0, 0, 0});
      truncated.push_back({Wrap(x), 1, kHighest, 0, 0, 0});
    }
  }
  for (int type : {1, 2}) {
    for (int byte = 0; byte < 2 * type; ++byte) {
      for (int zero_point : {0, -128, 127, 5}) {
        Scalars s;
        s.out_type = type;
        s.out_byte = byte;
        s.out_zero_point = zero_point;
        s.act_min = -3;
        s.act_max = 3;
        SetScalars(s);
        Run(Pack(kRequantize, rounded), 0);
        Run(Pack(kAverage, truncated), 0);
        if (HasFailure()) return;
      }
    }
  }
}

/// All pairs of bytes. Every other operand is noise.
std::vector<Lane> PairsOfBytes(std::mt19937_64& random) {
  std::vector<Lane> lanes;
  for (int a = -128; a < 128; ++a) {
    for (int b = -128; b < 128; ++b) {
      lanes.push_back({static_cast<int32_t>(random()), static_cast<int32_t>(random()),
                       static_cast<int32_t>(random() & kHighest),
                       static_cast<int>(random() % 63) - 31, static_cast<int8_t>(a),
                       static_cast<int8_t>(b)});
    }
  }
  return lanes;
}

TEST_F(Postprocess, CombinesAllPairsOfBytes) {
  const std::vector<Lane> lanes = PairsOfBytes(random_);
  for (Mode mode : {kAdd, kMultiply, kSquare}) {
    for (int set = 0; set < 12; ++set) {
      SetScalars(RandomScalars(random_));
      Run(Pack(mode, lanes), set % 2 == 0 ? 0 : 2);
      if (HasFailure()) return;
    }
  }
}

TEST_F(Postprocess, MultipliesAndSquaresExactly) {
  // An output rescaling by 1 shows every byte of the products. Shifts of b up to 31 make
  // differences of 32 bits, whose squares wrap.
  const std::vector<Lane> lanes = PairsOfBytes(random_);
  static constexpr int kShifts[] = {0, 15, -3, 24, 1, 31, 9, 25, -31, 20, 16};
  int set = 0;
  for (const auto& [a_zero_point, b_zero_point] :
       {std::pair{0, 0}, {-128, -128}, {127, 127}, {-128, 127}, {127, -128}, {3, -5}}) {
    for (int byte = 0; byte < 4; ++byte) {
      Scalars s;
      s.out_type = 2;
      s.out_byte = byte;
      s.a_zero_point = a_zero_point;
      s.b_zero_point = b_zero_point;
      s.out_multiplier = 1 << 30;
      s.out_shift = 1;
      s.b_shift = kShifts[set++ % std::size(kShifts)];
      s.b_multiplier = static_cast<int32_t>(random_() & 0x3fffffff) | 0x40000000;
      SetScalars(s);
      Run(Pack(kMultiply, lanes), 0);
      Run(Pack(kSquare, lanes), 0);
      if (HasFailure()) return;
    }
  }
}

TEST_F(Postprocess, CombinesUnderManyScalars) {
  for (Mode mode : {kAdd, kMultiply, kSquare}) {
    for (int round = 0; round < 1000 / kShare; ++round) {
      SetScalars(RandomScalars(random_));
      std::vector<Vector> vectors;
      for (int i = 0; i < 50; ++i) vectors.push_back(RandomVector(random_, mode));
      Run(vectors, round % 4 == 0 ? 0 : 1 + round % 4);
      if (HasFailure()) return;
    }
  }
}

TEST_F(Postprocess, AcceptsAVectorPerCycleAndTwoPassesEverySecondCycle) {
  for (Mode mode : {kRequantize, kAverage, kPass}) {
    std::vector<Vector> vectors;
    for (int i = 0; i < 60; ++i) vectors.push_back(RandomVector(random_, mode));
    for (const Vector& vector : vectors) EXPECT_TRUE(Cycle(&vector));
    Drain();
  }
  for (Mode mode : {kAdd, kMultiply}) {
    std::vector<Vector> vectors;
    for (int i = 0; i < 60; ++i) vectors.push_back(RandomVector(random_, mode));
    // One operand every second cycle never waits.
    for (const Vector& vector : vectors) {
      EXPECT_TRUE(Cycle(&vector));
      Cycle(nullptr);
    }
    Drain();
    // Operands in every cycle: half of the cycles are second passes.
    const uint64_t start = cycle_;
    for (const Vector& vector : vectors) {
      while (!Cycle(&vector)) {
      }
    }
    EXPECT_LE(cycle_ - start, 120u);
    Drain();
  }
  // Both kinds of two passes mix freely.
  const uint64_t start = cycle_;
  for (int i = 0; i < 60; ++i) {
    const Vector vector = RandomVector(random_, random_() % 2 == 0 ? kAdd : kMultiply);
    while (!Cycle(&vector)) {
    }
  }
  EXPECT_LE(cycle_ - start, 120u);
  Drain();
  // Behind SQUAREDDIFFERENCE every mode waits for the same time.
  for (Mode mode : kModes) {
    const Vector square = RandomVector(random_, kSquare);
    const Vector next = RandomVector(random_, mode);
    EXPECT_TRUE(Cycle(&square));
    for (int i = 1; i < 9; ++i) EXPECT_FALSE(Cycle(&next)) << i;
    EXPECT_TRUE(Cycle(&next));
    Drain();
  }
}

TEST_F(Postprocess, KeepsTheOrderWhenModesChangeBackToBack) {
  for (int round = 0; round < 300 / kShare; ++round) {
    SetScalars(RandomScalars(random_));
    std::vector<Vector> vectors;
    for (int i = 0; i < 300; ++i) vectors.push_back(RandomVector(random_, kModes[random_() % 6]));
    Run(vectors, round % 4 == 0 ? 0 : 1 + round % 4);
    if (HasFailure()) return;
  }
}

TEST_F(Postprocess, KeepsTheOrderOfAnyThreeModesAtAnyDistance) {
  for (int i = 0; i < 6 * 6 * 6 * 16; ++i) {
    SetScalars(RandomScalars(random_));
    const Mode modes[] = {kModes[i / 16 % 6], kModes[i / 96 % 6], kModes[i / 576]};
    const int gaps[] = {i % 4, i / 4 % 4, 0};
    for (int k = 0; k < 3; ++k) {
      const Vector vector = RandomVector(random_, modes[k]);
      int waited = 0;
      while (!Cycle(&vector)) ASSERT_LT(++waited, 20);
      for (int gap = 0; gap < gaps[k]; ++gap) Cycle(nullptr);
    }
    Drain();
    if (HasFailure()) return;
  }
}

TEST_F(Postprocess, ClearDropsEverything) {
  for (Mode mode : kModes) {
    for (int age = 1; age <= kLatency[mode]; ++age) {
      SetScalars(RandomScalars(random_));
      const Vector vector = RandomVector(random_, mode);
      EXPECT_TRUE(Cycle(&vector));
      for (int i = 1; i < age; ++i) Cycle(nullptr);
      Clear();
      EXPECT_FALSE(dut_.busy_o);
      // Nothing is left of it, and any mode goes on.
      const Vector next = RandomVector(random_, kModes[random_() % 6]);
      if (age % 2 == 0) EXPECT_TRUE(Cycle(&next));
      Drain();
      if (HasFailure()) return;
    }
  }
}

}  // namespace

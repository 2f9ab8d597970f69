// exp() of negative values in Q5.26, as gemmlowp's fixed-point library defines it.
#include "sw/compiler/lower/softmax_table.h"

#include <cstdlib>
#include <limits>

namespace npugen::compiler {
namespace {

constexpr int32_t kLargest = std::numeric_limits<int32_t>::max();

int32_t HighMultiply(int32_t a, int32_t b) {
  if (a == b && a == std::numeric_limits<int32_t>::min()) return kLargest;
  return static_cast<int32_t>((int64_t{a} * b + (int64_t{1} << 30)) >> 31);
}

int32_t DivideByPowerOfTwo(int32_t value, int exponent) {
  const int64_t magnitude =
      (std::llabs(int64_t{value}) + (int64_t{1} << (exponent - 1))) >> exponent;
  return static_cast<int32_t>(value < 0 ? -magnitude : magnitude);
}

/// exp(a) for a in [-1/4, 0), Q0.31: a Taylor series around -1/8.
int32_t ExpOfQuarter(int32_t a) {
  constexpr int32_t kExpOfMinusEighth = 1895147668;
  constexpr int32_t kThird = 715827883;
  const int32_t x = a + (1 << 28);
  const int32_t x2 = HighMultiply(x, x);
  const int32_t x3 = HighMultiply(x2, x);
  const int32_t x4 = HighMultiply(x2, x2);
  const int32_t x4_over_4 = DivideByPowerOfTwo(x4, 2);
  const int32_t tail = DivideByPowerOfTwo(HighMultiply(x4_over_4 + x3, kThird) + x2, 1);
  return kExpOfMinusEighth + HighMultiply(kExpOfMinusEighth, x + tail);
}

/// exp(a) for a <= 0 in Q5.26; the result is Q0.31.
int32_t ExpOfNegative(int32_t a) {
  constexpr int kFraction = 26;
  constexpr int32_t kQuarter = 1 << (kFraction - 2);
  /// exp(-2^(i - 2)) in Q0.31.
  constexpr int32_t kFactors[] = {1672461947, 1302514674, 790015084, 290630308,
                                  39332535,   720401,     242};
  if (a == 0) return kLargest;
  const int32_t quarter = (a & (kQuarter - 1)) - kQuarter;
  int32_t result = ExpOfQuarter(quarter * 32);
  const uint32_t remainder = static_cast<uint32_t>(quarter) - static_cast<uint32_t>(a);
  for (int i = 0; i < 7; ++i) {
    if (remainder >> (kFraction - 2 + i) & 1) result = HighMultiply(result, kFactors[i]);
  }
  return result;
}

}  // namespace

std::vector<uint8_t> SoftmaxTable(const SoftmaxParameters& parameters) {
  std::vector<uint8_t> table;
  for (int32_t distance = 0; distance < 256; ++distance) {
    uint32_t term = 0;
    if (-distance >= parameters.diff_min) {
      const uint32_t shifted = static_cast<uint32_t>(-distance) << parameters.left_shift;
      const int32_t scaled = HighMultiply(static_cast<int32_t>(shifted), parameters.multiplier);
      term = static_cast<uint32_t>(ExpOfNegative(scaled));
    }
    for (int byte = 0; byte < 4; ++byte) table.push_back(static_cast<uint8_t>(term >> 8 * byte));
  }
  return table;
}

}  // namespace npugen::compiler

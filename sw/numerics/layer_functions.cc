// SPDX-License-Identifier: Apache-2.0
// Norms and gates from the operations that the vector unit has.
#include "sw/numerics/layer_functions.h"

#include <array>

#include "sw/numerics/vector.h"

namespace npugen::numerics {
namespace {

/// 1/size of a vector.
Fp32 Share(size_t size) { return Divide(kFp32One, FromInteger(static_cast<int32_t>(size))); }

/// What elements are multiplied with so that their mean square is 1.
Fp32 InverseDeviation(std::span<const Fp32> x, Fp32 epsilon) {
  PartialSums squares;
  for (const Fp32 element : x) squares.Add(Multiply(element, element));
  const Fp32 mean = Multiply(squares.Total(), Share(x.size()));
  return Divide(kFp32One, SquareRoot(Add(mean, epsilon)));
}

/// x / (1 + e^-y).
Fp32 Gated(Fp32 x, Fp32 y) { return Divide(x, Add(kFp32One, Exponential(Negated(y)))); }

}  // namespace

std::vector<Fp32> RmsNorm(std::span<const Fp32> x, std::span<const Fp32> gain, Fp32 epsilon) {
  const Fp32 factor = InverseDeviation(x, epsilon);
  std::vector<Fp32> result(x.size());
  for (size_t i = 0; i < x.size(); ++i) result[i] = Multiply(Multiply(x[i], factor), gain[i]);
  return result;
}

std::vector<Fp32> LayerNorm(std::span<const Fp32> x, std::span<const Fp32> gain,
                            std::span<const Fp32> bias, Fp32 epsilon) {
  const Fp32 mean = Multiply(SumOf(x), Share(x.size()));
  std::vector<Fp32> centered(x.size());
  for (size_t i = 0; i < x.size(); ++i) centered[i] = Subtract(x[i], mean);
  std::vector<Fp32> result = RmsNorm(centered, gain, epsilon);
  for (size_t i = 0; i < bias.size(); ++i) result[i] = Add(result[i], bias[i]);
  return result;
}

Fp32 Silu(Fp32 x) { return Gated(x, x); }

Fp32 GeluTanh(Fp32 x) {
  constexpr Fp32 kLinear = 0x3fcc422a, kCubic = 0x3d922279;  // 2 sqrt(2/pi), 0.044715 of it
  return Gated(x, Multiply(x, Add(kLinear, Multiply(kCubic, Multiply(x, x)))));
}

Fp32 Gelu(Fp32 x) {
  // Half of erfc by Abramowitz and Stegun, 7.1.26: for large x no digits are lost in differences.
  constexpr Fp32 kHalf = 0x3f000000, kRootOfHalf = 0x3f3504f3, kSteepness = 0x3ea7ba05;
  constexpr std::array<Fp32, 5> kPolynomial = {0x3e827906, 0xbe91a98e, 0x3fb5f0e3, 0xbfba00e3,
                                               0x3f87dc22};
  const Fp32 w = Multiply(Magnitude(x), kRootOfHalf);
  const Fp32 k = Divide(kFp32One, Add(kFp32One, Multiply(kSteepness, w)));
  Fp32 sum = kPolynomial.back();
  for (size_t i = kPolynomial.size() - 1; i > 0; --i) {
    sum = Add(kPolynomial[i - 1], Multiply(k, sum));
  }
  const Fp32 exponential = Exponential(Negated(Multiply(w, w)));
  const Fp32 tail = Multiply(kHalf, Multiply(Multiply(k, sum), exponential));
  const Fp32 part = Multiply(x, tail);
  return IsLess(x, 0) ? part : Subtract(x, part);
}

}  // namespace npugen::numerics

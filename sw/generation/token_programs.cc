// SPDX-License-Identifier: Apache-2.0
// Entry by entry, in the order of operations that docs/transformers.md gives. Where y and z would
// both be registers, a sum is an operation of its own.
#include "sw/generation/token_programs.h"

#include "generator/arch/command_set.h"
#include "sw/numerics/vector.h"

namespace npugen::generation {
namespace {

using P = VectorProgram;
using Operation = VectorOperation;

constexpr VectorSource kOne = VectorSource::Constant();      // as x or y
constexpr VectorSource kNothing = VectorSource::Constant();  // as z
constexpr Fp32 kMinusZero = numerics::kFp32Sign;             // changes no sum, not even -0
VectorSource At(uint8_t number) { return VectorSource::Register(number); }
VectorSource Sum(uint8_t number) { return VectorSource::Scalar(number); }
VectorSource Bits(Fp32 bits) { return VectorSource::Immediate(bits); }

/// Register `to` = register `from` with the other sign.
void Negate(P& program, uint32_t to, uint8_t from) {
  program.MulAdd(to, At(from), kOne, kNothing, /*negate_product=*/true);
}

/// Register `to` = 1 / root of (register `to` + epsilon).
void InverseRoot(P& program, uint8_t to, Fp32 epsilon) {
  program.Add(to, At(to), Bits(epsilon)).Do(Operation::kSquareRoot, to, At(to));
  program.Do(Operation::kDivide, to, kOne, At(to));
}

Fp32 ShareOf(const TransformerConfig& config) {
  return numerics::Divide(numerics::kFp32One,
                          numerics::FromInteger(static_cast<int32_t>(config.width)));
}

/// Register 0 = x / (1 + e^y), x in register 0, y in register 2.
void Gated(P& program) {
  program.Exponential(3, 2, 5, 6).Add(3, At(3), Bits(numerics::kFp32One));
  program.Do(Operation::kDivide, 0, At(0), At(3));
}

void GeluTanh(P& program) {
  constexpr Fp32 kLinear = 0x3fcc422a, kCubic = 0x3d922279;
  program.Multiply(2, At(0), At(0)).Multiply(2, At(2), Bits(kCubic)).Add(2, At(2), Bits(kLinear));
  program.MulAdd(2, At(0), At(2), kNothing, /*negate_product=*/true);
  Gated(program);
}

void Gelu(P& program) {
  constexpr Fp32 kHalf = 0x3f000000, kRootOfHalf = 0x3f3504f3, kSteepness = 0x3ea7ba05;
  Negate(program, 2, 0);
  program.Do(Operation::kMax, 2, At(0), kOne, At(2)).Multiply(2, At(2), Bits(kRootOfHalf));
  program.Multiply(3, At(2), Bits(kSteepness)).Add(3, At(3), Bits(numerics::kFp32One));
  program.Do(Operation::kDivide, 3, kOne, At(3));
  program.Multiply(4, At(3), Bits(0x3f87dc22));
  for (const Fp32 coefficient : {0xbfba00e3u, 0x3fb5f0e3u, 0xbe91a98eu, 0x3e827906u}) {
    program.Add(4, At(4), Bits(coefficient)).Multiply(4, At(3), At(4));
  }
  program.MulAdd(2, At(2), At(2), kNothing, /*negate_product=*/true);
  program.Exponential(3, 2, 5, 6).Multiply(4, At(4), At(3)).Multiply(4, At(4), Bits(kHalf));
  // The part of it, or what is left: one of them is kept, the other one becomes -0.
  program.Multiply(4, At(0), At(4));
  program.MulAdd(3, At(0), kOne, At(4), /*negate_product=*/false, /*negate_z=*/true);
  program.Do(Operation::kLess, 5, At(0), kOne, Bits(0));
  program.Do(Operation::kEqual, 6, At(5), kOne, Bits(0));
  program.Do(Operation::kSelect, 3, At(3), Bits(kMinusZero), At(5));
  program.Do(Operation::kSelect, 4, At(4), Bits(kMinusZero), At(6));
  program.Add(0, At(3), At(4));
}

/// A NaN stays; -0 is not above 0.
void Relu(P& program) {
  for (const Operation below : {Operation::kLess, Operation::kEqual}) {
    program.Do(below, 2, At(0), kOne, Bits(0));
    program.Do(Operation::kSelect, 0, At(0), Bits(0), At(2));
  }
}

}  // namespace

VectorProgram LayerNormProgram(const TransformerConfig& config, bool biased) {
  const Fp32 share = ShareOf(config);
  P program;
  const auto center = [&] {
    program.Multiply(3, Bits(share), Sum(0));
    program.MulAdd(0, At(0), kOne, At(3), /*negate_product=*/false, /*negate_z=*/true);
  };
  program.Pass(P::kA).Sum(0, At(0)).Pass(P::kA);
  center();
  program.Sum(1, At(0), At(0));
  program.Pass(P::kA | P::kB | P::kD | (biased ? uint32_t{P::kC} : 0));
  center();
  program.Multiply(3, Bits(share), Sum(1));
  InverseRoot(program, 3, config.epsilon);
  program.Multiply(0, At(0), At(3)).Multiply(0, At(0), At(1));
  return biased ? program.Add(0, At(0), At(2)) : program;
}

VectorProgram SquaresProgram(bool residual) {
  P program;
  if (residual) {
    program.Pass(P::kA | P::kB | P::kD).Add(0, At(0), At(1)).Convert(0, At(0), kFormatBf16);
  } else {
    program.Pass(P::kA);
  }
  program.Sum(0, At(0), At(0));
  return program.Pass(P::kE | P::kFirstOfE).Multiply(1, kOne, Sum(0));
}

VectorProgram InverseRootProgram(const TransformerConfig& config) {
  P program;
  program.Pass(P::kA | P::kD).Multiply(0, At(0), Bits(ShareOf(config)));
  InverseRoot(program, 0, config.epsilon);
  return program;
}

VectorProgram ScaleProgram() {
  P program;
  program.Pass(P::kA | P::kB | P::kC | P::kD);
  return program.Multiply(0, At(0), At(1)).Multiply(0, At(0), At(2));
}

VectorProgram ResidualProgram() {
  P program;
  return program.Pass(P::kA | P::kB | P::kD).Add(0, At(0), At(1));
}

VectorProgram TwoProductsProgram() {
  P program;
  program.Pass(P::kA | P::kB | P::kC | P::kD | P::kE);
  return program.Multiply(0, At(0), At(2)).Multiply(1, At(1), At(2));
}

VectorProgram AddProductProgram(bool subtract) {
  P program;
  program.Pass(P::kA | P::kB | P::kC | P::kD).Multiply(1, At(1), At(2));
  return program.MulAdd(0, At(0), kOne, At(1), /*negate_product=*/false, subtract);
}

VectorProgram SoftmaxProgram(Fp32 scale) {
  P program;
  program.Pass(P::kA).Multiply(2, At(0), Bits(scale)).Largest(0, At(2));
  program.Pass(P::kA | P::kD).Multiply(2, At(0), Bits(scale));
  program.MulAdd(2, At(2), kOne, Sum(0), /*negate_product=*/false, /*negate_z=*/true);
  program.Exponential(0, 2, 5, 6, /*above_zero=*/false).Sum(1, At(0));
  return program.Pass(P::kE | P::kFirstOfE).Multiply(1, kOne, Sum(1));
}

VectorProgram QuotientProgram() {
  P program;
  program.Pass(P::kA | P::kB | P::kD).Do(Operation::kDivide, 1, kOne, At(1));
  return program.Multiply(0, At(0), At(1));
}

VectorProgram GateProgram(GateFunction function, bool gated) {
  P program;
  program.Pass(P::kA | P::kD | (gated ? uint32_t{P::kB} : 0));
  switch (function) {
    case GateFunction::kSilu:
      Negate(program, 2, 0);
      Gated(program);
      break;
    case GateFunction::kGeluTanh:
      GeluTanh(program);
      break;
    case GateFunction::kGelu:
      Gelu(program);
      break;
    case GateFunction::kRelu:
      Relu(program);
      break;
  }
  return gated ? program.Multiply(0, At(0), At(1)) : program;
}

}  // namespace npugen::generation

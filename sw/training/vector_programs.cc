// SPDX-License-Identifier: Apache-2.0
// Entry by entry. Where y and z would both be registers, a condition is turned round.
#include "sw/training/vector_programs.h"

#include <bit>

#include "generator/arch/command_set.h"

namespace npugen::training {
namespace {

using P = VectorProgram;
using Operation = VectorOperation;

constexpr VectorSource kOne = VectorSource::Constant();  // as x or y; as z it adds nothing
VectorSource At(uint8_t number) { return VectorSource::Register(number); }
VectorSource Number(float value) { return VectorSource::Immediate(std::bit_cast<uint32_t>(value)); }
VectorSource Bits(uint32_t bits) { return VectorSource::Immediate(bits); }
constexpr uint32_t kZero = 0;

/// Byte of the immediate of the entry that was appended last.
int64_t LastImmediate(const P& program) {
  return (program.entries() - 1) * kVectorEntryBytes + kVectorEntryBytes / 2;
}

/// Register `to` = 1 where register `from` is above 0, which a NaN is not.
P& AboveZero(P& program, uint32_t to, uint8_t from) {
  return program.Do(Operation::kLess, to, Bits(kZero), kOne, At(from));
}
/// Register `to` = register `from` where `condition` is 1, else 0.
P& KeepWhere(P& program, uint32_t to, uint8_t from, uint8_t condition) {
  return program.Do(Operation::kKeep, to, At(from), Bits(kZero), At(condition));
}
/// Register `to` = register `from`, or 0 where `condition` is 1.
P& ZeroWhere(P& program, uint32_t to, uint8_t from, uint8_t condition) {
  return program.Do(Operation::kSelect, to, At(from), Bits(kZero), At(condition));
}

/// Register 1 = register 0 in the format of working copies.
void Finish(P& program, bool convert) {
  if (convert) {
    program.Convert(1, At(0), kFormatBf16);
  } else {
    program.Multiply(1, At(0), kOne);
  }
}

}  // namespace

VectorProgram LossGradient(Loss loss, std::vector<StepNumberAt>* numbers) {
  P program;
  const auto scale = [&](uint8_t from) {
    program.Multiply(0, At(from), Number(1));
    numbers->push_back({StepNumber::kLossFactor, LastImmediate(program)});
    return program;
  };
  if (loss == Loss::kMeanSquaredError) {
    program.Pass(P::kA | P::kB | P::kD);
    program.MulAdd(0, At(0), kOne, At(1), /*negate_product=*/false, /*negate_z=*/true);
    return scale(0);
  }
  program.Pass(P::kA).Largest(0, At(0));
  program.Pass(P::kA | P::kE);
  program.MulAdd(2, At(0), kOne, VectorSource::Scalar(0), false, true);
  program.Exponential(1, 2, 5, 6, /*above_zero=*/false).Sum(1, At(1));
  program.Pass(P::kB | P::kC | P::kD);
  program.Do(Operation::kDivide, 3, At(2), VectorSource::Scalar(1));
  program.Convert(3, At(3), kFormatBf16);
  program.MulAdd(3, At(3), kOne, At(1), false, true);
  return scale(3);
}

VectorProgram ReluGradient() {
  P program;
  program.Pass(P::kA | P::kB | P::kD);
  AboveZero(program, 4, 1);
  return KeepWhere(program, 0, 0, 4);
}

VectorProgram Sum(bool relu) {
  P program;
  program.Pass(P::kA | P::kB | P::kD).Add(0, At(0), At(1));
  if (!relu) return program;
  // A NaN stays, as behind products: 0 only where the sum is below it.
  program.Do(Operation::kLess, 4, At(0), kOne, Bits(kZero));
  program.Do(Operation::kSelect, 0, At(0), Bits(kZero), At(4));
  // -0 is not above 0.
  program.Do(Operation::kEqual, 4, At(0), kOne, Bits(kZero));
  return program.Do(Operation::kSelect, 0, At(0), Bits(kZero), At(4));
}

VectorProgram Larger() {
  P program;
  return program.Pass(P::kA | P::kB | P::kD).Do(Operation::kMax, 0, At(0), kOne, At(1));
}

VectorProgram LargerGradient(bool relu) {
  P program;
  program.Pass(P::kA | P::kB | P::kC | P::kD | P::kE);
  program.Do(Operation::kLess, 4, At(0), kOne, At(1));
  KeepWhere(program, 1, 2, 4);
  if (!relu) return ZeroWhere(program, 0, 2, 4);
  ZeroWhere(program, 6, 2, 4);
  AboveZero(program, 7, 0);
  return KeepWhere(program, 0, 6, 7);
}

VectorProgram RowSum() {
  P program;
  program.Pass(P::kA).Sum(0, At(0));
  program.Pass(P::kD | P::kFirstOfD).Multiply(0, kOne, VectorSource::Scalar(0));
  return program.Convert(0, At(0), kFormatBf16);
}

VectorProgram Copy() {
  P program;
  return program.Pass(P::kA | P::kD);
}

std::vector<UpdateProgram> UpdatePrograms(const TrainingConfig& config, bool convert) {
  using S = UpdateProgram::Stream;
  std::vector<UpdateProgram> programs;
  const auto unscale = [&](UpdateProgram& update, uint8_t gradient) {
    if (!config.scales()) return;
    update.program.Multiply(gradient, At(gradient), Number(1));
    update.numbers.push_back({StepNumber::kInverseScale, LastImmediate(update.program)});
  };
  switch (config.optimizer) {
    case Optimizer::kSgd: {
      UpdateProgram update{{}, S::kWeight, S::kGradient, S::kNothing, S::kWeight, S::kWorking};
      P& program = update.program.Pass(P::kA | P::kB | P::kD | P::kE);
      unscale(update, 1);
      program.MulAdd(0, At(1), Number(config.rate), At(0), /*negate_product=*/true);
      Finish(program, convert);
      programs.push_back(std::move(update));
      break;
    }
    case Optimizer::kMomentum: {
      UpdateProgram moment{{}, S::kMoment1, S::kGradient, S::kNothing, S::kMoment1};
      P& first = moment.program.Pass(P::kA | P::kB | P::kD);
      unscale(moment, 1);
      first.MulAdd(0, At(0), Number(config.momentum), At(1));
      programs.push_back(std::move(moment));
      UpdateProgram update{{}, S::kWeight, S::kMoment1, S::kNothing, S::kWeight, S::kWorking};
      P& second = update.program.Pass(P::kA | P::kB | P::kD | P::kE);
      second.MulAdd(0, At(1), Number(config.rate), At(0), /*negate_product=*/true);
      Finish(second, convert);
      programs.push_back(std::move(update));
      break;
    }
    case Optimizer::kAdamW: {
      UpdateProgram moments{{}, S::kMoment1, S::kMoment2, S::kGradient, S::kMoment1, S::kMoment2};
      P& first = moments.program.Pass(P::kA | P::kB | P::kC | P::kD | P::kE);
      unscale(moments, 2);
      first.Multiply(3, At(2), Number(1 - config.beta1));
      first.MulAdd(0, At(0), Number(config.beta1), At(3));
      first.Multiply(3, At(2), At(2));
      first.Multiply(3, At(3), Number(1 - config.beta2));
      first.MulAdd(1, At(1), Number(config.beta2), At(3));
      programs.push_back(std::move(moments));
      UpdateProgram update{{}, S::kWeight, S::kMoment1, S::kMoment2, S::kWeight, S::kWorking};
      P& second = update.program.Pass(P::kA | P::kB | P::kC | P::kD | P::kE);
      second.Multiply(2, At(2), Number(1));
      update.numbers.push_back({StepNumber::kSecondCorrection, LastImmediate(second)});
      second.Do(Operation::kSquareRoot, 2, At(2));
      second.Add(2, At(2), Number(config.epsilon));
      second.Multiply(1, At(1), Number(1));
      update.numbers.push_back({StepNumber::kFirstCorrection, LastImmediate(second)});
      second.Do(Operation::kDivide, 1, At(1), At(2));
      // The product of two constants is a constant, rounded once.
      const float decay = config.rate * config.weight_decay;
      second.MulAdd(0, At(0), Number(decay), At(0), /*negate_product=*/true);
      second.MulAdd(0, At(1), Number(config.rate), At(0), /*negate_product=*/true);
      Finish(second, convert);
      programs.push_back(std::move(update));
      break;
    }
  }
  return programs;
}

int64_t MomentsOf(Optimizer optimizer) {
  return optimizer == Optimizer::kAdamW ? 2 : optimizer == Optimizer::kMomentum ? 1 : 0;
}

}  // namespace npugen::training

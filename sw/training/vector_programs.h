// SPDX-License-Identifier: Apache-2.0
// What the vector unit computes in a step of training, beside the products (docs/training.md).
#pragma once

#include <cstdint>
#include <vector>

#include "sw/numerics/fp32.h"
#include "sw/stream/vector_program.h"
#include "sw/training/config.h"

namespace npugen::training {

/// A number that changes from step to step, in a program's bytes.
enum class StepNumber : uint8_t { kFirstCorrection, kSecondCorrection, kLossFactor, kInverseScale };
struct StepNumberAt {
  StepNumber number;
  int64_t byte;  ///< of the program
};

/// d = gradient of the loss by the output a with the targets b, times a number; of cross entropy e
/// holds the exponentials in FP32, which c reads.
VectorProgram LossGradient(Loss loss, std::vector<StepNumberAt>* numbers);
/// d = the gradient a where the result b of a ReLU is above 0, else 0.
VectorProgram ReluGradient();
/// d = a + b, with `relu` not below 0.
VectorProgram Sum(bool relu);
/// d = the larger one of a and b.
VectorProgram Larger();
/// d and e = the gradient c where a, b is the larger one (a of equals), else 0; with `relu` also
/// where a is not above 0.
VectorProgram LargerGradient(bool relu);
/// The first element of d = the sum of the row a, rounded to BF16.
VectorProgram RowSum();
/// d = a.
VectorProgram Copy();

/// Programs that change weights, one after the other, and what they work on.
struct UpdateProgram {
  enum class Stream : uint8_t { kNothing, kWeight, kGradient, kMoment1, kMoment2, kWorking };
  VectorProgram program;
  Stream a = Stream::kNothing, b = Stream::kNothing, c = Stream::kNothing;
  Stream d = Stream::kNothing, e = Stream::kNothing;
  std::vector<StepNumberAt> numbers = {};
};
/// The last one also writes the BF16 copy that products work with; `convert`: as numbers of FP32.
std::vector<UpdateProgram> UpdatePrograms(const TrainingConfig& config, bool convert);
/// Moments that an optimizer keeps for each weight: 0 to 2.
int64_t MomentsOf(Optimizer optimizer);

}  // namespace npugen::training

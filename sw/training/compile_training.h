// SPDX-License-Identifier: Apache-2.0
// A step of training as a program of one NPU: forward, backward, change of weights
// (docs/training.md).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "generator/config/npu_config.h"
#include "generator/support/diagnostic.h"
#include "sw/compiler/program.h"
#include "sw/training/config.h"
#include "sw/training/network.h"
#include "sw/training/vector_programs.h"

namespace npugen::training {

/// Where the elements of a parameter are in the arrays of weights or of biases: rows of `columns`
/// elements, `pitch` apart.
struct ParameterPlace {
  bool is_bias = false;
  int64_t first = 0, rows = 1, columns = 1, pitch = 1;

  /// Where element i of Parameter::initial is.
  int64_t ElementAt(int64_t i) const { return first + i / columns * pitch + i % columns; }
};

/// Arrays of the state, which stand one behind the other in the output window: weights and biases
/// in FP32, the copies that products work with (weights in BF16, biases as BF16 numbers in FP32),
/// the optimizer's moments of both.
struct StateLayout {
  int64_t weights = 0, biases = 0;                  ///< elements
  int64_t trained_weights = 0, trained_biases = 0;  ///< the first ones; behind them are frozen ones
  int64_t moments = 0;
  int64_t first = 0;  ///< byte of the output window

  int64_t WeightsAt() const { return first; }
  int64_t BiasesAt() const { return WeightsAt() + 4 * weights; }
  int64_t WorkingWeightsAt() const { return BiasesAt() + 4 * biases; }
  int64_t WorkingBiasesAt() const { return WorkingWeightsAt() + 2 * weights; }
  int64_t MomentOfWeightsAt(int64_t moment) const {
    return WorkingBiasesAt() + 4 * biases + 4 * moment * (weights + biases);
  }
  int64_t MomentOfBiasesAt(int64_t moment) const { return MomentOfWeightsAt(moment) + 4 * weights; }
  int64_t End() const { return MomentOfWeightsAt(moments); }
};

/// A tensor that is stored for checks: of FP32 or BF16 elements in the scratch window.
struct KeptTensor {
  std::string name;  ///< "value 1", "gradient of value 1", "gradient of conv1.weight"
  int64_t offset = 0, rows = 1, columns = 1, pitch = 1;  ///< bytes, elements
};

/// A program whose inputs are images [batch][y][x][channel] and targets [batch][output] in BF16,
/// then the bytes of its vector programs and the state (in the output window); whose outputs are
/// the network's outputs in BF16 and the state that follows.
struct TrainingProgram {
  Program program;
  std::vector<ParameterPlace> parameters;  ///< by Network::parameters
  StateLayout state;
  int64_t outputs = 1;                   ///< elements of an image's output
  std::vector<uint8_t> vector_programs;  ///< the third input
  std::vector<StepNumberAt> numbers;     ///< in them
  std::vector<KeptTensor> kept;
  int64_t memory_bytes = 0;  ///< of PE memory that are used
};

struct TrainingOptions {
  bool keep_tensors = false;  ///< results and gradients of all layers are stored, too
  bool forward_only = false;  ///< outputs alone: the state stays
};

/// Errors: C121 where memories are too small, S150 where the network's output is no vector or the
/// NPU lacks what training needs.
Result<TrainingProgram> CompileTraining(const NpuConfig& config, const Network& network,
                                        const TrainingConfig& training,
                                        const TrainingOptions& options = {});

/// Writes the numbers of step `step`, counted from 1, into the bytes of the vector programs.
void SetStepNumbers(const TrainingProgram& program, const TrainingConfig& training, int64_t step,
                    std::vector<uint8_t>* bytes);

/// The state of new weights (as Parameter::initial, in the order of Network::parameters), bytes of
/// the output window from StateLayout::first on.
std::vector<uint8_t> MakeState(const TrainingProgram& program,
                               const std::vector<std::vector<float>>& values);
/// The weights of a state.
std::vector<std::vector<float>> WeightsOf(const TrainingProgram& program,
                                          const std::vector<uint8_t>& state);
/// Its moments `number`; empty tensors where the optimizer has none.
std::vector<std::vector<float>> MomentsIn(const TrainingProgram& program,
                                          const std::vector<uint8_t>& state, int64_t number);

}  // namespace npugen::training

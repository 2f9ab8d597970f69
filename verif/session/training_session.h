// SPDX-License-Identifier: Apache-2.0
// A training on one machine, step by step, and what of it is kept between runs of npugen.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "generator/config/npu_config.h"
#include "generator/support/diagnostic.h"
#include "sw/runtime/machine.h"
#include "sw/runtime/npu_host.h"
#include "sw/training/compile_training.h"
#include "verif/golden/training.h"

namespace npugen {

/// Images and what is right for them, one behind the other.
struct TrainingData {
  std::vector<uint16_t> images;   ///< BF16 [count][y][x][channel]
  std::vector<uint16_t> targets;  ///< BF16 [count][output]
  int64_t count = 0;
};

/// All that the steps so far have made.
struct TrainingState {
  int64_t step = 0;     ///< steps that were done, those that were discarded among them
  int64_t changes = 0;  ///< of the weights: steps that were not
  int64_t good = 0;     ///< changes since the loss scale became what it is
  float loss_scale = 1;
  std::vector<uint8_t> bytes;  ///< as TrainingProgram has it
  std::vector<float> losses;   ///< of each step
};

/// One step.
struct TrainingStep {
  double loss = 0;
  bool discarded = false;  ///< weights were not finite
  JobReport job;
  uint64_t different = 0;  ///< from the golden model: tensors, weights and moments
};

/// The mean loss of outputs [batch][output], in double precision.
double LossOf(training::Loss loss, const std::vector<uint16_t>& outputs,
              const std::vector<uint16_t>& targets, int64_t count);
/// Images whose largest output is that of the largest target.
int64_t RightOf(const std::vector<uint16_t>& outputs, const std::vector<uint16_t>& targets,
                int64_t count);

/// Bytes of a file that ReadCheckpoint() takes for the same `fingerprint`.
std::vector<uint8_t> WriteCheckpoint(const TrainingState& state, uint64_t fingerprint);
/// Error: M151 for a file that is none, is damaged, or is of another training.
Result<TrainingState> ReadCheckpoint(const std::vector<uint8_t>& bytes, const std::string& path,
                                     uint64_t fingerprint);

/// A network that is trained on a machine, which must outlive the session, as must the network.
class TrainingSession {
 public:
  struct Options {
    bool check = false;  ///< every tensor of every step is compared with the golden model
    uint64_t timeout_cycles = 1'000'000'000;
  };

  /// Compiles. Errors: those of CompileTraining().
  static Result<std::unique_ptr<TrainingSession>> Make(const NpuConfig& config,
                                                       const training::Network& network,
                                                       const training::TrainingConfig& how,
                                                       const Options& options);
  const training::TrainingProgram& program() const { return program_; }
  /// Bytes of memory that the machine must have.
  uint64_t MemoryBytes() const;
  /// Places the programs. Errors: of NpuHost.
  Status Open(Machine& machine);

  const TrainingState& state() const { return state_; }
  /// Goes on from there. The golden model, if there is one, has no history before: it takes
  /// weights and moments from the state.
  Status Resume(TrainingState state);

  /// The next step, on `data` from image step * batch on, modulo its count. Errors: of NpuHost.
  Result<TrainingStep> Step(const TrainingData& data);
  /// Outputs for all of `data`.
  Result<std::vector<uint16_t>> Evaluate(const TrainingData& data);
  std::vector<std::vector<float>> Weights() const {
    return training::WeightsOf(program_, state_.bytes);
  }

 private:
  TrainingSession(const NpuConfig& config, const training::Network& network,
                  const training::TrainingConfig& how, const Options& options);

  /// Runs a program on a batch that begins with image `first`; the state afterwards in `state`.
  Result<JobReport> Run(const training::TrainingProgram& program, const PlacedProgram& placed,
                        const TrainingData& data, int64_t first, std::vector<uint8_t>* outputs,
                        std::vector<uint8_t>* state);
  uint64_t Compare(const std::vector<uint16_t>& images, const std::vector<uint16_t>& targets,
                   const std::vector<uint8_t>& outputs, const std::vector<uint8_t>& state);

  const NpuConfig& config_;
  const training::Network& network_;
  training::TrainingConfig how_;  ///< with the loss scale of the moment
  Options options_;
  training::TrainingProgram program_, forward_;
  TrainingState state_;
  std::unique_ptr<GoldenTrainer> golden_;
  std::unique_ptr<NpuHost> host_;
  PlacedProgram placed_, placed_forward_;
};

}  // namespace npugen

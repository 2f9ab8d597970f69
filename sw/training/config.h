// SPDX-License-Identifier: Apache-2.0
// How a network is trained: the file of `npugen train --config` (docs/training.md).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "generator/support/diagnostic.h"
#include "sw/training/network.h"

namespace npugen::training {

enum class Loss : uint8_t { kCrossEntropy, kMeanSquaredError };
enum class Optimizer : uint8_t { kSgd, kMomentum, kAdamW };

struct TrainingConfig {
  Loss loss = Loss::kCrossEntropy;
  Optimizer optimizer = Optimizer::kSgd;
  int64_t batch = 32;
  int64_t steps = 100;
  float rate = 0.01f;
  float momentum = 0.9f;               ///< of kMomentum: what is kept of the moment
  float beta1 = 0.9f, beta2 = 0.999f;  ///< of kAdamW
  float epsilon = 1e-8f, weight_decay = 0.01f;
  float loss_scale = 1;             ///< gradients are so much larger until weights are changed
  std::vector<std::string> frozen;  ///< tensors of the file that stay
};

/// The keys of `text`, the contents of `file`. All errors at once: S1xx.
Result<TrainingConfig> ReadTrainingConfig(std::string_view text, const std::string& file);

/// Every key, its values and its meaning, as Markdown.
std::string TrainingConfigReference();

/// Marks what is frozen. Error: S150 for a tensor that the network does not have.
Status Freeze(const TrainingConfig& config, const std::string& file, Network* network);

}  // namespace npugen::training

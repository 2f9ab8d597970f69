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
  float loss_scale = 1;  ///< gradients are so much larger until weights are changed
  /// Steps whose weights are not finite are discarded, and `loss_scale` is halved; it is doubled
  /// after `growth_steps` good ones.
  bool dynamic_loss_scale = false;
  int64_t growth_steps = 1000;
  std::vector<std::string> frozen;  ///< tensors of the file that stay

  bool scales() const { return loss_scale != 1 || dynamic_loss_scale; }
  /// Of gradients of the loss: the mean over the batch, of squares also over the outputs.
  float LossFactor(int64_t outputs) const {
    const double count = static_cast<double>(batch) *
                         (loss == Loss::kCrossEntropy ? 1.0 : static_cast<double>(outputs) / 2);
    return static_cast<float>(double{loss_scale} / count);
  }
};

/// The keys of `text`, the contents of `file`. All errors at once: S1xx.
Result<TrainingConfig> ReadTrainingConfig(std::string_view text, const std::string& file);

/// The values of all keys as text: equal for equal configurations.
std::string TrainingConfigText(const TrainingConfig& config);
/// Every key, its values and its meaning, as Markdown.
std::string TrainingConfigReference();

/// Marks what is frozen. Error: S150 for a tensor that the network does not have.
Status Freeze(const TrainingConfig& config, const std::string& file, Network* network);

}  // namespace npugen::training

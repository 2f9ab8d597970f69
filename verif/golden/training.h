// SPDX-License-Identifier: Apache-2.0
// A step of training as docs/training.md defines it, tensor by tensor, by numerics alone.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "sw/numerics/vector.h"
#include "sw/training/config.h"
#include "sw/training/network.h"

namespace npugen {

/// The state of a training: weights and moments in FP32, element by element.
class GoldenTrainer {
 public:
  /// `products`: of a step of a dot product, half the SIMD ways of the lanes.
  GoldenTrainer(const training::Network& network, const training::TrainingConfig& config,
                uint32_t products);

  /// The network's outputs [batch][output] for images [batch][y][x][channel], all BF16.
  std::vector<uint16_t> Forward(const std::vector<uint16_t>& images);

  /// Forward, backward, change of weights; targets [batch][output]. Returns the outputs.
  std::vector<uint16_t> Step(const std::vector<uint16_t>& images,
                             const std::vector<uint16_t>& targets);

  /// Gradients are so much larger from the next step on.
  void SetLossScale(float scale) { config_.loss_scale = scale; }
  /// Goes on from these weights and moments, which `changes` steps have made.
  void Restore(std::vector<std::vector<float>> weights,
               std::array<std::vector<std::vector<float>>, 2> moments, int64_t changes);

  /// By Network::parameters, in the order of Parameter::initial.
  const std::vector<std::vector<float>>& weights() const { return weights_; }
  const std::vector<std::vector<float>>& moments(size_t number) const { return moments_[number]; }
  /// Tensors of the last step in BF16: "value 1", "gradient of value 1" (behind its ReLU),
  /// "gradient of conv1.weight".
  const std::map<std::string, std::vector<uint16_t>>& tensors() const { return tensors_; }

 private:
  using Codes = std::vector<uint16_t>;

  void RoundWeights();
  numerics::AdamW Constants() const;
  Codes Convolution(const training::Layer& layer, const Codes& in) const;
  Codes MaxPool(const training::Layer& layer, const Codes& in) const;
  Codes LossGradient(const Codes& outputs, const Codes& targets) const;
  void BackConvolution(const training::Layer& layer, const Codes& in, const Codes& gradient,
                       Codes* in_gradient);
  Codes BackMaxPool(const training::Layer& layer, const Codes& in, const Codes& gradient) const;
  void Change(size_t parameter, const Codes& gradient);

  const training::Network& network_;
  training::TrainingConfig config_;
  uint32_t products_;
  int64_t batch_ = 0;
  std::vector<std::vector<float>> weights_;
  std::vector<Codes> rounded_;  ///< weights in BF16
  std::vector<std::vector<float>> moments_[2];
  numerics::AdamWCorrection correction_;
  std::vector<Codes> values_;
  std::map<std::string, Codes> tensors_;
  std::map<int32_t, Codes> parameter_gradients_;
};

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// The golden trainer's gradients are those of the loss: against differences of a forward pass in
// double precision.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>

#include "tests/training/random_networks.h"
#include "tests/training/shared_digits.h"
#include "verif/golden/training.h"

namespace npugen::training {
namespace {

using Numbers = std::vector<double>;

double ValueOf(uint16_t code) { return double{std::bit_cast<float>(uint32_t{code} << 16)}; }
Numbers ValuesOf(const std::vector<uint16_t>& codes) {
  Numbers values;
  for (const uint16_t code : codes) values.push_back(ValueOf(code));
  return values;
}

/// The loss of a network, written as the textbook has it: no rounding, no order of sums.
class Textbook {
 public:
  Textbook(const Network& network, const TrainingConfig& how, Numbers images, Numbers targets)
      : network_(network), how_(how), images_(std::move(images)), targets_(std::move(targets)) {}

  double LossOf(const std::vector<Numbers>& parameters) const {
    std::vector<Numbers> values = {images_};
    for (const Layer& layer : network_.layers) {
      values.push_back(Result(layer, values, parameters));
    }
    const auto outputs = static_cast<size_t>(network_.output().elements());
    double sum = 0;
    for (size_t row = 0; row < targets_.size(); row += outputs) {
      double exponentials = 0, right = 0;
      for (size_t i = row; i < row + outputs; ++i) {
        const double result = values.back()[i];
        if (how_.loss == Loss::kMeanSquaredError) {
          sum += (result - targets_[i]) * (result - targets_[i]) / static_cast<double>(outputs);
        }
        exponentials += std::exp(result);
        right += result * targets_[i];
      }
      if (how_.loss == Loss::kCrossEntropy) sum += std::log(exponentials) - right;
    }
    return sum / static_cast<double>(how_.batch) * double{how_.loss_scale};
  }

 private:
  Numbers Result(const Layer& layer, const std::vector<Numbers>& values,
                 const std::vector<Numbers>& parameters) const {
    const Numbers& in = values[static_cast<size_t>(layer.inputs[0])];
    Numbers out;
    for (int64_t n = 0; n < how_.batch; ++n) {
      for (int64_t i = 0; i < layer.out.elements(); ++i) {
        const int64_t channel = i % layer.out.channels;
        const int64_t x = i / layer.out.channels % layer.out.width;
        const int64_t y = i / layer.out.channels / layer.out.width;
        double sum = layer.kind == LayerKind::kMaxPool ? -INFINITY : 0;
        if (layer.kind == LayerKind::kAdd) {
          for (const int32_t value : layer.inputs) {
            sum += values[static_cast<size_t>(value)]
                         [static_cast<size_t>(n * layer.out.elements() + i)];
          }
        } else if (layer.bias >= 0) {
          sum = parameters[static_cast<size_t>(layer.bias)][static_cast<size_t>(channel)];
        }
        const int64_t taps = layer.kind == LayerKind::kAdd ? 0 : layer.kernel_h * layer.kernel_w;
        for (int64_t tap = 0; tap < taps; ++tap) {
          const int64_t iy = y * layer.stride_h + tap / layer.kernel_w - layer.pad_top;
          const int64_t ix = x * layer.stride_w + tap % layer.kernel_w - layer.pad_left;
          if (iy < 0 || iy >= layer.in.height || ix < 0 || ix >= layer.in.width) continue;
          const double* pixel = &in[static_cast<size_t>(
              ((n * layer.in.height + iy) * layer.in.width + ix) * layer.in.channels)];
          if (layer.kind == LayerKind::kMaxPool) {
            sum = std::max(sum, pixel[channel]);
            continue;
          }
          const double* weights =
              &parameters[static_cast<size_t>(layer.weights)]
                         [static_cast<size_t>(channel * layer.depth() + tap * layer.in.channels)];
          for (int64_t c = 0; c < layer.in.channels; ++c) sum += weights[c] * pixel[c];
        }
        out.push_back(layer.relu ? std::max(sum, 0.0) : sum);
      }
    }
    return out;
  }

  const Network& network_;
  const TrainingConfig& how_;
  Numbers images_, targets_;
};

TEST(Gradients, AreThoseOfTheLoss) {
  constexpr double kDifference = 1e-5;
  constexpr int64_t kSamples = 10;  // of a parameter
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    std::mt19937_64 random(seed);
    std::normal_distribution<float> normal;
    Network network = RandomNetwork(random);
    for (Parameter& parameter : network.parameters) {
      parameter.frozen = false;
      // The numbers that products work with.
      for (float& weight : parameter.initial) {
        weight = static_cast<float>(ValueOf(Digits::Code(weight)));
      }
    }
    TrainingConfig how = RandomTraining(random);
    how.batch = 4;
    how.rate = 0;
    SCOPED_TRACE(fmt::format("seed {}\n{}", seed, Description(network, how)));
    std::vector<uint16_t> images, targets;
    for (int64_t i = 0; i < how.batch * network.input.elements(); ++i) {
      images.push_back(Digits::Code(normal(random)));
    }
    const int64_t outputs = network.output().channels;
    for (int64_t i = 0; i < how.batch * outputs; ++i) {
      const bool right = i % outputs == i / outputs % outputs;
      targets.push_back(how.loss == Loss::kCrossEntropy ? Digits::Code(right ? 1 : 0)
                                                        : Digits::Code(normal(random)));
    }
    GoldenTrainer golden(network, how, 8);
    golden.Step(images, targets);
    const Textbook textbook(network, how, ValuesOf(images), ValuesOf(targets));
    std::vector<Numbers> parameters;
    for (const Parameter& parameter : network.parameters) {
      parameters.emplace_back(parameter.initial.begin(), parameter.initial.end());
    }
    // Of all parameters together: what rounding to BF16 and a ReLU that it turns change is small
    // beside the gradient; a wrong one is as far from the right one as that is from 0.
    double wrong = 0, all = 0;
    for (size_t p = 0; p < parameters.size(); ++p) {
      const std::string& name = network.parameters[p].name;
      const Numbers gradient = ValuesOf(golden.tensors().at("gradient of " + name));
      double off = 0, sum = 0;
      for (int64_t sample = 0; sample < kSamples; ++sample) {
        const size_t i = random() % gradient.size();
        double& weight = parameters[p][i];
        const double before = weight;
        weight = before + kDifference;
        const double above = textbook.LossOf(parameters);
        weight = before - kDifference;
        const double below = textbook.LossOf(parameters);
        weight = before;
        const double expected = (above - below) / (2 * kDifference);
        off += (gradient[i] - expected) * (gradient[i] - expected);
        sum += expected * expected + gradient[i] * gradient[i];
      }
      // The differences' own error, where the gradient is 0.
      if (sum < 1e-16) continue;
      EXPECT_LT(off, 0.15 * sum) << name;
      wrong += off / sum;
      all += 1;
    }
    EXPECT_LE(wrong, 0.05 * all);
  }
}

}  // namespace
}  // namespace npugen::training

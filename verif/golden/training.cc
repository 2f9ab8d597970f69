// SPDX-License-Identifier: Apache-2.0
// Loops over images, places, taps and channels, in the order of the definition.
#include "verif/golden/training.h"

#include <fmt/format.h>

#include <bit>

#include "sw/numerics/dot_product.h"
#include "sw/numerics/drain.h"

namespace npugen {

using numerics::Fp32;
using numerics::kBf16;
using training::Layer;
using training::LayerKind;

namespace {

Fp32 Value(uint16_t code) { return numerics::FromFormat(kBf16, code); }
uint16_t Rounded(Fp32 value) {
  return static_cast<uint16_t>(numerics::ToFormat(kBf16, value, numerics::Overflow::kInfinity));
}
Fp32 Number(float value) { return std::bit_cast<Fp32>(value); }
bool IsAboveZero(uint16_t code) { return numerics::IsLess(0, Value(code)); }

}  // namespace

GoldenTrainer::GoldenTrainer(const training::Network& network,
                             const training::TrainingConfig& config, uint32_t products)
    : network_(network), config_(config), products_(products) {
  for (const training::Parameter& parameter : network.parameters) {
    weights_.push_back(parameter.initial);
    for (auto& moments : moments_) moments.emplace_back(parameter.initial.size());
  }
}

void GoldenTrainer::RoundWeights() {
  rounded_.clear();
  for (const std::vector<float>& tensor : weights_) {
    Codes& codes = rounded_.emplace_back();
    for (const float weight : tensor) codes.push_back(Rounded(Number(weight)));
  }
}

numerics::AdamW GoldenTrainer::Constants() const {
  return {Number(config_.rate), Number(config_.beta1), Number(config_.beta2),
          Number(config_.epsilon), Number(config_.weight_decay)};
}

void GoldenTrainer::Restore(std::vector<std::vector<float>> weights,
                            std::array<std::vector<std::vector<float>>, 2> moments,
                            int64_t changes) {
  weights_ = std::move(weights);
  for (size_t m = 0; m < 2; ++m) {
    for (size_t p = 0; p < weights_.size(); ++p) moments[m][p].resize(weights_[p].size());
    moments_[m] = std::move(moments[m]);
  }
  correction_ = {};
  for (int64_t step = 0; step < changes; ++step) correction_.Advance(Constants());
}

GoldenTrainer::Codes GoldenTrainer::Convolution(const Layer& layer, const Codes& in) const {
  const Codes& weights = rounded_[static_cast<size_t>(layer.weights)];
  const int64_t depth = layer.depth();
  Codes out;
  for (int64_t n = 0; n < batch_; ++n) {
    for (int64_t y = 0; y < layer.out.height; ++y) {
      for (int64_t x = 0; x < layer.out.width; ++x) {
        Codes patch;
        for (int64_t ky = 0; ky < layer.kernel_h; ++ky) {
          for (int64_t kx = 0; kx < layer.kernel_w; ++kx) {
            const int64_t iy = y * layer.stride_h + ky - layer.pad_top;
            const int64_t ix = x * layer.stride_w + kx - layer.pad_left;
            const bool inside = iy >= 0 && iy < layer.in.height && ix >= 0 && ix < layer.in.width;
            for (int64_t c = 0; c < layer.in.channels; ++c) {
              const int64_t at =
                  ((n * layer.in.height + iy) * layer.in.width + ix) * layer.in.channels + c;
              patch.push_back(inside ? in[static_cast<size_t>(at)] : uint16_t{0});
            }
          }
        }
        for (int64_t o = 0; o < layer.out.channels; ++o) {
          numerics::Drain drain;
          if (layer.bias >= 0) {
            drain.bias = Value(rounded_[static_cast<size_t>(layer.bias)][static_cast<size_t>(o)]);
          }
          drain.relu = layer.relu;
          drain.format = &kBf16;
          const Fp32 sum = numerics::DotProduct(
              kBf16, patch, kBf16, {weights.data() + o * depth, static_cast<size_t>(depth)},
              products_);
          Fp32 largest = 0;
          out.push_back(static_cast<uint16_t>(numerics::DrainSum(drain, sum, largest).code));
        }
      }
    }
  }
  return out;
}

GoldenTrainer::Codes GoldenTrainer::MaxPool(const Layer& layer, const Codes& in) const {
  Codes out;
  for (int64_t n = 0; n < batch_; ++n) {
    for (int64_t y = 0; y < layer.out.height; ++y) {
      for (int64_t x = 0; x < layer.out.width; ++x) {
        for (int64_t c = 0; c < layer.in.channels; ++c) {
          // Neighbours in a row first.
          const auto row = [&](int64_t ky) {
            const int64_t first =
                ((n * layer.in.height + y * layer.kernel_h + ky) * layer.in.width +
                 x * layer.kernel_w) *
                    layer.in.channels +
                c;
            Fp32 largest = Value(in[static_cast<size_t>(first)]);
            for (int64_t kx = 1; kx < layer.kernel_w; ++kx) {
              largest = numerics::Maximum(
                  largest, Value(in[static_cast<size_t>(first + kx * layer.in.channels)]));
            }
            return largest;
          };
          Fp32 largest = row(0);
          for (int64_t ky = 1; ky < layer.kernel_h; ++ky) {
            largest = numerics::Maximum(largest, row(ky));
          }
          out.push_back(Rounded(largest));
        }
      }
    }
  }
  return out;
}

std::vector<uint16_t> GoldenTrainer::Forward(const std::vector<uint16_t>& images) {
  batch_ = static_cast<int64_t>(images.size()) / network_.input.elements();
  RoundWeights();
  values_ = {images};
  for (const Layer& layer : network_.layers) {
    const Codes& in = values_[static_cast<size_t>(layer.inputs[0])];
    Codes out;
    switch (layer.kind) {
      case LayerKind::kConvolution:
        out = Convolution(layer, in);
        break;
      case LayerKind::kMaxPool:
        out = MaxPool(layer, in);
        break;
      case LayerKind::kAdd: {
        const Codes& other = values_[static_cast<size_t>(layer.inputs[1])];
        for (size_t i = 0; i < in.size(); ++i) {
          const Fp32 sum = numerics::Add(Value(in[i]), Value(other[i]));
          const bool zero = layer.relu && !numerics::IsNaN(sum) && !numerics::IsLess(0, sum);
          out.push_back(Rounded(zero ? 0 : sum));
        }
        break;
      }
    }
    values_.push_back(std::move(out));
  }
  return values_.back();
}

GoldenTrainer::Codes GoldenTrainer::LossGradient(const Codes& outputs, const Codes& targets) const {
  const auto n = static_cast<size_t>(network_.output().elements());
  const bool entropy = config_.loss == training::Loss::kCrossEntropy;
  const Fp32 factor = Number(config_.LossFactor(static_cast<int64_t>(n)));
  Codes gradient;
  for (size_t row = 0; row < outputs.size(); row += n) {
    std::vector<Fp32> exponentials;
    Fp32 largest = Value(outputs[row]);
    if (entropy) {
      for (size_t i = 1; i < n; ++i) {
        largest = numerics::Maximum(largest, Value(outputs[row + i]));
      }
      for (size_t i = 0; i < n; ++i) {
        exponentials.push_back(
            numerics::Exponential(numerics::Subtract(Value(outputs[row + i]), largest)));
      }
    }
    const Fp32 sum = numerics::SumOf(exponentials);
    for (size_t i = 0; i < n; ++i) {
      const Fp32 result = entropy ? Value(Rounded(numerics::Divide(exponentials[i], sum)))
                                  : Value(outputs[row + i]);
      gradient.push_back(
          Rounded(numerics::Multiply(numerics::Subtract(result, Value(targets[row + i])), factor)));
    }
  }
  return gradient;
}

void GoldenTrainer::BackConvolution(const Layer& layer, const Codes& in, const Codes& gradient,
                                    Codes* in_gradient) {
  const int64_t outs = layer.out.channels, ins = layer.in.channels, depth = layer.depth();
  const int64_t places = batch_ * layer.out.height * layer.out.width;
  // Of weights: image, y, x ascending.
  Codes weights(static_cast<size_t>(outs * depth));
  for (int64_t ky = 0; ky < layer.kernel_h; ++ky) {
    for (int64_t kx = 0; kx < layer.kernel_w; ++kx) {
      for (int64_t c = 0; c < ins; ++c) {
        Codes column;
        for (int64_t p = 0; p < places; ++p) {
          const int64_t x = p % layer.out.width, y = p / layer.out.width % layer.out.height;
          const int64_t n = p / (layer.out.width * layer.out.height);
          const int64_t iy = y * layer.stride_h + ky - layer.pad_top;
          const int64_t ix = x * layer.stride_w + kx - layer.pad_left;
          const bool inside = iy >= 0 && iy < layer.in.height && ix >= 0 && ix < layer.in.width;
          const int64_t at = ((n * layer.in.height + iy) * layer.in.width + ix) * ins + c;
          column.push_back(inside ? in[static_cast<size_t>(at)] : uint16_t{0});
        }
        for (int64_t o = 0; o < outs; ++o) {
          Codes row;
          for (int64_t p = 0; p < places; ++p) {
            row.push_back(gradient[static_cast<size_t>(p * outs + o)]);
          }
          const Fp32 sum = numerics::DotProduct(kBf16, row, kBf16, column, products_);
          weights[static_cast<size_t>(o * depth + (ky * layer.kernel_w + kx) * ins + c)] =
              Rounded(sum);
        }
      }
    }
  }
  parameter_gradients_[layer.weights] = std::move(weights);
  if (layer.bias >= 0) {
    Codes bias;
    for (int64_t o = 0; o < outs; ++o) {
      numerics::PartialSums sums;
      for (int64_t p = 0; p < places; ++p) {
        sums.Add(Value(gradient[static_cast<size_t>(p * outs + o)]));
      }
      bias.push_back(Rounded(sums.Total()));
    }
    parameter_gradients_[layer.bias] = std::move(bias);
  }
  if (in_gradient == nullptr) return;
  const Codes& rounded = rounded_[static_cast<size_t>(layer.weights)];
  for (int64_t n = 0; n < batch_; ++n) {
    for (int64_t iy = 0; iy < layer.in.height; ++iy) {
      for (int64_t ix = 0; ix < layer.in.width; ++ix) {
        // Of the input: outputs y, x ascending that meet it, then their channels. Outputs beside
        // the image are no products, but have their places in the string.
        for (int64_t c = 0; c < ins; ++c) {
          Codes row, column;
          for (int64_t ky = layer.kernel_h - 1; ky >= 0; --ky) {
            if ((iy + layer.pad_top - ky) % layer.stride_h != 0) continue;
            for (int64_t kx = layer.kernel_w - 1; kx >= 0; --kx) {
              if ((ix + layer.pad_left - kx) % layer.stride_w != 0) continue;
              const int64_t y = (iy + layer.pad_top - ky) / layer.stride_h;
              const int64_t x = (ix + layer.pad_left - kx) / layer.stride_w;
              const bool inside = y >= 0 && y < layer.out.height && x >= 0 && x < layer.out.width;
              for (int64_t o = 0; o < outs; ++o) {
                const int64_t at = ((n * layer.out.height + y) * layer.out.width + x) * outs + o;
                row.push_back(inside ? gradient[static_cast<size_t>(at)] : uint16_t{0});
                column.push_back(
                    rounded[static_cast<size_t>(o * depth + (ky * layer.kernel_w + kx) * ins + c)]);
              }
            }
          }
          in_gradient->push_back(
              Rounded(numerics::DotProduct(kBf16, row, kBf16, column, products_)));
        }
      }
    }
  }
}

GoldenTrainer::Codes GoldenTrainer::BackMaxPool(const Layer& layer, const Codes& in,
                                                const Codes& gradient) const {
  Codes result(in.size());
  for (int64_t n = 0; n < batch_; ++n) {
    for (int64_t y = 0; y < layer.out.height; ++y) {
      for (int64_t x = 0; x < layer.out.width; ++x) {
        for (int64_t c = 0; c < layer.in.channels; ++c) {
          const auto at = [&](int64_t ky, int64_t kx) {
            return static_cast<size_t>(
                ((n * layer.in.height + y * layer.kernel_h + ky) * layer.in.width +
                 x * layer.kernel_w + kx) *
                    layer.in.channels +
                c);
          };
          // The first one of a row that no later one exceeds; then the same of the rows.
          int64_t best_y = 0;
          std::vector<int64_t> best_x;
          std::vector<Fp32> rows;
          for (int64_t ky = 0; ky < layer.kernel_h; ++ky) {
            int64_t best = 0;
            Fp32 largest = Value(in[at(ky, 0)]);
            for (int64_t kx = 1; kx < layer.kernel_w; ++kx) {
              const Fp32 next = Value(in[at(ky, kx)]);
              if (numerics::IsLess(largest, next)) best = kx;
              largest = numerics::Maximum(largest, next);
            }
            best_x.push_back(best);
            rows.push_back(largest);
          }
          Fp32 largest = rows[0];
          for (int64_t ky = 1; ky < layer.kernel_h; ++ky) {
            if (numerics::IsLess(largest, rows[static_cast<size_t>(ky)])) best_y = ky;
            largest = numerics::Maximum(largest, rows[static_cast<size_t>(ky)]);
          }
          const auto from = static_cast<size_t>(
              ((n * layer.out.height + y) * layer.out.width + x) * layer.out.channels + c);
          result[at(best_y, best_x[static_cast<size_t>(best_y)])] = Rounded(Value(gradient[from]));
        }
      }
    }
  }
  return result;
}

void GoldenTrainer::Change(size_t parameter, const Codes& gradient) {
  for (size_t i = 0; i < gradient.size(); ++i) {
    Fp32 g = Value(gradient[i]);
    if (config_.scales()) g = numerics::Multiply(g, Number(1 / config_.loss_scale));
    const Fp32 weight = Number(weights_[parameter][i]);
    Fp32 changed = weight;
    Fp32 moment1 = Number(moments_[0][parameter][i]);
    Fp32 moment2 = Number(moments_[1][parameter][i]);
    switch (config_.optimizer) {
      case training::Optimizer::kSgd:
        changed = numerics::StepOfSgd(weight, g, Number(config_.rate));
        break;
      case training::Optimizer::kMomentum:
        changed = numerics::StepOfMomentum(weight, g, Number(config_.rate),
                                           Number(config_.momentum), moment1);
        break;
      case training::Optimizer::kAdamW: {
        const numerics::AdamW constants = Constants();
        changed = numerics::StepOfAdamW(weight, g, constants, correction_, moment1, moment2);
        break;
      }
    }
    weights_[parameter][i] = std::bit_cast<float>(changed);
    moments_[0][parameter][i] = std::bit_cast<float>(moment1);
    moments_[1][parameter][i] = std::bit_cast<float>(moment2);
  }
}

std::vector<uint16_t> GoldenTrainer::Step(const std::vector<uint16_t>& images,
                                          const std::vector<uint16_t>& targets) {
  const Codes outputs = Forward(images);
  tensors_.clear();
  parameter_gradients_.clear();
  const size_t count = network_.layers.size();
  for (size_t v = 1; v <= count; ++v) tensors_[fmt::format("value {}", v)] = values_[v];
  // Values that weights in front of them, or their own, need a gradient of.
  std::vector<bool> needed(count + 1);
  for (size_t i = 0; i < count; ++i) {
    const Layer& layer = network_.layers[i];
    for (const int32_t p : {layer.weights, layer.bias}) {
      if (p >= 0 && !network_.parameters[static_cast<size_t>(p)].frozen) needed[i + 1] = true;
    }
    for (const int32_t input : layer.inputs) {
      if (needed[static_cast<size_t>(input)]) needed[i + 1] = true;
    }
  }
  std::vector<Codes> gradients(count + 1);
  gradients[count] = LossGradient(outputs, targets);
  const auto add = [&](int32_t value, const Codes& gradient) {
    Codes& sum = gradients[static_cast<size_t>(value)];
    if (sum.empty()) {
      sum = gradient;
      return;
    }
    for (size_t i = 0; i < sum.size(); ++i) {
      sum[i] = Rounded(numerics::Add(Value(sum[i]), Value(gradient[i])));
    }
  };
  for (size_t v = count; v > 0; --v) {
    const Layer& layer = network_.layers[v - 1];
    Codes gradient = gradients[v];
    if (!needed[v] || gradient.empty()) continue;
    if (layer.relu) {
      for (size_t i = 0; i < gradient.size(); ++i) {
        if (!IsAboveZero(values_[v][i])) gradient[i] = 0;
      }
    }
    tensors_[fmt::format("gradient of value {}", v)] = gradient;
    const Codes& in = values_[static_cast<size_t>(layer.inputs[0])];
    const bool back = needed[static_cast<size_t>(layer.inputs[0])];
    switch (layer.kind) {
      case LayerKind::kConvolution: {
        Codes in_gradient;
        BackConvolution(layer, in, gradient, back ? &in_gradient : nullptr);
        if (back) add(layer.inputs[0], in_gradient);
        break;
      }
      case LayerKind::kMaxPool:
        if (back) add(layer.inputs[0], BackMaxPool(layer, in, gradient));
        break;
      case LayerKind::kAdd:
        for (const int32_t input : layer.inputs) {
          if (needed[static_cast<size_t>(input)]) add(input, gradient);
        }
        break;
    }
  }
  if (config_.optimizer == training::Optimizer::kAdamW) correction_.Advance(Constants());
  for (const auto& [parameter, gradient] : parameter_gradients_) {
    const training::Parameter& of = network_.parameters[static_cast<size_t>(parameter)];
    tensors_["gradient of " + of.name] = gradient;
    if (!of.frozen) Change(static_cast<size_t>(parameter), gradient);
  }
  return outputs;
}

}  // namespace npugen

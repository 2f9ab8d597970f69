// SPDX-License-Identifier: Apache-2.0
// Random networks and configurations of trainings, the same for the same seed.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <iterator>
#include <random>
#include <string>

#include "sw/training/config.h"
#include "tests/training/training_networks.h"

namespace npugen::training {

/// A network of any kind: kernels, strides (larger than kernels, too), pads, odd sizes and numbers
/// of channels, pools, additions, values that are used twice, layers without bias.
inline Network RandomNetwork(std::mt19937_64& random) {
  const auto draw = [&](int64_t low, int64_t high) {
    return low + static_cast<int64_t>(random() % static_cast<uint64_t>(high - low + 1));
  };
  const auto coin = [&] { return random() % 2 == 0; };
  constexpr int64_t kChannels[] = {1, 2, 3, 5, 8, 9, 12, 16, 17, 20};
  const auto channels = [&] { return kChannels[random() % std::size(kChannels)]; };
  NetworkMaker maker({draw(1, 9), draw(1, 9), channels()}, random());
  const auto same = [&](int64_t outs) {
    const int64_t half = draw(0, 1), half_x = draw(0, 1);
    maker.Convolution(outs, 2 * half + 1, 2 * half_x + 1, 1, 1, half, half_x, coin(), coin());
  };
  for (int64_t layers = draw(0, 4); layers > 0; --layers) {
    const int32_t before = maker.last();
    const ImageShape shape = maker.network().ShapeOf(before);
    const int64_t pool_h = shape.height % 2 == 0 ? draw(1, 2) : 1;
    const int64_t pool_w = shape.width % 2 == 0 ? draw(1, 2) : 1;
    switch (draw(0, 5)) {
      case 0:
      case 1: {
        const int64_t kernel_h = draw(1, 4), kernel_w = draw(1, 4);
        const int64_t pad_h = draw(0, kernel_h - 1), pad_w = draw(0, kernel_w - 1);
        if (shape.height + 2 * pad_h < kernel_h || shape.width + 2 * pad_w < kernel_w) break;
        maker.Convolution(channels(), kernel_h, kernel_w, draw(1, 3), draw(1, 3), pad_h, pad_w,
                          coin(), coin());
        break;
      }
      case 2:
        maker.MaxPool(pool_h, pool_w);
        break;
      case 3:  // around layers
        same(channels());
        same(shape.channels);
        maker.Sum(before, maker.last(), coin());
        break;
      case 4: {  // two branches, and one value twice
        const int64_t outs = channels();
        same(outs);
        const int32_t branch = maker.last();
        maker.From({before});
        same(outs);
        maker.Sum(branch, maker.last(), coin());
        if (coin()) maker.Sum(maker.last(), maker.last(), coin());
        break;
      }
      default: {  // a pool whose operand is used elsewhere
        if (pool_h * pool_w == 1) break;
        maker.MaxPool(pool_h, pool_w);
        const int32_t pool = maker.last();
        maker.From({before}).Convolution(shape.channels, pool_h, pool_w, pool_h, pool_w, 0, 0,
                                         coin(), coin());
        maker.Sum(maker.last(), pool, coin());
        break;
      }
    }
  }
  if (coin()) maker.Dense(channels(), coin(), coin());
  maker.Dense(draw(1, 19), random() % 8 == 0, coin());
  for (Parameter& parameter : maker.network().parameters) parameter.frozen = random() % 5 == 0;
  return maker.network();
}

inline TrainingConfig RandomTraining(std::mt19937_64& random) {
  TrainingConfig how;
  how.batch = 1 + static_cast<int64_t>(random() % 20);
  how.loss = static_cast<Loss>(random() % 2);
  how.optimizer = static_cast<Optimizer>(random() % 3);
  how.rate = 0.03f;
  constexpr float kScales[] = {1, 1, 128, 3, 0.25f};
  how.loss_scale = kScales[random() % std::size(kScales)];
  how.dynamic_loss_scale = random() % 4 == 0;
  return how;
}

inline std::string Description(const Network& network, const TrainingConfig& how) {
  std::string text = TrainingConfigText(how);
  text += fmt::format("input {}x{}x{}\n", network.input.height, network.input.width,
                      network.input.channels);
  for (const Layer& layer : network.layers) {
    text += fmt::format(
        "{} kind {} of {}, out {}x{}x{}, kernel {}x{} stride {}x{} pad {},{} relu {} bias {}\n",
        layer.name, static_cast<int>(layer.kind), fmt::join(layer.inputs, ","), layer.out.height,
        layer.out.width, layer.out.channels, layer.kernel_h, layer.kernel_w, layer.stride_h,
        layer.stride_w, layer.pad_top, layer.pad_left, layer.relu, layer.bias >= 0);
  }
  return text;
}

}  // namespace npugen::training

// SPDX-License-Identifier: Apache-2.0
// Networks that are trained by tests, put together without a file.
#pragma once

#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "sw/training/network.h"

namespace npugen::training {

/// Layers one after the other, or with other inputs than the layer before.
class NetworkMaker {
 public:
  NetworkMaker(ImageShape input, uint64_t seed) : random_(seed) { network_.input = input; }

  /// `inputs` of the layer that follows; else it is the one before.
  NetworkMaker& From(std::vector<int32_t> inputs) {
    inputs_ = std::move(inputs);
    return *this;
  }
  int32_t last() const { return static_cast<int32_t>(network_.layers.size()); }

  NetworkMaker& Convolution(int64_t outs, int64_t kernel_h, int64_t kernel_w, int64_t stride_h,
                            int64_t stride_w, int64_t pad_h, int64_t pad_w, bool relu,
                            bool bias = true) {
    Layer layer = Begin(LayerKind::kConvolution);
    layer.kernel_h = kernel_h, layer.kernel_w = kernel_w;
    layer.stride_h = stride_h, layer.stride_w = stride_w;
    layer.pad_top = pad_h, layer.pad_left = pad_w;
    layer.out = {(layer.in.height + 2 * pad_h - kernel_h) / stride_h + 1,
                 (layer.in.width + 2 * pad_w - kernel_w) / stride_w + 1, outs};
    return Add(std::move(layer), relu, bias);
  }
  NetworkMaker& Dense(int64_t outs, bool relu, bool bias = true) {
    Layer layer = Begin(LayerKind::kConvolution);
    layer.in = {1, 1, layer.in.elements()};
    layer.out = {1, 1, outs};
    return Add(std::move(layer), relu, bias);
  }
  NetworkMaker& MaxPool(int64_t kernel_h, int64_t kernel_w) {
    Layer layer = Begin(LayerKind::kMaxPool);
    layer.kernel_h = layer.stride_h = kernel_h, layer.kernel_w = layer.stride_w = kernel_w;
    layer.out = {layer.in.height / kernel_h, layer.in.width / kernel_w, layer.in.channels};
    network_.layers.push_back(std::move(layer));
    return *this;
  }
  NetworkMaker& Sum(int32_t a, int32_t b, bool relu) {
    Layer layer = From({a, b}).Begin(LayerKind::kAdd);
    layer.out = layer.in;
    layer.relu = relu;
    network_.layers.push_back(std::move(layer));
    return *this;
  }
  Network& network() { return network_; }

 private:
  Layer Begin(LayerKind kind) {
    Layer layer;
    layer.kind = kind;
    layer.inputs = inputs_.empty() ? std::vector<int32_t>{last()} : std::exchange(inputs_, {});
    layer.in = network_.ShapeOf(layer.inputs[0]);
    layer.name = "layer" + std::to_string(last() + 1);
    return layer;
  }
  NetworkMaker& Add(Layer layer, bool relu, bool bias) {
    layer.relu = relu;
    std::normal_distribution<float> normal(0, 1.4f / std::sqrt(static_cast<float>(layer.depth())));
    const auto parameter = [&](const std::string& name, int64_t elements) {
      Parameter made;
      made.name = layer.name + name;
      for (int64_t i = 0; i < elements; ++i) {
        made.initial.push_back(normal(random_));
        made.source.push_back(i);
      }
      network_.parameters.push_back(std::move(made));
      return static_cast<int32_t>(network_.parameters.size()) - 1;
    };
    layer.weights = parameter(".weight", layer.out.channels * layer.depth());
    if (bias) layer.bias = parameter(".bias", layer.out.channels);
    network_.layers.push_back(std::move(layer));
    return *this;
  }

  std::mt19937_64 random_;
  Network network_;
  std::vector<int32_t> inputs_;
};

}  // namespace npugen::training

// SPDX-License-Identifier: Apache-2.0
// A network that can be trained: layers whose gradients are known, and their parameters
// (docs/training.md).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "generator/support/diagnostic.h"

namespace npugen::training {

/// What a value has for each image, stored y, x, channel.
struct ImageShape {
  int64_t height = 1, width = 1, channels = 1;
  int64_t elements() const { return height * width * channels; }
  friend bool operator==(const ImageShape&, const ImageShape&) = default;
};

/// A tensor that training changes.
struct Parameter {
  std::string name;            ///< of the file's tensor
  std::vector<float> initial;  ///< weights [out][ky][kx][in], biases [out]
  /// By element of `initial`, its number in the file's tensor.
  std::vector<int64_t> source;
  bool frozen = false;
};

enum class LayerKind : uint8_t {
  kConvolution,  ///< of the image, or (a dense layer) of all of it as one pixel
  kMaxPool,      ///< squares next to each other
  kAdd,          ///< of two values of one shape
};

struct Layer {
  LayerKind kind = LayerKind::kConvolution;
  std::string name;
  /// Values: 0 is the network's input, i + 1 the result of layer i.
  std::vector<int32_t> inputs;
  ImageShape in, out;  ///< of a dense layer 1 x 1 pixels
  bool relu = false;   ///< of convolutions and additions: what is not above 0 becomes 0
  int64_t kernel_h = 1, kernel_w = 1;
  int64_t stride_h = 1, stride_w = 1;
  int64_t pad_top = 0, pad_left = 0;  ///< what is outside of the image is no product
  int32_t weights = -1, bias = -1;    ///< of convolutions: numbers of parameters; no bias: -1

  int64_t depth() const { return kernel_h * kernel_w * in.channels; }
};

struct Network {
  std::string name;  ///< file name without folder
  ImageShape input;
  bool planes = false;  ///< data of an image come in the order channel, y, x
  std::vector<Layer> layers;
  std::vector<Parameter> parameters;
  const ImageShape& ShapeOf(int32_t value) const {
    return value == 0 ? input : layers[static_cast<size_t>(value - 1)].out;
  }
  const ImageShape& output() const { return layers.back().out; }
};

/// The network in `bytes`, the contents of an .onnx file called `name`: Conv, Gemm, MatMul, Relu,
/// MaxPool, Add, Flatten, Reshape, Softmax at the end. Nothing in the file is trusted. Errors:
/// M13x, M108, and M150 for an operator without a gradient.
Result<Network> ReadTrainingNetwork(std::span<const uint8_t> bytes, const std::string& name);

/// The file with other values of its parameters (`values`, as Parameter::initial), which
/// ReadTrainingNetwork() takes.
std::vector<uint8_t> WriteTrainingNetwork(std::span<const uint8_t> bytes, const Network& network,
                                          const std::vector<std::vector<float>>& values);

}  // namespace npugen::training

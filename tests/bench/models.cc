// SPDX-License-Identifier: Apache-2.0
// The writer of each network; weights come from a fixed seed.
#include "tests/bench/models.h"

#include <random>

#include "verif/random/random_model.h"
#include "verif/random/tflite_writer.h"

namespace npugen::testing {
namespace {

/// Adds constants with random values to a network.
class Constants {
 public:
  explicit Constants(TfliteWriter* writer) : writer_(writer) {}

  int32_t Weights(const std::vector<int32_t>& shape, size_t channels, int32_t dimension) {
    size_t count = 1;
    for (int32_t size : shape) count *= static_cast<size_t>(size);
    std::vector<int8_t> values(count);
    for (int8_t& value : values)
      value = static_cast<int8_t>(static_cast<int>(random_() % 255) - 127);
    return writer_->Weights(shape, values, std::vector<float>(channels, 0.01f), dimension);
  }

  int32_t Biases(int32_t count) {
    std::vector<int32_t> values(static_cast<size_t>(count));
    for (int32_t& value : values) value = static_cast<int32_t>(random_() % 20001) - 10000;
    return writer_->Integers({count}, values);
  }

 private:
  TfliteWriter* writer_;
  std::mt19937 random_{1};
};

int32_t AddConvolution(TfliteWriter* writer, Constants* constants, int32_t input, int32_t channels,
                       int32_t kernel, int32_t output) {
  const int32_t filter =
      constants->Weights({channels, kernel, kernel, channels}, static_cast<size_t>(channels), 0);
  ConvOptions options;
  options.padding = Padding::kSame;
  writer->Conv2d(input, filter, constants->Biases(channels), output, options);
  return output;
}

}  // namespace

std::vector<uint8_t> GemmModel(int32_t rows, int32_t depth, int32_t columns) {
  TfliteWriter writer("gemm.tflite");
  Constants constants(&writer);
  const int32_t input = writer.Input({rows, depth}, 0.05f, -3);
  const int32_t filter = constants.Weights({columns, depth}, 1, 0);
  const int32_t bias = constants.Biases(columns);
  const int32_t output = writer.Activation({rows, columns}, 1.0f, 5);
  writer.FullyConnected(input, filter, bias, output);
  writer.Output(output);
  return writer.Write();
}

std::vector<uint8_t> DepthwiseModel(int32_t size, int32_t channels, int32_t stride) {
  TfliteWriter writer("depthwise.tflite");
  Constants constants(&writer);
  const int32_t in_size = size * stride;
  const int32_t input = writer.Input({1, in_size, in_size, channels}, 0.05f, -3);
  const int32_t wide = AddConvolution(&writer, &constants, input, channels, 1,
                                      writer.Activation({1, in_size, in_size, channels}, 0.5f, 5));
  const int32_t deep = writer.Activation({1, size, size, channels}, 0.5f, 5);
  ConvOptions options;
  options.padding = Padding::kSame;
  options.stride_h = options.stride_w = stride;
  options.depth_multiplier = 1;
  const int32_t filter = constants.Weights({1, 3, 3, channels}, static_cast<size_t>(channels), 3);
  writer.DepthwiseConv2d(wide, filter, constants.Biases(channels), deep, options);
  writer.Output(AddConvolution(&writer, &constants, deep, channels, 1,
                               writer.Activation({1, size, size, channels}, 0.5f, 5)));
  return writer.Write();
}

std::vector<uint8_t> ConvolutionModel(int32_t size, int32_t channels, int32_t kernel) {
  TfliteWriter writer("convolution.tflite");
  Constants constants(&writer);
  const int32_t input = writer.Input({1, size, size, channels}, 0.05f, -3);
  writer.Output(AddConvolution(&writer, &constants, input, channels, kernel,
                               writer.Activation({1, size, size, channels}, 0.5f, 5)));
  return writer.Write();
}

Model BinaryConvolutionModel(int32_t size, int32_t channels) {
  Model model;
  model.name = "binary convolution";
  RandomSource random(7);
  for (const char* name : {"data", "filter", "result"}) {
    Tensor tensor;
    tensor.name = name;
    tensor.type = TensorType::kBits;
    tensor.shape = {1, size, size, channels};
    model.tensors.push_back(std::move(tensor));
  }
  Tensor& filter = model.tensors[1];
  filter.shape = {channels, 3, 3, channels};
  filter.is_constant = true;
  filter.data.resize(filter.bytes());
  for (uint8_t& byte : filter.data) byte = static_cast<uint8_t>(random.Integer(0, 255));
  BinaryConvOptions options;
  options.pad_top = options.pad_left = 1;
  options.thresholds.emplace_back();
  for (int32_t channel = 0; channel < channels; ++channel) {
    options.thresholds[0].push_back(random.Integer(-40, 40));
    options.flip.push_back(static_cast<uint8_t>(random.Integer(0, 1)));
  }
  Operator node;
  node.type = OperatorType::kBinaryConv2d;
  node.name = OperatorName(node.type);
  node.inputs = {0, 1};
  node.outputs = {2};
  node.options = std::move(options);
  model.operators.push_back(std::move(node));
  model.inputs = {0};
  model.outputs = {2};
  return model;
}

}  // namespace npugen::testing

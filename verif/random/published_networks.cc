// SPDX-License-Identifier: Apache-2.0
// Networks of published shapes with random weights.
#include "verif/random/published_networks.h"

#include <cmath>

#include "verif/random/draw.h"
#include "verif/random/tflite_writer.h"

namespace npugen::testing {
namespace {

constexpr float kActivationScale = 0.05f;  // of all activations

class PublishedBuilder {
 public:
  PublishedBuilder(const std::string& name, uint64_t seed) : random_(seed), writer_(name) {}

  int32_t Input(std::vector<int32_t> shape) {
    return writer_.Input(std::move(shape), kActivationScale, 0);
  }

  /// CONV_2D with SAME padding; results use about a third of the int8 range.
  int32_t Conv(int32_t input, int32_t channels, int32_t kernel, int32_t stride, Activation act) {
    const std::vector<int32_t> in = writer_.model().tensors[input].shape;
    const int32_t taps = kernel * kernel * in[3];
    std::vector<int8_t> weights(static_cast<size_t>(taps) * static_cast<size_t>(channels));
    for (int8_t& weight : weights) weight = static_cast<int8_t>(random_.Integer(-127, 127));
    const float scale = static_cast<float>(1 / (std::sqrt(taps) * kStandardDeviation));
    const int32_t filter = writer_.Weights({channels, kernel, kernel, in[3]}, weights, {scale});
    const int32_t output = writer_.Activation(
        {in[0], (in[1] + stride - 1) / stride, (in[2] + stride - 1) / stride, channels},
        kActivationScale, 0);
    ConvOptions options;
    options.padding = Padding::kSame;
    options.stride_h = options.stride_w = stride;
    options.activation = act;
    writer_.Conv2d(input, filter, -1, output, options);
    return output;
  }

  int32_t Add(int32_t first, int32_t second) {
    const int32_t output =
        writer_.Activation(writer_.model().tensors[first].shape, kActivationScale, 0);
    AddOptions options;
    options.activation = Activation::kRelu;
    writer_.Add(first, second, output, options);
    return output;
  }

  RandomModel Finish(int32_t output) {
    writer_.Output(output);
    return {writer_.model().name, writer_.model(), writer_.Write()};
  }

 private:
  RandomSource random_;
  TfliteWriter writer_;
};

}  // namespace

RandomModel MakeBottlenecks(int32_t side, int32_t channels, int32_t narrow, int32_t blocks,
                            uint64_t seed) {
  PublishedBuilder builder("bottlenecks", seed);
  int32_t current = builder.Input({1, side, side, channels});
  for (int32_t block = 0; block < blocks; ++block) {
    int32_t branch = builder.Conv(current, narrow, 1, 1, Activation::kRelu);
    branch = builder.Conv(branch, narrow, 3, 1, Activation::kRelu);
    branch = builder.Conv(branch, channels, 1, 1, Activation::kNone);
    current = builder.Add(branch, current);
  }
  return builder.Finish(current);
}

}  // namespace npugen::testing

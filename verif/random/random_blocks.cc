// SPDX-License-Identifier: Apache-2.0
// Random networks made of the blocks of MobileNet, EfficientNet and YOLO.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "sw/model/quantization.h"
#include "verif/random/draw.h"
#include "verif/random/random_model.h"
#include "verif/random/tflite_writer.h"

namespace npugen::testing {
namespace {

/// Multiplications after which no further block is begun.
constexpr int64_t kEnough = 4'000'000;

class BlockGenerator {
 public:
  BlockGenerator(const std::string& name, uint64_t seed) : random_(seed), writer_(name) {
    function_ = AnyFunction();
  }

  RandomModel Network() {
    const int32_t side = random_.Chance(2) ? random_.Integer(6, 32) : random_.Integer(32, 72);
    const int32_t width = random_.Chance(3) ? random_.Integer(6, 64) : side;
    int32_t current =
        writer_.Input({1, side, width, random_.Pick({1, 3, 3, 3, 8, 16})}, 0.02f, ZeroPoint());
    if (!random_.Chance(4)) {
      current = Function(Conv(current, random_.Pick({4, 8, 8, 16, 24}), random_.Pick({1, 3, 3}),
                              random_.Pick({1, 2, 2})));
    }
    const int blocks = random_.Integer(1, 5);
    for (int i = 0; i < blocks && multiplications_ < kEnough; ++i) {
      features_.push_back(current);
      switch (random_.Integer(0, 7)) {
        case 0:
          current = SqueezeExcite(current);
          break;
        case 1:
          current = Neck(current);
          break;
        case 2:
          current = PoolPyramid(current);
          break;
        case 3:
          current = SeparableConvolution(current);
          break;
        default:
          current = InvertedResidual(current);
      }
    }
    if (random_.Chance(3)) current = Head(current);
    OutputsOfAll();
    return {writer_.model().name, writer_.model(), writer_.Write()};
  }

 private:
  const Tensor& At(int32_t tensor) { return writer_.model().tensors[tensor]; }
  int32_t Channels(int32_t tensor) { return At(tensor).shape[3]; }
  int32_t ZeroPoint() { return random_.Chance(2) ? -128 : random_.Integer(-128, 127); }
  int32_t List(const std::vector<int32_t>& values) {
    return writer_.Integers({static_cast<int32_t>(values.size())}, values);
  }
  std::vector<int8_t> Weights(int64_t count) {
    std::vector<int8_t> values(static_cast<size_t>(count));
    for (int8_t& value : values) value = static_cast<int8_t>(random_.Integer(-127, 127));
    return values;
  }
  OperatorType AnyFunction() {
    static const std::vector<OperatorType> kinds = {
        OperatorType::kHardSwish, OperatorType::kLogistic,  OperatorType::kRelu6,
        OperatorType::kRelu,      OperatorType::kLeakyRelu, OperatorType::kMul};
    return kinds[static_cast<size_t>(random_.Integer(0, 5))];
  }

  /// CONV_2D or, where `channels` is 0, DEPTHWISE_CONV_2D. The output has the quantization of
  /// tensor `like`, or one that suits its sums.
  int32_t Conv(int32_t input, int32_t channels, int32_t kernel, int32_t stride, int32_t like = -1) {
    const Tensor in = At(input);
    const bool depthwise = channels == 0;
    const int32_t depth = in.shape[3];
    if (depthwise) channels = depth;
    ConvOptions options;
    options.stride_h = options.stride_w = stride;
    if (stride == 1 && random_.Chance(12)) options.dilation_h = options.dilation_w = 2;
    // A kernel whose last row no position reads would be odd, so small images have SAME padding.
    const int32_t extent = (kernel - 1) * options.dilation_h + 1;
    const bool fits = in.shape[1] >= extent && in.shape[2] >= extent;
    options.padding = fits && random_.Chance(6) ? Padding::kValid : Padding::kSame;
    options.activation = random_.Chance(5) ? Activation::kRelu6 : Activation::kNone;
    const int64_t taps = int64_t{kernel} * kernel * (depthwise ? 1 : depth);
    std::vector<float> scales(static_cast<size_t>(channels));
    for (float& scale : scales) scale = static_cast<float>(random_.Real(0.002, 0.008));
    const std::vector<int32_t> shape = depthwise
                                           ? std::vector<int32_t>{1, kernel, kernel, channels}
                                           : std::vector<int32_t>{channels, kernel, kernel, depth};
    const int32_t filter =
        writer_.Weights(shape, Weights(taps * channels), scales, depthwise ? 3 : 0);
    std::vector<int32_t> biases(static_cast<size_t>(channels));
    const auto limit = static_cast<int32_t>(8000.0 * std::sqrt(static_cast<double>(taps)));
    for (int32_t& bias : biases) bias = random_.Integer(-limit, limit);
    const int32_t bias = random_.Chance(6) ? -1 : writer_.Integers({channels}, biases);
    const auto size = [&](int32_t from) {
      return WindowOutputSize(options.padding, from, kernel, stride, options.dilation_h);
    };
    const double spread = in.scale() * 0.005 * kStandardDeviation * kStandardDeviation *
                          std::sqrt(static_cast<double>(taps));
    const float scale =
        like >= 0 ? At(like).scale() : static_cast<float>(spread / random_.Real(30.0, 90.0));
    const int32_t zero_point = like >= 0 ? At(like).zero_point() : ZeroPoint();
    const int32_t output = writer_.Activation(
        {in.shape[0], size(in.shape[1]), size(in.shape[2]), channels}, scale, zero_point);
    multiplications_ += At(output).elements() * taps;
    if (depthwise) {
      writer_.DepthwiseConv2d(input, filter, bias, output, options);
    } else {
      writer_.Conv2d(input, filter, bias, output, options);
    }
    return output;
  }

  /// The network's function, now and then another one or none.
  int32_t Function(int32_t input) {
    if (random_.Chance(6)) return input;
    return ApplyFunction(random_.Chance(8) ? AnyFunction() : function_, input);
  }

  int32_t ApplyFunction(OperatorType type, int32_t input) {
    const Tensor in = At(input);
    if (type == OperatorType::kMul) {  // x * logistic(x)
      return Multiply(input, ApplyFunction(OperatorType::kLogistic, input));
    }
    const bool logistic = type == OperatorType::kLogistic;
    const float scale =
        logistic ? 1.0f / 256 : static_cast<float>(in.scale() * random_.Real(0.5, 1.0));
    const int32_t output = writer_.Activation(in.shape, scale, logistic ? -128 : ZeroPoint());
    OperatorOptions options = NoOptions{};
    if (type == OperatorType::kLeakyRelu) options = LeakyReluOptions{0.1f};
    writer_.Append(type, {input}, {output}, options);
    return output;
  }

  int32_t Multiply(int32_t input, int32_t factor) {
    const Tensor in = At(input);
    const double scale = double{in.scale()} * At(factor).scale() * random_.Real(60.0, 200.0);
    const int32_t output = writer_.Activation(in.shape, static_cast<float>(scale), ZeroPoint());
    writer_.Append(OperatorType::kMul, {input, factor}, {output}, AddOptions{});
    return output;
  }

  int32_t Sum(int32_t first, int32_t second) {
    const float scale = (At(first).scale() + At(second).scale()) * 0.7f;
    const int32_t output = writer_.Activation(At(first).shape, scale, ZeroPoint());
    if (random_.Chance(2)) std::swap(first, second);
    writer_.Add(first, second, output, {});
    return output;
  }

  int32_t InvertedResidual(int32_t input) {
    int32_t current = input;
    const int32_t ratio = random_.Pick({1, 2, 3, 4, 6});
    const int32_t channels = std::min(Channels(input) * ratio, 144);
    if (ratio > 1) current = Function(Conv(current, channels, 1, 1));
    const int32_t stride = random_.Pick({1, 1, 1, 2});
    current = Function(Conv(current, 0, random_.Pick({3, 3, 5, 7}), stride));
    if (random_.Chance(4)) current = SqueezeExcite(current);
    const int32_t out = stride == 1 && random_.Chance(2) ? Channels(input)
                                                         : random_.Pick({4, 8, 12, 16, 20, 24, 40});
    current = Conv(current, out, 1, 1);
    if (At(current).shape == At(input).shape) current = Sum(current, input);
    return current;
  }

  int32_t SeparableConvolution(int32_t input) {
    const int32_t middle = Function(Conv(input, 0, random_.Pick({3, 5}), random_.Pick({1, 1, 2})));
    return Function(Conv(middle, random_.Pick({4, 8, 16, 24, 33}), random_.Pick({1, 1, 3}), 1));
  }

  int32_t SqueezeExcite(int32_t input) {
    const Tensor in = At(input);
    int32_t squeezed = writer_.Activation({1, 1, 1, in.shape[3]}, in.scale(), in.zero_point());
    if (random_.Chance(2)) {
      writer_.Mean(input, {1, 2}, squeezed, /*keep_dims=*/true);
    } else {
      PoolOptions options;
      options.filter_h = in.shape[1];
      options.filter_w = in.shape[2];
      writer_.AveragePool2d(input, squeezed, options);
    }
    squeezed =
        ApplyFunction(OperatorType::kRelu, Conv(squeezed, std::max(1, in.shape[3] / 4), 1, 1));
    squeezed = ApplyFunction(random_.Chance(3) ? OperatorType::kRelu6 : OperatorType::kLogistic,
                             Conv(squeezed, in.shape[3], 1, 1));
    return Multiply(input, squeezed);
  }

  /// A smaller image enlarged and joined with what an earlier block gave at that size.
  int32_t Neck(int32_t input) {
    int32_t other = features_[static_cast<size_t>(
        random_.Integer(0, static_cast<int32_t>(features_.size()) - 1))];
    if (random_.Chance(2)) other = Function(Conv(other, random_.Pick({4, 8, 12}), 1, 1));
    int32_t current = input;
    if (At(current).shape[1] == At(other).shape[1] && random_.Chance(2)) {
      current = Function(Conv(current, random_.Pick({8, 16}), 3, 2));
    }
    current = Conv(current, random_.Pick({4, 8, 12, 16}), 1, 1, other);
    const Tensor small = At(current), large = At(other);
    if (small.shape[1] != large.shape[1] || small.shape[2] != large.shape[2]) {
      ResizeOptions options;
      options.half_pixel_centers = random_.Chance(2);
      const int32_t resized = writer_.Activation(
          {1, large.shape[1], large.shape[2], small.shape[3]}, small.scale(), small.zero_point());
      // A large bilinear one is so many layers that planning them takes most of the time.
      const bool bilinear = random_.Chance(4) && large.shape[1] * large.shape[2] <= 1024;
      writer_.Append(
          bilinear ? OperatorType::kResizeBilinear : OperatorType::kResizeNearestNeighbor,
          {current, List({large.shape[1], large.shape[2]})}, {resized}, options);
      current = resized;
    }
    current = Join({current, other});
    return Function(Conv(current, random_.Pick({8, 16, 24}), random_.Pick({1, 3}), 1));
  }

  /// Pools of one image side by side, as in SPPF.
  int32_t PoolPyramid(int32_t input) {
    std::vector<int32_t> parts{Function(Conv(input, random_.Pick({4, 8, 16}), 1, 1))};
    PoolOptions options;
    options.filter_h = options.filter_w = random_.Pick({3, 5});
    options.padding = Padding::kSame;
    const int32_t pools = random_.Integer(1, 3);
    for (int32_t i = 0; i < pools; ++i) {
      const Tensor in = At(parts.back());
      parts.push_back(writer_.Activation(in.shape, in.scale(), in.zero_point()));
      writer_.MaxPool2d(parts[parts.size() - 2], parts.back(), options);
    }
    return Function(Conv(Join(parts), random_.Pick({8, 16, 24}), 1, 1));
  }

  int32_t Join(const std::vector<int32_t>& parts) {
    const Tensor first = At(parts[0]);
    std::vector<int32_t> shape = first.shape;
    shape[3] = 0;
    for (int32_t part : parts) shape[3] += Channels(part);
    const int32_t output = writer_.Activation(shape, first.scale(), first.zero_point());
    writer_.Append(OperatorType::kConcatenation, parts, {output}, AxisOptions{3});
    return output;
  }

  int32_t Head(int32_t input) {
    const Tensor in = At(input);
    const int32_t mean = writer_.Activation({1, in.shape[3]}, in.scale(), in.zero_point());
    writer_.Mean(input, {1, 2}, mean, /*keep_dims=*/false);
    const int32_t filter =
        writer_.Weights({10, in.shape[3]}, Weights(10 * in.shape[3]), {0.005f}, 0);
    const int32_t sums = writer_.Activation({1, 10}, in.scale() * 2, ZeroPoint());
    writer_.FullyConnected(mean, filter, -1, sums);
    const int32_t output = writer_.Activation({1, 10}, 1.0f / 256, -128);
    writer_.Softmax(sums, output);
    return output;
  }

  /// Every tensor that no operator reads.
  void OutputsOfAll() {
    std::vector<bool> read(writer_.model().tensors.size(), false);
    for (const Operator& op : writer_.model().operators) {
      for (int32_t tensor : op.inputs) {
        if (tensor >= 0) read[static_cast<size_t>(tensor)] = true;
      }
    }
    for (const Operator& op : writer_.model().operators) {
      if (!read[static_cast<size_t>(op.outputs[0])]) writer_.Output(op.outputs[0]);
    }
  }

  RandomSource random_;
  TfliteWriter writer_;
  OperatorType function_;
  std::vector<int32_t> features_;  ///< what the blocks so far read
  int64_t multiplications_ = 0;
};

}  // namespace

RandomModel MakeRandomBlockNetwork(uint64_t seed) {
  return BlockGenerator(fmt::format("blocks_{}", seed), seed * 16 + 13).Network();
}

}  // namespace npugen::testing

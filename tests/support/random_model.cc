// Choice of shapes, options, scales and weights for random networks.
#include "tests/support/random_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "sw/model/quantization.h"
#include "tests/support/tflite_writer.h"

namespace npugen::testing {
namespace {

const std::vector<int32_t> kChannels = {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 24, 31, 33};
constexpr double kStandardDeviation = 74.0;  // of uniform int8

std::string LowerCase(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

class Generator {
 public:
  Generator(const std::string& name, uint64_t seed) : random_(seed), writer_(name) {}

  RandomModel Operator(OperatorType type) {
    const int32_t input = writer_.Input(InputShape(type), Scale(), ZeroPoint());
    writer_.Output(Append(type, input).value());
    return Finish();
  }

  RandomModel Network() {
    int32_t current =
        writer_.Input({1, random_.Integer(3, 12), random_.Integer(3, 12), random_.Pick(kChannels)},
                      Scale(), ZeroPoint());
    const int steps = random_.Integer(2, 6);
    for (int i = 0; i < steps; ++i) {
      static const std::vector<OperatorType> kinds = {
          OperatorType::kConv2d,    OperatorType::kConv2d,        OperatorType::kDepthwiseConv2d,
          OperatorType::kMaxPool2d, OperatorType::kAveragePool2d, OperatorType::kPad,
          OperatorType::kAdd};
      const OperatorType type = kinds[random_.Integer(0, static_cast<int32_t>(kinds.size()) - 1)];
      if (const auto next = Append(type, current)) current = *next;
    }
    if (!random_.Chance(3)) {
      current =
          Append(random_.Chance(2) ? OperatorType::kMean : OperatorType::kReshape, current).value();
      current = Append(OperatorType::kFullyConnected, current).value();
      current = Append(OperatorType::kSoftmax, current).value();
    } else if (writer_.model().operators.empty()) {
      current = Append(OperatorType::kReshape, current).value();
    }
    writer_.Output(current);
    return Finish();
  }

 private:
  RandomModel Finish() { return {writer_.model().name, writer_.model(), writer_.Write()}; }

  float Scale() {
    return static_cast<float>(std::exp(random_.Real(std::log(0.004), std::log(0.5))));
  }
  int32_t ZeroPoint() {
    return random_.Chance(3) ? random_.Pick({-128, 127, 0, -1}) : random_.Integer(-128, 127);
  }
  npugen::Activation Fused() {
    return random_.Chance(2) ? npugen::Activation::kNone
                             : static_cast<npugen::Activation>(random_.Integer(1, 3));
  }
  Padding AnyPadding() { return random_.Chance(2) ? Padding::kSame : Padding::kValid; }

  std::vector<int32_t> InputShape(OperatorType type) {
    const int32_t batch = random_.Chance(6) ? 2 : 1;
    const bool spatial = type != OperatorType::kFullyConnected && type != OperatorType::kSoftmax;
    const int32_t rank =
        spatial && (type == OperatorType::kConv2d || type == OperatorType::kDepthwiseConv2d ||
                    type == OperatorType::kMaxPool2d || type == OperatorType::kAveragePool2d)
            ? 4
            : random_.Pick({1, 2, 2, 3, 4, 4, 4});
    std::vector<int32_t> shape{batch, random_.Integer(1, 13), random_.Integer(1, 13),
                               random_.Pick(kChannels)};
    shape.erase(shape.begin(), shape.end() - rank);
    return shape;
  }

  std::vector<int8_t> RandomWeights(int64_t count) {
    std::vector<int8_t> values(count);
    for (int8_t& value : values) value = static_cast<int8_t>(random_.Integer(-127, 127));
    return values;
  }

  // One scale, or one per channel with a factor of up to 8 between them.
  std::vector<float> FilterScales(int32_t channels, bool per_channel) {
    std::vector<float> scales(per_channel ? channels : 1);
    const double base = std::exp(random_.Real(std::log(0.0005), std::log(0.02)));
    for (float& scale : scales) scale = static_cast<float>(base * std::exp(random_.Real(0.0, 2.0)));
    return scales;
  }

  // A scale that maps sums of `taps` products to about a third of the int8 range, more or less.
  float OutputScale(float input_scale, const std::vector<float>& filter_scales, int64_t taps) {
    const double largest = *std::max_element(filter_scales.begin(), filter_scales.end());
    const double spread = input_scale * largest * kStandardDeviation * kStandardDeviation *
                          std::sqrt(static_cast<double>(taps));
    return static_cast<float>(spread / random_.Real(10.0, 90.0));
  }

  int32_t Bias(int32_t channels, int64_t taps) {
    if (random_.Chance(5)) return -1;
    const auto limit = static_cast<int32_t>(8000.0 * std::sqrt(static_cast<double>(taps)));
    std::vector<int32_t> values(channels);
    for (int32_t& value : values) value = random_.Integer(-limit, limit);
    return writer_.Integers({channels}, values);
  }

  const Tensor& At(int32_t tensor) { return writer_.model().tensors[tensor]; }

  // Window, stride and dilation along one dimension of `size`, such that a VALID window fits.
  void Window(int32_t size, int32_t& filter, int32_t& stride, int32_t& dilation) {
    filter = random_.Integer(1, std::min(size, 5));
    stride = random_.Pick({1, 1, 1, 2, 2, 3});
    dilation = stride == 1 && random_.Chance(4) && (filter - 1) * 2 + 1 <= size ? 2 : 1;
  }

  // Adds an operator on `input` and gives its output; nothing if it cannot follow here.
  std::optional<int32_t> Append(OperatorType type, int32_t input) {
    const Tensor in = At(input);
    switch (type) {
      case OperatorType::kConv2d:
      case OperatorType::kDepthwiseConv2d:
        return AppendConv(type == OperatorType::kDepthwiseConv2d, input, in);
      case OperatorType::kFullyConnected:
        return AppendFullyConnected(input, in);
      case OperatorType::kAdd:
        return AppendAdd(input, in);
      case OperatorType::kMaxPool2d:
      case OperatorType::kAveragePool2d:
        return AppendPool(type == OperatorType::kMaxPool2d, input, in);
      case OperatorType::kMean:
        return AppendMean(input, in);
      case OperatorType::kReshape: {
        const int32_t output = writer_.Activation({1, static_cast<int32_t>(in.elements())},
                                                  in.scale(), in.zero_point());
        writer_.Reshape(input, output);
        return output;
      }
      case OperatorType::kPad: {
        std::vector<std::pair<int32_t, int32_t>> paddings;
        std::vector<int32_t> shape;
        for (size_t i = 0; i < in.shape.size(); ++i) {
          const bool spatial = in.shape.size() != 4 || i == 1 || i == 2;
          paddings.emplace_back(spatial ? random_.Integer(0, 2) : 0,
                                spatial ? random_.Integer(0, 2) : 0);
          shape.push_back(in.shape[i] + paddings.back().first + paddings.back().second);
        }
        const int32_t output = writer_.Activation(shape, in.scale(), in.zero_point());
        writer_.Pad(input, paddings, output);
        return output;
      }
      case OperatorType::kSoftmax: {
        const int32_t output = writer_.Activation(in.shape, 1.0f / 256.0f, -128);
        writer_.Softmax(input, output, random_.Chance(4) ? 0.5f : 1.0f);
        return output;
      }
    }
    return std::nullopt;
  }

  int32_t AppendConv(bool depthwise, int32_t input, const Tensor& in) {
    ConvOptions options;
    int32_t filter_h = 1;
    int32_t filter_w = 1;
    Window(in.shape[1], filter_h, options.stride_h, options.dilation_h);
    Window(in.shape[2], filter_w, options.stride_w, options.dilation_w);
    options.padding = AnyPadding();
    options.activation = Fused();
    const int32_t depth = in.shape[3];
    int32_t filter_depth = depth;
    int32_t channels = random_.Pick(kChannels);
    if (depthwise) {
      options.depth_multiplier = random_.Pick({1, 1, 1, 1, 2, 3, 8});
      channels = depth * options.depth_multiplier;
    } else if (depth % 2 == 0 && random_.Chance(8)) {  // two groups
      filter_depth = depth / 2;
      channels *= 2;
    }
    const int64_t taps = int64_t{filter_h} * filter_w * (depthwise ? 1 : filter_depth);
    const std::vector<float> scales = FilterScales(channels, !random_.Chance(4));
    const int32_t filter = depthwise ? writer_.Weights({1, filter_h, filter_w, channels},
                                                       RandomWeights(taps * channels), scales, 3)
                                     : writer_.Weights({channels, filter_h, filter_w, filter_depth},
                                                       RandomWeights(taps * channels), scales, 0);
    const int32_t bias = Bias(channels, taps);
    const int32_t out_h = WindowOutputSize(options.padding, in.shape[1], filter_h, options.stride_h,
                                           options.dilation_h);
    const int32_t out_w = WindowOutputSize(options.padding, in.shape[2], filter_w, options.stride_w,
                                           options.dilation_w);
    const int32_t output = writer_.Activation({in.shape[0], out_h, out_w, channels},
                                              OutputScale(in.scale(), scales, taps), ZeroPoint());
    if (depthwise) {
      writer_.DepthwiseConv2d(input, filter, bias, output, options);
    } else {
      writer_.Conv2d(input, filter, bias, output, options);
    }
    return output;
  }

  int32_t AppendFullyConnected(int32_t input, const Tensor& in) {
    const int32_t depth = in.shape.back();
    const int32_t units = random_.Pick(kChannels);
    const std::vector<float> scales = FilterScales(units, random_.Chance(3));
    const int32_t filter =
        writer_.Weights({units, depth}, RandomWeights(int64_t{units} * depth), scales, 0);
    const int32_t bias = Bias(units, depth);
    FullyConnectedOptions options;
    options.activation = Fused();
    options.keep_num_dims = in.shape.size() > 2;
    std::vector<int32_t> shape = in.shape;
    shape.back() = units;
    if (shape.size() == 1) shape = {1, units};
    const int32_t output =
        writer_.Activation(shape, OutputScale(in.scale(), scales, depth), ZeroPoint());
    writer_.FullyConnected(input, filter, bias, output, options);
    return output;
  }

  // Adds an earlier tensor of the same shape, or the input of the network's, or a second input.
  std::optional<int32_t> AppendAdd(int32_t input, const Tensor& in) {
    int32_t other = -1;
    for (int32_t i = 0; i < input; ++i) {
      if (!At(i).is_constant && At(i).shape == in.shape && random_.Chance(2)) other = i;
    }
    if (other < 0) other = writer_.Input(in.shape, Scale(), ZeroPoint());
    const float sum = in.scale() + At(other).scale();
    const int32_t output =
        writer_.Activation(in.shape, static_cast<float>(sum * random_.Real(0.3, 1.2)), ZeroPoint());
    AddOptions options;
    options.activation = Fused();
    if (random_.Chance(2)) std::swap(input, other);
    writer_.Add(input, other, output, options);
    return output;
  }

  int32_t AppendPool(bool max, int32_t input, const Tensor& in) {
    PoolOptions options;
    int32_t dilation = 1;
    Window(in.shape[1], options.filter_h, options.stride_h, dilation);
    Window(in.shape[2], options.filter_w, options.stride_w, dilation);
    if (random_.Chance(4)) {  // the whole image
      options.filter_h = in.shape[1];
      options.filter_w = in.shape[2];
    }
    options.padding = AnyPadding();
    options.activation = Fused();
    const int32_t out_h =
        WindowOutputSize(options.padding, in.shape[1], options.filter_h, options.stride_h, 1);
    const int32_t out_w =
        WindowOutputSize(options.padding, in.shape[2], options.filter_w, options.stride_w, 1);
    const int32_t output =
        writer_.Activation({in.shape[0], out_h, out_w, in.shape[3]}, in.scale(), in.zero_point());
    if (max) {
      writer_.MaxPool2d(input, output, options);
    } else {
      writer_.AveragePool2d(input, output, options);
    }
    return output;
  }

  int32_t AppendMean(int32_t input, const Tensor& in) {
    const auto rank = static_cast<int32_t>(in.shape.size());
    std::vector<int32_t> axes;
    if (rank == 4) {
      axes = {1, 2};
    } else {
      axes = {random_.Integer(0, rank - 1)};
    }
    const bool keep_dims = rank == 1 || random_.Chance(2);
    std::vector<int32_t> shape;
    int64_t count = 1;
    for (int32_t i = 0; i < rank; ++i) {
      const bool reduced = std::find(axes.begin(), axes.end(), i) != axes.end();
      if (reduced) count *= in.shape[i];
      if (!reduced) {
        shape.push_back(in.shape[i]);
      } else if (keep_dims) {
        shape.push_back(1);
      }
    }
    const double spread = in.scale() / std::sqrt(static_cast<double>(count));
    const int32_t output =
        writer_.Activation(shape, static_cast<float>(spread * random_.Real(0.7, 2.0)), ZeroPoint());
    if (random_.Chance(3)) axes.back() -= rank;
    writer_.Mean(input, axes, output, keep_dims);
    return output;
  }

  RandomSource random_;
  TfliteWriter writer_;
};

}  // namespace

uint64_t RandomSource::Next() {
  uint64_t z = (state_ += 0x9E3779B97F4A7C15u);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

int32_t RandomSource::Integer(int32_t low, int32_t high) {
  const uint64_t range = static_cast<uint64_t>(int64_t{high} - low) + 1;
  return static_cast<int32_t>(low + static_cast<int64_t>(Next() % range));
}

double RandomSource::Real(double low, double high) {
  return low + (high - low) * (static_cast<double>(Next() >> 11) * 0x1.0p-53);
}

int32_t RandomSource::Pick(const std::vector<int32_t>& values) {
  return values[Integer(0, static_cast<int32_t>(values.size()) - 1)];
}

RandomModel MakeRandomOperator(OperatorType type, uint64_t seed) {
  const std::string name = fmt::format("{}_{}", LowerCase(OperatorName(type)), seed);
  return Generator(name, seed * 16 + static_cast<uint64_t>(type)).Operator(type);
}

RandomModel MakeRandomNetwork(uint64_t seed) {
  return Generator(fmt::format("network_{}", seed), seed * 16 + 15).Network();
}

std::vector<std::vector<uint8_t>> MakeRandomInputs(const Model& model, uint64_t seed) {
  RandomSource random(seed);
  std::vector<std::vector<uint8_t>> inputs;
  for (int32_t tensor : model.inputs) {
    std::vector<uint8_t> bytes(model.tensors[tensor].bytes());
    const int32_t style = random.Integer(0, 7);
    const int32_t same = random.Pick({-128, 127, 0, -1});
    const int32_t zero_point = model.tensors[tensor].zero_point();
    for (uint8_t& byte : bytes) {
      int32_t value = random.Integer(-128, 127);
      if (style == 6) value = same;
      if (style == 7) value = std::clamp(zero_point + random.Integer(-1, 1), -128, 127);
      byte = static_cast<uint8_t>(value);
    }
    inputs.push_back(std::move(bytes));
  }
  return inputs;
}

}  // namespace npugen::testing

// SPDX-License-Identifier: Apache-2.0
// Choice of shapes, options, scales and weights for random networks.
#include "verif/random/random_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <tuple>

#include "sw/model/quantization.h"
#include "verif/random/tflite_writer.h"

namespace npugen::testing {
namespace {

const std::vector<int32_t> kChannels = {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 24, 31, 33};
const std::vector<int32_t> kManyChannels = {3, 8, 16, 20, 24, 32, 40, 48, 64, 96, 130};
constexpr double kStandardDeviation = 74.0;  // of uniform int8

std::string LowerCase(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

class Generator {
 public:
  Generator(const std::string& name, uint64_t seed, bool large = false)
      : random_(seed), writer_(name), large_(large) {}

  RandomModel Operator(OperatorType type) {
    // RSQRT has no result below the zero point.
    const int32_t zero_point = type == OperatorType::kRsqrt ? -128 : ZeroPoint();
    const int32_t input = writer_.Input(InputShape(type), Scale(), zero_point);
    Append(type, input).value();
    if (type == OperatorType::kQuantize) ChangeTypes(writer_.model().operators.back());
    // All results, of which SPLIT and UNPACK have several.
    for (int32_t output : writer_.model().operators.back().outputs) writer_.Output(output);
    return Finish();
  }

  RandomModel MixedNetwork() {
    int32_t current = writer_.Input({1, random_.Integer(3, 12), random_.Integer(3, 12), Channels()},
                                    Scale(), ZeroPoint());
    const int steps = random_.Integer(3, 8);
    for (int i = 0; i < steps || writer_.model().operators.empty(); ++i) {
      const auto type = static_cast<OperatorType>(
          random_.Integer(0, static_cast<int32_t>(OperatorType::kResizeBilinear)));
      // Nothing follows on indices.
      if (type == OperatorType::kArgMax || type == OperatorType::kArgMin) continue;
      if (const auto next = Append(type, current)) current = *next;
    }
    std::vector<bool> read(writer_.model().tensors.size(), false);
    for (const npugen::Operator& op : writer_.model().operators) {
      for (int32_t tensor : op.inputs) {
        if (tensor >= 0) read[tensor] = true;
      }
    }
    for (const npugen::Operator& op : writer_.model().operators) {
      for (int32_t tensor : op.outputs) {
        if (!read[tensor]) writer_.Output(tensor);
      }
    }
    return Finish();
  }

  RandomModel Network() {
    int32_t current = writer_.Input({1, random_.Integer(3, 12), random_.Integer(3, 12), Channels()},
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

  // Sizes of images and numbers of channels.
  int32_t Side() { return large_ ? random_.Integer(7, 40) : random_.Integer(1, 13); }
  int32_t Channels() { return random_.Pick(large_ ? kManyChannels : kChannels); }

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

  static bool NeedsImage(OperatorType type) {
    switch (type) {
      case OperatorType::kConv2d:
      case OperatorType::kDepthwiseConv2d:
      case OperatorType::kMaxPool2d:
      case OperatorType::kAveragePool2d:
      case OperatorType::kTransposeConv:
      case OperatorType::kSpaceToDepth:
      case OperatorType::kDepthToSpace:
      case OperatorType::kSpaceToBatch:
      case OperatorType::kBatchToSpace:
      case OperatorType::kResizeNearestNeighbor:
      case OperatorType::kResizeBilinear:
        return true;
      default:
        return false;
    }
  }

  std::vector<int32_t> InputShape(OperatorType type) {
    const int32_t batch = random_.Chance(6) ? 2 : 1;
    const int32_t rank = NeedsImage(type) ? 4 : random_.Pick({1, 2, 2, 3, 4, 4, 4});
    std::vector<int32_t> shape{batch, Side(), Side(), Channels()};
    shape.erase(shape.begin(), shape.end() - rank);
    // What has to consist of blocks of 2.
    if (type == OperatorType::kSpaceToDepth) shape = {batch, shape[1] * 2, shape[2] * 2, shape[3]};
    if (type == OperatorType::kDepthToSpace) shape[3] *= 4;
    if (type == OperatorType::kBatchToSpace) shape[0] = 4;
    if (type == OperatorType::kBatchMatMul && rank == 1) shape.insert(shape.begin(), 3);
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
    if (NeedsImage(type) && in.shape.size() != 4) return std::nullopt;
    if (in.shape.empty()) return std::nullopt;
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
      case OperatorType::kTransposeConv:
        return AppendTransposeConv(input, in);
      case OperatorType::kBatchMatMul:
        return AppendBatchMatMul(input, in);
      case OperatorType::kSub:
      case OperatorType::kMul:
      case OperatorType::kMaximum:
      case OperatorType::kMinimum:
      case OperatorType::kSquaredDifference:
        return AppendTwoOperands(type, input, in);
      case OperatorType::kAddN:
        return AppendAddN(input, in);
      case OperatorType::kSum:
      case OperatorType::kReduceMax:
      case OperatorType::kReduceMin:
        return AppendReduce(type, input, in);
      case OperatorType::kArgMax:
      case OperatorType::kArgMin:
        return AppendArg(type, input, in);
      case OperatorType::kLogistic:
      case OperatorType::kTanh:
      case OperatorType::kHardSwish:
      case OperatorType::kElu:
      case OperatorType::kLeakyRelu:
      case OperatorType::kRelu:
      case OperatorType::kRelu6:
      case OperatorType::kAbs:
      case OperatorType::kRsqrt:
        return AppendFunction(type, input, in);
      case OperatorType::kPrelu:
        return AppendPrelu(input, in);
      case OperatorType::kQuantize:
        return AppendQuantize(input, in);
      case OperatorType::kMirrorPad:
        return AppendMirrorPad(input, in);
      case OperatorType::kConcatenation:
      case OperatorType::kPack:
        return AppendJoin(type, input, in);
      case OperatorType::kSplit:
      case OperatorType::kUnpack:
        return AppendParts(type, input, in);
      case OperatorType::kTranspose:
        return AppendTranspose(input, in);
      case OperatorType::kReverse:
        return AppendReverse(input, in);
      case OperatorType::kSlice:
        return AppendSlice(input, in);
      case OperatorType::kSpaceToDepth:
      case OperatorType::kDepthToSpace:
        return AppendBlocks(type, input, in);
      case OperatorType::kSpaceToBatch:
      case OperatorType::kBatchToSpace:
        return AppendBatchBlocks(type, input, in);
      case OperatorType::kResizeNearestNeighbor:
      case OperatorType::kResizeBilinear:
        return AppendResize(type, input, in);
      case OperatorType::kSoftmax: {
        const int32_t output = writer_.Activation(in.shape, 1.0f / 256.0f, -128);
        writer_.Softmax(input, output, random_.Chance(4) ? 0.5f : 1.0f);
        return output;
      }
      case OperatorType::kBinaryConv2d:
      case OperatorType::kThermometer:
        break;  // not TFLite's
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
    int32_t channels = Channels();
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
    const int32_t units = Channels();
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

  // A tensor with the quantization of another one.
  int32_t Like(const Tensor& tensor, std::vector<int32_t> shape) {
    return writer_.Activation(std::move(shape), tensor.scale(), tensor.zero_point());
  }
  int32_t List(const std::vector<int32_t>& values) {
    return writer_.Integers({static_cast<int32_t>(values.size())}, values);
  }
  float Around(double scale) { return static_cast<float>(scale * random_.Real(0.4, 2.0)); }
  int32_t AnyAxis(const Tensor& in) {
    return random_.Integer(0, static_cast<int32_t>(in.shape.size()) - 1);
  }

  // A second operand of `shape` or one that broadcasts to it: an input or a constant.
  int32_t SecondOperand(std::vector<int32_t> shape, float scale, int32_t zero_point) {
    if (random_.Chance(3)) {
      for (int32_t& size : shape) size = random_.Chance(2) ? 1 : size;
      if (random_.Chance(2)) shape.erase(shape.begin(), shape.end() - 1);
    }
    if (!random_.Chance(3)) return writer_.Input(shape, scale, zero_point);
    return Constant(shape, scale, zero_point);
  }
  int32_t Constant(const std::vector<int32_t>& shape, float scale, int32_t zero_point) {
    int64_t count = 1;
    for (int32_t size : shape) count *= size;
    const int32_t tensor = writer_.Weights(shape, RandomWeights(count), {scale});
    writer_.model().tensors[tensor].zero_points = {zero_point};
    return tensor;
  }

  int32_t AppendTwoOperands(OperatorType type, int32_t input, const Tensor& in) {
    const bool same = type == OperatorType::kMaximum || type == OperatorType::kMinimum;
    const float scale = same ? in.scale() : Scale();
    int32_t other = SecondOperand(in.shape, scale, same ? in.zero_point() : ZeroPoint());
    const double both = double{in.scale()} * scale;
    const double larger = std::max(in.scale(), scale);
    const double result = type == OperatorType::kSub   ? in.scale() + scale
                          : type == OperatorType::kMul ? both * kStandardDeviation
                                                       : larger * larger * kStandardDeviation;
    const int32_t output =
        same ? Like(in, in.shape) : writer_.Activation(in.shape, Around(result), ZeroPoint());
    OperatorOptions options = NoOptions{};
    if (type == OperatorType::kSub || type == OperatorType::kMul) options = AddOptions{Fused()};
    if (random_.Chance(2)) std::swap(input, other);
    writer_.Append(type, {input, other}, {output}, options);
    return output;
  }

  int32_t AppendAddN(int32_t input, const Tensor& in) {
    std::vector<int32_t> inputs{input};
    const int32_t count = random_.Integer(1, 4);
    for (int32_t i = 0; i < count; ++i) {
      inputs.push_back(writer_.Input(in.shape, in.scale(), in.zero_point()));
    }
    const int32_t output = writer_.Activation(in.shape, Around(in.scale() * 2), ZeroPoint());
    writer_.Append(OperatorType::kAddN, inputs, {output});
    return output;
  }

  std::optional<int32_t> AppendFunction(OperatorType type, int32_t input, const Tensor& in) {
    if (type == OperatorType::kRsqrt && in.zero_point() != -128) return std::nullopt;
    float scale = Around(in.scale());
    int32_t zero_point = ZeroPoint();
    if (type == OperatorType::kLogistic) std::tie(scale, zero_point) = std::tuple(1.0f / 256, -128);
    if (type == OperatorType::kTanh) std::tie(scale, zero_point) = std::tuple(1.0f / 128, 0);
    if (type == OperatorType::kRsqrt) {
      scale = Around(1.0 / (128 * std::sqrt(in.scale())));
    } else if (type == OperatorType::kRelu6 && random_.Chance(2)) {
      scale = in.scale();
      zero_point = in.zero_point();
    }
    const int32_t output = writer_.Activation(in.shape, scale, zero_point);
    OperatorOptions options = NoOptions{};
    if (type == OperatorType::kLeakyRelu) {
      options = LeakyReluOptions{static_cast<float>(random_.Real(-0.5, 1.5))};
    }
    writer_.Append(type, {input}, {output}, options);
    return output;
  }

  int32_t AppendPrelu(int32_t input, const Tensor& in) {
    std::vector<int32_t> shape{in.shape.back()};
    if (random_.Chance(3)) shape = in.shape;
    const int32_t alpha = Constant(shape, 0.01f, random_.Chance(2) ? 0 : ZeroPoint());
    const int32_t output = writer_.Activation(in.shape, Around(in.scale()), ZeroPoint());
    writer_.Append(OperatorType::kPrelu, {input, alpha}, {output});
    return output;
  }

  int32_t AppendQuantize(int32_t input, const Tensor& in) {
    const int32_t output = writer_.Activation(in.shape, Around(in.scale()), ZeroPoint());
    writer_.Append(OperatorType::kQuantize, {input}, {output});
    return output;
  }

  // Other types for a QUANTIZE, the factor such that results stay in about the same range.
  void ChangeTypes(const npugen::Operator& op) {
    static const std::vector<std::pair<TensorType, TensorType>> kPairs = {
        {TensorType::kInt8, TensorType::kInt8},   {TensorType::kInt8, TensorType::kUint8},
        {TensorType::kInt8, TensorType::kInt16},  {TensorType::kInt8, TensorType::kInt32},
        {TensorType::kUint8, TensorType::kInt8},  {TensorType::kInt16, TensorType::kInt8},
        {TensorType::kInt16, TensorType::kInt16}, {TensorType::kInt16, TensorType::kInt32}};
    const auto& [from, to] = kPairs[random_.Integer(0, static_cast<int32_t>(kPairs.size()) - 1)];
    const auto change = [&](int32_t tensor, TensorType type) {
      Tensor& changed = writer_.model().tensors[tensor];
      changed.type = type;
      if (type == TensorType::kUint8) changed.zero_points[0] += 128;
      if (type == TensorType::kInt16) changed.scales[0] /= 250;
      if (type == TensorType::kInt32) changed.scales[0] /= 1000;
    };
    change(op.inputs[0], from);
    change(op.outputs[0], to);
  }

  int32_t AppendReduce(OperatorType type, int32_t input, const Tensor& in) {
    std::vector<int32_t> axes, shape;
    int64_t count = 1;
    const bool keep_dims = random_.Chance(2);
    const int32_t always = AnyAxis(in);
    for (int32_t d = 0; d < static_cast<int32_t>(in.shape.size()); ++d) {
      if (d == always || random_.Chance(3)) {
        count *= in.shape[d];
        axes.push_back(d);
        if (keep_dims) shape.push_back(1);
      } else {
        shape.push_back(in.shape[d]);
      }
    }
    const double spread = in.scale() * std::sqrt(static_cast<double>(count));
    const int32_t output = type == OperatorType::kSum
                               ? writer_.Activation(shape, Around(spread), ZeroPoint())
                               : Like(in, shape);
    writer_.Append(type, {input, List(axes)}, {output}, ReduceOptions{{}, keep_dims});
    return output;
  }

  int32_t AppendArg(OperatorType type, int32_t input, const Tensor& in) {
    const int32_t axis = AnyAxis(in);
    std::vector<int32_t> shape = in.shape;
    shape.erase(shape.begin() + axis);
    const int32_t output = writer_.Activation(shape, 1.0f, 0);
    Tensor& tensor = writer_.model().tensors[output];
    tensor.type = TensorType::kInt32;
    tensor.scales.clear();
    tensor.zero_points.clear();
    writer_.Append(type, {input, List({axis})}, {output}, AxisOptions{});
    return output;
  }

  int32_t AppendTransposeConv(int32_t input, const Tensor& in) {
    TransposeConvOptions options;
    options.padding = AnyPadding();
    options.stride_h = random_.Integer(1, 3);
    options.stride_w = random_.Integer(1, 3);
    options.activation = Fused();
    const int32_t channels = Channels();
    const int32_t filter_h = random_.Integer(1, 4), filter_w = random_.Integer(1, 4);
    const auto size = [&](int32_t from, int32_t filter, int32_t stride) {
      return options.padding == Padding::kSame ? from * stride : (from - 1) * stride + filter;
    };
    const std::vector<int32_t> shape{in.shape[0], size(in.shape[1], filter_h, options.stride_h),
                                     size(in.shape[2], filter_w, options.stride_w), channels};
    const int64_t taps = int64_t{filter_h} * filter_w * in.shape[3];
    const std::vector<float> scales = FilterScales(channels, random_.Chance(2));
    const int32_t filter = writer_.Weights({channels, filter_h, filter_w, in.shape[3]},
                                           RandomWeights(taps * channels), scales, 0);
    const int32_t bias = Bias(channels, taps);
    const int32_t output =
        writer_.Activation(shape, OutputScale(in.scale(), scales, taps), ZeroPoint());
    writer_.Append(OperatorType::kTransposeConv, {List(shape), filter, input, bias}, {output},
                   options);
    return output;
  }

  std::optional<int32_t> AppendBatchMatMul(int32_t input, const Tensor& in) {
    if (in.shape.size() < 2) return std::nullopt;
    const BatchMatMulOptions options{random_.Chance(2), random_.Chance(2)};
    std::vector<int32_t> shape = in.shape, other = in.shape;
    const size_t row = in.shape.size() - 2, column = row + 1;
    const int32_t depth = in.shape[options.adjoint_x ? row : column];
    const int32_t units = Channels();
    shape[row] = in.shape[options.adjoint_x ? column : row];
    shape[column] = units;
    other[row] = options.adjoint_y ? units : depth;
    other[column] = options.adjoint_y ? depth : units;
    if (random_.Chance(3)) other.erase(other.begin(), other.end() - 2);
    const float scale = Scale();
    const int32_t second = random_.Chance(3) ? Constant(other, scale, ZeroPoint())
                                             : writer_.Input(other, scale, ZeroPoint());
    const int32_t output =
        writer_.Activation(shape, OutputScale(in.scale(), {scale}, depth), ZeroPoint());
    writer_.Append(OperatorType::kBatchMatMul, {input, second}, {output}, options);
    return output;
  }

  int32_t AppendMirrorPad(int32_t input, const Tensor& in) {
    const MirrorPadOptions options{{}, random_.Chance(2)};
    std::vector<int32_t> values, shape;
    for (int32_t size : in.shape) {
      const int32_t most = std::min(options.symmetric ? size : size - 1, 3);
      values.push_back(random_.Integer(0, most));
      values.push_back(random_.Integer(0, most));
      shape.push_back(size + values[values.size() - 2] + values.back());
    }
    const int32_t list = writer_.Integers({static_cast<int32_t>(shape.size()), 2}, values);
    const int32_t output = Like(in, shape);
    writer_.Append(OperatorType::kMirrorPad, {input, list}, {output}, options);
    return output;
  }

  // CONCATENATION or PACK with further inputs.
  int32_t AppendJoin(OperatorType type, int32_t input, const Tensor& in) {
    const bool pack = type == OperatorType::kPack;
    const int32_t axis = random_.Integer(0, static_cast<int32_t>(in.shape.size()) - (pack ? 0 : 1));
    std::vector<int32_t> inputs{input}, shape = in.shape;
    const int32_t count = random_.Integer(2, 4);
    for (int32_t i = 1; i < count; ++i) {
      std::vector<int32_t> other = in.shape;
      if (!pack) {
        other[axis] = random_.Integer(1, 7);
        shape[axis] += other[axis];
      }
      inputs.push_back(writer_.Input(other, in.scale(), in.zero_point()));
    }
    if (pack) shape.insert(shape.begin() + axis, count);
    const int32_t output = Like(in, shape);
    writer_.Append(type, inputs, {output}, AxisOptions{axis});
    return output;
  }

  // SPLIT, SPLIT_V or UNPACK; the first part goes on.
  int32_t AppendParts(OperatorType type, int32_t input, const Tensor& in) {
    const int32_t axis = AnyAxis(in);
    std::vector<int32_t> sizes(in.shape[axis], 1);
    const bool listed = type == OperatorType::kSplit && random_.Chance(2);
    if (listed) {
      sizes.clear();
      for (int32_t rest = in.shape[axis]; rest > 0; rest -= sizes.back()) {
        sizes.push_back(random_.Integer(1, rest));
      }
    } else if (type == OperatorType::kSplit && in.shape[axis] % 2 == 0) {
      sizes = {in.shape[axis] / 2, in.shape[axis] / 2};
    }
    std::vector<int32_t> outputs;
    for (int32_t size : sizes) {
      std::vector<int32_t> shape = in.shape;
      shape[axis] = size;
      if (type == OperatorType::kUnpack) shape.erase(shape.begin() + axis);
      outputs.push_back(Like(in, shape));
    }
    if (type == OperatorType::kUnpack) {
      writer_.Append(type, {input}, outputs, AxisOptions{axis});
    } else if (listed) {
      writer_.Append(type, {input, List(sizes), List({axis})}, outputs, AxisOptions{}, "SPLIT_V");
    } else {
      writer_.Append(type, {List({axis}), input}, outputs, AxisOptions{});
    }
    return outputs[0];
  }

  int32_t AppendTranspose(int32_t input, const Tensor& in) {
    std::vector<int32_t> permutation(in.shape.size());
    for (size_t d = 0; d < permutation.size(); ++d) {
      permutation[d] = static_cast<int32_t>(d);
      std::swap(permutation[d], permutation[random_.Integer(0, static_cast<int32_t>(d))]);
    }
    std::vector<int32_t> shape;
    for (int32_t d : permutation) shape.push_back(in.shape[d]);
    const int32_t output = Like(in, shape);
    writer_.Append(OperatorType::kTranspose, {input, List(permutation)}, {output},
                   TransposeOptions{});
    return output;
  }

  int32_t AppendReverse(int32_t input, const Tensor& in) {
    const int32_t output = Like(in, in.shape);
    writer_.Append(OperatorType::kReverse, {input, List({AnyAxis(in)})}, {output},
                   ReverseOptions{});
    return output;
  }

  // SLICE, or STRIDED_SLICE with strides of either sign.
  int32_t AppendSlice(int32_t input, const Tensor& in) {
    const bool strided = random_.Chance(2);
    std::vector<int32_t> begin, end, stride, shape;
    for (int32_t size : in.shape) {
      begin.push_back(random_.Integer(0, size - 1));
      stride.push_back(strided ? random_.Pick({1, 1, 2, 3, -1, -2}) : 1);
      const int32_t room = stride.back() > 0 ? size - begin.back() : begin.back() + 1;
      const int32_t step = std::abs(stride.back());
      shape.push_back(random_.Integer(1, (room + step - 1) / step));
      const int32_t last = begin.back() + (shape.back() - 1) * stride.back();
      end.push_back(last + (stride.back() > 0 ? 1 : -1));
      if (end.back() < 0) end.back() = -size - 1;  // -1 would be the last element
    }
    const int32_t output = Like(in, shape);
    if (strided) {
      writer_.Append(OperatorType::kSlice, {input, List(begin), List(end), List(stride)}, {output},
                     SliceOptions{}, "STRIDED_SLICE");
    } else {
      writer_.Append(OperatorType::kSlice, {input, List(begin), List(shape)}, {output},
                     SliceOptions{});
    }
    return output;
  }

  std::optional<int32_t> AppendBlocks(OperatorType type, int32_t input, const Tensor& in) {
    std::vector<int32_t> shape = in.shape;
    if (type == OperatorType::kSpaceToDepth) {
      if (shape[1] % 2 != 0 || shape[2] % 2 != 0) return std::nullopt;
      shape = {shape[0], shape[1] / 2, shape[2] / 2, shape[3] * 4};
    } else {
      if (shape[3] % 4 != 0) return std::nullopt;
      shape = {shape[0], shape[1] * 2, shape[2] * 2, shape[3] / 4};
    }
    const int32_t output = Like(in, shape);
    writer_.Append(type, {input}, {output}, BlockOptions{2});
    return output;
  }

  std::optional<int32_t> AppendBatchBlocks(OperatorType type, int32_t input, const Tensor& in) {
    std::vector<int32_t> shape = in.shape;
    std::vector<int32_t> borders(4, 0);
    if (type == OperatorType::kSpaceToBatch) {
      borders[0] = random_.Integer(0, 2);
      borders[2] = random_.Integer(0, 2);
      borders[1] = (shape[1] + borders[0]) % 2;
      borders[3] = (shape[2] + borders[2]) % 2;
      shape = {shape[0] * 4, (shape[1] + borders[0] + borders[1]) / 2,
               (shape[2] + borders[2] + borders[3]) / 2, shape[3]};
    } else {
      if (shape[0] % 4 != 0) return std::nullopt;
      borders = {random_.Integer(0, 1), 0, 0, random_.Integer(0, 1)};
      shape = {shape[0] / 4, shape[1] * 2 - borders[0], shape[2] * 2 - borders[3], shape[3]};
    }
    const int32_t output = Like(in, shape);
    writer_.Append(type, {input, List({2, 2}), writer_.Integers({2, 2}, borders)}, {output},
                   BatchSpaceOptions{});
    return output;
  }

  int32_t AppendResize(OperatorType type, int32_t input, const Tensor& in) {
    ResizeOptions options;
    options.align_corners = random_.Chance(3);
    options.half_pixel_centers = !options.align_corners && random_.Chance(2);
    const std::vector<int32_t> size{random_.Integer(1, 16), random_.Integer(1, 16)};
    const int32_t output = Like(in, {in.shape[0], size[0], size[1], in.shape[3]});
    writer_.Append(type, {input, List(size)}, {output}, options);
    return output;
  }

  RandomSource random_;
  TfliteWriter writer_;
  const bool large_;
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

RandomModel MakeLargeRandomOperator(OperatorType type, uint64_t seed) {
  const std::string name = fmt::format("large_{}_{}", LowerCase(OperatorName(type)), seed);
  return Generator(name, seed * 16 + static_cast<uint64_t>(type), true).Operator(type);
}

RandomModel MakeRandomMixedNetwork(uint64_t seed) {
  return Generator(fmt::format("mixed_{}", seed), seed * 16 + 14).MixedNetwork();
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

// SPDX-License-Identifier: Apache-2.0
// The network, and the uint8 kernels written down once more.
#include "tests/support/uint8_network.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "sw/model/quantization.h"
#include "verif/golden/fixed_point.h"
#include "verif/random/random_model.h"
#include "verif/random/tflite_writer.h"

namespace npugen::testing {
namespace {

using Bytes = std::vector<uint8_t>;

class Maker {
 public:
  explicit Maker(uint64_t seed) : random(seed), writer("uint8") {}

  int32_t Uint8(std::vector<int32_t> shape, float scale, int32_t zero_point) {
    const int32_t tensor = writer.Activation(std::move(shape), scale, zero_point);
    writer.model().tensors[tensor].type = TensorType::kUint8;
    return tensor;
  }
  /// Weights of all byte values; zero points at the limits, too.
  int32_t Filter(std::vector<int32_t> shape, float scale) {
    int64_t count = 1;
    for (const int32_t size : shape) count *= size;
    std::vector<int8_t> values(static_cast<size_t>(count));
    const int32_t low = random.Chance(3) ? 80 : 0, high = random.Chance(3) ? 180 : 255;
    for (int8_t& value : values) value = static_cast<int8_t>(random.Integer(low, high));
    const int32_t tensor = writer.Weights(std::move(shape), values, {scale});
    writer.model().tensors[tensor].type = TensorType::kUint8;
    writer.model().tensors[tensor].zero_points = {random.Pick({0, 100, 127, 128, 131, 140, 255})};
    return tensor;
  }
  int32_t Bias(int32_t channels) {
    std::vector<int32_t> values(static_cast<size_t>(channels));
    for (int32_t& value : values) value = random.Integer(-3000, 3000);
    return writer.Integers({channels}, values);
  }
  int32_t ZeroPoint() { return random.Pick({0, 3, 127, 128, 200, 255}); }

  RandomSource random;
  TfliteWriter writer;
};

int32_t Scaled(int32_t value, const QuantizedMultiplier& factor) {
  return golden::MultiplyByQuantizedMultiplier(value, factor.multiplier, factor.shift,
                                               golden::Rounding::kDouble);
}

uint8_t Limit(int64_t value, int64_t least = 0, int64_t most = 255) {
  return static_cast<uint8_t>(
      std::clamp<int64_t>(value, std::max<int64_t>(least, 0), std::min<int64_t>(most, 255)));
}

/// The limits of a fused RELU6 or of none.
std::pair<int64_t, int64_t> Limits(Activation activation, const Tensor& output) {
  if (activation == Activation::kNone) return {0, 255};
  return {output.zero_point(),
          output.zero_point() + static_cast<int64_t>(std::round(6.0f / output.scale()))};
}

/// CONV_2D, DEPTHWISE_CONV_2D and, with a kernel of 1x1, FULLY_CONNECTED.
void Products(const Model& model, const Operator& op, const ConvOptions& options, bool depthwise,
              const Bytes& in, Bytes* out) {
  Tensor input = model.tensors[op.inputs[0]], output = model.tensors[op.outputs[0]];
  Tensor filter = model.tensors[op.inputs[1]];
  if (filter.shape.size() == 2) {
    filter.shape = {filter.shape[0], 1, 1, filter.shape[1]};
    input.shape = {1, 1, 1, filter.shape[3]};
    output.shape = {1, 1, 1, filter.shape[0]};
  }
  const float product = input.scale() * filter.scale();
  const QuantizedMultiplier factor =
      QuantizeMultiplier(static_cast<double>(product) / static_cast<double>(output.scale()));
  const auto [least, most] = Limits(options.activation, output);
  const int32_t kernel_h = filter.shape[1], kernel_w = filter.shape[2];
  const auto before = [&](int d, int32_t kernel, int32_t stride) {
    return PaddingBefore(options.padding, input.shape[d], output.shape[d], kernel, stride, 1);
  };
  const int32_t top = before(1, kernel_h, options.stride_h);
  const int32_t left = before(2, kernel_w, options.stride_w);
  size_t at = 0;
  for (int32_t y = 0; y < output.shape[1]; ++y) {
    for (int32_t x = 0; x < output.shape[2]; ++x) {
      for (int32_t o = 0; o < output.shape[3]; ++o) {
        int32_t sum = 0;
        std::memcpy(&sum, model.tensors[op.inputs[2]].data.data() + 4 * o, 4);
        for (int32_t ky = 0; ky < kernel_h; ++ky) {
          for (int32_t kx = 0; kx < kernel_w; ++kx) {
            const int32_t iy = y * options.stride_h - top + ky;
            const int32_t ix = x * options.stride_w - left + kx;
            if (iy < 0 || iy >= input.shape[1] || ix < 0 || ix >= input.shape[2]) continue;
            for (int32_t c = 0; c < filter.shape[3]; ++c) {
              if (depthwise && c != o) continue;
              const int32_t w =
                  depthwise
                      ? filter.data[(ky * kernel_w + kx) * filter.shape[3] + o]
                      : filter.data[((o * kernel_h + ky) * kernel_w + kx) * filter.shape[3] + c];
              const int32_t v = in[(iy * input.shape[2] + ix) * input.shape[3] + c];
              sum += (v - input.zero_point()) * (w - filter.zero_point());
            }
          }
        }
        (*out)[at++] = Limit(int64_t{Scaled(sum, factor)} + output.zero_point(), least, most);
      }
    }
  }
}

void Pool(const Model& model, const Operator& op, bool average, const Bytes& in, Bytes* out) {
  const Tensor& input = model.tensors[op.inputs[0]];
  const Tensor& output = model.tensors[op.outputs[0]];
  const auto& options = std::get<PoolOptions>(op.options);
  const int32_t top = PaddingBefore(options.padding, input.shape[1], output.shape[1],
                                    options.filter_h, options.stride_h, 1);
  const int32_t left = PaddingBefore(options.padding, input.shape[2], output.shape[2],
                                     options.filter_w, options.stride_w, 1);
  size_t at = 0;
  for (int32_t y = 0; y < output.shape[1]; ++y) {
    for (int32_t x = 0; x < output.shape[2]; ++x) {
      for (int32_t c = 0; c < output.shape[3]; ++c) {
        int32_t sum = 0, count = 0, largest = 0;
        for (int32_t ky = 0; ky < options.filter_h; ++ky) {
          for (int32_t kx = 0; kx < options.filter_w; ++kx) {
            const int32_t iy = y * options.stride_h - top + ky;
            const int32_t ix = x * options.stride_w - left + kx;
            if (iy < 0 || iy >= input.shape[1] || ix < 0 || ix >= input.shape[2]) continue;
            const int32_t v = in[(iy * input.shape[2] + ix) * input.shape[3] + c];
            sum += v;
            largest = std::max(largest, v);
            ++count;
          }
        }
        (*out)[at++] = Limit(average ? (sum + count / 2) / count : largest);
      }
    }
  }
}

void Add(const Model& model, const Operator& op, const Bytes& a, const Bytes& b, Bytes* out) {
  const Tensor& first = model.tensors[op.inputs[0]];
  const Tensor& second = model.tensors[op.inputs[1]];
  const Tensor& output = model.tensors[op.outputs[0]];
  const AddMultipliers factors =
      ComputeAddMultipliers(first.scale(), second.scale(), output.scale()).value();
  for (size_t i = 0; i < out->size(); ++i) {
    const int32_t x = Scaled((a[i] - first.zero_point()) * (1 << 20), factors.input1);
    const int32_t y = Scaled((b[i] - second.zero_point()) * (1 << 20), factors.input2);
    (*out)[i] = Limit(int64_t{Scaled(x + y, factors.output)} + output.zero_point());
  }
}

/// MUL of reference/mul.h, with the factor of tensorflow/lite/kernels/mul.cc.
void Mul(const Model& model, const Operator& op, const Bytes& a, const Bytes& b, Bytes* out) {
  const Tensor& first = model.tensors[op.inputs[0]];
  const Tensor& second = model.tensors[op.inputs[1]];
  const Tensor& output = model.tensors[op.outputs[0]];
  const float real = first.scale() * second.scale() / output.scale();
  const QuantizedMultiplier factor = QuantizeMultiplier(static_cast<double>(real));
  for (size_t i = 0; i < out->size(); ++i) {
    const int32_t product = (a[i] - first.zero_point()) * (b[i] - second.zero_point());
    (*out)[i] = Limit(int64_t{Scaled(product, factor)} + output.zero_point());
  }
}

/// SUB, with the factors of tensorflow/lite/kernels/sub.cc: quotients in double.
void Sub(const Model& model, const Operator& op, const Bytes& a, const Bytes& b, Bytes* out) {
  const Tensor& first = model.tensors[op.inputs[0]];
  const Tensor& second = model.tensors[op.inputs[1]];
  const Tensor& output = model.tensors[op.outputs[0]];
  const auto twice = static_cast<double>(2 * std::max(first.scale(), second.scale()));
  const QuantizedMultiplier of_first =
      QuantizeMultiplier(static_cast<double>(first.scale()) / twice);
  const QuantizedMultiplier of_second =
      QuantizeMultiplier(static_cast<double>(second.scale()) / twice);
  const QuantizedMultiplier of_output =
      QuantizeMultiplier(twice / static_cast<double>(float{1 << 20} * output.scale()));
  for (size_t i = 0; i < out->size(); ++i) {
    const int32_t x = Scaled((a[i] - first.zero_point()) * (1 << 20), of_first);
    const int32_t y = Scaled((b[i] - second.zero_point()) * (1 << 20), of_second);
    (*out)[i] = Limit(int64_t{Scaled(x - y, of_output)} + output.zero_point());
  }
}

/// QuantizedReluX of tensorflow/lite/kernels/activations.cc.
void Relu(const Model& model, const Operator& op, const Bytes& in, Bytes* out) {
  const Tensor& input = model.tensors[op.inputs[0]];
  const Tensor& output = model.tensors[op.outputs[0]];
  const QuantizedMultiplier factor =
      QuantizeMultiplier(static_cast<double>(input.scale() / output.scale()));
  const bool six = op.type == OperatorType::kRelu6;
  const auto [least, most] = Limits(six ? Activation::kRelu6 : Activation::kNone, output);
  for (size_t i = 0; i < out->size(); ++i) {
    const int64_t value = int64_t{Scaled(in[i] - input.zero_point(), factor)} + output.zero_point();
    (*out)[i] = Limit(value, six ? least : output.zero_point(), most);
  }
}

/// ConcatenationWithScaling of reference/concatenation.h, along the last of four dimensions.
void Join(const Model& model, const Operator& op, const std::vector<Bytes>& bytes, Bytes* out) {
  const Tensor& output = model.tensors[op.outputs[0]];
  const size_t depth = static_cast<size_t>(output.shape[3]);
  size_t first = 0;
  for (const int32_t number : op.inputs) {
    const Tensor& input = model.tensors[number];
    const auto own = static_cast<size_t>(input.shape[3]);
    const float scale = input.scale() * (1.f / output.scale());
    const float bias = static_cast<float>(-input.zero_point()) * scale;
    for (size_t i = 0; i < bytes[number].size(); ++i) {
      const float value = std::round(static_cast<float>(bytes[number][i]) * scale + bias);
      (*out)[i / own * depth + first + i % own] =
          Limit(static_cast<int64_t>(value) + output.zero_point());
    }
    first += own;
  }
}

/// TILE of dimensions 1 and 3.
void Tile(const Model& model, const Operator& op, const Bytes& in, Bytes* out) {
  const std::vector<int32_t>& from = model.tensors[op.inputs[0]].shape;
  const std::vector<int32_t>& to = model.tensors[op.outputs[0]].shape;
  for (size_t i = 0; i < out->size(); ++i) {
    const auto at = static_cast<int32_t>(i);
    const int32_t c = at % to[3], x = at / to[3] % to[2], y = at / to[3] / to[2];
    (*out)[i] = in[(y % from[1] * from[2] + x) * from[3] + c % from[3]];
  }
}

/// RESIZE_BILINEAR where float32 is exact: the weighted mean in double, halves up.
void ResizeBilinear(const Model& model, const Operator& op, const Bytes& in, Bytes* out) {
  const Tensor& input = model.tensors[op.inputs[0]];
  const Tensor& output = model.tensors[op.outputs[0]];
  const auto& options = std::get<ResizeOptions>(op.options);
  const auto place = [&](int32_t at, int32_t from, int32_t to) {
    const bool corners = options.align_corners && to > 1;
    const double scale = corners ? double{1} * (from - 1) / (to - 1) : double{1} * from / to;
    const double scaled = options.half_pixel_centers ? (at + 0.5) * scale - 0.5 : at * scale;
    return std::clamp(scaled, 0.0, double{1} * (from - 1));
  };
  size_t next = 0;
  for (int32_t y = 0; y < output.shape[1]; ++y) {
    for (int32_t x = 0; x < output.shape[2]; ++x) {
      for (int32_t c = 0; c < output.shape[3]; ++c) {
        const double row = place(y, input.shape[1], output.shape[1]);
        const double column = place(x, input.shape[2], output.shape[2]);
        double sum = 0;
        for (int32_t i = 0; i < input.shape[1]; ++i) {
          for (int32_t j = 0; j < input.shape[2]; ++j) {
            const double weight =
                std::max(0.0, 1 - std::abs(row - i)) * std::max(0.0, 1 - std::abs(column - j));
            sum += weight * in[(i * input.shape[2] + j) * input.shape[3] + c];
          }
        }
        (*out)[next++] = Limit(static_cast<int64_t>(std::floor(sum + 0.5)));
      }
    }
  }
}

void Logistic(const Model& model, const Operator& op, const Bytes& in, Bytes* out) {
  const Tensor& input = model.tensors[op.inputs[0]];
  for (size_t i = 0; i < out->size(); ++i) {
    const float x = input.scale() * static_cast<float>(in[i] - input.zero_point());
    const float y = 1.0f / (1.0f + std::exp(-x));
    (*out)[i] = Limit(static_cast<int64_t>(std::round(y * 256.0f)));
  }
}

/// SOFTMAX of reference/softmax.h: uint8 in, uint8 out.
void Softmax(const Model& model, const Operator& op, const Bytes& in, Bytes* out) {
  const SoftmaxParameters p = ComputeSoftmaxParameters(std::get<SoftmaxOptions>(op.options).beta,
                                                       model.tensors[op.inputs[0]].scale())
                                  .value();
  const int32_t largest = *std::max_element(in.begin(), in.end());
  const auto exponential = [&](int32_t difference) {
    const auto wide = static_cast<int32_t>(static_cast<uint32_t>(difference) << p.left_shift);
    return golden::ExpOnNegativeValues(golden::DoublingHighMultiply(wide, p.multiplier));
  };
  uint32_t sum = 0;
  for (const uint8_t value : in) {
    if (value - largest < p.diff_min) continue;
    sum += static_cast<uint32_t>(golden::RoundingShiftRight(exponential(value - largest), 12));
  }
  const int32_t headroom = __builtin_clz(sum);
  const int32_t reciprocal =
      golden::OneOverOnePlus(static_cast<int32_t>((sum << headroom) - (uint32_t{1} << 31)));
  for (size_t i = 0; i < in.size(); ++i) {
    (*out)[i] = 0;
    if (in[i] - largest < p.diff_min) continue;
    const int32_t product = golden::DoublingHighMultiply(reciprocal, exponential(in[i] - largest));
    (*out)[i] = Limit(golden::RoundingShiftRight(product, 12 - headroom + 31 - 8));
  }
}

}  // namespace

Uint8Network MakeUint8Network(uint64_t seed) {
  Maker m(seed);
  RandomSource& random = m.random;
  TfliteWriter& writer = m.writer;
  const int32_t h = random.Integer(4, 9), w = random.Integer(4, 9);
  const int32_t in_c = random.Pick({1, 3, 4, 7}), c = random.Pick({4, 5, 8, 17});
  const int32_t input = m.Uint8({1, h, w, in_c}, 0.0117f, m.ZeroPoint());
  writer.model().inputs.push_back(input);

  ConvOptions same;
  same.activation = random.Chance(2) ? Activation::kNone : Activation::kRelu6;
  const int32_t conv = m.Uint8({1, h, w, c}, 0.09f, m.ZeroPoint());
  writer.Conv2d(input, m.Filter({c, 3, 3, in_c}, 0.0131f), m.Bias(c), conv, same);

  const int32_t stride = random.Integer(1, 2);
  ConvOptions depth;
  depth.stride_h = depth.stride_w = stride;
  depth.depth_multiplier = 1;
  const int32_t dh = (h + stride - 1) / stride, dw = (w + stride - 1) / stride;
  const int32_t depthwise = m.Uint8({1, dh, dw, c}, 0.2f, m.ZeroPoint());
  const int32_t kernel = random.Pick({2, 3, 5});
  writer.DepthwiseConv2d(conv, m.Filter({1, kernel, kernel, c}, 0.01f), m.Bias(c), depthwise,
                         depth);

  PoolOptions average;
  average.padding = Padding::kSame;
  average.stride_h = average.stride_w = 1;
  average.filter_h = 2;
  average.filter_w = random.Integer(1, 3);
  const int32_t averaged =
      m.Uint8({1, dh, dw, c}, 0.2f, writer.model().tensors[depthwise].zero_point());
  writer.AveragePool2d(depthwise, averaged, average);

  ConvOptions pointwise;
  const int32_t point = m.Uint8({1, dh, dw, c}, 0.31f, m.ZeroPoint());
  writer.Conv2d(averaged, m.Filter({c, 1, 1, c}, 0.007f), m.Bias(c), point, pointwise);

  const int32_t added = m.Uint8({1, dh, dw, c}, 0.35f, m.ZeroPoint());
  writer.Add(averaged, point, added);

  PoolOptions maximum;
  maximum.padding = Padding::kSame;
  maximum.stride_h = maximum.stride_w = 2;
  maximum.filter_h = maximum.filter_w = 2;
  const int32_t ph = (dh + 1) / 2, pw = (dw + 1) / 2;
  const int32_t pooled = m.Uint8({1, ph, pw, c}, 0.35f, writer.model().tensors[added].zero_point());
  writer.MaxPool2d(added, pooled, maximum);

  const int32_t logistic = m.Uint8({1, ph, pw, c}, 1.0f / 256, 0);
  writer.Append(OperatorType::kLogistic, {pooled}, {logistic});

  const int32_t classes = random.Integer(2, 20);
  const int32_t scores = m.Uint8({1, classes}, 0.02f, m.ZeroPoint());
  writer.FullyConnected(logistic, m.Filter({classes, ph * pw * c}, 0.011f), m.Bias(classes),
                        scores);
  const int32_t output = m.Uint8({1, classes}, 1.0f / 256, 0);
  writer.Softmax(scores, output, 1.0f);
  writer.Output(output);
  if (random.Chance(2)) writer.Output(added);
  return {writer.model(), writer.Write()};
}

Uint8Network MakeUint8ResizeNetwork(uint64_t seed) {
  Maker m(seed);
  RandomSource& random = m.random;
  TfliteWriter& writer = m.writer;
  const bool pixel = random.Chance(5);
  const int32_t h = pixel ? 1 : random.Integer(2, 6), w = pixel ? 1 : random.Integer(2, 6);
  const int32_t c = random.Pick({1, 3, 8, 21});
  const int32_t zero_point = m.ZeroPoint();
  const int32_t input = m.Uint8({1, h, w, c}, 0.05f, zero_point);
  writer.model().inputs.push_back(input);
  ResizeOptions options;
  options.align_corners = random.Chance(2);
  options.half_pixel_centers = !options.align_corners && random.Chance(2);
  const auto size = [&](int32_t from) {
    const int32_t factor = random.Pick({1, 2, 4, 8, 16});
    return pixel                   ? random.Integer(1, 9)
           : options.align_corners ? (from - 1) * factor + 1
                                   : from * factor;
  };
  const int32_t oh = size(h), ow = size(w);
  const int32_t resized = m.Uint8({1, oh, ow, c}, 0.05f, zero_point);
  writer.Append(OperatorType::kResizeBilinear, {input, writer.Integers({2}, {oh, ow})}, {resized},
                options);
  const int32_t product = m.Uint8({1, oh, ow, c}, 0.021f, m.ZeroPoint());
  writer.Append(OperatorType::kMul, {resized, resized}, {product}, AddOptions{});
  const int32_t difference = m.Uint8({1, oh, ow, c}, 0.07f, m.ZeroPoint());
  writer.Append(OperatorType::kSub, {product, resized}, {difference}, AddOptions{});
  writer.Output(difference);
  return {writer.model(), writer.Write()};
}

Uint8Network MakeUint8TailNetwork(uint64_t seed) {
  Maker m(seed);
  RandomSource& random = m.random;
  TfliteWriter& writer = m.writer;
  const int32_t h = random.Integer(1, 6), c = random.Pick({1, 3, 8, 21});
  const int32_t input = m.Uint8({1, h, 3, c}, 0.05f, m.ZeroPoint());
  writer.model().inputs.push_back(input);
  const int32_t relu = m.Uint8({1, h, 3, c}, 0.03f, m.ZeroPoint());
  writer.Append(OperatorType::kRelu, {input}, {relu});
  const int32_t relu6 = m.Uint8({1, h, 3, c}, random.Pick({1, 3}) * 0.021f, m.ZeroPoint());
  writer.Append(OperatorType::kRelu6, {input}, {relu6});
  const int32_t joined = m.Uint8({1, h, 3, 3 * c}, 0.041f, m.ZeroPoint());
  writer.Append(OperatorType::kConcatenation, {relu, input, relu6}, {joined}, AxisOptions{3});
  const int32_t tiled =
      m.Uint8({1, 2 * h, 3, 9 * c}, 0.041f, writer.model().tensors[joined].zero_point());
  writer.Append(OperatorType::kTile, {joined, writer.Integers({4}, {1, 2, 1, 3})}, {tiled});
  writer.Output(tiled);
  return {writer.model(), writer.Write()};
}

std::vector<uint8_t> MakeUint8Input(const Uint8Network& network, uint64_t seed) {
  RandomSource random(seed);
  Bytes bytes(network.model.tensors[network.model.inputs[0]].bytes());
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random.Integer(0, 255));
  return bytes;
}

std::vector<std::vector<uint8_t>> RunUint8(const Uint8Network& network,
                                           const std::vector<uint8_t>& input) {
  const Model& model = network.model;
  std::vector<Bytes> bytes(model.tensors.size());
  bytes[model.inputs[0]] = input;
  for (const Operator& op : model.operators) {
    const Bytes& in = bytes[op.inputs[0]];
    Bytes& out = bytes[op.outputs[0]];
    out.resize(model.tensors[op.outputs[0]].bytes());
    switch (op.type) {
      case OperatorType::kConv2d:
      case OperatorType::kDepthwiseConv2d:
        Products(model, op, std::get<ConvOptions>(op.options),
                 op.type == OperatorType::kDepthwiseConv2d, in, &out);
        break;
      case OperatorType::kFullyConnected:
        Products(model, op, ConvOptions{.padding = Padding::kValid}, false, in, &out);
        break;
      case OperatorType::kAveragePool2d:
      case OperatorType::kMaxPool2d:
        Pool(model, op, op.type == OperatorType::kAveragePool2d, in, &out);
        break;
      case OperatorType::kAdd:
        Add(model, op, in, bytes[op.inputs[1]], &out);
        break;
      case OperatorType::kMul:
        Mul(model, op, in, bytes[op.inputs[1]], &out);
        break;
      case OperatorType::kSub:
        Sub(model, op, in, bytes[op.inputs[1]], &out);
        break;
      case OperatorType::kResizeBilinear:
        ResizeBilinear(model, op, in, &out);
        break;
      case OperatorType::kRelu:
      case OperatorType::kRelu6:
        Relu(model, op, in, &out);
        break;
      case OperatorType::kConcatenation:
        Join(model, op, bytes, &out);
        break;
      case OperatorType::kTile:
        Tile(model, op, in, &out);
        break;
      case OperatorType::kLogistic:
        Logistic(model, op, in, &out);
        break;
      default:
        Softmax(model, op, in, &out);
    }
  }
  return bytes;
}

}  // namespace npugen::testing

// SPDX-License-Identifier: Apache-2.0
// Random convolutions and matrix products.
#include <algorithm>

#include "verif/random/draw.h"

namespace npugen::testing {
namespace {

std::optional<int32_t> AppendConv(Drawer& draw, bool depthwise, int32_t input, const Tensor& in) {
  ConvOptions options;
  int32_t filter_h = 1;
  int32_t filter_w = 1;
  draw.Window(in.shape[1], filter_h, options.stride_h, options.dilation_h);
  draw.Window(in.shape[2], filter_w, options.stride_w, options.dilation_w);
  options.padding = draw.AnyPadding();
  options.activation = draw.Fused();
  const int32_t depth = in.shape[3];
  int32_t filter_depth = depth;
  int32_t channels = draw.Channels();
  if (depthwise) {
    options.depth_multiplier = draw.random.Pick({1, 1, 1, 1, 2, 3, 8});
    channels = depth * options.depth_multiplier;
  } else if (depth % 2 == 0 && draw.random.Chance(8)) {  // two groups
    filter_depth = depth / 2;
    channels *= 2;
  }
  const int64_t taps = int64_t{filter_h} * filter_w * (depthwise ? 1 : filter_depth);
  const std::vector<float> scales = draw.FilterScales(channels, !draw.random.Chance(4));
  const int32_t filter = depthwise
                             ? draw.writer.Weights({1, filter_h, filter_w, channels},
                                                   draw.RandomWeights(taps * channels), scales, 3)
                             : draw.writer.Weights({channels, filter_h, filter_w, filter_depth},
                                                   draw.RandomWeights(taps * channels), scales, 0);
  const int32_t bias = draw.Bias(channels, taps);
  const int32_t out_h = WindowOutputSize(options.padding, in.shape[1], filter_h, options.stride_h,
                                         options.dilation_h);
  const int32_t out_w = WindowOutputSize(options.padding, in.shape[2], filter_w, options.stride_w,
                                         options.dilation_w);
  const int32_t output =
      draw.writer.Activation({in.shape[0], out_h, out_w, channels},
                             draw.OutputScale(in.scale(), scales, taps), draw.ZeroPoint());
  if (depthwise) {
    draw.writer.DepthwiseConv2d(input, filter, bias, output, options);
  } else {
    draw.writer.Conv2d(input, filter, bias, output, options);
  }
  return output;
}

std::optional<int32_t> DrawConv2d(Drawer& draw, int32_t input, const Tensor& in) {
  return AppendConv(draw, /*depthwise=*/false, input, in);
}

std::optional<int32_t> DrawDepthwiseConv2d(Drawer& draw, int32_t input, const Tensor& in) {
  return AppendConv(draw, /*depthwise=*/true, input, in);
}

std::optional<int32_t> DrawFullyConnected(Drawer& draw, int32_t input, const Tensor& in) {
  const int32_t depth = in.shape.back();
  const int32_t units = draw.Channels();
  const std::vector<float> scales = draw.FilterScales(units, draw.random.Chance(3));
  const int32_t filter =
      draw.writer.Weights({units, depth}, draw.RandomWeights(int64_t{units} * depth), scales, 0);
  const int32_t bias = draw.Bias(units, depth);
  FullyConnectedOptions options;
  options.activation = draw.Fused();
  options.keep_num_dims = in.shape.size() > 2;
  std::vector<int32_t> shape = in.shape;
  shape.back() = units;
  if (shape.size() == 1) shape = {1, units};
  const int32_t output =
      draw.writer.Activation(shape, draw.OutputScale(in.scale(), scales, depth), draw.ZeroPoint());
  draw.writer.FullyConnected(input, filter, bias, output, options);
  return output;
}

std::optional<int32_t> DrawTransposeConv(Drawer& draw, int32_t input, const Tensor& in) {
  TransposeConvOptions options;
  options.padding = draw.AnyPadding();
  options.stride_h = draw.random.Integer(1, 3);
  options.stride_w = draw.random.Integer(1, 3);
  options.activation = draw.Fused();
  const int32_t channels = draw.Channels();
  const int32_t filter_h = draw.random.Integer(1, 4), filter_w = draw.random.Integer(1, 4);
  const auto size = [&](int32_t from, int32_t filter, int32_t stride) {
    return options.padding == Padding::kSame ? from * stride : (from - 1) * stride + filter;
  };
  const std::vector<int32_t> shape{in.shape[0], size(in.shape[1], filter_h, options.stride_h),
                                   size(in.shape[2], filter_w, options.stride_w), channels};
  const int64_t taps = int64_t{filter_h} * filter_w * in.shape[3];
  const std::vector<float> scales = draw.FilterScales(channels, draw.random.Chance(2));
  const int32_t filter = draw.writer.Weights({channels, filter_h, filter_w, in.shape[3]},
                                             draw.RandomWeights(taps * channels), scales, 0);
  const int32_t bias = draw.Bias(channels, taps);
  const int32_t output =
      draw.writer.Activation(shape, draw.OutputScale(in.scale(), scales, taps), draw.ZeroPoint());
  draw.writer.Append(OperatorType::kTransposeConv, {draw.List(shape), filter, input, bias},
                     {output}, options);
  return output;
}

std::optional<int32_t> DrawBatchMatMul(Drawer& draw, int32_t input, const Tensor& in) {
  if (in.shape.size() < 2) return std::nullopt;
  const BatchMatMulOptions options{draw.random.Chance(2), draw.random.Chance(2)};
  std::vector<int32_t> shape = in.shape, other = in.shape;
  const size_t row = in.shape.size() - 2, column = row + 1;
  const int32_t depth = in.shape[options.adjoint_x ? row : column];
  const int32_t units = draw.Channels();
  shape[row] = in.shape[options.adjoint_x ? column : row];
  shape[column] = units;
  other[row] = options.adjoint_y ? units : depth;
  other[column] = options.adjoint_y ? depth : units;
  if (draw.random.Chance(3)) other.erase(other.begin(), other.end() - 2);
  const float scale = draw.Scale();
  const int32_t second = draw.random.Chance(3) ? draw.Constant(other, scale, draw.ZeroPoint())
                                               : draw.writer.Input(other, scale, draw.ZeroPoint());
  const int32_t output =
      draw.writer.Activation(shape, draw.OutputScale(in.scale(), {scale}, depth), draw.ZeroPoint());
  draw.writer.Append(OperatorType::kBatchMatMul, {input, second}, {output}, options);
  return output;
}

void AtLeastMatrix(std::vector<int32_t>& shape) {
  if (shape.size() == 1) shape.insert(shape.begin(), 3);
}

}  // namespace

const OperatorDraw kConv2dDraw = {DrawConv2d, /*needs_image=*/true};
const OperatorDraw kDepthwiseConv2dDraw = {DrawDepthwiseConv2d, /*needs_image=*/true};
const OperatorDraw kFullyConnectedDraw = {DrawFullyConnected};
const OperatorDraw kTransposeConvDraw = {DrawTransposeConv, /*needs_image=*/true};
const OperatorDraw kBatchMatMulDraw = {DrawBatchMatMul, /*needs_image=*/false, AtLeastMatrix};

}  // namespace npugen::testing

// SPDX-License-Identifier: Apache-2.0
// Random pools and reductions.
#include <algorithm>

#include "verif/random/draw.h"

namespace npugen::testing {
namespace {

std::optional<int32_t> AppendPool(Drawer& draw, bool max, int32_t input, const Tensor& in) {
  PoolOptions options;
  int32_t dilation = 1;
  draw.Window(in.shape[1], options.filter_h, options.stride_h, dilation);
  draw.Window(in.shape[2], options.filter_w, options.stride_w, dilation);
  if (draw.random.Chance(4)) {  // the whole image
    options.filter_h = in.shape[1];
    options.filter_w = in.shape[2];
  }
  options.padding = draw.AnyPadding();
  options.activation = draw.Fused();
  const int32_t out_h =
      WindowOutputSize(options.padding, in.shape[1], options.filter_h, options.stride_h, 1);
  const int32_t out_w =
      WindowOutputSize(options.padding, in.shape[2], options.filter_w, options.stride_w, 1);
  const int32_t output =
      draw.writer.Activation({in.shape[0], out_h, out_w, in.shape[3]}, in.scale(), in.zero_point());
  if (max) {
    draw.writer.MaxPool2d(input, output, options);
  } else {
    draw.writer.AveragePool2d(input, output, options);
  }
  return output;
}

std::optional<int32_t> DrawMaxPool2d(Drawer& draw, int32_t input, const Tensor& in) {
  return AppendPool(draw, /*max=*/true, input, in);
}

std::optional<int32_t> DrawAveragePool2d(Drawer& draw, int32_t input, const Tensor& in) {
  return AppendPool(draw, /*max=*/false, input, in);
}

std::optional<int32_t> DrawMean(Drawer& draw, int32_t input, const Tensor& in) {
  const auto rank = static_cast<int32_t>(in.shape.size());
  std::vector<int32_t> axes;
  if (rank == 4) {
    axes = {1, 2};
  } else {
    axes = {draw.random.Integer(0, rank - 1)};
  }
  const bool keep_dims = rank == 1 || draw.random.Chance(2);
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
  const int32_t output = draw.writer.Activation(
      shape, static_cast<float>(spread * draw.random.Real(0.7, 2.0)), draw.ZeroPoint());
  if (draw.random.Chance(3)) axes.back() -= rank;
  draw.writer.Mean(input, axes, output, keep_dims);
  return output;
}

std::optional<int32_t> AppendReduce(Drawer& draw, OperatorType type, int32_t input,
                                    const Tensor& in) {
  std::vector<int32_t> axes, shape;
  int64_t count = 1;
  const bool keep_dims = draw.random.Chance(2);
  const int32_t always = draw.AnyAxis(in);
  for (int32_t d = 0; d < static_cast<int32_t>(in.shape.size()); ++d) {
    if (d == always || draw.random.Chance(3)) {
      count *= in.shape[d];
      axes.push_back(d);
      if (keep_dims) shape.push_back(1);
    } else {
      shape.push_back(in.shape[d]);
    }
  }
  const double spread = in.scale() * std::sqrt(static_cast<double>(count));
  const int32_t output = type == OperatorType::kSum
                             ? draw.writer.Activation(shape, draw.Around(spread), draw.ZeroPoint())
                             : draw.Like(in, shape);
  draw.writer.Append(type, {input, draw.List(axes)}, {output}, ReduceOptions{{}, keep_dims});
  return output;
}

std::optional<int32_t> DrawSum(Drawer& draw, int32_t input, const Tensor& in) {
  return AppendReduce(draw, OperatorType::kSum, input, in);
}

std::optional<int32_t> DrawReduceMax(Drawer& draw, int32_t input, const Tensor& in) {
  return AppendReduce(draw, OperatorType::kReduceMax, input, in);
}

std::optional<int32_t> DrawReduceMin(Drawer& draw, int32_t input, const Tensor& in) {
  return AppendReduce(draw, OperatorType::kReduceMin, input, in);
}

std::optional<int32_t> AppendArg(Drawer& draw, OperatorType type, int32_t input, const Tensor& in) {
  const int32_t axis = draw.AnyAxis(in);
  std::vector<int32_t> shape = in.shape;
  shape.erase(shape.begin() + axis);
  const int32_t output = draw.writer.Activation(shape, 1.0f, 0);
  Tensor& tensor = draw.writer.model().tensors[output];
  tensor.type = TensorType::kInt32;
  tensor.scales.clear();
  tensor.zero_points.clear();
  draw.writer.Append(type, {input, draw.List({axis})}, {output}, AxisOptions{});
  return output;
}

std::optional<int32_t> DrawArgMax(Drawer& draw, int32_t input, const Tensor& in) {
  return AppendArg(draw, OperatorType::kArgMax, input, in);
}

std::optional<int32_t> DrawArgMin(Drawer& draw, int32_t input, const Tensor& in) {
  return AppendArg(draw, OperatorType::kArgMin, input, in);
}

}  // namespace

const OperatorDraw kMaxPool2dDraw = {DrawMaxPool2d, /*needs_image=*/true};
const OperatorDraw kAveragePool2dDraw = {DrawAveragePool2d, /*needs_image=*/true};
const OperatorDraw kMeanDraw = {DrawMean};
const OperatorDraw kSumDraw = {DrawSum};
const OperatorDraw kReduceMaxDraw = {DrawReduceMax};
const OperatorDraw kReduceMinDraw = {DrawReduceMin};
const OperatorDraw kArgMaxDraw = {DrawArgMax};
const OperatorDraw kArgMinDraw = {DrawArgMin};

}  // namespace npugen::testing

// SPDX-License-Identifier: Apache-2.0
// Random operators that move elements.
#include <algorithm>
#include <cstdlib>
#include <utility>

#include "verif/random/draw.h"

namespace npugen::testing {
namespace {

std::optional<int32_t> DrawReshape(Drawer& draw, int32_t input, const Tensor& in) {
  const int32_t output =
      draw.writer.Activation({1, static_cast<int32_t>(in.elements())}, in.scale(), in.zero_point());
  draw.writer.Reshape(input, output);
  return output;
}

std::optional<int32_t> DrawPad(Drawer& draw, int32_t input, const Tensor& in) {
  std::vector<std::pair<int32_t, int32_t>> paddings;
  std::vector<int32_t> shape;
  for (size_t i = 0; i < in.shape.size(); ++i) {
    const bool spatial = in.shape.size() != 4 || i == 1 || i == 2;
    paddings.emplace_back(spatial ? draw.random.Integer(0, 2) : 0,
                          spatial ? draw.random.Integer(0, 2) : 0);
    shape.push_back(in.shape[i] + paddings.back().first + paddings.back().second);
  }
  const int32_t output = draw.writer.Activation(shape, in.scale(), in.zero_point());
  draw.writer.Pad(input, paddings, output);
  return output;
}

std::optional<int32_t> DrawMirrorPad(Drawer& draw, int32_t input, const Tensor& in) {
  const MirrorPadOptions options{{}, draw.random.Chance(2)};
  std::vector<int32_t> values, shape;
  for (int32_t size : in.shape) {
    const int32_t most = std::min(options.symmetric ? size : size - 1, 3);
    values.push_back(draw.random.Integer(0, most));
    values.push_back(draw.random.Integer(0, most));
    shape.push_back(size + values[values.size() - 2] + values.back());
  }
  const int32_t list = draw.writer.Integers({static_cast<int32_t>(shape.size()), 2}, values);
  const int32_t output = draw.Like(in, shape);
  draw.writer.Append(OperatorType::kMirrorPad, {input, list}, {output}, options);
  return output;
}

// CONCATENATION or PACK with further inputs.
std::optional<int32_t> AppendJoin(Drawer& draw, OperatorType type, int32_t input,
                                  const Tensor& in) {
  const bool pack = type == OperatorType::kPack;
  const int32_t axis =
      draw.random.Integer(0, static_cast<int32_t>(in.shape.size()) - (pack ? 0 : 1));
  std::vector<int32_t> inputs{input}, shape = in.shape;
  const int32_t count = draw.random.Integer(2, 4);
  for (int32_t i = 1; i < count; ++i) {
    std::vector<int32_t> other = in.shape;
    if (!pack) {
      other[axis] = draw.random.Integer(1, 7);
      shape[axis] += other[axis];
    }
    const bool rescaled = !pack && draw.random.Chance(4);
    inputs.push_back(draw.writer.Input(other, rescaled ? draw.Around(in.scale()) : in.scale(),
                                       rescaled ? draw.ZeroPoint() : in.zero_point()));
  }
  if (pack) shape.insert(shape.begin() + axis, count);
  const int32_t output = draw.Like(in, shape);
  draw.writer.Append(type, inputs, {output}, AxisOptions{axis});
  return output;
}

std::optional<int32_t> DrawConcatenation(Drawer& draw, int32_t input, const Tensor& in) {
  return AppendJoin(draw, OperatorType::kConcatenation, input, in);
}

std::optional<int32_t> DrawPack(Drawer& draw, int32_t input, const Tensor& in) {
  return AppendJoin(draw, OperatorType::kPack, input, in);
}

// SPLIT, SPLIT_V or UNPACK; the first part goes on.
std::optional<int32_t> AppendParts(Drawer& draw, OperatorType type, int32_t input,
                                   const Tensor& in) {
  const int32_t axis = draw.AnyAxis(in);
  std::vector<int32_t> sizes(in.shape[axis], 1);
  const bool listed = type == OperatorType::kSplit && draw.random.Chance(2);
  if (listed) {
    sizes.clear();
    for (int32_t rest = in.shape[axis]; rest > 0; rest -= sizes.back()) {
      sizes.push_back(draw.random.Integer(1, rest));
    }
  } else if (type == OperatorType::kSplit && in.shape[axis] % 2 == 0) {
    sizes = {in.shape[axis] / 2, in.shape[axis] / 2};
  }
  std::vector<int32_t> outputs;
  for (int32_t size : sizes) {
    std::vector<int32_t> shape = in.shape;
    shape[axis] = size;
    if (type == OperatorType::kUnpack) shape.erase(shape.begin() + axis);
    outputs.push_back(draw.Like(in, shape));
  }
  // SPLIT copies values whatever the scales are.
  if (type == OperatorType::kSplit && draw.random.Chance(4)) {
    draw.writer.model().tensors[outputs.back()].scales = {draw.Around(in.scale())};
  }
  if (type == OperatorType::kUnpack) {
    draw.writer.Append(type, {input}, outputs, AxisOptions{axis});
  } else if (listed) {
    draw.writer.Append(type, {input, draw.List(sizes), draw.List({axis})}, outputs, AxisOptions{},
                       "SPLIT_V");
  } else {
    draw.writer.Append(type, {draw.List({axis}), input}, outputs, AxisOptions{});
  }
  return outputs[0];
}

std::optional<int32_t> DrawSplit(Drawer& draw, int32_t input, const Tensor& in) {
  return AppendParts(draw, OperatorType::kSplit, input, in);
}

std::optional<int32_t> DrawUnpack(Drawer& draw, int32_t input, const Tensor& in) {
  return AppendParts(draw, OperatorType::kUnpack, input, in);
}

std::optional<int32_t> DrawTranspose(Drawer& draw, int32_t input, const Tensor& in) {
  std::vector<int32_t> permutation(in.shape.size());
  for (size_t d = 0; d < permutation.size(); ++d) {
    permutation[d] = static_cast<int32_t>(d);
    std::swap(permutation[d], permutation[draw.random.Integer(0, static_cast<int32_t>(d))]);
  }
  std::vector<int32_t> shape;
  for (int32_t d : permutation) shape.push_back(in.shape[d]);
  const int32_t output = draw.Like(in, shape);
  draw.writer.Append(OperatorType::kTranspose, {input, draw.List(permutation)}, {output},
                     TransposeOptions{});
  return output;
}

std::optional<int32_t> DrawReverse(Drawer& draw, int32_t input, const Tensor& in) {
  const int32_t output = draw.Like(in, in.shape);
  draw.writer.Append(OperatorType::kReverse, {input, draw.List({draw.AnyAxis(in)})}, {output},
                     ReverseOptions{});
  return output;
}

/// Any indices, or every nth one, backwards or forwards.
std::optional<int32_t> DrawGather(Drawer& draw, int32_t input, const Tensor& in) {
  const int32_t axis = draw.AnyAxis(in);
  const int32_t size = in.shape[axis];
  const int32_t count = draw.random.Integer(1, std::min(size + 2, 12));
  const int32_t step = draw.random.Integer(-2, 2);
  const bool any = draw.random.Chance(2);
  // Lists for each index of the first dimension, or one.
  const int32_t batch_dims = axis > 0 && in.shape[0] <= 4 && draw.random.Chance(3) ? 1 : 0;
  const int32_t lists = batch_dims == 1 ? in.shape[0] : 1;
  std::vector<int32_t> indices;
  int32_t index = draw.random.Integer(0, size - 1);
  for (int32_t i = 0; i < lists * count; ++i) {
    indices.push_back(any ? draw.random.Integer(0, size - 1) : index);
    index = ((index + step) % size + size) % size;
  }
  std::vector<int32_t> shape = in.shape;
  shape[axis] = count;
  const int32_t output = draw.Like(in, shape);
  const int32_t list =
      batch_dims == 1 ? draw.writer.Integers({lists, count}, indices) : draw.List(indices);
  draw.writer.Append(OperatorType::kGather, {input, list}, {output},
                     GatherOptions{.axis = axis, .batch_dims = batch_dims, .indices = {}});
  return output;
}

std::optional<int32_t> DrawTile(Drawer& draw, int32_t input, const Tensor& in) {
  std::vector<int32_t> multiples, shape = in.shape;
  for (int32_t& size : shape) {
    multiples.push_back(draw.random.Chance(2) ? 1 : draw.random.Integer(1, size > 20 ? 2 : 3));
    size *= multiples.back();
  }
  const int32_t output = draw.Like(in, shape);
  draw.writer.Append(OperatorType::kTile, {input, draw.List(multiples)}, {output});
  return output;
}

// SLICE, or STRIDED_SLICE with strides of either sign.
std::optional<int32_t> DrawSlice(Drawer& draw, int32_t input, const Tensor& in) {
  const bool strided = draw.random.Chance(2);
  std::vector<int32_t> begin, end, stride, shape;
  for (int32_t size : in.shape) {
    begin.push_back(draw.random.Integer(0, size - 1));
    stride.push_back(strided ? draw.random.Pick({1, 1, 2, 3, -1, -2}) : 1);
    const int32_t room = stride.back() > 0 ? size - begin.back() : begin.back() + 1;
    const int32_t step = std::abs(stride.back());
    shape.push_back(draw.random.Integer(1, (room + step - 1) / step));
    const int32_t last = begin.back() + (shape.back() - 1) * stride.back();
    end.push_back(last + (stride.back() > 0 ? 1 : -1));
    if (end.back() < 0) end.back() = -size - 1;  // -1 would be the last element
  }
  const int32_t output = draw.Like(in, shape);
  if (strided) {
    draw.writer.Append(OperatorType::kSlice,
                       {input, draw.List(begin), draw.List(end), draw.List(stride)}, {output},
                       SliceOptions{}, "STRIDED_SLICE");
  } else {
    draw.writer.Append(OperatorType::kSlice, {input, draw.List(begin), draw.List(shape)}, {output},
                       SliceOptions{});
  }
  return output;
}

}  // namespace

const OperatorDraw kReshapeDraw = {DrawReshape};
const OperatorDraw kPadDraw = {DrawPad};
const OperatorDraw kMirrorPadDraw = {DrawMirrorPad};
const OperatorDraw kConcatenationDraw = {DrawConcatenation};
const OperatorDraw kPackDraw = {DrawPack};
const OperatorDraw kTileDraw = {DrawTile};
const OperatorDraw kSplitDraw = {DrawSplit};
const OperatorDraw kUnpackDraw = {DrawUnpack};
const OperatorDraw kTransposeDraw = {DrawTranspose};
const OperatorDraw kReverseDraw = {DrawReverse};
const OperatorDraw kGatherDraw = {DrawGather};
const OperatorDraw kSliceDraw = {DrawSlice};

}  // namespace npugen::testing

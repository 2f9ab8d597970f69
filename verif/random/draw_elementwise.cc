// SPDX-License-Identifier: Apache-2.0
// Random operators of several tensors.
#include <algorithm>

#include "verif/random/draw.h"

namespace npugen::testing {
namespace {

// Adds an earlier tensor of the same shape, or the input of the network's, or a second input.
std::optional<int32_t> DrawAdd(Drawer& draw, int32_t input, const Tensor& in) {
  int32_t other = -1;
  for (int32_t i = 0; i < input; ++i) {
    if (!draw.At(i).is_constant && draw.At(i).shape == in.shape && draw.random.Chance(2)) other = i;
  }
  if (other < 0) other = draw.writer.Input(in.shape, draw.Scale(), draw.ZeroPoint());
  const float sum = in.scale() + draw.At(other).scale();
  const int32_t output = draw.writer.Activation(
      in.shape, static_cast<float>(sum * draw.random.Real(0.3, 1.2)), draw.ZeroPoint());
  AddOptions options;
  options.activation = draw.Fused();
  if (draw.random.Chance(2)) std::swap(input, other);
  draw.writer.Add(input, other, output, options);
  return output;
}

std::optional<int32_t> AppendTwoOperands(Drawer& draw, OperatorType type, int32_t input,
                                         const Tensor& in) {
  const bool same = type == OperatorType::kMaximum || type == OperatorType::kMinimum;
  const float scale = same ? in.scale() : draw.Scale();
  int32_t other = draw.SecondOperand(in.shape, scale, same ? in.zero_point() : draw.ZeroPoint());
  const double both = double{in.scale()} * scale;
  const double larger = std::max(in.scale(), scale);
  const double result = type == OperatorType::kSub   ? in.scale() + scale
                        : type == OperatorType::kMul ? both * kStandardDeviation
                                                     : larger * larger * kStandardDeviation;
  const int32_t output =
      same ? draw.Like(in, in.shape)
           : draw.writer.Activation(in.shape, draw.Around(result), draw.ZeroPoint());
  OperatorOptions options = NoOptions{};
  if (type == OperatorType::kSub || type == OperatorType::kMul) options = AddOptions{draw.Fused()};
  if (draw.random.Chance(2)) std::swap(input, other);
  draw.writer.Append(type, {input, other}, {output}, options);
  return output;
}

std::optional<int32_t> DrawSub(Drawer& draw, int32_t input, const Tensor& in) {
  return AppendTwoOperands(draw, OperatorType::kSub, input, in);
}

std::optional<int32_t> DrawMul(Drawer& draw, int32_t input, const Tensor& in) {
  return AppendTwoOperands(draw, OperatorType::kMul, input, in);
}

std::optional<int32_t> DrawMaximum(Drawer& draw, int32_t input, const Tensor& in) {
  return AppendTwoOperands(draw, OperatorType::kMaximum, input, in);
}

std::optional<int32_t> DrawMinimum(Drawer& draw, int32_t input, const Tensor& in) {
  return AppendTwoOperands(draw, OperatorType::kMinimum, input, in);
}

std::optional<int32_t> DrawSquaredDifference(Drawer& draw, int32_t input, const Tensor& in) {
  return AppendTwoOperands(draw, OperatorType::kSquaredDifference, input, in);
}

std::optional<int32_t> DrawAddN(Drawer& draw, int32_t input, const Tensor& in) {
  std::vector<int32_t> inputs{input};
  const int32_t count = draw.random.Integer(1, 4);
  for (int32_t i = 0; i < count; ++i) {
    inputs.push_back(draw.writer.Input(in.shape, in.scale(), in.zero_point()));
  }
  const int32_t output =
      draw.writer.Activation(in.shape, draw.Around(in.scale() * 2), draw.ZeroPoint());
  draw.writer.Append(OperatorType::kAddN, inputs, {output});
  return output;
}

std::optional<int32_t> DrawPrelu(Drawer& draw, int32_t input, const Tensor& in) {
  std::vector<int32_t> shape{in.shape.back()};
  if (draw.random.Chance(3)) shape = in.shape;
  const int32_t alpha = draw.Constant(shape, 0.01f, draw.random.Chance(2) ? 0 : draw.ZeroPoint());
  const int32_t output =
      draw.writer.Activation(in.shape, draw.Around(in.scale()), draw.ZeroPoint());
  draw.writer.Append(OperatorType::kPrelu, {input, alpha}, {output});
  return output;
}

}  // namespace

const OperatorDraw kAddDraw = {DrawAdd};
const OperatorDraw kSubDraw = {DrawSub};
const OperatorDraw kMulDraw = {DrawMul};
const OperatorDraw kMaximumDraw = {DrawMaximum};
const OperatorDraw kMinimumDraw = {DrawMinimum};
const OperatorDraw kSquaredDifferenceDraw = {DrawSquaredDifference};
const OperatorDraw kAddNDraw = {DrawAddN};
const OperatorDraw kPreluDraw = {DrawPrelu};

}  // namespace npugen::testing

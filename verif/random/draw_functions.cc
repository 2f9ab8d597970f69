// SPDX-License-Identifier: Apache-2.0
// Random functions of one value, QUANTIZE and softmax.
#include <tuple>
#include <utility>

#include "verif/random/draw.h"

namespace npugen::testing {
namespace {

std::optional<int32_t> AppendFunction(Drawer& draw, OperatorType type, int32_t input,
                                      const Tensor& in) {
  const bool root = type == OperatorType::kRsqrt || type == OperatorType::kSqrt;
  if (root && in.zero_point() != -128) return std::nullopt;
  float scale = draw.Around(in.scale());
  int32_t zero_point = draw.ZeroPoint();
  if (type == OperatorType::kLogistic) std::tie(scale, zero_point) = std::tuple(1.0f / 256, -128);
  if (type == OperatorType::kTanh) std::tie(scale, zero_point) = std::tuple(1.0f / 128, 0);
  if (type == OperatorType::kSqrt) {
    scale = draw.Around(std::sqrt(255 * in.scale()) / 255);
  } else if (type == OperatorType::kRsqrt) {
    scale = draw.Around(1.0 / (128 * std::sqrt(in.scale())));
  } else if (type == OperatorType::kRelu6 && draw.random.Chance(2)) {
    scale = in.scale();
    zero_point = in.zero_point();
  }
  const int32_t output = draw.writer.Activation(in.shape, scale, zero_point);
  OperatorOptions options = NoOptions{};
  if (type == OperatorType::kLeakyRelu) {
    options = LeakyReluOptions{static_cast<float>(draw.random.Real(-0.5, 1.5))};
  }
  draw.writer.Append(type, {input}, {output}, options);
  return output;
}

std::optional<int32_t> DrawLogistic(Drawer& draw, int32_t input, const Tensor& in) {
  return AppendFunction(draw, OperatorType::kLogistic, input, in);
}

std::optional<int32_t> DrawTanh(Drawer& draw, int32_t input, const Tensor& in) {
  return AppendFunction(draw, OperatorType::kTanh, input, in);
}

std::optional<int32_t> DrawHardSwish(Drawer& draw, int32_t input, const Tensor& in) {
  return AppendFunction(draw, OperatorType::kHardSwish, input, in);
}

std::optional<int32_t> DrawElu(Drawer& draw, int32_t input, const Tensor& in) {
  return AppendFunction(draw, OperatorType::kElu, input, in);
}

std::optional<int32_t> DrawLeakyRelu(Drawer& draw, int32_t input, const Tensor& in) {
  return AppendFunction(draw, OperatorType::kLeakyRelu, input, in);
}

std::optional<int32_t> DrawRelu(Drawer& draw, int32_t input, const Tensor& in) {
  return AppendFunction(draw, OperatorType::kRelu, input, in);
}

std::optional<int32_t> DrawRelu6(Drawer& draw, int32_t input, const Tensor& in) {
  return AppendFunction(draw, OperatorType::kRelu6, input, in);
}

std::optional<int32_t> DrawAbs(Drawer& draw, int32_t input, const Tensor& in) {
  return AppendFunction(draw, OperatorType::kAbs, input, in);
}

std::optional<int32_t> DrawRsqrt(Drawer& draw, int32_t input, const Tensor& in) {
  return AppendFunction(draw, OperatorType::kRsqrt, input, in);
}

std::optional<int32_t> DrawNeg(Drawer& draw, int32_t input, const Tensor& in) {
  return AppendFunction(draw, OperatorType::kNeg, input, in);
}

std::optional<int32_t> DrawExp(Drawer& draw, int32_t input, const Tensor& in) {
  return AppendFunction(draw, OperatorType::kExp, input, in);
}

std::optional<int32_t> DrawLog(Drawer& draw, int32_t input, const Tensor& in) {
  return AppendFunction(draw, OperatorType::kLog, input, in);
}

std::optional<int32_t> DrawSqrt(Drawer& draw, int32_t input, const Tensor& in) {
  return AppendFunction(draw, OperatorType::kSqrt, input, in);
}

std::optional<int32_t> DrawQuantize(Drawer& draw, int32_t input, const Tensor& in) {
  const int32_t output =
      draw.writer.Activation(in.shape, draw.Around(in.scale()), draw.ZeroPoint());
  draw.writer.Append(OperatorType::kQuantize, {input}, {output});
  return output;
}

// Other types for a QUANTIZE, the factor such that results stay in about the same range.
void ChangeTypes(Drawer& draw, const Operator& op) {
  static const std::vector<std::pair<TensorType, TensorType>> kPairs = {
      {TensorType::kInt8, TensorType::kInt8},   {TensorType::kInt8, TensorType::kUint8},
      {TensorType::kInt8, TensorType::kInt16},  {TensorType::kInt8, TensorType::kInt32},
      {TensorType::kUint8, TensorType::kInt8},  {TensorType::kInt16, TensorType::kInt8},
      {TensorType::kInt16, TensorType::kInt16}, {TensorType::kInt16, TensorType::kInt32}};
  const auto& [from, to] = kPairs[draw.random.Integer(0, static_cast<int32_t>(kPairs.size()) - 1)];
  const auto change = [&](int32_t tensor, TensorType type) {
    Tensor& changed = draw.writer.model().tensors[tensor];
    changed.type = type;
    if (type == TensorType::kUint8) changed.zero_points[0] += 128;
    if (type == TensorType::kInt16) changed.scales[0] /= 250;
    if (type == TensorType::kInt32) changed.scales[0] /= 1000;
  };
  change(op.inputs[0], from);
  change(op.outputs[0], to);
}

std::optional<int32_t> DrawSoftmax(Drawer& draw, int32_t input, const Tensor& in) {
  const int32_t output = draw.writer.Activation(in.shape, 1.0f / 256.0f, -128);
  draw.writer.Softmax(input, output, draw.random.Chance(4) ? 0.5f : 1.0f);
  return output;
}

}  // namespace

const OperatorDraw kLogisticDraw = {DrawLogistic};
const OperatorDraw kTanhDraw = {DrawTanh};
const OperatorDraw kHardSwishDraw = {DrawHardSwish};
const OperatorDraw kEluDraw = {DrawElu};
const OperatorDraw kLeakyReluDraw = {DrawLeakyRelu};
const OperatorDraw kReluDraw = {DrawRelu};
const OperatorDraw kRelu6Draw = {DrawRelu6};
const OperatorDraw kAbsDraw = {DrawAbs};
const OperatorDraw kRsqrtDraw = {.append = DrawRsqrt, .least_zero_point = true};
const OperatorDraw kNegDraw = {DrawNeg};
const OperatorDraw kExpDraw = {DrawExp};
const OperatorDraw kLogDraw = {DrawLog};
const OperatorDraw kSqrtDraw = {.append = DrawSqrt, .least_zero_point = true};
const OperatorDraw kQuantizeDraw = {.append = DrawQuantize, .finish = ChangeTypes};
const OperatorDraw kSoftmaxDraw = {DrawSoftmax};

}  // namespace npugen::testing

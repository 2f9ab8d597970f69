// SPDX-License-Identifier: Apache-2.0
// Operators of two tensors, element by element.
#include "sw/compiler/lower/elementwise.h"

#include <algorithm>
#include <map>

#include "sw/compiler/lower/view.h"
#include "sw/model/quantization.h"

namespace npugen::compiler {
namespace {

/// Where an image has few columns and channels, its rows are still one row each.
constexpr int64_t kLongestRow = 4096;
constexpr int64_t kShortestRow = 64;
/// Constants are repeated here up to so many bytes; the DMA, which does it for all else, moves
/// short runs slowly.
constexpr int64_t kLargestRepeated = int64_t{1} << 20;

bool ShiftFits(const QuantizedMultiplier& factor) {
  return factor.shift >= -31 && factor.shift <= 31;
}

/// ADD, SUB and SQUARED_DIFFERENCE: the operand with the larger scale has the factor one half,
/// which the hardware has built in, and comes first.
LowerResult SetAligned(std::optional<AddMultipliers> multipliers, bool second_larger,
                       Layer* layer) {
  if (!multipliers) {
    return Refusal{DiagnosticCode::kCompileLimit, "its scales cannot be represented", ""};
  }
  if (second_larger) {
    std::swap(multipliers->input1, multipliers->input2);
    std::swap(layer->inputs[0], layer->inputs[1]);
    std::swap(layer->a_zero_point, layer->b_zero_point);
    std::swap(layer->a_subtract, layer->b_subtract);
  }
  const QuantizedMultiplier half{1 << 30, 0};
  if (!(multipliers->input1 == half) || !ShiftFits(multipliers->input2) ||
      !ShiftFits(multipliers->output)) {
    return Refusal{DiagnosticCode::kCompileLimit, "its scales are too far apart", ""};
  }
  layer->b_multiplier = multipliers->input2.multiplier;
  layer->b_shift = multipliers->input2.shift;
  layer->out_multiplier = multipliers->output.multiplier;
  layer->out_shift = multipliers->output.shift;
  return std::nullopt;
}

}  // namespace

void SetRows(const std::vector<int32_t>& shape, Geometry* g) {
  int64_t elements = 1;
  for (int32_t size : shape) elements *= size;
  if (shape.size() == 4 && shape[1] > 1) {
    g->images = shape[0];
    g->in_h = g->out_h = shape[1];
    g->in_w = g->out_w = elements / shape[0] / shape[1];
    return;
  }
  int64_t row = elements;
  for (int64_t size = std::min(elements, kLongestRow); size >= kShortestRow; --size) {
    if (elements % size != 0) continue;
    row = size;
    break;
  }
  g->in_w = g->out_w = row;
  g->in_h = g->out_h = elements / row;
}

namespace {

/// The bytes of an int8 constant repeated to `shape` (as NumPy does: sizes of 1 grow).
std::vector<uint8_t> Repeated(const Tensor& tensor, const std::vector<int32_t>& shape,
                              int64_t elements) {
  std::vector<uint8_t> bytes(static_cast<size_t>(elements));
  const size_t missing = shape.size() - tensor.shape.size();
  for (int64_t i = 0; i < elements; ++i) {
    int64_t rest = i, source = 0, stride = 1;
    for (size_t d = shape.size(); d-- > 0;) {
      const int64_t at = rest % shape[d];
      rest /= shape[d];
      if (d < missing) continue;
      const int32_t size = tensor.shape[d - missing];
      if (size > 1) source += at * stride;
      stride *= size;
    }
    bytes[static_cast<size_t>(i)] = tensor.data[static_cast<size_t>(source)];
  }
  return bytes;
}

}  // namespace

int32_t BroadcastTo(LoweringContext& context, int32_t number, const std::vector<int32_t>& shape) {
  const Tensor& tensor = context.tensor(number);
  const int32_t source = context.StorageOf(number);
  int64_t elements = 1;
  for (int32_t size : shape) elements *= size;
  if (tensor.elements() == elements) return source;
  if (tensor.is_constant && elements <= kLargestRepeated && tensor.shape.size() <= shape.size() &&
      static_cast<int64_t>(tensor.data.size()) == tensor.elements()) {
    const int32_t target = context.NewStorage(elements);
    context.lowered.storages[target].constant = Repeated(tensor, shape, elements);
    return target;
  }
  const std::vector<int64_t> full(shape.begin(), shape.end());
  const int32_t target = context.NewStorage(elements);
  Layer copy = NewCopy(target);
  AddCopy(&copy, Broadcast(DenseView(source, {tensor.shape.begin(), tensor.shape.end()}), full),
          DenseView(target, full));
  context.lowered.layers.push_back(std::move(copy));
  return target;
}

Layer TwoOperandLayer(LayerKind kind, const Tensor& output) {
  Layer layer;
  layer.kind = kind;
  SetRows(output.shape, &layer.geometry);
  layer.out_zero_point = output.zero_point();
  return layer;
}

LowerResult LowerTwoOperands(LoweringContext& context, int32_t op) {
  const Operator& node = context.model.operators[op];
  const Tensor& first = context.tensor(node.inputs[0]);
  const Tensor& second = context.tensor(node.inputs[1]);
  const Tensor& output = context.tensor(node.outputs[0]);
  static const std::map<OperatorType, LayerKind> kinds = {
      {OperatorType::kAdd, LayerKind::kAdd},
      {OperatorType::kSub, LayerKind::kAdd},
      {OperatorType::kMul, LayerKind::kMultiply},
      {OperatorType::kMaximum, LayerKind::kMaximum},
      {OperatorType::kMinimum, LayerKind::kMaximum},
      {OperatorType::kSquaredDifference, LayerKind::kSquaredDifference}};
  Layer layer = TwoOperandLayer(kinds.at(node.type), output);
  for (int32_t input : node.inputs) {
    layer.inputs.push_back(BroadcastTo(context, input, output.shape));
  }
  layer.output = context.StorageOf(node.outputs[0]);
  layer.a_zero_point = first.zero_point();
  layer.b_zero_point = second.zero_point();
  if (const auto* options = std::get_if<AddOptions>(&node.options)) {
    const std::optional<ActivationRange> range =
        ComputeActivationRange(options->activation, output.scale(), output.zero_point());
    if (!range) {
      return Refusal{DiagnosticCode::kCompileLimit, "the activation's limits overflow", ""};
    }
    layer.act_min = range->min;
    layer.act_max = range->max;
  }
  const bool second_larger = second.scale() > first.scale();
  LowerResult refusal;
  switch (node.type) {
    case OperatorType::kAdd:
      refusal = SetAligned(ComputeAddMultipliers(first.scale(), second.scale(), output.scale()),
                           second_larger, &layer);
      break;
    case OperatorType::kSub:
      layer.b_subtract = true;
      refusal = SetAligned(ComputeSubMultipliers(first.scale(), second.scale(), output.scale()),
                           second_larger, &layer);
      break;
    case OperatorType::kSquaredDifference:
      refusal = SetAligned(
          ComputeSquaredDifferenceMultipliers(first.scale(), second.scale(), output.scale()),
          second_larger, &layer);
      break;
    case OperatorType::kMul: {
      const std::optional<QuantizedMultiplier> factor =
          MulMultiplier(first.scale(), second.scale(), output.scale());
      if (!factor || !ShiftFits(*factor)) {
        return Refusal{DiagnosticCode::kCompileLimit, "its scales are too far apart", ""};
      }
      layer.out_multiplier = factor->multiplier;
      layer.out_shift = factor->shift;
      break;
    }
    default:
      layer.minimum = node.type == OperatorType::kMinimum;
  }
  if (refusal) return refusal;
  context.lowered.layers.push_back(std::move(layer));
  return std::nullopt;
}

}  // namespace npugen::compiler

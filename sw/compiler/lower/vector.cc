// ADD, SOFTMAX, PAD, and the copies that broadcasts need.
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "sw/compiler/lower/lower_operators.h"
#include "sw/compiler/lower/softmax_table.h"
#include "sw/model/quantization.h"

namespace npugen::compiler {
namespace {

/// A dimension of a copy, elements of one byte.
struct CopyDimension {
  int64_t out_size = 1;
  int64_t in_size = 1;    ///< coordinates below 0 or from here on are filled
  int64_t before = 0;     ///< elements of padding in front
  int64_t in_stride = 1;  ///< bytes; 0 repeats the source
};

/// Appends a copy layer. `dimensions` is innermost first.
void AppendCopy(LoweringContext& context, int32_t source, int32_t target, uint8_t fill,
                const std::vector<CopyDimension>& dimensions) {
  Layer layer;
  layer.kind = LayerKind::kCopy;
  layer.inputs = {source};
  layer.output = target;
  layer.fill = fill;
  CopyBox copy;
  std::vector<int64_t> strides;
  int64_t stride = 1;
  for (const CopyDimension& d : dimensions) {
    strides.push_back(stride);
    copy.out_offset += d.before * stride;
    copy.dimensions.push_back({d.in_size, d.in_stride, stride});
    stride *= d.out_size;
  }
  // What lies before and behind the source in one dimension: whole in those inside of it, and only
  // beside the source in those outside of it.
  for (size_t d = 0; d < dimensions.size(); ++d) {
    const int64_t after = dimensions[d].out_size - dimensions[d].in_size - dimensions[d].before;
    const std::pair<int64_t, int64_t> sides[2] = {
        {0, dimensions[d].before}, {dimensions[d].before + dimensions[d].in_size, after}};
    for (const auto& [begin, size] : sides) {
      if (size == 0) continue;
      CopyBox side;
      side.input = -1;
      side.out_offset = begin * strides[d];
      for (size_t e = 0; e < dimensions.size(); ++e) {
        const int64_t count = e < d ? dimensions[e].out_size : e > d ? dimensions[e].in_size : size;
        if (e > d) side.out_offset += dimensions[e].before * strides[e];
        side.dimensions.push_back({count, 0, strides[e]});
      }
      layer.boxes.push_back(side);
    }
  }
  layer.boxes.push_back(copy);
  context.lowered.layers.push_back(std::move(layer));
}

/// Numpy broadcasting of `tensor` to `shape`: returns its storage, or that of a copy in full size.
LowerResult Broadcast(LoweringContext& context, int32_t number, const std::vector<int32_t>& shape,
                      int32_t* storage) {
  const Tensor& tensor = context.tensor(number);
  *storage = context.StorageOf(number);
  int64_t elements = 1;
  for (int32_t size : shape) elements *= size;
  if (tensor.elements() == elements) return std::nullopt;
  std::vector<CopyDimension> dimensions;
  // The innermost dimension is bytes: where it repeats, a run of one byte goes below it.
  dimensions.push_back({1, 1, 0, 1});
  int64_t stride = 1;
  for (size_t d = 0; d < shape.size(); ++d) {
    const int64_t size = shape[shape.size() - 1 - d];
    const int64_t own = d < tensor.shape.size() ? tensor.shape[tensor.shape.size() - 1 - d] : 1;
    if (own != size && own != 1) {
      return Refusal{DiagnosticCode::kCompileOperator, "the operands' shapes do not broadcast", ""};
    }
    dimensions.push_back({size, size, 0, own == 1 ? 0 : stride});
    stride *= own;
  }
  const int32_t source = *storage;
  *storage = context.NewStorage(elements);
  AppendCopy(context, source, *storage, 0, dimensions);
  return std::nullopt;
}

/// Rows of a flat element-wise operation: as long as the sizes allow, in pieces that tile well.
void SetFlatRows(int64_t elements, Geometry* g) {
  int64_t row = elements;
  for (int64_t size = std::min<int64_t>(elements, 4096); size >= 64 && row == elements; --size) {
    if (elements % size == 0) row = size;
  }
  g->in_w = g->out_w = row;
  g->in_h = g->out_h = elements / row;
}

}  // namespace

void LowerCopy(LoweringContext& context, int32_t op, int32_t source, int32_t target) {
  const int64_t bytes = context.lowered.storages[source].bytes;
  AppendCopy(context, source, target, 0, {{bytes, bytes, 0, 1}});
  Layer& layer = context.lowered.layers.back();
  layer.op = op;
  if (!context.model.operators.empty()) layer.tag = context.model.operators[op].index & 0xffff;
}

LowerResult LowerPad(LoweringContext& context, int32_t op) {
  const Operator& node = context.model.operators[op];
  const Tensor& input = context.tensor(node.inputs[0]);
  const Tensor& output = context.tensor(node.outputs[0]);
  const std::vector<std::pair<int32_t, int32_t>>& paddings =
      std::get<PadOptions>(node.options).paddings;
  if (paddings.size() != input.shape.size()) {
    return Refusal{DiagnosticCode::kCompileOperator, "paddings and dimensions disagree", ""};
  }
  std::vector<CopyDimension> dimensions;
  int64_t stride = 1;
  for (size_t i = input.shape.size(); i-- > 0;) {
    const int64_t size = input.shape[i];
    dimensions.push_back(
        {size + paddings[i].first + paddings[i].second, size, paddings[i].first, stride});
    stride *= size;
  }
  if (dimensions.empty()) dimensions.push_back({1, 1, 0, 1});
  AppendCopy(context, context.StorageOf(node.inputs[0]), context.StorageOf(node.outputs[0]),
             static_cast<uint8_t>(output.zero_point()), dimensions);
  return std::nullopt;
}

LowerResult LowerAdd(LoweringContext& context, int32_t op) {
  const Operator& node = context.model.operators[op];
  const Tensor& output = context.tensor(node.outputs[0]);
  int32_t first = node.inputs[0];
  int32_t second = node.inputs.at(1);
  for (int32_t operand : {first, second}) {
    const Tensor& tensor = context.tensor(operand);
    if (tensor.type != TensorType::kInt8 ||
        (tensor.is_constant && tensor.data.size() != tensor.bytes())) {
      return Refusal{DiagnosticCode::kCompileOperator, "an operand is not int8", ""};
    }
  }
  const std::optional<AddMultipliers> multipliers = ComputeAddMultipliers(
      context.tensor(first).scale(), context.tensor(second).scale(), output.scale());
  const std::optional<ActivationRange> range = ComputeActivationRange(
      std::get<AddOptions>(node.options).activation, output.scale(), output.zero_point());
  if (!multipliers || !range) {
    return Refusal{DiagnosticCode::kCompileLimit, "its scales cannot be represented", ""};
  }
  // The operand with the larger scale has the factor one half, which the hardware has built in.
  QuantizedMultiplier a = multipliers->input1;
  QuantizedMultiplier b = multipliers->input2;
  if (context.tensor(second).scale() > context.tensor(first).scale()) {
    std::swap(first, second);
    std::swap(a, b);
  }
  const QuantizedMultiplier half{1 << 30, 0};
  if (!(a == half) || b.shift > 0 || b.shift < -31 || multipliers->output.shift > 7 ||
      multipliers->output.shift < -31) {
    return Refusal{DiagnosticCode::kCompileLimit, "its scales are too far apart", ""};
  }
  Layer layer;
  layer.kind = LayerKind::kAdd;
  layer.inputs.resize(2);
  const int32_t operands[2] = {first, second};
  for (int i = 0; i < 2; ++i) {
    if (LowerResult refusal = Broadcast(context, operands[i], output.shape, &layer.inputs[i])) {
      return refusal;
    }
  }
  layer.output = context.StorageOf(node.outputs[0]);
  SetFlatRows(output.elements(), &layer.geometry);
  layer.act_min = range->min;
  layer.act_max = range->max;
  layer.a_zero_point = context.tensor(first).zero_point();
  layer.b_zero_point = context.tensor(second).zero_point();
  layer.out_zero_point = output.zero_point();
  layer.b_multiplier = b.multiplier;
  layer.b_shift = b.shift;
  layer.out_multiplier = multipliers->output.multiplier;
  layer.out_shift = multipliers->output.shift;
  context.lowered.layers.push_back(std::move(layer));
  return std::nullopt;
}

LowerResult LowerSoftmax(LoweringContext& context, int32_t op) {
  const Operator& node = context.model.operators[op];
  const Tensor& input = context.tensor(node.inputs[0]);
  const std::optional<SoftmaxParameters> parameters =
      ComputeSoftmaxParameters(std::get<SoftmaxOptions>(node.options).beta, input.scale());
  if (!parameters) return Refusal{DiagnosticCode::kCompileLimit, "beta or scale is too small", ""};
  Layer layer;
  layer.kind = LayerKind::kSoftmax;
  layer.inputs = {context.StorageOf(node.inputs[0])};
  layer.output = context.StorageOf(node.outputs[0]);
  Geometry& g = layer.geometry;
  g.in_w = g.out_w = input.shape.empty() ? 1 : input.shape.back();
  g.in_h = g.out_h = input.elements() / g.in_w;
  layer.parameters.table = SoftmaxTable(*parameters);
  context.lowered.layers.push_back(std::move(layer));
  return std::nullopt;
}

}  // namespace npugen::compiler

// ADD, SOFTMAX, PAD, and the copies that broadcasts need.
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "sw/compiler/lower/lower_operators.h"
#include "sw/compiler/lower/softmax_table.h"
#include "sw/model/quantization.h"

namespace npugen::compiler {
namespace {

/// Drops dimensions of one element and joins those that the DMA can walk as one. `dimensions` is
/// innermost first; the first one must be contiguous bytes.
std::vector<CopyDimension> MergeDimensions(const std::vector<CopyDimension>& dimensions) {
  std::vector<CopyDimension> merged;
  for (const CopyDimension& next : dimensions) {
    if (merged.empty()) {
      merged.push_back(next);
      continue;
    }
    if (next.out_size == 1 && next.in_size == 1 && next.before == 0) continue;
    CopyDimension& last = merged.back();
    const bool whole = last.before == 0 && last.in_size == last.out_size;
    if (whole && next.in_stride == last.in_stride * last.in_size && last.in_stride != 0) {
      const int64_t factor = last.in_size;
      last.out_size = next.out_size * factor;
      last.in_size = next.in_size * factor;
      last.before = next.before * factor;
      continue;
    }
    merged.push_back(next);
  }
  return merged;
}

/// Appends a copy layer; its rows are steps in the outermost dimension.
LowerResult AppendCopy(LoweringContext& context, int32_t source, int32_t target, uint8_t fill,
                       const std::vector<CopyDimension>& dimensions) {
  Layer layer;
  layer.kind = LayerKind::kCopy;
  layer.inputs = {source};
  layer.output = target;
  layer.fill = fill;
  layer.copy = MergeDimensions(dimensions);
  if (layer.copy.size() > 5) {
    return Refusal{DiagnosticCode::kCompileLimit,
                   "it pads or repeats more than five separate dimensions", ""};
  }
  for (size_t d = 1; d < layer.copy.size(); ++d) {
    const CopyDimension& dimension = layer.copy[d];
    if (dimension.out_size > 0x7fff || dimension.in_size > 0x7fff || dimension.before > 0x7fff) {
      return Refusal{DiagnosticCode::kCompileLimit, "a dimension exceeds 32767", ""};
    }
  }
  if (layer.copy.size() == 1) {
    // A single run; cut it into rows so that it can be tiled if nothing is padded.
    CopyDimension& run = layer.copy[0];
    int64_t row = run.in_size;
    if (run.before == 0 && run.in_size == run.out_size) {
      for (int64_t size = std::min<int64_t>(row, 4096); size * 8 >= row && size >= 1; --size) {
        if (row % size == 0) {
          row = size;
          break;
        }
      }
      const int64_t rows = run.in_size / row;
      run.in_size = run.out_size = row;
      if (rows > 1) layer.copy.push_back({rows, rows, 0, row});
    }
  }
  Geometry& g = layer.geometry;
  g.in_h = g.out_h = layer.copy.size() > 1 ? layer.copy.back().out_size : 1;
  g.out_w = 1;
  for (size_t d = 0; d + 1 < layer.copy.size() || d == 0; ++d) g.out_w *= layer.copy[d].out_size;
  context.lowered.layers.push_back(std::move(layer));
  return std::nullopt;
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
  return AppendCopy(context, source, *storage, 0, dimensions);
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
  return AppendCopy(context, context.StorageOf(node.inputs[0]), context.StorageOf(node.outputs[0]),
                    static_cast<uint8_t>(output.zero_point()), dimensions);
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

// SPDX-License-Identifier: Apache-2.0
// Operators of two tensors, element by element.
#include "sw/compiler/lower/elementwise.h"

#include <algorithm>

#include "sw/compiler/lower/dense.h"
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

Layer TwoOperandLayer(Opcode opcode, const Tensor& output) {
  Layer layer;
  layer.opcode = opcode;
  SetRows(output.shape, &layer.geometry);
  layer.out_zero_point = output.zero_point();
  return layer;
}

namespace {

/// The limits of a fused activation.
LowerResult SetLimits(const LoweringContext& context, const Operator& node, Layer* layer) {
  const Tensor& output = context.tensor(node.outputs[0]);
  const auto* options = std::get_if<AddOptions>(&node.options);
  if (options == nullptr) return std::nullopt;
  const std::optional<ActivationRange> range =
      ComputeActivationRange(options->activation, output.scale(), output.zero_point());
  if (!range) return Refusal{DiagnosticCode::kCompileLimit, "the activation's limits overflow", ""};
  layer->act_min = range->min;
  layer->act_max = range->max;
  return std::nullopt;
}

/// A layer of `opcode` of the operands, broadcast, with zero points; fused activations are set.
LowerResult SetOperands(LoweringContext& context, const Operator& node, Opcode opcode,
                        Layer* layer) {
  const Tensor& output = context.tensor(node.outputs[0]);
  *layer = TwoOperandLayer(opcode, output);
  for (int32_t input : node.inputs) {
    layer->inputs.push_back(BroadcastTo(context, input, output.shape));
  }
  layer->output = context.StorageOf(node.outputs[0]);
  layer->a_zero_point = context.tensor(node.inputs[0]).zero_point();
  layer->b_zero_point = context.tensor(node.inputs[1]).zero_point();
  return SetLimits(context, node, layer);
}

/// A product with a constant for each channel, as a depthwise convolution of a single pixel: the
/// array multiplies a vector every cycle, and what it multiplies with need not be repeated. Factors
/// of 9 bits are sums of weights of taps that all read this pixel, which PE memory delivers at
/// once.
struct ChannelProduct {
  int32_t image = -1;            ///< the tensor that is no constant
  std::vector<int16_t> factors;  ///< of each channel, without zero point
  Geometry geometry;
};

/// None where the product is no such thing, or takes fewer cycles as MULTIPLY.
std::optional<ChannelProduct> AsChannelProduct(const LoweringContext& context,
                                               const Operator& node) {
  const Tensor& output = context.tensor(node.outputs[0]);
  if (output.shape.empty()) return std::nullopt;
  const int64_t channels = output.shape.back();
  for (size_t k = 0; k < 2; ++k) {
    const Tensor& constant = context.tensor(node.inputs[k]);
    const Tensor& image = context.tensor(node.inputs[1 - k]);
    if (!constant.is_constant || image.is_constant || image.shape != output.shape ||
        constant.type != TensorType::kInt8 || constant.elements() != channels ||
        constant.shape.back() != channels || constant.data.size() != constant.bytes()) {
      continue;
    }
    ChannelProduct product;
    int64_t taps = 1;
    product.image = node.inputs[1 - k];
    for (const uint8_t byte : constant.data) {
      const int32_t factor = static_cast<int8_t>(byte) - constant.zero_point();
      product.factors.push_back(static_cast<int16_t>(factor));
      taps = std::max(taps, PartsOfWeight(factor));
    }
    Geometry& g = product.geometry;
    g.kernel_h = taps;
    g.dilation_h = 0;
    g.in_c = g.out_c = channels;
    if (output.shape.size() == 4) {
      g.images = output.shape[0];
      g.in_h = g.out_h = output.shape[1];
      g.in_w = g.out_w = output.shape[2];
    } else {
      g.in_h = g.out_h = output.elements() / channels;
    }
    const NpuConfig& config = context.config;
    const int64_t positions = output.elements() / channels;
    const int64_t width = std::min<int64_t>(config.window_channels(), channels);
    const int64_t groups = CeilDiv(channels, width);
    const int64_t parameter_bytes =
        groups * int64_t{config.slice_rows() + config.param_rows()} * config.core_row_bytes();
    const int64_t array = positions * groups *
                              std::max(CeilDiv(width, int64_t{config.post_width}),
                                       CeilDiv(taps, int64_t{config.window_ports})) +
                          parameter_bytes / config.axi_bytes();
    const int64_t vectors = 2 * CeilDiv(output.elements(), int64_t{config.post_width}) +
                            output.elements() / config.axi_bytes();
    if (array >= vectors) return std::nullopt;
    return product;
  }
  return std::nullopt;
}

/// Factors from the scales of both operands and the output.
using AlignedFactors = std::optional<AddMultipliers> (*)(float, float, float);

/// Those of int8.
template <std::optional<AddMultipliers> (*compute)(float, float, float, int32_t), int32_t shift>
std::optional<AddMultipliers> Narrow(float first, float second, float result) {
  return compute(first, second, result, shift);
}

/// ADD, SUB, SQUARED_DIFFERENCE: operands are brought to one scale.
LowerResult LowerAligned(LoweringContext& context, int32_t op, Opcode opcode,
                         AlignedFactors factors, bool subtract) {
  const Operator& node = context.model.operators[op];
  Layer layer;
  if (LowerResult refusal = SetOperands(context, node, opcode, &layer)) return refusal;
  layer.b_subtract = subtract;
  const float first = context.tensor(node.inputs[0]).scale();
  const float second = context.tensor(node.inputs[1]).scale();
  const float result = context.tensor(node.outputs[0]).scale();
  if (LowerResult refusal = SetAligned(factors(first, second, result), second > first, &layer)) {
    return refusal;
  }
  context.lowered.layers.push_back(std::move(layer));
  return std::nullopt;
}

LowerResult LowerExtreme(LoweringContext& context, int32_t op, bool minimum) {
  Layer layer;
  if (LowerResult refusal =
          SetOperands(context, context.model.operators[op], Opcode::kMaximum, &layer)) {
    return refusal;
  }
  layer.minimum = minimum;
  context.lowered.layers.push_back(std::move(layer));
  return std::nullopt;
}

}  // namespace

LowerResult LowerAdd(LoweringContext& context, int32_t op) {
  return LowerAligned(context, op, Opcode::kAdd, Narrow<ComputeAddMultipliers, kAddLeftShift>,
                      false);
}

LowerResult LowerSub(LoweringContext& context, int32_t op) {
  const AlignedFactors factors = context.model.operators[op].from_uint8
                                     ? Narrow<ComputeAddMultipliers, kAddLeftShift>
                                     : Narrow<ComputeSubMultipliers, kAddLeftShift>;
  return LowerAligned(context, op, Opcode::kAdd, factors, true);
}

LowerResult LowerSquaredDifference(LoweringContext& context, int32_t op) {
  return LowerAligned(context, op, Opcode::kSquaredDifference,
                      Narrow<ComputeSquaredDifferenceMultipliers, kSquaredDifferenceLeftShift>,
                      false);
}

LowerResult LowerMaximum(LoweringContext& context, int32_t op) {
  return LowerExtreme(context, op, false);
}

LowerResult LowerMinimum(LoweringContext& context, int32_t op) {
  return LowerExtreme(context, op, true);
}

LowerResult LowerMul(LoweringContext& context, int32_t op) {
  const Operator& node = context.model.operators[op];
  const std::optional<QuantizedMultiplier> factor =
      MulMultiplier(context.tensor(node.inputs[0]).scale(), context.tensor(node.inputs[1]).scale(),
                    context.tensor(node.outputs[0]).scale(), /*wide=*/false, node.from_uint8);
  if (!factor || !ShiftFits(*factor)) {
    return Refusal{DiagnosticCode::kCompileLimit, "its scales are too far apart", ""};
  }
  Layer layer;
  if (const std::optional<ChannelProduct> product = AsChannelProduct(context, node)) {
    const int32_t zero_point = context.tensor(product->image).zero_point();
    layer.inputs = {context.StorageOf(product->image)};
    layer.output = context.StorageOf(node.outputs[0]);
    layer.geometry = product->geometry;
    layer.fill = static_cast<uint8_t>(zero_point);
    layer.out_zero_point = context.tensor(node.outputs[0]).zero_point();
    if (LowerResult refusal = SetLimits(context, node, &layer)) return refusal;
    const auto of_channel = [&](int64_t o) { return product->factors[static_cast<size_t>(o)]; };
    return AppendDepthwise(
        context, std::move(layer),
        [&](int64_t o, int64_t row, int64_t, int64_t) {
          return int16_t{PartOf(of_channel(o), row)};
        },
        [&](int64_t o) {
          return ParameterRecord{-zero_point * of_channel(o), factor->multiplier, factor->shift};
        });
  }
  if (LowerResult refusal = SetOperands(context, node, Opcode::kMultiply, &layer)) return refusal;
  layer.out_multiplier = factor->multiplier;
  layer.out_shift = factor->shift;
  context.lowered.layers.push_back(std::move(layer));
  return std::nullopt;
}

}  // namespace npugen::compiler

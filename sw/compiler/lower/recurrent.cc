// SPDX-License-Identifier: Apache-2.0
// SVDF as layers: feature products, the shift of the state, products along time.
#include "sw/compiler/lower/elementwise.h"
#include "sw/compiler/lower/lower_operators.h"
#include "sw/compiler/lower/view.h"
#include "sw/model/quantization.h"

namespace npugen::compiler {
namespace {

/// A model of the operator's parts: its tensors keep their numbers, those between follow.
struct Parts {
  Model model;

  int32_t Add(Tensor tensor) {
    model.tensors.push_back(std::move(tensor));
    return static_cast<int32_t>(model.tensors.size() - 1);
  }
  void Append(const Operator& of, OperatorType type, std::vector<int32_t> inputs, int32_t output,
              OperatorOptions options, const QuantizedMultiplier& factor, int32_t channels) {
    Operator op;
    op.type = type;
    op.index = of.index;
    op.name = of.name;
    op.inputs = std::move(inputs);
    op.outputs = {output};
    op.options = std::move(options);
    op.multipliers.assign(static_cast<size_t>(channels), {factor.multiplier, factor.shift});
    model.operators.push_back(std::move(op));
  }
};

Tensor Newest(int32_t filters, int32_t zero_point) {
  Tensor tensor;
  tensor.name = "newest";
  tensor.shape = {1, filters};
  tensor.scales = {1.0f};
  tensor.zero_points = {zero_point};
  return tensor;
}

}  // namespace

LowerResult LowerSvdf(LoweringContext& context, int32_t op) {
  const Operator& node = context.model.operators[op];
  const std::optional<SvdfFactors> factors = ComputeSvdfFactors(context.model, node);
  if (!factors) return Refusal{DiagnosticCode::kCompileLimit, "its scales are out of range", ""};
  const int32_t rank = std::get<SvdfOptions>(node.options).rank;
  const int32_t filters = context.tensor(node.inputs[2]).shape[0];
  const int32_t memory = context.tensor(node.inputs[2]).shape[1];
  const int32_t zero = context.tensor(node.inputs[4]).zero_point();
  const int32_t state = node.outputs[1], result = node.outputs[0];
  Parts parts{context.model};
  parts.model.operators.clear();
  const int32_t sums = parts.Add(Newest(filters, 0));
  const int32_t newest = zero == 0 ? sums : parts.Add(Newest(filters, zero));
  // The newest values of all filters.
  parts.Append(node, OperatorType::kFullyConnected, {node.inputs[0], node.inputs[1], -1}, sums,
               FullyConnectedOptions{}, factors->feature, filters);
  // All values along time are the channels of one pixel; a filter's are a group.
  parts.model.tensors[state].shape = {1, 1, 1, filters * memory};
  parts.model.tensors[result].shape = {1, 1, 1, filters / rank};
  parts.model.tensors[node.inputs[2]].shape = {filters / rank, 1, 1, rank * memory};
  parts.Append(node, OperatorType::kConv2d, {state, node.inputs[2], node.inputs[3]}, result,
               ConvOptions{.padding = Padding::kValid}, factors->output, filters / rank);

  context.lowered.tensor_storage.resize(parts.model.tensors.size(), -1);
  LoweringContext inner(parts.model, context.config, context.options, context.lowered);
  if (LowerResult refusal = LowerFullyConnected(inner, 0)) return refusal;
  if (newest != sums) {
    // Sums are limited before the zero point is added, and the sum of both wraps.
    std::vector<uint8_t> table(256);
    for (int32_t q = -128; q <= 127; ++q) {
      table[static_cast<uint8_t>(q)] = static_cast<uint8_t>(q + zero);
    }
    AppendLookup(inner, inner.StorageOf(sums), inner.StorageOf(newest), {1, filters},
                 std::move(table));
  }
  // All values move by one, those of a filter to the one before it, which its newest then replaces.
  const int64_t bytes = int64_t{filters} * memory;
  const int32_t target = inner.StorageOf(state);
  Layer shift = NewCopy(target);
  if (bytes > 1) {
    AddCopy(&shift, Sliced(DenseView(inner.StorageOf(node.inputs[4]), {bytes}), 0, 1, bytes - 1),
            Sliced(DenseView(target, {bytes}), 0, 0, bytes - 1));
  }
  AddCopy(&shift, DenseView(inner.StorageOf(newest), {filters, 1}),
          Sliced(DenseView(target, {filters, memory}), 1, memory - 1, 1));
  context.lowered.layers.push_back(std::move(shift));
  return LowerConv2d(inner, 1);
}

}  // namespace npugen::compiler

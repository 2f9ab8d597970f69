// SPDX-License-Identifier: Apache-2.0
// Shape arithmetic, as exports have it in front of Reshape: sizes of activations are constants.
#include <fmt/core.h>

#include <algorithm>

#include "sw/model/onnx/nodes.h"

namespace npugen::symbolic {
namespace {

constexpr const char* kLists = "lists of one dimension, as shapes are";

/// `index` within [0, size], negative ones counted from the end.
int64_t Place(double index, int64_t size) {
  const double place = index < 0 ? index + static_cast<double>(size) : index;
  return static_cast<int64_t>(std::clamp(place, 0.0, static_cast<double>(size)));
}

/// An input of the node that has one value; `otherwise` if it is absent.
Outcome OptionalScalar(Evaluator& evaluator, const Node& node, size_t input, const char* what,
                       double otherwise, double* scalar) {
  *scalar = otherwise;
  return node.Has(input) ? evaluator.FindScalar(node, input, what, scalar) : std::nullopt;
}

}  // namespace

Outcome ReadShape(Evaluator&, const Node& node, const Value& value, Value* result) {
  std::vector<double> dims{1, static_cast<double>(value.channels),
                           static_cast<double>(value.height), static_cast<double>(value.width)};
  if (value.flat) dims = {1, static_cast<double>(value.elements())};
  const auto rank = static_cast<int64_t>(dims.size());
  const int64_t start = Place(static_cast<double>(node.Integer("start", 0)), rank);
  const int64_t end = Place(static_cast<double>(node.Integer("end", rank)), rank);
  *result = Value();
  Constant& constant = result->constant;
  constant.values.assign(dims.begin() + start, dims.begin() + std::max(start, end));
  constant.dims = {static_cast<int64_t>(constant.values.size())};
  constant.is_integer = true;
  constant.data_type = kOnnxInt64;
  return std::nullopt;
}

Outcome FoldGather(Evaluator& evaluator, const Node& node, const Constant& in, Constant* out) {
  const Constant* indices = nullptr;
  if (auto refusal = evaluator.FindConstant(node, 1, &indices)) return refusal;
  const int64_t axis = node.Integer("axis", 0);
  if (in.dims.size() != 1 || (axis != 0 && axis != -1)) {
    return Pattern("its operand is a constant of several dimensions", kLists);
  }
  const auto size = static_cast<double>(in.values.size());
  out->values.clear();
  for (const double index : indices->values) {
    if (!(index >= -size && index < size)) {
      return Bad(fmt::format("index {} is beyond its operand", index), "");
    }
    out->values.push_back(in.values[static_cast<size_t>(index < 0 ? index + size : index)]);
  }
  out->dims = indices->dims;
  return std::nullopt;
}

Outcome FoldConcat(Evaluator& evaluator, const Node& node, const Constant& in, Constant* out) {
  const int64_t axis = node.Integer("axis", 0);
  if (in.dims.size() != 1 || (axis != 0 && axis != -1)) {
    return Pattern("its operand is a constant of several dimensions", kLists);
  }
  for (size_t i = 1; i < node.inputs.size(); ++i) {
    const Constant* part = nullptr;
    if (auto refusal = evaluator.FindConstant(node, i, &part)) return refusal;
    if (part->dims.size() != 1) return Pattern("its operands differ in rank", kLists);
    out->values.insert(out->values.end(), part->values.begin(), part->values.end());
    out->is_integer = out->is_integer && part->is_integer;
  }
  out->dims = {static_cast<int64_t>(out->values.size())};
  out->quantum = 0;
  return evaluator.Charge(out->values.size());
}

Outcome FoldSlice(Evaluator& evaluator, const Node& node, const Constant& in, Constant* out) {
  if (in.dims.size() != 1) {
    return Pattern("its operand is a constant of several dimensions", kLists);
  }
  double start = 0, end = 0, axis = 0, step = 1;
  if (node.Has(1)) {
    if (auto refusal = evaluator.FindScalar(node, 1, "start", &start)) return refusal;
    if (auto refusal = evaluator.FindScalar(node, 2, "end", &end)) return refusal;
    if (auto refusal = OptionalScalar(evaluator, node, 3, "axis", 0, &axis)) return refusal;
    if (auto refusal = OptionalScalar(evaluator, node, 4, "step", 1, &step)) return refusal;
  } else {  // before opset 10
    const std::vector<int64_t> starts = node.List("starts", {}), ends = node.List("ends", {});
    if (starts.size() != 1 || ends.size() != 1) {
      return Pattern("it does not have one start and one end", kLists);
    }
    start = static_cast<double>(starts[0]), end = static_cast<double>(ends[0]);
  }
  if ((axis != 0 && axis != -1) || step != 1) {
    return Pattern(fmt::format("its axis is {}, its step {}", axis, step), "0 and 1");
  }
  const auto size = static_cast<int64_t>(in.values.size());
  const int64_t from = Place(start, size), to = std::max(from, Place(end, size));
  out->values.assign(in.values.begin() + from, in.values.begin() + to);
  out->dims = {to - from};
  return std::nullopt;
}

}  // namespace npugen::symbolic

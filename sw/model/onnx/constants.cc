// SPDX-License-Identifier: Apache-2.0
// Nodes whose operand is a constant: their results are constants, too.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "sw/model/onnx/nodes.h"

namespace npugen::symbolic {
namespace {

/// Sets the shape of `out`; the number of elements stays.
Outcome SetShape(const std::vector<int64_t>& dims, Constant* out) {
  int64_t count = 1;
  for (int64_t dimension : dims) count *= dimension < 0 ? 0 : dimension;
  if (count != static_cast<int64_t>(out->values.size())) {
    return Bad("its shape does not fit its operand", "");
  }
  out->dims = dims;
  return std::nullopt;
}

}  // namespace

Outcome FoldIdentity(Evaluator&, const Node&, const Constant&, Constant*) { return std::nullopt; }

Outcome FoldCast(Evaluator&, const Node& node, const Constant&, Constant* out) {
  const int64_t to = node.Integer("to", 0);
  if (out->is_integer && (to == kOnnxInt32 || to == kOnnxInt64)) return std::nullopt;
  if (to != kOnnxFloat && to != kOnnxDouble) {
    return Pattern("its operand is a constant", "an activation");
  }
  out->is_integer = false;
  return std::nullopt;
}

Outcome FoldSign(Evaluator& evaluator, const Node& node, const Constant&, Constant* out) {
  double scale = 1;
  if (node.type == "BipolarQuant") {
    if (auto refusal = evaluator.FindScale(node, 1, &scale)) return refusal;
  }
  for (double& value : out->values) {
    if (value == 0 && node.type == "Sign") {
      return Bad("its operand has zeros, whose sign is no bit", "values other than 0");
    }
    value = value >= 0 ? scale : -scale;
  }
  out->is_integer = false;
  out->quantum = scale;
  return std::nullopt;
}

Outcome FoldQuant(Evaluator& evaluator, const Node& node, const Constant& in, Constant* out) {
  double scale = 1, zero = 0, width = 8;
  if (auto refusal = evaluator.FindScale(node, 1, &scale)) return refusal;
  if (node.Has(2)) {
    if (auto refusal = evaluator.FindScalar(node, 2, "zero point", &zero)) return refusal;
  }
  if (node.type == "Quant") {
    if (auto refusal = evaluator.FindScalar(node, 3, "bit width", &width)) return refusal;
    const bool is_signed = node.Integer("signed", 1) != 0;
    const bool narrow = node.Integer("narrow", 0) != 0;
    if (!is_signed || width < 2 || width > 8 || width != std::floor(width)) {
      return Pattern("it quantizes weights otherwise than to 2..8 signed bits",
                     "signed, 2 to 8 bits");
    }
    const double most = std::ldexp(1.0, static_cast<int>(width) - 1) - 1;
    for (double& value : out->values) {
      const double rounded =
          std::nearbyint(double{static_cast<float>(value) / static_cast<float>(scale)} + zero);
      value = std::clamp(rounded, narrow ? -most : -most - 1, most);
    }
  } else if (!in.is_integer) {
    return Pattern("its operand is a constant that is no integer", "int8");
  }
  for (double& value : out->values) value = (value - zero) * scale;
  out->is_integer = false;
  out->quantum = scale;
  return std::nullopt;
}

Outcome FoldTranspose(Evaluator&, const Node& node, const Constant& in, Constant* out) {
  const size_t rank = in.dims.size();
  std::vector<int64_t> reversed;
  for (size_t i = rank; i-- > 0;) reversed.push_back(static_cast<int64_t>(i));
  const std::vector<int64_t> order = node.List("perm", reversed);
  std::vector<int64_t> sorted = order;
  std::sort(sorted.begin(), sorted.end());
  for (size_t i = 0; i < sorted.size(); ++i) {
    if (sorted[i] != static_cast<int64_t>(i)) return Bad("its \"perm\" is no permutation", "");
  }
  if (order.size() != rank || rank > 8) return Bad("its \"perm\" does not fit its operand", "");
  std::vector<int64_t> steps(rank, 1), position(rank, 0);
  for (size_t i = rank; i-- > 1;) steps[i - 1] = steps[i] * in.dims[i];
  for (size_t i = 0; i < rank; ++i) out->dims[i] = in.dims[static_cast<size_t>(order[i])];
  for (double& value : out->values) {
    int64_t source = 0;
    for (size_t i = 0; i < rank; ++i) source += position[i] * steps[static_cast<size_t>(order[i])];
    value = in.values[static_cast<size_t>(source)];
    for (size_t i = rank; i-- > 0;) {
      if (++position[i] < out->dims[i]) break;
      position[i] = 0;
    }
  }
  return std::nullopt;
}

Outcome FoldReshape(Evaluator& evaluator, const Node& node, const Constant& in, Constant* out) {
  std::vector<int64_t> dims;
  const Constant* shape = nullptr;
  if (auto refusal = evaluator.FindConstant(node, 1, &shape)) return refusal;
  int64_t known = 1;
  int unknown = -1;
  for (size_t i = 0; i < shape->values.size() && i < 8; ++i) {
    double dimension = shape->values[i];
    if (dimension == 0 && i < in.dims.size()) dimension = static_cast<double>(in.dims[i]);
    if (dimension == -1) unknown = static_cast<int>(i);
    if (dimension < -1 || dimension > static_cast<double>(kMostElements)) {
      return Bad("its shape is illegal", "");
    }
    dims.push_back(static_cast<int64_t>(dimension));
    if (dimension > 0) known *= dims.back();
    if (known > kMostElements) return Bad("its shape is illegal", "");
  }
  if (unknown >= 0 && known > 0) {
    dims[static_cast<size_t>(unknown)] = static_cast<int64_t>(in.values.size()) / known;
  }
  return SetShape(dims, out);
}

Outcome FoldFlat(Evaluator&, const Node&, const Constant& in, Constant* out) {
  // Only the number of values matters to those who use them.
  return SetShape({static_cast<int64_t>(in.values.size())}, out);
}

}  // namespace npugen::symbolic

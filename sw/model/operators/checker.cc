// SPDX-License-Identifier: Apache-2.0
// Rules that many operators share.
#include "sw/model/operators/checker.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>

namespace npugen {
namespace {

constexpr size_t kMostRefusals = 16;  // of one operator, which may have any number of operands

}  // namespace

int64_t ElementCount(const std::vector<int32_t>& shape) {
  int64_t count = 1;
  for (int32_t dimension : shape) count = std::min<int64_t>(count * dimension, int64_t{1} << 31);
  return count;
}

std::optional<std::vector<int32_t>> BroadcastShape(const std::vector<int32_t>& a,
                                                   const std::vector<int32_t>& b) {
  std::vector<int32_t> shape(std::max(a.size(), b.size()));
  for (size_t i = 1; i <= shape.size(); ++i) {
    const int32_t first = i <= a.size() ? a[a.size() - i] : 1;
    const int32_t second = i <= b.size() ? b[b.size() - i] : 1;
    if (first != second && first != 1 && second != 1) return std::nullopt;
    shape[shape.size() - i] = std::max(first, second);
  }
  return shape;
}

void Checker::Refuse(DiagnosticCode code, std::string reason, std::string hint) {
  if (diagnostics_.size() >= kMostRefusals) return;
  Diagnostic error;
  error.code = code;
  error.location.file = model.name;
  error.message = fmt::format("operator {} {}: {}", op.index, op.name, reason);
  error.hint = std::move(hint);
  diagnostics_.push_back(std::move(error));
}

bool Checker::Operands(size_t least, size_t most) {
  const bool good = op.inputs.size() >= least && op.inputs.size() <= most &&
                    op.outputs.size() == 1 && op.outputs[0] >= 0 && Present(op.inputs, least);
  if (!good) {
    RefuseOperands(least == most
                       ? fmt::format("{} inputs and 1 output are expected", least)
                       : fmt::format("{} to {} inputs and 1 output are expected", least, most));
    return false;
  }
  op.inputs.resize(most, -1);
  return true;
}

bool Checker::ManyOperands(size_t least) {
  if (op.inputs.size() >= least && Present(op.inputs, op.inputs.size()) && op.outputs.size() == 1 &&
      op.outputs[0] >= 0) {
    return true;
  }
  RefuseOperands(fmt::format("at least {} inputs and 1 output are expected", least));
  return false;
}

bool Checker::ManyOutputs(size_t inputs) {
  if (op.inputs.size() == inputs && Present(op.inputs, inputs) && !op.outputs.empty() &&
      Present(op.outputs, op.outputs.size())) {
    return true;
  }
  RefuseOperands(fmt::format("{} inputs and at least 1 output are expected", inputs));
  return false;
}

void Checker::Operand(int32_t tensor, const char* role) {
  const Tensor& t = model.tensors[tensor];
  if (plain) {
    if (t.type == Output().type && t.scales.empty()) return;
    Refuse(DiagnosticCode::kOperatorType,
           fmt::format("{} {} does not have the type of output {}, or is quantized", role,
                       DescribeTensor(model, tensor), OutputText()));
  } else if (t.type != (wide ? TensorType::kInt16 : TensorType::kInt8)) {
    Refuse(DiagnosticCode::kOperatorType,
           fmt::format("{} {} is not {}", role, DescribeTensor(model, tensor),
                       wide ? "INT16" : "INT8"),
           "quantize the whole network to int8, or to int16 activations with int8 weights; its "
           "inputs and outputs may be float32");
  } else if (wide && t.zero_point() != 0) {
    Refuse(
        DiagnosticCode::kOperatorQuantization,
        fmt::format("{} {} has zero point {}", role, DescribeTensor(model, tensor), t.zero_point()),
        "int16 is quantized symmetrically");
  } else if (t.scales.size() != 1) {
    Refuse(DiagnosticCode::kOperatorQuantization,
           fmt::format("{} {} has {} scales, not one", role, DescribeTensor(model, tensor),
                       t.scales.size()));
  }
}

void Checker::NotConstant(int32_t tensor, const char* role) {
  if (!model.tensors[tensor].is_constant) return;
  Refuse(DiagnosticCode::kOperatorOperands,
         fmt::format("{} {} is a constant", role, DescribeTensor(model, tensor)));
}

void Checker::Activation(int32_t tensor, const char* role) {
  const bool before = refused();
  Operand(tensor, role);
  if (before || !refused()) NotConstant(tensor, role);
}

void Checker::OperandsOfOne() {
  bool constant = true;
  for (int32_t tensor : op.inputs) {
    Operand(tensor, "operand");
    constant &= model.tensors[tensor].is_constant;
  }
  if (constant) Refuse(DiagnosticCode::kOperatorOperands, "all operands are constants");
}

void Checker::Rank(const Tensor& tensor, const std::string& text, size_t rank) {
  if (tensor.shape.size() != rank) {
    Refuse(DiagnosticCode::kOperatorShape,
           fmt::format("{} has {} dimensions, not {}", text, tensor.shape.size(), rank));
  }
}

void Checker::OutputShape(const std::vector<int32_t>& expected) {
  ShapeOf(op.outputs[0], expected);
}

void Checker::ShapeOf(int32_t output, const std::vector<int32_t>& expected) {
  if (model.tensors[output].shape != expected) {
    Refuse(DiagnosticCode::kOperatorShape,
           fmt::format("output {} should have the shape {}", DescribeTensor(model, output),
                       ShapeText(expected)));
  }
}

void Checker::SameQuantization() {
  for (int32_t input : op.inputs) {
    for (int32_t output : op.outputs) SameQuantization(input, output);
    if (refused()) return;
  }
}

void Checker::SameQuantization(int32_t input, int32_t output) {
  const Tensor& in = model.tensors[input];
  const Tensor& out = model.tensors[output];
  if (in.scales == out.scales && in.zero_points == out.zero_points) return;
  Refuse(DiagnosticCode::kOperatorQuantization,
         fmt::format("input has scale {}, zero point {} but output has scale {}, zero point {}",
                     in.scale(), in.zero_point(), out.scale(), out.zero_point()),
         "both must be the same, since values are passed on unchanged");
}

void Checker::FusedActivation(npugen::Activation activation) {
  if (!ComputeActivationRange(activation, Output().scale(), Output().zero_point())) {
    Refuse(DiagnosticCode::kOperatorQuantization,
           fmt::format("the fused activation's limit is beyond int32 at output scale {}",
                       Output().scale()));
  }
}

void Checker::Positive(const char* what, int32_t value) {
  if (value <= 0) {
    Refuse(DiagnosticCode::kOperatorOptions, fmt::format("{} is {}, not positive", what, value));
  }
}

void Checker::Factors(const std::vector<double>& factors) {
  const int32_t bits = wide ? kMaxWideShift : kMaxLeftShift - 1;
  for (size_t c = 0; c < factors.size(); ++c) {
    if (std::isfinite(factors[c]) && factors[c] < std::ldexp(1.0, bits)) continue;
    Refuse(
        DiagnosticCode::kOperatorQuantization,
        fmt::format("channel {}: input scale * filter scale / output scale is {}", c, factors[c]),
        fmt::format("the factor must be below 2^{}", bits));
    return;
  }
}

void Checker::Multipliers(bool representable) {
  if (representable) return;
  Refuse(DiagnosticCode::kOperatorQuantization,
         op.inputs.size() > 1
             ? fmt::format("scales {} and {} cannot be combined to scale {}: a factor is beyond "
                           "its range",
                           Input(0).scale(), Input(1).scale(), Output().scale())
             : fmt::format("scale {} cannot be brought to scale {}: a factor is beyond its range",
                           Input(0).scale(), Output().scale()));
}

std::vector<int32_t> Checker::ConstantIntegers(size_t input, const char* role) {
  const Tensor& tensor = Input(input);
  if (tensor.type != TensorType::kInt32 || !tensor.is_constant) {
    Refuse(DiagnosticCode::kOperatorOperands,
           fmt::format("{} {} is not a constant of type INT32", role, InputText(input)));
    return {};
  }
  std::vector<int32_t> values(tensor.data.size() / sizeof(int32_t));
  std::memcpy(values.data(), tensor.data.data(), values.size() * sizeof(int32_t));
  return values;
}

int32_t Checker::ConstantInteger(size_t input, const char* role) {
  const std::vector<int32_t> values = ConstantIntegers(input, role);
  if (values.size() == 1) return values[0];
  if (!refused()) {
    Refuse(DiagnosticCode::kOperatorShape,
           fmt::format("{} {} does not have one element", role, InputText(input)));
  }
  return 0;
}

int32_t Checker::Axis(int32_t axis, size_t rank) {
  const auto count = static_cast<int32_t>(rank);
  if (axis < -count || axis >= count) {
    Refuse(DiagnosticCode::kOperatorShape,
           fmt::format("axis {} does not exist in {} dimensions", axis, rank));
    return -1;
  }
  return axis < 0 ? axis + count : axis;
}

std::vector<int32_t> Checker::Axes(const std::vector<int32_t>& values) {
  std::set<int32_t> axes;
  for (int32_t axis : values) {
    axes.insert(Axis(axis, Input(0).shape.size()));
    if (refused()) break;
  }
  return {axes.begin(), axes.end()};
}

Borders Checker::ConstantBorders(size_t input, const char* role, size_t dimensions) {
  const std::vector<int32_t> values = ConstantIntegers(input, role);
  if (refused()) return {};
  if (Input(input).shape != std::vector<int32_t>{static_cast<int32_t>(dimensions), 2}) {
    Refuse(DiagnosticCode::kOperatorShape,
           fmt::format("{} {} should have the shape [{},2]", role, InputText(input), dimensions));
    return {};
  }
  Borders borders;
  for (size_t i = 0; i < dimensions; ++i) {
    borders.emplace_back(values[2 * i], values[2 * i + 1]);
    if (values[2 * i] < 0 || values[2 * i + 1] < 0) {
      Refuse(DiagnosticCode::kOperatorShape,
             fmt::format("{} {} has {} and {} for dimension {}", role, InputText(input),
                         values[2 * i], values[2 * i + 1], i));
      return {};
    }
  }
  return borders;
}

void Checker::Count(size_t actual) {
  if (form.count >= 0 && static_cast<size_t>(form.count) != actual) {
    Refuse(DiagnosticCode::kOperatorOptions,
           fmt::format("names {} tensors but has {}", form.count, actual));
  }
}

bool Checker::Present(const std::vector<int32_t>& tensors, size_t count) {
  return std::none_of(tensors.begin(), tensors.begin() + static_cast<std::ptrdiff_t>(count),
                      [](int32_t tensor) { return tensor < 0; });
}

void Checker::RefuseOperands(std::string hint) {
  Refuse(DiagnosticCode::kOperatorOperands,
         fmt::format("has inputs {} and outputs {}", ShapeText(op.inputs), ShapeText(op.outputs)),
         std::move(hint));
}

}  // namespace npugen

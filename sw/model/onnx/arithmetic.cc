// SPDX-License-Identifier: Apache-2.0
// Add, Sub, Mul and Div: folded into the forms of sums, into scales, or into constants.
#include <fmt/core.h>

#include <cmath>

#include "sw/model/describe.h"
#include "sw/model/onnx/nodes.h"

namespace npugen::symbolic {
namespace {

constexpr size_t kMostFormBits = 16384;  // folded constants do not get longer in real networks

// Values for each channel of an activation: one for all, [C], [1,C] (flat), [C,1,1], [1,C,1,1].
Outcome PerChannel(const Constant& constant, const Value& value, std::vector<double>* list) {
  const auto count = static_cast<size_t>(value.channels);
  if (constant.values.size() == 1) {
    list->assign(count, constant.values[0]);
    return std::nullopt;
  }
  // The dimension of the channels, counted from the last one as broadcasting does.
  const size_t from_end = value.flat ? 1 : 3;
  const bool spatial = value.flat && (value.height != 1 || value.width != 1);
  const std::vector<int64_t>& dims = constant.dims;
  if (constant.values.size() != count || spatial || dims.size() < from_end ||
      dims[dims.size() - from_end] != value.channels) {
    return Pattern(
        fmt::format("a constant of shape {} meets {} channels", ShapeText(dims), value.channels),
        "one value for all, or one per channel");
  }
  *list = constant.values;
  return std::nullopt;
}

Outcome CheckProduct(double a, double b) {
  const double product = a * b;
  if (std::isfinite(product) && product != 0 && std::fma(a, b, -product) == 0 &&
      std::abs(product) > 0x1p-400) {
    return std::nullopt;
  }
  return Bad("a product of scales cannot be represented exactly", "fewer scales in a row");
}

Outcome FoldArithmetic(Evaluator& evaluator, const std::string& type, const Constant& a,
                       const Constant& b, Constant* out) {
  if (auto refusal = evaluator.Charge(a.values.size() + b.values.size())) return refusal;
  // [O,1,1,1] or one value against weights; also the same shape.
  const bool swap = a.values.size() < b.values.size();
  const Constant& large = swap ? b : a;
  const Constant& small = swap ? a : b;
  if (type != "Mul" || small.values.empty()) {
    return Pattern("its operands are two constants", "Mul of weights and scales");
  }
  const size_t block = large.values.size() / small.values.size();
  bool rows = small.values.size() == 1 || small.dims == large.dims;
  if (!rows && !small.dims.empty() && small.dims.size() == large.dims.size() &&
      small.dims[0] == large.dims[0] &&
      static_cast<int64_t>(small.values.size()) == small.dims[0]) {
    rows = true;
  }
  if (!rows || large.values.size() % small.values.size() != 0) {
    return Pattern("its two constants have different shapes",
                   "weights and one scale, or one scale per channel out");
  }
  *out = large;
  out->is_integer = false;
  out->quantum = 0;
  for (size_t i = 0; i < out->values.size(); ++i) {
    const double factor = small.values[i / block];
    if (factor == 0) return Bad("a scale is 0", "other scales");
    if (large.values[i] != 0) {
      if (auto refusal = CheckProduct(large.values[i], factor)) return refusal;
    }
    out->values[i] = large.values[i] * factor;
  }
  return std::nullopt;
}

/// What a form stands for, and a constant.
Outcome FoldIntoForm(Evaluator& evaluator, const std::string& type, double constant, Form* form) {
  Dyadic factor = Dyadic::FromDouble(constant);
  if (type == "Add") {
    form->r = form->r + factor * form->e;
  } else if (type == "Sub") {
    form->r = form->r - factor * form->e;
  } else {
    if (type == "Div") {
      if (factor.Sign() == 0) return Bad("it divides by 0", "");
      form->e = form->e * (factor.Sign() < 0 ? factor.Negated() : factor);
      factor = Dyadic::FromInteger(factor.Sign());
    }
    form->p = form->p * factor;
    form->q = form->q * factor;
    form->r = form->r * factor;
  }
  return CheckForm(evaluator, *form);
}

/// The sums of a layer and a constant.
Outcome FoldIntoForms(Evaluator& evaluator, const std::string& type, const Value& activation,
                      const Constant& constant, Value* result) {
  std::vector<double> list;
  if (auto refusal = PerChannel(constant, activation, &list)) return refusal;
  *result = activation;
  for (size_t c = 0; c < list.size(); ++c) {
    if (auto refusal = FoldIntoForm(evaluator, type, list[c], &result->forms[c])) return refusal;
  }
  return std::nullopt;
}

}  // namespace

Outcome CheckForm(Evaluator& evaluator, const Form& form) {
  if (form.p.Bits() + form.q.Bits() + form.r.Bits() + form.e.Bits() <= kMostFormBits) {
    return evaluator.Charge(4);
  }
  return Bad("too many constants in a row to be folded exactly", "fewer of them");
}

Outcome ReadArithmetic(Evaluator& evaluator, const Node& node, const Value& first, Value* result) {
  const Value* second = nullptr;
  if (auto refusal = evaluator.Find(node, 1, &second)) return refusal;
  const std::string& type = node.type;
  if (first.kind == Kind::kConstant && second->kind == Kind::kConstant) {
    return FoldArithmetic(evaluator, type, first.constant, second->constant, &result->constant);
  }
  if (first.kind != Kind::kConstant && second->kind != Kind::kConstant) {
    return Pattern("both operands are activations", "one constant operand");
  }
  const bool swapped = first.kind == Kind::kConstant;
  if (swapped && (type == "Sub" || type == "Div")) {
    return Pattern("the activation is the second operand", "the first one");
  }
  const Value& activation = swapped ? *second : first;
  const Constant& constant = swapped ? first.constant : second->constant;
  if (auto refusal = evaluator.Charge(constant.values.size())) return refusal;
  if (activation.kind == Kind::kSums) {
    return FoldIntoForms(evaluator, type, activation, constant, result);
  }
  if (activation.kind == Kind::kInput && constant.values.size() == 1) {
    *result = activation;
    if (result->forms.empty()) result->forms.push_back(Form::Identity());
    return FoldIntoForm(evaluator, type, constant.values[0], &result->forms[0]);
  }
  if ((activation.kind == Kind::kBits || activation.kind == Kind::kBytes) && type == "Mul" &&
      constant.values.size() == 1 && constant.values[0] > 0) {
    const double scale = activation.scale * constant.values[0];
    if (auto refusal = CheckProduct(activation.scale, constant.values[0])) return refusal;
    *result = activation;
    result->scale = scale;
    return std::nullopt;
  }
  return Pattern(
      fmt::format("its operand is {}", KindName(activation.kind)),
      "the sums of a layer, Mul of bits by one positive number, or one number for all of "
      "the input");
}

}  // namespace npugen::symbolic

// SPDX-License-Identifier: Apache-2.0
// Names to values, the end of a layer.
#include "sw/model/onnx/evaluator.h"

#include <fmt/core.h>

#include "sw/model/describe.h"

namespace npugen::symbolic {

// Here, since copies of values would be compiled wherever one is made.
Form::Form() = default;
Form::Form(const Form&) = default;
Form::Form(Form&&) noexcept = default;
Form& Form::operator=(const Form&) = default;
Form::~Form() = default;
Form Form::Identity() {
  Form form;
  form.p = form.v = form.e = Dyadic::FromInteger(1);
  return form;
}
Value::Value() = default;
Value::Value(const Value&) = default;
Value::Value(Value&&) noexcept = default;
Value& Value::operator=(const Value&) = default;
Value& Value::operator=(Value&&) noexcept = default;
Value::~Value() = default;

Refusal::Refusal(Code refused, std::string why, std::string legal)
    : code(refused), message(std::move(why)), hint(std::move(legal)) {}
Refusal::Refusal(Refusal&&) noexcept = default;
Refusal::Refusal(const Refusal&) = default;
Refusal& Refusal::operator=(Refusal&&) noexcept = default;
Refusal& Refusal::operator=(const Refusal&) = default;
Refusal::~Refusal() = default;

Refusal Pattern(const std::string& message, const std::string& hint) {
  return {Code::kOnnxPattern, message, hint};
}
Refusal Bad(const std::string& message, const std::string& hint) {
  return {Code::kOnnxConstant, message, hint};
}

const char* KindName(Kind kind) {
  switch (kind) {
    case Kind::kConstant:
      return "a constant";
    case Kind::kInput:
      return "the network's input without a quantizer";
    case Kind::kBits:
      return "an activation of bits";
    case Kind::kBytes:
      return "an int8 activation";
    case Kind::kSums:
      return "the sums of a layer";
  }
  return "?";
}

Outcome Evaluator::Charge(size_t elements) {
  spent_ += elements + 16;
  if (spent_ <= 64 * file_bytes_ + (size_t{1} << 20)) return std::nullopt;
  return Refusal{Code::kModelTooLarge, "constants are used too often for a file of this size",
                 "a constant for each layer"};
}

Outcome Evaluator::Find(const Node& node, size_t input, const Value** value) {
  if (input >= node.inputs.size() || node.inputs[input].empty()) {
    return Pattern(fmt::format("input {} is missing", input), "all inputs of the operator");
  }
  const auto found = values.find(node.inputs[input]);
  if (found == values.end()) {
    return Refusal{Code::kOnnxDamaged,
                   fmt::format("input {} \"{}\" is not the result of a node before it", input,
                               PrintableName(node.inputs[input])),
                   "nodes in the order of execution"};
  }
  *value = &found->second;
  // Results often begin as copies.
  return Charge(found->second.layer.filter.data.size() + found->second.forms.size());
}

Outcome Evaluator::FindConstant(const Node& node, size_t input, const Constant** constant) {
  const Value* value = nullptr;
  if (auto refusal = Find(node, input, &value)) return refusal;
  if (value->kind != Kind::kConstant) {
    return Pattern(fmt::format("input {} is {}", input, KindName(value->kind)), "a constant");
  }
  *constant = &value->constant;
  return Charge(value->constant.values.size());
}

Outcome Evaluator::FindScalar(const Node& node, size_t input, const char* what, double* scalar) {
  const Constant* constant = nullptr;
  if (auto refusal = FindConstant(node, input, &constant)) return refusal;
  if (constant->values.size() != 1) {
    return Pattern(fmt::format("its {} has {} values", what, constant->values.size()),
                   "one for the tensor");
  }
  *scalar = constant->values[0];
  return std::nullopt;
}

Outcome Evaluator::FindScale(const Node& node, size_t input, double* scale) {
  if (auto refusal = FindScalar(node, input, "scale", scale)) return refusal;
  if (*scale > 0) return std::nullopt;
  return Bad(fmt::format("its scale is {}", *scale), "a positive one");
}

Outcome Evaluator::Close(const Value& value, BinaryConvOptions options, Tensor output,
                         int32_t* tensor) {
  if (auto refusal = Charge(value.layer.filter.data.size())) return refusal;
  const int32_t filter = Add(value.layer.filter);
  *tensor = Add(std::move(output));
  AddOperator(OperatorType::kBinaryConv2d, {value.layer.input, filter}, *tensor,
              std::move(options));
  if (const auto problem = CheckSums(model, model.operators.back())) {
    return Refusal{Code::kModelSums, *problem, ""};
  }
  return std::nullopt;
}

}  // namespace npugen::symbolic

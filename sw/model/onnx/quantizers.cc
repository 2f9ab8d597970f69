// SPDX-License-Identifier: Apache-2.0
// Sign, BipolarQuant, Quant, QuantizeLinear and DequantizeLinear; how a layer's sums end.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "sw/model/onnx/nodes.h"

namespace npugen::symbolic {
namespace {

// What one unit of the sums is worth; for people, nothing is computed with it.
float OutputScale(const Value& value) {
  // p and e are positive; both within some powers of two of the quotient.
  double low = 0x1p-60, high = 0x1p60;
  for (int i = 0; i < 200 && low * (1 + 0x1p-30) < high; ++i) {
    const double middle = std::sqrt(low) * std::sqrt(high);
    const Dyadic product = Dyadic::FromDouble(middle) * value.forms[0].e;
    const int sign = (product - value.forms[0].p).Sign();
    if (sign == 0) return static_cast<float>(middle);
    (sign > 0 ? high : low) = middle;
  }
  return static_cast<float>(high);
}

// a / b if it is an integer within int32; b > 0.
std::optional<int32_t> ExactQuotient(const Dyadic& a, const Dyadic& b) {
  int64_t low = INT32_MIN, high = INT32_MAX;  // the largest integer i with i * b <= a
  while (low < high) {
    const int64_t middle = low + (high - low + 1) / 2;
    if ((Dyadic::FromInteger(middle) * b - a).Sign() <= 0) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  if ((Dyadic::FromInteger(low) * b - a).Sign() != 0) return std::nullopt;
  return static_cast<int32_t>(low);
}

// Thresholds at which sums become +1: values of 0 and more.
Outcome CloseAsBits(Evaluator& evaluator, const Value& value, double scale, Value* result) {
  BinaryConvOptions options = value.layer.options;
  options.thresholds.resize(1);
  const Tensor& filter = value.layer.filter;
  const int64_t taps = int64_t{filter.shape[1]} * filter.shape[2] * filter.shape[3];
  const bool bits = filter.type == TensorType::kBits;
  const int64_t reach = bits ? taps : taps * 255 * 128;
  if (reach >= INT32_MAX) {
    return Refusal{Code::kModelSums, fmt::format("sums can reach {}", reach),
                   "layers of fewer inputs"};
  }
  // What comes behind a pool rises or falls with the largest value: then the bit of the largest
  // one is an OR or an AND of all bits. An AND is an OR of inverted bits.
  std::vector<bool> inverted;
  for (size_t c = 0; c < value.forms.size(); ++c) {
    const Form& form = value.forms[c];
    const auto is_plus = [&](int64_t sum) {
      return SignOfRootSum(form.p * Dyadic::FromInteger(sum) + form.q, form.r, form.v) >= 0;
    };
    // The value grows with the sum, or falls: one boundary, found by bisection.
    const bool falls = form.p.Sign() < 0;
    int64_t low = -reach, high = reach + 1;  // of [low, high] the first sum on the upper side
    while (low < high) {
      const int64_t middle = low + (high - low) / 2;
      if (is_plus(middle) != falls) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    options.thresholds[0].push_back(static_cast<int32_t>(low));
    const bool inverts = value.pool && falls != value.pool->falls[c];
    inverted.push_back(inverts);
    options.flip.push_back(falls != inverts ? 1 : 0);
  }
  *result = value;
  result->kind = Kind::kBits;
  result->scale = scale;
  result->forms.clear();
  result->layer = {};
  result->pool.reset();
  if (std::find(inverted.begin(), inverted.end(), true) != inverted.end()) {
    result->inverted = std::move(inverted);
  }
  const int32_t height = value.pool ? value.pool->height : value.height;
  const int32_t width = value.pool ? value.pool->width : value.width;
  if (auto refusal =
          evaluator.Close(value, std::move(options),
                          BitTensor(fmt::format("bits {}", evaluator.model.operators.size()),
                                    height, width, value.channels, 1),
                          &result->tensor)) {
    return refusal;
  }
  return value.pool ? AddPool(evaluator, value.pool->options, result) : std::nullopt;
}

}  // namespace

Outcome CloseAsSums(Evaluator& evaluator, const Value& value) {
  if (value.pool) return Pattern("a MaxPool of sums ends the network", "a quantizer behind it");
  BinaryConvOptions options = value.layer.options;
  // (p S + q + r) / e with the same p / e for all channels: S + (q + r) / p, scaled.
  const Form& first = value.forms[0];
  const Dyadic one = Dyadic::FromInteger(1);
  for (size_t c = 0; c < value.forms.size(); ++c) {
    const Form& form = value.forms[c];
    const char* hint = "sums times one positive factor, and an integer bias";
    if ((form.v - one).Sign() != 0) {
      return Pattern("the last layer's sums have a batch normalization", hint);
    }
    if (form.p.Sign() <= 0 || (form.p * first.e - first.p * form.e).Sign() != 0) {
      return Pattern(fmt::format("channel {} has a factor of its own, or a negative one", c), hint);
    }
    const auto bias = ExactQuotient(form.q + form.r, form.p);
    if (!bias) {
      return Pattern(
          fmt::format("the bias of channel {} is no integer number of the sums' units", c), hint);
    }
    options.bias.push_back(*bias);
  }
  Tensor output =
      ByteTensor("sums", value.height, value.width, value.channels, TensorType::kInt32, 0);
  output.scales = {OutputScale(value)};
  int32_t tensor = -1;
  if (auto refusal = evaluator.Close(value, std::move(options), std::move(output), &tensor))
    return refusal;
  evaluator.EndWith(value, tensor);
  return std::nullopt;
}

Outcome ReadSign(Evaluator& evaluator, const Node& node, const Value& value, Value* result) {
  double scale = 1;
  if (node.type == "BipolarQuant") {
    if (auto refusal = evaluator.FindScale(node, 1, &scale)) return refusal;
  }
  switch (value.kind) {
    case Kind::kSums:
      return CloseAsBits(evaluator, value, scale, result);
    case Kind::kInput:
      if (!evaluator.model.inputs.empty()) break;
      if (auto refusal = evaluator.InputBits(value, result)) return refusal;
      result->scale = scale;
      return std::nullopt;
    case Kind::kBits:
      *result = value;
      result->scale = scale;
      return std::nullopt;
    default:
      break;
  }
  return Pattern(fmt::format("its operand is {}", KindName(value.kind)), "the sums of a layer");
}

Outcome ReadQuant(Evaluator& evaluator, const Node& node, const Value& value, Value* result) {
  if (value.kind != Kind::kInput || !evaluator.model.inputs.empty()) {
    return Pattern(fmt::format("its operand is {}", KindName(value.kind)),
                   "the network's input: between layers BipolarQuant or Sign");
  }
  if (!value.forms.empty()) {
    return Pattern("the input is computed with before it", "a quantizer to int8 behind the input");
  }
  double scale = 1, zero = 0, width = 8;
  if (auto refusal = evaluator.FindScale(node, 1, &scale)) return refusal;
  const Constant* zero_constant = nullptr;
  if (node.Has(2)) {
    if (auto refusal = evaluator.FindScalar(node, 2, "zero point", &zero)) return refusal;
    if (auto refusal = evaluator.FindConstant(node, 2, &zero_constant)) return refusal;
  }
  if (node.type == "Quant") {
    if (auto refusal = evaluator.FindScalar(node, 3, "bit width", &width)) return refusal;
    if (node.Integer("signed", 1) == 0 || width != 8) {
      return Pattern("it quantizes the input otherwise than to int8", "signed, 8 bits");
    }
  } else if (zero_constant == nullptr) {
    return Pattern("without a zero point it quantizes to uint8", "a zero point of int8");
  }
  if (zero < -128 || zero > 127 || zero != std::floor(zero)) {
    return Bad(fmt::format("its zero point is {}", zero), "-128 to 127");
  }
  if (node.type == "QuantizeLinear") {
    // DequantizeLinear says what they are worth.
    *result = evaluator.InputBytes(value, static_cast<float>(scale), static_cast<int32_t>(zero));
    result->integers = zero != 0;
    return std::nullopt;
  }
  *result = evaluator.InputBytes(value, static_cast<float>(scale), static_cast<int32_t>(zero));
  result->scale = scale;
  return std::nullopt;
}

Outcome ReadDequantize(Evaluator& evaluator, const Node& node, const Value& value, Value* result) {
  // The zero point becomes the tensor's: no other operator may have seen another one.
  const Model& model = evaluator.model;
  const bool seen = std::any_of(model.operators.begin(), model.operators.end(), [](const auto& op) {
    return op.type != OperatorType::kQuantize && op.type != OperatorType::kTranspose;
  });
  if (value.kind != Kind::kBytes || seen || value.scale != 1 || evaluator.dequantized) {
    return Pattern(fmt::format("its operand is {}", KindName(value.kind)),
                   "the int8 input of the network, once, or a constant");
  }
  double scale = 1, zero = 0;
  if (auto refusal = evaluator.FindScale(node, 1, &scale)) return refusal;
  if (node.Has(2)) {
    if (auto refusal = evaluator.FindScalar(node, 2, "zero point", &zero)) return refusal;
  }
  if (zero < -128 || zero > 127 || zero != std::floor(zero)) {
    return Bad(fmt::format("its zero point is {}", zero), "-128 to 127");
  }
  // That of a float input is the one it was quantized with.
  if (evaluator.float_input && model.tensors[value.tensor].zero_point() != zero) {
    return Bad(fmt::format("its zero point is {}, another one than the quantizer's", zero), "");
  }
  evaluator.dequantized = true;
  for (const int32_t tensor : {model.inputs[0], value.tensor}) {
    if (!evaluator.float_input) {
      evaluator.model.tensors[tensor].zero_points[0] = static_cast<int32_t>(zero);
    }
  }
  *result = value;
  result->integers = false;
  result->scale = scale;
  return std::nullopt;
}

}  // namespace npugen::symbolic

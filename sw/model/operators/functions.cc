// SPDX-License-Identifier: Apache-2.0
// Functions of one value, QUANTIZE and softmax: what their scales may be.
#include "sw/model/operators/functions.h"

#include <fmt/core.h>

#include <cmath>

#include "sw/model/operators/rules.h"

namespace npugen {
namespace {

// More exponentials than this could overflow the Q12.19 sum of TFLite's softmax.
constexpr int32_t kMaxSoftmaxDepth = 4095;
constexpr int32_t kMaxWideSoftmaxDepth = 32768;
/// TFLM accepts scales of int16 results that are nearly those that it computes with.
constexpr float kWideTolerance = 1e-3f;
constexpr float kSoftmaxOutputScale = 1.0f / 256.0f;
constexpr int32_t kSoftmaxOutputZeroPoint = -128;

void ReadSoftmax(OptionReader& reader) {
  if (!reader.Expect(tflite::kOptionsSoftmax, true)) return;
  reader.op.options = SoftmaxOptions{.beta = reader.Real(tflite::SoftmaxField::kBeta)};
}

void ReadLeakyRelu(OptionReader& reader) {
  if (!reader.Expect(tflite::kOptionsLeakyRelu, false)) return;
  reader.op.options = LeakyReluOptions{.alpha = reader.Real(tflite::LeakyReluField::kAlpha)};
}

/// `tolerance`: relative, of the scale.
void FixedOutput(Checker& check, float scale, int32_t zero_point, const char* scale_text,
                 float tolerance = 0.0f) {
  if (std::abs(check.Output().scale() - scale) <= tolerance * scale &&
      check.Output().zero_point() == zero_point) {
    return;
  }
  check.Refuse(DiagnosticCode::kOperatorQuantization,
               fmt::format("output {} has scale {}, zero point {}", check.OutputText(),
                           check.Output().scale(), check.Output().zero_point()),
               fmt::format("scale {} and zero point {} are required", scale_text, zero_point));
}

/// To int16, from int16 or int8.
void CheckWideSoftmax(Checker& check) {
  const float beta = std::get<SoftmaxOptions>(check.op.options).beta;
  const bool from_int8 = check.Input(0).type == TensorType::kInt8;
  check.NotConstant(check.op.outputs[0], "output");
  check.wide = !from_int8;
  check.Activation(check.op.inputs[0], "input");
  if (check.refused()) return;
  check.OutputShape(check.Input(0).shape);
  if (check.Input(0).shape.empty() ||
      check.Input(0).shape.back() > (from_int8 ? kMaxSoftmaxDepth : kMaxWideSoftmaxDepth)) {
    check.Refuse(DiagnosticCode::kOperatorShape,
                 fmt::format("input {} has no dimension, or too many classes", check.InputText(0)));
  }
  if (from_int8) {
    FixedOutput(check, 1.0f / 65536.0f, -32768, "1/65536", kWideTolerance);
  } else {
    FixedOutput(check, 1.0f / 32768.0f, 0, "1/32768", kWideTolerance);
  }
  const float scale = check.Input(0).scale();
  if (!std::isfinite(beta) || !(from_int8 ? ComputeSoftmaxParameters(beta, scale).has_value()
                                          : WideSoftmaxFactor(beta, scale).has_value())) {
    check.Refuse(DiagnosticCode::kOperatorOptions,
                 fmt::format("beta {} with input scale {} is beyond its range, or not a number",
                             beta, scale));
  }
}

void CheckSoftmax(Checker& check) {
  if (!check.Operands(1, 1)) return;
  if (check.wide) return CheckWideSoftmax(check);
  const auto& options = std::get<SoftmaxOptions>(check.op.options);
  check.Activation(check.op.inputs[0], "input");
  check.Activation(check.op.outputs[0], "output");
  if (check.refused()) return;
  check.OutputShape(check.Input(0).shape);
  if (check.Input(0).shape.empty()) {
    check.Refuse(DiagnosticCode::kOperatorShape,
                 fmt::format("input {} has no dimension", check.InputText(0)));
  } else if (check.Input(0).shape.back() > kMaxSoftmaxDepth) {
    check.Refuse(DiagnosticCode::kOperatorShape,
                 fmt::format("{} classes are too many", check.Input(0).shape.back()),
                 fmt::format("at most {} classes cannot overflow the sum", kMaxSoftmaxDepth));
  }
  if (check.Output().scale() != kSoftmaxOutputScale ||
      check.Output().zero_point() != kSoftmaxOutputZeroPoint) {
    check.Refuse(DiagnosticCode::kOperatorQuantization,
                 fmt::format("output {} has scale {}, zero point {}", check.OutputText(),
                             check.Output().scale(), check.Output().zero_point()),
                 "probabilities must have scale 1/256 and zero point -128");
  }
  if (!std::isfinite(options.beta) ||
      !ComputeSoftmaxParameters(options.beta, check.Input(0).scale())) {
    check.Refuse(DiagnosticCode::kOperatorOptions,
                 fmt::format("beta {} with input scale {} is too small, or not a number",
                             options.beta, check.Input(0).scale()));
  }
}

/// What all functions of one value have in common. False: nothing more can be said.
bool CheckFunction(Checker& check) {
  if (!check.Operands(1, 1)) return false;
  check.Activation(check.op.inputs[0], "input");
  check.Activation(check.op.outputs[0], "output");
  if (check.refused()) return false;
  check.OutputShape(check.Input(0).shape);
  return true;
}

/// LOGISTIC and TANH of int16.
void CheckWideSigmoid(Checker& check) {
  FixedOutput(check, 1.0f / 32768.0f, 0, "1/32768", kWideTolerance / 2);
  check.Multipliers(ComputeWideSigmoidFactor(check.Input(0).scale(), /*tanh=*/false).has_value() &&
                    ComputeWideSigmoidFactor(check.Input(0).scale(), /*tanh=*/true).has_value());
}

void CheckLogistic(Checker& check) {
  if (!CheckFunction(check)) return;
  if (check.wide) return CheckWideSigmoid(check);
  FixedOutput(check, 1.0f / 256.0f, -128, "1/256");
  check.Multipliers(ComputeSigmoidParameters(check.Input(0).scale()).has_value());
}

void CheckTanh(Checker& check) {
  if (!CheckFunction(check)) return;
  if (check.wide) return CheckWideSigmoid(check);
  FixedOutput(check, 1.0f / 128.0f, 0, "1/128");
  check.Multipliers(ComputeSigmoidParameters(check.Input(0).scale()).has_value());
}

void CheckHardSwish(Checker& check) {
  if (!CheckFunction(check)) return;
  check.Multipliers(
      ComputeHardSwishParameters(check.Input(0).scale(), check.Output().scale()).has_value());
}

void CheckLeakyRelu(Checker& check) {
  if (!CheckFunction(check)) return;
  check.Multipliers(ComputeLeakyReluMultipliers(std::get<LeakyReluOptions>(check.op.options).alpha,
                                                check.Input(0).scale(), check.Output().scale(),
                                                check.wide)
                        .has_value());
}

/// Computed in float32, then as int32.
void CheckElu(Checker& check) {
  if (!CheckFunction(check)) return;
  const float scale = check.Input(0).scale();
  const float scale_out = check.Output().scale();
  check.Multipliers(UnaryMultiplier(scale, scale_out) && std::isfinite(255.0f * scale) &&
                    std::isfinite(1.0f / scale_out));
}

/// RELU, ABS.
void CheckUnary(Checker& check) {
  if (!CheckFunction(check) || check.plain) return;
  check.Multipliers(
      UnaryMultiplier(check.Input(0).scale(), check.Output().scale(), check.wide).has_value());
}

/// It only clamps; the kernel of uint8 rescales as well.
void CheckRelu6(Checker& check) {
  if (!CheckFunction(check) || !check.op.from_uint8) return;
  check.Multipliers(
      UnaryMultiplier(check.Input(0).scale(), check.Output().scale(), check.wide).has_value());
  check.FusedActivation(Activation::kRelu6);
}

/// What has a table of all values, computed in float32.
void CheckTable(Checker& check) {
  if (!CheckFunction(check) || check.plain) return;
  check.Multipliers(std::isfinite(256.0f * check.Input(0).scale()) &&
                    std::isfinite(1.0f / check.Output().scale()) &&
                    std::isfinite(256.0f * check.Output().scale()));
}

void CheckSqrt(Checker& check) {
  CheckTable(check);
  if (check.plain && !check.refused() && check.Output().type != TensorType::kFloat32) {
    check.Refuse(DiagnosticCode::kOperatorType,
                 fmt::format("output {} is not FLOAT32", check.OutputText()));
  }
  if (check.plain || check.refused() || check.Input(0).zero_point() == -128) return;
  check.Refuse(DiagnosticCode::kOperatorQuantization,
               fmt::format("input {} has zero point {}: values below it have no root",
                           check.InputText(0), check.Input(0).zero_point()),
               "the input's zero point must be -128");
}

void CheckRsqrt(Checker& check) {
  if (!CheckFunction(check)) return;
  check.Multipliers(RsqrtMultiplier(check.Input(0).scale(), check.Output().scale()).has_value());
  if (check.Input(0).zero_point() == -128) return;
  check.Refuse(DiagnosticCode::kOperatorQuantization,
               fmt::format("input {} has zero point {}: values below it have no root",
                           check.InputText(0), check.Input(0).zero_point()),
               "the input's zero point must be -128");
}

/// From float32: on the host, by a division in float32.
void CheckQuantizeFloat(Checker& check) {
  const TensorType to = check.Output().type;
  if (to != TensorType::kInt8 && to != TensorType::kUint8 && to != TensorType::kInt16) {
    check.Refuse(DiagnosticCode::kOperatorType,
                 fmt::format("output {} is not INT8, UINT8 or INT16", check.OutputText()));
    return;
  }
  check.NotConstant(check.op.inputs[0], "input");
  check.NotConstant(check.op.outputs[0], "output");
  if (check.Output().scales.size() != 1) {
    check.Refuse(DiagnosticCode::kOperatorQuantization,
                 fmt::format("output {} has {} scales, not one", check.OutputText(),
                             check.Output().scales.size()));
  }
  check.OutputShape(check.Input(0).shape);
}

bool ReadsFloat(const Model& model, const Operator& op) {
  return model.tensors[op.inputs[0]].type == TensorType::kFloat32;
}

void CheckQuantize(Checker& check) {
  if (!check.Operands(1, 1)) return;
  const TensorType from = check.Input(0).type;
  const TensorType to = check.Output().type;
  if (from == TensorType::kFloat32) return CheckQuantizeFloat(check);
  bool known = false;
  switch (from) {
    case TensorType::kInt8:
      known = to == TensorType::kInt8 || to == TensorType::kUint8 || to == TensorType::kInt16 ||
              to == TensorType::kInt32;
      break;
    case TensorType::kUint8:
      known = to == TensorType::kInt8;
      break;
    case TensorType::kInt16:
      known = to == TensorType::kInt8 || to == TensorType::kInt16 || to == TensorType::kInt32;
      break;
    case TensorType::kInt32:
      known = to == TensorType::kInt8 || to == TensorType::kInt16;
      break;
    default:
      break;
  }
  if (!known) {
    check.Refuse(
        DiagnosticCode::kOperatorType,
        fmt::format("input {} cannot become output {}", check.InputText(0), check.OutputText()),
        "quantize the whole network to int8; its inputs and outputs may be float32");
    return;
  }
  check.NotConstant(check.op.inputs[0], "input");
  check.NotConstant(check.op.outputs[0], "output");
  for (int32_t tensor : {check.op.inputs[0], check.op.outputs[0]}) {
    if (check.model.tensors[tensor].scales.size() == 1) continue;
    check.Refuse(DiagnosticCode::kOperatorQuantization,
                 fmt::format("{} has {} scales, not one", DescribeTensor(check.model, tensor),
                             check.model.tensors[tensor].scales.size()));
  }
  if (check.refused()) return;
  check.OutputShape(check.Input(0).shape);
  // Differences to other zero points of an int32 could overflow, and so could sums with them.
  constexpr int32_t kLargestZeroPoint = 1 << 29;
  if ((from == TensorType::kInt32 && check.Input(0).zero_point() != 0) ||
      std::abs(int64_t{check.Output().zero_point()}) > kLargestZeroPoint) {
    check.Refuse(DiagnosticCode::kOperatorQuantization,
                 fmt::format("zero points {} and {} can overflow int32",
                             check.Input(0).zero_point(), check.Output().zero_point()));
  }
  check.Multipliers(
      RescaleMultiplier(check.Input(0).scale(), check.Output().scale(), ValueBits(from))
          .has_value());
}

}  // namespace

const OperatorRules kSoftmaxRules = {ReadSoftmax, CheckSoftmax, ComputesWide, true};
const OperatorRules kLogisticRules = {DefaultOptions<NoOptions>, CheckLogistic, ComputesWide, true};
const OperatorRules kTanhRules = {DefaultOptions<NoOptions>, CheckTanh, ComputesWide, true};
const OperatorRules kHardSwishRules = {DefaultOptions<NoOptions>, CheckHardSwish};
const OperatorRules kEluRules = {DefaultOptions<NoOptions>, CheckElu};
const OperatorRules kLeakyReluRules = {ReadLeakyRelu, CheckLeakyRelu, ComputesWide, true};
const OperatorRules kReluRules = {DefaultOptions<NoOptions>, CheckUnary};
const OperatorRules kRelu6Rules = {DefaultOptions<NoOptions>, CheckRelu6};
const OperatorRules kAbsRules = {DefaultOptions<NoOptions>, CheckUnary, ComputesOnHost, true, true};
const OperatorRules kRsqrtRules = {DefaultOptions<NoOptions>, CheckRsqrt};
const OperatorRules kNegRules = {DefaultOptions<NoOptions>, CheckUnary, ComputesPlain, false, true};
const OperatorRules kExpRules = {DefaultOptions<NoOptions>, CheckTable};
const OperatorRules kLogRules = {DefaultOptions<NoOptions>, CheckTable};
const OperatorRules kSqrtRules = {DefaultOptions<NoOptions>, CheckSqrt, ComputesPlain, false, true};
const OperatorRules kQuantizeRules = {DefaultOptions<NoOptions>, CheckQuantize, ReadsFloat};

}  // namespace npugen

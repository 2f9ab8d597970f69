// SPDX-License-Identifier: Apache-2.0
// Operators that only run on the host: types and shapes.
#include <fmt/core.h>

#include "sw/model/operators/rules.h"

namespace npugen {
namespace {

void CheckDequantize(Checker& check) {
  if (!check.Operands(1, 1)) return;
  const Tensor& input = check.Input(0);
  if (input.type != TensorType::kInt8 && input.type != TensorType::kUint8 &&
      input.type != TensorType::kInt16) {
    check.Refuse(DiagnosticCode::kOperatorType,
                 fmt::format("input {} is not INT8, UINT8 or INT16", check.InputText(0)));
    return;
  }
  if (check.Output().type != TensorType::kFloat32) {
    check.Refuse(DiagnosticCode::kOperatorType,
                 fmt::format("output {} is not FLOAT32", check.OutputText()));
    return;
  }
  check.NotConstant(check.op.inputs[0], "input");
  check.NotConstant(check.op.outputs[0], "output");
  if (input.scales.size() != 1) {
    check.Refuse(
        DiagnosticCode::kOperatorQuantization,
        fmt::format("input {} has {} scales, not one", check.InputText(0), input.scales.size()));
  }
  check.OutputShape(input.shape);
}

void ReadL2Normalization(OptionReader& reader) {
  reader.op.options = NoOptions{};
  if (!reader.Expect(tflite::kOptionsL2Norm, false)) return;
  if (reader.Activation(tflite::L2NormField::kActivation) != Activation::kNone) {
    reader.Refuse("has a fused activation");
  }
}

void CheckL2Normalization(Checker& check) {
  if (!check.Operands(1, 1)) return;
  check.Activation(check.op.inputs[0], "input");
  check.Activation(check.op.outputs[0], "output");
  if (check.refused()) return;
  // Its results are integers in this scale, whatever the file says.
  if (check.Output().scale() != 1.0f / 128 || check.Output().zero_point() != 0) {
    check.Refuse(
        DiagnosticCode::kOperatorQuantization,
        fmt::format("output {} has scale {} and zero point {}, not 1/128 and 0", check.OutputText(),
                    check.Output().scale(), check.Output().zero_point()));
  }
  const std::vector<int32_t>& shape = check.Input(0).shape;
  // The sum of squares of a row is an int32.
  constexpr int32_t kLongestRow = 1 << 15;
  if (shape.empty() || shape.size() > 4 || shape.back() > kLongestRow) {
    check.Refuse(DiagnosticCode::kOperatorShape,
                 fmt::format("input {} does not have 1 to 4 dimensions with rows of at most {}",
                             check.InputText(0), kLongestRow));
  }
  check.OutputShape(shape);
}

void CheckLogSoftmax(Checker& check) {
  if (!check.Operands(1, 1)) return;
  check.Activation(check.op.inputs[0], "input");
  check.Activation(check.op.outputs[0], "output");
  if (check.refused()) return;
  if (check.Output().scale() != 16.0f / 256 || check.Output().zero_point() != 127) {
    check.Refuse(
        DiagnosticCode::kOperatorQuantization,
        fmt::format("output {} has scale {} and zero point {}, not 1/16 and 127",
                    check.OutputText(), check.Output().scale(), check.Output().zero_point()));
  }
  const std::vector<int32_t>& shape = check.Input(0).shape;
  constexpr int32_t kLongestRow = 4095;  // sums of exponentials are Q12.19
  if (shape.empty() || shape.back() > kLongestRow) {
    check.Refuse(
        DiagnosticCode::kOperatorShape,
        fmt::format("input {} does not have rows of at most {}", check.InputText(0), kLongestRow));
  }
  check.OutputShape(shape);
  check.Multipliers(ComputeLogSoftmaxParameters(check.Input(0).scale()).has_value());
}

}  // namespace

const OperatorRules kLogSoftmaxRules = {DefaultOptions<NoOptions>, CheckLogSoftmax, AlwaysOnHost};
const OperatorRules kL2NormalizationRules = {ReadL2Normalization, CheckL2Normalization,
                                             AlwaysOnHost};
const OperatorRules kDequantizeRules = {DefaultOptions<NoOptions>, CheckDequantize, AlwaysOnHost};

}  // namespace npugen

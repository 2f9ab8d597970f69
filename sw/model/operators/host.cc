// SPDX-License-Identifier: Apache-2.0
// Operators that only run on the host: types and shapes.
#include <fmt/core.h>

#include <algorithm>

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

/// Types of numbers that the host's kernels know.
bool IsNumber(TensorType type) {
  return ElementBytes(type) != 0 && type != TensorType::kInt4 && type != TensorType::kBool;
}

void CheckCast(Checker& check) {
  if (!check.Operands(1, 1)) return;
  check.NotConstant(check.op.inputs[0], "input");
  check.NotConstant(check.op.outputs[0], "output");
  if (!IsNumber(check.Input(0).type) || !IsNumber(check.Output().type)) {
    check.Refuse(DiagnosticCode::kOperatorType,
                 fmt::format("{} or {} is no INT8, UINT8, INT16, INT32, INT64 or FLOAT32",
                             check.InputText(0), check.OutputText()));
  }
  check.OutputShape(check.Input(0).shape);
}

void CheckGatherNd(Checker& check) {
  if (!check.Operands(2, 2)) return;
  const Tensor& data = check.Input(0);
  const Tensor& indices = check.Input(1);
  check.NotConstant(check.op.outputs[0], "output");
  if (data.is_constant && indices.is_constant) {
    check.Refuse(DiagnosticCode::kOperatorOperands, "all operands are constants");
  }
  if (!IsNumber(data.type) || indices.type != TensorType::kInt32 ||
      check.Output().type != data.type) {
    check.Refuse(DiagnosticCode::kOperatorType,
                 fmt::format("takes {} with indices {} to {}: indices must be INT32, and the "
                             "output have the data's type",
                             check.InputText(0), check.InputText(1), check.OutputText()));
  }
  const size_t depth =
      indices.shape.empty() ? 0 : static_cast<size_t>(std::max(0, indices.shape.back()));
  if (depth == 0 || depth > data.shape.size() || depth > kMostHostDimensions ||
      indices.elements() == 0 || data.elements() == 0) {
    check.Refuse(DiagnosticCode::kOperatorShape,
                 fmt::format("indices {} do not name 1 to {} dimensions of {}", check.InputText(1),
                             kMostHostDimensions, check.InputText(0)));
    return;
  }
  std::vector<int32_t> expected(indices.shape.begin(), indices.shape.end() - 1);
  expected.insert(expected.end(), data.shape.begin() + static_cast<std::ptrdiff_t>(depth),
                  data.shape.end());
  check.OutputShape(expected);
  check.SameQuantization(check.op.inputs[0], check.op.outputs[0]);
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

const OperatorRules kCastRules = {DefaultOptions<NoOptions>, CheckCast, AlwaysOnHost};
const OperatorRules kGatherNdRules = {DefaultOptions<NoOptions>, CheckGatherNd, AlwaysOnHost};
const OperatorRules kLogSoftmaxRules = {DefaultOptions<NoOptions>, CheckLogSoftmax, AlwaysOnHost};
const OperatorRules kL2NormalizationRules = {ReadL2Normalization, CheckL2Normalization,
                                             AlwaysOnHost};
const OperatorRules kDequantizeRules = {DefaultOptions<NoOptions>, CheckDequantize, AlwaysOnHost};

}  // namespace npugen

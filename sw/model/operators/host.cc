// SPDX-License-Identifier: Apache-2.0
// Operators that only run on the host: types and shapes.
#include <fmt/core.h>

#include "sw/model/operators/rules.h"

namespace npugen {
namespace {

bool Always(const Model&, const Operator&) { return true; }

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

}  // namespace

const OperatorRules kDequantizeRules = {DefaultOptions<NoOptions>, CheckDequantize, Always};

}  // namespace npugen

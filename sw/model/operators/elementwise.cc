// SPDX-License-Identifier: Apache-2.0
// Operators of several tensors: broadcasting, factors.
#include "sw/model/operators/elementwise.h"

#include <fmt/core.h>

#include "sw/model/operators/rules.h"

namespace npugen {
namespace {

/// ADD, SUB, MUL and DIV: their tables have the same field.
template <uint8_t kind>
void ReadFused(OptionReader& reader) {
  if (!reader.Expect(kind, false)) return;
  reader.op.options = AddOptions{.activation = reader.Activation(tflite::AddField::kActivation)};
}

/// What all operators of two operands have in common. False: nothing more can or need be said.
bool CheckTwoOperands(Checker& check) {
  if (!check.Operands(2, 2)) return false;
  check.OperandsOfOne();
  check.Activation(check.op.outputs[0], "output");
  if (check.refused()) return false;
  const auto shape = BroadcastShape(check.Input(0).shape, check.Input(1).shape);
  if (!shape) {
    check.Refuse(DiagnosticCode::kOperatorShape,
                 fmt::format("the operands' shapes {} and {} cannot be broadcast",
                             ShapeText(check.Input(0).shape), ShapeText(check.Input(1).shape)),
                 "dimensions must be equal, or one of them 1");
    return false;
  }
  check.OutputShape(*shape);
  if ((check.wide || check.plain) && shape->size() > kMostHostDimensions) {
    check.Refuse(DiagnosticCode::kOperatorShape,
                 fmt::format("{} dimensions, more than {}", shape->size(), kMostHostDimensions));
  }
  if (check.plain && ElementCount(*shape) == 0) {
    check.Refuse(DiagnosticCode::kOperatorShape,
                 fmt::format("output {} is empty", check.OutputText()));
  }
  if (check.plain) return false;
  if (const auto* options = std::get_if<AddOptions>(&check.op.options)) {
    check.FusedActivation(options->activation);
  }
  return true;
}

/// DIV, FLOOR_DIV, FLOOR_MOD: only on numbers that are not quantized.
void CheckPlain(Checker& check) {
  if (!check.plain) {
    check.Refuse(DiagnosticCode::kOperatorType,
                 "does not compute on INT32 or FLOAT32 without scales");
    return;
  }
  CheckTwoOperands(check);
  if (!check.refused() && check.op.type != OperatorType::kDiv &&
      check.Output().type != TensorType::kInt32) {
    check.Refuse(DiagnosticCode::kOperatorType,
                 fmt::format("output {} is not INT32", check.OutputText()));
  }
}

void CheckAdd(Checker& check) {
  if (!CheckTwoOperands(check)) return;
  check.Multipliers(ComputeAddMultipliers(check.Input(0).scale(), check.Input(1).scale(),
                                          check.Output().scale(),
                                          check.wide ? kWideAddLeftShift : kAddLeftShift)
                        .has_value());
}

void CheckSub(Checker& check) {
  if (!CheckTwoOperands(check)) return;
  // TensorFlow Lite, of uint8, forms its factors in double; TFLM in float32.
  const auto factors = check.op.from_uint8 ? ComputeAddMultipliers : ComputeSubMultipliers;
  check.Multipliers(factors(check.Input(0).scale(), check.Input(1).scale(), check.Output().scale(),
                            check.wide ? kWideAddLeftShift : kAddLeftShift)
                        .has_value());
}

void CheckMul(Checker& check) {
  if (!CheckTwoOperands(check)) return;
  check.Multipliers(MulMultiplier(check.Input(0).scale(), check.Input(1).scale(),
                                  check.Output().scale(), check.wide, check.op.from_uint8)
                        .has_value());
}

void CheckSquaredDifference(Checker& check) {
  if (!CheckTwoOperands(check)) return;
  check.Multipliers(ComputeSquaredDifferenceMultipliers(
                        check.Input(0).scale(), check.Input(1).scale(), check.Output().scale(),
                        check.wide ? 0 : kSquaredDifferenceLeftShift)
                        .has_value());
}

/// MAXIMUM, MINIMUM: values are compared as they are.
void CheckExtreme(Checker& check) {
  if (CheckTwoOperands(check)) check.SameQuantization();
}

void CheckAddN(Checker& check) {
  if (!check.ManyOperands(2)) return;
  check.OperandsOfOne();
  check.Activation(check.op.outputs[0], "output");
  if (check.refused()) return;
  if (check.op.inputs.size() > kMaxAddNOperands) {
    check.Refuse(DiagnosticCode::kOperatorOperands,
                 fmt::format("adds {} operands", check.op.inputs.size()),
                 fmt::format("at most {} cannot overflow the sum", kMaxAddNOperands));
  }
  check.OutputShape(check.Input(0).shape);
  for (size_t i = 1; i < check.op.inputs.size(); ++i) {
    if (check.Input(i).shape != check.Input(0).shape) {
      check.Refuse(DiagnosticCode::kOperatorShape,
                   fmt::format("operands {} and {} differ in shape", check.InputText(0),
                               check.InputText(i)));
    }
    if (check.Input(i).scale() != check.Input(0).scale() ||
        check.Input(i).zero_point() != check.Input(0).zero_point()) {
      check.Refuse(DiagnosticCode::kOperatorQuantization,
                   fmt::format("operands {} and {} differ in scale or zero point",
                               check.InputText(0), check.InputText(i)));
    }
  }
  check.Multipliers(
      ComputeAddMultipliers(check.Input(0).scale(), check.Input(0).scale(), check.Output().scale())
          .has_value());
}

void CheckPrelu(Checker& check) {
  if (!check.Operands(2, 2)) return;
  check.Activation(check.op.inputs[0], "input");
  const bool wide = check.wide;
  check.wide = false;  // alpha always has 8 bits
  check.Operand(check.op.inputs[1], "alpha");
  check.wide = wide;
  check.Activation(check.op.outputs[0], "output");
  if (check.refused()) return;
  if (!check.Input(1).is_constant) {
    check.Refuse(DiagnosticCode::kOperatorOperands,
                 fmt::format("alpha {} is not constant", check.InputText(1)));
  }
  if (BroadcastShape(check.Input(0).shape, check.Input(1).shape) != check.Input(0).shape) {
    check.Refuse(DiagnosticCode::kOperatorShape,
                 fmt::format("alpha {} cannot be broadcast to input {}", check.InputText(1),
                             check.InputText(0)));
  }
  check.OutputShape(check.Input(0).shape);
  if (wide &&
      (check.Input(1).zero_point() != 0 || check.Input(0).shape.size() > kMostHostDimensions)) {
    check.Refuse(DiagnosticCode::kOperatorQuantization,
                 fmt::format("alpha {} has zero point {}, or there are more than {} dimensions",
                             check.InputText(1), check.Input(1).zero_point(), kMostHostDimensions));
  }
  check.Multipliers(ComputePreluMultipliers(check.Input(0).scale(), check.Input(1).scale(),
                                            check.Output().scale(), wide)
                        .has_value());
}

}  // namespace

const OperatorRules kAddRules = {ReadFused<tflite::kOptionsAdd>, CheckAdd, ComputesOnHost, true,
                                 true};
const OperatorRules kSubRules = {ReadFused<tflite::kOptionsSub>, CheckSub, ComputesOnHost, true,
                                 true};
const OperatorRules kMulRules = {ReadFused<tflite::kOptionsMul>, CheckMul, ComputesOnHost, true,
                                 true};
const OperatorRules kMaximumRules = {DefaultOptions<NoOptions>, CheckExtreme, ComputesOnHost, true,
                                     true};
const OperatorRules kMinimumRules = {DefaultOptions<NoOptions>, CheckExtreme, ComputesOnHost, true,
                                     true};
const OperatorRules kSquaredDifferenceRules = {DefaultOptions<NoOptions>, CheckSquaredDifference,
                                               ComputesOnHost, true, true};
const OperatorRules kDivRules = {ReadFused<tflite::kOptionsDiv>, CheckPlain, ComputesPlain, false,
                                 true};
const OperatorRules kFloorDivRules = {DefaultOptions<NoOptions>, CheckPlain, ComputesPlain, false,
                                      true};
const OperatorRules kFloorModRules = {DefaultOptions<NoOptions>, CheckPlain, ComputesPlain, false,
                                      true};
const OperatorRules kAddNRules = {DefaultOptions<NoOptions>, CheckAddN};
const OperatorRules kPreluRules = {DefaultOptions<NoOptions>, CheckPrelu, ComputesWide, true};

}  // namespace npugen

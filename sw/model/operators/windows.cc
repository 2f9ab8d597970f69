// SPDX-License-Identifier: Apache-2.0
// Pools and reductions: options and shapes.
#include "sw/model/operators/windows.h"

#include <fmt/core.h>

#include <bit>
#include <set>

#include "sw/model/operators/rules.h"

namespace npugen {
namespace {

void ReadPool(OptionReader& reader) {
  using Field = tflite::PoolField;
  if (!reader.Expect(tflite::kOptionsPool, true)) return;
  reader.op.options = PoolOptions{.padding = reader.Padding(Field::kPadding),
                                  .stride_h = reader.Number(Field::kStrideH, 0),
                                  .stride_w = reader.Number(Field::kStrideW, 0),
                                  .filter_h = reader.Number(Field::kFilterH, 0),
                                  .filter_w = reader.Number(Field::kFilterW, 0),
                                  .activation = reader.Activation(Field::kActivation)};
}

void ReadReduce(OptionReader& reader) {
  if (!reader.Expect(tflite::kOptionsReducer, false)) return;
  reader.op.options =
      ReduceOptions{.axes = {}, .keep_dims = reader.Flag(tflite::ReducerField::kKeepDims)};
}

void CheckPool(Checker& check) {
  if (!check.Operands(1, 1)) return;
  const auto& options = std::get<PoolOptions>(check.op.options);
  check.Activation(check.op.inputs[0], "input");
  check.Activation(check.op.outputs[0], "output");
  check.Rank(check.Input(0), "input " + check.InputText(0), 4);
  check.Rank(check.Output(), "output " + check.OutputText(), 4);
  check.Positive("stride_h", options.stride_h);
  check.Positive("stride_w", options.stride_w);
  check.Positive("filter_height", options.filter_h);
  check.Positive("filter_width", options.filter_w);
  if (check.refused()) return;
  const std::vector<int32_t>& in = check.Input(0).shape;
  check.OutputShape(
      {in[0], WindowOutputSize(options.padding, in[1], options.filter_h, options.stride_h, 1),
       WindowOutputSize(options.padding, in[2], options.filter_w, options.stride_w, 1), in[3]});
  check.SameQuantization();
  check.FusedActivation(options.activation);
}

/// What all reductions have in common. The number of elements of which one becomes; empty: refused,
/// so that nothing more can be said.
std::optional<int64_t> CheckReduction(Checker& check) {
  if (!check.Operands(2, 2)) return std::nullopt;
  auto& options = std::get<ReduceOptions>(check.op.options);
  check.Activation(check.op.inputs[0], "input");
  check.Activation(check.op.outputs[0], "output");
  const std::vector<int32_t> values = check.ConstantIntegers(1, "axis list");
  check.KeepInputs(1);
  if (check.refused()) return std::nullopt;
  options.axes = check.Axes(values);
  if (check.refused()) return std::nullopt;
  const std::vector<int32_t>& in = check.Input(0).shape;
  const std::set<int32_t> axes(options.axes.begin(), options.axes.end());
  std::vector<int32_t> expected;
  int64_t count = 1;
  for (int32_t i = 0; i < static_cast<int32_t>(in.size()); ++i) {
    if (!axes.contains(i)) {
      expected.push_back(in[i]);
      continue;
    }
    count *= in[i];
    if (options.keep_dims) expected.push_back(1);
  }
  check.OutputShape(expected);
  if (check.wide && in.size() > kMostHostDimensions) {
    check.Refuse(DiagnosticCode::kOperatorShape,
                 fmt::format("{} dimensions, more than {}", in.size(), kMostHostDimensions));
  }
  return count;
}

void CheckMean(Checker& check) {
  const std::optional<int64_t> count = CheckReduction(check);
  if (!count) return;
  if (check.wide && *count > (1 << 15)) {
    check.Refuse(DiagnosticCode::kOperatorShape,
                 fmt::format("sums of {} values can overflow int32", *count));
  }
  check.Factors(
      {static_cast<double>(check.Input(0).scale()) / static_cast<double>(check.Output().scale())});
}

void CheckSum(Checker& check) {
  const std::optional<int64_t> count = CheckReduction(check);
  if (!count) return;
  const int32_t bits =
      64 - std::countl_zero(static_cast<uint64_t>(*count) * (check.wide ? 32768 : 255));
  check.Multipliers(
      bits <= 30 &&
      RescaleMultiplier(check.Input(0).scale(), check.Output().scale(), bits).has_value());
}

void CheckReduceExtreme(Checker& check) {
  if (CheckReduction(check)) check.SameQuantization();
}

void CheckArg(Checker& check) {
  if (!check.Operands(2, 2)) return;
  check.Activation(check.op.inputs[0], "input");
  const int32_t axis = check.ConstantInteger(1, "axis");
  check.KeepInputs(1);
  if (check.Output().type != TensorType::kInt32 && check.Output().type != TensorType::kInt64) {
    check.Refuse(DiagnosticCode::kOperatorType,
                 fmt::format("output {} is not INT32 or INT64", check.OutputText()));
  }
  check.NotConstant(check.op.outputs[0], "output");
  if (check.refused()) return;
  auto& options = std::get<AxisOptions>(check.op.options);
  std::vector<int32_t> expected = check.Input(0).shape;
  options.axis = check.Axis(axis, expected.size());
  if (check.refused()) return;
  expected.erase(expected.begin() + options.axis);
  check.OutputShape(expected);
}

}  // namespace

const OperatorRules kMaxPool2dRules = {ReadPool, CheckPool, ComputesWide, true};
const OperatorRules kAveragePool2dRules = {ReadPool, CheckPool, ComputesWide, true};
const OperatorRules kMeanRules = {ReadReduce, CheckMean, ComputesWide, true};
const OperatorRules kSumRules = {ReadReduce, CheckSum, ComputesWide, true};
const OperatorRules kReduceMaxRules = {ReadReduce, CheckReduceExtreme, ComputesWide, true};
const OperatorRules kReduceMinRules = {ReadReduce, CheckReduceExtreme, ComputesWide, true};
// The output tensor says its type, no option.
const OperatorRules kArgMaxRules = {DefaultOptions<AxisOptions>, CheckArg};
const OperatorRules kArgMinRules = {DefaultOptions<AxisOptions>, CheckArg};

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// SVDF and LSTM: types, shapes and factors.
#include "sw/model/operators/recurrent.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "sw/model/operators/rules.h"

namespace npugen {
namespace {

constexpr int32_t kTanh = 4;  // ActivationFunctionType

/// The NPU has states of int8, of one sequence.
bool SvdfOnHost(const Model& model, const Operator& op) {
  const Tensor& state = model.tensors[op.inputs[4]];
  return state.type != TensorType::kInt8 || state.shape[0] != 1;
}

void ReadSvdf(OptionReader& reader) {
  if (!reader.Expect(tflite::kOptionsSvdf, true)) return;
  reader.op.options = SvdfOptions{.rank = reader.Number(tflite::SvdfField::kRank, 0)};
}

void ReadLstm(OptionReader& reader) {
  using Field = tflite::SequenceLstmField;
  if (!reader.Expect(tflite::kOptionsSequenceLstm, true)) return;
  if (reader.Code(Field::kActivation, "an activation") != kTanh) {
    reader.Refuse("has another activation than TANH");
  }
  reader.op.options = LstmOptions{.cell_clip = reader.Real(Field::kCellClip),
                                  .time_major = reader.Flag(Field::kTimeMajor)};
}

/// A constant of a type and shape, with one scale and zero point 0.
void Weights(Checker& check, size_t input, const char* role, TensorType type,
             const std::vector<int32_t>& shape) {
  const Tensor& tensor = check.Input(input);
  if (tensor.type != type || !tensor.is_constant) {
    check.Refuse(DiagnosticCode::kOperatorType,
                 fmt::format("{} {} are not constant, or not {}", role, check.InputText(input),
                             type == TensorType::kInt16 ? "INT16" : "INT8"));
  } else if (tensor.shape != shape) {
    check.Refuse(DiagnosticCode::kOperatorShape,
                 fmt::format("{} {} should have the shape {}", role, check.InputText(input),
                             ShapeText(shape)));
  } else if (tensor.scales.size() != 1 || tensor.zero_point() != 0) {
    check.Refuse(DiagnosticCode::kOperatorQuantization,
                 fmt::format("{} {} have {} scales and zero point {}, not one and 0", role,
                             check.InputText(input), tensor.scales.size(), tensor.zero_point()));
  }
}

void Bias(Checker& check, size_t input, TensorType type, int32_t count) {
  if (check.op.inputs[input] < 0) return;
  const Tensor& tensor = check.Input(input);
  if (tensor.type == type && tensor.is_constant && tensor.elements() == count) return;
  check.Refuse(
      DiagnosticCode::kOperatorOperands,
      fmt::format("bias {} is not a constant of {} elements of type {}", check.InputText(input),
                  count, type == TensorType::kInt64 ? "INT64" : "INT32"));
}

/// A state and what it becomes: the output that was added for it.
void State(Checker& check, size_t input, size_t output, TensorType type, int64_t count) {
  const Tensor& tensor = check.Input(input);
  const int32_t next = check.op.outputs[output];
  if (tensor.is_constant || tensor.type != type || tensor.elements() != count ||
      check.model.tensors[next].type != type || check.model.tensors[next].elements() != count) {
    check.Refuse(DiagnosticCode::kOperatorOperands,
                 fmt::format("{} is not a variable of {} elements of its type",
                             check.InputText(input), count));
  } else if (tensor.scales.size() != 1) {
    check.Refuse(DiagnosticCode::kOperatorQuantization,
                 fmt::format("state {} has {} scales, not one", check.InputText(input),
                             tensor.scales.size()));
  }
}

/// The inputs that the file has, of which those in `present` are there, and outputs.
bool Tensors(Checker& check, size_t inputs, const std::vector<size_t>& present, size_t outputs) {
  const auto& in = check.op.inputs;
  const bool good =
      in.size() == inputs && check.op.outputs.size() == outputs &&
      std::all_of(present.begin(), present.end(), [&](size_t i) { return in[i] >= 0; }) &&
      std::all_of(check.op.outputs.begin(), check.op.outputs.end(),
                  [](int32_t output) { return output >= 0; });
  if (good) return true;
  check.Refuse(
      DiagnosticCode::kOperatorOperands,
      fmt::format("has inputs {} and outputs {}", ShapeText(in), ShapeText(check.op.outputs)),
      "its states must be variables");
  return false;
}

void CheckSvdf(Checker& check) {
  if (!Tensors(check, 5, {0, 1, 2, 4}, 2)) return;
  const auto& options = std::get<SvdfOptions>(check.op.options);
  check.Activation(check.op.inputs[0], "input");
  check.Activation(check.op.outputs[0], "output");
  check.Rank(check.Input(0), "input " + check.InputText(0), 2);
  check.Rank(check.Input(1), "feature weights " + check.InputText(1), 2);
  check.Rank(check.Input(2), "time weights " + check.InputText(2), 2);
  check.Positive("rank", options.rank);
  if (check.refused()) return;
  const int32_t batches = check.Input(0).shape[0], inputs = check.Input(0).shape[1];
  const int32_t filters = check.Input(1).shape[0], memory = check.Input(2).shape[1];
  if (filters % options.rank != 0) {
    check.Refuse(DiagnosticCode::kOperatorOptions,
                 fmt::format("{} filters are no multiple of rank {}", filters, options.rank));
    return;
  }
  const TensorType type =
      check.Input(2).type == TensorType::kInt16 ? TensorType::kInt16 : TensorType::kInt8;
  Weights(check, 1, "feature weights", TensorType::kInt8, {filters, inputs});
  Weights(check, 2, "time weights", type, {filters, memory});
  Bias(check, 3, TensorType::kInt32, filters / options.rank);
  State(check, 4, 1, type, int64_t{batches} * filters * memory);
  if (check.Input(4).shape != std::vector<int32_t>{batches, filters * memory}) {
    check.Refuse(DiagnosticCode::kOperatorShape,
                 fmt::format("state {} should have the shape {}", check.InputText(4),
                             ShapeText(std::vector<int32_t>{batches, filters * memory})));
  }
  check.OutputShape({batches, filters / options.rank});
  if (!check.refused()) check.Multipliers(ComputeSvdfFactors(check.model, check.op).has_value());
}

void CheckLstm(Checker& check) {
  // Older files have no places for layer normalization.
  if (check.op.inputs.size() == 20) check.op.inputs.resize(24, -1);
  if (!Tensors(check, 24, {0, 1, 2, 3, 4, 5, 6, 7, 8, 18, 19}, 3)) return;
  for (const size_t variant : {9, 10, 11, 16, 17, 20, 21, 22, 23}) {
    if (check.op.inputs[variant] < 0) continue;
    check.Refuse(DiagnosticCode::kOperatorOperands,
                 "has peepholes, a projection or layer normalization");
    return;
  }
  const std::vector<int32_t> in = check.op.inputs;
  check.op.inputs.assign(in.begin(), in.begin() + 9);
  check.op.inputs.insert(check.op.inputs.end(), in.begin() + 12, in.begin() + 16);
  check.op.inputs.insert(check.op.inputs.end(), {in[18], in[19]});
  const auto& options = std::get<LstmOptions>(check.op.options);
  const bool wide = check.Input(0).type == TensorType::kInt16;
  check.wide = wide;
  check.Activation(check.op.inputs[0], "input");
  check.Activation(check.op.outputs[0], "output");
  check.Rank(check.Input(0), "input " + check.InputText(0), 3);
  check.Rank(check.Input(1), "weights " + check.InputText(1), 2);
  if (check.refused()) return;
  const std::vector<int32_t>& shape = check.Input(0).shape;
  const int32_t batches = shape[options.time_major ? 1 : 0];
  const int32_t units = check.Input(1).shape[0];
  const TensorType bias = wide ? TensorType::kInt64 : TensorType::kInt32;
  for (size_t gate = 0; gate < 4; ++gate) {
    Weights(check, 1 + gate, "weights", TensorType::kInt8, {units, shape[2]});
    Weights(check, 5 + gate, "recurrent weights", TensorType::kInt8, {units, units});
    Bias(check, 9 + gate, bias, units);
  }
  const TensorType type = wide ? TensorType::kInt16 : TensorType::kInt8;
  State(check, 13, 1, type, int64_t{batches} * units);
  State(check, 14, 2, TensorType::kInt16, int64_t{batches} * units);
  check.OutputShape({shape[0], shape[1], units});
  if (!std::isfinite(options.cell_clip) || options.cell_clip < 0) {
    check.Refuse(DiagnosticCode::kOperatorOptions,
                 fmt::format("cell_clip is {}", options.cell_clip));
  }
  if (check.refused()) return;
  check.Multipliers(ComputeLstmFactors(check.model, check.op).has_value());
}

}  // namespace

const OperatorRules kSvdfRules = {ReadSvdf, CheckSvdf, SvdfOnHost};
const OperatorRules kSequenceLstmRules = {ReadLstm, CheckLstm, AlwaysOnHost};

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// Runs the kernels of a network's operators in order.
#include "verif/golden/golden_model.h"

#include <fmt/core.h>

#include "verif/golden/kernels.h"
#include "verif/golden/plain.h"
#include "verif/golden/wide.h"

namespace npugen {
namespace {

constexpr int64_t kMostActivationBytes = int64_t{1} << 32;

/// By OperatorType.
constexpr golden::Kernel (*kMakers[])(const golden::Node& node) = {
#define NPUGEN_OPERATOR(kind, ...) golden::Make##kind,
#include "sw/model/operators.def"
#undef NPUGEN_OPERATOR
};

}  // namespace

struct GoldenModel::Prepared {
  Model model;
  std::vector<golden::Kernel> kernels;
};

GoldenModel::GoldenModel(const Model& model, Rounding rounding)
    : prepared_(std::make_unique<Prepared>(Prepared{model, {}})) {
  for (const Operator& op : prepared_->model.operators) {
    const golden::Node node{prepared_->model, op, rounding};
    const auto maker = kMakers[static_cast<size_t>(op.type)];
    prepared_->kernels.push_back(golden::IsWide(node)    ? golden::MakeWide(node, maker)
                                 : golden::IsPlain(node) ? golden::MakePlain(node, maker)
                                                         : maker(node));
  }
}

GoldenModel::~GoldenModel() = default;
GoldenModel::GoldenModel(GoldenModel&&) noexcept = default;

Result<TensorBytes> GoldenModel::Run(const std::vector<std::vector<uint8_t>>& inputs,
                                     std::vector<std::vector<uint8_t>>* states) const {
  const Model& model = prepared_->model;
  const auto refuse = [&](DiagnosticCode code, std::string message) {
    Diagnostic error;
    error.code = code;
    error.location.file = model.name;
    error.message = std::move(message);
    return error;
  };
  if (inputs.size() != model.inputs.size()) {
    return refuse(DiagnosticCode::kModelInput,
                  fmt::format("{} inputs given, {} needed", inputs.size(), model.inputs.size()));
  }
  int64_t total = 0;
  for (const Tensor& tensor : model.tensors) total += tensor.is_constant ? 0 : tensor.bytes();
  if (total > kMostActivationBytes) {
    return refuse(DiagnosticCode::kModelTooLarge,
                  fmt::format("all tensors together have {} bytes, more than {}", total,
                              kMostActivationBytes));
  }
  TensorBytes bytes(model.tensors.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Tensor& tensor = model.tensors[model.inputs[i]];
    if (inputs[i].size() != tensor.bytes()) {
      return refuse(DiagnosticCode::kModelInput, fmt::format("input {} has {} bytes, {} needed", i,
                                                             inputs[i].size(), tensor.bytes()));
    }
    bytes[model.inputs[i]] = inputs[i];
  }
  for (size_t i = 0; i < model.states.size(); ++i) {
    const Model::State& state = model.states[i];
    const bool first = states == nullptr || states->empty();
    bytes[state.read] = first ? state.initial : (*states)[i];
  }
  for (size_t i = 0; i < model.operators.size(); ++i) {
    const Operator& op = model.operators[i];
    golden::Run run;
    for (int32_t input : op.inputs) {
      const bool constant = input >= 0 && model.tensors[input].is_constant;
      run.inputs.push_back(input < 0  ? nullptr
                           : constant ? &model.tensors[input].data
                                      : &bytes[input]);
    }
    for (int32_t output : op.outputs) {
      bytes[output].resize(model.tensors[output].bytes());
      run.outputs.push_back(&bytes[output]);
    }
    prepared_->kernels[i](run);
  }
  if (states != nullptr) {
    states->clear();
    for (const Model::State& state : model.states) states->push_back(bytes[state.written]);
  }
  return bytes;
}

Result<TensorBytes> RunGolden(const Model& model, const std::vector<std::vector<uint8_t>>& inputs,
                              Rounding rounding) {
  return GoldenModel(model, rounding).Run(inputs);
}

}  // namespace npugen

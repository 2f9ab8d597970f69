// SPDX-License-Identifier: Apache-2.0
// The table of operators in memory.
#include "sw/model/operators/rules.h"

namespace npugen {
namespace {

constexpr OperatorRow kOperatorRows[] = {
#define NPUGEN_ROW(kind, name, others, family, limits, only_host) \
  {OperatorType::k##kind, name, others, #family, limits, only_host, &k##kind##Rules},
#define NPUGEN_OPERATOR(...) NPUGEN_ROW(__VA_ARGS__, false)
#define NPUGEN_HOST_OPERATOR(...) NPUGEN_ROW(__VA_ARGS__, true)
#include "sw/model/operators.def"
#undef NPUGEN_OPERATOR
#undef NPUGEN_ROW
};
static_assert(std::size(kOperatorRows) == kOperatorKinds);

/// Whether `name` is an entry of `list`.
bool Lists(std::string_view list, std::string_view name) {
  while (!list.empty()) {
    const size_t comma = list.find(", ");
    if (list.substr(0, comma) == name) return true;
    list = comma == std::string_view::npos ? "" : list.substr(comma + 2);
  }
  return false;
}

}  // namespace

const OperatorRow& RowOf(OperatorType type) { return kOperatorRows[static_cast<size_t>(type)]; }

const OperatorRow* FindBuiltin(std::string_view name) {
  for (const OperatorRow& row : kOperatorRows) {
    if (name == row.name || Lists(row.others, name)) return &row;
  }
  return nullptr;
}

const char* OperatorName(OperatorType type) { return RowOf(type).name; }

bool RunsOnHost(const Model& model, const Operator& op) {
  const OperatorRules& rules = *RowOf(op.type).rules;
  return rules.on_host != nullptr && rules.on_host(model, op);
}

bool IsFloatEnd(const Model& model, const Operator& op) {
  return op.type == OperatorType::kDequantize ||
         (op.type == OperatorType::kQuantize &&
          model.tensors[op.inputs[0]].type == TensorType::kFloat32);
}

bool ComputesWide(const Model& model, const Operator& op) {
  return !op.outputs.empty() && op.outputs[0] >= 0 &&
         model.tensors[op.outputs[0]].type == TensorType::kInt16;
}

bool ComputesPlain(const Model& model, const Operator& op) {
  if (!RowOf(op.type).rules->plain || op.outputs.empty() || op.outputs[0] < 0) return false;
  const Tensor& output = model.tensors[op.outputs[0]];
  return (output.type == TensorType::kInt32 || output.type == TensorType::kFloat32) &&
         output.scales.empty();
}

bool ComputesOnHost(const Model& model, const Operator& op) {
  return ComputesWide(model, op) || ComputesPlain(model, op);
}

Diagnostics CheckOperator(const Model& model, Operator& op, const FileForm& form) {
  Checker check(model, op, form);
  check.wide = RowOf(op.type).rules->wide && ComputesWide(model, op);
  check.plain = ComputesPlain(model, op);
  RowOf(op.type).rules->check(check);
  return check.Take();
}

}  // namespace npugen

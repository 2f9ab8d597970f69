// SPDX-License-Identifier: Apache-2.0
// Which function reads which node.
#include "sw/model/onnx/nodes.h"

#include <fmt/core.h>

namespace npugen::symbolic {
namespace {

/// Identity, Dropout.
Outcome ReadIdentity(Evaluator&, const Node&, const Value& value, Value* result) {
  *result = value;
  return std::nullopt;
}

Outcome ReadCast(Evaluator&, const Node& node, const Value& value, Value* result) {
  const int64_t to = node.Integer("to", 0);
  if (to != kOnnxFloat && to != kOnnxDouble) {
    return Pattern(fmt::format("it casts an activation to data type {}", to), "float");
  }
  *result = value;
  return std::nullopt;
}

// Operators that are known; what of them is supported depends on their operands.
constexpr NodeRow kRows[] = {
    {"Add", ReadArithmetic, nullptr},
    {"BatchNormalization", ReadNormalization, nullptr},
    {"BipolarQuant", ReadSign, FoldSign},
    {"Cast", ReadCast, FoldCast},
    {"Concat", nullptr, FoldConcat},
    {"Constant", nullptr, nullptr},  // ReadNode: it has no operand
    {"Conv", ReadConv, nullptr},
    {"DequantizeLinear", ReadDequantize, FoldQuant},
    {"Div", ReadArithmetic, nullptr},
    {"Dropout", ReadIdentity, nullptr},
    {"Flatten", ReadFlatten, FoldFlat},
    {"Gather", nullptr, FoldGather},
    {"Gemm", ReadMatrix, nullptr},
    {"Identity", ReadIdentity, FoldIdentity},
    {"MatMul", ReadMatrix, nullptr},
    {"MaxPool", ReadPool, nullptr},
    {"Mul", ReadArithmetic, nullptr},
    {"Quant", ReadQuant, FoldQuant},
    {"QuantizeLinear", ReadQuant, nullptr},
    {"Reshape", ReadFlatten, FoldReshape},
    {"Shape", ReadShape, nullptr},
    {"Sign", ReadSign, FoldSign},
    {"Slice", nullptr, FoldSlice},
    {"Squeeze", nullptr, FoldFlat},
    {"Sub", ReadArithmetic, nullptr},
    {"Transpose", nullptr, FoldTranspose},
    {"Unsqueeze", nullptr, FoldFlat},
};

}  // namespace

std::span<const NodeRow> NodeRows() { return kRows; }

const NodeRow* FindNode(const std::string& type) {
  for (const NodeRow& row : kRows) {
    if (type == row.type) return &row;
  }
  return nullptr;
}

Outcome ReadNode(Evaluator& evaluator, const Node& node, Value* result) {
  if (node.type == "Constant") {
    const Attribute* attribute = node.Find("value");
    if (attribute == nullptr || !attribute->tensor) {
      return Pattern("it has no tensor \"value\"", "a tensor");
    }
    result->constant = attribute->tensor->constant;
    return attribute->tensor->problem;
  }
  const Value* first = nullptr;
  if (auto refusal = evaluator.Find(node, 0, &first)) return refusal;
  const NodeRow& row = *FindNode(node.type);
  if (first->kind != Kind::kConstant || row.activation == ReadArithmetic) {
    if (row.activation != nullptr) return row.activation(evaluator, node, *first, result);
    return Pattern(fmt::format("its operand is {}", KindName(first->kind)), "a constant");
  }
  if (auto refusal = evaluator.Charge(first->constant.values.size())) return refusal;
  if (row.constant == nullptr) return Pattern("its operand is a constant", "an activation");
  result->constant = first->constant;
  return row.constant(evaluator, node, first->constant, &result->constant);
}

}  // namespace npugen::symbolic

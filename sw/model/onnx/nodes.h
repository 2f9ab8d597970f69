// SPDX-License-Identifier: Apache-2.0
// The table of nodes: what each operator of ONNX does to activations and to constants.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "sw/model/onnx/evaluator.h"

namespace npugen::symbolic {

/// What a node makes of the activation that is its first operand.
using ActivationFunction = Outcome (*)(Evaluator& evaluator, const Node& node, const Value& value,
                                       Value* result);
/// What a node makes of a constant; `out` begins as a copy of `in`.
using ConstantFunction = Outcome (*)(Evaluator& evaluator, const Node& node, const Constant& in,
                                     Constant* out);

/// A row: an operator of ONNX. What has no function is refused.
struct NodeRow {
  const char* type;
  ActivationFunction activation;
  ConstantFunction constant;
};
std::span<const NodeRow> NodeRows();
/// nullptr if the operator is not known.
const NodeRow* FindNode(const std::string& type);

/// The result of a node.
Outcome ReadNode(Evaluator& evaluator, const Node& node, Value* result);

// layers.cc
Outcome ReadConv(Evaluator& evaluator, const Node& node, const Value& value, Value* result);
Outcome ReadMatrix(Evaluator& evaluator, const Node& node, const Value& value, Value* result);
Outcome ReadNormalization(Evaluator& evaluator, const Node& node, const Value& value,
                          Value* result);
Outcome ReadPool(Evaluator& evaluator, const Node& node, const Value& value, Value* result);
Outcome ReadFlatten(Evaluator& evaluator, const Node& node, const Value& value, Value* result);
/// Appends a pool of bits; `result`, of the pooled size, is that of the bits in its tensor.
Outcome AddPool(Evaluator& evaluator, const PoolOptions& options, Value* result);

// quantizers.cc
Outcome ReadSign(Evaluator& evaluator, const Node& node, const Value& value, Value* result);
Outcome ReadQuant(Evaluator& evaluator, const Node& node, const Value& value, Value* result);
Outcome ReadDequantize(Evaluator& evaluator, const Node& node, const Value& value, Value* result);
/// Ends the network with the sums of its last layer.
Outcome CloseAsSums(Evaluator& evaluator, const Value& value);

// arithmetic.cc: Add, Sub, Mul, Div, whose constant may be either operand.
Outcome ReadArithmetic(Evaluator& evaluator, const Node& node, const Value& first, Value* result);
/// Whether form can be folded on.
Outcome CheckForm(Evaluator& evaluator, const Form& form);

// shapes.cc
Outcome ReadShape(Evaluator& evaluator, const Node& node, const Value& value, Value* result);
Outcome FoldGather(Evaluator& evaluator, const Node& node, const Constant& in, Constant* out);
Outcome FoldConcat(Evaluator& evaluator, const Node& node, const Constant& in, Constant* out);
Outcome FoldSlice(Evaluator& evaluator, const Node& node, const Constant& in, Constant* out);

// constants.cc
Outcome FoldIdentity(Evaluator& evaluator, const Node& node, const Constant& in, Constant* out);
Outcome FoldCast(Evaluator& evaluator, const Node& node, const Constant& in, Constant* out);
Outcome FoldSign(Evaluator& evaluator, const Node& node, const Constant& in, Constant* out);
Outcome FoldQuant(Evaluator& evaluator, const Node& node, const Constant& in, Constant* out);
Outcome FoldTranspose(Evaluator& evaluator, const Node& node, const Constant& in, Constant* out);
Outcome FoldReshape(Evaluator& evaluator, const Node& node, const Constant& in, Constant* out);
/// Flatten, Squeeze, Unsqueeze.
Outcome FoldFlat(Evaluator& evaluator, const Node& node, const Constant& in, Constant* out);

}  // namespace npugen::symbolic

// Decides whether an operator is one that npugen executes exactly as TensorFlow Lite Micro does.
#pragma once

#include <string>

#include "generator/support/diagnostic.h"
#include "sw/model/model.h"

namespace npugen {

/// Everything about `op` that is refused: operands, types, shapes (the output's must be the one
/// that follows from the inputs'), quantization, options. Empty if the operator is supported.
/// Completes what the file leaves open: a missing bias becomes input -1, a depth multiplier of 0
/// the actual one, axes and paddings are read from their constants. Tensor numbers must be in
/// range.
Diagnostics CheckOperator(const Model& model, Operator& op);

/// A tensor for messages: number, name (shortened), type and shape.
std::string DescribeTensor(const Model& model, int32_t tensor);

/// A name from a file, made printable and short enough for a message.
std::string PrintableName(const std::string& name);

/// The schema's name of a tensor type, such as "INT8".
const char* TensorTypeName(TensorType type);

}  // namespace npugen

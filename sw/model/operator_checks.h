// SPDX-License-Identifier: Apache-2.0
// Decides whether an operator is one that npugen executes exactly as TensorFlow Lite Micro does.
#pragma once

#include <string>

#include "generator/support/diagnostic.h"
#include "sw/model/model.h"

namespace npugen {

/// What an operator of the file says beyond Operator: where one OperatorType stands for several
/// operators of the file, which one it is, and options that only serve to check or to complete.
struct FileForm {
  int32_t code = 0;          ///< tflite::kOp...
  uint32_t begin_mask = 0;   ///< STRIDED_SLICE, these three
  uint32_t end_mask = 0;     ///< bit d: dimension d has no end
  uint32_t shrink_mask = 0;  ///< bit d: the output has no dimension d
  int32_t count = -1;        ///< tensors of a SPLIT, PACK or UNPACK; -1: not given
};

/// Everything about `op` that is refused: operands, types, shapes (the output's must be the one
/// that follows from the inputs'), quantization, options. Empty if the operator is supported.
/// Brings `op` from the file's form into that of model.h: a missing bias becomes input -1, a depth
/// multiplier of 0 the actual one; axes, paddings and the like are read from their constants, which
/// are no inputs any more. Tensor numbers must be in range.
Diagnostics CheckOperator(const Model& model, Operator& op, const FileForm& form);

/// A tensor for messages: number, name (shortened), type and shape.
std::string DescribeTensor(const Model& model, int32_t tensor);

/// A name from a file, made printable and short enough for a message.
std::string PrintableName(const std::string& name);

/// The schema's name of a tensor type, such as "INT8".
const char* TensorTypeName(TensorType type);

}  // namespace npugen

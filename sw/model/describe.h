// SPDX-License-Identifier: Apache-2.0
// Tensors, names and shapes as messages show them.
#pragma once

#include <string>
#include <vector>

#include "sw/model/model.h"

namespace npugen {

/// "[1,2,3]". Functions, since fmt::join takes long to compile wherever it is used.
std::string ShapeText(const std::vector<int32_t>& shape);
std::string ShapeText(const std::vector<int64_t>& shape);
std::string ShapeText(const std::vector<double>& shape);

/// A tensor for messages: number, name (shortened), type and shape.
std::string DescribeTensor(const Model& model, int32_t tensor);

/// A name from a file, made printable and short enough for a message.
std::string PrintableName(const std::string& name);

/// The schema's name of a tensor type, such as "INT8".
const char* TensorTypeName(TensorType type);

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// Operators of one int8 operand as functions of one value.
#pragma once

#include <array>
#include <cstdint>

#include "sw/model/model.h"
#include "verif/golden/fixed_point.h"

namespace npugen::golden {

/// True for LOGISTIC, TANH, HARD_SWISH, ELU, LEAKY_RELU, RELU, RELU6, ABS and RSQRT.
bool IsFunction(OperatorType type);

/// The results of such an operator for -128 .. 127, element 0 for -128.
using FunctionTable = std::array<int8_t, 256>;
FunctionTable TabulateFunction(const Model& model, const Operator& op, Rounding rounding);

}  // namespace npugen::golden

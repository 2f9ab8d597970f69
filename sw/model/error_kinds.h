// SPDX-License-Identifier: Apache-2.0
// Errors of many operators by kind: a reader wants one line for each, not one for each operand.
#pragma once

#include <cstdint>
#include <string>

#include "generator/support/diagnostic.h"

namespace npugen {

/// What an error is about, whatever the operator and its tensors: the code, and the message without
/// numbers, quoted names and shapes.
std::string KindOfMessage(const Diagnostic& error);

/// The position in the model file of the operator that an error is about, or -1.
int32_t OperatorOfMessage(const Diagnostic& error);

/// One error for each kind, the first one, with how many of it there are and where.
Diagnostics JoinAlike(Diagnostics errors);

}  // namespace npugen

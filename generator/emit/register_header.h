// SPDX-License-Identifier: Apache-2.0
// Prints npu_registers.h: the register map for C.
#pragma once

#include <string>

namespace npugen {

/// Offsets, fields, error codes and causes. It depends on the architecture tables only, not on a
/// spec.
std::string EmitRegisterHeader();

}  // namespace npugen

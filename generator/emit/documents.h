// SPDX-License-Identifier: Apache-2.0
// Prints the reference documents of an emitted NPU, in Markdown.
#pragma once

#include <string>

#include "generator/arch/features.h"
#include "generator/plan/plan.h"

namespace npugen {

/// registers.md: every register and field.
std::string EmitRegisterDocument(const Plan& plan);
/// Every command, field, hardware error and cycle cause of an NPU with `features`; no title.
std::string CommandReference(const HardwareFeatures& features);
/// commands.md: every command, field, hardware error and cycle cause.
std::string EmitCommandDocument(const Plan& plan);

}  // namespace npugen

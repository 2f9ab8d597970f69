// SPDX-License-Identifier: Apache-2.0
// Prints npu_isa_pkg: the command set as SystemVerilog constants and packed structs.
#pragma once

#include <string>

#include "generator/arch/features.h"

namespace npugen {

/// The package text. It depends on the architecture tables only, not on a spec.
std::string EmitIsaPackage(const HardwareFeatures& features = {});

}  // namespace npugen

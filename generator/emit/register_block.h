// SPDX-License-Identifier: Apache-2.0
// Prints npu_regs: the AXI4-Lite register block of the register map.
#pragma once

#include <string>

#include "generator/arch/features.h"

namespace npugen {

/// The module text. It depends on the register map only, not on a spec.
std::string EmitRegisterBlock(const HardwareFeatures& features = {});

}  // namespace npugen

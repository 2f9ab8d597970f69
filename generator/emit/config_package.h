// SPDX-License-Identifier: Apache-2.0
// Prints npu_cfg_pkg: the configuration as SystemVerilog constants.
#pragma once

#include <string>

#include "generator/plan/plan.h"

namespace npugen {

std::string EmitConfigPackage(const Plan& plan);

}  // namespace npugen

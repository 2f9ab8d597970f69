// SPDX-License-Identifier: Apache-2.0
// Prints npu_config.h: the numbers of one configuration for C.
#pragma once

#include <string>

#include "generator/plan/plan.h"

namespace npugen {

/// NPU_CONFIG_* macros: hash, the spec's values and what follows from them.
std::string EmitConfigHeader(const Plan& plan);

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// Prints the timing constraints.
#pragma once

#include <string>

#include "generator/plan/plan.h"

namespace npugen {

/// npu.sdc: clock, bus input and output delays.
std::string EmitConstraints(const Plan& plan);

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// Prints the constraints: timing, FPGA, back end.
#pragma once

#include "generator/emit/files.h"
#include "generator/plan/plan.h"

namespace npugen {

/// constraints/npu.sdc (clock, clock gates, delays of all ports), npu.xdc and npu.pcf (FPGAs),
/// openroad/config.mk, from the files of the same kind in constraints/. `emission` holds the RTL.
FileSet EmitConstraints(const Plan& plan, const FileSet& emission);

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// Prints the register map in the forms that other tools read.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "generator/plan/plan.h"

namespace npugen {

/// SystemRDL 2.0: one address map with the registers of this NPU.
std::string EmitSystemRdl(const Plan& plan);
/// CMSIS-SVD 1.3: one device with the NPU as its only peripheral, at address 0.
std::string EmitSvd(const Plan& plan);
/// IP-XACT (IEEE 1685-2014): the component with bus interfaces, memory map, ports and files.
/// `sources` in the order of compilation.
std::string EmitIpXact(const Plan& plan, const std::vector<std::string>& sources);

}  // namespace npugen

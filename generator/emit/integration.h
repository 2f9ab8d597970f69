// SPDX-License-Identifier: Apache-2.0
// Prints what an integrator gets beside RTL and registers: guide, FuseSoC core, device tree.
#pragma once

#include <string>
#include <vector>

#include "generator/emit/files.h"
#include "generator/plan/plan.h"

namespace npugen {

/// Guide to the folder: instantiation template, checklist, memories, driver.
std::string EmitGuide(const Plan& plan);
/// FuseSoC (CAPI2) description with targets default, lint. `sources` in the order of compilation.
std::string EmitFuseSocCore(const Plan& plan, const std::vector<std::string>& sources);
/// Device-tree binding (YAML schema of the Linux kernel's form).
std::string EmitDeviceTreeBinding(const Plan& plan);
/// An example device tree: a bus with the NPU, and memory reserved for it.
std::string EmitDeviceTree(const Plan& plan);
/// Driver, firmware example, Linux example and documents, with includes that work from there.
FileSet EmitCompanions();

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// Prints all files of an emission.
#pragma once

#include "generator/emit/files.h"
#include "generator/plan/plan.h"
#include "generator/support/diagnostic.h"

namespace npugen {

/// The emission of a plan: the same plan gives the same bytes. Fails only when the RTL library
/// itself is wrong (kInternal).
Result<FileSet> Emit(const Plan& plan);

}  // namespace npugen

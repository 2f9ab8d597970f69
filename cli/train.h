// SPDX-License-Identifier: Apache-2.0
// Training as other commands use it.
#pragma once

#include <string>

#include "cli/simulate.h"

namespace npugen {

/// Trains the two networks of FOLDER/train (models/digits) on the NPU of a spec, and prints what
/// they have learnt. Returns the exit status.
int TrainDigits(const std::string& spec, const std::string& folder, const BuildFlags& build,
                const SimulationFlags& simulation);

}  // namespace npugen

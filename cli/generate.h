// SPDX-License-Identifier: Apache-2.0
// Generation as other commands use it.
#pragma once

#include <cstdint>
#include <string>

#include "cli/simulate.h"

namespace npugen {

/// Lets the character model of FOLDER/sum_lm (models/digits) answer the first `count` sums of
/// held_out_answers.txt on the NPU of a spec, and compares every tensor with the golden model.
/// Returns the exit status.
int AnswerSums(const std::string& spec, const std::string& folder, uint32_t count,
               const BuildFlags& build, const SimulationFlags& simulation);

}  // namespace npugen

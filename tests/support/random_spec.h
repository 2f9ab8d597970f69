// SPDX-License-Identifier: Apache-2.0
// Random specs, the same for the same seed on every machine.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "generator/support/diagnostic.h"
#include "verif/random/random_model.h"

namespace npugen::testing {

/// Values by key, as written in a spec.
using SpecValues = std::map<std::string, std::string>;

/// Draws every number key within its range, small values more often; derived and defaulted keys are
/// left out half of the time. Together the values need not be legal. With `small` they stay where a
/// model builds in seconds and holds some layer.
SpecValues DrawSpec(RandomSource* random, bool small);

/// The spec as YAML.
std::string SpecText(const SpecValues& values);

/// Changes one key as the hint of `error` (a rule between keys) suggests, any of its alternatives.
/// False when the hint has no such suggestion.
bool FollowHint(const Diagnostic& error, RandomSource* random, SpecValues* values);

}  // namespace npugen::testing

// SPDX-License-Identifier: Apache-2.0
// The rules between keys: which combinations of legal values make no machine.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "generator/config/npu_config.h"
#include "generator/spec/spec.h"
#include "generator/support/diagnostic.h"

namespace npugen {

/// One rule. `keys` are the keys that a message names; the first one is the one to change first.
struct ConfigRule {
  DiagnosticCode code;
  std::vector<std::string_view> keys;
  std::string_view sentence;  ///< for the reference
  bool (*holds)(const NpuConfig&);
  std::string (*reason)(const NpuConfig&);   ///< what is wrong, with the derived numbers
  std::string (*nearest)(const NpuConfig&);  ///< the nearest legal values
};

std::span<const ConfigRule> AllRules();

/// Appends an error for each rule that does not hold; rules about values that are themselves
/// refused are skipped.
void CheckRules(const Spec& spec, const NpuConfig& config, Diagnostics& errors);

}  // namespace npugen

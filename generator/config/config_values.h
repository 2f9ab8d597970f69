// SPDX-License-Identifier: Apache-2.0
// The names under which configuration values appear in RTL directives, packages, headers and
// reports.
//
// The spec's own keys (`core.lanes`, `pe.memory`, ...) come from the schema; derived ones are added
// here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "generator/config/npu_config.h"

namespace npugen {

/// One value of a configuration.
struct ConfigValue {
  std::string_view key;  ///< such as `npu.axi.bytes`
  uint64_t value;
  std::string_view remark;  ///< what it is, with unit

  /// `NpuAxiBytes`, the constant in npu_cfg_pkg.
  std::string SvName() const;
  /// `AXI_BYTES`, what follows NPU_CONFIG_ in the C header.
  std::string CName() const;
};

/// All values, the spec's keys first, in a fixed order. The hash is no part of them.
std::vector<ConfigValue> ConfigValues(const NpuConfig& config);

/// Whether the feature (the path of a flag in the schema) is on; nothing for an unknown name.
std::optional<bool> FeatureEnabled(const std::vector<ConfigValue>& values, std::string_view path);

}  // namespace npugen

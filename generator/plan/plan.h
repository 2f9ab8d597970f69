// SPDX-License-Identifier: Apache-2.0
// Decides what an emission consists of; emit/ only prints it.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "generator/config/config_values.h"
#include "generator/config/npu_config.h"
#include "generator/plan/rtl_library.h"
#include "generator/support/diagnostic.h"

namespace npugen {

inline constexpr std::string_view kTopModule = "npu_top";

/// Everything that the printers need to know.
struct Plan {
  NpuConfig config;
  std::vector<ConfigValue> values;
  std::vector<const RtlSource*> rtl;  ///< files of the library that the top needs, by name
};

/// Plans the emission of `config` from the files of `library`: those that kTopModule reaches.
Result<Plan> MakePlan(const NpuConfig& config, std::span<const RtlSource> library = RtlLibrary());

}  // namespace npugen

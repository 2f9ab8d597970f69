// SPDX-License-Identifier: Apache-2.0
// What a configuration amounts to: for `npugen check` and for other programs.
#pragma once

#include <string>

#include "generator/config/npu_config.h"

namespace npugen {

/// Peak operations per second: two per multiply-accumulate.
double PeakTops(const NpuConfig& config);

/// A short table for people.
std::string DescribeConfig(const NpuConfig& config);
/// The same as a JSON object: name, hash, values by key (those of the spec and derived ones).
std::string ConfigJson(const NpuConfig& config);
/// The same values as comma-separated ones: key, value and what it is.
std::string ConfigCsv(const NpuConfig& config);

}  // namespace npugen

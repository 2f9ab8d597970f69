// SPDX-License-Identifier: Apache-2.0
// From a spec to the configuration: the one way in for every part of npugen.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "generator/config/npu_config.h"
#include "generator/spec/spec.h"
#include "generator/support/diagnostic.h"

namespace npugen {

/// Reads and validates the spec at `path`. On failure the errors hold everything that is wrong with
/// it, in the order of the file.
Result<NpuConfig> LoadSpec(const std::string& path);

/// The same with some keys changed.
Result<NpuConfig> LoadSpec(const std::string& path, const std::vector<SpecChange>& changes);

/// The same for text; `file` names it in messages and gives the NPU its name unless the spec does.
Result<NpuConfig> LoadSpecText(std::string_view text, const std::string& file,
                               const std::vector<SpecChange>& changes = {});

/// All values that the hash covers, one `key=value` line each, in the schema's order.
std::string CanonicalText(const NpuConfig& config);
/// The configuration hash that hardware, driver and compiled programs carry.
uint64_t ConfigHash(const NpuConfig& config);

}  // namespace npugen

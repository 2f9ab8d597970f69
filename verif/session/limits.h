// SPDX-License-Identifier: Apache-2.0
// What limits a layer, and what would help.
#pragma once

#include <cstddef>

#include "generator/config/npu_config.h"
#include "verif/session/run_report.h"

namespace npugen {

/// Of layer `number` of the report, whose other members are filled in; a layer without cycles has
/// none.
LayerLimit LimitOf(const NpuConfig& config, const RunReport& report, size_t number);

}  // namespace npugen

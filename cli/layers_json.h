// SPDX-License-Identifier: Apache-2.0
// Where cycles go, by layer.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "sw/compiler/program.h"
#include "sw/runtime/npu_host.h"

namespace npugen {

/// Of each layer: name, macs, cycles, and cycles by cause. `layers` are those of JobReport.
nlohmann::ordered_json LayersJson(const Program& program, const std::vector<CauseCycles>& layers);

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// Layers in blocks of rows, columns, channels and parts of their sums (plan/block_plan.h).
#pragma once

#include <cstdint>
#include <vector>

#include "generator/config/npu_config.h"
#include "sw/compiler/encode/encode.h"
#include "sw/compiler/lower/layer.h"
#include "sw/compiler/plan/activation_plan.h"
#include "sw/compiler/plan/parameter_plan.h"
#include "sw/compiler/plan/partition.h"

namespace npugen::compiler {

/// Appends the steps of layer number `number`, which has blocks. `tile` are its buffers.
void EmitBlocks(const NpuConfig& config, const LoweredModel& lowered, int32_t number,
                const Partition& partition, const std::vector<Placement>& placements,
                const TilePlan& tile, const ParameterPlan& parameters, std::vector<Step>* steps,
                FieldErrors* errors);

}  // namespace npugen::compiler

// SPDX-License-Identifier: Apache-2.0
// Windows of WINDOW layers for the rows that a command computes.
#pragma once

#include <vector>

#include "generator/config/npu_config.h"
#include "sw/compiler/lower/layer.h"
#include "sw/compiler/plan/activation_plan.h"
#include "sw/compiler/plan/partition.h"

namespace npugen::compiler {

/// Lowering chose windows for whole images. Tiles and shares of PEs have fewer rows, so that a
/// window that goes down columns begins anew after a few positions: such layers get the window that
/// is best for the rows they have, and their weights in its order.
void FitWindows(const NpuConfig& config, const std::vector<Partition>& partitions,
                const ActivationPlan& plan, LoweredModel* lowered);

}  // namespace npugen::compiler

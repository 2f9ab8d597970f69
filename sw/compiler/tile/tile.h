// SPDX-License-Identifier: Apache-2.0
// Stage 3: layers become steps: whole where their tensors are resident, else row tile by row tile.
#pragma once

#include <vector>

#include "generator/config/npu_config.h"
#include "generator/support/diagnostic.h"
#include "sw/compiler/encode/step.h"
#include "sw/compiler/lower/layer.h"
#include "sw/compiler/plan/activation_plan.h"
#include "sw/compiler/plan/parameter_plan.h"
#include "sw/model/model.h"

namespace npugen::compiler {

/// All transfers of activations and all compute commands in program order, without parameter loads.
/// Reports every operator with a command that does not fit the command set.
Result<std::vector<Step>> Tile(const Model& model, const LoweredModel& lowered,
                               const NpuConfig& config, const std::vector<Partition>& partitions,
                               const ActivationPlan& activations, const ParameterPlan& parameters);

}  // namespace npugen::compiler

// SPDX-License-Identifier: Apache-2.0
// Costs of layers before there are commands, roughly: memories and PEs are planned by them. Plans
// are then compared by what the performance model (sw/timing) says of their commands.
#pragma once

#include <cstdint>

#include "generator/config/npu_config.h"
#include "sw/compiler/lower/layer.h"
#include "sw/compiler/plan/partition.h"

namespace npugen::compiler {

/// Cycles of a command besides its work: its way through the queue, start, first operands, last
/// results.
inline constexpr double kCommandCycles = 40;

/// Cycles that one PE would need for a layer.
double LayerCycles(const Layer& layer, const NpuConfig& config);

/// Cycles in which each command of a layer takes its table out of core memory, before all else.
double TableCycles(const Layer& layer, const NpuConfig& config);

/// Cycles of the busiest PE when all share the layer.
double ShareCycles(const Layer& layer, const NpuConfig& config, Split split);

/// Cycles of the LOADs that bring `from`'s output to the PEs that compute `to` from it.
double ExchangeCycles(const Layer& from, Split from_split, const Layer& to, Split to_split,
                      const NpuConfig& config);

}  // namespace npugen::compiler

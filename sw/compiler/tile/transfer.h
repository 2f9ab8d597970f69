// SPDX-License-Identifier: Apache-2.0
// What all tiling shares: where storages stand in memory, boxes as transfers, limits of commands.
#pragma once

#include <utility>
#include <vector>

#include "generator/config/npu_config.h"
#include "sw/compiler/encode/encode.h"
#include "sw/compiler/lower/layer.h"
#include "sw/compiler/plan/activation_plan.h"
#include "sw/compiler/tile/box.h"

namespace npugen::compiler {

/// Window and offset from which a storage that is not computed in PE memory is read.
std::pair<Window, int64_t> SourceOf(const Placement& place);
/// Windows and offsets to which a storage is written.
std::vector<std::pair<Window, int64_t>> TargetsOf(const Placement& place);

/// Appends `box` (source: global side of a LOAD, local side of a STORE) to `steps` as transfers
/// like `pattern`.
void AppendTransfers(const NpuConfig& config, const Transfer& pattern, const Box& box,
                     std::vector<Step>* steps, FieldErrors* errors);

/// Rows that one command of a layer may span so that its counts fit.
int64_t MostCommandRows(const NpuConfig& config, const Layer& layer);

}  // namespace npugen::compiler

// SPDX-License-Identifier: Apache-2.0
// Stage 1: operators become layers of abstract NPU operations; all numbers become integers.
#pragma once

#include "generator/config/npu_config.h"
#include "generator/support/diagnostic.h"
#include "sw/compiler/lower/layer.h"
#include "sw/model/model.h"

namespace npugen::compiler {

/// Lowers all operators; reports every operator that cannot run on the NPU, not just the first.
/// Layers whose results nobody reads are left out unless `keep_tensors`: those of a PAD, for
/// example, that the convolutions behind it have in their borders.
Result<LoweredModel> Lower(const Model& model, const NpuConfig& config, bool keep_tensors = false);

}  // namespace npugen::compiler

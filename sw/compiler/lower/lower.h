// SPDX-License-Identifier: Apache-2.0
// Stage 1: operators become layers of abstract NPU operations; all numbers become integers.
#pragma once

#include "generator/config/npu_config.h"
#include "generator/support/diagnostic.h"
#include "sw/compiler/lower/layer.h"
#include "sw/model/model.h"

namespace npugen::compiler {

struct LowerOptions {
  /// Layers whose results nobody reads are there, too: those of a PAD, for example, that the
  /// convolutions behind it have in their borders.
  bool keep_tensors = false;
  /// Convolutions may compute several positions side by side in their lanes (side_by_side.h).
  bool side_by_side = false;
};

/// Lowers all operators; reports every operator that cannot run on the NPU, not just the first.
Result<LoweredModel> Lower(const Model& model, const NpuConfig& config,
                           const LowerOptions& options = {});

}  // namespace npugen::compiler

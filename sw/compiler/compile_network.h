// SPDX-License-Identifier: Apache-2.0
// From a model to a network: segments for the NPU, host operators between them, and the arena.
#pragma once

#include <vector>

#include "generator/config/npu_config.h"
#include "generator/support/diagnostic.h"
#include "sw/compiler/compiler.h"
#include "sw/compiler/network.h"
#include "sw/model/model.h"

namespace npugen {

/// Compiles `model` for `config`. Operators that need the host are refused together, once for each
/// kind, unless `options.host_operators` is set; conversions of float32 inputs and outputs never
/// are. Other errors are those of Compile().
Result<Network> CompileNetwork(const Model& model, const NpuConfig& config,
                               const CompileOptions& options = {});

/// The same for models that take turns on one NPU: all their programs go through CompileTogether().
/// One network for each model, in their order.
Result<std::vector<Network>> CompileNetworks(const std::vector<const Model*>& models,
                                             const NpuConfig& config,
                                             const CompileOptions& options = {});

}  // namespace npugen

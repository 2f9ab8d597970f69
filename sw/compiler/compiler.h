// SPDX-License-Identifier: Apache-2.0
// The compiler: a checked model and a configuration become a program for the NPU.
#pragma once

#include <vector>

#include "generator/config/npu_config.h"
#include "generator/support/diagnostic.h"
#include "sw/compiler/program.h"
#include "sw/model/model.h"

namespace npugen {

struct CompileOptions {
  /// Every operator's output is also stored to the scratch window (Program::kept), so that all
  /// tensors can be compared after a job. Costs time and memory; for checking only.
  bool keep_tensors = false;
  /// Operators that the NPU cannot do may run on the host (CompileNetwork).
  bool host_operators = false;
};

/// Compiles `model`, which has no operators of the host (CompileNetwork() takes those), for
/// `config`. All operators run on the NPU; those that cannot are reported together.
Result<Program> Compile(const Model& model, const NpuConfig& config,
                        const CompileOptions& options = {});

/// Compiles models that take turns on one NPU. Where that is faster by the estimate, their cached
/// parameters share core memory and they have one cache token, so that changing from one to another
/// loads nothing again. Else each program is the one that Compile() makes of its model: it has all
/// of core memory, and the first job after another program's is cold. One program for each model,
/// in their order.
Result<std::vector<Program>> CompileTogether(const std::vector<const Model*>& models,
                                             const NpuConfig& config,
                                             const CompileOptions& options = {});

/// What Compile() refuses, found by planning alone, without any program: operators that cannot be
/// lowered, and memories that are too small.
Status CheckFits(const Model& model, const NpuConfig& config);

}  // namespace npugen

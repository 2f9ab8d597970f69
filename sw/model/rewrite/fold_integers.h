// SPDX-License-Identifier: Apache-2.0
// Arithmetic on integers that are known before the network runs: converters write the shapes of
// reshapes and transposed convolutions so.
#pragma once

#include "sw/model/rewrite/raw_graph.h"

namespace npugen {

/// Computes operators on constant int32 and int64 tensors, and SHAPE of any tensor, and removes
/// them: their results become constants, of the shape that follows. What is no such operator, has
/// operands that it cannot have, or gives an output of the network, stays. Work is bounded by a few
/// million elements for the whole graph.
void FoldIntegers(RawGraph graph);

/// Whether it may remove operators of this name, and looks at their options.
bool FoldsIntegers(const std::string& name);

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// Shapes of results that files leave open, since the operator's options say them.
#pragma once

#include "sw/model/rewrite/raw_graph.h"

namespace npugen {

/// Completes the outputs of operators of the family custom: files give them no dimensions.
void CompleteCustomShapes(RawGraph graph);

}  // namespace npugen

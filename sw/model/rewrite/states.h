// SPDX-License-Identifier: Apache-2.0
// Variables, which keep values from one run to the next, become states of the model.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "sw/model/rewrite/raw_graph.h"

namespace npugen {

/// Removes CALL_ONCE, VAR_HANDLE, READ_VARIABLE and ASSIGN_VARIABLE, and gives operators with
/// variable tensors (SVDF, UNIDIRECTIONAL_SEQUENCE_LSTM) their new states as further outputs:
/// Model::states says what each begins with and ends as. What CALL_ONCE runs (RawOperator::once)
/// must be constant. `variables`: by tensor, whether the file calls it a variable. Returns
/// operators, by position, with a reason why that cannot be; the graph is then of no use.
std::vector<std::pair<size_t, std::string>> ResolveStates(RawGraph graph,
                                                          std::vector<bool> variables);

/// Whether a variable tensor may be an operand of it.
bool KeepsState(const std::string& name);

}  // namespace npugen

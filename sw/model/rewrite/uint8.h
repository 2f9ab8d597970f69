// SPDX-License-Identifier: Apache-2.0
// Networks of uint8 (TensorFlow 1, Coral's first models) as the same networks of int8.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "sw/model/rewrite/raw_graph.h"

namespace npugen {

/// Whether it converts operators of this name: those that compute, and those that pass values on.
bool TakesUint8(const std::string& name);

/// If an operator computes on uint8, every uint8 tensor but inputs and outputs of the network
/// becomes int8 with values and zero point less by 128; QUANTIZE operators between the types are
/// put at the ends. Constant filters get zero point 0: int8, or int16 where differences to the zero
/// point have 9 bits. Operators are marked (RawOperator::from_uint8), since uint8 kernels round
/// some things differently. Returns the operators, by position, whose uint8 arithmetic has no such
/// form, with the reason; the graph is then as it was, or with `all` converted but for these.
std::vector<std::pair<size_t, std::string>> ConvertUint8(RawGraph graph, bool all = false);

}  // namespace npugen

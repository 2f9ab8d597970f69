// SPDX-License-Identifier: Apache-2.0
// A network as its file has it, before operators are checked: what rewrites work on.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sw/model/flat_table.h"
#include "sw/model/model.h"

namespace npugen {

/// An operator as it stands in the file, or as a rewrite made it.
struct RawOperator {
  int32_t index = 0;  ///< position in the file; behind the last one of those that rewrites add
  int32_t code = 0;   ///< BuiltinOperator
  std::string name;   ///< of it in the schema
  std::string custom_name;
  std::vector<uint8_t> custom;  ///< options of an operator of the family custom
  std::vector<int32_t> inputs;
  std::vector<int32_t> outputs;
  uint8_t options_type = 0;
  FlatTable options;
  bool from_uint8 = false;             ///< Operator::from_uint8
  bool once = false;                   ///< of the subgraph that CALL_ONCE runs before the first run
  std::vector<int32_t> intermediates;  ///< tensors that only have types and scales
};

/// Tensors stand in the model, whose operators are still empty.
struct RawGraph {
  Model& model;
  std::vector<RawOperator>& operators;
  std::vector<std::string>& problems;  ///< by tensor: why it cannot be used, or empty
};

}  // namespace npugen

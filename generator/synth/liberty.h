// SPDX-License-Identifier: Apache-2.0
// Reader of cell libraries in liberty format: area, pins and logic of every cell.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "generator/support/diagnostic.h"

namespace npugen {

/// Most inputs of a function that is kept as a truth table: 2^6 rows fill a word.
inline constexpr uint32_t kMaxTableInputs = 6;

/// What a combinational output gives.
struct LibertyFunction {
  std::string pin;
  /// Bit i: the output when input pin k (of LibertyCell::inputs) has the value of bit k of i.
  uint64_t table = 0;
};

/// An edge-triggered register without set and reset.
struct LibertyFlipFlop {
  std::string clock, data;    ///< input pins
  bool falling = false;       ///< takes `data` when `clock` falls
  std::string output;         ///< pin that gives the state; may be empty
  std::string output_invert;  ///< pin that gives its complement; may be empty
};

/// One cell. Latches, tristate outputs, set, reset, scan and functions of more than kMaxTableInputs
/// inputs are not described: `unknown` then says what it is that is not.
struct LibertyCell {
  double area = 0;
  std::vector<std::string> inputs;
  std::vector<LibertyFunction> functions;  ///< of a combinational cell
  std::optional<LibertyFlipFlop> flip_flop;
  std::string unknown;  ///< why the logic is not described; empty: it is
};

using CellLibrary = std::map<std::string, LibertyCell>;

/// Cells by name. `path` is for messages. Error: kFileRead with the line, when the text is no
/// liberty file. A cell whose logic is not understood is no error.
Result<CellLibrary> ReadLiberty(const std::string& text, const std::string& path);

}  // namespace npugen

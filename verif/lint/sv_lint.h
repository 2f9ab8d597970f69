// SPDX-License-Identifier: Apache-2.0
// Finds SystemVerilog that Yosys 0.23 refuses or, without a word, reads otherwise than Verilator.
//
// A lint of words, not of a parsed design: it knows the constructs of this project's library and
// of its printed files, not all of the language. What is read otherwise in ways that nobody knows
// yet is for the comparison of both readings (verif/netlist).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace npugen {

/// Something that must not be written.
struct SvFinding {
  int line = 0;         ///< from 1
  int column = 0;       ///< from 1, in bytes
  std::string rule;     ///< short name, such as `unsized-fill`
  std::string message;  ///< what is wrong and what to write instead
};

/// Findings in `text`, one whole file, in the order of their places:
///   default-nettype   the file is not between `default_nettype none` and `default_nettype wire`
///   unsized-fill      '0 or '1 as value of a parameter, a member of an enum or an argument of a
///                     function: one bit in Yosys
///   dynamic-stride    a part select at a variable times what is not known to be a power of two
///   carry             a sum with a cast to a named width in a comparison, concatenation or cast:
///                     Yosys keeps its carry
///   struct-array      an unpacked array of a type with a name: miswired
///   initial-value     a variable with a value where it is declared, `initial`: no reset
///   refused           what Yosys refuses, each with what to write instead
/// The stride of a part select is a power of two when it is a product of literals, parameters
/// that a check `(P & (P - 1)) != 0` of the module refuses otherwise, and constants made of these.
std::vector<SvFinding> LintSystemVerilog(std::string_view text);

/// Whether a file has a view for synthesis of its own (`ifdef SYNTHESIS`).
bool HasSynthesisView(std::string_view text);

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// Yosys' own text of a design (RTLIL): one text per module, and the clock gates that a module gets.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "generator/support/diagnostic.h"

namespace npugen {

/// The name of the one module of a UnitText.
inline constexpr const char* kUnitName = "unit";

/// A module by itself: its text, in which it is called kUnitName, behind the black boxes of what is
/// inside it. Places in sources and the numbers that Yosys gives to names are taken out, so that
/// equal modules have equal texts.
struct UnitText {
  std::string text;
  std::set<std::string> children;  ///< modules inside it, as Yosys calls them
};

/// Splits a design. `design` is what `write_ilang` printed of all modules, `boxes` the same after
/// `blackbox =*`. Black boxes of `design` get no unit. Error: kToolFailed with `path` when the
/// texts are not understood.
Result<std::map<std::string, UnitText>> SplitDesign(const std::string& design,
                                                    const std::string& boxes,
                                                    const std::string& path);

/// What InferClockGates() did.
struct ClockGating {
  uint64_t gates = 0;         ///< clock gates
  uint64_t gated_bits = 0;    ///< flip-flops behind them, which lost their enable
  uint64_t enabled_bits = 0;  ///< flip-flops that keep theirs
};

/// The cell that stands for a clock gate: `clk_i`, `enable_i`, `clk_o`.
inline constexpr const char* kInferredGate = "npugen_clock_gate";

/// Flip-flops with enable (`$dffe`, `$sdffe`, `$sdffce`, rising edge) of the module kUnitName that
/// have clock and enable in common, `least_bits` of them or more, get one clock gate and lose their
/// enable. Where a reset goes before the enable, it opens the gate, too. `least_bits` 0: no gates.
/// Error: kToolFailed with `path` when the text is not understood.
Result<ClockGating> InferClockGates(uint32_t least_bits, std::string* text,
                                    const std::string& path);

}  // namespace npugen

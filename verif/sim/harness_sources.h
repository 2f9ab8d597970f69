// SPDX-License-Identifier: Apache-2.0
// The sources that decide what a model is, embedded at build time: `npugen build` compiles the
// harness together with the verilated class, and the program needs no source tree for it.
#pragma once

#include <span>
#include <string_view>

namespace npugen {

/// One file.
struct HarnessSource {
  std::string_view path;  ///< as other sources include it, such as "verif/sim/axi_memory.h"
  std::string_view text;

  /// Matters for models of netlists only.
  bool netlist() const { return path.starts_with("verif/netlist/") || synthesis(); }
  /// Not a part of the model: what makes or rewrites its code, so that a change of it makes new
  /// models.
  bool maker() const {
    return path == "verif/sim/verilated_code.cc" || path == "verif/netlist/netlist.cc" ||
           path == "verif/netlist/compile_netlist.cc" || synthesis();
  }

 private:
  bool synthesis() const { return path.starts_with("generator/synth/"); }
};

std::span<const HarnessSource> HarnessSources();

}  // namespace npugen

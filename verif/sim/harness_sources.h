// The sources that decide what a model is, embedded at build time: `npugen build` compiles the
// harness together with the verilated class, and the program needs no source tree for it.
#pragma once

#include <span>
#include <string_view>

namespace npugen {

/// One file of verif/sim.
struct HarnessSource {
  std::string_view path;  ///< as other sources include it, such as "verif/sim/axi_memory.h"
  std::string_view text;

  /// Not a part of the model: what rewrites its code, so that a change of it makes new models.
  bool rewriter() const { return path == "verif/sim/verilated_code.cc"; }
};

std::span<const HarnessSource> HarnessSources();

}  // namespace npugen

// The sources of the simulation harness, embedded at build time: `npugen build` compiles them
// together with the verilated class, and the program needs no source tree for it.
#pragma once

#include <span>
#include <string_view>

namespace npugen {

/// One file of verif/sim.
struct HarnessSource {
  std::string_view path;  ///< as other sources include it, such as "verif/sim/axi_memory.h"
  std::string_view text;
};

std::span<const HarnessSource> HarnessSources();

}  // namespace npugen

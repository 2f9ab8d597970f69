// SPDX-License-Identifier: Apache-2.0
// Mapped modules as cells between nets, and how often each occurs in the design.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "generator/support/diagnostic.h"
#include "generator/synth/mapping.h"

namespace npugen {

/// A net of a module by number, or a constant.
using BitId = int32_t;
inline constexpr BitId kBitZero = -1;
inline constexpr BitId kBitOne = -2;
inline constexpr BitId kBitUnknown = -3;

struct DesignPort {
  std::string name;
  bool input = false;
  std::vector<BitId> bits;
};

struct DesignCell {
  std::string name;
  std::string type;
  std::vector<std::pair<std::string, std::vector<BitId>>> pins;

  const std::vector<BitId>* Pin(std::string_view pin) const {
    for (const auto& [name, bits] : pins) {
      if (name == pin) return &bits;
    }
    return nullptr;
  }
};

struct DesignModule {
  std::string rtl;  ///< RTL module
  std::vector<DesignPort> ports;
  std::vector<DesignCell> cells;
  std::map<BitId, std::string> names;  ///< of nets that have one, such as `x_q[3]`
  ClockGating gating;
  uint64_t instances = 0;  ///< in the whole design
  double seconds = 0;      ///< of the run that mapped it
};

/// A kind of memory, at one place.
struct DesignMemory {
  std::string rtl;    ///< npu_ram_1rw or npu_ram_1r1w
  std::string owner;  ///< RTL module that it is in
  std::string name;   ///< of the instance, without what repeats it, such as `u_half`
  std::string type;   ///< as Yosys calls it
  uint64_t words = 0, bits = 0;
  uint64_t instances = 0;
};

struct Design {
  std::map<std::string, DesignModule> modules;  ///< by the names that Yosys gives
  std::map<std::string, DesignModule> boxes;    ///< memories: ports only
  std::vector<DesignMemory> memories;
};

/// The cell that stands for the latch of a clock gate.
inline constexpr const char* kLatchType = "$_DLATCH_N_";

/// Reads what MapDesign() gave. Error: kToolFailed when it is not understood, or a cell is neither
/// in `cells` (nullptr: any may occur, as for FPGAs) nor a module or memory.
Result<Design> ReadDesign(const MappedDesign& mapped, const CellLibrary* cells);

}  // namespace npugen

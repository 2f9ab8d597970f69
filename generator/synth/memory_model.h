// SPDX-License-Identifier: Apache-2.0
// Area, access time and energy of memories: from a table of real macros, or by an analytical model.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "generator/support/diagnostic.h"
#include "generator/synth/technology.h"

namespace npugen {

/// What a memory must be.
struct MemoryShape {
  uint64_t words = 0;
  uint64_t bits = 0;   ///< of a word
  uint32_t ports = 1;  ///< 1: npu_ram_1rw; 2: npu_ram_1r1w, one for reads and one for writes
};

/// What it costs.
struct MemoryCost {
  double area = 0;          ///< square micrometres
  double access_time = 0;   ///< nanoseconds from the clock to the data
  double read_energy = 0;   ///< picojoules of a read of a word
  double write_energy = 0;  ///< picojoules of a write of a word
  std::string macro;        ///< name and number of macros; empty: by the analytical model
};

/// A macro of a vendor.
struct MemoryMacro {
  std::string name;
  MemoryShape shape;
  double area = 0, access_time = 0, read_energy = 0, write_energy = 0;  ///< as of MemoryCost
};

/// Reads a table of macros: a list `macros` of blocks with name, words, bits, ports, area,
/// access_time, read_energy, write_energy. Errors with the place, of YAML and keys (group S).
Result<std::vector<MemoryMacro>> ReadMacros(const std::string& text, const std::string& file);

/// A memory as an array of `rows` x `columns` bit cells with a column multiplexer of 1 to 16, of
/// the smallest area.
MemoryCost ModelMemory(const MemoryCoefficients& coefficients, const MemoryShape& shape);

/// The cheapest way to build `shape` of macros side by side (and one behind the other) with as many
/// ports; nothing when there is none.
std::optional<MemoryCost> ComposeMemory(const std::vector<MemoryMacro>& macros,
                                        const MemoryShape& shape);

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// Steps: commands in program order with the memory they touch, before barriers exist.
#pragma once

#include <cstdint>
#include <vector>

#include "generator/arch/command_set.h"

namespace npugen::compiler {

/// A set of PEs, bit p for PE p.
using PeMask = uint32_t;

inline constexpr PeMask PeBit(int64_t pe) { return PeMask{1} << pe; }

/// What an access range counts in: bytes of PE memory, rows of core memory, bytes of the scratch
/// window, of the output window (states are read from there).
enum class Space : uint8_t { kPeMemory, kCoreRows, kScratch, kOutput };

/// Addresses [begin, end), in each of the PEs where it is their memory. Strided accesses are given
/// by their hull.
struct Access {
  Space space;
  int64_t begin, end;
  PeMask pes = 1;  ///< kScratch, kOutput: always 1
};

/// One command. Executing steps one after the other gives the right result; the schedule keeps that
/// result while engines overlap.
struct Step {
  int engine;  ///< that executes it; its completed commands are counted by the barrier of this
               ///< number
  Command command;
  std::vector<Access> reads, writes;
  int32_t chunk = -1;       ///< parameters it needs, or -1
  int64_t param_block = 0;  ///< first block of records it uses, within the chunk
  int64_t weight_rows = 0;  ///< rows of weights of the chunk before the first that it uses

  uint64_t cycles = 0;  ///< of a PE's command alone, once a schedule needs it
  bool stays = false;   ///< of a LOAD: HoistLoads() leaves it where it is

  bool is_load() const { return engine == kLoadEngine; }
};

}  // namespace npugen::compiler

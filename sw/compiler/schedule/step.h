// Steps: commands in program order with the memory they touch, before barriers exist.
#pragma once

#include <cstdint>
#include <vector>

#include "generator/arch/command_set.h"

namespace npugen::compiler {

enum class StepEngine : uint8_t { kLoad = 0, kCompute = 1, kStore = 2 };
inline constexpr int kStepEngines = 3;

/// What an access range counts in: bytes of PE memory, rows of core memory, bytes of the scratch
/// window.
enum class Space : uint8_t { kPeMemory, kCoreRows, kScratch };

/// Addresses [begin, end). Strided accesses are given by their hull.
struct Access {
  Space space;
  int64_t begin, end;
};

/// One command. Executing steps one after the other gives the right result; the schedule keeps that
/// result while engines overlap.
struct Step {
  StepEngine engine;
  Command command;
  std::vector<Access> reads, writes;
  int32_t chunk = -1;       ///< parameters it needs, or -1
  int64_t param_block = 0;  ///< first block of records it uses, within the chunk
};

}  // namespace npugen::compiler

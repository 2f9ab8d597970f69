// SPDX-License-Identifier: Apache-2.0
// Boxes of bytes cut to what one DMA command, or one buffer, can hold.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "sw/compiler/lower/layer.h"

namespace npugen::compiler {

/// A copy as nested loops around contiguous runs; the order of the loops does not matter.
struct Box {
  struct Loop {
    int64_t count = 1;
    int64_t source_stride = 0, target_stride = 0;  ///< bytes
  };
  int64_t source = 0, target = 0;  ///< offset of the first byte
  int64_t run = 1;                 ///< bytes that are contiguous on both sides
  std::vector<Loop> loops;         ///< innermost first, all counts above 1

  int64_t bytes() const;
};

/// Joins loops and finds the longest run. A box that only fills (`fill`) has no source.
Box NormalizedBox(const CopyBox& box, bool fill);

using BoxFunction = std::function<void(const Box&)>;

/// Cuts a box so that each part is one command: at most kTransferDimensions loops of at most
/// kLargestTransferCount, runs of at most kLargestTransferRun.
void ForEachTransfer(const Box& box, const BoxFunction& function);
/// Cuts a box into parts of at most `bytes` bytes (at least 1).
void ForEachPart(const Box& box, int64_t bytes, const BoxFunction& function);
/// A box as two, each with half of a loop's steps.
void ForEachHalf(const Box& box, int loop, const BoxFunction& function);
/// Parts that ForEachTransfer makes.
int64_t CountTransfers(const Box& box);

/// The same box with a dense target: loops packed one after the other from offset 0 on.
Box PackedTarget(const Box& box);

/// The parts of a box whose target bytes lie within [begin, end).
void ForEachPartWithin(const Box& box, int64_t begin, int64_t end, const BoxFunction& function);

/// A box in two steps: `fetch` brings what it reads, and little besides, in long runs to a buffer
/// (target offsets from 0 on), and `spread` goes from there to the target of the box.
struct StagedBox {
  Box fetch, spread;
  int64_t bytes = 0;  ///< of the buffer
};
StagedBox Staged(const Box& box);

}  // namespace npugen::compiler

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
/// Parts that ForEachTransfer makes.
int64_t CountTransfers(const Box& box);

/// The same box with a dense target: loops packed one after the other from offset 0 on.
Box PackedTarget(const Box& box);

}  // namespace npugen::compiler

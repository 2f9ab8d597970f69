// SPDX-License-Identifier: Apache-2.0
// Loop transformations of copies.
#include "sw/compiler/tile/box.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "sw/compiler/encode/encode.h"

namespace npugen::compiler {
namespace {

/// Calls `function` for parts of at most `most` steps of loop `l`, or of the run where l is -1.
void CutLoop(const Box& box, int l, int64_t most, const BoxFunction& function) {
  const int64_t count = l < 0 ? box.run : box.loops[l].count;
  const int64_t source_stride = l < 0 ? 1 : box.loops[l].source_stride;
  const int64_t target_stride = l < 0 ? 1 : box.loops[l].target_stride;
  for (int64_t begin = 0; begin < count; begin += most) {
    Box part = box;
    const int64_t size = std::min(most, count - begin);
    part.source += begin * source_stride;
    part.target += begin * target_stride;
    if (l < 0) {
      part.run = size;
    } else if (size == 1) {
      part.loops.erase(part.loops.begin() + l);
    } else {
      part.loops[l].count = size;
    }
    function(part);
  }
}

/// Sorts loops by their targets, joins those that can be, and finds the longest run.
void JoinLoops(Box* box) {
  // Neighbours in the target first, so that what can be joined stands side by side.
  std::stable_sort(box->loops.begin(), box->loops.end(),
                   [](const Box::Loop& a, const Box::Loop& b) {
                     return std::abs(a.target_stride) < std::abs(b.target_stride);
                   });
  std::vector<Box::Loop> joined;
  for (const Box::Loop& loop : box->loops) {
    if (!joined.empty() &&
        loop.source_stride == joined.back().source_stride * joined.back().count &&
        loop.target_stride == joined.back().target_stride * joined.back().count) {
      joined.back().count *= loop.count;
      continue;
    }
    joined.push_back(loop);
  }
  if (box->run == 1 && !joined.empty() && joined[0].source_stride == 1 &&
      joined[0].target_stride == 1) {
    box->run = joined[0].count;
    joined.erase(joined.begin());
  }
  box->loops = std::move(joined);
}

}  // namespace

int64_t Box::bytes() const {
  int64_t bytes = run;
  for (const Loop& loop : loops) bytes *= loop.count;
  return bytes;
}

Box NormalizedBox(const CopyBox& copy, bool fill) {
  Box box;
  box.source = fill ? 0 : copy.in_offset;
  box.target = copy.out_offset;
  for (const CopyBox::Dimension& dimension : copy.dimensions) {
    if (dimension.count == 1) continue;
    box.loops.push_back(
        {dimension.count, fill ? dimension.out_stride : dimension.in_stride, dimension.out_stride});
  }
  JoinLoops(&box);
  return box;
}

void ForEachTransfer(const Box& box, const BoxFunction& function) {
  if (box.run > kLargestTransferRun) {
    CutLoop(box, -1, kLargestTransferRun,
            [&](const Box& part) { ForEachTransfer(part, function); });
    return;
  }
  for (size_t l = 0; l < box.loops.size(); ++l) {
    if (box.loops[l].count <= kLargestTransferCount) continue;
    CutLoop(box, static_cast<int>(l), kLargestTransferCount,
            [&](const Box& part) { ForEachTransfer(part, function); });
    return;
  }
  if (box.loops.size() > kTransferDimensions) {
    // The shortest loop costs the fewest commands.
    const auto shortest =
        std::min_element(box.loops.begin(), box.loops.end(),
                         [](const Box::Loop& a, const Box::Loop& b) { return a.count < b.count; });
    CutLoop(box, static_cast<int>(shortest - box.loops.begin()), 1,
            [&](const Box& part) { ForEachTransfer(part, function); });
    return;
  }
  function(box);
}

void ForEachPart(const Box& box, int64_t bytes, const BoxFunction& function) {
  if (box.bytes() <= bytes) {
    function(box);
    return;
  }
  // The outermost loop that does not fit whole is cut; those outside of it run one by one.
  int64_t inner = 1;
  int level = -2;
  for (int l = -1; l < static_cast<int>(box.loops.size()); ++l) {
    const int64_t count = l < 0 ? box.run : box.loops[l].count;
    if (inner * count > bytes) {
      level = l;
      break;
    }
    inner *= count;
  }
  const int64_t most = std::max<int64_t>(1, bytes / inner);
  if (level + 1 < static_cast<int>(box.loops.size())) {
    CutLoop(box, static_cast<int>(box.loops.size()) - 1, 1,
            [&](const Box& part) { ForEachPart(part, bytes, function); });
    return;
  }
  CutLoop(box, level, most, function);
}

void ForEachHalf(const Box& box, int loop, const BoxFunction& function) {
  CutLoop(box, loop, (box.loops[static_cast<size_t>(loop)].count + 1) / 2, function);
}

int64_t CountTransfers(const Box& box) {
  int64_t count = (box.run + kLargestTransferRun - 1) / kLargestTransferRun;
  std::vector<int64_t> counts;
  for (const Box::Loop& loop : box.loops) {
    count *= (loop.count + kLargestTransferCount - 1) / kLargestTransferCount;
    counts.push_back(loop.count);
  }
  std::sort(counts.begin(), counts.end());
  for (size_t l = 0; l + kTransferDimensions < counts.size(); ++l) count *= counts[l];
  return count;
}

Box PackedTarget(const Box& box) {
  Box packed = box;
  packed.target = 0;
  int64_t stride = box.run;
  for (Box::Loop& loop : packed.loops) {
    loop.target_stride = stride;
    stride *= loop.count;
  }
  return packed;
}

void ForEachPartWithin(const Box& box, int64_t begin, int64_t end, const BoxFunction& function) {
  int64_t first = box.target, last = box.target + box.run;
  int outermost = -1;
  for (size_t l = 0; l < box.loops.size(); ++l) {
    const int64_t reach = (box.loops[l].count - 1) * box.loops[l].target_stride;
    (reach < 0 ? first : last) += reach;
    if (outermost < 0 || std::abs(box.loops[l].target_stride) >=
                             std::abs(box.loops[static_cast<size_t>(outermost)].target_stride)) {
      outermost = static_cast<int>(l);
    }
  }
  if (first >= end || last <= begin) return;
  if (first >= begin && last <= end) {
    function(box);
    return;
  }
  if (outermost < 0) {
    const int64_t skipped = std::max<int64_t>(begin - box.target, 0);
    Box part = box;
    part.source += skipped;
    part.target += skipped;
    part.run = std::min(end, last) - part.target;
    function(part);
    return;
  }
  // Steps of the outermost loop that lie whole within the range together, others one by one.
  const Box::Loop& loop = box.loops[static_cast<size_t>(outermost)];
  const int64_t span = last - first - (loop.count - 1) * std::abs(loop.target_stride);
  const int64_t low = loop.target_stride < 0 ? last - span : first;  // of step 0
  const auto within = [&](int64_t step) {
    const int64_t at = low + step * loop.target_stride;
    return at >= begin && at + span <= end;
  };
  for (int64_t step = 0; step < loop.count;) {
    int64_t count = 1;
    while (within(step) && step + count < loop.count && within(step + count)) ++count;
    Box part = box;
    part.source += step * loop.source_stride;
    part.target += step * loop.target_stride;
    if (count == 1) {
      part.loops.erase(part.loops.begin() + outermost);
    } else {
      part.loops[static_cast<size_t>(outermost)].count = count;
    }
    ForEachPartWithin(part, begin, end, function);
    step += count;
  }
}

StagedBox Staged(const Box& box) {
  // Gaps of up to so many times the bytes between them are fetched, too, up to runs of so many.
  constexpr int64_t kGaps = 3, kLongRun = 128;
  StagedBox staged;
  Box& fetch = staged.fetch;
  Box& spread = staged.spread;
  fetch.source = box.source;
  spread.target = box.target;
  std::vector<Box::Loop> loops = box.loops;
  if (box.run > 1) loops.push_back({box.run, 1, 1});
  for (Box::Loop& loop : loops) {
    if (loop.source_stride >= 0) continue;
    fetch.source += (loop.count - 1) * loop.source_stride;
    spread.target += (loop.count - 1) * loop.target_stride;
    loop.source_stride = -loop.source_stride;
    loop.target_stride = -loop.target_stride;
  }
  std::stable_sort(loops.begin(), loops.end(), [](const Box::Loop& a, const Box::Loop& b) {
    return a.source_stride < b.source_stride;
  });
  int64_t bytes = 1;  // of the buffer for the loops so far
  for (const Box::Loop& loop : loops) {
    if (loop.source_stride == 0) {
      spread.loops.push_back({loop.count, 0, loop.target_stride});
      continue;
    }
    const bool joins =
        fetch.loops.empty() && (loop.source_stride <= bytes ||
                                (bytes < kLongRun && loop.source_stride <= (1 + kGaps) * bytes));
    const int64_t stride = joins ? loop.source_stride : bytes;
    spread.loops.push_back({loop.count, stride, loop.target_stride});
    if (!joins) fetch.loops.push_back({loop.count, loop.source_stride, stride});
    bytes = (loop.count - 1) * stride + bytes;
    if (joins) fetch.run = bytes;
  }
  staged.bytes = bytes;
  JoinLoops(&spread);
  return staged;
}

}  // namespace npugen::compiler

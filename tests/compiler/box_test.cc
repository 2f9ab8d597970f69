// SPDX-License-Identifier: Apache-2.0
// Boxes of bytes: cut, or moved in steps, they move the same bytes.
#include "sw/compiler/tile/box.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <random>
#include <vector>

#include "sw/compiler/lower/merge_copies.h"

namespace npugen::compiler {
namespace {

/// Source of each target byte.
using Moves = std::map<int64_t, int64_t>;

void Walk(const Box& box, size_t loop, int64_t source, int64_t target, Moves* moves) {
  if (loop == 0) {
    for (int64_t i = 0; i < box.run; ++i) (*moves)[target + i] = source + i;
    return;
  }
  const Box::Loop& l = box.loops[loop - 1];
  for (int64_t i = 0; i < l.count; ++i) {
    Walk(box, loop - 1, source + i * l.source_stride, target + i * l.target_stride, moves);
  }
}

Moves MovesOf(const Box& box) {
  Moves moves;
  Walk(box, box.loops.size(), box.source, box.target, &moves);
  return moves;
}

/// A permuted, sliced, perhaps reversed or repeated tensor, whose target is dense or has gaps.
CopyBox RandomBox(std::mt19937* random) {
  const auto below = [random](int64_t n) { return static_cast<int64_t>((*random)() % n); };
  CopyBox box;
  box.in_offset = 5000 + below(100);
  box.out_offset = below(50);
  int64_t in_stride = 1 + below(3), out_stride = 1 + below(2) * below(3);
  const int64_t dimensions = 1 + below(5);
  std::vector<CopyBox::Dimension> list;
  for (int64_t d = 0; d < dimensions; ++d) {
    list.push_back({1 + below(5), in_stride, 0});
    in_stride *= list.back().count + below(2);
    if (below(5) == 0) list.back().in_stride *= -1;
    if (below(6) == 0) list.back().in_stride = 0;
  }
  std::shuffle(list.begin(), list.end(), *random);
  for (CopyBox::Dimension& d : list) {
    d.out_stride = out_stride;
    out_stride *= d.count + below(2);
  }
  box.dimensions = list;
  return box;
}

TEST(Boxes, PartsWithinRangesMoveEveryByteOnce) {
  std::mt19937 random(1);
  for (int i = 0; i < 500; ++i) {
    const Box box = NormalizedBox(RandomBox(&random), /*fill=*/false);
    const Moves moves = MovesOf(box);
    const int64_t chunk = 1 + static_cast<int64_t>(random() % 40);
    Moves parts;
    size_t bytes = 0;
    for (int64_t begin = 0; begin <= moves.rbegin()->first; begin += chunk) {
      ForEachPartWithin(box, begin, begin + chunk, [&](const Box& part) {
        for (const auto& [target, source] : MovesOf(part)) {
          EXPECT_TRUE(target >= begin && target < begin + chunk);
          parts[target] = source;
          ++bytes;
        }
      });
    }
    EXPECT_EQ(parts, moves);
    EXPECT_EQ(bytes, moves.size());
  }
}

TEST(Boxes, StepsThroughABufferMoveTheSameBytes) {
  std::mt19937 random(2);
  for (int i = 0; i < 500; ++i) {
    const Box box = NormalizedBox(RandomBox(&random), /*fill=*/false);
    const StagedBox staged = Staged(box);
    const Moves fetched = MovesOf(staged.fetch);
    EXPECT_GE(fetched.begin()->first, 0);
    EXPECT_LT(fetched.rbegin()->first, staged.bytes);
    Moves moves;
    for (const auto& [target, buffer] : MovesOf(staged.spread)) {
      ASSERT_TRUE(fetched.contains(buffer));
      moves[target] = fetched.at(buffer);
    }
    EXPECT_EQ(moves, MovesOf(box));
  }
}

/// A model of two copies: `first` from storage 0 to 1, `second` from 1 to 2.
LoweredModel TwoCopies(const CopyBox& first, const CopyBox& second) {
  LoweredModel lowered;
  lowered.storages.resize(3);
  lowered.storages[0].input = 0;
  lowered.storages[2].outputs = {0};
  for (int32_t i = 0; i < 2; ++i) {
    Layer layer;
    layer.opcode = Opcode::kLoad;
    layer.inputs = {i};
    layer.output = i + 1;
    layer.boxes = {i == 0 ? first : second};
    lowered.layers.push_back(layer);
  }
  return lowered;
}

TEST(Boxes, CopiesOfCopiesMoveTheSameBytes) {
  std::mt19937 random(3);
  int merged = 0;
  for (int i = 0; i < 3000; ++i) {
    CopyBox first = RandomBox(&random);
    first.out_offset = 0;
    const Moves written = MovesOf(NormalizedBox(first, /*fill=*/false));
    // Reads what the first one wrote, permuted, some of it.
    CopyBox second;
    int64_t out_stride = 1;
    for (const CopyBox::Dimension& d : first.dimensions) {
      const int64_t count =
          random() % 3 == 0 ? 1 + static_cast<int64_t>(random() % d.count) : d.count;
      second.dimensions.push_back({count, d.out_stride, 0});
    }
    std::shuffle(second.dimensions.begin(), second.dimensions.end(), random);
    for (CopyBox::Dimension& d : second.dimensions) {
      d.out_stride = out_stride;
      out_stride *= d.count;
    }
    const Moves read = MovesOf(NormalizedBox(second, /*fill=*/false));
    LoweredModel lowered = TwoCopies(first, second);
    MergeCopies(&lowered);
    if (lowered.layers[1].inputs[0] != 0) continue;
    ++merged;
    Moves both;
    for (const auto& [target, source] : read) both[target] = written.at(source);
    EXPECT_EQ(MovesOf(NormalizedBox(lowered.layers[1].boxes[0], /*fill=*/false)), both);
  }
  EXPECT_GT(merged, 1000);
}

TEST(Boxes, ATransposeAndItsInverseVanish) {
  const CopyBox there{0, 0, 0, {{4, 1, 3}, {3, 4, 1}}};
  const CopyBox back{0, 0, 0, {{3, 1, 4}, {4, 3, 1}}};
  LoweredModel lowered = TwoCopies(there, back);
  for (Storage& storage : lowered.storages) storage.bytes = 12;
  lowered.storages[2].outputs.clear();
  Layer last = lowered.layers[0];
  last.opcode = Opcode::kLookup;
  last.boxes.clear();
  last.inputs = {2};
  last.output = 0;
  lowered.layers.push_back(last);
  MergeCopies(&lowered);
  EXPECT_EQ(lowered.layers[2].inputs[0], 0);
}

}  // namespace
}  // namespace npugen::compiler

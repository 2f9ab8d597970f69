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
Storage OfBytes(int64_t bytes) {
  Storage storage;
  storage.bytes = bytes;
  return storage;
}

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
    Moves found;
    for (const CopyBox& box : lowered.layers[1].boxes) {
      found.merge(MovesOf(NormalizedBox(box, /*fill=*/false)));
    }
    EXPECT_EQ(found, both);
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

TEST(Boxes, WhatReadsSeveralBoxesReadsTheirSources) {
  std::mt19937_64 random(11);
  const auto draw = [&random](int64_t low, int64_t high) {
    return low + static_cast<int64_t>(random() % static_cast<uint64_t>(high - low + 1));
  };
  int merged = 0;
  for (int i = 0; i < 2000; ++i) {
    // A matrix put together from parts of its rows or columns, some of them transposed.
    const int64_t size[2] = {draw(2, 9), draw(2, 9)};
    const size_t axis = random() % 2;
    LoweredModel lowered;
    Layer join;
    join.opcode = Opcode::kLoad;
    std::map<int64_t, std::pair<int32_t, int64_t>> origin;  // of each byte: storage and place
    for (int64_t begin = 0; begin < size[axis];) {
      const int64_t part = std::min(size[axis] - begin, draw(1, 6));
      int64_t count[2] = {size[0], size[1]};
      count[axis] = part;
      const bool transposed = random() % 2 == 0;
      CopyBox box;
      box.input = static_cast<int32_t>(join.inputs.size());
      box.out_offset = axis == 0 ? begin * size[1] : begin;
      box.dimensions = {{count[1], transposed ? count[0] : 1, 1},
                        {count[0], transposed ? 1 : count[1], size[1]}};
      for (const auto& [target, source] : MovesOf(NormalizedBox(box, /*fill=*/false))) {
        origin[target] = {box.input, source};
      }
      join.inputs.push_back(box.input);
      join.boxes.push_back(box);
      lowered.storages.push_back(OfBytes(count[0] * count[1]));
      begin += part;
    }
    const auto joined = static_cast<int32_t>(join.inputs.size());
    lowered.storages.push_back(OfBytes(size[0] * size[1]));
    join.output = joined;
    // Some of it, row by row or column by column.
    Layer read = join;
    const int64_t rows = draw(1, size[0]), columns = draw(1, size[1]);
    CopyBox box;
    box.in_offset = draw(0, size[0] - rows) * size[1] + draw(0, size[1] - columns);
    box.dimensions = {{columns, 1, 1}, {rows, size[1], columns}};
    if (random() % 2 == 0) box.dimensions = {{columns, 1, rows}, {rows, size[1], 1}};
    read.inputs = {joined};
    read.output = joined + 1;
    read.boxes = {box};
    lowered.storages.push_back(OfBytes(rows * columns));
    lowered.storages.back().outputs = {0};
    lowered.layers = {join, read};
    MergeCopies(&lowered);
    const Layer& result = lowered.layers[1];
    if (result.inputs == read.inputs) continue;
    merged += result.boxes.size() > 1;
    std::map<int64_t, std::pair<int32_t, int64_t>> expected, found;
    for (const auto& [target, source] : MovesOf(NormalizedBox(box, /*fill=*/false))) {
      expected[target] = origin.at(source);
    }
    for (const CopyBox& part : result.boxes) {
      for (const auto& [target, source] : MovesOf(NormalizedBox(part, /*fill=*/false))) {
        found[target] = {result.inputs[static_cast<size_t>(part.input)], source};
      }
    }
    EXPECT_EQ(found, expected) << i;
  }
  EXPECT_GT(merged, 200);
}

TEST(Boxes, ATransposeOfJoinedTransposesIsAJoin) {
  // [3][4] and [3][2] transposed, joined to [6][3], transposed: rows behind one another.
  LoweredModel lowered;
  lowered.storages = {OfBytes(12), OfBytes(6), OfBytes(18), OfBytes(18)};
  Layer join;
  join.opcode = Opcode::kLoad;
  join.inputs = {0, 1};
  join.output = 2;
  join.boxes = {{0, 0, 0, {{4, 3, 1}, {3, 1, 6}}}, {1, 0, 4, {{2, 3, 1}, {3, 1, 6}}}};
  Layer back = join;
  back.inputs = {2};
  back.output = 3;
  back.boxes = {{0, 0, 0, {{6, 1, 3}, {3, 6, 1}}}};
  lowered.storages[3].outputs = {0};
  lowered.layers = {join, back};
  MergeCopies(&lowered);
  const Layer& result = lowered.layers[1];
  ASSERT_EQ(result.inputs, (std::vector<int32_t>{0, 1}));
  ASSERT_EQ(result.boxes.size(), 2u);
  EXPECT_EQ(NormalizedBox(result.boxes[0], /*fill=*/false).run, 12);
  EXPECT_EQ(NormalizedBox(result.boxes[1], /*fill=*/false).run, 6);
}

}  // namespace
}  // namespace npugen::compiler

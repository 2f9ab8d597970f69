// SPDX-License-Identifier: Apache-2.0
// The trees of a floating-point lane, evaluated bit by bit; the bench rtl.float_lane simulates
// their printed text.
#include "generator/emit/float_trees.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "tests/generator/support.h"

namespace npugen {
namespace {

struct MadeBit {
  uint32_t column = 0;
  bool value = false;
  uint32_t level = 0;  ///< that makes it
};

/// What the rows of a tree add up to, and what its inputs and ones do, modulo 2^width.
struct Sums {
  uint64_t rows = 0, inputs = 0;
};

Sums Evaluate(const ColumnTree& tree, std::mt19937_64& random) {
  Sums sums;
  std::map<std::pair<std::string, uint32_t>, MadeBit> bits;
  for (uint32_t k = 0; k < tree.inputs.size(); ++k) {
    for (const TreeBit& bit : tree.inputs[k]) {
      const bool value = random() % 2 != 0;
      bits[{bit.vector, bit.index}] = {k, value, 0};
      sums.inputs += uint64_t{value} << k;
    }
  }
  for (uint32_t k = 0; k < tree.ones.size(); ++k) sums.inputs += uint64_t{tree.ones[k]} << k;
  // A bit is taken once, from its own column and a level before.
  const auto take = [&](const TreeBit& bit, uint32_t column, uint32_t level) {
    if (bit.vector.empty()) return 0;
    if (bit.vector == "one") return 1;
    const auto found = bits.find({bit.vector, bit.index});
    EXPECT_TRUE(found != bits.end()) << bit.vector << '[' << bit.index << ']';
    if (found == bits.end()) return 0;
    EXPECT_EQ(found->second.column, column);
    EXPECT_LT(found->second.level, level);
    const int value = found->second.value ? 1 : 0;
    bits.erase(found);
    return value;
  };
  for (const ColumnAdders& adders : tree.adders) {
    for (uint32_t i = 0; i < adders.a.size(); ++i) {
      const int sum =
          take(adders.a[i], adders.column, adders.level) +
          take(adders.b[i], adders.column, adders.level) +
          (adders.kind == AdderKind::kFull ? take(adders.c[i], adders.column, adders.level)
                                           : (adders.kind == AdderKind::kWithOne ? 1 : 0));
      bits[{adders.sum, i}] = {adders.column, (sum & 1) != 0, adders.level};
      bits[{adders.carry, i}] = {adders.column + 1, (sum & 2) != 0, adders.level};
    }
  }
  for (uint32_t k = 0; k < tree.width; ++k) {
    sums.rows += static_cast<uint64_t>(take(tree.first[k], k, ~0u)) << k;
    sums.rows += static_cast<uint64_t>(take(tree.second[k], k, ~0u)) << k;
  }
  for (const TreeBit& bit : tree.top) take(bit, tree.width, ~0u);
  EXPECT_TRUE(bits.empty()) << bits.begin()->first.first << " is not used";
  const uint64_t mask = (uint64_t{1} << tree.width) - 1;
  return {sums.rows & mask, sums.inputs & mask};
}

TEST(FloatTree, AddsAllRows) {
  std::mt19937_64 random(3);
  for (uint32_t simd = 1; simd <= kMaxFloatProducts; ++simd) {
    SCOPED_TRACE(simd);
    const ColumnTree tree = MakeFloatTree(simd);
    for (int pass = 0; pass < 20; ++pass) {
      const Sums sums = Evaluate(tree, random);
      ASSERT_EQ(sums.rows, sums.inputs);
    }
  }
}

TEST(FloatTree, IsSmall) {
  size_t full = 0;
  for (const ColumnAdders& adders : MakeFloatTree(16).adders) {
    full += adders.kind == AdderKind::kFull ? adders.a.size() : 0;
  }
  EXPECT_LE(full, 405u);
}

TEST(FloatTree, IsTidyAndDeterministic) {
  for (uint32_t simd = 1; simd <= kMaxFloatProducts; ++simd) {
    const std::string text = EmitFloatTree(simd, "");
    testing::ExpectTidy("npu_float_tree.sv", text);
    EXPECT_EQ(text, EmitFloatTree(simd, ""));
  }
  testing::ExpectTidy("npu_byte_multiplier.sv", EmitByteMultiplier(""));
}

}  // namespace
}  // namespace npugen

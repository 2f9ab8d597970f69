// SPDX-License-Identifier: Apache-2.0
// Prints npu_popcount: bits of two operands that agree, counted, with a compressor tree for each
// kind of target.
//
// A tree is a list of adders, each of which replaces bits by fewer bits of the same sum. Three
// targets want three shapes:
//   standard cells   full adders, as the library's cell is cheaper than any gates; level by level
//   LUT6             additions on carry chains whose LUTs also count the bits that they add
//   LUT4             a tree of additions on carry chains, which leave no room in their LUTs
// The byte masks stand where few bits remain of a byte: behind its full adders, or in LUTs that
// have an input left.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "generator/emit/tree_printer.h"

namespace npugen {

inline constexpr uint32_t kMaxPopcountBits = 512;

/// Full adders (two bits: half adders) of one level and column, as many as `sum` is wide.
struct AdderGroup {
  uint32_t level = 0;
  uint32_t column = 0;
  std::vector<TreeBit> a, b, c;  ///< c is empty for half adders
  std::string sum, carry;        ///< vectors; carry has the next column's weight
};

/// The full adders that are left when bytes have been counted and masked.
struct AdderTree {
  TreeColumns inputs;
  std::vector<AdderGroup> groups;
  std::vector<TreeBit> count;    ///< one bit per column
  std::vector<TreeBit> dropped;  ///< bits above the count's width: always zero
  uint32_t full_adders() const;
};
AdderTree MakeAdderTree(uint32_t bits);

/// What a row of LUTs adds to the bits `d` and `carry`.
enum class RowSource {
  kPair,         ///< the first two bits of byte `byte`, masked: 0..2
  kSix,          ///< its other six bits, masked: 0..6
  kOnesAndTwo,   ///< four bits of the row's weight and one of twice that: 0..6
  kOnesAndTwos,  ///< three bits of the row's weight and two of twice that: 0..7
  kThree,        ///< three bits of the row's weight: 0..3
  kPlain,        ///< bits of any weights, at most one each
};

/// One addition on a carry chain. Its lowest bit has weight 2^column.
struct CarryRow {
  RowSource source = RowSource::kPlain;
  uint32_t round = 0;
  uint32_t column = 0;
  uint32_t byte = 0;
  uint32_t width = 0;
  std::vector<TreeBit> d = {};      ///< by weight; an empty vector name is a zero
  std::vector<TreeBit> f = {};      ///< the bits that `source` names, lowest weight first
  std::vector<TreeBit> carry = {};  ///< none or one bit
  std::string sum = {};             ///< of width + 1 bits
  bool chained() const { return !carry.empty() || !d.empty(); }
};

struct CarryTree {
  std::vector<CarryRow> rows;
  std::vector<TreeBit> count;
  std::vector<TreeBit> dropped;
  uint32_t luts() const;    ///< LUT6
  uint32_t rounds() const;  ///< carry chains that a bit passes at most
};
CarryTree MakeCarryTree(uint32_t bits);

/// The module; its synthesis views are those of `bits` bits, 1..kMaxPopcountBits. `origin` as in
/// GeneratedBanner().
std::string EmitPopcount(uint32_t bits, std::string_view origin);

}  // namespace npugen

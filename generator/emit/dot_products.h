// SPDX-License-Identifier: Apache-2.0
// Prints npu_dot_products: the products of a lane, added up to two rows whose sum is still to be
// taken (carry save).
//
// Each weight is four radix-4 Booth digits (-2..2), each digit a row of nine bits: the operand once
// or twice, inverted for a negative digit, its sign inverted so that it counts positively.
// Constants make up for both. Full adders then replace three bits of a column by two of the same
// sum; they take the bits that are there first, as the library's full adder is slow and cheap.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "generator/emit/tree_printer.h"

namespace npugen {

inline constexpr uint32_t kMaxDotProducts = 64;

enum class AdderKind {
  kFull,     ///< a + b + c
  kWithOne,  ///< a + b + 1
};

/// Adders of one column, side by side, as many as `sum` is wide. None takes what another one of the
/// same group gives.
struct DotAdders {
  AdderKind kind = AdderKind::kFull;
  uint32_t column = 0;
  std::vector<TreeBit> a, b, c;  ///< c is empty with kWithOne
  std::string sum, carry;        ///< vectors; carry has the next column's weight
};

/// A sum of nonnegative bits: the products plus 2^width, which takes no more than width + 1 bits.
/// Columns 0 .. width - 1 have been added down to two rows. Of the bits of weight 2^width at most
/// one is set: those products whose sum is not negative.
struct DotTree {
  uint32_t width = 0;
  TreeColumns inputs;             ///< bits of weight 2^column: of the vectors `row` and `carry_in`
  std::vector<bool> ones;         ///< columns that hold a one besides
  std::vector<DotAdders> adders;  ///< each after those whose results it takes
  std::vector<TreeBit> first, second;  ///< the rows, by column; an empty vector name is a zero
  std::vector<TreeBit> top;            ///< bits of weight 2^width
  double latest = 0;                   ///< when the last bit is there, in units of two gates
};

/// The tree for `simd` products, 1..kMaxDotProducts.
///
/// Bit simd * (9 * d + i) + s of the vector `row` is bit i of digit d of product s, of weight
/// 2^(2d+i); the lowest bit of a row already has the one of a negative digit added to it, and bit
/// simd * d + s of `carry_in` is what this carries, of weight 2^(2d+1).
DotTree MakeDotTree(uint32_t simd);

/// The module. Its synthesis view for standard cells is that of `simd` products,
/// 1..kMaxDotProducts. `origin` as in GeneratedBanner().
std::string EmitDotProducts(uint32_t simd, std::string_view origin);

}  // namespace npugen

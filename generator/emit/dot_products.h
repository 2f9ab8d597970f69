// SPDX-License-Identifier: Apache-2.0
// Prints npu_dot_products: the products of a lane, added up to two rows whose sum is still to be
// taken (carry save).
//
// Each weight is four radix-4 Booth digits (-2..2), each digit a row of nine bits: the operand once
// or twice, inverted for a negative digit, its sign inverted so that it counts positively.
// Constants make up for both. Full adders then add up the columns (column_tree.h).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "generator/emit/column_tree.h"

namespace npugen {

inline constexpr uint32_t kMaxDotProducts = 64;

/// The products plus 2^width, which takes no more than width + 1 bits. The bits are those of the
/// vectors `row` and `carry_in`. Of the bits of weight 2^width at most one is set: those products
/// whose sum is not negative.
using DotTree = ColumnTree;
using DotAdders = ColumnAdders;

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

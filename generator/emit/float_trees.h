// SPDX-License-Identifier: Apache-2.0
// Prints the trees of floating point: npu_byte_multiplier, one product of two bytes,
// npu_float_tree, the sum of a step's aligned products, and npu_significand_product, for products
// of FP32 numbers.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "generator/emit/column_tree.h"

namespace npugen {

/// Products of a step, at most, so that their sum is an int32.
inline constexpr uint32_t kMaxFloatProducts = 16;
/// Bits of an aligned product without its sign.
inline constexpr uint32_t kFloatRowBits = 27;
inline constexpr uint32_t kFloatSumBits = 32;

/// The tree for `simd` rows, modulo 2^32: bit simd * k + s of the vector `row` is bit k of row s,
/// bit s of `negative` a one for row s, bit s of `not_below` has weight 2^27 and is 0 where row s
/// counts 2^27 less.
ColumnTree MakeFloatTree(uint32_t simd);

/// Bits of a significand of FP32, the hidden one included.
inline constexpr uint32_t kSignificandBits = 24;
/// The tree of their product: bit kSignificandBits * j + i of the vector `both` has weight 2^(i+j).
ColumnTree MakeSignificandTree();

/// npu_float_tree for `simd` rows, 1..kMaxFloatProducts. `origin` as in GeneratedBanner().
std::string EmitFloatTree(uint32_t simd, std::string_view origin);

/// npu_byte_multiplier, the same for all NPUs.
std::string EmitByteMultiplier(std::string_view origin);
/// npu_significand_product, the same for all NPUs.
std::string EmitSignificandProduct(std::string_view origin);

}  // namespace npugen

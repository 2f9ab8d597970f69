// SPDX-License-Identifier: Apache-2.0
// Collectives carried out on arrays in this process, bit by bit as docs/pod.md defines them.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "sw/collective/collective.h"

namespace npugen {

/// What is added.
enum class SumType : uint8_t {
  kS32,   ///< wraps
  kF32,   ///< rounds to nearest even; a NaN that comes out is numerics::kFp32NaN
  kBf16,  ///< the sum in FP32, rounded once more
};
/// The type that is called `s32`, `f32` or `bf16`.
std::optional<SumType> SumTypeOf(std::string_view name);
uint32_t SumBytes(SumType type);

/// The sum of two elements' bits, with what is at home first.
uint32_t AddElements(SumType type, uint32_t local, uint32_t arriving);

/// How chips take turns.
struct ChipOrder {
  uint64_t seed = 1;       ///< picks who goes on next, among all who can
  bool heeds_asks = true;  ///< false: nobody waits for a neighbour that is behind, which is wrong
};

/// What the collective makes of the little-endian arrays of its chips, all of the size that it
/// says. Chips run as far ahead of each other as their waits allow; what comes out must not depend
/// on `order`. Pieces that a chip does not own hold, after a reduce-scatter, sums that are not
/// complete. The collective must be legal, its elements of the size of `type`.
void RunCollective(const Collective& collective, SumType type, const ChipOrder& order,
                   std::vector<std::vector<uint8_t>>* arrays);

}  // namespace npugen

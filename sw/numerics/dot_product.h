// SPDX-License-Identifier: Apache-2.0
// Dot products of floating-point lanes, step by step (docs/machine.md, section 4.9).
#pragma once

#include <cstdint>
#include <span>

#include "sw/numerics/float_format.h"

namespace npugen::numerics {

/// Bits of the window below the largest product of a step.
inline constexpr int32_t kWindowBits = 25;
/// Products of a step, at most: so that their sum is an int32.
inline constexpr uint32_t kMaxStepProducts = 16;
/// E8M0: the code of 2^0, and that of no number.
inline constexpr uint32_t kUnitScale = 127;
inline constexpr uint32_t kNoScale = 255;

/// Scales of the blocks that both operands of a step belong to, codes of E8M0.
struct BlockScales {
  uint32_t a = kUnitScale;
  uint32_t w = kUnitScale;
};

/// The sum after a step of up to 16 products; -0 where what is below zero is rounded to it. Codes
/// beyond the format's bits are not allowed.
Fp32 DotStep(Fp32 sum, const FloatFormat& format_a, std::span<const uint16_t> a,
             const FloatFormat& format_w, std::span<const uint16_t> w, BlockScales scales = {});

/// A whole product from +0: `count` products a step, ascending, the last step shorter.
Fp32 DotProduct(const FloatFormat& format_a, std::span<const uint16_t> a,
                const FloatFormat& format_w, std::span<const uint16_t> w, uint32_t count);

}  // namespace npugen::numerics

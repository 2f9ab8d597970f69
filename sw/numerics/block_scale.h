// SPDX-License-Identifier: Apache-2.0
// Blocks of narrow numbers with a scale in common: MX (OCP microscaling) and NVFP4.
#pragma once

#include <cstdint>
#include <span>

#include "sw/numerics/float_format.h"

namespace npugen::numerics {

/// Elements of a block of MX, and of NVFP4.
inline constexpr uint32_t kMxBlock = 32;
inline constexpr uint32_t kNvfp4Block = 16;

/// Writes the elements of a block, whose numbers count 2^(scale - 127) times as much, and returns
/// the scale, a code of E8M0: 255, and elements 0, where a value is an infinity or a NaN.
uint32_t ToMxBlock(const FloatFormat& format, std::span<const Fp32> values,
                   std::span<uint8_t> elements);
/// The same with int8 elements, in units of 2^-6, -127..127.
uint32_t ToMxInt8Block(std::span<const Fp32> values, std::span<int8_t> elements);

/// The scale of a whole tensor of NVFP4 whose largest magnitude this is.
Fp32 Nvfp4TensorScale(Fp32 largest);
/// Writes the E2M1 elements of a block and returns its scale, a code of E4M3.
uint32_t ToNvfp4Block(Fp32 tensor_scale, std::span<const Fp32> values, std::span<uint8_t> elements);

}  // namespace npugen::numerics

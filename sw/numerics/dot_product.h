// SPDX-License-Identifier: Apache-2.0
// Dot products of floating-point lanes, step by step (docs/machine.md, section 4.9).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

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

/// A code taken apart: the sign with the significand, and the exponent field, at least 1. A special
/// one has the significand 1 and kSpecialExponent.
struct DotElement {
  int16_t significand = 0;
  int16_t exponent = 0;
};
inline constexpr int16_t kSpecialExponent = 0x2000;

/// A vector of one format, taken apart once for many products.
class DotVector {
 public:
  explicit DotVector(const FloatFormat& format) : format_(&format) {}
  DotVector(const FloatFormat& format, std::span<const uint16_t> codes);

  void Append(uint16_t code);
  const FloatFormat& format() const { return *format_; }
  std::span<const DotElement> elements() const { return elements_; }

 private:
  const FloatFormat* format_;
  std::vector<DotElement> elements_;
};

/// What the exponents of both operands of a step count.
struct DotFormats {
  DotFormats(const FloatFormat& a, const FloatFormat& w)
      : raise(kWindowBits - static_cast<int32_t>(a.fraction_bits + w.fraction_bits)),
        bias(a.bias + w.bias) {}
  int32_t raise;  ///< bits that a product moves up to fill the window
  int32_t bias;
};

/// DotStep() of vectors that were taken apart.
Fp32 DotStep(Fp32 sum, DotFormats formats, std::span<const DotElement> a,
             std::span<const DotElement> w, BlockScales scales = {});

/// A whole product from +0: `count` products a step, ascending, the last step shorter.
Fp32 DotProduct(const FloatFormat& format_a, std::span<const uint16_t> a,
                const FloatFormat& format_w, std::span<const uint16_t> w, uint32_t count);

/// The same of elements that were taken apart.
Fp32 DotProduct(DotFormats formats, std::span<const DotElement> a, std::span<const DotElement> w,
                uint32_t count);

}  // namespace npugen::numerics

// SPDX-License-Identifier: Apache-2.0
// Scales are powers of two by the largest exponent of a block (MX), or quotients (NVFP4).
#include "sw/numerics/block_scale.h"

#include <algorithm>
#include <bit>

#include "sw/numerics/dot_product.h"

namespace npugen::numerics {
namespace {

constexpr int32_t kScaleBias = 127;

Fp32 LargestMagnitude(std::span<const Fp32> values) {
  Fp32 largest = 0;
  for (const Fp32 value : values) largest = std::max(largest, Magnitude(value));
  return largest;
}

/// The exponent by which a block with this finite largest magnitude, which is not 0, is divided.
int32_t ScaleExponent(Fp32 largest, int32_t element_exponent) {
  const Fp32Parts parts = Parts(largest);
  const int32_t top = parts.exponent + static_cast<int32_t>(std::bit_width(parts.significand)) - 1;
  return std::clamp(top - element_exponent, -kScaleBias, kScaleBias);
}

/// The exponent of a format's largest number.
int32_t LargestExponent(const FloatFormat& format) {
  return static_cast<int32_t>(format.largest() >> format.fraction_bits) - format.bias;
}

}  // namespace

uint32_t ToMxBlock(const FloatFormat& format, std::span<const Fp32> values,
                   std::span<uint8_t> elements) {
  std::fill(elements.begin(), elements.end(), uint8_t{0});
  const Fp32 largest = LargestMagnitude(values);
  if (!IsFinite(largest)) return kNoScale;
  if (largest == 0) return 0;
  const int32_t exponent = ScaleExponent(largest, LargestExponent(format));
  for (size_t i = 0; i < values.size(); ++i) {
    elements[i] =
        static_cast<uint8_t>(ToFormat(format, values[i], Overflow::kSaturates, -exponent));
  }
  return static_cast<uint32_t>(exponent + kScaleBias);
}

uint32_t ToMxInt8Block(std::span<const Fp32> values, std::span<int8_t> elements) {
  std::fill(elements.begin(), elements.end(), int8_t{0});
  const Fp32 largest = LargestMagnitude(values);
  if (!IsFinite(largest)) return kNoScale;
  if (largest == 0) return 0;
  const int32_t exponent = ScaleExponent(largest, 0);
  for (size_t i = 0; i < values.size(); ++i) {
    const Fp32Parts parts = Parts(values[i]);
    const Fp32 scaled = Rounded(parts.negative, parts.significand, parts.exponent - exponent + 6);
    elements[i] = static_cast<int8_t>(ToInteger(scaled, -127, 127));
  }
  return static_cast<uint32_t>(exponent + kScaleBias);
}

Fp32 Nvfp4TensorScale(Fp32 largest) { return Divide(largest, FromInteger(448 * 6)); }

uint32_t ToNvfp4Block(Fp32 tensor_scale, std::span<const Fp32> values,
                      std::span<uint8_t> elements) {
  const Fp32 wanted = Divide(Divide(LargestMagnitude(values), FromInteger(6)), tensor_scale);
  const uint32_t scale = ToFormat(kE4m3, wanted, Overflow::kSaturates);
  const Fp32 unit = Multiply(FromFormat(kE4m3, scale), tensor_scale);
  for (size_t i = 0; i < values.size(); ++i) {
    elements[i] =
        static_cast<uint8_t>(ToFormat(kE2m1, Divide(values[i], unit), Overflow::kSaturates));
  }
  return scale;
}

}  // namespace npugen::numerics

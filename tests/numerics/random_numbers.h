// SPDX-License-Identifier: Apache-2.0
// Random FP32 patterns that meet the corners: zeros, infinities, NaNs, subnormals, neighbours.
#pragma once

#include <bit>
#include <cstdint>
#include <random>

namespace npugen::testing {

/// The number that the bits stand for.
inline float Value(uint32_t bits) { return std::bit_cast<float>(bits); }
/// Bits of a number; of every NaN 0x7fc00000.
inline uint32_t Bits(float value) {
  return value != value ? 0x7fc00000 : std::bit_cast<uint32_t>(value);
}

class RandomNumbers {
 public:
  explicit RandomNumbers(uint64_t seed) : random_(seed) {}

  uint64_t Next() { return random_(); }
  /// 0..count - 1.
  uint32_t Below(uint32_t count) { return static_cast<uint32_t>(random_() % count); }

  uint32_t Fp32() {
    static constexpr uint32_t kCorners[] = {
        0x00000000, 0x80000000, 0x7f800000, 0xff800000, 0x7fc00000, 0x7f800001, 0xffffffff,
        0x00000001, 0x80000001, 0x007fffff, 0x00800000, 0x80800000, 0x7f7fffff, 0xff7fffff,
        0x3f800000, 0xbf800000, 0x3f800001, 0x3f7fffff, 0x4b000000, 0x4b000001, 0x3f000000};
    switch (Below(8)) {
      case 0:
        return kCorners[Below(std::size(kCorners))];
      case 1:  // few bits in the fraction
        return static_cast<uint32_t>(Next()) & (Below(2) == 0 ? 0xfff80000 : 0xff800007);
      case 2:  // around 1
        return (static_cast<uint32_t>(Next()) & 0x81ffffff) + 0x3e800000;
      case 3:  // subnormal
        return static_cast<uint32_t>(Next()) & 0x80ffffff;
      default:
        return static_cast<uint32_t>(Next());
    }
  }
  /// Mostly a number of a size like `other`.
  uint32_t NearTo(uint32_t other) {
    if (Below(3) == 0) return Fp32();
    const uint32_t field = (other >> 23 & 0xff) + Below(64) - 32;
    return (static_cast<uint32_t>(Next()) & 0x807fffff) | (field & 0xff) << 23;
  }

 private:
  std::mt19937_64 random_;
};

}  // namespace npugen::testing

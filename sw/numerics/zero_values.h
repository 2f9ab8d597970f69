// SPDX-License-Identifier: Apache-2.0
// Zero-value compression (docs/machine.md, 3): elements that are a tensor's zero take a bit each.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace npugen::numerics {

/// Elements of a block, which has a mask of as many bits.
inline constexpr size_t kZeroValueBlock = 32;

/// What a stream's elements are.
struct ZeroValueElements {
  uint32_t bytes = 1;  ///< of an element: 1, 2 or 4
  uint32_t zero = 0;   ///< the one that is not stored, little endian in its bytes
};

/// Why a stream is refused.
enum class ZeroValueProblem {
  kNone,
  kTooShort,    ///< it ends within a mask or an element
  kTooLong,     ///< bytes are left behind its last element
  kMaskBeyond,  ///< its last mask has bits of elements that do not exist
};

/// The stream of `data`, which consists of whole elements.
std::vector<uint8_t> PackZeroValues(const ZeroValueElements& of, std::span<const uint8_t> data);

/// Expands a stream of `data.size()` bytes of whole elements into `data`. With a problem the
/// elements before it have been written.
ZeroValueProblem ExpandZeroValues(const ZeroValueElements& of, std::span<const uint8_t> stream,
                                  std::span<uint8_t> data);

}  // namespace npugen::numerics

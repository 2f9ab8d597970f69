// SPDX-License-Identifier: Apache-2.0
// Zero-value compression.
#include "sw/numerics/zero_values.h"

#include <algorithm>

namespace npugen::numerics {
namespace {

constexpr size_t kBlockMaskBytes = kZeroValueBlock / 8;

uint32_t LittleEndian(std::span<const uint8_t> bytes) {
  uint32_t value = 0;
  for (size_t i = 0; i < bytes.size(); ++i) value |= uint32_t{bytes[i]} << (8 * i);
  return value;
}

}  // namespace

std::vector<uint8_t> PackZeroValues(const ZeroValueElements& of, std::span<const uint8_t> data) {
  std::vector<uint8_t> stream;
  const size_t block_bytes = kZeroValueBlock * of.bytes;
  for (size_t begin = 0; begin < data.size(); begin += block_bytes) {
    const std::span<const uint8_t> block =
        data.subspan(begin, std::min(block_bytes, data.size() - begin));
    const size_t mask_at = stream.size();
    stream.resize(mask_at + kBlockMaskBytes);
    for (size_t i = 0; i < block.size() / of.bytes; ++i) {
      const std::span<const uint8_t> element = block.subspan(i * of.bytes, of.bytes);
      if (LittleEndian(element) == of.zero) continue;
      stream[mask_at + i / 8] |= static_cast<uint8_t>(1u << i % 8);
      stream.insert(stream.end(), element.begin(), element.end());
    }
  }
  return stream;
}

ZeroValueProblem ExpandZeroValues(const ZeroValueElements& of, std::span<const uint8_t> stream,
                                  std::span<uint8_t> data) {
  const size_t block_bytes = kZeroValueBlock * of.bytes;
  for (size_t begin = 0; begin < data.size(); begin += block_bytes) {
    const std::span<uint8_t> block =
        data.subspan(begin, std::min(block_bytes, data.size() - begin));
    const size_t elements = block.size() / of.bytes;
    if (stream.size() < kBlockMaskBytes) return ZeroValueProblem::kTooShort;
    const uint32_t mask = LittleEndian(stream.first(kBlockMaskBytes));
    stream = stream.subspan(kBlockMaskBytes);
    if (uint64_t{mask} >> elements != 0) return ZeroValueProblem::kMaskBeyond;
    for (size_t i = 0; i < elements; ++i) {
      const std::span<uint8_t> element = block.subspan(i * of.bytes, of.bytes);
      if ((mask >> i & 1) == 0) {
        for (size_t b = 0; b < of.bytes; ++b) element[b] = static_cast<uint8_t>(of.zero >> 8 * b);
        continue;
      }
      if (stream.size() < of.bytes) return ZeroValueProblem::kTooShort;
      std::copy_n(stream.begin(), of.bytes, element.begin());
      stream = stream.subspan(of.bytes);
    }
  }
  return stream.empty() ? ZeroValueProblem::kNone : ZeroValueProblem::kTooLong;
}

}  // namespace npugen::numerics

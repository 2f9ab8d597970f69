// SPDX-License-Identifier: Apache-2.0
// Prints cyclic redundancy checks as sums modulo 2: one step for many bits at once.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace npugen {

/// Which check, and how many bits a step takes.
struct CrcSpec {
  std::string_view module;   ///< name of the module
  std::string_view purpose;  ///< one sentence
  uint32_t width = 32;       ///< bits of the remainder, 1..32
  uint64_t polynomial = 0;   ///< generator; bit i: coefficient of x^i, the top one left out
  uint32_t bits = 128;       ///< of a step, at least width, at most kMaxCrcBits
  bool low_first = true;     ///< bit 0 of a step's data comes first; else its highest bit
  bool reflected = true;     ///< bit 0 of the remainder is the coefficient of x^(width-1); else x^0
};

inline constexpr uint32_t kMaxCrcBits = 1024;

/// The checks that links are made with: the module `npu_crc` is CRC-32C, 16 bytes a step
/// (machine.md, section 7); `npu_crc_cxl` CRC-16 of 64 bytes of CXL's 68-byte flits, 16 bytes a
/// step; `npu_crc_ucie` CRC-16 of 128 bytes of UCIe, 64 bytes a step.
std::span<const CrcSpec> LinkCrcs();

/// The remainder after the first `bits` bits of `data` in a step's order, one by one: the
/// definition. `bits` may be any number of whole bytes; bit b of byte i is bit 8 * i + b.
uint32_t CrcSerial(const CrcSpec& spec, uint32_t state, std::span<const uint8_t> data);

/// Of each bit of the remainder, the bits of a step's data that it is the sum of. The remainder
/// before the step is added to the data first: its bit j to the bit CrcPlace(spec, j).
std::vector<std::vector<bool>> CrcMatrix(const CrcSpec& spec);
uint32_t CrcPlace(const CrcSpec& spec, uint32_t j);

/// The module. `origin` as in GeneratedBanner().
std::string EmitCrc(const CrcSpec& spec, std::string_view origin);

}  // namespace npugen

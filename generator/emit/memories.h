// SPDX-License-Identifier: Apache-2.0
// The memories of an NPU, known before any synthesis: what macros an integrator needs.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "generator/config/npu_config.h"

namespace npugen {

/// One kind of memory.
struct MemoryNeed {
  std::string_view cell;     ///< npu_ram_1rw or npu_ram_1r1w
  std::string_view purpose;  ///< such as "PE memory banks"
  uint64_t instances;
  uint64_t words;
  uint64_t bits;  ///< of a word

  uint64_t total_bits() const { return instances * words * bits; }
};

/// All of them, those of the largest purpose first; none twice with the same purpose.
std::vector<MemoryNeed> MemoryNeeds(const NpuConfig& config);

}  // namespace npugen

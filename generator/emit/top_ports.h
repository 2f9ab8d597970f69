// SPDX-License-Identifier: Apache-2.0
// The ports of npu_top, as views for integrators need them: width, direction, bus and role in it.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "generator/config/npu_config.h"

namespace npugen {

/// What a port belongs to.
enum class PortBundle : uint8_t {
  kClock,
  kReset,
  kRegisters,  ///< AXI4-Lite, the NPU is the subordinate
  kMemory,     ///< AXI4, the NPU is the manager
  kInterrupt,
  kTrace,  ///< may stay open; exist with debug.trace
};

/// One port of npu_top.
struct TopPort {
  std::string_view name;
  bool is_input;
  std::string_view range;  ///< as the RTL declares it, without brackets; empty: one bit
  uint32_t width;          ///< bits, 1 or more
  PortBundle bundle;
  std::string_view logical;  ///< signal of the bus, such as AWADDR; empty: no bus
};

/// All ports, in the order of the RTL.
std::vector<TopPort> TopPorts(const NpuConfig& config);

}  // namespace npugen

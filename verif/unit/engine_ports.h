// SPDX-License-Identifier: Apache-2.0
// Members of the structs that engines give to the controller, in verilated ports.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "generator/arch/engine_signals.h"
#include "verif/unit/bits.h"

/// The lowest 32 bits at most of member `name` of a port that is a `type`.
template <typename Port>
uint32_t GetMember(const Port& port, const npugen::SignalStruct& type, std::string_view name) {
  const uint32_t width = std::min<uint32_t>(type.width_of(name), 32);
  return static_cast<uint32_t>(GetBits(&port, type.lsb(name), width));
}

/// Sets member `name` in the element `index` of a port of packed `type`s.
template <typename Port>
void SetMember(Port* port, const npugen::SignalStruct& type, uint32_t index, std::string_view name,
               uint64_t value) {
  const uint32_t lsb = type.width() * index + type.lsb(name), width = type.width_of(name);
  const uint32_t low = std::min<uint32_t>(width, 32);
  SetBits(port, lsb, low, value & 0xffffffff);
  if (width > low) SetBits(port, lsb + low, width - low, value >> 32);
}

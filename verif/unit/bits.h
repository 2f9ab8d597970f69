// SPDX-License-Identifier: Apache-2.0
// Bit fields of verilated ports of any width.
#pragma once

#include <cstdint>
#include <cstring>

/// Bits of numbers below `value`: SystemVerilog's $clog2.
constexpr uint32_t Log2(uint32_t value) { return value <= 1 ? 0 : 1 + Log2((value + 1) / 2); }

/// Reads `width` (at most 57) bits from bit `lsb` of the port at `port`. Ports are little-endian.
template <typename Port>
uint64_t GetBits(const Port* port, unsigned lsb, unsigned width) {
  uint64_t window = 0;
  const unsigned byte = lsb / 8;
  const unsigned room = sizeof(Port) - byte;
  std::memcpy(&window, reinterpret_cast<const char*>(port) + byte, room < 8 ? room : 8);
  return window >> (lsb % 8) & ((uint64_t{1} << width) - 1);
}

/// Writes `width` (at most 57) bits from bit `lsb` of the port at `port`.
template <typename Port>
void SetBits(Port* port, unsigned lsb, unsigned width, uint64_t value) {
  uint64_t window = 0;
  const unsigned byte = lsb / 8;
  const unsigned room = sizeof(Port) - byte;
  const uint64_t mask = ((uint64_t{1} << width) - 1) << (lsb % 8);
  char* const bytes = reinterpret_cast<char*>(port) + byte;
  std::memcpy(&window, bytes, room < 8 ? room : 8);
  window = (window & ~mask) | (value << (lsb % 8) & mask);
  std::memcpy(bytes, &window, room < 8 ? room : 8);
}

/// Copies `bytes` bytes into a port, from its bit 0 on.
template <typename Port>
void SetBytes(Port* port, const void* data, unsigned bytes) {
  std::memcpy(reinterpret_cast<char*>(port), data, bytes);
}

/// Copies `bytes` bytes out of a port, from its bit 0 on.
template <typename Port>
void GetBytes(const Port* port, void* data, unsigned bytes) {
  std::memcpy(data, reinterpret_cast<const char*>(port), bytes);
}

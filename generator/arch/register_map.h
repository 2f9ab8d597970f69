// SPDX-License-Identifier: Apache-2.0
// The register map: one table from which the register block, the C header and the documentation are
// made.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace npugen {

enum class RegisterAccess : uint8_t {
  kReadOnly,       ///< value comes from the hardware
  kReadWrite,      ///< stored in the register block
  kWriteOnly,      ///< a write gives a one-cycle strobe with the data; reads as 0
  kWriteOneClear,  ///< the hardware sets bits, writing 1 clears them
};

struct RegisterField {
  std::string_view name;  ///< lower_snake
  uint8_t lsb;
  uint8_t width;
  std::string_view description;
  std::string_view feature = {};  ///< spec key that it exists with; empty: always
};

/// One 32-bit register, or `count` of them `stride` bytes apart.
struct RegisterInfo {
  std::string_view name;  ///< lower_snake
  uint16_t offset;        ///< bytes
  RegisterAccess access;
  uint16_t count;
  uint16_t stride;
  std::string_view description;
  std::span<const RegisterField> fields;  ///< empty: one field of 32 bits
  std::string_view feature = {};          ///< spec key that it exists with; empty: always
  uint32_t reset_value = 0;
};

/// Bytes of the register space (AXI4-Lite addresses use the low 12 bits).
inline constexpr uint32_t kRegisterSpaceBytes = 4096;
/// Value of the `id` register: the bytes "NPUG".
inline constexpr uint32_t kIdentity = 0x4755504E;

/// All registers, ascending by offset.
std::span<const RegisterInfo> AllRegisters();

}  // namespace npugen

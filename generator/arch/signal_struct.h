// SPDX-License-Identifier: Apache-2.0
// Packed structs of npu_isa_pkg as values: what is printed for the RTL, and read by C++.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace npugen {

/// A member of a packed struct.
struct SignalField {
  std::string_view name;  ///< lower_snake
  uint8_t width;          ///< bits
  std::string_view description;
};

/// A packed struct `name`_t of npu_isa_pkg; its first member has the highest bits.
struct SignalStruct {
  std::string_view name;  ///< lower_snake
  std::string_view description;
  std::span<const SignalField> fields;

  constexpr uint32_t width() const {
    uint32_t bits = 0;
    for (const SignalField& field : fields) bits += field.width;
    return bits;
  }
  /// Lowest bit of a member, which must be there.
  constexpr uint32_t lsb(std::string_view field_name) const {
    uint32_t bit = width();
    for (const SignalField& field : fields) {
      bit -= field.width;
      if (field.name == field_name) return bit;
    }
    throw "no such member";
  }
  /// Bits of a member, which must be there.
  constexpr uint32_t width_of(std::string_view field_name) const {
    for (const SignalField& field : fields) {
      if (field.name == field_name) return field.width;
    }
    throw "no such member";
  }
};

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// Numbers with units, names and powers of two as specs write them.
#pragma once

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>

#include "generator/spec/schema.h"

namespace npugen {

/// A number read from text.
struct Quantity {
  enum class State {
    kValue,
    kNotANumber,   ///< no number at all, or a form that is easily misread (hexadecimal, leading 0)
    kUnknownUnit,  ///< `unit` is none of the kind; `hint` says what is legal
    kFraction,     ///< does not come out as a whole number of bytes or hertz
    kNegative,
    kHuge,  ///< does not fit 64 bits
  };
  State state = State::kNotANumber;
  uint64_t value = 0;
  std::string unit;
  std::string hint;
};

/// `128 KiB`, `0.5 GHz`, `16`. A size or frequency without unit is in bytes or hertz; a decimal
/// point is legal where the result is whole. `kind` is kCount, kBytes or kHertz.
Quantity ParseQuantity(std::string_view text, KeyKind kind);

/// A lower-case letter, then letters, digits and underscores; at most 64 characters.
bool IsIdentifier(std::string_view text);

constexpr bool IsPowerOfTwo(uint64_t value) { return std::has_single_bit(value); }
/// The largest power of two that is at most `value`, which must not be 0.
constexpr uint64_t PowerOfTwoBelow(uint64_t value) { return std::bit_floor(value); }
/// The smallest power of two that is at least `value`.
constexpr uint64_t PowerOfTwoAbove(uint64_t value) { return std::bit_ceil(value); }

}  // namespace npugen

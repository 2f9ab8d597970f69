// SPDX-License-Identifier: Apache-2.0
// Conversions: significands are cut at the last bit of the code, which grows with the number down
// to the smallest exponent.
#include "sw/numerics/float_format.h"

#include <algorithm>
#include <bit>

#include "generator/arch/formats.h"

namespace npugen::numerics {
namespace {

/// Whether a format is the row of the table.
constexpr bool IsRow(const FloatFormat& format, FormatId id) {
  const NumberFormat& row = npugen::Format(id);
  return row.bits == format.bits() && row.exponent == format.exponent_bits &&
         row.mantissa == format.fraction_bits;
}
static_assert(IsRow(kBf16, FormatId::kBf16) && IsRow(kE4m3, FormatId::kFp8E4m3) &&
              IsRow(kE5m2, FormatId::kFp8E5m2));

}  // namespace

uint32_t ToFormat(const FloatFormat& format, Fp32 x, Overflow overflow, int32_t exponent) {
  if (IsNaN(x)) return format.nan();
  const uint32_t sign = IsNegative(x) ? format.sign() : 0;
  const uint32_t too_large = overflow == Overflow::kSaturates || format.top == TopCodes::kNumbers
                                 ? format.largest()
                             : format.top == TopCodes::kOneNaN ? format.nan()
                                                               : format.infinity();
  if (IsInfinite(x)) return sign | too_large;
  const Fp32Parts parts = Parts(x);
  if (parts.significand == 0) return sign;
  const auto fraction = static_cast<int32_t>(format.fraction_bits);
  const int32_t low = parts.exponent + exponent;  // of the significand's last bit
  const int32_t top = low + static_cast<int32_t>(std::bit_width(parts.significand)) - 1;
  int32_t last = std::max(top - fraction, 1 - format.bias - fraction);  // of the code's last bit
  const int32_t shift = last - low;
  uint64_t kept = 0;
  if (shift <= 0) {
    kept = uint64_t{parts.significand} << -shift;
  } else if (shift <= 32) {
    kept = uint64_t{parts.significand} >> shift;
    const uint64_t half = uint64_t{1} << (shift - 1);
    const uint64_t rest = parts.significand & (half | (half - 1));
    if (rest > half || (rest == half && (kept & 1) != 0)) ++kept;
  }
  if (kept >> (fraction + 1) != 0) {
    kept >>= 1;
    ++last;
  }
  const uint64_t hidden = uint64_t{1} << fraction;
  if (kept < hidden) return sign | static_cast<uint32_t>(kept);
  const int32_t field = last + fraction + format.bias;
  if (field >= 1 << format.exponent_bits) return sign | too_large;
  const uint32_t code =
      static_cast<uint32_t>(field) << fraction | static_cast<uint32_t>(kept - hidden);
  return sign | (code > format.largest() ? too_large : code);
}

Fp32 FromFormat(const FloatFormat& format, uint32_t code) {
  const uint32_t size = code & (format.sign() - 1);
  const bool negative = (code & format.sign()) != 0;
  if (size > format.largest()) {
    if (format.top == TopCodes::kOneNaN || size != format.infinity()) return kFp32NaN;
    return kFp32Infinity | (negative ? kFp32Sign : 0);
  }
  const auto fraction = static_cast<int32_t>(format.fraction_bits);
  const auto field = static_cast<int32_t>(size >> fraction);
  const uint32_t hidden = field != 0 ? 1u << fraction : 0;
  return Rounded(negative, (size & ((1u << fraction) - 1)) | hidden,
                 std::max(field, 1) - format.bias - fraction);
}

uint32_t ToBf16Stochastically(Fp32 x, uint32_t random) {
  if (IsNaN(x)) return kBf16.nan();
  return (IsInfinite(x) ? x : x + random) >> 16;
}

uint32_t RoundingNoise::Next() {
  for (int step = 0; step < 16; ++step) {
    state_ = state_ >> 1 ^ ((state_ & 1) != 0 ? 0x80200003 : 0);
  }
  return state_ & 0xffff;
}

}  // namespace npugen::numerics

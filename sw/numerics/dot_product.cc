// SPDX-License-Identifier: Apache-2.0
// A step: products aligned to the largest one, cut, added up, and added to the sum with one
// rounding.
#include "sw/numerics/dot_product.h"

#include <algorithm>
#include <array>

namespace npugen::numerics {
namespace {

struct Operand {
  bool negative;
  bool special;  ///< infinity or NaN
  int32_t exponent;
  int64_t significand;
};

Operand Decoded(const FloatFormat& format, uint32_t code) {
  const auto field = static_cast<int32_t>((code & (format.sign() - 1)) >> format.fraction_bits);
  const int64_t fraction = code & ((1u << format.fraction_bits) - 1);
  return {(code & format.sign()) != 0, format.IsSpecial(code), std::max(field, 1),
          field != 0 ? fraction | 1 << format.fraction_bits : fraction};
}

}  // namespace

Fp32 DotStep(Fp32 sum, const FloatFormat& format_a, std::span<const uint16_t> a,
             const FloatFormat& format_w, std::span<const uint16_t> w, BlockScales scales) {
  if (scales.a == kNoScale || scales.w == kNoScale) return kFp32NaN;
  struct Product {
    bool negative;
    int32_t exponent;
    int64_t magnitude;
  };
  std::array<Product, kMaxStepProducts> products;
  size_t count = 0;
  int32_t top = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const Operand x = Decoded(format_a, a[i]), y = Decoded(format_w, w[i]);
    // A product with a zero factor is none, whatever the other one is.
    if (x.significand == 0 && !x.special) continue;
    if (y.significand == 0 && !y.special) continue;
    if (x.special || y.special) return kFp32NaN;
    products[count++] = {x.negative != y.negative, x.exponent + y.exponent,
                         x.significand * y.significand};
    top = std::max(top, x.exponent + y.exponent);
  }
  const auto raise =
      kWindowBits - static_cast<int32_t>(format_a.fraction_bits + format_w.fraction_bits);
  int64_t step = 0;
  for (size_t i = 0; i < count; ++i) {
    const int32_t distance = top - products[i].exponent;
    const int64_t cut = distance > 60 ? 0 : products[i].magnitude << raise >> distance;
    step += products[i].negative ? -cut : cut;
  }
  if (step == 0 || !IsFinite(sum)) return sum;
  const int32_t unit = top - format_a.bias - format_w.bias - kWindowBits +
                       static_cast<int32_t>(scales.a + scales.w - 2 * kUnitScale);
  if (IsZero(sum)) {
    return Rounded(step < 0, static_cast<uint64_t>(step < 0 ? -step : step), unit);
  }
  // Eight guard bits below the sum's last one; what lies below the coarser grid is cut.
  constexpr int32_t kGuard = 8, kFurthest = 40;
  const Fp32Parts parts = Parts(sum);
  const int64_t old = int64_t{parts.significand} << kGuard;
  const int32_t old_unit = parts.exponent - kGuard;
  const int32_t grid = std::max(unit, old_unit);
  const int64_t total = ((parts.negative ? -old : old) >> std::min(grid - old_unit, kFurthest)) +
                        (step >> std::min(grid - unit, kFurthest));
  return Rounded(total < 0, static_cast<uint64_t>(total < 0 ? -total : total), grid);
}

Fp32 DotProduct(const FloatFormat& format_a, std::span<const uint16_t> a,
                const FloatFormat& format_w, std::span<const uint16_t> w, uint32_t count) {
  Fp32 sum = 0;
  for (size_t k = 0; k < a.size(); k += count) {
    const size_t size = std::min<size_t>(count, a.size() - k);
    sum = DotStep(sum, format_a, a.subspan(k, size), format_w, w.subspan(k, size));
  }
  return sum;
}

}  // namespace npugen::numerics

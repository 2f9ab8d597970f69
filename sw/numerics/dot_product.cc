// SPDX-License-Identifier: Apache-2.0
// A step: products aligned to the largest one, cut, added up, and added to the sum with one
// rounding.
#include "sw/numerics/dot_product.h"

#include <algorithm>
#include <array>
#include <cstdlib>

namespace npugen::numerics {
namespace {

DotElement TakenApart(const FloatFormat& format, uint32_t code) {
  const auto field = static_cast<int32_t>((code & (format.sign() - 1)) >> format.fraction_bits);
  const auto fraction = static_cast<int32_t>(code & ((1u << format.fraction_bits) - 1));
  if (format.IsSpecial(code)) return {1, kSpecialExponent};
  const int32_t significand = field != 0 ? fraction | 1 << format.fraction_bits : fraction;
  return {static_cast<int16_t>((code & format.sign()) != 0 ? -significand : significand),
          static_cast<int16_t>(std::max(field, 1))};
}

}  // namespace

DotVector::DotVector(const FloatFormat& format, std::span<const uint16_t> codes)
    : format_(&format) {
  elements_.reserve(codes.size());
  for (const uint16_t code : codes) Append(code);
}

void DotVector::Append(uint16_t code) { elements_.push_back(TakenApart(*format_, code)); }

Fp32 DotStep(Fp32 sum, const FloatFormat& format_a, std::span<const uint16_t> a,
             const FloatFormat& format_w, std::span<const uint16_t> w, BlockScales scales) {
  std::array<DotElement, kMaxStepProducts> x, y;
  for (size_t i = 0; i < a.size(); ++i) {
    x[i] = TakenApart(format_a, a[i]);
    y[i] = TakenApart(format_w, w[i]);
  }
  return DotStep(sum, DotFormats(format_a, format_w), std::span(x).first(a.size()),
                 std::span(y).first(a.size()), scales);
}

Fp32 DotStep(Fp32 sum, DotFormats formats, std::span<const DotElement> a,
             std::span<const DotElement> w, BlockScales scales) {
  if (scales.a == kNoScale || scales.w == kNoScale) return kFp32NaN;
  // A product with a zero factor is none, whatever the other one is: its exponent does not count.
  std::array<int32_t, kMaxStepProducts> products, exponents;
  int32_t top = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    products[i] = int32_t{a[i].significand} * w[i].significand;
    exponents[i] = a[i].exponent + w[i].exponent;
    if (products[i] != 0) top = std::max(top, exponents[i]);
  }
  if (top >= kSpecialExponent) return kFp32NaN;
  // Magnitudes that fill the window have 28 bits at most.
  int32_t step = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const int32_t distance = std::clamp(top - exponents[i], 0, 31);
    const int32_t cut = std::abs(products[i]) << formats.raise >> distance;
    step += products[i] < 0 ? -cut : cut;
  }
  if (step == 0 || !IsFinite(sum)) return sum;
  const int32_t unit =
      top - formats.bias - kWindowBits + static_cast<int32_t>(scales.a + scales.w - 2 * kUnitScale);
  if (IsZero(sum)) {
    return Rounded(step < 0, static_cast<uint64_t>(std::abs(int64_t{step})), unit);
  }
  // Eight guard bits below the sum's last one; what lies below the coarser grid is cut.
  constexpr int32_t kGuard = 8, kFurthest = 40;
  const Fp32Parts parts = Parts(sum);
  const int64_t old = int64_t{parts.significand} << kGuard;
  const int32_t old_unit = parts.exponent - kGuard;
  const int32_t grid = std::max(unit, old_unit);
  const int64_t total = ((parts.negative ? -old : old) >> std::min(grid - old_unit, kFurthest)) +
                        (int64_t{step} >> std::min(grid - unit, kFurthest));
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

Fp32 DotProduct(DotFormats formats, std::span<const DotElement> a, std::span<const DotElement> w,
                uint32_t count) {
  Fp32 sum = 0;
  for (size_t k = 0; k < a.size(); k += count) {
    const size_t size = std::min<size_t>(count, a.size() - k);
    sum = DotStep(sum, formats, a.subspan(k, size), w.subspan(k, size));
  }
  return sum;
}

}  // namespace npugen::numerics

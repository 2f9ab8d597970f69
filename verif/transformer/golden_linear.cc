// SPDX-License-Identifier: Apache-2.0
// Conversions of weights once, of activations for each token, and products step by step.
#include "verif/transformer/golden_linear.h"

#include <algorithm>

#include "sw/numerics/block_scale.h"
#include "sw/numerics/float_format.h"

namespace npugen::golden {
namespace {

using numerics::DelayedScale;
using numerics::DotElement;
using numerics::DotFormats;
using numerics::DotVector;
using numerics::FloatFormat;
using numerics::FromFormat;
using numerics::kBf16;
using numerics::kE4m3;
using numerics::kFp32One;
using numerics::kMxBlock;
using numerics::Magnitude;
using numerics::Multiply;
using numerics::Overflow;
using numerics::ToFormat;

/// Products of a step by the bytes of an element: lanes have 16.
constexpr uint32_t kBf16Step = 8;
constexpr uint32_t kByteStep = 16;

Fp32 LargestE4m3() { return FromFormat(kE4m3, kE4m3.largest()); }

/// The largest magnitude; a NaN where one of the codes is.
Fp32 LargestOf(std::span<const uint16_t> codes) {
  Fp32 largest = 0;
  for (const uint16_t code : codes) {
    largest = std::max(largest, Magnitude(FromFormat(kBf16, code)));
  }
  return numerics::IsNaN(largest) ? numerics::kFp32NaN : largest;
}

std::vector<Fp32> Widened(std::span<const uint16_t> codes) {
  std::vector<Fp32> values(codes.size());
  for (size_t i = 0; i < codes.size(); ++i) values[i] = FromFormat(kBf16, codes[i]);
  return values;
}

std::vector<DotElement> TakenApart(const FloatFormat& format, std::span<const uint16_t> codes) {
  const DotVector vector(format, codes);
  return {vector.elements().begin(), vector.elements().end()};
}

/// E4M3 codes of values times a scale.
std::vector<uint16_t> Scaled(std::span<const uint16_t> codes, Fp32 scale) {
  std::vector<uint16_t> scaled(codes.size());
  for (size_t i = 0; i < codes.size(); ++i) {
    const Fp32 value = Multiply(FromFormat(kBf16, codes[i]), scale);
    scaled[i] = static_cast<uint16_t>(ToFormat(kE4m3, value, Overflow::kSaturates));
  }
  return scaled;
}

/// E4M3 codes of a row in blocks, whose scales are appended.
std::vector<uint16_t> Blocked(std::span<const uint16_t> codes, std::vector<uint8_t>& scales) {
  const std::vector<Fp32> values = Widened(codes);
  std::vector<uint8_t> elements(codes.size());
  for (size_t first = 0; first < codes.size(); first += kMxBlock) {
    const size_t size = std::min<size_t>(kMxBlock, codes.size() - first);
    scales.push_back(static_cast<uint8_t>(numerics::ToMxBlock(
        kE4m3, std::span(values).subspan(first, size), std::span(elements).subspan(first, size))));
  }
  return {elements.begin(), elements.end()};
}

/// Whole numbers of a row as bf16 codes, and what one of them counts.
Fp32 QuantizedRow(std::span<uint16_t> codes) {
  constexpr int32_t kLargest = 127;
  const Fp32 largest = LargestOf(codes);
  if (numerics::IsZero(largest)) return kFp32One;
  const Fp32 scale = numerics::Divide(largest, numerics::FromInteger(kLargest));
  for (uint16_t& code : codes) {
    // A scale that is 0 would need weights below every bf16 number that counts.
    const Fp32 value = numerics::Divide(FromFormat(kBf16, code), scale);
    const int32_t whole = numerics::ToInteger(value, -kLargest, kLargest);
    code =
        static_cast<uint16_t>(ToFormat(kBf16, numerics::FromInteger(whole), Overflow::kInfinity));
  }
  return scale;
}

}  // namespace

DelayedScale NewDelayedScale() {
  DelayedScale scale;
  scale.history.assign(kScaleHistory, 0);
  return scale;
}

GoldenLinear::GoldenLinear(const Matrix& matrix, LinearFormat format)
    : matrix_(&matrix), format_(format) {
  const bool bytes = format == LinearFormat::kFp8 || format == LinearFormat::kMxFp8;
  element_ = bytes ? &kE4m3 : &kBf16;
  switch (format) {
    case LinearFormat::kBf16:
      weights_ = TakenApart(kBf16, matrix.codes);
      break;
    case LinearFormat::kFp8: {
      // As a scale with a history of one step.
      DelayedScale scale;
      scale.history = {LargestOf(matrix.codes)};
      scale.Update(numerics::ScaleSource::kMostRecent, LargestE4m3(), 0, false);
      inverse_ = scale.inverse;
      weights_ = TakenApart(kE4m3, Scaled(matrix.codes, scale.scale));
      break;
    }
    case LinearFormat::kMxFp8:
      weights_.reserve(matrix.codes.size());
      for (uint32_t row = 0; row < matrix.rows; ++row) {
        const auto codes =
            std::span(matrix.codes).subspan(size_t{row} * matrix.columns, matrix.columns);
        const DotVector vector(kE4m3, Blocked(codes, block_scales_));
        weights_.insert(weights_.end(), vector.elements().begin(), vector.elements().end());
      }
      break;
    case LinearFormat::kInt8: {
      std::vector<uint16_t> codes = matrix.codes;
      for (uint32_t row = 0; row < matrix.rows; ++row) {
        row_scales_.push_back(
            QuantizedRow(std::span(codes).subspan(size_t{row} * matrix.columns, matrix.columns)));
      }
      weights_ = TakenApart(kBf16, codes);
      break;
    }
  }
}

std::vector<Fp32> GoldenLinear::Sums(std::span<const uint16_t> activations) const {
  const DotFormats formats(kBf16, kBf16);
  const DotVector vector(kBf16, activations);
  std::vector<Fp32> sums(matrix_->rows);
  for (size_t row = 0; row < sums.size(); ++row) {
    sums[row] = numerics::DotProduct(
        formats, vector.elements(),
        std::span(weights_).subspan(row * matrix_->columns, matrix_->columns), kBf16Step);
  }
  return sums;
}

std::vector<uint16_t> GoldenLinear::Apply(std::span<const uint16_t> activations,
                                          DelayedScale& scale) const {
  std::vector<uint16_t> codes(activations.begin(), activations.end());
  std::vector<uint8_t> block_scales;
  Fp32 factor = kFp32One;
  if (format_ == LinearFormat::kFp8) {
    codes = Scaled(activations, scale.scale);
    factor = Multiply(scale.inverse, inverse_);
    scale.history.front() = numerics::Maximum(scale.history.front(), LargestOf(activations));
    scale.Update(numerics::ScaleSource::kMaximum, LargestE4m3(), 0, false);
  } else if (format_ == LinearFormat::kMxFp8) {
    codes = Blocked(activations, block_scales);
  }
  const DotFormats formats(*element_, *element_);
  const DotVector vector(*element_, codes);
  const std::span<const DotElement> a = vector.elements();
  const uint32_t step = element_ == &kBf16 ? kBf16Step : kByteStep;
  std::vector<uint16_t> results(matrix_->rows);
  for (size_t row = 0; row < results.size(); ++row) {
    const auto w = std::span(weights_).subspan(row * matrix_->columns, matrix_->columns);
    Fp32 sum = 0;
    for (size_t k = 0; k < a.size(); k += step) {
      numerics::BlockScales scales;
      if (format_ == LinearFormat::kMxFp8) {
        const size_t block = k / kMxBlock;
        scales = {block_scales[block], block_scales_[row * block_scales.size() + block]};
      }
      const size_t size = std::min<size_t>(step, a.size() - k);
      sum = numerics::DotStep(sum, formats, a.subspan(k, size), w.subspan(k, size), scales);
    }
    if (format_ == LinearFormat::kFp8) sum = Multiply(sum, factor);
    if (format_ == LinearFormat::kInt8) sum = Multiply(sum, row_scales_[row]);
    if (!matrix_->bias.empty()) sum = numerics::Add(sum, matrix_->bias[row]);
    results[row] = static_cast<uint16_t>(ToFormat(kBf16, sum, Overflow::kInfinity));
  }
  return results;
}

}  // namespace npugen::golden

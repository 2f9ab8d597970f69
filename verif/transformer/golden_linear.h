// SPDX-License-Identifier: Apache-2.0
// One linear layer in its format: weights as they lie on the NPU, and activations on their way in.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sw/numerics/dot_product.h"
#include "sw/numerics/vector.h"
#include "sw/transformer/linear_format.h"
#include "sw/transformer/transformer.h"

namespace npugen::golden {

/// Magnitudes that delayed scaling looks back on.
inline constexpr size_t kScaleHistory = 16;
/// A scale before the first token.
numerics::DelayedScale NewDelayedScale();

class GoldenLinear {
 public:
  GoldenLinear(const Matrix& matrix, LinearFormat format);

  LinearFormat format() const { return format_; }
  /// The layer's results, bf16, of one token's activations, bf16. With kFp8 `scale` is the
  /// sequence's state of this layer, which the token updates.
  std::vector<uint16_t> Apply(std::span<const uint16_t> activations,
                              numerics::DelayedScale& scale) const;
  /// The products alone, as FP32 numbers; with kBf16.
  std::vector<Fp32> Sums(std::span<const uint16_t> activations) const;

 private:
  const Matrix* matrix_;
  LinearFormat format_;
  const numerics::FloatFormat* element_;  ///< of both operands
  std::vector<numerics::DotElement> weights_;
  std::vector<uint8_t> block_scales_;  ///< kMxFp8: [row][block]
  std::vector<Fp32> row_scales_;       ///< kInt8
  Fp32 inverse_ = numerics::kFp32One;  ///< kFp8
};

}  // namespace npugen::golden

// SPDX-License-Identifier: Apache-2.0
// The golden model of transformers: every tensor, bit for bit (docs/transformers.md).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "sw/numerics/dot_product.h"
#include "sw/numerics/vector.h"
#include "sw/transformer/linear_format.h"
#include "sw/transformer/transformer.h"
#include "verif/transformer/golden_linear.h"

namespace npugen::golden {

/// What a model remembers of one text: keys, values, scales.
struct GoldenSequence {
  struct Head {
    std::vector<numerics::DotElement> keys;                 ///< [time][channel]
    std::vector<std::vector<numerics::DotElement>> values;  ///< [channel][time]
  };
  struct Block {
    std::vector<Head> heads;                     ///< of keys and values
    std::vector<numerics::DelayedScale> scales;  ///< of the linear layers; kFp8 alone uses them
  };
  uint32_t length = 0;  ///< tokens so far
  std::vector<Block> blocks;
};

/// Sees tensors as they come, bf16 codes: "L0.norm1", ".q", ".k", ".v" (q and k after the
/// rotation), ".attn", ".after_attn", ".norm2", ".ffn", ".out" of each block, and "norm".
using TensorObserver = std::function<void(const std::string& tensor, uint32_t position,
                                          std::span<const uint16_t> values)>;

/// Why a text of `length` tokens cannot take these (kPrompt): none, more than the context holds, or
/// some that are not in the vocabulary; with full attention also tokens behind others.
Status CheckTokens(const Transformer& model, uint32_t length, std::span<const uint32_t> tokens);

class GoldenTransformer {
 public:
  /// `model` must outlive this; formats are those of all its blocks.
  GoldenTransformer(const Transformer& model, const LinearFormats& formats);

  const Transformer& model() const { return *model_; }
  GoldenSequence NewSequence() const;

  /// Takes the tokens, all of them block by block, and returns the logits of the last one, or of
  /// all, one after the other. An error of CheckTokens() leaves the sequence as it was.
  Result<std::vector<Fp32>> Feed(GoldenSequence& sequence, std::span<const uint32_t> tokens,
                                 bool all_logits = false,
                                 const TensorObserver& observer = {}) const;

 private:
  using Rows = std::vector<std::vector<uint16_t>>;  ///< of each token
  class Watch;

  std::vector<uint16_t> Normalized(const Norm& norm, std::span<const uint16_t> x) const;
  void Rotate(std::span<uint16_t> heads, const RotaryRow& row) const;
  Rows Attention(uint32_t block, GoldenSequence& sequence, const Rows& normalized,
                 const Watch& watch) const;
  std::vector<uint16_t> AttentionOf(const GoldenSequence::Block& cache, uint32_t seen,
                                    std::span<const uint16_t> queries) const;
  std::vector<uint16_t> FeedForward(uint32_t block, GoldenSequence& sequence,
                                    std::span<const uint16_t> normalized) const;

  const Transformer* model_;
  std::vector<std::vector<GoldenLinear>> linear_;  ///< [block][layer]
  GoldenLinear head_;
  Fp32 score_scale_;
};

}  // namespace npugen::golden

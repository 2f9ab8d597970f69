// SPDX-License-Identifier: Apache-2.0
// Which token comes next (docs/transformers.md, section 1).
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "sw/numerics/fp32.h"

namespace npugen {

struct Sampling {
  numerics::Fp32 temperature = 0;  ///< 0: the largest logit; else above 0
  uint32_t top_k = 0;              ///< 0: all
  numerics::Fp32 top_p = numerics::kFp32One;
};

/// SplitMix64.
class SamplingNoise {
 public:
  explicit SamplingNoise(uint64_t seed) : state_(seed) {}
  uint64_t Next();

 private:
  uint64_t state_;
};

/// Position of the next token among the logits. Nothing where one of them is a NaN, or there are
/// none. Draws from `noise` unless the temperature is 0.
std::optional<uint32_t> NextToken(std::span<const numerics::Fp32> logits, const Sampling& sampling,
                                  SamplingNoise& noise);

}  // namespace npugen

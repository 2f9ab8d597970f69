// SPDX-License-Identifier: Apache-2.0
// Texts that a model continues, several at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "generator/support/diagnostic.h"
#include "sw/transformer/sampling.h"
#include "verif/transformer/golden_transformer.h"

namespace npugen::golden {

/// Why a text does not go on.
enum class GenerationEnd : uint8_t { kTokens, kEndOfText, kContext };
/// "tokens", "end of text", "context".
std::string_view GenerationEndName(GenerationEnd end);

struct GenerationRequest {
  std::vector<uint32_t> prompt;
  uint32_t tokens = 0;  ///< at most so many are added
  Sampling sampling;
  uint64_t seed = 0;
};

struct Generation {
  std::vector<uint32_t> tokens;  ///< without the prompt, and without the one that ends texts
  GenerationEnd end = GenerationEnd::kTokens;
};

/// Called with each token as it comes, and the position of its request.
using GeneratedToken = std::function<void(size_t request, uint32_t token)>;

/// Takes tokens behind those that text `text` has, and gives the logits behind the last one.
using TextFeed = std::function<Result<std::vector<Fp32>>(size_t text, std::span<const uint32_t>)>;

/// Continues all prompts, one token of each at a time; each as if it were alone. Errors (kPrompt)
/// of any prompt come before anything is computed; one for logits that are no numbers, and those of
/// `feed`, may come later.
Result<std::vector<Generation>> Generate(const Transformer& model,
                                         std::span<const GenerationRequest> requests,
                                         const TextFeed& feed, const GeneratedToken& on_token = {});
/// The same, computed by the golden model.
Result<std::vector<Generation>> Generate(const GoldenTransformer& model,
                                         std::span<const GenerationRequest> requests,
                                         const GeneratedToken& on_token = {});

}  // namespace npugen::golden

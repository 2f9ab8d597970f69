// SPDX-License-Identifier: Apache-2.0
// Sequences advance in turns until none of them goes on.
#include "verif/transformer/generate.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

namespace npugen::golden {
namespace {

/// A text on its way.
struct Text {
  GoldenSequence sequence;
  SamplingNoise noise;
  std::vector<uint32_t> next;  ///< tokens that the model has not seen
  bool goes_on = true;
};

}  // namespace

std::string_view GenerationEndName(GenerationEnd end) {
  constexpr std::string_view kNames[] = {"tokens", "end of text", "context"};
  return kNames[static_cast<size_t>(end)];
}

Result<std::vector<Generation>> Generate(const GoldenTransformer& model,
                                         std::span<const GenerationRequest> requests,
                                         const GeneratedToken& on_token) {
  const Transformer& transformer = model.model();
  const uint32_t context = transformer.config.context;
  std::vector<Text> texts;
  for (const GenerationRequest& request : requests) {
    texts.push_back({model.NewSequence(), SamplingNoise(request.seed), request.prompt});
    const Status legal = model.CheckTokens(texts.back().sequence, request.prompt);
    if (!legal) return legal.errors();
  }
  std::vector<Generation> results(requests.size());
  bool any = true;
  while (any) {
    any = false;
    for (size_t i = 0; i < texts.size(); ++i) {
      Text& text = texts[i];
      Generation& result = results[i];
      if (!text.goes_on) continue;
      text.goes_on = false;
      if (result.tokens.size() >= requests[i].tokens) {
        result.end = GenerationEnd::kTokens;
        continue;
      }
      if (text.sequence.length + text.next.size() >= context) {
        result.end = GenerationEnd::kContext;
        continue;
      }
      const Result<std::vector<Fp32>> logits = model.Feed(text.sequence, text.next);
      if (!logits) return logits.errors();
      const auto token = NextToken(*logits, requests[i].sampling, text.noise);
      if (!token) {
        return Diagnostic(
            DiagnosticCode::kPrompt, SourceLocation{transformer.name},
            fmt::format("the logits behind token {} are no numbers", text.sequence.length - 1),
            "weights and a format whose sums stay finite");
      }
      if (std::find(transformer.ends.begin(), transformer.ends.end(), *token) !=
          transformer.ends.end()) {
        result.end = GenerationEnd::kEndOfText;
        continue;
      }
      result.tokens.push_back(*token);
      text.next = {*token};
      text.goes_on = true;
      any = true;
      if (on_token) on_token(i, *token);
    }
  }
  return results;
}

}  // namespace npugen::golden

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
  SamplingNoise noise;
  std::vector<uint32_t> next;  ///< tokens that the model has not seen
  uint32_t length = 0;         ///< those that it has
  bool goes_on = true;
};

}  // namespace

std::string_view GenerationEndName(GenerationEnd end) {
  constexpr std::string_view kNames[] = {"tokens", "end of text", "context"};
  return kNames[static_cast<size_t>(end)];
}

Result<std::vector<Generation>> Generate(const Transformer& model,
                                         std::span<const GenerationRequest> requests,
                                         const TextFeed& feed, const GeneratedToken& on_token) {
  const uint32_t context = model.config.context;
  std::vector<Text> texts;
  for (const GenerationRequest& request : requests) {
    texts.push_back({SamplingNoise(request.seed), request.prompt});
    const Status legal = CheckTokens(model, 0, request.prompt);
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
      if (text.length + text.next.size() >= context) {
        result.end = GenerationEnd::kContext;
        continue;
      }
      const Result<std::vector<Fp32>> logits = feed(i, text.next);
      if (!logits) return logits.errors();
      text.length += static_cast<uint32_t>(text.next.size());
      const auto token = NextToken(*logits, requests[i].sampling, text.noise);
      if (!token) {
        return Diagnostic(DiagnosticCode::kPrompt, SourceLocation{model.name},
                          fmt::format("the logits behind token {} are no numbers", text.length - 1),
                          "weights and a format whose sums stay finite");
      }
      if (std::find(model.ends.begin(), model.ends.end(), *token) != model.ends.end()) {
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

Result<std::vector<Generation>> Generate(const GoldenTransformer& model,
                                         std::span<const GenerationRequest> requests,
                                         const GeneratedToken& on_token) {
  std::vector<GoldenSequence> sequences(requests.size(), model.NewSequence());
  return Generate(
      model.model(), requests,
      [&](size_t text, std::span<const uint32_t> tokens) {
        return model.Feed(sequences[text], tokens);
      },
      on_token);
}

}  // namespace npugen::golden

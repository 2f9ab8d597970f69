// SPDX-License-Identifier: Apache-2.0
// Tokens go through a block together, so that a prompt in one go and token by token take different
// ways to the same bits.
#include "verif/transformer/golden_transformer.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "sw/numerics/float_format.h"
#include "sw/numerics/layer_functions.h"

namespace npugen::golden {
namespace {

using numerics::Add;
using numerics::DotElement;
using numerics::DotFormats;
using numerics::DotVector;
using numerics::FromFormat;
using numerics::kBf16;
using numerics::Multiply;
using numerics::Subtract;

constexpr uint32_t kStep = 8;  ///< products of bf16 in a step

uint16_t ToBf16(Fp32 x) {
  return static_cast<uint16_t>(numerics::ToFormat(kBf16, x, numerics::Overflow::kInfinity));
}
Fp32 FromBf16(uint16_t code) { return FromFormat(kBf16, code); }

std::vector<uint16_t> ToBf16(std::span<const Fp32> values) {
  std::vector<uint16_t> codes(values.size());
  std::transform(values.begin(), values.end(), codes.begin(), [](Fp32 x) { return ToBf16(x); });
  return codes;
}

/// The residual: x + y, in x.
void AddTo(std::vector<uint16_t>& x, std::span<const uint16_t> y) {
  for (size_t i = 0; i < x.size(); ++i) x[i] = ToBf16(Add(FromBf16(x[i]), FromBf16(y[i])));
}

Fp32 Gate(GateFunction function, Fp32 x) {
  switch (function) {
    case GateFunction::kSilu:
      return numerics::Silu(x);
    case GateFunction::kGeluTanh:
      return numerics::GeluTanh(x);
    case GateFunction::kGelu:
      return numerics::Gelu(x);
    case GateFunction::kRelu:
      return numerics::IsNaN(x) ? x : numerics::Maximum(x, 0);
  }
  return x;
}

Diagnostic PromptError(const std::string& file, std::string message, std::string hint) {
  return {DiagnosticCode::kPrompt, SourceLocation{file}, std::move(message), std::move(hint)};
}

}  // namespace

/// Hands tensors to an observer, if there is one.
class GoldenTransformer::Watch {
 public:
  Watch(const TensorObserver& observer, uint32_t first) : observer_(observer), first_(first) {}
  void operator()(const char* name, size_t token, std::span<const uint16_t> values,
                  int64_t block = -1) const {
    if (!observer_) return;
    observer_(block < 0 ? std::string(name) : fmt::format("L{}.{}", block, name),
              first_ + static_cast<uint32_t>(token), values);
  }

 private:
  const TensorObserver& observer_;
  uint32_t first_;
};

GoldenTransformer::GoldenTransformer(const Transformer& model, const LinearFormats& formats)
    : model_(&model),
      head_(model.head ? *model.head : model.embedding, LinearFormat::kBf16),
      score_scale_(ScoreScale(model.config)) {
  for (size_t block = 0; block < model.blocks.size(); ++block) {
    std::vector<GoldenLinear>& layers = linear_.emplace_back();
    for (size_t layer = 0; layer < kLinearLayers; ++layer) {
      layers.emplace_back(model.blocks[block].linear[layer], formats[block][layer]);
    }
  }
}

GoldenSequence GoldenTransformer::NewSequence() const {
  GoldenSequence sequence;
  GoldenSequence::Head head;
  head.values.resize(model_->config.head_size);
  GoldenSequence::Block block;
  block.heads.assign(model_->config.key_value_heads, head);
  block.scales.assign(kLinearLayers, NewDelayedScale());
  sequence.blocks.assign(model_->config.layers, block);
  return sequence;
}

Status CheckTokens(const Transformer& model, uint32_t length, std::span<const uint32_t> tokens) {
  const TransformerConfig& config = model.config;
  if (tokens.empty()) return PromptError(model.name, "there are no tokens", "at least one");
  if (tokens.size() > config.context - length) {
    return PromptError(model.name,
                       length == 0 ? fmt::format("{} tokens", tokens.size())
                                   : fmt::format("{} tokens behind {}", tokens.size(), length),
                       fmt::format("the context holds {}", config.context));
  }
  if (!config.causal && length > 0) {
    return PromptError(model.name, "tokens behind others, which have not seen them",
                       "with full attention all tokens of a text at once");
  }
  const auto outside = std::find_if(tokens.begin(), tokens.end(),
                                    [&](uint32_t token) { return token >= config.vocabulary; });
  if (outside != tokens.end()) {
    return PromptError(model.name,
                       fmt::format("token {} is {}", outside - tokens.begin(), *outside),
                       fmt::format("the vocabulary has 0 to {}", config.vocabulary - 1));
  }
  return Unit{};
}

std::vector<uint16_t> GoldenTransformer::Normalized(const Norm& norm,
                                                    std::span<const uint16_t> x) const {
  std::vector<Fp32> values(x.size());
  std::transform(x.begin(), x.end(), values.begin(), FromBf16);
  return ToBf16(model_->config.norm == NormKind::kRms
                    ? numerics::RmsNorm(values, norm.gain, model_->config.epsilon)
                    : numerics::LayerNorm(values, norm.gain, norm.bias, model_->config.epsilon));
}

void GoldenTransformer::Rotate(std::span<uint16_t> heads, const RotaryRow& row) const {
  const TransformerConfig& config = model_->config;
  if (config.pairing == RotaryPairing::kNone) return;
  const size_t pairs = config.head_size / 2;
  const bool halves = config.pairing == RotaryPairing::kHalves;
  for (size_t first = 0; first < heads.size(); first += config.head_size) {
    for (size_t i = 0; i < pairs; ++i) {
      uint16_t& a_code = heads[first + (halves ? i : 2 * i)];
      uint16_t& b_code = heads[first + (halves ? i + pairs : 2 * i + 1)];
      const Fp32 a = FromBf16(a_code), b = FromBf16(b_code);
      a_code = ToBf16(Subtract(Multiply(a, row.cosines[i]), Multiply(b, row.sines[i])));
      b_code = ToBf16(Add(Multiply(b, row.cosines[i]), Multiply(a, row.sines[i])));
    }
  }
}

std::vector<uint16_t> GoldenTransformer::AttentionOf(const GoldenSequence::Block& cache,
                                                     uint32_t seen,
                                                     std::span<const uint16_t> queries) const {
  const TransformerConfig& config = model_->config;
  const DotFormats formats(kBf16, kBf16);
  const uint32_t group = config.heads / config.key_value_heads;
  std::vector<uint16_t> output;
  output.reserve(queries.size());
  for (uint32_t head = 0; head < config.heads; ++head) {
    const GoldenSequence::Head& memory = cache.heads[head / group];
    const DotVector query(kBf16,
                          queries.subspan(size_t{head} * config.head_size, config.head_size));
    // The first pass: scores and their largest.
    std::vector<Fp32> scores(seen);
    for (uint32_t s = 0; s < seen; ++s) {
      const auto key =
          std::span(memory.keys).subspan(size_t{s} * config.head_size, config.head_size);
      scores[s] =
          Multiply(numerics::DotProduct(formats, query.elements(), key, kStep), score_scale_);
    }
    Fp32 largest = numerics::kFp32Infinity | numerics::kFp32Sign;
    for (const Fp32 score : scores) largest = numerics::Maximum(largest, score);
    // The second one. Tokens that are not seen have e = 0, up to all that the cache holds.
    const size_t length = memory.values[0].size();
    numerics::PartialSums sum;
    DotVector weights(kBf16);
    for (size_t s = 0; s < length; ++s) {
      const Fp32 e = s < seen ? numerics::Exponential(Subtract(scores[s], largest)) : 0;
      sum.Add(e);
      weights.Append(ToBf16(e));
    }
    const Fp32 inverse = numerics::Divide(numerics::kFp32One, sum.Total());
    for (const std::vector<DotElement>& channel : memory.values) {
      output.push_back(ToBf16(
          Multiply(numerics::DotProduct(formats, weights.elements(), channel, kStep), inverse)));
    }
  }
  return output;
}

GoldenTransformer::Rows GoldenTransformer::Attention(uint32_t block, GoldenSequence& sequence,
                                                     const Rows& normalized,
                                                     const Watch& watch) const {
  const TransformerConfig& config = model_->config;
  GoldenSequence::Block& cache = sequence.blocks[block];
  const auto apply = [&](LinearLayer layer, std::span<const uint16_t> x) {
    const auto index = static_cast<size_t>(layer);
    return linear_[block][index].Apply(x, cache.scales[index]);
  };
  Rows queries(normalized.size());
  for (size_t token = 0; token < normalized.size(); ++token) {
    std::vector<uint16_t> keys = apply(LinearLayer::kKey, normalized[token]);
    const std::vector<uint16_t> values = apply(LinearLayer::kValue, normalized[token]);
    queries[token] = apply(LinearLayer::kQuery, normalized[token]);
    const RotaryRow row = RotaryRowAt(*model_, sequence.length + static_cast<uint32_t>(token));
    Rotate(queries[token], row);
    Rotate(keys, row);
    watch("q", token, queries[token], block);
    watch("k", token, keys, block);
    watch("v", token, values, block);
    const DotVector key_elements(kBf16, keys), value_elements(kBf16, values);
    for (uint32_t head = 0; head < config.key_value_heads; ++head) {
      GoldenSequence::Head& memory = cache.heads[head];
      const size_t first = size_t{head} * config.head_size;
      const auto key = key_elements.elements().subspan(first, config.head_size);
      memory.keys.insert(memory.keys.end(), key.begin(), key.end());
      for (size_t channel = 0; channel < config.head_size; ++channel) {
        memory.values[channel].push_back(value_elements.elements()[first + channel]);
      }
    }
  }
  const auto all = sequence.length + static_cast<uint32_t>(normalized.size());
  Rows results;
  for (size_t token = 0; token < normalized.size(); ++token) {
    const uint32_t seen = config.causal ? sequence.length + static_cast<uint32_t>(token) + 1 : all;
    const std::vector<uint16_t> output = AttentionOf(cache, seen, queries[token]);
    watch("attn", token, output, block);
    results.push_back(apply(LinearLayer::kOutput, output));
  }
  return results;
}

std::vector<uint16_t> GoldenTransformer::FeedForward(uint32_t block, GoldenSequence& sequence,
                                                     std::span<const uint16_t> normalized) const {
  const TransformerConfig& config = model_->config;
  const auto apply = [&](LinearLayer layer) {
    const auto index = static_cast<size_t>(layer);
    return linear_[block][index].Apply(normalized, sequence.blocks[block].scales[index]);
  };
  const std::vector<uint16_t> gate =
      config.gated ? apply(LinearLayer::kGate) : std::vector<uint16_t>();
  const std::vector<uint16_t> up = apply(LinearLayer::kUp);
  std::vector<uint16_t> product(up.size());
  for (size_t i = 0; i < up.size(); ++i) {
    const Fp32 gated = Gate(config.function, FromBf16(config.gated ? gate[i] : up[i]));
    product[i] = ToBf16(config.gated ? Multiply(gated, FromBf16(up[i])) : gated);
  }
  return product;
}

Result<std::vector<Fp32>> GoldenTransformer::Feed(GoldenSequence& sequence,
                                                  std::span<const uint32_t> tokens, bool all_logits,
                                                  const TensorObserver& observer) const {
  if (const Status legal = CheckTokens(*model_, sequence.length, tokens); !legal)
    return legal.errors();
  const TransformerConfig& config = model_->config;
  const Watch watch(observer, sequence.length);
  Rows x;
  for (const uint32_t token : tokens) {
    const auto row =
        model_->embedding.codes.begin() + static_cast<std::ptrdiff_t>(size_t{token} * config.width);
    x.emplace_back(row, row + config.width);
  }
  for (uint32_t block = 0; block < config.layers; ++block) {
    const TransformerBlock& weights = model_->blocks[block];
    Rows normalized;
    for (size_t token = 0; token < x.size(); ++token) {
      normalized.push_back(Normalized(weights.attention_norm, x[token]));
      watch("norm1", token, normalized[token], block);
    }
    const Rows attention = Attention(block, sequence, normalized, watch);
    for (size_t token = 0; token < x.size(); ++token) {
      AddTo(x[token], attention[token]);
      watch("after_attn", token, x[token], block);
      const std::vector<uint16_t> inner = Normalized(weights.feed_forward_norm, x[token]);
      watch("norm2", token, inner, block);
      const std::vector<uint16_t> product = FeedForward(block, sequence, inner);
      watch("ffn", token, product, block);
      constexpr auto kDown = static_cast<size_t>(LinearLayer::kDown);
      AddTo(x[token], linear_[block][kDown].Apply(product, sequence.blocks[block].scales[kDown]));
      watch("out", token, x[token], block);
    }
  }
  sequence.length += static_cast<uint32_t>(tokens.size());
  std::vector<Fp32> logits;
  for (size_t token = all_logits ? 0 : x.size() - 1; token < x.size(); ++token) {
    const std::vector<uint16_t> last = Normalized(model_->norm, x[token]);
    watch("norm", token, last);
    const std::vector<Fp32> sums = head_.Sums(last);
    logits.insert(logits.end(), sums.begin(), sums.end());
  }
  return logits;
}

}  // namespace npugen::golden

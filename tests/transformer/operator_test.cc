// SPDX-License-Identifier: Apache-2.0
// Operators of the golden model near the formulas; prompts in one go and in parts, and texts
// together and alone, to the bit.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "sw/numerics/layer_functions.h"
#include "tests/transformer/model_files.h"
#include "tests/transformer/plain_model.h"
#include "verif/random/random_model.h"
#include "verif/transformer/generate.h"
#include "verif/transformer/golden_transformer.h"

namespace npugen {
namespace {

using golden::Generate;
using golden::Generation;
using golden::GenerationEnd;
using golden::GenerationRequest;
using golden::GoldenSequence;
using golden::GoldenTransformer;
using testing::RandomSource;
using testing::RandomTransformer;
using testing::SmallConfig;

constexpr LinearFormat kAllFormats[] = {LinearFormat::kBf16, LinearFormat::kFp8,
                                        LinearFormat::kMxFp8, LinearFormat::kInt8};

/// Configs with every kind of operator.
std::vector<TransformerConfig> AllConfigs() {
  std::vector<TransformerConfig> configs;
  for (const uint32_t shared : {1u, 2u, 4u}) {
    for (const NormKind norm : {NormKind::kRms, NormKind::kLayer}) {
      for (const RotaryPairing pairing :
           {RotaryPairing::kHalves, RotaryPairing::kNeighbours, RotaryPairing::kNone}) {
        TransformerConfig config = SmallConfig();
        config.key_value_heads = shared;
        config.norm = norm;
        config.pairing = pairing;
        config.function = static_cast<GateFunction>(configs.size() % 4);
        config.gated = configs.size() % 3 != 0;
        config.causal = configs.size() % 5 != 0;
        configs.push_back(config);
      }
    }
  }
  return configs;
}

std::vector<uint32_t> SomeTokens(const TransformerConfig& config, size_t count, uint64_t seed) {
  RandomSource random(seed);
  std::vector<uint32_t> tokens;
  for (size_t i = 0; i < count; ++i) {
    tokens.push_back(static_cast<uint32_t>(random.Next() % config.vocabulary));
  }
  return tokens;
}

TEST(TransformerOperators, AreNearTheFormulas) {
  uint64_t seed = 0;
  for (const TransformerConfig& config : AllConfigs()) {
    Transformer model = RandomTransformer(config, ++seed);
    for (Fp32& bias : model.blocks[0][LinearLayer::kQuery].bias) bias = NearestFp32(0.25);
    model.blocks[1][LinearLayer::kDown].bias.assign(config.width, NearestFp32(-0.5));
    const std::vector<uint32_t> tokens = SomeTokens(config, 20, seed);
    const std::vector<std::vector<double>> plain = testing::PlainLogits(model, tokens);
    double scale = 0;
    for (const std::vector<double>& row : plain) {
      for (const double value : row) scale = std::max(scale, std::fabs(value));
    }
    // What rounding to these formats leaves, measured with some room: a wrong sign, pair, head or
    // function is off by the scale itself.
    for (const LinearFormat format : kAllFormats) {
      const GoldenTransformer golden(model, UniformFormats(config, format));
      GoldenSequence sequence = golden.NewSequence();
      const auto logits = golden.Feed(sequence, tokens, true);
      ASSERT_TRUE(logits.ok());
      double square = 0;
      for (size_t i = 0; i < logits->size(); ++i) {
        const double error =
            RealValue((*logits)[i]) - plain[i / config.vocabulary][i % config.vocabulary];
        square += error * error / static_cast<double>(logits->size());
      }
      const double limit = format == LinearFormat::kBf16 ? 0.01 : 0.06;
      EXPECT_LT(std::sqrt(square), limit * scale)
          << "config " << seed << ", " << LinearFormatName(format);
    }
  }
}

TEST(TransformerOperators, PromptsInPartsGiveTheSameBits) {
  uint64_t seed = 100;
  for (const TransformerConfig& config : AllConfigs()) {
    if (!config.causal) continue;
    const Transformer model = RandomTransformer(config, ++seed);
    const std::vector<uint32_t> tokens = SomeTokens(config, config.context, seed);
    for (const LinearFormat format : kAllFormats) {
      const GoldenTransformer golden(model, UniformFormats(config, format));
      GoldenSequence whole = golden.NewSequence();
      const std::vector<Fp32> expected = *golden.Feed(whole, tokens, true);
      RandomSource random(seed);
      for (int round = 0; round < 2; ++round) {
        GoldenSequence parts = golden.NewSequence();
        std::vector<Fp32> logits;
        for (size_t done = 0; done < tokens.size();) {
          const size_t count =
              round == 0 ? 1 : std::min<size_t>(tokens.size() - done, 1 + random.Next() % 7);
          const auto step = golden.Feed(parts, std::span(tokens).subspan(done, count), true);
          logits.insert(logits.end(), step->begin(), step->end());
          done += count;
        }
        ASSERT_EQ(logits, expected) << "config " << seed << ", " << LinearFormatName(format);
      }
    }
  }
}

TEST(TransformerOperators, TokensThatAreRefusedLeaveTheSequence) {
  const Transformer model = RandomTransformer(SmallConfig(), 1);
  const GoldenTransformer golden(model, UniformFormats(model.config, LinearFormat::kFp8));
  const std::vector<uint32_t> tokens = SomeTokens(model.config, 10, 3);
  GoldenSequence sequence = golden.NewSequence(), other = golden.NewSequence();
  (void)golden.Feed(sequence, std::span(tokens).first(6));
  for (const std::vector<uint32_t>& wrong :
       {std::vector<uint32_t>(), std::vector<uint32_t>(19, 1), std::vector<uint32_t>{1, 40}}) {
    const auto refused = golden.Feed(sequence, wrong);
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.errors()[0].code, DiagnosticCode::kPrompt);
  }
  const auto after = golden.Feed(sequence, std::span(tokens).subspan(6));
  EXPECT_EQ(*after, *golden.Feed(other, tokens));
}

TEST(TransformerOperators, TextsTogetherAreAsAlone) {
  const Transformer model = RandomTransformer(SmallConfig(), 2);
  for (const LinearFormat format : kAllFormats) {
    const GoldenTransformer golden(model, UniformFormats(model.config, format));
    std::vector<GenerationRequest> requests;
    for (uint32_t i = 0; i < 5; ++i) {
      GenerationRequest request;
      request.prompt = SomeTokens(model.config, 1 + 4 * i, i);
      request.tokens = 3 + 2 * i;
      request.sampling.temperature = i % 2 == 0 ? 0 : numerics::kFp32One;
      request.seed = i;
      requests.push_back(request);
    }
    const auto together = Generate(golden, requests);
    ASSERT_TRUE(together.ok());
    for (size_t i = 0; i < requests.size(); ++i) {
      const auto alone = Generate(golden, std::span(requests).subspan(i, 1));
      EXPECT_EQ((*alone)[0].tokens, (*together)[i].tokens);
      EXPECT_EQ((*alone)[0].end, (*together)[i].end);
    }
    EXPECT_EQ((*together)[4].end, GenerationEnd::kContext);
    EXPECT_EQ((*together)[4].tokens.size(), 7u);
    // A wrong one among them: nothing is computed.
    requests[3].prompt.push_back(40);
    int tokens = 0;
    EXPECT_FALSE(Generate(golden, requests, [&](size_t, uint32_t) { ++tokens; }).ok());
    EXPECT_EQ(tokens, 0);
  }
}

TEST(TransformerOperators, TextsEnd) {
  Transformer model = RandomTransformer(SmallConfig(), 4);
  const GoldenTransformer golden(model, UniformFormats(model.config, LinearFormat::kBf16));
  GenerationRequest request;
  request.prompt = {5};
  request.tokens = 10;
  const auto free = Generate(golden, {&request, 1});
  ASSERT_EQ((*free)[0].tokens.size(), 10u);
  EXPECT_EQ((*free)[0].end, GenerationEnd::kTokens);
  model.ends = {(*free)[0].tokens[4]};
  const auto ended = Generate(golden, {&request, 1});
  EXPECT_EQ((*ended)[0].end, GenerationEnd::kEndOfText);
  EXPECT_LE((*ended)[0].tokens.size(), 4u);
}

TEST(TransformerOperators, GatesAreNearTheFormulas) {
  for (double x = -20; x <= 20; x += 1.0 / 64) {
    const Fp32 bits = NearestFp32(x);
    const double sigmoid = x / (1 + std::exp(-x));
    const double exact = 0.5 * x * std::erfc(-x / std::sqrt(2));
    const double by_tanh =
        0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
    const double room = 1e-6 * std::max(1.0, std::fabs(x));
    EXPECT_NEAR(RealValue(numerics::Silu(bits)), sigmoid, room) << x;
    EXPECT_NEAR(RealValue(numerics::Gelu(bits)), exact, room) << x;
    EXPECT_NEAR(RealValue(numerics::GeluTanh(bits)), by_tanh, room) << x;
  }
  for (const auto function : {numerics::Silu, numerics::Gelu, numerics::GeluTanh}) {
    EXPECT_TRUE(numerics::IsNaN(function(numerics::kFp32NaN)));
  }
}

}  // namespace
}  // namespace npugen

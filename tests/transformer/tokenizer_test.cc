// SPDX-License-Identifier: Apache-2.0
// Tokenizers against their definitions, sampling, and the command.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>

#include "sw/transformer/read_transformer.h"
#include "sw/transformer/sampling.h"
#include "tests/transformer/model_files.h"
#include "verif/random/random_model.h"

namespace npugen {
namespace {

using testing::RandomSource;

/// llama2.c's loop: the best pair of all, again and again.
std::vector<uint32_t> SlowJoins(const std::vector<std::string>& texts,
                                const std::vector<float>& scores, std::vector<uint32_t> tokens) {
  std::map<std::string, uint32_t> numbers;
  for (uint32_t i = 3; i < texts.size(); ++i) numbers.emplace(texts[i], i);
  while (true) {
    float best = -1e10f;
    size_t place = SIZE_MAX;
    uint32_t number = 0;
    for (size_t i = 0; i + 1 < tokens.size(); ++i) {
      const auto found = numbers.find(texts[tokens[i]] + texts[tokens[i + 1]]);
      if (found == numbers.end() || scores[found->second] <= best) continue;
      best = scores[found->second];
      place = i;
      number = found->second;
    }
    if (place == SIZE_MAX) return tokens;
    tokens[place] = number;
    tokens.erase(tokens.begin() + static_cast<std::ptrdiff_t>(place) + 1);
  }
}

TEST(Tokenizers, ScoresAreJoinedAsInLlama2c) {
  const testing::FileBytes file = testing::ScoreTokenizerFile();
  const auto tokenizer = ReadScoreTokenizer(file, "t.bin");
  ASSERT_TRUE(tokenizer.ok());
  std::vector<std::string> texts;
  std::vector<float> scores;
  for (size_t at = 4; at < file.size();) {
    uint32_t length = 0;
    float score = 0;
    std::memcpy(&score, file.data() + at, 4);
    std::memcpy(&length, file.data() + at + 4, 4);
    scores.push_back(score);
    texts.emplace_back(file.begin() + static_cast<std::ptrdiff_t>(at) + 8,
                       file.begin() + static_cast<std::ptrdiff_t>(at) + 8 + length);
    at += 8 + length;
  }
  EXPECT_EQ((*tokenizer)->size(), texts.size());
  RandomSource random(1);
  for (int round = 0; round < 500; ++round) {
    const std::string parts[] = {"a", "b", "c", " ", "\xc3\xa9", "\xe2\x82\xac", "ab"};
    std::string text;
    for (int i = random.Integer(1, 20); i > 0; --i) text += parts[random.Next() % 7];
    std::vector<uint32_t> symbols = {259};
    for (size_t at = 0; at < text.size();) {
      const std::string character =
          text.substr(at, CharacterBytes(std::string_view(text).substr(at)));
      at += character.size();
      const auto found = std::find(texts.begin() + 3, texts.end(), character);
      if (found != texts.end()) {
        symbols.push_back(static_cast<uint32_t>(found - texts.begin()));
        continue;
      }
      for (const char byte : character) symbols.push_back(static_cast<uint8_t>(byte) + 3u);
    }
    const auto tokens = (*tokenizer)->Encode(text);
    ASSERT_TRUE(tokens.ok());
    ASSERT_EQ(*tokens, SlowJoins(texts, scores, symbols)) << text;
    std::string back;
    for (size_t i = 0; i < tokens->size(); ++i) back += (*tokenizer)->Decode((*tokens)[i], i == 0);
    ASSERT_EQ(back, text);
  }
}

TEST(Tokenizers, LongTextsTakeNoLongTime) {
  const auto tokenizer = ReadScoreTokenizer(testing::ScoreTokenizerFile(), "t.bin");
  EXPECT_GT((*tokenizer)->Encode(std::string(300'000, 'a'))->size(), 10'000u);
}

TEST(Tokenizers, BytesAreMergedAsInGpt2) {
  const auto tokenizer = ReadMergeTokenizer(testing::ByteTokenizerJson(), "t.json");
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.errors()[0].message;
  const auto encode = [&](const std::string& text) { return *(*tokenizer)->Encode(text); };
  EXPECT_EQ((*tokenizer)->size(), 16u);
  EXPECT_EQ(encode("abc ab"), (std::vector<uint32_t>{8, 7}));
  EXPECT_EQ(encode("ab  ab"), (std::vector<uint32_t>{6, 3, 7}));  // two blanks are cut in two
  EXPECT_EQ(encode("111!"), (std::vector<uint32_t>{9, 4, 5}));
  EXPECT_EQ(encode("a1b"), (std::vector<uint32_t>{0, 4, 1}));
  // A letter of two bytes, whole or as two characters that normalization joins.
  EXPECT_EQ(encode("\xc3\xa9"), (std::vector<uint32_t>{12}));
  EXPECT_FALSE((*tokenizer)->Encode("e\xcc\x81").ok() && encode("e\xcc\x81") != encode("\xc3\xa9"));
  EXPECT_EQ(encode("e\xcc\x81"), (std::vector<uint32_t>{12}));
  EXPECT_EQ((*tokenizer)->Decode(12, false), "\xc3\xa9");
  EXPECT_EQ((*tokenizer)->Decode(7, true), " ab");
  EXPECT_EQ((*tokenizer)->Decode(14, false), "\n");
  EXPECT_EQ((*tokenizer)->Decode(15, false), "");  // special
  EXPECT_FALSE((*tokenizer)->Encode("x").ok());
}

TEST(Tokenizers, LlamaFallsBackToBytes) {
  const auto tokenizer = ReadMergeTokenizer(testing::LlamaTokenizerJson(), "t.json");
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.errors()[0].message;
  EXPECT_EQ((*tokenizer)->begin(), 1u);
  EXPECT_EQ(*(*tokenizer)->Encode("ab b"), (std::vector<uint32_t>{9, 4, 6}));
  EXPECT_EQ(*(*tokenizer)->Encode("\xc3\xa9"), (std::vector<uint32_t>{4, 2, 3}));
  EXPECT_EQ((*tokenizer)->Decode(9, true), "ab");
  EXPECT_EQ((*tokenizer)->Decode(9, false), " ab");
  EXPECT_EQ((*tokenizer)->Decode(2, false), "\xc3");
  EXPECT_FALSE((*tokenizer)->Encode("c").ok());
}

// An expression from a file may take exponential time, or be none.
TEST(Tokenizers, HostileExpressionsEnd) {
  nlohmann::json json = nlohmann::json::parse(testing::ByteTokenizerJson());
  const auto read = [&json](const char* expression) {
    json["pre_tokenizer"] = {
        {"type", "Sequence"},
        {"pretokenizers",
         {{{"type", "Split"}, {"pattern", {{"Regex", expression}}}, {"behavior", "Isolated"}},
          {{"type", "ByteLevel"}, {"use_regex", false}}}}};
    return ReadMergeTokenizer(json.dump(), "t.json");
  };
  const auto slow = read("(a+a+)+b");
  ASSERT_TRUE(slow.ok());
  const auto cut = (*slow)->Encode(std::string(3000, 'a'));
  ASSERT_FALSE(cut.ok());
  EXPECT_EQ(cut.errors()[0].code, DiagnosticCode::kPrompt);
  EXPECT_EQ(*(*slow)->Encode("aab"), (std::vector<uint32_t>{0, 6}));  // the next one is right
  for (const char* wrong : {"(a", "[", "", "\\p{Nonsense}"}) {
    const auto none = read(wrong);
    ASSERT_FALSE(none.ok()) << wrong;
    EXPECT_EQ(none.errors()[0].code, DiagnosticCode::kTokenizer);
  }
}

TEST(SamplingTest, FollowsTheShares) {
  const std::vector<Fp32> logits = {NearestFp32(1), NearestFp32(3), NearestFp32(2), NearestFp32(3)};
  SamplingNoise noise(5);
  EXPECT_EQ(NextToken(logits, {}, noise), 1u);
  Sampling sampling;
  sampling.temperature = numerics::kFp32One;
  int counts[4] = {};
  for (int i = 0; i < 20'000; ++i) ++counts[*NextToken(logits, sampling, noise)];
  const double sum = std::exp(1.0) + 2 * std::exp(3.0) + std::exp(2.0);
  EXPECT_NEAR(counts[0], 20'000 * std::exp(1.0) / sum, 200);
  EXPECT_NEAR(counts[1], 20'000 * std::exp(3.0) / sum, 300);
  EXPECT_NEAR(counts[2], 20'000 * std::exp(2.0) / sum, 300);
  sampling.top_k = 1;
  for (int i = 0; i < 100; ++i) EXPECT_EQ(NextToken(logits, sampling, noise), 1u);
  sampling.top_k = 0;
  sampling.top_p = NearestFp32(0.5);  // both large ones: one alone has 0.40
  for (int i = 0; i < 200; ++i) EXPECT_EQ(*NextToken(logits, sampling, noise) % 2, 1u);
  sampling.top_p = 0;
  for (int i = 0; i < 100; ++i) EXPECT_EQ(NextToken(logits, sampling, noise), 1u);
  EXPECT_EQ(NextToken({}, sampling, noise), std::nullopt);
  const std::vector<Fp32> bad = {0, numerics::kFp32NaN};
  EXPECT_EQ(NextToken(bad, sampling, noise), std::nullopt);
  EXPECT_EQ(NextToken(bad, {}, noise), std::nullopt);
  // SplitMix64 of seed 0, as published.
  SamplingNoise zero(0);
  EXPECT_EQ(zero.Next(), 0xe220a8397b1dcdafu);
}

}  // namespace
}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// The golden model against the shared reference data, bit for bit: sum_lm and stories260K in three
// formats.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include "sw/transformer/linear_format.h"
#include "sw/transformer/read_transformer.h"
#include "sw/transformer/sampling.h"
#include "tests/numerics/shared_float.h"
#include "tests/support/files.h"
#include "tests/transformer/plain_model.h"
#include "verif/transformer/golden_transformer.h"

namespace npugen {
namespace {

using golden::GoldenSequence;
using golden::GoldenTransformer;
using numerics::ReadElements;
using testing::ReadBytes;

constexpr const char* kNoSumLm =
    "the character model sum_lm is not there: NPUGEN_SHARED_MODELS names the folder with "
    "digits/sum_lm";

/// The folder of the character model; empty if there is none.
std::string SumLmFolder() {
  const char* given = std::getenv("NPUGEN_SHARED_MODELS");
  for (const std::string& folder :
       {testing::SourcePath("models/digits/sum_lm"),
        (given != nullptr ? std::string(given) : testing::SourcePath("../shared/models")) +
            "/digits/sum_lm"}) {
    if (std::filesystem::exists(folder + "/sum_lm.json")) return folder;
  }
  return {};
}

std::string TextOf(const std::vector<uint8_t>& bytes) { return {bytes.begin(), bytes.end()}; }

Transformer SumLm(const std::string& folder) {
  auto model = ReadCharacterModel(TextOf(ReadBytes(folder + "/sum_lm.json")),
                                  ReadBytes(folder + "/sum_lm.bin"), "sum_lm.json");
  if (!model) {
    ADD_FAILURE() << FormatDiagnostic(model.errors()[0], false);
    return {};
  }
  return std::move(*model);
}

uint32_t Largest(std::span<const Fp32> logits) {
  SamplingNoise noise(0);
  return NextToken(logits, {}, noise).value_or(UINT32_MAX);
}

class Formats : public ::testing::TestWithParam<LinearFormat> {
 protected:
  void SetUp() override {
    float_ = numerics::SharedFloatFolder();
    if (float_.empty()) GTEST_SKIP() << numerics::kNoSharedFloat;
  }
  std::string Name() const { return std::string(LinearFormatName(GetParam())); }
  std::string File(const std::string& folder, const std::string& rest) const {
    return float_ + "/" + folder + "/" + Name() + "_" + rest;
  }

  std::string float_;
};
class SumLmFormats : public Formats {
 protected:
  void SetUp() override {
    Formats::SetUp();
    if (IsSkipped()) return;
    const std::string folder = SumLmFolder();
    if (folder.empty()) GTEST_SKIP() << kNoSumLm;
    model_ = SumLm(folder);
    ASSERT_EQ(model_.blocks.size(), 2u);
    for (const uint8_t id : ReadBytes(folder + "/golden_ids.bin")) ids_.push_back(id);
    answers_ = TextOf(ReadBytes(folder + "/held_out_answers.txt"));
  }
  Transformer model_;
  std::vector<uint32_t> ids_;
  std::string answers_;
};
INSTANTIATE_TEST_SUITE_P(Reference, SumLmFormats,
                         ::testing::Values(LinearFormat::kBf16, LinearFormat::kFp8,
                                           LinearFormat::kMxFp8),
                         [](const auto& tested) {
                           return std::string(LinearFormatName(tested.param));
                         });

TEST_P(SumLmFormats, LogitsAndTensors) {
  const GoldenTransformer golden(model_, UniformFormats(model_.config, GetParam()));
  const std::vector<Fp32> expected = ReadElements<Fp32>(File("sum_lm", "logits.bin"));
  ASSERT_EQ(expected.size(), 512u);
  GoldenSequence sequence = golden.NewSequence();
  std::vector<Fp32> logits, scales;
  size_t tensors = 0;
  for (const uint32_t id : ids_) {
    const auto step = golden.Feed(
        sequence, {&id, 1}, false,
        [&](const std::string& name, uint32_t position, std::span<const uint16_t> values) {
          if (position + 1 != ids_.size() || name.ends_with("norm2")) return;
          const auto last = ReadElements<uint16_t>(File("sum_lm", "last_" + name + ".bin"));
          EXPECT_TRUE(std::equal(values.begin(), values.end(), last.begin(), last.end())) << name;
          ++tensors;
        });
    ASSERT_TRUE(step.ok());
    logits.insert(logits.end(), step->begin(), step->end());
    for (const GoldenSequence::Block& block : sequence.blocks) {
      for (const numerics::DelayedScale& scale : block.scales) scales.push_back(scale.scale);
    }
  }
  EXPECT_EQ(logits, expected);
  EXPECT_EQ(tensors, 17u);
  if (GetParam() == LinearFormat::kFp8) {
    EXPECT_EQ(scales, ReadElements<Fp32>(float_ + "/sum_lm/fp8_scales.bin"));
  }
  // All in one go, and in two parts.
  GoldenSequence once = golden.NewSequence();
  EXPECT_EQ(*golden.Feed(once, ids_, true), expected);
  GoldenSequence parts = golden.NewSequence();
  std::vector<Fp32> together = *golden.Feed(parts, std::span(ids_).first(11), true);
  const std::vector<Fp32> rest = *golden.Feed(parts, std::span(ids_).subspan(11), true);
  together.insert(together.end(), rest.begin(), rest.end());
  EXPECT_EQ(together, expected);
}

TEST_P(SumLmFormats, Answers) {
  const GoldenTransformer golden(model_, UniformFormats(model_.config, GetParam()));
  std::istringstream prompts(answers_);
  std::istringstream expected(TextOf(ReadBytes(File("sum_lm", "answers.txt"))));
  std::string line, prompt;
  size_t lines = 0, right = 0;
  while (std::getline(expected, line) && std::getline(prompts, prompt)) {
    std::string text = prompt.substr(0, prompt.find('=') + 1);
    std::vector<uint32_t> tokens = *model_.tokenizer->Encode(text);
    GoldenSequence sequence = golden.NewSequence();
    while (sequence.length + tokens.size() < model_.config.context) {
      const uint32_t next = Largest(*golden.Feed(sequence, tokens));
      if (next == model_.ends.at(0)) break;
      text += model_.tokenizer->Decode(next, false);
      tokens = {next};
    }
    EXPECT_EQ(text, line);
    int first = 0, second = 0, sum = 0;
    ASSERT_EQ(std::sscanf(text.c_str(), "%d+%d=%d", &first, &second, &sum), 3) << text;
    right += first + second == sum ? 1 : 0;
    ++lines;
  }
  EXPECT_EQ(lines, 400u);
  EXPECT_EQ(right, 399u);
}

class StoriesFormats : public Formats {
 protected:
  void SetUp() override {
    Formats::SetUp();
    if (IsSkipped()) return;
    auto model = ReadLlama2c(ReadBytes(float_ + "/stories260K/stories260K.bin"), "stories260K.bin");
    ASSERT_TRUE(model.ok()) << FormatDiagnostic(model.errors()[0], false);
    model_ = std::move(*model);
    for (const uint16_t id : ReadElements<uint16_t>(float_ + "/stories260K/fp32_ids.bin")) {
      ids_.push_back(id);
    }
    logits_ = ReadElements<Fp32>(File("stories260K", "forced_logits.bin"));
  }

  /// Feeds the forced tokens one by one; counts those that the model would have said itself.
  int Forced(std::vector<Fp32>& logits) const {
    const GoldenTransformer golden(model_, UniformFormats(model_.config, GetParam()));
    // What plain arithmetic says behind the last one: the reference has no 201st token.
    std::vector<uint32_t> next(ids_.begin() + 1, ids_.end());
    const std::vector<double> last = testing::PlainLogits(model_, ids_).back();
    next.push_back(
        static_cast<uint32_t>(std::max_element(last.begin(), last.end()) - last.begin()));
    GoldenSequence sequence = golden.NewSequence();
    int equal = 0;
    for (size_t i = 0; i < ids_.size(); ++i) {
      const std::vector<Fp32> step = *golden.Feed(sequence, std::span(ids_).subspan(i, 1));
      if (i < 8 || i == 199) logits.insert(logits.end(), step.begin(), step.end());
      equal += Largest(step) == next[i] ? 1 : 0;
    }
    return equal;
  }
  int Expected() const {
    return GetParam() == LinearFormat::kBf16 ? 199 : GetParam() == LinearFormat::kFp8 ? 194 : 191;
  }

  Transformer model_;
  std::vector<uint32_t> ids_;
  std::vector<Fp32> logits_;
};
INSTANTIATE_TEST_SUITE_P(Reference, StoriesFormats,
                         ::testing::Values(LinearFormat::kBf16, LinearFormat::kFp8,
                                           LinearFormat::kMxFp8),
                         [](const auto& tested) {
                           return std::string(LinearFormatName(tested.param));
                         });

TEST_P(StoriesFormats, ForcedTokensWithTheTablesOfTheReference) {
  model_.cosines = ReadElements<Fp32>(float_ + "/stories260K/rope_cos.bin");
  model_.sines = ReadElements<Fp32>(float_ + "/stories260K/rope_sin.bin");
  std::vector<Fp32> logits;
  EXPECT_EQ(Forced(logits), Expected());
  EXPECT_EQ(logits, logits_);
}

// Tables that are made differ from those of run.c in a last bit here and there.
TEST_P(StoriesFormats, ForcedTokensWithTablesThatAreMade) {
  std::vector<Fp32> logits;
  EXPECT_EQ(Forced(logits), Expected());
  EXPECT_EQ(logits, logits_);
}

TEST_P(StoriesFormats, FreeText) {
  const GoldenTransformer golden(model_, UniformFormats(model_.config, GetParam()));
  const auto expected = ReadElements<uint16_t>(File("stories260K", "ids.bin"));
  GoldenSequence sequence = golden.NewSequence();
  std::vector<uint16_t> ids = {1};
  while (ids.size() < expected.size()) {
    const uint32_t last = ids.back();
    ids.push_back(static_cast<uint16_t>(Largest(*golden.Feed(sequence, {&last, 1}))));
  }
  EXPECT_EQ(ids, expected);
}

}  // namespace
}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// Programs of tokens on the functional model: every tensor and the logits as the golden model has
// them, for models and NPUs of many shapes.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <random>

#include "generator/config/load.h"
#include "sw/generation/compile_token.h"
#include "sw/transformer/read_transformer.h"
#include "tests/support/files.h"
#include "tests/transformer/model_files.h"
#include "verif/functional/functional_model.h"
#include "verif/transformer/golden_transformer.h"

namespace npugen {
namespace {

using generation::KeptTensor;
using generation::TokenCompiler;
using generation::TokenProgram;

/// edge_float with other lines.
NpuConfig FloatConfig(const std::vector<std::pair<std::string, std::string>>& replacements = {}) {
  std::string text;
  for (const uint8_t c : testing::ReadBytes(testing::SourcePath("specs/edge_float.yaml"))) {
    text += static_cast<char>(c);
  }
  for (const auto& [from, to] : replacements) {
    const size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), to);
  }
  Result<NpuConfig> config = LoadSpecText(text, "float.yaml");
  if (!config) ADD_FAILURE() << FormatDiagnostic(config.errors().front(), false);
  return std::move(*config);
}

/// A text on the functional model, and on the golden model beside it.
class TextOnBoth {
 public:
  TextOnBoth(const NpuConfig& config, const Transformer& model)
      : model_(model),
        golden_(model, UniformFormats(model.config, LinearFormat::kBf16)),
        functional_(config) {
    TokenCompiler::Options options;
    options.keep_tensors = true;
    Result<TokenCompiler> compiler = TokenCompiler::Make(config, model, options);
    if (!compiler) {
      ADD_FAILURE() << FormatDiagnostic(compiler.errors().front(), false);
      return;
    }
    compiler_ = std::make_unique<TokenCompiler>(std::move(*compiler));
    NewText();
  }

  void NewText() {
    sequence_ = golden_.NewSequence();
    cache_.clear();
  }

  /// Both models take a token.
  void Feed(uint32_t token) {
    const uint32_t position = sequence_.length;
    const Result<TokenProgram> made = compiler_->Compile(position);
    ASSERT_TRUE(made.ok()) << FormatDiagnostic(made.errors().front(), false);
    const Program& program = made->program;
    std::mt19937_64 random(position);
    if (cache_.empty()) {
      // What is behind a text's last token may be anything, even no number.
      cache_.resize(program.scratch_bytes);
      for (uint8_t& byte : cache_) byte = static_cast<uint8_t>(random() % 4 == 0 ? 0xff : random());
    }
    std::vector<uint8_t> output(program.output_bytes, 0xa5), image = program.image;
    std::vector<uint8_t> input = compiler_->constants();
    const std::vector<uint8_t> row = compiler_->TokenInput(token, position);
    ASSERT_EQ(row.size(), program.inputs[0].bytes);
    std::copy(row.begin(), row.end(), output.begin() + program.inputs[0].offset);
    functional_.Poison(position + 1);
    FunctionalJobOptions options;
    options.seed = position + 1;
    const FunctionalJobResult result = functional_.Run(
        {FunctionalWindow{image, 0x10000}, FunctionalWindow{cache_, 0x2000000},
         FunctionalWindow{input, 0x4000000, true, false}, FunctionalWindow{output, 0x8000000}},
        program.cold_offset, options);
    ASSERT_TRUE(result.ok()) << result.detail;
    std::map<std::string, std::vector<uint16_t>> tensors;
    const auto logits =
        golden_.Feed(sequence_, {&token, 1}, false,
                     [&](const std::string& name, uint32_t, std::span<const uint16_t> values) {
                       tensors[name] = {values.begin(), values.end()};
                     });
    ASSERT_TRUE(logits.ok());
    EXPECT_EQ(made->kept.size(), tensors.size());
    for (const KeptTensor& kept : made->kept) {
      const std::vector<uint16_t>& expected = tensors.at(kept.name);
      ASSERT_EQ(static_cast<size_t>(kept.elements), expected.size()) << kept.name;
      for (size_t i = 0; i < expected.size(); ++i) {
        uint16_t code;
        std::memcpy(&code, output.data() + kept.At(static_cast<int64_t>(i)), 2);
        ASSERT_EQ(code, expected[i]) << kept.name << " " << i << ", token " << position;
      }
    }
    ASSERT_EQ(program.outputs[0].bytes, 4 * logits->size());
    EXPECT_EQ(std::memcmp(output.data() + program.outputs[0].offset, logits->data(),
                          program.outputs[0].bytes),
              0)
        << "logits, token " << position;
  }

 private:
  const Transformer& model_;
  golden::GoldenTransformer golden_;
  golden::GoldenSequence sequence_;
  FunctionalModel functional_;
  std::unique_ptr<TokenCompiler> compiler_;
  std::vector<uint8_t> cache_;
};

void Compare(const NpuConfig& config, const Transformer& model, uint32_t tokens, uint64_t seed) {
  TextOnBoth text(config, model);
  std::mt19937_64 random(seed);
  for (uint32_t t = 0; t < tokens && !::testing::Test::HasFailure(); ++t) {
    text.Feed(static_cast<uint32_t>(random() % model.config.vocabulary));
  }
}

TEST(TokenProgram, EveryTensorIsTheGoldenModels) {
  const Transformer model = testing::RandomTransformer(testing::SmallConfig(), 5);
  Compare(FloatConfig(), model, model.config.context, 6);
}

// Sizes that fill no slice, no lane and no group, all functions, norms and pairings, biases.
TEST(TokenProgram, ModelsOfAllShapes) {
  const NpuConfig config = FloatConfig();
  for (uint64_t seed = 1; seed <= 24 && !::testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937_64 random(seed);
    const auto below = [&](uint64_t n) { return static_cast<uint32_t>(random() % n); };
    TransformerConfig shape = testing::SmallConfig();
    shape.layers = 1 + below(2);
    shape.key_value_heads = 1 + below(3);
    shape.heads = shape.key_value_heads * (1 + below(3));
    shape.head_size = 2 * (1 + below(20));
    shape.width = 4 + below(60);
    shape.hidden = 1 + below(90);
    shape.context = 20 + below(30);
    shape.vocabulary = 10 + below(50);
    shape.norm = below(2) == 0 ? NormKind::kRms : NormKind::kLayer;
    shape.pairing = static_cast<RotaryPairing>(below(3));
    shape.function = static_cast<GateFunction>(below(4));
    shape.gated = below(3) > 0;
    Transformer model = testing::RandomTransformer(shape, seed, below(2) == 0);
    const auto some = [&](size_t count) {
      std::vector<Fp32> values(count);
      for (Fp32& value : values) value = NearestFp32(static_cast<double>(below(200)) / 100 - 1);
      return values;
    };
    for (TransformerBlock& block : model.blocks) {
      for (Matrix& matrix : block.linear) {
        if (matrix.rows > 0 && below(2) == 0) matrix.bias = some(matrix.rows);
      }
    }
    Compare(config, model, std::min<uint32_t>(shape.context, 4 + below(40)), seed);
  }
}

// Cores that share groups, lanes and slices of other sizes, core memories in which weights, keys
// and values are cut along groups, heads and their depth.
TEST(TokenProgram, NpusOfAllShapes) {
  using Lines = std::vector<std::pair<std::string, std::string>>;
  const std::pair<std::string, std::string> small_core = {"memory: 64 KiB", "memory: 16 KiB"};
  const Lines npus[] = {
      {{"cores: 1", "cores: 2"}},
      {{"cores: 1", "cores: 4"}, small_core, {"lanes: 16 ", "lanes: 4 "}},
      {small_core},
      {small_core, {"lanes: 16 ", "lanes: 20 "}},
      {{"vector_lanes: 8", "vector_lanes: 16"}, {"lanes: 16 ", "lanes: 32 "}},
      {{"vector_lanes: 8", "vector_lanes: 4"}, {"accumulators: 16", "accumulators: 2"}},
  };
  uint64_t seed = 0;
  for (const Lines& lines : npus) {
    SCOPED_TRACE(++seed);
    const NpuConfig config = FloatConfig(lines);
    for (const uint32_t head_size : {6u, 40u}) {
      TransformerConfig shape = testing::SmallConfig();
      shape.layers = 1;
      shape.heads = 6;
      shape.key_value_heads = 3;
      shape.head_size = head_size;
      shape.hidden = 200;
      shape.pairing = head_size == 6 ? RotaryPairing::kHalves : RotaryPairing::kNeighbours;
      const Transformer model = testing::RandomTransformer(shape, seed);
      Compare(config, model, shape.context, seed);
      if (::testing::Test::HasFailure()) return;
    }
  }
}

// A head's keys and values are more than core memory holds.
TEST(TokenProgram, LongTexts) {
  const NpuConfig config = FloatConfig({{"memory: 64 KiB", "memory: 16 KiB"}});
  TransformerConfig shape = testing::SmallConfig();
  shape.layers = 1;
  shape.heads = shape.key_value_heads = 1;
  shape.head_size = 24;
  shape.width = shape.hidden = 8;
  shape.context = 600;
  const Transformer model = testing::RandomTransformer(shape, 3);
  Compare(config, model, shape.context, 4);
}

// The character model answers a sum.
TEST(TokenProgram, SumLm) {
  const std::string folder = testing::SourcePath("models/digits/sum_lm");
  const auto text = testing::ReadBytes(folder + "/sum_lm.json");
  const auto model = ReadCharacterModel(std::string(text.begin(), text.end()),
                                        testing::ReadBytes(folder + "/sum_lm.bin"), "sum_lm.json");
  ASSERT_TRUE(model.ok());
  const NpuConfig config = FloatConfig();
  TextOnBoth both(config, *model);
  for (const uint8_t id : testing::ReadBytes(folder + "/golden_ids.bin")) both.Feed(id);
}

TEST(TokenProgram, Refusals) {
  const auto code_of = [](const NpuConfig& config, const Transformer& model, uint32_t position,
                          std::string* message) {
    const Result<TokenCompiler> compiler = TokenCompiler::Make(config, model, {});
    if (!compiler) {
      *message = FormatDiagnostic(compiler.errors().front(), false);
      return compiler.errors().front().code;
    }
    const Result<TokenProgram> program = compiler->Compile(position);
    EXPECT_FALSE(program.ok());
    *message = program.ok() ? "" : FormatDiagnostic(program.errors().front(), false);
    return program.ok() ? DiagnosticCode::kUsageValue : program.errors().front().code;
  };
  std::string message;
  Transformer model = testing::RandomTransformer(testing::SmallConfig(), 5);
  const Result<NpuConfig> edge = LoadSpec(testing::SourcePath("specs/edge.yaml"));
  ASSERT_TRUE(edge.ok());
  EXPECT_EQ(code_of(*edge, model, 0, &message), DiagnosticCode::kGenerationMachine);
  EXPECT_NE(message.find("vector_lanes"), std::string::npos) << message;
  model.config.causal = false;
  EXPECT_EQ(code_of(FloatConfig(), model, 0, &message), DiagnosticCode::kGenerationMachine);
  EXPECT_NE(message.find("full attention"), std::string::npos) << message;

  TransformerConfig shape = testing::SmallConfig();
  shape.context = 40000;
  model = testing::RandomTransformer(shape, 5);
  EXPECT_EQ(code_of(FloatConfig(), model, 39999, &message), DiagnosticCode::kFloatMemory);
  for (const char* text : {"random", "scores", "PE memory", "token 39999", "pe.memory"}) {
    EXPECT_NE(message.find(text), std::string::npos) << message;
  }
  model = testing::RandomTransformer(testing::SmallConfig(), 5);
  EXPECT_EQ(code_of(FloatConfig({{"simd: 16", "simd: 8"}}), model, 0, &message),
            DiagnosticCode::kGenerationMachine);
  EXPECT_NE(message.find("lane.simd"), std::string::npos) << message;
}

}  // namespace
}  // namespace npugen

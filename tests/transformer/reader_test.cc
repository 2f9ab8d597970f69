// SPDX-License-Identifier: Apache-2.0
// Readers of transformers: what legal files become, what illegal ones are told, and damaged files.
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>

#include "sw/transformer/read_transformer.h"
#include "sw/transformer/safetensors.h"
#include "tests/support/processes.h"
#include "tests/transformer/model_files.h"
#include "verif/random/random_model.h"
#include "verif/transformer/golden_transformer.h"

namespace npugen {
namespace {

using Code = DiagnosticCode;
using nlohmann::json;
using testing::FileBytes;
using testing::RandomSource;

/// A folder that goes away with the object.
class Folder {
 public:
  Folder() {
    std::string name = ::testing::TempDir() + "npugen_hf_XXXXXX";
    path_ = mkdtemp(name.data());
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  void Write(const std::string& name, const std::string& text) const {
    std::ofstream(path_ + "/" + name, std::ios::binary) << text;
  }
  void Write(const std::string& name, const FileBytes& bytes) const {
    Write(name, std::string(bytes.begin(), bytes.end()));
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

std::string Why(const Result<Transformer>& model) {
  return model.ok() ? "" : FormatDiagnostic(model.errors()[0], false);
}

/// Errors are complete, and what is accepted can be run.
void CheckAnswer(const Result<Transformer>& model, int& accepted) {
  if (!model.ok()) {
    ASSERT_FALSE(model.errors().empty());
    for (const Diagnostic& error : model.errors()) {
      ASSERT_EQ(ExitStatus(error.code), 4) << error.message;
      ASSERT_FALSE(error.message.empty());
      ASSERT_FALSE(error.hint.empty()) << error.message;
      ASSERT_FALSE(error.location.file.empty()) << error.message;
    }
    return;
  }
  ++accepted;
  const golden::GoldenTransformer golden(*model,
                                         UniformFormats(model->config, LinearFormat::kBf16));
  golden::GoldenSequence sequence = golden.NewSequence();
  const uint32_t token = 0;
  ASSERT_TRUE(golden.Feed(sequence, {&token, 1}).ok());
}

TEST(TransformerReaders, Llama2cRoundTrip) {
  TransformerConfig config = testing::SmallConfig();
  for (const bool tied : {false, true}) {
    const Transformer made = testing::RandomTransformer(config, 1, tied);
    const auto read = ReadLlama2c(testing::Llama2cFile(made), "a.bin");
    ASSERT_TRUE(read.ok()) << Why(read);
    EXPECT_TRUE(testing::SameWeights(made, *read));
    EXPECT_EQ(read->config.pairing, RotaryPairing::kNeighbours);
  }
}

TEST(TransformerReaders, CharacterRoundTrip) {
  TransformerConfig config = testing::SmallConfig();
  config.key_value_heads = config.heads;
  const Transformer made = testing::RandomTransformer(config, 2);
  const testing::CharacterFiles files = testing::CharacterModelFiles(made);
  const auto read = ReadCharacterModel(files.json, files.weights, "a.json");
  ASSERT_TRUE(read.ok()) << Why(read);
  EXPECT_TRUE(testing::SameWeights(made, *read));
  EXPECT_EQ(read->ends, std::vector<uint32_t>{26});
}

TEST(TransformerReaders, HuggingFaceRoundTrip) {
  for (const StoredType type : {StoredType::kF32, StoredType::kF16, StoredType::kBf16}) {
    for (const bool tied : {false, true}) {
      Transformer made = testing::RandomTransformer(testing::SmallConfig(), 3, tied);
      // Qwen2's layers have biases.
      made.blocks[1][LinearLayer::kKey].bias.assign(16, NearestFp32(0.5));
      const Folder folder;
      folder.Write("config.json", testing::HuggingFaceConfig(made, tied));
      folder.Write("model.safetensors", testing::SafetensorsFile(made, type));
      const auto read = ReadTransformer(folder.path(), "");
      ASSERT_TRUE(read.ok()) << Why(read);
      EXPECT_TRUE(testing::SameWeights(made, *read));
      EXPECT_EQ(read->config.pairing, RotaryPairing::kHalves);
      EXPECT_EQ(read->ends, (std::vector<uint32_t>{2, 3}));
    }
  }
}

TEST(TransformerReaders, HuggingFaceShards) {
  const Transformer made = testing::RandomTransformer(testing::SmallConfig(), 4);
  const Folder folder;
  folder.Write("config.json", testing::HuggingFaceConfig(made));
  json index;
  for (uint32_t part = 0; part < 3; ++part) {
    const std::string file = "model-0000" + std::to_string(part) + ".safetensors";
    std::vector<std::string> names;
    folder.Write(file, testing::SafetensorsFile(made, StoredType::kBf16, 3, part, &names));
    for (const std::string& name : names) index["weight_map"][name] = file;
  }
  const std::string index_name = "model.safetensors.index.json";
  folder.Write(index_name, index.dump());
  const auto read = ReadTransformer(folder.path(), "");
  ASSERT_TRUE(read.ok()) << Why(read);
  EXPECT_TRUE(testing::SameWeights(made, *read));
  // A tensor that the index places elsewhere, and files outside of the folder.
  json wrong = index;
  wrong["weight_map"]["lm_head.weight"] = "model-00002.safetensors";
  folder.Write(index_name, wrong.dump());
  const auto misplaced = ReadTransformer(folder.path(), "");
  ASSERT_FALSE(misplaced.ok());
  EXPECT_EQ(misplaced.errors()[0].code, Code::kTransformerTensor);
  for (const char* file : {"../x.safetensors", "/etc/passwd", "a\\b.safetensors", "x.bin"}) {
    wrong["weight_map"]["lm_head.weight"] = file;
    folder.Write(index_name, wrong.dump());
    const auto outside = ReadTransformer(folder.path(), "");
    ASSERT_FALSE(outside.ok());
    EXPECT_EQ(outside.errors()[0].code, Code::kTransformerConfig) << Why(outside);
  }
}

TEST(TransformerReaders, GgufRoundTrip) {
  for (const StoredType type : {StoredType::kF32, StoredType::kF16, StoredType::kBf16}) {
    const Transformer made = testing::RandomTransformer(testing::SmallConfig(), 5, true);
    const auto read = ReadGguf(testing::GgufFile(made, type, 30), "a.gguf");
    ASSERT_TRUE(read.ok()) << Why(read);
    EXPECT_TRUE(testing::SameWeights(made, *read));
    EXPECT_EQ(read->config.pairing, RotaryPairing::kNeighbours);
    EXPECT_EQ(read->tokenizer->begin(), 1u);
    EXPECT_EQ(*read->tokenizer->Encode("ab"), (std::vector<uint32_t>{3, 4, 5}));
  }
}

/// One matrix of blocks, by its bytes.
Matrix Blocks(StoredType type, const FileBytes& bytes, Diagnostics& errors) {
  TensorTable table("blocks");
  table.Add({"blocks", "m", type, {1, 32}, bytes});
  Matrix matrix = table.TakeMatrix("m", {1, 32});
  errors = table.errors;
  return matrix;
}

TEST(TransformerReaders, BlocksAreMultipliedOut) {
  FileBytes q8 = {0x00, 0x38};  // one half
  FileBytes q4 = {0x00, 0xc0};  // -2
  for (int i = 0; i < 32; ++i) q8.push_back(static_cast<uint8_t>(i - 16));
  for (int i = 0; i < 16; ++i) q4.push_back(static_cast<uint8_t>(i | (15 - i) << 4));
  Diagnostics errors;
  const Matrix eight = Blocks(StoredType::kQ8Blocks, q8, errors);
  EXPECT_TRUE(errors.empty());
  const Matrix four = Blocks(StoredType::kQ4Blocks, q4, errors);
  EXPECT_TRUE(errors.empty());
  for (int i = 0; i < 32; ++i) {
    const auto value = [i](const Matrix& matrix) {
      return RealValue(Fp32{matrix.codes[static_cast<size_t>(i)]} << 16);
    };
    EXPECT_EQ(value(eight), 0.5 * (i - 16));
    EXPECT_EQ(value(four), -2.0 * ((i < 16 ? i : 31 - i) - 8));
  }
  // Scales that are no number, infinite or 0; 0 is right where all elements are.
  for (const uint16_t scale : {0x7e00, 0x7c00, 0xfc00, 0x0000, 0x8000}) {
    q8[0] = static_cast<uint8_t>(scale), q8[1] = static_cast<uint8_t>(scale >> 8);
    Blocks(StoredType::kQ8Blocks, q8, errors);
    ASSERT_EQ(errors.size(), 1u) << scale;
    EXPECT_EQ(errors[0].code, Code::kTransformerValue);
    EXPECT_NE(errors[0].message.find("`m`"), std::string::npos);
  }
  Blocks(StoredType::kQ8Blocks, FileBytes(34, 0), errors);
  EXPECT_TRUE(errors.empty());
  FileBytes zero(18, 0x88);
  zero[0] = zero[1] = 0;
  Blocks(StoredType::kQ4Blocks, zero, errors);
  EXPECT_TRUE(errors.empty());
}

TEST(TransformerReaders, IllegalConfigsAreExplained) {
  const Transformer made = testing::RandomTransformer(testing::SmallConfig(), 6);
  struct Case {
    std::function<void(json&)> change;
    Code code;
    const char* text;
  };
  const std::vector<Case> cases = {
      {[](json& j) { j.erase("hidden_size"); }, Code::kTransformerKey, "hidden_size"},
      {[](json& j) { j["hidden_size"] = 0; }, Code::kTransformerConfig, "\"hidden_size\" is 0"},
      {[](json& j) { j["hidden_size"] = "32"; }, Code::kTransformerConfig, "text"},
      {[](json& j) { j["hidden_size"] = 9223372036854775808u; }, Code::kTransformerConfig,
       "9223372036854775808"},
      {[](json& j) { j["hidden_size"] = 64; }, Code::kTransformerTensor, "is [40,32]"},
      {[](json& j) { j["num_hidden_layers"] = 3; }, Code::kTransformerTensor,
       "`model.layers.2.input_layernorm.weight` is missing"},
      {[](json& j) { j["num_hidden_layers"] = 1; }, Code::kTransformerTensor, "no place"},
      {[](json& j) { j["num_hidden_layers"] = 2000000000; }, Code::kModelTooLarge, "layers"},
      {[](json& j) { j["max_position_embeddings"] = 2000000000; }, Code::kModelTooLarge, "context"},
      {[](json& j) { j["num_key_value_heads"] = 3; }, Code::kTransformerConfig, "3 of keys"},
      {[](json& j) { j["num_attention_heads"] = 5; }, Code::kTransformerConfig, "5 heads"},
      {[](json& j) { j["head_dim"] = 7; }, Code::kTransformerConfig, "7 channels"},
      {[](json& j) { j["rms_norm_eps"] = 0; }, Code::kTransformerConfig, "epsilon"},
      {[](json& j) { j["rms_norm_eps"] = "x"; }, Code::kTransformerConfig, "rms_norm_eps"},
      {[](json& j) { j["rope_theta"] = -1; }, Code::kTransformerConfig, "base"},
      {[](json& j) {
         j["rope_scaling"] = {{"type", "linear"}, {"factor", 2}};
       },
       Code::kTransformerConfig, "scales positions"},
      {[](json& j) { j["sliding_window"] = 8; }, Code::kTransformerConfig, "sliding_window"},
      {[](json& j) { j["quantization_config"] = json::object(); }, Code::kTransformerConfig,
       "quantized"},
      {[](json& j) { j["hidden_act"] = "tanh"; }, Code::kTransformerConfig, "tanh"},
      {[](json& j) { j["model_type"] = "gpt2"; }, Code::kTransformerConfig, "gpt2"},
      {[](json& j) { j["eos_token_id"] = 40; }, Code::kTransformerConfig, "40"},
      {[](json& j) { j["tie_word_embeddings"] = true; }, Code::kTransformerTensor, "is another"},
      {[](json& j) { j["vocab_size"] = 41; }, Code::kTransformerTensor, "[40,32]"},
  };
  const Folder folder;
  folder.Write("model.safetensors", testing::SafetensorsFile(made, StoredType::kF32));
  for (const Case& wrong : cases) {
    json config = json::parse(testing::HuggingFaceConfig(made));
    wrong.change(config);
    folder.Write("config.json", config.dump());
    const auto read = ReadTransformer(folder.path(), "");
    ASSERT_FALSE(read.ok()) << wrong.text;
    EXPECT_EQ(CodeText(read.errors()[0].code), CodeText(wrong.code)) << Why(read);
    EXPECT_NE(read.errors()[0].message.find(wrong.text), std::string::npos) << Why(read);
    EXPECT_FALSE(read.errors()[0].hint.empty());
  }
  folder.Write("config.json", R"({"hidden_size": 1, "hidden_size": 2})");
  EXPECT_EQ(ReadTransformer(folder.path(), "").errors()[0].code, Code::kTransformerKey);
  folder.Write("config.json", R"({"hidden_size": )");
  EXPECT_EQ(ReadTransformer(folder.path(), "").errors()[0].code, Code::kTransformerHeader);
}

TEST(TransformerReaders, IllegalSafetensorsAreExplained) {
  struct Case {
    const char* header;
    size_t bytes;
    Code code;
    const char* text;
  };
  const Case cases[] = {
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", 8, Code::kTransformerPlace,
       "takes 8 bytes"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 4, Code::kTransformerPlace,
       "bytes 0 to 8"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}})", 8, Code::kTransformerPlace,
       "bytes 8 to 0"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", 8, Code::kTransformerPlace,
       "from 0 on"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 8, Code::kTransformerPlace,
       "from 4 on"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
       R"("b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
       8, Code::kTransformerPlace, "share bytes"},
      {R"({"a":{"dtype":"F32","shape":[9223372036854775807,4],"data_offsets":[0,8]}})", 8,
       Code::kTransformerPlace, "2^64"},
      {R"({"a":{"dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,8]}})", 8,
       Code::kTransformerConfig, "18446744073709551615"},
      {R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,8]}})", 8, Code::kTransformerConfig,
       "-1"},
      {R"({"a":{"dtype":"I8","shape":[8],"data_offsets":[0,8]}})", 8, Code::kTransformerTensor,
       "I8"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
       R"("a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})",
       8, Code::kTransformerKey, "twice"},
      {R"({"a":{"dtype":"F32","shape":[2]}})", 8, Code::kTransformerKey, "data_offsets"},
      {R"([1])", 0, Code::kTransformerHeader, "a list"},
      {R"({"a")", 0, Code::kTransformerHeader, ""},
  };
  for (const Case& wrong : cases) {
    TensorTable table("a.safetensors");
    const FileBytes file = testing::SafetensorsOf(wrong.header, FileBytes(wrong.bytes, 0));
    const Status read = ReadSafetensors(file, "a.safetensors", table);
    ASSERT_FALSE(read.ok()) << wrong.header;
    EXPECT_EQ(CodeText(read.errors()[0].code), CodeText(wrong.code)) << wrong.header;
    EXPECT_NE(read.errors()[0].message.find(wrong.text), std::string::npos)
        << read.errors()[0].message;
  }
  for (const uint64_t length : {uint64_t{9}, uint64_t{1} << 63, UINT64_MAX}) {
    FileBytes file(16, ' ');
    std::memcpy(file.data(), &length, 8);
    TensorTable table("a.safetensors");
    EXPECT_EQ(ReadSafetensors(file, "a.safetensors", table).errors()[0].code,
              Code::kTransformerHeader);
  }
}

TEST(TransformerReaders, WeightsAreNumbers) {
  for (const uint32_t bad : {0x7fc00000u, 0x7f800000u, 0xff800000u, 0x7f7fffffu}) {
    FileBytes file = testing::Llama2cFile(testing::RandomTransformer(testing::SmallConfig(), 7));
    std::memcpy(file.data() + 28 + 4 * (3 * 32 + 5), &bad, 4);
    const auto read = ReadLlama2c(file, "a.bin");
    ASSERT_FALSE(read.ok());
    EXPECT_EQ(read.errors()[0].code, Code::kTransformerValue);
    EXPECT_NE(read.errors()[0].message.find("`embedding`"), std::string::npos);
    EXPECT_NE(read.errors()[0].message.find("[3,5]"), std::string::npos);
  }
}

TEST(TransformerReaders, TokenizersOfOtherModelsAreRefused) {
  const Folder folder;
  folder.Write("a.bin",
               testing::Llama2cFile(testing::RandomTransformer(testing::SmallConfig(), 8)));
  folder.Write("t.bin", testing::ScoreTokenizerFile());
  const auto read = ReadTransformer(folder.path() + "/a.bin", folder.path() + "/t.bin");
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.errors()[0].code, Code::kTokenizer) << Why(read);
}

using Reader = std::function<Result<Transformer>(const FileBytes&)>;

/// Cuts, bits and words of a file; the first `header` bytes are where words are replaced.
void Mutate(const FileBytes& original, size_t header, const Reader& read, size_t step = 1,
            int rounds = 1500) {
  int accepted = 0;
  const int64_t before = testing::PeakKilobytes();
  for (size_t size = 0; size < original.size(); size += size < header ? 1 : 997) {
    // A copy of exactly this size, so that a sanitizer sees every byte read beyond it.
    CheckAnswer(read(FileBytes(original.begin(), original.begin() + static_cast<long>(size))),
                accepted);
    if (::testing::Test::HasFatalFailure()) FAIL() << "size " << size;
  }
  EXPECT_EQ(accepted, 0);
  constexpr uint64_t kHostile[] = {
      0,          1,          0x7fffffff, 0x80000000,         0xffffffff, 1ull << 32,
      1ull << 62, 1ull << 63, UINT64_MAX, 0x7fc000007fc00000, INT64_MAX};
  for (size_t at = 0; at + 8 <= header; at += step) {
    for (const uint64_t word : kHostile) {
      FileBytes file = original;
      std::memcpy(file.data() + at, &word, at % 2 == 0 ? 8 : 4);
      CheckAnswer(read(file), accepted);
      if (::testing::Test::HasFatalFailure()) FAIL() << "byte " << at << ", word " << word;
    }
  }
  RandomSource random(11);
  for (int round = 0; round < rounds; ++round) {
    FileBytes file = original;
    const int flips = random.Integer(1, 4);
    for (int i = 0; i < flips; ++i) {
      const size_t within = round % 3 == 0 ? file.size() : header;
      file[random.Next() % within] ^= static_cast<uint8_t>(1 << random.Integer(0, 7));
    }
    CheckAnswer(read(file), accepted);
    if (::testing::Test::HasFatalFailure()) FAIL() << "round " << round;
  }
  EXPECT_GT(accepted, 0);
  // Sanitizers keep 256 MB of what was freed.
  EXPECT_LT(testing::PeakKilobytes() - before, 500'000);
}

/// As small as formats allow.
TransformerConfig TinyConfig() {
  TransformerConfig config = testing::SmallConfig();
  config.width = 8;
  config.heads = 2;
  config.key_value_heads = 2;
  config.head_size = 4;
  config.hidden = 8;
  config.vocabulary = 12;
  config.context = 8;
  config.layers = 1;
  return config;
}

TEST(TransformerFuzzTest, Llama2c) {
  const FileBytes file = testing::Llama2cFile(testing::RandomTransformer(TinyConfig(), 9));
  Mutate(file, 28, [](const FileBytes& bytes) { return ReadLlama2c(bytes, "fuzz.bin"); });
}

TEST(TransformerFuzzTest, Gguf) {
  const FileBytes file =
      testing::GgufFile(testing::RandomTransformer(TinyConfig(), 10), StoredType::kF16, 12);
  const size_t data = 2 * 8 * 8 * 7;
  Mutate(file, file.size() - data,
         [](const FileBytes& bytes) { return ReadGguf(bytes, "fuzz.gguf"); });
}

TEST(TransformerFuzzTest, Safetensors) {
  const Transformer made = testing::RandomTransformer(TinyConfig(), 11);
  const Folder folder;
  folder.Write("config.json", testing::HuggingFaceConfig(made));
  const FileBytes file = testing::SafetensorsFile(made, StoredType::kBf16);
  uint64_t length = 0;
  std::memcpy(&length, file.data(), 8);
  // Each of them is written to a file: fewer than of other formats.
  const Reader read = [&folder](const FileBytes& bytes) {
    folder.Write("model.safetensors", bytes);
    return ReadTransformer(folder.path(), "");
  };
  Mutate(file, std::min<size_t>(length, 200), read, 8, 300);
}

TEST(TransformerFuzzTest, ConfigsAndCharacterModels) {
  TransformerConfig config = TinyConfig();
  config.vocabulary = 27;
  const Transformer made = testing::RandomTransformer(config, 12);
  const testing::CharacterFiles files = testing::CharacterModelFiles(made);
  const FileBytes text(files.json.begin(), files.json.end());
  Mutate(text, std::min<size_t>(text.size() - 2, 300), [&files](const FileBytes& bytes) {
    return ReadCharacterModel(std::string(bytes.begin(), bytes.end()), files.weights, "f.json");
  });
}

TEST(TransformerFuzzTest, Tokenizers) {
  RandomSource random(13);
  for (const std::string& original :
       {testing::ByteTokenizerJson(), testing::LlamaTokenizerJson()}) {
    for (int round = 0; round < 3000; ++round) {
      std::string json = original;
      for (int i = random.Integer(1, 3); i > 0; --i) {
        json[random.Next() % json.size()] = "0129\"{}[]:,a. -"[random.Next() % 15];
      }
      const auto tokenizer = ReadMergeTokenizer(json, "t.json");
      if (tokenizer.ok()) {
        const auto tokens = (*tokenizer)->Encode("ab abc 11!");
        if (!tokens.ok()) continue;
        for (const uint32_t token : *tokens) {
          ASSERT_LT(token, (*tokenizer)->size());
          (*tokenizer)->Decode(token, false);
        }
        continue;
      }
      ASSERT_EQ(tokenizer.errors()[0].code, Code::kTokenizer);
      ASSERT_FALSE(tokenizer.errors()[0].message.empty());
    }
  }
  const FileBytes bytes = testing::ScoreTokenizerFile();
  for (int round = 0; round < 3000; ++round) {
    FileBytes file = bytes;
    file.resize(random.Next() % file.size());
    if (file.empty()) continue;
    file[random.Next() % file.size()] = static_cast<uint8_t>(random.Integer(0, 255));
    const auto tokenizer = ReadScoreTokenizer(file, "t.bin");
    if (tokenizer.ok()) (void)(*tokenizer)->Encode("abc \xc3\xa9");
  }
}

}  // namespace
}  // namespace npugen

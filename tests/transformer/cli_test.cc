// SPDX-License-Identifier: Apache-2.0
// npugen generate: texts, numbers, JSON, and what it says to wrong requests.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/generator/support.h"
#include "tests/transformer/model_files.h"

namespace npugen {
namespace {

using testing::ProgramResult;

class GenerateCommand : public ::testing::Test {
 protected:
  void SetUp() override {
    TransformerConfig config = testing::SmallConfig();
    config.key_value_heads = config.heads;
    const testing::CharacterFiles files =
        testing::CharacterModelFiles(testing::RandomTransformer(config, 1));
    testing::WriteFile(Path("letters.json"), files.json);
    testing::WriteFile(Path("letters.bin"),
                       std::string(files.weights.begin(), files.weights.end()));
    const testing::FileBytes checkpoint =
        testing::Llama2cFile(testing::RandomTransformer(testing::SmallConfig(), 2));
    testing::WriteFile(Path("story.bin"), std::string(checkpoint.begin(), checkpoint.end()));
  }
  std::string Path(const std::string& name) const { return (folder_.path() / name).string(); }
  ProgramResult Generate(const std::string& model, const std::string& arguments) const {
    return testing::RunShell(
        fmt::format("{} generate {} {}", NPUGEN_PROGRAM, Path(model), arguments));
  }

  testing::TemporaryFolder folder_;
};

TEST_F(GenerateCommand, PrintsTextsAndNumbers) {
  testing::WriteFile(Path("ids"), "1, 2\n3\t4 ");
  const ProgramResult text = Generate("letters.json", "--prompt hello --tokens 5 --golden");
  ASSERT_EQ(text.status, 0) << text.err;
  const ProgramResult numbers =
      Generate("story.bin", "--prompt-ids " + Path("ids") + " --tokens 5 --json " + Path("out"));
  ASSERT_EQ(numbers.status, 0) << numbers.err;
  const auto json = nlohmann::json::parse(testing::ReadFile(Path("out")));
  const nlohmann::json& first = json["texts"][0];
  EXPECT_EQ(first["prompt_ids"], (std::vector<uint32_t>{1, 2, 3, 4}));
  EXPECT_EQ(first["end"], "tokens");
  std::string expected;
  for (const auto& id : first["ids"]) {
    expected += (expected.empty() ? "" : " ") + std::to_string(id.get<uint32_t>());
  }
  EXPECT_EQ(numbers.out, expected + "\n");
  // The same seed, the same text; another one, another.
  const std::string sampled = "--prompt abc --tokens 12 --temperature 2 --seed ";
  EXPECT_EQ(Generate("letters.json", sampled + "1").out,
            Generate("letters.json", sampled + "1").out);
  EXPECT_NE(Generate("letters.json", sampled + "1").out,
            Generate("letters.json", sampled + "2").out);
  // JSON on standard output leaves the text to stderr.
  const ProgramResult both =
      Generate("letters.json", "--prompt a --prompt b --tokens 2 --format mxfp8 --json -");
  EXPECT_EQ(nlohmann::json::parse(both.out)["texts"].size(), 2u);
  EXPECT_NE(both.err.find("0: "), std::string::npos);
  // A full context ends cleanly.
  const ProgramResult full =
      Generate("letters.json", "--prompt abcdefghijklmnopqrstuvwx --tokens 5 --json -");
  EXPECT_EQ(full.status, 0);
  EXPECT_EQ(nlohmann::json::parse(full.out)["texts"][0]["end"], "context");
}

// What an NPU does not compute is said before anything is built.
TEST_F(GenerateCommand, SaysWhatAnNpuLacks) {
  const std::string specs = std::string(NPUGEN_SOURCE_DIR) + "/specs/";
  struct Case {
    std::string files, arguments;
    int status;
    const char* code;
  };
  const std::string model = " " + Path("letters.json");
  const Case cases[] = {{specs + "edge.yaml" + model, "", 3, "S151"},
                        {specs + "edge_float.yaml" + model, "--format fp8", 3, "S151"},
                        {specs + "edge_float.yaml" + model, "--layer-format 1.up=int8", 3, "S151"},
                        {specs + "none.yaml" + model, "", 2, "U002"},
                        {specs + "edge_float.yaml" + model + model, "", 2, "more than a spec"}};
  for (const Case& wrong : cases) {
    const ProgramResult result = testing::RunShell(fmt::format(
        "{} generate {} --prompt a --tokens 1 {}", NPUGEN_PROGRAM, wrong.files, wrong.arguments));
    EXPECT_EQ(result.status, wrong.status) << wrong.files << result.err;
    EXPECT_NE(result.err.find(wrong.code), std::string::npos) << result.err;
    EXPECT_EQ(result.out, "");
  }
}

TEST_F(GenerateCommand, SaysWhatIsWrong) {
  testing::WriteFile(Path("ids"), "1 2\n3 x");
  testing::WriteFile(Path("beyond"), "40");
  testing::WriteFile(Path("huge"), "99999999999999999999");
  testing::WriteFile(Path("empty"), "");
  struct Case {
    const char* model;
    std::string arguments;
    int status;
    const char* code;
    const char* text;
  };
  const std::string ids = "--tokens 1 --prompt-ids ";
  const Case cases[] = {
      {"letters.json", "--tokens 1", 2, "U007", "needs a prompt"},
      {"letters.json", "--prompt a", 2, "U007", "--tokens"},
      {"letters.json", "--prompt a --tokens 0", 2, "U008", "--tokens"},
      {"letters.json", "--prompt a --tokens 1 --format fp4", 2, "U008", "fp4"},
      {"letters.json", "--prompt a --tokens 1 --layer-format up", 2, "U008", "no `=`"},
      {"letters.json", "--prompt a --tokens 1 --layer-format 2.up=fp8", 2, "U008", "0 to 1"},
      {"letters.json", "--prompt a --tokens 1 --temperature nan", 2, "U008", "nan"},
      {"letters.json", "--prompt a --tokens 1 --top-p 1.5", 2, "U008", "1.5"},
      {"letters.json", "--prompt aB --tokens 1", 4, "M147", "\"B\""},
      {"letters.json", "--prompt '' --tokens 1", 4, "M147", "empty"},
      {"letters.json", "--prompt abcdefghijklmnopqrstuvwxy --tokens 1", 4, "M147", "25 tokens"},
      {"story.bin", "--prompt a --tokens 1", 4, "M147", "no tokenizer"},
      {"story.bin", ids + Path("ids"), 4, "M147", "ids:2:3"},
      {"story.bin", ids + Path("beyond"), 4, "M147", "token 0 is 40"},
      {"story.bin", ids + Path("huge"), 4, "M147", "32 bits"},
      {"story.bin", ids + Path("empty"), 4, "M147", "no tokens"},
      {"story.bin", ids + Path("none"), 2, "U002", "none"},
      {"none.bin", "--prompt a --tokens 1", 2, "U002", "none.bin"},
      {"ids", "--prompt a --tokens 1", 4, "M109", "no format"},
      {"", "--prompt a --tokens 1", 2, "U002", "config.json"},
  };
  for (const Case& wrong : cases) {
    const ProgramResult result = Generate(wrong.model, wrong.arguments);
    EXPECT_EQ(result.status, wrong.status) << wrong.arguments << result.err;
    EXPECT_NE(result.err.find(wrong.code), std::string::npos) << wrong.arguments << result.err;
    EXPECT_NE(result.err.find(wrong.text), std::string::npos) << wrong.arguments << result.err;
    EXPECT_EQ(result.out, "") << wrong.arguments;
  }
}

}  // namespace
}  // namespace npugen

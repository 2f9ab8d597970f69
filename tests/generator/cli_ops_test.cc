// SPDX-License-Identifier: Apache-2.0
// npugen ops: the table, its JSON and CSV, and what it says of a model that is refused.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/generator/support.h"
#include "verif/random/tflite_writer.h"

namespace npugen {
namespace {

using testing::kSourceDir;
using testing::ProgramResult;

class CliOps : public ::testing::Test {
 protected:
  void SetUp() override {
    // Tests run beside each other.
    const std::string test = ::testing::UnitTest::GetInstance()->current_test_info()->name();
    folder_ = std::filesystem::path(::testing::TempDir()) / ("npugen_cli_ops_" + test);
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string Path(const std::string& name) const { return (folder_ / name).string(); }

  ProgramResult Ops(const std::string& arguments) const {
    return testing::RunShell(fmt::format("{} ops {}", NPUGEN_PROGRAM, arguments));
  }

  std::string Write(const testing::TfliteWriter& writer,
                    const testing::TfliteForm& form = {}) const {
    const std::vector<uint8_t> bytes = writer.Write(form);
    std::ofstream(Path("model.tflite"), std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
    return Path("model.tflite");
  }

  std::filesystem::path folder_;
};

/// A float input, two layers, an operator of another maker, and a float output.
testing::TfliteWriter Network() {
  testing::TfliteWriter writer;
  const int32_t floats = writer.Floats({1, 4});
  writer.model().inputs.push_back(floats);
  const int32_t input = writer.Activation({1, 4}, 0.5f, 0);
  writer.Append(OperatorType::kQuantize, {floats}, {input});
  const int32_t filter = writer.Weights({3, 4}, std::vector<int8_t>(12, 1), {0.1f});
  const int32_t middle = writer.Activation({1, 3}, 0.5f, 0);
  writer.FullyConnected(input, filter, -1, middle);
  const int32_t result = writer.Activation({1, 3}, 1.0f / 256, -128);
  writer.Softmax(middle, result);
  const int32_t last = writer.Floats({1, 3});
  writer.Append(OperatorType::kDequantize, {result}, {last});
  writer.Output(last);
  return writer;
}

TEST_F(CliOps, SaysWhereEachOperatorRuns) {
  const std::string model = Write(Network());
  const ProgramResult plain = Ops(model);
  EXPECT_EQ(plain.status, 0) << plain.err;
  EXPECT_NE(plain.out.find("FULLY_CONNECTED"), std::string::npos) << plain.out;
  EXPECT_NE(plain.out.find("driver: float32 end of the network"), std::string::npos) << plain.out;
  EXPECT_NE(plain.out.find("4 of 4 operators, 100.0 % of 12 MACs on the NPU"), std::string::npos)
      << plain.out;
  // With a spec, the commands, too.
  const ProgramResult commands = Ops(model + " " + (kSourceDir / "specs/nano.yaml").string());
  EXPECT_EQ(commands.status, 0) << commands.err;
  EXPECT_NE(commands.out.find("NPU: Matmul"), std::string::npos) << commands.out;
  EXPECT_NE(commands.out.find("NPU: Softmax"), std::string::npos) << commands.out;
}

TEST_F(CliOps, Json) {
  const std::string model = Write(Network());
  const ProgramResult result = Ops(model + " --json -");
  EXPECT_EQ(result.status, 0) << result.err;
  const nlohmann::json json = nlohmann::json::parse(result.out);
  ASSERT_EQ(json["operators"].size(), 4u);
  EXPECT_EQ(json["operators"][0]["operator"], "QUANTIZE");
  EXPECT_EQ(json["operators"][0]["runs_on"], "driver");
  EXPECT_EQ(json["operators"][1]["runs_on"], "NPU");
  EXPECT_EQ(json["operators"][1]["macs"], 12);
  EXPECT_EQ(json["operators"][1]["shape"], nlohmann::json({1, 3}));
  EXPECT_EQ(json["macs"]["NPU"], 12);
  EXPECT_TRUE(json["model"].empty());
  const ProgramResult csv = Ops(model + " --csv -");
  EXPECT_EQ(csv.status, 0) << csv.err;
  EXPECT_NE(csv.out.find("1,\"FULLY_CONNECTED\",1x3,12,NPU,\"NPU\"\n"), std::string::npos)
      << csv.out;
}

/// The reason stands beside the operator; the others are surveyed nevertheless.
TEST_F(CliOps, RefusedModel) {
  testing::TfliteForm form;
  form.builtin_code = {{2, 32}};  // CUSTOM
  const std::string model = Write(Network(), form);
  const ProgramResult result = Ops(model + " --json " + Path("ops.json"));
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_NE(result.out.find("CUSTOM Mystery"), std::string::npos) << result.out;
  EXPECT_NE(result.out.find("refused: M201"), std::string::npos) << result.out;
  EXPECT_NE(result.out.find("3 of 4 operators"), std::string::npos) << result.out;
  std::ifstream file(Path("ops.json"));
  const nlohmann::json json = nlohmann::json::parse(file);
  EXPECT_EQ(json["operators"][2]["runs_on"], "refused");
  ASSERT_EQ(json["operators"][2]["refusals"].size(), 1u);
  EXPECT_EQ(json["operators"][2]["refusals"][0]["code"], "M201");
  EXPECT_EQ(json["operators"][1]["runs_on"], "NPU");
  // What is no model at all is an error.
  std::ofstream(Path("empty.tflite")).put('x');
  EXPECT_EQ(Ops(Path("empty.tflite")).status, 4);
  EXPECT_EQ(Ops(Path("nowhere.tflite")).status, 2);
}

}  // namespace
}  // namespace npugen

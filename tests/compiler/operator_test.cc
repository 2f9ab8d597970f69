// Single operators: the shared collection with TFLM's bytes, and random ones on random small NPUs.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "sw/model/tflite_reader.h"
#include "tests/compiler/harness.h"
#include "tests/support/files.h"
#include "tests/support/random_model.h"

namespace npugen::testing {
namespace {

/// A family of ../shared/models/ops; cases that the reader refuses are counted, not failed.
class OperatorFamilies : public ::testing::TestWithParam<const char*> {};

TEST_P(OperatorFamilies, MatchGolden) {
  const std::string folder = SharedModelsFolder();
  const std::string path = folder + "/ops/" + GetParam();
  if (folder.empty() || !std::filesystem::exists(path)) GTEST_SKIP() << "not here: " << path;
  const std::vector<uint8_t> bytes = ReadBytes(path + "/inputs.bin");
  const nlohmann::json index = nlohmann::json::parse(std::ifstream(path + "/index.json"));
  const NpuConfig configs[] = {PresetConfig("edge"), PresetConfig("nano"),
                               ConfigOfShape({3, 5, 2, 7})};
  int ran = 0;
  for (const auto& test_case : index["cases"]) {
    const std::string name = test_case["name"];
    SCOPED_TRACE(name);
    Result<Model> model = LoadTflite(path + "/" + std::string(test_case["model"]));
    if (!model) continue;
    std::vector<std::vector<std::vector<uint8_t>>> inputs;
    size_t at = test_case["input_offset"];
    for (size_t vector = 0; vector < test_case["vectors"].size(); ++vector) {
      inputs.emplace_back();
      for (int32_t input : model->inputs) {
        const size_t size = model->tensors[input].bytes();
        inputs.back().emplace_back(bytes.begin() + at, bytes.begin() + at + size);
        at += size;
      }
    }
    for (const NpuConfig& config : configs) {
      const Result<Program> program = Compile(*model, config);
      if (!program) {
        // Only limits may refuse a model that the reader accepts.
        EXPECT_EQ(CodeText(program.errors()[0].code).substr(0, 3), "C10")
            << ErrorText(program.errors());
        std::printf("%s: refused: %s", name.c_str(), ErrorText(program.errors()).c_str());
        continue;
      }
      EXPECT_EQ(CheckAgainstGolden(*model, config, inputs), "");
      ++ran;
    }
  }
  EXPECT_GT(ran, 0);
}

INSTANTIATE_TEST_SUITE_P(Ops, OperatorFamilies,
                         ::testing::Values("conv_2d", "depthwise_conv_2d", "fully_connected", "add",
                                           "max_pool_2d", "average_pool_2d", "mean", "pad",
                                           "reshape", "softmax", "networks"),
                         [](const auto& info) { return std::string(info.param); });

/// A random legal configuration, often with memories that are far too small for comfort.
NpuConfig RandomConfig(RandomSource* random) {
  CoreShape shape;
  shape.lanes = static_cast<uint32_t>(random->Pick({1, 2, 3, 4, 5, 8, 13, 16, 20, 32}));
  shape.simd = static_cast<uint32_t>(random->Pick({1, 2, 3, 4, 5, 8, 9, 16, 24}));
  shape.cores = static_cast<uint32_t>(random->Pick({1, 1, 1, 2, 3}));
  shape.accumulators = static_cast<uint32_t>(random->Pick({2, 3, 4, 8, 16, 17}));
  NpuConfig config = ConfigOfShape(shape);
  config.command_queue_depth = static_cast<uint32_t>(random->Pick({1, 2, 4}));
  config.pe_memory_bytes = static_cast<uint32_t>(random->Pick({1024, 2048, 4096, 16384, 65536}));
  config.core_memory_bytes = static_cast<uint32_t>(random->Pick({1024, 2048, 8192, 65536}));
  const uint32_t least = (config.slice_rows() + config.param_rows()) * config.core_row_bytes();
  while (config.core_memory_bytes < std::max(least, 1024u)) config.core_memory_bytes *= 2;
  return WithHash(config);
}

class RandomOperators : public ::testing::TestWithParam<OperatorType> {};

TEST_P(RandomOperators, MatchGolden) {
  RandomSource random(static_cast<uint64_t>(GetParam()) + 1000);
  int ran = 0;
  for (uint64_t seed = 0; seed < 60; ++seed) {
    const RandomModel network = MakeRandomOperator(GetParam(), seed);
    Result<Model> model = ReadTflite(network.tflite, network.name);
    ASSERT_TRUE(model.ok()) << ErrorText(model.errors());
    const NpuConfig config = RandomConfig(&random);
    const Result<Program> program = Compile(*model, config);
    if (!program) {
      const std::string code(CodeText(program.errors()[0].code));
      EXPECT_TRUE(code == "C103" || code == "C104" || code == "C102")
          << ErrorText(program.errors());
      continue;
    }
    SCOPED_TRACE(network.name);
    EXPECT_EQ(
        CheckAgainstGolden(*model, config,
                           {MakeRandomInputs(*model, seed), MakeRandomInputs(*model, seed + 1)},
                           CheckOptions{.seed = seed, .keep_tensors = seed % 2 == 0}),
        "");
    ++ran;
  }
  EXPECT_GE(ran, 30);
}

INSTANTIATE_TEST_SUITE_P(Types, RandomOperators,
                         ::testing::Values(OperatorType::kConv2d, OperatorType::kDepthwiseConv2d,
                                           OperatorType::kFullyConnected, OperatorType::kAdd,
                                           OperatorType::kMaxPool2d, OperatorType::kAveragePool2d,
                                           OperatorType::kMean, OperatorType::kReshape,
                                           OperatorType::kPad, OperatorType::kSoftmax),
                         [](const auto& info) { return std::string(OperatorName(info.param)); });

/// Networks on NPUs with little memory: row tiles, chunks, parts of kernels, and every barrier they
/// need.
TEST(RandomNetworks, MatchGoldenOnSmallMemories) {
  RandomSource random(77);
  int ran = 0;
  for (uint64_t seed = 0; seed < 150; ++seed) {
    const RandomModel network = MakeRandomNetwork(seed);
    Result<Model> model = ReadTflite(network.tflite, network.name);
    ASSERT_TRUE(model.ok()) << ErrorText(model.errors());
    const NpuConfig config = RandomConfig(&random);
    const Result<Program> program = Compile(*model, config);
    if (!program) continue;
    SCOPED_TRACE(network.name);
    EXPECT_EQ(
        CheckAgainstGolden(*model, config,
                           {MakeRandomInputs(*model, seed), MakeRandomInputs(*model, seed + 1)},
                           CheckOptions{.seed = seed, .keep_tensors = seed % 3 != 0}),
        "");
    ++ran;
  }
  EXPECT_GE(ran, 75);
  std::printf("%d of 150 networks fit their NPU\n", ran);
}

}  // namespace
}  // namespace npugen::testing

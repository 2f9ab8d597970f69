// SPDX-License-Identifier: Apache-2.0
// Single operators: the shared collection with TFLM's bytes, and random ones on random small NPUs.
#include <gtest/gtest.h>

#include "sw/model/tflite_reader.h"
#include "tests/compiler/harness.h"
#include "tests/support/files.h"
#include "tests/support/reference.h"
#include "verif/random/random_model.h"

namespace npugen::testing {
namespace {

/// A family of operators: every case compiles and gives the reference bytes.
class OperatorFamilies : public ::testing::TestWithParam<ReferenceFamily> {};

TEST_P(OperatorFamilies, MatchGolden) {
  const std::string folder = ReferenceFolder("ops");
  const NpuConfig configs[] = {PresetConfig("edge"), PresetConfig("nano"),
                               ConfigOfShape({3, 5, 2, 7}), GridOfShape({5, 8, 1, 4}, 3)};
  int ran = 0;
  for (const ReferenceModel& reference : ReadFamily(folder, GetParam().name)) {
    SCOPED_TRACE(reference.name);
    Result<Model> model = LoadTflite(reference.path);
    ASSERT_TRUE(model.ok()) << ErrorText(model.errors());
    std::vector<std::vector<std::vector<uint8_t>>> inputs;
    for (const ReferenceRun& run : reference.runs) inputs.push_back(run.inputs);
    for (const NpuConfig& config : configs) {
      if (GetParam().on_host) {
        for (const auto& run : inputs) EXPECT_EQ(CheckNetwork(*model, config, run), "");
        continue;
      }
      EXPECT_EQ(CheckAgainstGolden(*model, config, inputs), "");
      EXPECT_EQ(CheckAgainstGolden(*model, config, inputs, {.keep_tensors = false}), "");
    }
    ++ran;
  }
  EXPECT_EQ(ran, GetParam().cases);
}

INSTANTIATE_TEST_SUITE_P(Ops, OperatorFamilies, ::testing::ValuesIn(RequiredFamilies()),
                         [](const auto& info) { return std::string(info.param.name); });

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

std::vector<OperatorType> DrawnOperators() {
  std::vector<OperatorType> types;
  for (int32_t type = 0; type < kDrawnOperators; ++type) {
    types.push_back(static_cast<OperatorType>(type));
  }
  return types;
}

INSTANTIATE_TEST_SUITE_P(Types, RandomOperators, ::testing::ValuesIn(DrawnOperators()),
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

// SPDX-License-Identifier: Apache-2.0
// Models that are compiled together keep their parameters in one core memory.
#include <gtest/gtest.h>

#include "sw/model/tflite_reader.h"
#include "tests/compiler/harness.h"
#include "verif/random/random_model.h"

namespace npugen::testing {
namespace {

std::vector<Model> RandomNetworks(size_t count, uint64_t seed) {
  std::vector<Model> models;
  for (size_t i = 0; i < count; ++i) {
    const RandomModel network = MakeRandomNetwork(seed * 10 + i);
    Result<Model> model = ReadTflite(network.tflite, network.name);
    EXPECT_TRUE(model.ok()) << ErrorText(model.errors());
    models.push_back(std::move(*model));
  }
  return models;
}

TEST(Together, OnlyTheFirstJobLoadsWhatAllKeep) {
  for (const uint32_t core_memory : {4u, 8u, 32u, 256u}) {
    NpuConfig config = ConfigOfShape({8, 8, 2});
    config.core_memory_bytes = core_memory * 1024;
    config = WithHash(config);
    for (uint64_t seed = 1; seed < 12; ++seed) {
      const std::vector<Model> models = RandomNetworks(3, seed);
      SCOPED_TRACE(seed);
      EXPECT_EQ(CheckTurns({&models[0], &models[1], &models[2]}, config, {1, 0, 2, 2, 1, 0}, seed),
                "");
    }
  }
}

TEST(Together, OthersHaveAnotherToken) {
  const NpuConfig config = ConfigOfShape({8, 8});
  const std::vector<Model> models = RandomNetworks(2, 3);
  const Result<std::vector<Program>> both = CompileTogether({&models[0], &models[1]}, config);
  const Result<Program> alone = Compile(models[0], config);
  ASSERT_TRUE(both.ok() && alone.ok());
  EXPECT_EQ((*both)[0].cache_token, (*both)[1].cache_token);
  EXPECT_NE((*both)[0].cache_token, alone->cache_token);
  EXPECT_NE(alone->cache_token, 0u);
}

}  // namespace
}  // namespace npugen::testing

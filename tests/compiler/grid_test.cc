// SPDX-License-Identifier: Apache-2.0
// Several PEs share the work: every tensor equals the golden model's on grids of all kinds.
#include <gtest/gtest.h>

#include "sw/model/tflite_reader.h"
#include "tests/compiler/harness.h"
#include "tests/support/files.h"
#include "verif/random/random_model.h"

namespace npugen::testing {
namespace {

struct Grid {
  uint32_t x, y;
  CoreShape shape;
};

class Grids : public ::testing::TestWithParam<Grid> {};

/// `make` gives networks by their number.
void ExpectGolden(const Grid& grid, RandomModel (*make)(uint64_t), int least) {
  RandomSource random(grid.x * 100 + grid.y);
  int ran = 0;
  for (uint64_t seed = 0; seed < 40; ++seed) {
    NpuConfig config = ConfigOfShape(grid.shape);
    config.grid_x = grid.x;
    config.grid_y = grid.y;
    config.command_queue_depth = static_cast<uint32_t>(random.Pick({1, 2, 4}));
    config.pe_memory_bytes = static_cast<uint32_t>(random.Pick({2048, 8192, 65536}));
    config.core_memory_bytes = static_cast<uint32_t>(random.Pick({4096, 65536}));
    config = WithHash(config);
    const RandomModel network = make(seed);
    Result<Model> model = ReadTflite(network.tflite, network.name);
    ASSERT_TRUE(model.ok()) << ErrorText(model.errors());
    if (!Compile(*model, config)) continue;  // too large for these memories
    SCOPED_TRACE(network.name);
    EXPECT_EQ(
        CheckAgainstGolden(*model, config,
                           {MakeRandomInputs(*model, seed), MakeRandomInputs(*model, seed + 1)},
                           CheckOptions{.seed = seed, .keep_tensors = seed % 2 == 0}),
        "");
    ++ran;
  }
  EXPECT_GT(ran, least);
}

TEST_P(Grids, RandomNetworksMatchGolden) {
  ExpectGolden(
      GetParam(), [](uint64_t seed) { return MakeRandomNetwork(seed); }, 20);
}

/// Operators that see the same bytes in other shapes: PEs exchange other rows than they compute.
TEST_P(Grids, MixedNetworksMatchGolden) {
  ExpectGolden(
      GetParam(), [](uint64_t seed) { return MakeRandomMixedNetwork(seed); }, 15);
}

INSTANTIATE_TEST_SUITE_P(Shapes, Grids,
                         ::testing::Values(Grid{2, 1, {8, 8}}, Grid{2, 2, {4, 8, 2}},
                                           Grid{3, 1, {3, 5}}, Grid{1, 5, {8, 4}},
                                           Grid{4, 4, {4, 4}}),
                         [](const auto& info) {
                           return "Grid" + std::to_string(info.param.x) + "x" +
                                  std::to_string(info.param.y);
                         });

class QuadNetworks : public ::testing::TestWithParam<const char*> {};

TEST_P(QuadNetworks, MatchGolden) {
  const std::string folder = ReferenceFolder(GetParam());
  if (folder.empty()) GTEST_SKIP() << kNoReference;
  const std::string path = folder + "/" + GetParam();
  const Result<Model> model = LoadTflite(path + "/model.tflite");
  ASSERT_TRUE(model.ok()) << ErrorText(model.errors());
  NpuConfig config = PresetConfig("edge");
  config.grid_x = config.grid_y = 2;
  EXPECT_EQ(CheckAgainstGolden(*model, WithHash(config),
                               {MakeRandomInputs(*model, 1), MakeRandomInputs(*model, 2)}),
            "");
}

INSTANTIATE_TEST_SUITE_P(Models, QuadNetworks,
                         ::testing::Values("resnet8_cifar10", "kws_dscnn", "vww_mobilenet",
                                           "ad_autoencoder", "streaming_ww", "micro_speech",
                                           "hello_world"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace npugen::testing

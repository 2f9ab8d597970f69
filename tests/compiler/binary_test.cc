// Networks of bits: compiled, run on the functional model, every tensor compared with the golden
// model.
#include <gtest/gtest.h>

#include "sw/model/channel_order.h"
#include "sw/model/packed_reader.h"
#include "tests/compiler/binary_model.h"
#include "tests/compiler/harness.h"
#include "tests/support/packed_network.h"

namespace npugen::testing {
namespace {

/// Draws `count` models; those that the compiler refuses for a reason of theirs must be few.
void CheckRandom(NpuConfig config, uint64_t first_seed, int count) {
  config.bnn_enabled = 1;
  config = WithHash(config);
  int refused = 0;
  for (int i = 0; i < count; ++i) {
    const uint64_t seed = first_seed + static_cast<uint64_t>(i);
    RandomSource random(seed);
    const Model model = RandomBinaryModel(&random);
    const Result<Program> program = Compile(model, config);
    if (!program && ErrorText(program.errors()).find("would span more than") != std::string::npos) {
      ++refused;
      continue;
    }
    CheckOptions options;
    options.seed = seed;
    ASSERT_EQ(CheckAgainstGolden(model, config,
                                 {MakeRandomInputs(model, seed), MakeRandomInputs(model, seed + 1)},
                                 options),
              "")
        << "seed " << seed;
    options.keep_tensors = false;
    ASSERT_EQ(CheckAgainstGolden(model, config, {MakeRandomInputs(model, seed + 2)}, options), "")
        << "seed " << seed << ", outputs only";
  }
  EXPECT_LT(refused, count / 4);
}

TEST(Binary, RandomNetworksOnEdge) { CheckRandom(PresetConfig("edge"), 1, 60); }
TEST(Binary, RandomNetworksOnNano) { CheckRandom(PresetConfig("nano"), 100, 60); }
TEST(Binary, RandomNetworksOnOddLanes) {
  CheckRandom(ConfigOfShape({3, 5, 2, 5}), 200, 60);
  CheckRandom(ConfigOfShape({12, 7}), 300, 40);
}
TEST(Binary, RandomNetworksOnManyPes) { CheckRandom(GridOfShape({8, 8}, 4), 400, 60); }

/// Files in the packed-bit format: also int8 layers before, between and behind layers of bits.
TEST(Binary, PackedNetworks) {
  for (const char* preset : {"edge", "nano"}) {
    NpuConfig config = PresetConfig(preset);
    config.bnn_enabled = 1;
    config.bnn_skip_window = 16;
    config = WithHash(config);
    int refused = 0;
    constexpr uint64_t kCount = 60;
    for (uint64_t seed = 1; seed <= kCount; ++seed) {
      const PackedNetwork network = MakePackedNetwork(seed);
      const Result<Model> model = ReadPacked(network.json.dump(), network.weights, "net.json");
      ASSERT_TRUE(model.ok()) << ErrorText(model.errors());
      const Model ordered = OrderChannels(*model);
      const Result<Program> program = Compile(ordered, config);
      if (!program) {
        const std::string text = ErrorText(program.errors());
        ASSERT_NE(text.find("C1"), std::string::npos) << text;
        ++refused;
        continue;
      }
      ASSERT_EQ(CheckAgainstGolden(ordered, config, {MakeRandomInputs(ordered, seed)}), "")
          << preset << ", seed " << seed;
    }
    EXPECT_LT(refused, static_cast<int>(kCount / 3)) << preset;
  }
}

TEST(Binary, NeedsTheUnit) {
  RandomSource random(1);
  const Result<Program> program = Compile(RandomBinaryModel(&random), PresetConfig("edge"));
  ASSERT_FALSE(program);
  EXPECT_NE(ErrorText(program.errors()).find("no binary unit"), std::string::npos);
}

}  // namespace
}  // namespace npugen::testing

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

/// Draws `count` models, none of which the compiler may refuse.
void CheckRandom(NpuConfig config, uint64_t first_seed, int count) {
  config.bnn_enabled = 1;
  config = WithHash(config);
  for (int i = 0; i < count; ++i) {
    const uint64_t seed = first_seed + static_cast<uint64_t>(i);
    RandomSource random(seed);
    const Model model = RandomBinaryModel(&random);
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
}

TEST(Binary, RandomNetworksOnEdge) { CheckRandom(PresetConfig("edge"), 1, 60); }
TEST(Binary, RandomNetworksOnNano) { CheckRandom(PresetConfig("nano"), 100, 60); }
TEST(Binary, RandomNetworksOnOddLanes) {
  CheckRandom(ConfigOfShape({3, 5, 2, 5}), 200, 60);
  CheckRandom(ConfigOfShape({12, 7}), 300, 40);
}
TEST(Binary, RandomNetworksOnWideLanes) { CheckRandom(ConfigOfShape({8, 64}), 500, 60); }
TEST(Binary, RandomNetworksOnManyPes) { CheckRandom(GridOfShape({8, 8}, 4), 400, 60); }

/// Files in the packed-bit format: also int8 layers before, between and behind layers of bits.
TEST(Binary, PackedNetworks) {
  for (const char* preset : {"edge", "nano"}) {
    NpuConfig config = PresetConfig(preset);
    config.bnn_enabled = 1;
    config.bnn_skip_window = 16;
    config = WithHash(config);
    for (uint64_t seed = 1; seed <= 60; ++seed) {
      const PackedNetwork network = MakePackedNetwork(seed);
      const Result<Model> model = ReadPacked(network.json.dump(), network.weights, "net.json");
      ASSERT_TRUE(model.ok()) << ErrorText(model.errors());
      const Model ordered = OrderChannels(*model);
      const Result<Program> program = Compile(ordered, config);
      ASSERT_TRUE(program.ok()) << preset << ", seed " << seed << ": "
                                << ErrorText(program.errors());
      ASSERT_EQ(CheckAgainstGolden(ordered, config, {MakeRandomInputs(ordered, seed)}), "")
          << preset << ", seed " << seed;
    }
  }
}

/// The first convolution of `model` that `wanted` accepts; its options may be changed.
template <typename Wanted>
BinaryConvOptions* FindConvolution(Model* model, const Wanted& wanted) {
  for (Operator& node : model->operators) {
    auto* options = std::get_if<BinaryConvOptions>(&node.options);
    if (options != nullptr && wanted(node, *options)) return options;
  }
  return nullptr;
}

TEST(Binary, RefusedWithAReason) {
  NpuConfig config = PresetConfig("edge");
  config.bnn_enabled = 1;
  config = WithHash(config);
  bool odd = false, far = false;
  for (uint64_t seed = 1; seed < 400 && !odd; ++seed) {
    RandomSource random(seed);
    Model model = RandomBinaryModel(&random);
    Model other = model;
    // Doubled sums cannot be rescaled as the single ones would be.
    BinaryConvOptions* rescaled =
        FindConvolution(&model, [&](const Operator& node, const BinaryConvOptions& options) {
          return model.tensors[node.inputs[0]].shape[3] % 2 != 0 && !options.multipliers.empty() &&
                 (options.skip_outside || !options.gates.empty());
        });
    if (rescaled != nullptr) {
      odd = true;
      rescaled->multipliers[0] |= 1;
      rescaled->shifts[0] = 0;
      const Result<Program> program = Compile(model, config);
      ASSERT_FALSE(program);
      EXPECT_NE(ErrorText(program.errors()).find("by an odd multiplier"), std::string::npos);
    }
    // Thresholds beyond all sums are as good as just beyond them; those of sums of bytes can still
    // be farther apart than a record can say.
    BinaryConvOptions* three =
        FindConvolution(&other, [&](const Operator& node, const BinaryConvOptions& options) {
          return node.inputs.size() > 1 && options.thresholds.size() == 3;
        });
    if (three == nullptr) continue;
    three->thresholds[0][0] = -(1 << 30);
    three->thresholds[1][0] = three->thresholds[2][0] = 1 << 30;
    EXPECT_TRUE(Compile(other, config).ok());
  }
  for (uint64_t seed = 1; seed < 400 && !far; ++seed) {
    const PackedNetwork network = MakePackedNetwork(seed);
    Result<Model> model = ReadPacked(network.json.dump(), network.weights, "net.json");
    ASSERT_TRUE(model.ok());
    BinaryConvOptions* three =
        FindConvolution(&*model, [&](const Operator& node, const BinaryConvOptions& options) {
          Tensor& filter = model->tensors[node.inputs[1]];
          if (filter.type != TensorType::kInt8 || options.thresholds.size() != 3) return false;
          std::fill(filter.data.begin(), filter.data.end(), uint8_t{127});
          return filter.elements() / filter.shape[0] > 17;  // 17 x 127 x 128 is more than 2^18
        });
    if (three == nullptr) continue;
    far = true;
    three->thresholds[0][0] = -(1 << 30);
    three->thresholds[1][0] = three->thresholds[2][0] = 1 << 30;
    const Result<Program> program = Compile(*model, config);
    ASSERT_FALSE(program);
    EXPECT_NE(ErrorText(program.errors()).find("of channel 0"), std::string::npos);
  }
  EXPECT_TRUE(odd && far);
}

TEST(Binary, NeedsTheUnit) {
  RandomSource random(1);
  const Result<Program> program = Compile(RandomBinaryModel(&random), PresetConfig("edge"));
  ASSERT_FALSE(program);
  EXPECT_NE(ErrorText(program.errors()).find("no binary unit"), std::string::npos);
}

}  // namespace
}  // namespace npugen::testing

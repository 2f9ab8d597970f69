// SPDX-License-Identifier: Apache-2.0
// Networks of bits: compiled, run on the functional model, every tensor compared with the golden
// model.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

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

/// A network of one layer `bfc` or `fc` of eight operands whose weights are all 1, as file.
Model OneLayer(const std::string& input, const std::string& layer, std::vector<uint8_t> weights) {
  const std::string text = R"({"format": "packed-bit network, version 1", "input": )" + input +
                           R"(, "layers": [)" + layer + "]}";
  Result<Model> model = ReadPacked(text, std::move(weights), "net.json");
  EXPECT_TRUE(model.ok()) << ErrorText(model.errors());
  return model.ok() ? std::move(*model) : Model{};
}

NpuConfig WithBits(NpuConfig config) {
  config.bnn_enabled = 1;
  return WithHash(config);
}

/// Sums of bits at every end of 32 bits, and those that two products of 2^30 would lose.
TEST(Binary, SumsOfAllThirtyTwoBits) {
  const NpuConfig config = WithBits(PresetConfig("edge"));
  const auto run = [&](int64_t bias, uint8_t byte) {
    const Model model = OneLayer(
        R"({"shape": [1, 1], "encode": "thermometer", "levels": 8})",
        fmt::format(R"({{"type": "bfc", "in": [8], "out": [1], "planes_in": 1, "weights_offset": 0,
                        "weights_shape": [1, 8], "bias": [{}]}})",
                    bias),
        {0xff});
    std::string error;
    const auto outputs = RunOutputs(model, config, {{byte}}, &error);
    EXPECT_EQ(error, "");
    int32_t value = 0;
    if (!outputs.empty()) std::memcpy(&value, outputs[0].data(), 4);
    return int64_t{value};
  };
  for (const int64_t bias :
       {int64_t{INT32_MAX} - 8, int64_t{1} << 30, (int64_t{1} << 30) - 1, (int64_t{1} << 30) + 8,
        (int64_t{1} << 24) - 1, int64_t{0}, int64_t{-1}, -(int64_t{1} << 24), -(int64_t{1} << 30),
        -(int64_t{1} << 30) - 8, int64_t{INT32_MIN} + 136}) {
    EXPECT_EQ(run(bias, 127), bias + 8) << bias;  // all bits are 1
    EXPECT_EQ(run(bias, 0x80), bias - 8) << bias;
  }
}

/// What a left shift would wrap saturates, as docs/packed_bits.md says.
TEST(Binary, RescaleSaturates) {
  const NpuConfig config = WithBits(PresetConfig("edge"));
  const auto run = [&](int64_t multiplier, int shift, int64_t bias, int value) {
    const Model model =
        OneLayer(R"({"shape": [1, 1, 8], "encode": "int8", "zero_point": 0})",
                 fmt::format(R"({{"type": "fc", "in": [8], "out": [1], "weights_offset": 0,
                        "weights_shape": [1, 8], "rescale": {{"multipliers": [{}], "shifts": [{}],
                        "zero_point": -3, "bias": [{}]}}}})",
                             multiplier, shift, bias),
                 std::vector<uint8_t>(8, 1));
    const std::vector<uint8_t> input(8, static_cast<uint8_t>(value));
    EXPECT_EQ(CheckAgainstGolden(model, config, {{input}}), "") << multiplier << " " << shift;
    std::string error;
    const auto outputs = RunOutputs(model, config, {input}, &error);
    return outputs.empty() ? -1000 : static_cast<int>(static_cast<int8_t>(outputs[0][0]));
  };
  EXPECT_EQ(run(1 << 30, 5, 67108872, 1), 127);  // 67108880 * 16
  EXPECT_EQ(run(1 << 30, 5, -67108872, 1), -128);
  EXPECT_EQ(run(1 << 30, 30, 0, 1), 127);
  EXPECT_EQ(run(1 << 30, 30, -9, 1), -128);
  EXPECT_EQ(run(1 << 30, 30, -8, 1), -3);
  EXPECT_EQ(run(2, 30, 3, 1), 8);  // 11 * 2 / 2
  EXPECT_EQ(run(3, 29, 2, 1), 5);  // 10 * 3 / 4, halves upwards
  EXPECT_EQ(run(1, 30, 1 << 30, 1), 127);
  EXPECT_EQ(run(0, 30, 1 << 30, 1), -3);
}

/// NPUGEN_BINARY_NETWORKS=COUNT[,FIRST SEED] runs as many instead of those of `make test`.
TEST(Binary, ExtremeValues) {
  int64_t count = 240;
  uint64_t first = 1;
  if (const char* wanted = std::getenv("NPUGEN_BINARY_NETWORKS")) {
    char* end = nullptr;
    count = std::strtol(wanted, &end, 10);
    if (*end == ',') first = std::strtoull(end + 1, nullptr, 10);
  }
  const std::vector<NpuConfig> configs = {
      WithBits(PresetConfig("edge")), WithBits(PresetConfig("nano")),
      WithBits(ConfigOfShape({3, 5, 2, 5})), WithBits(GridOfShape({8, 8}, 4))};
  // What hardware cannot do exactly, in the words of the refusals.
  const std::vector<std::string> reasons = {"doubled sums", "by an odd multiplier", "of -2^31",
                                            "would not saturate", "the thresholds"};
  int64_t refused = 0, wrong = 0;
  for (uint64_t seed = first; seed < first + static_cast<uint64_t>(count); ++seed) {
    RandomSource random(seed);
    Model model = RandomBinaryModel(&random);
    MakeExtreme(&model, &random);
    const NpuConfig& config = configs[seed % configs.size()];
    const Result<Program> program = Compile(model, config);
    if (!program) {
      ++refused;
      const std::string text = ErrorText(program.errors());
      const bool known = std::any_of(
          reasons.begin(), reasons.end(),
          [&](const std::string& reason) { return text.find(reason) != std::string::npos; });
      EXPECT_TRUE(known) << "seed " << seed << ": " << text;
      wrong += known ? 0 : 1;
      continue;
    }
    const std::string problem = CheckAgainstGolden(
        model, config, {MakeRandomInputs(model, seed), MakeRandomInputs(model, seed + 1)},
        {.seed = seed, .keep_tensors = seed % 2 == 0});
    EXPECT_EQ(problem, "") << "seed " << seed;
    wrong += problem.empty() ? 0 : 1;
  }
  fmt::print("{} binary networks, {} wrong, {} refused with a reason\n", count, wrong, refused);
  EXPECT_LE(refused, count / 3);
}

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

// SPDX-License-Identifier: Apache-2.0
// Real networks: every tensor of the functional model equals the golden model's, cold and warm.
#include <gtest/gtest.h>

#include "sw/model/tflite_reader.h"
#include "tests/compiler/harness.h"
#include "tests/support/files.h"
#include "verif/golden/golden_model.h"
#include "verif/random/random_model.h"

namespace npugen::testing {
namespace {

using Inputs = std::vector<std::vector<std::vector<uint8_t>>>;

Model Digits() {
  Result<Model> model = LoadTflite(SourcePath("models/digits/digits_cnn_int8.tflite"));
  EXPECT_TRUE(model.ok());
  return *model;
}

/// The first images of the test set.
Inputs DigitImages(size_t count) {
  const std::vector<uint8_t> bytes = ReadBytes(SourcePath("models/digits/input.bin"));
  Inputs inputs;
  for (size_t i = 0; i < count; ++i) {
    inputs.push_back({std::vector<uint8_t>(bytes.begin() + i * 64, bytes.begin() + (i + 1) * 64)});
  }
  return inputs;
}

TEST(Digits, EdgeMatchesGolden) {
  EXPECT_EQ(CheckAgainstGolden(Digits(), PresetConfig("edge"), DigitImages(4)), "");
}

TEST(Digits, NanoMatchesGolden) {
  EXPECT_EQ(CheckAgainstGolden(Digits(), PresetConfig("nano"), DigitImages(4)), "");
}

class DigitsShape : public ::testing::TestWithParam<CoreShape> {};

TEST_P(DigitsShape, MatchesGolden) {
  const NpuConfig config = ConfigOfShape(GetParam());
  EXPECT_EQ(CheckAgainstGolden(Digits(), config, DigitImages(3)), "");
}

INSTANTIATE_TEST_SUITE_P(Cores, DigitsShape,
                         ::testing::Values(CoreShape{1, 4}, CoreShape{4, 4}, CoreShape{8, 8},
                                           CoreShape{16, 16}, CoreShape{16, 4}, CoreShape{32, 8},
                                           CoreShape{3, 5, 1, 7}, CoreShape{1, 1, 1, 2},
                                           CoreShape{4, 4, 2}, CoreShape{5, 8, 3, 9},
                                           CoreShape{16, 64, 1, 256}, CoreShape{128, 4, 1, 5}));

struct SharedNetwork {
  const char* folder;
  const char* input;
};

class SharedNetworks : public ::testing::TestWithParam<SharedNetwork> {};

TEST_P(SharedNetworks, EdgeMatchesGolden) {
  const std::string folder = ReferenceFolder(GetParam().folder);
  if (folder.empty()) GTEST_SKIP() << kNoReference;
  const std::string path = folder + "/" + GetParam().folder;
  Result<Model> model = LoadTflite(path + "/model.tflite");
  ASSERT_TRUE(model.ok()) << ErrorText(model.errors());
  const Inputs inputs = {{ReadBytes(path + "/" + GetParam().input)},
                         {ReadBytes(path + "/in_rand1.bin")}};
  EXPECT_EQ(CheckAgainstGolden(*model, PresetConfig("edge"), inputs), "");
  // Without stores of every tensor, layers are fused.
  EXPECT_EQ(CheckAgainstGolden(*model, PresetConfig("edge"), inputs, {.keep_tensors = false}), "");
}

INSTANTIATE_TEST_SUITE_P(Models, SharedNetworks,
                         ::testing::Values(SharedNetwork{"resnet8_cifar10", "in_airplane.bin"},
                                           SharedNetwork{"kws_dscnn", "in_no_3.bin"},
                                           SharedNetwork{"vww_mobilenet", "in_yes_0.bin"},
                                           SharedNetwork{"ad_autoencoder", "in_normal_0.bin"},
                                           SharedNetwork{"streaming_ww", "in_cal00.bin"},
                                           SharedNetwork{"micro_speech", "in_yes.bin"},
                                           SharedNetwork{"mobilenet_v2_224", "in_cat.bin"},
                                           SharedNetwork{"mobilenet_v2_160_035", "in_rand2.bin"},
                                           SharedNetwork{"hps_320x240", "in_rand2.bin"},
                                           SharedNetwork{"hello_world", "in_xm032.bin"}),
                         [](const auto& info) { return std::string(info.param.folder); });

}  // namespace
}  // namespace npugen::testing

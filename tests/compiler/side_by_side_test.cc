// SPDX-License-Identifier: Apache-2.0
// Convolutions whose lanes compute several positions at a time.
#include <gtest/gtest.h>

#include "sw/compiler/lower/lower.h"
#include "sw/model/tflite_reader.h"
#include "tests/compiler/harness.h"
#include "verif/random/tflite_writer.h"

namespace npugen::testing {
namespace {

struct ConvolutionShape {
  int32_t images = 1, height, width, in_channels, out_channels;
  int32_t kernel_h = 1, kernel_w = 1, stride_h = 1, stride_w = 1, dilation_h = 1;
  bool same = true, depthwise = false;
};

int32_t OutputSize(int32_t size, int32_t kernel, int32_t stride, int32_t dilation, bool same) {
  const int32_t reach = (kernel - 1) * dilation + 1;
  return same ? (size + stride - 1) / stride : (size - reach) / stride + 1;
}

/// One convolution with bias and a scale for each channel, and a copy of it behind, so that both
/// what it reads and what it writes may stay on chip.
Model MakeConvolution(const ConvolutionShape& s, uint64_t seed) {
  RandomSource random(seed);
  TfliteWriter writer;
  const int32_t input =
      writer.Input({s.images, s.height, s.width, s.in_channels}, 0.05f, random.Integer(-128, 127));
  std::vector<float> scales;
  std::vector<int32_t> biases;
  for (int32_t o = 0; o < s.out_channels; ++o) {
    scales.push_back(static_cast<float>(random.Real(0.005, 0.02)));
    biases.push_back(random.Integer(-3000, 3000));
  }
  const int32_t depth = s.depthwise ? 1 : s.in_channels;
  const std::vector<int8_t> values =
      RandomWeights(&random, int64_t{s.kernel_h} * s.kernel_w * depth * s.out_channels);
  const int32_t bias = writer.Integers({s.out_channels}, biases);
  ConvOptions options;
  options.stride_h = s.stride_h;
  options.stride_w = s.stride_w;
  options.dilation_h = s.dilation_h;
  options.padding = s.same ? Padding::kSame : Padding::kValid;
  const int32_t output = writer.Activation(
      {s.images, OutputSize(s.height, s.kernel_h, s.stride_h, s.dilation_h, s.same),
       OutputSize(s.width, s.kernel_w, s.stride_w, 1, s.same), s.out_channels},
      0.4f, random.Integer(-20, 20));
  if (s.depthwise) {
    const int32_t filter =
        writer.Weights({1, s.kernel_h, s.kernel_w, s.out_channels}, values, scales, 3);
    options.depth_multiplier = s.out_channels / s.in_channels;
    writer.DepthwiseConv2d(input, filter, bias, output, options);
  } else {
    const int32_t filter =
        writer.Weights({s.out_channels, s.kernel_h, s.kernel_w, s.in_channels}, values, scales);
    writer.Conv2d(input, filter, bias, output, options);
  }
  writer.Output(output);
  Result<Model> model = ReadTflite(writer.Write(), "side_by_side.tflite");
  EXPECT_TRUE(model) << ErrorText(model.errors());
  return model ? std::move(*model) : Model{};
}

bool Joins(const Model& model, const NpuConfig& config) {
  const auto lowered = compiler::Lower(model, config, {.side_by_side = true});
  return lowered && lowered->side_by_side;
}

TEST(SideBySide, WhereLanesOrSlotsWouldBeIdle) {
  const NpuConfig edge = PresetConfig("edge");
  const auto joins = [&](const ConvolutionShape& s) { return Joins(MakeConvolution(s, 1), edge); };
  EXPECT_TRUE(joins({1, 24, 24, 8, 8}));
  EXPECT_TRUE(joins({1, 24, 24, 16, 8, 3, 3}));
  EXPECT_TRUE(joins({1, 48, 48, 3, 8, 3, 3, 2, 2}));
  EXPECT_TRUE(joins({1, 24, 24, 8, 24}));
  // All are full, or the wider kernel costs what the lanes save.
  EXPECT_FALSE(joins({1, 24, 24, 16, 16, 3, 3}));
  EXPECT_FALSE(joins({1, 24, 24, 32, 8}));
  // No two positions of an odd row.
  EXPECT_FALSE(joins({1, 23, 23, 8, 8}));
}

TEST(SideBySide, TwoPositionsOfEightChannelsTakeOneSlice) {
  const NpuConfig edge = PresetConfig("edge");
  const Model model = MakeConvolution({1, 32, 32, 8, 8}, 3);
  const Result<compiler::LoweredModel> joined =
      compiler::Lower(model, edge, {.side_by_side = true});
  ASSERT_TRUE(joined);
  EXPECT_EQ(joined->layers[0].geometry.out_w, 16);
  EXPECT_EQ(joined->layers[0].slices() * joined->layers[0].groups, 1);
}

TEST(SideBySide, EqualsTheGoldenModel) {
  const std::vector<NpuConfig> configs = {PresetConfig("edge"), PresetConfig("nano"),
                                          ConfigOfShape({12, 8}), ConfigOfShape({16, 16, 2}),
                                          GridOfShape({8, 16}, 3)};
  RandomSource random(71);
  int32_t joined = 0;
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    ConvolutionShape s{};
    s.images = random.Chance(4) ? 2 : 1;
    s.kernel_h = random.Pick({1, 1, 2, 3, 3, 5});
    s.kernel_w = random.Pick({1, 1, 2, 3, 3, 5});
    s.stride_h = random.Integer(1, 3);
    s.stride_w = random.Integer(1, 3);
    s.dilation_h = s.stride_h == 1 && random.Chance(4) ? 2 : 1;
    s.same = !random.Chance(4);
    s.height = random.Integer(12, 24);
    s.width = random.Pick({12, 16, 24, 36, 48, 51});
    s.depthwise = random.Chance(5);
    s.in_channels = s.depthwise ? 1 : random.Pick({1, 2, 3, 4, 7, 8, 12});
    s.out_channels = random.Pick({1, 2, 4, 5, 8, 10, 24});
    const NpuConfig& config = configs[seed % configs.size()];
    const Model model = MakeConvolution(s, seed);
    if (!Joins(model, config)) continue;
    ++joined;
    CheckOptions options;
    options.keep_tensors = random.Chance(2);
    EXPECT_EQ(CheckAgainstGolden(model, config, {MakeRandomInputs(model, seed)}, options), "")
        << "seed " << seed;
  }
  EXPECT_GE(joined, 15);
}

}  // namespace
}  // namespace npugen::testing

// SPDX-License-Identifier: Apache-2.0
// Operators that become other commands than those named after them, where these take fewer cycles.
#include <gtest/gtest.h>

#include <algorithm>

#include "sw/compiler/lower/lower.h"
#include "sw/compiler/plan/fit_windows.h"
#include "sw/model/tflite_reader.h"
#include "tests/compiler/harness.h"
#include "verif/random/tflite_writer.h"

namespace npugen::testing {
namespace {

Model Read(TfliteWriter writer, int32_t output) {
  writer.Output(output);
  Result<Model> model = ReadTflite(writer.Write(), "lowering.tflite");
  EXPECT_TRUE(model) << ErrorText(model.errors());
  return model ? std::move(*model) : Model{};
}

/// Layers of the lowered model with this opcode.
int64_t Count(const Model& model, const NpuConfig& config, Opcode opcode) {
  const Result<compiler::LoweredModel> lowered = compiler::Lower(model, config, {});
  EXPECT_TRUE(lowered.ok()) << ErrorText(lowered.errors());
  return std::count_if(lowered->layers.begin(), lowered->layers.end(),
                       [&](const compiler::Layer& layer) { return layer.opcode == opcode; });
}

Model PairSoftmaxModel(int32_t rows, float scale) {
  TfliteWriter writer;
  const int32_t input = writer.Input({1, rows, 2}, scale, 3);
  const int32_t output = writer.Activation({1, rows, 2}, 1.0f / 256, -128);
  writer.Softmax(input, output);
  return Read(std::move(writer), output);
}

TEST(PairSoftmax, EqualsSoftmaxForAllPairs) {
  // Steep, gentle, and so flat that all results lie in the middle.
  for (const float scale : {0.3f, 0.04f, 0.0001f}) {
    const Model model = PairSoftmaxModel(256 * 256, scale);
    std::vector<uint8_t> pairs;
    for (int32_t x = 0; x < 256; ++x) {
      for (int32_t y = 0; y < 256; ++y) {
        pairs.push_back(static_cast<uint8_t>(x));
        pairs.push_back(static_cast<uint8_t>(y));
      }
    }
    EXPECT_EQ(CheckAgainstGolden(model, PresetConfig("edge"), {{pairs}}), "") << scale;
  }
}

TEST(PairSoftmax, TakesThePlaceOfManyShortRows) {
  const NpuConfig edge = PresetConfig("edge");
  EXPECT_EQ(Count(PairSoftmaxModel(1118, 0.1f), edge, Opcode::kSoftmax), 0);
  EXPECT_EQ(Count(PairSoftmaxModel(3, 0.1f), edge, Opcode::kSoftmax), 1);
  // Numbers of rows that no vector divides, other arrays, more PEs.
  for (const int32_t rows : {1117, 1118, 4096}) {
    const Model model = PairSoftmaxModel(rows, 0.1f);
    for (const NpuConfig& config : {PresetConfig("edge"), PresetConfig("nano"),
                                    ConfigOfShape({3, 1}), GridOfShape({8, 8}, 4)}) {
      EXPECT_EQ(CheckAgainstGolden(model, config, {MakeRandomInputs(model, 5)}), "") << rows;
    }
  }
}

/// Attention of `heads` heads: (q k^T, softmax, times v), with these zero points of q, k and v.
Model AttentionModel(int32_t heads, int32_t rows, int32_t width,
                     const std::vector<int32_t>& zeros) {
  TfliteWriter writer;
  const std::vector<int32_t> shape{1, heads, rows, width};
  const int32_t q = writer.Input(shape, 0.02f, zeros[0]);
  const int32_t k = writer.Input(shape, 0.02f, zeros[1]);
  const int32_t v = writer.Input(shape, 0.02f, zeros[2]);
  const int32_t scores = writer.Activation({1, heads, rows, rows}, 0.05f, 3);
  const int32_t weights = writer.Activation({1, heads, rows, rows}, 1.0f / 256, -128);
  const int32_t result = writer.Activation(shape, 0.01f, -7);
  BatchMatMulOptions adjoint;
  adjoint.adjoint_y = true;
  writer.Append(OperatorType::kBatchMatMul, {q, k}, {scores}, adjoint);
  writer.Softmax(scores, weights);
  writer.Append(OperatorType::kBatchMatMul, {weights, v}, {result}, BatchMatMulOptions{});
  return Read(std::move(writer), result);
}

std::vector<compiler::Layer> LayersOf(const Model& model, const NpuConfig& config) {
  const Result<compiler::LoweredModel> lowered = compiler::Lower(model, config, {});
  EXPECT_TRUE(lowered) << ErrorText(lowered.errors());
  return lowered ? lowered->layers : std::vector<compiler::Layer>{};
}

TEST(BatchMatMul, ZeroPointsOfTheFirstOperandAreBiases) {
  // The product behind a softmax takes one slice for 16 bytes of the sum, whatever the zero point.
  for (const compiler::Layer& layer :
       LayersOf(AttentionModel(1, 64, 32, {0, 0, 0}), PresetConfig("edge"))) {
    if (layer.parameters.storage < 0) continue;
    EXPECT_EQ(layer.slices(), layer.geometry.in_c / 16);
  }
  // Few rows: what sums the second operand up would take longer than further slices.
  EXPECT_EQ(Count(AttentionModel(1, 4, 32, {0, 0, 0}), PresetConfig("edge"), Opcode::kMatmul), 2);
}

TEST(BatchMatMul, EqualsTheGoldenModelForAllZeroPoints) {
  const std::vector<NpuConfig> configs = {PresetConfig("edge"), PresetConfig("nano"),
                                          ConfigOfShape({12, 8, 2}), ConfigOfShape({7, 5}),
                                          GridOfShape({8, 16}, 3)};
  const std::vector<std::vector<int32_t>> all_zeros = {
      {0, 0, 0}, {-128, 127, -128}, {127, -128, 127}, {1, 0, -1}, {-77, 13, 64}};
  uint64_t seed = 1;
  for (const NpuConfig& config : configs) {
    for (const std::vector<int32_t>& zeros : all_zeros) {
      const Model model =
          AttentionModel(seed % 2 == 0 ? 1 : 3, 37 + static_cast<int32_t>(seed % 12), 20, zeros);
      CheckOptions options;
      options.seed = ++seed;
      options.keep_tensors = seed % 3 == 0;
      EXPECT_EQ(CheckAgainstGolden(model, config, {MakeRandomInputs(model, seed)}, options), "")
          << zeros[0] << " " << config.lanes;
    }
  }
}

TEST(BatchMatMul, HeadsFollowOneAnother) {
  // The rows of a head stand between its products: nothing of all heads is alive at once.
  const std::vector<compiler::Layer> layers =
      LayersOf(AttentionModel(4, 48, 32, {0, 0, 0}), PresetConfig("edge"));
  std::vector<size_t> softmax;
  for (size_t l = 0; l < layers.size(); ++l) {
    if (layers[l].opcode == Opcode::kSoftmax) softmax.push_back(l);
  }
  ASSERT_EQ(softmax.size(), 4u);
  for (size_t head = 0; head < softmax.size(); ++head) {
    const compiler::Layer& rows = layers[softmax[head]];
    EXPECT_EQ(rows.geometry.in_h, 48);
    const size_t end = head + 1 < softmax.size() ? softmax[head + 1] : layers.size();
    EXPECT_TRUE(std::any_of(
        layers.begin() + static_cast<int64_t>(softmax[head]),
        layers.begin() + static_cast<int64_t>(end),
        [&](const auto& layer) { return !layer.copies() && layer.inputs[0] == rows.output; }))
        << head;
  }
}

Model PoolModel(int32_t size, int32_t kernel, int32_t stride) {
  TfliteWriter writer;
  const int32_t input = writer.Input({1, size, size + 3, 24}, 0.1f, 0);
  const int32_t height = (size + stride - 1) / stride, width = (size + 2 + stride) / stride;
  const int32_t output = writer.Activation({1, height, width, 24}, 0.1f, 0);
  PoolOptions options;
  options.filter_h = options.filter_w = kernel;
  options.stride_h = options.stride_w = stride;
  options.padding = Padding::kSame;
  writer.MaxPool2d(input, output, options);
  return Read(std::move(writer), output);
}

TEST(MaximumPool, ByAxesWhereThatFetchesLess) {
  const NpuConfig edge = PresetConfig("edge");
  EXPECT_EQ(Count(PoolModel(20, 5, 1), edge, Opcode::kMaxPool), 2);
  EXPECT_EQ(Count(PoolModel(20, 2, 2), edge, Opcode::kMaxPool), 1);
  EXPECT_EQ(Count(PoolModel(20, 3, 2), edge, Opcode::kMaxPool), 1);
  uint64_t seed = 1;
  for (const int32_t kernel : {3, 5, 9, 13}) {
    for (const int32_t stride : {1, 2}) {
      const Model model = PoolModel(17, kernel, stride);
      for (const NpuConfig& config : {edge, ConfigOfShape({5, 4}), GridOfShape({8, 8}, 4)}) {
        EXPECT_EQ(CheckAgainstGolden(model, config, {MakeRandomInputs(model, ++seed)}), "")
            << kernel << " " << stride;
      }
    }
  }
}

/// A depthwise convolution 3x3 of `channels` channels, with another one behind it.
Model DepthwiseModel(int32_t height, int32_t width, int32_t channels, int32_t kernel) {
  RandomSource random(5);
  TfliteWriter writer;
  int32_t tensor = writer.Input({1, height, width, channels}, 0.05f, -3);
  for (int i = 0; i < 2; ++i) {
    const int32_t filter = writer.Weights(
        {1, kernel, kernel, channels}, RandomWeights(&random, int64_t{kernel} * kernel * channels),
        std::vector<float>(static_cast<size_t>(channels), 0.01f), 3);
    const int32_t bias =
        writer.Integers({channels}, std::vector<int32_t>(static_cast<size_t>(channels), 100));
    const int32_t output = writer.Activation({1, height, width, channels}, 0.2f, 4);
    ConvOptions options;
    options.padding = Padding::kSame;
    options.depth_multiplier = 1;
    writer.DepthwiseConv2d(tensor, filter, bias, output, options);
    tensor = output;
  }
  return Read(std::move(writer), tensor);
}

TEST(FitWindows, ColumnsAreNotForTilesOfFewRows) {
  const NpuConfig edge = PresetConfig("edge");
  // In an image of this width rows meet in banks, columns do not.
  const Model model = DepthwiseModel(40, 40, 96, 3);
  Result<compiler::LoweredModel> lowered = compiler::Lower(model, edge, {});
  ASSERT_TRUE(lowered);
  ASSERT_TRUE(lowered->layers[0].window.swap);
  const auto partitions = compiler::PartitionLayers(*lowered, edge, 0);
  compiler::ActivationPlan plan;
  plan.groups = {{0, 0}, {1, 1}};
  plan.tiles.resize(2);
  plan.tiles[0].rows = 1;
  plan.tiles[1].rows = 40;
  compiler::FitWindows(edge, partitions, plan, &*lowered);
  EXPECT_FALSE(lowered->layers[0].window.swap);
  EXPECT_TRUE(lowered->layers[1].window.swap);
}

TEST(FitWindows, WeightsFollow) {
  for (const int32_t kernel : {3, 5, 7}) {
    const Model model = DepthwiseModel(40, 40, 96, kernel);
    for (const NpuConfig& config : {PresetConfig("edge"), GridOfShape({8, 8}, 4)}) {
      EXPECT_EQ(CheckAgainstGolden(model, config, {MakeRandomInputs(model, 3)}), "") << kernel;
    }
  }
}

}  // namespace
}  // namespace npugen::testing

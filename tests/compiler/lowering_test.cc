// SPDX-License-Identifier: Apache-2.0
// Operators that become other commands than those named after them, where these take fewer cycles.
#include <gtest/gtest.h>

#include <algorithm>

#include "sw/compiler/lower/lower.h"
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

}  // namespace
}  // namespace npugen::testing

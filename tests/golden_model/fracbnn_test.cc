// SPDX-License-Identifier: Apache-2.0
// The golden model against the released FracBNN: all layers that are stored, all logits.
#include "tests/support/fracbnn.h"

#include <gtest/gtest.h>

#include <cstring>

#include "sw/model/packed_reader.h"
#include "verif/golden/binary.h"
#include "verif/golden/golden_model.h"

namespace npugen {
namespace {

constexpr int32_t kConvolutions = 19;

TEST(FracBnn, GoldenModelIsTheAccelerator) {
  const std::string folder = testing::FracBnnFolder();
  if (folder.empty()) GTEST_SKIP() << testing::kNoFracBnn;
  const testing::PackedNetwork network = testing::MakeFracBnn(folder);
  const Result<Model> model = ReadPacked(network.json.dump(), network.weights, "fracbnn.json");
  ASSERT_TRUE(model.ok()) << model.errors()[0].message << model.errors()[0].hint;
  std::vector<int32_t> convolutions;
  for (size_t i = 0; i < model->operators.size(); ++i) {
    if (model->operators[i].type != OperatorType::kBinaryConv2d) continue;
    convolutions.push_back(static_cast<int32_t>(i));
  }
  ASSERT_EQ(convolutions.size(), size_t{kConvolutions});
  const GoldenModel golden(*model);
  int32_t layers = 0;
  for (const testing::FracBnnCase& one : testing::FracBnnCases(folder)) {
    const Result<TensorBytes> tensors = golden.Run({one.image});
    ASSERT_TRUE(tensors.ok());
    for (int32_t number = 0; number < kConvolutions; ++number) {
      testing::FracBnnLayer layer;
      if (!testing::ReadFracBnnLayer(folder, one.name, number, &layer)) continue;
      const Operator& op = model->operators[convolutions[number]];
      const Tensor& input = model->tensors[op.inputs[0]];
      const Tensor& output = model->tensors[op.outputs[0]];
      ASSERT_EQ(layer.values.size(), static_cast<size_t>(output.elements()));
      size_t at = 0, code = 0;
      for (int64_t y = 0; y < output.shape[1]; ++y) {
        for (int64_t x = 0; x < output.shape[2]; ++x) {
          for (int64_t c = 0; c < output.shape[3]; ++c) {
            ASSERT_EQ(golden::ValueAt(output, (*tensors)[op.outputs[0]], y, x, c),
                      layer.values[at++])
                << one.name << " layer " << number << " at " << y << ", " << x << ", " << c;
          }
        }
      }
      for (int64_t y = 0; y < input.shape[1] && number != 0; ++y) {
        for (int64_t x = 0; x < input.shape[2]; ++x) {
          for (int64_t c = 0; c < input.shape[3]; ++c) {
            ASSERT_EQ(golden::CodeAt(input, (*tensors)[op.inputs[0]], 0, y, x, c),
                      layer.codes[code++]);
          }
        }
      }
      ++layers;
    }
    std::vector<int32_t> logits(one.logits.size());
    const std::vector<uint8_t>& bytes = (*tensors)[model->outputs[0]];
    ASSERT_EQ(bytes.size(), 4 * logits.size());
    std::memcpy(logits.data(), bytes.data(), bytes.size());
    EXPECT_EQ(logits, one.logits) << one.name;
  }
  EXPECT_EQ(layers, 2 * kConvolutions);
}

}  // namespace
}  // namespace npugen

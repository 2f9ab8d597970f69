// The golden model on the digits network: all images, all layers that have reference results.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "sw/model/quantization.h"
#include "sw/model/tflite_reader.h"
#include "tests/support/files.h"
#include "verif/golden/golden_model.h"

namespace npugen {
namespace {

using testing::ReadBytes;
using testing::SourcePath;

constexpr int kImages = 360;
constexpr int kPixels = 64;
constexpr int kClasses = 10;

std::string DigitsPath(const std::string& file) { return SourcePath("models/digits/" + file); }

std::vector<uint8_t> Slice(const std::vector<uint8_t>& bytes, size_t index, size_t size) {
  return {bytes.begin() + index * size, bytes.begin() + (index + 1) * size};
}

TEST(DigitsTest, AllImagesGiveTheReferenceLogitsAndProbabilities) {
  const Result<Model> model = LoadTflite(DigitsPath("digits_cnn_int8.tflite"));
  ASSERT_TRUE(model.ok()) << FormatDiagnostic(model.errors()[0], false);
  const GoldenModel golden(*model);
  const std::vector<uint8_t> images = ReadBytes(DigitsPath("input.bin"));
  const std::vector<uint8_t> labels = ReadBytes(DigitsPath("labels.bin"));
  const std::vector<uint8_t> logits = ReadBytes(DigitsPath("golden_logits.bin"));
  const std::vector<uint8_t> probabilities = ReadBytes(DigitsPath("golden_prob.bin"));
  ASSERT_EQ(images.size(), kImages * kPixels);
  const Operator& softmax = model->operators.back();
  ASSERT_EQ(softmax.type, OperatorType::kSoftmax);
  int right = 0;
  for (int i = 0; i < kImages; ++i) {
    const Result<TensorBytes> run = golden.Run({Slice(images, i, kPixels)});
    ASSERT_TRUE(run.ok());
    ASSERT_EQ((*run)[softmax.inputs[0]], Slice(logits, i, kClasses)) << "image " << i;
    ASSERT_EQ((*run)[softmax.outputs[0]], Slice(probabilities, i, kClasses)) << "image " << i;
    const std::vector<uint8_t>& scores = (*run)[softmax.inputs[0]];
    const auto best = std::max_element(scores.begin(), scores.end(), [](uint8_t a, uint8_t b) {
      return static_cast<int8_t>(a) < static_cast<int8_t>(b);
    });
    right += best - scores.begin() == labels[i];
  }
  EXPECT_EQ(right, 357);  // 99.17 %
}

TEST(DigitsTest, EveryLayerOfTheFirstImagesAgrees) {
  const Result<Model> model = LoadTflite(DigitsPath("digits_cnn_int8.tflite"));
  ASSERT_TRUE(model.ok());
  const std::vector<uint8_t> images = ReadBytes(DigitsPath("input.bin"));
  const std::vector<uint8_t> layers = ReadBytes(DigitsPath("layers_first4.bin"));
  std::ifstream index_file(DigitsPath("layers_first4.json"));
  const nlohmann::json index = nlohmann::json::parse(index_file);
  const GoldenModel golden(*model);
  ASSERT_EQ(index["layers"].size(), model->operators.size());
  for (int image = 0; image < index["images"]; ++image) {
    const Result<TensorBytes> run = golden.Run({Slice(images, image, kPixels)});
    ASSERT_TRUE(run.ok());
    for (const nlohmann::json& layer : index["layers"]) {
      const Operator& op = model->operators[layer["op"].get<int>()];
      EXPECT_EQ(layer["kind"], OperatorName(op.type));
      const std::vector<uint8_t>& actual = (*run)[op.outputs[0]];
      const size_t start = layer["offset"].get<size_t>() + image * actual.size();
      const std::vector<uint8_t> expected(layers.begin() + start,
                                          layers.begin() + start + actual.size());
      EXPECT_EQ(actual, expected) << layer["tensor"] << ", image " << image;
    }
  }
}

TEST(DigitsTest, MultipliersAreThePublishedOnes) {
  const Result<Model> model = LoadTflite(DigitsPath("digits_cnn_int8.tflite"));
  ASSERT_TRUE(model.ok());
  std::ifstream index_file(DigitsPath("layers_first4.json"));
  const nlohmann::json index = nlohmann::json::parse(index_file);
  int compared = 0;
  for (const nlohmann::json& layer : index["layers"]) {
    if (!layer.contains("multiplier")) continue;
    const Operator& op = model->operators[layer["op"].get<int>()];
    const std::vector<QuantizedMultiplier> multipliers = OutputMultipliers(*model, op);
    const std::vector<int32_t> published = layer["multiplier"];
    const std::vector<int32_t> shifts = layer["shift"];
    for (size_t c = 0; c < multipliers.size(); ++c) {
      const size_t p = published.size() > 1 ? c : 0;
      EXPECT_EQ(multipliers[c], (QuantizedMultiplier{published[p], shifts[p]}))
          << layer["tensor"] << c;
      ++compared;
    }
  }
  EXPECT_GT(compared, 100);
}

}  // namespace
}  // namespace npugen

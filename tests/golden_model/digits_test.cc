// SPDX-License-Identifier: Apache-2.0
// The golden model on the digits network: all images, all layers that have reference results.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "sw/model/channel_order.h"
#include "sw/model/packed_reader.h"
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

// The networks of bits read pixels 0..16.
std::vector<std::vector<uint8_t>> Pixels() {
  const std::vector<uint8_t> levels = testing::DigitLevels(kImages);
  std::vector<std::vector<uint8_t>> images;
  for (int i = 0; i < kImages; ++i) images.push_back(Slice(levels, i, kPixels));
  return images;
}

Model LoadBits(const std::string& name) {
  Result<Model> model = LoadPacked(DigitsPath(name + "/digits_" + name + ".json"));
  if (!model.ok()) {
    ADD_FAILURE() << FormatDiagnostic(model.errors()[0], false);
    return {};
  }
  return *model;
}

class BitDigitsTest : public ::testing::TestWithParam<std::string> {};

// Channels in the order of their activity give the same outputs, and most active ones come first.
TEST(OrderChannelsTest, KeepsTheSums) {
  const Model model = LoadBits("fracbnn");
  const Model ordered = OrderChannels(model);
  const GoldenModel golden(model), other(ordered);
  const std::vector<std::vector<uint8_t>> images = Pixels();
  int moved = 0;
  for (size_t op = 0; op < model.operators.size(); ++op) {
    if (model.operators[op].type != OperatorType::kBinaryConv2d) continue;
    const auto& before = std::get<BinaryConvOptions>(model.operators[op].options);
    const auto& after = std::get<BinaryConvOptions>(ordered.operators[op].options);
    EXPECT_TRUE(std::is_sorted(after.activity.rbegin(), after.activity.rend()));
    moved += before.gates != after.gates ? 1 : 0;
  }
  EXPECT_EQ(moved, 3);
  for (int i = 0; i < 40; ++i) {
    const Result<TensorBytes> a = golden.Run({images[i]}), b = other.Run({images[i]});
    ASSERT_TRUE(a.ok() && b.ok());
    const auto output = static_cast<size_t>(model.outputs[0]);
    ASSERT_EQ((*a)[output], (*b)[output]) << "image " << i;
  }
}

TEST_P(BitDigitsTest, AllImagesGiveTheReferenceSumsAndClasses) {
  const std::string& name = GetParam();
  const Model model = LoadBits(name);
  const GoldenModel golden(model);
  const std::vector<std::vector<uint8_t>> images = Pixels();
  const std::vector<uint8_t> labels = ReadBytes(DigitsPath("labels.bin"));
  const std::vector<uint8_t> sums = ReadBytes(DigitsPath(name + "/golden_sums.bin"));
  const std::vector<uint8_t> classes = ReadBytes(DigitsPath(name + "/golden_class.bin"));
  ASSERT_EQ(sums.size(), kImages * kClasses * sizeof(int32_t));
  ASSERT_EQ(classes.size(), kImages);
  int right = 0;
  for (int i = 0; i < kImages; ++i) {
    const Result<TensorBytes> run = golden.Run({images[i]});
    ASSERT_TRUE(run.ok());
    const std::vector<uint8_t>& actual = (*run)[model.outputs[0]];
    ASSERT_EQ(actual, Slice(sums, i, kClasses * sizeof(int32_t))) << "image " << i;
    int32_t values[kClasses];
    std::memcpy(values, actual.data(), sizeof(values));
    const auto best = std::max_element(values, values + kClasses) - values;  // the first of equals
    ASSERT_EQ(best, classes[i]) << "image " << i;
    right += best == labels[i];
  }
  EXPECT_EQ(right, name == "bnn" ? 332 : 344);  // 92.22 %, 95.56 %
}

// Bit `index` of packed bits.
bool BitOf(const std::vector<uint8_t>& bytes, size_t start, int64_t index) {
  return (bytes[start + index / 8] >> index % 8 & 1) != 0;
}

TEST_P(BitDigitsTest, EveryPlaneOfTheFirstImagesAgrees) {
  const std::string& name = GetParam();
  const Model model = LoadBits(name);
  const GoldenModel golden(model);
  const std::vector<std::vector<uint8_t>> images = Pixels();
  const std::vector<uint8_t> layers = ReadBytes(DigitsPath(name + "/layers_first4.bin"));
  std::ifstream index_file(DigitsPath(name + "/layers_first4.json"));
  const nlohmann::json index = nlohmann::json::parse(index_file);
  int compared = 0;
  for (int image = 0; image < index["images"]; ++image) {
    const Result<TensorBytes> run = golden.Run({images[image]});
    ASSERT_TRUE(run.ok());
    for (const nlohmann::json& entry : index["entries"]) {
      const std::string what = entry["what"];
      const bool is_input = what.starts_with("input");
      const bool is_plane = what.ends_with(" bits") || what.find(" plane ") != std::string::npos;
      const int layer = is_input ? -1 : std::stoi(what.substr(6));
      const Operator& op = model.operators[layer + 1];
      const Tensor& tensor = model.tensors[op.outputs[0]];
      const std::vector<uint8_t>& bytes = (*run)[op.outputs[0]];
      const size_t start = entry["offset"];
      if (!is_plane) {
        // Sums are no tensors of ours, but for the last layer's, which include the bias.
        if (!what.ends_with(" sum") || tensor.type != TensorType::kInt32) continue;
        for (int o = 0; o < kClasses; ++o, ++compared) {
          int32_t value;
          int16_t sum;
          std::memcpy(&value, bytes.data() + 4 * o, 4);
          std::memcpy(&sum, layers.data() + start + 2 * (image * kClasses + o), 2);
          EXPECT_EQ(value, sum) << what << ", class " << o;
        }
        continue;
      }
      const int32_t plane = what.ends_with(" lsb") ? 1 : 0;
      const std::vector<int32_t>& shape = tensor.shape;
      int64_t bit = image * tensor.elements();
      for (int32_t y = 0; y < shape[1]; ++y) {
        for (int32_t x = 0; x < shape[2]; ++x) {
          for (int32_t c = 0; c < shape[3]; ++c, ++bit, ++compared) {
            const size_t row = size_t{static_cast<size_t>(y * tensor.planes + plane)} * shape[2];
            const size_t at = (row + x) * ((shape[3] + 7) / 8) + c / 8;
            ASSERT_EQ(bytes[at] >> c % 8 & 1, BitOf(layers, start, bit))
                << what << ", image " << image << " at " << y << "," << x << "," << c;
          }
        }
      }
    }
  }
  EXPECT_EQ(compared, 4 * (name == "bnn" ? 1024 + 2048 + 1024 * 2 + 256 + 128 + 10
                                         : 1024 + 2 * (2048 + 1024 * 2 + 256 + 128) + 10));
}

INSTANTIATE_TEST_SUITE_P(Networks, BitDigitsTest, ::testing::Values("bnn", "fracbnn"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace npugen

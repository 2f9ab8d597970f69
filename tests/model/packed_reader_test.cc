// SPDX-License-Identifier: Apache-2.0
// Packed-bit networks: what legal files become, what each kind of illegal one is told, and damaged
// files.
#include "sw/model/packed_reader.h"

#include <gtest/gtest.h>

#include <functional>

#include "sw/model/read_model.h"
#include "tests/support/files.h"
#include "tests/support/packed_network.h"
#include "tests/support/processes.h"
#include "verif/golden/golden_model.h"
#include "verif/random/random_model.h"

namespace npugen {
namespace {

using nlohmann::json;
using testing::MakePackedNetwork;
using testing::MakeRandomInputs;
using testing::PackedNetwork;
using testing::RandomSource;
using testing::ReadBytes;
using testing::SourcePath;
using Code = DiagnosticCode;

// Two layers of bits with all keys, and sums.
PackedNetwork Small() {
  PackedNetwork network;
  network.json = json::parse(R"({
      "format": "packed-bit network, version 1",
      "input": {"shape": [4, 5], "encode": "thermometer", "levels": 9, "first": 2, "step": 3},
      "layers": [
        {"type": "bconv", "in": [4, 5, 9], "out": [4, 5, 3], "kernel": 3, "stride": 1, "pad": 1,
         "outside": "zero", "planes_in": 1, "weights_offset": 0, "weights_shape": [3, 3, 3, 9],
         "planes_out": 2, "thresholds": [[-9, -8, -7], [0, 0, 1], [4, 0, 9]], "flip": [0, 1, 0]},
        {"type": "maxpool", "in": [4, 5, 3], "out": [2, 2, 3], "kernel": 2, "stride": 2,
         "planes_in": 2, "planes_out": 2},
        {"type": "bfc", "in": [12], "out": [4], "planes_in": 2, "gate": [1, -2, 3, 0],
         "weights_offset": 31, "weights_shape": [4, 12], "bias": [5, -6, 7, 8]}]})");
  for (int i = 0; i < 37; ++i) network.weights.push_back(static_cast<uint8_t>(i * 37 + 11));
  return network;
}

// Values with a residual, named layers, a mean and a product of values.
PackedNetwork Values() {
  PackedNetwork network;
  network.json = json::parse(R"({
      "format": "packed-bit network, version 1",
      "input": {"shape": [4, 4, 1], "encode": "thermometer", "levels": [3, 1, 90, -7, 5, 6, 7, 8]},
      "layers": [
        {"type": "bconv", "name": "stem", "in": [4, 4, 8], "out": [4, 4, 8], "kernel": 1,
         "stride": 1, "pad": 0, "planes_in": 1, "weights_offset": 0, "weights_shape": [8, 1, 1, 8],
         "planes_out": 2, "affine": {"plane_weights": [0, 1], "sum_shift": 0, "shift": 2,
         "slope_shift": 1, "scale_shift": 3, "codes": [-9, 0, 9]}},
        {"type": "bconv", "name": "down", "in": [4, 4, 8], "out": [2, 2, 16], "kernel": 1,
         "stride": 2, "pad": 0, "planes_in": 2, "weights_offset": 8, "weights_shape": [16, 1, 1, 8],
         "gate": [], "affine": {"plane_weights": [2, 1], "sum_shift": 1, "shift": 2,
         "slope_shift": 0, "scale_shift": 0, "residual": "stem"}},
        {"type": "mean", "name": "mean", "in": [2, 2, 16], "out": [16], "shift": 2},
        {"type": "vfc", "input": "mean", "in": [16], "out": [2], "weights_offset": 24,
         "weights_shape": [2, 16], "product_shift": 3, "bias": [5, -6]}]})");
  for (size_t i = 0; i < 2; ++i) {
    json& layer = network.json["layers"][i];
    const int32_t channels = i == 0 ? 8 : 16;
    int32_t value = 0;
    for (const char* key :
         {"multipliers", "biases", "slopes", "offsets", "scales", "scale_biases"}) {
      for (int32_t o = 0; o < channels; ++o) layer["affine"][key].push_back(++value * 29 % 61 - 30);
    }
    for (int32_t o = 0; i == 1 && o < channels; ++o) layer["gate"].push_back(o - 8);
  }
  for (int i = 0; i < 88; ++i) network.weights.push_back(static_cast<uint8_t>(i * 37 + 11));
  return network;
}

TEST(PackedReaderTest, ValuesHaveResiduals) {
  const PackedNetwork network = Values();
  const Result<Model> model = ReadPacked(network.json.dump(), network.weights, "values.json");
  ASSERT_TRUE(model.ok()) << FormatDiagnostic(model.errors()[0], false);
  ASSERT_EQ(model->operators.size(), 5u);
  const auto& thermometer = std::get<ThermometerOptions>(model->operators[0].options);
  EXPECT_EQ(thermometer.list[2], 90);
  const Operator& stem = model->operators[1];
  const Operator& down = model->operators[2];
  ASSERT_EQ(down.inputs.size(), 3u);
  EXPECT_EQ(down.inputs[2], stem.outputs[0]);
  const Tensor& values = model->tensors[stem.outputs[0]];
  EXPECT_EQ(values.name, "stem");
  EXPECT_EQ(values.bytes(), 4u * (2 * 4 + 4 * 8 * 2));
  EXPECT_EQ(model->tensors[down.outputs[0]].type, TensorType::kInt16);
  EXPECT_EQ(std::get<BinaryConvOptions>(stem.options).affine->codes[0], -9);
  EXPECT_EQ(model->tensors[model->operators[4].inputs[1]].type, TensorType::kInt16);
}

TEST(PackedReaderTest, IllegalValuesAreExplained) {
  struct Case {
    std::function<void(json&)> change;
    Code code;
    const char* text;
  };
  const auto layer = [](json& j, int i) -> json& { return j["layers"][static_cast<size_t>(i)]; };
  const std::vector<Case> cases = {
      {[](json& j) { j["input"]["levels"] = json::array(); }, Code::kPackedValue, "list of 0"},
      {[](json& j) { j["input"]["levels"][3] = 255; }, Code::kPackedValue, "255"},
      {[](json& j) { j["input"]["levels"][2] = 200; }, Code::kPackedValue, "run from -7 to 200"},
      {[](json& j) { j["input"]["first"] = 2; }, Code::kPackedKey, "first"},
      {[&](json& j) { layer(j, 0)["name"] = "input"; }, Code::kPackedValue, "\"input\""},
      {[&](json& j) { layer(j, 1)["name"] = "stem"; }, Code::kPackedValue, "\"stem\""},
      {[&](json& j) { layer(j, 1)["name"] = ""; }, Code::kPackedValue, "\"name\""},
      {[&](json& j) { layer(j, 1)["name"] = 3; }, Code::kPackedValue, "\"name\" is"},
      {[&](json& j) { layer(j, 1)["name"] = std::string(61, 'a'); }, Code::kPackedValue, "aaa"},
      {[&](json& j) { layer(j, 1)["input"] = "mean"; }, Code::kPackedValue, "\"mean\""},
      {[&](json& j) { layer(j, 1)["affine"]["residual"] = "down"; }, Code::kPackedValue,
       "\"down\""},
      {[&](json& j) { layer(j, 1)["affine"]["residual"] = "input"; }, Code::kPackedShape,
       "without values"},
      {[&](json& j) { layer(j, 1)["affine"]["multipliers"][3] = 32768; }, Code::kPackedValue,
       "32768"},
      {[&](json& j) { layer(j, 1)["affine"]["biases"][3] = 8388608; }, Code::kPackedValue,
       "8388608"},
      {[&](json& j) { layer(j, 1)["affine"]["scale_biases"][3] = -8388609; }, Code::kPackedValue,
       "-8388609"},
      {[&](json& j) { layer(j, 1)["affine"]["scale_shift"] = 16; }, Code::kPackedValue, "is 16"},
      {[&](json& j) { layer(j, 1)["affine"]["plane_weights"][0] = 256; }, Code::kPackedValue,
       "256"},
      {[&](json& j) { layer(j, 1)["affine"].erase("slopes"); }, Code::kPackedKey, "\"slopes\""},
      {[&](json& j) { layer(j, 1)["affine"]["slope"] = 1; }, Code::kPackedKey, "\"slope\""},
      {[&](json& j) { layer(j, 1)["affine"] = 1; }, Code::kPackedValue, "\"affine\" is"},
      {[&](json& j) { layer(j, 1)["bias"] = 1; }, Code::kPackedKey, "2 of"},
      {[&](json& j) { layer(j, 1)["planes_out"] = 2; }, Code::kPackedKey, "\"codes\""},
      {[&](json& j) { layer(j, 0)["flip"] = 2; }, Code::kPackedKey, "\"flip\""},
      {[&](json& j) {
         layer(j, 0)["affine"]["codes"] = {0, -1, 1};
       },
       Code::kPackedValue, "ascending"},
      {[&](json& j) { layer(j, 0)["planes_out"] = 1; }, Code::kPackedShape, "\"codes\""},
      {[&](json& j) {
         layer(j, 0)["out"] = {4, 4, 7}, layer(j, 0)["weights_shape"][0] = 7;
       },
       Code::kPackedShape, "7 channels"},
      {[&](json& j) { layer(j, 2)["shift"] = 16; }, Code::kPackedValue, "16"},
      {[&](json& j) { layer(j, 2)["out"] = {15}; }, Code::kPackedShape, "15 channels"},
      {[&](json& j) {
         layer(j, 2)["input"] = "stem", layer(j, 2)["in"] = {4, 4, 8};
       },
       Code::kPackedShape, "not int16"},
      {[&](json& j) { layer(j, 3)["bias"][0] = 2147483647; }, Code::kModelSums, "beyond 32"},
      {[&](json& j) { layer(j, 3)["weights_shape"][1] = 15; }, Code::kPackedShape, "[2,15]"},
      {[&](json& j) { j["layers"].push_back(layer(j, 3)); }, Code::kPackedKey, "not the last"},
  };
  for (const Case& wrong : cases) {
    PackedNetwork network = Values();
    wrong.change(network.json);
    const Result<Model> model = ReadPacked(network.json.dump(), network.weights, "values.json");
    ASSERT_FALSE(model.ok()) << wrong.text;
    const Diagnostic& error = model.errors()[0];
    EXPECT_EQ(CodeText(error.code), CodeText(wrong.code)) << error.message;
    EXPECT_NE(error.message.find(wrong.text), std::string::npos) << error.message;
    EXPECT_FALSE(error.hint.empty()) << error.message;
  }
}

TEST(PackedReaderTest, KeysBecomeOptions) {
  const PackedNetwork network = Small();
  const Result<Model> model = ReadPacked(network.json.dump(), network.weights, "small.json");
  ASSERT_TRUE(model.ok()) << FormatDiagnostic(model.errors()[0], false);
  EXPECT_EQ(model->name, "small.json");
  ASSERT_EQ(model->operators.size(), 4u);
  const Tensor& input = model->tensors[model->inputs[0]];
  EXPECT_EQ(input.type, TensorType::kInt8);  // the highest level is 26
  EXPECT_EQ(input.shape, (std::vector<int32_t>{1, 4, 5, 1}));
  const auto& thermometer = std::get<ThermometerOptions>(model->operators[0].options);
  EXPECT_EQ(thermometer.first, 2);
  EXPECT_EQ(thermometer.step, 3);
  const auto& conv = std::get<BinaryConvOptions>(model->operators[1].options);
  EXPECT_TRUE(conv.skip_outside);
  EXPECT_EQ(conv.pad_top, 1);
  EXPECT_EQ(conv.thresholds[2], (std::vector<int32_t>{4, 0, 9}));
  EXPECT_EQ(conv.flip, (std::vector<uint8_t>{0, 1, 0}));
  const Operator& last = model->operators[3];
  EXPECT_EQ(std::get<BinaryConvOptions>(last.options).gates, (std::vector<int32_t>{1, -2, 3, 0}));
  EXPECT_EQ(model->tensors[last.inputs[1]].shape, (std::vector<int32_t>{4, 2, 2, 3}));
  EXPECT_EQ(model->tensors[model->outputs[0]].type, TensorType::kInt32);
  EXPECT_EQ(model->tensors[model->outputs[0]].shape, (std::vector<int32_t>{1, 1, 1, 4}));
  // Filters are repacked: each pixel of 9 channels begins in a byte of its own.
  const Tensor& filter = model->tensors[model->operators[1].inputs[1]];
  ASSERT_EQ(filter.data.size(), 3u * 9 * 2);
  const int64_t bit = ((2 * 3 + 1) * 3 + 2) * 9 + 8;  // channel 8 of pixel (1, 2) of filter 2
  EXPECT_EQ(filter.data[((2 * 3 + 1) * 3 + 2) * 2 + 1], network.weights[bit / 8] >> bit % 8 & 1);
}

TEST(PackedReaderTest, HighLevelsMakeTheInputUnsigned) {
  PackedNetwork network = Small();
  network.json["input"]["step"] = 15;  // the highest level is 122
  EXPECT_EQ(ReadPacked(network.json.dump(), network.weights, "a")->tensors[0].type,
            TensorType::kInt8);
  network.json["input"]["step"] = 16;
  EXPECT_EQ(ReadPacked(network.json.dump(), network.weights, "a")->tensors[0].type,
            TensorType::kUint8);
}

TEST(PackedReaderTest, IllegalFilesAreExplained) {
  struct Case {
    std::function<void(json&, std::vector<uint8_t>&)> change;
    Code code;
    const char* text;  // part of the message
  };
  const auto layer = [](json& j, int i) -> json& { return j["layers"][static_cast<size_t>(i)]; };
  using Bytes = std::vector<uint8_t>;
  const std::vector<Case> cases = {
      {[](json& j, Bytes&) { j = json::array(); }, Code::kPackedValue, "a list of 0"},
      {[](json& j, Bytes&) { j["format"] = "packed-bit network, version 2"; }, Code::kPackedValue,
       "version 2"},
      {[](json& j, Bytes&) { j.erase("format"); }, Code::kPackedKey, "\"format\" is missing"},
      {[](json& j, Bytes&) { j["extra"] = 1; }, Code::kPackedKey, "unknown key \"extra\""},
      {[](json& j, Bytes&) { j["layers"] = json::array(); }, Code::kPackedValue, "\"layers\""},
      {[](json& j, Bytes&) { j["input"]["levels"] = 0; }, Code::kPackedValue,
       "input: \"levels\" is 0"},
      {[](json& j, Bytes&) { j["input"]["levels"] = 100; }, Code::kPackedValue,
       "levels run from 2 to 299"},
      {[](json& j, Bytes&) { j["input"]["first"] = -100, j["input"]["step"] = 29; },
       Code::kPackedValue, "levels run from -100 to 132"},
      {[](json& j, Bytes&) { j["input"]["encode"] = "gray"; }, Code::kPackedValue, "\"encode\""},
      {[](json& j, Bytes&) {
         j["input"]["shape"] = {65535, 65535, 65535};
       },
       Code::kModelTooLarge, "too many elements"},
      {[](json& j, Bytes&) {
         j["input"]["shape"] = {4, 4294967297};
       },
       Code::kPackedValue, "4294967297"},
      {[](json& j, Bytes&) {
         j["input"] = {{"shape", {4, 5}}, {"encode", "int8"}};
       },
       Code::kPackedKey, "\"zero_point\" is missing"},
      {[](json& j, Bytes&) {
         j["input"] = {{"shape", {4, 5, 9}}, {"encode", "int8"}, {"zero_point", 3}};
       },
       Code::kPackedShape, "layer 0 (bconv): its input is int8"},
      {[&](json& j, Bytes&) { layer(j, 0)["type"] = "dense"; }, Code::kPackedValue,
       "layer 0: \"type\" is \"dense\""},
      {[&](json& j, Bytes&) { layer(j, 0)["treshold"] = 1; }, Code::kPackedKey,
       "layer 0 (bconv): unknown key \"treshold\""},
      {[&](json& j, Bytes&) {
         layer(j, 0)["in"] = {4, 5, 8};
       },
       Code::kPackedShape, "\"in\" is [4,5,8]"},
      {[&](json& j, Bytes&) {
         layer(j, 0)["out"] = {4, 4, 3};
       },
       Code::kPackedShape, "\"out\" is [4,4,3]"},
      {[&](json& j, Bytes&) { layer(j, 0)["kernel"] = 0; }, Code::kPackedValue, "\"kernel\" is 0"},
      {[&](json& j, Bytes&) { layer(j, 0)["kernel"] = 8; }, Code::kPackedShape,
       "larger than the padded image"},
      {[&](json& j, Bytes&) { layer(j, 0)["stride"] = 1.5; }, Code::kPackedValue, "fraction"},
      {[&](json& j, Bytes&) { layer(j, 0)["pad"] = 3; }, Code::kPackedValue, "\"pad\" is 3 x 3"},
      {[&](json& j, Bytes&) { layer(j, 0)["outside"] = "plus"; }, Code::kPackedValue, "outside"},
      {[&](json& j, Bytes&) { layer(j, 0)["planes_in"] = 2; }, Code::kPackedShape, "planes_in"},
      {[&](json& j, Bytes&) {
         layer(j, 0)["weights_shape"] = {3, 3, 3, 10};
       },
       Code::kPackedShape, "\"weights_shape\" is [3,3,3,10]"},
      {[&](json& j, Bytes&) { layer(j, 0)["thresholds"].erase(0); }, Code::kPackedShape,
       "\"thresholds\" is a list of 2"},
      {[&](json& j, Bytes&) { layer(j, 0)["thresholds"][1].push_back(0); }, Code::kPackedShape,
       "\"thresholds[1]\" is a list of 4"},
      {[&](json& j, Bytes&) { layer(j, 0)["thresholds"][2][1] = -1; }, Code::kPackedValue,
       "channel 1 are not ascending: -1 after 0"},
      {[&](json& j, Bytes&) { layer(j, 0)["thresholds"][2][1] = 2147483648; }, Code::kPackedValue,
       "element 1 of \"thresholds[2]\" is 2147483648"},
      {[&](json& j, Bytes&) { layer(j, 0)["thresholds"][2][1] = 18446744073709551615u; },
       Code::kPackedValue, "18446744073709551615"},
      {[&](json& j, Bytes&) { layer(j, 0)["flip"][1] = 2; }, Code::kPackedValue,
       "element 1 of \"flip\" is 2"},
      {[&](json& j, Bytes&) {
         layer(j, 0)["gate"] = {1, 2, 3};
       },
       Code::kPackedShape, "\"gate\" is given, but \"planes_in\" is 1"},
      {[&](json& j, Bytes&) {
         layer(j, 0)["bias"] = {1, 2, 3};
       },
       Code::kPackedKey, "2 of \"thresholds\", \"bias\", \"rescale\" and"},
      {[&](json& j, Bytes&) { layer(j, 0).erase("thresholds"); }, Code::kPackedKey,
       "0 of \"thresholds\""},
      {[&](json& j, Bytes&) {
         layer(j, 0).erase("thresholds"), layer(j, 0).erase("flip");
         layer(j, 0).erase("planes_out"), layer(j, 0)["bias"] = {1, 2, 3};
       },
       Code::kPackedKey, "not the last"},
      {[&](json& j, Bytes&) { layer(j, 1)["planes_out"] = 1; }, Code::kPackedShape,
       "layer 1 (maxpool): \"planes_out\" is 1"},
      {[&](json& j, Bytes&) { layer(j, 1)["pad"] = 1; }, Code::kPackedKey, "\"pad\""},
      {[&](json& j, Bytes&) {
         layer(j, 1)["out"] = {2, 2, 4};
       },
       Code::kPackedShape, "4 channels"},
      {[&](json& j, Bytes&) { layer(j, 2)["in"] = {13}; }, Code::kPackedShape, "\"in\" is [13]"},
      {[&](json& j, Bytes&) {
         layer(j, 2)["gate"] = {1, 2, 3};
       },
       Code::kPackedShape, "\"gate\" is a list of 3"},
      {[&](json& j, Bytes&) { layer(j, 2)["planes_out"] = 1; }, Code::kPackedKey,
       "without \"thresholds\""},
      {[&](json& j, Bytes&) { layer(j, 2)["bias"][0] = 2147483640; }, Code::kModelSums,
       "beyond 32 bits"},
      {[&](json& j, Bytes&) { layer(j, 2)["weights_offset"] = 30; }, Code::kPackedWeights,
       "\"weights_offset\" is 30"},
      {[&](json& j, Bytes&) { layer(j, 2)["weights_offset"] = 9223372036854775807; },
       Code::kPackedValue, "weights_offset"},
      {[&](json& j, Bytes&) { layer(j, 2)["weights_offset"] = -1; }, Code::kPackedValue, "-1"},
      {[](json&, Bytes& bytes) { bytes.pop_back(); }, Code::kPackedWeights,
       "layer 2 (bfc): its 48 bits need bytes 31 to 36"},
      {[](json&, Bytes& bytes) { bytes.clear(); }, Code::kPackedWeights, "which has 0"},
      {[](json&, Bytes& bytes) { bytes.push_back(0); }, Code::kPackedWeights, "has 38 bytes"},
  };
  for (const Case& wrong : cases) {
    PackedNetwork network = Small();
    wrong.change(network.json, network.weights);
    const Result<Model> model = ReadPacked(network.json.dump(), network.weights, "small.json");
    ASSERT_FALSE(model.ok()) << wrong.text;
    const Diagnostic& error = model.errors()[0];
    EXPECT_EQ(CodeText(error.code), CodeText(wrong.code)) << error.message;
    EXPECT_NE(error.message.find(wrong.text), std::string::npos) << error.message;
    EXPECT_EQ(error.location.file, "small.json");
    EXPECT_FALSE(error.hint.empty()) << error.message;
  }
}

TEST(PackedReaderTest, TextThatIsNoNetworkIsExplained) {
  const auto first = [](const std::string& text) {
    const Result<Model> model = ReadPacked(text, {}, "text.json");
    EXPECT_FALSE(model.ok());
    return model.ok() ? Diagnostic{} : model.errors()[0];
  };
  EXPECT_EQ(first("").code, Code::kPackedSyntax);
  EXPECT_EQ(first("TFL3").code, Code::kPackedSyntax);
  EXPECT_EQ(first("{\"a\": \xff}").code, Code::kPackedSyntax);
  const Diagnostic comma = first("{\n  \"format\": 1,\n}");
  EXPECT_EQ(comma.code, Code::kPackedSyntax);
  EXPECT_EQ(comma.location.line, 3);
  const Diagnostic twice = first(R"({"input": {"shape": 1, "shape": 2}})");
  EXPECT_EQ(twice.code, Code::kPackedKey);
  EXPECT_NE(twice.message.find("\"shape\" is given twice"), std::string::npos);
  for (const char* open : {"[", "{\"a\":"}) {
    std::string deep;
    for (int i = 0; i < 1'000'000; ++i) deep += open;
    const Diagnostic error = first(deep);
    EXPECT_EQ(error.code, Code::kPackedSyntax);
    EXPECT_NE(error.message.find("nested"), std::string::npos);
  }
  EXPECT_EQ(first(std::string((size_t{16} << 20) + 1, ' ')).code, Code::kModelTooLarge);
}

// Layers of 1 x 1 windows over `channels` inputs, as two planes into thresholds of three.
TEST(PackedReaderTest, SumsOfThreeThresholdsAreLimited) {
  const auto read = [](int32_t inputs, int32_t weight, int32_t planes) {
    json network = {{"format", "packed-bit network, version 1"},
                    {"input", {{"shape", {1, 1, inputs}}, {"encode", "int8"}, {"zero_point", 0}}}};
    json thresholds = json::array();
    for (int i = 0; i < (planes == 1 ? 1 : 3); ++i) thresholds.push_back({0});
    network["layers"] = json::array({{{"type", "fc"},
                                      {"in", {inputs}},
                                      {"out", {1}},
                                      {"weights_offset", 0},
                                      {"weights_shape", {1, inputs}},
                                      {"planes_out", planes},
                                      {"thresholds", thresholds}}});
    return ReadPacked(network.dump(), std::vector<uint8_t>(inputs, static_cast<uint8_t>(weight)),
                      "sums.json");
  };
  EXPECT_TRUE(read(8192, 1, 2).ok());  // sums of -2^20 .. 2^20 - 2^13
  const Result<Model> refused = read(8192, -128, 2);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.errors()[0].code, Code::kModelSums);
  EXPECT_NE(refused.errors()[0].message.find("layer 0 (fc): sums of channel 0"), std::string::npos);
  EXPECT_FALSE(read(8193, 1, 2).ok());
  EXPECT_TRUE(read(8193, 1, 1).ok());
}

TEST(PackedReaderTest, ReadModelTakesAllFormats) {
  EXPECT_TRUE(ReadModel(SourcePath("models/digits/digits_cnn_int8.tflite")).ok());
  EXPECT_TRUE(ReadModel(SourcePath("models/digits/bnn/digits_bnn.json")).ok());
  const Result<Model> missing = ReadModel(SourcePath("models/digits/none.json"));
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.errors()[0].code, Code::kFileRead);
  const Result<Model> unknown = ReadModel(SourcePath("models/digits/labels.bin"));
  ASSERT_FALSE(unknown.ok());
  EXPECT_EQ(unknown.errors()[0].code, Code::kModelFormat);
  // There is no layers_first4.bin with weights for it, but the JSON is wrong before that.
  const Result<Model> other = ReadModel(SourcePath("models/digits/bnn/layers_first4.json"));
  ASSERT_FALSE(other.ok());
  EXPECT_EQ(other.errors()[0].code, Code::kPackedKey);
}

struct Tally {
  int accepted = 0;
  int refused = 0;
};

// Reads a network; checks that errors are complete, and runs what is accepted if it is small.
void ReadAndRun(const std::string& text, const std::vector<uint8_t>& weights, Tally& tally) {
  const Result<Model> read = ReadPacked(text, weights, "fuzz.json");
  if (!read.ok()) {
    ++tally.refused;
    ASSERT_FALSE(read.errors().empty());
    for (const Diagnostic& error : read.errors()) {
      ASSERT_EQ(ExitStatus(error.code), 4) << error.message;
      ASSERT_FALSE(error.message.empty());
      ASSERT_EQ(error.location.file, "fuzz.json");
    }
    return;
  }
  ++tally.accepted;
  int64_t work = 0;
  for (const Operator& op : read->operators) {
    const Tensor& output = read->tensors[op.outputs[0]];
    const Tensor& last = read->tensors[op.inputs.back()];
    work += output.elements() + read->tensors[op.inputs[0]].elements();
    if (op.type == OperatorType::kBinaryConv2d) {
      work += output.elements() / output.shape[3] * last.elements();
    }
  }
  if (work > 2'000'000) return;
  const auto run = RunGolden(*read, MakeRandomInputs(*read, 1));
  ASSERT_TRUE(run.ok());
  for (const Operator& op : read->operators) {
    ASSERT_EQ((*run)[op.outputs[0]].size(), read->tensors[op.outputs[0]].bytes());
  }
}

TEST(PackedFuzzTest, EveryTruncationIsAnswered) {
  Tally tally;
  for (uint64_t seed = 0; seed < 12; ++seed) {
    const PackedNetwork network = seed == 0   ? Small()
                                  : seed == 1 ? Values()
                                              : MakePackedNetwork(seed);
    const std::string text = network.json.dump();
    for (size_t size = 0; size < text.size(); ++size) {
      ReadAndRun(text.substr(0, size), network.weights, tally);
    }
    EXPECT_EQ(tally.accepted, 0);
    for (size_t size = 0; size < network.weights.size(); ++size) {
      ReadAndRun(text, {network.weights.begin(), network.weights.begin() + size}, tally);
      if (HasFatalFailure()) FAIL() << "seed " << seed << ", size " << size;
    }
    EXPECT_EQ(tally.accepted, 0);
  }
  EXPECT_GT(tally.refused, 5'000);
}

TEST(PackedFuzzTest, ChangedBytesAreAnswered) {
  constexpr std::string_view kBytes = "0123456789-+.eE[]{},:\" \\\0\xff";
  Tally tally;
  RandomSource random(11);
  for (int round = 0; round < 20'000; ++round) {
    const PackedNetwork network = MakePackedNetwork(static_cast<uint64_t>(round) % 50);
    std::string text = network.json.dump();
    const int changes = random.Integer(1, 3);
    for (int i = 0; i < changes; ++i) {
      const size_t at = random.Next() % text.size();
      const char byte = kBytes[random.Next() % kBytes.size()];
      if (random.Chance(3)) {
        text.erase(at, 1);
      } else if (random.Chance(2)) {
        text.insert(at, 1, byte);
      } else {
        text[at] = byte;
      }
    }
    ReadAndRun(text, network.weights, tally);
    if (HasFatalFailure()) FAIL() << "round " << round << text;
  }
  std::printf("%d changed files refused, %d accepted\n", tally.refused, tally.accepted);
  EXPECT_GT(tally.refused, 5'000);
  EXPECT_GT(tally.accepted, 500);
}

// All values within `value`, depth first.
void Collect(json& value, std::vector<json*>& places) {
  places.push_back(&value);
  for (json& part : value) {
    if (value.is_structured()) Collect(part, places);
  }
}

TEST(PackedFuzzTest, HostileValuesAreAnswered) {
  const std::vector<json> hostile = {0,
                                     -1,
                                     1,
                                     2,
                                     65535,
                                     65536,
                                     2147483647,
                                     2147483648u,
                                     -2147483648,
                                     -2147483649ll,
                                     4294967296u,
                                     INT64_MAX,
                                     INT64_MIN,
                                     UINT64_MAX,
                                     1e300,
                                     0.5,
                                     true,
                                     nullptr,
                                     "zero",
                                     json::array(),
                                     json::object(),
                                     json::array({1, 1, 1}),
                                     json::array({65535, 65535, 65535}),
                                     json::array({json::array({json::array()})})};
  Tally tally;
  for (uint64_t seed = 0; seed < 6; ++seed) {
    const PackedNetwork network = seed == 0   ? Small()
                                  : seed == 1 ? Values()
                                              : MakePackedNetwork(seed);
    json copy = network.json;
    std::vector<json*> places;
    Collect(copy, places);
    for (size_t i = 0; i < places.size(); ++i) {
      for (const json& value : hostile) {
        json changed = network.json;
        std::vector<json*> here;
        Collect(changed, here);
        *here[i] = value;
        ReadAndRun(changed.dump(), network.weights, tally);
        if (HasFatalFailure()) FAIL() << changed.dump();
      }
    }
  }
  std::printf("%d hostile files refused, %d accepted\n", tally.refused, tally.accepted);
  EXPECT_GT(tally.refused, 5'000);
}

TEST(PackedFuzzTest, SmallFilesOfLargeShapesAreCheap) {
  json network = {{"format", "packed-bit network, version 1"},
                  {"input", {{"shape", {32000, 65000, 1}}, {"encode", "int8"}, {"zero_point", 0}}}};
  for (int i = 0; i < 20'000; ++i) {
    network["layers"].push_back({{"type", "maxpool"},
                                 {"in", {32000, 65000, 1}},
                                 {"out", {32000, 65000, 1}},
                                 {"kernel", 1},
                                 {"stride", 1}});
  }
  const std::string text = network.dump();
  const int64_t before = testing::PeakKilobytes();
  const Result<Model> read = ReadPacked(text, {}, "fuzz.json");
  ASSERT_TRUE(read.ok());
  EXPECT_LT(testing::PeakKilobytes() - before, 700'000);
  EXPECT_FALSE(RunGolden(*read, {{0}}).ok());
}

}  // namespace
}  // namespace npugen

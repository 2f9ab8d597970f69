// SPDX-License-Identifier: Apache-2.0
// The rules of the folder's README in the form of docs/packed_bits.md.
#include "tests/support/fracbnn.h"

#include <fmt/core.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>

#include "tests/support/files.h"

namespace npugen::testing {
namespace {

using nlohmann::json;

constexpr int32_t kLayers = 19;
constexpr int32_t kClasses = 10;
constexpr size_t kImageBytes = 32 * 32 * 3;
constexpr int32_t kLevels = 32;
/// 171/256 stands for 2/3, 85/256 for 1/3; codes are the number of these that a value reaches.
constexpr int32_t kUpperWeight = 171, kLowerWeight = 85;
constexpr int32_t kCodes[] = {-85, 0, 86};

template <typename T>
std::vector<T> Elements(const std::vector<uint8_t>& bytes) {
  std::vector<T> elements(bytes.size() / sizeof(T));
  if (!elements.empty()) std::memcpy(elements.data(), bytes.data(), elements.size() * sizeof(T));
  return elements;
}

json ReadIndex(const std::string& folder) {
  const std::vector<uint8_t> bytes = ReadBytes(folder + "/index.json");
  return json::parse(bytes.begin(), bytes.end());
}

int32_t FloorQuotient(int32_t value, int32_t divisor) {
  const int32_t quotient = value / divisor;
  return quotient - (value % divisor < 0 ? 1 : 0);
}

/// Weights and parameters by their names in the index.
class Parameters {
 public:
  Parameters(const json& index, const std::string& folder)
      : bytes_(ReadBytes(folder + "/weights.bin")) {
    for (const json& entry : index["weights"]) entries_[entry["name"]] = entry;
  }
  std::vector<uint8_t> Bytes(const std::string& name) const {
    const json& entry = entries_.at(name);
    const auto begin = bytes_.begin() + entry["offset"].get<std::ptrdiff_t>();
    return {begin, begin + entry["bytes"].get<std::ptrdiff_t>()};
  }
  /// function(parameters...) for each channel.
  template <typename Function>
  std::vector<int32_t> Map(const std::vector<std::string>& names, Function function) const {
    std::vector<std::vector<int16_t>> values;
    for (const std::string& name : names) values.push_back(Elements<int16_t>(Bytes(name)));
    std::vector<int32_t> results;
    for (size_t o = 0; o < values[0].size(); ++o) {
      std::vector<int32_t> arguments;
      for (const std::vector<int16_t>& value : values) arguments.push_back(value[o]);
      results.push_back(function(arguments));
    }
    return results;
  }

 private:
  std::vector<uint8_t> bytes_;
  std::map<std::string, json> entries_;
};

using Arguments = std::vector<int32_t>;
int32_t First(const Arguments& x) { return x[0]; }
/// In half the steps, halves upwards.
int32_t Halved(const Arguments& x) { return (x[0] + 1) >> 1; }

/// Layer 0: r = (bn1_weight A + bn1_bias + 1) >> 1.
json FirstAffine(const Parameters& parameters) {
  const std::vector<int32_t> weights = parameters.Map({"bn1_weight"}, First);
  const std::vector<int32_t> zeros(weights.size(), 0), ones(weights.size(), 1);
  return {{"plane_weights", {0, 1}},
          {"sum_shift", 0},
          {"multipliers", weights},
          {"biases", parameters.Map({"bn1_bias"}, [](const Arguments& x) { return x[0] + 1; })},
          {"shift", 1},
          {"slopes", ones},
          {"slope_shift", 0},
          {"offsets", zeros},
          {"scales", ones},
          {"scale_biases", zeros},
          {"scale_shift", 0}};
}

json GatedAffine(const Parameters& parameters, const std::string& name) {
  const auto biases = [](const Arguments& x) {
    return (x[0] << 7) + 128 + (((x[1] + 1) >> 1) << 8);
  };
  const auto scale_biases = [](const Arguments& x) { return (x[0] << 7) + 128; };
  return {{"plane_weights", {kUpperWeight, kLowerWeight}},
          {"sum_shift", 1},
          {"multipliers", parameters.Map({name + ".bn_weight"}, First)},
          {"biases", parameters.Map({name + ".bn_bias", name + ".shift_x"}, biases)},
          {"shift", 8},
          {"slopes", parameters.Map({name + ".slope"}, First)},
          {"slope_shift", 8},
          {"offsets", parameters.Map({name + ".shift_y"}, Halved)},
          {"scales", parameters.Map({name + ".bn2_weight"}, First)},
          {"scale_biases", parameters.Map({name + ".bn2_bias"}, scale_biases)},
          {"scale_shift", 8}};
}

}  // namespace

std::string FracBnnFolder() {
  const char* given = std::getenv("NPUGEN_SHARED_FRACBNN");
  const std::string folder = given != nullptr ? given : SourcePath("../shared/fracbnn");
  return std::filesystem::exists(folder + "/index.json") ? folder : "";
}

PackedNetwork MakeFracBnn(const std::string& folder) {
  const json index = ReadIndex(folder);
  const Parameters parameters(index, folder);
  PackedNetwork network;
  const auto append = [&](const std::vector<uint8_t>& bytes) {
    const size_t offset = network.weights.size();
    network.weights.insert(network.weights.end(), bytes.begin(), bytes.end());
    return offset;
  };
  json levels = json::array();
  for (int32_t k = 0; k < kLevels; ++k) levels.push_back(8 * k + (k % 2 == 0 ? 4 : 3));
  json layers = json::array();
  std::string before = "input";
  for (const json& given : index["layers"]) {
    const std::string name = given["name"];
    const int32_t in = given["h_in"], depth = given["ci"], channels = given["co"];
    const int32_t stride = given["stride"], number = given["n"];
    json layer = {{"type", "bconv"},
                  {"name", name},
                  {"in", {in, in, depth}},
                  {"out", {in / stride, in / stride, channels}},
                  {"kernel", 3},
                  {"stride", stride},
                  {"pad", 1},
                  {"outside", "zero"},
                  {"planes_in", given["planes_in"]},
                  {"weights_shape", {channels, 3, 3, depth}},
                  {"weights_offset", append(parameters.Bytes(name))}};
    json affine = number == 0 ? FirstAffine(parameters) : GatedAffine(parameters, name);
    if (number != 0) {
      affine["residual"] = before;
      layer["gate"] = parameters.Map({name + ".threshold"}, [](const Arguments& x) {
        return FloorQuotient(x[0], kUpperWeight);
      });
    }
    if (number + 1 < kLayers) {
      affine["codes"] = kCodes;
      layer["planes_out"] = 2;
    }
    layer["affine"] = affine;
    layers.push_back(layer);
    before = name;
  }
  layers.push_back({{"type", "mean"}, {"in", {8, 8, 64}}, {"out", {64}}, {"shift", 6}});
  const std::vector<int32_t> weights = parameters.Map({"linear_weight"}, Halved);
  std::vector<uint8_t> bytes;
  for (int32_t weight : weights) {
    bytes.push_back(static_cast<uint8_t>(weight));
    bytes.push_back(static_cast<uint8_t>(weight >> 8));
  }
  layers.push_back({{"type", "vfc"},
                    {"in", {64}},
                    {"out", {kClasses}},
                    {"weights_shape", {kClasses, 64}},
                    {"weights_offset", append(bytes)},
                    {"product_shift", 7},
                    {"bias", parameters.Map({"linear_bias"}, Halved)}});
  network.json = {
      {"format", "packed-bit network, version 1"},
      {"comment",
       "FracBNN for CIFAR-10, cornell-zhang/FracBNN, Copyright (c) 2021, Cornell Zhang "
       "Research Group, BSD-3-Clause"},
      {"input", {{"shape", {32, 32, 3}}, {"encode", "thermometer"}, {"levels", levels}}},
      {"layers", layers}};
  return network;
}

std::vector<FracBnnCase> FracBnnCases(const std::string& folder) {
  const std::vector<uint8_t> images = ReadBytes(folder + "/images.bin");
  const auto logits = Elements<int16_t>(ReadBytes(folder + "/logits_fixed.bin"));
  std::vector<FracBnnCase> cases;
  const json index = ReadIndex(folder);
  for (const json& entry : index["cases"]) {
    const auto number = entry["case"].get<std::ptrdiff_t>();
    const auto image = images.begin() + number * static_cast<std::ptrdiff_t>(kImageBytes);
    const auto first = logits.begin() + number * kClasses;
    cases.push_back({entry["name"],
                     {image, image + static_cast<std::ptrdiff_t>(kImageBytes)},
                     {first, first + kClasses}});
  }
  return cases;
}

bool ReadFracBnnLayer(const std::string& folder, const std::string& name, int32_t number,
                      FracBnnLayer* layer) {
  const std::string path = fmt::format("{}/layers_{}/{:02d}_", folder, name, number);
  if (!std::filesystem::exists(path + "r.bin")) return false;
  layer->codes.clear();
  if (number != 0) layer->codes = ReadBytes(path + "codes.bin");
  layer->values = Elements<int16_t>(ReadBytes(path + "r.bin"));
  return true;
}

}  // namespace npugen::testing

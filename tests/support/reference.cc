// SPDX-License-Identifier: Apache-2.0
// Indexes, inputs and outputs of the reference results.
#include "tests/support/reference.h"

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "generator/support/sha256.h"
#include "tests/support/files.h"

namespace npugen::testing {
namespace {

using nlohmann::json;

constexpr ReferenceFamily kFamilies[] = {{"conv_2d", 21},
                                         {"depthwise_conv_2d", 12},
                                         {"fully_connected", 10},
                                         {"transpose_conv", 5},
                                         {"batch_matmul", 7},
                                         {"add", 9},
                                         {"sub", 9},
                                         {"mul", 9},
                                         {"maximum", 3},
                                         {"minimum", 3},
                                         {"squared_difference", 3},
                                         {"add_n", 2},
                                         {"max_pool_2d", 9},
                                         {"average_pool_2d", 9},
                                         {"mean", 7},
                                         {"sum", 5},
                                         {"reduce_max", 5},
                                         {"reduce_min", 5},
                                         {"arg_max", 3},
                                         {"arg_min", 3},
                                         {"softmax", 9},
                                         {"logistic", 4},
                                         {"tanh", 4},
                                         {"hard_swish", 4},
                                         {"elu", 3},
                                         {"leaky_relu", 4},
                                         {"prelu", 3},
                                         {"relu", 3},
                                         {"relu6", 3},
                                         {"abs", 3},
                                         {"rsqrt", 3},
                                         {"quantize", 9},
                                         {"dequantize", 2, true},
                                         {"log_softmax", 2, true},
                                         {"l2_normalization", 2, true},
                                         {"gather", 3},
                                         {"concatenation", 4},
                                         {"pad", 4},
                                         {"padv2", 4},
                                         {"mirror_pad", 2},
                                         {"reshape", 3},
                                         {"squeeze_expand", 2},
                                         {"transpose", 4},
                                         {"reverse_v2", 2},
                                         {"slice", 3},
                                         {"strided_slice", 4},
                                         {"split", 3},
                                         {"split_v", 2},
                                         {"pack", 2},
                                         {"unpack", 2},
                                         {"space_to_depth", 2},
                                         {"depth_to_space", 2},
                                         {"space_to_batch_nd", 3},
                                         {"batch_to_space_nd", 3},
                                         {"resize_nearest_neighbor", 8},
                                         {"resize_bilinear", 8},
                                         {"int4_weights", 7},
                                         {"conv_2d_16x8", 5, true},
                                         {"depthwise_conv_2d_16x8", 4, true},
                                         {"fully_connected_16x8", 4, true},
                                         {"transpose_conv_16x8", 2, true},
                                         {"add_16", 4, true},
                                         {"sub_16", 4, true},
                                         {"mul_16", 4, true},
                                         {"logistic_16", 3, true},
                                         {"tanh_16", 3, true},
                                         {"softmax_16", 4, true},
                                         {"misc_16", 9, true},
                                         {"networks", 40}};

constexpr const char* kNetworks[] = {
    "hello_world",   "micro_speech",    "ad_autoencoder",       "streaming_ww", "kws_dscnn",
    "vww_mobilenet", "resnet8_cifar10", "mobilenet_v2_160_035", "hps_320x240",  "mobilenet_v2_224"};

json ReadJson(const std::string& path) {
  std::ifstream stream(path);
  json value = json::parse(stream, nullptr, false);
  if (value.is_discarded()) {
    std::fprintf(stderr, "%s is no JSON\n", path.c_str());
    std::exit(1);
  }
  return value;
}

int64_t Elements(const json& tensor) {
  int64_t elements = 1;
  for (const json& size : tensor["shape"]) elements *= size.get<int64_t>();
  return elements;
}

int64_t Bytes(const json& tensor) {
  static const std::map<std::string, int64_t> sizes = {{"int8", 1},  {"uint8", 1},   {"int16", 2},
                                                       {"int32", 4}, {"float32", 4}, {"bool", 1}};
  return Elements(tensor) * sizes.at(tensor["type"]);
}

/// The next pieces of `bytes` at `offset`, one for each of `tensors`.
std::vector<std::vector<uint8_t>> Cut(const std::vector<uint8_t>& bytes, const json& entry,
                                      const json& tensors, size_t* offset) {
  std::vector<std::vector<uint8_t>> pieces;
  for (const json& number : tensors) {
    for (const json& tensor : entry["tensors"]) {
      if (tensor["index"] != number) continue;
      const size_t size = static_cast<size_t>(Bytes(tensor));
      pieces.emplace_back(bytes.begin() + *offset, bytes.begin() + *offset + size);
      *offset += size;
    }
  }
  return pieces;
}

}  // namespace

std::span<const ReferenceFamily> RequiredFamilies() { return kFamilies; }

std::vector<std::string> AllFamilies(const std::string& folder) {
  std::vector<std::string> names;
  const json index = ReadJson(folder + "/ops/index.json");
  for (const json& family : index["families"]) names.push_back(family["family"]);
  return names;
}

std::vector<ReferenceModel> ReadFamily(const std::string& folder, const std::string& family) {
  const std::string path = folder + "/ops/" + family + "/";
  const json index = ReadJson(path + "index.json");
  const std::vector<uint8_t> inputs = ReadBytes(path + index["inputs"].get<std::string>());
  const std::vector<uint8_t> outputs = ReadBytes(path + index["outputs"].get<std::string>());
  std::vector<ReferenceModel> models;
  for (const json& entry : index["cases"]) {
    ReferenceModel model;
    model.name = entry["name"];
    model.path = path + entry["model"].get<std::string>();
    for (const json& op : entry["ops"]) model.operators.push_back(op["op"]);
    size_t in = entry["input_offset"];
    size_t out = entry["output_offset"];
    for (size_t vector = 0; vector < entry["vectors"].size(); ++vector) {
      ReferenceRun run;
      run.name = std::to_string(vector) + " (" + entry["vectors"][vector].get<std::string>() + ")";
      run.inputs = Cut(inputs, entry, entry["inputs"], &in);
      run.outputs = Cut(outputs, entry, entry["outputs"], &out);
      if (entry.contains("tensor_sha256")) {
        for (const auto& [number, digest] : entry["tensor_sha256"][vector].items()) {
          run.digests[std::stoi(number)] = digest;
        }
      }
      model.runs.push_back(std::move(run));
    }
    if (in != entry["input_offset"].get<size_t>() + entry["input_bytes"].get<size_t>() ||
        out != entry["output_offset"].get<size_t>() + entry["output_bytes"].get<size_t>()) {
      std::fprintf(stderr, "%s: the vectors of %s do not fill their bytes\n", path.c_str(),
                   model.name.c_str());
      std::exit(1);
    }
    models.push_back(std::move(model));
  }
  return models;
}

std::span<const char* const> ReferenceNetworks() { return kNetworks; }

ReferenceModel ReadNetwork(const std::string& folder, const std::string& network) {
  const std::string path = folder + "/" + network + "/";
  const json index = ReadJson(path + "index.json");
  ReferenceModel model;
  model.name = network;
  model.path = path + "model.tflite";
  for (const json& op : index["ops"]) model.operators.push_back(op["op"]);
  for (const json& entry : index["cases"]) {
    ReferenceRun run;
    run.name = entry["case"];
    for (const json& input : entry["inputs"]) {
      run.inputs.push_back(ReadBytes(path + input["file"].get<std::string>()));
    }
    for (const json& output : entry["outputs"]) {
      run.outputs.push_back(ReadBytes(path + output["file"].get<std::string>()));
    }
    for (const auto& [number, digest] : entry["tensor_sha256_16"].items()) {
      run.digests[std::stoi(number)] = digest;
    }
    model.runs.push_back(std::move(run));
  }
  return model;
}

int CompareDigests(const ReferenceRun& run, const std::vector<std::vector<uint8_t>>& tensors,
                   int* compared, std::string* first) {
  int mismatches = 0;
  for (const auto& [number, digest] : run.digests) {
    const std::vector<uint8_t>& bytes = tensors.at(static_cast<size_t>(number));
    if (bytes.empty()) continue;
    ++*compared;
    if (Sha256(bytes).substr(0, digest.size()) == digest) continue;
    if (mismatches++ == 0) *first = "tensor " + std::to_string(number);
  }
  return mismatches;
}

}  // namespace npugen::testing

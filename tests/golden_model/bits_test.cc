// SPDX-License-Identifier: Apache-2.0
// Layers of bits against the definition in docs/packed_bits.md, with bits compared bit by bit.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "sw/model/packed_reader.h"
#include "tests/support/packed_network.h"
#include "verif/golden/golden_model.h"
#include "verif/random/random_model.h"

namespace npugen {
namespace {

using nlohmann::json;
using testing::MakePackedNetwork;
using testing::MakeRandomInputs;
using testing::PackedNetwork;

// An image as codes or values, [height][width][channels] in one list.
struct Image {
  int32_t height = 0, width = 0, channels = 0, planes = 1;
  std::vector<int32_t> values;
  int32_t At(int64_t y, int64_t x, int64_t c) const {
    return values[static_cast<size_t>((y * width + x) * channels + c)];
  }
};

int32_t PairAt(const json& layer, const char* key, int32_t i, int32_t otherwise) {
  if (!layer.contains(key)) return otherwise;
  return layer[key].is_array() ? layer[key][static_cast<size_t>(i)].get<int32_t>()
                               : layer[key].get<int32_t>();
}

// TFLite's factor for sums below 2^24, in two rounding steps.
int32_t Rescale(int64_t sum, int64_t multiplier, int32_t shift) {
  const int64_t scaled = sum * (int64_t{1} << std::max(shift, 0));
  const int64_t high = (scaled * multiplier + (int64_t{1} << 30)) >> 31;
  const int64_t divisor = int64_t{1} << std::max(-shift, 0);
  const int64_t magnitude = (std::abs(high) + divisor / 2) / divisor;
  return static_cast<int32_t>(high < 0 ? -magnitude : magnitude);
}

Image Evaluate(const json& layer, const std::vector<uint8_t>& weights, const Image& in,
               int32_t zero_point) {
  const std::string type = layer["type"];
  const bool pool = type == "maxpool";
  const bool whole = type == "bfc" || type == "fc";
  const bool bits = type == "bconv" || type == "bfc";
  Image out;
  out.height = whole ? 1 : layer["out"][0].get<int32_t>();
  out.width = whole ? 1 : layer["out"][1].get<int32_t>();
  out.channels = layer["out"].back();
  out.planes = layer.value("planes_out", 1);
  const int32_t kernel_h = PairAt(layer, "kernel", 0, in.height);
  const int32_t kernel_w = PairAt(layer, "kernel", 1, in.width);
  const int32_t stride_h = PairAt(layer, "stride", 0, 1), stride_w = PairAt(layer, "stride", 1, 1);
  const int32_t pad_h = PairAt(layer, "pad", 0, 0), pad_w = PairAt(layer, "pad", 1, 0);
  const bool skip = layer.value("outside", "minus") == "zero";
  for (int32_t y = 0; y < out.height; ++y) {
    for (int32_t x = 0; x < out.width; ++x) {
      for (int32_t o = 0; o < out.channels; ++o) {
        int64_t sums[2] = {0, 0}, sum = 0;
        int32_t largest = INT32_MIN;
        for (int32_t ky = 0; ky < kernel_h; ++ky) {
          for (int32_t kx = 0; kx < kernel_w; ++kx) {
            const int32_t iy = y * stride_h - pad_h + ky, ix = x * stride_w - pad_w + kx;
            const bool inside = iy >= 0 && iy < in.height && ix >= 0 && ix < in.width;
            if (pool) {
              largest = std::max(largest, in.At(iy, ix, o));
              continue;
            }
            for (int32_t c = 0; c < in.channels; ++c) {
              const int64_t index =
                  ((int64_t{o} * kernel_h + ky) * kernel_w + kx) * in.channels + c;
              const size_t start = layer["weights_offset"];
              if (!bits) {
                const auto weight = static_cast<int8_t>(weights[start + index]);
                if (inside) sum += (in.At(iy, ix, c) - zero_point) * weight;
                continue;
              }
              if (!inside && skip) continue;
              const int32_t code = inside ? in.At(iy, ix, c) : 0;
              const int32_t weight = weights[start + index / 8] >> index % 8 & 1;
              for (int32_t plane = 0; plane < in.planes; ++plane) {
                const int32_t bit = code >> (in.planes - 1 - plane) & 1;
                sums[plane] += bit == weight ? 1 : -1;
              }
            }
          }
        }
        if (pool) {
          out.values.push_back(largest);
          continue;
        }
        if (bits) {
          sum = in.planes == 1 ? sums[0] : 2 * sums[0] + sums[1];
          if (layer.contains("gate") && sums[0] <= layer["gate"][o].get<int64_t>()) {
            sum = 2 * sums[0];
          }
        }
        int64_t result = 0;
        if (layer.contains("thresholds")) {
          for (const json& list : layer["thresholds"]) result += sum >= list[o].get<int64_t>();
          const bool flip = layer.contains("flip") && layer["flip"][o] == 1;
          if (flip) result = static_cast<int64_t>(layer["thresholds"].size()) - result;
        } else if (layer.contains("bias")) {
          result = sum + layer["bias"][o].get<int64_t>();
        } else {
          const json& rescale = layer["rescale"];
          if (rescale.contains("bias")) sum += rescale["bias"][o].get<int64_t>();
          result = Rescale(sum, rescale["multipliers"][o], rescale["shifts"][o]) +
                   rescale["zero_point"].get<int64_t>();
          result = std::clamp<int64_t>(result, -128, 127);
        }
        out.values.push_back(static_cast<int32_t>(result));
      }
    }
  }
  if (pool) out.planes = in.planes;
  return out;
}

// A tensor's bytes from values.
std::vector<uint8_t> Pack(const Image& image, const Tensor& tensor) {
  std::vector<uint8_t> bytes(tensor.bytes(), 0);
  for (size_t i = 0; i < image.values.size(); ++i) {
    if (tensor.type == TensorType::kInt32) {
      std::memcpy(bytes.data() + 4 * i, &image.values[i], 4);
    } else if (tensor.type != TensorType::kBits) {
      bytes[i] = static_cast<uint8_t>(image.values[i]);
    }
  }
  if (tensor.type != TensorType::kBits) return bytes;
  // [H][plane][W][ceil(C / 8)]
  size_t at = 0;
  for (int32_t y = 0; y < image.height; ++y) {
    for (int32_t plane = 0; plane < image.planes; ++plane) {
      for (int32_t x = 0; x < image.width; ++x) {
        for (int32_t c = 0; c < image.channels; ++c) {
          const int32_t bit = image.At(y, x, c) >> (image.planes - 1 - plane) & 1;
          bytes[at + c / 8] = static_cast<uint8_t>(bytes[at + c / 8] | bit << c % 8);
        }
        at += (image.channels + 7) / 8;
      }
    }
  }
  return bytes;
}

TEST(BitsTest, RandomNetworksAgreeWithTheirDefinition) {
  int operators = 0, gates = 0, int8s = 0;
  for (uint64_t seed = 0; seed < 400; ++seed) {
    const PackedNetwork network = MakePackedNetwork(seed);
    const Result<Model> model = ReadPacked(network.json.dump(), network.weights, "random.json");
    ASSERT_TRUE(model.ok()) << seed << FormatDiagnostic(model.errors()[0], false)
                            << network.json.dump(1);
    const auto inputs = MakeRandomInputs(*model, seed);
    const auto run = RunGolden(*model, inputs);
    ASSERT_TRUE(run.ok());
    const Tensor& input = model->tensors[model->inputs[0]];
    Image image{input.shape[1], input.shape[2], input.shape[3], 1, {}};
    for (uint8_t byte : inputs[0]) {
      image.values.push_back(input.type == TensorType::kInt8 ? static_cast<int8_t>(byte) : byte);
    }
    size_t next = 0;
    if (network.json["input"]["encode"] == "thermometer") {
      Image expanded{image.height, image.width, 0, 1, {}};
      const json& form = network.json["input"];
      for (int32_t value : image.values) {
        for (int32_t k = 0; k < form["levels"]; ++k) {
          expanded.values.push_back(value >
                                    form["first"].get<int32_t>() + k * form["step"].get<int32_t>());
        }
      }
      expanded.channels = image.channels * form["levels"].get<int32_t>();
      image = expanded;
      const int32_t output = model->operators[next++].outputs[0];
      ASSERT_EQ((*run)[output], Pack(image, model->tensors[output])) << "seed " << seed;
    }
    for (const json& layer : network.json["layers"]) {
      const Operator& op = model->operators[next++];
      image = Evaluate(layer, network.weights, image, model->tensors[op.inputs[0]].zero_point());
      const int32_t output = op.outputs[0];
      ASSERT_EQ((*run)[output], Pack(image, model->tensors[output]))
          << "seed " << seed << " " << layer.dump();
      ++operators;
      gates += layer.contains("gate");
      int8s += layer["type"] == "conv" || layer["type"] == "fc";
    }
  }
  EXPECT_GT(operators, 1000);
  EXPECT_GT(gates, 50);
  EXPECT_GT(int8s, 100);
}

TEST(BitsTest, DifferencesAreFoundAtTheirCode) {
  const json network = json::parse(R"({"format": "packed-bit network, version 1",
      "input": {"shape": [3, 2], "encode": "thermometer", "levels": 11},
      "layers": [{"type": "bconv", "in": [3, 2, 11], "out": [3, 2, 3], "kernel": 1, "stride": 1,
                  "pad": 0, "planes_in": 1, "weights_offset": 0, "weights_shape": [3, 1, 1, 11],
                  "planes_out": 2, "thresholds": [[-5, -5, -5], [0, 0, 0], [5, 5, 5]]}]})");
  const Result<Model> model = ReadPacked(network.dump(), std::vector<uint8_t>(5, 0xa5), "bits");
  ASSERT_TRUE(model.ok()) << FormatDiagnostic(model.errors()[0], false);
  const auto run = RunGolden(*model, {{0, 4, 8, 3, 11, 2}});
  ASSERT_TRUE(run.ok());
  const int32_t output = model->outputs[0];
  const int32_t thermometer = model->operators[0].outputs[0];
  EXPECT_TRUE(CompareTensors(*model, *run, *run).equal());

  TensorBytes changed = *run;
  changed[output][9] ^= 4;  // row 2, upper plane, pixel 1, channel 2
  Comparison comparison = CompareTensors(*model, *run, changed);
  ASSERT_TRUE(comparison.first.has_value());
  EXPECT_EQ(comparison.first->position, (std::vector<int32_t>{0, 2, 1, 2}));
  EXPECT_EQ(comparison.first->element, 17);
  EXPECT_EQ(static_cast<int32_t>(comparison.first->expected) ^
                static_cast<int32_t>(comparison.first->actual),
            2);
  EXPECT_EQ(comparison.first->differing, 1);
  EXPECT_EQ(comparison.first->elements, 18);
  EXPECT_EQ(comparison.elements, 6 + 66 + 18);
  EXPECT_NE(DescribeMismatch(*comparison.first).find("element 17 at [0,2,1,2] is "),
            std::string::npos);

  changed = *run;
  changed[thermometer][1] ^= 0x80;  // behind the last channel
  comparison = CompareTensors(*model, *run, changed);
  ASSERT_TRUE(comparison.first.has_value());
  EXPECT_EQ(comparison.first->position, (std::vector<int32_t>{0, 0, 0, 15}));

  changed = *run;
  changed[output].pop_back();
  EXPECT_EQ(CompareTensors(*model, *run, changed).differing_elements, 18);
}

}  // namespace
}  // namespace npugen

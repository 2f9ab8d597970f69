// SPDX-License-Identifier: Apache-2.0
// Layers are drawn one by one, each of a type that the one before can feed.
#include "tests/support/packed_network.h"

#include <algorithm>

#include "verif/random/random_model.h"

namespace npugen::testing {

PackedNetwork MakePackedNetwork(uint64_t seed) {
  using Json = nlohmann::json;
  RandomSource random(seed * 77 + 5);
  PackedNetwork network;
  Json& root = network.json;
  int32_t height = random.Integer(1, 9), width = random.Integer(1, 9);
  int32_t channels = random.Integer(1, 4);
  root["format"] = "packed-bit network, version 1";
  root["input"]["shape"] = {height, width, channels};
  bool bits = !random.Chance(3);
  int32_t planes = 1;
  if (bits) {
    const int32_t levels = random.Integer(1, 9);
    root["input"]["encode"] = "thermometer";
    root["input"]["levels"] = levels;
    root["input"]["first"] = random.Integer(-100, 60);
    root["input"]["step"] = random.Integer(1, 8);
    if (random.Chance(3))
      root["input"] = {{"shape", {height, width, channels}},
                       {"encode", "thermometer"},
                       {"levels", levels},
                       {"first", 100},
                       {"step", 17}};
    channels *= levels;
  } else {
    root["input"]["encode"] = "int8";
    root["input"]["zero_point"] = random.Integer(-128, 127);
  }
  const int32_t layers = random.Integer(1, 5);
  for (int32_t number = 0; number < layers; ++number) {
    Json layer;
    const bool last = number + 1 == layers;
    const auto list = [&](int32_t count, int32_t least, int32_t most) {
      Json values = Json::array();
      for (int32_t i = 0; i < count; ++i) values.push_back(random.Integer(least, most));
      return values;
    };
    layer["in"] = {height, width, channels};
    const bool pool = random.Chance(4);
    const bool whole = !pool && random.Chance(4);
    const int32_t kernel_h = whole ? height : random.Integer(1, std::min(3, height));
    const int32_t kernel_w = whole ? width : random.Integer(1, std::min(4, width));
    const int32_t stride_h = random.Integer(1, 2), stride_w = random.Integer(1, 2);
    int32_t pad_h = 0, pad_w = 0;
    if (!pool && !whole) {
      pad_h = random.Integer(0, kernel_h - 1);
      pad_w = random.Integer(0, kernel_w - 1);
    }
    const int32_t out_h = whole ? 1 : (height + 2 * pad_h - kernel_h) / stride_h + 1;
    const int32_t out_w = whole ? 1 : (width + 2 * pad_w - kernel_w) / stride_w + 1;
    const int32_t out_c = pool ? channels : random.Integer(1, 21);
    if (!whole) {
      layer["kernel"] = {kernel_h, kernel_w};
      layer["stride"] = {stride_h, stride_w};
    }
    layer["out"] = whole ? Json{out_c} : Json{out_h, out_w, out_c};
    if (bits) layer["planes_in"] = planes;
    if (pool) {
      layer["type"] = "maxpool";
      if (bits) layer["planes_out"] = planes;
    } else {
      layer["type"] = whole ? (bits ? "bfc" : "fc") : (bits ? "bconv" : "conv");
      const int32_t taps = kernel_h * kernel_w * channels;
      if (whole && random.Chance(2)) layer["in"] = Json{taps};
      layer["weights_shape"] =
          whole ? Json{out_c, taps} : Json{out_c, kernel_h, kernel_w, channels};
      if (random.Chance(4)) network.weights.push_back(0);  // a gap
      layer["weights_offset"] = network.weights.size();
      const int32_t count = out_c * taps;
      for (int32_t i = 0; i < (bits ? (count + 7) / 8 : count); ++i) {
        network.weights.push_back(static_cast<uint8_t>(random.Next()));
      }
      if (!whole) {
        layer["pad"] = {pad_h, pad_w};
        if (bits && random.Chance(2)) layer["outside"] = random.Chance(2) ? "zero" : "minus";
      }
      // About what sums reach.
      int32_t reach = bits ? std::max(3, taps / 3) * planes : taps * 1000;
      if (bits && planes == 2 && random.Chance(2)) {
        layer["gate"] = list(out_c, -taps / 4 - 2, taps / 4 + 2);
      }
      if (last && random.Chance(2)) {
        layer["bias"] = list(out_c, -100, 100);
      } else if (random.Chance(3)) {
        layer["rescale"] = {{"multipliers", list(out_c, 1 << 30, INT32_MAX)},
                            {"shifts", bits ? list(out_c, -2, 3) : list(out_c, -12, -5)},
                            {"zero_point", random.Integer(-128, 127)}};
        if (random.Chance(2)) layer["rescale"]["bias"] = list(out_c, -20, 20);
        planes = 0;
      } else {
        planes = random.Integer(1, 2);
        if (!bits && taps * 255 * 128 > (1 << 20)) planes = 1;
        layer["planes_out"] = planes;
        layer["thresholds"] = Json::array();
        Json thresholds = list(out_c, -reach, reach);
        for (int32_t i = 0; i < (planes == 1 ? 1 : 3); ++i) {
          layer["thresholds"].push_back(thresholds);
          for (auto& threshold : thresholds) {
            threshold = threshold.get<int32_t>() + random.Integer(0, reach);
          }
        }
        if (random.Chance(2)) layer["flip"] = list(out_c, 0, 1);
      }
      bits = layer.contains("thresholds");
    }
    height = out_h;
    width = out_w;
    channels = out_c;
    root["layers"].push_back(layer);
  }
  return network;
}

}  // namespace npugen::testing

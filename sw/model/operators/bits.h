// SPDX-License-Identifier: Apache-2.0
// Layers of bits, of the packed-bit and ONNX formats. Their options.
#pragma once

#include <cstdint>
#include <vector>

#include "sw/model/operators/option_types.h"

namespace npugen {

/// BINARY_CONV_2D. Inputs: data [N,H,W,I], filter [O,KH,KW,I]; both kBits (filter of one plane) or
/// both kInt8 (then padding reads as the data's zero point, and products are (data - zero point) *
/// filter). S is the sum of products of an output, where bits are +1 and -1. Of two planes, P and Q
/// being the sums of the first and the second: S = 2 P + Q, or 2 P where `gates` are given and
/// P <= gates[o]. The output is
///   kBits: the code is the number of thresholds[i][o] that S reaches (S >= threshold), or with
///     flip[o] the number of thresholds less that;
///   kInt32: S + bias[o];
///   kInt8: S + bias[o], rescaled by multipliers[o] and shifts[o] as in TFLite, plus the output's
///     zero point, saturated.
struct BinaryConvOptions {
  int32_t stride_h = 1, stride_w = 1;
  int32_t pad_top = 0, pad_left = 0;  ///< below and on the right follows from the output's shape
  bool skip_outside = false;  ///< kBits: outside of the image counts 0; else bits are 0, that is -1
  std::vector<int32_t> gates;     ///< of two planes; empty: none
  std::vector<int32_t> activity;  ///< how often a channel passes its gate; empty: not known
  std::vector<std::vector<int32_t>> thresholds;  ///< 1 or 3 (two planes), ascending
  std::vector<uint8_t> flip;
  std::vector<int32_t> bias;
  std::vector<int32_t> multipliers, shifts;
};

/// THERMOMETER: [N,H,W,C] bytes (kInt8 or kUint8) to [N,H,W,C * levels] bits; bit c * levels + k is
/// whether value c exceeds first + k * step.
struct ThermometerOptions {
  int32_t levels = 1, first = 0, step = 1;
};

/// All options of this family, for OperatorOptions.
using BitsOptions = OptionList<BinaryConvOptions, ThermometerOptions>;

}  // namespace npugen

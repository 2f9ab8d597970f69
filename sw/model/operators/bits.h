// SPDX-License-Identifier: Apache-2.0
// Layers of bits, of the packed-bit and ONNX formats. Their options.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "sw/model/operators/option_types.h"

namespace npugen {

/// What becomes of the sums P and Q of two planes (of one plane: Q is the sum, P is 0) and of a
/// residual s, an int16. >> rounds down, sat saturates to int16, half(n) is 2^(n-1), 0 for n = 0:
///   t = sat((plane_weights[0] P + plane_weights[1] Q) >> sum_shift)
///   u = sat((multipliers[o] t + biases[o]) >> shift)
///   v = u < 0 ? sat((slopes[o] u + half(slope_shift)) >> slope_shift) : u
///   w = sat(s + v + offsets[o])                                              (s = 0: no residual)
///   r = sat((scales[o] w + scale_biases[o]) >> scale_shift)
/// r is the output's value, and its code the number of `codes` (0, 1 or 3, ascending) that r
/// reaches. With a residual of twice the output's height and width, s is the sum of its 2x2 values,
/// row by row, saturated after each, / 4 towards 0. The residual's channels repeat: output channel
/// o takes channel o % channels.
struct AffineOptions {
  int32_t plane_weights[2] = {2, 1};         ///< 0..255
  int32_t sum_shift = 0;                     ///< all shifts 0..15
  std::vector<int32_t> multipliers, biases;  ///< int16, int24
  int32_t shift = 0;
  std::vector<int32_t> slopes;  ///< int16
  int32_t slope_shift = 0;
  std::vector<int32_t> offsets;               ///< int16
  std::vector<int32_t> scales, scale_biases;  ///< int16, int24
  int32_t scale_shift = 0;
  std::vector<int32_t> codes;  ///< int16
};

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
/// With `affine`, N = 1 and a data of kBits, S is what AffineOptions makes of P and Q, and the
/// output is kBits with values (with codes) or int16 (without). A third input is the residual:
/// kBits with values, or int16.
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
  std::optional<AffineOptions> affine;
};

/// THERMOMETER: [N,H,W,C] bytes (kInt8 or kUint8) to [N,H,W,C * levels] bits; bit c * levels + k is
/// whether value c exceeds first + k * step, or with a list (of `levels` numbers) list[k].
struct ThermometerOptions {
  int32_t levels = 1, first = 0, step = 1;
  std::vector<int32_t> list;
  int32_t Level(int64_t k) const {
    return list.empty() ? first + static_cast<int32_t>(k) * step : list[static_cast<size_t>(k)];
  }
};

/// ROUNDED_SUMS, on the host: int16 values [1,H,W,C] (or kBits with them) to [1,1,1,O] int16 or
/// int32. Without weights O = C, and output c is sat16((sum over pixels of x + half(sum_shift)) >>
/// sum_shift). With weights (int16, input 1, [O, H W C]) output o, an int32, is bias[o] + the sum
/// of (x w + half(product_shift)) >> product_shift, each product by itself.
struct RoundedSumsOptions {
  int32_t sum_shift = 0, product_shift = 0;  ///< 0..15
  std::vector<int32_t> bias;
};

/// All options of this family, for OperatorOptions.
using BitsOptions = OptionList<BinaryConvOptions, ThermometerOptions, RoundedSumsOptions>;

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// Random networks of uint8, and what TensorFlow Lite's uint8 kernels make of them.
#pragma once

#include <cstdint>
#include <vector>

#include "sw/model/model.h"

namespace npugen::testing {

/// A network as the file has it: tensors are uint8, filters have zero points.
struct Uint8Network {
  Model model;                  ///< not as read
  std::vector<uint8_t> tflite;  ///< the file
};

/// Convolution, depthwise convolution, average pool over an even number of pixels, pointwise
/// convolution, addition, maximum pool, logistic, fully connected, softmax.
Uint8Network MakeUint8Network(uint64_t seed);

/// RESIZE_BILINEAR by steps that float32 has exactly, or of one pixel, then MUL and SUB.
Uint8Network MakeUint8ResizeNetwork(uint64_t seed);
/// RELU, RELU6, a CONCATENATION of several scales, TILE.
Uint8Network MakeUint8TailNetwork(uint64_t seed);

/// Random bytes of its input.
std::vector<uint8_t> MakeUint8Input(const Uint8Network& network, uint64_t seed);

/// The bytes of every tensor, by the formulas of TFLite's reference kernels on uint8.
std::vector<std::vector<uint8_t>> RunUint8(const Uint8Network& network,
                                           const std::vector<uint8_t>& input);

}  // namespace npugen::testing

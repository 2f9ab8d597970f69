// SPDX-License-Identifier: Apache-2.0
// Networks of one or a few layers whose speed is worth knowing, as .tflite files.
#pragma once

#include <cstdint>
#include <vector>

#include "sw/model/model.h"

namespace npugen::testing {

/// [rows, depth] times [columns, depth] transposed: one FULLY_CONNECTED operator with random
/// weights and biases.
std::vector<uint8_t> GemmModel(int32_t rows, int32_t depth, int32_t columns);

/// CONV_2D 1x1, DEPTHWISE_CONV_2D 3x3 (operator 1), CONV_2D 1x1, all of `channels` channels; the
/// depthwise layer writes size x size positions.
std::vector<uint8_t> DepthwiseModel(int32_t size, int32_t channels, int32_t stride);

/// CONV_2D kernel x kernel of `channels` channels on size x size, stride 1.
std::vector<uint8_t> ConvolutionModel(int32_t size, int32_t channels, int32_t kernel);

/// BINARY_CONV_2D 3x3 of `channels` channels of bits on size x size, padded by one, with a
/// threshold per channel. Input and output are bits.
Model BinaryConvolutionModel(int32_t size, int32_t channels);

}  // namespace npugen::testing

// SPDX-License-Identifier: Apache-2.0
// Random small networks that keep states, as files: streaming ones, SVDF, LSTM; and networks of
// int16.
#pragma once

#include <cstdint>
#include <vector>

namespace npugen::testing {

/// Rings of past rows (CONCATENATION, STRIDED_SLICE, variables that a second subgraph sets) in
/// front of convolutions, as streaming converters write them.
std::vector<uint8_t> MakeStreamingNetwork(uint64_t seed);
/// SVDF layers with FULLY_CONNECTED between them.
std::vector<uint8_t> MakeSvdfNetwork(uint64_t seed);
/// An LSTM of int8 or int16 data, batch or time major, and a FULLY_CONNECTED where that is int8.
std::vector<uint8_t> MakeLstmNetwork(uint64_t seed);
/// Int16 activations with int8 weights.
std::vector<uint8_t> MakeWideNetwork(uint64_t seed);

/// One operator of int16 alone; kinds take turns with the seed.
std::vector<uint8_t> MakeWideOperator(uint64_t seed);

}  // namespace npugen::testing

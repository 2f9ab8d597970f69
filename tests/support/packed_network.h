// SPDX-License-Identifier: Apache-2.0
// Random packed-bit networks, the same for the same seed on every machine.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <vector>

namespace npugen::testing {

/// The two files of a network (docs/packed_bits.md).
struct PackedNetwork {
  nlohmann::json json;
  std::vector<uint8_t> weights;
};

/// 1 to 5 layers of awkward shapes, of all types and kinds of outputs; legal.
PackedNetwork MakePackedNetwork(uint64_t seed);

}  // namespace npugen::testing

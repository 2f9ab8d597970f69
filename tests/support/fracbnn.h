// SPDX-License-Identifier: Apache-2.0
// The released FracBNN for CIFAR-10 (the shared folder fracbnn, see its README), as a packed-bit
// network, and what its accelerator computes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/support/packed_network.h"

namespace npugen::testing {

/// Its folder: NPUGEN_SHARED_FRACBNN, or ../shared/fracbnn; empty if there is none, and kNoFracBnn
/// is what a test then says.
std::string FracBnnFolder();
inline constexpr const char* kNoFracBnn =
    "the released network is not part of the project: NPUGEN_SHARED_FRACBNN names the folder that "
    "has it";

/// The network; its layers have the names of the release.
PackedNetwork MakeFracBnn(const std::string& folder);

/// A case: an image, and the accelerator's results.
struct FracBnnCase {
  std::string name;
  std::vector<uint8_t> image;   ///< [32, 32, 3]
  std::vector<int32_t> logits;  ///< in 1/128
};
std::vector<FracBnnCase> FracBnnCases(const std::string& folder);

/// Layer `number` of a case: codes that enter (empty for layer 0) and values that leave, NHWC.
/// False if the folder has no layers of this case.
struct FracBnnLayer {
  std::vector<uint8_t> codes;
  std::vector<int16_t> values;
};
bool ReadFracBnnLayer(const std::string& folder, const std::string& name, int32_t number,
                      FracBnnLayer* layer);

}  // namespace npugen::testing

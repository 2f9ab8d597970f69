// SPDX-License-Identifier: Apache-2.0
// What tensors of a network may be at most, whatever file they come from.
#pragma once

#include <cstdint>
#include <limits>

namespace npugen {

inline constexpr int32_t kLargestDimension = 65535;
inline constexpr int64_t kMostElements = std::numeric_limits<int32_t>::max();

}  // namespace npugen

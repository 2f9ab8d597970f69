// SPDX-License-Identifier: Apache-2.0
// Networks of published shapes with random weights, the same for the same seed: what nothing was
// tuned for.
#pragma once

#include <cstdint>

#include "verif/random/random_model.h"

namespace npugen::testing {

/// Blocks of ResNet-50: 1x1 to `narrow` channels, 3x3, 1x1 back to `channels`, and the sum with
/// what the block reads.
RandomModel MakeBottlenecks(int32_t side, int32_t channels, int32_t narrow, int32_t blocks,
                            uint64_t seed);

}  // namespace npugen::testing

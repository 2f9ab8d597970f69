// SPDX-License-Identifier: Apache-2.0
// The image in flash from which the example firmware (sw/firmware/example) takes its work.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace npugen {

/// An image with a network file and inputs, one behind the other, each as its network wants it
/// (sw/firmware/example/flash.h).
std::vector<uint8_t> MakeFlashImage(std::span<const uint8_t> network,
                                    std::span<const std::vector<uint8_t>> inputs);

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// A map of numbers in FlexBuffers form: the options of CUSTOM operators.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>

namespace npugen {

/// The numbers and flags of the map that is the root; other values are left out. Empty if the bytes
/// are no map, or an offset leads out of them.
std::optional<std::map<std::string, double>> ReadFlexMap(std::span<const uint8_t> bytes);

}  // namespace npugen

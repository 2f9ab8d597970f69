// SPDX-License-Identifier: Apache-2.0
// SHA-256 (FIPS 180-4), computed by libnettle.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace npugen {

/// The digest of `bytes` in 64 lower-case hexadecimal digits.
std::string Sha256(std::string_view bytes);
std::string Sha256(std::span<const uint8_t> bytes);

}  // namespace npugen

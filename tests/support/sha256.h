// SHA-256 (FIPS 180-4), to compare tensors with published digests.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace npugen::testing {

/// The digest of `bytes` in 64 lower-case hexadecimal digits.
std::string Sha256(std::span<const uint8_t> bytes);

}  // namespace npugen::testing

// SPDX-License-Identifier: Apache-2.0
// Calls libnettle.
#include "generator/support/sha256.h"

#include <fmt/format.h>
#include <nettle/sha2.h>

#include <array>

namespace npugen {

std::string Sha256(std::span<const uint8_t> bytes) {
  sha256_ctx context;
  sha256_init(&context);
  sha256_update(&context, bytes.size(), bytes.data());
  std::array<uint8_t, SHA256_DIGEST_SIZE> digest;
  sha256_digest(&context, digest.size(), digest.data());
  return fmt::format("{:02x}", fmt::join(digest, ""));
}

std::string Sha256(std::string_view bytes) {
  return Sha256(std::span(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()));
}

}  // namespace npugen

// SHA-256 from the standard's definition.
#include "tests/support/sha256.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <vector>

namespace npugen::testing {
namespace {

// The first 32 bits of the fractional part of `root` of the first 64 primes; the constants of the
// standard. Integer arithmetic: the largest x with x^power <= prime * 2^(32 * power).
std::array<uint32_t, 64> FractionsOfRoots(int power) {
  std::array<uint32_t, 64> constants{};
  int found = 0;
  for (uint32_t candidate = 2; found < 64; ++candidate) {
    bool prime = true;
    for (uint32_t d = 2; d * d <= candidate; ++d) prime &= candidate % d != 0;
    if (!prime) continue;
    uint64_t low = 0;
    uint64_t high = uint64_t{1} << 37;
    while (high - low > 1) {
      const uint64_t middle = (low + high) / 2;
      unsigned __int128 product = middle;
      for (int i = 1; i < power; ++i) product *= middle;
      const unsigned __int128 limit = static_cast<unsigned __int128>(candidate) << (32 * power);
      (product <= limit ? low : high) = middle;
    }
    constants[found++] = static_cast<uint32_t>(low);
  }
  return constants;
}

}  // namespace

std::string Sha256(std::span<const uint8_t> bytes) {
  static const std::array<uint32_t, 64> round_constants = FractionsOfRoots(3);
  static const std::array<uint32_t, 64> start = FractionsOfRoots(2);
  std::array<uint32_t, 8> state;
  std::copy_n(start.begin(), 8, state.begin());

  std::vector<uint8_t> message(bytes.begin(), bytes.end());
  message.push_back(0x80);
  while (message.size() % 64 != 56) message.push_back(0);
  const uint64_t bits = uint64_t{bytes.size()} * 8;
  for (int shift = 56; shift >= 0; shift -= 8)
    message.push_back(static_cast<uint8_t>(bits >> shift));

  std::array<uint32_t, 64> w;
  for (size_t block = 0; block < message.size(); block += 64) {
    for (int i = 0; i < 16; ++i) {
      const uint8_t* p = message.data() + block + 4 * i;
      w[i] = uint32_t{p[0]} << 24 | uint32_t{p[1]} << 16 | uint32_t{p[2]} << 8 | p[3];
    }
    for (int i = 16; i < 64; ++i) {
      const uint32_t s0 = std::rotr(w[i - 15], 7) ^ std::rotr(w[i - 15], 18) ^ (w[i - 15] >> 3);
      const uint32_t s1 = std::rotr(w[i - 2], 17) ^ std::rotr(w[i - 2], 19) ^ (w[i - 2] >> 10);
      w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
    auto [a, b, c, d, e, f, g, h] = state;
    for (int i = 0; i < 64; ++i) {
      const uint32_t s1 = std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25);
      const uint32_t t1 = h + s1 + ((e & f) ^ (~e & g)) + round_constants[i] + w[i];
      const uint32_t s0 = std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22);
      const uint32_t t2 = s0 + ((a & b) ^ (a & c) ^ (b & c));
      h = g;
      g = f;
      f = e;
      e = d + t1;
      d = c;
      c = b;
      b = a;
      a = t1 + t2;
    }
    const std::array<uint32_t, 8> step = {a, b, c, d, e, f, g, h};
    for (int i = 0; i < 8; ++i) state[i] += step[i];
  }
  std::string digest;
  for (uint32_t word : state) digest += fmt::format("{:08x}", word);
  return digest;
}

}  // namespace npugen::testing

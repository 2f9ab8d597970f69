// SPDX-License-Identifier: Apache-2.0
// Counters of many widths (popcount_test.cc) against a count of bits one by one.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>

#include "Vbench.h"

namespace {

constexpr int kWords = 9;  // of the operands: 288 bits
constexpr int kWidths[] = {WIDTHS};

template <typename Vector>
bool Bit(const Vector& vector, int i) {
  return (vector[i / 32] >> (i % 32)) & 1;
}

bool Check(Vbench& dut) {
  dut.eval();
  int which = 0;
  for (const int width : kWidths) {
    uint32_t expected = 0;
    for (int i = 0; i < width; ++i)
      expected += Bit(dut.valid_i, i / 8) && Bit(dut.a_i, i) == Bit(dut.b_i, i);
    uint32_t count = 0;
    for (int i = 0; i < 16; ++i) count |= uint32_t{Bit(dut.count_o, 16 * which + i)} << i;
    if (count != expected) {
      std::fprintf(stderr, "%d bits: %u instead of %u\n", width, count, expected);
      return false;
    }
    ++which;
  }
  return true;
}

}  // namespace

int main() {
  Vbench dut;
  std::mt19937 random(1);
  const auto valid = [&](uint32_t low, uint32_t high) {
    dut.valid_i[0] = low;
    dut.valid_i[1] = high;
  };
  const auto fill = [&](auto& vector, auto word) {
    for (int i = 0; i < kWords; ++i) vector[i] = word();
  };
  // All bytes of up to eight agreeing bits, with and without mask.
  fill(dut.b_i, [] { return 0u; });
  for (uint32_t value = 0; value < 512; ++value) {
    fill(dut.a_i, [&] { return value * 0x01010101u; });
    valid(value < 256 ? ~0u : 0u, 0);
    if (!Check(dut)) return 1;
  }
  // One bit that agrees, or one that does not, at every place.
  for (int i = 0; i < 32 * kWords; ++i) {
    for (const uint32_t rest : {0u, ~0u}) {
      fill(dut.a_i, [&] { return rest; });
      fill(dut.b_i, [] { return ~0u; });
      dut.a_i[i / 32] ^= 1u << (i % 32);
      valid(~0u, ~0u);
      if (!Check(dut)) return 1;
    }
  }
  for (int i = 0; i < 4000; ++i) {
    fill(dut.a_i, [&] { return static_cast<uint32_t>(random()); });
    // From few to all bits that agree.
    const uint32_t dense = i % 4;
    for (int k = 0; k < kWords; ++k) {
      uint32_t differs = static_cast<uint32_t>(random());
      if (dense > 0) differs &= static_cast<uint32_t>(random());
      if (dense > 1) differs &= static_cast<uint32_t>(random());
      dut.b_i[k] = dut.a_i[k] ^ (dense == 3 ? ~differs : differs);
    }
    valid(i % 2 ? ~0u : static_cast<uint32_t>(random()),
          i % 2 ? ~0u : static_cast<uint32_t>(random()));
    if (!Check(dut)) return 1;
  }
  return 0;
}

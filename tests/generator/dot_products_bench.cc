// SPDX-License-Identifier: Apache-2.0
// Sums of products of many sizes (dot_products_test.cc) against products of integers.
#include <cstdint>
#include <cstdio>
#include <random>

#include "Vbench.h"

namespace {

constexpr int kWords = 16;  // of the operands: 64 bytes
constexpr int kSizes[] = {SIZES};

template <typename Vector>
int Byte(const Vector& vector, int i) {
  return static_cast<int8_t>(vector[i / 4] >> (8 * (i % 4)));
}

bool Check(Vbench& dut) {
  dut.eval();
  int which = 0;
  for (const int size : kSizes) {
    int32_t expected = 0;
    for (int i = 0; i < size; ++i) expected += Byte(dut.slots_i, i) * Byte(dut.weights_i, i);
    const int32_t sum = static_cast<int32_t>(dut.sums_o[which]);
    if (sum != expected) {
      std::fprintf(stderr, "%d products: %d instead of %d\n", size, sum, expected);
      return false;
    }
    ++which;
  }
  return true;
}

}  // namespace

int main() {
  Vbench dut;
  std::mt19937 random(3);
  constexpr uint32_t kPatterns[] = {0, 0x80808080, 0x7f7f7f7f, 0xffffffff, 0x01010101, 0xaaaaaaaa};
  for (const uint32_t slot : kPatterns) {
    for (const uint32_t weight : kPatterns) {
      for (int i = 0; i < kWords; ++i) dut.slots_i[i] = slot;
      for (int i = 0; i < kWords; ++i) dut.weights_i[i] = weight;
      if (!Check(dut)) return 1;
    }
  }
  for (int pass = 0; pass < 3000; ++pass) {
    for (int i = 0; i < kWords; ++i) dut.slots_i[i] = random();
    for (int i = 0; i < kWords; ++i) dut.weights_i[i] = random();
    if (!Check(dut)) return 1;
  }
  return 0;
}

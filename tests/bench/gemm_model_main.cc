// SPDX-License-Identifier: Apache-2.0
// npugen_gemm_model: writes a matrix product as a .tflite file, for measurements.
//
//     npugen_gemm_model OUTPUT.tflite ROWS DEPTH COLUMNS
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "tests/bench/models.h"

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fputs("usage: npugen_gemm_model OUTPUT.tflite ROWS DEPTH COLUMNS\n", stderr);
    return 2;
  }
  const int rows = std::atoi(argv[2]), depth = std::atoi(argv[3]), columns = std::atoi(argv[4]);
  if (rows < 1 || depth < 1 || columns < 1 || int64_t{depth} * columns > (1 << 28)) {
    std::fputs("npugen_gemm_model: sizes must be positive, DEPTH * COLUMNS at most 2^28\n", stderr);
    return 2;
  }
  const std::vector<uint8_t> file = npugen::testing::GemmModel(rows, depth, columns);
  std::ofstream out(argv[1], std::ios::binary);
  out.write(reinterpret_cast<const char*>(file.data()), static_cast<std::streamsize>(file.size()));
  if (!out.flush()) {
    std::fprintf(stderr, "npugen_gemm_model: %s cannot be written\n", argv[1]);
    return 2;
  }
  return 0;
}

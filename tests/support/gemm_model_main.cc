// npugen_gemm_model: writes a matrix product as a .tflite file, for measurements.
//
//     npugen_gemm_model OUTPUT.tflite ROWS DEPTH COLUMNS
//
// One FULLY_CONNECTED operator: [ROWS, DEPTH] times [COLUMNS, DEPTH] transposed, random weights and
// biases.
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <random>

#include "tests/support/tflite_writer.h"

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
  std::mt19937 random(1);
  std::vector<int8_t> weights(static_cast<size_t>(depth) * columns);
  for (int8_t& weight : weights)
    weight = static_cast<int8_t>(static_cast<int>(random() % 255) - 127);
  std::vector<int32_t> biases(columns);
  for (int32_t& bias : biases) bias = static_cast<int32_t>(random() % 20001) - 10000;

  npugen::testing::TfliteWriter writer("gemm.tflite");
  const int32_t input = writer.Input({rows, depth}, 0.05f, -3);
  const int32_t filter = writer.Weights({columns, depth}, weights, {0.01f});
  const int32_t bias = writer.Integers({columns}, biases);
  const int32_t output = writer.Activation({rows, columns}, 1.0f, 5);
  writer.FullyConnected(input, filter, bias, output);
  writer.Output(output);
  const std::vector<uint8_t> file = writer.Write();
  std::ofstream out(argv[1], std::ios::binary);
  out.write(reinterpret_cast<const char*>(file.data()), static_cast<std::streamsize>(file.size()));
  if (!out.flush()) {
    std::fprintf(stderr, "npugen_gemm_model: %s cannot be written\n", argv[1]);
    return 2;
  }
  return 0;
}

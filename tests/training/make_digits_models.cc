// SPDX-License-Identifier: Apache-2.0
// Writes the two networks of models/digits/train, untrained: `make_digits_models FOLDER INITIAL`.
// The perceptron begins with the weights of the folder INITIAL (init_W1.bin ... of the trace that
// came with the data), the convolutions with random ones.
#include <cstdio>
#include <string>

#include "generator/support/file.h"
#include "tests/numerics/shared_float.h"
#include "tests/training/onnx_network.h"
#include "tests/training/training_networks.h"

namespace npugen::training {
namespace {

std::vector<float> Turned(const std::vector<float>& from, size_t rows, size_t columns) {
  std::vector<float> to(from.size());
  for (size_t r = 0; r < rows; ++r) {
    for (size_t c = 0; c < columns; ++c) to[c * rows + r] = from[r * columns + c];
  }
  return to;
}

bool Write(const std::string& path, const Network& network) {
  const std::vector<uint8_t> file = MakeOnnx(network);
  return WriteFile(path, BytesView(file)).ok();
}

int Make(const std::string& folder, const std::string& initial) {
  const auto read = [&](const char* name) {
    return numerics::ReadElements<float>(initial + "/" + name + ".bin");
  };
  NetworkMaker perceptron({1, 1, 64}, 1);
  perceptron.Dense(32, true).Dense(10, false);
  std::vector<Parameter>& parameters = perceptron.network().parameters;
  parameters[0].initial = Turned(read("init_W1"), 64, 32);
  parameters[1].initial = read("init_b1");
  parameters[2].initial = Turned(read("init_W2"), 32, 10);
  parameters[3].initial = read("init_b2");
  NetworkMaker convolutions({8, 8, 1}, 1);
  convolutions.Convolution(8, 3, 3, 1, 1, 1, 1, true).MaxPool(2, 2);
  convolutions.Convolution(16, 3, 3, 1, 1, 1, 1, true).MaxPool(2, 2).Dense(10, false);
  // Small enough that training begins with outputs of about one size.
  for (Parameter& parameter : convolutions.network().parameters) {
    const float scale = parameter.name.ends_with(".bias") ? 0.f : 0.5f;
    for (float& value : parameter.initial) value *= scale;
  }
  return Write(folder + "/digits_mlp.onnx", perceptron.network()) &&
                 Write(folder + "/digits_cnn.onnx", convolutions.network())
             ? 0
             : 1;
}

}  // namespace
}  // namespace npugen::training

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("make_digits_models FOLDER INITIAL\n", stderr);
    return 2;
  }
  return npugen::training::Make(argv[1], argv[2]);
}

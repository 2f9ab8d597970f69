// SPDX-License-Identifier: Apache-2.0
// Writes the released FracBNN as a packed-bit network, and its images:
//     fracbnn_network FOLDER
// makes FOLDER/fracbnn.json, FOLDER/fracbnn.bin, and FOLDER/NAME.bin for each image.
#include <cstdio>
#include <fstream>

#include "tests/support/fracbnn.h"

namespace npugen::testing {
namespace {

bool Write(const std::string& path, const std::vector<uint8_t>& bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  return file.good();
}

int Run(const std::string& target) {
  const std::string folder = FracBnnFolder();
  if (folder.empty()) {
    std::fprintf(stderr, "%s\n", kNoFracBnn);
    return 1;
  }
  const PackedNetwork network = MakeFracBnn(folder);
  const std::string text = network.json.dump(1);
  bool good = Write(target + "/fracbnn.json", {text.begin(), text.end()}) &&
              Write(target + "/fracbnn.bin", network.weights);
  for (const FracBnnCase& one : FracBnnCases(folder)) {
    good = good && Write(target + "/" + one.name + ".bin", one.image);
  }
  return good ? 0 : 1;
}

}  // namespace
}  // namespace npugen::testing

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: fracbnn_network FOLDER\n");
    return 1;
  }
  return npugen::testing::Run(argv[1]);
}

// SPDX-License-Identifier: Apache-2.0
// Locating and reading test data.
#include "tests/support/files.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace npugen::testing {

std::string SourcePath(const std::string& relative) {
  return std::string(NPUGEN_SOURCE_DIR) + "/" + relative;
}

namespace {

/// The first of the folders that has the file `relative`.
std::string FolderWith(const std::string& relative) {
  const char* given = std::getenv("NPUGEN_SHARED_MODELS");
  if (given != nullptr && !std::filesystem::is_directory(given)) {
    std::fprintf(stderr, "NPUGEN_SHARED_MODELS: %s is no folder\n", given);
    std::exit(1);
  }
  for (const std::string& folder :
       {given != nullptr ? std::string(given) : SourcePath("../shared/models"),
        SourcePath("tests/data/reference")}) {
    if (std::filesystem::is_regular_file(folder + "/" + relative)) return folder;
  }
  return "";
}

}  // namespace

std::string ReferenceFolder(const std::string& name) { return FolderWith(name + "/index.json"); }

std::string NetworkFile(const std::string& name) {
  const std::string file = name + "/model.tflite";
  const std::string folder = FolderWith(file);
  return folder.empty() ? folder : folder + "/" + file;
}

std::vector<uint8_t> ReadBytes(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) {
    std::fprintf(stderr, "cannot read %s\n", path.c_str());
    std::abort();
  }
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

std::vector<uint8_t> DigitLevels(size_t images) {
  std::vector<uint8_t> levels = ReadBytes(SourcePath("models/digits/input.bin"));
  levels.resize(64 * images);
  for (uint8_t& byte : levels) byte = static_cast<uint8_t>((static_cast<int8_t>(byte) + 128) / 15);
  return levels;
}

}  // namespace npugen::testing

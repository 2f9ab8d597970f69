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

std::string SharedModelsFolder() {
  const char* given = std::getenv("NPUGEN_SHARED_MODELS");
  const std::string folder = given != nullptr ? given : SourcePath("../shared/models");
  return std::filesystem::is_directory(folder) ? folder : "";
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

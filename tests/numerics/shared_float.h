// SPDX-License-Identifier: Apache-2.0
// Files of the shared reference data of floating point: NPUGEN_SHARED_FLOAT, or ../shared/float
// beside the clone.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "sw/numerics/float_format.h"
#include "tests/support/files.h"

namespace npugen::numerics {

/// The elements of a file.
template <typename Element>
std::vector<Element> ReadElements(const std::string& path) {
  const std::vector<uint8_t> bytes = npugen::testing::ReadBytes(path);
  EXPECT_EQ(bytes.size() % sizeof(Element), 0u) << path;
  std::vector<Element> elements(bytes.size() / sizeof(Element));
  if (!elements.empty()) std::memcpy(elements.data(), bytes.data(), bytes.size());
  return elements;
}

/// The folder of the data; empty if there is none, and kNoSharedFloat is what a test then says.
inline std::string SharedFloatFolder() {
  const char* given = std::getenv("NPUGEN_SHARED_FLOAT");
  const std::string folder =
      given != nullptr ? given : npugen::testing::SourcePath("../shared/float");
  return std::filesystem::exists(folder + "/index.json") ? folder : std::string();
}
inline constexpr const char* kNoSharedFloat =
    "the reference data of floating point are not part of the project: NPUGEN_SHARED_FLOAT names "
    "the folder that has them";

/// A test that is skipped where there are no such data.
class SharedFloat : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = SharedFloatFolder();
    if (folder_.empty()) GTEST_SKIP() << kNoSharedFloat;
  }

  /// The elements of NAME.bin.
  template <typename Element>
  std::vector<Element> Read(const std::string& name) const {
    return ReadElements<Element>(folder_ + "/" + name + ".bin");
  }
  std::vector<Fp32> ReadFp32(const std::string& name) const { return Read<Fp32>(name); }
  /// Codes of a format, widened.
  std::vector<uint16_t> ReadCodes(const std::string& name, const FloatFormat& format) const {
    if (format.bits() == 16) return Read<uint16_t>(name);
    const std::vector<uint8_t> bytes = Read<uint8_t>(name);
    return {bytes.begin(), bytes.end()};
  }

  std::string folder_;
};

}  // namespace npugen::numerics

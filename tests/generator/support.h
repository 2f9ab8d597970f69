// SPDX-License-Identifier: Apache-2.0
// What the generator's tests share: places in the source tree, files, temporary folders, other
// programs.
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace npugen::testing {

inline const std::filesystem::path kSourceDir = NPUGEN_SOURCE_DIR;

inline std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

inline void WriteFile(const std::filesystem::path& path, const std::string& text) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

/// A folder that goes away with the object.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = ::testing::TempDir() + "npugen_XXXXXX";
    path_ = mkdtemp(name.data());
  }
  ~TemporaryFolder() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// What a program printed, and its exit status.
struct ProgramResult {
  int status = -1;
  std::string out;
  std::string err;
};

/// Runs a shell command.
inline ProgramResult RunShell(const std::string& command) {
  const TemporaryFolder folder;
  const std::string out = folder.path() / "out";
  const std::string err = folder.path() / "err";
  const int status =
      std::system(("(" + command + ") >" + out + " 2>" + err + " </dev/null").c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, ReadFile(out), ReadFile(err)};
}

/// Whether golden files are to be written instead of compared.
inline bool UpdatesGolden() { return std::getenv("NPUGEN_UPDATE_GOLDEN") != nullptr; }

/// Compares with a checked-in file, or updates it.
inline void ExpectGolden(const std::filesystem::path& path, const std::string& text) {
  if (UpdatesGolden()) {
    WriteFile(path, text);
    return;
  }
  EXPECT_EQ(ReadFile(path), text) << path << " differs; `make golden` updates it";
}

/// The format rules of emitted text: 100 columns, no tabs, no trailing blanks, single blank lines,
/// a newline at the end.
inline void ExpectTidy(const std::string& name, const std::string& text) {
  EXPECT_TRUE(text.ends_with('\n')) << name;
  EXPECT_FALSE(text.ends_with("\n\n")) << name;
  if (!name.ends_with(".dts")) {
    EXPECT_EQ(text.find('\t'), std::string::npos) << name;
  }
  EXPECT_EQ(text.find("\n\n\n"), std::string::npos) << name << ": two blank lines in a row";
  EXPECT_EQ(text.find(" \n"), std::string::npos) << name << ": trailing blank";
  for (size_t at = 0; at < text.size();) {
    const size_t end = text.find('\n', at);
    EXPECT_LE(end - at, 100u) << name << ": " << text.substr(at, end - at);
    at = end + 1;
  }
}

}  // namespace npugen::testing

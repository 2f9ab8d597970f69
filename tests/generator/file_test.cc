// SPDX-License-Identifier: Apache-2.0
// Reads that are bounded, and writes that replace a file whole or not at all.
#include "generator/support/file.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "tests/generator/support.h"

namespace npugen {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

class FileTest : public ::testing::Test {
 protected:
  std::string Path(const std::string& name) const { return (folder_.path() / name).string(); }
  /// Names of all that is in the folder, hidden ones included.
  size_t Entries() const {
    return static_cast<size_t>(
        std::distance(fs::directory_iterator(folder_.path()), fs::directory_iterator()));
  }
  testing::TemporaryFolder folder_;
};

template <typename T>
std::string Message(const Result<T>& result) {
  return result.ok() ? "no error" : result.errors().front().message;
}

TEST_F(FileTest, ReadsNoMoreThanItsBound) {
  testing::WriteFile(Path("file"), std::string(100, 'x'));
  EXPECT_EQ(ReadFileText(Path("file"), 100)->size(), 100u);
  EXPECT_EQ(ReadFileText(Path("file"), 99)->size(), 100u) << "one byte more than the bound";
  EXPECT_EQ(ReadFileText(Path("file"), 10)->size(), 11u);
  EXPECT_EQ(ReadFileText(Path("file"), 0)->size(), 1u);
  testing::WriteFile(Path("large"), std::string(1 << 20, 'y'));
  EXPECT_EQ(*ReadFileText(Path("large"), UINT64_MAX), std::string(1 << 20, 'y'));
  EXPECT_GT(ReadFileText("/proc/self/status", 1 << 20)->size(), 100u) << "a size is no promise";
}

TEST_F(FileTest, ReadsFilesAndPipesOnly) {
  for (const std::string& path : {std::string("/dev/zero"), std::string("/dev/null"), Path("")}) {
    const Result<std::string> text = ReadFileText(path, 10);
    ASSERT_FALSE(text.ok()) << path;
    EXPECT_EQ(text.errors().front().code, DiagnosticCode::kFileRead);
  }
  EXPECT_NE(Message(ReadFileText(Path(""), 1)).find("folder"), std::string::npos);
  EXPECT_NE(Message(ReadFileText("/dev/zero", 1)).find("device"), std::string::npos);
  EXPECT_NE(Message(ReadFileText(Path("none"), 1)).find("No such file"), std::string::npos);
}

TEST_F(FileTest, PipesEndInTime) {
  ASSERT_EQ(mkfifo(Path("pipe").c_str(), 0600), 0);
  const Result<std::string> silent = ReadFileText(Path("pipe"), 10, milliseconds(50));
  ASSERT_FALSE(silent.ok());
  EXPECT_NE(Message(silent).find("nothing came through the pipe"), std::string::npos);
  // Nobody reads what exceeds the bound; the writer then gets SIGPIPE.
  std::thread writer([this] { testing::RunShell("yes > " + Path("pipe")); });
  const Result<std::string> endless = ReadFileText(Path("pipe"), 1000);
  writer.join();
  ASSERT_TRUE(endless.ok()) << Message(endless);
  EXPECT_EQ(endless->size(), 1001u);
  std::thread slow([this] { testing::RunShell("sleep 0.1; echo -n late > " + Path("pipe")); });
  const Result<std::string> late = ReadFileText(Path("pipe"), 1000);
  slow.join();
  ASSERT_TRUE(late.ok()) << Message(late);
  EXPECT_EQ(*late, "late");
}

TEST_F(FileTest, WritesWhole) {
  ASSERT_TRUE(npugen::WriteFile(Path("new"), "text").ok());
  EXPECT_EQ(testing::ReadFile(Path("new")), "text");
  chmod(Path("new").c_str(), 0640);
  fs::create_symlink("new", Path("link"));
  fs::create_symlink("later", Path("dangling"));
  ASSERT_TRUE(npugen::WriteFile(Path("link"), "other").ok());
  ASSERT_TRUE(npugen::WriteFile(Path("dangling"), "third").ok());
  EXPECT_EQ(testing::ReadFile(Path("new")), "other");
  EXPECT_EQ(testing::ReadFile(Path("later")), "third");
  EXPECT_TRUE(fs::is_symlink(Path("link")));
  EXPECT_EQ(fs::status(Path("new")).permissions(), fs::perms(0640)) << "they stay";
  EXPECT_EQ(Entries(), 4u) << "nothing temporary is left";
  ASSERT_TRUE(npugen::WriteFile("/dev/null", "away").ok());
  EXPECT_TRUE(fs::is_character_file("/dev/null")) << "a device is not replaced";
}

TEST_F(FileTest, FailedWritesLeaveTheOldFile) {
  testing::WriteFile(Path("old"), "old");
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before = {};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit small = {1000, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  const Status status = npugen::WriteFile(Path("old"), std::string(2000, 'n'));
  // With several files none is touched when one fails.
  const std::string large(2000, 'n');
  const OutputFile files[] = {{Path("old"), "new"}, {Path("other"), large}};
  const Status several = WriteFiles(files);
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, SIG_DFL);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.errors().front().code, DiagnosticCode::kFileWrite);
  EXPECT_NE(Message(status).find("File too large"), std::string::npos) << Message(status);
  ASSERT_FALSE(several.ok());
  EXPECT_EQ(several.errors().front().location.file, Path("other"));
  EXPECT_EQ(testing::ReadFile(Path("old")), "old");
  EXPECT_EQ(Entries(), 1u) << "nothing temporary is left";
}

TEST_F(FileTest, ReasonsAreTheSystems) {
  EXPECT_NE(Message(npugen::WriteFile("/dev/full", "x")).find("No space left"), std::string::npos);
  EXPECT_NE(Message(npugen::WriteFile(Path("no/file"), "x")).find("No such file"),
            std::string::npos);
  EXPECT_NE(Message(npugen::WriteFile("/proc/version", "x")).find("it cannot be written: "),
            std::string::npos);
  EXPECT_NE(Message(npugen::WriteFile(Path(""), "x")).find("Is a directory"), std::string::npos);
  ASSERT_EQ(mkfifo(Path("pipe").c_str(), 0600), 0);
  EXPECT_FALSE(npugen::WriteFile(Path("pipe"), "x").ok()) << "nobody reads it";
  const OutputFile twice[] = {{Path("a"), "1"}, {Path("a"), "2"}};
  EXPECT_NE(Message(WriteFiles(twice)).find("two outputs"), std::string::npos);
  EXPECT_FALSE(fs::exists(Path("a")));
}

}  // namespace
}  // namespace npugen

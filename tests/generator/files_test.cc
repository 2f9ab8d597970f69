// SPDX-License-Identifier: Apache-2.0
// Writing a folder: all files or none, and no foreign file is touched.
#include "generator/emit/files.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "generator/support/text.h"
#include "tests/generator/support.h"

namespace npugen {
namespace {

namespace fs = std::filesystem;
using testing::ReadFile;
using testing::WriteFile;

/// A file set with a manifest, as Emit() makes it.
FileSet Files(std::map<std::string, std::string> files) {
  std::string list;
  for (const auto& [path, text] : files) {
    list += fmt::format("{}{{\"path\": \"{}\", \"fnv1a64\": \"{:016x}\"}}",
                        list.empty() ? "" : ", ", path, Fnv1a64(text));
  }
  files["manifest.json"] = fmt::format("{{\"generator\": \"npugen\", \"files\": [{}]}}", list);
  return files;
}

/// Names in a folder, sorted.
std::string List(const fs::path& folder) {
  std::set<std::string> names;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_directory()) names.insert(fs::relative(entry.path(), folder).string());
  }
  return fmt::format("{}", fmt::join(names, " "));
}

class WriteFolderTest : public ::testing::Test {
 protected:
  Status Write(const FileSet& files, bool force = false) {
    return WriteFolder(files, out_.string(), force);
  }
  void ExpectRefused(const FileSet& files) {
    const std::string before = fs::exists(folder_.path()) ? List(folder_.path()) : "";
    const Status status = Write(files);
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.errors().front().code, DiagnosticCode::kFileWrite);
    EXPECT_EQ(List(folder_.path()), before) << "something was written";
  }

  testing::TemporaryFolder folder_;
  fs::path out_ = folder_.path() / "out";
};

TEST_F(WriteFolderTest, NewFolderWithParents) {
  out_ = folder_.path() / "a/b/out";
  ASSERT_TRUE(Write(Files({{"rtl/x.sv", "x"}, {"y", "y"}})).ok());
  EXPECT_EQ(List(folder_.path()), "a/b/out/manifest.json a/b/out/rtl/x.sv a/b/out/y");
  EXPECT_EQ(ReadFile(out_ / "rtl/x.sv"), "x");
  EXPECT_EQ(fs::status(out_).permissions() & fs::perms::others_read, fs::perms::others_read);
}

TEST_F(WriteFolderTest, EmptyFolderAndTrailingSlash) {
  fs::create_directories(out_);
  ASSERT_TRUE(WriteFolder(Files({{"x", "x"}}), out_.string() + "/", false).ok());
  EXPECT_EQ(List(folder_.path()), "out/manifest.json out/x");
}

TEST_F(WriteFolderTest, EarlierEmissionIsReplacedAndOtherFilesStay) {
  ASSERT_TRUE(Write(Files({{"rtl/old.sv", "1"}, {"gone/only.sv", "1"}, {"same", "1"}})).ok());
  WriteFile(out_ / "obj_dir/deep/model.o", "object");
  WriteFile(out_ / "rtl/mine.sv", "mine");
  ASSERT_TRUE(Write(Files({{"rtl/new.sv", "2"}, {"same", "2"}})).ok());
  EXPECT_EQ(List(folder_.path()),
            "out/manifest.json out/obj_dir/deep/model.o out/rtl/mine.sv out/rtl/new.sv out/same");
  EXPECT_EQ(ReadFile(out_ / "same"), "2");
}

TEST_F(WriteFolderTest, EditedFilesAreKeptUnlessForced) {
  ASSERT_TRUE(Write(Files({{"x", "1"}})).ok());
  WriteFile(out_ / "x", "edited");
  ExpectRefused(Files({{"x", "2"}}));
  EXPECT_EQ(ReadFile(out_ / "x"), "edited");
  ASSERT_TRUE(Write(Files({{"x", "2"}}), true).ok());
  EXPECT_EQ(ReadFile(out_ / "x"), "2");
}

TEST_F(WriteFolderTest, NewFileDoesNotHideAForeignOne) {
  ASSERT_TRUE(Write(Files({{"x", "1"}})).ok());
  WriteFile(out_ / "y", "mine");
  ExpectRefused(Files({{"x", "1"}, {"y", "2"}}));
  EXPECT_EQ(ReadFile(out_ / "y"), "mine");
}

TEST_F(WriteFolderTest, ForeignContentIsRefused) {
  WriteFile(out_ / "precious", "x");
  ExpectRefused(Files({{"x", "x"}}));
  for (const std::string_view manifest :
       {"", "{", "[]", "{\"generator\": \"other\"}", "{\"generator\": \"npugen\"}",
        "{\"generator\": \"npugen\", \"files\": [1]}",
        "{\"generator\": \"npugen\", \"files\": [{\"path\": 1}]}", "{\"generator\": 7}"}) {
    WriteFile(out_ / "manifest.json", std::string(manifest));
    ExpectRefused(Files({{"x", "x"}}));
  }
}

TEST_F(WriteFolderTest, FileInTheWay) {
  WriteFile(out_, "a file");
  ExpectRefused(Files({{"x", "x"}}));
  out_ = out_ / "below";
  ExpectRefused(Files({{"x", "x"}}));
}

TEST_F(WriteFolderTest, NoFolder) {
  EXPECT_FALSE(WriteFolder(Files({{"x", "x"}}), "", false).ok());
}

// In /proc even root can make nothing.
TEST_F(WriteFolderTest, PlacesWhereNothingCanBeWritten) {
  for (const char* path : {"/proc/npugen/out", "/proc/npugen", "/proc/self/out"}) {
    out_ = path;
    const Status status = Write(Files({{"x", "x"}}));
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.errors().front().code, DiagnosticCode::kFileWrite);
    EXPECT_NE(status.errors().front().message.find(": "), std::string::npos) << "no reason";
  }
}

TEST_F(WriteFolderTest, PipesInTheFolderDoNotBlock) {
  ASSERT_TRUE(Write(Files({{"x", "x"}})).ok());
  fs::remove(out_ / "x");
  ASSERT_EQ(mkfifo((out_ / "x").c_str(), 0600), 0);
  EXPECT_FALSE(Write(Files({{"x", "x"}})).ok());
  fs::remove(out_ / "manifest.json");
  ASSERT_EQ(mkfifo((out_ / "manifest.json").c_str(), 0600), 0);
  EXPECT_FALSE(Write(Files({{"x", "x"}})).ok());
}

}  // namespace
}  // namespace npugen

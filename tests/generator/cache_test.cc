// SPDX-License-Identifier: Apache-2.0
// The cache takes nothing that others could have written, and gives what was stored.
#include "generator/support/cache.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "generator/support/file.h"
#include "generator/support/sha256.h"
#include "tests/generator/support.h"

namespace npugen {
namespace {

namespace fs = std::filesystem;

TEST(Sha256, OfTheStandard) {
  EXPECT_EQ(Sha256(std::string_view("abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(Sha256(std::string_view()),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

class CacheTest : public ::testing::Test {
 protected:
  /// The code of the error of opening the cache; kInternal without one.
  DiagnosticCode OpenError(const fs::path& path) const {
    const Result<Cache> cache = Cache::Open(path.string());
    return cache.ok() ? DiagnosticCode::kInternal : cache.errors().front().code;
  }
  /// Stores `text` as entry kind/key and gives the path of the file.
  fs::path Store(const std::string& text) {
    const Result<Cache> cache = Cache::Open(folder());
    EXPECT_TRUE(cache.ok());
    const Result<TemporaryFolder> work = cache->Work();
    EXPECT_TRUE(work.ok());
    const fs::path entry = fs::path(work->path()) / "entry";
    fs::create_directory(entry);
    testing::WriteFile(entry / "file", text);
    const Result<std::string> stored = cache->Store("kind", "key", entry.string());
    EXPECT_TRUE(stored.ok());
    return fs::path(*stored) / "file";
  }
  /// The code of the error of finding the entry; kInternal without one.
  DiagnosticCode FindError() {
    const Result<Cache> cache = Cache::Open(folder());
    EXPECT_TRUE(cache.ok());
    const auto found = cache->Find("kind", "key");
    return found.ok() ? DiagnosticCode::kInternal : found.errors().front().code;
  }
  std::string folder() const { return (parent_.path() / "cache").string(); }
  testing::TemporaryFolder parent_;
};

TEST_F(CacheTest, FoldersAreTheUsersAlone) {
  const mode_t mask = umask(0);
  EXPECT_EQ(OpenError(folder()), DiagnosticCode::kInternal);
  umask(mask);
  EXPECT_EQ(fs::status(folder()).permissions(), fs::perms(0700)) << "whatever the umask";
  chmod(folder().c_str(), 0755);
  EXPECT_EQ(OpenError(folder()), DiagnosticCode::kInternal);
  EXPECT_EQ(fs::status(folder()).permissions(), fs::perms(0700));
  for (const mode_t mode : {0770, 0707, 0777, 0722}) {
    chmod(folder().c_str(), mode);
    EXPECT_EQ(OpenError(folder()), DiagnosticCode::kCacheUnsafe) << mode;
  }
  chmod(folder().c_str(), 0700);
  fs::create_directory_symlink(folder(), parent_.path() / "link");
  EXPECT_EQ(OpenError(parent_.path() / "link"), DiagnosticCode::kCacheUnsafe);
  EXPECT_EQ(OpenError(parent_.path() / "link/"), DiagnosticCode::kCacheUnsafe);
  testing::WriteFile(parent_.path() / "file", "");
  EXPECT_EQ(OpenError(parent_.path() / "file"), DiagnosticCode::kFileWrite);
  EXPECT_EQ(OpenError("/proc/npugen"), DiagnosticCode::kFileWrite);
  chmod(parent_.path().c_str(), 0777);
  EXPECT_EQ(OpenError(folder()), DiagnosticCode::kCacheUnsafe) << "anybody may rename it";
  chmod(parent_.path().c_str(), 01777);
  EXPECT_EQ(OpenError(folder()), DiagnosticCode::kInternal) << "as /tmp";
}

TEST_F(CacheTest, FoldersOfOthersAreRefused) {
  // Root can give a folder away; for others, those of root are foreign.
  std::string foreign = "/proc/self";
  if (geteuid() == 0) {
    fs::create_directory(folder());
    ASSERT_EQ(chown(folder().c_str(), 12345, 12345), 0);
    foreign = folder();
  } else {
    foreign = "/usr";
  }
  EXPECT_EQ(OpenError(foreign), DiagnosticCode::kCacheUnsafe);
}

TEST_F(CacheTest, GivesWhatWasStored) {
  const fs::path file = Store("text");
  EXPECT_EQ(FindError(), DiagnosticCode::kInternal);
  EXPECT_TRUE(CheckCachedFile(file.string()).ok());
  EXPECT_EQ(
      testing::RunShell("cd " + file.parent_path().string() + " && sha256sum -c SHA256SUMS").status,
      0);
  EXPECT_EQ(Store("other"), file) << "the first one stays";
  EXPECT_EQ(testing::ReadFile(file), "text");
  for (const char* text : {"", "texT", "text and more"}) {
    testing::WriteFile(file, text);
    EXPECT_EQ(FindError(), DiagnosticCode::kCacheDamaged) << text;
    EXPECT_FALSE(CheckCachedFile(file.string()).ok());
  }
  fs::remove(file);
  EXPECT_EQ(FindError(), DiagnosticCode::kCacheDamaged);
  testing::WriteFile(parent_.path() / "elsewhere", "text");
  fs::create_symlink(parent_.path() / "elsewhere", file);
  EXPECT_EQ(FindError(), DiagnosticCode::kCacheUnsafe);
  fs::remove(file);
  testing::WriteFile(file, "text");
  EXPECT_EQ(FindError(), DiagnosticCode::kInternal);
  chmod(file.c_str(), 0666);
  EXPECT_EQ(FindError(), DiagnosticCode::kCacheUnsafe);
  chmod(file.c_str(), 0600);
  fs::remove(file.parent_path() / "SHA256SUMS");
  EXPECT_EQ(FindError(), DiagnosticCode::kCacheDamaged);
  chmod(file.parent_path().c_str(), 0777);
  EXPECT_EQ(FindError(), DiagnosticCode::kCacheUnsafe);
  fs::remove_all(file.parent_path());
  EXPECT_EQ(FindError(), DiagnosticCode::kInternal) << "there is none";
}

TEST_F(CacheTest, WhatIsNotUsedForLongestMakesRoom) {
  const Result<Cache> cache = Cache::Open(folder(), 2500);
  ASSERT_TRUE(cache.ok());
  const auto store = [&](const std::string& key) {
    const Result<TemporaryFolder> work = cache->Work();
    ASSERT_TRUE(work.ok());
    testing::WriteFile(fs::path(work->path()) / "file", std::string(1000, 'x'));
    ASSERT_TRUE(cache->Store("kind", key, work->path()).ok());
  };
  const auto has = [&](const std::string& key) {
    const Result<std::optional<std::string>> found = cache->Find("kind", key);
    return found.ok() && found->has_value();
  };
  const auto store_large = [&](const std::string& key) {
    const Result<TemporaryFolder> work = cache->Work();
    ASSERT_TRUE(work.ok());
    testing::WriteFile(fs::path(work->path()) / "file", std::string(5000, 'x'));
    ASSERT_TRUE(cache->Store("large", key, work->path()).ok());
    EXPECT_TRUE(cache->Find("large", key)->has_value()) << "the one that was just stored stays";
  };
  store_large("x");
  store_large("y");
  EXPECT_FALSE(cache->Find("large", "x")->has_value());
  store("a");
  store("b");
  const auto now = fs::file_time_type::clock::now();
  fs::last_write_time(fs::path(folder()) / "kind/a", now - std::chrono::hours(2));
  fs::last_write_time(fs::path(folder()) / "kind/b", now - std::chrono::hours(1));
  EXPECT_TRUE(has("a")) << "and now it is the younger one";
  store("c");
  EXPECT_TRUE(has("a"));
  EXPECT_FALSE(has("b"));
  EXPECT_TRUE(has("c"));
}

TEST_F(CacheTest, WhatKilledProcessesLeftIsRemoved) {
  const Result<Cache> cache = Cache::Open(folder());
  ASSERT_TRUE(cache.ok());
  const Result<TemporaryFolder> busy = cache->Work();
  ASSERT_TRUE(busy.ok());
  const fs::path stale = fs::path(folder()) / "tmp/build.stale";
  for (const fs::path& path : {stale, fs::path(busy->path())}) {
    fs::create_directories(path / "below");
    fs::last_write_time(path, fs::file_time_type::clock::now() - std::chrono::hours(1));
  }
  const Result<TemporaryFolder> next = cache->Work();
  EXPECT_FALSE(fs::exists(stale));
  EXPECT_TRUE(fs::exists(busy->path())) << "its process lives";
}

}  // namespace
}  // namespace npugen

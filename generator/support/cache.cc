// SPDX-License-Identifier: Apache-2.0
// Folders are checked by their descriptors, files by the digests beside them.
#include "generator/support/cache.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <sstream>
#include <utility>
#include <vector>

#include "generator/support/file.h"
#include "generator/support/sha256.h"

namespace npugen {
namespace {

namespace fs = std::filesystem;

constexpr const char* kWorkName = "tmp";
constexpr const char* kWorkPrefix = "build";
constexpr const char* kOtherFolder = "choose another cache folder with --cache or NPUGEN_CACHE";
constexpr uint64_t kLargestFile = uint64_t{1} << 30;
/// Of one kind of entries: some thousand models of small NPUs.
constexpr uint64_t kMostBytes = uint64_t{4} << 30;
constexpr mode_t kWritableByOthers = S_IWGRP | S_IWOTH;

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

Diagnostic Unsafe(const std::string& path, std::string why) {
  return {DiagnosticCode::kCacheUnsafe,
          {path, 0, 0},
          std::move(why),
          fmt::format("code is only taken from what no other user can write; remove it, or {}",
                      kOtherFolder)};
}

Diagnostic Damaged(const std::string& path, std::string why) {
  return {DiagnosticCode::kCacheDamaged,
          {path, 0, 0},
          std::move(why),
          fmt::format("remove {}, and it is made anew", fs::path(path).parent_path().string())};
}

/// Nothing when a file or folder with these properties can be trusted, else why not.
std::string Distrust(const struct stat& info) {
  if (info.st_uid != geteuid()) {
    return fmt::format("it belongs to the user with number {}, not to you ({})", info.st_uid,
                       geteuid());
  }
  if ((info.st_mode & kWritableByOthers) != 0) {
    return fmt::format("other users may write it (mode {:03o})", info.st_mode & 0777);
  }
  return "";
}

/// Checks a folder that exists, and takes others' rights to read it.
Status CheckFolder(const std::string& path) {
  const FileDescriptor folder(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat info = {};
  if (!folder.ok()) {
    const int error = errno;
    if (lstat(path.c_str(), &info) == 0 && S_ISLNK(info.st_mode)) {
      return Unsafe(path, "it is a symbolic link");
    }
    return SystemError(DiagnosticCode::kFileWrite, path, "opened", error, kOtherFolder);
  }
  if (fstat(folder.number(), &info) != 0) {
    return SystemError(DiagnosticCode::kFileWrite, path, "opened", errno, kOtherFolder);
  }
  if (std::string why = Distrust(info); !why.empty()) return Unsafe(path, std::move(why));
  if ((info.st_mode & 0777) != 0700 && fchmod(folder.number(), 0700) != 0) {
    return SystemError(DiagnosticCode::kFileWrite, path, "made private", errno, kOtherFolder);
  }
  return Unit{};
}

/// Makes the folder, and those above it that are missing, for this user only.
Status MakeFolder(const fs::path& path) {
  std::error_code error;
  const fs::path parent = path.parent_path();
  if (!parent.empty() && parent != path && !fs::exists(parent, error)) {
    if (Status status = MakeFolder(parent); !status) return status;
  }
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    return SystemError(DiagnosticCode::kFileWrite, path.string(), "made", errno, kOtherFolder);
  }
  return Unit{};
}

/// The contents of a file that only this user can have written.
Result<std::string> ReadTrusted(const fs::path& path) {
  struct stat info = {};
  if (lstat(path.c_str(), &info) != 0) {
    return Damaged(path.string(), fmt::format("it cannot be read: {}", std::strerror(errno)));
  }
  if (S_ISLNK(info.st_mode)) return Unsafe(path.string(), "it is a symbolic link");
  if (std::string why = Distrust(info); !why.empty()) return Unsafe(path.string(), std::move(why));
  if (!S_ISREG(info.st_mode)) return Damaged(path.string(), "it is no file");
  Result<std::string> text = ReadFileText(path.string(), kLargestFile);
  if (!text) return Damaged(path.string(), text.errors().front().message);
  return text;
}

/// Checks one file of an entry, or all of them when `only` is empty.
Status CheckDigests(const fs::path& entry, const std::string& only) {
  const Result<std::string> list = ReadTrusted(entry / kDigestsName);
  if (!list) return list.errors();
  std::istringstream lines(*list);
  bool found = false;
  for (std::string digest, name; lines >> digest >> name;) {
    if (!only.empty() && name != only) continue;
    found = true;
    const fs::path path = entry / name;
    const Result<std::string> text = ReadTrusted(path);
    if (!text) return text.errors();
    if (Sha256(*text) != digest) {
      return Damaged(path.string(), "it is not what npugen stored: its SHA-256 is another");
    }
  }
  if (!found) return Damaged((entry / kDigestsName).string(), "it does not list what was stored");
  return Unit{};
}

/// Removes the entries of the folder `kind` that were not used for longest, until those that stay
/// have at most `most_bytes`; `keep` stays in any case. An entry's own time is when it was last
/// found. What cannot be read or removed stays.
void RemoveUnused(const fs::path& kind, const fs::path& keep, uint64_t most_bytes) {
  struct Entry {
    fs::file_time_type used;
    uint64_t bytes = 0;
    fs::path path;
  };
  std::vector<Entry> entries;
  uint64_t bytes = 0;
  std::error_code list_error;
  for (fs::directory_iterator at(kind, list_error), end; !list_error && at != end;
       at.increment(list_error)) {
    Entry entry;
    std::error_code error;
    entry.path = at->path();
    entry.used = fs::last_write_time(entry.path, error);
    for (fs::directory_iterator file(entry.path, error); !error && file != end;
         file.increment(error)) {
      std::error_code no_size;
      const uint64_t size = file->file_size(no_size);
      if (!no_size) entry.bytes += size;
    }
    bytes += entry.bytes;
    if (entry.path != keep) entries.push_back(std::move(entry));
  }
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return a.used < b.used; });
  for (const Entry& entry : entries) {
    if (bytes <= most_bytes) return;
    std::error_code error;
    fs::remove_all(entry.path, error);
    if (!error) bytes -= entry.bytes;
  }
}

/// Brings a file to the disk.
Status SyncFile(const std::string& path) {
  const FileDescriptor file(open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (file.ok() && fsync(file.number()) == 0) return Unit{};
  return SystemError(DiagnosticCode::kFileWrite, path, "brought to the disk", errno, kOtherFolder);
}

}  // namespace

std::string DefaultCacheFolder() {
  if (std::string folder = Environment("NPUGEN_CACHE"); !folder.empty()) return folder;
  if (std::string folder = Environment("XDG_CACHE_HOME"); !folder.empty()) {
    return folder + "/npugen";
  }
  if (std::string folder = Environment("HOME"); !folder.empty()) return folder + "/.cache/npugen";
  std::error_code error;
  fs::path temporary = fs::temp_directory_path(error);
  if (error) temporary = "/tmp";
  return (temporary / fmt::format("npugen-{}", getuid())).string();
}

Result<Cache> Cache::Open(const std::string& folder, uint64_t most_bytes) {
  std::error_code error;
  fs::path path = fs::absolute(folder.empty() ? DefaultCacheFolder() : folder, error);
  path = path.lexically_normal();
  // A slash at the end would follow a link.
  if (path.filename().empty()) path = path.parent_path();
  if (Status made = MakeFolder(path); !made) return made.errors();
  // Whoever can rename in the folder above can put another in the place of this one.
  struct stat above = {};
  if (stat(path.parent_path().c_str(), &above) == 0 && (above.st_mode & S_IWOTH) != 0 &&
      (above.st_mode & S_ISVTX) == 0) {
    return Unsafe(path.parent_path().string(),
                  "everybody may rename in it, so no cache in it is safe");
  }
  if (Status safe = CheckFolder(path.string()); !safe) return safe.errors();
  return Cache(path.string(), most_bytes == 0 ? kMostBytes : most_bytes);
}

Result<std::string> Cache::Folder(const std::string& name) const {
  const fs::path path = fs::path(folder_) / name;
  if (Status made = MakeFolder(path); !made) return made.errors();
  if (Status safe = CheckFolder(path.string()); !safe) return safe.errors();
  return path.string();
}

Result<TemporaryFolder> Cache::Work() const {
  const Result<std::string> parent = Folder(kWorkName);
  if (!parent) return parent.errors();
  TemporaryFolder::RemoveStale(*parent, kWorkPrefix);
  return TemporaryFolder::Make(*parent, kWorkPrefix);
}

Result<std::optional<std::string>> Cache::Find(const std::string& kind,
                                               const std::string& key) const {
  const Result<std::string> parent = Folder(kind);
  if (!parent) return parent.errors();
  const fs::path entry = fs::path(*parent) / key;
  struct stat info = {};
  if (lstat(entry.c_str(), &info) != 0) return std::optional<std::string>();
  if (Status safe = CheckFolder(entry.string()); !safe) return safe.errors();
  if (Status same = CheckDigests(entry, ""); !same) return same.errors();
  std::error_code error;
  fs::last_write_time(entry, fs::file_time_type::clock::now(), error);
  return std::optional(entry.string());
}

Result<std::string> Cache::Store(const std::string& kind, const std::string& key,
                                 const std::string& folder) const {
  const Result<std::string> parent = Folder(kind);
  if (!parent) return parent.errors();
  std::string list;
  std::error_code error;
  for (fs::directory_iterator file(folder, error), end; !error && file != end;
       file.increment(error)) {
    fs::permissions(file->path(), fs::perms::group_write | fs::perms::others_write,
                    fs::perm_options::remove, error);
    const Result<std::string> text = ReadTrusted(file->path());
    if (!text) return text.errors();
    list += fmt::format("{}  {}\n", Sha256(*text), file->path().filename().string());
    if (Status synced = SyncFile(file->path().string()); !synced) return synced.errors();
  }
  const std::string digests = (fs::path(folder) / kDigestsName).string();
  if (Status written = WriteNewFile(digests, list); !written) return written.errors();
  fs::permissions(digests, fs::perms::owner_read | fs::perms::owner_write, error);
  if (Status synced = SyncFile(digests); !synced) return synced.errors();
  fs::permissions(folder, fs::perms::owner_all, error);
  SyncFolder(folder);
  const fs::path entry = fs::path(*parent) / key;
  if (rename(folder.c_str(), entry.c_str()) != 0) {
    if (errno != EEXIST && errno != ENOTEMPTY) {
      return SystemError(DiagnosticCode::kFileWrite, entry.string(), "written", errno,
                         kOtherFolder);
    }
    // Another process was first.
    const Result<std::optional<std::string>> found = Find(kind, key);
    if (!found) return found.errors();
    if (!found->has_value()) return Damaged(entry.string(), "it comes and goes");
    return **found;
  }
  SyncFolder(*parent);
  RemoveUnused(*parent, entry, most_bytes_);
  return entry.string();
}

Status CheckCachedFile(const std::string& path) {
  const fs::path file(path);
  if (Status safe = CheckFolder(file.parent_path().string()); !safe) return safe;
  return CheckDigests(file.parent_path(), file.filename().string());
}

}  // namespace npugen

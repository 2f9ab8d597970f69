// SPDX-License-Identifier: Apache-2.0
// Reads by open, poll and read; writes by a file beside, fsync and rename.
#include "generator/support/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <set>
#include <utility>

#include "generator/support/temporary.h"

namespace npugen {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

constexpr uint64_t kChunk = 1 << 16;

std::string ShownOutput(const std::string& path) {
  return path == kStandardStream ? "standard output" : path;
}

Diagnostic CannotRead(const std::string& path, std::string_view why, std::string hint = "") {
  return {DiagnosticCode::kFileRead,
          {InputName(path), 0, 0},
          fmt::format("it cannot be read: {}", why),
          std::move(hint)};
}

Diagnostic CannotWrite(const std::string& path, int error) {
  return SystemError(DiagnosticCode::kFileWrite, ShownOutput(path), "written", error);
}

/// What a file of `mode` is called; nothing for files and pipes.
std::string_view Unreadable(mode_t mode) {
  if (S_ISREG(mode) || S_ISFIFO(mode) || S_ISSOCK(mode)) return "";
  return S_ISDIR(mode) ? "it is a folder" : "it is a device, no file or pipe";
}

Result<FileDescriptor> OpenToRead(const std::string& path, struct stat* info) {
  if (path == kStandardStream) {
    static std::atomic<bool> taken = false;
    if (taken.exchange(true)) {
      return CannotRead(path, "it was read already", "give `-` for one file only");
    }
    FileDescriptor file(fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3));
    if (!file.ok() || fstat(file.number(), info) != 0) return CannotRead(path, strerror(errno));
    if (const std::string_view why = Unreadable(info->st_mode); !why.empty()) {
      return CannotRead(path, why);
    }
    return file;
  }
  // Some devices act when they are opened, so they are told apart before that.
  if (stat(path.c_str(), info) != 0) return CannotRead(path, strerror(errno));
  std::string_view why = Unreadable(info->st_mode);
  if (!why.empty()) return CannotRead(path, why);
  // A pipe would keep open() waiting for its other end.
  FileDescriptor file(open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!file.ok() || fstat(file.number(), info) != 0) return CannotRead(path, strerror(errno));
  why = Unreadable(info->st_mode);
  if (!why.empty()) return CannotRead(path, why);
  return file;
}

template <typename Bytes>
Result<Bytes> ReadBounded(const std::string& path, uint64_t most, milliseconds patience) {
  struct stat info = {};
  const Result<FileDescriptor> file = OpenToRead(path, &info);
  if (!file) return file.errors();
  const bool regular = S_ISREG(info.st_mode);
  if (path == kStandardStream) patience = std::max<milliseconds>(patience, kStandardInputPatience);
  const uint64_t limit = std::max(most, most + 1);
  // The size is a promise only: files grow, and those of /proc have none.
  uint64_t expected =
      regular ? std::min(static_cast<uint64_t>(std::max<off_t>(info.st_size, 0)), limit) : 0;
  Bytes bytes;
  uint64_t got = 0;
  while (got < limit) {
    if (got == bytes.size()) {
      bytes.resize(std::min(limit, got < expected ? expected : got + std::max(kChunk, got / 2)));
    }
    if (!regular) {
      pollfd wait = {file->number(), POLLIN, 0};
      const int ready = poll(&wait, 1, static_cast<int>(patience.count()));
      if (ready < 0 && errno == EINTR) continue;
      if (ready == 0) {
        return CannotRead(path, fmt::format("nothing came through the pipe for {:g} s",
                                            static_cast<double>(patience.count()) / 1000));
      }
    }
    const ssize_t count = read(file->number(), bytes.data() + got, bytes.size() - got);
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (count < 0) return CannotRead(path, strerror(errno));
    if (count == 0) break;
    got += static_cast<uint64_t>(count);
  }
  bytes.resize(got);
  return bytes;
}

/// Writes all of `bytes`; false with errno set on an error.
bool WriteAll(int file, std::string_view bytes, milliseconds patience) {
  while (!bytes.empty()) {
    const ssize_t count = write(file, bytes.data(), bytes.size());
    if (count >= 0) {
      bytes.remove_prefix(static_cast<size_t>(count));
    } else if (errno == EAGAIN) {
      pollfd wait = {file, POLLOUT, 0};
      if (poll(&wait, 1, static_cast<int>(patience.count())) == 0) {
        errno = ETIMEDOUT;
        return false;
      }
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

/// Where a link leads, though its end may be missing.
fs::path FollowLinks(fs::path path) {
  constexpr int kMostLinks = 40;
  std::error_code error;
  for (int i = 0; i < kMostLinks && fs::is_symlink(path, error); ++i) {
    const fs::path to = fs::read_symlink(path, error);
    if (error) break;
    path = to.is_absolute() ? to : path.parent_path() / to;
  }
  return path;
}

/// A file that was written beside its place.
struct StagedFile {
  std::string path;    ///< as the user gave it
  std::string target;  ///< where links lead
  TemporaryFile temporary;
};

Result<StagedFile> Stage(const OutputFile& output, const std::string& target,
                         const struct stat* old) {
  // Moving needs rights on the folder only; a file that may not be written must stay.
  if (old != nullptr && faccessat(AT_FDCWD, target.c_str(), W_OK, AT_EACCESS) != 0) {
    return CannotWrite(output.path, errno);
  }
  Result<TemporaryFile> temporary = TemporaryFile::Make(fs::path(target).parent_path());
  if (!temporary) return CannotWrite(output.path, errno);
  const int file = temporary->file();
  if (!WriteAll(file, output.bytes, kWritePatience)) return CannotWrite(output.path, errno);
  if (old != nullptr) {
    // Owners can be kept by root only, and rights after them; both are no reason to fail.
    [[maybe_unused]] const int owned = fchown(file, old->st_uid, old->st_gid);
    [[maybe_unused]] const int allowed = fchmod(file, old->st_mode & 07777);
  }
  if (fsync(file) != 0 || !temporary->Close()) return CannotWrite(output.path, errno);
  return StagedFile{output.path, target, std::move(*temporary)};
}

Status WriteDirectly(const OutputFile& output) {
  if (output.path == kStandardStream) {
    if (std::fflush(stdout) != 0 || !WriteAll(STDOUT_FILENO, output.bytes, kWritePatience)) {
      return CannotWrite(output.path, errno);
    }
    return Unit{};
  }
  FileDescriptor file(open(output.path.c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!file.ok() || !WriteAll(file.number(), output.bytes, kWritePatience) || !file.Close()) {
    return CannotWrite(output.path, errno);
  }
  return Unit{};
}

}  // namespace

std::string InputName(const std::string& path) {
  return path == kStandardStream ? "standard input" : path;
}

Diagnostic SystemError(DiagnosticCode code, const std::string& path, std::string_view doing,
                       int error, std::string hint) {
  return {code,
          {path, 0, 0},
          fmt::format("it cannot be {}: {}", doing, std::strerror(error)),
          std::move(hint)};
}

FileDescriptor::~FileDescriptor() {
  if (number_ >= 0) close(number_);
}

bool FileDescriptor::Close() { return close(std::exchange(number_, -1)) == 0; }

Result<std::vector<uint8_t>> ReadFileBytes(const std::string& path, uint64_t most,
                                           milliseconds patience) {
  return ReadBounded<std::vector<uint8_t>>(path, most, patience);
}

Result<std::string> ReadFileText(const std::string& path, uint64_t most, milliseconds patience) {
  return ReadBounded<std::string>(path, most, patience);
}

Status WriteFiles(std::span<const OutputFile> files) {
  std::set<std::string> targets;
  std::vector<StagedFile> staged;
  std::vector<const OutputFile*> direct;
  for (const OutputFile& output : files) {
    const bool stream = output.path == kStandardStream;
    const std::string target = stream ? output.path : FollowLinks(output.path).string();
    if (!targets.insert(target).second) {
      return Diagnostic{DiagnosticCode::kFileWrite,
                        {ShownOutput(output.path), 0, 0},
                        "two outputs would be written to it",
                        "give each a place of its own"};
    }
    struct stat info = {};
    const bool exists = !stream && stat(target.c_str(), &info) == 0;
    if (stream || (exists && !S_ISREG(info.st_mode))) {
      direct.push_back(&output);
      continue;
    }
    Result<StagedFile> file = Stage(output, target, exists ? &info : nullptr);
    if (!file) return file.errors();
    staged.push_back(std::move(*file));
  }
  for (const OutputFile* output : direct) {
    if (Status status = WriteDirectly(*output); !status) return status;
  }
  for (StagedFile& file : staged) {
    if (!file.temporary.MoveTo(file.target)) return CannotWrite(file.path, errno);
  }
  return Unit{};
}

Status WriteFile(const std::string& path, std::string_view bytes) {
  const OutputFile file = {path, bytes};
  return WriteFiles({&file, 1});
}

Status WriteNewFile(const std::string& path, std::string_view bytes) {
  FileDescriptor file(
      open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666));
  if (!file.ok() || !WriteAll(file.number(), bytes, kWritePatience) || !file.Close()) {
    return CannotWrite(path, errno);
  }
  return Unit{};
}

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// Files as bytes. What is read is bounded in size and time; what is written replaces a file whole
// or leaves it as it was.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "generator/support/diagnostic.h"

namespace npugen {

/// The path that stands for standard input where a file is read, for standard output where one is
/// written.
inline constexpr std::string_view kStandardStream = "-";

/// How long a read waits for a pipe through which nothing comes, and for standard input, whose
/// other end the user sees.
inline constexpr std::chrono::seconds kPipePatience{5};
inline constexpr std::chrono::seconds kStandardInputPatience{60};
/// How long a write waits for a pipe that takes nothing.
inline constexpr std::chrono::seconds kWritePatience{60};

/// What an input's path is called in messages: the path, or "standard input".
std::string InputName(const std::string& path);

/// The contents of the regular file or pipe at `path`, or of standard input (kStandardStream, once
/// in a process). No more than `most` + 1 bytes are read: a longer result than `most` says that the
/// file is too large, whatever its size. Error: kFileRead with the system's reason, for folders and
/// devices, and for a pipe that gives nothing for `patience`.
Result<std::vector<uint8_t>> ReadFileBytes(const std::string& path, uint64_t most,
                                           std::chrono::milliseconds patience = kPipePatience);
/// The same as text.
Result<std::string> ReadFileText(const std::string& path, uint64_t most,
                                 std::chrono::milliseconds patience = kPipePatience);

/// A file to be written, or standard output (kStandardStream).
struct OutputFile {
  std::string path;
  std::string_view bytes;
};

/// Writes all of `files` or, on an error, changes none that exists: each is written beside its
/// place, brought to the disk, and only then moved there. Links are followed, and permissions of a
/// replaced file stay. Devices and pipes are written directly, in front of the moves. Error:
/// kFileWrite with the system's reason.
Status WriteFiles(std::span<const OutputFile> files);
/// WriteFiles() of one file.
Status WriteFile(const std::string& path, std::string_view bytes);

/// Writes `bytes` as the file `path`, which is new or nobody else's; no error leaves it half
/// written unseen, but it is not brought to the disk. For files in folders that are moved whole.
Status WriteNewFile(const std::string& path, std::string_view bytes);

/// The bytes of a vector as WriteFile() takes them.
inline std::string_view BytesView(const std::vector<uint8_t>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// A failed call's reason (`error` is its errno) as an error of the file or folder at `path`:
/// "it cannot be `doing`: REASON".
Diagnostic SystemError(DiagnosticCode code, const std::string& path, std::string_view doing,
                       int error, std::string hint = "");

/// An open file that is closed with the object.
class FileDescriptor {
 public:
  explicit FileDescriptor(int number = -1) : number_(number) {}
  ~FileDescriptor();
  FileDescriptor(FileDescriptor&& other) noexcept : number_(other.number_) { other.number_ = -1; }
  FileDescriptor& operator=(FileDescriptor&&) = delete;
  bool ok() const { return number_ >= 0; }
  int number() const { return number_; }
  /// Closes now; false with errno set when that failed.
  bool Close();

 private:
  int number_;
};

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// Files and folders that are gone when their work is done, also when the user interrupts it.
#pragma once

#include <sys/types.h>

#include <string>

#include "generator/support/diagnostic.h"
#include "generator/support/file.h"

namespace npugen {

/// Makes SIGINT, SIGTERM and SIGHUP end the program only after its tools were ended and its
/// temporary files and folders removed. To be called once, before any thread is started.
void CleanUpOnSignals();

/// Tools that run: signals end them too. `child` is a process that this one started.
void RegisterTool(pid_t child);
void ForgetTool(pid_t child);
/// In a child before exec: signals work again as they do in other programs.
void RestoreSignals();

/// A file that disappears with the object unless it was moved to its place.
class TemporaryFile {
 public:
  /// A new file in `folder` (empty: the current one), open for writing, with the permissions that
  /// new files get. Error: kFileWrite; errno says why.
  static Result<TemporaryFile> Make(const std::string& folder);
  ~TemporaryFile();
  TemporaryFile(TemporaryFile&& other) noexcept = default;
  TemporaryFile& operator=(TemporaryFile&&) = delete;
  const std::string& path() const { return path_; }
  int file() const { return file_.number(); }
  /// Closes the file; false with errno set when that failed.
  bool Close() { return file_.Close(); }
  /// Puts the file in the place of `target`, on the same file system; false with errno set when
  /// that failed. The file should have been brought to the disk.
  bool MoveTo(const std::string& target);

 private:
  TemporaryFile(std::string path, FileDescriptor file)
      : path_(std::move(path)), file_(std::move(file)) {}
  std::string path_;
  FileDescriptor file_;
};

/// A folder that disappears with the object, with all that is in it.
class TemporaryFolder {
 public:
  /// A new folder PREFIX.XXXXXX in `parent`, for this user only. Error: kFileWrite.
  static Result<TemporaryFolder> Make(const std::string& parent, const std::string& prefix);
  /// The same in the folder for temporary files (TMPDIR, or /tmp).
  static Result<TemporaryFolder> MakeInTemp(const std::string& prefix);
  /// Removes the folders PREFIX.* in `parent` whose makers ended without doing so.
  static void RemoveStale(const std::string& parent, const std::string& prefix);
  ~TemporaryFolder();
  TemporaryFolder(TemporaryFolder&& other) noexcept = default;
  TemporaryFolder& operator=(TemporaryFolder&&) = delete;
  const std::string& path() const { return path_; }
  /// Leaves the folder to the user, or to the place that it was moved to.
  void Keep();

 private:
  TemporaryFolder(std::string path, FileDescriptor lock)
      : path_(std::move(path)), lock_(std::move(lock)) {}
  std::string path_;
  FileDescriptor lock_;  ///< held as long as the folder is in use
};

/// Brings the names in `folder` to the disk, as far as the file system can.
void SyncFolder(const std::string& folder);

}  // namespace npugen

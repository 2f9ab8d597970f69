// SPDX-License-Identifier: Apache-2.0
// What is temporary stands in a list, which a thread works off when a signal comes.
#include "generator/support/temporary.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <mutex>
#include <set>
#include <string>
#include <thread>

namespace npugen {
namespace {

namespace fs = std::filesystem;

/// Folders younger than this may belong to a process that has not locked them yet.
constexpr time_t kSecondsToLock = 60;

/// What has to go when the program is interrupted.
struct Remains {
  std::mutex mutex;
  std::set<std::string> paths;
  std::set<pid_t> tools;
};

/// Never destroyed: the thread that waits for signals outlives main().
Remains& Registry() {
  static Remains* const remains = new Remains;
  return *remains;
}

void Register(const std::string& path) {
  Remains& remains = Registry();
  const std::lock_guard guard(remains.mutex);
  remains.paths.insert(fs::absolute(path).string());
}

void Forget(const std::string& path) {
  Remains& remains = Registry();
  const std::lock_guard guard(remains.mutex);
  remains.paths.erase(fs::absolute(path).string());
}

sigset_t EndingSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&signals, signal);
  return signals;
}

/// Waits for a signal, clears up, and ends the program as the signal would have.
void AwaitSignal() {
  const sigset_t signals = EndingSignals();
  int number = 0;
  while (sigwait(&signals, &number) != 0) {
  }
  Remains& remains = Registry();
  // Held to the end, so that nothing new comes up.
  remains.mutex.lock();
  for (const pid_t tool : remains.tools) kill(tool, SIGKILL);
  std::error_code error;
  for (const std::string& path : remains.paths) fs::remove_all(path, error);
  std::signal(number, SIG_DFL);
  sigset_t only;
  sigemptyset(&only);
  sigaddset(&only, number);
  pthread_sigmask(SIG_UNBLOCK, &only, nullptr);
  raise(number);
  std::_Exit(128 + number);
}

}  // namespace

void CleanUpOnSignals() {
  // A limit of file sizes is an error like a full disk, not the end of the program.
  std::signal(SIGXFSZ, SIG_IGN);
  sigset_t signals = EndingSignals();
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    // What the caller ignores (nohup does) stays ignored.
    struct sigaction action = {};
    if (sigaction(number, nullptr, &action) == 0 && action.sa_handler == SIG_IGN) {
      sigdelset(&signals, number);
    }
  }
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::thread(AwaitSignal).detach();
}

void RegisterTool(pid_t child) {
  Remains& remains = Registry();
  const std::lock_guard guard(remains.mutex);
  remains.tools.insert(child);
}

void ForgetTool(pid_t child) {
  Remains& remains = Registry();
  const std::lock_guard guard(remains.mutex);
  remains.tools.erase(child);
}

void RestoreSignals() {
  std::signal(SIGXFSZ, SIG_DFL);
  const sigset_t signals = EndingSignals();
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
}

Result<TemporaryFile> TemporaryFile::Make(const std::string& folder) {
  static std::atomic<uint32_t> next = 0;
  constexpr int kTries = 1000;
  for (int i = 0; i < kTries; ++i) {
    const std::string path =
        (fs::path(folder) / fmt::format(".npugen-{}-{}", getpid(), next++)).string();
    Register(path);
    FileDescriptor file(
        open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666));
    if (file.ok()) return TemporaryFile(path, std::move(file));
    const int error = errno;
    Forget(path);
    errno = error;
    if (error != EEXIST) break;
  }
  const int error = errno;
  Diagnostic diagnostic = SystemError(DiagnosticCode::kFileWrite, folder, "written", error);
  errno = error;
  return diagnostic;
}

TemporaryFile::~TemporaryFile() {
  if (path_.empty()) return;
  unlink(path_.c_str());
  Forget(path_);
}

bool TemporaryFile::MoveTo(const std::string& target) {
  if (rename(path_.c_str(), target.c_str()) != 0) return false;
  Forget(path_);
  path_.clear();
  SyncFolder(fs::path(target).parent_path().string());
  return true;
}

Result<TemporaryFolder> TemporaryFolder::Make(const std::string& parent,
                                              const std::string& prefix) {
  std::string path = (fs::path(parent) / (prefix + ".XXXXXX")).string();
  if (mkdtemp(path.data()) == nullptr) {
    return SystemError(DiagnosticCode::kFileWrite, parent, "written", errno);
  }
  Register(path);
  FileDescriptor lock(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  // Without locks (some network file systems) stale folders stay; they do no harm.
  if (lock.ok()) flock(lock.number(), LOCK_SH | LOCK_NB);
  return TemporaryFolder(path, std::move(lock));
}

Result<TemporaryFolder> TemporaryFolder::MakeInTemp(const std::string& prefix) {
  std::error_code error;
  const fs::path parent = fs::temp_directory_path(error);
  if (error) {
    return Diagnostic{DiagnosticCode::kFileWrite,
                      {},
                      "there is no folder for temporary files: " + error.message(),
                      "TMPDIR says where it is"};
  }
  return Make(parent.string(), prefix);
}

void TemporaryFolder::RemoveStale(const std::string& parent, const std::string& prefix) {
  std::error_code error;
  for (fs::directory_iterator entry(parent, error), end; !error && entry != end;
       entry.increment(error)) {
    if (!entry->path().filename().string().starts_with(prefix + ".")) continue;
    const FileDescriptor folder(
        open(entry->path().c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    struct stat info = {};
    if (!folder.ok() || fstat(folder.number(), &info) != 0 ||
        std::time(nullptr) - info.st_mtime < kSecondsToLock ||
        flock(folder.number(), LOCK_EX | LOCK_NB) != 0) {
      continue;
    }
    std::error_code ignored;
    fs::remove_all(entry->path(), ignored);
  }
}

TemporaryFolder::~TemporaryFolder() {
  if (path_.empty()) return;
  std::error_code error;
  fs::remove_all(path_, error);
  Forget(path_);
}

void TemporaryFolder::Keep() {
  Forget(path_);
  path_.clear();
}

void SyncFolder(const std::string& folder) {
  const FileDescriptor file(
      open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (file.ok()) fsync(file.number());
}

}  // namespace npugen

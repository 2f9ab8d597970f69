// fork and exec with the child's output in a log file.
#include "generator/support/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <utility>

namespace npugen {
namespace {

// Exit status by which the child says that the program was not found; shells use the same.
constexpr int kNotFound = 127;

// Large pages, and nothing given back to the system: tools fill gigabytes once and end.
constexpr const char* kAllocatorOptions =
    "thp:always,metadata_thp:always,dirty_decay_ms:-1,muzzy_decay_ms:-1,narenas:1";

/// Where tools find libjemalloc; empty when it is not installed.
std::string AllocatorLibrary() {
  constexpr const char* kName = "libjemalloc.so.2";
  std::error_code error;
  // Debian keeps libraries in a folder per architecture.
  std::filesystem::directory_iterator folder("/usr/lib", error);
  for (; !error && folder != std::filesystem::directory_iterator(); folder.increment(error)) {
    std::error_code absent;
    const std::filesystem::path path = folder->path() / kName;
    if (std::filesystem::exists(path, absent)) return path.string();
  }
  return "";
}

/// The environment of tools. Verilator and Yosys spend half of their time in malloc: libjemalloc,
/// preloaded, makes them 1.6 to 2 times as fast, and what they write stays the same.
std::vector<std::string> ToolEnvironment() {
  std::vector<std::string> variables;
  for (char** variable = environ; *variable != nullptr; ++variable) variables.push_back(*variable);
  const std::string library = AllocatorLibrary();
  if (!library.empty() && std::getenv("LD_PRELOAD") == nullptr) {
    variables.push_back("LD_PRELOAD=" + library);
    if (std::getenv("MALLOC_CONF") == nullptr) {
      variables.push_back(std::string("MALLOC_CONF=") + kAllocatorOptions);
    }
  }
  return variables;
}

Diagnostic Failure(DiagnosticCode code, std::string message, std::string hint) {
  Diagnostic diagnostic;
  diagnostic.code = code;
  diagnostic.message = std::move(message);
  diagnostic.hint = std::move(hint);
  return diagnostic;
}

}  // namespace

Result<int> RunProcess(const std::vector<std::string>& arguments, const std::string& folder,
                       const std::string& log) {
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  std::vector<std::string> variables = ToolEnvironment();
  std::vector<char*> environment;
  for (std::string& variable : variables) environment.push_back(variable.data());
  environment.push_back(nullptr);
  const pid_t child = fork();
  if (child < 0) {
    return Failure(DiagnosticCode::kToolFailed,
                   fmt::format("no process can be started: {}", std::strerror(errno)), "");
  }
  if (child == 0) {
    const int file = open(log.c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0644);
    const int null = open("/dev/null", O_RDONLY);
    if (file < 0 || null < 0 || dup2(null, 0) < 0 || dup2(file, 1) < 0 || dup2(file, 2) < 0 ||
        (!folder.empty() && chdir(folder.c_str()) != 0)) {
      _exit(126);
    }
    execvpe(argv[0], argv.data(), environment.data());
    _exit(kNotFound);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return 128;
  }
  if (WIFSIGNALED(status)) return 128 + WTERMSIG(status);
  if (WEXITSTATUS(status) == kNotFound) {
    return Failure(DiagnosticCode::kToolMissing,
                   fmt::format("`{}` is not installed", arguments.front()),
                   "run `make setup`, which installs every tool that npugen uses");
  }
  return WEXITSTATUS(status);
}

}  // namespace npugen

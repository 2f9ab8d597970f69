// SPDX-License-Identifier: Apache-2.0
// Reads state and session of every process.
#include "tests/support/processes.h"

#include <sys/resource.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace npugen::testing {

std::vector<pid_t> LiveProcesses(pid_t session) {
  std::vector<pid_t> live;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
    std::ifstream file(entry.path() / "stat");
    std::string text;
    if (!std::getline(file, text)) continue;
    // The name in parentheses may hold anything; behind it stand state, parent, group, session.
    std::istringstream fields(text.substr(text.rfind(')') + 1));
    char state = 0;
    pid_t parent = 0, group = 0, of = 0;
    fields >> state >> parent >> group >> of;
    if (of == session && state != 'Z' && state != 'X') live.push_back(std::atoi(text.c_str()));
  }
  return live;
}

int64_t PeakKilobytes() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

}  // namespace npugen::testing

// SPDX-License-Identifier: Apache-2.0
// What all subcommands share: exit status and the report of errors.
#include "generator/cli/command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "generator/support/file.h"

namespace npugen {

void OnRun(CLI::App& command, std::function<int()> action) {
  command.callback([action = std::move(action)] {
    // CLI11's own way out of a callback; main() turns it into the exit status.
    if (const int status = action(); status != 0) throw CLI::RuntimeError(status);
  });
}

int Report(const Diagnostics& errors) {
  const char* no_color = std::getenv("NO_COLOR");
  const bool color = isatty(STDERR_FILENO) != 0 && (no_color == nullptr || *no_color == '\0');
  for (const Diagnostic& error : errors) {
    std::fputs(FormatDiagnostic(error, color).c_str(), stderr);
  }
  if (errors.size() > 1) std::fputs(fmt::format("{} errors\n", errors.size()).c_str(), stderr);
  return ExitStatus(errors.front().code);
}

std::string DiagnosticsJson(const Diagnostics& errors) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const Diagnostic& error : errors) {
    nlohmann::ordered_json item;
    item["code"] = CodeText(error.code);
    item["file"] = error.location.file;
    item["line"] = error.location.line;
    item["column"] = error.location.column;
    item["message"] = error.message;
    item["hint"] = error.hint;
    list.push_back(std::move(item));
  }
  nlohmann::ordered_json json;
  json["errors"] = std::move(list);
  // File names and spec text need not be UTF-8.
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + '\n';
}

std::FILE* TextStream(const std::vector<std::string>& outputs) {
  const bool taken = std::find(outputs.begin(), outputs.end(), kStandardStream) != outputs.end();
  return taken ? stderr : stdout;
}

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// Prints the errors from their tables.
#include "generator/arch/error_reference.h"

#include <fmt/format.h>

#include <string_view>

#include "generator/arch/command_set.h"
#include "generator/support/diagnostic.h"

namespace npugen {
namespace {

struct ExitStatusRow {
  int status;
  std::string_view meaning;
};

/// What the statuses that the rows of diagnostic.def name have in common.
constexpr ExitStatusRow kExitStatuses[] = {
    {0, "success"},
    {2, "command line or files"},
    {3, "specification"},
    {4, "model file"},
    {5, "compiler"},
    {6, "a tool is missing or failed"},
    {7, "run on the hardware model"},
    {8, "results differ from the golden model"},
    {70, "an error of npugen itself"},
};

}  // namespace

std::string ExitStatusHelp() {
  constexpr size_t kColumns = 80;
  std::string text = "Exit status:", line = text;
  text.clear();
  for (const ExitStatusRow& row : kExitStatuses) {
    const bool last = &row == std::end(kExitStatuses) - 1;
    const std::string item = fmt::format("{} {}{}", row.status, row.meaning, last ? "." : ",");
    if (line.size() + 1 + item.size() > kColumns) {
      text += line + '\n';
      line = item;
    } else {
      line += ' ' + item;
    }
  }
  return text + line + '\n';
}

std::string ErrorReference() {
  std::string out = "# Errors\n\n";
  out +=
      "<!-- Printed by `npugen error-reference` from the tables of errors; `make golden` updates "
      "it. -->\n\n"
      "An error of npugen is printed as `file:line:column: error CODE: what is wrong`, with a line "
      "`hint:` that\nsays what would be legal. The exit status is that of the first error. Codes "
      "are stable.\n\n"
      "| exit status | meaning |\n| --- | --- |\n";
  for (const ExitStatusRow& row : kExitStatuses) {
    out += fmt::format("| {} | {} |\n", row.status, row.meaning);
  }
  out += "\n| code | exit status | meaning |\n| --- | --- | --- |\n";
  for (const DiagnosticCode code : AllDiagnosticCodes()) {
    out += fmt::format("| {} | {} | {} |\n", CodeText(code), ExitStatus(code), CodeSummary(code));
  }
  out +=
      "\n## Errors of the hardware\n\n"
      "What register `error_info` holds after a job that failed; `npugen run` reports them as "
      "H101.\n\n"
      "| code | name | meaning |\n| --- | --- | --- |\n";
  for (const HardwareError& error : AllHardwareErrors()) {
    out += fmt::format("| {} | {} | {} |\n", error.code, error.name, error.description);
  }
  return out;
}

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// Look-ups in the table of errors and their presentation.
#include "generator/support/diagnostic.h"

#include <fmt/format.h>

namespace npugen {
namespace {

struct Row {
  std::string_view code;
  int exit_status;
  std::string_view summary;
};

constexpr Row kRows[] = {
#define NPUGEN_DIAGNOSTIC(name, code, exit_status, summary) {code, exit_status, summary},
#include "generator/support/diagnostic.def"
#undef NPUGEN_DIAGNOSTIC
};

const Row& RowOf(DiagnosticCode code) { return kRows[static_cast<size_t>(code)]; }

}  // namespace

std::vector<DiagnosticCode> AllDiagnosticCodes() {
  return {
#define NPUGEN_DIAGNOSTIC(name, code, exit_status, summary) DiagnosticCode::name,
#include "generator/support/diagnostic.def"
#undef NPUGEN_DIAGNOSTIC
  };
}

Diagnostic::Diagnostic(DiagnosticCode code, SourceLocation location, std::string message,
                       std::string hint)
    : code(code),
      location(std::move(location)),
      message(std::move(message)),
      hint(std::move(hint)) {}

Diagnostics OneDiagnostic(Diagnostic error) {
  Diagnostics errors;
  errors.push_back(std::move(error));
  return errors;
}

std::string_view CodeText(DiagnosticCode code) { return RowOf(code).code; }
std::string_view CodeSummary(DiagnosticCode code) { return RowOf(code).summary; }
int ExitStatus(DiagnosticCode code) { return RowOf(code).exit_status; }

std::string FormatDiagnostic(const Diagnostic& diagnostic, bool color) {
  const SourceLocation& at = diagnostic.location;
  std::string place;
  if (!at.file.empty()) {
    place = at.line > 0 ? fmt::format("{}:{}:{}: ", at.file, at.line, at.column)
                        : fmt::format("{}: ", at.file);
  }
  const std::string_view red = color ? "\033[1;31m" : "";
  const std::string_view bold = color ? "\033[1m" : "";
  const std::string_view reset = color ? "\033[0m" : "";
  std::string text = fmt::format("{}{}{}error {}:{} {}\n", bold, place, red,
                                 CodeText(diagnostic.code), reset, diagnostic.message);
  if (!diagnostic.hint.empty()) text += fmt::format("    hint: {}\n", diagnostic.hint);
  return text;
}

}  // namespace npugen

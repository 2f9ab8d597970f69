// SPDX-License-Identifier: Apache-2.0
// The end of a program that is wrong.
#include "generator/support/check.h"

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>

#include "generator/support/diagnostic.h"

namespace npugen {

void InternalError(std::string_view what, std::source_location where) {
  std::fflush(stdout);
  const Diagnostic error = {DiagnosticCode::kInternal, SourceLocation(),
                            fmt::format("{} ({}:{})", what, where.file_name(), where.line()),
                            "this is a fault of npugen, please report it"};
  std::fputs(FormatDiagnostic(error, false).c_str(), stderr);
  std::fflush(stderr);
  std::_Exit(ExitStatus(DiagnosticCode::kInternal));
}

}  // namespace npugen

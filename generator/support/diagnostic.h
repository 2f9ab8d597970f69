// SPDX-License-Identifier: Apache-2.0
// Errors as values: a code from one table, a place in a file, what is wrong and what would be
// legal.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace npugen {

/// Every error the program can report; the rows stand in diagnostic.def.
enum class DiagnosticCode {
#define NPUGEN_DIAGNOSTIC(name, code, exit_status, summary) name,
#include "generator/support/diagnostic.def"
#undef NPUGEN_DIAGNOSTIC
};

/// All of them, in the order of the table.
std::vector<DiagnosticCode> AllDiagnosticCodes();
/// The stable short code shown to users, such as "U001".
std::string_view CodeText(DiagnosticCode code);
/// One sentence on the class of error.
std::string_view CodeSummary(DiagnosticCode code);
/// The process exit status for an error of this class.
int ExitStatus(DiagnosticCode code);

/// A place in an input file. `line` and `column` count from 1; 0 means "the file as a whole".
struct SourceLocation {
  std::string file;
  int line = 0;
  int column = 0;
};

/// One error: what is wrong (`message`) and what would be legal (`hint`, may be empty).
struct Diagnostic {
  Diagnostic() = default;
  // Out of line: in an inlined aggregate GCC 12 sees members that may be uninitialized.
  Diagnostic(DiagnosticCode code, SourceLocation location, std::string message,
             std::string hint = "");

  DiagnosticCode code = DiagnosticCode::kInternal;
  SourceLocation location;
  std::string message;
  std::string hint;
};

using Diagnostics = std::vector<Diagnostic>;

/// A list of one error, which is moved into it.
Diagnostics OneDiagnostic(Diagnostic error);

/// Formats as `file:line:column: error CODE: message` plus an indented `hint:` line.
/// `color` adds terminal escapes.
std::string FormatDiagnostic(const Diagnostic& diagnostic, bool color);

/// A value, or the errors that prevented it. Never both, and the error list is never empty.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::move(value)) {}              // NOLINT: implicit by design
  Result(Diagnostics errors) : state_(std::move(errors)) {}  // NOLINT: implicit by design
  Result(Diagnostic error)
      : state_(OneDiagnostic(std::move(error))) {}  // NOLINT: implicit by design

  bool ok() const { return std::holds_alternative<T>(state_); }
  explicit operator bool() const { return ok(); }
  T& value() { return std::get<T>(state_); }
  const T& value() const { return std::get<T>(state_); }
  T& operator*() { return value(); }
  const T& operator*() const { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  const Diagnostics& errors() const { return std::get<Diagnostics>(state_); }

 private:
  std::variant<T, Diagnostics> state_;
};

/// The value of an operation that yields nothing but may fail.
struct Unit {};
using Status = Result<Unit>;

}  // namespace npugen

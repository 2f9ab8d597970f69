// SPDX-License-Identifier: Apache-2.0
// The document that a bench writes: what it measures replaces what the document said before, and
// what it cannot measure stays as it was.
#pragma once

#include <string>
#include <vector>

namespace npugen::testing {

class Document {
 public:
  /// `before` is the text of the document so far; empty: there is none.
  explicit Document(const std::string& before = "");
  /// Adds a line, and prints it. Lines that begin with `#` begin a section.
  void Line(const std::string& text);
  /// Adds the line that begins with `beginning` in the same section of the document before, where
  /// there is one: it was measured elsewhere. Says so on stderr. Returns whether there is one.
  bool Keep(const std::string& beginning);
  const std::string& text() const { return text_; }
  /// Writes it to the file at `path`; false when that fails.
  bool Write(const std::string& path) const;

 private:
  std::vector<std::string> before_;
  std::string section_;
  std::string text_;
};

}  // namespace npugen::testing

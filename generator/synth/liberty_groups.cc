// SPDX-License-Identifier: Apache-2.0
// Tokens and groups of liberty files.
#include "generator/synth/liberty_groups.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <optional>

namespace npugen {
namespace {

using Group = LibertyGroup;

constexpr int kMostGroupNesting = 64;

/// Reads a file into groups.
class GroupReader {
 public:
  GroupReader(const std::string& text, const std::string& path, bool (*skips)(std::string_view))
      : text_(text), path_(path), skips_(skips) {}

  Result<Group> Read() {
    Next();
    Group file;
    while (!token_.empty()) {
      if (!Statement(&file, 0)) return *error_;
    }
    return file;
  }

 private:
  bool Fail(std::string message) {
    if (!error_) {
      error_ = NoLibrary(path_, line_, std::move(message));
    }
    return false;
  }

  void SkipBlank() {
    while (at_ < text_.size()) {
      if (text_.compare(at_, 2, "/*") == 0) {
        const size_t end = text_.find("*/", at_ + 2);
        const size_t stop = end == std::string::npos ? text_.size() : end + 2;
        line_ += static_cast<int>(std::count(text_.begin() + static_cast<ptrdiff_t>(at_),
                                             text_.begin() + static_cast<ptrdiff_t>(stop), '\n'));
        at_ = stop;
      } else if (text_.compare(at_, 2, "//") == 0) {
        at_ = std::min(text_.find('\n', at_), text_.size());
      } else if (text_[at_] == '\n') {
        ++line_;
        ++at_;
        new_line_ = true;
      } else if (text_[at_] == '\\' || std::isspace(static_cast<unsigned char>(text_[at_]))) {
        ++at_;
        // A backslash joins a line with the next one.
        if (text_[at_ - 1] == '\\' && at_ < text_.size() && text_[at_] == '\n') {
          ++line_;
          ++at_;
        }
      } else {
        return;
      }
    }
  }

  /// The next token: a sign, a word, or a text whose quotes are removed (quoted_). Empty at the end
  /// of the file.
  void Next() {
    new_line_ = quoted_ = false;
    SkipBlank();
    token_.clear();
    if (at_ >= text_.size()) return;
    constexpr std::string_view kSigns = "(){}:;,";
    const char first = text_[at_];
    if (first == '"') {
      quoted_ = true;
      const size_t begin = ++at_;
      while (at_ < text_.size() && text_[at_] != '"') {
        if (text_[at_] == '\n') ++line_;
        ++at_;
      }
      token_ = text_.substr(begin, at_ - begin);
      if (at_ < text_.size()) ++at_;
      if (token_.empty()) token_.assign(1, ' ');
    } else if (kSigns.find(first) != std::string_view::npos) {
      token_ = first;
      ++at_;
    } else {
      const size_t begin = at_;
      while (at_ < text_.size() && !std::isspace(static_cast<unsigned char>(text_[at_])) &&
             text_[at_] != '"' && kSigns.find(text_[at_]) == std::string_view::npos) {
        ++at_;
      }
      token_ = text_.substr(begin, at_ - begin);
    }
  }

  bool IsSign(char sign) const { return !quoted_ && token_.size() == 1 && token_[0] == sign; }

  bool Statement(Group* parent, int depth) {
    if (IsSign(';')) {
      Next();
      return true;
    }
    if (quoted_ || token_.find_first_of("(){}:,") != std::string::npos) {
      return Fail(fmt::format("`{}` where a name should be", token_));
    }
    const std::string name = token_;
    const int line = line_;
    Next();
    if (IsSign(':')) {
      Next();
      std::string value;
      // The semicolon may be missing at the end of a line.
      while (!token_.empty() && !IsSign(';') && !IsSign('}') && (value.empty() || !new_line_)) {
        if (!value.empty()) value += ' ';
        value += token_;
        Next();
      }
      parent->attributes.emplace_back(name, value);
      if (IsSign(';')) Next();
      return true;
    }
    if (!IsSign('(')) return Fail(fmt::format("neither `:` nor `(` follows `{}`", name));
    Group group;
    group.name = name;
    group.line = line;
    for (Next(); !IsSign(')'); Next()) {
      if (token_.empty()) return Fail(fmt::format("`{}(` has no end", name));
      if (!IsSign(',')) group.arguments.push_back(token_);
    }
    Next();
    const auto keep = [&] {
      if (skips_ == nullptr || !skips_(name)) parent->groups.push_back(std::move(group));
      return true;
    };
    if (!IsSign('{')) return keep();
    if (depth >= kMostGroupNesting) return Fail("groups are nested too deeply");
    Next();
    while (!IsSign('}')) {
      if (token_.empty()) return Fail(fmt::format("the group `{}` has no end", name));
      if (!Statement(&group, depth + 1)) return false;
    }
    Next();
    return keep();
  }

  const std::string& text_;
  const std::string& path_;
  bool (*const skips_)(std::string_view);
  size_t at_ = 0;
  int line_ = 1;
  std::string token_;
  bool quoted_ = false;
  bool new_line_ = false;  ///< a line ended before the token
  std::optional<Diagnostic> error_;
};

}  // namespace

Diagnostic NoLibrary(const std::string& path, int line, std::string message) {
  return {DiagnosticCode::kFileRead,
          {path, line, 0},
          std::move(message),
          "a cell library in liberty format is expected"};
}

Result<LibertyGroup> ReadLibertyGroups(const std::string& text, const std::string& path,
                                       bool (*skips)(std::string_view name)) {
  return GroupReader(text, path, skips).Read();
}

}  // namespace npugen

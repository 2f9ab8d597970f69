// SPDX-License-Identifier: Apache-2.0
// Words of a SystemVerilog file with their places.
#include "verif/lint/sv_tokens.h"

#include <array>
#include <cctype>

namespace npugen {
namespace {

bool IsWord(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '$'; }
bool IsDigit(char c) { return std::isdigit(static_cast<unsigned char>(c)); }

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  std::vector<SvToken> Run() {
    while (Skip()) {
      const size_t begin = at_;
      const SvTokenKind kind = Next();
      tokens_.push_back({kind, text_.substr(begin, at_ - begin), line_,
                         static_cast<int>(begin - line_begin_) + 1});
    }
    return std::move(tokens_);
  }

 private:
  char Char(size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  bool Starts(std::string_view word) const { return text_.substr(at_).starts_with(word); }

  void Advance() {
    if (text_[at_] == '\n') {
      ++line_;
      line_begin_ = at_ + 1;
    }
    ++at_;
  }

  /// Passes blanks and comments. False at the end.
  bool Skip() {
    while (at_ < text_.size()) {
      if (Starts("//")) {
        while (at_ < text_.size() && text_[at_] != '\n') Advance();
      } else if (Starts("/*")) {
        while (at_ < text_.size() && !Starts("*/")) Advance();
        for (int i = 0; i < 2 && at_ < text_.size(); ++i) Advance();
      } else if (std::isspace(static_cast<unsigned char>(text_[at_]))) {
        Advance();
      } else {
        return true;
      }
    }
    return false;
  }

  void Words() {
    while (IsWord(Char())) ++at_;
  }

  SvTokenKind Next() {
    const char first = Char();
    if (first == '"') {
      do {
        at_ += Char() == '\\' && at_ + 1 < text_.size() ? 2 : 1;
      } while (at_ < text_.size() && Char() != '"' && Char() != '\n');
      if (Char() == '"') ++at_;
      return SvTokenKind::kString;
    }
    if (first == '`') {
      ++at_;
      Words();
      return SvTokenKind::kDirective;
    }
    if (IsDigit(first)) return Number();
    if (IsWord(first)) {
      Words();
      return SvTokenKind::kIdentifier;
    }
    if (first == '\'') return Quote();
    static constexpr std::array<std::string_view, 29> kSymbols = {
        "<<<=", ">>>=", "===", "!==", "==?", "!=?", "<<<", ">>>", "<<=", ">>=",
        "==",   "!=",   "<=",  ">=",  "&&",  "||",  "<<",  ">>",  "::",  "+:",
        "-:",   "**",   "++",  "--",  "+=",  "-=",  "~^",  "^~",  "->"};
    for (const std::string_view symbol : kSymbols) {
      if (Starts(symbol)) {
        at_ += symbol.size();
        return SvTokenKind::kSymbol;
      }
    }
    ++at_;
    return SvTokenKind::kSymbol;
  }

  SvTokenKind Number() {
    Words();
    if (Char() != '\'') return SvTokenKind::kNumber;
    const char base = static_cast<char>(std::tolower(static_cast<unsigned char>(
        std::tolower(static_cast<unsigned char>(Char(1))) == 's' ? Char(2) : Char(1))));
    if (base == 'b' || base == 'o' || base == 'd' || base == 'h') {
      ++at_;
      Words();
    }
    return SvTokenKind::kNumber;
  }

  /// '0 and the like, '{ or, as in a cast, ' alone.
  SvTokenKind Quote() {
    const char next = static_cast<char>(std::tolower(static_cast<unsigned char>(Char(1))));
    const bool fill = next == '0' || next == '1' || next == 'x' || next == 'z';
    if (fill && !IsWord(Char(2))) {
      at_ += 2;
      return SvTokenKind::kFill;
    }
    at_ += next == '{' ? 2 : 1;
    return SvTokenKind::kSymbol;
  }

  std::string_view text_;
  std::vector<SvToken> tokens_;
  size_t at_ = 0;
  size_t line_begin_ = 0;
  int line_ = 1;
};

}  // namespace

std::vector<SvToken> SvTokens(std::string_view text) { return Scanner(text).Run(); }

}  // namespace npugen

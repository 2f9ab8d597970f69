// SPDX-License-Identifier: Apache-2.0
// Finds SystemVerilog that Yosys 0.23 refuses or, without a word, reads otherwise than Verilator.
#include "verif/lint/sv_lint.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <utility>

#include "verif/lint/sv_tokens.h"

namespace npugen {
namespace {

using Tokens = std::vector<SvToken>;

/// A word that is refused wherever it stands, and what is written instead.
struct RefusedWord {
  std::string_view word;
  std::string_view instead;
};
constexpr RefusedWord kRefusedWords[] = {
    {"import", "write package::Name"},
    {"interface", "separate ports"},
    {"modport", "separate ports"},
    {"inside", "== or casez"},
    {"==?", "== or casez"},
    {"!=?", "!= or casez"},
    {"'{", "'0 and assignments of members"},
    {"foreach", "a plain for"},
    {"break", "a condition in the loop"},
    {"continue", "a condition in the loop"},
    {"return", "assign to the function's name"},
    {"void", "a function with a value, or statements"},
    {"$fatal", "a generate if with $error"},
    {"property", "a macro, see rule 13 of the RTL rules"},
    {"initial", "a reset"},
};

bool IsPowerOfTwo(uint64_t value) { return value != 0 && (value & (value - 1)) == 0; }

/// Value of a literal without x and z; 0 for what is none.
uint64_t LiteralValue(std::string_view text) {
  const size_t quote = text.find('\'');
  int base = 10;
  if (quote != std::string_view::npos) {
    size_t digits = quote + 1;
    if (digits < text.size() && (text[digits] == 's' || text[digits] == 'S')) ++digits;
    if (digits >= text.size()) return 0;
    const char letter = static_cast<char>(text[digits] | 0x20);
    base = letter == 'h' ? 16 : letter == 'b' ? 2 : letter == 'o' ? 8 : 10;
    text = text.substr(digits + 1);
  }
  uint64_t value = 0;
  for (const char c : text) {
    if (c == '_') continue;
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : 99;
    if (digit >= base) return 0;
    value = value * static_cast<uint64_t>(base) + static_cast<uint64_t>(digit);
  }
  return value;
}

bool Opens(const SvToken& token) {
  return token.Is("(") || token.Is("[") || token.Is("{") || token.Is("'{");
}
bool Closes(const SvToken& token) { return token.Is(")") || token.Is("]") || token.Is("}"); }

class Linter {
 public:
  explicit Linter(std::string_view text) : text_(text), tokens_(SvTokens(text)) {
    Match();
    Declarations();
  }

  std::vector<SvFinding> Run() {
    DefaultNettype();
    for (size_t i = 0; i < tokens_.size(); ++i) {
      const SvToken& token = tokens_[i];
      RefusedAt(i);
      if (token.kind == SvTokenKind::kFill) FillAt(i);
      if (token.Is("[")) {
        SelectAt(i);
        DimensionsAt(i);
      }
    }
    std::stable_sort(findings_.begin(), findings_.end(), [](const auto& a, const auto& b) {
      return std::pair(a.line, a.column) < std::pair(b.line, b.column);
    });
    return std::move(findings_);
  }

 private:
  static constexpr size_t kNone = static_cast<size_t>(-1);

  void Find(const SvToken& token, std::string rule, std::string message) {
    findings_.push_back({token.line, token.column, std::move(rule), std::move(message)});
  }

  bool At(size_t i, std::string_view word) const {
    return i < tokens_.size() && tokens_[i].Is(word);
  }
  bool Identifier(size_t i) const {
    return i < tokens_.size() && tokens_[i].kind == SvTokenKind::kIdentifier;
  }

  /// Partners of brackets, and the innermost bracket that each token stands in.
  void Match() {
    partner_.assign(tokens_.size(), kNone);
    inside_.assign(tokens_.size(), kNone);
    std::vector<size_t> open;
    for (size_t i = 0; i < tokens_.size(); ++i) {
      if (Closes(tokens_[i]) && !open.empty()) {
        partner_[i] = open.back();
        partner_[open.back()] = i;
        open.pop_back();
      }
      inside_[i] = open.empty() ? kNone : open.back();
      if (Opens(tokens_[i])) open.push_back(i);
    }
  }

  /// Index behind the expression that begins at `i`: at its `,` `;` or closing bracket.
  size_t ExpressionEnd(size_t i) const {
    while (i < tokens_.size()) {
      if (Opens(tokens_[i]) && partner_[i] != kNone) {
        i = partner_[i] + 1;
      } else if (tokens_[i].Is(",") || tokens_[i].Is(";") || Closes(tokens_[i])) {
        return i;
      } else {
        ++i;
      }
    }
    return i;
  }

  /// Names of constants with their values, loop variables, and parameters that are checked.
  void Declarations() {
    for (size_t i = 0; i < tokens_.size(); ++i) {
      if (At(i, "parameter") || At(i, "localparam")) ConstantsFrom(i);
      if (At(i, "genvar")) constants_.insert(tokens_[std::min(i + 1, tokens_.size() - 1)].text);
      if (At(i, "for") && At(i + 1, "(")) {
        for (size_t k = i + 2; k < tokens_.size() && !At(k, ";"); ++k) {
          if (At(k + 1, "=") && Identifier(k)) constants_.insert(tokens_[k].text);
        }
      }
      // (P & (P - 1)) != 0
      if (At(i, "(") && Identifier(i + 1) && At(i + 2, "&") && At(i + 3, "(") &&
          At(i + 4, tokens_[i + 1].text) && At(i + 5, "-") && At(i + 6, "1") && At(i + 7, ")") &&
          At(i + 8, ")") && At(i + 9, "!=") && At(i + 10, "0")) {
        checked_.insert(tokens_[i + 1].text);
      }
    }
  }

  /// The constants of a declaration: `parameter type A = x, B = y`. In a header each begins anew.
  void ConstantsFrom(size_t i) {
    for (size_t k = i + 1; k < tokens_.size(); ++k) {
      if (Opens(tokens_[k]) && partner_[k] != kNone) {
        k = partner_[k];
      } else if (At(k, "=") && Identifier(k - 1)) {
        const size_t end = ExpressionEnd(k + 1);
        constants_.insert(tokens_[k - 1].text);
        if (!At(i, "parameter")) values_[tokens_[k - 1].text] = {k + 1, end};
        const bool header =
            end < tokens_.size() && (At(end + 1, "parameter") || At(end + 1, "localparam"));
        if (header || !At(end, ",")) return;
        k = end;
      } else if (At(k, ";") || Closes(tokens_[k])) {
        return;
      }
    }
  }

  void DefaultNettype() {
    const SvToken start{SvTokenKind::kSymbol, "", 1, 1};
    if (!At(0, "`default_nettype") || !At(1, "none")) {
      Find(tokens_.empty() ? start : tokens_[0], "default-nettype",
           "the first words must be `default_nettype none`: a name with a mistake is a new wire");
    }
    const size_t n = tokens_.size();
    if (n < 2 || !At(n - 2, "`default_nettype") || !At(n - 1, "wire")) {
      Find(tokens_.empty() ? start : tokens_.back(), "default-nettype",
           "the last words must be `default_nettype wire`");
    }
  }

  void RefusedAt(size_t i) {
    const SvToken& token = tokens_[i];
    if (token.kind == SvTokenKind::kString) return;
    for (const RefusedWord& refused : kRefusedWords) {
      if (token.Is(refused.word)) {
        Find(token, "refused",
             fmt::format("`{}` is refused by Yosys: write {}", token.text, refused.instead));
      }
    }
    if (token.Is("parameter") && (At(i + 1, "type") || At(i + 1, "string"))) {
      Find(tokens_[i + 1], "refused",
           "a parameter is a number: give widths, or a number for a mode");
    }
    if ((token.Is("int") || token.Is("byte") || token.Is("shortint") || token.Is("longint")) &&
        At(i + 1, "'")) {
      Find(token, "refused", "a cast has a width: 32'(x) for int'(x)");
    }
    // Yosys takes the minus for the size's.
    if (token.Is("-") && i + 2 < tokens_.size() && tokens_[i + 1].kind == SvTokenKind::kNumber &&
        At(i + 2, "'") && !EndsOperand(i - 1)) {
      Find(token, "refused", "a minus before a cast belongs to its size in Yosys: write -(W'(x))");
    }
    CarryAt(i);
    static const std::set<std::string_view> kVariable = {"logic", "reg", "bit", "int", "integer"};
    if (kVariable.contains(token.text)) InitialValueAt(i);
  }

  /// `a + W'(b) <= c`: Yosys takes the sum to be as wide as `b` was before the cast and keeps its
  /// carry, where the language drops it. The same in `{a + W'(b), c}` and `V'(a + W'(b))`. A sum
  /// that is all of an assignment is cut by it. Widths are not known here, so only sizes that are
  /// names are looked at; numbers and parameters fit.
  void CarryAt(size_t i) {
    static const std::set<std::string_view> kComparisons = {"<", "<=", ">", ">=", "==", "!="};
    if (!At(i, "'") || !At(i + 1, "(") || i == 0 || !Identifier(i - 1)) return;
    const size_t end = partner_[i + 1];
    if (end == kNone) return;
    const SvToken& operand = tokens_[i + 2];
    if (end == i + 3 && (operand.kind == SvTokenKind::kNumber ||
                         (operand.text[0] >= 'A' && operand.text[0] <= 'Z'))) {
      return;
    }
    const bool behind = i >= 2 && (At(i - 2, "+") || At(i - 2, "-")) && EndsOperand(i - 3);
    const bool before = At(end + 1, "+") || At(end + 1, "-");
    if (!behind && !before) return;
    // The sum goes on to the next operator or separator at this depth of brackets.
    size_t next = end + 1;
    while (At(next, "+") || At(next, "-")) {
      ++next;
      while (next < tokens_.size() &&
             (EndsOperand(next) || At(next, "'") || Opens(tokens_[next])) &&
             !Closes(tokens_[next])) {
        next = Opens(tokens_[next]) && partner_[next] != kNone ? partner_[next] + 1 : next + 1;
      }
    }
    const bool compared = next < tokens_.size() && kComparisons.contains(tokens_[next].text);
    const size_t open = inside_[i];
    const bool alone = open != kNone && (At(next, ",") || partner_[open] == next);
    const bool member = alone && At(open, "{");
    const bool cast = alone && At(open, "(") && open > 0 && At(open - 1, "'");
    if (compared || member || cast) {
      Find(tokens_[i - 1], "carry",
           "Yosys keeps the carry of a sum with a cast, unless it is all of an assignment: give "
           "the sum a name");
    }
  }

  /// Whether an operand ends at `i`, so that a minus behind it is binary.
  bool EndsOperand(size_t i) const {
    if (i >= tokens_.size()) return false;
    const SvTokenKind kind = tokens_[i].kind;
    return kind == SvTokenKind::kIdentifier || kind == SvTokenKind::kNumber ||
           kind == SvTokenKind::kFill || Closes(tokens_[i]);
  }

  /// `logic x = 1;` outside for loops and constants.
  void InitialValueAt(size_t i) {
    if (inside_[i] != kNone && !At(inside_[i], "(") && !At(inside_[i], "{")) return;
    if (inside_[i] != kNone) return;
    const bool constant =
        i > 0 && (At(i - 1, "parameter") || At(i - 1, "localparam") || At(i - 1, "automatic") ||
                  At(i - 1, "enum") || At(i - 1, "typedef"));
    if (constant) return;
    for (size_t k = i + 1; k < tokens_.size() && !At(k, ";") && !At(k, ")"); ++k) {
      if (Opens(tokens_[k]) && partner_[k] != kNone) k = partner_[k];
      if (At(k, "=")) {
        Find(tokens_[k], "initial-value",
             "a value at the declaration is no reset and not in the netlist: assign it");
        return;
      }
    }
  }

  /// Whether token `i` lies in the value of a parameter or localparam.
  bool InConstant(size_t i) const {
    for (size_t k = i; k-- > 0;) {
      if (Closes(tokens_[k]) && partner_[k] != kNone) {
        k = partner_[k];
      } else if (At(k, "parameter") || At(k, "localparam")) {
        return true;
      } else if (At(k, ";") || At(k, "begin") || At(k, "end")) {
        return false;
      } else if (Opens(tokens_[k]) && k > 0 && At(k - 1, "#")) {
        return false;
      }
    }
    return false;
  }

  void FillAt(size_t i) {
    const SvToken& token = tokens_[i];
    const auto refuse = [&](std::string_view what) {
      Find(token, "unsized-fill",
           fmt::format("{} as {} is one bit in Yosys: write the width, {{W{{1'b{}}}}}", token.text,
                       what, token.text[1]));
    };
    if (InConstant(i)) return refuse("value of a constant");
    // Enclosing brackets, from the inside.
    for (size_t open = inside_[i]; open != kNone; open = inside_[open]) {
      if (At(open, "(") && open > 0 && At(open - 1, "#")) return refuse("value of a parameter");
      if (At(open, "{") && InEnum(open)) return refuse("value of an enum");
    }
    // An argument as a whole; the port of an instance has a dot.
    const size_t open = inside_[i];
    if (open == kNone || !At(open, "(") || !Identifier(open - 1)) return;
    static const std::set<std::string_view> kStatements = {
        "if", "while", "case", "casez", "unique", "assign", "always_comb", "always_ff"};
    const bool whole = (At(i - 1, "(") || At(i - 1, ",")) && (At(i + 1, ")") || At(i + 1, ","));
    const bool port = open >= 2 && At(open - 2, ".");
    if (whole && !port && !kStatements.contains(tokens_[open - 1].text)) {
      refuse("an argument of a function");
    }
  }

  bool InEnum(size_t brace) const {
    for (size_t k = brace; k-- > 0;) {
      if (At(k, "enum")) return true;
      if (At(k, "]") && partner_[k] != kNone) {
        k = partner_[k];
      } else if (!Identifier(k)) {
        return false;
      }
    }
    return false;
  }

  // --- dynamic part selects --------------------------------------------------------------------

  bool IsConstantName(size_t i) const {
    return constants_.contains(tokens_[i].text) || checked_.contains(tokens_[i].text) ||
           (i >= 1 && At(i - 1, "::")) || At(i + 1, "::") || tokens_[i].text.starts_with('$');
  }

  /// Whether the range has names that are no constants.
  bool Dynamic(size_t begin, size_t end) const {
    for (size_t i = begin; i < end; ++i) {
      if (Identifier(i) && !IsConstantName(i)) return true;
    }
    return false;
  }

  /// Splits [begin, end) at `separators` outside of brackets.
  std::vector<std::pair<size_t, size_t>> Split(
      size_t begin, size_t end, std::initializer_list<std::string_view> separators) const {
    std::vector<std::pair<size_t, size_t>> parts;
    size_t from = begin;
    for (size_t i = begin; i < end; ++i) {
      if (Opens(tokens_[i]) && partner_[i] != kNone && partner_[i] < end) {
        i = partner_[i];
        continue;
      }
      if (std::any_of(separators.begin(), separators.end(),
                      [&](auto word) { return At(i, word); })) {
        parts.emplace_back(from, i);
        from = i + 1;
      }
    }
    parts.emplace_back(from, end);
    return parts;
  }

  /// Without the brackets, and the cast, around all of it.
  void Strip(size_t* begin, size_t* end) const {
    for (;;) {
      if (At(*begin, "(") && partner_[*begin] + 1 == *end) {
        ++*begin;
        --*end;
      } else if (*begin + 2 < *end && At(*begin + 1, "'") && At(*begin + 2, "(") &&
                 partner_[*begin + 2] + 1 == *end) {
        *begin += 3;
        --*end;
      } else if (At(*begin, "(") && At(partner_[*begin] + 1, "'") &&
                 At(partner_[*begin] + 2, "(") && partner_[partner_[*begin] + 2] + 1 == *end) {
        *begin = partner_[*begin] + 3;
        --*end;
      } else {
        return;
      }
    }
  }

  /// Whether the constant [begin, end) is a power of two whatever the parameters are.
  bool ProvablyPowerOfTwo(size_t begin, size_t end, int depth = 0) const {
    Strip(&begin, &end);
    if (begin >= end || depth > 32) return false;
    const auto factors = Split(begin, end, {"*"});
    if (factors.size() > 1) {
      return std::all_of(factors.begin(), factors.end(), [&](const auto& factor) {
        return ProvablyPowerOfTwo(factor.first, factor.second, depth + 1);
      });
    }
    if (end - begin == 1) {
      const SvToken& token = tokens_[begin];
      if (token.kind == SvTokenKind::kNumber) return IsPowerOfTwo(LiteralValue(token.text));
      if (checked_.contains(token.text)) return true;
      const auto value = values_.find(token.text);
      return value != values_.end() &&
             ProvablyPowerOfTwo(value->second.first, value->second.second, depth + 1);
    }
    return (At(begin, "1") || At(begin, "2")) && (At(begin + 1, "<<") || At(begin + 1, "**")) &&
           !(At(begin, "1") && At(begin + 1, "**"));
  }

  /// Refuses a variable factor with another one that varies, too, or is no power of two.
  void CheckStride(size_t begin, size_t end, const SvToken& place) {
    Strip(&begin, &end);
    if (!Dynamic(begin, end) || At(begin, "{")) return;  // {x, 3'd0} is a shift
    const auto terms = Split(begin, end, {"+", "-"});
    if (terms.size() > 1) {
      for (const auto& [first, last] : terms) CheckStride(first, last, place);
      return;
    }
    const auto factors = Split(begin, end, {"*"});
    if (factors.size() == 1) return;
    size_t varying = 0;
    for (const auto& [first, last] : factors) {
      const bool dynamic = Dynamic(first, last);
      varying += dynamic ? 1 : 0;
      if (dynamic && varying == 1) {
        CheckStride(first, last, place);
      } else if (dynamic || !ProvablyPowerOfTwo(first, last)) {
        Find(place, "dynamic-stride",
             fmt::format(
                 "a select at a variable times `{}`, no known power of two, becomes a shifter "
                 "as wide as the vector: decode the index, one statement per entry",
                 Text(first, last)));
        return;
      }
    }
  }

  std::string_view Text(size_t begin, size_t end) const {
    const char* from = tokens_[begin].text.data();
    return {from, static_cast<size_t>(tokens_[end - 1].text.data() + tokens_[end - 1].text.size() -
                                      from)};
  }

  void SelectAt(size_t i) {
    if (partner_[i] == kNone) return;
    for (size_t k = i + 1; k < partner_[i]; ++k) {
      if (Opens(tokens_[k]) && partner_[k] != kNone) {
        k = partner_[k];
      } else if (At(k, "+:") || At(k, "-:")) {
        return CheckStride(i + 1, k, tokens_[i]);
      } else if (At(k, ":")) {
        return;  // a range: constant by the language
      }
    }
    CheckStride(i + 1, partner_[i], tokens_[i]);
  }

  // --- dimensions ------------------------------------------------------------------------------

  /// `type_t name [N]` and `logic [A][B] name`.
  void DimensionsAt(size_t i) {
    if (partner_[i] == kNone) return;
    const bool range =
        !Split(i + 1, partner_[i], {":"}).empty() && Split(i + 1, partner_[i], {":"}).size() > 1;
    if (i > 0 && At(i - 1, "]") && range && InDeclaration(partner_[i - 1]) && !InStruct(i)) {
      Find(tokens_[i], "refused",
           "packed dimensions: make it flat, [N*W-1:0], and select x[i*W+:W]");
    }
    // The first dimension behind the name: `type_t name [`.
    if (i >= 2 && Identifier(i - 1) && Identifier(i - 2) && tokens_[i - 2].text.ends_with("_t")) {
      Find(tokens_[i], "struct-array",
           "an array of a named type is miswired by Yosys: use separate vectors");
    }
  }

  /// Whether the bracket at `open` follows a word that begins a declaration.
  bool InDeclaration(size_t open) const {
    static const std::set<std::string_view> kTypes = {"logic",     "wire",      "reg",   "bit",
                                                      "signed",    "unsigned",  "input", "output",
                                                      "parameter", "localparam"};
    return open > 0 && open != kNone && kTypes.contains(tokens_[open - 1].text);
  }

  /// Members of packed structs may have several dimensions.
  bool InStruct(size_t i) const {
    const size_t open = inside_[i];
    return open != kNone && At(open, "{") && open > 0 &&
           (At(open - 1, "packed") || At(open - 1, "struct"));
  }

  std::string_view text_;
  Tokens tokens_;
  std::vector<size_t> partner_;
  std::vector<size_t> inside_;
  std::set<std::string_view> constants_;
  std::set<std::string_view> checked_;
  std::map<std::string_view, std::pair<size_t, size_t>> values_;
  std::vector<SvFinding> findings_;
};

}  // namespace

std::vector<SvFinding> LintSystemVerilog(std::string_view text) { return Linter(text).Run(); }

bool HasSynthesisView(std::string_view text) {
  const std::vector<SvToken> tokens = SvTokens(text);
  for (size_t i = 0; i + 1 < tokens.size(); ++i) {
    const bool condition =
        tokens[i].Is("`ifdef") || tokens[i].Is("`ifndef") || tokens[i].Is("`elsif");
    if (condition && tokens[i + 1].Is("SYNTHESIS")) return true;
  }
  return false;
}

}  // namespace npugen

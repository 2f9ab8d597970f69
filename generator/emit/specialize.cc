// SPDX-License-Identifier: Apache-2.0
// Makes a file of the RTL library the file of one configuration.
#include "generator/emit/specialize.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "generator/support/text.h"

namespace npugen {
namespace {

constexpr std::string_view kDirective = "//@";
constexpr std::string_view kOtherwise = "//@:";

std::vector<std::string_view> SplitLines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

std::string_view Trim(std::string_view text) {
  const size_t first = text.find_first_not_of(' ');
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

class Specializer {
 public:
  Specializer(const RtlSource& source, const std::vector<ConfigValue>& values,
              std::vector<std::string>& problems)
      : source_(source), values_(values), problems_(problems) {}

  std::vector<std::string> Run() {
    for (const std::string_view line : SplitLines(source_.text)) {
      ++line_number_;
      if (Trim(line).starts_with(kOtherwise)) {
        Otherwise(line);
        continue;
      }
      const size_t at = line.find(kDirective);
      if (at == std::string_view::npos) {
        if (in_else_) Problem("a line between `//@ else` and `//@ endif` begins with `//@:`");
        Keep(std::string(line));
        continue;
      }
      const std::string_view directive = Trim(line.substr(at + kDirective.size()));
      const size_t code_end = line.find_last_not_of(' ', at - 1);
      if (directive.starts_with("if ") && at != 0 && code_end != std::string_view::npos) {
        Line(line.substr(0, code_end + 1), Trim(directive.substr(3)));
      } else if (directive.starts_with("if ")) {
        Begin(Trim(directive.substr(3)));
      } else if (directive == "else") {
        Else();
      } else if (directive == "endif") {
        End();
      } else if (directive.starts_with("unless ")) {
        Unless(line.substr(0, at), directive.substr(7));
      } else if (directive.starts_with("= ")) {
        Replace(line.substr(0, at), at, directive.substr(2));
      } else {
        Problem(fmt::format("unknown directive `{}`", directive));
      }
    }
    if (in_region_) Problem("a region is not closed by `//@ endif`");
    Align();
    return std::move(out_);
  }

 private:
  /// A replaced parameter: index into out_, and where its remark stood.
  struct Remark {
    size_t line;
    size_t column;
    std::string text;
  };

  void Problem(std::string what) {
    problems_.push_back(fmt::format("{}:{}: {}", source_.name, line_number_, what));
  }

  void Keep(std::string line) {
    if (in_region_ && !region_on_) return;
    // A removed region must not leave two blank lines.
    if (line.empty() && !out_.empty() && out_.back().empty()) return;
    out_.push_back(std::move(line));
  }

  bool Enabled(std::string_view feature) {
    const std::optional<bool> enabled = FeatureEnabled(values_, feature);
    if (!enabled) Problem(fmt::format("unknown feature `{}`", feature));
    return enabled.value_or(true);
  }

  /// A line of its own feature.
  void Line(std::string_view code, std::string_view feature) {
    if (Enabled(feature)) Keep(std::string(code));
  }

  void Begin(std::string_view feature) {
    if (in_region_) Problem("regions cannot be nested");
    in_region_ = true;
    region_on_ = Enabled(feature);
  }

  void Else() {
    if (!in_region_ || in_else_) Problem("`//@ else` without `//@ if`");
    in_else_ = true;
    region_on_ = !region_on_;
  }

  /// A line of an else region: its code stands where the directive does, or keeps its columns.
  void Otherwise(std::string_view line) {
    const size_t at = line.find(kOtherwise);
    const std::string_view code = line.substr(at + kOtherwise.size());
    if (!in_else_) {
      Problem("`//@:` outside of `//@ else`");
    } else if (region_on_ && Trim(code).empty()) {
      Keep("");
    } else if (region_on_) {
      Keep(at == 0 ? std::string(kOtherwise.size(), ' ').append(code)
                   : std::string(at, ' ').append(Trim(code)));
    }
  }

  void End() {
    if (!in_region_) Problem("`//@ endif` without `//@ if`");
    in_region_ = in_else_ = false;
  }

  void Unless(std::string_view indentation, std::string_view feature_and_code) {
    const size_t colon = feature_and_code.find(": ");
    const std::string_view feature = feature_and_code.substr(0, colon);
    const bool enabled = Enabled(feature);
    if (colon == std::string_view::npos) {
      Problem("no code after the feature");
    } else if (!enabled) {
      Keep(std::string(indentation).append(Trim(feature_and_code.substr(colon + 2))));
    }
  }

  void Replace(std::string_view code, size_t column, std::string_view key_and_remark) {
    if (in_region_ && !region_on_) return;  // the configuration may lack its key
    const size_t dashes = key_and_remark.find("--");
    const std::string_view key = Trim(key_and_remark.substr(0, dashes));
    const std::string_view remark =
        dashes == std::string_view::npos ? "" : Trim(key_and_remark.substr(dashes + 2));
    const auto value = std::find_if(values_.begin(), values_.end(),
                                    [&](const ConfigValue& known) { return known.key == key; });
    const size_t equals = code.rfind('=');
    if (value == values_.end()) {
      Problem(fmt::format("unknown key `{}`", key));
    } else if (equals == std::string_view::npos) {
      Problem("no default value to replace");
    } else if (!in_region_ || region_on_) {
      const std::string_view comma = Trim(code).ends_with(',') ? "," : "";
      remarks_.push_back({out_.size(), column,
                          remark.empty() ? std::string(key) : fmt::format("{}: {}", key, remark)});
      out_.push_back(fmt::format("{} {}{}", code.substr(0, equals + 1), value->value, comma));
    }
  }

  /// Puts remarks into one column per run of lines: the column they had, or further right where a
  /// value has become longer.
  void Align() {
    for (size_t first = 0; first < remarks_.size();) {
      size_t last = first;
      size_t column = 0;
      do {
        column = std::max({column, remarks_[last].column, out_[remarks_[last].line].size() + 2});
        ++last;
      } while (last < remarks_.size() && remarks_[last].line == remarks_[last - 1].line + 1);
      for (; first < last; ++first) {
        std::string& line = out_[remarks_[first].line];
        line.resize(column, ' ');
        const Remark& remark = remarks_[first];
        // The key is what a reader needs most.
        const bool fits = column + 3 + remark.text.size() <= kLineColumns;
        line += "// " + (fits ? remark.text : remark.text.substr(0, remark.text.find(':')));
      }
    }
  }

  const RtlSource& source_;
  const std::vector<ConfigValue>& values_;
  std::vector<std::string>& problems_;
  std::vector<std::string> out_;
  std::vector<Remark> remarks_;
  int line_number_ = 0;
  bool in_region_ = false;
  bool in_else_ = false;
  bool region_on_ = false;
};

}  // namespace

std::string Specialize(const RtlSource& source, const std::vector<ConfigValue>& values,
                       std::string_view banner, std::vector<std::string>& problems) {
  const std::vector<std::string> lines = Specializer(source, values, problems).Run();
  // The opening comment follows the first line, `default_nettype none`.
  size_t head = std::min<size_t>(1, lines.size());
  while (head < lines.size() && lines[head].starts_with("//")) ++head;
  std::string text;
  for (size_t i = 0; i <= lines.size(); ++i) {
    if (i == head) {
      for (const std::string& line : WrapText(banner, kLineColumns - 3)) {
        text += "// " + line + '\n';
      }
    }
    if (i < lines.size()) text += lines[i] + '\n';
  }
  return text;
}

}  // namespace npugen

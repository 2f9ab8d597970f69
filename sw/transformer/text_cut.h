// SPDX-License-Identifier: Apache-2.0
// Cutting texts by regular expressions, and their normal form: ICU, which no other file includes.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace npugen {

/// A regular expression. Matching is bounded in time and memory, whatever the expression.
class TextCut {
 public:
  /// Nothing, and what is wrong in `problem`, for an expression that is none.
  static std::optional<TextCut> Make(std::string_view pattern, std::string& problem);

  /// The matches, and what lies between them, in order; nothing where matching takes too long.
  std::optional<std::vector<std::string_view>> Apply(std::string_view text) const;

 private:
  struct Expression;
  explicit TextCut(std::shared_ptr<Expression> expression) : expression_(std::move(expression)) {}
  std::shared_ptr<Expression> expression_;
};

/// The text in Unicode's normal form C; nothing where it is no UTF-8.
std::optional<std::string> NormalFormC(std::string_view text);

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// ICU's C interface, whose handles are closed with the objects.
#include "sw/transformer/text_cut.h"

#include <unicode/unorm2.h>
#include <unicode/uregex.h>
#include <unicode/ustring.h>
#include <unicode/utext.h>

#include <mutex>
#include <utility>

namespace npugen {
namespace {

/// ICU counts steps of its engine: some milliseconds each.
constexpr int32_t kMostRegexTime = 1000;
constexpr int32_t kMostRegexStack = 8 << 20;

/// UTF-16 of a text; nothing where it is no UTF-8, or too long for ICU.
std::optional<std::u16string> Utf16(std::string_view text) {
  if (text.size() > (size_t{1} << 28)) return std::nullopt;
  std::u16string wide(text.size(), u'\0');
  UErrorCode error = U_ZERO_ERROR;
  int32_t length = 0;
  u_strFromUTF8(wide.data(), static_cast<int32_t>(wide.size()), &length, text.data(),
                static_cast<int32_t>(text.size()), &error);
  if (U_FAILURE(error)) return std::nullopt;
  wide.resize(static_cast<size_t>(length));
  return wide;
}

}  // namespace

struct TextCut::Expression {
  explicit Expression(URegularExpression* compiled) : regex(compiled) {}
  ~Expression() { uregex_close(regex); }
  Expression(const Expression&) = delete;
  Expression& operator=(const Expression&) = delete;

  URegularExpression* regex;
  std::mutex mutex;  ///< it holds the text that it works on
};

std::optional<TextCut> TextCut::Make(std::string_view pattern, std::string& problem) {
  const auto wide = Utf16(pattern);
  UParseError place = {};
  UErrorCode error = U_ZERO_ERROR;
  if (!wide || wide->empty()) {
    problem = "no text";
    return std::nullopt;
  }
  URegularExpression* regex =
      uregex_open(wide->data(), static_cast<int32_t>(wide->size()), 0, &place, &error);
  if (U_FAILURE(error)) {
    problem = std::string(u_errorName(error)) + " at character " + std::to_string(place.offset);
    return std::nullopt;
  }
  auto expression = std::make_shared<Expression>(regex);
  uregex_setTimeLimit(regex, kMostRegexTime, &error);
  uregex_setStackLimit(regex, kMostRegexStack, &error);
  return TextCut(std::move(expression));
}

std::optional<std::vector<std::string_view>> TextCut::Apply(std::string_view text) const {
  const std::lock_guard<std::mutex> lock(expression_->mutex);
  URegularExpression* regex = expression_->regex;
  UErrorCode error = U_ZERO_ERROR;
  UText* bytes = utext_openUTF8(nullptr, text.data(), static_cast<int64_t>(text.size()), &error);
  if (U_FAILURE(error)) return std::nullopt;
  uregex_setUText(regex, bytes, &error);
  std::vector<std::string_view> pieces;
  size_t done = 0;
  const auto add = [&](size_t end) {
    if (end > done) pieces.push_back(text.substr(done, end - done));
    done = std::max(done, end);
  };
  while (U_SUCCESS(error) && uregex_findNext(regex, &error)) {
    const int64_t first = uregex_start64(regex, 0, &error);
    const int64_t last = uregex_end64(regex, 0, &error);
    if (U_FAILURE(error)) break;
    add(static_cast<size_t>(first));
    add(static_cast<size_t>(last));
  }
  add(text.size());
  utext_close(bytes);
  if (U_FAILURE(error)) return std::nullopt;
  return pieces;
}

std::optional<std::string> NormalFormC(std::string_view text) {
  const auto wide = Utf16(text);
  if (!wide) return std::nullopt;
  UErrorCode error = U_ZERO_ERROR;
  const UNormalizer2* form = unorm2_getNFCInstance(&error);
  // No character takes more than three times as much.
  std::u16string normal(3 * wide->size() + 1, u'\0');
  const int32_t length =
      unorm2_normalize(form, wide->data(), static_cast<int32_t>(wide->size()), normal.data(),
                       static_cast<int32_t>(normal.size()), &error);
  if (U_FAILURE(error)) return std::nullopt;
  std::string result(3 * static_cast<size_t>(length) + 1, '\0');
  int32_t bytes = 0;
  u_strToUTF8(result.data(), static_cast<int32_t>(result.size()), &bytes, normal.data(), length,
              &error);
  if (U_FAILURE(error)) return std::nullopt;
  result.resize(static_cast<size_t>(bytes));
  return result;
}

}  // namespace npugen

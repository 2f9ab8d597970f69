// SPDX-License-Identifier: Apache-2.0
// JSON is checked for syntax, depth and repeated keys before it is kept.
#include "sw/model/json_fields.h"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "generator/support/file.h"
#include "generator/support/text.h"
#include "sw/model/describe.h"

namespace npugen {
namespace {

using Code = DiagnosticCode;

constexpr size_t kMostJsonDiagnostics = 50;

// Finds what parsing into a tree would not tell: where the syntax is wrong, how deep values are
// nested, which keys are given twice.
class JsonCheck : public nlohmann::json_sax<Json> {
 public:
  explicit JsonCheck(const JsonDialect& dialect) : code(dialect.syntax), dialect_(dialect) {}
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(size_t) override { return Enter(); }
  bool start_array(size_t) override { return Enter(); }
  bool end_object() override { return Leave(); }
  bool end_array() override { return Leave(); }
  bool key(string_t& key) override {
    if (keys_.back().insert(key).second) return true;
    code = dialect_.key;
    problem = fmt::format("the key \"{}\" is given twice in one object",
                          PrintableName(key.substr(0, 40)));
    return false;
  }
  bool parse_error(size_t position, const std::string&, const Json::exception& error) override {
    code = dialect_.syntax;
    at = position;
    problem = error.what();
    // "[json.exception.parse_error.101] parse error at line 1, column 5: syntax error while ..."
    if (const size_t text = problem.find(": "); text != std::string::npos) {
      problem = problem.substr(text + 2, 200);
    }
    return false;
  }

  Code code;
  std::string problem;
  size_t at = 0;  // bytes read when the syntax was found wrong; 0: not known

 private:
  bool Enter() {
    keys_.emplace_back();
    if (keys_.size() <= dialect_.deepest) return true;
    problem = fmt::format("values are nested more than {} deep", dialect_.deepest);
    return false;
  }
  bool Leave() {
    keys_.pop_back();
    return true;
  }
  const JsonDialect& dialect_;
  std::vector<std::set<std::string>> keys_;
};

/// "a, b, c".
std::string WordList(const std::vector<std::string_view>& words) {
  std::string text;
  for (std::string_view word : words) {
    if (!text.empty()) text += ", ";
    text += word;
  }
  return text;
}

}  // namespace

Result<std::shared_ptr<const Json>> ParseJson(std::string_view text, const std::string& name,
                                              const JsonDialect& dialect) {
  Diagnostic error;
  error.location.file = name;
  if (text.size() > dialect.most_bytes) {
    error.code = Code::kModelTooLarge;
    error.message = fmt::format("its JSON has {} bytes", text.size());
    error.hint = fmt::format("at most {}", FormatBytes(dialect.most_bytes));
    return error;
  }
  JsonCheck check(dialect);
  if (!Json::sax_parse(text.begin(), text.end(), &check)) {
    error.code = check.code;
    error.message = check.problem;
    if (check.at > 0) {
      const std::string_view read = text.substr(0, std::min(check.at, text.size()));
      error.location.line = 1 + static_cast<int>(std::count(read.begin(), read.end(), '\n'));
      const size_t line_start = read.rfind('\n');
      error.location.column = static_cast<int>(
          line_start == std::string_view::npos ? read.size() : read.size() - line_start - 1);
      error.location.column = std::max(error.location.column, 1);
    }
    error.hint = dialect.hint;
    return error;
  }
  return std::make_shared<const Json>(
      Json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false));
}

bool IsObject(const Json& value) { return value.is_object(); }
bool IsList(const Json& value) { return value.is_array(); }
bool IsText(const Json& value) { return value.is_string(); }
size_t Size(const Json& value) { return value.size(); }
const Json& Element(const Json& list, size_t index) { return list[index]; }
bool Has(const Json& object, const char* key) { return object.contains(key); }
const Json& At(const Json& object, const char* key) { return object[key]; }
bool Is(const Json& value, const char* text) { return value == text; }
const std::string& Text(const Json& value) { return value.get_ref<const std::string&>(); }
bool IsNull(const Json& value) { return value.is_null(); }
bool IsTrue(const Json& value) { return value.is_boolean() && value.get<bool>(); }
std::optional<double> RealNumber(const Json& value) {
  return value.is_number() ? std::optional(value.get<double>()) : std::nullopt;
}
std::vector<std::pair<std::string, const Json*>> Items(const Json& object) {
  std::vector<std::pair<std::string, const Json*>> items;
  for (const auto& [key, value] : object.items()) items.emplace_back(key, &value);
  return items;
}
std::string Dump(const Json& value) { return value.dump(); }

std::string KindOf(const Json& value) {
  if (value.is_number_float()) return "a number with a fraction or beyond 64 bits";
  if (value.is_number()) return "a number";
  if (value.is_array()) return fmt::format("a list of {}", value.size());
  if (value.is_object()) return "an object";
  if (value.is_string()) return "text";
  return value.is_null() ? "null" : "true or false";
}

bool SameInteger(const Json& value, int64_t number) {
  return value.is_number_integer() && value == number;
}

void JsonFields::Fail(DiagnosticCode code, const std::string& message, const std::string& hint) {
  if (errors.size() >= kMostJsonDiagnostics) return;
  Diagnostic error;
  error.code = code;
  error.location.file = file;
  error.message = where.empty() ? message : where + ": " + message;
  error.hint = hint;
  errors.push_back(std::move(error));
}

void JsonFields::CheckKeys(const Json& object, const std::vector<std::string_view>& known) {
  for (const auto& [key, value] : object.items()) {
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    const std::string_view nearest = key.size() < 40 ? NearestWord(key, known) : std::string_view();
    Fail(dialect.key, fmt::format("unknown key \"{}\"", PrintableName(key.substr(0, 40))),
         nearest.empty() ? fmt::format("keys here: {}", WordList(known))
                         : fmt::format("did you mean \"{}\"?", nearest));
  }
}

const Json* JsonFields::Find(const Json& object, const char* key, const std::string& legal) {
  const auto found = object.find(key);
  if (found != object.end()) return &*found;
  Fail(dialect.key, fmt::format("the key \"{}\" is missing", key), legal);
  return nullptr;
}

std::optional<int64_t> JsonFields::ToInteger(const Json& value, const std::string& what,
                                             int64_t least, int64_t most) {
  const std::string legal = fmt::format("an integer from {} to {}", least, most);
  if (!value.is_number_integer()) {
    Fail(dialect.value, fmt::format("{} is {}", what, KindOf(value)), legal);
    return std::nullopt;
  }
  const bool huge = value.is_number_unsigned() && value.get<uint64_t>() > uint64_t{INT64_MAX};
  if (huge || value.get<int64_t>() < least || value.get<int64_t>() > most) {
    Fail(dialect.value,
         huge ? fmt::format("{} is {}", what, value.get<uint64_t>())
              : fmt::format("{} is {}", what, value.get<int64_t>()),
         legal);
    return std::nullopt;
  }
  return value.get<int64_t>();
}

std::optional<int32_t> JsonFields::Integer(const Json& object, const char* key, int32_t least,
                                           int32_t most) {
  const Json* value = Find(object, key, fmt::format("an integer from {} to {}", least, most));
  if (value == nullptr) return std::nullopt;
  const auto number = ToInteger(*value, fmt::format("\"{}\"", key), least, most);
  if (!number) return std::nullopt;
  return static_cast<int32_t>(*number);
}

std::optional<int32_t> JsonFields::IntegerOr(const Json& object, const char* key, int32_t least,
                                             int32_t most, int32_t otherwise) {
  return object.contains(key) ? Integer(object, key, least, most) : otherwise;
}

std::optional<JsonPair> JsonFields::ReadPair(const Json& object, const char* key, int32_t least,
                                             int32_t most) {
  const Json* value = Find(object, key, fmt::format("{} to {}, or two of them", least, most));
  if (value == nullptr) return std::nullopt;
  if (!value->is_array()) {
    const auto both = ToInteger(*value, fmt::format("\"{}\"", key), least, most);
    if (!both) return std::nullopt;
    return JsonPair{static_cast<int32_t>(*both), static_cast<int32_t>(*both)};
  }
  const auto two = ToList(*value, key, 2, least, most);
  if (!two) return std::nullopt;
  return JsonPair{(*two)[0], (*two)[1]};
}

std::optional<std::vector<int32_t>> JsonFields::ToList(const Json& value, const std::string& key,
                                                       size_t length, int64_t least, int64_t most) {
  if (!value.is_array() || value.size() != length) {
    Fail(value.is_array() ? dialect.shape : dialect.value,
         fmt::format("\"{}\" is {}", key, KindOf(value)),
         fmt::format("a list of {} integers", length));
    return std::nullopt;
  }
  std::vector<int32_t> list;
  list.reserve(length);
  for (size_t i = 0; i < length; ++i) {
    const auto number =
        ToInteger(value[i], fmt::format("element {} of \"{}\"", i, key), least, most);
    if (!number) return std::nullopt;
    list.push_back(static_cast<int32_t>(*number));
  }
  return list;
}

std::optional<std::vector<int32_t>> JsonFields::List(const Json& object, const char* key,
                                                     size_t length, int64_t least, int64_t most) {
  const Json* value = Find(object, key, fmt::format("a list of {} integers", length));
  if (value == nullptr) return std::nullopt;
  return ToList(*value, key, length, least, most);
}

std::optional<std::vector<int32_t>> JsonFields::ImageShape(const Json& object, const char* key) {
  auto shape = List(object, key, 3, 1, kLargestDimension);
  if (shape && !FitsElements({1, (*shape)[0], (*shape)[1], (*shape)[2]}, key)) return {};
  return shape;
}

bool JsonFields::FitsElements(const std::vector<int64_t>& dimensions, const std::string& key) {
  int64_t count = 1;
  for (int64_t dimension : dimensions) {
    // Neither factor exceeds 2^31: no overflow.
    count *= dimension;
    if (count <= kMostElements) continue;
    Fail(Code::kModelTooLarge,
         fmt::format("\"{}\" {} has too many elements", key, ShapeText(dimensions)),
         fmt::format("at most {}", kMostElements));
    return false;
  }
  return true;
}

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// Values of a JSON file, read with care; the JSON library's headers, which take long to compile,
// stay out of whoever uses them.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "generator/support/diagnostic.h"
#include "sw/model/limits.h"

namespace npugen {

using Json = nlohmann::json;

/// What the errors of a format that is written in JSON are called, and what its files may be.
struct JsonDialect {
  DiagnosticCode syntax;
  DiagnosticCode key;
  DiagnosticCode value;
  DiagnosticCode shape;  ///< of lists that do not fit what belongs to them
  size_t most_bytes;
  size_t deepest;  ///< levels of objects and lists
  const char* hint;
};
inline constexpr JsonDialect kPackedJson = {DiagnosticCode::kPackedSyntax,
                                            DiagnosticCode::kPackedKey,
                                            DiagnosticCode::kPackedValue,
                                            DiagnosticCode::kPackedShape,
                                            size_t{16} << 20,
                                            8,  // the format itself has five levels
                                            "docs/packed_bits.md describes the format"};

/// The tree of `text`, the contents of the file `name`: of legal syntax, not nested too deep, no
/// key twice in an object.
Result<std::shared_ptr<const Json>> ParseJson(std::string_view text, const std::string& name,
                                              const JsonDialect& dialect = kPackedJson);

bool IsObject(const Json& value);
bool IsList(const Json& value);
bool IsText(const Json& value);
/// Of a list.
size_t Size(const Json& value);
const Json& Element(const Json& list, size_t index);
/// Of an object.
bool Has(const Json& object, const char* key);
/// A key that the object has.
const Json& At(const Json& object, const char* key);
/// Whether it is this text.
bool Is(const Json& value, const char* text);
/// Whether it is this integer.
bool SameInteger(const Json& value, int64_t number);
/// Of text.
const std::string& Text(const Json& value);
/// Whether it is null, and whether it is true.
bool IsNull(const Json& value);
bool IsTrue(const Json& value);
/// Of a number; nothing of what is none.
std::optional<double> RealNumber(const Json& value);
/// Keys of an object with their values.
std::vector<std::pair<std::string, const Json*>> Items(const Json& object);
/// As it would stand in a file.
std::string Dump(const Json& value);
/// For messages: "a number", "a list of 3" ...
std::string KindOf(const Json& value);

/// Vertical and horizontal.
struct JsonPair {
  int32_t y = 0;
  int32_t x = 0;
};

/// Reads fields and collects what is wrong with them. Empty results are refused values.
class JsonFields {
 public:
  explicit JsonFields(std::string file_name, const JsonDialect& json_dialect = kPackedJson)
      : file(std::move(file_name)), dialect(json_dialect) {}

  const std::string file;
  const JsonDialect& dialect;
  std::string where;  ///< what errors are about, such as "layer 3 (bconv)"
  Diagnostics errors;

  /// Adds an error at `where`; from the 50th on they are dropped.
  void Fail(DiagnosticCode code, const std::string& message, const std::string& hint);
  /// Refuses the keys of `object` that are not in `known`.
  void CheckKeys(const Json& object, const std::vector<std::string_view>& known);
  /// The value of a key; null and an error if it is missing.
  const Json* Find(const Json& object, const char* key, const std::string& legal);
  /// An integer in [least, most]. `what` names it in messages.
  std::optional<int64_t> ToInteger(const Json& value, const std::string& what, int64_t least,
                                   int64_t most);
  /// The same for a key of `object`.
  std::optional<int32_t> Integer(const Json& object, const char* key, int32_t least, int32_t most);
  /// The same for a key that may be missing.
  std::optional<int32_t> IntegerOr(const Json& object, const char* key, int32_t least, int32_t most,
                                   int32_t otherwise);
  /// One number for both directions, or [vertical, horizontal].
  std::optional<JsonPair> ReadPair(const Json& object, const char* key, int32_t least,
                                   int32_t most);
  /// A list of `length` integers.
  std::optional<std::vector<int32_t>> ToList(const Json& value, const std::string& key,
                                             size_t length, int64_t least, int64_t most);
  /// The same for a key of `object`.
  std::optional<std::vector<int32_t>> List(const Json& object, const char* key, size_t length,
                                           int64_t least, int64_t most);
  /// The shape of an image: [H,W,C].
  std::optional<std::vector<int32_t>> ImageShape(const Json& object, const char* key);
  /// Whether a tensor may have so many elements.
  bool FitsElements(const std::vector<int64_t>& dimensions, const std::string& key);
};

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// GGUF with a cursor that never leaves the file: what a count says is read until the file ends.
#include "sw/transformer/gguf.h"

#include <fmt/core.h>

#include <algorithm>
#include <bit>
#include <utility>

#include "sw/model/describe.h"
#include "sw/transformer/stored_ranges.h"

namespace npugen {
namespace {

using Code = DiagnosticCode;
using Kind = GgufValue::Kind;

constexpr uint32_t kGgufMagic = 0x46554747;
constexpr uint64_t kMostAlignment = 1u << 20;
constexpr uint32_t kMostExtents = 4;
constexpr uint64_t kMostKeyBytes = 65535;

struct GgufType {
  Kind kind;
  uint32_t bytes;  ///< 0: texts and lists, which say how long they are
  bool is_signed;
};
/// By the number in the file.
constexpr GgufType kGgufTypes[] = {
    {Kind::kWhole, 1, false}, {Kind::kWhole, 1, true},  {Kind::kWhole, 2, false},
    {Kind::kWhole, 2, true},  {Kind::kWhole, 4, false}, {Kind::kWhole, 4, true},
    {Kind::kReal, 4, true},   {Kind::kTruth, 1, false}, {Kind::kText, 0, false},
    {Kind::kList, 0, false},  {Kind::kWhole, 8, false}, {Kind::kWhole, 8, true},
    {Kind::kReal, 8, true}};

struct GgufTensorType {
  uint32_t number;
  StoredType type;
};
constexpr GgufTensorType kGgufTensorTypes[] = {{0, StoredType::kF32},
                                               {1, StoredType::kF16},
                                               {2, StoredType::kQ4Blocks},
                                               {8, StoredType::kQ8Blocks},
                                               {30, StoredType::kBf16}};

/// Reads the file from its beginning; the first error stays.
class GgufCursor {
 public:
  GgufCursor(std::span<const uint8_t> bytes, const std::string& file)
      : bytes_(bytes), file_(file) {}

  bool ok() const { return !error.has_value(); }
  uint64_t at() const { return at_; }
  uint64_t left() const { return bytes_.size() - at_; }

  bool Fail(Code code, std::string message, std::string hint) {
    if (!error) {
      error =
          Diagnostic(code, SourceLocation{file_},
                     fmt::format("byte {}{}{}: {}", at_, where.empty() ? "" : ", ", where, message),
                     std::move(hint));
    }
    return false;
  }

  /// A number of 1 to 8 bytes; 0 behind the end.
  uint64_t Word(uint32_t bytes) {
    if (!ok() || bytes > left()) {
      Fail(Code::kTransformerHeader, "the header is cut off", "a whole file");
      return 0;
    }
    uint64_t value = 0;
    for (uint32_t i = 0; i < bytes; ++i) value |= uint64_t{bytes_[at_ + i]} << 8 * i;
    at_ += bytes;
    return value;
  }

  std::string_view Text() {
    const uint64_t length = Word(8);
    if (!ok()) return {};
    if (length > left()) {
      Fail(Code::kTransformerHeader, fmt::format("a text of {} bytes", length),
           fmt::format("{} bytes are left", left()));
      return {};
    }
    const std::string_view text(reinterpret_cast<const char*>(bytes_.data()) + at_, length);
    at_ += length;
    return text;
  }

  /// A value of a type that is neither text nor list.
  bool Plain(const GgufType& type, GgufValue& value) {
    const uint64_t word = Word(type.bytes);
    value.kind = type.kind;
    if (type.kind == Kind::kReal) {
      value.real = type.bytes == 4 ? std::bit_cast<float>(static_cast<uint32_t>(word))
                                   : std::bit_cast<double>(word);
    } else if (type.kind == Kind::kTruth) {
      value.truth = word != 0;
    } else {
      const uint32_t unused = 64 - 8 * type.bytes;
      value.whole = type.is_signed ? static_cast<int64_t>(word << unused) >> unused
                                   : static_cast<int64_t>(word);
      if (!type.is_signed && value.whole < 0) {
        return Fail(Code::kTransformerHeader, fmt::format("{} is beyond 2^63", word),
                    "smaller numbers");
      }
    }
    return ok();
  }

  const GgufType* Type() {
    const uint64_t number = Word(4);
    if (!ok()) return nullptr;
    if (number >= std::size(kGgufTypes)) {
      Fail(Code::kTransformerHeader, fmt::format("type {} of a value", number), "types 0 to 12");
      return nullptr;
    }
    return &kGgufTypes[number];
  }

  bool List(GgufValue& value) {
    value.kind = Kind::kList;
    const GgufType* type = Type();
    const uint64_t count = Word(8);
    if (!ok()) return false;
    if (type->kind == Kind::kList) {
      return Fail(Code::kTransformerHeader, "a list of lists", "lists of numbers or texts");
    }
    const uint64_t least = type->kind == Kind::kText ? 8 : type->bytes;
    if (count > left() / least) {
      return Fail(Code::kTransformerHeader, fmt::format("a list of {} elements", count),
                  fmt::format("{} bytes are left", left()));
    }
    if (count > kMostTokens) {
      return Fail(Code::kModelTooLarge, fmt::format("a list of {} elements", count),
                  fmt::format("at most {}", kMostTokens));
    }
    value.element = type->kind;
    for (uint64_t i = 0; i < count && ok(); ++i) {
      if (type->kind == Kind::kText) {
        value.texts.push_back(Text());
        continue;
      }
      GgufValue element;
      if (!Plain(*type, element)) return false;
      value.numbers.push_back(element.kind == Kind::kReal    ? element.real
                              : element.kind == Kind::kTruth ? element.truth
                                                             : static_cast<double>(element.whole));
    }
    return ok();
  }

  std::optional<Diagnostic> error;
  std::string where;

 private:
  std::span<const uint8_t> bytes_;
  const std::string& file_;
  uint64_t at_ = 0;
};

bool ParseGgufValues(GgufCursor& cursor, uint64_t count, Gguf& gguf) {
  for (uint64_t i = 0; i < count; ++i) {
    cursor.where = fmt::format("key {}", i);
    const std::string key(cursor.Text().substr(0, kMostKeyBytes));
    if (!cursor.ok()) return false;
    cursor.where = fmt::format("key `{}`", PrintableName(key));
    GgufValue value;
    const GgufType* type = cursor.Type();
    if (type == nullptr) return false;
    if (type->kind == Kind::kText) {
      value.kind = Kind::kText;
      value.text = cursor.Text();
    } else if (type->kind == Kind::kList ? !cursor.List(value) : !cursor.Plain(*type, value)) {
      return false;
    }
    if (!cursor.ok()) return false;
    if (!gguf.values.emplace(key, std::move(value)).second) {
      return cursor.Fail(Code::kTransformerKey, "the key is there twice", "each key once");
    }
  }
  cursor.where.clear();
  return true;
}

struct GgufTensorInfo {
  StoredTensor tensor;
  uint64_t offset = 0;
  uint64_t bytes = 0;
};

bool ParseGgufTensor(GgufCursor& cursor, uint64_t alignment, GgufTensorInfo& info) {
  info.tensor.name = std::string(cursor.Text().substr(0, kMostKeyBytes));
  if (!cursor.ok()) return false;
  cursor.where = fmt::format("tensor `{}`", PrintableName(info.tensor.name));
  const uint64_t extents = cursor.Word(4);
  if (cursor.ok() && (extents == 0 || extents > kMostExtents)) {
    return cursor.Fail(Code::kTransformerHeader, fmt::format("{} extents", extents), "1 to 4");
  }
  for (uint64_t i = 0; i < extents && cursor.ok(); ++i) {
    info.tensor.shape.insert(info.tensor.shape.begin(), cursor.Word(8));
  }
  const uint64_t number = cursor.Word(4);
  info.offset = cursor.Word(8);
  if (!cursor.ok()) return false;
  const auto* type =
      std::find_if(std::begin(kGgufTensorTypes), std::end(kGgufTensorTypes),
                   [number](const GgufTensorType& row) { return row.number == number; });
  if (type == std::end(kGgufTensorTypes)) {
    return cursor.Fail(Code::kTransformerTensor, fmt::format("type {} of elements", number),
                       "F32 (0), F16 (1), Q4_0 (2), Q8_0 (8), BF16 (30)");
  }
  info.tensor.type = type->type;
  const auto bytes = StoredBytes(info.tensor.type, info.tensor.shape);
  if (!bytes) {
    return cursor.Fail(Code::kTransformerPlace,
                       "its extents are no whole blocks, or their product has more than 64 bits",
                       "rows of whole blocks");
  }
  info.bytes = *bytes;
  if (info.offset % alignment != 0) {
    return cursor.Fail(Code::kTransformerPlace, fmt::format("it begins at {}", info.offset),
                       fmt::format("a multiple of {}", alignment));
  }
  return true;
}

/// Where the tensors of the list are in the file.
bool PlaceGgufTensors(GgufCursor& cursor, std::span<const uint8_t> bytes, uint64_t begin,
                      std::vector<GgufTensorInfo>& infos, Gguf& gguf) {
  StoredRanges ranges;
  const uint64_t data = bytes.size() - std::min<uint64_t>(begin, bytes.size());
  for (GgufTensorInfo& info : infos) {
    if (info.bytes > data || info.offset > data - info.bytes) {
      cursor.where = fmt::format("tensor `{}`", PrintableName(info.tensor.name));
      return cursor.Fail(
          Code::kTransformerPlace,
          fmt::format("{} bytes from {} on end behind the file", info.bytes, info.offset),
          fmt::format("{} bytes of tensors from byte {} on", data, begin));
    }
    info.tensor.bytes = bytes.subspan(begin + info.offset, info.bytes);
    ranges.Add(info.offset, info.bytes, info.tensor.name);
    gguf.tensors.Add(std::move(info.tensor));
  }
  if (const auto overlap = ranges.Overlap()) {
    return cursor.Fail(Code::kTransformerPlace, *overlap, "bytes of its own for each tensor");
  }
  return true;
}

}  // namespace

Result<Gguf> ParseGguf(std::span<const uint8_t> bytes, const std::string& file) {
  GgufCursor cursor(bytes, file);
  const uint64_t magic = cursor.Word(4), version = cursor.Word(4);
  if (cursor.ok() && (magic != kGgufMagic || version < 2 || version > 3)) {
    cursor.Fail(Code::kTransformerHeader,
                magic != kGgufMagic ? std::string("it does not begin with GGUF")
                                    : fmt::format("version {}", version),
                "GGUF, version 2 or 3, little endian");
  }
  const uint64_t tensors = cursor.Word(8), values = cursor.Word(8);
  Gguf gguf{{}, TensorTable(file)};
  if (!cursor.ok() || !ParseGgufValues(cursor, values, gguf)) return *cursor.error;
  uint64_t alignment = 32;
  if (const auto given = gguf.values.find("general.alignment"); given != gguf.values.end()) {
    const int64_t value = given->second.kind == Kind::kWhole ? given->second.whole : 0;
    if (value <= 0 || value > int64_t{kMostAlignment} || !std::has_single_bit(uint64_t(value))) {
      cursor.Fail(Code::kTransformerHeader, fmt::format("general.alignment is {}", value),
                  "a power of two, at most 1 Mi");
      return *cursor.error;
    }
    alignment = static_cast<uint64_t>(value);
  }
  std::vector<GgufTensorInfo> infos;
  for (uint64_t i = 0; i < tensors; ++i) {
    cursor.where = fmt::format("tensor {}", i);
    GgufTensorInfo info;
    info.tensor.file = file;
    if (!ParseGgufTensor(cursor, alignment, info)) return *cursor.error;
    infos.push_back(std::move(info));
  }
  cursor.where.clear();
  const uint64_t begin = (cursor.at() + alignment - 1) / alignment * alignment;
  if (!PlaceGgufTensors(cursor, bytes, begin, infos, gguf)) return *cursor.error;
  if (!gguf.tensors.errors.empty()) return gguf.tensors.errors;
  return gguf;
}

}  // namespace npugen

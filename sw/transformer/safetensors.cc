// SPDX-License-Identifier: Apache-2.0
// Every tensor has bytes of its own, and every byte belongs to one.
#include "sw/transformer/safetensors.h"

#include <fmt/core.h>

#include <utility>

#include "sw/model/describe.h"
#include "sw/transformer/read_transformer.h"
#include "sw/transformer/stored_ranges.h"

namespace npugen {
namespace {

using Code = DiagnosticCode;

constexpr size_t kSafetensorsLength = 8;

std::optional<StoredType> SafetensorsType(const std::string& name) {
  if (name == "F32") return StoredType::kF32;
  if (name == "F16") return StoredType::kF16;
  if (name == "BF16") return StoredType::kBf16;
  return std::nullopt;
}

/// One entry of the header; false with an error.
bool ReadSafetensorsEntry(const Json& entry, std::span<const uint8_t> data, JsonFields& fields,
                          StoredTensor& tensor, uint64_t& begin) {
  if (!IsObject(entry)) {
    fields.Fail(Code::kTransformerHeader, KindOf(entry), "an object");
    return false;
  }
  fields.CheckKeys(entry, {"dtype", "shape", "data_offsets"});
  const Json* type = fields.Find(entry, "dtype", "F32, F16 or BF16");
  const Json* shape = fields.Find(entry, "shape", "a list of extents");
  const auto offsets = fields.List(entry, "data_offsets", 2, 0, INT32_MAX);
  if (type == nullptr || shape == nullptr || !offsets || !fields.errors.empty()) return false;
  const auto known = IsText(*type) ? SafetensorsType(Text(*type)) : std::nullopt;
  if (!known) {
    fields.Fail(
        Code::kTransformerTensor,
        fmt::format("\"dtype\" is {}", IsText(*type) ? PrintableName(Text(*type)) : KindOf(*type)),
        "F32, F16 or BF16");
    return false;
  }
  if (!IsList(*shape)) {
    fields.Fail(Code::kTransformerHeader, fmt::format("\"shape\" is {}", KindOf(*shape)),
                "a list of extents");
    return false;
  }
  tensor.type = *known;
  for (size_t i = 0; i < Size(*shape); ++i) {
    const auto extent =
        fields.ToInteger(Element(*shape, i), "an extent of \"shape\"", 0, INT64_MAX);
    if (!extent) return false;
    tensor.shape.push_back(static_cast<uint64_t>(*extent));
  }
  begin = static_cast<uint64_t>((*offsets)[0]);
  const auto end = static_cast<uint64_t>((*offsets)[1]);
  const auto bytes = StoredBytes(tensor.type, tensor.shape);
  if (end < begin || end > data.size()) {
    fields.Fail(Code::kTransformerPlace, fmt::format("bytes {} to {}", begin, end),
                fmt::format("there are {} bytes behind the header", data.size()));
    return false;
  }
  if (!bytes || *bytes != end - begin) {
    fields.Fail(Code::kTransformerPlace,
                bytes ? fmt::format("its shape takes {} bytes, its offsets {}", *bytes, end - begin)
                      : std::string("its shape takes more than 2^64 bytes"),
                "as many bytes as the shape takes");
    return false;
  }
  tensor.bytes = data.subspan(begin, *bytes);
  return true;
}

}  // namespace

Status ReadSafetensors(std::span<const uint8_t> bytes, const std::string& file, TensorTable& table,
                       std::vector<std::string>* names) {
  JsonFields fields(file, kTransformerJson);
  uint64_t length = 0;
  for (size_t i = 0; i < kSafetensorsLength && i < bytes.size(); ++i) {
    length |= uint64_t{bytes[i]} << 8 * i;
  }
  if (bytes.size() < kSafetensorsLength || length > bytes.size() - kSafetensorsLength) {
    fields.Fail(
        Code::kTransformerHeader, fmt::format("a header of {} bytes", length),
        fmt::format("8 bytes of length, and a header in the {} bytes of the file", bytes.size()));
    return fields.errors;
  }
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()) + kSafetensorsLength,
                              length);
  const auto tree = ParseJson(text, file, kTransformerJson);
  if (!tree) return tree.errors();
  if (!IsObject(**tree)) {
    fields.Fail(Code::kTransformerHeader, fmt::format("the header is {}", KindOf(**tree)),
                "an object");
    return fields.errors;
  }
  const std::span<const uint8_t> data = bytes.subspan(kSafetensorsLength + length);
  StoredRanges ranges;
  for (const auto& [name, entry] : Items(**tree)) {
    if (name == "__metadata__") continue;
    fields.where = fmt::format("tensor `{}`", PrintableName(name));
    StoredTensor tensor;
    tensor.file = file;
    tensor.name = name;
    uint64_t begin = 0;
    if (!ReadSafetensorsEntry(*entry, data, fields, tensor, begin)) return fields.errors;
    ranges.Add(begin, tensor.bytes.size(), name);
    if (names != nullptr) names->push_back(name);
    table.Add(std::move(tensor));
  }
  fields.where.clear();
  auto wrong = ranges.Overlap();
  if (!wrong) wrong = ranges.Gap(data.size());
  if (wrong) {
    fields.Fail(Code::kTransformerPlace, *wrong, "bytes of its own for each tensor, and no others");
    return fields.errors;
  }
  if (!table.errors.empty()) return table.errors;
  return Unit{};
}

}  // namespace npugen

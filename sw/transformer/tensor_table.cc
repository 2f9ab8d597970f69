// SPDX-License-Identifier: Apache-2.0
// Elements of files become FP32 numbers one after the other, and bf16 codes where they are weights.
#include "sw/transformer/tensor_table.h"

#include <fmt/core.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "sw/model/describe.h"
#include "sw/numerics/float_format.h"

namespace npugen {
namespace {

using Code = DiagnosticCode;
using numerics::FromFormat;
using numerics::FromInteger;
using numerics::IsFinite;
using numerics::IsZero;
using numerics::kBf16;
using numerics::kF16;
using numerics::Multiply;
using numerics::Overflow;
using numerics::ToFormat;

constexpr uint64_t kBlockElements = 32;
constexpr size_t kMostTensorDiagnostics = 20;

struct StoredLayout {
  uint64_t elements;  ///< of a block
  uint64_t bytes;     ///< of a block
};
StoredLayout LayoutOf(StoredType type) {
  switch (type) {
    case StoredType::kF32:
      return {1, 4};
    case StoredType::kF16:
    case StoredType::kBf16:
      return {1, 2};
    case StoredType::kQ8Blocks:
      return {kBlockElements, 2 + kBlockElements};
    case StoredType::kQ4Blocks:
      return {kBlockElements, 2 + kBlockElements / 2};
  }
  return {1, 4};
}

uint32_t LittleEndianHalf(std::span<const uint8_t> bytes) {
  return static_cast<uint32_t>(bytes[0] | bytes[1] << 8);
}

/// The elements of a block as FP32 numbers; false where its scale cannot be used.
bool WidenBlock(StoredType type, std::span<const uint8_t> block, std::span<Fp32> out) {
  if (type == StoredType::kF32) {
    std::memcpy(out.data(), block.data(), sizeof(Fp32));
    if constexpr (std::endian::native == std::endian::big) out[0] = __builtin_bswap32(out[0]);
    return true;
  }
  if (type == StoredType::kF16 || type == StoredType::kBf16) {
    out[0] = FromFormat(type == StoredType::kF16 ? kF16 : kBf16, LittleEndianHalf(block));
    return true;
  }
  const Fp32 scale = FromFormat(kF16, LittleEndianHalf(block));
  const std::span<const uint8_t> codes = block.subspan(2);
  bool zero = true;
  for (size_t i = 0; i < kBlockElements; ++i) {
    int32_t element = 0;
    if (type == StoredType::kQ8Blocks) {
      element = static_cast<int8_t>(codes[i]);
    } else {
      const uint8_t pair = codes[i % (kBlockElements / 2)];
      element = (i < kBlockElements / 2 ? pair & 15 : pair >> 4) - 8;
    }
    zero = zero && element == 0;
    out[i] = Multiply(scale, FromInteger(element));
  }
  // A block of zeros has no need of a scale; any other scale of 0 loses its elements.
  return IsFinite(scale) && (zero || !IsZero(scale));
}

/// Where an element of a tensor is, for messages.
std::string PlaceOf(uint64_t element, std::span<const uint64_t> shape) {
  std::vector<int64_t> place;
  for (size_t i = shape.size(); i-- > 0;) {
    place.insert(place.begin(), static_cast<int64_t>(element % shape[i]));
    element /= shape[i];
  }
  return ShapeText(place);
}

std::string ShapeOfStored(std::span<const uint64_t> shape) {
  std::string text = "[";
  for (const uint64_t extent : shape)
    text += fmt::format("{}{}", text.size() > 1 ? "," : "", extent);
  return text + "]";
}

/// Hands every element over, as long as `take` finds nothing wrong with it. The error names the
/// element.
template <typename Take>
std::optional<Diagnostic> ForEachElement(const StoredTensor& tensor, Take take) {
  const StoredLayout layout = LayoutOf(tensor.type);
  Fp32 values[kBlockElements] = {};
  uint64_t element = 0;
  for (size_t at = 0; at < tensor.bytes.size(); at += layout.bytes) {
    const auto fail = [&](const char* what, const char* hint) {
      return Diagnostic(Code::kTransformerValue, SourceLocation{tensor.file},
                        fmt::format("tensor `{}`: {} at {}", PrintableName(tensor.name), what,
                                    PlaceOf(element, tensor.shape)),
                        hint);
    };
    if (!WidenBlock(tensor.type, tensor.bytes.subspan(at, layout.bytes), values)) {
      return fail("a block's scale is no number, infinite, or 0 with elements that are not",
                  "finite scales, other than 0");
    }
    for (uint64_t i = 0; i < layout.elements; ++i, ++element) {
      if (!take(values[i])) {
        return fail("an element is no number, infinite or beyond bf16", "finite numbers");
      }
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<uint64_t> StoredBytes(StoredType type, std::span<const uint64_t> shape) {
  const StoredLayout layout = LayoutOf(type);
  uint64_t elements = 1;
  for (const uint64_t extent : shape) {
    if (__builtin_mul_overflow(elements, extent, &elements)) return std::nullopt;
  }
  if (layout.elements > 1 && (shape.empty() || shape.back() % layout.elements != 0)) {
    return std::nullopt;
  }
  uint64_t bytes = 0;
  if (__builtin_mul_overflow(elements / layout.elements, layout.bytes, &bytes)) return std::nullopt;
  return bytes;
}

void TensorTable::Fail(Code code, const std::string& file, std::string message, std::string hint) {
  if (errors.size() >= kMostTensorDiagnostics) return;
  errors.push_back(
      {code, SourceLocation{file.empty() ? file_ : file}, std::move(message), std::move(hint)});
}

void TensorTable::Add(StoredTensor tensor) {
  const std::string name = tensor.name;
  const std::string file = tensor.file;
  if (tensors_.emplace(name, std::move(tensor)).second) return;
  Fail(Code::kTransformerKey, file, fmt::format("tensor `{}` is there twice", PrintableName(name)),
       "one tensor of each name");
}

std::optional<StoredTensor> TensorTable::Take(const std::string& name,
                                              std::span<const uint64_t> shape) {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) {
    Fail(Code::kTransformerTensor, file_, fmt::format("tensor `{}` is missing", name),
         fmt::format("one of {}, by the config", ShapeOfStored(shape)));
    return std::nullopt;
  }
  StoredTensor tensor = std::move(found->second);
  tensors_.erase(found);
  if (!std::equal(shape.begin(), shape.end(), tensor.shape.begin(), tensor.shape.end())) {
    Fail(Code::kTransformerTensor, tensor.file,
         fmt::format("tensor `{}` is {}", name, ShapeOfStored(tensor.shape)),
         fmt::format("{}, by the config", ShapeOfStored(shape)));
    return std::nullopt;
  }
  return tensor;
}

Matrix TensorTable::TakeMatrix(const std::string& name, MatrixShape shape) {
  const uint64_t extents[] = {shape.rows, shape.columns};
  const std::optional<StoredTensor> tensor = Take(name, extents);
  Matrix matrix;
  if (!tensor) return matrix;
  matrix.rows = shape.rows;
  matrix.columns = shape.columns;
  // As many as the file has bytes for.
  matrix.codes.reserve(size_t{shape.rows} * shape.columns);
  const auto wrong = ForEachElement(*tensor, [&](Fp32 value) {
    const uint32_t code = ToFormat(kBf16, value, Overflow::kInfinity);
    matrix.codes.push_back(static_cast<uint16_t>(code));
    return !kBf16.IsSpecial(code);
  });
  if (wrong) Fail(wrong->code, wrong->location.file, wrong->message, wrong->hint);
  return matrix;
}

std::vector<Fp32> TensorTable::TakeNumbers(const std::string& name,
                                           std::span<const uint64_t> shape) {
  const std::optional<StoredTensor> tensor = Take(name, shape);
  std::vector<Fp32> values;
  if (!tensor) return values;
  const auto wrong = ForEachElement(*tensor, [&](Fp32 value) {
    values.push_back(value);
    return IsFinite(value);
  });
  if (wrong) Fail(wrong->code, wrong->location.file, wrong->message, wrong->hint);
  return values;
}

void TensorTable::RefuseRest() {
  if (tensors_.empty()) return;
  const StoredTensor& first = tensors_.begin()->second;
  const std::string others =
      tensors_.size() > 1 ? fmt::format(", nor for {} more", tensors_.size() - 1) : std::string();
  Fail(Code::kTransformerTensor, first.file,
       fmt::format("the config has no place for tensor `{}`{}", PrintableName(first.name), others),
       "a config that belongs to the tensors; docs/transformers.md names what is computed");
}

std::string NumberedName(std::string_view name, uint32_t number) {
  const size_t at = name.find("{}");
  if (at == std::string_view::npos) return std::string(name);
  return fmt::format("{}{}{}", name.substr(0, at), number, name.substr(at + 2));
}

namespace {

/// Takes a norm's gain, and its bias where it may have one.
Norm TakeNorm(TensorTable& table, const TransformerConfig& config, const std::string& name,
              const TensorNames& names) {
  Norm norm;
  norm.gain = table.TakeVector(name + std::string(names.gain), config.width);
  if (const std::string bias = name + std::string(names.bias);
      config.norm == NormKind::kLayer && table.Has(bias)) {
    norm.bias = table.TakeVector(bias, config.width);
  }
  return norm;
}

}  // namespace

Result<Transformer> AssembleTransformer(Transformer model, TensorTable& table,
                                        const TensorNames& names, bool tied) {
  const TransformerConfig& config = model.config;
  const std::string weight(names.weight);
  const MatrixShape vocabulary{config.vocabulary, config.width};
  model.embedding = table.TakeMatrix(std::string(names.embedding) + weight, vocabulary);
  const std::string head = std::string(names.head) + weight;
  if (!tied || table.Has(head)) {
    Matrix matrix = table.TakeMatrix(head, vocabulary);
    if (tied && matrix.codes != model.embedding.codes) {
      table.Fail(Code::kTransformerTensor, "",
                 fmt::format("the config says that `{}` is the embedding, and it is another", head),
                 "a head of its own, or none");
    }
    if (!tied) model.head = std::move(matrix);
  }
  for (uint32_t number = 0; number < config.layers && table.errors.empty(); ++number) {
    TransformerBlock& block = model.blocks.emplace_back();
    block.attention_norm =
        TakeNorm(table, config, NumberedName(names.attention_norm, number), names);
    block.feed_forward_norm =
        TakeNorm(table, config, NumberedName(names.feed_forward_norm, number), names);
    for (size_t i = 0; i < kLinearLayers; ++i) {
      const MatrixShape shape = ShapeOf(config, static_cast<LinearLayer>(i));
      if (shape.rows == 0) continue;
      const std::string name = NumberedName(names.linear[i], number);
      block.linear[i] = table.TakeMatrix(name + weight, shape);
      if (const std::string bias = name + std::string(names.bias); table.Has(bias)) {
        block.linear[i].bias = table.TakeVector(bias, shape.rows);
      }
    }
  }
  if (table.errors.empty()) {
    model.norm = TakeNorm(table, config, std::string(names.norm), names);
    table.RefuseRest();
  }
  if (!table.errors.empty()) return table.errors;
  return model;
}

}  // namespace npugen

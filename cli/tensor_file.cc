// SPDX-License-Identifier: Apache-2.0
// Formats by their first bytes, and conversion to the tensor's type.
#include "cli/tensor_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstring>
#include <optional>
#include <string_view>

#include "generator/support/file.h"
#include "sw/model/describe.h"

namespace npugen {
namespace {

/// Headers of all formats are smaller.
constexpr size_t kMostHeader = 65536;
/// Of a file of several fillings.
constexpr size_t kMostFileBytes = size_t{1} << 28;

std::string TensorText(const Tensor& tensor) {
  return fmt::format("the input `{}` has {} bytes ({} of {})", tensor.name, tensor.bytes(),
                     fmt::join(tensor.shape, "x"), TensorTypeName(tensor.type));
}

class TensorFile {
 public:
  TensorFile(const std::string& path, const Tensor& tensor, std::vector<uint8_t> bytes)
      : path_(path), tensor_(tensor), bytes_(std::move(bytes)), text_(BytesView(bytes_)) {}

  Result<std::vector<uint8_t>> Read(double image_range) {
    if (text_.starts_with("\x93NUMPY")) return ReadNumpy();
    if (text_.starts_with("P6") || text_.starts_with("P5")) return ReadImage(image_range);
    if (text_.starts_with("RIFF") && text_.substr(8, 4) == "WAVE") return ReadSound();
    if (IsSequence(bytes_.size())) return std::move(bytes_);
    return Wrong(fmt::format("it has {} bytes", bytes_.size()));
  }

  Diagnostic Wrong(std::string message) const {
    return {DiagnosticCode::kModelInput, {path_, 0, 0}, std::move(message), TensorText(tensor_)};
  }

 private:
  /// Whether so many bytes are one filling of the tensor or several.
  bool IsSequence(size_t bytes) const {
    return bytes != 0 && tensor_.bytes() != 0 && bytes % tensor_.bytes() == 0;
  }

  uint32_t Number(size_t at, size_t size) const {
    uint32_t value = 0;
    for (size_t i = 0; i < size; ++i) value |= uint32_t{bytes_[at + i]} << 8 * i;
    return value;
  }

  Result<std::vector<uint8_t>> ReadNumpy() const {
    const bool wide = bytes_.size() > 12 && bytes_[6] >= 2;
    const size_t begin = wide ? 12 : 10;
    if (bytes_.size() < begin) return Wrong("the .npy file is cut off");
    const size_t size = Number(8, wide ? 4 : 2);
    if (size > kMostHeader || begin + size > bytes_.size())
      return Wrong("the .npy file is cut off");
    const std::string_view header = text_.substr(begin, size);
    const char* const types[] = {"|i1", "|u1", "<i2", "<i4", "<i8", "<f4", "", "|b1", "", ""};
    static_assert(static_cast<int>(TensorType::kOther) == 9);
    constexpr TensorType kOrder[] = {TensorType::kInt8,  TensorType::kUint8, TensorType::kInt16,
                                     TensorType::kInt32, TensorType::kInt64, TensorType::kFloat32,
                                     TensorType::kInt4,  TensorType::kBool,  TensorType::kBits,
                                     TensorType::kOther};
    std::string expected;
    for (size_t i = 0; i < std::size(kOrder); ++i) {
      if (kOrder[i] == tensor_.type) expected = types[i];
    }
    if (expected.empty() || header.find("'" + expected + "'") == std::string_view::npos) {
      return Wrong(fmt::format("its elements are not of type {}", TensorTypeName(tensor_.type)));
    }
    if (header.find("'fortran_order': False") == std::string_view::npos) {
      return Wrong("its array is not in C order");
    }
    const size_t data = bytes_.size() - begin - size;
    if (!IsSequence(data)) {
      return Wrong(fmt::format("its array has {} bytes, header {}", data, header.substr(0, 100)));
    }
    return std::vector<uint8_t>(bytes_.end() - static_cast<std::ptrdiff_t>(data), bytes_.end());
  }

  /// The next number of a PPM header, behind white space and comments.
  std::optional<int32_t> HeaderNumber(size_t* at) const {
    while (*at < text_.size() &&
           (std::isspace(static_cast<unsigned char>(text_[*at])) != 0 || text_[*at] == '#')) {
      if (text_[*at] == '#') *at = std::min(text_.find('\n', *at), text_.size() - 1);
      ++*at;
    }
    int32_t value = 0;
    const auto [end, error] =
        std::from_chars(text_.data() + *at, text_.data() + text_.size(), value);
    if (error != std::errc()) return std::nullopt;
    *at = static_cast<size_t>(end - text_.data());
    return value;
  }

  Result<std::vector<uint8_t>> ReadImage(double range) const {
    size_t at = 2;
    const std::optional<int32_t> width = HeaderNumber(&at), height = HeaderNumber(&at);
    const std::optional<int32_t> most = HeaderNumber(&at);
    if (!width || !height || most != 255) {
      return Wrong("its header is not that of an image of one byte a value");
    }
    ++at;  // one white space
    const int32_t channels = text_[1] == '6' ? 3 : 1;
    std::vector<int32_t> shape = tensor_.shape;
    while (shape.size() > 3 && shape[0] == 1) shape.erase(shape.begin());
    if (shape.size() == 2) shape.push_back(1);
    if (shape != std::vector<int32_t>{*height, *width, channels}) {
      return Wrong(fmt::format("the image has {}x{}x{} values", *height, *width, channels));
    }
    const auto count = static_cast<size_t>(tensor_.elements());
    if (at > bytes_.size() || bytes_.size() - at != count) return Wrong("the image is cut off");
    std::vector<uint8_t> values(bytes_.begin() + static_cast<std::ptrdiff_t>(at), bytes_.end());
    switch (tensor_.type) {
      case TensorType::kUint8:
        return values;
      case TensorType::kInt8:
        if (tensor_.zero_point() != -128) {
          return Wrong(
              fmt::format("bytes become int8 by subtracting 128 only where the zero point "
                          "is -128; here it is {}",
                          tensor_.zero_point()));
        }
        for (uint8_t& value : values) value ^= 0x80;
        return values;
      case TensorType::kFloat32:
        return Floats(count, [&](size_t i) { return values[i] * range / 255; });
      default:
        return Wrong("an image has values of 8 bits");
    }
  }

  template <typename Function>
  static std::vector<uint8_t> Floats(size_t count, Function function) {
    std::vector<uint8_t> bytes(count * sizeof(float));
    for (size_t i = 0; i < count; ++i) {
      const auto value = static_cast<float>(function(i));
      std::memcpy(bytes.data() + i * sizeof(float), &value, sizeof(float));
    }
    return bytes;
  }

  Result<std::vector<uint8_t>> ReadSound() const {
    size_t data = 0, size = 0;
    bool plain = false;
    for (size_t at = 12; at + 8 <= bytes_.size();) {
      const std::string_view name = text_.substr(at, 4);
      const size_t length = Number(at + 4, 4);
      if (length > bytes_.size() - at - 8) break;
      if (name == "fmt " && length >= 16) {
        plain = Number(at + 8, 2) == 1 && Number(at + 10, 2) == 1 && Number(at + 22, 2) == 16;
      }
      if (name == "data") {
        data = at + 8;
        size = length;
      }
      at += 8 + length + length % 2;
    }
    if (!plain || data == 0) return Wrong("it is not sound of 16 bits and one channel, or cut off");
    if (size / 2 != static_cast<size_t>(tensor_.elements())) {
      return Wrong(fmt::format("it has {} samples", size / 2));
    }
    const auto begin = bytes_.begin() + static_cast<std::ptrdiff_t>(data);
    std::vector<uint8_t> samples(begin, begin + static_cast<std::ptrdiff_t>(size / 2 * 2));
    if (tensor_.type == TensorType::kInt16) return samples;
    if (tensor_.type != TensorType::kFloat32) return Wrong("sound has samples of 16 bits");
    return Floats(size / 2, [&](size_t i) {
      return static_cast<int16_t>(samples[2 * i] | samples[2 * i + 1] << 8) / 32768.0;
    });
  }

  const std::string& path_;
  const Tensor& tensor_;
  std::vector<uint8_t> bytes_;
  std::string_view text_;
};

}  // namespace

Result<std::vector<uint8_t>> ReadTensorFile(const std::string& path, const Tensor& tensor,
                                            double image_range) {
  // Images and sound may have more bytes than an int8 tensor of theirs, sequences many times as
  // many.
  const size_t most = std::max(8 * tensor.bytes() + kMostHeader, kMostFileBytes);
  Result<std::vector<uint8_t>> bytes = ReadFileBytes(path, most);
  if (!bytes) return bytes.errors();
  const bool endless = bytes->size() > most;
  TensorFile file(path, tensor, std::move(*bytes));
  if (endless) return file.Wrong(fmt::format("it has more than {} bytes", most));
  return file.Read(image_range);
}

}  // namespace npugen

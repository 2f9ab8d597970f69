// SPDX-License-Identifier: Apache-2.0
// Offsets lead backwards, and widths of numbers stand in the types.
#include "sw/model/flex_map.h"

#include <cstring>

namespace npugen {
namespace {

enum FlexType : uint8_t { kInt = 1, kUint = 2, kFloat = 3, kMap = 9, kBool = 26 };
/// The same numbers behind an offset.
enum FlexIndirect : uint8_t { kIndirectInt = 6, kIndirectUint = 7, kIndirectFloat = 8 };

constexpr uint64_t kMostEntries = 256;

class FlexReader {
 public:
  explicit FlexReader(std::span<const uint8_t> bytes) : bytes_(bytes) {}

  bool ok() const { return ok_; }

  uint64_t Unsigned(uint64_t at, uint64_t width) {
    uint64_t value = 0;
    if (!Inside(at, width) || width > sizeof(value)) return Fail();
    std::memcpy(&value, bytes_.data() + at, width);
    return value;
  }
  int64_t Signed(uint64_t at, uint64_t width) {
    const uint64_t bits = 64 - 8 * width;
    return static_cast<int64_t>(Unsigned(at, width) << bits) >> bits;
  }
  double Real(uint64_t at, uint64_t width) {
    const uint64_t bits = Unsigned(at, width);
    if (width == 8) {
      double value;
      std::memcpy(&value, &bits, sizeof(value));
      return value;
    }
    if (width != 4) return static_cast<double>(Fail());
    float value;
    std::memcpy(&value, &bits, sizeof(value));
    return static_cast<double>(value);
  }
  /// Where the offset at `at` leads.
  uint64_t Target(uint64_t at, uint64_t width) {
    const uint64_t offset = Unsigned(at, width);
    return offset <= at ? at - offset : Fail();
  }
  std::string Key(uint64_t at) {
    std::string key;
    for (; Inside(at, 1) && bytes_[at] != 0; ++at) key += static_cast<char>(bytes_[at]);
    if (!Inside(at, 1)) Fail();
    return key;
  }

 private:
  bool Inside(uint64_t at, uint64_t count) const {
    return at <= bytes_.size() && count <= bytes_.size() - at;
  }
  uint64_t Fail() {
    ok_ = false;
    return 0;
  }

  std::span<const uint8_t> bytes_;
  bool ok_ = true;
};

uint64_t WidthOf(uint64_t packed) { return uint64_t{1} << (packed & 3); }

}  // namespace

std::optional<std::map<std::string, double>> ReadFlexMap(std::span<const uint8_t> bytes) {
  if (bytes.size() < 3) return std::nullopt;
  FlexReader reader(bytes);
  const uint64_t root_width = bytes[bytes.size() - 1];
  const uint64_t packed = bytes[bytes.size() - 2];
  if (packed >> 2 != kMap || root_width == 0 || root_width > 8 || root_width + 2 > bytes.size()) {
    return std::nullopt;
  }
  const uint64_t width = WidthOf(packed);
  const uint64_t values = reader.Target(bytes.size() - 2 - root_width, root_width);
  if (!reader.ok() || values < 3 * width) return std::nullopt;
  const uint64_t count = reader.Unsigned(values - width, width);
  const uint64_t key_width = reader.Unsigned(values - 2 * width, width);
  const uint64_t keys = reader.Target(values - 3 * width, width);
  if (!reader.ok() || count > kMostEntries || key_width == 0 || key_width > 8) return std::nullopt;
  std::map<std::string, double> result;
  for (uint64_t i = 0; i < count; ++i) {
    const std::string key = reader.Key(reader.Target(keys + i * key_width, key_width));
    uint64_t at = values + i * width;
    const uint64_t type = reader.Unsigned(values + count * width + i, 1);
    uint64_t value_width = width;
    if (type >> 2 >= kIndirectInt && type >> 2 <= kIndirectFloat) {
      at = reader.Target(at, width);
      value_width = WidthOf(type);
    }
    switch (type >> 2) {
      case kInt:
      case kIndirectInt:
        result[key] = static_cast<double>(reader.Signed(at, value_width));
        break;
      case kUint:
      case kIndirectUint:
      case kBool:
        result[key] = static_cast<double>(reader.Unsigned(at, value_width));
        break;
      case kFloat:
      case kIndirectFloat:
        result[key] = reader.Real(at, value_width);
        break;
      default:
        break;
    }
    if (!reader.ok()) return std::nullopt;
  }
  return result;
}

}  // namespace npugen

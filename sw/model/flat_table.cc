// SPDX-License-Identifier: Apache-2.0
// The checks behind the FlatBuffer accessors.
#include "sw/model/flat_table.h"

#include <fmt/core.h>

namespace npugen {
namespace {

// Copies out of the file: generous for files that share buffers, small enough for any machine.
constexpr uint64_t kCopiesPerByte = 16;
constexpr uint64_t kCopiesAlways = 1 << 20;

constexpr uint32_t kFieldListHeaderBytes = 4;  // its own size, the table's size

}  // namespace

FlatFile::FlatFile(std::span<const uint8_t> bytes)
    : bytes_(bytes), copies_left_(kCopiesAlways + kCopiesPerByte * bytes.size()) {}

void FlatFile::Fail(std::string failure) {
  if (failure_.empty()) failure_ = std::move(failure);
}

bool FlatFile::Contains(uint64_t offset, uint64_t count) const {
  return offset <= bytes_.size() && count <= bytes_.size() - offset;
}

bool FlatFile::CheckRange(uint64_t offset, uint64_t count, std::string_view what) {
  if (Contains(offset, count)) return true;
  Fail(fmt::format("{} ({} bytes at byte {}) lies beyond the end of the file ({} bytes)", what,
                   count, offset, bytes_.size()));
  return false;
}

std::span<const uint8_t> FlatFile::Bytes(uint64_t offset, uint64_t count, std::string_view what) {
  if (!CheckRange(offset, count, what)) return {};
  return bytes_.subspan(offset, count);
}

bool FlatFile::Charge(uint64_t bytes, std::string_view what) {
  if (bytes <= copies_left_) {
    copies_left_ -= bytes;
    return true;
  }
  copies_left_ = 0;
  Fail(fmt::format(
      "{}: the file's parts, counted as often as they are used, exceed {} times its size", what,
      kCopiesPerByte));
  return false;
}

FlatTable FlatFile::Root() {
  const uint32_t root = Load<uint32_t>(0, "the offset of the root table");
  return ok() ? FlatTable(this, root, "the root table") : FlatTable();
}

FlatTable::FlatTable(FlatFile* file, uint64_t position, std::string_view what) {
  const int32_t back = file->Load<int32_t>(position, what);
  const int64_t field_list = static_cast<int64_t>(position) - back;
  if (field_list < 0 || !file->Contains(field_list, kFieldListHeaderBytes)) {
    file->Fail(fmt::format("{} at byte {} has its field list outside of the file", what, position));
    return;
  }
  const uint32_t list_bytes = file->Load<uint16_t>(field_list, what);
  const uint32_t table_bytes = file->Load<uint16_t>(field_list + 2, what);
  if (list_bytes < kFieldListHeaderBytes || list_bytes % 2 != 0 || table_bytes < 4 ||
      !file->Contains(field_list, list_bytes) || !file->Contains(position, table_bytes)) {
    file->Fail(fmt::format("{} at byte {} has an impossible size", what, position));
    return;
  }
  file_ = file;
  position_ = position;
  field_list_ = field_list;
  field_list_bytes_ = list_bytes;
  table_bytes_ = table_bytes;
}

uint64_t FlatTable::FieldAt(int field, size_t bytes, std::string_view what) const {
  if (!present()) return 0;
  const uint32_t entry = kFieldListHeaderBytes + 2 * static_cast<uint32_t>(field);
  if (entry + 2 > field_list_bytes_) return 0;
  const uint32_t offset = file_->Load<uint16_t>(field_list_ + entry, what);
  if (offset == 0) return 0;
  if (offset < 4 || offset + bytes > table_bytes_) {
    file_->Fail(fmt::format("{} lies outside of its table at byte {}", what, position_));
    return 0;
  }
  return position_ + offset;
}

FlatTable FlatTable::Table(int field, std::string_view what) const {
  const uint64_t at = FieldAt(field, 4, what);
  if (at == 0) return {};
  return FlatTable(file_, at + file_->Load<uint32_t>(at, what), what);
}

FlatVector FlatTable::Vector(int field, size_t element_bytes, std::string_view what) const {
  const uint64_t at = FieldAt(field, 4, what);
  if (at == 0) return {};
  const uint64_t vector = at + file_->Load<uint32_t>(at, what);
  const uint32_t count = file_->Load<uint32_t>(vector, what);
  if (!file_->Contains(vector + 4, uint64_t{count} * element_bytes)) {
    file_->Fail(fmt::format("{} at byte {} claims {} elements, more than the file holds", what,
                            vector, count));
    return {};
  }
  return FlatVector(file_, vector + 4, count);
}

std::string_view FlatTable::String(int field, std::string_view what) const {
  const std::span<const uint8_t> bytes = Vector(field, 1, what).Bytes();
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

FlatTable FlatVector::TableAt(uint32_t index, std::string_view what) const {
  if (index >= count_) return {};
  const uint64_t at = first_ + uint64_t{index} * 4;
  return FlatTable(file_, at + file_->Load<uint32_t>(at, what), what);
}

std::span<const uint8_t> FlatVector::Bytes() const {
  if (count_ == 0) return {};
  return file_->Bytes(first_, count_, "a vector of bytes");
}

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// Bounds-checked reading of FlatBuffer files: every offset, table and vector is checked against the
// file.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

namespace npugen {

static_assert(std::endian::native == std::endian::little, "FlatBuffers are read by plain copies");

class FlatTable;

/// The bytes of a FlatBuffer file and the first thing that was found wrong with them. Accessors
/// never fail by themselves: they record the failure here and give an empty value, so that the
/// caller can read on and ask once.
class FlatFile {
 public:
  explicit FlatFile(std::span<const uint8_t> bytes);

  size_t size() const { return bytes_.size(); }
  bool ok() const { return failure_.empty(); }
  const std::string& failure() const { return failure_; }
  /// Records a failure, unless there was one before.
  void Fail(std::string failure);

  /// True if `count` bytes from `offset` lie in the file.
  bool Contains(uint64_t offset, uint64_t count) const;
  /// The number at `offset`, or 0 and a failure that names `what`.
  template <typename T>
  T Load(uint64_t offset, std::string_view what) {
    T value{};
    if (CheckRange(offset, sizeof(T), what)) std::memcpy(&value, bytes_.data() + offset, sizeof(T));
    return value;
  }
  /// The bytes from `offset`; empty and a failure if they are not all in the file.
  std::span<const uint8_t> Bytes(uint64_t offset, uint64_t count, std::string_view what);

  /// Accounts for `bytes` that the caller is about to copy out of the file. Parts of a file may be
  /// referred to many times, so the sum of the copies is limited to a multiple of the file's size;
  /// false (and a failure) beyond it.
  bool Charge(uint64_t bytes, std::string_view what);

  /// The table that the file's first word points to.
  FlatTable Root();

 private:
  bool CheckRange(uint64_t offset, uint64_t count, std::string_view what);

  std::span<const uint8_t> bytes_;
  std::string failure_;
  uint64_t copies_left_;
};

/// A vector in the file; `count` elements of the size that it was opened with.
class FlatVector {
 public:
  FlatVector() = default;
  FlatVector(FlatFile* file, uint64_t first, uint32_t count)
      : file_(file), first_(first), count_(count) {}

  uint32_t count() const { return count_; }
  /// Element `index` of a vector of numbers; 0 beyond the end.
  template <typename T>
  T At(uint32_t index) const {
    if (index >= count_) return T{};
    return file_->Load<T>(first_ + uint64_t{index} * sizeof(T), "a vector element");
  }
  /// Element `index` of a vector of tables.
  FlatTable TableAt(uint32_t index, std::string_view what) const;
  /// All elements of a vector of bytes.
  std::span<const uint8_t> Bytes() const;

 private:
  FlatFile* file_ = nullptr;
  uint64_t first_ = 0;
  uint32_t count_ = 0;
};

/// A table of the file. An absent table gives every field's default.
class FlatTable {
 public:
  FlatTable() = default;
  /// The table at byte `position`; absent, and a failure, if it or its field list is outside of the
  /// file.
  FlatTable(FlatFile* file, uint64_t position, std::string_view what);

  bool present() const { return file_ != nullptr; }
  /// Field number `field` (counted from 0 as in the schema), a number.
  template <typename T>
  T Scalar(int field, T default_value, std::string_view what) const {
    const uint64_t at = FieldAt(field, sizeof(T), what);
    return at == 0 ? default_value : file_->Load<T>(at, what);
  }
  FlatTable Table(int field, std::string_view what) const;
  /// A vector of numbers (`element_bytes` each) or of tables (4 bytes each); empty if absent.
  FlatVector Vector(int field, size_t element_bytes, std::string_view what) const;
  /// True if the field is stored.
  bool Has(int field) const { return FieldAt(field, 1, "a field") != 0; }
  /// A string's bytes; empty if absent.
  std::string_view String(int field, std::string_view what) const;

 private:
  /// Position in the file of a field of `bytes` bytes; 0 if absent or wrong.
  uint64_t FieldAt(int field, size_t bytes, std::string_view what) const;

  FlatFile* file_ = nullptr;
  uint64_t position_ = 0;
  uint64_t field_list_ = 0;
  uint32_t field_list_bytes_ = 0;
  uint32_t table_bytes_ = 0;
};

}  // namespace npugen

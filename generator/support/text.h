// SPDX-License-Identifier: Apache-2.0
// Small text tools that all printers share: aligned tables, names, hashes, spelling distance.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace npugen {

/// No line of an emitted file is longer.
inline constexpr size_t kLineColumns = 100;

/// Splits at blanks into lines of at most `columns` characters; a longer word gets a line of its
/// own.
std::vector<std::string> WrapText(std::string_view text, size_t columns);

/// Rows of cells printed as columns. The last cell of a row is a remark: it is wrapped within
/// kLineColumns, and each of its lines begins with `remark_mark` (such as "// ").
class AlignedTable {
 public:
  AlignedTable(size_t indent, std::string_view remark_mark)
      : indent_(indent), remark_mark_(remark_mark) {}
  /// `cells` are aligned with the same column of other rows; an empty `remark` prints nothing.
  void Row(std::vector<std::string> cells, std::string_view remark = "");
  /// A line between rows that is no part of the columns.
  void Line(std::string text);
  /// The table as lines, each ended by a newline.
  std::string Print() const;

 private:
  struct Entry {
    std::vector<std::string> cells;
    std::string remark;
    bool is_line = false;  // the only cell is printed as it is
  };
  size_t indent_;
  std::string remark_mark_;
  std::vector<Entry> entries_;
};

/// `core_memory_bytes` -> `CoreMemoryBytes`.
std::string UpperCamel(std::string_view lower_snake);
/// `core_memory_bytes` or `BadMagic` -> `CORE_MEMORY_BYTES`, `BAD_MAGIC`.
std::string UpperSnake(std::string_view name);

/// FNV-1a, 64 bit.
uint64_t Fnv1a64(std::string_view bytes);

/// Insertions, deletions, replacements and swaps of neighbours that turn one word into the other.
size_t EditDistance(std::string_view a, std::string_view b);
/// The candidate that `word` most likely means, or an empty view when none is near.
std::string_view NearestWord(std::string_view word,
                             const std::vector<std::string_view>& candidates);

/// `131072` -> `128 KiB`; falls back to smaller units where the value is not whole.
std::string FormatBytes(uint64_t bytes);
/// `200000000` -> `200 MHz`; falls back to smaller units where the value is not whole.
std::string FormatHertz(uint64_t hertz);

/// Text of an XML element or attribute; control characters that XML has not are left out.
std::string EscapeXml(std::string_view text);

}  // namespace npugen

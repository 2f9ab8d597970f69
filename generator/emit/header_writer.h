// SPDX-License-Identifier: Apache-2.0
// Prints C headers: freestanding C11, macros only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "generator/support/text.h"

namespace npugen {

/// Collects the lines of a header with its guard and banner.
class HeaderWriter {
 public:
  /// `origin` as for GeneratedBanner().
  HeaderWriter(std::string_view guard, std::string_view purpose, std::string_view origin);
  /// A titled group of macros.
  void Group(std::string_view title, const AlignedTable& macros);
  /// Closes the guard and returns the text.
  std::string Finish();

  static AlignedTable NewTable() { return AlignedTable(0, "///< "); }
  static void Define(AlignedTable& table, std::string name, std::string value,
                     std::string_view remark = "");
  /// `0x00000001u`.
  static std::string Hex(uint32_t value);

 private:
  void Comment(std::string_view text);

  std::string guard_;
  std::string text_;
};

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// Prints SystemVerilog that has no behaviour of its own to review: packages and register decode.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "generator/support/text.h"

namespace npugen {

/// The sentence that marks an emitted file; `origin` is empty for files that no spec influences,
/// else the spec's name and hash from Origin(). The only place that names the tool in emitted text.
std::string GeneratedBanner(std::string_view origin);
/// `spec nano, configuration 0123456789abcdef`.
std::string Origin(std::string_view spec_name, uint64_t config_hash);

/// Collects the lines of one file with the frame that every file has (default_nettype, banner).
class SvWriter {
 public:
  /// Starts a file: what it is in one sentence, then the banner.
  SvWriter(std::string_view purpose, std::string_view origin);
  SvWriter& Line(std::string_view text);
  SvWriter& Blank();
  /// A comment, wrapped.
  SvWriter& Comment(std::string_view text);
  SvWriter& Table(const AlignedTable& table);
  SvWriter& In() { return indent_ += 2, *this; }
  SvWriter& Out() { return indent_ -= 2, *this; }
  /// A table at the present indentation, with `//` remarks.
  AlignedTable NewTable() const { return AlignedTable(indent_, "// "); }
  /// Closes the file and returns its text.
  std::string Finish();

 private:
  std::string text_;
  size_t indent_ = 0;
};

}  // namespace npugen

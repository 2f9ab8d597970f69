// SPDX-License-Identifier: Apache-2.0
// Words of a SystemVerilog file with their places: enough to find constructs, not to parse them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace npugen {

enum class SvTokenKind {
  kIdentifier,  ///< names, keywords and system names ($clog2)
  kNumber,      ///< 12, 8'hff, 4'sd3
  kFill,        ///< '0 '1 'x 'z
  kString,
  kDirective,  ///< `ifdef, `default_nettype; also uses of macros
  kSymbol,     ///< operators and punctuation, as long as they get
};

struct SvToken {
  SvTokenKind kind;
  std::string_view text;  ///< points into the file's text
  int line;               ///< from 1
  int column;             ///< from 1, in bytes

  bool Is(std::string_view word) const { return text == word; }
};

/// The tokens of `text` without comments. Never fails: what is no token is a symbol of one byte.
std::vector<SvToken> SvTokens(std::string_view text);

}  // namespace npugen

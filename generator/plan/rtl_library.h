// SPDX-License-Identifier: Apache-2.0
// The hand-written RTL, embedded at build time so that the program needs no source tree.
#pragma once

#include <span>
#include <string_view>

namespace npugen {

/// One file of rtl/.
struct RtlSource {
  std::string_view name;  ///< file name; the stem is the module's name
  std::string_view text;
};

/// All files of rtl/ and its folders, by name in each folder.
std::span<const RtlSource> RtlLibrary();

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// Files embedded at build time so that the program needs no source tree: the hand-written RTL, and
// what an emission carries beside it.
#pragma once

#include <span>
#include <string_view>

namespace npugen {

/// One embedded file.
struct RtlSource {
  std::string_view name;  ///< file name; for RTL the stem is the module's name
  std::string_view text;
};

/// All files of rtl/ and its folders, by name in each folder.
std::span<const RtlSource> RtlLibrary();

/// Driver, firmware example and documents, named by their paths in an emission.
std::span<const RtlSource> CompanionLibrary();

}  // namespace npugen

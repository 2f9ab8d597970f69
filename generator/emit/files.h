// SPDX-License-Identifier: Apache-2.0
// Files in memory, and their way to the disk: all of them or none.
#pragma once

#include <map>
#include <string>

#include "generator/support/diagnostic.h"

namespace npugen {

/// Relative path -> text, in the order of paths.
using FileSet = std::map<std::string, std::string>;

/// The file that marks a folder as written by npugen; it lists the other files.
inline constexpr std::string_view kManifestName = "manifest.json";

/// Writes `files` as `folder`: into a temporary folder beside it, which then takes its place. A
/// folder that npugen wrote earlier is replaced; files in it that npugen did not write stay.
/// Refused: a folder with other content, and, unless `force`, generated files that were edited
/// since.
Status WriteFolder(const FileSet& files, const std::string& folder, bool force);

}  // namespace npugen

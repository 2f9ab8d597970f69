// SPDX-License-Identifier: Apache-2.0
// Reads YAML of unknown origin into a plain tree with places; refuses what specs do not need.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "generator/support/diagnostic.h"

namespace npugen {

/// No spec is larger or more deeply nested; checked before the YAML library sees the text.
inline constexpr size_t kMaxSpecBytes = 64 * 1024;
inline constexpr int kMaxSpecDepth = 16;

/// A node of the document. Lines and columns count from 1.
struct YamlNode {
  enum class Kind { kNull, kScalar, kList, kMap };
  Kind kind = Kind::kNull;
  std::string text;             ///< of a scalar
  std::vector<YamlNode> keys;   ///< of a map, in the order of the file, duplicates included
  std::vector<YamlNode> items;  ///< of a list, or the values of `keys`
  int line = 0;
  int column = 0;
};

/// Parses one document. Anchors, aliases, tags, keys that are no words, and further documents are
/// refused. `file` is only used for places.
Result<YamlNode> ParseYaml(std::string_view text, const std::string& file);

}  // namespace npugen

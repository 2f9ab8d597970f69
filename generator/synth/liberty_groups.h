// SPDX-License-Identifier: Apache-2.0
// The groups of a file in liberty format, as a tree without meaning.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "generator/support/diagnostic.h"

namespace npugen {

/// `name (arguments) { attributes, groups }`. An attribute with arguments, such as `values (...)`,
/// is a group without a body.
struct LibertyGroup {
  std::string name;
  int line = 0;  ///< where its name stands
  std::vector<std::string> arguments;
  std::vector<std::pair<std::string, std::string>> attributes;
  std::vector<LibertyGroup> groups;

  std::string_view Attribute(std::string_view key) const {
    for (const auto& [name, value] : attributes) {
      if (name == key) return value;
    }
    return {};
  }
  const LibertyGroup* Find(std::string_view key) const {
    for (const LibertyGroup& group : groups) {
      if (group.name == key) return &group;
    }
    return nullptr;
  }
};

/// Reads a file into one group without a name. Groups whose names `skips` (may be null) takes are
/// left out. `path` is for messages. Error: kFileRead with the line.
Result<LibertyGroup> ReadLibertyGroups(const std::string& text, const std::string& path,
                                       bool (*skips)(std::string_view name));

/// kFileRead at a line: this is no library.
Diagnostic NoLibrary(const std::string& path, int line, std::string message);

}  // namespace npugen

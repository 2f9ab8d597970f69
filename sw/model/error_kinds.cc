// SPDX-License-Identifier: Apache-2.0
// Errors of many operators by kind.
#include "sw/model/error_kinds.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <map>
#include <set>

namespace npugen {

int32_t OperatorOfMessage(const Diagnostic& error) {
  int place = 0;
  return std::sscanf(error.message.c_str(), "operator %d", &place) == 1 ? place : -1;
}

std::string KindOfMessage(const Diagnostic& error) {
  std::string kind(CodeText(error.code));
  const std::string& text = error.message;
  for (size_t i = 0; i < text.size(); ++i) {
    if (std::isdigit(static_cast<unsigned char>(text[i])) != 0) {
      if (!kind.ends_with('#')) kind += '#';
    } else if (text[i] == '"' || text[i] == '[') {
      const size_t end = text.find(text[i] == '"' ? '"' : ']', i + 1);
      i = std::min(end, text.size());
    } else {
      kind += text[i];
    }
  }
  return kind;
}

Diagnostics JoinAlike(Diagnostics errors) {
  constexpr size_t kMostPlaces = 8;
  struct Kind {
    size_t first;  // position in `joined`
    size_t count = 1;
    std::set<int> places;
  };
  Diagnostics joined;
  std::map<std::string, Kind> kinds;
  for (Diagnostic& error : errors) {
    const std::string key = error.location.file + ' ' + KindOfMessage(error);
    const auto found = kinds.find(key);
    if (found == kinds.end()) {
      kinds.emplace(key, Kind{joined.size(), 1, {}});
      joined.push_back(std::move(error));
      continue;
    }
    ++found->second.count;
    const int32_t place = OperatorOfMessage(error);
    if (place >= 0) found->second.places.insert(place);
  }
  for (const auto& [key, kind] : kinds) {
    if (kind.count == 1) continue;
    std::string& message = joined[kind.first].message;
    message += fmt::format(" ({} in all", kind.count);
    size_t listed = 0;
    for (const int place : kind.places) {
      if (listed++ == kMostPlaces) {
        message += " ...";
        break;
      }
      message += fmt::format("{}{}", listed == 1 ? "; also operators " : ", ", place);
    }
    message += ")";
  }
  return joined;
}

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// Ranges in ascending order show overlaps and gaps between neighbours.
#include "sw/transformer/stored_ranges.h"

#include <fmt/core.h>

#include <algorithm>
#include <tuple>

#include "sw/model/describe.h"

namespace npugen {

void StoredRanges::Sort() {
  std::sort(ranges_.begin(), ranges_.end(), [](const Range& a, const Range& b) {
    return std::tie(a.begin, a.end) < std::tie(b.begin, b.end);
  });
}

std::optional<std::string> StoredRanges::Overlap() {
  Sort();
  for (size_t i = 1; i < ranges_.size(); ++i) {
    const Range &before = ranges_[i - 1], &range = ranges_[i];
    if (before.end <= range.begin) continue;
    return fmt::format("tensors `{}` and `{}` share bytes from {} on", PrintableName(before.name),
                       PrintableName(range.name), range.begin);
  }
  return std::nullopt;
}

std::optional<std::string> StoredRanges::Gap(uint64_t end) {
  Sort();
  uint64_t covered = 0;
  for (const Range& range : ranges_) {
    if (range.begin > covered) break;
    covered = range.end;
  }
  if (covered >= end) return std::nullopt;
  return fmt::format("bytes from {} on belong to no tensor", covered);
}

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// First-fit placement.
#include "sw/compiler/plan/first_fit.h"

#include <algorithm>

namespace npugen::compiler {

std::optional<int64_t> FirstFit::Place(const Lifetime& block) {
  if (block.bytes == 0) return 0;
  int64_t begin = 0;
  for (const Placed& other : placed_) {
    if (other.last_step < block.first_step || other.first_step > block.last_step) continue;
    if (begin + block.bytes <= other.begin) break;
    begin = std::max(begin, (other.end + alignment_ - 1) / alignment_ * alignment_);
  }
  if (begin + block.bytes > capacity_) return std::nullopt;
  const Placed placed{begin, begin + block.bytes, block.first_step, block.last_step};
  placed_.insert(
      std::upper_bound(placed_.begin(), placed_.end(), placed,
                       [](const Placed& a, const Placed& b) { return a.begin < b.begin; }),
      placed);
  used_ = std::max(used_, placed.end);
  return begin;
}

}  // namespace npugen::compiler

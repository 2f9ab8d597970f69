// SPDX-License-Identifier: Apache-2.0
// Places blocks of bytes with lifetimes in a memory.
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
  const auto lower = [](const Placed& a, int64_t address) { return a.begin < address; };
  placed_.insert(std::lower_bound(placed_.begin(), placed_.end(), begin, lower),
                 {begin, begin + block.bytes, block.first_step, block.last_step});
  used_ = std::max(used_, begin + block.bytes);
  return begin;
}

void FirstFit::Forget(int64_t step) {
  std::erase_if(placed_, [step](const Placed& block) { return block.last_step < step; });
}

}  // namespace npugen::compiler

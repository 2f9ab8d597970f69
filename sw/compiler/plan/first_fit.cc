// SPDX-License-Identifier: Apache-2.0
// Places blocks of bytes with lifetimes in a memory.
#include "sw/compiler/plan/first_fit.h"

#include <algorithm>

namespace npugen::compiler {
namespace {

/// Blocks that live for fewer steps are listed with each of them, all others in one list.
constexpr int64_t kShortLife = 64;

}  // namespace

std::optional<int64_t> FirstFit::Place(const Lifetime& block) {
  if (block.bytes == 0) return 0;
  // Those that live at the same time, lowest first.
  std::vector<Placed> others;
  for (const Placed& other : long_) {
    const bool apart = other.last_step < block.first_step || other.first_step > block.last_step;
    if (!apart) others.push_back(other);
  }
  const int64_t steps = static_cast<int64_t>(short_.size());
  for (int64_t step = std::max<int64_t>(block.first_step, 0);
       step <= block.last_step && step < steps; ++step) {
    for (const Placed& other : short_[static_cast<size_t>(step)]) {
      const bool is_new = step == block.first_step || other.first_step == step;
      if (is_new) others.push_back(other);
    }
  }
  std::sort(others.begin(), others.end(),
            [](const Placed& a, const Placed& b) { return a.begin < b.begin; });
  int64_t begin = 0;
  for (const Placed& other : others) {
    if (begin + block.bytes <= other.begin) break;
    begin = std::max(begin, (other.end + alignment_ - 1) / alignment_ * alignment_);
  }
  if (begin + block.bytes > capacity_) return std::nullopt;
  const Placed placed{begin, begin + block.bytes, block.first_step, block.last_step};
  if (block.last_step - block.first_step >= kShortLife || block.first_step < 0) {
    long_.push_back(placed);
  } else {
    if (block.last_step >= steps) short_.resize(static_cast<size_t>(block.last_step) + 1);
    for (int64_t step = block.first_step; step <= block.last_step; ++step) {
      short_[static_cast<size_t>(step)].push_back(placed);
    }
  }
  used_ = std::max(used_, placed.end);
  return begin;
}

}  // namespace npugen::compiler

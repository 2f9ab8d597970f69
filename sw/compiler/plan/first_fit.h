// SPDX-License-Identifier: Apache-2.0
// First-fit placement of blocks that live for an interval of time.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace npugen::compiler {

/// Bytes wanted from the first to the last step, both included.
struct Lifetime {
  int64_t bytes;
  int64_t first_step, last_step;
};

/// Places blocks one after the other at the lowest address where they meet no other block of their
/// time.
class FirstFit {
 public:
  /// `capacity` bytes; addresses are multiples of `alignment`.
  FirstFit(int64_t capacity, int64_t alignment) : capacity_(capacity), alignment_(alignment) {}

  /// The address, or nothing if no gap is large enough. A block of 0 bytes gets address 0.
  std::optional<int64_t> Place(const Lifetime& block);
  /// Forgets blocks that end before `step`: no later block may begin before it. For speed only.
  void Forget(int64_t step);
  /// Bytes up to the end of the highest block.
  int64_t used() const { return used_; }

 private:
  struct Placed {
    int64_t begin, end;
    int64_t first_step, last_step;
  };
  int64_t capacity_;
  int64_t alignment_;
  int64_t used_ = 0;
  std::vector<Placed> placed_;  ///< lowest first
};

}  // namespace npugen::compiler

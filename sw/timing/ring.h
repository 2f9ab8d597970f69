// SPDX-License-Identifier: Apache-2.0
// A queue in an array that grows by doubling: what std::deque does, without its indirections.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

namespace npugen::timing {

template <typename T>
class Ring {
 public:
  bool empty() const { return count_ == 0; }
  size_t size() const { return count_; }
  T& front() { return items_[head_]; }
  const T& front() const { return items_[head_]; }
  T& back() { return items_[(head_ + count_ - 1) & (items_.size() - 1)]; }
  T& operator[](size_t i) { return items_[(head_ + i) & (items_.size() - 1)]; }
  void push_back(T item) {
    if (count_ == items_.size()) Grow();
    items_[(head_ + count_++) & (items_.size() - 1)] = std::move(item);
  }
  void pop_front() {
    head_ = (head_ + 1) & (items_.size() - 1);
    --count_;
  }

 private:
  void Grow() {
    std::vector<T> items(items_.empty() ? 8 : 2 * items_.size());
    for (size_t i = 0; i < count_; ++i) items[i] = std::move((*this)[i]);
    items_ = std::move(items);
    head_ = 0;
  }

  std::vector<T> items_;  ///< a power of two of them
  size_t head_ = 0, count_ = 0;
};

}  // namespace npugen::timing

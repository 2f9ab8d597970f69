// SPDX-License-Identifier: Apache-2.0
// Which bytes of a file belong to which tensor.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace npugen {

/// Ranges of bytes that must not share any.
class StoredRanges {
 public:
  /// `begin` + `bytes` is below 2^64.
  void Add(uint64_t begin, uint64_t bytes, std::string name) {
    ranges_.push_back({begin, begin + bytes, std::move(name)});
  }
  /// Says which two share bytes.
  std::optional<std::string> Overlap();
  /// Says where bytes from 0 to `end` belong to none.
  std::optional<std::string> Gap(uint64_t end);

 private:
  struct Range {
    uint64_t begin, end;
    std::string name;
  };
  void Sort();
  std::vector<Range> ranges_;
};

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// Whether what a stream gives is defined: a log of all accesses of a run, and the races in it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "generator/arch/command_set.h"
#include "generator/config/npu_config.h"
#include "verif/functional/access_observer.h"

namespace npugen::testing {

/// Bytes of a memory. Takes as much room as lies between the first and the last.
class ByteSet {
 public:
  void Add(int64_t address);
  bool Has(int64_t address) const;
  bool Meets(const ByteSet& other) const;
  /// The bytes that both have, in order, until `visit` returns true; whether it did.
  template <typename Visit>
  bool AnyCommon(const ByteSet& other, const Visit& visit) const {
    const int64_t end = std::min(End(), other.End());
    for (int64_t word = std::max(first_, other.first_); word < end; ++word) {
      const uint64_t both = words_[word - first_] & other.words_[word - other.first_];
      for (int bit = 0; bit < 64 && both >> bit != 0; ++bit) {
        if ((both >> bit & 1) != 0 && visit(word * 64 + bit)) return true;
      }
    }
    return false;
  }

 private:
  int64_t End() const { return first_ + static_cast<int64_t>(words_.size()); }

  int64_t first_ = 0;  ///< the bytes of words_[0] begin at 64 times this
  std::vector<uint64_t> words_;
};

/// What commands read and wrote, and whether that is defined: by docs/machine.md it is not where
/// commands race, or where one does what the text calls undefined.
class AccessLog : public AccessObserver {
 public:
  /// `keep_values`: for Wrote().
  explicit AccessLog(const NpuConfig& config, bool keep_values = false)
      : config_(config), keep_values_(keep_values) {}

  void Begin(const Command& command, size_t queue) override;
  void Read(size_t memory, int64_t address, bool weights) override;
  void Write(size_t memory, int64_t address, uint8_t value) override;
  void Fault() override { at_fault_ = true; }
  void Undefined(std::string_view why) override { undefined_ = why; }

  /// Why the memories after the job are not defined, or empty. `commands` are those of the stream.
  std::string WhyUndefined(const std::vector<Command>& commands) const;
  /// Whether the byte may hold `value` after a job that ended with an error: a command wrote it.
  bool Wrote(size_t memory, size_t address, uint8_t value) const;
  void Sort();  ///< before Wrote()

 private:
  using Memories = std::map<size_t, ByteSet>;
  /// A command in one queue.
  struct Accesses {
    const Command* command = nullptr;
    size_t queue = 0;
    Memories reads, weights, writes;  ///< by memory
  };
  class Search;
  /// Whether the two have a byte in common.
  static bool Meet(const Memories& x, const Memories& y);

  const NpuConfig& config_;
  bool keep_values_;
  std::vector<Accesses> accesses_;
  std::map<std::pair<const Command*, size_t>, size_t> number_;  ///< in accesses_
  size_t current_ = 0;
  bool at_fault_ = false;
  std::string undefined_;
  /// By memory: address * 512 + value; value 256 is any.
  std::unordered_map<size_t, std::vector<uint64_t>> values_;
};

}  // namespace npugen::testing

// SPDX-License-Identifier: Apache-2.0
// Streams that no compiler makes, and what docs/machine.md leaves open about them.
#pragma once

#include <bitset>
#include <cstdint>
#include <map>
#include <random>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "generator/arch/command_set.h"
#include "generator/config/npu_config.h"
#include "verif/functional/access_observer.h"

namespace npugen::testing {

/// Random numbers of one stream.
class StreamRandom {
 public:
  explicit StreamRandom(uint64_t seed) : random_(seed * 0x9e3779b97f4a7c15ull + 11) {}
  uint64_t Word() { return random_(); }
  /// Uniform in 0..n-1; 0 for n = 0.
  uint64_t Below(uint64_t n) { return n == 0 ? 0 : random_() % n; }
  bool Chance(uint64_t one_in) { return Below(one_in) == 0; }

 private:
  std::mt19937_64 random_;
};

/// The stream of `commands`, header included.
std::vector<uint8_t> StreamBytes(const NpuConfig& config, const std::vector<Command>& commands);

/// Breaks a stream: odd values in fields, flipped bits, garbage, commands swapped, dropped and
/// doubled.
std::vector<uint8_t> MutateStream(const NpuConfig& config, std::vector<Command> commands,
                                  StreamRandom& random);

/// A stream of random commands whose fields are mostly small and mostly in use.
std::vector<uint8_t> RandomStream(const NpuConfig& config, StreamRandom& random);

/// What commands read and wrote, and whether that is defined: by docs/machine.md it is not where
/// commands race, or where one does what the text calls undefined.
class AccessLog : public AccessObserver {
 public:
  /// `sizes` are the bytes of the memories in the observer's order.
  AccessLog(const NpuConfig& config, std::vector<size_t> sizes);

  void Begin(const Command& command, size_t queue) override;
  void Read(size_t memory, int64_t address, bool weights) override;
  void Write(size_t memory, int64_t address, uint8_t value) override;
  void Fault() override;
  void Undefined(std::string_view why) override { undefined_ = why; }

  /// Why the memories after the job are not defined, or empty. `commands` are those of the stream.
  std::string WhyUndefined(const std::vector<Command>& commands) const;
  /// Whether the byte may hold `value` after a job that ended with an error: a command wrote it.
  bool Wrote(size_t memory, size_t address, uint8_t value) const;
  void Sort();  ///< before Wrote()

 private:
  using Bits = std::vector<uint64_t>;
  /// A command in one queue.
  struct Accesses {
    const Command* command = nullptr;
    size_t queue = 0;
    std::map<size_t, Bits> reads, weights, writes;  ///< by memory
  };
  static bool Has(const Bits& bits, int64_t address) {
    return bits[static_cast<size_t>(address) / 64] >> (address % 64) & 1;
  }
  /// Whether the two have a byte in common.
  static bool Overlap(const std::map<size_t, Bits>& x, const std::map<size_t, Bits>& y);
  Bits& BitsOf(std::map<size_t, Bits>& bits, size_t memory);
  bool Races(const Accesses& a, const Accesses& b, const std::vector<Command>& commands) const;

  const NpuConfig& config_;
  std::vector<size_t> sizes_;
  std::vector<Accesses> accesses_;
  Accesses* current_ = nullptr;
  bool at_fault_ = false;
  std::string undefined_;
  std::vector<std::vector<uint64_t>> values_;  ///< by memory: address * 512 + value; 256 is any
};

}  // namespace npugen::testing

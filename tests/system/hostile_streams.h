// SPDX-License-Identifier: Apache-2.0
// Streams that no compiler makes.
#pragma once

#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "generator/arch/command_set.h"
#include "generator/config/npu_config.h"

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

}  // namespace npugen::testing

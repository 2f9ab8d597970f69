// SPDX-License-Identifier: Apache-2.0
// PE memory's arbitration of reads, for a sample of positions.
#include "sw/compiler/lower/fetch_cost.h"

#include <algorithm>

namespace npugen::compiler {
namespace {

constexpr int64_t kSamples = 32;
/// Keeps addresses of the sample positive; a multiple of any period of the banks.
constexpr int64_t kOrigin = int64_t{1} << 30;

/// The words that one cycle reads: one per bank, which several vectors may share.
class Cycle {
 public:
  explicit Cycle(const NpuConfig& config) : config_(config) {}

  bool Take(int64_t address, int64_t length) {
    const int64_t first = address / config_.pe_bank_bytes;
    const int64_t last = (address + length - 1) / config_.pe_bank_bytes;
    for (int64_t word = first; word <= last; ++word) {
      for (int64_t other : words_) {
        if (other != word && Bank(other) == Bank(word)) return false;
      }
    }
    for (int64_t word = first; word <= last; ++word) words_.push_back(word);
    return true;
  }

 private:
  uint32_t Bank(int64_t word) const {
    return config_.pe_bank_of(static_cast<uint64_t>(word) * config_.pe_bank_bytes);
  }

  const NpuConfig& config_;
  std::vector<int64_t> words_;
};

}  // namespace

double FetchCycles(const NpuConfig& config, const std::vector<FetchVector>& vectors, int64_t step) {
  int64_t cycles = 0;
  for (int64_t sample = 0; sample < kSamples; ++sample) {
    for (size_t next = 0; next < vectors.size(); ++cycles) {
      Cycle cycle(config);
      const size_t end =
          std::min<size_t>(vectors.size(), (next / config.window_ports + 1) * config.window_ports);
      while (next < end) {
        const FetchVector& vector = vectors[next];
        if (!cycle.Take(kOrigin + sample * step + vector.offset, vector.length)) break;
        ++next;
      }
    }
  }
  return static_cast<double>(cycles) / kSamples;
}

}  // namespace npugen::compiler

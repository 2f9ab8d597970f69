// SPDX-License-Identifier: Apache-2.0
// What a pod is made of and what it trains, as a YAML file says it (docs/pod.md, 2).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "generator/support/diagnostic.h"

namespace npugen {

/// How weights lie on the chips of the data axis.
enum class PodSharding : uint8_t {
  kFullySharded,  ///< each chip has a share, and gathers a layer before it computes it
  kReplicated,    ///< each chip has all, and sums are made of all gradients
};
/// When pods exchange gradients.
enum class PodExchange : uint8_t {
  kAtEnd,     ///< behind the last layer
  kStreamed,  ///< each layer as soon as its gradients are there
};

/// All keys; rates are bytes or operations per second, times are seconds.
struct PodDescription {
  std::string name;

  double compute = 0;  ///< of a chip
  double efficiency = 1;
  double memory_bytes = 0;
  double memory_bandwidth = 0;

  double link_bandwidth = 0;  ///< of a link in one direction
  double link_latency = 0;
  uint64_t link_ways = 2;

  uint64_t pods = 1;
  std::vector<uint64_t> model_rings, data_rings;

  uint64_t hosts = 1;  ///< of a pod
  double network_bandwidth = 0;
  PodExchange exchange = PodExchange::kAtEnd;

  uint64_t width = 0, layers = 0, heads = 0, kv_heads = 0, head_width = 0, feed_forward = 0;
  bool gated = false;
  uint64_t vocabulary = 0;

  uint64_t sequences = 0, length = 0;

  PodSharding sharding = PodSharding::kFullySharded;
  bool recompute = true;
  bool overlap_model_axis = false;
  uint64_t weight_bytes = 2, gradient_bytes = 2, state_bytes = 8;

  uint64_t model_chips() const;
  uint64_t data_chips() const;
  uint64_t chips() const { return pods * model_chips() * data_chips(); }
};

/// A key that gets another value than the file says, in the file's own notation; a list as `16x16`.
struct PodChange {
  std::string path;
  std::string value;
};

/// Chips of all pods, at most.
inline constexpr uint64_t kMostPodChips = uint64_t{1} << 20;

/// Reads the text of the file that messages call `file`. Errors: those of specs (S1xx) with line
/// and column, or with the change that is wrong: unknown, missing, twice given keys, types, units,
/// ranges; kPodDivision, kPodContradiction.
Result<PodDescription> ReadPod(std::string_view text, const std::string& file,
                               const std::vector<PodChange>& changes = {});

/// The keys as a table of Markdown: key, what is legal, default, what it means.
std::string PodReference();

}  // namespace npugen

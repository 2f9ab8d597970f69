// SPDX-License-Identifier: Apache-2.0
// Cycles of collectives: the bound, and the sends played one after the other.
#include <algorithm>
#include <set>
#include <utility>

#include "sw/collective/collective.h"

namespace npugen {
namespace {

/// Of `bytes` that go round `rings` in this order.
double RingCycles(const Collective& collective, const std::vector<uint32_t>& rings, double bytes,
                  const LinkRate& link) {
  double cycles = 0;
  double left = bytes;
  for (const uint32_t ring : rings) {
    if (collective.kind == CollectiveKind::kBroadcast) {
      const double pieces = collective.pieces != 0 ? collective.pieces : ring;
      cycles +=
          (ring - 2 + pieces) * bytes / (pieces * link.bytes_per_cycle) + (ring - 1) * link.latency;
      continue;
    }
    const double once = (ring - 1) * (left / (ring * link.bytes_per_cycle) + link.latency);
    cycles += collective.kind == CollectiveKind::kAllReduce ? 2 * once : once;
    left /= ring;
  }
  return cycles;
}

}  // namespace

double CyclesBound(const Collective& collective, const LinkRate& link) {
  const auto parts = static_cast<double>(PartsOf(collective).size());
  const double bytes = static_cast<double>(collective.elements) * collective.element_bytes / parts;
  std::vector<uint32_t> rings;
  for (const uint32_t ring : collective.rings) {
    if (ring > 1) rings.push_back(ring);
  }
  const size_t orders =
      collective.all_axes_at_once ? rings.size() : std::min<size_t>(rings.size(), 1);
  double cycles = 0;
  for (size_t order = 0; order < orders; ++order) {
    cycles = std::max(cycles, RingCycles(collective, rings, bytes, link));
    std::rotate(rings.begin(), rings.begin() + 1, rings.end());
  }
  return cycles;
}

double PlayCollective(const Collective& collective, const LinkRate& link) {
  const auto chips = static_cast<uint32_t>(collective.chips());
  const size_t parts = PartsOf(collective).size();
  const size_t axes = collective.rings.size();
  std::vector<std::vector<Send>> by_step(StepsOf(collective));
  std::set<std::pair<uint32_t, uint32_t>> rounds;  // part, first step
  for (uint32_t chip = 0; chip < chips; ++chip) {
    for (const Send& send : SendsOf(collective, chip)) {
      by_step[send.step].push_back(send);
      if (send.asks) rounds.emplace(send.part, send.round);
    }
  }
  // When all that came to a chip in a part is there, the same when the round began, and when a
  // direction of an axis is free again.
  std::vector<double> ready(chips * parts), at_round(chips * parts);
  std::vector<double> free(size_t{chips} * axes * 2);
  double last = 0;
  for (uint32_t step = 0; step < by_step.size(); ++step) {
    for (uint32_t part = 0; part < parts; ++part) {
      if (!rounds.contains({part, step})) continue;
      for (size_t at = part; at < ready.size(); at += parts) at_round[at] = ready[at];
    }
    std::vector<double> arrived = ready;
    for (const Send& send : by_step[step]) {
      double& link_free =
          free[(size_t{send.from} * axes + send.axis) * 2 + (send.direction > 0 ? 0 : 1)];
      const size_t target = send.to * parts + send.part;
      double begin = std::max(link_free, ready[send.from * parts + send.part]);
      if (send.asks) begin = std::max(begin, at_round[target] + link.latency);
      link_free = begin + static_cast<double>(send.elements.size()) * collective.element_bytes /
                              link.bytes_per_cycle;
      arrived[target] = std::max(arrived[target], link_free + link.latency);
      last = std::max(last, arrived[target]);
    }
    ready.swap(arrived);
  }
  return last;
}

}  // namespace npugen

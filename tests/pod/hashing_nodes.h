// SPDX-License-Identifier: Apache-2.0
// Nodes that mix whatever arrives, in its order, into a number, and send what follows from it.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "verif/pod/ranks.h"

namespace npugen::testing {

class HashingNode : public PodNode {
 public:
  HashingNode(uint32_t number, const NodeWiring& wiring) : state_(number * 0x9e3779b97f4a7c15) {
    for (uint32_t link = 0; link < wiring.links.size(); ++link) {
      if (wiring.links[link].from == number) out_.push_back(link);
    }
  }
  uint64_t state() const { return state_; }
  void Run(uint64_t quantum, const std::vector<NodeMessage>& arrived,
           std::vector<NodeMessage>* sent) override {
    Mix(quantum);
    for (const NodeMessage& message : arrived) {
      Mix(message.link);
      for (const uint8_t byte : message.bytes) Mix(byte);
    }
    for (const uint32_t link : out_) {
      for (uint64_t count = Mix(link) >> 60 & 3; count > 0; --count) {
        NodeMessage message{link, {}};
        for (uint64_t size = Mix(count) >> 58; size > 0; --size) {
          message.bytes.push_back(static_cast<uint8_t>(Mix(size) >> 32));
        }
        sent->push_back(std::move(message));
      }
    }
  }

 private:
  uint64_t Mix(uint64_t value) {
    state_ = (state_ ^ value) * 0x2545f4914f6cdd1d;
    state_ ^= state_ >> 29;
    return state_;
  }
  uint64_t state_;
  std::vector<uint32_t> out_;
};

/// A torus of x * y nodes with links to all four neighbours.
inline NodeWiring TorusWiring(uint32_t x, uint32_t y) {
  NodeWiring wiring;
  wiring.nodes = x * y;
  for (uint32_t node = 0; node < wiring.nodes; ++node) {
    const uint32_t column = node % x, row = node / x;
    wiring.links.push_back({node, row * x + (column + 1) % x});
    wiring.links.push_back({node, row * x + (column + x - 1) % x});
    wiring.links.push_back({node, (row + 1) % y * x + column});
    wiring.links.push_back({node, (row + y - 1) % y * x + column});
  }
  return wiring;
}

/// The nodes of one rank.
inline std::vector<std::unique_ptr<HashingNode>> HashingNodes(const NodeWiring& wiring,
                                                              uint32_t rank, uint32_t ranks) {
  std::vector<std::unique_ptr<HashingNode>> nodes;
  for (uint32_t node = 0; node < wiring.nodes; ++node) {
    if (wiring.RankOf(node, ranks) == rank) {
      nodes.push_back(std::make_unique<HashingNode>(node, wiring));
    }
  }
  return nodes;
}

inline std::vector<PodNode*> Pointers(const std::vector<std::unique_ptr<HashingNode>>& nodes) {
  std::vector<PodNode*> pointers;
  for (const auto& node : nodes) pointers.push_back(node.get());
  return pointers;
}

}  // namespace npugen::testing

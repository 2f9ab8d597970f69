// SPDX-License-Identifier: Apache-2.0
// A simulated pod on several processes (ranks): messages between its nodes, quantum by quantum.
//
// Time is cut into quanta that are no longer than any link's latency: what a node sends in one
// quantum reaches its neighbour in the next one at the earliest. So all nodes can run a quantum
// without hearing of each other, then each rank sends one message to each neighbouring rank. A node
// gets what arrived in the order of links, then in the order sent: the same for every number of
// ranks. One rank needs no transport and no MPI.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

#include "generator/support/diagnostic.h"

namespace npugen {

using RankBytes = std::vector<uint8_t>;

/// How a rank reaches the others. The ranks of a transport have numbers 0..ranks()-1.
class RankTransport {
 public:
  virtual ~RankTransport() = default;
  virtual uint32_t rank() const = 0;
  virtual uint32_t ranks() const = 0;
  /// Sends out[i] to rank peers[i] and waits for what each of them sends in turn, for as long as
  /// the transport's patience. Both sides must call it, once for each quantum. Error: kPodRank with
  /// the number of the rank that is gone or silent; the transport is of no use then.
  virtual Result<std::vector<RankBytes>> Exchange(const std::vector<uint32_t>& peers,
                                                  const std::vector<RankBytes>& out) = 0;
};

/// A transport of one rank.
std::unique_ptr<RankTransport> MakeSingleRank();
/// Ranks that are threads of this process. One that is destroyed is gone for the others.
std::vector<std::unique_ptr<RankTransport>> MakeThreadRanks(uint32_t ranks,
                                                            std::chrono::milliseconds patience);

/// A link from one node to another.
struct NodeLink {
  uint32_t from = 0, to = 0;
};

/// What a pod is made of, the same on every rank.
struct NodeWiring {
  uint32_t nodes = 0;
  std::vector<NodeLink> links;
  uint64_t configuration = 0;  ///< digest of what else must be the same everywhere

  /// The rank that hosts a node: neighbours in number mostly share one.
  uint32_t RankOf(uint32_t node, uint32_t ranks) const {
    return static_cast<uint32_t>(uint64_t{node} * ranks / nodes);
  }
};

/// What goes over a link.
struct NodeMessage {
  uint32_t link = 0;
  RankBytes bytes;
};

/// One chip of the pod, or whatever else takes turns.
class PodNode {
 public:
  virtual ~PodNode() = default;
  /// Runs one quantum. `arrived` was sent in the quantum before, by links. What it sends goes over
  /// links that begin at the node.
  virtual void Run(uint64_t quantum, const std::vector<NodeMessage>& arrived,
                   std::vector<NodeMessage>* sent) = 0;
};

/// Runs quanta 0..quanta-1 of the nodes that this rank hosts: hosted[i] is the i-th of them, in the
/// order of their numbers. Errors: kPodRank of the transport, or when another rank has another
/// wiring or is in another quantum.
Status RunQuanta(const NodeWiring& wiring, uint64_t quanta, const std::vector<PodNode*>& hosted,
                 RankTransport* transport);

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// Quanta of a pod's nodes, and ranks that are threads.
#include "verif/pod/ranks.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <utility>

#include "generator/support/check.h"

namespace npugen {
namespace {

Diagnostic RankError(std::string message, std::string hint) {
  return {DiagnosticCode::kPodRank, SourceLocation(), std::move(message), std::move(hint)};
}

class SingleRank : public RankTransport {
 public:
  uint32_t rank() const override { return 0; }
  uint32_t ranks() const override { return 1; }
  Result<std::vector<RankBytes>> Exchange(const std::vector<uint32_t>& peers,
                                          const std::vector<RankBytes>&) override {
    Check(peers.empty(), "a single rank has nobody to talk to");
    return std::vector<RankBytes>();
  }
};

/// What the threads share.
struct ThreadWorld {
  std::mutex mutex;
  std::condition_variable changed;
  std::map<std::pair<uint32_t, uint32_t>, std::deque<RankBytes>> queues;  ///< from, to
  std::set<uint32_t> gone;
};

class ThreadRank : public RankTransport {
 public:
  ThreadRank(uint32_t rank, uint32_t ranks, std::chrono::milliseconds patience,
             std::shared_ptr<ThreadWorld> world)
      : rank_(rank), ranks_(ranks), patience_(patience), world_(std::move(world)) {}
  ~ThreadRank() override {
    const std::lock_guard lock(world_->mutex);
    world_->gone.insert(rank_);
    world_->changed.notify_all();
  }
  uint32_t rank() const override { return rank_; }
  uint32_t ranks() const override { return ranks_; }

  Result<std::vector<RankBytes>> Exchange(const std::vector<uint32_t>& peers,
                                          const std::vector<RankBytes>& out) override {
    const auto end = std::chrono::steady_clock::now() + patience_;
    std::unique_lock lock(world_->mutex);
    for (size_t i = 0; i < peers.size(); ++i) {
      world_->queues[{rank_, peers[i]}].push_back(out[i]);
    }
    world_->changed.notify_all();
    std::vector<RankBytes> in;
    for (const uint32_t peer : peers) {
      std::deque<RankBytes>& queue = world_->queues[{peer, rank_}];
      // What was sent before its sender left still counts.
      const auto ready = [&] { return !queue.empty() || world_->gone.contains(peer); };
      if (!world_->changed.wait_until(lock, end, ready)) {
        return RankError(fmt::format("rank {} says nothing", peer),
                         fmt::format("waited for {} ms", patience_.count()));
      }
      if (queue.empty()) {
        return RankError(fmt::format("rank {} has ended", peer), "its own message says why");
      }
      in.push_back(std::move(queue.front()));
      queue.pop_front();
    }
    return in;
  }

 private:
  const uint32_t rank_, ranks_;
  const std::chrono::milliseconds patience_;
  const std::shared_ptr<ThreadWorld> world_;
};

void PutNumber(uint64_t value, uint32_t bytes, RankBytes* out) {
  for (uint32_t i = 0; i < bytes; ++i) out->push_back(static_cast<uint8_t>(value >> 8 * i));
}

/// Takes a number from the front; false where there are not enough bytes.
bool TakeNumber(const RankBytes& in, uint32_t bytes, size_t* at, uint64_t* value) {
  if (in.size() - *at < bytes) return false;
  *value = 0;
  for (uint32_t i = 0; i < bytes; ++i) *value |= uint64_t{in[*at + i]} << 8 * i;
  *at += bytes;
  return true;
}

/// FNV-1a of everything that ranks must agree on.
uint64_t SignatureOf(const NodeWiring& wiring, uint32_t ranks) {
  uint64_t hash = 0xcbf29ce484222325;
  const auto add = [&hash](uint64_t value) {
    for (int i = 0; i < 8; ++i) hash = (hash ^ (value >> 8 * i & 0xff)) * 0x100000001b3;
  };
  add(wiring.nodes);
  add(ranks);
  add(wiring.configuration);
  for (const NodeLink& link : wiring.links) add(uint64_t{link.from} << 32 | link.to);
  return hash;
}

/// The nodes of one rank, and who talks to whom.
class QuantumRunner {
 public:
  QuantumRunner(const NodeWiring& wiring, const std::vector<PodNode*>& hosted,
                RankTransport* transport)
      : wiring_(wiring),
        hosted_(hosted),
        transport_(*transport),
        signature_(SignatureOf(wiring, transport->ranks())) {
    const uint32_t ranks = transport_.ranks();
    Check(wiring_.nodes >= ranks, "more ranks than nodes");
    while (first_ < wiring_.nodes && wiring_.RankOf(first_, ranks) < transport_.rank()) ++first_;
    std::set<uint32_t> peers;
    for (const NodeLink& link : wiring_.links) {
      Check(link.from < wiring_.nodes && link.to < wiring_.nodes, "a link to nowhere");
      const uint32_t from = wiring_.RankOf(link.from, ranks), to = wiring_.RankOf(link.to, ranks);
      if (from == to) continue;
      if (from == transport_.rank()) peers.insert(to);
      if (to == transport_.rank()) peers.insert(from);
    }
    peers_.assign(peers.begin(), peers.end());
    for (uint32_t node = first_;
         node < wiring_.nodes && wiring_.RankOf(node, ranks) == transport_.rank(); ++node) {
      inboxes_.emplace_back();
    }
    Check(inboxes_.size() == hosted_.size(), "nodes of another rank");
  }

  Status Run(uint64_t quanta) {
    for (uint64_t quantum = 0; quantum < quanta; ++quantum) {
      std::vector<RankBytes> out(peers_.size());
      for (RankBytes& bytes : out) {
        PutNumber(signature_, 8, &bytes);
        PutNumber(quantum, 8, &bytes);
      }
      std::vector<std::vector<NodeMessage>> next(inboxes_.size());
      for (size_t i = 0; i < hosted_.size(); ++i) {
        std::vector<NodeMessage> sent;
        hosted_[i]->Run(quantum, inboxes_[i], &sent);
        for (NodeMessage& message : sent) Send(first_ + i, std::move(message), &out, &next);
      }
      inboxes_ = std::move(next);
      Result<std::vector<RankBytes>> in = transport_.Exchange(peers_, out);
      if (!in) return in.errors();
      for (size_t p = 0; p < peers_.size(); ++p) {
        if (const Status taken = Take(peers_[p], quantum, (*in)[p]); !taken) return taken;
      }
      for (std::vector<NodeMessage>& inbox : inboxes_) {
        std::stable_sort(
            inbox.begin(), inbox.end(),
            [](const NodeMessage& a, const NodeMessage& b) { return a.link < b.link; });
      }
    }
    return Unit{};
  }

 private:
  void Send(size_t node, NodeMessage message, std::vector<RankBytes>* out,
            std::vector<std::vector<NodeMessage>>* next) const {
    Check(message.link < wiring_.links.size() && wiring_.links[message.link].from == node,
          "a node sends over a link that is not its own");
    const uint32_t to = wiring_.links[message.link].to;
    const uint32_t rank = wiring_.RankOf(to, transport_.ranks());
    if (rank == transport_.rank()) {
      (*next)[to - first_].push_back(std::move(message));
      return;
    }
    const auto peer = std::lower_bound(peers_.begin(), peers_.end(), rank);
    RankBytes& bytes = (*out)[static_cast<size_t>(peer - peers_.begin())];
    PutNumber(message.link, 4, &bytes);
    PutNumber(message.bytes.size(), 8, &bytes);
    bytes.insert(bytes.end(), message.bytes.begin(), message.bytes.end());
  }

  Status Take(uint32_t peer, uint64_t quantum, const RankBytes& in) {
    size_t at = 0;
    uint64_t signature = 0, its_quantum = 0;
    const bool headed = TakeNumber(in, 8, &at, &signature) && TakeNumber(in, 8, &at, &its_quantum);
    if (!headed || signature != signature_) {
      return RankError(fmt::format("rank {} simulates another pod", peer),
                       "all ranks need the same files and options");
    }
    if (its_quantum != quantum) {
      return RankError(fmt::format("rank {} is in quantum {}, not {}", peer, its_quantum, quantum),
                       "all ranks need the same options");
    }
    while (at < in.size()) {
      uint64_t link = 0, size = 0;
      const bool whole =
          TakeNumber(in, 4, &at, &link) && TakeNumber(in, 8, &at, &size) &&
          size <= in.size() - at && link < wiring_.links.size() &&
          wiring_.RankOf(wiring_.links[link].from, transport_.ranks()) == peer &&
          wiring_.RankOf(wiring_.links[link].to, transport_.ranks()) == transport_.rank();
      if (!whole) {
        return RankError(fmt::format("rank {} sent a message that is damaged", peer),
                         "a fault of npugen or of its transport");
      }
      NodeMessage message{static_cast<uint32_t>(link), {}};
      message.bytes.assign(in.begin() + static_cast<ptrdiff_t>(at),
                           in.begin() + static_cast<ptrdiff_t>(at + size));
      at += size;
      inboxes_[wiring_.links[link].to - first_].push_back(std::move(message));
    }
    return Unit{};
  }

  const NodeWiring& wiring_;
  const std::vector<PodNode*>& hosted_;
  RankTransport& transport_;
  const uint64_t signature_;
  uint32_t first_ = 0;  ///< number of the first node that is hosted
  std::vector<uint32_t> peers_;
  std::vector<std::vector<NodeMessage>> inboxes_;
};

}  // namespace

std::unique_ptr<RankTransport> MakeSingleRank() { return std::make_unique<SingleRank>(); }

std::vector<std::unique_ptr<RankTransport>> MakeThreadRanks(uint32_t ranks,
                                                            std::chrono::milliseconds patience) {
  const auto world = std::make_shared<ThreadWorld>();
  std::vector<std::unique_ptr<RankTransport>> all;
  for (uint32_t rank = 0; rank < ranks; ++rank) {
    all.push_back(std::make_unique<ThreadRank>(rank, ranks, patience, world));
  }
  return all;
}

Status RunQuanta(const NodeWiring& wiring, uint64_t quanta, const std::vector<PodNode*>& hosted,
                 RankTransport* transport) {
  return QuantumRunner(wiring, hosted, transport).Run(quanta);
}

}  // namespace npugen

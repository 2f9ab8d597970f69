// SPDX-License-Identifier: Apache-2.0
// The same history for every number of ranks; ranks that die, hang or are not like the others.
#include "verif/pod/ranks.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "tests/pod/hashing_nodes.h"

namespace npugen {
namespace {

using std::chrono::milliseconds;
using testing::HashingNode;
using testing::TorusWiring;

/// Runs `work` for each rank in a thread of its own; a rank is gone when its work returns.
void OnThreads(uint32_t ranks, milliseconds patience,
               const std::function<void(RankTransport*)>& work) {
  std::vector<std::unique_ptr<RankTransport>> transports = MakeThreadRanks(ranks, patience);
  std::vector<std::thread> threads;
  for (auto& transport : transports) {
    threads.emplace_back([&work, transport = std::move(transport)]() mutable {
      work(transport.get());
      transport.reset();
    });
  }
  for (std::thread& thread : threads) thread.join();
}

std::vector<uint64_t> StatesOf(const NodeWiring& wiring, uint32_t ranks, uint64_t quanta) {
  std::vector<uint64_t> states(wiring.nodes);
  const auto work = [&](RankTransport* transport) {
    const auto nodes = testing::HashingNodes(wiring, transport->rank(), transport->ranks());
    const Status ran = RunQuanta(wiring, quanta, testing::Pointers(nodes), transport);
    EXPECT_TRUE(ran.ok()) << ran.errors().front().message;
    size_t next = 0;
    for (uint32_t node = 0; node < wiring.nodes; ++node) {
      if (wiring.RankOf(node, ranks) == transport->rank()) states[node] = nodes[next++]->state();
    }
  };
  if (ranks == 1) {
    work(MakeSingleRank().get());
  } else {
    OnThreads(ranks, milliseconds(60000), work);
  }
  return states;
}

TEST(Ranks, SameHistoryForEveryNumberOfRanks) {
  for (const auto& [x, y] : {std::pair(4u, 2u), std::pair(5u, 3u), std::pair(1u, 7u)}) {
    const NodeWiring wiring = TorusWiring(x, y);
    const std::vector<uint64_t> one = StatesOf(wiring, 1, 200);
    for (uint32_t ranks = 2; ranks <= std::min(wiring.nodes, 8u); ++ranks) {
      EXPECT_EQ(StatesOf(wiring, ranks, 200), one) << x << " x " << y << ", " << ranks;
    }
    EXPECT_NE(StatesOf(wiring, 1, 199), one);
  }
}

/// The errors of the ranks that are left, and that they come in time.
std::vector<std::string> ErrorsWithout(uint32_t ranks, milliseconds patience,
                                       const std::function<bool(RankTransport*, NodeWiring*)>& odd,
                                       uint64_t quanta = 100) {
  std::vector<std::string> errors(ranks);
  const auto begin = std::chrono::steady_clock::now();
  OnThreads(ranks, patience, [&](RankTransport* transport) {
    NodeWiring wiring = TorusWiring(4, 2);
    if (odd(transport, &wiring)) return;
    const auto nodes = testing::HashingNodes(wiring, transport->rank(), transport->ranks());
    const Status ran = RunQuanta(wiring, quanta, testing::Pointers(nodes), transport);
    if (!ran) {
      EXPECT_EQ(ran.errors().front().code, DiagnosticCode::kPodRank);
      errors[transport->rank()] = ran.errors().front().message;
    }
  });
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
  return errors;
}

TEST(Ranks, OneDies) {
  const auto errors = ErrorsWithout(2, milliseconds(60000), [](RankTransport* t, NodeWiring* w) {
    if (t->rank() != 1) return false;
    const auto nodes = testing::HashingNodes(*w, 1, 2);
    EXPECT_TRUE(RunQuanta(*w, 17, testing::Pointers(nodes), t).ok());
    return true;
  });
  EXPECT_EQ(errors[0], "rank 1 has ended");
  // All ranks end, whether they are neighbours of the one that died or not.
  const auto more = ErrorsWithout(8, milliseconds(60000),
                                  [](RankTransport* t, NodeWiring*) { return t->rank() == 5; });
  for (uint32_t rank = 0; rank < 8; ++rank) {
    if (rank != 5) {
      EXPECT_NE(more[rank].find("has ended"), std::string::npos) << rank << ": " << more[rank];
    }
  }
}

TEST(Ranks, OneHangs) {
  std::atomic<bool> over = false;
  const auto errors = ErrorsWithout(2, milliseconds(200), [&over](RankTransport* t, NodeWiring* w) {
    if (t->rank() == 1) {
      while (!over) std::this_thread::sleep_for(milliseconds(5));
      return true;
    }
    const auto nodes = testing::HashingNodes(*w, 0, 2);
    const Status ran = RunQuanta(*w, 10, testing::Pointers(nodes), t);
    over = true;
    EXPECT_FALSE(ran.ok());
    if (!ran) {
      EXPECT_EQ(ran.errors().front().message, "rank 1 says nothing");
    }
    return true;
  });
}

TEST(Ranks, OneIsLate) {
  const auto errors = ErrorsWithout(4, milliseconds(60000), [](RankTransport* t, NodeWiring*) {
    if (t->rank() == 2) std::this_thread::sleep_for(milliseconds(300));
    return false;
  });
  for (const std::string& error : errors) EXPECT_EQ(error, "");
}

TEST(Ranks, AnotherConfiguration) {
  const auto errors = ErrorsWithout(2, milliseconds(60000), [](RankTransport* t, NodeWiring* w) {
    w->configuration = t->rank();
    return false;
  });
  EXPECT_EQ(errors[0], "rank 1 simulates another pod");
  EXPECT_EQ(errors[1], "rank 0 simulates another pod");
}

/// Hostile bytes from a neighbour: an error, never a message for a node.
TEST(Ranks, DamagedMessages) {
  const NodeWiring wiring = TorusWiring(2, 1);
  for (int kind = 0; kind < 6; ++kind) {
    OnThreads(2, milliseconds(60000), [&](RankTransport* transport) {
      const auto nodes = testing::HashingNodes(wiring, transport->rank(), 2);
      if (transport->rank() == 0) {
        const Status ran = RunQuanta(wiring, 3, testing::Pointers(nodes), transport);
        EXPECT_FALSE(ran.ok()) << kind;
        return;
      }
      // What a good rank would send, then something behind it.
      class Spoiler : public RankTransport {
       public:
        Spoiler(RankTransport* inner, int kind) : inner_(*inner), kind_(kind) {}
        uint32_t rank() const override { return inner_.rank(); }
        uint32_t ranks() const override { return inner_.ranks(); }
        Result<std::vector<RankBytes>> Exchange(const std::vector<uint32_t>& peers,
                                                const std::vector<RankBytes>& out) override {
          std::vector<RankBytes> bad = out;
          RankBytes& bytes = bad.front();
          if (kind_ == 0) bytes.clear();
          if (kind_ == 1) bytes.resize(15);
          if (kind_ == 2) bytes[8] ^= 1;  // quantum
          if (kind_ == 3) bytes.push_back(0);
          if (kind_ == 4) bytes.insert(bytes.end(), 12, 0xff);  // link and size
          // A link of the receiver's own.
          if (kind_ == 5) bytes.insert(bytes.end(), 12, 0);
          return inner_.Exchange(peers, bad);
        }

       private:
        RankTransport& inner_;
        int kind_;
      } spoiler(transport, kind);
      // Its neighbour ends after the first quantum.
      EXPECT_FALSE(RunQuanta(wiring, 3, testing::Pointers(nodes), &spoiler).ok());
    });
  }
}

}  // namespace
}  // namespace npugen

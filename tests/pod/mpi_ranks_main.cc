// SPDX-License-Identifier: Apache-2.0
// A pod of hashing nodes over MPI, for ctest: mpirun -n RANKS mpi_ranks_main same|silent|dies.
//   same    every rank ends with the states of a run in one process
//   silent  rank 1 stops talking: the others report it in time
//   dies    rank 1 is killed in the middle: nothing hangs
#include <fmt/format.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <string>
#include <thread>

#include "tests/pod/hashing_nodes.h"
#include "verif/pod/mpi_ranks.h"

namespace npugen {
namespace {

constexpr uint64_t kQuanta = 300;

/// Leaves the others in the middle.
class LeavingNode : public PodNode {
 public:
  LeavingNode(PodNode* inner, bool dies) : inner_(*inner), dies_(dies) {}
  void Run(uint64_t quantum, const std::vector<NodeMessage>& arrived,
           std::vector<NodeMessage>* sent) override {
    if (quantum == 40) {
      if (dies_) raise(SIGKILL);
      std::this_thread::sleep_for(std::chrono::seconds(60));
    }
    inner_.Run(quantum, arrived, sent);
  }

 private:
  PodNode& inner_;
  const bool dies_;
};

int Main(const std::string& mode) {
  const NodeWiring wiring = testing::TorusWiring(4, 3);
  const auto all = testing::HashingNodes(wiring, 0, 1);
  if (!RunQuanta(wiring, kQuanta, testing::Pointers(all), MakeSingleRank().get())) return 1;
  Result<std::unique_ptr<RankTransport>> joined =
      JoinMpi(mode == "same" ? std::chrono::seconds(60) : std::chrono::seconds(2));
  if (!joined) return 1;
  RankTransport& transport = **joined;
  const auto nodes = testing::HashingNodes(wiring, transport.rank(), transport.ranks());
  std::vector<PodNode*> hosted = testing::Pointers(nodes);
  std::unique_ptr<LeavingNode> leaving;
  if (mode != "same" && transport.rank() == 1) {
    leaving = std::make_unique<LeavingNode>(hosted[0], mode == "dies");
    hosted[0] = leaving.get();
  }
  const auto begin = std::chrono::steady_clock::now();
  const Status ran = RunQuanta(wiring, kQuanta, hosted, &transport);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  if (!ran) {
    std::fputs(FormatDiagnostic(ran.errors().front(), false).c_str(), stdout);
    std::fflush(stdout);
    return 1;
  }
  size_t next = 0;
  for (uint32_t node = 0; node < wiring.nodes; ++node) {
    if (wiring.RankOf(node, transport.ranks()) != transport.rank()) continue;
    if (nodes[next++]->state() != all[node]->state()) {
      std::fputs(fmt::format("node {} differs\n", node).c_str(), stdout);
      return 1;
    }
  }
  if (transport.rank() == 0) {
    std::fputs(fmt::format("{} ranks: {} quanta as one process, {:.1f} us each\n",
                           transport.ranks(), kQuanta, 1e6 * took.count() / kQuanta)
                   .c_str(),
               stdout);
  }
  return 0;
}

}  // namespace
}  // namespace npugen

int main(int argc, char** argv) { return argc == 2 ? npugen::Main(argv[1]) : 2; }

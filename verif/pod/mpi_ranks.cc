// SPDX-License-Identifier: Apache-2.0
// One message to and from each neighbour in a quantum, with an end to all waiting.
#include "verif/pod/mpi_ranks.h"

#include <fmt/format.h>
#include <mpi.h>

#include <algorithm>
#include <climits>
#include <thread>
#include <utility>

namespace npugen {
namespace {

constexpr int kLengthTag = 1, kBytesTag = 2;
/// Exit status that mpirun sees of a rank that gave up.
constexpr int kAbortStatus = 7;

Diagnostic MpiError(std::string message, std::string hint) {
  return {DiagnosticCode::kPodRank, SourceLocation(), std::move(message), std::move(hint)};
}

class MpiRank : public RankTransport {
 public:
  explicit MpiRank(std::chrono::milliseconds patience) : patience_(patience) {
    int rank = 0, ranks = 1;
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    rank_ = static_cast<uint32_t>(rank);
    ranks_ = static_cast<uint32_t>(ranks);
  }
  ~MpiRank() override {
    // MPI_Finalize waits for ranks that may be gone.
    if (failed_) MPI_Abort(MPI_COMM_WORLD, kAbortStatus);
    MPI_Finalize();
  }
  uint32_t rank() const override { return rank_; }
  uint32_t ranks() const override { return ranks_; }

  Result<std::vector<RankBytes>> Exchange(const std::vector<uint32_t>& peers,
                                          const std::vector<RankBytes>& out) override {
    const size_t count = peers.size();
    std::vector<uint64_t> lengths(count), their_lengths(count);
    std::vector<RankBytes> in(count);
    std::vector<MPI_Request> receives(count, MPI_REQUEST_NULL), sends;
    sends.reserve(2 * count);
    for (size_t i = 0; i < count; ++i) {
      const int peer = static_cast<int>(peers[i]);
      lengths[i] = out[i].size();
      if (lengths[i] > INT_MAX) return Fail("too much for one message", "use more ranks");
      MPI_Irecv(&their_lengths[i], 1, MPI_UINT64_T, peer, kLengthTag, MPI_COMM_WORLD, &receives[i]);
      MPI_Isend(&lengths[i], 1, MPI_UINT64_T, peer, kLengthTag, MPI_COMM_WORLD,
                &sends.emplace_back());
      MPI_Isend(out[i].data(), static_cast<int>(lengths[i]), MPI_BYTE, peer, kBytesTag,
                MPI_COMM_WORLD, &sends.emplace_back());
    }
    if (const Status came = Wait(&receives, peers, 1); !came) return came.errors();
    for (size_t i = 0; i < count; ++i) {
      if (their_lengths[i] > INT_MAX) return Fail("a message of absurd size", "");
      in[i].resize(their_lengths[i]);
      MPI_Irecv(in[i].data(), static_cast<int>(their_lengths[i]), MPI_BYTE,
                static_cast<int>(peers[i]), kBytesTag, MPI_COMM_WORLD, &receives[i]);
    }
    if (const Status came = Wait(&receives, peers, 1); !came) return came.errors();
    if (const Status left = Wait(&sends, peers, 2); !left) return left.errors();
    return in;
  }

 private:
  Diagnostic Fail(std::string message, std::string hint) {
    failed_ = true;
    return MpiError(std::move(message), std::move(hint));
  }

  /// Waits for all requests, `each` for every peer. Looks all the time at first, then sleeps
  /// between looks: ranks may share processors.
  Status Wait(std::vector<MPI_Request>* requests, const std::vector<uint32_t>& peers, size_t each) {
    const auto begin = std::chrono::steady_clock::now();
    std::vector<int> indices(requests->size());
    for (uint64_t look = 0;; ++look) {
      // Not MPI_Testall: it does not say which requests are done as long as one is not.
      int done = 0;
      if (MPI_Testsome(static_cast<int>(requests->size()), requests->data(), &done, indices.data(),
                       MPI_STATUSES_IGNORE) != MPI_SUCCESS) {
        return Fail(
            fmt::format("rank {} lost its connection to {}", rank_, Silent(*requests, peers, each)),
            "that rank's own message says why");
      }
      if (done == MPI_UNDEFINED) return Unit{};
      if (done > 0) continue;
      const auto waited = std::chrono::steady_clock::now() - begin;
      if (waited > patience_) {
        return Fail(fmt::format("{} says nothing", Silent(*requests, peers, each)),
                    fmt::format("rank {} waited for {} ms", rank_, patience_.count()));
      }
      // Not yield(): beside other programs that gives away whole slices of time.
      if (look >= 50) {
        std::this_thread::sleep_for(std::chrono::microseconds(look < 500 ? 20 : 500));
      }
    }
  }

  /// The first rank that something is still expected of.
  static std::string Silent(const std::vector<MPI_Request>& requests,
                            const std::vector<uint32_t>& peers, size_t each) {
    for (size_t i = 0; i < requests.size(); ++i) {
      if (requests[i] != MPI_REQUEST_NULL) return fmt::format("rank {}", peers[i / each]);
    }
    return "a rank";
  }

  const std::chrono::milliseconds patience_;
  uint32_t rank_ = 0, ranks_ = 1;
  bool failed_ = false;
};

}  // namespace

Result<std::unique_ptr<RankTransport>> JoinMpi(std::chrono::milliseconds patience) {
  int started = 0;
  MPI_Initialized(&started);
  if (started != 0) return MpiError("MPI was joined already", "once in a process");
  if (MPI_Init(nullptr, nullptr) != MPI_SUCCESS) {
    return MpiError("MPI does not start", "mpirun -n RANKS starts the ranks");
  }
  return std::unique_ptr<RankTransport>(std::make_unique<MpiRank>(patience));
}

}  // namespace npugen

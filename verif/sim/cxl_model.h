// SPDX-License-Identifier: Apache-2.0
// One end of a CXL link in C++, host or device, written from docs/cxl.md: what the RTL is compared
// with, and its neighbour in benches. Its time is counted in flits.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <random>

#include "verif/sim/cxl_flit.h"

namespace npugen::cxl {

/// A message and its data, if it is one that has data.
struct Transfer {
  Message message;
  bool has_enables = false;          ///< it has byte enables
  std::array<Chunk, 5> chunks = {};  ///< the fifth one: byte enables
  bool operator==(const Transfer&) const = default;
};

inline bool HasData(Kind kind) { return kind == Kind::kRwd || kind == Kind::kDrs; }
inline uint32_t ChunksOf(const Transfer& transfer) {
  return !HasData(transfer.message.kind) ? 0 : transfer.has_enables ? 5 : 4;
}
/// Whether a device knows what a message wants.
bool IsKnown(const Message& message);

enum class Lrsm : uint8_t { kNormal, kRequest, kIdle, kReinit, kAbort };
/// Why a link is down.
enum class Cause : uint8_t { kNone, kTries, kNoPlace, kProtocol };

struct CxlOptions {
  Direction sends = Direction::kToDevice;  ///< kToDevice: it is the host
  uint32_t replay = 32;                    ///< flits that it keeps
  uint32_t room[2] = {16, 8};              ///< messages that it takes, without and with data
  uint32_t timeout = 100;                  ///< of LOCAL_IDLE, in flits
  uint32_t retries = 10, reinits = 10;
  uint64_t seed = 1;  ///< of the choice of formats
};

/// An end whose PHY is up from the start.
class CxlModel {
 public:
  explicit CxlModel(const CxlOptions& options) : options_(options), random_(options.seed) {
    for (uint32_t d = 0; d < 2; ++d) owed_[d] = options.room[d];
  }

  void Receive(const Flit& flit);
  /// What leaves in the time of a flit.
  std::optional<Flit> Send();
  /// A message to be sent, behind those with and without data as it is.
  void Give(Transfer transfer) {
    waiting_[HasData(transfer.message.kind) ? 1 : 0].push_back(std::move(transfer));
  }
  /// The oldest message that has come, if it is whole: its place is free then.
  std::optional<Transfer> Take();
  /// The PHY has trained again.
  void Reinitialized();

  Lrsm lrsm() const { return lrsm_; }
  Cause cause() const { return cause_; }
  bool up() const { return init_came_ && cause_ == Cause::kNone; }
  uint32_t waiting() const {
    return static_cast<uint32_t>(waiting_[0].size() + waiting_[1].size());
  }
  uint64_t bad() const { return bad_; }          ///< flits with a wrong CRC
  uint64_t unknown() const { return unknown_; }  ///< slots, messages, control flits and acks
  uint64_t resent() const { return resent_; }
  uint64_t requests() const { return requests_; }  ///< RETRY.Req sent

  /// Credits are held back while this is set.
  bool withholds = false;

 private:
  struct Kept {
    Payload payload;
    bool all_data;
    bool sent;
  };
  struct Coming {
    Transfer transfer;
    uint32_t missing;  // chunks
    uint32_t got = 0;
    bool dropped = false;
  };

  void Down(Cause cause);
  void ReceiveRetry(const Payload& payload);
  void ReceiveControl(const Payload& payload);
  void ReceiveProtocol(const Payload& payload);
  void ReceiveChunk(const Payload& payload, uint32_t slot);
  void ReceiveMessage(const Message& message, bool has_enables);
  void Acknowledge(uint32_t count);
  void TakeCredits(const Header& header);
  void DropDone();
  void Burst(const Payload& last);
  bool NextIsAllData() const;
  bool CanTake(Kind kind, std::optional<bool> be, uint32_t pending) const;
  std::optional<Payload> Make();
  Payload MakeProtocol();
  void GiveCredits(Header& header);
  void PutChunk(Payload& payload, uint32_t slot);

  CxlOptions options_;
  std::mt19937_64 random_;
  Cause cause_ = Cause::kNone;
  uint64_t bad_ = 0, unknown_ = 0, resent_ = 0, requests_ = 0;

  // Receiver.
  Lrsm lrsm_ = Lrsm::kNormal;
  uint8_t eseq_ = 0;
  uint32_t num_retry_ = 0, num_reinit_ = 0, waited_ = 0;
  uint32_t frames_ = 0;  // in a row
  bool init_came_ = false;
  uint32_t acks_owed_ = 0;
  uint32_t owed_[2] = {};  // credits
  uint32_t pending_ = 0;   // chunks that are to come
  std::deque<Coming> coming_;

  // Sender.
  std::deque<Transfer> waiting_[2];
  std::deque<Kept> kept_;
  uint8_t base_ = 0;     // number of the first one that is kept
  size_t position_ = 0;  // of kept_, the next to be sent
  bool init_made_ = false;
  bool ack_due_ = false;
  uint32_t ack_retry_ = 0;  // NumRetry of the RETRY.Req
  std::deque<Payload> burst_;
  uint32_t credits_[2] = {};
  std::deque<Chunk> chunks_;  // of headers that are sent
};

}  // namespace npugen::cxl

// SPDX-License-Identifier: Apache-2.0
// One end of a CXL link in C++, written from docs/cxl.md.
#include "verif/sim/cxl_model.h"

#include <algorithm>
#include <utility>

namespace npugen::cxl {
namespace {

constexpr uint32_t kFrames = 5, kMostPending = 23, kMostCredits = 511;

}  // namespace

bool IsKnown(const Message& message) {
  const uint64_t opcode = message.Get("opcode");
  switch (message.kind) {
    case Kind::kReq:
      return opcode <= 4 || opcode == 8 || opcode == 9;
    case Kind::kRwd:
      return opcode == 1 || opcode == 2;
    case Kind::kNdr:
    case Kind::kDrs:
      break;
  }
  return true;
}

void CxlModel::Down(Cause cause) {
  cause_ = cause;
  lrsm_ = Lrsm::kAbort;
}

void CxlModel::Reinitialized() {
  if (lrsm_ != Lrsm::kReinit) return;
  lrsm_ = Lrsm::kRequest;
  num_retry_ = 0;
  ++num_reinit_;
}

void CxlModel::Receive(const Flit& flit) {
  if (cause_ != Cause::kNone) return;
  if (FlitCrc(flit.payload) != flit.crc) {
    ++bad_;
    frames_ = 0;
    if (lrsm_ == Lrsm::kNormal) lrsm_ = Lrsm::kRequest;
    return;
  }
  const bool normal = lrsm_ == Lrsm::kNormal;
  const bool all_data = normal && pending_ >= 4;
  const bool control = !all_data && (flit.payload[0] & 1) != 0;
  if (control && (ControlOf(flit.payload) & 15) == 1) return ReceiveRetry(flit.payload);
  frames_ = 0;
  if (!normal) return;
  const bool is_init = control && ControlOf(flit.payload) == kInit;
  if (is_init == init_came_) return Down(Cause::kProtocol);
  ++eseq_;
  ++acks_owed_;
  num_retry_ = num_reinit_ = 0;
  if (control) return ReceiveControl(flit.payload);
  if (!all_data) return ReceiveProtocol(flit.payload);
  for (uint32_t slot = 0; slot < 4; ++slot) ReceiveChunk(flit.payload, slot);
}

void CxlModel::ReceiveRetry(const Payload& payload) {
  const uint32_t control = ControlOf(payload);
  if (control == kRetryFrame) {
    frames_ = std::min(frames_ + 1, kFrames);
    return;
  }
  const bool counts = lrsm_ == Lrsm::kNormal || frames_ == kFrames;
  frames_ = 0;
  if (!counts) return;
  const auto number = static_cast<uint8_t>(GetField(payload, 64, 8));
  const auto retry = static_cast<uint32_t>(GetField(payload, 72, 5));
  if (control == kRetryReq) {
    const auto ahead = static_cast<uint8_t>(number - base_);
    if (ahead > position_) return Down(Cause::kProtocol);
    // No ack: flits that are sent again tell acks that were counted when they were made.
    position_ = ahead;
    ack_due_ = true;
    ack_retry_ = retry;
  } else if (control == kRetryAck) {
    if (lrsm_ != Lrsm::kIdle || retry != num_retry_) return;
    if (number != eseq_) return Down(Cause::kProtocol);
    lrsm_ = Lrsm::kNormal;
  } else if (control != kRetryIdle && lrsm_ == Lrsm::kNormal) {
    ++unknown_;
  }
}

void CxlModel::ReceiveControl(const Payload& payload) {
  const uint32_t control = ControlOf(payload);
  if (control == kInit) {
    init_came_ = true;
  } else if (control == kLlcrd) {
    Acknowledge(AcksOf(payload));
    TakeCredits(GetHeader(payload));
  } else {
    ++unknown_;
  }
}

void CxlModel::Acknowledge(uint32_t count) {
  if (count > position_) {
    ++unknown_;
    return;
  }
  kept_.erase(kept_.begin(), kept_.begin() + count);
  base_ = static_cast<uint8_t>(base_ + count);
  position_ -= count;
}

void CxlModel::TakeCredits(const Header& header) {
  const bool host = options_.sends == Direction::kToDevice;
  credits_[0] =
      std::min(credits_[0] + CreditsOf(host ? header.req_crd : header.rsp_crd), kMostCredits);
  credits_[1] = std::min(credits_[1] + CreditsOf(header.data_crd), kMostCredits);
}

void CxlModel::ReceiveProtocol(const Payload& payload) {
  const Header header = GetHeader(payload);
  if (header.ak) Acknowledge(8);
  TakeCredits(header);
  const Direction from =
      options_.sends == Direction::kToHost ? Direction::kToDevice : Direction::kToHost;
  for (uint32_t slot = 0; slot < 4; ++slot) {
    const auto kinds = MessagesOf(from, slot, header.formats[slot]);
    if (!kinds) {
      ++unknown_;
      continue;
    }
    if (kinds->empty()) {
      if (pending_ > 0) ReceiveChunk(payload, slot);
      continue;
    }
    uint32_t at = MessagesAt(slot);
    for (const Kind kind : *kinds) {
      const Message message = GetMessage(payload, at, kind);
      if (message.valid()) ReceiveMessage(message, header.be);
      at += WidthOf(kind);
    }
    // Behind a generic slot's message to the device there is one of .cache.
    if (from == Direction::kToDevice && slot > 0 && GetField(payload, at, 1) != 0) ++unknown_;
  }
}

void CxlModel::ReceiveMessage(const Message& message, bool has_enables) {
  Coming coming{{message, has_enables && HasData(message.kind), {}}, 0};
  coming.missing = ChunksOf(coming.transfer);
  coming.dropped = !IsKnown(message);
  unknown_ += coming.dropped ? 1 : 0;
  pending_ += coming.missing;
  coming_.push_back(std::move(coming));
}

void CxlModel::ReceiveChunk(const Payload& payload, uint32_t slot) {
  const auto to = std::find_if(coming_.begin(), coming_.end(),
                               [](const Coming& coming) { return coming.missing > 0; });
  std::copy_n(payload.begin() + 16 * slot, 16, to->transfer.chunks[to->got++].begin());
  --to->missing;
  --pending_;
}

void CxlModel::DropDone() {
  while (!coming_.empty() && coming_.front().dropped && coming_.front().missing == 0) {
    ++owed_[HasData(coming_.front().transfer.message.kind) ? 1 : 0];
    coming_.pop_front();
  }
}

std::optional<Transfer> CxlModel::Take() {
  DropDone();
  if (coming_.empty() || coming_.front().missing > 0) return std::nullopt;
  Transfer transfer = std::move(coming_.front().transfer);
  coming_.pop_front();
  ++owed_[HasData(transfer.message.kind) ? 1 : 0];
  return transfer;
}

void CxlModel::Burst(const Payload& last) {
  for (uint32_t i = 0; i < kFrames; ++i) burst_.push_back(ControlFlit(kRetryFrame, 0));
  burst_.push_back(last);
}

bool CxlModel::NextIsAllData() const {
  return position_ < kept_.size() ? kept_[position_].all_data : chunks_.size() >= 4;
}

std::optional<Flit> CxlModel::Send() {
  if (cause_ != Cause::kNone) return std::nullopt;
  if (lrsm_ == Lrsm::kIdle && ++waited_ >= options_.timeout) lrsm_ = Lrsm::kRequest;
  if (lrsm_ == Lrsm::kRequest && num_retry_ == options_.retries) {
    if (num_reinit_ == options_.reinits) {
      Down(Cause::kTries);
      return std::nullopt;
    }
    lrsm_ = Lrsm::kReinit;
  }
  std::optional<Payload> payload;
  if (burst_.empty()) {
    if (ack_due_) {
      ack_due_ = false;
      Burst(ControlFlit(kRetryAck, static_cast<uint8_t>(base_ + position_) | ack_retry_ << 8));
    } else if (lrsm_ == Lrsm::kRequest && !NextIsAllData()) {
      ++num_retry_;
      ++requests_;
      waited_ = 0;
      lrsm_ = Lrsm::kIdle;
      Burst(ControlFlit(kRetryReq, eseq_ | num_retry_ << 8 | num_reinit_ << 13));
    }
  }
  if (!burst_.empty()) {
    payload = burst_.front();
    burst_.pop_front();
  } else if (position_ < kept_.size() || (payload = Make())) {
    Kept& kept = kept_[position_++];
    payload = kept.payload;
    if (kept.sent) ++resent_;
    kept.sent = true;
  }
  if (!payload) return std::nullopt;
  return Flit{*payload, FlitCrc(*payload)};
}

void CxlModel::GiveCredits(Header& header) {
  uint32_t* const nibbles[2] = {
      options_.sends == Direction::kToHost ? &header.req_crd : &header.rsp_crd, &header.data_crd};
  for (uint32_t d = 0; d < 2; ++d) {
    if (withholds) continue;
    *nibbles[d] = NibbleFor(owed_[d]);
    owed_[d] -= CreditsOf(*nibbles[d]);
  }
}

void CxlModel::PutChunk(Payload& payload, uint32_t slot) {
  std::copy(chunks_.front().begin(), chunks_.front().end(), payload.begin() + 16 * slot);
  chunks_.pop_front();
}

std::optional<Payload> CxlModel::Make() {
  const size_t free = options_.replay - kept_.size();
  Payload payload = {};
  if (!init_made_) {
    init_made_ = true;
    kept_.push_back({ControlFlit(kInit, 1), false, false});
    return kept_.back().payload;
  }
  if (!init_came_) return std::nullopt;
  DropDone();
  if (chunks_.size() >= 4) {
    for (uint32_t slot = 0; slot < 4; ++slot) PutChunk(payload, slot);
    kept_.push_back({payload, true, false});
    return payload;
  }
  const bool has_message =
      (!waiting_[0].empty() && credits_[0] > 0) || (!waiting_[1].empty() && credits_[1] > 0);
  if (free >= 4 && (has_message || !chunks_.empty())) {
    payload = MakeProtocol();
  } else {
    const auto due = [&](uint32_t d) {
      return !withholds && owed_[d] > 0 && 2 * owed_[d] >= options_.room[d];
    };
    const bool acks = acks_owed_ >= 8 && free >= 1;
    if (!acks && !((due(0) || due(1)) && free >= 4)) return std::nullopt;
    const uint32_t told = std::min(acks_owed_, 255u);
    payload = LlcrdFlit(told);
    acks_owed_ -= told;
    Header header = GetHeader(payload);
    GiveCredits(header);
    SetHeader(payload, header);
  }
  kept_.push_back({payload, false, false});
  return payload;
}

bool CxlModel::CanTake(Kind kind, std::optional<bool> be, uint32_t pending) const {
  const uint32_t d = HasData(kind) ? 1 : 0;
  if (waiting_[d].empty() || credits_[d] == 0) return false;
  if (d == 0) return true;
  const Transfer& transfer = waiting_[d].front();
  return (!be || *be == transfer.has_enables) && pending + ChunksOf(transfer) <= kMostPending;
}

Payload CxlModel::MakeProtocol() {
  Payload payload = {};
  Header header;
  header.ak = acks_owed_ >= 8;
  if (header.ak) acks_owed_ -= 8;
  GiveCredits(header);
  std::optional<bool> be;  // of the flit's data headers, once it has one
  for (uint32_t slot = 0; slot < 4; ++slot) {
    // Data mostly, and messages between them, in any of the formats.
    if (slot > 0 && !chunks_.empty() && random_() % 8 != 0) {
      PutChunk(payload, slot);
      continue;
    }
    bool filled = false;
    const auto first = static_cast<uint32_t>(random_() % 8);
    for (uint32_t i = 0; i < 8 && !filled; ++i) {
      const uint32_t format = (first + i) % 8;
      const auto kinds = MessagesOf(options_.sends, slot, format);
      if (!kinds || kinds->empty()) continue;
      uint32_t at = MessagesAt(slot);
      for (const Kind kind : *kinds) {
        const auto pending = static_cast<uint32_t>(chunks_.size());
        if (CanTake(kind, be, pending)) {
          const uint32_t d = HasData(kind) ? 1 : 0;
          const Transfer transfer = std::move(waiting_[d].front());
          waiting_[d].pop_front();
          --credits_[d];
          SetMessage(payload, at, transfer.message);
          if (d == 1) {
            be = transfer.has_enables;
            chunks_.insert(chunks_.end(), transfer.chunks.begin(),
                           transfer.chunks.begin() + ChunksOf(transfer));
          }
          filled = true;
        }
        at += WidthOf(kind);
      }
      if (filled) header.formats[slot] = format;
    }
    if (filled) continue;
    if (slot == 0) {
      header.formats[0] = 4;  // its messages are not valid
    } else if (!chunks_.empty()) {
      PutChunk(payload, slot);
    }
  }
  header.sz = be.has_value();
  header.be = be.value_or(false);
  SetHeader(payload, header);
  return payload;
}

}  // namespace npugen::cxl

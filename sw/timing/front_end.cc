// SPDX-License-Identifier: Apache-2.0
// Entries on their way from memory to the queues.
#include "sw/timing/front_end.h"

#include <algorithm>

#include "sw/timing/calibration.h"

namespace npugen::timing {

bool Barriers::Update(uint64_t now) {
  bool any = false;
  for (size_t i = 0; i < arrivals_.size();) {
    if (arrivals_[i].seen_at <= now) {
      counts_[arrivals_[i].id] += arrivals_[i].amount;
      arrivals_[i] = arrivals_.back();
      arrivals_.pop_back();
      any = true;
    } else {
      ++i;
    }
  }
  return any;
}

void CommandQueue::Load(const StreamCommand* command, uint64_t now) {
  command_ = command;
  if (++loaded_ == command->header.length) full_at_ = now + 1;
}

void CommandQueue::Push(const StreamCommand* command, uint64_t now) {
  // An entry that meets an empty queue goes straight into the register.
  if (entries_.empty() && full_at_ == ~uint64_t{0} && load_from_ <= now) {
    Load(command, now);
  } else {
    entries_.push_back({command, now + kCalibration.queue_entry_delay});
  }
}

bool CommandQueue::Tick(uint64_t now) {
  const bool at_output = !entries_.empty() && entries_.front().visible_at <= now;
  ready_ = entries_.size() - (at_output ? 1 : 0) < room_;
  if (entries_.empty() || full_at_ != ~uint64_t{0} || load_from_ > now ||
      entries_.front().visible_at > now) {
    return false;
  }
  Load(entries_.front().command, now);
  entries_.pop_front();
  return true;
}

void CommandQueue::Take(uint64_t now) {
  command_ = nullptr;
  loaded_ = 0;
  full_at_ = ~uint64_t{0};
  load_from_ = now + 1;
}

Fetch::Fetch(const NpuConfig& config, uint32_t offset, uint64_t window_base, uint64_t window_bytes,
             uint64_t entries)
    : beats_per_word_(config.axi_bytes() < 16 ? 16 / config.axi_bytes() : 1),
      word_entries_(config.axi_bytes() > 16 ? config.axi_bytes() / 16 : 1),
      max_burst_([&] {
        const uint32_t words = (config.instruction_entries + word_entries_ - 1) / word_entries_;
        const uint32_t half = words > 1 ? words / 2 : 1;
        const uint32_t most = std::min(config.axi_burst, kCalibration.fetch_burst_beats);
        return half * beats_per_word_ > most ? most / beats_per_word_ * beats_per_word_
                                             : half * beats_per_word_;
      }()),
      page_beats_(4096 / config.axi_bytes()),
      bus_bytes_(config.axi_bytes()),
      stream_entries_(entries),
      address_((window_base + offset) / config.axi_bytes() * config.axi_bytes()),
      left_(0),
      room_((config.instruction_entries + word_entries_ - 1) / word_entries_),
      lead_(word_entries_ > 1 ? (window_base + offset) / 16 % word_entries_ : 0),
      skip_(lead_) {
  const uint64_t rest = window_bytes > offset ? (window_bytes - offset) / 16 : entries;
  left_ = BeatsOf(std::min<uint64_t>(rest, kCalibration.fetch_first_entries));
  CutBurst();
  Issue(0);
}

uint64_t Fetch::BeatsOf(uint64_t entries) const {
  return (entries + lead_ + word_entries_ - 1) / word_entries_ * beats_per_word_;
}

void Fetch::CutBurst() {
  const uint64_t page_left = page_beats_ - address_ % 4096 / bus_bytes_;
  next_burst_ = std::min({left_, uint64_t{max_burst_}, page_left});
}

void Fetch::Issue(uint64_t now) {
  const uint64_t burst = next_burst_;
  address_valid_ = true;
  address_from_ = now + 1;
  address_beats_ = static_cast<uint32_t>(burst);
  address_ += burst * bus_bytes_;
  left_ -= burst;
  if (!known_) requested_ += burst;
  room_ -= static_cast<uint32_t>(burst / beats_per_word_);
  ++in_flight_;
  CutBurst();
}

bool Fetch::Tick(uint64_t now) {
  if (left_ == 0 || address_valid_ || at_length_ || in_flight_ >= kCalibration.fetch_bursts) {
    return false;
  }
  if (room_ * beats_per_word_ < next_burst_) return false;
  Issue(now);
  return true;
}

void Fetch::Beat(bool last) {
  if (++beat_of_word_ == beats_per_word_) {
    beat_of_word_ = 0;
    const uint32_t entries = word_entries_ - skip_;
    select_ = entries_held_ == 0 ? skip_ : select_;
    skip_ = 0;
    entries_held_ += entries;
    entries_fresh_ += entries;
  }
  if (last) --in_flight_;
}

void Fetch::NewCycle(uint64_t now) {
  entries_fresh_ = 0;
  fresh_cycle_ = now;
}

void Fetch::TakeEntry(uint64_t /*now*/) {
  --entries_held_;
  ++taken_;
  if (++select_ == word_entries_) {
    select_ = 0;
    ++room_;
  }
  at_length_ = taken_ == 1;
  if (taken_ == 2) {
    known_ = true;
    const uint64_t beats = BeatsOf(stream_entries_);
    left_ = beats > requested_ ? beats - requested_ : 0;
    CutBurst();
  }
}

}  // namespace npugen::timing

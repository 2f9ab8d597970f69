// SPDX-License-Identifier: Apache-2.0
// Command fetch, dispatcher and command queues: when commands reach their engines.
#pragma once

#include <cstdint>
#include <vector>

#include "generator/arch/command_set.h"
#include "generator/config/npu_config.h"
#include "sw/timing/ring.h"

namespace npugen::timing {

/// A command of the stream.
struct StreamCommand {
  HeaderFields header;
  DmaFields dma;         ///< LOAD, STORE
  size_t compute = 0;    ///< number of the compute command's plan
  uint32_t pe_mask = 0;  ///< compute: PEs that run it
};

/// The barriers: counts that waits see, and arrivals that they see later.
class Barriers {
 public:
  explicit Barriers(uint32_t count) : counts_(count, 0) {}
  void Arrive(uint32_t id, uint64_t amount, uint64_t seen_at) {
    if (id < counts_.size()) arrivals_.push_back({seen_at, id, amount});
  }
  /// Makes the arrivals of cycle `now` and before count. True when there were any.
  bool Update(uint64_t now);
  bool Hold(const HeaderFields& header) const {
    return (header.wait0_en == 0 || Reached(header.wait0_id, header.wait0_count)) &&
           (header.wait1_en == 0 || Reached(header.wait1_id, header.wait1_count));
  }
  uint64_t count(int64_t id) const {
    return static_cast<size_t>(id) < counts_.size() ? counts_[static_cast<size_t>(id)] : 0;
  }
  bool arriving() const { return !arrivals_.empty(); }

 private:
  struct Arrival {
    uint64_t seen_at;
    uint32_t id;
    uint64_t amount;
  };
  bool Reached(int64_t id, int64_t count) const {
    return static_cast<size_t>(id) < counts_.size() &&
           counts_[static_cast<size_t>(id)] >= static_cast<uint64_t>(count);
  }
  std::vector<uint64_t> counts_;
  std::vector<Arrival> arrivals_;
};

/// npu_command_queue: entries that wait, and the next-command register.
class CommandQueue {
 public:
  CommandQueue(uint32_t depth, uint32_t longest) : room_(depth * longest) {}

  /// Room for an entry, as the cycle began.
  bool ready() const { return ready_; }
  void Push(const StreamCommand* command, uint64_t now);
  /// Begins a cycle: moves an entry into the next-command register. True when one moved. May be
  /// left out in cycles in which nothing has changed for kCalibration.queue_entry_delay cycles.
  bool Tick(uint64_t now);
  /// The whole next command, or null.
  const StreamCommand* next(uint64_t now) const { return full_at_ <= now ? command_ : nullptr; }
  void Take(uint64_t now);
  bool empty() const { return entries_.empty() && command_ == nullptr; }

 private:
  struct Entry {
    const StreamCommand* command;
    uint64_t visible_at;
  };
  void Load(const StreamCommand* command, uint64_t now);

  const size_t room_;  ///< of the memory; one more entry stands at its output
  bool ready_ = true;
  Ring<Entry> entries_;
  const StreamCommand* command_ = nullptr;  ///< whose entries are in the register
  uint32_t loaded_ = 0;
  uint64_t full_at_ = ~uint64_t{0};
  uint64_t load_from_ = 0;
};

/// npu_fetch: bursts of the stream's entries and the memory that holds them.
class Fetch {
 public:
  Fetch(const NpuConfig& config, uint32_t offset, uint64_t window_base, uint64_t window_bytes,
        uint64_t entries);

  /// Requests that may be made in this cycle.
  bool Tick(uint64_t now);
  bool address_valid(uint64_t now) const { return address_valid_ && now >= address_from_; }
  uint32_t address_beats() const { return address_beats_; }
  void AddressAccepted() { address_valid_ = false; }
  void Beat(bool last);

  bool entry_available(uint64_t now) const {
    return entries_held_ > entries_fresh_ || (entries_held_ > 0 && now > fresh_cycle_);
  }
  void TakeEntry(uint64_t now);
  void NewCycle(uint64_t now);
  bool quiet() const { return !address_valid_ && in_flight_ == 0; }

 private:
  uint64_t BeatsOf(uint64_t entries) const;
  void Issue(uint64_t now);
  void CutBurst();

  const uint32_t beats_per_word_, word_entries_, max_burst_, page_beats_, bus_bytes_;
  const uint64_t stream_entries_;
  uint64_t address_, left_, requested_ = 0;
  uint64_t next_burst_ = 0;  ///< beats of the next request
  uint32_t room_, in_flight_ = 0;
  bool known_ = false, address_valid_ = false;
  uint64_t address_from_ = 0;
  uint32_t address_beats_ = 0;
  uint32_t lead_;
  uint64_t entries_held_ = 0, entries_fresh_ = 0, fresh_cycle_ = 0;
  uint64_t taken_ = 0;  ///< entries, header included
  uint32_t skip_;       ///< entries of the first word before the stream
  uint32_t select_ = 0;
  uint32_t beat_of_word_ = 0;
  bool at_length_ = false;
};

}  // namespace npugen::timing

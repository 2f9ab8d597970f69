// SPDX-License-Identifier: Apache-2.0
// The bus, LOAD and STORE: bursts, beats and words cycle by cycle while anything moves.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "generator/config/npu_config.h"
#include "sw/timing/front_end.h"
#include "sw/timing/pe_timing.h"

namespace npugen::timing {

/// npu_dma_runs: the runs of a box.
class RunLister {
 public:
  /// `copies_only`: the local side has the copied bytes only, as that of a STORE.
  RunLister(bool with_bounds, bool copies_only, uint32_t bus_bytes)
      : with_bounds_(with_bounds), copies_only_(copies_only), bus_bytes_(bus_bytes) {}
  void Take(const DmaFields& f, uint64_t now);
  bool ready(uint64_t now) const { return !held_ && now >= free_from_; }
  bool valid(uint64_t now) const { return held_ && now >= valid_from_; }
  bool busy() const { return held_; }
  void Next(uint64_t now);

  bool first = false, last = false, outside = false;
  uint64_t size = 0, left = 0, copied = 0;
  uint64_t global = 0, local = 0;

 private:
  void Place();
  void PlacePixel();
  void NextPixel();
  /// Of a tile, as a run: it is one word.
  void PlacePiece();

  const bool with_bounds_, copies_only_;
  const int64_t bus_bytes_;
  bool held_ = false;
  uint64_t valid_from_ = 0, free_from_ = 0;
  const DmaFields* f_ = nullptr;
  int64_t index_[4] = {}, counts_[4] = {};
  int64_t coordinate_[4] = {}, level_[4] = {};  ///< im2col: of a pixel; offsets of dimensions
};

/// Where a swizzled word of PE memory is (npu_dma_swizzle).
uint64_t SwizzledWord(int64_t mode, uint64_t address, uint64_t bus_bytes);

/// npu_dma_realign: words of runs out of beats.
class Realigner {
 public:
  explicit Realigner(uint32_t bus_bytes) : bus_bytes_(bus_bytes) {}
  bool active() const { return active_; }
  bool wants_beat() const { return active_ && (Prime() || NeedBeat()); }
  /// Uses a beat if it needs one and `beat` says there is one; makes a word if `room`. The results
  /// say what happened.
  void Step(bool beat, bool room, bool* popped, bool* emitted, bool* ended);
  void Take(uint64_t address, uint64_t source_low, bool copies, uint64_t copy_first,
            uint64_t copy_last, uint64_t last_byte);
  /// Bytes of the word made last.
  uint64_t word_bytes() const { return word_bytes_; }
  /// Its number in the run.
  uint64_t word() const { return word_ - 1; }

 private:
  bool Copying() const { return copies_ && word_ >= copy_word_ && word_ <= copy_end_; }
  bool Prime() const { return prime_; }
  bool NeedBeat() const { return Copying() && (word_ != copy_end_ || tail_beat_); }

  const uint64_t bus_bytes_;
  bool active_ = false, copies_ = false, prime_ = false, tail_beat_ = false;
  uint64_t word_ = 0, copy_word_ = 0, copy_end_ = 0, last_word_ = 0, first_byte_ = 0,
           last_byte_ = 0, word_bytes_ = 0;
};

/// Read bursts on the bus, in the order of their addresses.
class ReadChannel {
 public:
  explicit ReadChannel(uint32_t latency) : latency_(latency) {}
  bool ready() const { return bursts_.size() < 64; }
  void Accept(bool load, uint32_t beats, uint64_t now) {
    bursts_.push_back({load, beats, now + latency_});
  }
  bool valid() const { return valid_; }
  bool load() const { return load_; }
  bool last() const { return last_; }
  void Taken() { valid_ = false; }
  /// Shows the beat of the next cycle. True when there is a new one.
  bool Present(uint64_t now);
  uint64_t next_event() const { return bursts_.empty() ? kNever : bursts_.front().due; }

 private:
  struct Burst {
    bool load;
    uint32_t left;
    uint64_t due;
  };
  const uint32_t latency_;
  Ring<Burst> bursts_;
  bool valid_ = false, load_ = false, last_ = false;
};

/// What the engines need of the machine around them.
struct Surroundings {
  const NpuConfig& config;
  std::vector<PeTiming>& pes;
  Barriers& barriers;
  const std::array<uint64_t, kWindowCount>& window_base;
  uint64_t bytes_read = 0, bytes_written = 0;
};

/// npu_load.
class LoadEngine {
 public:
  LoadEngine(Surroundings* around, CommandQueue* queue);
  /// One cycle. True when anything moved or may move in the next one.
  bool Tick(uint64_t now);
  bool busy(uint64_t now) const;
  uint32_t running_tag() const { return running_tag_; }
  bool address_valid(uint64_t now) const { return address_valid_ && now >= address_from_; }
  uint32_t address_beats() const { return address_beats_; }
  void AddressAccepted() { address_valid_ = false; }
  /// A beat from the bus; false: no room, it must be shown again.
  bool Beat(bool last);
  /// A word was shown to PEs in this cycle, which may change their events.
  bool wrote() const { return wrote_; }
  bool wants_memory() const { return wants_memory_; }
  uint32_t memory_pe() const { return memory_pe_; }
  uint64_t memory_address() const { return memory_address_; }
  /// The read of PE memory that wants_memory() asked for is granted.
  void MemoryRead(uint64_t now);
  uint64_t next_event() const { return next_event_; }

 private:
  struct Run {
    uint64_t destination, source_low;
    uint64_t left, copied, size;
    bool copies, last;
  };
  struct Context {
    const StreamCommand* command;
    bool nothing;
  };

  void TickWord(uint64_t now);
  void TickRealigner();
  void TickRequests(uint64_t now);
  /// Puts the run under check into the run queue, with its first request.
  void ListRun();
  /// Takes the next run into the check, if that is free.
  void CheckRun(uint64_t now);
  bool WriteWord(uint64_t now);
  /// Rows that PEs hold, in cycles in which they get no word.
  void SettleRows(uint64_t now);

  Surroundings& around_;
  CommandQueue& queue_;
  const uint32_t bus_bytes_;
  RunLister runs_;
  Realigner realigner_;
  bool moved_ = false, wrote_ = false, rows_held_ = false;
  uint32_t running_tag_ = 0;
  uint64_t next_event_ = kNever;

  // Commands
  const StreamCommand* listed_ = nullptr;  ///< whose runs are listed
  Ring<const StreamCommand*> waits_;
  Ring<Context> contexts_;
  uint64_t taken_ = 0, released_ = 0, begun_ = 0;
  bool alone_ = false;

  // Check
  bool check_valid_ = false, check_first_ = false, check_copies_ = false, check_core_ = false;
  uint64_t check_number_ = 0, check_address_ = 0, check_beats_ = 0;
  Run check_run_ = {};

  // Requests
  bool address_valid_ = false;
  uint64_t address_from_ = 0;
  uint32_t address_beats_ = 0;
  Ring<uint8_t> bursts_;  ///< under way: to core memory?
  uint64_t used_[2] = {}, staged_[2] = {};
  uint64_t used_before_[2] = {}, staged_before_[2] = {};  ///< at the beginning of the cycle
  size_t runs_queued_ = 0;                                ///< the same of run_queue_
  Ring<Run> run_queue_;
  bool wants_memory_ = false;
  uint32_t memory_pe_ = 0;
  uint64_t memory_address_ = 0;
  Ring<uint64_t> memory_reads_;  ///< cycles in which their data arrives

  // Word
  bool word_valid_ = false, word_last_ = false, word_last_run_ = false, run_last_ = false;
  uint64_t word_bytes_ = 0, word_address_ = 0, run_address_ = 0;
  Context word_context_ = {}, run_context_ = {};
  uint64_t pes_left_ = 0;  ///< PEs that have not taken the word
  uint64_t done_at_ = kNever;
};

/// npu_store and the write channels of the bus.
class StoreEngine {
 public:
  StoreEngine(Surroundings* around, CommandQueue* queue, uint32_t latency);
  bool Tick(uint64_t now);
  bool busy(uint64_t now) const;
  uint32_t running_tag() const { return running_tag_; }
  bool wants_memory() const { return wants_memory_; }
  uint32_t memory_pe() const { return memory_pe_; }
  uint64_t memory_address() const { return memory_address_; }
  void MemoryRead(uint64_t now);
  uint64_t next_event() const { return next_event_; }

 private:
  struct Answer {
    uint64_t due;  ///< kNever until its last beat is written
    const StreamCommand* command;
    bool last;
  };
  struct Run {
    uint64_t low, source_low, last_byte;
  };
  /// What queues hold at the beginning of a cycle.
  struct Filled {
    size_t unwritten, unanswered;  ///< bursts
    size_t runs;
    uint32_t credit;  ///< words asked of PE memory that are not realigned
  };

  bool TakeAnswer(uint64_t now);
  bool WriteBus(uint64_t now);
  bool Realign(uint64_t now);
  bool Request(uint64_t now, const Filled& before);

  /// A command is complete.
  void End(const StreamCommand& command, uint64_t now);
  /// Puts the run under check into the run queue, with its first request.
  void ListRun();
  /// Takes the next run into the check, if that is free.
  void CheckRun(uint64_t now);

  Surroundings& around_;
  CommandQueue& queue_;
  const uint32_t bus_bytes_, latency_;
  RunLister runs_;
  Realigner realigner_;
  uint32_t running_tag_ = 0;
  uint64_t next_event_ = kNever;

  const StreamCommand* listed_ = nullptr;
  const StreamCommand* check_command_ = nullptr;
  bool check_valid_ = false, check_first_ = false, check_last_ = false;
  bool check_nothing_ = false;  ///< the command's last run, which lies outside of its bounds
  uint64_t check_address_ = 0, check_beats_ = 0, check_words_ = 0, check_all_words_ = 0,
           check_source_ = 0;
  Run check_run_ = {};
  bool address_valid_ = false;
  uint64_t address_from_ = 0;
  Ring<uint32_t> writes_;         ///< beats to come of bursts issued
  uint32_t accepted_writes_ = 0;  ///< bursts whose address the memory has
  uint64_t write_ready_from_ = 0;
  Ring<Answer> answers_;
  size_t answers_written_ = 0;  ///< answers whose burst is written
  Ring<Run> run_queue_;
  bool wants_memory_ = false;
  uint32_t memory_pe_ = 0;
  uint64_t memory_address_ = 0;
  Ring<uint64_t> staged_;  ///< cycles from which the words can be realigned
  uint32_t credit_ = 0;
  bool word_valid_ = false;
  uint64_t word_bytes_ = 0;
  uint64_t done_at_ = kNever;
};

}  // namespace npugen::timing

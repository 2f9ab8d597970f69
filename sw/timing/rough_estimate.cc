// SPDX-License-Identifier: Apache-2.0
// One pass over the stream: each command begins when its engine, its waits and the dispatcher let
// it.
#include "sw/timing/rough_estimate.h"

#include <algorithm>
#include <deque>
#include <string>
#include <vector>

#include "sw/timing/calibration.h"

namespace npugen {
namespace {

using timing::kCalibration;

constexpr uint64_t kRoughDmaEntries = 7;       // of the longest LOAD or STORE
constexpr uint64_t kRoughComputeEntries = 10;  // of the longest compute command
/// From a wait that ends to the first word or result, and from the last one to the barrier.
constexpr uint64_t kStartCycles = 4, kEndCycles = 4;
/// Of a read or write besides latency and beats.
constexpr uint64_t kBurstCycles = 20;
/// Bursts of bytes within PE memory.
constexpr uint64_t kLocalRunCycles = 1;

/// How a barrier counts up.
class Counter {
 public:
  /// Adds `amount`, evenly from `begin` to `end`.
  void Arrive(uint64_t amount, uint64_t begin, uint64_t end) {
    const uint64_t before = arrivals_.empty() ? 0 : arrivals_.back().count;
    arrivals_.push_back({before + amount, amount, begin, end});
  }
  /// When it has counted so far.
  uint64_t TimeOf(uint64_t count) const {
    const auto arrival =
        std::lower_bound(arrivals_.begin(), arrivals_.end(), count,
                         [](const Arrival& a, uint64_t wanted) { return a.count < wanted; });
    if (arrival == arrivals_.end()) return arrivals_.empty() ? 0 : arrivals_.back().end;
    const uint64_t left = arrival->count - count;
    return arrival->end - (arrival->end - arrival->begin) * left / arrival->amount;
  }

 private:
  struct Arrival {
    uint64_t count, amount, begin, end;
  };
  std::vector<Arrival> arrivals_;
};

/// A command queue: a command is pushed when there is room for its entries.
class Queue {
 public:
  explicit Queue(uint64_t room) : room_(room) {}
  /// The first cycle from `now` on in which so many entries have room.
  uint64_t RoomFrom(uint64_t now, uint64_t entries) {
    while (!waiting_.empty() && (waiting_.front().start <= now || held_ + entries > room_)) {
      now = std::max(now, waiting_.front().start);
      held_ -= waiting_.front().entries;
      waiting_.pop_front();
    }
    return now;
  }
  void Push(uint64_t entries, uint64_t start) {
    waiting_.push_back({entries, start});
    held_ += entries;
  }

 private:
  struct Waiting {
    uint64_t entries, start;
  };
  const uint64_t room_;
  uint64_t held_ = 0;
  std::deque<Waiting> waiting_;
};

class Player {
 public:
  Player(const NpuConfig& config, const EstimateOptions& options)
      : config_(config),
        latency_(std::max(options.latency, 1u)),
        barriers_(config.barriers()),
        load_queue_(config.command_queue_depth * kRoughDmaEntries),
        store_queue_(config.command_queue_depth * kRoughDmaEntries),
        pe_queues_(config.pes(), Queue(config.command_queue_depth * kRoughComputeEntries)),
        pe_free_(config.pes(), 0) {}

  void Add(const TimedCommand& timed) {
    const Command& command = *timed.command;
    const HeaderFields header(command);
    const uint64_t entries = static_cast<uint64_t>(header.length);
    switch (InfoOf(command.opcode()).engine) {
      case EngineKind::kLoad:
        dispatched_ = load_queue_.RoomFrom(dispatched_ + entries, entries);
        load_queue_.Push(entries, Load(command, header));
        break;
      case EngineKind::kStore:
        dispatched_ = store_queue_.RoomFrom(dispatched_ + entries, entries);
        store_queue_.Push(entries, Store(command, header));
        break;
      case EngineKind::kController:
        dispatched_ = std::max(dispatched_ + entries, end_);
        break;
      case EngineKind::kPe:
        Compute(timed, header, entries);
        break;
    }
  }

  uint64_t cycles() const { return std::max(dispatched_, end_) + kEndCycles; }

 private:
  uint64_t WaitsOf(const HeaderFields& header) const {
    uint64_t time = 0;
    if (header.wait0_en != 0) time = TimeOf(header.wait0_id, header.wait0_count);
    if (header.wait1_en != 0) time = std::max(time, TimeOf(header.wait1_id, header.wait1_count));
    return time;
  }
  uint64_t TimeOf(int64_t barrier, int64_t count) const {
    return barriers_[static_cast<size_t>(barrier)].TimeOf(static_cast<uint64_t>(count));
  }
  void Arrive(int64_t barrier, uint64_t amount, uint64_t begin, uint64_t end) {
    barriers_[static_cast<size_t>(barrier)].Arrive(amount, begin, end);
    end_ = std::max(end_, end);
  }
  /// Cycles of the bus for a command: short runs wait for answers, of which `outstanding` are under
  /// way.
  uint64_t BusCycles(const Command& command) const {
    const uint64_t runs = static_cast<uint64_t>(BoxRuns(command));
    const uint64_t beats = TransferBeats(config_, command);
    const uint64_t round = latency_ + kBurstCycles + beats / runs;
    return std::max(beats, runs * round / std::max(config_.axi_outstanding, 1u));
  }

  /// Both return when the command leaves its queue.
  uint64_t Load(const Command& command, const HeaderFields& header) {
    const uint64_t waits = WaitsOf(header);
    if (header.length == 1) {
      const uint64_t end = std::max({dispatched_ + kStartCycles, load_free_, waits});
      load_free_ = end;
      if (header.signal_en != 0) Arrive(header.signal_id, 1, end, end + 1);
      return end;
    }
    const DmaFields fields(command);
    const uint64_t words = TransferBeats(config_, command);
    uint64_t begin = 0, end = 0, taken = 0;
    if (fields.local_source != 0) {
      const uint64_t runs = static_cast<uint64_t>(BoxRuns(command));
      taken = begin = std::max({dispatched_, load_free_, waits}) + kStartCycles;
      end = begin + std::max(words, runs * kLocalRunCycles) + kStartCycles;
      arrived_ = std::max(arrived_, end);
    } else {
      const uint64_t staged =
          fields.core_memory != 0 ? config_.parameter_entries : config_.activation_entries;
      // Read addresses go ahead of beats; beats are in order.
      const uint64_t ready = header.ahead != 0 ? dispatched_ : std::max(dispatched_, waits);
      const uint64_t bus = BusCycles(command);
      taken = ready;
      const uint64_t first = std::max(ready + latency_ + kStartCycles, arrived_);
      begin = std::max({first, load_free_, waits + kStartCycles});
      end = std::max(begin + words, first + bus);
      arrived_ = std::max(first + bus, end > staged ? end - staged : 0);
    }
    load_free_ = end;
    if (header.signal_en != 0) {
      if (header.signal_bytes != 0) {
        Arrive(header.signal_id, static_cast<uint64_t>(BoxBytes(command)), begin, end);
      } else {
        Arrive(header.signal_id, 1, end + kEndCycles, end + kEndCycles);
      }
    }
    return taken;
  }

  uint64_t Store(const Command& command, const HeaderFields& header) {
    const uint64_t begin = std::max({dispatched_, store_free_, WaitsOf(header)}) + kStartCycles;
    store_free_ = begin + BusCycles(command);
    const uint64_t end = store_free_ + latency_ + kEndCycles;
    if (header.signal_en != 0) Arrive(header.signal_id, 1, end, end);
    end_ = std::max(end_, end);
    return begin;
  }

  void Compute(const TimedCommand& timed, const HeaderFields& header, uint64_t entries) {
    const ComputeFields fields(*timed.command);
    const uint64_t cycles = timed.cycles;
    uint64_t from = dispatched_ + entries;
    for (size_t p = 0; p < pe_queues_.size(); ++p) {
      if ((fields.pe_mask >> p & 1) != 0) from = pe_queues_[p].RoomFrom(from, entries);
    }
    dispatched_ = from;
    for (size_t p = 0; p < pe_queues_.size(); ++p) {
      if ((fields.pe_mask >> p & 1) == 0) continue;
      const uint64_t begin = std::max({dispatched_, pe_free_[p], WaitsOf(header)}) + 1;
      uint64_t end = begin + cycles;
      if (fields.follow != 0) end = std::max(end, FollowedEnd(header, fields, cycles));
      pe_free_[p] = end;
      if (header.signal_en != 0) {
        Arrive(header.signal_id + static_cast<int64_t>(p), 1, end, end + 1);
      }
      pe_queues_[p].Push(entries, begin);
    }
  }

  /// When a command ends whose weights come while it runs: after each part of them it has the work
  /// with the rest left.
  uint64_t FollowedEnd(const HeaderFields& header, const ComputeFields& fields,
                       uint64_t cycles) const {
    constexpr uint64_t kParts = 8;
    const uint64_t rows =
        static_cast<uint64_t>(fields.groups) * static_cast<uint64_t>(fields.k0_count) *
        static_cast<uint64_t>(fields.k1_count) * static_cast<uint64_t>(fields.k2_count) *
        std::max<uint64_t>(1, config_.lanes * config_.simd / config_.core_row_bytes());
    const uint64_t bytes = (rows - 1) * config_.core_row_bytes();
    uint64_t end = 0;
    for (uint64_t part = 1; part <= kParts; ++part) {
      const uint64_t arrival =
          TimeOf(header.wait1_id, header.wait1_count + static_cast<int64_t>(bytes * part / kParts));
      end = std::max(end, arrival + cycles * (kParts - part) / kParts);
    }
    return end + kCalibration.finish_after_result;
  }

  const NpuConfig& config_;
  const uint64_t latency_;
  std::vector<Counter> barriers_;
  Queue load_queue_, store_queue_;
  std::vector<Queue> pe_queues_;
  uint64_t dispatched_ = 60;  ///< when the last command went to its queue
  uint64_t load_free_ = 0;    ///< when the last LOAD has written its words
  uint64_t arrived_ = 0;      ///< when the bus is free for the next LOAD's beats
  uint64_t store_free_ = 0;
  std::vector<uint64_t> pe_free_;
  uint64_t end_ = 0;
};

}  // namespace

uint64_t CommandTimes::Cycles(const Command& command) {
  // The first entry holds waits, signals and tag; what is left says how long it takes.
  std::vector<uint32_t> words(command.words().begin() + kWordsPerEntry, command.words().end());
  if (In(command.opcode(), opcodes::kArray)) {
    for (const CommandField* field :
         {&compute::follow, &compute::weight_row, &compute::param_row}) {
      const uint32_t mask = static_cast<uint32_t>((uint64_t{1} << field->width) - 1);
      words[field->word - kWordsPerEntry] &= ~(mask << field->lsb);
    }
  }
  std::string key(reinterpret_cast<const char*>(words.data()), words.size() * sizeof(words[0]));
  key += static_cast<char>(command.opcode());
  const auto [entry, is_new] = cycles_.try_emplace(std::move(key), 0);
  if (is_new) entry->second = CommandCycles(config_, command);
  return entry->second;
}

uint64_t TransferBeats(const NpuConfig& config, const Command& command) {
  const uint64_t runs = static_cast<uint64_t>(BoxRuns(command));
  if (runs == 0) return 0;
  const uint64_t run = static_cast<uint64_t>(BoxBytes(command)) / runs;
  return runs * ((run + config.axi_bytes() - 1) / config.axi_bytes());
}

uint64_t RoughCycles(const NpuConfig& config, std::span<const TimedCommand> commands,
                     const EstimateOptions& options) {
  Player player(config, options);
  for (const TimedCommand& command : commands) player.Add(command);
  return player.cycles();
}

}  // namespace npugen

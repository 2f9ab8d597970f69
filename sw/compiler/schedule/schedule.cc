// SPDX-License-Identifier: Apache-2.0
// Order and barriers.
#include "sw/compiler/schedule/schedule.h"

#include <fmt/format.h>

#include <algorithm>

#include "generator/support/check.h"
#include "sw/compiler/lower/layer.h"

namespace npugen::compiler {
namespace {

bool Meets(const std::vector<Access>& a, const std::vector<Access>& b) {
  for (const Access& x : a) {
    for (const Access& y : b) {
      if (x.space == y.space && (x.pes & y.pes) != 0 && x.begin < y.end && y.begin < x.end) {
        return true;
      }
    }
  }
  return false;
}

/// Whether the order of two steps matters.
bool Conflicts(const Step& a, const Step& b) {
  return Meets(a.writes, b.writes) || Meets(a.writes, b.reads) || Meets(a.reads, b.writes);
}

void Set(Command* command, const CommandField& field, int64_t value) {
  if (!command->Set(field, value)) {
    InternalError(fmt::format("{} = {} does not fit into a command", field.name, value));
  }
}

bool ReadsScratch(const Step& step) {
  return std::any_of(step.reads.begin(), step.reads.end(),
                     [](const Access& access) { return access.space == Space::kScratch; });
}

bool ReadsPeMemory(const Step& step) {
  return std::any_of(step.reads.begin(), step.reads.end(),
                     [](const Access& access) { return access.space == Space::kPeMemory; });
}

/// Completed steps of each engine that are known.
using Clock = std::vector<int64_t>;

void Advance(Clock* clock, const Clock& by) {
  for (size_t e = 0; e < clock->size(); ++e) (*clock)[e] = std::max((*clock)[e], by[e]);
}

/// For step number `count` of an engine: until it is complete, or (`bytes`) for a LOAD until its
/// first bytes are written.
struct Wait {
  int engine;
  int64_t count;
  int64_t bytes = 0;
};

/// Most bytes that LOADs may add to one barrier; what is left of its range counts the other LOADs.
constexpr int64_t kMostSignalledBytes = (int64_t{1} << kBarrierCountBits) / 4 * 3;

/// Barriers that LOADs arrive at one after the other, when the one before is nearly at its end: 0,
/// and those that are no engine's.
std::vector<int> LoadBarriers(const NpuConfig& config) {
  std::vector<int> barriers{kLoadEngine};
  const int engines = kFirstPeEngine + static_cast<int>(config.pes());
  for (int b = engines; b < static_cast<int>(config.barriers()); ++b) barriers.push_back(b);
  return barriers;
}

/// Bytes of `load` after which `step` may begin and follow the rest (`follow`): records and first
/// weight row. 0: it must wait for all of it.
int64_t BytesToFollow(const NpuConfig& config, const Step& step, const Step& load) {
  if (!In(step.command.opcode(), opcodes::kArray)) return 0;
  if (load.command.entries() != 3 || load.writes.size() != 1) return 0;
  const Access& loaded = load.writes[0];
  if (loaded.space != Space::kCoreRows) return 0;
  for (const Access& read : step.reads) {
    if (read.space != Space::kCoreRows) continue;
    // A last row that comes in part would be waited for.
    const int64_t bytes = (read.end - loaded.begin) * config.core_row_bytes();
    if (read.begin < loaded.begin || bytes > load.command.Get(dma::size0)) return 0;
  }
  const int64_t first = step.command.Get(compute::weight_row);
  if (step.command.Get(compute::param_row) >= first || first < loaded.begin) return 0;
  const int64_t bytes = (first - loaded.begin + 1) * config.core_row_bytes();
  return bytes < load.command.Get(dma::size0) ? bytes : 0;
}

/// Walks the steps in program order and keeps what every engine knows of the others.
class BarrierWriter {
 public:
  explicit BarrierWriter(const NpuConfig& config)
      : config_(config),
        engines_(kFirstPeEngine + static_cast<int>(config.pes())),
        load_barriers_(LoadBarriers(config)),
        history_(static_cast<size_t>(engines_)),
        known_(static_cast<size_t>(engines_), Clock(static_cast<size_t>(engines_), 0)),
        known_to_reads_(static_cast<size_t>(engines_), 0),
        followed_(static_cast<size_t>(engines_)) {}

  void Add(Step step);
  std::vector<Step> Take();

 private:
  /// Number of the last step of `other` beyond `known` that `step` must come after, or 0.
  int64_t LastConflict(const Step& step, int other, int64_t known) const {
    const std::vector<size_t>& history = history_[other];
    for (int64_t count = static_cast<int64_t>(history.size()); count > known; --count) {
      if (Conflicts(step, steps_[history[count - 1]])) return count;
    }
    return 0;
  }
  /// Whether waiting for one of `waits` implies `wait`: whoever finished had waited itself.
  bool Implied(const Wait& wait, const std::vector<Wait>& waits) const {
    return std::any_of(waits.begin(), waits.end(), [&](const Wait& by) {
      return by.engine != wait.engine && ClockOf(by)[wait.engine] >= wait.count;
    });
  }
  /// What is known when step number `wait.count` of its engine is complete.
  const Clock& ClockOf(const Wait& wait) const {
    return clocks_[history_[wait.engine][wait.count - 1]];
  }
  /// `step` with its waits, at most two.
  void Append(Step step, std::vector<Wait> waits, const Clock& clock) {
    Set(&step.command, header::signal_en, 1);
    // PE p arrives at the barrier p places above the one that the command names.
    Set(&step.command, header::signal_id, std::min(step.engine, kFirstPeEngine));
    history_[step.engine].push_back(steps_.size());
    steps_.push_back(std::move(step));
    waits_.push_back(std::move(waits));
    clocks_.push_back(clock);
  }
  /// Lets a wait for the LOAD of a step's parameters end with the first of them, where it can.
  /// Where the engine has followed the same parameters before, no wait is left.
  void Follow(const Step& step, std::vector<Wait>* waits);

  const NpuConfig& config_;
  int engines_;
  const std::vector<int> load_barriers_;
  std::vector<Step> steps_;
  std::vector<std::vector<Wait>> waits_;      ///< of each step
  int64_t signalled_bytes_ = 0;               ///< of LOADs that signal bytes
  std::vector<Clock> clocks_;                 ///< of each step: what holds when it starts
  std::vector<std::vector<size_t>> history_;  ///< steps of each engine
  std::vector<Clock> known_;                  ///< what the last step of each engine knew
  Clock known_to_reads_;  ///< what holds before a LOAD begins to read: waits of LOADs not `ahead`
  /// What the last step of an engine that followed a LOAD waited for: the rows of its own weights,
  /// not all that the LOAD brings.
  struct Followed {
    int64_t load = 0;
    int64_t weight_row = 0, groups = 0, slices = 0;
  };
  std::vector<Followed> followed_;  ///< of each engine
};

void BarrierWriter::Add(Step step) {
  const int engine = step.engine;
  Clock& clock = known_[engine];
  clock[engine] = static_cast<int64_t>(history_[engine].size());
  // A LOAD begins to read before those in front of it, if they may read ahead, have waited.
  const bool reads_scratch = step.is_load() && ReadsScratch(step);
  const bool ahead = step.is_load() && !reads_scratch && !ReadsPeMemory(step);
  std::vector<Wait> found;
  for (int other = 0; other < engines_; ++other) {
    if (other == engine) continue;
    const int64_t known =
        reads_scratch ? std::min(clock[other], known_to_reads_[other]) : clock[other];
    if (const int64_t count = LastConflict(step, other, known)) found.push_back({other, count});
  }
  std::vector<Wait> waits;
  for (const Wait& wait : found) {
    if (!Implied(wait, found)) waits.push_back(wait);
  }
  Follow(step, &waits);
  for (const Wait& wait : waits) {
    Advance(&clock, ClockOf(wait));
    // Of a LOAD that is followed only its predecessors are known to be complete.
    clock[wait.engine] = std::max(clock[wait.engine], wait.count - (wait.bytes > 0 ? 1 : 0));
  }
  if (step.is_load()) {
    if (ahead) {
      Set(&step.command, header::ahead, 1);
    } else {
      for (const Wait& wait : waits) {
        Advance(&known_to_reads_, ClockOf(wait));
        known_to_reads_[wait.engine] = std::max(known_to_reads_[wait.engine], wait.count);
      }
    }
  }
  // Two waits fit into a command. Only LOADs depend on more than two engines.
  size_t first = 0;
  for (; waits.size() - first > 2; first += 2) {
    Check(step.is_load(), "only LOADs depend on more than two engines");
    Step waiting{kLoadEngine, Command(Opcode::kLoad, 1, step.command.tag()), {}, {}, -1, 0};
    if (ahead) Set(&waiting.command, header::ahead, 1);
    Append(std::move(waiting), {waits[first], waits[first + 1]}, clock);
    ++clock[engine];
  }
  waits.erase(waits.begin(), waits.begin() + static_cast<int64_t>(first));
  Append(std::move(step), std::move(waits), clock);
}

void BarrierWriter::Follow(const Step& step, std::vector<Wait>* waits) {
  const auto wait = std::find_if(waits->begin(), waits->end(),
                                 [](const Wait& w) { return w.engine == kLoadEngine; });
  if (wait == waits->end()) return;
  Step& load = steps_[history_[kLoadEngine][wait->count - 1]];
  const int64_t bytes = BytesToFollow(config_, step, load);
  if (bytes == 0) return;
  const Command& command = step.command;
  const Followed now = {wait->count, command.Get(compute::weight_row), command.Get(compute::groups),
                        command.Get(compute::k0_count) * command.Get(compute::k1_count) *
                            command.Get(compute::k2_count)};
  Followed& followed = followed_[step.engine];
  if (followed.load == now.load && followed.weight_row == now.weight_row &&
      followed.groups >= now.groups && followed.slices == now.slices) {
    waits->erase(wait);
    return;
  }
  if (load.command.Get(header::signal_bytes) == 0) {
    const int64_t all = load.command.Get(dma::size0);
    // Of every barrier but the last one, less than a LOAD of all of core memory is left.
    const int64_t left = static_cast<int64_t>(load_barriers_.size() - 1) *
                         (kMostSignalledBytes - int64_t{config_.core_memory_bytes});
    if (signalled_bytes_ + all > kMostSignalledBytes + std::max<int64_t>(left, 0)) return;
    signalled_bytes_ += all;
    Set(&load.command, header::signal_bytes, 1);
  }
  followed = now;
  wait->bytes = bytes;
}

/// Now that it is known which LOADs signal bytes, steps become counts.
std::vector<Step> BarrierWriter::Take() {
  // Of each LOAD: its barrier, and what that has counted before and after it.
  struct Arrival {
    int barrier = 0;
    int64_t before = 0, after = 0;
  };
  std::vector<Arrival> arrivals;
  size_t barrier = 0;
  int64_t counted = 0, bytes = 0;
  for (size_t load : history_[kLoadEngine]) {
    Command& command = steps_[load].command;
    const bool by_bytes = command.Get(header::signal_bytes) != 0;
    const int64_t amount = by_bytes ? command.Get(dma::size0) : 1;
    if (by_bytes && bytes + amount > kMostSignalledBytes && barrier + 1 < load_barriers_.size()) {
      ++barrier;
      counted = bytes = 0;
    }
    arrivals.push_back({load_barriers_[barrier], counted, counted + amount});
    counted += amount;
    if (by_bytes) bytes += amount;
    Set(&command, header::signal_id, load_barriers_[barrier]);
  }
  for (size_t s = 0; s < steps_.size(); ++s) {
    Command& command = steps_[s].command;
    for (size_t w = 0; w < waits_[s].size(); ++w) {
      const Wait& wait = waits_[s][w];
      int64_t count = wait.count;
      int barrier_id = wait.engine;
      if (wait.engine == kLoadEngine) {
        const Arrival& arrival = arrivals[static_cast<size_t>(wait.count - 1)];
        count = wait.bytes > 0 ? arrival.before + wait.bytes : arrival.after;
        barrier_id = arrival.barrier;
      }
      // A LOAD that is followed is wait 1; LOADs come first among the waits.
      const bool follows = waits_[s][0].bytes > 0;
      if (wait.bytes > 0) Set(&command, compute::follow, 1);
      const WaitFields& fields = kWaits[(w == 1) != follows ? 1 : 0];
      Set(&command, fields.enable, 1);
      Set(&command, fields.id, barrier_id);
      Set(&command, fields.count, count);
    }
  }
  return std::move(steps_);
}

}  // namespace

std::vector<Step> HoistLoads(const NpuConfig& config, std::vector<Step> steps, double overtake) {
  std::vector<Step> loads, others;
  std::vector<int64_t> need;  // of each load: steps of the other engines that precede its place
  for (Step& step : steps) {
    if (step.is_load()) {
      need.push_back(static_cast<int64_t>(others.size()));
      loads.push_back(std::move(step));
    } else {
      others.push_back(std::move(step));
    }
  }
  // The dispatcher is in order: a LOAD in the stream before a compute command delays it until the
  // load queue has room. So the LOAD that the command waits for and those ahead of it fit in the
  // queue together, and the command is in place when its data are. A queue has room for its depth
  // of the longest commands; most LOADs are shorter.
  const int64_t room = int64_t{config.command_queue_depth} * InfoOf(Opcode::kLoad).most_entries;
  // Cycles that the busiest PE computes before each place.
  std::vector<int64_t> computing{0};
  std::vector<int64_t> pe_cycles(config.pes(), 0);
  for (const Step& step : others) {
    int64_t most = computing.back();
    if (step.engine >= kFirstPeEngine) {
      int64_t& cycles = pe_cycles[step.engine - kFirstPeEngine];
      cycles += static_cast<int64_t>(step.cycles);
      most = std::max(most, cycles);
    }
    computing.push_back(most);
  }
  const auto words = [&](const Step& load) {
    return CeilDiv(load.command.Get(dma::size0), config.axi_bytes());
  };
  std::vector<int64_t> place(loads.size());
  std::vector<size_t> order;  // of the loads so far
  for (size_t j = 0; j < loads.size(); ++j) {
    // The earliest place behind the first `after` loads of the order.
    const auto place_behind = [&](size_t after) {
      int64_t entries = loads[j].command.entries();
      size_t oldest = after;  // load that is in the queue together with this one
      while (oldest > 0 && entries + loads[order[oldest - 1]].command.entries() <= room) {
        entries += loads[order[--oldest]].command.entries();
      }
      int64_t lowest = after > 0 ? place[order[after - 1]] : 0;
      if (oldest > 0) lowest = std::max(lowest, need[oldest < after ? order[oldest] : j]);
      int64_t position = need[j];
      if (loads[j].stays) return position;
      while (position > lowest && !Conflicts(loads[j], others[position - 1])) --position;
      return position;
    };
    size_t after = order.size();
    place[j] = place_behind(after);
    // What PEs tell each other waits for them; parameters need not wait behind it, as far as they
    // are loaded by then.
    while (overtake > 0 && after > 0 && loads[j].reads.empty() &&
           ReadsPeMemory(loads[order[after - 1]])) {
      size_t before = after;  // all LOADs of an exchange
      bool passes = true;
      while (before > 0 && ReadsPeMemory(loads[order[before - 1]]) &&
             loads[order[before - 1]].command.tag() == loads[order[after - 1]].command.tag()) {
        --before;
        passes = passes && !Conflicts(loads[j], loads[order[before]]);
      }
      int64_t cycles = words(loads[j]);  // of LOADs since the exchange before this one
      size_t since = before;
      while (since > 0 && !ReadsPeMemory(loads[order[since - 1]])) {
        cycles += words(loads[order[--since]]);
      }
      const int64_t time =
          computing[place[order[before]]] - (since > 0 ? computing[place[order[since - 1]]] : 0);
      passes = passes && static_cast<double>(cycles) <= overtake * static_cast<double>(time);
      const int64_t position = place_behind(before);
      if (!passes || position > place[order[before]]) break;
      place[j] = position;
      after = before;
    }
    order.insert(order.begin() + static_cast<int64_t>(after), j);
  }
  std::vector<Step> ordered;
  ordered.reserve(steps.size());
  size_t next = 0;
  for (size_t i = 0; i <= others.size(); ++i) {
    while (next < loads.size() && place[order[next]] == static_cast<int64_t>(i)) {
      ordered.push_back(std::move(loads[order[next++]]));
    }
    if (i < others.size()) ordered.push_back(std::move(others[i]));
  }
  return ordered;
}

std::vector<Step> AdvanceConstants(std::vector<Step> steps, int64_t bytes) {
  int64_t left = bytes;
  for (size_t s = 0; s < steps.size(); ++s) {
    if (!steps[s].is_load()) continue;
    if (ReadsScratch(steps[s])) left = bytes;
    const int64_t size = steps[s].command.Get(dma::size0);
    if (!steps[s].reads.empty() || size > left) continue;
    size_t place = s;
    for (size_t before = s; before > 0; --before) {
      const Step& other = steps[before - 1];
      if (Conflicts(steps[s], other) || (other.is_load() && other.reads.empty())) break;
      if (other.is_load() && ReadsScratch(other)) place = before - 1;
    }
    if (place == s) continue;
    left -= size;
    const auto begin = steps.begin();
    std::rotate(begin + static_cast<int64_t>(place), begin + static_cast<int64_t>(s),
                begin + static_cast<int64_t>(s) + 1);
  }
  return steps;
}

std::vector<Step> AddBarriers(const NpuConfig& config, std::vector<Step> steps) {
  BarrierWriter writer(config);
  for (Step& step : steps) writer.Add(std::move(step));
  return writer.Take();
}

std::vector<uint8_t> WriteStream(const NpuConfig& config, const std::vector<Step>& steps) {
  std::vector<uint32_t> words(kStreamHeaderEntries * kWordsPerEntry, 0);
  for (const Step& step : steps) {
    words.insert(words.end(), step.command.words().begin(), step.command.words().end());
  }
  const Command end(Opcode::kEnd, 1, 0);
  words.insert(words.end(), end.words().begin(), end.words().end());
  words[0] = kStreamMagic;
  words[1] = kCommandSetVersion;
  words[2] = static_cast<uint32_t>(config.hash);
  words[3] = static_cast<uint32_t>(config.hash >> 32);
  words[4] = static_cast<uint32_t>(words.size() / kWordsPerEntry);
  std::vector<uint8_t> bytes;
  bytes.reserve(words.size() * 4);
  for (uint32_t word : words) {
    for (int i = 0; i < 4; ++i) bytes.push_back(static_cast<uint8_t>(word >> 8 * i));
  }
  return bytes;
}

}  // namespace npugen::compiler

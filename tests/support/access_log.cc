// SPDX-License-Identifier: Apache-2.0
// Which commands may run at the same time, and which bytes they share.
#include "tests/support/access_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <deque>
#include <limits>
#include <memory>
#include <optional>

#include "sw/stream/stream_decoder.h"

namespace npugen::testing {

void ByteSet::Add(int64_t address) {
  const int64_t word = address / 64;
  if (words_.empty()) first_ = word;
  if (word < first_) {
    words_.insert(words_.begin(), static_cast<size_t>(first_ - word), 0);
    first_ = word;
  }
  if (word >= End()) words_.resize(static_cast<size_t>(word - first_ + 1));
  words_[word - first_] |= uint64_t{1} << (address % 64);
}

bool ByteSet::Has(int64_t address) const {
  const int64_t word = address / 64;
  return word >= first_ && word < End() && (words_[word - first_] >> (address % 64) & 1) != 0;
}

bool ByteSet::Meets(const ByteSet& other) const {
  return AnyCommon(other, [](int64_t) { return true; });
}

void AccessLog::Begin(const Command& command, size_t queue) {
  at_fault_ = false;
  const auto [place, is_new] = number_.emplace(std::pair(&command, queue), accesses_.size());
  if (is_new) accesses_.push_back({&command, queue, {}, {}, {}});
  current_ = place->second;
}

void AccessLog::Read(size_t memory, int64_t address, bool weights) {
  Accesses& current = accesses_[current_];
  (weights ? current.weights : current.reads)[memory].Add(address);
  const auto written = current.writes.find(memory);
  if (written != current.writes.end() && written->second.Has(address)) {
    undefined_ = "a command reads what it has written";
  }
}

void AccessLog::Write(size_t memory, int64_t address, uint8_t value) {
  Accesses& current = accesses_[current_];
  ByteSet& bytes = current.writes[memory];
  if (current.queue >= kFirstPeEngine && bytes.Has(address)) {
    undefined_ = "a command writes a byte twice";
  }
  bytes.Add(address);
  if (!keep_values_) return;
  values_[memory].push_back(static_cast<uint64_t>(address) * 512 + (at_fault_ ? 256 : value));
}

void AccessLog::Sort() {
  for (auto& [memory, values] : values_) {
    std::sort(values.begin(), values.end());
    values.erase(std::unique(values.begin(), values.end()), values.end());
  }
}

bool AccessLog::Wrote(size_t memory, size_t address, uint8_t value) const {
  const auto found = values_.find(memory);
  if (found == values_.end()) return false;
  const std::vector<uint64_t>& values = found->second;
  return std::binary_search(values.begin(), values.end(), address * 512 + value) ||
         std::binary_search(values.begin(), values.end(), address * 512 + 256);
}

namespace {

/// What may have begun, in any order of the engines, while one command is not complete.
class Progress {
 public:
  /// `most_bytes`: as many the held command has signalled at most.
  Progress(const NpuConfig& config, const std::vector<Command>& commands, const Command* held,
           size_t held_queue, int64_t most_bytes = std::numeric_limits<int64_t>::max())
      : first_(commands.data()),
        queues_(kFirstPeEngine + config.pes()),
        began_(commands.size() * queues_.size()),
        read_ahead_(commands.size()) {
    size_t next = 0;
    for (bool moved = true; moved;) {
      moved = false;
      for (size_t q = 0; q < queues_.size(); ++q) {
        while (!queues_[q].empty()) {
          const Command& command = *queues_[q].front();
          if (!Holds(command)) break;
          began_[Number(command, q)] = true;
          if (!Completes(config, command)) break;
          const bool is_held = &command == held && q == held_queue;
          const bool bytes = q == kLoadEngine && command.Get(header::signal_bytes) != 0;
          if (is_held && part_) break;
          if (command.Get(header::signal_en) != 0) {
            const int64_t id = command.Get(header::signal_id) +
                               (q < kFirstPeEngine ? 0 : static_cast<int64_t>(q) - kFirstPeEngine);
            const int64_t all = bytes ? BoxBytes(command) : 1;
            barriers_[id] += !is_held ? all
                             : bytes  ? std::clamp<int64_t>(all - 1, 0, most_bytes)
                                      : 0;
          }
          moved = true;
          if (is_held) {
            part_ = true;
            break;
          }
          queues_[q].pop_front();
        }
      }
      while (next < commands.size()) {
        const Command& command = commands[next];
        const bool alone = command.opcode() == Opcode::kEnd || command.opcode() == Opcode::kFence;
        const bool empty = std::all_of(queues_.begin(), queues_.end(),
                                       [](const auto& queue) { return queue.empty(); });
        if (alone && !empty) break;
        for (const int engine : EnginesOf(command, config.pes())) {
          queues_[engine].push_back(&command);
        }
        ++next;
        moved = true;
      }
    }
    // LOADs that are read ahead of their waits.
    for (const Command* load : queues_[kLoadEngine]) {
      const bool ahead = load->Get(header::ahead) != 0 && load->Get(dma::local_source) == 0;
      if (ahead) {
        read_ahead_[load - first_] = true;
      } else if (load->entries() > 1 && !Holds(*load)) {
        break;
      }
    }
  }

  bool Began(const Command* command, size_t queue, bool reads) const {
    return began_[Number(*command, queue)] || (reads && read_ahead_[command - first_]);
  }

 private:
  size_t Number(const Command& command, size_t queue) const {
    return static_cast<size_t>(&command - first_) * queues_.size() + queue;
  }

  /// A command that follows its weights begins with the first one.
  bool Holds(const Command& command) const {
    for (const WaitFields& wait : kWaits) {
      if (command.Get(wait.enable) != 0 &&
          barriers_[static_cast<size_t>(command.Get(wait.id))] < command.Get(wait.count)) {
        return false;
      }
    }
    return true;
  }

  /// Its last row is there.
  bool Completes(const NpuConfig& config, const Command& command) const {
    return command.Get(header::wait1_en) == 0 ||
           barriers_[static_cast<size_t>(command.Get(header::wait1_id))] >=
               WaitCount(config, command, 1);
  }

  const Command* first_;
  std::vector<std::deque<const Command*>> queues_;
  std::array<int64_t, 2 * kMostBarriers> barriers_ = {};
  bool part_ = false;  ///< what the held command signals before its end is counted
  std::vector<bool> began_;
  std::vector<bool> read_ahead_;  ///< by command
};

}  // namespace

/// Finds races; keeps what may begin while a command is held.
class AccessLog::Search {
 public:
  Search(const AccessLog& log, const std::vector<Command>& commands)
      : log_(log), commands_(commands), without_(log.accesses_.size()) {}

  /// Whether commands number `x` and `y`, in different queues, have a byte in common that one of
  /// them writes, and nothing puts one before the other.
  bool Races(size_t x, size_t y) {
    const Accesses& a = log_.accesses_[x];
    const Accesses& b = log_.accesses_[y];
    const bool a_reads = Meet(a.reads, b.writes) || Meet(a.weights, b.writes);
    const bool b_reads = Meet(b.reads, a.writes) || Meet(b.weights, a.writes);
    const bool both_write = Meet(a.writes, b.writes);
    if (!a_reads && !b_reads && !both_write) return false;
    if (!Without(x).Began(b.command, b.queue, b_reads)) return false;
    if (!Without(y).Began(a.command, a.queue, a_reads)) return false;
    // Of a LOAD whose bytes are counted those may be read that have come.
    const Accesses& load = a.queue == kLoadEngine ? a : b;
    const Accesses& reader = a.queue == kLoadEngine ? b : a;
    return both_write || Meet(load.reads, reader.writes) || ReadsTooEarly(reader, load);
  }

 private:
  const Progress& Without(size_t number) {
    std::unique_ptr<Progress>& progress = without_[number];
    if (progress == nullptr) {
      const Accesses& held = log_.accesses_[number];
      progress = std::make_unique<Progress>(log_.config_, commands_, held.command, held.queue);
    }
    return *progress;
  }

  /// Whether `reader` may read a byte of `load` before it is there.
  bool ReadsTooEarly(const Accesses& reader, const Accesses& load) const {
    if (load.queue != kLoadEngine || load.command->entries() != 3 ||
        load.command->Get(header::signal_bytes) == 0 || load.command->Get(header::signal_en) == 0) {
      return true;
    }
    const int64_t here = Arrived(reader, load);
    // Row i of the weights of a command that follows has come when the barrier has counted so much.
    const Command& command = *reader.command;
    const Opcode opcode = command.opcode();
    const bool follows = (opcode == Opcode::kMatmul || opcode == Opcode::kWindow) &&
                         command.Get(compute::follow) != 0 &&
                         command.Get(header::wait1_id) == load.command->Get(header::signal_id);
    const std::optional<int64_t> before = follows ? CountBefore(*load.command) : std::nullopt;
    const int64_t row_bytes = log_.config_.core_row_bytes();
    const auto late = [&](const Memories& reads, bool weights) {
      return std::any_of(reads.begin(), reads.end(), [&](const auto& entry) {
        const auto writes = load.writes.find(entry.first);
        if (writes == load.writes.end()) return false;
        return entry.second.AnyCommon(writes->second, [&](int64_t at) {
          const int64_t needed = at - load.command->Get(dma::local_address) + 1;
          if (needed <= here) return false;
          if (!weights || !before) return true;
          const int64_t row = (at / row_bytes - command.Get(compute::weight_row)) & ((1 << 24) - 1);
          return *before + needed > command.Get(header::wait1_count) + row * row_bytes;
        });
      });
    };
    return late(reader.reads, false) || late(reader.weights, true);
  }

  /// Bytes of `load`, which counts them, that have come at the least when `reader` begins.
  int64_t Arrived(const Accesses& reader, const Accesses& load) const {
    int64_t low = 0, high = load.command->Get(dma::size0);
    while (low < high) {
      const int64_t middle = (low + high) / 2;
      const Progress progress(log_.config_, commands_, load.command, load.queue, middle);
      if (progress.Began(reader.command, reader.queue, /*reads=*/false)) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    return low;
  }

  /// What the barrier of `load` has counted before it, if only LOADs count there.
  std::optional<int64_t> CountBefore(const Command& load) const {
    int64_t before = 0;
    bool counting = true;
    for (const Command& command : commands_) {
      if (&command == &load) counting = false;
      if (command.opcode() == Opcode::kEnd || command.opcode() == Opcode::kFence) continue;
      if (command.Get(header::signal_en) == 0 ||
          command.Get(header::signal_id) != load.Get(header::signal_id)) {
        continue;
      }
      if (command.opcode() != Opcode::kLoad) return std::nullopt;
      if (counting) before += command.Get(header::signal_bytes) != 0 ? BoxBytes(command) : 1;
    }
    return before;
  }

  const AccessLog& log_;
  const std::vector<Command>& commands_;
  std::vector<std::unique_ptr<Progress>> without_;
};

bool AccessLog::Meet(const Memories& x, const Memories& y) {
  return std::any_of(x.begin(), x.end(), [&](const auto& entry) {
    const auto other = y.find(entry.first);
    return other != y.end() && entry.second.Meets(other->second);
  });
}

std::string AccessLog::WhyUndefined(const std::vector<Command>& commands) const {
  if (!undefined_.empty()) return undefined_;
  const size_t program = config_.pes() * (1 + config_.cores);
  Search search(*this, commands);
  for (size_t i = 0; i < accesses_.size(); ++i) {
    if (accesses_[i].writes.contains(program)) return "the program is written";
    if (accesses_[i].queue == kLoadEngine && Meet(accesses_[i].reads, accesses_[i].writes)) {
      return "a LOAD onto its source";
    }
    for (size_t j = 0; j < i; ++j) {
      if (accesses_[i].queue != accesses_[j].queue && search.Races(i, j)) {
        const auto name = [](const Accesses& accesses) {
          return fmt::format("{} of queue {}, tag {}",
                             FindOpcode(accesses.command->words()[0] & 0xff)->name, accesses.queue,
                             accesses.command->tag());
        };
        return fmt::format("a race: {} and {}", name(accesses_[j]), name(accesses_[i]));
      }
    }
  }
  return "";
}

}  // namespace npugen::testing

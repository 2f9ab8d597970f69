// SPDX-License-Identifier: Apache-2.0
// Making streams, and deciding what of their effects is defined.
#include "tests/system/hostile_streams.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <deque>

#include "sw/stream/stream_decoder.h"

namespace npugen::testing {
namespace {

/// Values at which something may go wrong.
int64_t OddValue(const CommandField& field, StreamRandom& random) {
  const int64_t high =
      field.is_signed ? (int64_t{1} << (field.width - 1)) - 1 : (int64_t{1} << field.width) - 1;
  const int64_t low = field.is_signed ? -(int64_t{1} << (field.width - 1)) : 0;
  static constexpr int64_t kSizes[] = {32767, 32768, 8191, 8192, 4096,  4095, 64,
                                       63,    1024,  2048, 2047, 65535, 512,  128};
  int64_t value = 0;
  switch (random.Below(9)) {
    case 0:
      value = 0;
      break;
    case 1:
      value = 1;
      break;
    case 2:
      value = high;
      break;
    case 3:
      value = low;
      break;
    case 4:
      value = high - static_cast<int64_t>(random.Below(20));
      break;
    case 5:
      value = static_cast<int64_t>(random.Below(17));
      break;
    case 6:
      value = int64_t{1} << random.Below(field.width);
      break;
    case 7:
      value = low + static_cast<int64_t>(random.Below(static_cast<uint64_t>(high - low) + 1));
      break;
    default:
      value = kSizes[random.Below(std::size(kSizes))];
      if (field.is_signed && random.Chance(2)) value = -value;
  }
  return std::clamp(value, low, high);
}

void SetWord(std::vector<uint32_t>* words, const CommandField& field, int64_t value) {
  const uint32_t mask =
      field.width == 32 ? ~uint32_t{0} : ((uint32_t{1} << field.width) - 1) << field.lsb;
  uint32_t& word = (*words)[field.word];
  word = (word & ~mask) | ((static_cast<uint32_t>(value) << field.lsb) & mask);
}

bool Uses(const CommandField& field, Opcode opcode, bool binary_unit) {
  return In(opcode, field.users) && (binary_unit || field.feature != kBinaryUnitKey);
}

/// Words of commands as they stand in a stream; they need not be legal any more.
using Words = std::vector<std::vector<uint32_t>>;

std::vector<uint8_t> BytesOf(const NpuConfig& config, const Words& commands) {
  std::vector<uint32_t> words = {kStreamMagic,
                                 kCommandSetVersion,
                                 static_cast<uint32_t>(config.hash),
                                 static_cast<uint32_t>(config.hash >> 32),
                                 0,
                                 0,
                                 0,
                                 0};
  for (const auto& command : commands) words.insert(words.end(), command.begin(), command.end());
  words[4] = static_cast<uint32_t>(words.size()) / kWordsPerEntry;
  std::vector<uint8_t> bytes(words.size() * 4);
  std::memcpy(bytes.data(), words.data(), bytes.size());
  return bytes;
}

}  // namespace

std::vector<uint8_t> StreamBytes(const NpuConfig& config, const std::vector<Command>& commands) {
  Words words;
  for (const Command& command : commands) words.push_back(command.words());
  return BytesOf(config, words);
}

std::vector<uint8_t> MutateStream(const NpuConfig& config, std::vector<Command> commands,
                                  StreamRandom& random) {
  Words words;
  for (const Command& command : commands) words.push_back(command.words());
  const uint64_t count = 1 + random.Below(random.Chance(2) ? 2 : 6);
  for (uint64_t i = 0; i < count; ++i) {
    const size_t at = random.Below(words.size());
    std::vector<uint32_t>& command = words[at];
    const uint64_t how = random.Below(16);
    if (how < 10) {  // a field gets an odd value, mostly one that the command uses
      const OpcodeInfo* info = FindOpcode(command[0] & 0xff);
      if (info == nullptr) continue;
      const bool any = random.Chance(12);
      std::vector<const CommandField*> fields;
      for (const CommandField& field : info->layout->fields) {
        const bool shape = field.name == "opcode" || field.name == "length";
        if (field.word >= command.size() || (shape && !any)) continue;
        if (any || Uses(field, info->opcode, config.bnn_enabled != 0)) fields.push_back(&field);
      }
      const CommandField& field = *fields[random.Below(fields.size())];
      SetWord(&command, field, OddValue(field, random));
    } else if (how < 12) {
      command[random.Below(command.size())] ^= uint32_t{1} << random.Below(32);
    } else if (how == 12) {
      const size_t other = random.Below(words.size() - 1);  // not END
      if (at + 1 < words.size()) std::swap(words[at], words[other]);
    } else if (how == 13) {
      if (at + 1 < words.size()) words.erase(words.begin() + static_cast<ptrdiff_t>(at));
    } else if (how == 14) {
      const std::vector<uint32_t> copy = command;
      if (at + 1 < words.size()) words.insert(words.begin() + static_cast<ptrdiff_t>(at), copy);
    } else {
      for (size_t word = 4; word < command.size(); ++word) {
        if (random.Chance(16)) command[word] = static_cast<uint32_t>(random.Word());
      }
    }
  }
  std::vector<uint8_t> bytes = BytesOf(config, words);
  if (random.Chance(40)) {  // the header
    bytes[random.Below(32)] ^= static_cast<uint8_t>(1 << random.Below(8));
  }
  return bytes;
}

std::vector<uint8_t> RandomStream(const NpuConfig& config, StreamRandom& random) {
  Words words;
  const uint64_t count = 1 + random.Below(6);
  for (uint64_t i = 0; i < count; ++i) {
    const std::span<const OpcodeInfo> opcodes = AllOpcodes();
    const OpcodeInfo& info = opcodes[1 + random.Below(opcodes.size() - 1)];
    uint32_t entries = info.most_entries;
    if (info.layout == &kDmaLayout) entries = random.Chance(2) ? 3 : 7;
    entries = std::clamp<uint32_t>(entries, info.least_entries, info.most_entries);
    Command command(info.opcode, entries, static_cast<uint32_t>(random.Below(0x10000)));
    std::vector<uint32_t> fields = command.words();
    for (const CommandField& field : info.layout->fields) {
      const std::string_view name = field.name;
      if (field.word >= fields.size() || name == "opcode" || name == "length" || name == "tag" ||
          !Uses(field, info.opcode, config.bnn_enabled != 0)) {
        continue;
      }
      int64_t value = static_cast<int64_t>(random.Below(4));
      const auto is = [&](std::initializer_list<std::string_view> names) {
        return std::find(names.begin(), names.end(), name) != names.end();
      };
      if (name.starts_with("wait") || name.starts_with("signal")) {
        value = name.ends_with("_en") ? random.Chance(8) : static_cast<int64_t>(random.Below(3));
      } else if (is({"acc_init", "drain"})) {
        value = !random.Chance(8);
      } else if (is({"follow", "thresholds", "out_type", "out_byte", "two_planes", "binary",
                     "gated", "skip_window", "pool_bits", "run_bytes", "ahead", "bounds",
                     "local_source"})) {
        if (!random.Chance(4)) value = 0;
      } else if (is({"pe_mask", "core_mask"})) {
        value = 1 + static_cast<int64_t>(random.Below(
                        (1u << (name == "pe_mask" ? config.pes() : config.cores)) - 1));
      } else if (is({"act_base", "b_base", "out_base", "local_address", "global_offset"})) {
        value = static_cast<int64_t>(random.Below(random.Chance(4) ? config.pe_memory_bytes : 256));
        if (name == "global_offset" && !random.Chance(8)) value &= 0xff;
        // At the ends of memory, from before its beginning to behind its end.
        const int64_t near = static_cast<int64_t>(random.Below(24)) - 16;
        if (name == "out_base" && random.Chance(4)) value = config.pe_memory_bytes + near;
        if (field.is_signed && random.Chance(8)) value = near;
        if (field.is_signed && random.Chance(8)) value = config.pe_memory_bytes + near;
      } else if (is({"row_bytes", "in_h", "extent0", "extent1"})) {
        value = 1 + static_cast<int64_t>(random.Below(40));
      } else if (is({"group_channels", "channels", "out_w", "positions", "size0", "groups",
                     "k0_count", "k1_count", "k2_count", "out_h", "win_rows", "win_cols",
                     "win_new_cols"})) {
        value = 1 + static_cast<int64_t>(random.Below(random.Chance(3) ? 12 : 3));
        if (is({"groups", "k0_count", "k1_count", "k2_count"}) && !random.Chance(3)) value = 1;
      } else if (is({"fill", "act_min", "act_max", "out_zero_point", "a_zero_point", "b_zero_point",
                     "b_multiplier", "out_multiplier", "out_shift", "b_shift"})) {
        value = static_cast<int64_t>(random.Word() & 0x7f);
        if (field.width > 8) value = static_cast<int64_t>(random.Word() & 0x7fffffff);
      } else if (random.Chance(3)) {
        value = static_cast<int64_t>(random.Below(40));
      }
      // Steps that wrap at the width of addresses.
      const int64_t wrap = static_cast<int64_t>(random.Below(24)) + 1;
      if (field.width == 24 && name.ends_with("_step") && random.Chance(12)) {
        value = (int64_t{1} << 24) - wrap;
      }
      if (random.Chance(64)) value = OddValue(field, random);
      SetWord(&fields, field, value);
    }
    words.push_back(std::move(fields));
  }
  words.push_back(Command(Opcode::kEnd, 1, 0).words());
  return BytesOf(config, words);
}

AccessLog::AccessLog(const NpuConfig& config, std::vector<size_t> sizes)
    : config_(config), sizes_(std::move(sizes)), values_(sizes_.size()) {}

AccessLog::Bits& AccessLog::BitsOf(std::map<size_t, Bits>& bits, size_t memory) {
  Bits& found = bits[memory];
  if (found.empty()) found.resize(sizes_[memory] / 64 + 1);
  return found;
}

void AccessLog::Begin(const Command& command, size_t queue) {
  at_fault_ = false;
  for (Accesses& accesses : accesses_) {
    if (accesses.command != &command || accesses.queue != queue) continue;
    current_ = &accesses;
    return;
  }
  accesses_.push_back({&command, queue, {}, {}, {}});
  current_ = &accesses_.back();
}

void AccessLog::Read(size_t memory, int64_t address, bool weights) {
  Bits& bits = BitsOf(weights ? current_->weights : current_->reads, memory);
  bits[static_cast<size_t>(address) / 64] |= uint64_t{1} << (address % 64);
  const auto written = current_->writes.find(memory);
  if (written != current_->writes.end() && Has(written->second, address)) {
    undefined_ = "a command reads what it has written";
  }
}

void AccessLog::Write(size_t memory, int64_t address, uint8_t value) {
  Bits& bits = BitsOf(current_->writes, memory);
  if (current_->queue >= 2 && Has(bits, address)) undefined_ = "a command writes a byte twice";
  bits[static_cast<size_t>(address) / 64] |= uint64_t{1} << (address % 64);
  values_[memory].push_back(static_cast<uint64_t>(address) * 512 + (at_fault_ ? 256 : value));
}

void AccessLog::Fault() { at_fault_ = true; }

void AccessLog::Sort() {
  for (std::vector<uint64_t>& values : values_) {
    std::sort(values.begin(), values.end());
    values.erase(std::unique(values.begin(), values.end()), values.end());
  }
}

bool AccessLog::Wrote(size_t memory, size_t address, uint8_t value) const {
  const std::vector<uint64_t>& values = values_[memory];
  return std::binary_search(values.begin(), values.end(), address * 512 + value) ||
         std::binary_search(values.begin(), values.end(), address * 512 + 256);
}

namespace {

/// What may have begun, in any order of the engines, while one command is not complete.
class Progress {
 public:
  Progress(const NpuConfig& config, const std::vector<Command>& commands, const Command* held,
           size_t held_queue)
      : queues_(2 + config.pes()) {
    size_t next = 0;
    for (bool moved = true; moved;) {
      moved = false;
      for (size_t q = 0; q < queues_.size(); ++q) {
        while (!queues_[q].empty()) {
          const Command& command = *queues_[q].front();
          if (!Holds(command)) break;
          began_.insert({&command, q});
          if (!Completes(config, command)) break;
          const bool is_held = &command == held && q == held_queue;
          const bool bytes = q == 0 && command.Get(header::signal_bytes) != 0;
          if (is_held && part_) break;
          if (command.Get(header::signal_en) != 0) {
            const int64_t id =
                command.Get(header::signal_id) + (q < 2 ? 0 : static_cast<int64_t>(q) - 2);
            const int64_t all = bytes ? BoxBytes(command) : 1;
            barriers_[id] += is_held ? (bytes ? std::max<int64_t>(all - 1, 0) : 0) : all;
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
    for (const Command* load : queues_[0]) {
      const bool ahead = load->Get(header::ahead) != 0 && load->Get(dma::local_source) == 0;
      if (ahead) {
        read_ahead_.insert(load);
      } else if (load->entries() > 1 && !Holds(*load)) {
        break;
      }
    }
  }

  bool Began(const Command* command, size_t queue, bool reads) const {
    return began_.contains({command, queue}) || (reads && read_ahead_.contains(command));
  }

 private:
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

  std::vector<std::deque<const Command*>> queues_;
  std::array<int64_t, 2 * kMostBarriers> barriers_ = {};
  bool part_ = false;  ///< what the held command signals before its end is counted
  std::set<std::pair<const Command*, size_t>> began_;
  std::set<const Command*> read_ahead_;
};

}  // namespace

bool AccessLog::Overlap(const std::map<size_t, Bits>& x, const std::map<size_t, Bits>& y) {
  for (const auto& [memory, bits] : x) {
    const auto other = y.find(memory);
    if (other == y.end()) continue;
    for (size_t i = 0; i < bits.size(); ++i) {
      if ((bits[i] & other->second[i]) != 0) return true;
    }
  }
  return false;
}

/// Whether `a` and `b`, in different queues, have a byte in common that one of them writes, and
/// nothing puts one before the other.
bool AccessLog::Races(const Accesses& a, const Accesses& b,
                      const std::vector<Command>& commands) const {
  const bool a_reads = Overlap(a.reads, b.writes) || Overlap(a.weights, b.writes);
  const bool b_reads = Overlap(b.reads, a.writes) || Overlap(b.weights, a.writes);
  const bool both_write = Overlap(a.writes, b.writes);
  if (!a_reads && !b_reads && !both_write) return false;
  const Progress without_a(config_, commands, a.command, a.queue);
  if (!without_a.Began(b.command, b.queue, b_reads)) return false;
  const Progress without_b(config_, commands, b.command, b.queue);
  if (!without_b.Began(a.command, a.queue, a_reads)) return false;
  // One that follows a LOAD finds the bytes there whose arrival it waits for.
  const Accesses& load = a.queue == 0 ? a : b;
  const Accesses& follower = a.queue == 0 ? b : a;
  if (load.queue != 0 || follower.queue < 2 || both_write || Overlap(load.reads, follower.writes) ||
      load.command->entries() != 3 || load.command->Get(header::signal_bytes) == 0 ||
      load.command->Get(header::signal_en) == 0 || load.command->Get(dma::core_memory) == 0) {
    return true;
  }
  const Opcode opcode = follower.command->opcode();
  if ((opcode != Opcode::kMatmul && opcode != Opcode::kWindow) ||
      follower.command->Get(compute::follow) == 0 ||
      follower.command->Get(header::wait1_id) != load.command->Get(header::signal_id)) {
    return true;
  }
  int64_t before = 0;
  bool counting = true;
  for (const Command& command : commands) {
    if (&command == load.command) counting = false;
    if (command.opcode() == Opcode::kEnd || command.opcode() == Opcode::kFence) continue;
    if (command.Get(header::signal_en) == 0 ||
        command.Get(header::signal_id) != load.command->Get(header::signal_id)) {
      continue;
    }
    if (command.opcode() != Opcode::kLoad) return true;
    if (counting) before += command.Get(header::signal_bytes) != 0 ? BoxBytes(command) : 1;
  }
  const int64_t row_bytes = config_.core_row_bytes();
  const auto late = [&](const std::map<size_t, Bits>& reads, bool weights) {
    for (const auto& [memory, bits] : reads) {
      const auto writes = load.writes.find(memory);
      if (writes == load.writes.end()) continue;
      for (int64_t at = 0; at < static_cast<int64_t>(sizes_[memory]); ++at) {
        if (!Has(bits, at) || !Has(writes->second, at)) continue;
        const int64_t needed = before + at - load.command->Get(dma::local_address) + 1;
        const int64_t row =
            (at / row_bytes - follower.command->Get(compute::weight_row)) & ((1 << 24) - 1);
        if (needed > follower.command->Get(header::wait1_count) + (weights ? row * row_bytes : 0)) {
          return true;
        }
      }
    }
    return false;
  };
  return late(follower.reads, false) || late(follower.weights, true);
}

std::string AccessLog::WhyUndefined(const std::vector<Command>& commands) const {
  if (!undefined_.empty()) return undefined_;
  const size_t program = sizes_.size() - kWindowCount;
  for (size_t i = 0; i < accesses_.size(); ++i) {
    if (accesses_[i].writes.contains(program)) return "the program is written";
    if (accesses_[i].queue == 0 && Overlap(accesses_[i].reads, accesses_[i].writes)) {
      return "a LOAD onto its source";
    }
    for (size_t j = 0; j < i; ++j) {
      if (accesses_[i].queue != accesses_[j].queue && Races(accesses_[i], accesses_[j], commands)) {
        const auto name = [](const Accesses& accesses) {
          return fmt::format("{} of queue {}",
                             FindOpcode(accesses.command->words()[0] & 0xff)->name, accesses.queue);
        };
        return fmt::format("a race: {} and {}", name(accesses_[j]), name(accesses_[i]));
      }
    }
  }
  return "";
}

}  // namespace npugen::testing

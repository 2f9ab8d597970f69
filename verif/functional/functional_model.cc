// SPDX-License-Identifier: Apache-2.0
// Dispatcher, DMA engines and barriers of the functional model.
#include "verif/functional/functional_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <deque>
#include <limits>
#include <map>
#include <random>

#include "sw/stream/field_check.h"
#include "sw/stream/stream_decoder.h"
#include "verif/functional/processing_element.h"

namespace npugen {

using functional::Fault;
using functional::ProcessingElement;

namespace {

/// Loop bounds and strides of a DMA command; dimension 0 is the run.
struct Box {
  int64_t size[5];
  int64_t global_stride[5];
  int64_t local_stride[5];
  int64_t start[5];
  int64_t extent[5];
  explicit Box(const Command& command) {
    for (int d = 0; d < kBoxDimensions; ++d) {
      size[d] = command.Get(*kBoxSize[d]);
      start[d] = command.Get(*kBoxStart[d]);
      extent[d] = command.Get(*kBoxExtent[d]);
      global_stride[d] = d == 0 ? 1 : command.Get(*kGlobalStride[d]);
      local_stride[d] = d == 0 ? 1 : command.Get(*kLocalStride[d]);
      if (d > 0 && size[d] == 0) size[d] = 1;
    }
  }
};

}  // namespace

struct FunctionalModel::State {
  explicit State(const NpuConfig& npu_config) : config(npu_config) {
    for (uint32_t i = 0; i < config.pes(); ++i) pes.emplace_back(config, i);
  }

  /// A queue of commands: 0 load, 1 store, 2 and up one for each PE.
  using Queue = std::deque<const Command*>;

  bool WaitsHold(const Command& command) const {
    for (int number : {0, 1}) {
      const WaitFields& wait = kWaits[number];
      if (command.Get(wait.enable) == 0) continue;
      if (barriers[command.Get(wait.id)] < WaitCount(config, command, number)) {
        return false;
      }
    }
    return true;
  }

  /// Whether a command begins whose weights are still to come.
  bool Begins(const Command& command) const {
    for (const WaitFields& wait : kWaits) {
      if (command.Get(wait.enable) != 0 &&
          barriers[command.Get(wait.id)] < command.Get(wait.count)) {
        return false;
      }
    }
    return true;
  }

  /// `index` is the number of the PE that ran a compute command, else 0.
  void Signal(const Command& command, size_t index, int64_t bytes_written) {
    if (command.Get(header::signal_en) == 0) return;
    const bool by_bytes =
        command.opcode() == Opcode::kLoad && command.Get(header::signal_bytes) != 0;
    int64_t& count = barriers[command.Get(header::signal_id) + index];
    count = std::min(count + (by_bytes ? bytes_written : 1), (int64_t{1} << kBarrierCountBits) - 1);
  }

  /// Does a LOAD or STORE, of a single run only the bytes from `skip` on and at most `most`. What
  /// an `ahead` LOAD reads may have been staged before.
  std::optional<Fault> Transfer(const Command& command, int64_t skip, int64_t most,
                                FunctionalJobResult* result, int64_t* bytes_moved);

  /// Whether others may see the bytes of a LOAD arrive: it signals them, and they are one run.
  static bool ArrivesInPieces(const Command& command) {
    return command.opcode() == Opcode::kLoad && command.entries() == 3 && BoxRuns(command) == 1 &&
           command.Get(header::signal_bytes) != 0 && command.Get(header::signal_en) != 0;
  }

  /// Whether a LOAD may read before its waits hold.
  static bool ReadsAhead(const Command& command) {
    return command.entries() > 1 && command.Get(header::ahead) != 0 &&
           command.Get(dma::local_source) == 0;
  }

  /// The next LOAD in the queue that may be read ahead now, or null: none before it holds it back.
  const Command* NextAhead(const Queue& loads) const {
    for (const Command* command : loads) {
      if (ReadsAhead(*command)) {
        if (staged.count(command) == 0) return command;
      } else if (command->entries() > 1 && !WaitsHold(*command)) {
        return nullptr;
      }
    }
    return nullptr;
  }

  /// Numbers of the memories for the observer.
  size_t CoreNumber(size_t pe, size_t core) const { return pes.size() + pe * config.cores + core; }
  size_t WindowNumber(int64_t window) const {
    return pes.size() * (1 + config.cores) + static_cast<size_t>(window);
  }

  NpuConfig config;
  AccessObserver* observer = nullptr;
  uint64_t work = 0, most_work = UINT64_MAX;  ///< of LOAD and STORE
  std::vector<ProcessingElement> pes;
  std::array<FunctionalWindow, kWindowCount> windows;
  std::array<int64_t, kMostBarriers> barriers = {};
  /// Parts of windows as they were when `ahead` LOADs were read.
  struct Staged {
    int64_t begin = 0;  ///< offset in the window
    std::vector<uint8_t> bytes;
  };
  std::map<const Command*, Staged> staged;

  /// Copies all that the LOAD may read.
  void ReadAhead(const Command& command) {
    const Box box(command);
    const std::span<const uint8_t> memory = windows[command.Get(dma::window)].memory;
    // A box with bounds may begin before the window: offsets count modulo 2^32.
    int64_t begin = static_cast<int32_t>(command.Get(dma::global_offset));
    int64_t end = begin + box.size[0];
    for (int d = 1; d < 5; ++d) {
      const int64_t reach = (box.size[d] - 1) * box.global_stride[d];
      (reach < 0 ? begin : end) += reach;
    }
    if (end - begin > std::numeric_limits<int32_t>::max()) {  // it may wrap around
      begin = 0;
      end = static_cast<int64_t>(memory.size());
    }
    begin = std::clamp<int64_t>(begin, 0, static_cast<int64_t>(memory.size()));
    end = std::clamp<int64_t>(end, begin, static_cast<int64_t>(memory.size()));
    staged[&command] = {begin, {memory.begin() + begin, memory.begin() + end}};
  }
};

std::optional<Fault> FunctionalModel::State::Transfer(const Command& command, int64_t skip,
                                                      int64_t most, FunctionalJobResult* result,
                                                      int64_t* bytes_moved) {
  const bool load = command.opcode() == Opcode::kLoad;
  if (load && command.entries() == 1) return std::nullopt;  // only waits and signals
  const Box box(command);
  if (std::optional<std::string> problem = CheckEngine(config, command)) {
    return Fault{ErrorCode("BadField"), 0, *std::move(problem)};
  }
  const uint64_t pe_mask = static_cast<uint64_t>(command.pe_mask());
  const uint64_t core_mask = static_cast<uint64_t>(command.Get(dma::core_mask));
  const bool local_source = load && command.Get(dma::local_source) != 0;
  const bool to_core = load && command.Get(dma::core_memory) != 0;
  const bool bounds = load && command.Get(dma::bounds) != 0;
  const uint8_t fill = static_cast<uint8_t>(command.Get(dma::fill));
  const FunctionalWindow& window = windows[command.Get(dma::window)];
  const int64_t global_offset = command.Get(dma::global_offset);
  const int64_t local_address = command.Get(dma::local_address);
  const int64_t local_bytes = to_core ? config.core_memory_bytes : config.pe_memory_bytes;

  std::vector<std::vector<uint8_t>*> targets;
  std::vector<size_t> numbers;  // of the targets
  for (uint32_t pe = 0; pe < config.pes(); ++pe) {
    if ((pe_mask >> pe & 1) == 0) continue;
    if (!to_core) {
      targets.push_back(&pes[pe].memory);
      numbers.push_back(pe);
      continue;
    }
    for (uint32_t core = 0; core < config.cores; ++core) {
      if ((core_mask >> core & 1) == 0) continue;
      targets.push_back(&pes[pe].core_memory[core]);
      numbers.push_back(CoreNumber(pe, core));
    }
  }
  const int64_t source_pe = command.Get(dma::source_pe);

  const auto read_ahead = staged.find(&command);
  const int64_t source_begin = read_ahead != staged.end() ? read_ahead->second.begin : 0;
  int64_t index[5] = {};
  std::vector<uint8_t> run(static_cast<size_t>(box.size[0]));
  for (;;) {
    int64_t global = global_offset;
    int64_t local = local_address;
    bool run_outside = false;
    for (int d = 1; d < 5; ++d) {
      global += index[d] * box.global_stride[d];
      local += index[d] * box.local_stride[d];
      const int64_t coordinate = box.start[d] + index[d];
      if (bounds && (coordinate < 0 || coordinate >= box.extent[d])) run_outside = true;
    }
    // Bytes first..last of the run exist on the global side.
    int64_t first = 0;
    int64_t last = box.size[0];
    if (bounds) {
      first = std::clamp<int64_t>(-box.start[0], 0, box.size[0]);
      last = std::clamp<int64_t>(box.extent[0] - box.start[0], first, box.size[0]);
      if (run_outside) first = last = 0;
    }
    // Both sides count modulo 2^32; the global one is looked at first.
    local = static_cast<uint32_t>(local);
    work += static_cast<uint64_t>(box.size[0]);
    if (work > most_work) return std::nullopt;
    if (first < last) {
      const int64_t size = local_source ? int64_t{config.pe_memory_bytes}
                                        : static_cast<int64_t>(window.memory.size());
      const bool permitted = local_source || (load ? window.readable : window.writable);
      global = static_cast<uint32_t>(global + first) - first;
      if (!permitted || global + first < 0 || global + last > size) {
        if (local_source) {
          return Fault{ErrorCode("LocalBounds"), static_cast<uint64_t>(global + first),
                       "local source outside PE memory"};
        }
        return Fault{ErrorCode("WindowBounds"), window.base + static_cast<uint64_t>(global + first),
                     fmt::format("bytes {}..{} of window {}, which has {}", global + first,
                                 global + last, command.Get(dma::window), size)};
      }
    }
    if (local + box.size[0] > local_bytes) {
      return Fault{ErrorCode("LocalBounds"), static_cast<uint64_t>(local),
                   fmt::format("local run at {}", local)};
    }
    const int64_t piece_end = std::min(skip + most, box.size[0]);
    const auto observe = [&](size_t memory, int64_t begin, int64_t from, int64_t to, bool write) {
      for (int64_t i = from; observer != nullptr && i < to; ++i) {
        if (write) {
          observer->Write(memory, begin + i, run[i]);
        } else {
          observer->Read(memory, begin + i, /*weights=*/false);
        }
      }
    };
    if (load) {
      std::fill(run.begin(), run.end(), fill);
      const std::span<const uint8_t> source = local_source ? pes[source_pe].memory
                                              : read_ahead != staged.end()
                                                  ? read_ahead->second.bytes
                                                  : window.memory;
      if (first < last) {
        const auto from = source.begin() + (global + first - source_begin);
        std::copy(from, from + (last - first), run.begin() + first);
      }
      observe(
          local_source ? static_cast<size_t>(source_pe) : WindowNumber(command.Get(dma::window)),
          global, std::max(first, skip), std::min(last, piece_end), /*write=*/false);
      for (size_t i = 0; i < targets.size(); ++i) {
        std::copy(run.begin() + skip, run.begin() + piece_end, targets[i]->begin() + local + skip);
        observe(numbers[i], local, skip, piece_end, /*write=*/true);
      }
      if (!local_source && skip == 0) result->bytes_read += static_cast<uint64_t>(last - first);
    } else {
      const std::vector<uint8_t>& source = *targets.front();
      std::copy(source.begin() + local, source.begin() + local + box.size[0], run.begin());
      std::copy(run.begin(), run.end(), window.memory.begin() + global);
      observe(numbers.front(), local, 0, box.size[0], /*write=*/false);
      observe(WindowNumber(command.Get(dma::window)), global, 0, box.size[0], /*write=*/true);
      result->bytes_written += static_cast<uint64_t>(box.size[0]);
    }
    *bytes_moved += piece_end - skip;
    int d = 1;
    while (d < 5 && ++index[d] == box.size[d]) index[d++] = 0;
    if (d == 5) return std::nullopt;
  }
}

FunctionalModel::FunctionalModel(const NpuConfig& config)
    : state_(std::make_unique<State>(config)) {}
FunctionalModel::~FunctionalModel() = default;

std::span<uint8_t> FunctionalModel::pe_memory(uint32_t pe) { return state_->pes[pe].memory; }
std::span<uint8_t> FunctionalModel::core_memory(uint32_t pe, uint32_t core) {
  return state_->pes[pe].core_memory[core];
}

void FunctionalModel::Poison(uint64_t seed, bool keep_core_memory) {
  std::mt19937_64 random(seed);
  const auto fill = [&](std::vector<uint8_t>& bytes) {
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
  };
  for (ProcessingElement& pe : state_->pes) {
    fill(pe.memory);
    for (int32_t& sum : pe.accumulators) sum = static_cast<int32_t>(random());
    if (keep_core_memory) continue;
    for (std::vector<uint8_t>& core : pe.core_memory) fill(core);
  }
}

FunctionalJobResult FunctionalModel::Run(const std::array<FunctionalWindow, kWindowCount>& windows,
                                         uint32_t doorbell, const FunctionalJobOptions& options) {
  DecodedStream stream = DecodeStream(state_->config, windows[0].memory, doorbell);
  FunctionalJobResult result = RunStream(windows, doorbell, stream, options);
  result.stream = std::move(stream.commands);
  return result;
}

FunctionalJobResult FunctionalModel::RunStream(
    const std::array<FunctionalWindow, kWindowCount>& windows, uint32_t doorbell,
    const DecodedStream& stream, const FunctionalJobOptions& options) {
  State& state = *state_;
  state.windows = windows;
  state.barriers.fill(0);
  state.staged.clear();
  state.observer = options.observer;
  state.work = 0;
  state.most_work = options.most_work;
  for (ProcessingElement& pe : state.pes) {
    pe.BeginJob();
    pe.observer = options.observer;
    pe.beyond_faults = options.every_fault;
    pe.work = 0;
    pe.most_work = options.most_work;
  }
  FunctionalJobResult result;
  const auto fail = [&](EngineKind engine, uint16_t tag, const Fault& fault) {
    result.error_code = fault.code;
    result.error_engine = engine;
    result.error_tag = tag;
    result.error_address = fault.address;
    result.detail = fault.detail;
    result.faults.push_back({fault.code, engine, tag});
    return result;
  };
  if (windows[0].base % kEntryBytes != 0) {
    return fail(EngineKind::kController, 0,
                Fault{ErrorCode("BadField"), windows[0].base + doorbell, "it is not aligned"});
  }
  if (!windows[0].readable && doorbell % kEntryBytes == 0) {
    return fail(EngineKind::kController, 0,
                Fault{ErrorCode("WindowBounds"), windows[0].base + doorbell,
                      "the program window is not readable"});
  }

  const size_t queue_count = kFirstPeEngine + state.pes.size();
  std::vector<State::Queue> queues(queue_count);
  // A queue has room for its depth of the longest commands, and some more stand before it. So many
  // entries of a command fit.
  const auto has_room = [&](size_t number, uint32_t entries) {
    const uint32_t longest = number < kFirstPeEngine ? kDmaLayout.words / kWordsPerEntry
                                                     : kComputeLayout.words / kWordsPerEntry;
    const size_t taken = number == kLoadEngine ? options.taken_loads : options.taken_others;
    if (queues[number].size() < taken) return true;
    for (size_t i = taken; i < queues[number].size(); ++i) entries += queues[number][i]->entries();
    return entries <= state.config.command_queue_depth * longest;
  };
  std::vector<bool> at_fault(queue_count, false);
  size_t next = 0;  // command at the dispatcher
  bool ended = false;
  std::mt19937_64 random(options.seed);
  // Agents: one for each queue, the dispatcher (number queue_count), and the reader of `ahead`
  // LOADs (queue_count + 1). Weights that change now and then let some engines run far ahead of
  // others; equal weights would hardly ever do that.
  std::vector<uint32_t> weights(queue_count + 2, 1);
  const auto queues_of = [&](const Command& command) {
    return EnginesOf(command, static_cast<uint32_t>(state.pes.size()));
  };
  const auto all_empty = [&] {
    return std::all_of(queues.begin(), queues.end(),
                       [](const auto& queue) { return queue.empty(); });
  };
  const auto dispatcher_ready = [&] {
    if (ended || next >= stream.commands.size()) return false;
    const Command& command = stream.commands[next];
    if (InfoOf(command.opcode()).engine == EngineKind::kController) return all_empty();
    for (int queue : queues_of(command)) {
      if (!has_room(queue, command.entries())) return false;
    }
    return true;
  };
  const auto refuses = [&] {
    if (ended || stream.error_code == 0 || next < stream.commands.size()) return false;
    if (!stream.refused || stream.refused_entries == 0) return true;
    for (size_t queue : queues_of(*stream.refused)) {
      if (!has_room(queue, stream.refused_entries)) return false;
    }
    return true;
  };
  const auto refuse = [&] {
    return fail(EngineKind::kController, stream.error_tag,
                Fault{stream.error_code, windows[0].base + stream.error_offset, stream.detail});
  };
  uint64_t steps = 0;   // until the weights change
  int64_t arrived = 0;  // bytes of the first LOAD in its queue
  while (!ended) {
    if (steps-- == 0) {
      steps = random() % 32;
      for (uint32_t& weight : weights) weight = uint32_t{1} << (random() % 14);
    }
    std::vector<size_t> ready;
    uint64_t total = 0;
    for (size_t agent = 0; agent < weights.size(); ++agent) {
      const bool can_go = agent == queue_count ? dispatcher_ready()
                          : agent == queue_count + 1
                              ? state.NextAhead(queues[kLoadEngine]) != nullptr
                              : !queues[agent].empty() && !at_fault[agent] &&
                                    state.WaitsHold(*queues[agent].front());
      if (!can_go) continue;
      ready.push_back(agent);
      total += weights[agent];
    }
    if (ready.empty()) {
      if (refuses()) refuse();
      // A command that follows its weights has begun: it may be at fault before a row is missing.
      const bool fails = !result.faults.empty();
      for (size_t pe = 0; options.every_fault && pe < state.pes.size(); ++pe) {
        if (queues[kFirstPeEngine + pe].empty() || at_fault[kFirstPeEngine + pe]) continue;
        const Command& command = *queues[kFirstPeEngine + pe].front();
        if (!state.Begins(command)) continue;
        if (options.observer != nullptr) options.observer->Begin(command, kFirstPeEngine + pe);
        const std::optional<Fault> fault = state.pes[pe].Execute(command);
        if (fault) fail(EngineKind::kPe, static_cast<uint16_t>(command.tag()), *fault);
      }
      if (fails) return result;
      // Of the commands that wait, the first engine's is reported.
      uint16_t tag = 0;
      for (size_t queue = 0; queue < queue_count; ++queue) {
        if (queues[queue].empty() || at_fault[queue]) continue;
        tag = static_cast<uint16_t>(queues[queue].front()->tag());
        break;
      }
      return fail(EngineKind::kController, tag,
                  Fault{ErrorCode("Deadlock"), 0, "every engine waits for a barrier"});
    }
    uint64_t draw = random() % total;
    size_t agent = ready.front();
    for (size_t candidate : ready) {
      agent = candidate;
      if (draw < weights[candidate]) break;
      draw -= weights[candidate];
    }
    if (agent == queue_count + 1) {
      state.ReadAhead(*state.NextAhead(queues[kLoadEngine]));
      continue;
    }
    if (agent == queue_count) {
      const Command& command = stream.commands[next++];
      if (command.opcode() == Opcode::kEnd) {
        ended = true;
      } else if (command.opcode() != Opcode::kFence) {
        for (int queue : queues_of(command)) queues[queue].push_back(&command);
      }
      continue;
    }
    const Command& command = *queues[agent].front();
    const uint16_t tag = static_cast<uint16_t>(command.tag());
    int64_t bytes_moved = 0;
    if (options.observer != nullptr) options.observer->Begin(command, agent);
    std::optional<Fault> fault;
    EngineKind engine;
    if (agent < kFirstPeEngine) {
      engine = agent == kLoadEngine ? EngineKind::kLoad : EngineKind::kStore;
      const bool pieces = agent == kLoadEngine && State::ArrivesInPieces(command);
      const int64_t size = command.entries() > 1 ? command.Get(dma::size0) : 0;
      const int64_t most =
          pieces && size > arrived + 1
              ? 1 + static_cast<int64_t>(random() % std::min(size - arrived, size / 4 + 1))
              : std::max<int64_t>(size - arrived, 0);
      fault = state.Transfer(command, pieces ? arrived : 0, most, &result, &bytes_moved);
      if (!fault && pieces && arrived + most < size) {
        arrived += most;
        state.Signal(command, 0, bytes_moved);
        continue;
      }
      if (agent == kLoadEngine) arrived = 0;
    } else {
      engine = EngineKind::kPe;
      ProcessingElement& pe = state.pes[agent - kFirstPeEngine];
      const uint64_t before = pe.multiplications;
      fault = pe.Execute(command);
      result.multiplications += pe.multiplications - before;
    }
    if (state.work > options.most_work ||
        (agent >= kFirstPeEngine && state.pes[agent - kFirstPeEngine].work > options.most_work)) {
      result.unfinished = true;
      return result;
    }
    if (fault) {
      fail(engine, tag, *fault);
      if (!options.every_fault) return result;
      at_fault[agent] = true;
      continue;
    }
    state.Signal(command, agent < kFirstPeEngine ? 0 : agent - kFirstPeEngine, bytes_moved);
    state.staged.erase(queues[agent].front());
    queues[agent].pop_front();
    ++result.commands;
  }
  return result;
}

}  // namespace npugen

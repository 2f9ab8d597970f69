// SPDX-License-Identifier: Apache-2.0
// Dispatcher, DMA engines and barriers of the functional model.
#include "verif/functional/functional_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "verif/functional/model_state.h"

namespace npugen {

using functional::Fault;
using functional::ProcessingElement;

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

/// One job: the queues of the engines, and a random order of all that can go on.
class FunctionalModel::Job {
 public:
  Job(State* state, const DecodedStream& stream, const FunctionalJobOptions& options)
      : state_(*state),
        stream_(stream),
        options_(options),
        queues_(kFirstPeEngine + state->pes.size()),
        at_fault_(queues_.size(), false),
        weights_(queues_.size() + 2, 1),
        random_(options.seed) {}

  FunctionalJobResult Run(uint32_t doorbell) {
    const FunctionalWindow& program = state_.windows[0];
    if (program.base % kEntryBytes != 0) {
      Fail(EngineKind::kController, 0,
           Fault{ErrorCode("BadField"), program.base + doorbell, "it is not aligned"});
      return result_;
    }
    if (!program.readable && doorbell % kEntryBytes == 0) {
      Fail(EngineKind::kController, 0,
           Fault{ErrorCode("WindowBounds"), program.base + doorbell,
                 "the program window is not readable"});
      return result_;
    }
    while (!ended_) {
      const std::optional<size_t> agent = DrawAgent();
      if (!agent) {
        Halt();
        break;
      }
      if (*agent == reader_ahead()) {
        state_.ReadAhead(*state_.NextAhead(queues_[kLoadEngine]));
      } else if (*agent == dispatcher()) {
        Dispatch();
      } else if (!RunEngine(*agent)) {
        break;
      }
    }
    return result_;
  }

 private:
  // Agents are the queues, the dispatcher, and the reader of `ahead` LOADs.
  size_t dispatcher() const { return queues_.size(); }
  size_t reader_ahead() const { return queues_.size() + 1; }

  void Fail(EngineKind engine, uint16_t tag, const Fault& fault) {
    result_.error_code = fault.code;
    result_.error_engine = engine;
    result_.error_tag = tag;
    result_.error_address = fault.address;
    result_.detail = fault.detail;
    result_.faults.push_back({fault.code, engine, tag});
  }

  std::vector<int> QueuesOf(const Command& command) const {
    return EnginesOf(command, static_cast<uint32_t>(state_.pes.size()));
  }

  /// Whether a command of so many entries fits. A queue has room for its depth of the longest
  /// commands, and some more stand before it.
  bool HasRoom(size_t number, uint32_t entries) const {
    const uint32_t longest = number < kFirstPeEngine ? kDmaLayout.words / kWordsPerEntry
                                                     : kComputeLayout.words / kWordsPerEntry;
    const size_t taken = number == kLoadEngine ? options_.taken_loads : options_.taken_others;
    const State::Queue& queue = queues_[number];
    if (queue.size() < taken) return true;
    for (size_t i = taken; i < queue.size(); ++i) entries += queue[i]->entries();
    return entries <= state_.config.command_queue_depth * longest;
  }

  bool CanDispatch() const {
    if (next_ >= stream_.commands.size()) return false;
    const Command& command = stream_.commands[next_];
    if (InfoOf(command.opcode()).engine == EngineKind::kController) {
      return std::all_of(queues_.begin(), queues_.end(),
                         [](const auto& queue) { return queue.empty(); });
    }
    for (int queue : QueuesOf(command)) {
      if (!HasRoom(queue, command.entries())) return false;
    }
    return true;
  }

  /// Whether the dispatcher stands before what it refuses.
  bool Refuses() const {
    if (stream_.error_code == 0 || next_ < stream_.commands.size()) return false;
    if (!stream_.refused || stream_.refused_entries == 0) return true;
    for (size_t queue : QueuesOf(*stream_.refused)) {
      if (!HasRoom(queue, stream_.refused_entries)) return false;
    }
    return true;
  }

  bool CanGo(size_t agent) const {
    if (agent == dispatcher()) return CanDispatch();
    if (agent == reader_ahead()) return state_.NextAhead(queues_[kLoadEngine]) != nullptr;
    return !queues_[agent].empty() && !at_fault_[agent] &&
           state_.WaitsHold(*queues_[agent].front());
  }

  /// One of the agents that can go on, if any can. Weights that change now and then let some run
  /// far ahead of others; equal ones would hardly ever do that.
  std::optional<size_t> DrawAgent() {
    if (steps_-- == 0) {
      steps_ = random_() % 32;
      for (uint32_t& weight : weights_) weight = uint32_t{1} << (random_() % 14);
    }
    std::vector<size_t> ready;
    uint64_t total = 0;
    for (size_t agent = 0; agent < weights_.size(); ++agent) {
      if (!CanGo(agent)) continue;
      ready.push_back(agent);
      total += weights_[agent];
    }
    if (ready.empty()) return std::nullopt;
    uint64_t draw = random_() % total;
    for (size_t candidate : ready) {
      if (draw < weights_[candidate]) return candidate;
      draw -= weights_[candidate];
    }
    return ready.back();
  }

  void Dispatch() {
    const Command& command = stream_.commands[next_++];
    if (command.opcode() == Opcode::kEnd) {
      ended_ = true;
    } else if (command.opcode() != Opcode::kFence) {
      for (int queue : QueuesOf(command)) queues_[queue].push_back(&command);
    }
  }

  /// Nothing can go on: faults that were met, a stream that is refused, or a deadlock.
  void Halt() {
    if (Refuses()) {
      Fail(
          EngineKind::kController, stream_.error_tag,
          Fault{stream_.error_code, state_.windows[0].base + stream_.error_offset, stream_.detail});
    }
    // A command that follows its weights has begun: it may be at fault before a row is missing.
    const bool fails = !result_.faults.empty();
    for (size_t pe = 0; options_.every_fault && pe < state_.pes.size(); ++pe) {
      const size_t engine = kFirstPeEngine + pe;
      if (queues_[engine].empty() || at_fault_[engine]) continue;
      const Command& command = *queues_[engine].front();
      if (!state_.Begins(command)) continue;
      if (options_.observer != nullptr) options_.observer->Begin(command, engine);
      const std::optional<Fault> fault = state_.pes[pe].Execute(command);
      if (fault) Fail(EngineKind::kPe, static_cast<uint16_t>(command.tag()), *fault);
    }
    if (fails) return;
    // Of the commands that wait, the first engine's is reported.
    uint16_t tag = 0;
    for (size_t queue = 0; queue < queues_.size(); ++queue) {
      if (queues_[queue].empty() || at_fault_[queue]) continue;
      tag = static_cast<uint16_t>(queues_[queue].front()->tag());
      break;
    }
    Fail(EngineKind::kController, tag,
         Fault{ErrorCode("Deadlock"), 0, "every engine waits for a barrier"});
  }

  /// Does the first command of a queue, or of a LOAD a piece. False: the job ends with it.
  bool RunEngine(size_t agent) {
    const Command& command = *queues_[agent].front();
    if (options_.observer != nullptr) options_.observer->Begin(command, agent);
    int64_t bytes_moved = 0;
    std::optional<Fault> fault;
    EngineKind engine = EngineKind::kPe;
    if (agent < kFirstPeEngine) {
      engine = agent == kLoadEngine ? EngineKind::kLoad : EngineKind::kStore;
      const bool pieces = agent == kLoadEngine && State::ArrivesInPieces(command);
      const int64_t size = command.entries() > 1 ? command.Get(dma::size0) : 0;
      const int64_t most =
          pieces && size > arrived_ + 1
              ? 1 + static_cast<int64_t>(random_() % std::min(size - arrived_, size / 4 + 1))
              : std::max<int64_t>(size - arrived_, 0);
      fault = state_.Transfer(command, pieces ? arrived_ : 0, most, &result_, &bytes_moved);
      if (!fault && pieces && arrived_ + most < size) {
        arrived_ += most;
        state_.Signal(command, 0, bytes_moved);
        return true;
      }
      if (agent == kLoadEngine) arrived_ = 0;
    } else {
      ProcessingElement& pe = state_.pes[agent - kFirstPeEngine];
      const uint64_t before = pe.multiplications;
      fault = pe.Execute(command);
      result_.multiplications += pe.multiplications - before;
    }
    if (state_.work > options_.most_work ||
        (agent >= kFirstPeEngine && state_.pes[agent - kFirstPeEngine].work > options_.most_work)) {
      result_.unfinished = true;
      return false;
    }
    if (fault) {
      Fail(engine, static_cast<uint16_t>(command.tag()), *fault);
      at_fault_[agent] = true;
      return options_.every_fault;
    }
    state_.Signal(command, agent < kFirstPeEngine ? 0 : agent - kFirstPeEngine, bytes_moved);
    state_.staged.erase(&command);
    queues_[agent].pop_front();
    ++result_.commands;
    return true;
  }

  State& state_;
  const DecodedStream& stream_;
  const FunctionalJobOptions& options_;
  FunctionalJobResult result_;
  std::vector<State::Queue> queues_;
  std::vector<bool> at_fault_;     ///< of the queues: the engine stopped
  std::vector<uint32_t> weights_;  ///< of the agents: how often each is drawn
  std::mt19937_64 random_;
  uint64_t steps_ = 0;   ///< until the weights change
  size_t next_ = 0;      ///< command at the dispatcher
  int64_t arrived_ = 0;  ///< bytes of the first LOAD in its queue
  bool ended_ = false;
};

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
  return Job(&state, stream, options).Run(doorbell);
}

}  // namespace npugen

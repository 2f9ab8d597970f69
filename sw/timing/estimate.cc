// SPDX-License-Identifier: Apache-2.0
// The machine around the engines: time, the bus, the dispatcher, and what each cycle is charged to.
#include "sw/timing/estimate.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "sw/stream/stream_decoder.h"
#include "sw/timing/calibration.h"
#include "sw/timing/compute_plan.h"
#include "sw/timing/dma_timing.h"
#include "sw/timing/front_end.h"
#include "sw/timing/pe_timing.h"

namespace npugen {
namespace {

using namespace timing;  // NOLINT: this file is the library's front

constexpr uint32_t kDmaEntries = 7;       // of the longest LOAD or STORE
constexpr uint32_t kComputeEntries = 10;  // of the longest compute command

Diagnostic BadStream(std::string message) {
  return {DiagnosticCode::kProgramFile, SourceLocation(), std::move(message),
          "compile the model again for this spec"};
}

/// A decoded stream with its plans.
struct Stream {
  std::vector<StreamCommand> commands;
  std::vector<ComputePlan> plans;
  uint64_t entries = kStreamHeaderEntries;
};

Stream PlanStream(const NpuConfig& config, std::span<const Command* const> commands) {
  Stream stream;
  const BankMap banks(config);
  stream.commands.reserve(commands.size());
  for (const Command* next : commands) {
    const Command& command = *next;
    StreamCommand item;
    item.header = HeaderFields(command);
    stream.entries += item.header.length;
    switch (InfoOf(command.opcode()).engine) {
      case EngineKind::kLoad:
      case EngineKind::kStore:
        item.dma = DmaFields(command);
        break;
      case EngineKind::kController:
        break;
      case EngineKind::kPe: {
        const ComputeFields fields(command);
        item.pe_mask = static_cast<uint32_t>(fields.pe_mask);
        item.compute = stream.plans.size();
        stream.plans.push_back(PlanCompute(config, banks, command.opcode(), fields));
        break;
      }
    }
    stream.commands.push_back(item);
  }
  return stream;
}

class Machine {
 public:
  Machine(const NpuConfig& config, Stream stream, uint32_t offset, uint64_t image_bytes,
          const EstimateOptions& options)
      : config_(config),
        stream_(std::move(stream)),
        banks_(config),
        barriers_(config.barriers()),
        pes_(config.pes(), PeTiming(config, banks_, barriers_)),
        around_{config, pes_, barriers_, options.window_base},
        load_queue_(config.command_queue_depth, kDmaEntries),
        store_queue_(config.command_queue_depth, kDmaEntries),
        pe_queues_(config.pes(), CommandQueue(config.command_queue_depth, kComputeEntries)),
        pe_commands_(config.pes()),
        fetch_(config, offset, options.window_base[0], image_bytes, stream_.entries),
        reads_(std::max(options.latency, 1u)),
        load_(&around_, &load_queue_),
        store_(&around_, &store_queue_, std::max(options.latency, 1u)) {}

  Result<StreamEstimate> Play() {
    for (;;) {
      changed_ = barriers_.Update(now_);
      if (changed_) WakeStarved();
      FinishCommands();
      AcceptReadAddress();
      changed_ = fetch_.Tick(now_) || changed_;  // of what was there before this cycle's beat
      changed_ = store_.Tick(now_) || changed_;
      changed_ = load_.Tick(now_) || changed_;
      if (load_.wrote()) FindPeEvent();
      GrantMemoryRead();
      Bus();
      if (now_ <= pes_awake_until_) {
        StartCommands();
        for (CommandQueue& queue : pe_queues_) {
          if (queue.Tick(now_)) WakePes();
        }
      }
      changed_ = load_queue_.Tick(now_) || changed_;
      changed_ = store_queue_.Tick(now_) || changed_;
      if (now_ >= kCalibration.start) Dispatch();
      if (ended_) break;
      uint64_t next = now_ + 1;
      if (!changed_ && now_ >= awake_until_ && !barriers_.arriving()) {
        next = std::min(pe_event_, store_.next_event());
        if (reads_.next_event() != kNever) next = std::min(next, reads_.next_event() - 1);
        if (next == kNever) return Diagnostics{BadStream("the command stream cannot end")};
        next = std::max(next, now_ + 1);
      }
      Charge(next - now_);
      now_ = next;
    }
    Charge(1);
    StreamEstimate result;
    result.cycles = now_ + 1;
    result.trace = std::move(trace_);
    result.bytes_read = around_.bytes_read;
    result.bytes_written = around_.bytes_written;
    result.commands = stream_.commands.size();
    return result;
  }

 private:
  /// PEs start commands and their queues move in the next cycles only if something happens.
  void WakePes() {
    changed_ = true;
    pes_awake_until_ = now_ + 3;
  }

  void WakeStarved() {
    WakePes();
    for (PeTiming& pe : pes_) {
      if (pe.starved()) pe.Wake(now_);
    }
    FindPeEvent();
  }

  void StayAwake(uint64_t cycles) { awake_until_ = std::max(awake_until_, now_ + cycles); }

  void FindPeEvent() {
    pe_event_ = kNever;
    for (const PeTiming& pe : pes_) pe_event_ = std::min(pe_event_, pe.next_event());
  }

  void FinishCommands() {
    pe0_finishes_ = false;
    if (pe_event_ <= now_) FindPeEvent();  // words for core memory may have put it off
    if (pe_event_ > now_) return;
    for (size_t p = 0; p < pes_.size(); ++p) {
      while (pes_[p].next_event() <= now_) {
        if (!pes_[p].Advance()) continue;
        WakePes();
        PeCommand& running = pe_commands_[p];
        const HeaderFields& header = running.command->header;
        if (header.signal_en != 0) {
          barriers_.Arrive(static_cast<uint32_t>(header.signal_id) + static_cast<uint32_t>(p), 1,
                           now_ + 1);
        }
        running.idle_from = now_ + 1;
        if (p == 0) {
          pe0_finishes_ = true;
          for (uint32_t i = 0; i < kCauses; ++i) {
            if (pes_[0].causes()[i] != 0) {
              Add(static_cast<uint32_t>(header.tag), i, pes_[0].causes()[i]);
            }
          }
        }
      }
    }
    FindPeEvent();
  }

  void StartCommands() {
    for (size_t p = 0; p < pes_.size(); ++p) {
      if (pes_[p].busy() || pe_commands_[p].idle_from > now_) continue;
      const StreamCommand* next = pe_queues_[p].next(now_);
      if (next == nullptr || !barriers_.Hold(next->header)) continue;
      pe_queues_[p].Take(now_);
      pe_commands_[p].command = next;
      pes_[p].Start(&stream_.plans[next->compute], &next->header, now_ + 1);
      pe_event_ = std::min(pe_event_, pes_[p].next_event());
      if (p == 0) pe0_from_ = now_ + 1;
      WakePes();
    }
  }

  /// The read port of the PE memories alternates between LOAD and STORE.
  void GrantMemoryRead() {
    const bool load = load_.wants_memory(), store = store_.wants_memory();
    if (!load && !store) return;
    changed_ = true;
    const bool choice = store && (!load || !store_read_last_);
    PeTiming& pe = pes_[choice ? store_.memory_pe() : load_.memory_pe()];
    const bool granted =
        pe.ReadMemory(now_, choice ? store_.memory_address() : load_.memory_address());
    pe_event_ = std::min(pe_event_, pe.next_event());
    if (!granted) return;
    store_read_last_ = choice;
    if (choice) {
      store_.MemoryRead(now_);
    } else {
      load_.MemoryRead(now_);
    }
    StayAwake(3);
  }

  /// A requester may show its next address in the cycle in which the bus takes the one before, so
  /// this comes before the requesters' cycle.
  void AcceptReadAddress() {
    const bool fetch = fetch_.address_valid(now_), load = load_.address_valid(now_);
    if ((fetch || load) && reads_.ready()) {
      const bool choice = load && (!fetch || !load_address_last_);
      load_address_last_ = choice;
      reads_.Accept(choice, choice ? load_.address_beats() : fetch_.address_beats(), now_);
      if (choice) {
        load_.AddressAccepted();
      } else {
        fetch_.AddressAccepted();
      }
      changed_ = true;
    }
  }

  void Bus() {
    fetch_.NewCycle(now_);
    if (reads_.valid()) {
      if (!reads_.load()) {
        fetch_.Beat(reads_.last());
        around_.bytes_read += config_.axi_bytes();
        reads_.Taken();
        changed_ = true;
      } else if (load_.Beat(reads_.last())) {
        reads_.Taken();
        changed_ = true;
      }
    }
    changed_ = reads_.Present(now_) || changed_;
  }

  CommandQueue* QueueOf(Opcode opcode) {
    const EngineKind engine = InfoOf(opcode).engine;
    return engine == EngineKind::kLoad    ? &load_queue_
           : engine == EngineKind::kStore ? &store_queue_
                                          : nullptr;
  }

  bool Idle() const {
    if (!load_queue_.empty() || !store_queue_.empty() || load_.busy(now_) || store_.busy(now_)) {
      return false;
    }
    for (size_t p = 0; p < pes_.size(); ++p) {
      if (!pe_queues_[p].empty() || pes_[p].busy() || pe_commands_[p].idle_from > now_)
        return false;
    }
    return true;
  }

  void Dispatch() {
    if (!fetch_.entry_available(now_)) return;
    if (header_left_ != 0) {
      fetch_.TakeEntry(now_);
      --header_left_;
      changed_ = true;
      return;
    }
    const StreamCommand& command = stream_.commands[position_];
    const auto opcode = static_cast<Opcode>(command.header.opcode);
    if (InfoOf(opcode).engine == EngineKind::kController) {
      if (!Idle() || (opcode == Opcode::kEnd && !fetch_.quiet())) return;
      fetch_.TakeEntry(now_);
      changed_ = true;
      ++position_;
      ended_ = opcode == Opcode::kEnd;
      return;
    }
    if (CommandQueue* queue = QueueOf(opcode)) {
      if (!queue->ready()) return;
      queue->Push(&command, now_);
      EntryDone(command);
      return;
    }
    // Compute commands: the second entry names the PEs, so the first one is pushed with it.
    if (entry_ == 0 && !held_) {
      held_ = true;
      EntryDone(command);
      return;
    }
    for (size_t p = 0; p < pe_queues_.size(); ++p) {
      if ((command.pe_mask >> p & 1) != 0 && !pe_queues_[p].ready()) return;
    }
    for (size_t p = 0; p < pe_queues_.size(); ++p) {
      if ((command.pe_mask >> p & 1) != 0) pe_queues_[p].Push(&command, now_);
    }
    WakePes();
    if (held_) {
      held_ = false;
      changed_ = true;
      StayAwake(3);
      return;
    }
    EntryDone(command);
  }

  void EntryDone(const StreamCommand& command) {
    fetch_.TakeEntry(now_);
    changed_ = true;
    StayAwake(3);
    if (++entry_ == command.header.length) {
      entry_ = 0;
      ++position_;
    }
  }

  void Add(uint32_t tag, uint32_t cause, uint64_t cycles) {
    const size_t index = size_t{tag} * kCauses + cause;
    if (trace_.size() <= index) trace_.resize((size_t{tag} + 1) * kCauses);
    trace_[index] += cycles;
  }

  /// Charges the cycles from now on, in which nothing changes. Those of PE 0's commands are charged
  /// when they are complete.
  void Charge(uint64_t cycles) {
    if (now_ < kCalibration.start) {
      Add(0, kIdle, cycles);
      return;
    }
    if (pe0_finishes_) {
      last_tag_ = static_cast<uint32_t>(pe_commands_[0].command->header.tag);
      return;
    }
    if (pes_[0].busy() && pe0_from_ <= now_) {
      last_tag_ = static_cast<uint32_t>(pe_commands_[0].command->header.tag);
      return;
    }
    const StreamCommand* next = pe_queues_[0].next(now_);
    if (next != nullptr && !barriers_.Hold(next->header) && !pes_[0].busy()) {
      last_tag_ = static_cast<uint32_t>(next->header.tag);
      Add(last_tag_, kBarrier, cycles);
      return;
    }
    const bool store = store_.busy(now_), load = load_.busy(now_);
    if (store) {
      last_tag_ = store_.running_tag();
    } else if (load) {
      last_tag_ = load_.running_tag();
    }
    Add(last_tag_, store || load || !fetch_.quiet() ? (store || load ? kDma : kIdle) : kIdle,
        cycles);
  }

  struct PeCommand {
    const StreamCommand* command = nullptr;
    uint64_t idle_from = 0;
  };

  const NpuConfig& config_;
  const Stream stream_;
  BankMap banks_;
  Barriers barriers_;
  std::vector<PeTiming> pes_;
  Surroundings around_;
  CommandQueue load_queue_, store_queue_;
  std::vector<CommandQueue> pe_queues_;
  std::vector<PeCommand> pe_commands_;
  Fetch fetch_;
  ReadChannel reads_;
  LoadEngine load_;
  StoreEngine store_;

  uint64_t now_ = 0, awake_until_ = 2, pes_awake_until_ = 2, pe_event_ = kNever, pe0_from_ = 0;
  bool changed_ = false, ended_ = false, pe0_finishes_ = false;
  bool store_read_last_ = false, load_address_last_ = false;
  uint32_t header_left_ = kStreamHeaderEntries;
  size_t position_ = 0;
  uint32_t entry_ = 0;
  bool held_ = false;
  std::vector<uint64_t> trace_;
  uint32_t last_tag_ = 0;
};

}  // namespace

Result<StreamEstimate> EstimateCommands(const NpuConfig& config,
                                        std::span<const Command* const> commands,
                                        uint64_t image_bytes, const EstimateOptions& options) {
  return Machine(config, PlanStream(config, commands), 0, image_bytes, options).Play();
}

uint64_t CommandCycles(const NpuConfig& config, const Command& command) {
  const BankMap banks(config);
  const Barriers barriers(config.barriers());
  HeaderFields header(command);
  header.wait0_en = header.wait1_en = 0;
  ComputeFields fields(command);
  fields.follow = 0;
  const ComputePlan plan = PlanCompute(config, banks, command.opcode(), fields);
  PeTiming pe(config, banks, barriers);
  pe.Start(&plan, &header, 0);
  uint64_t end = 0;
  do {
    end = pe.next_event();
  } while (!pe.Advance());
  return end;
}

Result<StreamEstimate> EstimateStream(const NpuConfig& config, std::span<const uint8_t> image,
                                      uint32_t offset, const EstimateOptions& options) {
  const DecodedStream decoded = DecodeStream(config, image, offset);
  if (decoded.error_code != 0) return Diagnostics{BadStream(decoded.detail)};
  std::vector<const Command*> commands;
  for (const Command& command : decoded.commands) commands.push_back(&command);
  return Machine(config, PlanStream(config, commands), offset, image.size(), options).Play();
}

}  // namespace npugen

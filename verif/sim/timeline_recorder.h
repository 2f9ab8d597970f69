// SPDX-License-Identifier: Apache-2.0
// Turns what the trace ports and the bus show in every cycle into events with a begin and an end.
//
// Independent of any verilated class, like AxiMemory. It sees one job, from the first active cycle
// after Arm() to the last one; other cycles cost nothing.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "generator/arch/engines.h"
#include "verif/sim/npu_model_abi.h"

namespace npugen {

/// The trace ports in one cycle, and the handshakes of the bus.
struct TimelineSignals {
  // Of the cycle before.
  bool active = false;
  uint8_t cause = 0;
  uint16_t tag = 0;
  // Units: bit UnitOf(engine), of PE p bit kFirstPeUnit + p.
  uint64_t busy = 0;
  uint64_t waiting = 0;
  uint64_t begin = 0;
  uint8_t end = 0;  ///< of all units but PEs
  bool release = false;
  const uint8_t* tags = nullptr;         ///< 16 bits for each unit
  uint64_t arrivals = 0;                 ///< bit 0 is LOAD: all units but the dispatcher
  const uint8_t* arrival_ids = nullptr;  ///< 6 bits for each
  uint32_t arrival_amount = 0;           ///< by LOAD
  // Handshakes: valid and ready in this cycle.
  bool ar = false, r = false, aw = false, w = false, b = false;
  bool r_last = false, w_last = false;
  uint8_t ar_id = 0, r_id = 0;
  uint64_t ar_addr = 0, aw_addr = 0, w_strb = 0;
};

class TimelineRecorder {
 public:
  /// Forgets everything and records the next job, until there are `limit` events; 0 records
  /// nothing.
  void Arm(uint64_t limit, uint32_t bus_bytes);

  /// True while Sample() is worth its call.
  bool armed() const { return state_ == State::kArmed || state_ == State::kRecording; }

  /// One cycle; `cycle` is its number.
  void Sample(uint64_t cycle, const TimelineSignals& signals);

  /// Ends the recording if it goes on, and gives what there is.
  npu_model_timeline Finish();

 private:
  enum class State { kOff, kArmed, kRecording, kDone };
  using Event = npu_model_event;

  /// A burst whose address is accepted.
  struct Burst {
    Event event;
    bool data_complete = false;  ///< of a write
  };

  Event Make(uint8_t kind, uint32_t number) const;
  void Close(Event event, uint64_t end);
  void Stop(uint64_t end);
  void SampleCause(const TimelineSignals& signals);
  void SampleWaits(const TimelineSignals& signals);
  void SampleCommands(const TimelineSignals& signals);
  void SampleArrivals(const TimelineSignals& signals);
  void SampleBus(const TimelineSignals& signals);

  static constexpr uint32_t kUnits = kFirstPeUnit + kMostPes;  // at most
  static constexpr uint32_t kIds = 4;
  static constexpr uint32_t kDispatcher = UnitOf(EngineKind::kController);
  static constexpr uint32_t kLoad = UnitOf(EngineKind::kLoad);
  static constexpr uint32_t kStore = UnitOf(EngineKind::kStore);

  State state_ = State::kOff;
  uint64_t limit_ = 0;
  uint32_t bus_bytes_ = 0;
  uint64_t first_cycle_ = 0;
  uint64_t now_ = 0;  ///< cycles since the doorbell
  bool cut_ = false;
  std::vector<Event> events_;
  // What has begun and not ended.
  bool cause_open_ = false;
  Event cause_ = {};
  std::deque<Event> commands_[kUnits];
  uint64_t running_pes_ = 0;  ///< PEs among the units with commands
  uint64_t untagged_ = 0;     ///< units that took a command in the cycle before
  uint64_t unreleased_ = 0;   ///< LOADs taken whose waits do not hold: the last ones
  uint64_t waiting_ = 0;
  Event waits_[kUnits] = {};
  bool arrival_open_ = false;
  Event arrival_ = {};
  std::deque<Burst> reads_[kIds];
  std::deque<Burst> writes_;
};

}  // namespace npugen

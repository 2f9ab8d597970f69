// SPDX-License-Identifier: Apache-2.0
// The rules by which signals become events; cycles of events are counted from the doorbell.
#include "verif/sim/timeline_recorder.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace npugen {
namespace {

/// Bytes that LOAD counts at a barrier as it writes them become one arrival for this many cycles.
constexpr uint64_t kGatherCycles = 32;

uint16_t TagOf(const uint8_t* tags, uint32_t unit) {
  uint16_t tag;
  std::memcpy(&tag, tags + 2 * unit, sizeof tag);
  return tag;
}

/// Element `index` of a vector of 6-bit numbers.
uint32_t IdOf(const uint8_t* ids, uint32_t index) {
  uint32_t id = 0;
  for (uint32_t i = 0; i < 6; ++i) {
    const uint32_t bit = 6 * index + i;
    id |= (ids[bit / 8] >> bit % 8 & 1u) << i;
  }
  return id;
}

/// Calls `function` with the number of every set bit.
template <typename Function>
void ForEachBit(uint64_t bits, Function function) {
  for (; bits != 0; bits &= bits - 1) function(static_cast<uint32_t>(std::countr_zero(bits)));
}

}  // namespace

void TimelineRecorder::Arm(uint64_t limit, uint32_t bus_bytes) {
  *this = TimelineRecorder();
  limit_ = limit;
  bus_bytes_ = bus_bytes;
  if (limit != 0) state_ = State::kArmed;
}

TimelineRecorder::Event TimelineRecorder::Make(uint8_t kind, uint32_t number) const {
  Event event = {};
  event.kind = kind;
  event.number = static_cast<uint8_t>(number);
  event.begin = event.first = event.last = now_;
  return event;
}

void TimelineRecorder::Close(Event event, uint64_t end) {
  event.end = std::max(end, event.begin);
  event.first = std::min(event.first, event.end);
  event.last = std::min(event.last, event.end);
  events_.push_back(event);
}

void TimelineRecorder::Sample(uint64_t cycle, const TimelineSignals& signals) {
  if (!armed()) return;
  if (state_ == State::kArmed) {
    if (!signals.active) return;
    // The active cycle is the one before, and the first one is that of the doorbell.
    state_ = State::kRecording;
    first_cycle_ = cycle - 1;
  }
  now_ = cycle - first_cycle_;
  if (!signals.active) {
    Stop(now_ - 1);
    return;
  }
  SampleCause(signals);
  if (events_.size() >= limit_) {
    cut_ = true;
    Stop(now_);
    return;
  }
  SampleWaits(signals);
  SampleCommands(signals);
  SampleArrivals(signals);
  SampleBus(signals);
}

void TimelineRecorder::SampleCause(const TimelineSignals& signals) {
  if (cause_open_ && cause_.number == signals.cause && cause_.tag == signals.tag) return;
  if (cause_open_) Close(cause_, now_ - 1);
  cause_ = Make(NPU_MODEL_EVENT_CAUSE, signals.cause);
  cause_.begin = cause_.first = cause_.last = now_ - 1;
  cause_.tag = signals.tag;
  cause_open_ = true;
}

void TimelineRecorder::SampleWaits(const TimelineSignals& signals) {
  // A unit with a command does not wait, whatever stands behind it; the dispatcher is blocked with
  // one.
  uint64_t waiting = signals.waiting & ~(signals.busy & ~uint64_t{1});
  for (const uint32_t unit : {kLoad, kStore}) {
    if (!commands_[unit].empty()) waiting &= ~(uint64_t{1} << unit);
  }
  ForEachBit(waiting ^ waiting_, [&](uint32_t unit) {
    if ((waiting >> unit & 1) != 0) {
      waits_[unit] = Make(NPU_MODEL_EVENT_WAIT, unit);
    } else {
      Close(waits_[unit], now_);
    }
  });
  waiting_ = waiting;
}

void TimelineRecorder::SampleCommands(const TimelineSignals& signals) {
  ForEachBit(untagged_, [&](uint32_t unit) {
    if (!commands_[unit].empty()) commands_[unit].back().tag = TagOf(signals.tags, unit);
  });
  untagged_ = signals.begin & ~uint64_t{1};

  std::deque<Event>& dispatched = commands_[kDispatcher];
  if ((signals.busy & 1) != 0 && dispatched.empty()) {
    dispatched.push_back(Make(NPU_MODEL_EVENT_COMMAND, kDispatcher));
    dispatched.back().tag = TagOf(signals.tags, kDispatcher);
  }
  if ((signals.begin & 1) != 0 && !dispatched.empty()) dispatched.front().first = now_;

  // LOAD and STORE overlap commands; they end in order.
  std::deque<Event>& loads = commands_[kLoad];
  if (signals.release && unreleased_ != 0) loads[loads.size() - unreleased_--].first = now_;
  for (const uint32_t unit : {kDispatcher, kLoad, kStore}) {
    if ((signals.end >> unit & 1) == 0 || commands_[unit].empty()) continue;
    Close(commands_[unit].front(), now_ + 1);
    commands_[unit].pop_front();
  }

  // A PE has one command at a time: the next one, or idleness, ends it.
  ForEachBit(running_pes_ & (signals.begin | ~signals.busy), [&](uint32_t unit) {
    Close(commands_[unit].front(), (signals.busy >> unit & 1) != 0 ? now_ + 1 : now_);
    commands_[unit].pop_front();
    running_pes_ &= ~(uint64_t{1} << unit);
  });
  ForEachBit(signals.begin & ~uint64_t{1}, [&](uint32_t unit) {
    Event event = Make(NPU_MODEL_EVENT_COMMAND, unit);
    event.begin = event.first = event.last = now_ + 1;
    if (unit == kLoad) {
      ++unreleased_;
      event.first = UINT64_MAX;
    }
    commands_[unit].push_back(event);
    if (unit >= kFirstPeUnit) running_pes_ |= uint64_t{1} << unit;
  });
}

void TimelineRecorder::SampleArrivals(const TimelineSignals& signals) {
  ForEachBit(signals.arrivals, [&](uint32_t index) {
    const uint32_t id = IdOf(signals.arrival_ids, index);
    const uint32_t amount = index == 0 ? signals.arrival_amount : 1;
    if (amount == 0) return;
    const bool gathers = index == 0 && amount != 1;
    if (gathers && arrival_open_ && arrival_.number == id &&
        now_ - arrival_.begin < kGatherCycles) {
      arrival_.amount += amount;
      arrival_.last = now_;
      return;
    }
    if (index == 0 && arrival_open_) {
      Close(arrival_, arrival_.last + 1);
      arrival_open_ = false;
    }
    Event event = Make(NPU_MODEL_EVENT_ARRIVAL, id);
    event.amount = amount;
    if (gathers) {
      arrival_ = event;
      arrival_open_ = true;
    } else {
      Close(event, now_ + 1);
    }
  });
}

void TimelineRecorder::SampleBus(const TimelineSignals& signals) {
  if (signals.ar) {
    Event event = Make(NPU_MODEL_EVENT_READ, signals.ar_id % kIds);
    event.address = signals.ar_addr;
    event.first = UINT64_MAX;
    reads_[event.number].push_back({event});
  }
  std::deque<Burst>& reads = reads_[signals.r_id % kIds];
  if (signals.r && !reads.empty()) {
    Event& event = reads.front().event;
    event.first = std::min(event.first, now_);
    event.last = now_ + 1;
    event.amount += bus_bytes_;
    if (signals.r_last) {
      Close(event, now_ + 1);
      reads.pop_front();
    }
  }
  if (signals.b && !writes_.empty()) {
    Close(writes_.front().event, now_ + 1);
    writes_.pop_front();
  }
  if (signals.aw) {
    Event event = Make(NPU_MODEL_EVENT_WRITE, 0);
    event.address = signals.aw_addr;
    event.first = UINT64_MAX;
    writes_.push_back({event});
  }
  if (signals.w) {
    const auto burst = std::find_if(writes_.begin(), writes_.end(),
                                    [](const Burst& write) { return !write.data_complete; });
    if (burst == writes_.end()) return;
    burst->event.first = std::min(burst->event.first, now_);
    burst->event.last = now_ + 1;
    burst->event.amount += static_cast<uint32_t>(std::popcount(signals.w_strb));
    burst->data_complete = signals.w_last;
  }
}

void TimelineRecorder::Stop(uint64_t end) {
  if (cause_open_) Close(cause_, end);
  ForEachBit(waiting_, [&](uint32_t unit) { Close(waits_[unit], end); });
  for (const std::deque<Event>& commands : commands_) {
    for (const Event& command : commands) Close(command, end);
  }
  if (arrival_open_) Close(arrival_, arrival_.last + 1);
  for (const std::deque<Burst>& reads : reads_) {
    for (const Burst& read : reads) Close(read.event, end);
  }
  for (const Burst& write : writes_) Close(write.event, end);
  now_ = end;
  state_ = State::kDone;
}

npu_model_timeline TimelineRecorder::Finish() {
  if (state_ == State::kRecording) Stop(now_ + 1);
  npu_model_timeline timeline = {};
  timeline.events = events_.data();
  timeline.count = events_.size();
  timeline.first_cycle = first_cycle_;
  timeline.cycles = now_;
  timeline.cut = cut_;
  return timeline;
}

}  // namespace npugen

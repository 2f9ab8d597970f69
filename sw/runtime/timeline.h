// SPDX-License-Identifier: Apache-2.0
// What an NPU did during a job, as a list of events with a begin and an end.
#pragma once

#include <cstdint>
#include <vector>

namespace npugen {

/// Something that took place in the cycles `begin` to `end` - 1, counted from the doorbell.
struct TimelineEvent {
  enum class Kind : uint8_t {
    kCause = 0,  ///< cycles charged to cause `number` and command `tag`, without gaps
    kCommand =
        1,      ///< unit `number` (UnitOf) has a command; of LOAD, whose waits hold from `first` on
    kWait = 2,  ///< unit `number` has none and waits; the dispatcher has one and is blocked
    kArrival = 3,  ///< barrier `number` counts `amount` more
    kRead = 4,     ///< burst of AXI id `number`, data from `first` to `last`, `amount` bytes
    kWrite = 5,    ///< the same; `amount` counts strobes
  };
  Kind kind = Kind::kCause;
  uint8_t number = 0;
  uint16_t tag = 0;
  uint32_t amount = 0;
  uint64_t begin = 0, first = 0, last = 0, end = 0;
  uint64_t address = 0;
};

/// One job.
struct Timeline {
  uint64_t first_cycle = 0;  ///< of the doorbell, as Machine::Cycles() counts
  uint64_t cycles = 0;       ///< recorded
  uint64_t limit = 0;        ///< of events
  bool cut = false;          ///< the job went on when the limit was reached
  std::vector<TimelineEvent> events;
};

}  // namespace npugen

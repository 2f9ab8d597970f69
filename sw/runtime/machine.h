// SPDX-License-Identifier: Apache-2.0
// A machine with an NPU in it, as a host program sees it: registers, memory, time and an interrupt
// line.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "sw/runtime/timeline.h"

namespace npugen {

/// Number of causes that the trace distinguishes (4-bit codes).
inline constexpr uint32_t kTraceCauses = 16;

/// Bus traffic since the machine was made.
struct BusCounts {
  uint64_t read_bytes = 0;     ///< of read beats
  uint64_t written_bytes = 0;  ///< of write beats, masked bytes included
  uint64_t violations = 0;     ///< of the AXI protocol, by the NPU
  /// Of a DRAM: bursts of 32 bytes, and rows opened for them. Zeros where the memory is none.
  uint64_t dram_bursts = 0, dram_activates = 0;
};

/// What the runtime needs to drive an NPU; the verilated model is one implementation.
class Machine {
 public:
  virtual ~Machine() = default;

  /// Register accesses at a byte offset. They take machine time.
  virtual uint32_t ReadRegister(uint32_t offset) = 0;
  virtual void WriteRegister(uint32_t offset, uint32_t value) = 0;

  /// Lets time pass until the interrupt line is high, at most `cycles` cycles. Returns the cycles
  /// passed.
  virtual uint64_t RunUntilInterrupt(uint64_t cycles) = 0;

  /// Clock cycles since the machine was made.
  virtual uint64_t Cycles() const = 0;

  /// The memory that host and NPU share, and the bus address of its first byte.
  virtual std::span<uint8_t> Memory() = 0;
  virtual uint64_t MemoryBase() const = 0;

  virtual BusCounts Bus() const = 0;
  /// Violations of the AXI protocol in words, at most a few.
  virtual std::vector<std::string> Violations() const = 0;

  /// Cycles of jobs by layer tag and cause since ClearTrace(): element tag * kTraceCauses + cause,
  /// up to the largest tag seen.
  /// Empty where the machine has no trace.
  virtual std::span<const uint64_t> Trace() const = 0;
  virtual void ClearTrace() = 0;

  /// Records the timeline of the next job until it has `limit` events. TakeTimeline() ends that and
  /// gives the events; there are none where the machine cannot record.
  virtual void RecordTimeline(uint64_t limit) = 0;
  virtual Timeline TakeTimeline() = 0;
};

}  // namespace npugen

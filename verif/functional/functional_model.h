// SPDX-License-Identifier: Apache-2.0
// Executes command streams exactly as docs/machine.md defines them, byte by byte and without
// timing.
//
// The functional model is the middle of the chain golden model = functional model = RTL. Engines
// run concurrently: after each command a seeded random choice decides which engine goes next, as
// far as queues and barriers allow, so that a missing barrier shows as a wrong result.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "generator/arch/command_set.h"
#include "generator/config/npu_config.h"
#include "verif/functional/access_observer.h"

namespace npugen {

struct DecodedStream;

/// A memory window of the host interface. The memory belongs to the caller.
struct FunctionalWindow {
  std::span<uint8_t> memory;  ///< size of the window is memory.size()
  uint64_t base = 0;          ///< bus address of byte 0, for error reports
  bool readable = true;
  bool writable = true;
};

/// An error of a job.
struct FunctionalFault {
  uint8_t code = 0;
  EngineKind engine = EngineKind::kController;
  uint16_t tag = 0;
};

struct FunctionalJobOptions {
  uint64_t seed = 1;  ///< of the interleaving of the engines
  /// An engine at fault stops alone, and the others go on as far as they can: `faults` of the
  /// result are all that hardware may report.
  bool every_fault = false;
  /// Commands at the head of a queue that take no room in it: hardware has taken them.
  uint32_t taken_loads = 1, taken_others = 1;
  uint64_t most_work = UINT64_MAX;     ///< bytes read and written, then the job is `unfinished`
  AccessObserver* observer = nullptr;  ///< may be null
};

/// How a job ended. `error_code` 0 is success, else one of AllHardwareErrors().
struct FunctionalJobResult {
  uint8_t error_code = 0;
  EngineKind error_engine = EngineKind::kController;
  uint16_t error_tag = 0;
  uint64_t error_address = 0;    ///< bus address, or PE or core memory address for LocalBounds
  std::string detail;            ///< for humans: what was wrong
  uint64_t commands = 0;         ///< commands completed
  uint64_t bytes_read = 0;       ///< by LOADs from windows
  uint64_t bytes_written = 0;    ///< by STOREs
  uint64_t multiplications = 0;  ///< products of all lanes, padding included
  std::vector<FunctionalFault> faults;  ///< with `every_fault`; none: done
  bool unfinished = false;              ///< `most_work` was reached
  std::vector<Command> stream;          ///< the commands, as the observer was told of them
  bool ok() const { return error_code == 0; }
};

/// An NPU of any configuration. Memories keep their contents from job to job, as in hardware.
class FunctionalModel {
 public:
  explicit FunctionalModel(const NpuConfig& config);
  ~FunctionalModel();
  FunctionalModel(const FunctionalModel&) = delete;
  FunctionalModel& operator=(const FunctionalModel&) = delete;

  /// Fills PE memories, core memories and accumulators with pseudo-random bytes. `keep_core_memory`
  /// spares the core memories, whose contents a warm job relies on.
  void Poison(uint64_t seed, bool keep_core_memory = false);

  /// Runs the stream at byte `doorbell` of window 0 until END or the first error.
  FunctionalJobResult Run(const std::array<FunctionalWindow, kWindowCount>& windows,
                          uint32_t doorbell, const FunctionalJobOptions& options = {});

  std::span<uint8_t> pe_memory(uint32_t pe);
  std::span<uint8_t> core_memory(uint32_t pe, uint32_t core);

 private:
  FunctionalJobResult RunStream(const std::array<FunctionalWindow, kWindowCount>& windows,
                                uint32_t doorbell, const DecodedStream& stream,
                                const FunctionalJobOptions& options);

  struct State;
  class BoxTransfer;
  class Job;
  std::unique_ptr<State> state_;
};

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// A verilated NPU with its memory, loaded from a shared object that BuildModel() made.
#pragma once

#include <memory>
#include <string>

#include "generator/support/diagnostic.h"
#include "sw/runtime/machine.h"
#include "verif/sim/npu_model_abi.h"

namespace npugen {

/// Cycles in a wave file unless told otherwise: a file of some ten megabytes.
inline constexpr uint64_t kDefaultWavesCycles = 100'000;

/// Seed of the state at power-up unless told otherwise.
inline constexpr uint64_t kDefaultPowerUpSeed = 1;

/// Memory and disturbances of a simulation.
struct SimulationOptions {
  uint64_t memory_base = 0x8000'0000;  ///< bus address; a multiple of 4096
  uint64_t memory_bytes = 0;
  uint32_t latency = 50;  ///< cycles from a bus request to its answer, at least 1
  /// "hbm2", "hbm2e" or "hbm3": `latency` is that of the way to its controller. Empty: a memory
  /// that answers after its latency.
  std::string dram;
  uint32_t dram_channels = 1;  ///< 1, 2, 4, 8 or 16
  double cycle_fs = 0;         ///< a clock cycle of the NPU in femtoseconds, for a DRAM
  double stalls = 0;  ///< probability that a bus channel pauses in a cycle, 0 <= stalls < 1
  uint64_t stall_seed = 1;
  bool interleave = false;  ///< beats of different read ids come mixed
  /// Seed of what flip-flops and memories hold at power-up; 0: all of them are 0.
  uint64_t power_up_seed = kDefaultPowerUpSeed;
  std::string waves;        ///< FST file to write; only models built with waves can
  uint64_t waves_from = 0;  ///< first cycle in it, since the model was made
  uint64_t waves_cycles = kDefaultWavesCycles;  ///< cycles in it; 0: all that follow
};

/// One NPU just after reset.
class SimulatedNpu : public Machine {
 public:
  /// Loads `library`, a file in an entry of a cache. Errors: kToolFailed when it is no model,
  /// kFileWrite for the wave file, those of CheckCachedFile().
  static Result<std::unique_ptr<SimulatedNpu>> Open(const std::string& library,
                                                    const SimulationOptions& options);
  ~SimulatedNpu() override;
  SimulatedNpu(const SimulatedNpu&) = delete;
  SimulatedNpu& operator=(const SimulatedNpu&) = delete;

  uint32_t ReadRegister(uint32_t offset) override;
  void WriteRegister(uint32_t offset, uint32_t value) override;
  uint64_t RunUntilInterrupt(uint64_t cycles) override;
  uint64_t Cycles() const override;
  std::span<uint8_t> Memory() override;
  uint64_t MemoryBase() const override;
  BusCounts Bus() const override;
  std::vector<std::string> Violations() const override;
  std::span<const uint64_t> Trace() const override;
  void ClearTrace() override;
  void RecordTimeline(uint64_t limit) override;
  Timeline TakeTimeline() override;

  /// Runs for exactly `cycles` cycles.
  void Run(uint64_t cycles);
  bool Interrupt() const;
  /// Bus beats that touch [address, address + bytes) fail.
  void AddErrorRange(uint64_t address, uint64_t bytes);
  void ClearErrors();
  /// Channel 0 AR, 1 R, 2 AW, 3 W, 4 B of the bus falls silent after `transfers` more transfers.
  void MuteBus(uint32_t channel, uint64_t transfers);
  void UnmuteBus();
  /// The memory forgets what is under way: it is never answered.
  void DropAnswers();
  void HardwareReset();
  /// Writes the bytes of a register whose bits are set in `strobe`.
  void WriteRegister(uint32_t offset, uint32_t value, uint32_t strobe);
  /// Register accesses that were answered with an error, or not at all.
  uint64_t failed_accesses() const { return failed_accesses_; }
  /// The model behind, for accesses that Machine does not offer.
  const npu_model_interface& interface() const { return *interface_; }
  npu_model* model() { return model_; }

 private:
  SimulatedNpu() = default;
  npu_model_counters Counters() const;

  void* handle_ = nullptr;
  const npu_model_interface* interface_ = nullptr;
  npu_model* model_ = nullptr;
  uint8_t* memory_ = nullptr;
  uint64_t memory_base_ = 0;
  uint64_t memory_bytes_ = 0;
  uint64_t failed_accesses_ = 0;
  uint64_t timeline_limit_ = 0;
};

}  // namespace npugen

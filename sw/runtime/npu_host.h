// SPDX-License-Identifier: Apache-2.0
// Runs compiled programs on a machine, through the C driver and nothing else.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "generator/config/npu_config.h"
#include "generator/support/diagnostic.h"
#include "sw/compiler/network.h"
#include "sw/compiler/program.h"
#include "sw/driver/npu_driver.h"
#include "sw/driver/npu_network.h"
#include "sw/runtime/machine.h"

namespace npugen {

/// Cycles by cause, by the codes of AllCycleCauses().
using CauseCycles = std::array<uint64_t, kTraceCauses>;

/// One job, as hardware counters and trace saw it.
struct JobReport {
  bool warm = false;                ///< parameters were in core memory already
  npu_counters counters = {};       ///< read through the driver
  std::vector<CauseCycles> layers;  ///< by Program::layers; all 0 where the machine has no trace
  CauseCycles other = {};           ///< cycles that belong to no layer
  double seconds = 0;               ///< of host time from doorbell to interrupt
  uint64_t simulated_cycles = 0;    ///< machine cycles in that time
};

/// Fills layers and `other` of a report from cycles by tag and cause, as of Machine::Trace().
void ChargeLayers(const Program& program, std::span<const uint64_t> trace, JobReport* report);

/// Bytes of memory that RunModel-like use of a program needs: file, scratch, inputs and outputs.
uint64_t MemoryNeeded(const Program& program);
/// Bytes of memory that a buffer takes.
uint64_t MemoryNeeded(uint64_t bytes);

/// Where the windows of a program stand when it is the first one in a machine's memory: bytes from
/// the beginning of the memory.
std::array<uint64_t, kWindowCount> WindowOffsets(const Program& program);

/// A program placed in a machine's memory.
struct PlacedProgram {
  Program program;
  npu_program checked = {};
  npu_buffers buffers = {};
  uint64_t bytes_at = 0;  ///< offset of the file in the machine's memory
};

/// Bytes of memory that a network needs: file, scratch and arena.
uint64_t MemoryNeeded(const Network& network);

/// A network placed in a machine's memory.
struct PlacedNetwork {
  Network network;
  npu_network checked = {};
  npu_network_memory memory = {};
};

/// One run of a network.
struct NetworkReport {
  std::vector<JobReport> jobs;  ///< by the steps that are programs, in their order
  /// Of all jobs, where it was asked for: outputs of operators that were kept, results of host
  /// operators, outputs. By number in the model; empty where there is none.
  std::vector<std::vector<uint8_t>> tensors;

  bool warm() const;        ///< every job found its parameters
  uint64_t cycles() const;  ///< of the NPU
  double seconds() const;
  uint64_t simulated_cycles() const;
};

/// The host side of one NPU.
class NpuHost {
 public:
  /// Connects to the NPU of `machine`, which must outlive the host. Error: kDriver.
  static Result<std::unique_ptr<NpuHost>> Open(Machine& machine, const NpuConfig& config);

  /// Places `program` behind those placed before, with its own scratch, input and output memory.
  /// Errors: kDriver when the driver refuses it or memory is short.
  Result<PlacedProgram> Place(const Program& program);

  /// Places the file alone: scratch, inputs and outputs are those of `memory`, large enough, which
  /// several programs may share.
  Result<PlacedProgram> Place(const Program& program, const npu_buffers& memory);

  /// Memory behind what was placed before, and what it holds. Error: kDriver when it is short.
  Result<npu_buffer> Allocate(uint64_t bytes);
  std::span<uint8_t> Bytes(const npu_buffer& buffer) const;

  /// The same for a network; its states are those of a first run.
  Result<PlacedNetwork> Place(const Network& network);

  /// The next run of a network is a first one again: its states are reset.
  void ResetState(const PlacedNetwork& placed);

  /// Limits and hooks of jobs.
  struct JobOptions {
    uint64_t timeout_cycles = 1'000'000'000;
    bool poll = false;  ///< poll the status register instead of sleeping until the interrupt
    /// Of programs: scratch memory has what the job before left there; else it is overwritten.
    bool keep_scratch = false;
    /// Told the cycles of the job so far every few hundred thousand; may be null.
    std::function<void(uint64_t)> progress;
    /// Of networks: told the program before its job begins and after it has ended; may be null.
    std::function<void(uint32_t program, bool begins)> around_job;
  };

  /// Copies `inputs` (in the order of Program::inputs, of the right sizes) to memory, runs the
  /// program and waits. After an error of the NPU it is reset and ready for the next job. Errors:
  /// kHardwareError, kHardwareTimeout, kDriver, kBusProtocol.
  Result<JobReport> Run(const PlacedProgram& placed,
                        const std::vector<std::vector<uint8_t>>& inputs, const JobOptions& options);

  /// The same for a network; `inputs` are in the order of its tensor table. Its states go on from
  /// the run before. With `collect` the report has the tensors.
  Result<NetworkReport> Run(const PlacedNetwork& placed,
                            const std::vector<std::vector<uint8_t>>& inputs,
                            const JobOptions& options, bool collect = false);
  std::vector<uint8_t> ReadTensor(const PlacedNetwork& placed, const NetworkTensor& tensor) const;
  /// Its outputs after a run.
  std::vector<std::vector<uint8_t>> ReadOutputs(const PlacedNetwork& placed) const;

  /// A tensor of the last job of `placed`.
  std::vector<uint8_t> ReadTensor(const PlacedProgram& placed, const ProgramTensor& tensor) const;

  npu_device& device() { return device_; }
  Machine& machine() { return machine_; }

 private:
  explicit NpuHost(Machine& machine);
  /// Waits for a job that was submitted at machine cycle job_start_.
  Result<JobReport> WaitForJob(const Program& program, const JobOptions& options);
  void BeginJob(const JobOptions& options);
  Diagnostic HardwareFailure();

  Machine& machine_;
  npu_platform platform_;
  npu_device device_ = {};
  uint64_t allocated_ = 0;
  const std::function<void(uint64_t)>* progress_ = nullptr;
  uint64_t job_start_ = 0;
  uint64_t wait_until_ = 0;
};

}  // namespace npugen

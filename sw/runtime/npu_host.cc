// SPDX-License-Identifier: Apache-2.0
// The platform shim under the C driver, memory placement, and one job after the other.
#include "sw/runtime/npu_host.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstring>

#include "generator/arch/command_set.h"

namespace npugen {
namespace {

/// Sleeps end after this many cycles so that progress can be shown.
constexpr uint64_t kSleepCycles = 400'000;
constexpr uint64_t kResetTimeoutCycles = 1'000'000;
/// What scratch and outputs hold before a job: a byte that is never written shows.
constexpr uint8_t kStaleByte = 0xa5;

/// Buffers begin at multiples of it. Bursts end at 4 KiB, so what a job takes would otherwise
/// depend on what else was placed before it.
constexpr uint64_t kPlacementBytes = 4096;
static_assert(kPlacementBytes % NPU_PROGRAM_ALIGNMENT == 0);

uint64_t RoundUp(uint64_t bytes) {
  return (bytes + kPlacementBytes - 1) / kPlacementBytes * kPlacementBytes;
}

Diagnostic DriverRefusal(const char* call, npu_result result) {
  return {DiagnosticCode::kDriver, {}, fmt::format("{}: {}", call, npu_result_text(result)), ""};
}

Diagnostic HardwareDiagnostic(DiagnosticCode code, std::string message) {
  return {code, {}, std::move(message), ""};
}

}  // namespace

void ChargeLayers(const Program& program, std::span<const uint64_t> trace, JobReport* report) {
  report->layers.assign(program.layers.size(), CauseCycles());
  std::vector<int32_t> layer_of_tag(trace.size() / kTraceCauses, -1);
  for (size_t i = 0; i < program.layers.size(); ++i) {
    if (program.layers[i].tag < layer_of_tag.size()) {
      layer_of_tag[program.layers[i].tag] = static_cast<int32_t>(i);
    }
  }
  for (size_t tag = 0; tag < layer_of_tag.size(); ++tag) {
    CauseCycles& row = layer_of_tag[tag] < 0
                           ? report->other
                           : report->layers[static_cast<size_t>(layer_of_tag[tag])];
    for (uint32_t cause = 0; cause < kTraceCauses; ++cause) {
      row[cause] += trace[tag * kTraceCauses + cause];
    }
  }
}

uint64_t MemoryNeeded(uint64_t bytes) { return RoundUp(bytes); }

uint64_t MemoryNeeded(const Program& program) {
  return RoundUp(WriteProgram(program).size()) + RoundUp(program.scratch_bytes) +
         RoundUp(program.input_bytes) + RoundUp(program.output_bytes);
}

uint64_t MemoryNeeded(const Network& network) {
  return RoundUp(WriteNetwork(network).size()) + RoundUp(network.scratch_bytes()) +
         RoundUp(network.arena_bytes);
}

bool NetworkReport::warm() const {
  return !jobs.empty() &&
         std::all_of(jobs.begin(), jobs.end(), [](const JobReport& job) { return job.warm; });
}

uint64_t NetworkReport::cycles() const {
  uint64_t sum = 0;
  for (const JobReport& job : jobs) sum += job.counters.cycles;
  return sum;
}

double NetworkReport::seconds() const {
  double sum = 0;
  for (const JobReport& job : jobs) sum += job.seconds;
  return sum;
}

uint64_t NetworkReport::simulated_cycles() const {
  uint64_t sum = 0;
  for (const JobReport& job : jobs) sum += job.simulated_cycles;
  return sum;
}

std::array<uint64_t, kWindowCount> WindowOffsets(const Program& program) {
  // The image ends the file.
  const uint64_t file = WriteProgram(program).size();
  const uint64_t scratch = RoundUp(file);
  const uint64_t input = scratch + RoundUp(program.scratch_bytes);
  const uint64_t output = input + RoundUp(program.input_bytes);
  return {file - program.image.size(), scratch, input, output};
}

NpuHost::NpuHost(Machine& machine) : machine_(machine) {
  platform_.context = this;
  platform_.read32 = [](void* context, uint32_t offset) {
    return static_cast<NpuHost*>(context)->machine_.ReadRegister(offset);
  };
  platform_.write32 = [](void* context, uint32_t offset, uint32_t value) {
    static_cast<NpuHost*>(context)->machine_.WriteRegister(offset, value);
  };
  platform_.time = [](void* context) { return static_cast<NpuHost*>(context)->machine_.Cycles(); };
  platform_.wait_for_interrupt = [](void* context) {
    NpuHost& host = *static_cast<NpuHost*>(context);
    const uint64_t now = host.machine_.Cycles();
    const uint64_t left = host.wait_until_ > now ? host.wait_until_ - now : 1;
    host.machine_.RunUntilInterrupt(std::min(left, kSleepCycles));
    if (host.progress_ != nullptr && *host.progress_) {
      (*host.progress_)(host.machine_.Cycles() - host.job_start_);
    }
  };
  platform_.memory_barrier = nullptr;  // the simulated memory is coherent
}

Result<std::unique_ptr<NpuHost>> NpuHost::Open(Machine& machine, const NpuConfig& config) {
  std::unique_ptr<NpuHost> host(new NpuHost(machine));
  const npu_result result = npu_init(&host->device_, &host->platform_, config.hash);
  if (result != NPU_OK) return DriverRefusal("npu_init", result);
  return host;
}

Result<npu_buffer> NpuHost::Allocate(uint64_t bytes) {
  const uint64_t rounded = RoundUp(bytes);
  if (bytes > 0xffffffffu || rounded > machine_.Memory().size() - allocated_) {
    return HardwareDiagnostic(
        DiagnosticCode::kDriver,
        fmt::format("the machine has {} bytes of memory, {} are in use and {} more are needed",
                    machine_.Memory().size(), allocated_, rounded));
  }
  const npu_buffer buffer = {machine_.MemoryBase() + allocated_, static_cast<uint32_t>(bytes)};
  allocated_ += rounded;
  return buffer;
}

std::span<uint8_t> NpuHost::Bytes(const npu_buffer& buffer) const {
  return machine_.Memory().subspan(buffer.address - machine_.MemoryBase(), buffer.bytes);
}

Result<PlacedProgram> NpuHost::Place(const Program& program, const npu_buffers& memory) {
  PlacedProgram placed;
  placed.program = program;
  placed.buffers = memory;
  const std::vector<uint8_t> file = WriteProgram(program);
  Result<npu_buffer> allocated = Allocate(file.size());
  if (!allocated) return allocated.errors();
  placed.buffers.program = *allocated;
  const std::span<uint8_t> bytes = Bytes(placed.buffers.program);
  std::copy(file.begin(), file.end(), bytes.begin());
  placed.bytes_at = placed.buffers.program.address - machine_.MemoryBase();
  const npu_result result = npu_program_check(&device_, bytes.data(),
                                              static_cast<uint32_t>(bytes.size()), &placed.checked);
  if (result != NPU_OK) return DriverRefusal("npu_program_check", result);
  return placed;
}

Result<PlacedProgram> NpuHost::Place(const Program& program) {
  Result<PlacedProgram> placed = Place(program, npu_buffers{});
  if (!placed) return placed;
  for (const auto& [buffer, bytes] : {std::pair{&placed->buffers.scratch, program.scratch_bytes},
                                      std::pair{&placed->buffers.input, program.input_bytes},
                                      std::pair{&placed->buffers.output, program.output_bytes}}) {
    Result<npu_buffer> allocated = Allocate(bytes);
    if (!allocated) return allocated.errors();
    *buffer = *allocated;
  }
  return placed;
}

Diagnostic NpuHost::HardwareFailure() {
  npu_error_report report = {};
  npu_error(&device_, &report);
  const std::string_view engine =
      report.engine < kEngineCount ? kEngineTable[report.engine].report : "unknown engine";
  std::string name = "unknown";
  for (const HardwareError& error : AllHardwareErrors()) {
    if (error.code == report.code) name = error.name;
  }
  return HardwareDiagnostic(
      DiagnosticCode::kHardwareError,
      fmt::format("{} (code {}, {}), {}, layer tag {}, address 0x{:x}", npu_error_text(report.code),
                  report.code, name, engine, report.tag, report.address));
}

Result<JobReport> NpuHost::Run(const PlacedProgram& placed,
                               const std::vector<std::vector<uint8_t>>& inputs,
                               const JobOptions& options) {
  const Program& program = placed.program;
  const std::span<uint8_t> input = Bytes(placed.buffers.input);
  for (size_t i = 0; i < program.inputs.size(); ++i) {
    const ProgramTensor& tensor = program.inputs[i];
    if (i >= inputs.size() || inputs[i].size() != tensor.bytes) {
      return HardwareDiagnostic(DiagnosticCode::kDriver,
                                fmt::format("input {} must have {} bytes", i, tensor.bytes));
    }
  }
  const std::span<uint8_t> output = Bytes(placed.buffers.output);
  std::fill(output.begin(), output.end(), kStaleByte);
  if (!options.keep_scratch) {
    const std::span<uint8_t> scratch = Bytes(placed.buffers.scratch);
    std::fill(scratch.begin(), scratch.end(), kStaleByte);
  }
  for (size_t i = 0; i < program.inputs.size(); ++i) {
    const ProgramTensor& tensor = program.inputs[i];
    std::copy(inputs[i].begin(), inputs[i].end(),
              (tensor.window == Window::kOutput ? output : input).begin() + tensor.offset);
  }

  BeginJob(options);
  const npu_result result = npu_submit(&device_, &placed.checked, &placed.buffers,
                                       options.poll ? NPU_WAIT_POLL : NPU_WAIT_INTERRUPT);
  if (result != NPU_OK) return DriverRefusal("npu_submit", result);
  return WaitForJob(program, options);
}

void NpuHost::BeginJob(const JobOptions& options) {
  machine_.ClearTrace();
  job_start_ = machine_.Cycles();
  wait_until_ = job_start_ + options.timeout_cycles;
  progress_ = &options.progress;
}

Result<JobReport> NpuHost::WaitForJob(const Program& program, const JobOptions& options) {
  JobReport report;
  const auto start = std::chrono::steady_clock::now();
  npu_result result = npu_wait(&device_, options.timeout_cycles);
  progress_ = nullptr;
  report.warm = device_.warm != 0;
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  report.simulated_cycles = machine_.Cycles() - job_start_;

  if (result == NPU_HARDWARE_ERROR || result == NPU_TIMEOUT) {
    Diagnostics errors = {
        result == NPU_HARDWARE_ERROR
            ? HardwareFailure()
            : HardwareDiagnostic(
                  DiagnosticCode::kHardwareTimeout,
                  fmt::format("the job did not end within {} cycles", options.timeout_cycles))};
    const npu_result reset = npu_reset(&device_, kResetTimeoutCycles);
    if (reset != NPU_OK) errors.push_back(DriverRefusal("npu_reset", reset));
    return errors;
  }
  if (result != NPU_OK) return DriverRefusal("npu_wait", result);
  if (machine_.Bus().violations != 0) {
    Diagnostics errors;
    for (const std::string& text : machine_.Violations()) {
      errors.push_back(HardwareDiagnostic(DiagnosticCode::kBusProtocol, text));
    }
    return errors;
  }

  npu_read_counters(&device_, &report.counters);
  const std::span<const uint64_t> trace = machine_.Trace();
  ChargeLayers(program, trace, &report);
  if (trace.empty()) {
    // The counters know causes, but no layers.
    for (const CycleCause& cause : AllCycleCauses()) {
      if (cause.code < std::size(report.counters.cause)) {
        report.other[cause.code] = report.counters.cause[cause.code];
      }
    }
  }
  return report;
}

Result<PlacedNetwork> NpuHost::Place(const Network& network) {
  PlacedNetwork placed;
  placed.network = network;
  const std::vector<uint8_t> file = WriteNetwork(network);
  const std::pair<npu_buffer*, uint64_t> parts[] = {
      {&placed.memory.file, file.size()},
      {&placed.memory.scratch, network.scratch_bytes()},
      {&placed.memory.arena, network.arena_bytes}};
  for (const auto& [buffer, bytes] : parts) {
    Result<npu_buffer> allocated = Allocate(bytes);
    if (!allocated) return allocated.errors();
    *buffer = *allocated;
  }
  placed.memory.arena_view = Bytes(placed.memory.arena).data();
  const std::span<uint8_t> memory = Bytes(placed.memory.file);
  std::copy(file.begin(), file.end(), memory.begin());
  const npu_result result = npu_network_check(
      &device_, memory.data(), static_cast<uint32_t>(memory.size()), &placed.checked);
  if (result != NPU_OK) return DriverRefusal("npu_network_check", result);
  ResetState(placed);
  return placed;
}

void NpuHost::ResetState(const PlacedNetwork& placed) {
  npu_network_reset_state(&placed.checked, placed.memory.arena_view);
}

Result<NetworkReport> NpuHost::Run(const PlacedNetwork& placed,
                                   const std::vector<std::vector<uint8_t>>& inputs,
                                   const JobOptions& options, bool collect) {
  const Network& network = placed.network;
  const std::span<uint8_t> arena = Bytes(placed.memory.arena);
  std::vector<std::vector<uint8_t>> states;
  for (const NetworkState& state : network.states) {
    states.push_back(ReadTensor(placed, network.tensors[state.tensor]));
  }
  for (const npu_buffer& buffer : {placed.memory.scratch, placed.memory.arena}) {
    const std::span<uint8_t> bytes = Bytes(buffer);
    std::fill(bytes.begin(), bytes.end(), kStaleByte);
  }
  for (size_t i = 0; i < states.size(); ++i) {
    const uint32_t offset = network.tensors[network.states[i].tensor].offset;
    std::copy(states[i].begin(), states[i].end(), arena.begin() + offset);
  }
  for (size_t i = 0; i < network.input_count; ++i) {
    const NetworkTensor& tensor = network.tensors[i];
    if (i >= inputs.size() || inputs[i].size() != tensor.bytes) {
      return HardwareDiagnostic(DiagnosticCode::kDriver,
                                fmt::format("input {} must have {} bytes", i, tensor.bytes));
    }
    std::copy(inputs[i].begin(), inputs[i].end(), arena.begin() + tensor.offset);
  }
  NetworkReport report;
  const auto keep = [&](int32_t number, std::span<const uint8_t> bytes) {
    if (!collect) return;
    if (report.tensors.size() <= static_cast<size_t>(number)) report.tensors.resize(number + 1);
    report.tensors[static_cast<size_t>(number)] = {bytes.begin(), bytes.end()};
  };
  npu_network_run run = {};
  const auto before_job = [&] {
    for (size_t i = run.next_step; i < network.steps.size(); ++i) {
      if (network.steps[i].on_host) continue;
      if (options.around_job) options.around_job(network.steps[i].program, true);
      break;
    }
    BeginJob(options);
  };
  before_job();
  npu_result result = npu_network_begin(&run, &device_, &placed.checked, &placed.memory,
                                        options.poll ? NPU_WAIT_POLL : NPU_WAIT_INTERRUPT);
  while (result == NPU_OK && run.waiting != 0) {
    const uint32_t number = network.steps[run.next_step - 1].program;
    const NetworkProgram& p = network.programs[number];
    Result<JobReport> job = WaitForJob(p.program, options);
    if (!job) return job.errors();
    if (options.around_job) options.around_job(number, false);
    report.jobs.push_back(std::move(*job));
    // Scratch memory is the next program's, too.
    for (const ProgramTensor& tensor : p.program.kept) {
      keep(tensor.tensor, Bytes(placed.memory.scratch).subspan(tensor.offset, tensor.bytes));
    }
    for (const ProgramTensor& tensor : p.program.outputs) {
      keep(tensor.tensor, arena.subspan(p.output_offset + tensor.offset, tensor.bytes));
    }
    before_job();
    result = npu_network_continue(&run);
  }
  progress_ = nullptr;
  if (result != NPU_OK) return DriverRefusal("npu_submit", result);
  for (const NetworkStep& step : network.steps) {
    // What is copied is the same tensor, or what the next run begins with.
    if (step.on_host && step.kind == NPU_HOST_COPY) continue;
    for (const uint32_t row : step.outputs) {
      const NetworkTensor& tensor = network.tensors[row];
      keep(tensor.tensor, arena.subspan(tensor.offset, tensor.bytes));
    }
  }
  return report;
}

std::vector<uint8_t> NpuHost::ReadTensor(const PlacedNetwork& placed,
                                         const NetworkTensor& tensor) const {
  const std::span<uint8_t> bytes = Bytes(placed.memory.arena).subspan(tensor.offset, tensor.bytes);
  return {bytes.begin(), bytes.end()};
}

std::vector<std::vector<uint8_t>> NpuHost::ReadOutputs(const PlacedNetwork& placed) const {
  std::vector<std::vector<uint8_t>> outputs;
  for (const NetworkTensor& tensor : placed.network.outputs()) {
    outputs.push_back(ReadTensor(placed, tensor));
  }
  return outputs;
}

std::vector<uint8_t> NpuHost::ReadTensor(const PlacedProgram& placed,
                                         const ProgramTensor& tensor) const {
  const npu_buffer& buffer = tensor.window == Window::kInput    ? placed.buffers.input
                             : tensor.window == Window::kOutput ? placed.buffers.output
                                                                : placed.buffers.scratch;
  const std::span<uint8_t> bytes = Bytes(buffer).subspan(tensor.offset, tensor.bytes);
  return {bytes.begin(), bytes.end()};
}

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// Loads the shared object, owns its memory and forwards to its function table.
#include "verif/sim/simulated_npu.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>

#include "generator/support/cache.h"

namespace npugen {
namespace {

Diagnostic CannotWrite(const std::string& path) {
  return {DiagnosticCode::kFileWrite, {path, 0, 0}, "the wave file cannot be written", ""};
}

Diagnostic CannotLoad(const std::string& library, std::string why) {
  return {DiagnosticCode::kToolFailed,
          {library, 0, 0},
          std::move(why),
          "remove the cache entry and build again"};
}

}  // namespace

Result<std::unique_ptr<SimulatedNpu>> SimulatedNpu::Open(const std::string& library,
                                                         const SimulationOptions& options) {
  // To load it is to run it.
  if (Status safe = CheckCachedFile(library); !safe) return safe.errors();
  std::unique_ptr<SimulatedNpu> npu(new SimulatedNpu());
  npu->handle_ = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (npu->handle_ == nullptr) return CannotLoad(library, dlerror());
  using GetInterface = const npu_model_interface* (*)();
  const auto get = reinterpret_cast<GetInterface>(dlsym(npu->handle_, "npu_model_get_interface"));
  if (get == nullptr) return CannotLoad(library, "it is no simulation model");
  npu->interface_ = get();
  if (npu->interface_->abi_version != NPU_MODEL_ABI_VERSION) {
    return CannotLoad(library, "it is a simulation model of another version of npugen");
  }

  npu->memory_base_ = options.memory_base;
  npu->memory_bytes_ = (options.memory_bytes + 4095) / 4096 * 4096;
  // Pages come into being when touched: a large memory costs nothing until it is used.
  void* memory = mmap(nullptr, npu->memory_bytes_, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) {
    return CannotLoad(library, fmt::format("no memory of {} bytes", npu->memory_bytes_));
  }
  npu->memory_ = static_cast<uint8_t*>(memory);

  npu_model_settings settings = {};
  settings.memory = npu->memory_;
  settings.memory_base = npu->memory_base_;
  settings.memory_bytes = npu->memory_bytes_;
  settings.read_latency = settings.write_latency = std::max(options.latency, 1u);
  settings.stall = static_cast<uint32_t>(std::clamp(options.stalls, 0.0, 0.99) * 65536);
  settings.interleave = options.interleave;
  settings.seed = options.stall_seed;
  settings.power_up_seed = options.power_up_seed;
  settings.waves = options.waves.empty() ? nullptr : options.waves.c_str();
  settings.waves_from = options.waves_from;
  settings.waves_cycles = options.waves_cycles;
  settings.dram = options.dram.empty() ? nullptr : options.dram.c_str();
  settings.dram_channels = options.dram_channels;
  settings.cycle_fs = options.cycle_fs;
  npu->model_ = npu->interface_->create(&settings);
  if (npu->model_ == nullptr) {
    return CannotWrite(options.waves);
  }
  return npu;
}

SimulatedNpu::~SimulatedNpu() {
  if (model_ != nullptr) interface_->destroy(model_);
  if (memory_ != nullptr) munmap(memory_, memory_bytes_);
  if (handle_ != nullptr) dlclose(handle_);
}

uint32_t SimulatedNpu::ReadRegister(uint32_t offset) {
  uint32_t value = 0;
  if (interface_->read_register(model_, offset, &value) != 0) ++failed_accesses_;
  return value;
}

void SimulatedNpu::WriteRegister(uint32_t offset, uint32_t value) {
  if (interface_->write_register(model_, offset, value, 0xf) != 0) ++failed_accesses_;
}

void SimulatedNpu::WriteRegister(uint32_t offset, uint32_t value, uint32_t strobe) {
  if (interface_->write_register(model_, offset, value, strobe) != 0) ++failed_accesses_;
}

uint64_t SimulatedNpu::RunUntilInterrupt(uint64_t cycles) {
  return interface_->run(model_, cycles, 1);
}

void SimulatedNpu::Run(uint64_t cycles) { interface_->run(model_, cycles, 0); }

npu_model_counters SimulatedNpu::Counters() const {
  npu_model_counters counters = {};
  interface_->read_counters(model_, &counters);
  return counters;
}

uint64_t SimulatedNpu::Cycles() const { return Counters().cycles; }
bool SimulatedNpu::Interrupt() const { return Counters().irq != 0; }
std::span<uint8_t> SimulatedNpu::Memory() { return {memory_, memory_bytes_}; }
uint64_t SimulatedNpu::MemoryBase() const { return memory_base_; }

BusCounts SimulatedNpu::Bus() const {
  const npu_model_counters counters = Counters();
  return {counters.read_beats * counters.bus_bytes, counters.write_beats * counters.bus_bytes,
          counters.violations, counters.dram_reads + counters.dram_writes, counters.dram_activates};
}

std::vector<std::string> SimulatedNpu::Violations() const {
  std::vector<std::string> texts;
  for (uint32_t i = 0;; ++i) {
    const char* text = interface_->violation(model_, i);
    if (text == nullptr) return texts;
    texts.push_back(text);
  }
}

std::span<const uint64_t> SimulatedNpu::Trace() const {
  uint32_t tags = 0;
  const uint64_t* cycles = interface_->trace(model_, &tags);
  return {cycles, size_t{tags} * kTraceCauses};
}

void SimulatedNpu::ClearTrace() { interface_->clear_trace(model_); }

void SimulatedNpu::RecordTimeline(uint64_t limit) {
  timeline_limit_ = limit;
  interface_->record_timeline(model_, limit);
}

Timeline SimulatedNpu::TakeTimeline() {
  npu_model_timeline recorded = {};
  interface_->read_timeline(model_, &recorded);
  Timeline timeline;
  timeline.first_cycle = recorded.first_cycle;
  timeline.cycles = recorded.cycles;
  timeline.limit = timeline_limit_;
  timeline.cut = recorded.cut != 0;
  timeline.events.reserve(recorded.count);
  for (const npu_model_event& event : std::span(recorded.events, recorded.count)) {
    timeline.events.push_back({.kind = static_cast<TimelineEvent::Kind>(event.kind),
                               .number = event.number,
                               .tag = event.tag,
                               .amount = event.amount,
                               .begin = event.begin,
                               .first = event.first,
                               .last = event.last,
                               .end = event.end,
                               .address = event.address});
  }
  return timeline;
}

void SimulatedNpu::AddErrorRange(uint64_t address, uint64_t bytes) {
  interface_->add_error_range(model_, address, bytes, 2);
}

void SimulatedNpu::MuteBus(uint32_t channel, uint64_t transfers) {
  interface_->mute(model_, channel, transfers);
}

void SimulatedNpu::UnmuteBus() { interface_->unmute(model_); }

void SimulatedNpu::DropAnswers() { interface_->drop_answers(model_); }

void SimulatedNpu::HardwareReset() { interface_->hardware_reset(model_); }

void SimulatedNpu::ClearErrors() { interface_->clear_errors(model_); }

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// Windows and doorbell by registers.
#include "tests/support/stream_job.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "npu_registers.h"
#include "sw/timing/estimate.h"

namespace npugen::testing {
namespace {

Diagnostic Failed(const std::string& what) {
  return {DiagnosticCode::kInternal, SourceLocation(), what, ""};
}

}  // namespace

void WriteWindows(const Windows& windows, SimulatedNpu* npu) {
  for (uint32_t i = 0; i < kWindowCount; ++i) {
    const uint32_t shift = i * NPU_REG_WINDOW_BASE_LO_STRIDE;
    npu->WriteRegister(NPU_REG_WINDOW_BASE_LO_OFFSET + shift,
                       static_cast<uint32_t>(windows[i].base));
    npu->WriteRegister(NPU_REG_WINDOW_BASE_HI_OFFSET + shift,
                       static_cast<uint32_t>(windows[i].base >> 32));
    npu->WriteRegister(NPU_REG_WINDOW_SIZE_OFFSET + shift, windows[i].size);
    npu->WriteRegister(NPU_REG_WINDOW_FLAGS_OFFSET + shift, windows[i].flags);
  }
}

std::vector<uint32_t> StreamWords(const NpuConfig& config, const std::vector<Command>& commands) {
  std::vector<uint32_t> words = {kStreamMagic, kCommandSetVersion,
                                 static_cast<uint32_t>(config.hash),
                                 static_cast<uint32_t>(config.hash >> 32)};
  words.resize(kStreamHeaderEntries * kWordsPerEntry);
  for (const Command& command : commands) {
    words.insert(words.end(), command.words().begin(), command.words().end());
  }
  words[4] = static_cast<uint32_t>(words.size()) / kWordsPerEntry;
  return words;
}

Result<StreamRun> RunStream(const NpuConfig& config, const std::vector<Command>& commands,
                            const std::vector<uint8_t>& scratch, const std::vector<uint8_t>& input,
                            size_t output_bytes, SimulatedNpu* npu) {
  constexpr uint64_t kFirst = 1 << 16, kPage = 4096, kMostCycles = 1'000'000'000;
  const std::vector<uint32_t> words = StreamWords(config, commands);
  const size_t sizes[] = {words.size() * 4, scratch.size(), input.size(), output_bytes};
  const uint32_t flags[] = {1, 1, 1, 2};
  Windows windows;
  uint64_t offset = kFirst;
  for (uint32_t i = 0; i < kWindowCount; ++i) {
    windows[i] = {npu->MemoryBase() + offset, static_cast<uint32_t>(sizes[i]), flags[i]};
    offset += (sizes[i] + kPage - 1) / kPage * kPage;
  }
  if (offset > npu->Memory().size()) return Failed("a job larger than the memory");
  const auto memory = [&](uint32_t window) {
    return npu->Memory().data() + (windows[window].base - npu->MemoryBase());
  };
  std::memcpy(memory(0), words.data(), sizes[0]);
  std::copy(scratch.begin(), scratch.end(), memory(1));
  std::copy(input.begin(), input.end(), memory(2));
  WriteWindows(windows, npu);
  npu->WriteRegister(NPU_REG_IRQ_ENABLE_OFFSET, 3);
  npu->WriteRegister(NPU_REG_IRQ_STATUS_OFFSET, 3);
  npu->WriteRegister(NPU_REG_DOORBELL_OFFSET, 0);
  npu->RunUntilInterrupt(kMostCycles);
  if (!npu->Interrupt() ||
      (npu->ReadRegister(NPU_REG_STATUS_OFFSET) & NPU_STATUS_ERROR_MASK) != 0) {
    return Failed("the job failed");
  }
  StreamRun run;
  run.cycles = npu->ReadRegister(NPU_REG_PERF_CYCLES_OFFSET);
  npu->WriteRegister(NPU_REG_IRQ_STATUS_OFFSET, 3);
  if (npu->Bus().violations != 0) return Failed(npu->Violations()[0]);

  EstimateOptions options;
  for (uint32_t i = 0; i < kWindowCount; ++i) options.window_base[i] = windows[i].base;
  const Result<StreamEstimate> estimate = EstimateStream(config, {memory(0), sizes[0]}, 0, options);
  if (!estimate) return estimate.errors();
  run.estimate = estimate->cycles;
  run.output.assign(memory(3), memory(3) + output_bytes);
  return run;
}

Result<FloatProductRun> RunFloatProduct(const NpuConfig& config, const FloatProduct& product,
                                        const std::vector<uint16_t>& a,
                                        const std::vector<uint16_t>& w, SimulatedNpu* npu) {
  const Result<FloatProductJob> job = MakeFloatProduct(config, product, w);
  if (!job) return job.errors();
  const auto each = static_cast<size_t>(ElementBytes(product.format_a));
  const auto out_bytes = static_cast<size_t>(ElementBytes(product.out_format));
  const auto results = static_cast<size_t>(product.rows * product.channels);
  std::vector<uint8_t> input(a.size() * each);
  for (size_t i = 0; i < a.size(); ++i) std::memcpy(input.data() + each * i, &a[i], each);
  const Result<StreamRun> stream =
      RunStream(config, job->commands, job->weights, input, results * out_bytes, npu);
  if (!stream) return stream.errors();
  FloatProductRun run;
  run.cycles = stream->cycles;
  run.estimate = stream->estimate;
  for (size_t i = 0; i < results; ++i) {
    uint32_t code = 0;
    std::memcpy(&code, stream->output.data() + out_bytes * i, out_bytes);
    run.out.push_back(code);
  }
  return run;
}

}  // namespace npugen::testing

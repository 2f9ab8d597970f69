// SPDX-License-Identifier: Apache-2.0
// The checking run, the measured runs, and the comparison of their tensors with the golden model.
#include "verif/session/run_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "generator/support/file.h"
#include "sw/compiler/compiler.h"

namespace npugen {
namespace {

/// Adds a comparison to the report; `compared` is the machine's view of the tensors.
Status AddComparison(const Model& model, const TensorBytes& expected, const TensorBytes& actual,
                     const std::string& dump_folder, RunReport* report) {
  const Comparison comparison = CompareTensors(model, expected, actual);
  report->tensors_checked += static_cast<uint64_t>(comparison.tensors);
  report->elements_checked += static_cast<uint64_t>(comparison.elements);
  report->mismatches += static_cast<uint64_t>(comparison.differing_elements);
  if (!comparison.first || report->first_mismatch) return Unit{};
  report->first_mismatch = comparison.first;
  if (dump_folder.empty()) return Unit{};
  const size_t tensor = static_cast<size_t>(comparison.first->tensor);
  std::error_code error;
  std::filesystem::create_directories(dump_folder, error);
  if (error) return SystemError(DiagnosticCode::kFileWrite, dump_folder, "made", error.value());
  for (const auto& [kind, bytes] :
       {std::pair{"expected", &expected[tensor]}, std::pair{"actual", &actual[tensor]}}) {
    const std::string path = fmt::format("{}/tensor{}_{}.bin", dump_folder, tensor, kind);
    if (Status written = WriteFile(path, BytesView(*bytes)); !written) return written;
    report->dumps.push_back(path);
  }
  return Unit{};
}

/// The tensors of a run, by number in the model.
TensorBytes CollectTensors(const Model& model, const NetworkReport& run) {
  TensorBytes tensors = run.tensors;
  tensors.resize(model.tensors.size());
  return tensors;
}

uint64_t Macs(const Program& program) {
  uint64_t macs = 0;
  for (const ProgramLayer& layer : program.layers) macs += layer.macs;
  return macs;
}

}  // namespace

uint32_t CompiledModel::largest_program() const {
  const auto largest = std::max_element(
      plain.programs.begin(), plain.programs.end(),
      [](const auto& a, const auto& b) { return Macs(a.program) < Macs(b.program); });
  return static_cast<uint32_t>(largest - plain.programs.begin());
}

Result<CompiledModel> CompileForRun(const Model& model, const NpuConfig& config,
                                    const CompileOptions& options) {
  CompileOptions own = options;
  own.keep_tensors = false;
  Result<Network> plain = CompileNetwork(model, config, own);
  if (!plain) return plain.errors();
  own.keep_tensors = true;
  Result<Network> checking = CompileNetwork(model, config, own);
  if (!checking) return checking.errors();
  return CompiledModel{std::move(*plain), std::move(*checking)};
}

uint64_t RunMemoryBytes(const CompiledModel& compiled) {
  return MemoryNeeded(compiled.plain) + MemoryNeeded(compiled.checking);
}

uint64_t TimeoutCycles(const NpuConfig& config, uint64_t macs) {
  return 100'000'000 + 1000 * (macs / config.macs_per_cycle());
}

Result<RunReport> RunModel(const NpuConfig& config, const Model& model,
                           const CompiledModel& compiled, Machine& machine,
                           const std::vector<std::vector<uint8_t>>& inputs,
                           const RunModelOptions& options,
                           std::vector<std::vector<uint8_t>>* outputs) {
  const auto progress = [&options](const std::string& text) {
    if (options.progress) options.progress(text);
  };
  progress("golden model");
  Result<TensorBytes> golden = RunGolden(model, inputs);
  if (!golden) return golden.errors();
  Result<std::unique_ptr<NpuHost>> opened = NpuHost::Open(machine, config);
  if (!opened) return opened.errors();
  NpuHost& host = **opened;

  RunReport report;
  report.spec = config.name;
  report.config_hash = config.hash;
  report.model = model.name;
  NpuHost::JobOptions job_options;
  job_options.timeout_cycles = options.timeout_cycles != 0
                                   ? options.timeout_cycles
                                   : TimeoutCycles(config, compiled.plain.macs());
  std::string what;
  job_options.progress = [&](uint64_t cycles) {
    progress(fmt::format("{}: {:.1f} M cycles", what, static_cast<double>(cycles) / 1e6));
  };

  if (options.check_tensors) {
    what = "checking run";
    Result<PlacedNetwork> placed = host.Place(compiled.checking);
    if (!placed) return placed.errors();
    Result<NetworkReport> job = host.Run(*placed, inputs, job_options, /*collect=*/true);
    if (!job) return job.errors();
    const Status compared =
        AddComparison(model, *golden, CollectTensors(model, *job), options.dump_folder, &report);
    if (!compared) return compared.errors();
  }

  Result<PlacedNetwork> placed = host.Place(compiled.plain);
  if (!placed) return placed.errors();
  npu_forget_parameters(&host.device());
  double seconds = 0;
  uint64_t cycles = 0;
  const uint32_t repeat = std::max(options.repeat, 1u);
  for (uint32_t i = 0; i < repeat; ++i) {
    what = fmt::format("measured run {} of {}", i + 1, repeat);
    const bool traced = options.timeline != nullptr && i + 1 == repeat;
    if (traced) {
      job_options.around_job = [&](uint32_t program, bool begins) {
        if (program != compiled.largest_program()) return;
        if (begins) machine.RecordTimeline(options.timeline_limit);
        if (!begins) *options.timeline = machine.TakeTimeline();
      };
    }
    Result<NetworkReport> job = host.Run(*placed, inputs, job_options, /*collect=*/true);
    if (!job) return job.errors();
    job_options.around_job = nullptr;
    AddRun(config, compiled.plain, *job, &report);
    seconds += job->seconds();
    cycles += job->simulated_cycles();
    const Status compared =
        AddComparison(model, *golden, CollectTensors(model, *job), options.dump_folder, &report);
    if (!compared) return compared.errors();
  }
  if (compiled.plain.cache_token() != 0 && !report.cached) {
    what = "run with cached parameters";
    Result<NetworkReport> job = host.Run(*placed, inputs, job_options, /*collect=*/true);
    if (!job) return job.errors();
    report.cached = CostOf(config, compiled.plain, *job);
    const Status compared =
        AddComparison(model, *golden, CollectTensors(model, *job), options.dump_folder, &report);
    if (!compared) return compared.errors();
  }
  report.sim_hz = seconds > 0 ? static_cast<double>(cycles) / seconds : 0;
  if (outputs != nullptr) {
    *outputs = host.ReadOutputs(*placed);
  }
  return report;
}

}  // namespace npugen

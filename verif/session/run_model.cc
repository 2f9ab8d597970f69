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

/// The golden model from run to run, with the states that it keeps.
class GoldenRuns {
 public:
  GoldenRuns(const Model& model, const std::vector<std::vector<uint8_t>>& inputs, size_t fillings,
             bool reset)
      : model_(model), golden_(model), reset_(reset) {
    for (size_t f = 0; f < fillings; ++f) {
      std::vector<std::vector<uint8_t>> filling;
      for (const std::vector<uint8_t>& input : inputs) {
        const auto bytes = static_cast<std::ptrdiff_t>(input.size() / fillings);
        const auto begin = input.begin() + static_cast<std::ptrdiff_t>(f) * bytes;
        filling.emplace_back(begin, begin + bytes);
      }
      fillings_.push_back(std::move(filling));
    }
    known_.resize(fillings);
  }

  size_t fillings() const { return fillings_.size(); }
  const std::vector<std::vector<uint8_t>>& filling(size_t f) const { return fillings_[f]; }
  void Reset() { states_.clear(); }

  /// All tensors of the next run, on filling `f`. Without states they do not change.
  Result<TensorBytes> Run(size_t f) {
    if (reset_) Reset();
    const bool constant = model_.states.empty() || reset_;
    if (constant && !known_[f].empty()) return known_[f];
    Result<TensorBytes> tensors = golden_.Run(fillings_[f], &states_);
    if (tensors && constant) known_[f] = *tensors;
    return tensors;
  }

 private:
  const Model& model_;
  GoldenModel golden_;
  bool reset_;
  std::vector<std::vector<std::vector<uint8_t>>> fillings_;
  std::vector<TensorBytes> known_;
  std::vector<std::vector<uint8_t>> states_;
};

/// How many fillings of the model's inputs there are; 0: sizes do not fit.
size_t CountFillings(const Model& model, const std::vector<std::vector<uint8_t>>& inputs) {
  if (inputs.size() != model.inputs.size() || inputs.empty()) return 0;
  const size_t count = inputs[0].size() / model.tensors[model.inputs[0]].bytes();
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].size() != count * model.tensors[model.inputs[i]].bytes()) return 0;
  }
  return count;
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
  const size_t fillings = CountFillings(model, inputs);
  if (fillings == 0) {
    return Diagnostic{
        DiagnosticCode::kModelInput,
        {model.name, 0, 0},
        "inputs are not of the sizes of the model's, or not for the same number of runs",
        ""};
  }
  GoldenRuns golden(model, inputs, fillings, options.reset_state);
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

  /// A run on one filling, compared with the golden model.
  const auto run_one = [&](const PlacedNetwork& placed, size_t f) -> Result<NetworkReport> {
    if (options.reset_state) host.ResetState(placed);
    Result<NetworkReport> job = host.Run(placed, golden.filling(f), job_options, /*collect=*/true);
    if (!job) return job.errors();
    const Result<TensorBytes> expected = golden.Run(f);
    if (!expected) return expected.errors();
    const Status compared =
        AddComparison(model, *expected, CollectTensors(model, *job), options.dump_folder, &report);
    if (!compared) return compared.errors();
    return job;
  };
  if (options.check_tensors) {
    what = "checking run";
    Result<PlacedNetwork> placed = host.Place(compiled.checking);
    if (!placed) return placed.errors();
    for (size_t f = 0; f < fillings; ++f) {
      const Result<NetworkReport> job = run_one(*placed, f);
      if (!job) return job.errors();
    }
    golden.Reset();
  }

  Result<PlacedNetwork> placed = host.Place(compiled.plain);
  if (!placed) return placed.errors();
  npu_forget_parameters(&host.device());
  double seconds = 0;
  uint64_t cycles = 0;
  const size_t runs = std::max(options.repeat, 1u) * fillings;
  std::vector<std::vector<uint8_t>> results(model.outputs.size());
  for (size_t i = 0; i < runs; ++i) {
    what = fmt::format("measured run {} of {}", i + 1, runs);
    if (i + 1 == runs && (options.timeline != nullptr || options.around_last)) {
      job_options.around_job = [&](uint32_t program, bool begins) {
        if (options.around_last) options.around_last(begins);
        if (options.timeline == nullptr || program != compiled.largest_program()) return;
        if (begins) machine.RecordTimeline(options.timeline_limit);
        if (!begins) *options.timeline = machine.TakeTimeline();
      };
    }
    const Result<NetworkReport> job = run_one(*placed, i % fillings);
    if (!job) return job.errors();
    job_options.around_job = nullptr;
    AddRun(config, compiled.plain, *job, &report);
    seconds += job->seconds();
    cycles += job->simulated_cycles();
    if (i + fillings < runs) continue;
    const std::vector<std::vector<uint8_t>> last = host.ReadOutputs(*placed);
    for (size_t o = 0; o < results.size(); ++o) {
      results[o].insert(results[o].end(), last[o].begin(), last[o].end());
    }
  }
  if (compiled.plain.cache_token() != 0 && !report.cached) {
    what = "run with cached parameters";
    const Result<NetworkReport> job = run_one(*placed, fillings - 1);
    if (!job) return job.errors();
    report.cached = CostOf(config, compiled.plain, *job);
  }
  report.sim_hz = seconds > 0 ? static_cast<double>(cycles) / seconds : 0;
  if (outputs != nullptr) *outputs = std::move(results);
  return report;
}

}  // namespace npugen

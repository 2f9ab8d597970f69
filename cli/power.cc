// SPDX-License-Identifier: Apache-2.0
// npugen power: what an inference costs in energy, on the netlist that meets the clock.
#include "verif/netlist/power.h"

#include <fmt/format.h>

#include <cstdio>
#include <memory>

#include "cli/command_line.h"
#include "cli/commands.h"
#include "cli/report_flags.h"
#include "cli/simulate.h"
#include "generator/config/load.h"
#include "generator/support/cache.h"
#include "generator/synth/timing.h"
#include "verif/session/run_model.h"

namespace npugen {
namespace {

struct PowerOptions {
  std::string spec, model;
  InputFlags inputs;
  std::string macros;
  uint64_t samples = 200;
  uint64_t sample_seed = 1;
  bool cold = false;
  bool host_operators = false;
  ReportFlags output;
  BuildFlags build;
  SimulationFlags simulation;
};

/// Runs the model on the netlist; `jobs` gets the recorded cycles of the measured run.
Result<RunReport> RunOnNetlist(const PowerOptions& options, const NpuConfig& config,
                               ProgressLine* progress, std::vector<RecordedStates>* jobs) {
  const Result<Model> model = ReadModelFor(config, options.model);
  if (!model) return model.errors();
  CompileOptions compile;
  compile.host_operators = options.host_operators;
  const Result<CompiledModel> compiled = CompileForRun(*model, config, compile);
  if (!compiled) return compiled.errors();
  const Result<std::vector<std::vector<uint8_t>>> inputs =
      MakeInputs(options.inputs, *model, compiled->plain);
  if (!inputs) return inputs.errors();
  const Result<BuiltModel> built =
      BuildForConfig(config, options.build, ModelKind::kTimed, progress);
  if (!built) return built.errors();
  Result<std::unique_ptr<SimulatedNpu>> npu =
      OpenSimulation(config, *built, options.simulation, RunMemoryBytes(*compiled));
  if (!npu) return npu.errors();

  const npu_model_interface& interface = (*npu)->interface();
  npu_model* const machine = (*npu)->model();
  RunModelOptions run;
  run.check_tensors = false;
  run.repeat = options.cold ? 1 : 2;
  run.progress = [&](const std::string& text) {
    progress->Show(fmt::format("on the netlist of {}, {}", config.name, text));
  };
  run.around_last = [&](bool begins) {
    if (begins) {
      interface.record_states(machine, options.samples, options.sample_seed + jobs->size());
      return;
    }
    npu_model_states states = {};
    interface.read_states(machine, &states);
    RecordedStates job;
    job.bits.assign(states.bits, states.bits + 2 * states.count * states.state_bytes);
    job.count = states.count;
    job.cycles = states.cycles;
    job.state_bytes = states.state_bytes;
    jobs->push_back(std::move(job));
    interface.record_states(machine, 0, 0);
  };
  return RunModel(config, *model, *compiled, **npu, *inputs, run, nullptr);
}

int Power(const PowerOptions& options) {
  const Result<NpuConfig> config = LoadSpec(options.spec);
  if (!config) return Report(config.errors());
  const Result<std::vector<MemoryMacro>> macros = LoadMacros(options.macros);
  if (!macros) return Report(macros.errors());
  ProgressLine progress(ProgressLine::OffTerminal::kLines);
  std::vector<RecordedStates> jobs;
  const Result<RunReport> run = RunOnNetlist(options, *config, &progress, &jobs);
  progress.Clear();
  if (!run) return Report(run.errors());
  if (run->mismatches != 0) {
    return Report(
        {{DiagnosticCode::kMismatch,
          {options.model, 0, 0},
          fmt::format("{} of {} elements differ on the netlist; first: {}", run->mismatches,
                      run->elements_checked, DescribeMismatch(*run->first_mismatch)),
          ""}});
  }
  if (jobs.empty()) {
    return Report({UsageError("the model runs nothing on the NPU",
                              "npugen ops says where each operator runs")});
  }
  // BuildForConfig() maps to the default technology.
  const Result<TechnologyLibrary> technology = LoadTechnology(kDefaultTechnology);
  if (!technology) return Report(technology.errors());
  const Result<Cache> cache = Cache::Open(
      options.build.cache_folder.empty() ? DefaultCacheFolder() : options.build.cache_folder);
  if (!cache) return Report(cache.errors());
  const Result<PowerReport> report =
      MeasurePower(*config, *technology, *macros, *cache, jobs,
                   [&progress](const std::string& text) { progress.Show(text); });
  progress.Clear();
  if (!report) return Report(report.errors());
  const PowerContext context = {config->name, run->model, run->macs, run->warm};
  std::fputs(FormatPower(context, *report).c_str(), TextStream(options.output.paths()));
  // Parts and modules are no table of one kind: they have a CSV of their own.
  ReportFlags output = options.output;
  std::vector<OutputFile> files;
  const std::string csv = PowerCsv(*report);
  if (!output.csv.empty()) files.push_back({output.csv, csv});
  output.csv.clear();
  const Status written =
      WriteReports(output, fmt::format("Power of {} on {}", run->model, config->name),
                   {{run->model, PowerJson(context, *report)}}, std::move(files));
  return written ? 0 : Report(written.errors());
}

}  // namespace

void AddPowerCommand(CommandLine& line) {
  auto options = std::make_shared<PowerOptions>();
  Subcommand command = line.Add(
      "power", "Energy of an inference by part: the netlist that meets the clock runs a model");
  command.Argument("SPEC", &options->spec, "spec file (YAML)").Required();
  command
      .Argument("MODEL", &options->model, "model file (.tflite in int8, .onnx, or .json of bits)")
      .Required();
  AddInputFlags(command, &options->inputs);
  command
      .Value("--samples", &options->samples,
             "cycles of each job that are simulated with delays, at least")
      .ShowDefault()
      .Range(1, 100'000);
  command.Value("--sample-seed", &options->sample_seed, "seed of the choice of cycles")
      .ShowDefault();
  command.Flag("--cold", &options->cold,
               "measure the first run, which loads its parameters, instead of the second one");
  command.Value("--memories", &options->macros,
                "table of memory macros (YAML) in the place of the analytical model");
  command.Flag("--host-operators", &options->host_operators, kHostOperatorsHelp);
  AddReportFlags(command, &options->output, "also write the report as JSON to this file");
  AddBuildFlags(command, &options->build);
  AddSimulationFlags(command, &options->simulation);
  command.Footer(
      "The model runs on the netlist (docs/netlist.md), compared with the golden model. Cycles\n"
      "drawn at random are simulated again with the delays of all cells, so that glitches count.\n"
      "Example: npugen power specs/nano.yaml models/digits/digits_cnn_int8.tflite");
  command.OnRun([options] { return Power(*options); });
}

}  // namespace npugen

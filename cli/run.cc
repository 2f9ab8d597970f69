// SPDX-License-Identifier: Apache-2.0
// npugen run: a model on the cycle-accurate NPU, compared with the golden model, layer by layer.
#include <fmt/format.h>

#include <cstdio>
#include <memory>

#include "cli/command_line.h"
#include "cli/commands.h"
#include "cli/report_flags.h"
#include "cli/run_jobs.h"
#include "cli/simulate.h"
#include "generator/config/load.h"
#include "generator/support/file.h"
#include "sw/model/read_model.h"
#include "verif/session/run_jobs.h"
#include "verif/session/run_model.h"
#include "verif/session/trace_json.h"

namespace npugen {
namespace {

/// Events of a timeline that is only drawn.
constexpr uint64_t kDrawnEvents = 150'000;

struct RunOptions {
  std::string spec;
  std::vector<std::string> models;
  std::string jobs_order;
  bool separately = false;
  InputFlags inputs;
  std::vector<std::string> outputs;
  uint32_t repeat = 1;
  uint64_t timeout = 0;
  ReportFlags output;
  std::string trace;
  uint64_t trace_events = RunModelOptions().timeline_limit;
  std::string dump = "npugen-mismatch";
  bool netlist = false;
  bool host_operators = false;
  bool reset_state = false;
  BuildFlags build;
  SimulationFlags simulation;
};

ModelKind KindOf(const RunOptions& options) {
  if (options.netlist) return ModelKind::kNetlist;
  return options.simulation.waves.empty() ? ModelKind::kRtl : ModelKind::kWaves;
}

int Run(const RunOptions& options) {
  const Result<NpuConfig> config = LoadSpec(options.spec);
  if (!config) return Report(config.errors());
  if (!options.trace.empty() && config->debug_trace == 0) {
    return Report({UsageError("--trace needs trace ports, which this NPU does not have",
                              "`debug.trace: true` in the spec")});
  }
  const Result<Model> model = ReadModelFor(*config, options.models[0]);
  if (!model) return Report(model.errors());
  if (options.outputs.size() > model->outputs.size()) {
    return Report(
        {UsageError(fmt::format("{} output files are given", options.outputs.size()),
                    fmt::format("{} has {} outputs", model->name, model->outputs.size()))});
  }
  CompileOptions compile;
  compile.host_operators = options.host_operators;
  const Result<CompiledModel> compiled = CompileForRun(*model, *config, compile);
  if (!compiled) return Report(compiled.errors());
  const Result<std::vector<std::vector<uint8_t>>> inputs =
      MakeInputs(options.inputs, *model, compiled->plain);
  if (!inputs) return Report(inputs.errors());

  ProgressLine progress;
  const Result<BuiltModel> built =
      BuildForConfig(*config, options.build, KindOf(options), &progress);
  if (!built) return Report(built.errors());
  Result<std::unique_ptr<SimulatedNpu>> npu =
      OpenSimulation(*config, *built, options.simulation, RunMemoryBytes(*compiled));
  if (!npu) return Report(npu.errors());

  RunModelOptions run;
  run.repeat = options.repeat;
  run.reset_state = options.reset_state;
  run.timeout_cycles = options.timeout;
  run.dump_folder = options.dump;
  run.progress = [&progress](const std::string& text) { progress.Show(text); };
  Timeline timeline;
  const bool traced =
      !options.trace.empty() || (options.output.any_pictures() && config->debug_trace != 0);
  if (traced) run.timeline = &timeline;
  run.timeline_limit = options.trace.empty() ? kDrawnEvents : options.trace_events;
  std::vector<std::vector<uint8_t>> outputs;
  Result<RunReport> report = RunModel(*config, *model, *compiled, **npu, *inputs, run, &outputs);
  progress.Clear();
  if (!report) return Report(report.errors());
  report->dram = ReportDram(options.simulation, (*npu)->Bus());

  std::vector<std::string> paths = options.outputs;
  const std::vector<std::string> reports = options.output.paths();
  paths.insert(paths.end(), reports.begin(), reports.end());
  paths.push_back(options.trace);
  std::FILE* const text = TextStream(paths);
  std::fputs(FormatRunReport(*config, *report).c_str(), text);
  std::fputs(DescribeWaves(options.simulation, (*npu)->Cycles()).c_str(), text);
  std::fflush(text);
  std::vector<OutputFile> files;
  const std::string trace_json =
      !traced || compiled->plain.programs.empty()
          ? ""
          : TraceJson(*config, compiled->plain.programs[compiled->largest_program()].program,
                      *report, timeline);
  if (!options.trace.empty()) files.push_back({options.trace, trace_json});
  for (size_t i = 0; i < options.outputs.size(); ++i) {
    files.push_back({options.outputs[i], BytesView(outputs[i])});
  }
  std::vector<NamedReport> documents = {{report->model, RunReportJson(*report)}};
  if (!trace_json.empty()) documents.push_back({report->model, trace_json});
  if (Status written =
          WriteReports(options.output, fmt::format("{} on {}", report->model, report->spec),
                       documents, std::move(files));
      !written) {
    return Report(written.errors());
  }
  if (!options.trace.empty()) {
    fmt::print(text, "trace: {} of {} cycles in {}; ui.perfetto.dev opens it\n", timeline.cycles,
               report->cycles, options.trace);
  }
  if (report->mismatches != 0) {
    return Report(
        {{DiagnosticCode::kMismatch,
          {options.models[0], 0, 0},
          fmt::format("{} of {} elements differ; first: {}", report->mismatches,
                      report->elements_checked, DescribeMismatch(*report->first_mismatch)),
          fmt::format("both tensors are in {}", fmt::join(report->dumps, " and "))}});
  }
  return 0;
}

/// Several files, an order or a program file: jobs in turn, without what only one model can have.
int RunInTurn(const RunOptions& options) {
  const std::pair<const char*, bool> only_one_model[] = {{"--input", !options.inputs.files.empty()},
                                                         {"--output", !options.outputs.empty()},
                                                         {"--trace", !options.trace.empty()}};
  for (const auto& [flag, given] : only_one_model) {
    if (!given) continue;
    return Report({UsageError(fmt::format("{} is for a run of one model file", flag),
                              "jobs in turn have random inputs (--random) and no trace")});
  }
  RunJobsFlags flags;
  flags.spec = options.spec;
  flags.files = options.models;
  flags.order = options.jobs_order;
  flags.separately = options.separately;
  flags.random_seed = options.inputs.random_seed;
  flags.repeat = options.repeat;
  flags.timeout = options.timeout;
  flags.output = options.output;
  flags.kind = KindOf(options);
  flags.host_operators = options.host_operators;
  flags.reset_state = options.reset_state;
  flags.build = options.build;
  flags.simulation = options.simulation;
  return RunJobsCommand(flags);
}

int RunEither(const RunOptions& options) {
  const bool one = options.models.size() == 1 && options.jobs_order.empty();
  return one && !IsProgramFile(options.models[0]) ? Run(options) : RunInTurn(options);
}

}  // namespace

void AddRunCommand(CommandLine& line) {
  auto options = std::make_shared<RunOptions>();
  Subcommand command = line.Add(
      "run",
      "Run a model on the cycle-accurate NPU, bit-exactly checked; cycles of each layer. Several "
      "models or program files take turns on one NPU");
  command.Argument("SPEC", &options->spec, "spec file (YAML)").Required();
  command
      .Argument("MODEL", &options->models,
                "model file (.tflite in int8, .onnx, or .json of bits), or program file of "
                "npugen compile (.npu); several take turns on one NPU")
      .Required();
  command.Value(
      "--jobs-order", &options->jobs_order,
      "the jobs, separated by commas: files as given, their names without folder and ending, or "
      "their positions from 1 (default: each once). Each job of a model has inputs of its own and "
      "is compared with the golden model; those of a program file are compared with its first");
  command.Flag("--separately", &options->separately,
               "compile each of several models alone, as if it had the NPU for itself, instead "
               "of together");
  AddInputFlags(command, &options->inputs);
  command.Values(
      "--output", &options->outputs,
      "file for the bytes of an output tensor; once for each output. Of several fillings "
      "all results");
  command.Flag("--reset-state", &options->reset_state,
               "reset the states of a streaming network before every run, instead of keeping them "
               "from one run to the next");
  command
      .Value("--repeat", &options->repeat,
             "measured runs; the later ones find cached parameters. Of jobs in turn: how often all "
             "of them")
      .ShowDefault()
      .Range(1, 1000000);
  AddReportFlags(command, &options->output, "write the report to this file (docs/run-json.md)");
  const CommandOption trace =
      command.Value("--trace", &options->trace,
                    "write the timeline of the last measured run to this file, for ui.perfetto.dev "
                    "(docs/trace.md)");
  command
      .Value("--trace-events", &options->trace_events,
             "most events that are recorded; the trace ends there")
      .ShowDefault()
      .Range(1, 100'000'000)
      .Needs(trace);
  command.Value("--dump", &options->dump, "folder for the tensors of a mismatch").ShowDefault();
  command.Value("--timeout", &options->timeout,
                "most cycles of one job (default: far more than any job should take)");
  AddBuildFlags(command, &options->build);
  const CommandOption waves = AddSimulationFlags(command, &options->simulation);
  command.Flag("--host-operators", &options->host_operators, kHostOperatorsHelp);
  command.Flag("--netlist", &options->netlist, kNetlistHelp).Excludes(waves);
  command.Footer(
      "First a run that stores every tensor and compares all of them with the golden model, then "
      "the\n"
      "measured runs. Cycles are charged to exactly one cause each; \"use\" is MACs per MAC slot.\n"
      "Example: npugen run specs/edge.yaml models/digits/digits_cnn_int8.tflite --repeat 2\n"
      "Models that take turns are compiled together (--separately: alone); each job says whether "
      "it\n"
      "found its parameters in core memory (warm).\n"
      "Example: npugen run specs/edge.yaml a.tflite b.tflite c.npu --jobs-order a,b,a,c");
  command.OnRun([options] { return RunEither(*options); });
}

}  // namespace npugen

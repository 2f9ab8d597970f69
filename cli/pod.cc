// SPDX-License-Identifier: Apache-2.0
// npugen pod: how long a step of training takes on thousands of chips.
#include <fmt/format.h>

#include <cstdio>
#include <memory>

#include "cli/command_line.h"
#include "cli/commands.h"
#include "cli/pod_sweep.h"
#include "cli/report_flags.h"
#include "generator/config/load.h"
#include "generator/spec/yaml_tree.h"
#include "generator/support/file.h"
#include "verif/pod/pod_model.h"

namespace npugen {
namespace {

struct PodOptions {
  std::string estimate;
  std::string chip;
  std::vector<std::string> set;
  PodSweep sweep;
  bool local = false;
  ReportFlags output;
};

/// Rates of the NPU of a spec as values of the description: products of BF16 take two multipliers,
/// each a multiplication and an addition; memory is the bus, a beat in a cycle.
Status UseChip(const std::string& path, std::vector<PodChange>* changes) {
  const Result<NpuConfig> config = LoadSpec(path);
  if (!config) return config.errors();
  if (config->float_formats == 0) {
    return Diagnostic(DiagnosticCode::kPodContradiction, {path, 0, 0},
                      "chips of a pod train in BF16, this NPU has no floating point",
                      "units.data_types of the spec: [int8, bf16, fp8_e4m3, fp8_e5m2]");
  }
  changes->push_back(
      {"chip.compute", fmt::format("{} FLOP/s", config->macs_per_cycle() * config->clock_hz)});
  changes->push_back({"chip.memory_bandwidth",
                      fmt::format("{} B/s", config->axi_data_bits / 8 * config->clock_hz)});
  return Unit{};
}

int SweepPods(const PodOptions& options) {
  const Result<nlohmann::ordered_json> report = RunPodSweep(options.sweep);
  if (!report) return Report(report.errors());
  if (!options.sweep.part.empty()) return 0;
  std::fputs(PodSweepText(*report).c_str(), TextStream(options.output.paths()));
  const std::string name = report->at("pod");
  const Status written =
      WriteReports(options.output, "Variants of " + name, {{name, report->dump(2) + '\n'}});
  return written ? 0 : Report(written.errors());
}

int Pod(PodOptions options) {
  if (!options.chip.empty()) {
    const Status chip = UseChip(options.chip, &options.sweep.changes);
    if (!chip) return Report(chip.errors());
  }
  for (const std::string& text : options.set) {
    const size_t sign = text.find('=');
    if (sign == std::string::npos) {
      return Report({UsageError(fmt::format("`--set {}` has no value", text),
                                "such as --set batch.sequences=1024")});
    }
    options.sweep.changes.push_back({text.substr(0, sign), text.substr(sign + 1)});
  }
  const Result<std::string> text = ReadFileText(options.estimate, kMaxSpecBytes);
  if (!text) return Report(text.errors());
  options.sweep.file = options.estimate;
  options.sweep.text = *text;
  options.sweep.slurm = !options.local;
  if (!options.sweep.vary.empty()) return SweepPods(options);
  const Result<PodDescription> pod =
      ReadPod(*text, InputName(options.estimate), options.sweep.changes);
  if (!pod) return Report(pod.errors());
  const PodCounts counts = CountPod(*pod);
  const PodStep step = EstimatePod(*pod);
  std::fputs(PodText(*pod, counts, step).c_str(), TextStream(options.output.paths()));
  const Status written = WriteReports(options.output, "A step of " + pod->name,
                                      {{pod->name, PodJson(*pod, counts, step).dump(2) + '\n'}});
  return written ? 0 : Report(written.errors());
}

}  // namespace

void AddPodCommand(CommandLine& line) {
  auto options = std::make_shared<PodOptions>();
  Subcommand command =
      line.Add("pod", "Pods of chips: how long a step of training takes, and what limits it");
  command
      .Value("--estimate", &options->estimate,
             "description of a pod and of what it trains (YAML, docs/pod.md)")
      .ValueName("FILE")
      .Required();
  command
      .Value(
          "--chip", &options->chip,
          "spec of an NPU with floating point: its peak and its bus instead of the description's")
      .ValueName("SPEC");
  command.Values("--set", &options->set,
                 "KEY=VALUE: another value than the description has; a list as 16x16. May be given "
                 "several times");
  CommandOption sweep = command.Values(
      "--sweep", &options->sweep.vary,
      "KEY=VALUE,VALUE...: a variant for each value; KEY,KEY=VALUE:VALUE,... changes "
      "several keys together. Given several times: all combinations");
  CommandOption results =
      command
          .Value(
              "--results", &options->sweep.results,
              "estimate the points of a sweep as jobs whose results stay in this folder: what is "
              "there is not done again. A Slurm job array where sbatch is installed, else "
              "processes")
          .Needs(sweep);
  command.Value("--jobs", &options->sweep.jobs, "processes, or tasks of the job array, at most")
      .ShowDefault()
      .Range(1, 1000)
      .Needs(results);
  command.Flag("--local", &options->local, "processes even where sbatch is installed")
      .Needs(results);
  command
      .Value("--part", &options->sweep.part,
             "I/N: make only every N-th result, from number I; what jobs call")
      .Needs(results);
  AddReportFlags(command, &options->output, "also write the report as JSON to this file");
  command.Footer(
      "Example: npugen pod --estimate models/pod/palm.yaml --report palm.html\n"
      "         npugen pod --estimate models/pod/palm.yaml --sweep batch.sequences=512,1024,2048 "
      "\\\n"
      "           --sweep mesh.pods=1,2 --results palm-sweep --jobs 4");
  command.OnRun([options] { return Pod(*options); });
}

}  // namespace npugen

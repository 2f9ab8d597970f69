// SPDX-License-Identifier: Apache-2.0
// npugen pod: how long a step of training takes on thousands of chips.
#include <fmt/format.h>

#include <cstdio>
#include <memory>

#include "cli/command_line.h"
#include "cli/commands.h"
#include "cli/pod_sweep.h"
#include "cli/report_flags.h"
#include "generator/spec/yaml_tree.h"
#include "generator/support/file.h"
#include "verif/pod/pod_model.h"

namespace npugen {
namespace {

struct PodOptions {
  std::string estimate;
  std::vector<std::string> set;
  PodSweep sweep;
  bool local = false;
  ReportFlags output;
};

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

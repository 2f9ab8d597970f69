// SPDX-License-Identifier: Apache-2.0
// npugen build: verilate a spec into a simulation model.
#include <fmt/format.h>

#include <memory>

#include "cli/command_line.h"
#include "cli/commands.h"
#include "cli/simulate.h"
#include "generator/config/load.h"

namespace npugen {
namespace {

struct BuildOptions {
  std::string spec;
  BuildFlags build;
  bool waves = false;
  bool netlist = false;
};

int Build(const BuildOptions& options) {
  const Result<NpuConfig> config = LoadSpec(options.spec);
  if (!config) return Report(config.errors());
  ProgressLine progress(ProgressLine::OffTerminal::kLines);
  const ModelKind kind = options.netlist ? ModelKind::kNetlist
                         : options.waves ? ModelKind::kWaves
                                         : ModelKind::kRtl;
  const Result<BuiltModel> model = BuildForConfig(*config, options.build, kind, &progress);
  if (!model) return Report(model.errors());
  if (model->built) {
    fmt::print("{}: built in {:.1f} s: {}\n", config->name, model->seconds, model->library);
  } else {
    fmt::print("{}: up to date: {}\n", config->name, model->library);
  }
  return 0;
}

}  // namespace

void AddBuildCommand(CommandLine& line) {
  auto options = std::make_shared<BuildOptions>();
  Subcommand command =
      line.Add("build", "Verilate the NPU of a spec into a simulation model, kept in a cache");
  command.Argument("SPEC", &options->spec, "spec file (YAML)").Required();
  AddBuildFlags(command, &options->build);
  const CommandOption waves =
      command.Flag("--waves", &options->waves, "the variant that can write waveforms");
  command.Flag("--netlist", &options->netlist, kNetlistHelp).Excludes(waves);
  command.Footer(
      "Needs Verilator (with --netlist Yosys and its cell library instead) and g++. `npugen run` "
      "does this by itself.\n"
      "Example: npugen build specs/edge.yaml");
  command.OnRun([options] { return Build(*options); });
}

}  // namespace npugen

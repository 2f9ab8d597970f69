// SPDX-License-Identifier: Apache-2.0
// npugen check: is a spec legal, and what does it amount to?
#include <cstdio>
#include <memory>

#include "cli/command_line.h"
#include "cli/commands.h"
#include "generator/config/describe.h"
#include "generator/config/load.h"

namespace npugen {
namespace {

struct CheckOptions {
  std::string spec;
  bool json = false, csv = false;
};

int Check(const CheckOptions& options) {
  const Result<NpuConfig> config = LoadSpec(options.spec);
  if (!config) {
    if (!options.json) return Report(config.errors());
    std::fputs(DiagnosticsJson(config.errors()).c_str(), stdout);
    return ExitStatus(config.errors().front().code);
  }
  const std::string text = options.json  ? ConfigJson(*config)
                           : options.csv ? ConfigCsv(*config)
                                         : DescribeConfig(*config);
  std::fputs(text.c_str(), stdout);
  return 0;
}

}  // namespace

void AddCheckCommand(CommandLine& line) {
  auto options = std::make_shared<CheckOptions>();
  Subcommand command =
      line.Add("check", "Check a spec and say what NPU it describes: peak, memories, bus");
  command.Argument("SPEC", &options->spec, "spec file (YAML)").Required();
  const CommandOption json = command.Flag("--json", &options->json, "print JSON, errors included");
  command.Flag("--csv", &options->csv, "print all values as comma-separated values").Excludes(json);
  command.Footer("Example: npugen check specs/edge.yaml");
  command.OnRun([options] { return Check(*options); });
}

}  // namespace npugen

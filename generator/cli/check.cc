// SPDX-License-Identifier: Apache-2.0
// npugen check: is a spec legal, and what does it amount to?
#include <cstdio>
#include <memory>

#include "generator/cli/command.h"
#include "generator/config/describe.h"
#include "generator/config/load.h"

namespace npugen {
namespace {

struct CheckOptions {
  std::string spec;
  bool json = false;
};

int Check(const CheckOptions& options) {
  const Result<NpuConfig> config = LoadSpec(options.spec);
  if (!config) {
    if (!options.json) return Report(config.errors());
    std::fputs(DiagnosticsJson(config.errors()).c_str(), stdout);
    return ExitStatus(config.errors().front().code);
  }
  const std::string text = options.json ? ConfigJson(*config) : DescribeConfig(*config);
  std::fputs(text.c_str(), stdout);
  return 0;
}

}  // namespace

void AddCheckCommand(CLI::App& app) {
  auto options = std::make_shared<CheckOptions>();
  CLI::App* command = app.add_subcommand(
      "check", "Check a spec and say what NPU it describes: peak, memories, bus");
  command->add_option("SPEC", options->spec, "spec file (YAML)")->required();
  command->add_flag("--json", options->json, "print JSON, errors included");
  command->footer("Example: npugen check specs/edge.yaml");
  OnRun(*command, [options] { return Check(*options); });
}

}  // namespace npugen

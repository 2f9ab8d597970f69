// SPDX-License-Identifier: Apache-2.0
// npugen synth: area per module with Yosys.
#include "generator/synth/synth.h"

#include <cstdio>
#include <memory>

#include "generator/cli/command.h"
#include "generator/config/load.h"
#include "generator/support/file.h"

namespace npugen {
namespace {

struct SynthCommandOptions {
  std::string spec;
  std::string json;
  SynthOptions synth;
};

int Synth(const SynthCommandOptions& options) {
  const Result<NpuConfig> config = LoadSpec(options.spec);
  if (!config) return Report(config.errors());
  const Result<AreaReport> report = Synthesize(*config, options.synth);
  if (!report) return Report(report.errors());
  std::fputs(FormatArea(*config, *report).c_str(), TextStream({options.json}));
  if (options.json.empty()) return 0;
  const Status written = WriteFile(options.json, AreaJson(*config, *report));
  return written ? 0 : Report(written.errors());
}

}  // namespace

void AddSynthCommand(CLI::App& app) {
  auto options = std::make_shared<SynthCommandOptions>();
  CLI::App* command = app.add_subcommand(
      "synth",
      "Area per module: Yosys maps the emission to a cell library, memories stay black boxes");
  command->add_option("SPEC", options->spec, "spec file (YAML)")->required();
  command->add_option("--liberty", options->synth.liberty, "cell library in liberty format")
      ->capture_default_str();
  command->add_option("--json", options->json, "also write the report as JSON to this file");
  command->add_option("--keep", options->synth.keep_folder,
                      "leave emission, Yosys script, log and statistics in this folder");
  command->footer(
      "Prints cells and gate equivalents (area / area of a two-input NAND) of every module, and "
      "the memories\n"
      "with their sizes. Example: npugen synth specs/edge.yaml --json build/edge_area.json");
  OnRun(*command, [options] { return Synth(*options); });
}

}  // namespace npugen

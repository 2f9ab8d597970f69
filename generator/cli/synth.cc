// npugen synth: area per module with Yosys.
#include "generator/synth/synth.h"

#include <cstdio>
#include <fstream>
#include <memory>

#include "generator/cli/command.h"
#include "generator/config/load.h"

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
  std::fputs(FormatArea(*config, *report).c_str(), stdout);
  if (!options.json.empty()) {
    std::ofstream out(options.json);
    if (!(out << AreaJson(*config, *report)) || !out.flush()) {
      Diagnostic error;
      error.code = DiagnosticCode::kFileWrite;
      error.location.file = options.json;
      error.message = "the file cannot be written";
      return Report({error});
    }
  }
  return 0;
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

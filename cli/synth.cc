// SPDX-License-Identifier: Apache-2.0
// npugen synth: area of an NPU in a technology, by Yosys.
#include "generator/synth/synth.h"

#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <vector>

#include "cli/command_line.h"
#include "cli/commands.h"
#include "cli/report_flags.h"
#include "cli/simulate.h"
#include "generator/config/load.h"
#include "generator/support/cache.h"
#include "generator/support/file.h"
#include "generator/synth/fpga.h"
#include "generator/synth/timing.h"

namespace npugen {
namespace {

struct SynthCommandOptions {
  std::string spec;
  ReportFlags output;
  std::string target = "asic";
  std::string timing_json;
  bool timing = false;
  bool no_cache = false;
  SynthOptions synth;
};

std::string ParseTarget(const std::string& text, std::string* target) {
  *target = text;
  for (const char* known : {"asic", "xilinx", "ecp5", "ice40"}) {
    if (text == known) return "";
  }
  return "legal targets: asic, xilinx, ecp5, ice40";
}

/// Cells of an FPGA.
int SynthForFpga(const SynthCommandOptions& options, const NpuConfig& config,
                 const SynthOptions& synth, ProgressLine* progress) {
  const FpgaTarget target = options.target == "xilinx" ? FpgaTarget::kXilinx
                            : options.target == "ecp5" ? FpgaTarget::kEcp5
                                                       : FpgaTarget::kIce40;
  const Result<FpgaReport> report = SynthesizeForFpga(config, target, synth);
  progress->Clear();
  if (!report) return Report(report.errors());
  std::fputs(FormatFpga(config, *report).c_str(), TextStream(options.output.paths()));
  const Status written =
      WriteReports(options.output, fmt::format("{} on {}", config.name, FpgaName(target)),
                   {{config.name, FpgaJson(config, *report)}});
  return written ? 0 : Report(written.errors());
}

int Synth(const SynthCommandOptions& options) {
  const Result<NpuConfig> config = LoadSpec(options.spec);
  if (!config) return Report(config.errors());
  ProgressLine progress(ProgressLine::OffTerminal::kLines);
  SynthOptions synth = options.synth;
  if (!options.no_cache && synth.cache_folder.empty()) synth.cache_folder = DefaultCacheFolder();
  if (options.no_cache) synth.cache_folder.clear();
  synth.mapping.progress = [&progress](const std::string& text) { progress.Show(text); };
  if (options.target != "asic") return SynthForFpga(options, *config, synth, &progress);
  const Result<AreaReport> report = Synthesize(*config, synth);
  progress.Clear();
  if (!report) return Report(report.errors());
  std::vector<std::string> paths = options.output.paths();
  paths.push_back(options.timing_json);
  std::FILE* const out = TextStream(paths);
  std::fputs(FormatArea(*config, *report).c_str(), out);
  std::vector<NamedReport> documents = {{config->name, AreaJson(*config, *report)}};
  const std::string csv = AreaCsv(*report);
  std::vector<OutputFile> files;
  std::string timing_json;
  if (options.timing || !options.timing_json.empty()) {
    std::fflush(out);
    const Result<TimingReport> timing = AnalyzeTiming(*config, synth);
    progress.Clear();
    if (!timing) return Report(timing.errors());
    std::fputs(FormatTiming(*config, *timing).c_str(), out);
    timing_json = TimingJson(*config, *timing);
    documents.push_back({config->name, timing_json});
  }
  if (!options.timing_json.empty()) files.push_back({options.timing_json, timing_json});
  // Modules and memories are two tables: they have a CSV of their own.
  ReportFlags output = options.output;
  output.csv.clear();
  if (!options.output.csv.empty()) files.push_back({options.output.csv, csv});
  const Status written = WriteReports(output, fmt::format("{}, synthesized", config->name),
                                      documents, std::move(files));
  return written ? 0 : Report(written.errors());
}

}  // namespace

void AddSynthCommand(CommandLine& line) {
  auto options = std::make_shared<SynthCommandOptions>();
  Subcommand command = line.Add(
      "synth", "Area by module and kind of cell: Yosys maps the emission to a cell library");
  command.Argument("SPEC", &options->spec, "spec file (YAML)").Required();
  SynthCommandOptions* const values = options.get();
  command
      .Value(
          "--target",
          [values](const std::string& text) { return ParseTarget(text, &values->target); },
          "asic: cells of a library; xilinx (7 series), ecp5, ice40: LUTs, flip-flops, DSPs, "
          "block RAMs")
      .ShowDefault("asic");
  command
      .Value("--tech", &options->synth.technology,
             "technology: a name of constraints/tech, or a file that describes one")
      .ShowDefault();
  command.Value("--liberty", &options->synth.liberty,
                "cell library in liberty format in the place of the technology's");
  command.Value("--memories", &options->synth.macros,
                "table of memory macros (YAML) in the place of the analytical model");
  AddReportFlags(command, &options->output, "also write the report as JSON to this file");
  command.Flag("--timing", &options->timing,
               "also map for the spec's clock, add trees of buffers, and report paths by OpenSTA");
  command.Value("--timing-json", &options->timing_json, "the same, also as JSON to this file");
  command
      .Value("--gate-bits", &options->synth.mapping.least_gate_bits,
             "flip-flops that must share clock and enable to get a clock gate; 0: none do")
      .ShowDefault();
  command.Value("-j,--jobs", &options->synth.mapping.jobs,
                "modules that are mapped at a time; 0: as many as the machine has processors");
  command.Value("--cache", &options->synth.cache_folder, "folder in which mapped modules are kept")
      .ShowDefault(DefaultCacheFolder());
  command.Flag("--no-cache", &options->no_cache, "map every module anew and keep none");
  command.Value("--keep", &options->synth.keep_folder,
                "leave emission, Yosys scripts, logs and netlists in this folder");
  command.Footer(
      "Prints cells and gate equivalents (area / area of a two-input NAND) of every module, kinds "
      "of cells, and\n"
      "the memories with their sizes. Example: npugen synth specs/edge.yaml --json "
      "build/edge_area.json");
  command.OnRun([options] { return Synth(*options); });
}

}  // namespace npugen

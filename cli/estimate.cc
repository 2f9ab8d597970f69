// SPDX-License-Identifier: Apache-2.0
// npugen estimate: cycles of each layer from the compiled command stream, without simulation; and
// how far they are from the hardware's.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include "cli/command_line.h"
#include "cli/commands.h"
#include "cli/data_folder.h"
#include "cli/report_flags.h"
#include "cli/simulate.h"
#include "generator/config/load.h"
#include "generator/support/file.h"
#include "sw/compiler/compile_network.h"
#include "sw/model/read_model.h"
#include "verif/session/estimate_model.h"
#include "verif/validate/validate.h"

namespace npugen {
namespace {

/// Specs that --validate compares unless told.
constexpr const char* kSpecs[] = {"nano",        "edge",        "quad",
                                  "edge_tpu_v1", "edge_tpu_v2", "edge_tpu_v3"};

struct EstimateCommandOptions {
  std::vector<std::string> files;  ///< SPEC MODEL, or the specs of --validate
  ReportFlags output;
  bool warm = false;
  bool host_operators = false;
  uint32_t latency = 50;
  bool validate = false;
  std::vector<std::string> models;
  uint32_t layers = 50;
  BuildFlags build;
};

int Estimate(const EstimateCommandOptions& options) {
  if (options.files.size() != 2) {
    return Report({UsageError("a spec and a model are needed", "npugen estimate SPEC MODEL")});
  }
  const Result<NpuConfig> config = LoadSpec(options.files[0]);
  if (!config) return Report(config.errors());
  const Result<Model> model = ReadModelFor(*config, options.files[1]);
  if (!model) return Report(model.errors());
  CompileOptions compile;
  compile.host_operators = options.host_operators;
  const Result<Network> network = CompileNetwork(*model, *config, compile);
  if (!network) return Report(network.errors());
  const auto start = std::chrono::steady_clock::now();
  Result<RunReport> report = EstimateModel(*config, *network, options.warm, options.latency);
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (!report) return Report(report.errors());
  report->model = model->name;
  std::FILE* const text = TextStream(options.output.paths());
  std::fputs(FormatRunReport(*config, *report).c_str(), text);
  fmt::print(text, "estimated in {:.1f} ms, compilation not included\n", 1e3 * seconds);
  const Status written =
      WriteReports(options.output, fmt::format("{} on {}, estimated", report->model, report->spec),
                   {{report->model, RunReportJson(*report)}});
  return written ? 0 : Report(written.errors());
}

/// .tflite files that stand in `path`, its folders included, or `path` itself. A folder with
/// single operators (`ops`) is none of networks.
Result<std::vector<std::string>> FindModels(const std::string& path) {
  std::error_code error;
  if (std::filesystem::is_regular_file(path, error)) return std::vector<std::string>{path};
  std::vector<std::string> models;
  std::filesystem::recursive_directory_iterator entries(path, error);
  if (error) {
    return Diagnostic{DiagnosticCode::kFileRead, {path, 0, 0}, "it cannot be read", ""};
  }
  for (auto entry = begin(entries); entry != end(entries); entry.increment(error)) {
    if (error) break;
    if (entry->is_directory() && entry->path().filename() == "ops") {
      entry.disable_recursion_pending();
    } else if (entry->path().extension() == ".tflite") {
      models.push_back(entry->path().string());
    }
  }
  std::sort(models.begin(), models.end());
  if (models.empty()) {
    return Diagnostic{DiagnosticCode::kFileRead, {path, 0, 0}, "it holds no .tflite file", ""};
  }
  return models;
}

int ValidateAll(const EstimateCommandOptions& options) {
  ValidationPlan plan;
  Diagnostics errors;
  std::vector<std::string> specs = options.files;
  if (specs.empty()) {
    for (const char* name : kSpecs) {
      specs.push_back(fmt::format("{}/specs/{}.yaml", DataFolder(), name));
    }
  }
  for (const std::string& spec : specs) {
    Result<NpuConfig> config = LoadSpec(spec);
    if (config)
      plan.configs.push_back(std::move(*config));
    else
      errors.insert(errors.end(), config.errors().begin(), config.errors().end());
  }
  std::vector<std::string> folders = options.models;
  if (folders.empty()) {
    folders.emplace_back(DataFolder() + "/models/digits");
    const char* shared = std::getenv("NPUGEN_SHARED_MODELS");
    if (shared != nullptr && *shared != '\0') folders.emplace_back(shared);
  }
  for (const std::string& folder : folders) {
    Result<std::vector<std::string>> models = FindModels(folder);
    if (!models) {
      errors.insert(errors.end(), models.errors().begin(), models.errors().end());
      continue;
    }
    for (std::string& model : *models) {
      // The digits network stands in both places.
      const auto same = [&](const std::string& other) {
        return std::filesystem::path(other).filename() != "model.tflite" &&
               std::filesystem::path(other).filename() == std::filesystem::path(model).filename();
      };
      if (std::none_of(plan.models.begin(), plan.models.end(), same)) {
        plan.models.push_back(std::move(model));
      }
    }
  }
  if (!errors.empty()) return Report(errors);

  ProgressLine progress;
  ValidateOptions validate;
  validate.cache_folder = options.build.cache_folder;
  validate.jobs = options.build.jobs;
  validate.latency = options.latency;
  validate.random_layers = options.layers;
  validate.progress = [&progress](const std::string& text) { progress.Show(text); };
  const Result<std::vector<ValidatedJob>> jobs = Validate(plan, validate);
  progress.Clear();
  if (!jobs) return Report(jobs.errors());
  std::fputs(FormatValidation(*jobs).c_str(), TextStream(options.output.paths()));
  const Status written = WriteReports(options.output, "Estimates against measurements",
                                      {{"validation", ValidationJson(*jobs)}});
  return written ? 0 : Report(written.errors());
}

}  // namespace

void AddEstimateCommand(CommandLine& line) {
  auto options = std::make_shared<EstimateCommandOptions>();
  Subcommand command = line.Add(
      "estimate", "Predict the cycles of each layer of a model without simulating anything");
  command.Argument("FILES", &options->files,
                   "SPEC MODEL: spec file (YAML) and model file (.tflite in int8, .onnx, or .json "
                   "of bits); with "
                   "--validate any number of specs (default: the presets)");
  AddReportFlags(command, &options->output,
                 "write the report (docs/run-json.md), or all comparisons, to this file");
  command.Flag("--warm", &options->warm, "an inference that finds cached parameters");
  command.Flag("--host-operators", &options->host_operators, kHostOperatorsHelp);
  command.Value("--latency", &options->latency, "cycles from a bus request to its answer")
      .ShowDefault()
      .Range(1, 100000);
  const CommandOption validate = command.Flag(
      "--validate", &options->validate,
      "compare with the verilated hardware over networks and random layers: the error table");
  command
      .Values("--models", &options->models,
              "with --validate: a folder or file of networks, once for each (default: "
              "models/digits, and "
              "$NPUGEN_SHARED_MODELS)")
      .Needs(validate);
  command.Value("--layers", &options->layers, "with --validate: random layers for each spec")
      .Needs(validate)
      .ShowDefault()
      .Range(0, 100000);
  AddBuildFlags(command, &options->build);
  command.Footer(
      "How it works and how far it is off: docs/estimate.md.\n"
      "Example: npugen estimate specs/edge.yaml models/digits/digits_cnn_int8.tflite\n"
      "         npugen estimate --validate specs/nano.yaml specs/edge.yaml");
  command.OnRun(
      [options] { return options->validate ? ValidateAll(*options) : Estimate(*options); });
}

}  // namespace npugen

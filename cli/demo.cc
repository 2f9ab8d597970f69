// SPDX-License-Identifier: Apache-2.0
// npugen demo: handwritten digits on the reference design, by an int8 network and two of bits.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <future>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "cli/command_line.h"
#include "cli/commands.h"
#include "cli/data_folder.h"
#include "cli/demo_firmware.h"
#include "cli/digits.h"
#include "cli/generate.h"
#include "cli/report_flags.h"
#include "cli/simulate.h"
#include "cli/train.h"
#include "generator/config/load.h"
#include "generator/support/cache.h"
#include "generator/support/file.h"
#include "generator/support/version.h"
#include "generator/synth/synth.h"
#include "verif/session/run_model.h"

namespace npugen {
namespace {

struct DemoOptions {
  std::string spec = DataFolder() + "/specs/edge_bnn.yaml";
  std::string data = DataFolder() + "/models/digits";
  ReportFlags output;
  uint32_t images = 0;
  bool no_area = false;
  bool firmware = false;
  bool train = false;
  bool generate = false;
  std::string elf, keep;
  BuildFlags build;
  SimulationFlags simulation;
};

struct DemoResult {
  std::string name;
  std::string run_json;  ///< of the run with cached parameters, layer by layer
  uint32_t images = 0;
  std::vector<bool> exact;        ///< per image: outputs and all tensors as they should be
  uint64_t tensors_compared = 0;  ///< over all images
  uint64_t mismatches = 0;        ///< in the layer-by-layer report
  uint32_t correct = 0;
  uint64_t cycles_first = 0;
  uint64_t cycles_later = 0;  ///< sum over all images but the first
  InferenceCost cached;       ///< of the last image
  uint64_t simulated_cycles = 0;
  double seconds = 0;
  uint32_t bit_exact() const {
    return static_cast<uint32_t>(std::count(exact.begin(), exact.end(), true));
  }
  double accuracy() const { return static_cast<double>(correct) / images; }
  double cycles_per_image() const {
    return images > 1 ? static_cast<double>(cycles_later) / (images - 1)
                      : static_cast<double>(cycles_first);
  }
};

/// Classifies image after image through the driver.
Status RunImages(const NpuConfig& config, const Digits& digits, const Network& network,
                 Machine& machine, ProgressLine* progress, DemoResult* result) {
  Result<std::unique_ptr<NpuHost>> opened = NpuHost::Open(machine, config);
  if (!opened) return opened.errors();
  NpuHost& host = **opened;
  const Result<PlacedNetwork> placed = host.Place(network);
  if (!placed) return placed.errors();
  npu_forget_parameters(&host.device());
  const Tensor& output_tensor = digits.model.tensors[static_cast<size_t>(digits.model.outputs[0])];
  for (uint32_t i = 0; i < result->images; ++i) {
    progress->Show(fmt::format("{}: image {} of {}", digits.name, i + 1, result->images));
    const auto image = digits.input.begin() + static_cast<std::ptrdiff_t>(i * digits.image_bytes);
    const Result<NetworkReport> job =
        host.Run(*placed, {{image, image + static_cast<std::ptrdiff_t>(digits.image_bytes)}}, {});
    if (!job) return job.errors();
    (i == 0 ? result->cycles_first : result->cycles_later) += job->cycles();
    result->cached = CostOf(config, network, *job);
    result->simulated_cycles += job->simulated_cycles();
    result->seconds += job->seconds();
    const std::vector<uint8_t> output = host.ReadOutputs(*placed)[0];
    const auto expected =
        digits.outputs.begin() + static_cast<std::ptrdiff_t>(i * digits.output_bytes);
    result->exact[i] = std::equal(output.begin(), output.end(), expected);
    result->correct += ClassOf(output_tensor.type, output) == digits.labels[i] ? 1 : 0;
  }
  progress->Clear();
  return Unit{};
}

/// Runs every image once more with the program that stores all tensors, each compared with the
/// golden model.
Status CheckImages(const NpuConfig& config, const Digits& digits, const CompiledModel& compiled,
                   Machine& machine, ProgressLine* progress, DemoResult* result) {
  for (uint32_t i = 0; i < result->images; ++i) {
    progress->Show(fmt::format("{}: checking every tensor of image {} of {}", digits.name, i + 1,
                               result->images));
    const auto image = digits.input.begin() + static_cast<std::ptrdiff_t>(i * digits.image_bytes);
    const Result<RunReport> report =
        RunModel(config, digits.model, compiled, machine,
                 {{image, image + static_cast<std::ptrdiff_t>(digits.image_bytes)}},
                 RunModelOptions(), nullptr);
    if (!report) return report.errors();
    if (report->mismatches != 0) result->exact[i] = false;
    result->tensors_compared += report->tensors_checked;
  }
  progress->Clear();
  return Unit{};
}

/// One network from its layers' cycles to all images.
Result<DemoResult> RunNetwork(const NpuConfig& config, const DemoOptions& options,
                              const BuiltModel& built, const Digits& digits,
                              ProgressLine* progress) {
  const Result<CompiledModel> compiled = CompileForRun(digits.model, config);
  if (!compiled) return compiled.errors();
  const Result<std::unique_ptr<SimulatedNpu>> npu =
      OpenSimulation(config, built, options.simulation, RunMemoryBytes(*compiled));
  if (!npu) return npu.errors();

  // Layer by layer, with every tensor compared: cold, then with cached parameters.
  RunModelOptions run;
  run.repeat = 2;
  const std::vector<uint8_t> first(
      digits.input.begin(), digits.input.begin() + static_cast<std::ptrdiff_t>(digits.image_bytes));
  const Result<RunReport> report =
      RunModel(config, digits.model, *compiled, **npu, {first}, run, nullptr);
  if (!report) return report.errors();
  fmt::print("\n{} ({})\n", digits.name, digits.model.name);
  std::fputs(FormatRunReport(config, *report).c_str(), stdout);
  std::fflush(stdout);

  DemoResult result;
  result.name = digits.name;
  result.run_json = RunReportJson(*report);
  result.mismatches = report->mismatches;
  const uint32_t available = static_cast<uint32_t>(digits.labels.size());
  result.images = options.images == 0 ? available : std::min(options.images, available);
  result.exact.assign(result.images, false);
  const Status ran = RunImages(config, digits, compiled->plain, **npu, progress, &result);
  if (!ran) return ran.errors();
  const Status checked = CheckImages(config, digits, *compiled, **npu, progress, &result);
  if (!checked) return checked.errors();
  return result;
}

std::string DemoJson(const NpuConfig& config, const std::vector<DemoResult>& results,
                     std::optional<double> area_ge) {
  nlohmann::ordered_json json;
  json["npugen"] = kToolVersion;
  json["spec"] = config.name;
  json["config_hash"] = fmt::format("{:016x}", config.hash);
  if (area_ge) {
    json["area_ge"] = *area_ge;
  } else {
    json["area_ge"] = nullptr;
  }
  for (const DemoResult& result : results) {
    nlohmann::ordered_json row;
    row["name"] = result.name;
    row["images"] = result.images;
    row["bit_exact"] = result.bit_exact();
    row["tensors_compared"] = result.tensors_compared;
    row["accuracy"] = result.accuracy();
    row["cycles_first"] = result.cycles_first;
    row["cycles_per_image"] = result.cycles_per_image();
    row["bytes_read"] = result.cached.bytes_read;
    row["bytes_written"] = result.cached.bytes_written;
    row["sim_hz"] =
        result.seconds > 0 ? static_cast<double>(result.simulated_cycles) / result.seconds : 0.0;
    json["networks"].push_back(std::move(row));
  }
  return json.dump(2) + '\n';
}

/// The networks side by side.
void PrintResults(const std::vector<DemoResult>& results) {
  fmt::print("\n{:<10} {:>9} {:>11} {:>9} {:>14} {:>14} {:>13} {:>11}\n", "network", "images",
             "bit-exact", "right", "cycles, cold", "cached, mean", "bytes moved", "simulated");
  for (const DemoResult& result : results) {
    fmt::print("{:<10} {:>9} {:>11} {:>8.2f}% {:>14} {:>14.0f} {:>13} {:>7.2f} MHz\n", result.name,
               result.images, result.bit_exact(), 100 * result.accuracy(), result.cycles_first,
               result.cycles_per_image(), result.cached.bytes_read + result.cached.bytes_written,
               static_cast<double>(result.simulated_cycles) / result.seconds / 1e6);
  }
}

/// Gate equivalents by Yosys, which takes minutes the first time.
Result<AreaReport> MeasureArea(const NpuConfig& config, const DemoOptions& options,
                               ProgressLine* progress) {
  SynthOptions synth;
  synth.cache_folder =
      options.build.cache_folder.empty() ? DefaultCacheFolder() : options.build.cache_folder;
  const auto begin = std::chrono::steady_clock::now();
  std::future<Result<AreaReport>> area =
      std::async(std::launch::async, [&config, &synth] { return Synthesize(config, synth); });
  while (area.wait_for(std::chrono::seconds(1)) != std::future_status::ready) {
    const auto seconds =
        std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - begin)
            .count();
    progress->Show(fmt::format("Yosys measures the area ({} s; --no-area leaves it out)", seconds));
  }
  progress->Clear();
  return area.get();
}

int Demo(const DemoOptions& options) {
  const Result<NpuConfig> config = LoadSpec(options.spec);
  if (!config) return Report(config.errors());
  if (options.firmware) {
    DemoFirmwareFlags flags;
    flags.data = options.data;
    flags.elf = options.elf;
    flags.keep = options.keep;
    flags.output = options.output;
    flags.images = options.images;
    flags.build = options.build;
    flags.simulation = options.simulation;
    return DemoFirmware(*config, flags);
  }
  const Result<std::vector<Digits>> networks = LoadDigits(*config, options.data);
  if (!networks) return Report(networks.errors());
  fmt::print("{}: {} MACs per cycle, configuration {:016x}\n", config->name,
             config->macs_per_cycle(), config->hash);
  if (config->bnn_enabled == 0) {
    fmt::print("no binary unit (units.bnn.enabled), so only the int8 network runs\n");
  }
  std::fflush(stdout);
  ProgressLine progress(ProgressLine::OffTerminal::kLines);
  const Result<BuiltModel> built = BuildForConfig(
      *config, options.build,
      options.simulation.waves.empty() ? ModelKind::kRtl : ModelKind::kWaves, &progress);
  if (!built) return Report(built.errors());
  if (built->built) fmt::print("simulation model built in {:.1f} s\n", built->seconds);

  std::vector<DemoResult> results;
  for (const Digits& digits : *networks) {
    Result<DemoResult> result = RunNetwork(*config, options, *built, digits, &progress);
    if (!result) return Report(result.errors());
    results.push_back(std::move(*result));
  }
  PrintResults(results);
  std::fflush(stdout);

  std::vector<NamedReport> documents;
  for (const DemoResult& result : results) documents.push_back({result.name, result.run_json});
  std::optional<double> area_ge;
  if (!options.no_area) {
    const Result<AreaReport> area = MeasureArea(*config, options, &progress);
    if (area) {
      area_ge = area->TotalGateEquivalents();
      documents.push_back({config->name, AreaJson(*config, *area)});
      fmt::print(
          "{:.0f} gate equivalents without memories, {:.0f} per MAC tile (Yosys, {:.0f} s{})\n",
          *area_ge, area->TileGateEquivalentsPerMac(*config), area->seconds,
          area->cached ? ", from the cache" : "");
      double bits = 0;
      for (const ModuleArea& module : area->modules) {
        if (module.name.starts_with("npu_popcount") || module.name == "npu_threshold") {
          bits += area->GateEquivalents(module);
        }
      }
      if (bits > 0) fmt::print("of these {:.0f} are popcounts and thresholds\n", bits);
    } else {
      // The demonstration stands without it: say why and go on.
      Report(area.errors());
    }
  }
  documents.insert(documents.begin(), {config->name, DemoJson(*config, results, area_ge)});
  const Status written = WriteReports(
      options.output, fmt::format("Handwritten digits on {}", config->name), documents);
  if (!written) return Report(written.errors());
  Diagnostics errors;
  for (const DemoResult& result : results) {
    if (result.mismatches == 0 && result.bit_exact() == result.images) continue;
    errors.push_back({DiagnosticCode::kMismatch, SourceLocation(),
                      fmt::format("{}: {} of {} images differ from the reference results",
                                  result.name, result.images - result.bit_exact(), result.images),
                      "`npugen run` on the same model shows the first differing layer"});
  }
  return errors.empty() ? 0 : Report(errors);
}

}  // namespace

void AddDemoCommand(CommandLine& line) {
  auto options = std::make_shared<DemoOptions>();
  Subcommand command = line.Add("demo",
                                "Handwritten digits, int8 and binary, on the reference "
                                "design: accuracy, cycles, speed, area");
  command.Value("--spec", &options->spec, "spec file (YAML)").ShowDefault();
  command.Value("--data", &options->data, "folder with networks, images and results").ShowDefault();
  command.Value("--images", &options->images, "only the first so many images, or sums");
  AddReportFlags(command, &options->output, "write the results to this file");
  command.Flag("--no-area", &options->no_area, "leave out the synthesis with Yosys");
  command.Flag("--train", &options->train,
               "train two networks from scratch on the RTL of edge_float instead (two minutes)");
  command.Flag("--generate", &options->generate,
               "let a character model answer sums (the first 20) on the RTL of edge_float instead, "
               "token by token");
  const CommandOption firmware = command.Flag(
      "--firmware", &options->firmware,
      "a RISC-V system in the place of the host: an emulated CPU boots the emitted firmware "
      "example, takes each network and its images (the first 8) from flash, waits for the NPU's "
      "interrupt and prints class and cycles");
  command.Value("--elf", &options->elf, "with --firmware: a program to boot in its place")
      .Needs(firmware);
  command
      .Value("--keep", &options->keep,
             "with --firmware: leave emission, program and flash images in this folder")
      .Needs(firmware);
  AddBuildFlags(command, &options->build);
  AddSimulationFlags(command, &options->simulation);
  command.Footer(
      "Example: npugen demo --json build/demo.json\n"
      "         npugen demo --firmware\n"
      "         npugen demo --train\n"
      "         npugen demo --generate");
  command.OnRun([options] {
    if (options->generate) {
      constexpr uint32_t kSums = 20;
      return AnswerSums(DataFolder() + "/specs/edge_float.yaml", options->data,
                        options->images != 0 ? options->images : kSums, options->build,
                        options->simulation);
    }
    if (!options->train) return Demo(*options);
    return TrainDigits(DataFolder() + "/specs/edge_float.yaml", options->data, options->build,
                       options->simulation);
  });
}

}  // namespace npugen

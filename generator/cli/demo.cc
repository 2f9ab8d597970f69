// npugen demo: handwritten digits on the reference design, from YAML to accuracy and area.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <future>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "generator/cli/command.h"
#include "generator/cli/simulate.h"
#include "generator/config/load.h"
#include "generator/synth/synth.h"
#include "sw/model/read_model.h"
#include "sw/runtime/run_model.h"

namespace npugen {
namespace {

struct DemoOptions {
  std::string spec = NPUGEN_SOURCE_DIR "/specs/edge.yaml";
  std::string data = NPUGEN_SOURCE_DIR "/models/digits";
  std::string json;
  uint32_t images = 0;
  bool no_area = false;
  BuildFlags build;
  SimulationFlags simulation;
};

/// The digits network's files.
struct Digits {
  Model model;
  std::vector<uint8_t> input, probabilities, labels;
  size_t image_bytes = 0;
  size_t classes = 0;
};

struct DemoResult {
  uint32_t images = 0;
  std::vector<bool> exact;        ///< per image: outputs and all tensors as they should be
  uint64_t tensors_compared = 0;  ///< over all images
  uint32_t correct = 0;
  uint64_t cycles_first = 0;
  uint64_t cycles_later = 0;  ///< sum over all images but the first
  uint64_t simulated_cycles = 0;
  double seconds = 0;
  std::optional<double> area_ge;
  uint32_t bit_exact() const {
    return static_cast<uint32_t>(std::count(exact.begin(), exact.end(), true));
  }
  double cycles_per_image() const {
    return images > 1 ? static_cast<double>(cycles_later) / (images - 1)
                      : static_cast<double>(cycles_first);
  }
};

Diagnostic DataDamaged(const std::string& folder) {
  return {DiagnosticCode::kModelInput,
          {folder, 0, 0},
          "the demonstration's files do not fit together",
          "restore models/digits"};
}

Result<Digits> LoadDigits(const std::string& folder) {
  Result<Model> model = ReadModel(folder + "/digits_cnn_int8.tflite");
  if (!model) return model.errors();
  Digits digits;
  digits.model = std::move(*model);
  for (const auto& [name, bytes] :
       {std::pair{"input.bin", &digits.input}, std::pair{"golden_prob.bin", &digits.probabilities},
        std::pair{"labels.bin", &digits.labels}}) {
    Result<std::vector<uint8_t>> content = ReadFileBytes(fmt::format("{}/{}", folder, name));
    if (!content) return content.errors();
    *bytes = std::move(*content);
  }
  const auto bytes_of = [&digits](int32_t tensor) {
    return digits.model.tensors[static_cast<size_t>(tensor)].bytes();
  };
  digits.image_bytes = bytes_of(digits.model.inputs[0]);
  digits.classes = bytes_of(digits.model.outputs[0]);
  const size_t images = digits.labels.size();
  if (images == 0 || digits.input.size() != images * digits.image_bytes ||
      digits.probabilities.size() != images * digits.classes) {
    return DataDamaged(folder);
  }
  return digits;
}

/// Classifies image after image through the driver.
Status RunImages(const NpuConfig& config, const Digits& digits, const Program& program,
                 Machine& machine, ProgressLine* progress, DemoResult* result) {
  Result<std::unique_ptr<NpuHost>> opened = NpuHost::Open(machine, config);
  if (!opened) return opened.errors();
  NpuHost& host = **opened;
  const Result<PlacedProgram> placed = host.Place(program);
  if (!placed) return placed.errors();
  npu_forget_parameters(&host.device());
  for (uint32_t i = 0; i < result->images; ++i) {
    progress->Show(fmt::format("image {} of {}", i + 1, result->images));
    const auto image = digits.input.begin() + static_cast<std::ptrdiff_t>(i * digits.image_bytes);
    const Result<JobReport> job =
        host.Run(*placed, {{image, image + static_cast<std::ptrdiff_t>(digits.image_bytes)}}, {});
    if (!job) return job.errors();
    (i == 0 ? result->cycles_first : result->cycles_later) += job->counters.cycles;
    result->simulated_cycles += job->simulated_cycles;
    result->seconds += job->seconds;
    const std::vector<uint8_t> output = host.ReadTensor(*placed, program.outputs[0]);
    const auto expected =
        digits.probabilities.begin() + static_cast<std::ptrdiff_t>(i * digits.classes);
    result->exact[i] = std::equal(output.begin(), output.end(), expected);
    const auto best = std::max_element(output.begin(), output.end(), [](uint8_t a, uint8_t b) {
      return static_cast<int8_t>(a) < static_cast<int8_t>(b);
    });
    result->correct += best - output.begin() == digits.labels[i] ? 1 : 0;
  }
  progress->Clear();
  return Unit{};
}

/// Runs every image once more with the program that stores all tensors, each compared with the
/// golden model.
Status CheckImages(const NpuConfig& config, const Digits& digits, const CompiledModel& compiled,
                   Machine& machine, ProgressLine* progress, DemoResult* result) {
  for (uint32_t i = 0; i < result->images; ++i) {
    progress->Show(fmt::format("checking every tensor of image {} of {}", i + 1, result->images));
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

std::string DemoJson(const NpuConfig& config, const DemoResult& result) {
  nlohmann::ordered_json json;
  json["spec"] = config.name;
  json["config_hash"] = fmt::format("{:016x}", config.hash);
  json["images"] = result.images;
  json["bit_exact"] = result.bit_exact();
  json["tensors_compared"] = result.tensors_compared;
  json["accuracy"] = static_cast<double>(result.correct) / result.images;
  json["cycles_first"] = result.cycles_first;
  json["cycles_per_image"] = result.cycles_per_image();
  json["sim_hz"] =
      result.seconds > 0 ? static_cast<double>(result.simulated_cycles) / result.seconds : 0.0;
  if (result.area_ge) {
    json["area_ge"] = *result.area_ge;
  } else {
    json["area_ge"] = nullptr;
  }
  return json.dump(2) + '\n';
}

int Demo(const DemoOptions& options) {
  const Result<NpuConfig> config = LoadSpec(options.spec);
  if (!config) return Report(config.errors());
  const Result<Digits> digits = LoadDigits(options.data);
  if (!digits) return Report(digits.errors());
  const Result<CompiledModel> compiled = CompileForRun(digits->model, *config);
  if (!compiled) return Report(compiled.errors());

  fmt::print("{}: {} MACs per cycle, configuration {:016x}\n", config->name,
             config->macs_per_cycle(), config->hash);
  std::fflush(stdout);
  ProgressLine progress;
  // The area takes longest where nothing is built yet, and needs nothing of the simulation.
  std::future<Result<AreaReport>> synthesis;
  if (!options.no_area) {
    SynthOptions synth;
    synth.cache_folder =
        options.build.cache_folder.empty() ? DefaultCacheFolder() : options.build.cache_folder;
    synthesis =
        std::async(std::launch::async, [&config, synth] { return Synthesize(*config, synth); });
  }
  const Result<BuiltModel> built =
      BuildForConfig(*config, options.build, !options.simulation.waves.empty(), &progress);
  if (!built) return Report(built.errors());
  if (built->built) fmt::print("simulation model built in {:.1f} s\n", built->seconds);
  const Result<std::unique_ptr<SimulatedNpu>> npu =
      OpenSimulation(*config, *built, options.simulation, RunMemoryBytes(*compiled));
  if (!npu) return Report(npu.errors());

  // Layer by layer, with every tensor compared: cold, then with cached parameters.
  RunModelOptions run;
  run.repeat = 2;
  const std::vector<uint8_t> first(
      digits->input.begin(),
      digits->input.begin() + static_cast<std::ptrdiff_t>(digits->image_bytes));
  const Result<RunReport> report =
      RunModel(*config, digits->model, *compiled, **npu, {first}, run, nullptr);
  if (!report) return Report(report.errors());
  std::fputs(FormatRunReport(*config, *report).c_str(), stdout);
  std::fflush(stdout);

  DemoResult result;
  const uint32_t available = static_cast<uint32_t>(digits->labels.size());
  result.images = options.images == 0 ? available : std::min(options.images, available);
  result.exact.assign(result.images, false);
  const Status ran = RunImages(*config, *digits, compiled->plain, **npu, &progress, &result);
  if (!ran) return Report(ran.errors());
  const Status checked = CheckImages(*config, *digits, *compiled, **npu, &progress, &result);
  if (!checked) return Report(checked.errors());
  fmt::print("{} of {} images bit-exact in all {} tensors compared, {} right ({:.2f} %)\n",
             result.bit_exact(), result.images, result.tensors_compared, result.correct,
             100.0 * result.correct / result.images);
  fmt::print("{} cycles for the first image, {:.0f} for each later one; simulated at {:.2f} MHz\n",
             result.cycles_first, result.cycles_per_image(),
             static_cast<double>(result.simulated_cycles) / result.seconds / 1e6);
  std::fflush(stdout);

  if (!options.no_area) {
    progress.Show("synthesizing");
    const Result<AreaReport> area = synthesis.get();
    progress.Clear();
    if (area) {
      result.area_ge = area->TotalGateEquivalents();
      fmt::print(
          "{:.0f} gate equivalents without memories, {:.0f} per MAC tile (Yosys, {:.0f} s{})\n",
          *result.area_ge, area->TileGateEquivalentsPerMac(*config), area->seconds,
          area->cached ? ", from the cache" : "");
    } else {
      // The demonstration stands without it: say why and go on.
      Report(area.errors());
    }
  }
  if (!options.json.empty()) {
    const std::string json = DemoJson(*config, result);
    const Status written = WriteFileBytes(options.json, json.data(), json.size());
    if (!written) return Report(written.errors());
  }
  if (report->mismatches != 0 || result.bit_exact() != result.images) {
    return Report({{DiagnosticCode::kMismatch, SourceLocation(),
                    fmt::format("{} of {} images differ from the reference results",
                                result.images - result.bit_exact(), result.images),
                    "`npugen run` on the same model shows the first differing layer"}});
  }
  return 0;
}

}  // namespace

void AddDemoCommand(CLI::App& app) {
  auto options = std::make_shared<DemoOptions>();
  CLI::App* command = app.add_subcommand(
      "demo", "Handwritten digits on the reference design: accuracy, cycles, speed, area");
  command->add_option("--spec", options->spec, "spec file (YAML)")->capture_default_str();
  command->add_option("--data", options->data, "folder with network, images and results")
      ->capture_default_str();
  command->add_option("--images", options->images, "only the first so many images");
  command->add_option("--json", options->json, "write the results to this file");
  command->add_flag("--no-area", options->no_area, "leave out the synthesis with Yosys");
  AddBuildFlags(*command, &options->build);
  AddSimulationFlags(*command, &options->simulation);
  command->footer("Example: npugen demo --json build/demo.json");
  OnRun(*command, [options] { return Demo(*options); });
}

}  // namespace npugen

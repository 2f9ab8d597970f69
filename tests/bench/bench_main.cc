// SPDX-License-Identifier: Apache-2.0
// npugen_bench: cycles of networks and layers on verilated hardware, simulation rates, build times.
//
//     npugen_bench [--write FILE] [--builds] [--bits] [--floats]
//
// Prints the tables of docs/performance.md; --write also writes that document. --builds builds the
// model of every preset anew, to time it. Networks that are not here (NPUGEN_SHARED_MODELS) are
// not measured: their rows stay as they are in FILE. Exit status: 0 measured, 1 a build or run
// failed or a result was not bit-exact, 2 usage.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "generator/config/load.h"
#include "sw/model/read_model.h"
#include "sw/model/tflite_reader.h"
#include "sw/runtime/npu_host.h"
#include "tests/bench/document.h"
#include "tests/bench/models.h"
#include "tests/bench/waves.h"
#include "tests/support/files.h"
#include "tests/support/stream_job.h"
#include "verif/session/run_model.h"
#include "verif/sim/model_builder.h"
#include "verif/sim/simulated_npu.h"

namespace npugen::testing {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void Fail(const std::string& what, const Diagnostics& errors) {
  fmt::print(stderr, "npugen_bench: {}\n", what);
  for (const Diagnostic& error : errors) std::fputs(FormatDiagnostic(error, false).c_str(), stderr);
  std::exit(1);
}

template <typename T>
T Need(Result<T> result, const std::string& what) {
  if (!result) Fail(what, result.errors());
  return std::move(result.value());
}

NpuConfig ConfigOf(const std::string& spec) { return Need(LoadSpec(SourcePath(spec)), spec); }

BuiltModel Build(const NpuConfig& config, const std::string& cache) {
  ModelBuildOptions options;
  options.cache_folder = cache;
  return Need(BuildConfigModel(config, options), config.name);
}

/// Deterministic bytes for a model's inputs.
std::vector<std::vector<uint8_t>> Inputs(const Model& model) {
  std::vector<std::vector<uint8_t>> inputs;
  uint64_t state = 1;
  for (int32_t input : model.inputs) {
    std::vector<uint8_t> bytes(model.tensors[static_cast<size_t>(input)].bytes());
    for (uint8_t& byte : bytes) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      byte = static_cast<uint8_t>(state >> 56);
    }
    inputs.push_back(std::move(bytes));
  }
  return inputs;
}

/// A model on a spec, every tensor checked.
struct Run {
  RunReport report;
  double seconds = 0;  ///< of host time, for the checked run and the measured ones
};

Run Measure(const std::string& spec, const Model& model) {
  const NpuConfig config = ConfigOf(spec);
  const BuiltModel built = Build(config, "");
  const CompiledModel compiled = Need(CompileForRun(model, config), model.name);
  SimulationOptions simulation;
  simulation.memory_bytes = (RunMemoryBytes(compiled) + (uint64_t{1} << 20)) & ~uint64_t{4095};
  const std::unique_ptr<SimulatedNpu> npu =
      Need(SimulatedNpu::Open(built.library, simulation), config.name);
  const auto start = std::chrono::steady_clock::now();
  Run run;
  run.report =
      Need(RunModel(config, model, compiled, *npu, Inputs(model), {}, nullptr), model.name);
  run.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (run.report.mismatches != 0) Fail(model.name + " is not bit-exact on " + config.name, {});
  return run;
}

Model Read(const std::vector<uint8_t>& file, const std::string& name) {
  return Need(ReadTflite(file, name), name);
}

std::optional<Model> Shared(const std::string& name) {
  const std::string path = NetworkFile(name);
  if (path.empty()) return std::nullopt;
  return Need(LoadTflite(path), path);
}

std::string Thousands(uint64_t number) {
  if (number < 1000) return fmt::format("{}", number);
  return fmt::format("{},{:03}", Thousands(number / 1000), number % 1000);
}

std::string Percent(double share) { return fmt::format("{:.1f} %", 100 * share); }

void Networks(Document* document) {
  struct Row {
    const char* name;
    const char* label;
    uint64_t goal;
    const char* known;
  };
  constexpr Row kRows[] = {
      {"resnet8_cifar10", "resnet8", 58'000, "100,117"},
      {"kws_dscnn", "DS-CNN keyword spotting", 15'000, "46,118"},
      {"vww_mobilenet", "MobileNetV1 0.25 visual wake words", 48'000, "137,916"},
      {"ad_autoencoder", "autoencoder anomaly detection", 18'000, "40,293"},
      {"streaming_ww", "streaming wake word", 8'000, "16,978"},
      {"mobilenet_v2_224", "MobileNetV2 1.0 224", 1'600'000, "3,817,278"},
      {"mobilenet_v2_160_035", "MobileNetV2 0.35 160", 0, "-"},
      {"hps_320x240", "person detection 320x240", 0, "-"},
      {"micro_speech", "micro speech", 0, "-"},
  };
  document->Line("## Networks on `edge`");
  document->Line("");
  document->Line(
      "256 MACs per cycle, 16-byte bus, memory latency 50 cycles. Cycles, cold, cached and use are "
      "what docs/figures.md defines: doorbell to interrupt of one inference; cold loads "
      "everything, "
      "cached finds its parameters in core memory.");
  document->Line("");
  document->Line(
      "| network | MACs | cold | use | goal | known best of 256 MACs | cached | use | bytes read, "
      "cold | simulation |");
  document->Line("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
  const auto row = [&](const std::string& label, const Model& model, uint64_t goal,
                       const char* known) {
    const RunReport report = Measure("specs/edge.yaml", model).report;
    document->Line(fmt::format(
        "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {:.2f} MHz |", label,
        Thousands(report.macs), Thousands(report.cold.cycles), Percent(report.cold.utilization),
        goal == 0
            ? "-"
            : fmt::format("{}{}", Thousands(goal), report.cold.cycles <= goal ? "" : " (missed)"),
        known, report.cached ? Thousands(report.cached->cycles) : "-",
        report.cached ? Percent(report.cached->utilization) : "-",
        Thousands(report.cold.bytes_read), report.sim_hz / 1e6));
  };
  row("digits CNN (models/digits)",
      Read(ReadBytes(SourcePath("models/digits/digits_cnn_int8.tflite")), "digits"), 6'000, "-");
  for (const Row& r : kRows) {
    if (const std::optional<Model> model = Shared(r.name)) {
      row(r.label, *model, r.goal, r.known);
    } else {
      document->Keep(fmt::format("| {} |", r.label));
    }
  }
  if (const std::optional<Model> model = Shared("ad_autoencoder")) {
    const RunReport report = Measure("tests/bench/edge_512k.yaml", *model).report;
    const uint64_t cycles = report.cached ? report.cached->cycles : report.cold.cycles;
    document->Line("");
    document->Line(fmt::format(
        "The autoencoder with its parameters cached in a core memory of 512 KiB, 8 banks "
        "(`tests/bench/edge_512k.yaml`): {} cycles (goal 3,500{}).",
        Thousands(cycles), cycles <= 3'500 ? "" : ", missed"));
  } else {
    document->Line("");
    document->Keep("The autoencoder with its parameters cached");
  }
  document->Line("");
}

void Layers(Document* document) {
  document->Line("## Layers on `edge`");
  document->Line("");
  document->Line("| layer | cycles | MAC use | goal |");
  document->Line("| --- | --- | --- | --- |");
  const RunReport gemm = Measure("specs/edge.yaml", Read(GemmModel(512, 512, 512), "gemm")).report;
  document->Line(fmt::format(
      "| matrix product 512 x 512 x 512, from memory to memory | {} | {:.1f} % | 98 % |",
      Thousands(gemm.cycles), 100 * gemm.utilization));
  for (const int32_t stride : {1, 2}) {
    const RunReport report =
        Measure("specs/edge.yaml", Read(DepthwiseModel(24, 64, stride), "depthwise")).report;
    const LayerReport& layer = report.layers[1];
    document->Line(fmt::format(
        "| depthwise 3x3, 64 channels, 24x24, stride {}, between two layers | {} | {:.1f} % | {} % "
        "|",
        stride, Thousands(layer.cycles), 100 * layer.utilization, stride == 1 ? 50 : 25));
  }
  const RunReport convolution =
      Measure("specs/edge.yaml", Read(ConvolutionModel(16, 256, 3), "convolution")).report;
  document->Line(
      fmt::format("| convolution 3x3, 256 channels, 16x16, from memory to memory | {} | "
                  "{:.1f} % | - |",
                  Thousands(convolution.cycles), 100 * convolution.utilization));
  document->Line("");
}

/// Bits of operand slots that change in the second passes of gated layers: where all lanes load
/// every operand, and where lanes whose gate stays shut hold theirs.
struct Toggles {
  uint64_t all = 0, held = 0;
};

uint64_t Differing(const std::string& a, const std::string& b) {
  uint64_t bits = 0;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) bits += a[i] != b[i] ? 1 : 0;
  return bits;
}

/// Counts them in the waves of a run: what the slots of a tile did at the clock edges of second
/// passes, and what all lanes would have done with the operands that were on the tile's bus.
Toggles CountToggles(const NpuConfig& config, const std::string& waves) {
  struct Tile {
    size_t load = 0, second = 0, data = 0, slots = 0;
    std::string last;  // operand loaded
  };
  constexpr std::string_view kSlots = ".slots_q", kData = ".load_data_i";
  const auto ends = [](std::string_view name, std::string_view end) { return name.ends_with(end); };
  std::vector<Tile> tiles;
  WaveSignals before;
  Toggles toggles;
  const uint64_t lanes = config.lanes;
  const auto visit = [&](uint64_t time, const WaveSignals& now) {
    if (tiles.empty()) {
      const auto place = [&](const std::string& name) {
        const auto found = std::find(now.names.begin(), now.names.end(), name);
        if (found == now.names.end()) Fail("no signal " + name + " in the waves", {});
        return static_cast<size_t>(found - now.names.begin());
      };
      for (size_t i = 0; i < now.names.size(); ++i) {
        const std::string& name = now.names[i];
        if (!ends(name, kSlots)) continue;
        const std::string tile = name.substr(0, name.size() - kSlots.size());
        const std::string core = tile.substr(0, tile.rfind(".gen_tile"));
        tiles.push_back({place(core + ".load_i"),
                         place(core + ".second_i"),
                         place(tile + std::string(kData)),
                         i,
                         {}});
      }
      if (tiles.empty()) Fail("no tiles in the waves", {});
    }
    // Clock edges are at odd times; what was there before them decides.
    for (Tile& tile : tiles) {
      if (time % 2 == 0 || before.values.empty() || before.values[tile.load] != "1") continue;
      const std::string& data = before.values[tile.data];
      if (before.values[tile.second] == "1") {
        toggles.held += Differing(before.values[tile.slots], now.values[tile.slots]);
        toggles.all += lanes / tiles.size() * config.cores * config.pes() *
                       Differing(tile.last.empty() ? data : tile.last, data);
      }
      tile.last = data;
    }
    before = now;
  };
  const auto wanted = [&](std::string_view name) {
    return ends(name, kSlots) || ends(name, kData) || ends(name, ".u_core.load_i") ||
           ends(name, ".u_core.second_i");
  };
  if (!ReadWaves(waves, wanted, visit)) Fail(waves + " cannot be read", {});
  return toggles;
}

/// The share of toggles that holding saves on the first images of the demonstration.
double HeldToggles(const Model& model) {
  constexpr size_t kPixels = 64, kImages = 10;
  const std::vector<uint8_t> pixels = DigitLevels(kImages);
  const NpuConfig config = ConfigOf("specs/edge_bnn.yaml");
  ModelBuildOptions options;
  options.waves = true;
  const BuiltModel built = Need(BuildConfigModel(config, options), config.name);
  const CompiledModel compiled = Need(CompileForRun(model, config), model.name);
  const fs::path waves =
      fs::temp_directory_path() / fmt::format("npugen_bench_{}.fst", static_cast<long>(getpid()));
  {
    SimulationOptions simulation;
    simulation.memory_bytes = (RunMemoryBytes(compiled) + (uint64_t{1} << 20)) & ~uint64_t{4095};
    simulation.waves = waves.string();
    simulation.waves_cycles = 0;
    const std::unique_ptr<SimulatedNpu> npu =
        Need(SimulatedNpu::Open(built.library, simulation), config.name);
    const std::unique_ptr<NpuHost> host = Need(NpuHost::Open(*npu, config), config.name);
    const PlacedNetwork placed = Need(host->Place(compiled.plain), model.name);
    for (size_t image = 0; image < kImages; ++image) {
      const auto begin = pixels.begin() + static_cast<ptrdiff_t>(kPixels * image);
      Need(host->Run(placed, {{begin, begin + static_cast<ptrdiff_t>(kPixels)}}, {}), model.name);
    }
  }
  const Toggles toggles = CountToggles(config, waves.string());
  fs::remove(waves);
  return 1 - static_cast<double>(toggles.held) / static_cast<double>(toggles.all);
}

/// Networks of bits; `skip_window` of units.bnn.
void Bits(Document* document) {
  document->Line("## Bits");
  document->Line("");
  document->Line(
      "`edge_bnn`, 2,048 multiply-accumulates of bits per cycle, and `quad` with the binary unit.");
  document->Line("");
  document->Line("| | cycles | use | must |");
  document->Line("| --- | --- | --- | --- |");
  const Model convolution = BinaryConvolutionModel(16, 256);
  for (const char* spec : {"specs/edge_bnn.yaml", "tests/bench/quad_bnn.yaml"}) {
    const RunReport report = Measure(spec, convolution).report;
    document->Line(
        fmt::format("| {}: convolution 3x3, 256 to 256 channels, 16x16, from memory to memory | {} "
                    "| {:.1f} % | "
                    "80 % |",
                    spec, Thousands(report.cycles), 100 * report.utilization));
  }
  double held = 0;
  for (const char* name : {"bnn", "fracbnn"}) {
    const Result<Model> model =
        ReadModel(SourcePath(fmt::format("models/digits/{}/digits_{}.json", name, name)));
    if (!model) continue;
    const RunReport report = Measure("specs/edge_bnn.yaml", *model).report;
    const InferenceCost cost = report.cached.value_or(report.cold);
    document->Line(fmt::format("| digits, {}, cached | {} | {} | {} |", name,
                               Thousands(cost.cycles), Percent(cost.utilization),
                               std::string(name) == "bnn" ? "1,500 cycles" : "1.8 times the bnn"));
    if (std::string(name) == "fracbnn") held = HeldToggles(*model);
  }
  document->Line("");
  document->Line(fmt::format(
      "Lanes whose gate stays shut hold their operand: {:.1f} % of the toggles of operand slots in "
      "the second passes of fracbnn disappear (must: 60 %), counted in the waves of ten images "
      "against what the same operands would do in lanes that all load them.",
      100 * held));
  document->Line("");
}

/// Products of floating-point numbers on `edge_float`.
void Floats(Document* document) {
  document->Line("## Floating point");
  document->Line("");
  document->Line(
      "`edge_float`, 128 multiply-accumulates of BF16 or 256 of FP8 per cycle: products of two "
      "matrices of 512 x 512 with results in BF16, from memory to memory, every bit compared.");
  document->Line("");
  document->Line("| operands | cycles | use | must | estimated | rate |");
  document->Line("| --- | --- | --- | --- | --- | --- |");
  const NpuConfig config = ConfigOf("specs/edge_float.yaml");
  SimulationOptions simulation;
  simulation.memory_bytes = uint64_t{8} << 20;
  const std::unique_ptr<SimulatedNpu> npu =
      Need(SimulatedNpu::Open(Build(config, "").library, simulation), config.name);
  constexpr int64_t kSize = 512;
  for (const int64_t format : {kFormatBf16, kFormatE4m3}) {
    const FloatProduct product = {kSize, kSize, kSize, format, format, kFormatBf16};
    std::mt19937_64 random(7);
    const std::vector<uint16_t> a = RandomCodes(format, kSize * kSize, &random);
    const std::vector<uint16_t> w = RandomCodes(format, kSize * kSize, &random);
    const auto begin = std::chrono::steady_clock::now();
    const FloatProductRun run =
        Need(RunFloatProduct(config, product, a, w, npu.get()), config.name);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    if (run.out != FloatProductReference(config, product, a, w)) Fail("not bit-exact", {});
    const uint64_t limit =
        static_cast<uint64_t>(kSize * kSize * kSize * ElementBytes(format)) / 256;
    document->Line(fmt::format(
        "| {} | {} | {:.1f} % | 98 % | {} | {:.0f} kHz |", format == kFormatBf16 ? "BF16" : "E4M3",
        Thousands(run.cycles), 100 * static_cast<double>(limit) / static_cast<double>(run.cycles),
        Thousands(run.estimate), static_cast<double>(run.cycles) / seconds.count() / 1e3));
  }
  document->Line("");
}

void Quad(Document* document) {
  document->Line("## `quad` against `edge`");
  document->Line("");
  document->Line(
      "Four times the MACs. Buses of 16 and 64 bytes (`tests/bench/*_wide.yaml`); the goal is 2.8 "
      "times faster with the wide one.");
  document->Line("");
  document->Line(
      "| network | edge, 16 | quad, 16 | faster | edge, 64 | quad, 64 | faster than edge, 64 | "
      "than edge, 16 |");
  document->Line("| --- | --- | --- | --- | --- | --- | --- | --- |");
  for (const char* name : {"resnet8_cifar10", "vww_mobilenet", "mobilenet_v2_224"}) {
    const std::optional<Model> model = Shared(name);
    if (!model) {
      document->Keep(fmt::format("| {} |", name));
      continue;
    }
    const auto cycles = [&](const char* spec) { return Measure(spec, *model).report.cold.cycles; };
    const uint64_t edge = cycles("specs/edge.yaml"), quad = cycles("specs/quad.yaml");
    const uint64_t edge_wide = cycles("tests/bench/edge_wide.yaml");
    const uint64_t quad_wide = cycles("tests/bench/quad_wide.yaml");
    const auto ratio = [](uint64_t slow, uint64_t fast) {
      return static_cast<double>(slow) / static_cast<double>(fast);
    };
    document->Line(fmt::format("| {} | {} | {} | {:.2f} | {} | {} | {:.2f} | {:.2f} |", name,
                               Thousands(edge), Thousands(quad), ratio(edge, quad),
                               Thousands(edge_wide), Thousands(quad_wide),
                               ratio(edge_wide, quad_wide), ratio(edge, quad_wide)));
  }
  document->Line("");
}

void Simulation(Document* document, bool builds) {
  document->Line("## Simulation");
  document->Line("");
  document->Line(
      "One thread, no waves, counters on; a 3x3 convolution of 64 channels. These figures depend "
      "on "
      "the host and on what else it does. Models are built without ccache.");
  document->Line("");
  // Nothing of an earlier build may help.
  if (builds) setenv("CCACHE_DISABLE", "1", 1);
  document->Line(builds ? "| preset | MACs per cycle | rate | model built in |"
                        : "| preset | MACs per cycle | rate |");
  document->Line(builds ? "| --- | --- | --- | --- |" : "| --- | --- | --- |");
  for (const char* name : {"nano", "edge", "quad", "edge_tpu_v1", "edge_tpu_v2", "edge_tpu_v3"}) {
    const std::string spec = fmt::format("specs/{}.yaml", name);
    const NpuConfig config = ConfigOf(spec);
    std::string time;
    if (builds) {
      const fs::path cache =
          fs::temp_directory_path() / fmt::format("npugen_bench_{}", static_cast<long>(getpid()));
      // The first build also compiles Verilator's runtime, which the second one finds.
      NpuConfig other = ConfigOf("specs/nano.yaml");
      Build(other, cache.string());
      if (std::string(name) == "nano") fs::remove_all(cache / "models");
      time = fmt::format(" {:.0f} s |", Build(config, cache.string()).seconds);
      fs::remove_all(cache);
    }
    const RunReport report = Measure(spec, Read(ConvolutionModel(32, 64, 3), "convolution")).report;
    document->Line(fmt::format("| `{}` | {} | {:.0f} kHz |{}", name,
                               Thousands(config.macs_per_cycle()), report.sim_hz / 1e3, time));
  }
  document->Line("");
  double seconds = 0;
  bool all = true;
  for (const char* name : {"resnet8_cifar10", "kws_dscnn", "vww_mobilenet", "ad_autoencoder"}) {
    const std::optional<Model> model = Shared(name);
    all = all && model.has_value();
    if (model) seconds += Measure("specs/edge.yaml", *model).seconds;
  }
  if (all) {
    document->Line(
        fmt::format("The four networks of MLPerf Tiny on `edge`, once with every tensor compared, "
                    "once cold and "
                    "once with cached parameters: {:.1f} s together (goal 3 s).",
                    seconds));
  } else {
    document->Keep("The four networks of MLPerf Tiny");
  }
  if (const std::optional<Model> model = Shared("mobilenet_v2_224")) {
    document->Line(fmt::format("MobileNetV2 224 on `edge`, the same three runs: {:.1f} s.",
                               Measure("specs/edge.yaml", *model).seconds));
  } else {
    document->Keep("MobileNetV2 224 on `edge`");
  }
}

int Main(int argc, char** argv) {
  std::string path;
  bool builds = false, bits_only = false, floats_only = false;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--builds") {
      builds = true;
    } else if (argument == "--bits") {
      bits_only = true;
    } else if (argument == "--floats") {
      floats_only = true;
    } else if (argument == "--write" && i + 1 < argc) {
      path = argv[++i];
    } else {
      std::fputs("usage: npugen_bench [--write FILE] [--builds] [--bits] [--floats]\n", stderr);
      return 2;
    }
  }
  std::string before;
  if (std::ifstream file(path, std::ios::binary); !path.empty() && file) {
    before.assign(std::istreambuf_iterator<char>(file), {});
  }
  Document document(before);
  if (bits_only) {
    Bits(&document);
    return 0;
  }
  if (floats_only) {
    Floats(&document);
    return 0;
  }
  document.Line("# Performance");
  document.Line("");
  document.Line(
      "Written by `make bench`; every run is compared bit for bit with the golden model.");
  document.Line("");
  Networks(&document);
  Layers(&document);
  Quad(&document);
  Bits(&document);
  Floats(&document);
  Simulation(&document, builds);
  if (!path.empty() && !document.Write(path)) {
    fmt::print(stderr, "npugen_bench: {} cannot be written\n", path);
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace npugen::testing

int main(int argc, char** argv) { return npugen::testing::Main(argc, argv); }

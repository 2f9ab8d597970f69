// SPDX-License-Identifier: Apache-2.0
// Shared parts of `npugen build`, `run` and `demo`.
#include "cli/simulate.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <string_view>

#include "cli/commands.h"
#include "cli/tensor_file.h"
#include "sw/model/channel_order.h"
#include "sw/model/read_model.h"
#include "verif/session/run_jobs.h"
#include "verif/sim/hbm_memory.h"

namespace npugen {
namespace {

constexpr std::chrono::milliseconds kRefresh(100);
/// Lines where there is no terminal.
constexpr std::chrono::seconds kLineEvery(10);

/// The seed that a value of --power-up stands for, 0 for zero; false if it is none.
bool ParsePowerUp(std::string_view text, uint64_t* seed) {
  constexpr std::string_view kRandom = "random";
  *seed = text == "zero" ? 0 : kDefaultPowerUpSeed;
  if (text == "zero" || text == kRandom) return true;
  if (!text.starts_with(kRandom) || text.substr(kRandom.size(), 1) != ":") return false;
  const std::string_view digits = text.substr(kRandom.size() + 1);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), *seed);
  return error == std::errc() && end == digits.data() + digits.size() && *seed != 0;
}

}  // namespace

ProgressLine::ProgressLine(OffTerminal off_terminal)
    : terminal_(isatty(STDERR_FILENO) != 0), lines_(off_terminal == OffTerminal::kLines) {}

ProgressLine::~ProgressLine() { Clear(); }

void ProgressLine::Show(const std::string& text) {
  const auto now = std::chrono::steady_clock::now();
  if (!terminal_) {
    if (!lines_ || now - last_ < kLineEvery) return;
    std::fputs((text + '\n').c_str(), stderr);
    last_ = now;
    return;
  }
  if (shown_ && now - last_ < kRefresh) return;
  std::fputs(fmt::format("\r\x1b[K{}", text).c_str(), stderr);
  std::fflush(stderr);
  shown_ = true;
  last_ = now;
}

void ProgressLine::Clear() {
  if (!shown_) return;
  std::fputs("\r\x1b[K", stderr);
  std::fflush(stderr);
  shown_ = false;
}

void AddBuildFlags(Subcommand& command, BuildFlags* flags) {
  command.Value("--cache", &flags->cache_folder,
                "folder of built models (default: $NPUGEN_CACHE, $XDG_CACHE_HOME/npugen or "
                "~/.cache/npugen)");
  command.Value("--jobs", &flags->jobs, "compilers at a time (default: one for each CPU)")
      .Range(1, 256);
}

CommandOption AddSimulationFlags(Subcommand& command, SimulationFlags* flags) {
  command
      .Value("--latency", &flags->latency,
             "cycles from a bus request to its answer, or on the way to a DRAM")
      .ShowDefault()
      .Range(1, 100000);
  const CommandOption memory =
      command
          .Value(
              "--memory",
              [flags](const std::string& text) -> std::string {
                flags->memory = text;
                if (text == "fixed" || FindHbmSheet(text) != nullptr) return "";
                return "`" + text + "` is none of fixed, hbm2, hbm2e and hbm3";
              },
              "what answers on the bus: fixed (after the latency), or a DRAM: hbm2, hbm2e, hbm3 "
              "(docs/memory.md)")
          .ValueName("KIND")
          .ShowDefault("fixed");
  command
      .Value(
          "--memory-channels",
          [flags](const std::string& text) -> std::string {
            HbmOptions options;
            const char* const end = text.data() + text.size();
            const auto read = std::from_chars(text.data(), end, options.channels);
            if (read.ec != std::errc() || read.ptr != end) options.channels = 0;
            flags->memory_channels = options.channels;
            return CheckHbmOptions(options);
          },
          "channels of the DRAM, of two pseudo channels each: 1, 2, 4, 8 or 16")
      .ValueName("N")
      .ShowDefault("1")
      .Needs(memory);
  command
      .Value("--stalls", &flags->stalls,
             "probability that a bus channel pauses in a cycle, 0 to 0.95")
      .RealRange(0.0, 0.95);
  command.Value("--stall-seed", &flags->stall_seed, "seed of the pauses").ShowDefault();
  command.Flag("--interleave", &flags->interleave, "mix the answers to different bus ids");
  command
      .Value(
          "--power-up",
          [flags](const std::string& text) -> std::string {
            if (ParsePowerUp(text, &flags->power_up_seed)) return "";
            return "`" + text + "` is neither zero, random nor random:SEED, SEED >= 1";
          },
          "what flip-flops and memories hold at first: zero, random, or random:SEED")
      .ValueName("STATE")
      .ShowDefault(fmt::format("random:{}", kDefaultPowerUpSeed));
  const CommandOption waves = command.Value(
      "--waves", &flags->waves,
      "write all signals to this FST file (a model of its own, far slower where it writes)");
  command
      .Value("--waves-from", &flags->waves_from,
             "first cycle in it, counted from the start of the simulation")
      .ShowDefault()
      .Needs(waves);
  command.Value("--waves-cycles", &flags->waves_cycles, "cycles in it; 0: all that follow")
      .ShowDefault()
      .Needs(waves);
  return waves;
}

void AddInputFlags(Subcommand& command, InputFlags* flags) {
  command.Values(
      "--input", &flags->files,
      "file for an input tensor, once for each input (default: random values): raw bytes of "
      "the type and layout that the model declares, .npy, PPM or PGM, or WAV. Raw bytes and .npy "
      "may hold several fillings, for as many runs one after the other");
  command
      .Value("--image-range", &flags->image_range,
             "what the brightest pixel of an image is in a float input: 1 or 255")
      .ShowDefault()
      .RealRange(1.0, 255.0);
  command.Value("--random", &flags->random_seed, "seed of random inputs").ShowDefault();
}

Result<std::vector<std::vector<uint8_t>>> MakeInputs(const InputFlags& flags, const Model& model,
                                                     const Network& network) {
  std::vector<std::vector<uint8_t>> inputs;
  if (!flags.files.empty() && flags.files.size() != model.inputs.size()) {
    return UsageError(
        fmt::format("{} input files are given", flags.files.size()),
        fmt::format("{} has {} inputs: give one --input for each, or none for random bytes",
                    model.name, model.inputs.size()));
  }
  uint64_t state = flags.random_seed;
  for (size_t i = 0; i < model.inputs.size(); ++i) {
    const Tensor& tensor = model.tensors[static_cast<size_t>(model.inputs[i])];
    if (flags.files.empty()) {
      inputs.push_back(RandomInput(network, network.tensors[i], &state));
      continue;
    }
    Result<std::vector<uint8_t>> bytes = ReadTensorFile(flags.files[i], tensor, flags.image_range);
    if (!bytes) return bytes.errors();
    inputs.push_back(std::move(*bytes));
  }
  return inputs;
}

Result<BuiltModel> BuildForConfig(const NpuConfig& config, const BuildFlags& flags, ModelKind kind,
                                  ProgressLine* progress) {
  ModelBuildOptions options;
  options.cache_folder = flags.cache_folder;
  options.waves = kind == ModelKind::kWaves;
  options.netlist = kind == ModelKind::kNetlist || kind == ModelKind::kTimed;
  options.timed = kind == ModelKind::kTimed;
  options.jobs = flags.jobs;
  options.progress = [progress, &config](const std::string& text) {
    progress->Show(fmt::format("building the model of {}: {}", config.name, text));
  };
  Result<BuiltModel> model = BuildConfigModel(config, options);
  progress->Clear();
  if (model && !model->plain_version.empty()) {
    fmt::print(stderr,
               "note: the code of {} is not that of 5.006, which npugen makes faster: its own "
               "eval() runs the model, several times slower\n",
               model->plain_version);
  }
  return model;
}

SimulationOptions MakeSimulationOptions(const NpuConfig& config, const SimulationFlags& flags) {
  SimulationOptions options;
  options.latency = flags.latency;
  options.stalls = flags.stalls;
  options.stall_seed = flags.stall_seed;
  options.interleave = flags.interleave;
  options.power_up_seed = flags.power_up_seed;
  options.waves = flags.waves;
  options.waves_from = flags.waves_from;
  options.waves_cycles = flags.waves_cycles;
  if (flags.memory != "fixed") {
    options.dram = flags.memory;
    options.dram_channels = flags.memory_channels;
    options.cycle_fs = 1e15 / static_cast<double>(config.clock_hz);
  }
  return options;
}

Result<std::unique_ptr<SimulatedNpu>> OpenSimulation(const NpuConfig& config,
                                                     const BuiltModel& model,
                                                     const SimulationFlags& flags,
                                                     uint64_t memory_bytes) {
  SimulationOptions options = MakeSimulationOptions(config, flags);
  options.memory_base = config.axi_address_bits >= 36 ? 0x8'0000'0000 : 0x1000'0000;
  options.memory_bytes = memory_bytes;
  return SimulatedNpu::Open(model.library, options);
}

std::optional<DramReport> ReportDram(const SimulationFlags& flags, const BusCounts& counts) {
  if (flags.memory == "fixed") return std::nullopt;
  return DramReport{flags.memory, flags.memory_channels, counts.dram_bursts, counts.dram_activates};
}

std::string DescribeWaves(const SimulationFlags& flags, uint64_t cycles) {
  if (flags.waves.empty()) return "";
  if (cycles <= flags.waves_from) {
    return fmt::format("waves: nothing in {}, the simulation ended with cycle {}\n", flags.waves,
                       cycles - 1);
  }
  const uint64_t all = cycles - flags.waves_from;
  const uint64_t written = flags.waves_cycles == 0 ? all : std::min(flags.waves_cycles, all);
  return fmt::format("waves: cycles {} to {} of {} in {}\n", flags.waves_from,
                     flags.waves_from + written - 1, cycles, flags.waves);
}

Result<Model> ReadModelFor(const NpuConfig& config, const std::string& path) {
  Result<Model> model = ReadModel(path);
  if (model && config.bnn_enabled != 0 && config.bnn_skip_window > 1) {
    *model = OrderChannels(std::move(*model));
  }
  return model;
}

}  // namespace npugen

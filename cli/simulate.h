// SPDX-License-Identifier: Apache-2.0
// What the commands that simulate share: options, the build of the model, the progress line.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/command_line.h"
#include "generator/config/npu_config.h"
#include "generator/support/diagnostic.h"
#include "sw/compiler/network.h"
#include "sw/model/model.h"
#include "verif/session/run_report.h"
#include "verif/sim/model_builder.h"
#include "verif/sim/simulated_npu.h"

namespace npugen {

/// One line on the terminal that says what takes so long. Where stderr is no terminal: nothing, or,
/// for commands that take minutes, a line of its own every ten seconds.
class ProgressLine {
 public:
  enum class OffTerminal : uint8_t { kNothing, kLines };
  explicit ProgressLine(OffTerminal off_terminal = OffTerminal::kNothing);
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;
  void Show(const std::string& text);
  /// Removes the line, so that other output can follow.
  void Clear();

 private:
  const bool terminal_, lines_;
  bool shown_ = false;
  std::chrono::steady_clock::time_point last_;
};

/// Where and how simulation models are built.
struct BuildFlags {
  std::string cache_folder;
  int jobs = 0;
};
void AddBuildFlags(Subcommand& command, BuildFlags* flags);

/// How the simulated memory behaves.
struct SimulationFlags {
  uint32_t latency = 50;
  double stalls = 0;
  uint64_t stall_seed = 1;
  bool interleave = false;
  std::string memory = "fixed";  ///< or a DRAM of FindHbmSheet()
  uint32_t memory_channels = 1;
  uint64_t power_up_seed = kDefaultPowerUpSeed;  ///< 0: all zero
  std::string waves;
  uint64_t waves_from = 0;
  uint64_t waves_cycles = kDefaultWavesCycles;
};
/// Returns the option --waves.
CommandOption AddSimulationFlags(Subcommand& command, SimulationFlags* flags);

/// What a network gets as its inputs.
struct InputFlags {
  std::vector<std::string> files;  ///< for each input; empty: random bytes
  uint64_t random_seed = 1;
  double image_range = 1;  ///< of the brightest pixel of an image in a float input
};
void AddInputFlags(Subcommand& command, InputFlags* flags);
/// The bytes of each input of `model`. Errors: kUsage for a wrong number of files, those of
/// ReadTensorFile().
Result<std::vector<std::vector<uint8_t>>> MakeInputs(const InputFlags& flags, const Model& model,
                                                     const Network& network);

/// Help of the flag --netlist.
inline constexpr const char* kNetlistHelp =
    "the netlist of standard cells that Yosys makes of the RTL (docs/netlist.md); the first time "
    "takes a minute or more";

/// Help of the flag --host-operators.
inline constexpr const char* kHostOperatorsHelp =
    "what the NPU cannot compute runs on the host (conversions of float inputs and outputs always "
    "may); the report says what";

/// What a model simulates.
enum class ModelKind : uint8_t {
  kRtl,      ///< the emitted RTL
  kWaves,    ///< the same, in the variant that writes waveforms
  kNetlist,  ///< the netlist that Yosys maps it to
  kTimed,    ///< the netlist that `npugen synth --timing` times
};

/// Emits `config` and builds its simulation model, or finds it in the cache.
Result<BuiltModel> BuildForConfig(const NpuConfig& config, const BuildFlags& flags, ModelKind kind,
                                  ProgressLine* progress);

/// What the flags say of the memory behind the bus, whose size and address are left open.
SimulationOptions MakeSimulationOptions(const NpuConfig& config, const SimulationFlags& flags);

/// Opens a built model with `memory_bytes` of memory at a bus address that uses the upper address
/// bits too.
Result<std::unique_ptr<SimulatedNpu>> OpenSimulation(const NpuConfig& config,
                                                     const BuiltModel& model,
                                                     const SimulationFlags& flags,
                                                     uint64_t memory_bytes);

/// What the DRAM of --memory did; none without one.
std::optional<DramReport> ReportDram(const SimulationFlags& flags, const BusCounts& counts);

/// What is to be said about the wave file after a simulation of `cycles` cycles; empty without one.

std::string DescribeWaves(const SimulationFlags& flags, uint64_t cycles);

/// ReadModel, with channels in the order of their activity where the NPU has a window of positions
/// to skip (OrderChannels).
Result<Model> ReadModelFor(const NpuConfig& config, const std::string& path);

}  // namespace npugen

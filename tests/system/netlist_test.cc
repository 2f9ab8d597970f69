// SPDX-License-Identifier: Apache-2.0
// The netlist of cells that Yosys makes of an NPU, behind the harness and driver of the RTL: every
// output as the golden model has it, and every job in the cycles that the RTL takes, from any
// power-up state.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <vector>

#include "sw/compiler/compiler.h"
#include "sw/model/packed_reader.h"
#include "sw/model/tflite_reader.h"
#include "tests/support/files.h"
#include "tests/support/packed_network.h"
#include "tests/system/simulation.h"
#include "verif/golden/golden_model.h"
#include "verif/random/random_model.h"
#include "verif/sim/model_builder.h"

namespace npugen::testing {
namespace {

constexpr uint64_t kMemoryBytes = uint64_t{16} << 20;
constexpr uint64_t kTimeout = 5'000'000;
constexpr uint64_t kLongestJob = 40'000;  ///< cycles of what is run on netlists

struct Network {
  std::string name;
  Program program;
  std::vector<std::vector<uint8_t>> inputs, outputs;
};

struct NetlistCase {
  const char* name;
  const char* units;  ///< added to the units of the spec
  uint32_t stages;    ///< lane.stages
  bool timed;         ///< the netlist that --timing times: mapped for speed, buffered, sized
};

std::string NetlistLibrary(const NpuConfig& config, bool timed) {
  ModelBuildOptions options;
  options.netlist = true;
  options.timed = timed;
  options.jobs = 1;
  const Result<BuiltModel> built = BuildConfigModel(config, options);
  EXPECT_TRUE(built.ok()) << ErrorText(built);
  return built ? built->library : "";
}

/// Cycles of one job after the other on one NPU; outputs are compared.
std::vector<uint64_t> RunAll(const NpuConfig& config, const std::string& library,
                             const std::vector<Network>& networks, uint64_t power_up_seed) {
  SimulationOptions options;
  options.memory_bytes = kMemoryBytes;
  options.latency = 10;
  options.power_up_seed = power_up_seed;
  std::vector<uint64_t> cycles;
  Result<std::unique_ptr<SimulatedNpu>> npu = SimulatedNpu::Open(library, options);
  EXPECT_TRUE(npu.ok()) << ErrorText(npu);
  if (!npu) return cycles;
  Result<std::unique_ptr<NpuHost>> host = NpuHost::Open(**npu, config);
  EXPECT_TRUE(host.ok()) << ErrorText(host);
  if (!host) return cycles;
  for (const Network& network : networks) {
    Result<PlacedProgram> placed = (*host)->Place(network.program);
    EXPECT_TRUE(placed.ok()) << ErrorText(placed);
    if (!placed) continue;
    NpuHost::JobOptions job;
    job.timeout_cycles = kTimeout;
    const Result<JobReport> report = (*host)->Run(*placed, network.inputs, job);
    EXPECT_TRUE(report.ok()) << network.name << ": " << ErrorText(report);
    if (!report) continue;
    for (size_t i = 0; i < network.outputs.size(); ++i) {
      EXPECT_EQ((*host)->ReadTensor(*placed, network.program.outputs[i]), network.outputs[i])
          << network.name << ", power-up seed " << power_up_seed;
    }
    cycles.push_back(report->counters.cycles);
  }
  return cycles;
}

class NetlistTest : public ::testing::TestWithParam<NetlistCase> {
 protected:
  NetlistTest() : config_(NanoWith(GetParam().units)) { config_.lane_stages = GetParam().stages; }

  /// Adds a network if it fits the NPU.
  void Add(const std::string& name, const Result<Model>& model) {
    ASSERT_TRUE(model.ok()) << name << ": " << ErrorText(model);
    const Result<Program> program = Compile(*model, config_);
    if (!program) return;
    Network network = {name, *program, MakeRandomInputs(*model, 1), {}};
    const Result<TensorBytes> golden = RunGolden(*model, network.inputs);
    ASSERT_TRUE(golden.ok()) << ErrorText(golden);
    for (const ProgramTensor& tensor : program->outputs) {
      network.outputs.push_back((*golden)[static_cast<size_t>(tensor.tensor)]);
    }
    networks_.push_back(std::move(network));
  }

  NpuConfig config_;
  std::vector<Network> networks_;
};

TEST_P(NetlistTest, JobsAreTheRtls) {
  for (int type = 0; type <= static_cast<int>(OperatorType::kSoftmax); ++type) {
    RandomModel random = MakeRandomOperator(static_cast<OperatorType>(type), 1);
    Add(random.name, ReadTflite(random.tflite, random.name));
  }
  for (uint64_t seed = 100; seed < 104; ++seed) {
    RandomModel random = MakeRandomMixedNetwork(seed);
    Add(random.name, ReadTflite(random.tflite, random.name));
  }
  for (uint64_t seed = 1; config_.bnn_enabled != 0 && seed <= 12; ++seed) {
    const PackedNetwork packed = MakePackedNetwork(seed);
    Add(fmt::format("bits_{}", seed), ReadPacked(packed.json.dump(), packed.weights, "net.json"));
  }
  Add("digits CNN", LoadTflite(SourcePath("models/digits/digits_cnn_int8.tflite")));
  const std::string netlist = NetlistLibrary(config_, GetParam().timed);
  const std::string library = ModelLibrary(config_, true);
  std::vector<uint64_t> rtl = RunAll(config_, library, networks_, 1);
  ASSERT_EQ(rtl.size(), networks_.size());
  for (size_t n = networks_.size(); n-- > 0;) {
    if (rtl[n] > kLongestJob) networks_.erase(networks_.begin() + static_cast<ptrdiff_t>(n));
  }
  ASSERT_GE(networks_.size(), 12u);
  // In the order of those that remain.
  rtl = RunAll(config_, library, networks_, 1);
  uint64_t cycles = 0;
  for (const uint64_t of_job : rtl) cycles += of_job;
  for (const uint64_t seed : {1u, 2u, 3u}) {
    EXPECT_EQ(RunAll(config_, netlist, networks_, seed), rtl) << "power-up seed " << seed;
  }
  std::printf("%s: %zu networks, %llu cycles, from three power-up states\n", GetParam().name,
              networks_.size(), static_cast<unsigned long long>(cycles));
}

INSTANTIATE_TEST_SUITE_P(Small, NetlistTest,
                         ::testing::Values(NetlistCase{"plain", "", 1, false},
                                           NetlistCase{"bits", "bnn: {enabled: true}", 2, false},
                                           NetlistCase{"timed", "", 1, true}),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace npugen::testing

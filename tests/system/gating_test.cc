// SPDX-License-Identifier: Apache-2.0
// Clocks of units that stop: the machine takes the same cycles, for the same reasons, as without,
// and so does its evaluation by Verilator alone.
#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>

#include "generator/config/load.h"
#include "sw/model/channel_order.h"
#include "sw/model/packed_reader.h"
#include "sw/model/tflite_reader.h"
#include "tests/support/files.h"
#include "tests/support/packed_network.h"
#include "tests/system/simulation.h"
#include "verif/random/random_model.h"
#include "verif/session/run_model.h"

namespace npugen::testing {
namespace {

constexpr uint64_t kMemoryBytes = uint64_t{64} << 20;

/// Two PEs of two cores, with the binary unit and its windows.
NpuConfig OddConfig() {
  NpuConfig config = TextConfig("odd", kOddSpec);
  config.bnn_enabled = 1;
  config.bnn_skip_window = 2;
  config.hash = ConfigHash(config);
  return config;
}

/// Runs a model cold and warm.
RunReport Measure(const NpuConfig& config, const Model& model, const CompiledModel& compiled,
                  const SimulationOptions& options) {
  const std::unique_ptr<SimulatedNpu> npu = MakeNpu(config, options, true);
  RunModelOptions run;
  run.repeat = 2;
  run.timeout_cycles = 20'000'000;
  const Result<RunReport> report =
      RunModel(config, model, compiled, *npu, MakeRandomInputs(model, 1), run, nullptr);
  EXPECT_TRUE(report.ok()) << ErrorText(report);
  if (!report) return {};
  EXPECT_EQ(report->mismatches, 0u) << DescribeMismatch(*report->first_mismatch);
  return *report;
}

void ExpectSame(const RunReport& report, const RunReport& other) {
  EXPECT_EQ(report.cycles, other.cycles);
  EXPECT_EQ(report.cold.cycles, other.cold.cycles);
  EXPECT_EQ(report.causes, other.causes);
  EXPECT_EQ(report.other, other.other);
}

class ClockGatingTest : public ::testing::Test {
 protected:
  /// The same with every clock running all the time.
  void Compare(const Model& model, uint64_t seed) {
    const NpuConfig config = OddConfig();
    NpuConfig free_running = config;
    free_running.clock_gating = 0;
    ASSERT_EQ(ConfigHash(free_running), config.hash) << "the same streams run on both";
    const Result<CompiledModel> compiled = CompileForRun(model, config);
    if (!compiled) return;
    SimulationOptions options;
    options.memory_bytes = kMemoryBytes;
    options.latency = static_cast<uint32_t>(1 + 37 * seed % 100);
    options.stalls = seed % 3 == 0 ? 0.0 : 0.3;
    options.stall_seed = seed;
    options.interleave = seed % 2 == 0;
    ExpectSame(Measure(config, model, *compiled, options),
               Measure(free_running, model, *compiled, options));
    ++runs_;
  }
  int runs_ = 0;
};

TEST_F(ClockGatingTest, OperatorsTakeTheSameCycles) {
  for (int type = 0; type <= static_cast<int>(OperatorType::kSoftmax); ++type) {
    for (uint64_t seed = 1; seed <= 5; ++seed) {
      const RandomModel drawn = MakeRandomOperator(static_cast<OperatorType>(type), seed);
      SCOPED_TRACE(drawn.name);
      const Result<Model> model = ReadTflite(drawn.tflite, drawn.name);
      if (model) Compare(*model, seed);
    }
  }
  EXPECT_GE(runs_, 40);
}

TEST_F(ClockGatingTest, BinaryNetworksTakeTheSameCycles) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    const PackedNetwork network = MakePackedNetwork(seed);
    Result<Model> model = ReadPacked(network.json.dump(), network.weights, "net.json");
    ASSERT_TRUE(model.ok()) << ErrorText(model);
    Compare(OrderChannels(std::move(*model)), seed);
  }
  EXPECT_GE(runs_, 8);
}

/// Models with waves are evaluated by Verilator, all others by single edges (verilated_code.h).
TEST_F(ClockGatingTest, EvaluationTakesTheSameCycles) {
  const NpuConfig config = SpecConfig("nano");
  const Result<Model> model = LoadTflite(SourcePath("models/digits/digits_cnn_int8.tflite"));
  ASSERT_TRUE(model.ok());
  const Result<CompiledModel> compiled = CompileForRun(*model, config);
  ASSERT_TRUE(compiled.ok());
  for (const double stalls : {0.0, 0.3}) {
    SimulationOptions options;
    options.memory_bytes = kMemoryBytes;
    options.stalls = stalls;
    SimulationOptions evaluated = options;
    evaluated.waves = ::testing::TempDir() + "npugen_gating_" + std::to_string(getpid()) + ".fst";
    evaluated.waves_cycles = 1;
    ExpectSame(Measure(config, *model, *compiled, options),
               Measure(config, *model, *compiled, evaluated));
    std::filesystem::remove(evaluated.waves);
  }
}

}  // namespace
}  // namespace npugen::testing

// SPDX-License-Identifier: Apache-2.0
// Whole NPUs with the assertions of their RTL, and with a check of every gated clock in every
// cycle.
#include <gtest/gtest.h>

#include <csignal>

#include "generator/emit/emit.h"
#include "generator/plan/plan.h"
#include "sw/model/channel_order.h"
#include "sw/model/packed_reader.h"
#include "sw/model/tflite_reader.h"
#include "verif/session/run_model.h"
#include "tests/support/files.h"
#include "tests/support/packed_network.h"
#include "tests/system/simulation.h"
#include "verif/random/random_model.h"
#include "verif/sim/model_builder.h"

namespace npugen::testing {
namespace {

constexpr uint64_t kMemoryBytes = uint64_t{64} << 20;

/// The model of an emission, with assertions.
std::string AssertingLibrary(const FileSet& files) {
  ModelBuildOptions build;
  build.quick = true;
  build.jobs = 2;
  build.assertions = true;
  const Result<BuiltModel> model = BuildModel(files, build);
  EXPECT_TRUE(model.ok()) << ErrorText(model);
  return model ? model->library : "";
}

/// The emission without gates: its registers have conditions of their own, all of them.
FileSet Emission(NpuConfig config) {
  config.clock_gating = 0;
  const Result<Plan> plan = MakePlan(config);
  EXPECT_TRUE(plan.ok());
  Result<FileSet> files = Emit(*plan);
  EXPECT_TRUE(files.ok());
  return std::move(*files);
}

/// Two PEs of two cores, with the binary unit and its windows.
NpuConfig OddConfig() {
  NpuConfig config = TextConfig("odd", kOddSpec);
  config.bnn_enabled = 1;
  config.bnn_skip_window = 2;
  return config;
}

/// Runs a model twice, on a bus that pauses.
void RunChecked(const NpuConfig& config, const std::string& library, const Model& model,
                uint64_t seed) {
  const Result<CompiledModel> compiled = CompileForRun(model, config);
  if (!compiled) return;
  SimulationOptions options;
  options.memory_bytes = kMemoryBytes;
  options.latency = static_cast<uint32_t>(1 + 37 * seed % 100);
  options.stalls = seed % 3 == 0 ? 0.0 : 0.3;
  options.stall_seed = seed;
  options.interleave = seed % 2 == 0;
  Result<std::unique_ptr<SimulatedNpu>> npu = SimulatedNpu::Open(library, options);
  ASSERT_TRUE(npu.ok()) << ErrorText(npu);
  RunModelOptions run;
  run.repeat = 2;
  run.timeout_cycles = 20'000'000;
  const Result<RunReport> report =
      RunModel(config, model, *compiled, **npu, MakeRandomInputs(model, 1), run, nullptr);
  ASSERT_TRUE(report.ok()) << ErrorText(report);
  EXPECT_EQ(report->mismatches, 0u) << DescribeMismatch(*report->first_mismatch);
}

TEST(Assertions, HoldForOperators) {
  const NpuConfig config = OddConfig();
  const std::string library = AssertingLibrary(Emission(config));
  for (int type = 0; type <= static_cast<int>(OperatorType::kSoftmax); ++type) {
    for (uint64_t seed = 1; seed <= 2; ++seed) {
      const RandomModel drawn = MakeRandomOperator(static_cast<OperatorType>(type), seed);
      SCOPED_TRACE(drawn.name);
      const Result<Model> model = ReadTflite(drawn.tflite, drawn.name);
      if (model) RunChecked(config, library, *model, seed);
    }
  }
}

TEST(Assertions, HoldForBinaryNetworks) {
  const NpuConfig config = OddConfig();
  const std::string library = AssertingLibrary(Emission(config));
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    SCOPED_TRACE(seed);
    const PackedNetwork network = MakePackedNetwork(seed);
    Result<Model> model = ReadPacked(network.json.dump(), network.weights, "net.json");
    ASSERT_TRUE(model.ok()) << ErrorText(model);
    RunChecked(config, library, OrderChannels(std::move(*model)), seed);
  }
}

/// `nano` with an edit of one file, running the digits network.
void RunDigitsWith(const std::string& file, const std::string& text, const std::string& edited) {
  const NpuConfig config = SpecConfig("nano");
  FileSet files = Emission(config);
  if (!file.empty()) {
    std::string& source = files.at("rtl/" + file);
    const size_t at = source.find(text);
    ASSERT_NE(at, std::string::npos) << file;
    source.replace(at, text.size(), edited);
  }
  const std::string library = AssertingLibrary(files);
  const Result<Model> model = LoadTflite(SourcePath("models/digits/digits_cnn_int8.tflite"));
  ASSERT_TRUE(model.ok());
  const auto run = [&] { RunChecked(config, library, *model, 1); };
  if (file.empty()) {
    run();
  } else {
    EXPECT_EXIT(run(), ::testing::KilledBySignal(SIGABRT), "") << file;
  }
}

TEST(Assertions, HoldForDigits) { RunDigitsWith("", "", ""); }

/// The period of the watchdog would go on where it stopped: no network and no cycle shows that.
TEST(Assertions, FindAClockThatStandsTooOften) {
  RunDigitsWith("npu_watchdog.sv", "armed || left_q != reload || moved_q != '0", "armed");
}

/// An address changes while the bus does not accept it.
TEST(Assertions, FindAnAddressThatChanges) {
  RunDigitsWith("npu_axi_read_mux.sv", "held_q <= !m_axi_arready_i", "held_q <= 1'b0");
}

}  // namespace
}  // namespace npugen::testing

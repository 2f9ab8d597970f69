// SPDX-License-Identifier: Apache-2.0
// Random legal specs: each one emits, lints, builds and runs a random layer bit-exactly.
// The presets with several PEs run layers, too.
// NPUGEN_SPECS in the environment says how many.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "generator/config/load.h"
#include "generator/emit/emit.h"
#include "generator/plan/plan.h"
#include "generator/support/process.h"
#include "sw/model/tflite_reader.h"
#include "tests/support/random_spec.h"
#include "tests/system/simulation.h"
#include "verif/random/random_model.h"
#include "verif/session/run_model.h"

namespace npugen::testing {
namespace {

constexpr uint64_t kMemoryBytes = uint64_t{64} << 20;

/// Emits into a folder and lints what stands there.
void EmitAndLint(const NpuConfig& config) {
  const Result<Plan> plan = MakePlan(config);
  ASSERT_TRUE(plan.ok()) << ErrorText(plan);
  const Result<FileSet> files = Emit(*plan);
  ASSERT_TRUE(files.ok()) << ErrorText(files);
  const std::filesystem::path folder =
      std::filesystem::path(::testing::TempDir()) /
      ("npugen_spec_" + std::to_string(static_cast<long long>(getpid())));
  const auto written = WriteFolder(*files, folder.string(), true);
  ASSERT_TRUE(written.ok()) << ErrorText(written);
  const std::string log = (folder / "lint.log").string();
  const Result<int> status = RunProcess(
      {"verilator", "--lint-only", "-Wall", "--top-module", "npu_top", "-f", "filelist.f"},
      folder.string(), log);
  ASSERT_TRUE(status.ok()) << ErrorText(status);
  EXPECT_EQ(*status, 0) << "see " << log;
  if (*status == 0) std::filesystem::remove_all(folder);
}

/// A layer that fits the NPU, compiled; empty when the compiler refuses it.
struct Layer {
  std::string name;
  Model model;
  CompiledModel compiled;
};
std::optional<Layer> MakeLayer(const NpuConfig& config, RandomSource* random) {
  const auto type =
      static_cast<OperatorType>(random->Integer(0, static_cast<int>(OperatorType::kSoftmax)));
  const RandomModel drawn = MakeRandomOperator(type, random->Next() % 100000);
  Result<Model> model = ReadTflite(drawn.tflite, drawn.name);
  if (!model) return std::nullopt;
  Result<CompiledModel> compiled = CompileForRun(*model, config);
  if (!compiled) return std::nullopt;
  return Layer{drawn.name, std::move(*model), std::move(*compiled)};
}

void ExpectExact(const NpuConfig& config, const Layer& layer, uint64_t seed, SimulatedNpu* npu) {
  RunModelOptions run;
  run.repeat = 2;
  run.timeout_cycles = 20'000'000;
  const Result<RunReport> report = RunModel(config, layer.model, layer.compiled, *npu,
                                            MakeRandomInputs(layer.model, seed), run, nullptr);
  EXPECT_TRUE(report.ok()) << layer.name << ": " << ErrorText(report);
  if (report) {
    EXPECT_EQ(report->mismatches, 0u)
        << layer.name << ": " << DescribeMismatch(*report->first_mismatch);
  }
  EXPECT_EQ(npu->failed_accesses(), 0u) << layer.name;
}

int FailedParts() {
  const ::testing::TestResult& result =
      *::testing::UnitTest::GetInstance()->current_test_info()->result();
  int failed = 0;
  for (int i = 0; i < result.total_part_count(); ++i)
    failed += result.GetTestPartResult(i).failed();
  return failed;
}

TEST(RandomSpecs, LegalOnesWork) {
  const char* wanted = std::getenv("NPUGEN_SPECS");
  const int specs = wanted != nullptr ? std::max(1, std::atoi(wanted)) : 30;
  int drawn = 0, refused = 0, failed = 0, layers_refused = 0;
  for (uint64_t seed = 1; drawn - refused < specs; ++seed, ++drawn) {
    RandomSource random(seed);
    const std::string text = SpecText(DrawSpec(&random, true));
    const Result<NpuConfig> config = LoadSpecText(text, "random.yaml");
    if (!config) {
      ++refused;
      continue;
    }
    SCOPED_TRACE("spec " + std::to_string(seed) + "\n" + text);
    const int parts_before = FailedParts();
    EmitAndLint(*config);
    std::optional<Layer> layer;
    for (int i = 0; i < 20 && !layer; ++i) {
      layer = MakeLayer(*config, &random);
      layers_refused += !layer;
    }
    EXPECT_TRUE(layer) << "no layer fits";
    if (layer) {
      SimulationOptions options;
      options.memory_bytes = kMemoryBytes;
      options.latency = static_cast<uint32_t>(random.Integer(1, 100));
      options.stalls = random.Chance(2) ? 0.0 : 0.3;
      options.stall_seed = seed;
      options.interleave = random.Chance(2);
      const std::unique_ptr<SimulatedNpu> npu = MakeNpu(*config, options, true);
      ExpectExact(*config, *layer, seed, npu.get());
    }
    failed += FailedParts() > parts_before;
  }
  std::printf("  specs: %d drawn, %d accepted, %d refused, %d failed; %d layers did not fit\n",
              drawn, drawn - refused, refused, failed, layers_refused);
}

class PresetTest : public ::testing::TestWithParam<const char*> {};

/// Layers of every kind in large grids; `nano` and `edge` run far more elsewhere.
TEST_P(PresetTest, RunsLayers) {
  const NpuConfig config = SpecConfig(GetParam());
  SimulationOptions options;
  options.memory_bytes = kMemoryBytes;
  const std::unique_ptr<SimulatedNpu> npu = MakeNpu(config, options);
  RandomSource random(7);
  for (int i = 0; i < 6; ++i) {
    const std::optional<Layer> layer = MakeLayer(config, &random);
    ASSERT_TRUE(layer);
    ExpectExact(config, *layer, static_cast<uint64_t>(i), npu.get());
  }
}

INSTANTIATE_TEST_SUITE_P(Large, PresetTest,
                         ::testing::Values("quad", "edge_tpu_v1", "edge_tpu_v2", "edge_tpu_v3"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace npugen::testing

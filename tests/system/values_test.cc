// SPDX-License-Identifier: Apache-2.0
// The released FracBNN on verilated hardware: all images, and every tensor of some.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "generator/config/load.h"
#include "sw/model/packed_reader.h"
#include "tests/support/fracbnn.h"
#include "tests/system/simulation.h"
#include "verif/golden/golden_model.h"
#include "verif/session/run_model.h"

namespace npugen::testing {
namespace {

constexpr uint64_t kMemoryBytes = uint64_t{64} << 20;

/// Runs the images [first, end); their cycles with cached parameters, on average.
double RunImages(const NpuConfig& config, size_t first, size_t end) {
  const std::string folder = FracBnnFolder();
  const PackedNetwork network = MakeFracBnn(folder);
  const Result<Model> model = ReadPacked(network.json.dump(), network.weights, "fracbnn.json");
  EXPECT_TRUE(model.ok()) << ErrorText(model);
  if (!model) return 0;
  CompileOptions compile;
  compile.host_operators = true;
  const Result<CompiledModel> compiled = CompileForRun(*model, config, compile);
  EXPECT_TRUE(compiled.ok()) << ErrorText(compiled);
  if (!compiled) return 0;
  SimulationOptions options;
  options.memory_bytes = kMemoryBytes;
  const std::unique_ptr<SimulatedNpu> npu = MakeNpu(config, options);
  const Result<std::unique_ptr<NpuHost>> host = NpuHost::Open(*npu, config);
  const Result<PlacedNetwork> placed = (*host)->Place(compiled->plain);
  const std::vector<FracBnnCase> cases = FracBnnCases(folder);
  double cycles = 0;
  for (size_t i = first; i < end; ++i) {
    NpuHost::JobOptions job;
    job.timeout_cycles = 2'000'000;
    const Result<NetworkReport> report = (*host)->Run(*placed, {cases[i].image}, job);
    EXPECT_TRUE(report.ok()) << ErrorText(report);
    if (!report) return 0;
    if (i > first) cycles += static_cast<double>(report->cycles());
    const std::vector<uint8_t> output = (*host)->ReadOutputs(*placed)[0];
    std::vector<int32_t> logits(cases[i].logits.size());
    EXPECT_EQ(output.size(), 4 * logits.size());
    std::memcpy(logits.data(), output.data(), 4 * logits.size());
    EXPECT_EQ(logits, cases[i].logits) << cases[i].name;
  }
  return cycles / static_cast<double>(end - first - 1);
}

NpuConfig WithValues(const std::string& spec) {
  NpuConfig config = SpecConfig(spec);
  config.bnn_enabled = config.residual = config.bnn_residual = 1;
  config.hash = ConfigHash(config);
  return config;
}

/// NPUGEN_FRACBNN_IMAGES=COUNT runs so many.
TEST(FracBnnTest, ImagesOnEdge) {
  if (FracBnnFolder().empty()) GTEST_SKIP() << kNoFracBnn;
  const char* wanted = std::getenv("NPUGEN_FRACBNN_IMAGES");
  const size_t images = wanted != nullptr ? std::strtoul(wanted, nullptr, 10) : 30;
  const double cycles = RunImages(WithValues("edge_bnn"), 0, images);
  std::printf("%.0f cycles an image\n", cycles);
  EXPECT_LE(cycles, 92'000);
}

TEST(FracBnnTest, ImagesOnQuad) {
  if (FracBnnFolder().empty()) GTEST_SKIP() << kNoFracBnn;
  const double cycles = RunImages(WithValues("quad"), 0, 3);
  std::printf("%.0f cycles an image\n", cycles);
  EXPECT_GT(cycles, 0);
}

}  // namespace
}  // namespace npugen::testing

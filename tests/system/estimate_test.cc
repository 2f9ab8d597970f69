// SPDX-License-Identifier: Apache-2.0
// The performance model against verilated hardware: networks and random layers, with bounds near
// what docs/estimate.md measures, which is far below the goals.
#include <gtest/gtest.h>

#include <cmath>

#include "sw/compiler/compiler.h"
#include "sw/model/tflite_reader.h"
#include "tests/support/files.h"
#include "tests/system/simulation.h"
#include "verif/random/random_model.h"
#include "verif/validate/validate.h"

namespace npugen::testing {
namespace {

constexpr double kTotalBound = 0.01;
constexpr double kLayerBound = 0.04;
constexpr double kMeanBound = 0.005;

void ExpectClose(const std::vector<ValidatedJob>& jobs) {
  for (const ValidatedJob& job : jobs) {
    if (!job.random) {
      EXPECT_LE(std::abs(job.cycles.error()), kTotalBound)
          << job.model << " on " << job.spec << ": measured " << job.cycles.measured
          << ", estimated " << job.cycles.estimated;
    }
    for (const ValidatedLayer& layer : job.layers) {
      if (layer.cycles.measured <= kLayerCycles) continue;
      EXPECT_LE(std::abs(layer.cycles.error()), kLayerBound)
          << layer.op << " " << layer.index << " of " << job.model << " on " << job.spec
          << ": measured " << layer.cycles.measured << ", estimated " << layer.cycles.estimated;
    }
  }
  for (const bool random : {false, true}) {
    EXPECT_LE(SummarizeTotals(jobs, random).mean, kMeanBound) << FormatValidation(jobs);
  }
}

class EstimateTest : public ::testing::TestWithParam<const char*> {};

TEST_P(EstimateTest, IsCloseToTheHardware) {
  ValidationPlan plan;
  plan.configs.push_back(SpecConfig(GetParam()));
  plan.models.push_back(SourcePath("models/digits/digits_cnn_int8.tflite"));
  bool complete = true;
  for (const char* network : {"ad_autoencoder", "kws_dscnn", "resnet8_cifar10", "micro_speech"}) {
    const std::string model = NetworkFile(network);
    complete &= !model.empty();
    if (!model.empty()) plan.models.push_back(model);
  }
  ValidateOptions options;
  options.random_layers = 20;
  const Result<std::vector<ValidatedJob>> jobs = Validate(plan, options);
  ASSERT_TRUE(jobs.ok()) << ErrorText(jobs);
  EXPECT_GT(jobs->size(), 20u);
  ExpectClose(*jobs);
  if (!complete) GTEST_SKIP() << kNoReference << " (the others were compared)";
}

INSTANTIATE_TEST_SUITE_P(Specs, EstimateTest, ::testing::Values("nano", "edge"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace npugen::testing

// SPDX-License-Identifier: Apache-2.0
// Networks of bits with int16 values and residuals: compiled, run on the functional model, compared
// with the golden model.
#include <gtest/gtest.h>

#include "sw/model/packed_reader.h"
#include "tests/compiler/binary_model.h"
#include "tests/compiler/harness.h"
#include "tests/support/fracbnn.h"

namespace npugen::testing {
namespace {

NpuConfig WithValues(NpuConfig config) {
  config.bnn_enabled = config.residual = config.bnn_residual = 1;
  return WithHash(config);
}

void CheckRandom(const NpuConfig& config, uint64_t first_seed, int count) {
  for (int i = 0; i < count; ++i) {
    const uint64_t seed = first_seed + static_cast<uint64_t>(i);
    RandomSource random(seed);
    const Model model = RandomValuesModel(&random);
    CheckOptions options;
    options.seed = seed;
    options.keep_tensors = i % 2 == 0;
    ASSERT_EQ(CheckAgainstGolden(model, config, {MakeRandomInputs(model, seed)}, options), "")
        << "seed " << seed;
  }
}

TEST(Values, RandomNetworksOnEdge) { CheckRandom(WithValues(PresetConfig("edge")), 1, 60); }
TEST(Values, RandomNetworksOnOddLanes) {
  CheckRandom(WithValues(ConfigOfShape({11, 5, 2, 5})), 200, 40);
  CheckRandom(WithValues(ConfigOfShape({20, 8})), 300, 40);
}
TEST(Values, RandomNetworksOnManyPes) { CheckRandom(WithValues(GridOfShape({8, 8}, 4)), 400, 60); }

TEST(Values, NeedTheUnit) {
  NpuConfig config = WithValues(PresetConfig("edge"));
  config.bnn_residual = 0;
  config = WithHash(config);
  RandomSource random(1);
  const Result<Program> program = Compile(RandomValuesModel(&random), config);
  ASSERT_FALSE(program.ok());
  EXPECT_NE(program.errors()[0].message.find("no values beside bits"), std::string::npos);
}

TEST(Values, FracBnnOnTheFunctionalModel) {
  const std::string folder = FracBnnFolder();
  if (folder.empty()) GTEST_SKIP() << kNoFracBnn;
  const PackedNetwork network = MakeFracBnn(folder);
  Result<Model> model = ReadPacked(network.json.dump(), network.weights, "fracbnn.json");
  ASSERT_TRUE(model.ok());
  const std::vector<FracBnnCase> cases = FracBnnCases(folder);
  // Without the host's end.
  model->operators.resize(model->operators.size() - 2);
  model->outputs = {model->operators.back().outputs[0]};
  EXPECT_EQ(CheckAgainstGolden(*model, WithValues(PresetConfig("edge")), {{cases[0].image}}), "");
}

}  // namespace
}  // namespace npugen::testing

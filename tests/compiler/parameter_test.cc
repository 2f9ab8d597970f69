// SPDX-License-Identifier: Apache-2.0
// Parameters go where results come from: cores and PEs without channels get none, and what they
// hold instead does not matter.
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "sw/model/tflite_reader.h"
#include "sw/stream/stream_decoder.h"
#include "tests/compiler/harness.h"
#include "verif/random/random_model.h"

namespace npugen::testing {
namespace {

/// Of each PE: how many of its cores get LOADs, and how many compute channels.
struct Cores {
  std::vector<int64_t> loaded, used;
};

Cores CoresOf(const NpuConfig& config, const Program& program) {
  Cores cores{std::vector<int64_t>(config.pes(), 0), std::vector<int64_t>(config.pes(), 0)};
  for (const Command& command : DecodeStream(config, program.image, program.cold_offset).commands) {
    const bool array = command.opcode() == Opcode::kMatmul || command.opcode() == Opcode::kWindow;
    const bool load = command.opcode() == Opcode::kLoad && command.entries() > 1 &&
                      command.Get(dma::core_memory) != 0;
    const bool table = command.opcode() == Opcode::kLookup || command.opcode() == Opcode::kSoftmax;
    if (!array && !load && !table) continue;
    for (uint32_t pe = 0; pe < config.pes(); ++pe) {
      if ((command.pe_mask() >> pe & 1) == 0) continue;
      if (load) {
        for (uint32_t core = 0; core < config.cores; ++core) {
          if ((command.Get(dma::core_mask) >> core & 1) != 0) {
            cores.loaded[pe] = std::max<int64_t>(cores.loaded[pe], core + 1);
          }
        }
        continue;
      }
      const int64_t channels =
          array ? std::min(command.Get(compute::group_channels), command.Get(compute::channels))
                : 1;
      const int64_t used = (channels + config.lanes - 1) / config.lanes;
      cores.used[pe] = std::max(cores.used[pe], used);
    }
  }
  return cores;
}

class CoresWithoutChannels : public ::testing::TestWithParam<NpuConfig> {};

TEST_P(CoresWithoutChannels, GetNoParameters) {
  const NpuConfig& config = GetParam();
  int partly = 0;  // networks that leave a core or a PE without channels
  for (const OperatorType type : {OperatorType::kConv2d, OperatorType::kFullyConnected,
                                  OperatorType::kDepthwiseConv2d, OperatorType::kAveragePool2d}) {
    for (uint64_t seed = 0; seed < 12; ++seed) {
      const RandomModel drawn = MakeRandomOperator(type, seed);
      const Result<Model> model = ReadTflite(drawn.tflite, drawn.name);
      ASSERT_TRUE(model.ok()) << ErrorText(model.errors());
      const Result<Program> program = Compile(*model, config);
      if (!program) continue;  // too large for these memories
      SCOPED_TRACE(drawn.name);
      const Cores cores = CoresOf(config, *program);
      for (uint32_t pe = 0; pe < config.pes(); ++pe) {
        // All PEs together get what only some of them need, where they share rows.
        const int64_t needed = *std::max_element(cores.used.begin(), cores.used.end());
        EXPECT_LE(cores.loaded[pe], needed) << "PE " << pe;
        partly += cores.used[pe] < config.cores ? 1 : 0;
      }
      // Core memories begin with random bytes.
      EXPECT_EQ(CheckAgainstGolden(*model, config, {MakeRandomInputs(*model, seed)},
                                   CheckOptions{.seed = seed}),
                "");
    }
  }
  EXPECT_GT(partly, 5);
}

INSTANTIATE_TEST_SUITE_P(Shapes, CoresWithoutChannels,
                         ::testing::Values(ConfigOfShape({4, 4, 4}), ConfigOfShape({16, 4, 2}),
                                           ConfigOfShape({3, 5, 7}), GridOfShape({4, 4, 4}, 5)),
                         [](const auto& info) { return "Shape" + std::to_string(info.index); });

/// A layer with fewer groups of channels than there are PEs.
TEST(PesWithoutGroups, GetNoParameters) {
  const NpuConfig config = GridOfShape({4, 4, 2}, 5);
  int checked = 0;
  for (uint64_t seed = 0; seed < 60; ++seed) {
    const RandomModel drawn = MakeLargeRandomOperator(OperatorType::kFullyConnected, seed);
    const Result<Model> model = ReadTflite(drawn.tflite, drawn.name);
    ASSERT_TRUE(model.ok()) << ErrorText(model.errors());
    const Result<Program> program = Compile(*model, config);
    if (!program) continue;
    const Cores cores = CoresOf(config, *program);
    const int64_t pes =
        std::count_if(cores.used.begin(), cores.used.end(), [](int64_t used) { return used > 0; });
    // Divided by rows of the input all PEs need all parameters.
    if (pes < 2 || pes == config.pes()) continue;
    ++checked;
    SCOPED_TRACE(drawn.name);
    for (uint32_t pe = 0; pe < config.pes(); ++pe) {
      EXPECT_LE(cores.loaded[pe], cores.used[pe]) << "PE " << pe;
    }
  }
  EXPECT_GT(checked, 0);
}

}  // namespace
}  // namespace npugen::testing

// SPDX-License-Identifier: Apache-2.0
// What is said to limit a layer: by the cause that takes most of its cycles.
#include "verif/session/limits.h"

#include <gtest/gtest.h>

#include <initializer_list>

#include "generator/arch/command_set.h"

namespace npugen {
namespace {

/// An NPU of 2 PEs with 2 cores of 64 KiB each, 16 lanes in a core.
NpuConfig Config() {
  NpuConfig config;
  config.grid_x = 2;
  config.cores = 2;
  config.lanes = 16;
  config.core_memory_bytes = 64 << 10;
  config.axi_data_bits = 128;
  return config;
}

/// A report of one layer of 1,000 cycles.
RunReport Report(std::initializer_list<std::pair<std::string_view, uint64_t>> causes,
                 double utilization = 0.1) {
  RunReport report;
  LayerReport layer;
  layer.macs = 1000;
  layer.cycles = 1000;
  layer.utilization = utilization;
  layer.shape = {1, 8, 8, 64};
  for (const auto& [name, cycles] : causes) {
    for (const CycleCause& cause : AllCycleCauses()) {
      if (cause.json_name == name) layer.causes[cause.code] = cycles;
    }
  }
  report.layers.push_back(layer);
  return report;
}

TEST(Limits, TheLargestCauseIsNamed) {
  const NpuConfig config = Config();
  const auto by = [&](const RunReport& report) { return LimitOf(config, report, 0).by; };
  EXPECT_EQ(by(Report({{"compute", 700}, {"drain", 300}}, 0.7)), "the array");
  EXPECT_EQ(by(Report({{"compute", 700}, {"drain", 300}}, 0.2)), "empty parts of the array");
  EXPECT_EQ(by(Report({{"compute", 300}, {"drain", 700}})), "post-processing");
  EXPECT_EQ(by(Report({{"compute", 300}, {"weight_port", 700}})), "weights out of core memory");
  EXPECT_EQ(by(Report({{"compute", 300}, {"activation_port", 700}})), "operands out of PE memory");
  EXPECT_EQ(by(Report({{"compute", 300}, {"fill", 700}})), "starts of commands");
  // Waits for the same thing have three names.
  RunReport waits = Report({{"compute", 380}, {"barrier", 300}, {"dma", 200}, {"idle", 120}});
  EXPECT_EQ(by(waits), "waits for other layers");
  EXPECT_NEAR(LimitOf(config, waits, 0).share, 0.62, 1e-9);
  waits.layers[0].traffic.bytes_loaded = 100;
  EXPECT_EQ(by(waits), "loads and stores of activations");
  RunReport function = Report({{"compute", 900}, {"fill", 100}});
  function.layers[0].macs = 0;
  EXPECT_EQ(by(function), "vector units");
  function.layers[0].cycles = 0;
  EXPECT_EQ(by(function), "") << "a layer without cycles";
}

TEST(Limits, WeightsSayHowMuchMemoryKeepsThem) {
  const NpuConfig config = Config();
  RunReport report = Report({{"compute", 100}, {"dma", 900}});
  report.layers[0].traffic = {100, 0, 90, 0};
  const auto help = [&] { return LimitOf(config, report, 0).help; };
  // 4 cores hold 256 KiB: 40 KiB more are 10 for each.
  report.parameter_room = (256 + 40) << 10;
  EXPECT_EQ(help(), "10 KiB more core memory keep them");
  report.parameter_room = 256 << 10;
  EXPECT_EQ(help(), "a bus wider than 16 bytes");
  report.caches_parameters = true;
  EXPECT_EQ(help(), "the next inference finds them in core memory");
  report.warm = true;
  EXPECT_EQ(help(), "a bus wider than 16 bytes");
}

TEST(Limits, EmptyPartsAreLanesOrSlots) {
  const NpuConfig config = Config();
  RunReport report = Report({{"compute", 1000}}, 0.2);
  report.layers[0].shape = {1, 8, 8, 40};
  EXPECT_EQ(LimitOf(config, report, 0).help, "40 channels on 2 x 32 lanes");
  report.layers[0].shape = {1, 8, 8, 64};
  EXPECT_NE(LimitOf(config, report, 0).help.find("slots of a lane"), std::string::npos);
}

}  // namespace
}  // namespace npugen

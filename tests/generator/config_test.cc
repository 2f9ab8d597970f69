// SPDX-License-Identifier: Apache-2.0
// Legal specs: values, defaults, names and the hash.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "generator/config/describe.h"
#include "generator/config/load.h"
#include "tests/generator/support.h"

namespace npugen {
namespace {

using testing::kSourceDir;

constexpr std::string_view kMinimal = R"(
npu: {grid: {x: 1, y: 1}}
pe: {memory: 32 KiB, banks: 4, cores: 1}
core: {memory: 8 KiB, banks: 2, lanes: 4}
lane: {simd: 4}
)";

NpuConfig Load(std::string_view text, const std::string& file = "x.yaml") {
  Result<NpuConfig> config = LoadSpecText(text, file);
  if (config) return *config;
  for (const Diagnostic& error : config.errors()) ADD_FAILURE() << FormatDiagnostic(error, false);
  return {};
}

NpuConfig LoadPreset(std::string_view name) {
  Result<NpuConfig> config = LoadSpec(kSourceDir / fmt::format("specs/{}.yaml", name));
  if (config) return *config;
  for (const Diagnostic& error : config.errors()) ADD_FAILURE() << FormatDiagnostic(error, false);
  return {};
}

TEST(Config, DefaultsFollowFromTheShape) {
  const NpuConfig config = Load(kMinimal);
  EXPECT_EQ(config.axi_data_bits, 128u);
  EXPECT_EQ(config.post_width, 4u);       // not more than lanes
  EXPECT_EQ(config.lookup_ports, 4u);     // not more than results
  EXPECT_EQ(config.pe_bank_bytes, 16u);   // a bus beat
  EXPECT_EQ(config.core_bank_bytes, 8u);  // two banks make a slice of 16 bytes
  EXPECT_EQ(config.accumulators, 16u);
  EXPECT_EQ(config.clock_hz, 200'000'000u);
}

TEST(Config, EdgeIsTheReferenceDesign) {
  const NpuConfig config = LoadPreset("edge");
  EXPECT_EQ(config.name, "edge");
  EXPECT_EQ(config.macs_per_cycle(), 256u);
  EXPECT_EQ(config.slice_rows(), 4u);
  // The configuration without a spec is this one.
  EXPECT_EQ(CanonicalText(config), CanonicalText(NpuConfig{}));
}

TEST(Config, NanoIsSmall) {
  const NpuConfig config = LoadPreset("nano");
  EXPECT_EQ(config.macs_per_cycle(), 16u);
  EXPECT_EQ(config.slice_rows(), 1u);
  EXPECT_EQ(config.clock_hz, 180'000'000u);
}

TEST(Config, NameComesFromTheFileUnlessGiven) {
  EXPECT_EQ(Load(kMinimal, "some/where/my-NPU.v2.yaml").name, "my_npu_v2");
  EXPECT_EQ(Load(kMinimal, "4x4.yaml").name, "npu_4x4");
  EXPECT_EQ(Load(fmt::format("name: other\n{}", kMinimal), "x.yaml").name, "other");
}

// Programs in the field carry the hash: it must not change without need.
TEST(Config, HashIsStable) {
  EXPECT_EQ(LoadPreset("nano").hash, 0x211449b70687cb8fu);
  EXPECT_EQ(LoadPreset("edge").hash, 0xe6c3a0b3a08d8cb8u);
}

TEST(Config, HashCoversAllButNameAndClock) {
  const NpuConfig base = Load(kMinimal);
  EXPECT_EQ(Load(fmt::format("name: other\n{}", kMinimal)).hash, base.hash);
  EXPECT_EQ(Load("# remark\n" + std::string(kMinimal)).hash, base.hash);

  NpuConfig clock = base;
  clock.clock_hz = 1;
  EXPECT_EQ(ConfigHash(clock), base.hash);
  uint32_t NpuConfig::*const members[] = {&NpuConfig::grid_x,
                                          &NpuConfig::grid_y,
                                          &NpuConfig::axi_data_bits,
                                          &NpuConfig::axi_address_bits,
                                          &NpuConfig::axi_outstanding,
                                          &NpuConfig::command_queue_depth,
                                          &NpuConfig::pe_memory_bytes,
                                          &NpuConfig::pe_banks,
                                          &NpuConfig::pe_bank_bytes,
                                          &NpuConfig::cores,
                                          &NpuConfig::core_memory_bytes,
                                          &NpuConfig::core_banks,
                                          &NpuConfig::core_bank_bytes,
                                          &NpuConfig::lanes,
                                          &NpuConfig::accumulators,
                                          &NpuConfig::simd,
                                          &NpuConfig::instruction_entries,
                                          &NpuConfig::parameter_entries,
                                          &NpuConfig::activation_entries,
                                          &NpuConfig::post_width,
                                          &NpuConfig::lookup_ports,
                                          &NpuConfig::window_ports};
  for (const auto member : members) {
    NpuConfig changed = base;
    changed.*member += 1;
    EXPECT_NE(ConfigHash(changed), base.hash);
  }
}

TEST(Config, DescriptionIsReadableAndJsonParses) {
  const NpuConfig config = LoadPreset("edge");
  EXPECT_NE(DescribeConfig(config).find("256 MACs/cycle"), std::string::npos);
  EXPECT_NE(DescribeConfig(config).find("0.09216 TOPS"), std::string::npos);
  testing::ExpectTidy("description", DescribeConfig(config));
  const nlohmann::json json = nlohmann::json::parse(ConfigJson(config));
  EXPECT_EQ(json["name"], "edge");
  EXPECT_EQ(json["values"]["core.rows"], 1024);
  EXPECT_DOUBLE_EQ(json["peak_tops"], 0.09216);
}

// Published peaks: X * Y * cores * lanes * SIMD * 2 * clock.
TEST(Config, PeakClosesForThePublishedClasses) {
  NpuConfig v1;
  v1.grid_x = v1.grid_y = 4;
  v1.cores = 4;
  v1.lanes = 64;
  v1.simd = 4;
  v1.clock_hz = 800'000'000;
  EXPECT_NEAR(PeakTops(v1), 26.2, 0.05);
}

}  // namespace
}  // namespace npugen

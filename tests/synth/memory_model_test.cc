// SPDX-License-Identifier: Apache-2.0
// The model of memories and tables of macros.
#include "generator/synth/memory_model.h"

#include <gtest/gtest.h>

#include "generator/plan/constraint_library.h"

namespace npugen {
namespace {

constexpr const char* kTable = R"(macros:
  - name: sp_512x64
    words: 512
    bits: 64
    ports: 1
    area: 0.2 mm2
    access_time: 2.5 ns
    read_energy: 20 pJ
    write_energy: 25 pJ
  - {name: sp_1024x128, words: 1024, bits: 128, ports: 1, area: 1 mm2, access_time: 3 ns, read_energy: 70 pJ,
     write_energy: 80 pJ}
)";

TEST(MemoryModel, GrowsWithTheMemory) {
  const Result<Technology> technology =
      ReadTechnology(std::string(ConstraintText("tech/osu018.yaml")), "tech.yaml");
  ASSERT_TRUE(technology.ok());
  const MemoryCoefficients& model = *technology->memory;
  const MemoryCost small = ModelMemory(model, {64, 32, 1});
  const MemoryCost large = ModelMemory(model, {4096, 32, 1});
  const MemoryCost two_ports = ModelMemory(model, {64, 32, 2});
  EXPECT_LT(small.area, large.area);
  EXPECT_LT(small.access_time, large.access_time);
  EXPECT_LT(small.read_energy, large.read_energy);
  EXPECT_NEAR(two_ports.area, 2 * small.area, 1);
  // Bits alone are the larger part of a large one, and never more than all.
  const double bits = 4096 * 32 * model.bit_area;
  EXPECT_GT(large.area, bits);
  EXPECT_LT(large.area, 1.3 * bits);
  // 4,096 rows of 32 bits would be slower than 1,024 rows of 128.
  EXPECT_LT(large.access_time, model.access_time + 2048 * model.row_time);
}

TEST(MemoryModel, MacrosStandBesideEachOther) {
  const Result<std::vector<MemoryMacro>> macros = ReadMacros(kTable, "macros.yaml");
  ASSERT_TRUE(macros.ok()) << FormatDiagnostic(macros.errors().front(), false);
  const std::optional<MemoryCost> cost = ComposeMemory(*macros, {1024, 100, 1});
  ASSERT_TRUE(cost);
  EXPECT_EQ(cost->macro, "4 x sp_512x64");
  EXPECT_NEAR(cost->area, 800'000, 1);
  EXPECT_NEAR(cost->read_energy, 40, 1e-9) << "two of the four are addressed";
  EXPECT_FALSE(ComposeMemory(*macros, {16, 16, 2})) << "there is none with two ports";
}

TEST(MemoryModel, ErrorsOfTablesHaveTheirPlace) {
  const auto error = [](std::string from, const std::string& to) {
    std::string text = kTable;
    text.replace(text.find(from), from.size(), to);
    const Result<std::vector<MemoryMacro>> macros = ReadMacros(text, "macros.yaml");
    return macros ? std::string() : FormatDiagnostic(macros.errors().front(), false);
  };
  EXPECT_NE(error("0.2 mm2", "0.2 GE").find("macros.yaml:6:11: error S114"), std::string::npos);
  EXPECT_NE(error("ports: 1", "ports: 3").find("macros.yaml:5:12: error S115"), std::string::npos);
  EXPECT_NE(error("words: 512", "word: 512").find("S112"), std::string::npos);
  EXPECT_NE(error("macros:", "macro:").find("S112"), std::string::npos);
  EXPECT_NE(error("2.5 ns", "2.5").find("has no unit"), std::string::npos);
}

}  // namespace
}  // namespace npugen

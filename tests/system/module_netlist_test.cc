// SPDX-License-Identifier: Apache-2.0
// Netlists of unique modules against their RTL: those of presets, and faults that the comparison
// has to find. NPUGEN_CYCLES in the environment says for how many cycles of random vectors.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "generator/emit/crc.h"
#include "generator/emit/emit.h"
#include "generator/plan/plan.h"
#include "generator/plan/rtl_library.h"
#include "generator/support/file.h"
#include "tests/system/simulation.h"
#include "verif/netlist/module_comparison.h"

namespace npugen::testing {
namespace {

FileSet Emission(const NpuConfig& config) {
  const Result<Plan> plan = MakePlan(config);
  EXPECT_TRUE(plan.ok()) << ErrorText(plan);
  if (!plan) return {};
  const Result<FileSet> files = Emit(*plan);
  EXPECT_TRUE(files.ok()) << ErrorText(files);
  return files ? *files : FileSet{};
}

std::vector<ModuleComparison> Compare(const FileSet& emission) {
  ModuleComparisonOptions options;
  const char* cycles = std::getenv("NPUGEN_CYCLES");
  if (cycles != nullptr) options.cycles = std::strtoull(cycles, nullptr, 10);
  const Result<std::vector<ModuleComparison>> result = CompareModules(emission, options);
  EXPECT_TRUE(result.ok()) << ErrorText(result);
  return result ? *result : std::vector<ModuleComparison>{};
}

class ModuleNetlists : public ::testing::TestWithParam<const char*> {};

TEST_P(ModuleNetlists, AreTheRtl) {
  const std::string name = GetParam();
  // The netlist of `bits` is that of netlist_test.cc, in the cache by then.
  NpuConfig config = name == "bits" ? NanoWith("bnn: {enabled: true}") : SpecConfig(name);
  if (name == "bits") config.lane_stages = 2;
  const std::vector<ModuleComparison> modules = Compare(Emission(config));
  ASSERT_GE(modules.size(), 30u);
  std::printf("%s: %zu unique modules\n%s", name.c_str(), modules.size(),
              FormatComparisons(modules).c_str());
  for (const ModuleComparison& module : modules) {
    EXPECT_EQ(module.difference, "") << module.module << " " << module.parameters;
  }
}

INSTANTIATE_TEST_SUITE_P(Presets, ModuleNetlists,
                         ::testing::Values("nano", "bits", "edge", "edge_bnn", "edge_float", "quad",
                                           "edge_tpu_v1", "edge_tpu_v2", "edge_tpu_v3"),
                         [](const auto& info) { return std::string(info.param); });

std::string Text(const std::string& path) {
  const Result<std::string> text =
      ReadFileText(std::string(NPUGEN_SOURCE_DIR "/") + path, uint64_t{1} << 20);
  EXPECT_TRUE(text.ok()) << ErrorText(text);
  return text ? *text : std::string();
}

/// One end of a link, which no preset has: the modules whose names begin with `prefix`, below the
/// top of tests/synth/links that is `named` so, with the CRC of LinkCrcs() and the cells.
FileSet LinkAlone(std::string_view prefix, const std::string& named, size_t crc) {
  const std::string printed = fmt::format("rtl/{}.sv", LinkCrcs()[crc].module);
  FileSet files = {{printed, EmitCrc(LinkCrcs()[crc], "")}};
  std::string list = printed + "\n";
  for (const RtlSource& source : RtlLibrary()) {
    const std::string path = fmt::format("rtl/{}", source.name);
    constexpr std::string_view kCells[] = {"npu_credits.sv", "npu_packet_fifo.sv",
                                           "npu_ram_1r1w.sv", "npu_ram_fifo.sv", "npu_replay.sv"};
    const bool is_cell = std::ranges::find(kCells, source.name) != std::end(kCells);
    if (source.name == "npu_assert.svh") files[path] = std::string(source.text);
    if (!is_cell && !source.name.starts_with(prefix)) continue;
    files[path] = std::string(source.text);
    list += path + "\n";
  }
  files["rtl/npu_top.sv"] = Text(fmt::format("tests/synth/links/{}_top.sv", named));
  files["filelist.f"] = list + "rtl/npu_top.sv\n";
  return files;
}

TEST(LinkNetlists, AreTheRtl) {
  for (const bool cxl : {false, true}) {
    const std::vector<ModuleComparison> modules =
        Compare(cxl ? LinkAlone("npu_cxl_", "cxl", 1) : LinkAlone("npu_link", "link", 0));
    ASSERT_GE(modules.size(), 6u);
    std::printf("%s: %zu unique modules\n%s", cxl ? "CXL link" : "link", modules.size(),
                FormatComparisons(modules).c_str());
    for (const ModuleComparison& module : modules) {
      EXPECT_EQ(module.difference, "") << module.module << " " << module.parameters;
    }
  }
}

/// An emission of one module of `nano` below a top that does nothing else.
FileSet Alone(const std::string& module, const std::string& instance) {
  const FileSet all = Emission(SpecConfig("nano"));
  FileSet files;
  std::string list;
  for (const char* name : {"npu_cfg_pkg", "npu_isa_pkg", module.c_str()}) {
    const std::string path = std::string("rtl/") + name + ".sv";
    files[path] = all.at(path);
    list += path + "\n";
  }
  files["rtl/npu_assert.svh"] = all.at("rtl/npu_assert.svh");
  files["rtl/npu_top.sv"] =
      "`default_nettype none\nmodule npu_top (\n  input wire clk_i,\n  output wire [7:0] "
      "any_o\n);\n" +
      instance + "endmodule : npu_top\n`default_nettype wire\n";
  files["filelist.f"] = list + "rtl/npu_top.sv\n";
  return files;
}

std::string Difference(const std::vector<ModuleComparison>& modules, const std::string& name) {
  for (const ModuleComparison& module : modules) {
    if (module.module == name) return module.difference;
  }
  return "not compared";
}

constexpr const char* kRealign =
    "  wire [63:0] data;\n"
    "  npu_dma_realign #(.BusBytes(8), .UserW(1)) u_realign (.clk_i, .word_data_o(data));\n"
    "  assign any_o = data[7:0];\n";

// Yosys 0.23 reads '1 in a typed local parameter as 1.
TEST(ModuleFaults, FillInTypedParameter) {
  FileSet emission = Alone("npu_dma_realign", kRealign);
  EXPECT_EQ(Difference(Compare(emission), "npu_dma_realign"), "");
  std::string& text = emission.at("rtl/npu_dma_realign.sv");
  const std::string good = "{BusBytes{1'b1}}";
  const size_t at = text.find("AllBytes = " + good);
  ASSERT_NE(at, std::string::npos);
  text.replace(text.find(good, at), good.size(), "'1");
  const std::string difference = Difference(Compare(emission), "npu_dma_realign");
  EXPECT_NE(difference, "");
  std::printf("found: %s\n", difference.c_str());
}

// The same in a parameter that another module gets.
TEST(ModuleFaults, ParameterOfInstance) {
  std::string instance = kRealign;
  instance = "  localparam logic [3:0] Bytes = '1;\n" + instance;
  instance.replace(instance.find(".UserW(1)"), 9, ".UserW(32'(Bytes))");
  FileSet emission = Alone("npu_dma_realign", instance);
  ModuleComparisonOptions options;
  const Result<std::vector<ModuleComparison>> result = CompareModules(emission, options);
  EXPECT_TRUE(!result || !Difference(*result, "npu_top").empty());
}

// Registers that the netlist alone has without reset, and logic that it alone has otherwise.
TEST(ModuleFaults, WhatYosysAloneReads) {
  const std::string good =
      "`default_nettype none\n"
      "module npu_count (\n  input wire clk_i,\n  input wire rst_ni,\n  input wire [7:0] add_i,\n"
      "  output wire [7:0] sum_o\n);\n"
      "  logic [7:0] sum_q;\n"
      "  always_ff @(posedge clk_i) begin\n"
      "`ifdef YOSYS\n"
      "    if (!rst_ni) sum_q <= '0;\n"
      "    else sum_q <= sum_q + add_i;\n"
      "`else\n"
      "    sum_q <= rst_ni ? add_i + sum_q : 8'd0;\n"
      "`endif\n"
      "  end\n"
      "  assign sum_o = sum_q;\n"
      "endmodule : npu_count\n`default_nettype wire\n";
  const auto difference = [&](const std::string& from, const std::string& to) {
    FileSet emission = {{"filelist.f", "rtl/npu_count.sv\nrtl/npu_top.sv\n"},
                        {"rtl/npu_count.sv", good}};
    emission["rtl/npu_top.sv"] =
        "module npu_top (input wire clk_i, output wire [7:0] any_o);\n"
        "  npu_count u_count (.clk_i, .rst_ni(1'b1), .add_i(8'd1), .sum_o(any_o));\nendmodule\n";
    std::string& text = emission.at("rtl/npu_count.sv");
    if (!from.empty()) text.replace(text.find(from), from.size(), to);
    return Difference(Compare(emission), "npu_count");
  };
  EXPECT_EQ(difference("", ""), "");
  EXPECT_NE(difference("if (!rst_ni) sum_q <= '0;\n    else ", ""), "");
  EXPECT_NE(difference("if (!rst_ni) sum_q <= '0;", "if (!rst_ni) sum_q[6:0] <= '0;"), "");
  EXPECT_NE(difference("sum_q + add_i", "sum_q + add_i + 8'(add_i == 8'hff)"), "");
  EXPECT_NE(difference("sum_q + add_i", "sum_q - add_i"), "");
}

}  // namespace
}  // namespace npugen::testing

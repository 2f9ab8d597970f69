// SPDX-License-Identifier: Apache-2.0
// A small design from SystemVerilog to areas and paths: modules once, gates, cache, netlist,
// timing.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "generator/support/file.h"
#include "generator/synth/design.h"
#include "generator/synth/flat_netlist.h"
#include "generator/synth/synth.h"
#include "generator/synth/timing.h"
#include "verif/netlist/netlist.h"

namespace npugen {
namespace {

namespace fs = std::filesystem;

constexpr const char* kTop = R"(
module npu_top (
  input  wire         clk_i,
  input  wire         rst_ni,
  input  wire         s_axil_valid_i,
  input  wire  [15:0] s_axil_data_i,
  output wire  [15:0] s_axil_data_o,
  output logic        irq_o
);
  logic [15:0] total_q;
  wire  [15:0] one, two, stored;
  npu_unit #(.Add(1)) u_one (.clk_i, .rst_ni, .valid_i(s_axil_valid_i), .data_i(s_axil_data_i), .data_o(one));
  npu_unit #(.Add(5)) u_two (.clk_i, .rst_ni, .valid_i(s_axil_valid_i), .data_i(one), .data_o(two));
  npu_unit #(.Add(1)) u_three (.clk_i, .rst_ni, .valid_i(one[0]), .data_i(two), .data_o(s_axil_data_o));
  npu_ram_1rw #(.Bytes(2), .Depth(64)) u_ram (
    .clk_i, .en_i(s_axil_valid_i), .be_i(two[1:0]), .addr_i(one[5:0]), .wdata_i(two), .rdata_o(stored)
  );
  wire [7:0] sums, carries;
  npu_full_adder #(.Width(8)) u_adders (
    .a_i(total_q[7:0]), .b_i(total_q[15:8]), .c_i(one[7:0]), .sum_o(sums), .carry_o(carries)
  );
  always_ff @(posedge clk_i) begin
    if (s_axil_valid_i) total_q <= total_q + stored;
    irq_o <= ^{total_q, sums, carries};
  end
endmodule
)";
constexpr const char* kUnit = R"(
module npu_unit #(parameter int unsigned Add = 1) (
  input  wire         clk_i,
  input  wire         rst_ni,
  input  wire         valid_i,
  input  wire  [15:0] data_i,
  output logic [15:0] data_o
);
  always_ff @(posedge clk_i) begin
    if (!rst_ni) data_o <= 16'd7;
    else if (valid_i) data_o <= data_i + 16'(Add);
  end
endmodule
)";
constexpr const char* kFullAdder = R"(
module npu_full_adder #(parameter int unsigned Width = 1) (
  input  wire [Width-1:0] a_i, b_i, c_i,
  output wire [Width-1:0] sum_o, carry_o
);
  assign sum_o   = a_i ^ b_i ^ c_i;
  assign carry_o = (a_i & b_i) | (a_i & c_i) | (b_i & c_i);
endmodule
)";
constexpr const char* kRam = R"(
module npu_ram_1rw #(parameter int unsigned Bytes = 4, parameter int unsigned Depth = 16) (
  input  wire                     clk_i,
  input  wire                     en_i,
  input  wire  [Bytes-1:0]        be_i,
  input  wire  [$clog2(Depth)-1:0] addr_i,
  input  wire  [8*Bytes-1:0]      wdata_i,
  output logic [8*Bytes-1:0]      rdata_o
);
  logic [8*Bytes-1:0] mem[Depth];
  always_ff @(posedge clk_i) if (en_i) rdata_o <= mem[addr_i];
endmodule
)";

FileSet Emission() {
  return {{"filelist.f",
           "rtl/npu_full_adder.sv\nrtl/npu_ram_1rw.sv\nrtl/npu_top.sv\nrtl/npu_unit.sv\n"},
          {"rtl/npu_full_adder.sv", kFullAdder},
          {"rtl/npu_ram_1rw.sv", kRam},
          {"rtl/npu_top.sv", kTop},
          {"rtl/npu_unit.sv", kUnit},
          {"manifest.json", "{\"generator\": \"npugen\", \"files\": []}\n"}};
}

std::string Text(const Diagnostics& errors) { return FormatDiagnostic(errors.front(), false); }

class Flow : public ::testing::Test {
 protected:
  Flow() : technology_(LoadTechnology(kDefaultTechnology)) {
    std::string name = ::testing::TempDir() + "npugen_XXXXXX";
    folder_ = mkdtemp(name.data());
    EXPECT_TRUE(technology_.ok());
  }
  ~Flow() override { fs::remove_all(folder_); }
  std::string Folder(const std::string& name) const {
    fs::create_directories(folder_ / name);
    return (folder_ / name).string();
  }

  Result<TechnologyLibrary> technology_;
  fs::path folder_;
};

TEST_F(Flow, FromSourceToPaths) {
  const Result<Cache> cache = Cache::Open(Folder("cache"));
  ASSERT_TRUE(cache.ok()) << Text(cache.errors());
  std::vector<std::string> progress;
  MappingOptions options;
  options.jobs = 2;
  options.progress = [&progress](const std::string& text) { progress.push_back(text); };
  const Result<MappedDesign> mapped =
      MapDesign(Emission(), *technology_, &*cache, Folder("area"), options);
  ASSERT_TRUE(mapped.ok()) << Text(mapped.errors());
  EXPECT_EQ(mapped->units.size(), 3u) << "npu_unit with two values of its parameter, and the top";
  EXPECT_EQ(mapped->memories.size(), 1u);
  EXPECT_EQ(progress.size(), 4u);

  const Result<AreaReport> area = MeasureArea(*mapped, *technology_);
  ASSERT_TRUE(area.ok()) << Text(area.errors());
  ASSERT_EQ(area->modules.size(), 3u);
  uint64_t gates = 0, registers = 0, instances = 0;
  for (const ModuleArea& module : area->modules) {
    gates += module.instances * module.gating.gates;
    registers += module.instances * module.flip_flops;
    instances += module.instances;
    double kinds = 0;
    for (const double kind : module.by_kind) kinds += kind;
    EXPECT_NEAR(kinds, module.area, 1e-6) << module.name;
  }
  EXPECT_EQ(instances, 4u);
  EXPECT_EQ(gates, 4u);
  EXPECT_EQ(registers, 16u * 4 + 1);
  EXPECT_EQ(area->GateEquivalents(CellKind::kFullAdders), 8 * 5) << "all bits of the cell";
  ASSERT_EQ(area->memories.size(), 1u);
  EXPECT_EQ(area->memories[0].words, 64u);
  EXPECT_EQ(area->memories[0].bits_per_word, 16u);
  EXPECT_EQ(area->memories[0].owner, "npu_top");
  options.least_gate_bits = 0;
  const Result<MappedDesign> ungated =
      MapDesign(Emission(), *technology_, &*cache, Folder("ungated"), options);
  ASSERT_TRUE(ungated.ok());
  const Result<AreaReport> with_enables = MeasureArea(*ungated, *technology_);
  ASSERT_TRUE(with_enables.ok());
  for (const ModuleArea& module : with_enables->modules) {
    EXPECT_EQ(module.gating.gates, 0u);
    EXPECT_EQ(module.gating.enabled_bits, 16u) << module.name;
  }

  // The cells of a library for a clock; trees of buffers; paths.
  options.least_gate_bits = kLeastGateBits;
  options.for_clock = true;
  const Result<MappedDesign> fast =
      MapDesign(Emission(), *technology_, &*cache, Folder("fast"), options);
  ASSERT_TRUE(fast.ok()) << Text(fast.errors());
  const std::string sdc =
      "create_clock -name clk -period $npu_period [get_ports clk_i]\n"
      "set_clock_uncertainty [expr {$npu_margin * $npu_period}] [get_clocks clk]\n"
      "set_clock_gating_check -setup 0.0 -hold 0.0 [get_clocks clk]\n"
      "set_input_delay [expr {$npu_outside * $npu_period}] -clock clk [get_ports {rst_ni "
      "s_axil_*_i}]\n"
      "set_output_delay [expr {$npu_outside * $npu_period}] -clock clk [get_ports {irq_o "
      "s_axil_*_o}]\n";
  const Result<FileSet> scripts = TimingScripts(technology_->technology, sdc, 5.0);
  ASSERT_TRUE(scripts.ok());
  const Result<TimingReport> timing =
      TimeDesign(*fast, *technology_, {}, *scripts, Folder("timing"));
  ASSERT_TRUE(timing.ok()) << Text(timing.errors());
  EXPECT_GT(timing->register_period, 1.5) << "the memory alone takes longer";
  EXPECT_LT(timing->register_period, 10);
  EXPECT_GT(timing->constrained_period, timing->register_period);
  EXPECT_GE(timing->endpoints, registers);
  ASSERT_FALSE(timing->paths.empty());
  EXPECT_NEAR(timing->worst_slack, timing->paths.front().slack, 1e-3);
  EXPECT_GT(timing->area_ge, 100);

  // A gate's latch has the whole period for its enable: endpoints that are gates are no later than
  // registers, so the shortest period is not twice the longest path.
  bool named = false;
  for (const TimingPath& path : timing->paths) {
    named |= path.from.find("u_") != std::string::npos || path.to.find("_q") != std::string::npos;
  }
  EXPECT_TRUE(named);

  // What was timed is what simulation of netlists reads.
  const Result<std::string> json =
      ReadFileText((folder_ / "timing" / "netlist.json").string(), uint64_t{1} << 30);
  ASSERT_TRUE(json.ok());
  const Result<Netlist> netlist = ReadNetlist(*json, technology_->library.cells, "netlist.json");
  ASSERT_TRUE(netlist.ok()) << Text(netlist.errors());
  EXPECT_EQ(netlist->flip_flops.size(), registers);
  EXPECT_EQ(netlist->memories.size(), 1u);
}

TEST_F(Flow, ModulesComeFromTheCache) {
  const Result<Cache> cache = Cache::Open(Folder("cache"));
  ASSERT_TRUE(cache.ok());
  const Result<MappedDesign> first =
      MapDesign(Emission(), *technology_, &*cache, Folder("one"), {});
  ASSERT_TRUE(first.ok()) << Text(first.errors());
  // Lines that move and a module that changes: only that one is mapped again.
  FileSet changed = Emission();
  changed["rtl/npu_unit.sv"] = std::string("// one line more\n") + kUnit;
  std::string& top = changed["rtl/npu_top.sv"];
  top.replace(top.find("^{total_q"), 2, "&{");
  const Result<MappedDesign> second = MapDesign(changed, *technology_, &*cache, Folder("two"), {});
  ASSERT_TRUE(second.ok());
  size_t mapped = 0;
  for (const auto& entry : fs::directory_iterator(folder_ / "two")) {
    mapped += entry.path().filename().string().starts_with("npu_");
  }
  EXPECT_EQ(mapped, 1u);
  for (const auto& [name, unit] : second->units) {
    if (name == "npu_top") continue;
    EXPECT_EQ(unit.json, first->units.at(name).json) << name;
  }
}

TEST_F(Flow, AFaultInTheSourceIsReportedAndNotKept) {
  const Result<Cache> cache = Cache::Open(Folder("cache"));
  ASSERT_TRUE(cache.ok());
  FileSet broken = Emission();
  broken["rtl/npu_unit.sv"] = "module npu_unit (input wire clk_i;\nendmodule\n";
  const Result<MappedDesign> mapped =
      MapDesign(broken, *technology_, &*cache, Folder("broken"), {});
  ASSERT_FALSE(mapped.ok());
  EXPECT_EQ(mapped.errors().front().code, DiagnosticCode::kToolFailed);
  EXPECT_NE(mapped.errors().front().message.find("npu_unit.sv"), std::string::npos)
      << Text(mapped.errors());
  EXPECT_FALSE(fs::exists(folder_ / "cache" / "units"));
}

TEST_F(Flow, AToolThatIsMissing) {
  const std::string path = std::getenv("PATH");
  setenv("PATH", "/nowhere", 1);
  const Result<MappedDesign> mapped =
      MapDesign(Emission(), *technology_, nullptr, Folder("none"), {});
  const Result<FileSet> scripts = TimingScripts(technology_->technology, "", 5.0);
  setenv("PATH", path.c_str(), 1);
  ASSERT_FALSE(mapped.ok());
  EXPECT_EQ(mapped.errors().front().code, DiagnosticCode::kToolMissing);
  EXPECT_TRUE(scripts.ok());
  Technology bare = technology_->technology;
  bare.latch.reset();
  const Result<FileSet> without = TimingScripts(bare, "", 5.0);
  ASSERT_FALSE(without.ok());
  EXPECT_NE(without.errors().front().message.find("cells.latch"), std::string::npos);
}

}  // namespace
}  // namespace npugen

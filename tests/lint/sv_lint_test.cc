// SPDX-License-Identifier: Apache-2.0
// The lint of words: each rule refuses its construct at its place, and leaves alone what is alike.
#include "verif/lint/sv_lint.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace npugen {
namespace {

/// `body` in a file; the body's first line is line 3.
std::string File(std::string_view body) {
  return fmt::format("`default_nettype none\nmodule m;\n{}\nendmodule\n`default_nettype wire\n",
                     body);
}

/// Rule and place of all findings.
std::string Findings(std::string_view body) {
  std::string text;
  for (const SvFinding& finding : LintSystemVerilog(File(body))) {
    text += fmt::format("{} {}:{};", finding.rule, finding.line, finding.column);
  }
  return text;
}

// All of these are 1 in Yosys 0.23; the first one is what npu_dma_realign had.
TEST(SvLint, RefusesUnsizedFillsOfOneBit) {
  EXPECT_EQ(Findings("localparam logic [BusBytes-1:0] AllBytes = '1;"), "unsized-fill 3:44;");
  EXPECT_EQ(Findings("parameter logic [7:0] A = 8'd1, B = '0;"), "unsized-fill 3:37;");
  EXPECT_EQ(Findings("localparam logic [7:0] A = {8{1'b0}} | ('1 << 2);"), "unsized-fill 3:41;");
  EXPECT_EQ(Findings("sub #(.Width(8), .Reset('1)) u_sub (.a_i(a));"), "unsized-fill 3:25;");
  EXPECT_EQ(Findings("typedef enum logic [1:0] {A = 2'd0, B = '1} kind_t;"), "unsized-fill 3:41;");
  EXPECT_EQ(Findings("assign y = f('1);"), "unsized-fill 3:14;");
  EXPECT_EQ(Findings("assign y = f(a, '1, b);"), "unsized-fill 3:17;");
}

TEST(SvLint, LeavesFillsThatBothToolsExtend) {
  EXPECT_EQ(Findings("localparam logic [7:0] A = {8{1'b1}};"), "");
  EXPECT_EQ(Findings("assign y = c ? '1 : '0;\nassign z = (a | b) == '1;"), "");
  EXPECT_EQ(Findings("always_comb begin\n  y = '1;\n  if (a == '1) y = '0;\nend"), "");
  EXPECT_EQ(Findings("sub #(.Width(8)) u_sub (.a_i('1), .b_i(b));"), "");
}

TEST(SvLint, RefusesStridesThatBecomeShifters) {
  EXPECT_EQ(Findings("assign y = counts[32'(id)*24+:24];"), "dynamic-stride 3:18;");
  EXPECT_EQ(Findings("assign y = counts[32'(id[3+:6])*W+:W];"), "dynamic-stride 3:18;");
  EXPECT_EQ(Findings("always_ff @(posedge clk) q[176*slot+:176] <= d;"), "dynamic-stride 3:27;");
  EXPECT_EQ(Findings("assign y = x[8*P*slot+:8];"), "dynamic-stride 3:13;");
  EXPECT_EQ(Findings("assign y = x[4+3*(slot+1)];"), "dynamic-stride 3:13;");
  EXPECT_EQ(Findings("localparam int unsigned W = 8 * N;\nassign y = x[W*slot+:W];"),
            "dynamic-stride 4:13;");
  EXPECT_EQ(Findings("assign y = x[(W)'(slot)*12-:12];"), "dynamic-stride 3:13;");
}

TEST(SvLint, RefusesCarriesThatYosysKeeps) {
  EXPECT_EQ(Findings("assign y = a + W'(b) <= c;"), "carry 3:16;");
  EXPECT_EQ(Findings("assign y = W'(b) + a[3:0] + 1 == c;"), "carry 3:12;");
  EXPECT_EQ(Findings("assign y = s ? a - W'(b[3:0]) == c : d;"), "carry 3:20;");
  EXPECT_EQ(Findings("assign y = {1'b0, a + W'(b)};"), "carry 3:23;");
  EXPECT_EQ(Findings("assign y = {a + W'(b), c};"), "carry 3:17;");
  EXPECT_EQ(Findings("assign y = V'(a + W'(b));"), "carry 3:19;");
  EXPECT_EQ(Findings("assign y = a + W'(1) == c || a + W'(Depth) < c;"), "");
  EXPECT_EQ(Findings("assign y = {W'(b), c} == d || W'(b) == c || x[W'(b)];"), "");
  EXPECT_EQ(Findings("assign y = a + W'(b);\nalways_ff @(posedge clk) q <= a + W'(b);"), "");
}

TEST(SvLint, LeavesSelectsOfKnownStride) {
  EXPECT_EQ(Findings("assign y = x[32'(id)*32+:24] ^ x[id+:5] ^ x[{id, 3'd0}+:8];"), "");
  EXPECT_EQ(Findings("for (genvar i = 0; i < 4; i++) assign y[24*i+:24] = x[24*(3-i)+:24];"), "");
  EXPECT_EQ(Findings("always_comb for (int unsigned i = 0; i < 4; i++) y[3*i+:3] = '0;"), "");
  EXPECT_EQ(
      Findings("assign y = x[24*npu_cfg_pkg::Cores+:24] ^ x[3*Last+:3];\nlocalparam int Last = 2;"),
      "");
  // A parameter that the module refuses unless it is a power of two, and what is made of it.
  EXPECT_EQ(Findings("if ((P & (P - 1)) != 0) begin : gen_bad\n  $error(\"P\");\nend\n"
                     "localparam int unsigned W = 8 * P;\nassign y = x[W*slot+:W] ^ x[P*slot+:P];"),
            "");
  EXPECT_EQ(Findings("localparam int unsigned W = 1 << $clog2(N);\nassign y = x[W*slot+:N];"), "");
}

TEST(SvLint, RefusesArraysOfNamedTypes) {
  EXPECT_EQ(Findings("command_t queue[4];"), "struct-array 3:16;");
  EXPECT_EQ(Findings("npu_isa_pkg::command_t queue [Depth];"), "struct-array 3:30;");
  EXPECT_EQ(Findings("logic [7:0] memory[4];\ncommand_t one;"), "");
}

TEST(SvLint, RefusesValuesThatAreNoReset) {
  EXPECT_EQ(Findings("logic [3:0] x = 4'd3;"), "initial-value 3:15;");
  EXPECT_EQ(Findings("initial x = 1;"), "refused 3:1;");
  EXPECT_EQ(Findings("logic x;\nassign x = 1'b1;\nlocalparam logic Y = 1'b1;"), "");
  EXPECT_EQ(Findings("typedef enum logic [1:0] {\n  A = 2'd1\n} kind_t;"), "");
}

TEST(SvLint, RefusesWhatYosysRefuses) {
  EXPECT_EQ(Findings("import p::*;"), "refused 3:1;");
  EXPECT_EQ(Findings("logic [3:0][7:0] x;"), "refused 3:12;");
  EXPECT_EQ(Findings("assign y = '{a, b};"), "refused 3:12;");
  EXPECT_EQ(Findings("assign y = int'(x);"), "refused 3:12;");
  EXPECT_EQ(Findings("assign y = -8'(x);"), "refused 3:12;");
  EXPECT_EQ(Findings("assign y = a - 8'(x) + -(8'(x));"), "");
  EXPECT_EQ(Findings("parameter type T = logic;"), "refused 3:11;");
  EXPECT_EQ(Findings("typedef struct packed {\n  logic [3:0][7:0] bytes;\n} word_t;"), "");
  EXPECT_EQ(Findings("logic [7:0] mem[4];\nassign y = mem[a][3:0];"), "");
  EXPECT_EQ(Findings("// import '1\n/* initial\n break */ assign y = \"import\";"), "");
}

TEST(SvLint, WantsTheNetTypeOfTheHouse) {
  const auto rules = [](std::string_view text) {
    std::string all;
    for (const SvFinding& finding : LintSystemVerilog(text)) {
      all += fmt::format("{} {};", finding.rule, finding.line);
    }
    return all;
  };
  EXPECT_EQ(
      rules("// Comment.\n`default_nettype none\nmodule m;\nendmodule\n`default_nettype wire\n"),
      "");
  EXPECT_EQ(rules("module m;\nendmodule\n`default_nettype wire\n"), "default-nettype 1;");
  EXPECT_EQ(rules("`default_nettype none\nmodule m;\nendmodule\n"), "default-nettype 3;");
  EXPECT_EQ(rules(""), "default-nettype 1;default-nettype 1;");
}

// Texts that end anywhere, and brackets without partners.
TEST(SvLint, SurvivesTornText) {
  const std::string whole = File("localparam logic [7:0] A = '1, B = f(x[3*i+:3]);\n(((]]}\"");
  for (size_t size = 0; size <= whole.size(); ++size) {
    LintSystemVerilog(std::string_view(whole).substr(0, size));
    LintSystemVerilog(std::string_view(whole).substr(size));
  }
}

TEST(SvLint, SeesViewsForSynthesis) {
  EXPECT_TRUE(HasSynthesisView("module m;\n`ifdef SYNTHESIS\n`else\n`endif\nendmodule"));
  EXPECT_TRUE(HasSynthesisView("`ifndef SYNTHESIS\n`endif"));
  EXPECT_FALSE(HasSynthesisView("// `ifdef SYNTHESIS\n`ifdef YOSYS\n`endif"));
}

}  // namespace
}  // namespace npugen

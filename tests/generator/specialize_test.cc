// SPDX-License-Identifier: Apache-2.0
// The two directives of the RTL library.
#include "generator/emit/specialize.h"

#include <gtest/gtest.h>

namespace npugen {
namespace {

std::string SpecializeText(std::string_view text, std::vector<std::string>* problems) {
  NpuConfig config;
  config.lanes = 4;
  config.pe_memory_bytes = 4'194'304;
  return Specialize({"npu_x.sv", text}, ConfigValues(config), "Banner.", *problems);
}

std::string SpecializeClean(std::string_view text) {
  std::vector<std::string> problems;
  std::string out = SpecializeText(text, &problems);
  EXPECT_TRUE(problems.empty()) << problems.front();
  return out;
}

TEST(Specialize, ReplacesDefaultsAndKeepsColumns) {
  EXPECT_EQ(
      SpecializeClean("`default_nettype none\n"
                      "// What it is.\n"
                      "module npu_x #(\n"
                      "  parameter int unsigned Lanes    = 16,  //@ = core.lanes  -- per core\n"
                      "  parameter int unsigned MemBytes = 16,  //@ = pe.memory\n"
                      "  parameter int unsigned Simd     = 2    //@ = lane.simd\n"
                      ") (\n"),
      "`default_nettype none\n"
      "// What it is.\n"
      "// Banner.\n"
      "module npu_x #(\n"
      "  parameter int unsigned Lanes    = 4,        // core.lanes: per core\n"
      "  parameter int unsigned MemBytes = 4194304,  // pe.memory\n"
      "  parameter int unsigned Simd     = 16        // lane.simd\n"
      ") (\n");
}

TEST(Specialize, DropsARemarkThatDoesNotFit) {
  const std::string code = "  parameter int unsigned Lanes = 16,";
  EXPECT_EQ(SpecializeClean(code + "  //@ = core.lanes  -- " + std::string(60, 'x') + '\n'),
            "  parameter int unsigned Lanes = 4,   // core.lanes\n// Banner.\n");
}

TEST(Specialize, RemovesRegions) {
  EXPECT_EQ(SpecializeClean("a\n\n//@ if units.bnn.enabled\nb\n//@ endif\n\nc\n"),
            "a\n// Banner.\n\nc\n");
  EXPECT_EQ(SpecializeClean("a\n//@ if units.dma.bounds_fill\nb\n//@ endif\nc\n"),
            "a\n// Banner.\nb\nc\n");
}

TEST(Specialize, ChoosesBetweenRegions) {
  const std::string text =
      "a\n  //@ if %\n  b\n  //@ else\n//@:  c\n//@:\n  //@: g\n  //@ endif\n  d (  //@ if %\n"
      "  //@ unless %: e (\nf\n";
  const auto with = [&](std::string_view feature) {
    std::string out;
    for (const char c : text) c == '%' ? out += feature : out += c;
    return SpecializeClean(out);
  };
  EXPECT_EQ(with("units.bnn.enabled"), "a\n// Banner.\n      c\n\n  g\n  e (\nf\n");
  EXPECT_EQ(with("units.dma.bounds_fill"), "a\n// Banner.\n  b\n  d (\nf\n");
}

TEST(Specialize, ReportsWhatIsWrong) {
  const auto problem = [](std::string_view text) {
    std::vector<std::string> problems;
    SpecializeText(text, &problems);
    return problems.size() == 1 ? problems.front() : "not one problem";
  };
  EXPECT_EQ(problem("x\n  parameter int A = 1  //@ = core.lane\n"),
            "npu_x.sv:2: unknown key `core.lane`");
  EXPECT_EQ(problem("//@ if units.bnn\n//@ endif\n"), "npu_x.sv:1: unknown feature `units.bnn`");
  EXPECT_EQ(problem("//@ if units.bnn.enabled\n"),
            "npu_x.sv:1: a region is not closed by `//@ endif`");
  EXPECT_EQ(problem("//@ else\n"), "npu_x.sv:1: `//@ else` without `//@ if`");
  EXPECT_EQ(problem("//@: a\n"), "npu_x.sv:1: `//@:` outside of `//@ else`");
  EXPECT_EQ(problem("//@ if units.bnn.enabled\n//@ else\na\n//@ endif\n"),
            "npu_x.sv:3: a line between `//@ else` and `//@ endif` begins with `//@:`");
  EXPECT_EQ(problem("//@ endif\n"), "npu_x.sv:1: `//@ endif` without `//@ if`");
  EXPECT_EQ(problem("a //@ if units.bnn\n"), "npu_x.sv:1: unknown feature `units.bnn`");
  EXPECT_EQ(problem("//@ otherwise\n"), "npu_x.sv:1: unknown directive `otherwise`");
  EXPECT_EQ(problem("//@ = core.lanes\n"), "npu_x.sv:1: no default value to replace");
}

// Every directive in the real library is understood.
TEST(Specialize, WholeLibrary) {
  std::vector<std::string> problems;
  NpuConfig config;
  config.vector_lanes = 8;  // a key that configurations without the unit lack
  for (const RtlSource& source : RtlLibrary()) {
    Specialize(source, ConfigValues(config), "Banner.", problems);
  }
  for (const std::string& problem : problems) ADD_FAILURE() << problem;
}

}  // namespace
}  // namespace npugen

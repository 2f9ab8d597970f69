// SPDX-License-Identifier: Apache-2.0
// The printed SystemVerilog: field positions and behaviour, checked with the tools that will read
// it.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <set>

#include "generator/arch/command_set.h"
#include "generator/arch/register_map.h"
#include "generator/emit/isa_package.h"
#include "generator/emit/register_block.h"
#include "generator/emit/register_header.h"
#include "tests/generator/support.h"

namespace npugen {
namespace {

using testing::RunShell;
using testing::WriteFile;

/// Words that no field may be called.
bool IsKeyword(std::string_view word) {
  static const std::set<std::string_view> keywords = {
      "always",   "and",     "assign",   "begin",    "bit",      "buf",     "byte",   "case",
      "class",    "cover",   "cross",    "deassign", "default",  "disable", "do",     "edge",
      "else",     "end",     "enum",     "event",    "final",    "for",     "force",  "function",
      "if",       "initial", "input",    "int",      "join",     "local",   "logic",  "longint",
      "module",   "new",     "not",      "null",     "or",       "output",  "packed", "parameter",
      "priority", "program", "property", "pull0",    "rand",     "ref",     "reg",    "release",
      "repeat",   "return",  "sequence", "signed",   "small",    "solve",   "static", "strong",
      "struct",   "super",   "table",    "tagged",   "task",     "this",    "time",   "type",
      "union",    "unique",  "unsigned", "var",      "vectored", "virtual", "void",   "wait",
      "weak",     "while",   "wire",     "with",     "within",   "xor",     "bind",   "bins",
      "break",    "continue"};
  return keywords.contains(word);
}

TEST(IsaPackage, IsTidyAndAvoidsKeywords) {
  testing::ExpectTidy("npu_isa_pkg.sv", EmitIsaPackage());
  for (const CommandLayout* layout : AllCommandLayouts()) {
    for (const CommandField& field : layout->fields) {
      EXPECT_FALSE(IsKeyword(field.name)) << field.name;
      EXPECT_LE(field.lsb + field.width, 32) << field.name;
      EXPECT_LT(field.word, layout->words) << field.name;
    }
  }
}

/// The register block and the library module that it uses.
void WriteRegisterBlock(const std::filesystem::path& folder) {
  WriteFile(folder / "npu_regs.sv", EmitRegisterBlock());
  std::filesystem::copy_file(testing::kSourceDir / "rtl/cells/npu_clock_gate.sv",
                             folder / "npu_clock_gate.sv");
  std::filesystem::copy_file(testing::kSourceDir / "rtl/npu_assert.svh", folder / "npu_assert.svh");
}

/// A module that compares each struct member with the bits it must be.
std::string PositionChecker(const CommandLayout& layout) {
  const uint32_t width = layout.words * 32;
  std::string text = fmt::format(
      "`default_nettype none\nmodule checker_{0} (\n  input wire [{1}:0] "
      "words_i,\n  output wire ok_o\n);\n  npu_isa_pkg::{0}_t command;\n"
      "  assign command = words_i;\n  assign ok_o = 1'b1",
      layout.name, width - 1);
  for (const CommandField& field : layout.fields) {
    const uint32_t low = field.word * 32 + field.lsb;
    text += fmt::format("\n    && (command.{} == words_i[{} +: {}])", field.name, low, field.width);
    if (!field.is_signed) continue;
    // Sign extension, and a comparison that is only true for a signed member.
    text += fmt::format("\n    && ((command.{} < 0) == words_i[{}])", field.name,
                        low + field.width - 1);
  }
  return text + fmt::format(";\nendmodule : checker_{}\n`default_nettype wire\n", layout.name);
}

// ok_o must be the constant 1 for all inputs.
TEST(IsaPackage, FieldPositionsHoldInYosys) {
  const testing::TemporaryFolder folder;
  const std::filesystem::path& path = folder.path();
  WriteFile(path / "npu_isa_pkg.sv", EmitIsaPackage());
  for (const CommandLayout* layout : AllCommandLayouts()) {
    WriteFile(path / "checker.sv", PositionChecker(*layout));
    const testing::ProgramResult result = RunShell(fmt::format(
        "cd {0} && yosys -q -p 'read_verilog -sv npu_isa_pkg.sv checker.sv; hierarchy -check -top "
        "checker_{1}; proc; check -assert; sat -verify -prove ok_o 1'",
        path.string(), layout->name));
    EXPECT_EQ(result.status, 0) << result.out << result.err;
  }
}

TEST(IsaPackage, IsCleanInVerilator) {
  const testing::TemporaryFolder folder;
  WriteFile(folder.path() / "npu_isa_pkg.sv", EmitIsaPackage());
  WriteRegisterBlock(folder.path());
  const testing::ProgramResult result =
      RunShell(fmt::format("cd {} && verilator --lint-only -Wall --top-module npu_regs "
                           "npu_isa_pkg.sv npu_clock_gate.sv npu_regs.sv",
                           folder.path().string()));
  EXPECT_EQ(result.status, 0) << result.err;
}

TEST(RegisterMap, DoesNotOverlap) {
  std::set<uint32_t> offsets;
  for (const RegisterInfo& reg : AllRegisters()) {
    for (uint32_t i = 0; i < reg.count; ++i) {
      const uint32_t offset = reg.offset + i * reg.stride;
      EXPECT_EQ(offset % 4, 0u) << reg.name;
      EXPECT_LT(offset, kRegisterSpaceBytes) << reg.name;
      EXPECT_TRUE(offsets.insert(offset).second) << reg.name;
    }
  }
}

TEST(RegisterBlock, IsTidyAndReadableByYosys) {
  testing::ExpectTidy("npu_regs.sv", EmitRegisterBlock());
  const testing::TemporaryFolder folder;
  WriteRegisterBlock(folder.path());
  const testing::ProgramResult result =
      RunShell(fmt::format("cd {} && yosys -q -p 'read_verilog -sv npu_clock_gate.sv npu_regs.sv; "
                           "hierarchy -check -top npu_regs; proc; check -assert; "
                           "select -assert-none npu_regs/t:$dlatch'",
                           folder.path().string()));
  EXPECT_EQ(result.status, 0) << result.out << result.err;
}

TEST(RegisterBlock, BehavesOnTheBus) {
  const testing::TemporaryFolder folder;
  WriteRegisterBlock(folder.path());
  WriteFile(folder.path() / "npu_registers.h", EmitRegisterHeader());
  const testing::ProgramResult result = RunShell(fmt::format(
      "cd {} && OBJCACHE=$(command -v ccache) verilator --cc --exe --build -Wall --x-initial "
      "unique "
      "-Mdir obj --prefix Vnpu_regs --top-module npu_regs -CFLAGS '-I.. -O1' -MAKEFLAGS "
      "'OPT_FAST=-O1 OPT_SLOW=-O0' npu_clock_gate.sv "
      "npu_regs.sv {} && "
      "obj/Vnpu_regs",
      folder.path().string(),
      (testing::kSourceDir / "tests/generator/npu_regs_bench.cc").string()));
  EXPECT_EQ(result.status, 0) << result.out << result.err;
}

}  // namespace
}  // namespace npugen

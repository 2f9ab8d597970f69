// SPDX-License-Identifier: Apache-2.0
// Computes the compressor tree of npu_dot_products and prints the module.
#include "generator/emit/dot_products.h"

#include <fmt/format.h>

#include <bit>

#include "generator/emit/sv_writer.h"

namespace npugen {
namespace {

constexpr uint32_t kDigits = 4;   // of a weight
constexpr uint32_t kRowBits = 9;  // of a digit times an operand

/// When bits are there, in units of about two gates.
constexpr double kRowArrival = 3.0;
constexpr double kLowestArrival = 2.5;   // the lowest bit of a row
constexpr double kCarryInArrival = 2.5;  // of its addition

/// What the rows of one product are too large by, as signs count positively.
constexpr uint64_t kExcess = (1u << 8) + (1u << 10) + (1u << 12) + (1u << 14);

/// Bits of the sum: 2^width is above what the rows have too much and above every sum of products.
uint32_t WidthOf(uint32_t simd) {
  return static_cast<uint32_t>(std::bit_width(kExcess * simd - 1));
}

void PrintRows(SvWriter& sv, TreePrinter& printer, uint32_t simd) {
  sv.Comment(
      "Booth digits. Bit i of digit d of all products stands together, as it has one weight.");
  printer.Declare("row", kDigits * kRowBits * simd, true);
  printer.Declare("carry_in", kDigits * simd, true);
  sv.Blank();
  sv.Line(fmt::format("for (genvar s = 0; s < {}; s++) begin : gen_product", simd)).In();
  sv.Line("wire [8:0] once, twice, weight;");
  sv.Line("assign once   = {slots_i[8*s+7], slots_i[8*s+:8]};");
  sv.Line("assign twice  = {slots_i[8*s+:8], 1'b0};");
  sv.Line("assign weight = {weights_i[8*s+:8], 1'b0};");
  sv.Line(fmt::format("for (genvar d = 0; d < {}; d++) begin : gen_digit", kDigits)).In();
  sv.Line("wire       one, two, negative;");
  sv.Line("wire [8:0] size;");
  sv.Line("assign negative = weight[2*d+2];");
  sv.Line("assign one      = weight[2*d+1] ^ weight[2*d];");
  sv.Line("assign two      = ~one & (weight[2*d+2] ^ weight[2*d+1]);");
  sv.Line("assign size     = (once & {9{one}}) | (twice & {9{two}});");
  sv.Comment("The one that makes a complement negative, added to the lowest bit.");
  sv.Line(fmt::format("assign row[{}*d+s] = size[0];", kRowBits * simd));
  sv.Line(fmt::format("assign carry_in[{}*d+s] = negative & ~size[0];", simd));
  sv.Line("for (genvar i = 1; i < 8; i++) begin : gen_bit").In();
  sv.Line(fmt::format("assign row[{}*({}*d+i)+s] = size[i] ^ negative;", simd, kRowBits));
  sv.Out().Line("end");
  sv.Line(fmt::format("assign row[{}*({}*d+8)+s] = ~(size[8] ^ negative);", simd, kRowBits));
  sv.Out().Line("end");
  sv.Out().Line("end");
}

void PrintTree(SvWriter& sv, uint32_t simd) {
  const DotTree tree = MakeDotTree(simd);
  TreePrinter printer(sv);
  sv.Line(fmt::format("if (Simd != {}) begin : gen_bad_simd", simd));
  sv.Line(fmt::format("  $error(\"npu_dot_products: the tree of this file is for {} products\");",
                      simd));
  sv.Line("end");
  sv.Blank();
  PrintRows(sv, printer, simd);
  PrintAdders(sv, printer, tree.adders);
  sv.Blank();
  const std::string top = tree.top.empty() ? "1'b0" : fmt::format("|{}", printer.Bits(tree.top));
  printer.Assign("first_o", fmt::format("{{{}, {}}}", top, printer.Bits(tree.first)));
  printer.Assign("second_o", printer.Bits(tree.second));
}

}  // namespace

DotTree MakeDotTree(uint32_t simd) {
  const uint32_t width = WidthOf(simd);
  ColumnTreePlan plan(width);
  for (uint32_t d = 0; d < kDigits; ++d) {
    for (uint32_t s = 0; s < simd; ++s) {
      plan.Add(2 * d + 1, {"carry_in", simd * d + s}, kCarryInArrival);
    }
    for (uint32_t i = 0; i < kRowBits; ++i) {
      for (uint32_t s = 0; s < simd; ++s) {
        plan.Add(2 * d + i, {"row", simd * (kRowBits * d + i) + s},
                 i == 0 ? kLowestArrival : kRowArrival);
      }
    }
  }
  plan.AddConstant((uint64_t{1} << width) - kExcess * simd);
  return plan.Finish();
}

std::string EmitDotProducts(uint32_t simd, std::string_view origin) {
  SvWriter sv(
      "Signed products of slots and weights, added up to two rows that are still to be added: "
      "their "
      "sum is first_o + second_o - 2^RowW.",
      origin);
  sv.Line("//");
  sv.Comment(fmt::format(
      "The synthesis view for standard cells is a tree of full adders for {} products; for FPGAs "
      "(NPU_LUT6 or NPU_LUT4 defined) and simulation there is one row, for any number.",
      simd));
  sv.Line("module npu_dot_products #(").In();
  sv.Line(fmt::format("parameter int unsigned Simd = {},  // 1..{}", simd, kMaxDotProducts));
  sv.Line(fmt::format("localparam int unsigned RowW = $clog2({} * Simd)", kExcess));
  sv.Out().Line(") (").In();
  sv.Line("input  wire  [8*Simd-1:0] slots_i,");
  sv.Line("input  wire  [8*Simd-1:0] weights_i,");
  sv.Line("output wire  [RowW:0]     first_o,");
  sv.Line("output wire  [RowW-1:0]   second_o");
  sv.Out().Line(");");
  sv.Line("`ifdef SYNTHESIS");
  sv.Line("`ifndef NPU_LUT6");
  sv.Line("`ifndef NPU_LUT4");
  sv.Line("`define NPU_DOT_PRODUCTS_TREE");
  sv.Line("`endif");
  sv.Line("`endif");
  sv.Line("`endif");
  sv.Line("`ifdef NPU_DOT_PRODUCTS_TREE").In();
  sv.Line("`undef NPU_DOT_PRODUCTS_TREE");
  PrintTree(sv, simd);
  sv.Out().Line("`else").In();
  sv.Line("logic [RowW:0] sum;");
  sv.Line("always_comb begin").In();
  sv.Line("sum = '0;");
  sv.Line("for (int unsigned s = 0; s < Simd; s++) begin").In();
  sv.Line("sum = sum + (RowW + 1)'(16'($signed(slots_i[8*s+:8])) *");
  sv.Line("                        16'($signed(weights_i[8*s+:8])));");
  sv.Out().Line("end");
  sv.Out().Line("end");
  sv.Line("assign first_o  = {~sum[RowW], sum[RowW-1:0]};");
  sv.Line("assign second_o = '0;");
  sv.Out().Line("`endif");
  sv.Line("endmodule : npu_dot_products");
  return sv.Finish();
}

}  // namespace npugen

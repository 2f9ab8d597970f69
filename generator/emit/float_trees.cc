// SPDX-License-Identifier: Apache-2.0
// Plans the trees of a floating-point lane, cuts one of them by registers, and prints both.
#include "generator/emit/float_trees.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "generator/emit/sv_writer.h"

namespace npugen {
namespace {

/// The rows that are left behind the levels of adders in the cycle of the products; registers hold
/// them.
constexpr uint32_t kHeldRows = 3;

/// The adders of a tree before and after its registers, and what these hold.
struct CutTree {
  std::vector<ColumnAdders> early, late;
  std::vector<TreeBit> held;
  std::vector<TreeBit> first, second;
};

CutTree Cut(const ColumnTree& tree, uint32_t rows) {
  // The last level leaves two rows, the one before three, then four, six, nine.
  uint32_t level = 0;
  for (const ColumnAdders& adders : tree.adders) level = std::max(level, adders.level);
  for (uint32_t left = 2; left < rows && level > 0; left = left * 3 / 2) --level;
  CutTree cut;
  std::map<std::pair<std::string, uint32_t>, uint32_t> places;  // of bits in `held`
  std::map<std::string, bool> late_vectors;
  const auto behind = [&](std::vector<TreeBit>& bits) {
    for (TreeBit& bit : bits) {
      if (bit.vector.empty() || bit.vector == "one" || late_vectors.contains(bit.vector)) continue;
      const auto [place, is_new] =
          places.emplace(std::pair(bit.vector, bit.index), static_cast<uint32_t>(cut.held.size()));
      if (is_new) cut.held.push_back(bit);
      bit = {"held_q", place->second};
    }
  };
  for (ColumnAdders adders : tree.adders) {
    if (adders.level <= level) {
      cut.early.push_back(std::move(adders));
      continue;
    }
    late_vectors[adders.sum] = late_vectors[adders.carry] = true;
    behind(adders.a);
    behind(adders.b);
    behind(adders.c);
    cut.late.push_back(std::move(adders));
  }
  cut.first = tree.first;
  cut.second = tree.second;
  behind(cut.first);
  behind(cut.second);
  return cut;
}

void PrintViews(SvWriter& sv, const std::string& macro) {
  sv.Line("`ifdef SYNTHESIS");
  sv.Line("`ifndef NPU_LUT6");
  sv.Line("`ifndef NPU_LUT4");
  sv.Line(fmt::format("`define {}", macro));
  sv.Line("`endif");
  sv.Line("`endif");
  sv.Line("`endif");
  sv.Line(fmt::format("`ifdef {}", macro)).In();
  sv.Line(fmt::format("`undef {}", macro));
}

/// What is carried out of the tree counts for nothing.
void PrintUnusedTop(SvWriter& sv, TreePrinter& printer, const ColumnTree& tree) {
  if (tree.top.empty()) return;
  sv.Line("logic unused_top;  // modulo 2^width");
  printer.Assign("unused_top", fmt::format("^{}", printer.Bits(tree.top)));
}

}  // namespace

ColumnTree MakeFloatTree(uint32_t simd) {
  ColumnTreePlan plan(kFloatSumBits);
  for (uint32_t s = 0; s < simd; ++s) plan.Add(0, {"negative", s}, 0);
  for (uint32_t s = 0; s < simd; ++s) plan.Add(kFloatRowBits, {"not_below", s}, 0);
  for (uint32_t k = 0; k < kFloatRowBits; ++k) {
    for (uint32_t s = 0; s < simd; ++s) plan.Add(k, {"row", simd * k + s}, 0);
  }
  plan.AddConstant(((uint64_t{1} << kFloatSumBits) - (uint64_t{simd} << kFloatRowBits)) &
                   ((uint64_t{1} << kFloatSumBits) - 1));
  return plan.FinishByLevels();
}

std::string EmitFloatTree(uint32_t simd, std::string_view origin) {
  SvWriter sv("Sum of aligned products as two rows, in the cycle after their rows.", origin);
  sv.Line("//");
  sv.Line("//   first_o + second_o = sum of rows, and ones, less 2^27 where below_i is set");
  sv.Line("//");
  sv.Comment(fmt::format(
      "modulo 2^32. The synthesis view for standard cells is a tree of full adders for {} "
      "rows, with registers in the middle; for FPGAs (NPU_LUT6 or NPU_LUT4 defined) and "
      "simulation there is one row, for any number.",
      simd));
  sv.Line("module npu_float_tree #(").In();
  sv.Line(fmt::format("parameter int unsigned Simd = {}  // 1..{}", simd, kMaxFloatProducts));
  sv.Out().Line(") (").In();
  sv.Line("input  wire               clk_i,");
  sv.Line("input  wire               take_i,   // rows of this cycle");
  sv.Line("input  wire  [27*Simd-1:0] rows_i,");
  sv.Line("input  wire  [Simd-1:0]   ones_i,");
  sv.Line("input  wire  [Simd-1:0]   below_i,");
  sv.Line("output wire  [31:0]       first_o,");
  sv.Line("output wire  [31:0]       second_o");
  sv.Out().Line(");");
  PrintViews(sv, "NPU_FLOAT_TREE");
  sv.Line(fmt::format("if (Simd != {}) begin : gen_bad_simd", simd));
  sv.Line(fmt::format("  $error(\"npu_float_tree: the tree of this file is for {} rows\");", simd));
  sv.Line("end");
  sv.Blank();

  const ColumnTree tree = MakeFloatTree(simd);
  const CutTree cut = Cut(tree, kHeldRows);
  TreePrinter printer(sv);
  sv.Comment("Bits of all rows that have one weight stand together.");
  printer.Declare("row", kFloatRowBits * simd, true);
  printer.Declare("negative", simd, true);
  printer.Declare("not_below", simd, true);
  sv.Line("assign negative  = ones_i;");
  sv.Line("assign not_below = ~below_i;");
  const auto is_one = [](const TreeBit& bit) { return bit.vector == "one"; };
  if (std::any_of(tree.first.begin(), tree.first.end(), is_one) ||
      std::any_of(tree.second.begin(), tree.second.end(), is_one)) {
    printer.Declare("one", 1);
    sv.Line("assign one = 1'b1;");
  }
  sv.Line(fmt::format("for (genvar s = 0; s < {}; s++) begin : gen_row", simd)).In();
  sv.Line(fmt::format("for (genvar k = 0; k < {}; k++) begin : gen_bit", kFloatRowBits)).In();
  sv.Line(fmt::format("assign row[{}*k+s] = rows_i[{}*s+k];", simd, kFloatRowBits));
  sv.Out().Line("end");
  sv.Out().Line("end");
  PrintAdders(sv, printer, cut.early);
  sv.Blank();
  sv.Comment("Registers.");
  printer.Know("held_q", static_cast<uint32_t>(cut.held.size()));
  sv.Line(fmt::format("logic [{}:0] held_q;", cut.held.size() - 1));
  printer.Declare("held", static_cast<uint32_t>(cut.held.size()));
  printer.Assign("held", printer.Bits(cut.held));
  sv.Line("always_ff @(posedge clk_i) begin");
  sv.Line("  if (take_i) held_q <= held;");
  sv.Line("end");
  PrintAdders(sv, printer, cut.late);
  sv.Blank();
  printer.Assign("first_o", printer.Bits(cut.first));
  printer.Assign("second_o", printer.Bits(cut.second));
  PrintUnusedTop(sv, printer, tree);
  sv.Out().Line("`else").In();
  sv.Line("logic [31:0] sum, sum_q;");
  sv.Line("always_comb begin").In();
  sv.Line("sum = '0;");
  sv.Line("for (int unsigned s = 0; s < Simd; s++) begin").In();
  sv.Line("sum = sum + 32'(rows_i[27*s+:27]) + 32'(ones_i[s]) - {4'd0, below_i[s], 27'd0};");
  sv.Out().Line("end");
  sv.Out().Line("end");
  sv.Line("always_ff @(posedge clk_i) begin");
  sv.Line("  if (take_i) sum_q <= sum;");
  sv.Line("end");
  sv.Line("assign first_o  = sum_q;");
  sv.Line("assign second_o = '0;");
  sv.Out().Line("`endif");
  sv.Line("endmodule : npu_float_tree");
  return sv.Finish();
}

std::string EmitByteMultiplier(std::string_view origin) {
  SvWriter sv("Product of two bytes, both signed or both unsigned.", origin);
  sv.Line("//");
  sv.Comment(
      "The synthesis view for standard cells is a tree of full adders over the products of bits. "
      "Of signed bytes those with one of the highest bits count negatively: they are inverted, "
      "and 2^8 + 2^15 makes up for it (Baugh and Wooley).");
  sv.Line("module npu_byte_multiplier (").In();
  sv.Line("input  wire         signed_i,");
  sv.Line("input  wire  [7:0]  a_i,");
  sv.Line("input  wire  [7:0]  b_i,");
  sv.Line("output wire  [15:0] product_o");
  sv.Out().Line(");");
  PrintViews(sv, "NPU_BYTE_MULTIPLIER");
  constexpr uint32_t kBits = 8;
  constexpr double kBitArrival = 1.0, kInvertedArrival = 2.0;
  ColumnTreePlan plan(2 * kBits);
  plan.Add(kBits, {"is_signed", 0}, 0);
  plan.Add(2 * kBits - 1, {"is_signed", 0}, 0);
  for (uint32_t j = 0; j < kBits; ++j) {
    for (uint32_t i = 0; i < kBits; ++i) {
      const bool inverted = (i == kBits - 1) != (j == kBits - 1);
      plan.Add(i + j, {"both", kBits * j + i}, inverted ? kInvertedArrival : kBitArrival);
    }
  }
  const ColumnTree tree = plan.Finish();
  TreePrinter printer(sv);
  printer.Declare("is_signed", 1);
  sv.Line("assign is_signed = signed_i;");
  printer.Declare("both", kBits * kBits);
  sv.Line("for (genvar j = 0; j < 8; j++) begin : gen_row").In();
  sv.Line("for (genvar i = 0; i < 8; i++) begin : gen_bit").In();
  sv.Line("if ((i == 7) != (j == 7)) begin : gen_signed");
  sv.Line("  assign both[8*j+i] = (a_i[i] & b_i[j]) ^ signed_i;");
  sv.Line("end else begin : gen_plain");
  sv.Line("  assign both[8*j+i] = a_i[i] & b_i[j];");
  sv.Line("end");
  sv.Out().Line("end");
  sv.Out().Line("end");
  PrintAdders(sv, printer, tree.adders);
  sv.Blank();
  printer.Assign("product_o",
                 fmt::format("{} + {}", printer.Bits(tree.first), printer.Bits(tree.second)));
  PrintUnusedTop(sv, printer, tree);
  sv.Out().Line("`else").In();
  sv.Line("assign product_o = signed_i ? 16'($signed(a_i)) * 16'($signed(b_i)) :");
  sv.Line("                              16'(a_i) * 16'(b_i);");
  sv.Out().Line("`endif");
  sv.Line("endmodule : npu_byte_multiplier");
  return sv.Finish();
}

ColumnTree MakeSignificandTree() {
  ColumnTreePlan plan(2 * kSignificandBits);
  for (uint32_t j = 0; j < kSignificandBits; ++j) {
    for (uint32_t i = 0; i < kSignificandBits; ++i) {
      plan.Add(i + j, {"both", kSignificandBits * j + i}, 0);
    }
  }
  return plan.FinishByLevels();
}

std::string EmitSignificandProduct(std::string_view origin) {
  SvWriter sv("Product of two significands of FP32 numbers, as two rows.", origin);
  sv.Line("//");
  sv.Comment(
      "The synthesis view for standard cells is a tree of full adders over the products of bits; "
      "for FPGAs (NPU_LUT6 or NPU_LUT4 defined) there is one row.");
  sv.Line("module npu_significand_product (").In();
  sv.Line("input  wire  [23:0] a_i,");
  sv.Line("input  wire  [23:0] b_i,");
  sv.Line("output wire  [47:0] first_o,");
  sv.Line("output wire  [47:0] second_o");
  sv.Out().Line(");");
  PrintViews(sv, "NPU_SIGNIFICAND_PRODUCT");
  const ColumnTree tree = MakeSignificandTree();
  TreePrinter printer(sv);
  printer.Declare("both", kSignificandBits * kSignificandBits);
  sv.Line(fmt::format("for (genvar j = 0; j < {}; j++) begin : gen_row", kSignificandBits)).In();
  sv.Line(fmt::format("assign both[{}*j+:{}] = a_i & {{{}{{b_i[j]}}}};", kSignificandBits,
                      kSignificandBits, kSignificandBits));
  sv.Out().Line("end");
  PrintAdders(sv, printer, tree.adders);
  sv.Blank();
  printer.Assign("first_o", printer.Bits(tree.first));
  printer.Assign("second_o", printer.Bits(tree.second));
  PrintUnusedTop(sv, printer, tree);
  sv.Out().Line("`else").In();
  sv.Line("assign first_o  = 48'(a_i) * 48'(b_i);");
  sv.Line("assign second_o = '0;");
  sv.Out().Line("`endif");
  sv.Line("endmodule : npu_significand_product");
  return sv.Finish();
}

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// Computes the compressor tree of npu_dot_products and prints the module.
#include "generator/emit/dot_products.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <utility>

#include "generator/emit/sv_writer.h"

namespace npugen {
namespace {

constexpr uint32_t kDigits = 4;   // of a weight
constexpr uint32_t kRowBits = 9;  // of a digit times an operand

/// When bits are there and how long adders take, in units of about two gates.
constexpr double kRowArrival = 3.0;
constexpr double kLowestArrival = 2.5;   // the lowest bit of a row
constexpr double kCarryInArrival = 2.5;  // of its addition
constexpr double kFullSum = 2.0;
constexpr double kFullCarry = 1.7;
constexpr double kOneSum = 1.5;
constexpr double kOneCarry = 1.0;

/// What the rows of one product are too large by, as signs count positively.
constexpr uint64_t kExcess = (1u << 8) + (1u << 10) + (1u << 12) + (1u << 14);

struct TimedBit {
  double arrival = 0;
  TreeBit bit;
};

/// The bits of one column under construction, the earliest first; of those that arrive together,
/// the one that was put in first.
class Column {
 public:
  void Put(TimedBit bit) {
    const auto later = std::upper_bound(
        bits_.begin(), bits_.end(), bit.arrival,
        [](double arrival, const TimedBit& other) { return arrival < other.arrival; });
    bits_.insert(later, std::move(bit));
  }
  size_t size() const { return bits_.size(); }
  /// How many bits arrive with the earliest one.
  size_t Together() const {
    size_t count = 0;
    while (count < bits_.size() && bits_[count].arrival <= bits_.front().arrival) ++count;
    return count;
  }
  /// The earliest `count` bits; `arrival` becomes the last one's if that is later.
  std::vector<TreeBit> Take(size_t count, double& arrival) {
    count = std::min(count, bits_.size());
    std::vector<TreeBit> taken;
    for (size_t i = 0; i < count; ++i) {
      arrival = std::max(arrival, bits_[i].arrival);
      taken.push_back(bits_[i].bit);
    }
    bits_.erase(bits_.begin(), bits_.begin() + static_cast<ptrdiff_t>(count));
    return taken;
  }

 private:
  std::vector<TimedBit> bits_;
};

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
  uint32_t column = ~0u;
  for (const DotAdders& adders : tree.adders) {
    if (adders.column != column) {
      column = adders.column;
      sv.Blank();
      sv.Comment(fmt::format("Weight 2^{}", column));
    }
    const uint32_t width = static_cast<uint32_t>(adders.a.size());
    printer.Declare(adders.sum, width);
    printer.Declare(adders.carry, width);
    const std::string a = printer.Bits(adders.a);
    const std::string b = printer.Bits(adders.b);
    if (adders.kind == AdderKind::kWithOne) {
      printer.Assign(adders.sum, fmt::format("{} ~^ {}", a, b));
      printer.Assign(adders.carry, fmt::format("{} | {}", a, b));
      continue;
    }
    printer.Instance(
        fmt::format("npu_full_adder {}add_{}",
                    width == 1 ? "" : fmt::format("#(.Width({})) ", width), adders.sum),
        {fmt::format(".a_i({})", a), fmt::format(".b_i({})", b),
         fmt::format(".c_i({})", printer.Bits(adders.c)), fmt::format(".sum_o({})", adders.sum),
         fmt::format(".carry_o({})", adders.carry)});
  }
  sv.Blank();
  const std::string top = tree.top.empty() ? "1'b0" : fmt::format("|{}", printer.Bits(tree.top));
  printer.Assign("first_o", fmt::format("{{{}, {}}}", top, printer.Bits(tree.first)));
  printer.Assign("second_o", printer.Bits(tree.second));
}

}  // namespace

DotTree MakeDotTree(uint32_t simd) {
  DotTree tree;
  tree.width = WidthOf(simd);
  const uint32_t columns = tree.width + 1;
  tree.inputs.resize(columns);
  tree.ones.resize(columns);
  std::vector<Column> open(columns);
  const auto add = [&](uint32_t column, TreeBit bit, double arrival) {
    tree.inputs.at(column).push_back(bit);
    open.at(column).Put({arrival, std::move(bit)});
  };
  for (uint32_t d = 0; d < kDigits; ++d) {
    for (uint32_t s = 0; s < simd; ++s) {
      add(2 * d + 1, {"carry_in", simd * d + s}, kCarryInArrival);
    }
    for (uint32_t i = 0; i < kRowBits; ++i) {
      for (uint32_t s = 0; s < simd; ++s) {
        add(2 * d + i, {"row", simd * (kRowBits * d + i) + s},
            i == 0 ? kLowestArrival : kRowArrival);
      }
    }
  }
  const uint64_t missing = (uint64_t{1} << tree.width) - kExcess * simd;
  for (uint32_t k = 0; k < columns; ++k) tree.ones[k] = (missing >> k & 1) != 0;

  for (uint32_t k = 0; k < tree.width; ++k) {
    bool one = tree.ones[k];
    uint32_t number = 0;
    while (one || open[k].size() > 2) {
      // Adders whose bits arrive together stand side by side.
      size_t count = 1;
      if (!one) {
        count = std::max(count, open[k].Together() / 3);
        count = std::min(count, (open[k].size() - 1) / 2);
      }
      double arrival = 0;
      DotAdders adders;
      adders.kind = one ? AdderKind::kWithOne : AdderKind::kFull;
      adders.column = k;
      adders.a = open[k].Take(count, arrival);
      adders.b = open[k].Take(count, arrival);
      if (!one) adders.c = open[k].Take(count, arrival);
      adders.a.resize(count);  // beside a one there may be fewer bits
      adders.b.resize(count);
      adders.sum = fmt::format("sum{}_{}", k, number);
      adders.carry = fmt::format("carry{}_{}", k, number);
      ++number;
      const double sum_arrival = arrival + (one ? kOneSum : kFullSum);
      const double carry_arrival = arrival + (one ? kOneCarry : kFullCarry);
      tree.latest = std::max(tree.latest, sum_arrival);
      for (uint32_t i = 0; i < count; ++i) {
        open[k].Put({sum_arrival, {adders.sum, i}});
        open[k + 1].Put({carry_arrival, {adders.carry, i}});
      }
      one = false;
      tree.adders.push_back(std::move(adders));
    }
    double arrival = 0;
    std::vector<TreeBit> rows = open[k].Take(open[k].size(), arrival);
    rows.resize(2);
    tree.first.push_back(rows[0]);
    tree.second.push_back(rows[1]);
  }
  double arrival = 0;
  tree.top = open[tree.width].Take(open[tree.width].size(), arrival);
  return tree;
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

// SPDX-License-Identifier: Apache-2.0
// Computes the compressor trees of npu_popcount and prints the module.
#include "generator/emit/popcount.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <numeric>
#include <utility>

#include "generator/emit/sv_writer.h"

namespace npugen {
namespace {

uint32_t ByteCount(uint32_t bits) { return (bits + 7) / 8; }
/// Bits of a count of 0..bits.
uint32_t CountWidth(uint32_t bits) { return static_cast<uint32_t>(std::bit_width(bits)); }

/// The columns of a tree under construction. What is made in a round can be used in the next one.
class Columns {
 public:
  Columns(uint32_t width, std::vector<TreeBit>& dropped)
      : now_(width), next_(width), dropped_(dropped) {}
  /// A bit above the highest column belongs to a sum that never gets so large.
  void Add(uint32_t column, TreeBit bit) {
    (column < next_.size() ? next_[column] : dropped_).push_back(std::move(bit));
  }
  void NextRound() {
    for (size_t k = 0; k < now_.size(); ++k) {
      now_[k].insert(now_[k].end(), next_[k].begin(), next_[k].end());
      next_[k].clear();
    }
  }
  size_t size(uint32_t column) const { return column < now_.size() ? now_[column].size() : 0; }
  uint32_t width() const { return static_cast<uint32_t>(now_.size()); }
  std::vector<TreeBit> Take(uint32_t column, size_t count) {
    return column < now_.size() ? TakeBits(now_[column], count) : std::vector<TreeBit>();
  }
  const TreeColumns& all() const { return now_; }

 private:
  TreeColumns now_, next_;
  std::vector<TreeBit>& dropped_;
};

/// What a LUT6 tree is built by.
struct CarryPolicy {
  uint32_t byte_rounds;   ///< in which bytes are added one behind the other
  int removes, per_luts;  ///< fewest bits that a row removes per LUT, unless nothing better is left
};

/// Builds a CarryTree row by row.
class CarryTreeBuilder {
 public:
  CarryTreeBuilder(uint32_t bits, const CarryPolicy& policy)
      : bits_(bits), policy_(policy), columns_(CountWidth(bits), tree_.dropped) {}

  CarryTree Build() {
    AddBytes();
    Compress();
    AddLastRow();
    for (uint32_t k = 0; k < columns_.width(); ++k) {
      std::vector<TreeBit> bit = columns_.Take(k, 1);
      tree_.count.push_back(bit.empty() ? TreeBit() : bit[0]);
    }
    return std::move(tree_);
  }

 private:
  /// Puts the bits of a row's sum into their columns.
  void Finish(CarryRow row) {
    row.round = round_;
    row.sum = fmt::format("row{}", chained_++);
    for (uint32_t i = 0; i <= row.width; ++i) columns_.Add(row.column + i, {row.sum, i});
    tree_.rows.push_back(std::move(row));
  }

  /// The first rows have nothing to add to, so their bits go on as they are; each of the others
  /// takes one bit of each weight.
  void AddBytes() {
    std::vector<CarryRow> rows;
    const uint32_t bytes = ByteCount(bits_);
    for (const RowSource source : {RowSource::kPair, RowSource::kSix}) {
      for (uint32_t byte = 0; byte < bytes; ++byte) {
        const bool pair = source == RowSource::kPair;
        if (!pair && bits_ - 8 * byte <= 2) continue;
        rows.push_back({.source = source, .byte = byte, .width = pair ? 2u : 3u});
      }
    }
    const size_t first = (rows.size() + policy_.byte_rounds - 1) / policy_.byte_rounds;
    for (size_t i = 0; i < first; ++i) {
      CarryRow& row = rows[i];
      row.sum = row.source == RowSource::kPair ? "pair" : "six";
      for (uint32_t k = 0; k < row.width; ++k) {
        columns_.Add(k, {row.sum, row.width * row.byte + k});
      }
      tree_.rows.push_back(row);
    }
    // The other pairs come last, when a third bit to add to is there for the rows of six.
    std::stable_partition(rows.begin() + static_cast<ptrdiff_t>(first), rows.end(),
                          [](const CarryRow& row) { return row.source == RowSource::kSix; });
    size_t next = first;
    while (next < rows.size()) {
      ++round_;
      columns_.NextRound();
      for (; next < rows.size() && columns_.size(0) > 0; ++next) {
        CarryRow& row = rows[next];
        for (uint32_t k = 0; k < row.width; ++k) {
          const std::vector<TreeBit> bit = columns_.Take(k, 1);
          row.d.push_back(bit.empty() ? TreeBit() : bit[0]);
        }
        if (columns_.size(0) > rows.size() - next - 1) row.carry = columns_.Take(0, 1);
        Finish(row);
      }
    }
    columns_.NextRound();
  }

  struct Shape {
    RowSource source;
    uint32_t width;
    std::array<size_t, 3> takes;  ///< bits of each weight
  };
  static constexpr Shape kShapes[] = {
      {RowSource::kOnesAndTwo, 3, {6, 2, 1}},
      {RowSource::kOnesAndTwos, 3, {5, 3, 1}},
      {RowSource::kThree, 2, {5, 1, 0}},
      {RowSource::kPlain, 1, {3, 0, 0}},
  };

  /// Bits that a row of this shape would remove.
  int Removes(const Shape& shape, uint32_t column) const {
    int bits = -static_cast<int>(shape.width) - 1;
    for (uint32_t i = 0; i < 3; ++i)
      bits += static_cast<int>(std::min(shape.takes[i], columns_.size(column + i)));
    return bits;
  }

  /// Whether one addition is all that is left.
  bool LastRowSuffices() const {
    bool first = true;
    for (uint32_t k = 0; k < columns_.width(); ++k) {
      const size_t size = columns_.size(k);
      if (size > (first ? 3u : 2u)) return false;
      if (size > 1) first = false;
    }
    return true;
  }

  void Compress() {
    while (!LastRowSuffices()) {
      ++round_;
      // Rows that remove little are worth their LUTs only when no better ones can be had.
      if (!CompressRound(policy_.removes, policy_.per_luts)) CompressRound(1, 1);
      columns_.NextRound();
    }
  }

  /// Adds rows that remove at least numerator / denominator bits per LUT.
  bool CompressRound(int numerator, int denominator) {
    bool any = false;
    for (uint32_t column = 0; column < columns_.width();) {
      const Shape* best = nullptr;
      for (const Shape& shape : kShapes) {
        const int removes = Removes(shape, column);
        const int luts = static_cast<int>(shape.width);
        if (columns_.size(column) < 3 || removes * denominator < luts * numerator) continue;
        if (best == nullptr ||
            removes * static_cast<int>(best->width) > Removes(*best, column) * luts) {
          best = &shape;
        }
      }
      if (best == nullptr) {
        ++column;
        continue;
      }
      AddCompressor(*best, column);
      any = true;
    }
    return any;
  }

  void AddCompressor(const Shape& shape, uint32_t column) {
    CarryRow row{.source = shape.source, .column = column, .width = shape.width};
    // One bit of each weight goes to the chain, and one of the lowest into its carry input.
    const size_t ones = shape.takes[0] - 2;
    const size_t twos = shape.takes[1] - (shape.takes[1] > 0 ? 1 : 0);
    row.f = columns_.Take(column, ones);
    row.f.resize(ones);
    for (uint32_t k = 0; k < row.width; ++k) {
      const std::vector<TreeBit> bit = columns_.Take(column + k, 1);
      row.d.push_back(bit.empty() ? TreeBit() : bit[0]);
    }
    row.carry = columns_.Take(column, 1);
    for (TreeBit& two : columns_.Take(column + 1, twos)) row.f.push_back(std::move(two));
    row.f.resize(ones + twos);
    Finish(row);
  }

  void AddLastRow() {
    uint32_t column = 0;
    while (column < columns_.width() && columns_.size(column) < 2) ++column;
    if (column == columns_.width()) return;
    ++round_;
    CarryRow row{.column = column, .width = columns_.width() - column};
    for (uint32_t k = column; k < columns_.width(); ++k) {
      std::vector<TreeBit> bits = columns_.Take(k, 2);
      bits.resize(2);
      row.f.push_back(bits[0]);
      row.d.push_back(bits[1]);
      if (k == column) row.carry = columns_.Take(k, 1);
    }
    Finish(row);
    columns_.NextRound();
  }

  uint32_t bits_;
  CarryPolicy policy_;
  CarryTree tree_;
  Columns columns_;
  uint32_t round_ = 0;
  uint32_t chained_ = 0;
};

/// Reads bits that are zero by construction.
void PrintUnused(SvWriter& sv, TreePrinter& printer, const std::vector<TreeBit>& bits) {
  if (bits.empty()) return;
  sv.Comment("The count never gets so large.");
  sv.Line("logic unused_high;");
  printer.Assign("unused_high", "^" + printer.Bits(bits));
}

/// `24, 16, 8`: bits per column.
std::string Sizes(const std::vector<size_t>& sizes) {
  return fmt::format("{}", fmt::join(sizes, ", "));
}

void PrintStandardCells(SvWriter& sv, uint32_t bits) {
  const AdderTree tree = MakeAdderTree(bits);
  TreePrinter printer(sv);
  sv.Comment(
      "Standard cells: full adders. Those of a byte leave four bits, which are masked: inverted, "
      "as NAND gates are the cheapest. Since a full adder of complements gives the complements of "
      "its sum and carry, the tree then adds complements.");
  printer.Declare("ones", 2 * ByteCount(bits));
  printer.Declare("twos", ByteCount(bits), true);
  printer.Declare("fours", ByteCount(bits), true);
  sv.Blank();
  sv.Line("for (genvar i = 0; i < Bytes; i++) begin : gen_byte").In();
  sv.Line("wire [7:0] x;");
  sv.Line("wire [1:0] three, two;  // of six bits: two sums and two carries");
  sv.Line("wire       one, carry, sum, four;");
  sv.Line("assign x = agree[8*i+:8];");
  printer.Instance("npu_full_adder #(.Width(2)) add_six",
                   {".a_i({x[3], x[0]})", ".b_i({x[4], x[1]})", ".c_i({x[5], x[2]})",
                    ".sum_o(three)", ".carry_o(two)"});
  printer.Instance("npu_full_adder add_ones", {".a_i(three[0])", ".b_i(three[1])", ".c_i(x[6])",
                                               ".sum_o(one)", ".carry_o(carry)"});
  printer.Instance("npu_full_adder add_twos", {".a_i(two[0])", ".b_i(two[1])", ".c_i(carry)",
                                               ".sum_o(sum)", ".carry_o(four)"});
  sv.Line("assign ones[2*i+:2] = ~({x[7], one} & {2{valid_i[i]}});");
  sv.Line("assign twos[i]      = !(sum && valid_i[i]);");
  sv.Line("assign fours[i]     = !(four && valid_i[i]);");
  sv.Out().Line("end");

  // The columns as they are before each level.
  std::vector<size_t> sizes(tree.count.size());
  for (size_t k = 0; k < tree.inputs.size() && k < sizes.size(); ++k)
    sizes[k] = tree.inputs[k].size();
  std::vector<size_t> next = sizes;
  uint32_t level = 0;
  for (const AdderGroup& group : tree.groups) {
    if (group.level != level) {
      level = group.level;
      sizes = next;
      sv.Blank();
      sv.Comment(fmt::format("Level {}: {} bits of weights 1, 2, 4, ...", level, Sizes(sizes)));
    }
    const uint32_t width = static_cast<uint32_t>(group.a.size());
    next[group.column] -= (group.c.empty() ? 1 : 2) * width;
    if (group.column + 1 < next.size()) next[group.column + 1] += width;
    printer.Declare(group.sum, width);
    printer.Declare(group.carry, width);
    const std::string a = printer.Bits(group.a);
    const std::string b = printer.Bits(group.b);
    if (group.c.empty()) {
      printer.Assign(group.sum, fmt::format("{} ~^ {}", a, b));
      printer.Assign(group.carry, fmt::format("{} | {}", a, b));
      continue;
    }
    printer.Instance(
        fmt::format("npu_full_adder {}add{}_w{}",
                    width == 1 ? "" : fmt::format("#(.Width({})) ", width), level,
                    1u << group.column),
        {fmt::format(".a_i({})", a), fmt::format(".b_i({})", b),
         fmt::format(".c_i({})", printer.Bits(group.c)), fmt::format(".sum_o({})", group.sum),
         fmt::format(".carry_o({})", group.carry)});
  }
  sv.Blank();
  printer.Assign("count_o", "~" + printer.Bits(tree.count));
  PrintUnused(sv, printer, tree.dropped);
}

void PrintLut6(SvWriter& sv, uint32_t bits) {
  const CarryTree tree = MakeCarryTree(bits);
  TreePrinter printer(sv);
  const uint32_t bytes = ByteCount(bits);
  sv.Comment(
      "LUTs of six inputs: rows on carry chains, one LUT per bit. A LUT xors the bit of its chain "
      "with a function of up to five others, which so cost nothing. Of a byte, two times three "
      "pairs of operand bits are counted in two LUTs each; their sum and the last two pairs are "
      "such functions, and have an input left for the mask.");
  printer.Declare("pair", 2 * bytes);
  printer.Declare("six", 3 * bytes);
  sv.Blank();
  sv.Line("for (genvar i = 0; i < Bytes; i++) begin : gen_byte").In();
  sv.Line("wire [7:0] x;");
  sv.Line("wire [1:0] a, b;");
  sv.Line("assign x = agree[8*i+:8];");
  sv.Line("assign a = CountThree(x[4:2]);");
  sv.Line("assign b = CountThree(x[7:5]);");
  sv.Line("assign pair[2*i+:2] = {x[1] & x[0], x[1] ^ x[0]} & {2{valid_i[i]}};");
  sv.Line("assign six[3*i+:3]  = {(a[1] & b[1]) | ((a[1] ^ b[1]) & a[0] & b[0]),");
  sv.Line("                       a[1] ^ b[1] ^ (a[0] & b[0]), a[0] ^ b[0]} & {3{valid_i[i]}};");
  sv.Out().Line("end");

  if (bits % 8 == 1 || bits % 8 == 2) {
    sv.Comment("The last byte has no more bits than its pair.");
    sv.Line("logic unused_six;");
    printer.Assign("unused_six", "^" + printer.Bits({{"six", 3 * bytes - 3},
                                                     {"six", 3 * bytes - 2},
                                                     {"six", 3 * bytes - 1}}));
  }

  uint32_t round = 0;
  for (const CarryRow& row : tree.rows) {
    if (!row.chained()) continue;
    if (row.round != round) {
      round = row.round;
      sv.Blank();
      sv.Comment(fmt::format("Round {}", round));
    }
    printer.Declare(row.sum, row.width + 1);
    std::string f;
    switch (row.source) {
      case RowSource::kPair:
        f = fmt::format("pair[{}:{}]", 2 * row.byte + 1, 2 * row.byte);
        if (bytes == 1) f = "pair";
        break;
      case RowSource::kSix:
        f = fmt::format("six[{}:{}]", 3 * row.byte + 2, 3 * row.byte);
        if (bytes == 1) f = "six";
        break;
      case RowSource::kOnesAndTwo:
        f = fmt::format("CountOnesAndTwo({})", printer.Bits(row.f));
        break;
      case RowSource::kOnesAndTwos:
        f = fmt::format("CountOnesAndTwos({})", printer.Bits(row.f));
        break;
      case RowSource::kThree:
        f = fmt::format("CountThree({})", printer.Bits(row.f));
        break;
      case RowSource::kPlain:
        f = printer.Bits(row.f);
        break;
    }
    printer.Instance(
        fmt::format("npu_carry_row #(.Width({})) add_{}", row.width, row.sum),
        {fmt::format(".carry_i({})", row.carry.empty() ? "1'b0" : printer.Bits(row.carry)),
         fmt::format(".d_i({})", printer.Bits(row.d)), fmt::format(".f_i({})", f),
         fmt::format(".sum_o({})", row.sum)});
  }
  sv.Blank();
  printer.Assign("count_o", printer.Bits(tree.count));
  PrintUnused(sv, printer, tree.dropped);
}

void PrintLut4(SvWriter& sv, uint32_t bits) {
  const uint32_t bytes = ByteCount(bits);
  const auto wire = [&](const std::string& name, uint32_t width) {
    sv.Line(width == 1 ? fmt::format("wire {};", name)
                       : fmt::format("wire [{}:0] {};", width - 1, name));
  };
  sv.Comment(
      "LUTs of four inputs: operand bits and mask share one LUT, then numbers are added in pairs "
      "on carry chains. Seven bits of a byte are a number of three; the eighth is the carry of a "
      "later addition.");
  sv.Line(fmt::format("wire [{}:0] carries;", bytes - 1));
  wire("count0", 3 * bytes);
  sv.Blank();
  sv.Line("for (genvar i = 0; i < Bytes; i++) begin : gen_byte").In();
  sv.Line("wire [7:0] x;");
  sv.Line("wire [1:0] a, b;");
  sv.Line("assign x          = agree[8*i+:8] & {8{valid_i[i]}};");
  sv.Line("assign carries[i] = x[7];");
  sv.Line("npu_carry_row #(.Width(1)) add_a (.carry_i(x[0]), .d_i(x[1]), .f_i(x[2]), .sum_o(a));");
  sv.Line("npu_carry_row #(.Width(1)) add_b (.carry_i(x[3]), .d_i(x[4]), .f_i(x[5]), .sum_o(b));");
  sv.Line("npu_carry_row #(.Width(2)) add (");
  sv.Line("  .carry_i(x[6]), .d_i(a), .f_i(b), .sum_o(count0[3*i+:3])");
  sv.Line(");");
  sv.Out().Line("end");
  uint32_t numbers = bytes, width = 3, level = 0, carries = 0;
  while (numbers > 1) {
    const uint32_t pairs = numbers / 2;
    const std::string from = fmt::format("count{}", level++);
    const std::string to = fmt::format("count{}", level);
    sv.Blank();
    sv.Comment(fmt::format("Level {}: {} numbers of {} bits", level, numbers, width));
    wire(to, (numbers - pairs) * (width + 1));
    sv.Line(fmt::format("for (genvar i = 0; i < {}; i++) begin : gen_level{}", pairs, level)).In();
    sv.Line(fmt::format("npu_carry_row #(.Width({})) add (", width));
    sv.Line(fmt::format("  .carry_i(carries[{}i]), .d_i({}[{}*i+:{}]), .f_i({}[{}*i+{}+:{}]),",
                        carries == 0 ? "" : fmt::format("{}+", carries), from, 2 * width, width,
                        from, 2 * width, width, width));
    sv.Line(fmt::format("  .sum_o({}[{}*i+:{}])", to, width + 1, width + 1));
    sv.Line(");");
    sv.Out().Line("end");
    if (numbers % 2 != 0) {
      sv.Line(fmt::format("assign {}[{}+:{}] = {{1'b0, {}[{}+:{}]}};", to, (width + 1) * pairs,
                          width + 1, from, 2 * width * pairs, width));
    }
    carries += pairs;
    numbers -= pairs;
    ++width;
  }
  const uint32_t count_width = CountWidth(bits);
  sv.Blank();
  sv.Comment("One bit is left.");
  wire("count", width + 1);
  sv.Line(fmt::format("npu_carry_row #(.Width({})) add_last (", width));
  sv.Line(fmt::format("  .carry_i(carries{}), .d_i(count{}), .f_i({}'d0), .sum_o(count)",
                      bytes == 1 ? "" : fmt::format("[{}]", carries), level, width));
  sv.Line(");");
  sv.Line("assign count_o = count[CountW-1:0];");
  if (width + 1 > count_width) {
    sv.Line("logic unused_high;");
    sv.Line(fmt::format("assign unused_high = ^count[{}:CountW];", width));
  }
}

}  // namespace

uint32_t CarryTree::luts() const {
  uint32_t result = 0;
  for (const CarryRow& row : rows) {
    // Each of a byte's six bits shares two LUTs with two others.
    if (row.source == RowSource::kSix) result += 4;
    for (uint32_t k = 0; k < row.width; ++k) {
      const bool plain = row.source == RowSource::kPlain;
      const bool single = plain && (row.f[k].vector.empty() || row.d[k].vector.empty());
      if (!single) ++result;
    }
  }
  return result;
}

uint32_t CarryTree::rounds() const { return rows.empty() ? 0 : rows.back().round; }

uint32_t AdderTree::full_adders() const {
  uint32_t result = 0;
  for (const AdderGroup& group : groups) {
    if (!group.c.empty()) result += static_cast<uint32_t>(group.a.size());
  }
  return result;
}

AdderTree MakeAdderTree(uint32_t bits) {
  AdderTree tree;
  const uint32_t bytes = ByteCount(bits);
  const uint32_t width = CountWidth(bits);
  tree.inputs.resize(3);
  for (uint32_t i = 0; i < 2 * bytes; ++i) tree.inputs[0].push_back({"ones", i});
  for (uint32_t i = 0; i < bytes; ++i) tree.inputs[1].push_back({"twos", i});
  for (uint32_t i = 0; i < bytes; ++i) tree.inputs[2].push_back({"fours", i});
  Columns columns(width, tree.dropped);
  for (uint32_t k = 0; k < 3; ++k) {
    for (const TreeBit& bit : tree.inputs[k]) columns.Add(k, bit);
  }
  columns.NextRound();
  for (uint32_t level = 1;; ++level) {
    // A half adder removes nothing, so it waits until its column is the lowest that is not ready.
    bool lower_ready = true;
    bool any = false;
    for (uint32_t k = 0; k < width; ++k) {
      const size_t size = columns.size(k);
      const bool half = size == 2 && lower_ready;
      const size_t adders = half ? 1 : size / 3;
      if (size > 1) lower_ready = false;
      if (adders == 0) continue;
      any = true;
      AdderGroup group{.level = level,
                       .column = k,
                       .a = columns.Take(k, adders),
                       .b = columns.Take(k, adders),
                       .c = half ? std::vector<TreeBit>() : columns.Take(k, adders),
                       .sum = fmt::format("sum{}_w{}", level, 1u << k),
                       .carry = fmt::format("carry{}_w{}", level, 2u << k)};
      for (uint32_t i = 0; i < adders; ++i) columns.Add(k, {group.sum, i});
      for (uint32_t i = 0; i < adders; ++i) columns.Add(k + 1, {group.carry, i});
      tree.groups.push_back(std::move(group));
    }
    if (!any) break;
    columns.NextRound();
  }
  for (uint32_t k = 0; k < width; ++k) tree.count.push_back(columns.Take(k, 1).at(0));
  return tree;
}

CarryTree MakeCarryTree(uint32_t bits) {
  // No policy is the best one for all widths, and all are quickly tried.
  CarryTree best;
  for (const uint32_t byte_rounds : {3, 4, 5, 6}) {
    for (const auto& [removes, per_luts] : {std::pair(5, 3), {3, 2}, {4, 3}, {1, 1}}) {
      CarryTree tree = CarryTreeBuilder(bits, {byte_rounds, removes, per_luts}).Build();
      const auto cost = [](const CarryTree& t) { return std::pair(t.luts(), t.rounds()); };
      if (best.rows.empty() || cost(tree) < cost(best)) best = std::move(tree);
    }
  }
  return best;
}

std::string EmitPopcount(uint32_t bits, std::string_view origin) {
  SvWriter sv(
      "Bits of two operands that agree, counted: the binary multiply-accumulates of a lane. Bytes "
      "that are not valid count nothing.",
      origin);
  sv.Line("//");
  sv.Comment(fmt::format(
      "Simulation counts words, for any number of bits. The synthesis views are compressor trees "
      "for {} bits: of full adders, or with NPU_LUT6 or NPU_LUT4 defined of additions for FPGAs "
      "with LUTs of six or four inputs.",
      bits));
  sv.Line("module npu_popcount #(").In();
  sv.Line(fmt::format("parameter int unsigned Bits = {},  // 1..{}", bits, kMaxPopcountBits));
  sv.Line("localparam int unsigned Bytes = (Bits + 7) / 8,");
  sv.Line("localparam int unsigned CountW = $clog2(Bits + 1)");
  sv.Out().Line(") (").In();
  sv.Line("input  wire [Bits-1:0]   a_i,      // operand bits");
  sv.Line("input  wire [Bits-1:0]   b_i,      // weight bits");
  sv.Line("input  wire [Bytes-1:0]  valid_i,  // of each byte of them");
  sv.Line("output wire [CountW-1:0] count_o   // bits of valid bytes that agree");
  sv.Out().Line(");");
  sv.Line("`ifndef SYNTHESIS").In();
  sv.Line("localparam int unsigned Words = (Bits + 63) / 64;");
  sv.Blank();
  sv.Line("logic [64*Words-1:0] mask;");
  sv.Line("logic [64*Words-1:0] agree;");
  sv.Line("logic [CountW-1:0]   count;");
  sv.Line("always_comb begin").In();
  sv.Line("mask = '0;");
  sv.Line("for (int unsigned i = 0; i < Bytes; i++) mask[8*i+:8] = {8{valid_i[i]}};");
  sv.Line("agree           = '0;");
  sv.Line("agree[Bits-1:0] = ~(a_i ^ b_i);");
  sv.Line("agree           = agree & mask;");
  sv.Line("count           = '0;");
  sv.Line("for (int unsigned i = 0; i < Words; i++) begin").In();
  sv.Line("count = count + CountW'($countones(agree[64*i+:64]));");
  sv.Out().Line("end");
  sv.Out().Line("end");
  sv.Line("assign count_o = count;");
  sv.Out().Line("`else").In();
  sv.Line(fmt::format("if (Bits != {}) begin : gen_bad_bits", bits));
  sv.Line(fmt::format("  $error(\"npu_popcount: the trees of this file are for {} bits\");", bits));
  sv.Line("end");
  sv.Blank();
  sv.Line("wire [8*Bytes-1:0] agree;");
  if (bits % 8 == 0) {
    sv.Line("assign agree = a_i ~^ b_i;");
  } else {
    sv.Line(fmt::format("assign agree = {{{}'d0, a_i ~^ b_i}};", 8 - bits % 8));
  }
  sv.Blank();
  sv.Out().Line("`ifdef NPU_LUT6").In();
  sv.Line("function automatic logic [1:0] CountThree(input logic [2:0] x);");
  sv.Line("  CountThree = {(x[0] & x[1]) | (x[2] & (x[0] | x[1])), ^x};");
  sv.Line("endfunction");
  sv.Blank();
  sv.Comment("x[2] + x[1] + x[0] + 2 * (x[4] + x[3])");
  sv.Line("function automatic logic [2:0] CountOnesAndTwos(input logic [4:0] x);");
  sv.Line("  logic [1:0] ones;");
  sv.Line("  ones = CountThree(x[2:0]);");
  sv.Line("  CountOnesAndTwos = {CountThree({ones[1], x[4:3]}), ones[0]};");
  sv.Line("endfunction");
  sv.Blank();
  sv.Comment("x[3] + x[2] + x[1] + x[0] + 2 * x[4]");
  sv.Line("function automatic logic [2:0] CountOnesAndTwo(input logic [4:0] x);");
  sv.Line("  logic two, four;  // of the four bits");
  sv.Line("  four = &x[3:0];");
  sv.Line("  two  = ((x[0] & x[1]) | (x[2] & x[3]) | ((x[0] | x[1]) & (x[2] | x[3]))) & ~four;");
  sv.Line("  CountOnesAndTwo = {four | (two & x[4]), two ^ x[4], ^x[3:0]};");
  sv.Line("endfunction");
  sv.Blank();
  PrintLut6(sv, bits);
  sv.Out().Line("`elsif NPU_LUT4").In();
  PrintLut4(sv, bits);
  sv.Out().Line("`else").In();
  PrintStandardCells(sv, bits);
  sv.Out().Line("`endif");
  sv.Line("`endif");
  sv.Line("endmodule : npu_popcount");
  return sv.Finish();
}

}  // namespace npugen

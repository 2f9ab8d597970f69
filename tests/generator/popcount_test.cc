// SPDX-License-Identifier: Apache-2.0
// The compressor trees of npu_popcount: their structure, their printed text in simulation, and
// proofs that all views are the same function.
//
// Proofs: up to 48 bits (standard cells 64, LUT4 256), ABC builds decision diagrams of "simulation
// view differs from synthesis view" over all operand bits and masks; they are empty. Wider trees
// are made of the same cells (each proven here for all inputs), and CarriesAllBits shows that every
// one of their bits is taken exactly once by a cell of its weight, so that every cell keeps the sum
// of all bits.
#include "generator/emit/popcount.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <bit>
#include <map>
#include <numeric>
#include <set>
#include <span>

#include "tests/generator/support.h"

namespace npugen {
namespace {

using testing::RunShell;
using testing::WriteFile;

constexpr const char* kCounterTargets[] = {"NPU_STANDARD_CELLS", "NPU_LUT6", "NPU_LUT4"};
const std::filesystem::path kCounterCells = testing::kSourceDir / "rtl/cells";

/// The bits of a tree that exist and have not been taken yet, with their weights.
class Ledger {
 public:
  void Make(const std::string& vector, uint32_t index, uint32_t column) {
    EXPECT_TRUE(columns_.emplace(std::pair(vector, index), column).second) << vector << index;
  }
  void Take(const std::vector<TreeBit>& bits, uint32_t column, bool by_weight = false) {
    for (const TreeBit& bit : bits) {
      if (!bit.vector.empty()) {
        const auto found = columns_.find({bit.vector, bit.index});
        ASSERT_NE(found, columns_.end()) << bit.vector << '[' << bit.index << "] is not there";
        EXPECT_EQ(found->second, column) << bit.vector << '[' << bit.index << ']';
        columns_.erase(found);
      }
      if (by_weight) ++column;
    }
  }
  /// A bit above the count, which does not matter: the count is the sum modulo 2^`columns`.
  void Drop(const TreeBit& bit, uint32_t columns) {
    const auto found = columns_.find({bit.vector, bit.index});
    ASSERT_NE(found, columns_.end());
    EXPECT_GE(found->second, columns);
    columns_.erase(found);
  }
  bool empty() const { return columns_.empty(); }

 private:
  std::map<std::pair<std::string, uint32_t>, uint32_t> columns_;
};

TEST(AdderTree, CarriesAllBits) {
  for (uint32_t bits = 1; bits <= kMaxPopcountBits; ++bits) {
    SCOPED_TRACE(bits);
    const AdderTree tree = MakeAdderTree(bits);
    Ledger ledger;
    for (uint32_t k = 0; k < tree.inputs.size(); ++k) {
      for (const TreeBit& bit : tree.inputs[k]) ledger.Make(bit.vector, bit.index, k);
    }
    for (const AdderGroup& group : tree.groups) {
      ledger.Take(group.a, group.column);
      ledger.Take(group.b, group.column);
      ledger.Take(group.c, group.column);
      EXPECT_EQ(group.a.size(), group.b.size());
      EXPECT_TRUE(group.c.empty() || group.c.size() == group.a.size());
      for (uint32_t i = 0; i < group.a.size(); ++i) {
        ledger.Make(group.sum, i, group.column);
        ledger.Make(group.carry, i, group.column + 1);
      }
    }
    ledger.Take(tree.count, 0, true);
    EXPECT_EQ(tree.count.size(), static_cast<size_t>(std::bit_width(bits)));
    for (const TreeBit& bit : tree.dropped)
      ledger.Drop(bit, static_cast<uint32_t>(std::bit_width(bits)));
    EXPECT_TRUE(ledger.empty());
  }
  // As few full adders as there are bits to remove; four of each byte stand in front of the tree.
  EXPECT_EQ(MakeAdderTree(128).full_adders(), 120u - 4 * 16);
}

TEST(CarryTree, CarriesAllBits) {
  for (uint32_t bits = 1; bits <= kMaxPopcountBits; ++bits) {
    SCOPED_TRACE(bits);
    const CarryTree tree = MakeCarryTree(bits);
    Ledger ledger;
    std::set<std::pair<bool, uint32_t>> sources;
    for (const CarryRow& row : tree.rows) {
      const bool pair = row.source == RowSource::kPair;
      if (pair || row.source == RowSource::kSix) {
        EXPECT_TRUE(sources.emplace(pair, row.byte).second) << "counted twice";
        EXPECT_EQ(row.width, pair ? 2u : 3u);
      }
      if (!row.chained()) {
        for (uint32_t k = 0; k < row.width; ++k) ledger.Make(row.sum, row.width * row.byte + k, k);
        continue;
      }
      const std::span<const TreeBit> f(row.f);
      const auto take = [&](size_t first, size_t count, uint32_t column) {
        const auto part = f.subspan(first, count);
        ledger.Take({part.begin(), part.end()}, column);
      };
      // The source and what the chain adds must fit into the row: see the ranges in popcount.h.
      if (row.source == RowSource::kOnesAndTwo) {
        EXPECT_EQ(row.width, 3u);
        take(0, 4, row.column);
        take(4, 1, row.column + 1);
      } else if (row.source == RowSource::kOnesAndTwos) {
        EXPECT_EQ(row.width, 3u);
        take(0, 3, row.column);
        take(3, 2, row.column + 1);
      } else if (row.source == RowSource::kThree) {
        EXPECT_EQ(row.width, 2u);
        take(0, 3, row.column);
      } else if (row.source == RowSource::kPlain) {
        EXPECT_EQ(row.f.size(), row.width);
        ledger.Take(row.f, row.column, true);
      }
      EXPECT_EQ(row.d.size(), row.width);
      ledger.Take(row.d, row.column, true);
      ledger.Take(row.carry, row.column);
      for (uint32_t k = 0; k <= row.width; ++k) ledger.Make(row.sum, k, row.column + k);
    }
    for (uint32_t byte = 0; 8 * byte < bits; ++byte) {
      EXPECT_TRUE(sources.contains({true, byte}));
      EXPECT_TRUE(sources.contains({false, byte}) || bits - 8 * byte <= 2);
    }
    ledger.Take(tree.count, 0, true);
    for (const TreeBit& bit : tree.dropped)
      ledger.Drop(bit, static_cast<uint32_t>(std::bit_width(bits)));
    EXPECT_TRUE(ledger.empty());
  }
  EXPECT_LE(MakeCarryTree(128).luts(), 170u);
}

TEST(Popcount, IsTidyAndDeterministic) {
  for (uint32_t bits = 1; bits <= 257; ++bits) {
    const std::string text = EmitPopcount(bits, "");
    testing::ExpectTidy(fmt::format("npu_popcount.sv of {} bits", bits), text);
    EXPECT_EQ(text, EmitPopcount(bits, ""));
  }
}

TEST(Popcount, IsCleanInVerilator) {
  const testing::TemporaryFolder folder;
  for (const uint32_t bits : {8, 31, 128, 257}) {
    WriteFile(folder.path() / "npu_popcount.sv", EmitPopcount(bits, ""));
    std::vector<std::string> views = {""};
    for (const char* target : kCounterTargets)
      views.push_back(fmt::format("-DSYNTHESIS -D{}", target));
    for (const std::string& view : views) {
      const testing::ProgramResult result = RunShell(fmt::format(
          "cd {} && verilator --lint-only -Wall {} --top-module npu_popcount "
          "npu_popcount.sv {}/npu_full_adder.sv {}/npu_carry_row.sv",
          folder.path().string(), view, kCounterCells.string(), kCounterCells.string()));
      EXPECT_EQ(result.status, 0) << bits << ' ' << view << result.err;
    }
  }
}

/// Simulates counters of all `widths` side by side.
void SimulateCounters(const std::vector<uint32_t>& widths, const std::string& view) {
  const testing::TemporaryFolder folder;
  std::string sources;
  std::string bench = fmt::format(
      "module bench (\n  input wire [287:0] a_i,\n  input wire [287:0] b_i,\n"
      "  input wire [95:0] valid_i,\n  output wire [{}:0] count_o\n);\n",
      16 * widths.size() - 1);
  for (size_t i = 0; i < widths.size(); ++i) {
    const std::string name = fmt::format("npu_popcount{}", widths[i]);
    std::string text = EmitPopcount(widths[i], "");
    for (const std::string from : {"module npu_popcount ", "endmodule : npu_popcount\n"}) {
      text.replace(text.find(from), from.size(),
                   from.starts_with("end") ? "endmodule\n" : fmt::format("module {} ", name));
    }
    sources += text;
    bench += fmt::format(
        "  wire [$clog2({1} + 1)-1:0] c{1};\n"
        "  {0} dut{1} (.a_i(a_i[{2}:0]), .b_i(b_i[{2}:0]), .valid_i(valid_i[{3}:0]), "
        ".count_o(c{1}));\n  assign count_o[{4}+:16] = 16'(c{1});\n",
        name, widths[i], widths[i] - 1, (widths[i] - 1) / 8, 16 * i);
  }
  WriteFile(folder.path() / "bench.sv", sources + bench + "endmodule\n");
  const testing::ProgramResult result = RunShell(fmt::format(
      "cd {0} && OBJCACHE=$(command -v ccache) verilator --cc --exe --build {1} --top-module bench "
      "-Mdir obj -CFLAGS '-O1 -std=c++20 -DWIDTHS={2}' -MAKEFLAGS 'OPT_FAST=-O1 OPT_SLOW=-O0' "
      "bench.sv {3}/npu_full_adder.sv {3}/npu_carry_row.sv {4} && obj/Vbench",
      folder.path().string(), view, fmt::join(widths, ","), kCounterCells.string(),
      (testing::kSourceDir / "tests/generator/popcount_bench.cc").string()));
  EXPECT_EQ(result.status, 0) << view << result.out << result.err;
}

TEST(Popcount, SimulationViewCounts) {
  std::vector<uint32_t> widths(257);
  std::iota(widths.begin(), widths.end(), 1);
  SimulateCounters(widths, "");
}

TEST(Popcount, SynthesisViewsCount) {
  std::vector<uint32_t> widths(34);
  std::iota(widths.begin(), widths.end(), 1);
  for (const uint32_t width : {63, 64, 65, 100, 127, 128, 129, 191, 255, 256, 257})
    widths.push_back(width);
  for (const char* target : kCounterTargets)
    SimulateCounters(widths, fmt::format("-DSYNTHESIS -D{}", target));
}

/// What Yosys knows as cells of the FPGAs.
constexpr const char* kPrimitives = R"(module CARRY4 (
  output [3:0] CO, O, input CI, CYINIT, input [3:0] DI, S
);
  assign O = S ^ {CO[2:0], CI | CYINIT};
  assign CO[0] = S[0] ? CI | CYINIT : DI[0];
  assign CO[1] = S[1] ? CO[0] : DI[1];
  assign CO[2] = S[2] ? CO[1] : DI[2];
  assign CO[3] = S[3] ? CO[2] : DI[3];
endmodule
module SB_CARRY (output CO, input I0, I1, CI);
  assign CO = (I0 && I1) || ((I0 || I1) && CI);
endmodule
module SB_LUT4 #(parameter [15:0] LUT_INIT = 0) (output O, input I0, I1, I2, I3);
  assign O = LUT_INIT[{I3, I2, I1, I0}];
endmodule
)";

/// npu_popcount with one input: the mask of each byte, then its operand and weight bits in turn.
/// Decision diagrams in this order stay small.
std::string WrapInOneInput(uint32_t bits) {
  const uint32_t bytes = (bits + 7) / 8;
  return fmt::format(
      "module wrap (input wire [{}:0] x_i, output wire [{}:0] count_o);\n"
      "  wire [{}:0] a, b;\n"
      "  wire [{}:0] valid;\n"
      "  for (genvar i = 0; i < {}; i++) assign valid[i] = x_i[17*i];\n"
      "  for (genvar i = 0; i < {}; i++) assign {{b[i], a[i]}} = x_i[17*(i/8)+2*(i%8)+1+:2];\n"
      "  npu_popcount u_count (.a_i(a), .b_i(b), .valid_i(valid), .count_o);\n"
      "endmodule\n",
      2 * bits + bytes - 1, std::bit_width(bits) - 1, bits - 1, bytes - 1, bytes, bits);
}

/// Decision diagrams of all inputs of "simulation view differs from synthesis view": the proof ends
/// with "UNSATISFIABLE".
std::string ProveViews(const std::filesystem::path& folder, uint32_t bits, const char* target) {
  WriteFile(folder / "primitives.v", kPrimitives);
  WriteFile(folder / "npu_popcount.sv", EmitPopcount(bits, ""));
  WriteFile(folder / "wrap.sv", WrapInOneInput(bits));
  // -formal leaves SYNTHESIS undefined, which gives the simulation view.
  WriteFile(folder / "miter.ys",
            fmt::format("read_verilog -sv -formal npu_popcount.sv wrap.sv\n"
                        "prep -flatten -top wrap\n"
                        "rename wrap gold\n"
                        "design -stash gold\n"
                        "read_verilog primitives.v\n"
                        "read_verilog -sv -DSYNTHESIS -D{0} npu_popcount.sv wrap.sv "
                        "{1}/npu_full_adder.sv {1}/npu_carry_row.sv\n"
                        "prep -flatten -top wrap\n"
                        "rename wrap gate\n"
                        "design -stash gate\n"
                        "design -copy-from gold gold\n"
                        "design -copy-from gate gate\n"
                        "miter -equiv -flatten gold gate miter\n"
                        "hierarchy -top miter\n"
                        "techmap; opt -full; aigmap\n"
                        "write_aiger miter.aig\n",
                        target, kCounterCells.string()));
  // -r: no search for a better order.
  const testing::ProgramResult result = RunShell(
      fmt::format("cd {} && yosys -q -s miter.ys && "
                  "yosys-abc -c 'read_aiger miter.aig; collapse -r -B 1000000000; strash; sat'",
                  folder.string()));
  return result.out + result.err;
}

TEST(Popcount, ViewsAreProvenEqual) {
  const testing::TemporaryFolder folder;
  for (const char* target : kCounterTargets) {
    for (const uint32_t bits : {1, 7, 13, 32, 48}) {
      const std::string answer = ProveViews(folder.path(), bits, target);
      EXPECT_NE(answer.find("UNSATISFIABLE"), std::string::npos) << bits << ' ' << target << answer;
    }
  }
  // Trees of LUT4 add neighbours, so their diagrams stay small.
  const std::pair<uint32_t, const char*> kWide[] = {
      {64, "NPU_STANDARD_CELLS"}, {64, "NPU_LUT4"}, {128, "NPU_LUT4"}, {256, "NPU_LUT4"}};
  for (const auto& [bits, target] : kWide) {
    const std::string answer = ProveViews(folder.path(), bits, target);
    EXPECT_NE(answer.find("UNSATISFIABLE"), std::string::npos) << bits << answer;
  }
}

// The functions that rows of wide trees are made of, as those trees are beyond the proof above.
TEST(Popcount, RowFunctionsAreProven) {
  const std::string text = EmitPopcount(8, "");
  const size_t begin = text.find("  function automatic");
  const std::string_view kEnd = "endfunction\n";
  const size_t end = text.rfind(kEnd) + kEnd.size();
  const testing::TemporaryFolder folder;
  WriteFile(folder.path() / "checker.sv",
            "module row_functions (input wire [4:0] x, output wire ok_o);\n" +
                text.substr(begin, end - begin) +
                "  assign ok_o = CountThree(x[2:0]) == 2'(x[0]) + 2'(x[1]) + 2'(x[2]) &&\n"
                "      CountOnesAndTwo(x) == 3'(x[0]) + 3'(x[1]) + 3'(x[2]) + 3'(x[3]) +\n"
                "                            {1'b0, x[4], 1'b0} &&\n"
                "      CountOnesAndTwos(x) == 3'(x[0]) + 3'(x[1]) + 3'(x[2]) +\n"
                "                             {1'b0, x[3], 1'b0} + {1'b0, x[4], 1'b0};\n"
                "endmodule\n");
  const testing::ProgramResult result =
      RunShell(fmt::format("cd {} && yosys -q -p 'read_verilog -sv checker.sv; hierarchy -top "
                           "row_functions; proc; opt; sat -verify -prove ok_o 1'",
                           folder.path().string()));
  EXPECT_EQ(result.status, 0) << result.out << result.err;
}

}  // namespace
}  // namespace npugen

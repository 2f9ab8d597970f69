// SPDX-License-Identifier: Apache-2.0
// The tree of npu_dot_products: evaluated bit by bit here for all sizes, its printed text in
// simulation, in the view of each target, against products of integers.
#include "generator/emit/dot_products.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <map>
#include <random>

#include "tests/generator/support.h"

namespace npugen {
namespace {

using testing::RunShell;
using testing::WriteFile;

constexpr const char* kTreeTargets[] = {"NPU_STANDARD_CELLS", "NPU_LUT6", "NPU_LUT4"};
const std::filesystem::path kTreeCells = testing::kSourceDir / "rtl/cells";

using Bits = std::map<std::pair<std::string, uint32_t>, bool>;

/// A tree's bits for operands and weights. A bit is taken when it is used, and only once.
class Evaluation {
 public:
  Evaluation(const DotTree& tree, const std::vector<int8_t>& slots,
             const std::vector<int8_t>& weights)
      : tree_(tree) {
    const auto simd = static_cast<uint32_t>(slots.size());
    for (uint32_t s = 0; s < simd; ++s) MakeRows(simd, s, slots[s], weights[s]);
    for (uint32_t k = 0; k < tree.inputs.size(); ++k) {
      for (const TreeBit& bit : tree.inputs[k]) {
        const auto found = rows_.find({bit.vector, bit.index});
        EXPECT_TRUE(found != rows_.end());
        if (found == rows_.end()) continue;
        bits_[{bit.vector, bit.index}] = {k, found->second};
        rows_.erase(found);
      }
    }
    EXPECT_TRUE(rows_.empty());
  }

  int64_t Sum() {
    for (const DotAdders& adders : tree_.adders) {
      const bool full = adders.kind == AdderKind::kFull;
      EXPECT_EQ(adders.a.size(), adders.b.size());
      EXPECT_EQ(adders.c.size(), full ? adders.a.size() : 0u);
      std::vector<int> sums;
      for (size_t i = 0; i < adders.a.size(); ++i) {
        sums.push_back(Take(adders.a[i], adders.column) + Take(adders.b[i], adders.column) +
                       (full ? Take(adders.c[i], adders.column) : 1));
      }
      for (uint32_t i = 0; i < sums.size(); ++i) {
        bits_[{adders.sum, i}] = {adders.column, (sums[i] & 1) != 0};
        bits_[{adders.carry, i}] = {adders.column + 1, (sums[i] & 2) != 0};
      }
      if (!full) {
        EXPECT_TRUE(tree_.ones[adders.column]);
        ++ones_;
      }
    }
    int64_t result = 0;
    EXPECT_EQ(tree_.first.size(), tree_.width);
    EXPECT_EQ(tree_.second.size(), tree_.width);
    for (uint32_t k = 0; k < tree_.width; ++k) {
      result += int64_t{Take(tree_.first[k], k)} << k;
      result += int64_t{Take(tree_.second[k], k)} << k;
    }
    int top = 0;
    for (const TreeBit& bit : tree_.top) top += Take(bit, tree_.width);
    EXPECT_LE(top, 1);
    EXPECT_TRUE(bits_.empty()) << bits_.begin()->first.first << " is not used";
    EXPECT_EQ(ones_, std::count(tree_.ones.begin(), tree_.ones.end(), true));
    return result + (int64_t{top} << tree_.width) - (int64_t{1} << tree_.width);
  }

 private:
  void MakeRows(uint32_t simd, uint32_t s, int8_t slot, int8_t weight) {
    const auto wide = static_cast<uint32_t>(static_cast<uint8_t>(weight)) << 1;
    for (uint32_t d = 0; d < 4; ++d) {
      const uint32_t three = wide >> (2 * d) & 7;
      const int digit = static_cast<int>(three & 1) + static_cast<int>(three >> 1 & 1) -
                        2 * static_cast<int>(three >> 2);
      const bool negative = (three & 4) != 0;
      const int size = slot * std::abs(digit);  // of 9 bits
      // Complement and one, the latter added to the lowest bit.
      for (uint32_t i = 1; i < 9; ++i) {
        const bool bit = ((size >> i & 1) != 0) != negative;
        rows_[{"row", simd * (9 * d + i) + s}] = i == 8 ? !bit : bit;
      }
      rows_[{"row", simd * 9 * d + s}] = (size & 1) != 0;
      rows_[{"carry_in", simd * d + s}] = negative && (size & 1) == 0;
    }
  }
  int Take(const TreeBit& bit, uint32_t column) {
    if (bit.vector.empty()) return 0;
    const auto found = bits_.find({bit.vector, bit.index});
    EXPECT_TRUE(found != bits_.end()) << bit.vector << '[' << bit.index << "] is not there";
    if (found == bits_.end()) return 0;
    EXPECT_EQ(found->second.first, column) << bit.vector << '[' << bit.index << ']';
    const int value = found->second.second ? 1 : 0;
    bits_.erase(found);
    return value;
  }

  const DotTree& tree_;
  Bits rows_;
  std::map<std::pair<std::string, uint32_t>, std::pair<uint32_t, bool>> bits_;
  int64_t ones_ = 0;
};

TEST(DotTree, AddsAllProducts) {
  constexpr std::array<int8_t, 8> kCorners = {-128, -127, -2, -1, 0, 1, 2, 127};
  std::mt19937 random(5);
  for (uint32_t simd = 1; simd <= kMaxDotProducts; ++simd) {
    SCOPED_TRACE(simd);
    const DotTree tree = MakeDotTree(simd);
    for (int pass = 0; pass < 8; ++pass) {
      std::vector<int8_t> slots(simd), weights(simd);
      int64_t expected = 0;
      const int8_t slot = kCorners[random() % kCorners.size()];
      const int8_t weight = kCorners[random() % kCorners.size()];
      for (uint32_t s = 0; s < simd; ++s) {
        slots[s] = pass < 2 ? -128 : pass < 4 ? slot : static_cast<int8_t>(random());
        weights[s] = pass == 0   ? -128
                     : pass == 1 ? 127
                     : pass < 4  ? weight
                     : pass < 6  ? kCorners[random() % kCorners.size()]
                                 : static_cast<int8_t>(random());
        expected += slots[s] * weights[s];
      }
      ASSERT_EQ(Evaluation(tree, slots, weights).Sum(), expected);
    }
  }
}

TEST(DotTree, AddsEveryProduct) {
  const DotTree tree = MakeDotTree(1);
  for (int slot = -128; slot < 128; slot += 5) {
    for (int weight = -128; weight < 128; ++weight) {
      ASSERT_EQ(Evaluation(tree, {static_cast<int8_t>(slot)}, {static_cast<int8_t>(weight)}).Sum(),
                slot * weight);
    }
  }
}

TEST(DotTree, IsSmallAndShallow) {
  const DotTree tree = MakeDotTree(16);
  size_t full = 0;
  for (const DotAdders& adders : tree.adders) {
    full += adders.kind == AdderKind::kFull ? adders.a.size() : 0;
  }
  EXPECT_LE(full, 620u);
  EXPECT_LE(tree.latest, 24.0);
}

TEST(DotProducts, IsTidyAndDeterministic) {
  for (uint32_t simd = 1; simd <= kMaxDotProducts; ++simd) {
    const std::string text = EmitDotProducts(simd, "");
    testing::ExpectTidy(fmt::format("npu_dot_products.sv of {}", simd), text);
    EXPECT_EQ(text, EmitDotProducts(simd, ""));
  }
}

/// Simulates trees of all `sizes` side by side, in one view.
void SimulateTrees(const std::vector<uint32_t>& sizes, const std::string& view) {
  const testing::TemporaryFolder folder;
  std::string sources;
  std::string bench = fmt::format(
      "module bench (\n  input wire [511:0] slots_i,\n  input wire [511:0] weights_i,\n"
      "  output wire [{}:0] sums_o\n);\n",
      32 * sizes.size() - 1);
  for (size_t i = 0; i < sizes.size(); ++i) {
    const std::string name = fmt::format("npu_dot_products{}", sizes[i]);
    std::string text = EmitDotProducts(sizes[i], "");
    for (const std::string from : {"module npu_dot_products ", "endmodule : npu_dot_products\n"}) {
      text.replace(text.find(from), from.size(),
                   from.starts_with("end") ? "endmodule\n" : fmt::format("module {} ", name));
    }
    sources += text;
    bench += fmt::format(
        "  localparam int unsigned W{1} = $clog2(21760 * {1});\n"
        "  wire [W{1}:0] f{1};\n  wire [W{1}-1:0] s{1};\n"
        "  {0} dut{1} (.slots_i(slots_i[{2}:0]), .weights_i(weights_i[{2}:0]), "
        ".first_o(f{1}), .second_o(s{1}));\n"
        "  assign sums_o[{3}+:32] = 32'(f{1}) + 32'(s{1}) - (32'd1 << W{1});\n",
        name, sizes[i], 8 * sizes[i] - 1, 32 * i);
  }
  WriteFile(folder.path() / "bench.sv", sources + bench + "endmodule\n");
  const testing::ProgramResult result = RunShell(fmt::format(
      "cd {0} && OBJCACHE=$(command -v ccache) verilator --cc --exe --build -Wall {1} --top-module "
      "bench -Wno-DECLFILENAME -Wno-UNUSEDSIGNAL -Mdir obj -CFLAGS '-O1 -std=c++20 -DSIZES={2}' "
      "-MAKEFLAGS 'OPT_FAST=-O1 OPT_SLOW=-O0' bench.sv {3}/npu_full_adder.sv {4} && obj/Vbench",
      folder.path().string(), view, fmt::join(sizes, ","), kTreeCells.string(),
      (testing::kSourceDir / "tests/generator/dot_products_bench.cc").string()));
  EXPECT_EQ(result.status, 0) << view << result.out << result.err;
}

TEST(DotProducts, SimulationViewAdds) { SimulateTrees({1, 3, 16}, ""); }

TEST(DotProducts, SynthesisViewsAdd) {
  for (const char* target : kTreeTargets) {
    SimulateTrees({1, 3, 16}, fmt::format("-DSYNTHESIS -D{}", target));
  }
}

}  // namespace
}  // namespace npugen

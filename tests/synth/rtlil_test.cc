// SPDX-License-Identifier: Apache-2.0
// Modules as texts of their own, and the clock gates that they get.
#include "generator/synth/rtlil.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace npugen {
namespace {

constexpr const char* kDesign = R"(autoidx 77
attribute \src "a.sv:1.1-9.9"
attribute \top 1
module \top
  attribute \src "a.sv:2.1-2.9"
  wire width 4 $add$a.sv:12$34_Y
  wire input 1 \clk_i
  memory width 8 size 4 $gen$a.sv:3$9
  cell $add $add$a.sv:12$34
    parameter \MEMID "$gen$a.sv:3$9"
    connect \Y $add$a.sv:12$34_Y
  end
  cell $paramod$abc$1\child \u_child
    connect \a \clk_i
  end
end
attribute \src "b.sv:1.1-9.9"
module $paramod$abc$1\child
  wire input 1 \a
  cell $not $not$b.sv:5$6
  end
end
attribute \blackbox 1
module \ram
  wire input 1 \a
end
)";
constexpr const char* kBoxes = R"(attribute \blackbox 1
module \top
  wire input 1 \clk_i
end
attribute \blackbox 1
module $paramod$abc$1\child
  wire input 1 \a
end
attribute \blackbox 1
module \ram
  wire input 1 \a
end
)";

TEST(Rtlil, ModulesByThemselves) {
  const auto units = SplitDesign(kDesign, kBoxes, "design.il");
  ASSERT_TRUE(units.ok()) << units.errors().front().message;
  ASSERT_EQ(units->size(), 2u) << "black boxes are no units";
  const UnitText& top = units->at("\\top");
  EXPECT_EQ(top.children, std::set<std::string>{"$paramod$abc$1\\child"});
  EXPECT_EQ(top.text, R"(autoidx 1
attribute \blackbox 1
module $paramod$abc$1\child
  wire input 1 \a
end
module \unit
  wire width 4 $place$0
  wire input 1 \clk_i
  memory width 8 size 4 $gen$a.sv:3$9
  cell $add $place$1
    parameter \MEMID "$gen$a.sv:3$9"
    connect \Y $place$0
  end
  cell $paramod$abc$1\child \u_child
    connect \a \clk_i
  end
end
)");
}

TEST(Rtlil, PlacesAndNumbersDoNotMatter) {
  std::string moved = kDesign;
  for (size_t at = 0; (at = moved.find("a.sv:12$34", at)) != std::string::npos;) {
    moved.replace(at, 10, "a.sv:99$56");
  }
  const auto one = SplitDesign(kDesign, kBoxes, "");
  const auto other = SplitDesign(moved, kBoxes, "");
  ASSERT_TRUE(one.ok() && other.ok());
  EXPECT_EQ(one->at("\\top").text, other->at("\\top").text);
}

TEST(Rtlil, WhatIsNotUnderstoodIsRefused) {
  EXPECT_FALSE(SplitDesign("", kBoxes, "").ok());
  EXPECT_FALSE(SplitDesign("module \\a\n", kBoxes, "").ok()) << "no end";
  EXPECT_FALSE(SplitDesign("module \\a\n  cell \\gone \\b\n  end\nend\n", kBoxes, "").ok());
}

std::string FlipFlop(const std::string& type, const std::string& name, int width,
                     const std::string& enable, const std::string& more = "") {
  return fmt::format(
      "  cell {} {}\n    parameter \\CLK_POLARITY 1'1\n    parameter \\EN_POLARITY 1'1\n"
      "    parameter \\WIDTH {}\n{}    connect \\CLK \\clk_i\n    connect \\D \\d\n"
      "    connect \\EN {}\n    connect \\Q \\q\n  end\n",
      type, name, width, more, enable);
}

std::string Unit(const std::string& cells) {
  return "autoidx 1\nattribute \\keep 1\nmodule \\unit\n  wire input 1 \\clk_i\n" + cells + "end\n";
}

size_t Count(const std::string& text, const std::string& wanted) {
  size_t count = 0;
  for (size_t at = text.find(wanted); at != std::string::npos; at = text.find(wanted, at + 1)) {
    ++count;
  }
  return count;
}

TEST(ClockGates, RegistersWithOneEnableShareOne) {
  std::string text =
      Unit(FlipFlop("$dffe", "\\a", 2, "\\open") + FlipFlop("$dffe", "\\b", 2, "\\open") +
           FlipFlop("$dffe", "\\c", 3, "\\other"));
  const Result<ClockGating> gating = InferClockGates(4, &text, "");
  ASSERT_TRUE(gating.ok());
  EXPECT_EQ(gating->gates, 1u);
  EXPECT_EQ(gating->gated_bits, 4u);
  EXPECT_EQ(gating->enabled_bits, 3u) << "three bits are too few";
  EXPECT_EQ(Count(text, "cell \\npugen_clock_gate "), 1u);
  EXPECT_EQ(Count(text, "cell $dff "), 2u);
  EXPECT_EQ(Count(text, "cell $dffe "), 1u);
  EXPECT_EQ(Count(text, "connect \\CLK $npugen$clock$0"), 2u);
  EXPECT_EQ(Count(text, "connect \\EN \\open"), 0u);
  EXPECT_EQ(Count(text, "EN_POLARITY"), 1u) << "that of the flip-flop that keeps its enable";
  EXPECT_LT(text.find("wire $npugen$clock$0"), text.find("connect \\CLK $npugen$clock$0"));
  EXPECT_NE(text.find("attribute \\keep 1\nmodule \\unit"), std::string::npos);
}

TEST(ClockGates, AResetBeforeTheEnableOpensTheGate) {
  const std::string low =
      "    parameter \\SRST_POLARITY 1'0\n    parameter \\SRST_VALUE 4'0000\n"
      "    connect \\SRST \\rst_ni\n";
  std::string before =
      Unit(FlipFlop("$sdffe", "\\a", 4, "\\open", low) + FlipFlop("$dffe", "\\b", 4, "\\open"));
  Result<ClockGating> gating = InferClockGates(4, &before, "");
  ASSERT_TRUE(gating.ok());
  EXPECT_EQ(gating->gates, 2u) << "one with the reset, one without";
  EXPECT_EQ(Count(before, "cell $not "), 1u) << "a reset that is active while low";
  EXPECT_EQ(Count(before, "cell $or "), 1u);
  EXPECT_EQ(Count(before, "cell $sdff "), 1u);

  std::string after = Unit(FlipFlop("$sdffce", "\\a", 4, "\\open", low));
  gating = InferClockGates(4, &after, "");
  ASSERT_TRUE(gating.ok());
  EXPECT_EQ(gating->gates, 1u);
  EXPECT_EQ(Count(after, "cell $or "), 0u) << "the enable goes before the reset";
  EXPECT_EQ(Count(after, "cell $sdff "), 1u);
}

TEST(ClockGates, NoneWithoutEnoughBits) {
  const std::string text = Unit(FlipFlop("$dffe", "\\a", 8, "\\open"));
  for (const uint32_t least : {0u, 9u}) {
    std::string same = text;
    const Result<ClockGating> gating = InferClockGates(least, &same, "");
    ASSERT_TRUE(gating.ok());
    EXPECT_EQ(gating->gates, 0u);
    EXPECT_EQ(gating->enabled_bits, 8u);
    EXPECT_EQ(same, text);
  }
  std::string falling = text;
  falling.replace(falling.find("CLK_POLARITY 1'1"), 16, "CLK_POLARITY 1'0");
  const Result<ClockGating> gating = InferClockGates(4, &falling, "");
  ASSERT_TRUE(gating.ok());
  EXPECT_EQ(gating->gates, 0u) << "the gate is for rising edges";
  std::string none = "module \\other\nend\n";
  EXPECT_FALSE(InferClockGates(4, &none, "").ok());
}

}  // namespace
}  // namespace npugen

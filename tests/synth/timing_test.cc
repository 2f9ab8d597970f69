// SPDX-License-Identifier: Apache-2.0
// Trees of buffers, and what is read of OpenSTA.
#include "generator/synth/timing.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace npugen {
namespace {

/// A flip-flop (cell 0) whose output has `loads` inverters.
FlatNetlist FanOut(size_t loads) {
  FlatNetlist netlist;
  netlist.types = {{"DFFPOSX1",
                    FlatType::Kind::kFlipFlop,
                    {"CLK", "D", "Q"},
                    {false, false, true},
                    96,
                    std::string()},
                   {"INVX1", FlatType::Kind::kLogic, {"A", "Y"}, {false, true}, 16, std::string()}};
  netlist.places = {{0, std::string(), "npu_top"}, {0, "u_unit", "npu_unit"}};
  netlist.nets = 5;
  netlist.cells.push_back({0, 0, 1});
  netlist.pins = {2, 3, 4};
  netlist.names = {{0, "state_q[3]"}};
  for (size_t i = 0; i < loads; ++i) {
    netlist.cells.push_back({1, static_cast<uint32_t>(netlist.pins.size()), 1});
    netlist.pins.push_back(4);
    netlist.pins.push_back(netlist.nets++);
  }
  return netlist;
}

TEST(BufferTrees, NoNetKeepsTooManyLoads) {
  const Result<TechnologyLibrary> technology = LoadTechnology(kDefaultTechnology);
  ASSERT_TRUE(technology.ok());
  for (const size_t loads : {1u, 12u, 13u, 144u, 145u, 1282u}) {
    FlatNetlist netlist = FanOut(loads);
    const BufferTrees trees = AddBuffers(*technology, &netlist);
    EXPECT_EQ(trees.nets, loads > 12 ? 1u : 0u);
    EXPECT_EQ(trees.buffers, netlist.cells.size() - 1 - loads);
    std::vector<size_t> counts(netlist.nets);
    std::vector<int> drivers(netlist.nets);
    for (const FlatCell& cell : netlist.cells) {
      const FlatType& type = netlist.types[cell.type];
      for (size_t i = 0; i < type.pins.size(); ++i) {
        const FlatNet net = netlist.pins[cell.first_pin + i];
        if (type.outputs[i]) {
          ++drivers[net];
        } else {
          ++counts[net];
        }
      }
    }
    EXPECT_LE(*std::max_element(counts.begin(), counts.end()), 12u) << loads;
    for (FlatNet net = 4; net < netlist.nets; ++net) EXPECT_EQ(drivers[net], 1) << net;
    // Every inverter still is behind the flip-flop.
    for (const FlatCell& cell : netlist.cells) {
      FlatNet net = netlist.pins[cell.first_pin];
      for (int level = 0; cell.type != 0 && net != 4 && level < 8; ++level) {
        for (const FlatCell& driver : netlist.cells) {
          if (driver.type < 2 || netlist.pins[driver.first_pin + 1] != net) continue;
          net = netlist.pins[driver.first_pin];
          break;
        }
      }
      EXPECT_TRUE(cell.type == 0 || net == 4u);
    }
  }
}

TEST(BufferTrees, ClocksAreLeftAlone) {
  const Result<TechnologyLibrary> technology = LoadTechnology(kDefaultTechnology);
  ASSERT_TRUE(technology.ok());
  FlatNetlist netlist = FanOut(1);
  for (int i = 0; i < 40; ++i) {
    netlist.cells.push_back({0, static_cast<uint32_t>(netlist.pins.size()), 1});
    netlist.pins.insert(netlist.pins.end(), {2, kFlatZero, netlist.nets++});
  }
  EXPECT_EQ(AddBuffers(*technology, &netlist).buffers, 0u);
}

TEST(Timing, PathsHaveNames) {
  const FlatNetlist netlist = FanOut(3);
  TimingReport report;
  const std::string output =
      "Warning: something\nPERIOD registers 4.5\nPERIOD constrained 5.25\n"
      "PATH -0.25 c0/CLK irq_o\nPATH 1.5e+00 rst_ni c0/D\nPATH 2 c0/CLK c1/A\n"
      "TARGET 5.0 -2.5e-01\nCHECKS\nPATH 9 x y\n";
  const Status status = ParseTiming(output, "sta.log", netlist, &report);
  ASSERT_TRUE(status.ok());
  EXPECT_EQ(report.register_period, 4.5);
  EXPECT_EQ(report.constrained_period, 5.25);
  EXPECT_EQ(report.worst_slack, -0.25);
  EXPECT_EQ(report.endpoints, 3u);
  EXPECT_EQ(report.violated, 1u);
  ASSERT_EQ(report.paths.size(), 3u);
  EXPECT_EQ(report.paths[0].from, "u_unit.state_q[3]");
  EXPECT_EQ(report.paths[0].from_module, "npu_unit");
  EXPECT_EQ(report.paths[0].to, "irq_o");
  EXPECT_EQ(report.paths[0].to_module, "");
  uint64_t all = 0;
  for (const uint64_t bin : report.histogram) all += bin;
  EXPECT_EQ(all, 3u);
}

TEST(Timing, LatchesThatBorrowHaveTheSlackOfTheirGates) {
  FlatNetlist netlist = FanOut(3);
  FlatType latch;
  latch.name = "$_DLATCH_N_";
  latch.kind = FlatType::Kind::kLatch;
  netlist.types.push_back(latch);
  const size_t cell = netlist.cells.size();
  const auto type = static_cast<uint32_t>(netlist.types.size() - 1);
  netlist.cells.push_back({type, static_cast<uint32_t>(netlist.pins.size()), 1});
  TimingReport report;
  const std::string output = fmt::format(
      "PERIOD registers 4.5\nPERIOD constrained 5.25\nPATH 0 c0/CLK c{0}/D\n"
      "PATH 1 c0/CLK irq_o\nPATH 2.5 c{0}/Q c1/A\nTARGET 5.0 0\nCHECKS\n",
      cell);
  ASSERT_TRUE(ParseTiming(output, "sta.log", netlist, &report).ok());
  EXPECT_EQ(report.endpoints, 2u);
  EXPECT_EQ(report.worst_slack, 1);
  ASSERT_EQ(report.paths.size(), 2u);
  EXPECT_EQ(report.paths[1].slack, 2.5);
}

TEST(Timing, AToolThatReportsNothingIsAnError) {
  TimingReport report;
  const Status status = ParseTiming("Error: no such cell\n", "sta.log", FanOut(1), &report);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.errors().front().code, DiagnosticCode::kToolFailed);
  EXPECT_EQ(status.errors().front().location.file, "sta.log");
}

}  // namespace
}  // namespace npugen

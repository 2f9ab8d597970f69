// SPDX-License-Identifier: Apache-2.0
// Tables of libraries, and energies of a small netlist against sums by hand.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "generator/synth/characterization.h"
#include "generator/synth/liberty.h"
#include "verif/netlist/energy_simulator.h"

namespace npugen {
namespace {

std::string ErrorOf(const std::string& text) {
  const Result<Characterization> read = ReadCharacterization(text, "cells.lib");
  if (read) return "";
  const Diagnostic& error = read.errors().front();
  return fmt::format("{}:{} {}", CodeText(error.code), error.location.line, error.message);
}

constexpr const char* kTables = R"(library(l) {
  time_unit : "100ps";
  capacitive_load_unit (10,ff);
  leakage_power_unit : "1uW";
  lu_table_template(by_load) {
    variable_1 : total_output_net_capacitance;
    variable_2 : input_net_transition;
    index_1 ("1, 3");
    index_2 ("2, 4, 6");
  }
  lu_table_template(by_transition) {
    variable_1 : input_net_transition;
    variable_2 : total_output_net_capacitance;
    index_1 ("2, 4, 6");
    index_2 ("1, 3");
  }
  cell(C) {
    cell_leakage_power : 2;
    pin(A) { direction : input; capacitance : 0.5; }
    pin(Y) {
      direction : output;
      timing() {
        related_pin : "A";
        cell_rise(by_load) { values ("10, 20, 40", \
                                     "30, 40, 60"); }
        cell_fall(by_transition) { values ("10, 30", "20, 40", "40, 60"); }
        rise_transition(scalar) { values ("7"); }
      }
      timing() { related_pin : "A"; timing_type : setup_rising; cell_rise(scalar) { values ("1"); } }
      internal_power() { related_pin : "A"; rise_power(by_load) { index_1 ("0, 10"); values ("0, 1, 2, 3, 4, 5"); } }
    }
  }
})";

TEST(Characterization, TablesHaveTheUnitsAndAxesOfTheFile) {
  const Result<Characterization> read = ReadCharacterization(kTables, "cells.lib");
  ASSERT_TRUE(read.ok()) << FormatDiagnostic(read.errors().front(), false);
  const CharacterizedCell& cell = read->at("C");
  EXPECT_DOUBLE_EQ(cell.leakage, 2000);
  EXPECT_DOUBLE_EQ(cell.pins.at("A").capacitance, 0.005);
  const CharacterizedPin& output = cell.pins.at("Y");
  ASSERT_EQ(output.delays.size(), 1u) << "setup is no delay";
  const TimingArc& arc = output.delays[0];
  // Loads 0.01 and 0.03 pF, transitions 0.2, 0.4, 0.6 ns; both tables are the same.
  for (const LibertyTable* table : {&arc.rise, &arc.fall}) {
    EXPECT_NEAR(table->At(0.01, 0.2), 1.0, 1e-12);
    EXPECT_NEAR(table->At(0.03, 0.6), 6.0, 1e-12);
    EXPECT_NEAR(table->At(0.02, 0.3), 2.5, 1e-12);
    EXPECT_NEAR(table->At(0.05, 0.2), 5.0, 1e-12) << "beyond the last load";
    EXPECT_NEAR(table->At(0.01, 0.8), 6.0, 1e-12) << "beyond the last transition";
  }
  EXPECT_NEAR(arc.rise_transition.At(1, 1), 0.7, 1e-12);
  EXPECT_EQ(arc.fall_transition.At(1, 1), 0) << "there is none";
  // Energies are in units of the load; the table's own axis goes before the template's.
  EXPECT_NEAR(output.energies.at(0).rise.At(0.1, 0.2), 0.03, 1e-12);
}

TEST(Characterization, WhatIsNoTableIsAnErrorWithItsLine) {
  std::string text = kTables;
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string changed = text;
    changed.replace(changed.find(from), from.size(), to);
    return ErrorOf(changed);
  };
  EXPECT_EQ(with("\"10, 20, 40\"", "\"10, 20\""),
            "U002:24 the table `cell_rise` does not fit its axes");
  EXPECT_EQ(with("\"10, 20, 40\"", "\"10, x, 40\""),
            "U002:24 the table `cell_rise` does not fit its axes");
  EXPECT_EQ(with("index_1 (\"1, 3\")", "index_1 (\"3, 3\")"),
            "U002:24 the table `cell_rise` does not fit its axes");
  EXPECT_EQ(with("100ps", "100 furlongs"), "U002:1 the unit `100 furlongs` is not understood");
  EXPECT_EQ(with("(10,ff)", "(10,gallons)"), "U002:1 the unit `10gallons` is not understood");
  EXPECT_EQ(ErrorOf("nothing(x) { }"), "U002:0 it has no group `library`");
}

/// A register, two inverters behind it, and an XOR of its output and of theirs, which is 0 whenever
/// all has settled: an edge of the register gives a pulse of two delays of inverters.
class PulseTest : public ::testing::Test {
 protected:
  static constexpr FlatNet kClock = 2, kInput = 3, kState = 4, kFirst = 5, kSecond = 6, kXor = 7;

  Result<EnergySimulator> Make(double xor_delay) {
    const std::string text = fmt::format(R"(library(l) {{
      time_unit : "1ns"; capacitive_load_unit (1,pf);
      cell(INV) {{ area : 1;
        pin(A) {{ direction : input; capacitance : 0.01; }}
        pin(Y) {{ direction : output; function : "!A";
          timing() {{ related_pin : "A"; cell_rise(scalar) {{ values ("0.1"); }} cell_fall(scalar) {{ values ("0.1"); }} }}
          internal_power() {{ related_pin : "A"; rise_power(scalar) {{ values ("0.05"); }} fall_power(scalar) {{ values ("0.05"); }} }} }} }}
      cell(XOR) {{ area : 1;
        pin(A) {{ direction : input; capacitance : 0.02; }}
        pin(B) {{ direction : input; capacitance : 0.02; }}
        pin(Y) {{ direction : output; function : "A^B";
          timing() {{ related_pin : "A"; cell_rise(scalar) {{ values ("{0}"); }} cell_fall(scalar) {{ values ("{0}"); }} }}
          timing() {{ related_pin : "B"; cell_rise(scalar) {{ values ("{0}"); }} cell_fall(scalar) {{ values ("{0}"); }} }}
          internal_power() {{ related_pin : "A"; rise_power(scalar) {{ values ("0.1"); }} fall_power(scalar) {{ values ("0.1"); }} }} }} }}
      cell(DFF) {{ area : 1; ff(S, N) {{ next_state : "D"; clocked_on : "CLK"; }}
        pin(CLK) {{ direction : input; capacitance : 0.01; clock : true;
          internal_power() {{ rise_power(scalar) {{ values ("0.03"); }} fall_power(scalar) {{ values ("0.01"); }} }} }}
        pin(D) {{ direction : input; capacitance : 0.01;
          internal_power() {{ rise_power(scalar) {{ values ("0.004"); }} fall_power(scalar) {{ values ("0.004"); }} }} }}
        pin(Q) {{ direction : output; function : "S";
          timing() {{ related_pin : "CLK"; timing_type : rising_edge; cell_rise(scalar) {{ values ("0.2"); }} cell_fall(scalar) {{ values ("0.2"); }} }}
          internal_power() {{ related_pin : "CLK"; rise_power(scalar) {{ values ("0.2"); }} fall_power(scalar) {{ values ("0.2"); }} }} }} }}
      }})",
                                         xor_delay);
    technology_.library = {"cells.lib", text, *ReadLiberty(text, "cells.lib")};
    technology_.technology.voltage = 2;
    technology_.technology.output_load = 0.1;
    technology_.technology.input_transition = 0.1;
    characterization_ = *ReadCharacterization(text, "cells.lib");
    netlist_.types = {
        {"DFF", FlatType::Kind::kFlipFlop, {"CLK", "D", "Q"}, {false, false, true}, 1, ""},
        {"INV", FlatType::Kind::kLogic, {"A", "Y"}, {false, true}, 1, ""},
        {"XOR", FlatType::Kind::kLogic, {"A", "B", "Y"}, {false, false, true}, 1, ""}};
    netlist_.cells = {{0, 0, 1}, {1, 3, 1}, {1, 5, 1}, {2, 7, 2}};
    netlist_.pins = {kClock, kInput,  kState, kState,  kFirst,
                     kFirst, kSecond, kState, kSecond, kXor};
    netlist_.places = {{0, "", "npu_top"}, {0, "u_state", "npu_state"}, {0, "u_xor", "npu_xor"}};
    netlist_.ports = {{"clk_i", true, {kClock}}, {"a_i", true, {kInput}}, {"y_o", false, {kXor}}};
    netlist_.names = {{0, "state_q"}};
    netlist_.nets = 8;
    return EnergySimulator::Make(netlist_, technology_, characterization_,
                                 std::vector<MemoryCost>(3), EnergyOptions{5, 1});
  }

  TechnologyLibrary technology_;
  Characterization characterization_;
  FlatNetlist netlist_;
  const std::vector<FlatNet> sources_ = {kFlatZero, kFlatOne, kClock, kInput, kState};
};

double KindOf(const PlaceEnergy& energy, EnergyKind kind) {
  return energy.by_kind[static_cast<size_t>(kind)];
}

TEST_F(PulseTest, EnergyIsTheSumOfAllEdges) {
  Result<EnergySimulator> simulator = Make(/*xor_delay=*/0.15);
  ASSERT_TRUE(simulator.ok()) << FormatDiagnostic(simulator.errors().front(), false);
  // The register takes 1, the input falls: every load is charged with its capacitance times 2.
  const Status added = simulator->AddCycle(sources_, {0, 1, 0, 1, 0}, {0, 1, 0, 0, 1});
  ASSERT_TRUE(added.ok()) << FormatDiagnostic(added.errors().front(), false);
  const std::vector<PlaceEnergy>& places = simulator->energies();
  // The clock's net belongs to the top, as the input's.
  EXPECT_NEAR(KindOf(places[0], EnergyKind::kClock), 2 * 0.02, 1e-6);
  EXPECT_NEAR(KindOf(places[0], EnergyKind::kLogic), 0.02, 1e-6);
  EXPECT_NEAR(KindOf(places[1], EnergyKind::kClock), 0.03 + 0.01, 1e-6);
  EXPECT_NEAR(KindOf(places[1], EnergyKind::kRegisters), (0.06 + 0.2) + 0.004, 1e-6);
  EXPECT_NEAR(KindOf(places[1], EnergyKind::kLogic), (0.02 + 0.05) + (0.04 + 0.05), 1e-6);
  EXPECT_NEAR(places[1].without_delays, KindOf(places[1], EnergyKind::kLogic), 1e-6);
  // The pulse of 0.2 ns comes out of a gate of 0.15 ns: two edges that nobody needs.
  EXPECT_NEAR(KindOf(places[2], EnergyKind::kLogic), 2 * (0.2 + 0.1), 1e-6);
  EXPECT_EQ(places[2].without_delays, 0);
  EXPECT_NEAR(simulator->last_cycle(), 0.06 + 0.04 + 0.264 + 0.16 + 0.6, 1e-6);
}

TEST_F(PulseTest, AShortPulseCostsItsPart) {
  Result<EnergySimulator> simulator = Make(/*xor_delay=*/0.4);
  ASSERT_TRUE(simulator.ok());
  ASSERT_TRUE(simulator->AddCycle(sources_, {0, 1, 0, 1, 0}, {0, 1, 0, 0, 1}, 3).ok());
  // 0.2 of 0.4 ns: half of two edges, three times.
  EXPECT_NEAR(KindOf(simulator->energies()[2], EnergyKind::kLogic), 3 * 0.5 * 2 * (0.2 + 0.1),
              1e-5);
}

TEST_F(PulseTest, StatesThatDoNotFollowAreRefused) {
  Result<EnergySimulator> simulator = Make(0.15);
  ASSERT_TRUE(simulator.ok());
  const Status added = simulator->AddCycle(sources_, {0, 1, 0, 1, 0}, {0, 1, 0, 1, 0});
  ASSERT_FALSE(added.ok());
  EXPECT_NE(added.errors().front().message.find("u_state.state_q"), std::string::npos)
      << added.errors().front().message;
}

TEST_F(PulseTest, ALoopOfGatesIsRefused) {
  ASSERT_TRUE(Make(0.15).ok());
  netlist_.pins[3] = kSecond;  // the first inverter reads the second one
  const Result<EnergySimulator> simulator = EnergySimulator::Make(
      netlist_, technology_, characterization_, std::vector<MemoryCost>(3), EnergyOptions{5, 1});
  ASSERT_FALSE(simulator.ok());
  EXPECT_NE(simulator.errors().front().message.find("loop"), std::string::npos);
}

}  // namespace
}  // namespace npugen

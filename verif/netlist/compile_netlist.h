// SPDX-License-Identifier: Apache-2.0
// A netlist made ready for simulation: fewer, larger functions, in an order in which one pass over
// them is enough.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "generator/support/diagnostic.h"
#include "verif/netlist/netlist.h"
#include "verif/netlist/simulation_table.h"

namespace npugen {

/// Joins gates that have one reader with it while a function has at most kFunctionInputs inputs,
/// and orders what is left. Registers, latches and memories stay what they are. Error: kToolFailed
/// when gates form a loop.
Result<SimulationTable> CompileNetlist(const Netlist& netlist);

/// The nets that no function gives, in the order of their numbers in the table of CompileNetlist():
/// constants, inputs, outputs of registers and memories, unknown ones.
std::vector<NetId> SourceNets(const Netlist& netlist);

/// The table as bytes of this machine, for NetlistSimulator in the model.
std::string TableBytes(const SimulationTable& table);

/// C++ text of the class Vnpu_top with the members that Verilator would give it for these ports,
/// with a NetlistSimulator behind: the header, and the unit that holds the table, which it includes
/// from the file `table_path`.
std::string NetlistClassHeader(const Netlist& netlist);
std::string NetlistClassSource(const Netlist& netlist, const std::string& table_path);

}  // namespace npugen

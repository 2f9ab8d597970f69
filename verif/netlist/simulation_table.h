// SPDX-License-Identifier: Apache-2.0
// A netlist in the order and form in which it is simulated: what npugen writes into a model and
// NetlistSimulator reads there.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace npugen {

/// Most inputs of a function of the table.
inline constexpr uint32_t kFunctionInputs = 6;

/// Nets are numbered so that functions follow what they read: first those that no function gives,
/// from `first_function` on the outputs of `functions`, one after the other.
///
/// What is to be done is a set of numbers, its agenda: the outputs of functions to evaluate, then
/// registers whose data changed, clocks and output ports that changed. `fanout` says for each net
/// what a change of it puts on the agenda. Each kind begins at a multiple of 64.
struct SimulationTable {
  struct Function {
    std::array<uint32_t, kFunctionInputs> inputs;  ///< nets; unused ones: net 0, which is 0
    uint64_t table;  ///< bit i: the output when input k has the value of bit k of i
  };
  struct Register {
    uint32_t data, output;  ///< nets
  };
  /// An edge that registers and memories wait for.
  struct Clock {
    uint32_t net;
    uint32_t rising;          ///< 1: the edge from 0 to 1
    uint32_t first_register;  ///< in `registers`, a multiple of 64
    uint32_t register_count;
    uint32_t first_memory;  ///< in `memories`
    uint32_t memory_count;
  };
  /// As NetlistMemory (verif/netlist/netlist.h); vectors of nets follow one another in `pins`.
  struct Memory {
    uint32_t depth;
    uint32_t enable, read_enable;  ///< nets
    uint32_t byte_enable_count;    ///< 0: a write port and a read port
    uint32_t address_count, data_count;
    uint32_t first_pin;  ///< byte enables, address, write data, read data, then the read address
  };
  /// A port of the top: its bits are the nets `port_nets` from `first_net` on.
  struct Port {
    uint32_t input;  ///< 1: an input
    uint32_t first_net, net_count;
  };

  uint32_t nets = 0;
  uint32_t first_function = 0;
  std::vector<Function> functions;
  std::vector<uint32_t> fanout_begins;  ///< for each net, then the end of the last
  std::vector<uint32_t> fanout;         ///< agenda numbers
  uint32_t agenda_registers = 0;        ///< number of registers[0]
  std::vector<Register> registers;      ///< gaps between clocks have data = output = 0
  uint32_t agenda_clocks = 0;
  std::vector<Clock> clocks;
  uint32_t agenda_outputs = 0;  ///< number of output_bits[0]
  std::vector<Memory> memories;
  std::vector<uint32_t> pins;
  std::vector<Port> ports;  ///< in the order of their names
  std::vector<uint32_t> port_nets;
  /// Bits of output ports: index in port_nets, which is what output k of the agenda is.
  std::vector<uint32_t> output_bits;
  std::vector<uint32_t> unknown;  ///< nets that may have any constant value
};

/// Calls `visit` with each vector and number of a table, always in the same order: the form in
/// which it is stored is their contents one after the other, vectors behind their lengths.
template <typename Table, typename Visitor>
void VisitTable(Table& table, Visitor&& visit) {
  visit(table.nets);
  visit(table.first_function);
  visit(table.functions);
  visit(table.fanout_begins);
  visit(table.fanout);
  visit(table.agenda_registers);
  visit(table.registers);
  visit(table.agenda_clocks);
  visit(table.clocks);
  visit(table.agenda_outputs);
  visit(table.memories);
  visit(table.pins);
  visit(table.ports);
  visit(table.port_nets);
  visit(table.output_bits);
  visit(table.unknown);
}

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// Order of gates, clocks, truth tables of 64 lanes.
#include "verif/netlist/lane_simulator.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <random>

namespace npugen {
namespace {

/// A truth table for the values of its inputs in 64 lanes.
uint64_t Lookup(uint64_t table, const uint64_t* inputs, uint32_t count) {
  uint64_t rows[size_t{1} << kMaxTableInputs];
  uint32_t number = 1u << count;
  for (uint32_t row = 0; row < number; ++row)
    rows[row] = (table >> row & 1) != 0 ? ~uint64_t{0} : 0;
  for (uint32_t k = 0; k < count; ++k) {
    number /= 2;
    for (uint32_t row = 0; row < number; ++row) {
      rows[row] = rows[2 * row] ^ (inputs[k] & (rows[2 * row] ^ rows[2 * row + 1]));
    }
  }
  return rows[0];
}

}  // namespace

Result<LaneSimulator> LaneSimulator::Make(const Netlist& netlist, uint64_t seed) {
  LaneSimulator simulator;
  simulator.values_.assign(netlist.nets, 0);
  simulator.values_[kNetOne] = ~uint64_t{0};
  simulator.flip_flops_ = netlist.flip_flops;
  std::mt19937_64 random(seed);
  for (const NetlistFlipFlop& flip_flop : netlist.flip_flops) {
    simulator.values_[flip_flop.output] = random();
  }
  for (const NetId net : netlist.unknown) simulator.values_[net] = random();

  // Gates behind those that drive their inputs; what a latch holds is no input of this kind.
  std::vector<uint32_t> drivers(netlist.nets, UINT32_MAX);
  for (size_t g = 0; g < netlist.gates.size(); ++g) {
    drivers[netlist.gates[g].output] = static_cast<uint32_t>(g);
  }
  std::vector<uint32_t> order;
  std::vector<uint8_t> state(netlist.gates.size());  // 1: begun, 2: in order
  std::vector<uint32_t> stack;
  for (uint32_t root = 0; root < netlist.gates.size(); ++root) {
    if (state[root] == 0) stack.push_back(root);
    while (!stack.empty()) {
      const uint32_t g = stack.back();
      if (state[g] != 0) {
        if (state[g] == 1) order.push_back(g);
        state[g] = 2;
        stack.pop_back();
        continue;
      }
      state[g] = 1;
      const NetlistGate& gate = netlist.gates[g];
      for (uint32_t i = 0; i < gate.input_count; ++i) {
        const uint32_t driver = drivers[gate.inputs[i]];
        if (driver == UINT32_MAX || (gate.holds && driver == g)) continue;
        if (state[driver] == 1) {
          return Diagnostic{DiagnosticCode::kToolFailed, SourceLocation(),
                            "the netlist has a loop of gates",
                            "a netlist with loops of gates cannot be simulated"};
        }
        if (state[driver] == 0) stack.push_back(driver);
      }
    }
  }
  std::vector<uint32_t> places(netlist.gates.size());
  for (const uint32_t g : order) {
    const NetlistGate& gate = netlist.gates[g];
    places[g] = static_cast<uint32_t>(simulator.gates_.size());
    simulator.gates_.push_back({gate.table, gate.output, gate.input_count, gate.inputs});
    if (gate.holds) simulator.values_[gate.output] = random();
  }
  simulator.all_.resize(order.size());
  std::iota(simulator.all_.begin(), simulator.all_.end(), 0);

  // What decides clocks, up to registers and latches: all that moves before they do.
  std::vector<bool> in_cone(order.size());
  for (const NetlistFlipFlop& flip_flop : netlist.flip_flops) {
    if (drivers[flip_flop.clock] != UINT32_MAX) stack.push_back(drivers[flip_flop.clock]);
  }
  while (!stack.empty()) {
    const uint32_t g = stack.back();
    stack.pop_back();
    if (in_cone[places[g]]) continue;
    in_cone[places[g]] = true;
    const NetlistGate& gate = netlist.gates[g];
    for (uint32_t i = 0; i < gate.input_count; ++i) {
      const uint32_t driver = drivers[gate.inputs[i]];
      if (driver != UINT32_MAX && !gate.holds) stack.push_back(driver);
    }
  }
  for (uint32_t place = 0; place < in_cone.size(); ++place) {
    if (in_cone[place]) simulator.clock_cone_.push_back(place);
  }
  simulator.clocks_.resize(netlist.flip_flops.size());
  simulator.data_.resize(netlist.flip_flops.size());
  return simulator;
}

void LaneSimulator::Propagate(const std::vector<uint32_t>& gates) {
  for (const uint32_t place : gates) {
    const Gate& gate = gates_[place];
    uint64_t inputs[kMaxTableInputs];
    for (uint32_t i = 0; i < gate.input_count; ++i) inputs[i] = values_[gate.inputs[i]];
    values_[gate.output] = Lookup(gate.table, inputs, gate.input_count);
  }
}

void LaneSimulator::Evaluate() {
  for (size_t i = 0; i < flip_flops_.size(); ++i) data_[i] = values_[flip_flops_[i].data];
  Propagate(clock_cone_);
  for (size_t i = 0; i < flip_flops_.size(); ++i) {
    const NetlistFlipFlop& flip_flop = flip_flops_[i];
    const uint64_t clock = flip_flop.falling ? ~values_[flip_flop.clock] : values_[flip_flop.clock];
    const uint64_t edge = ~clocks_[i] & clock;
    uint64_t& state = values_[flip_flop.output];
    state = (edge & data_[i]) | (~edge & state);
  }
  Propagate(all_);
  for (size_t i = 0; i < flip_flops_.size(); ++i) {
    const NetlistFlipFlop& flip_flop = flip_flops_[i];
    clocks_[i] = flip_flop.falling ? ~values_[flip_flop.clock] : values_[flip_flop.clock];
  }
}

}  // namespace npugen

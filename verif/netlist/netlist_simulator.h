// SPDX-License-Identifier: Apache-2.0
// Simulation of a mapped netlist: a cycle evaluates only what has changed.
//
// Nets have values of 0 and 1 and cells no delay. A clock edge is an event like others: it runs
// through gates of the clock (which latches hold still meanwhile), then all registers and memories
// that see it take the values from before, then what they give runs through the logic.
//
// This file becomes part of models (verif/sim/harness_sources.h) and needs nothing but the standard
// library.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "verif/netlist/simulation_table.h"

/// What npu_model.cc asks of Verilator's class of this name: the state at power-up.
class VerilatedContext {
 public:
  /// 0: everything is 0; 2: random.
  void randReset(int mode) { random_ = mode != 0; }
  void randSeed(int seed) { seed_ = static_cast<uint64_t>(seed); }
  /// 0: everything is 0.
  uint64_t seed() const { return random_ ? seed_ : 0; }

 private:
  bool random_ = false;
  uint64_t seed_ = 1;
};

namespace npugen {

class NetlistSimulator {
 public:
  /// `table`: TableBytes() of the netlist. Registers, memories and nets that may be anything begin
  /// with random values of `seed`, with 0 where it is 0.
  NetlistSimulator(std::span<const unsigned char> table, uint64_t seed);

  /// Says where the next port has its value, in the order of the table: `bytes` bytes, lowest bit
  /// first. Inputs begin with a random value, too.
  void Bind(void* value, size_t bytes);

  /// Applies the inputs and lets everything settle that follows.
  void Evaluate();

  /// Values, 0 or 1, of the nets that no function gives: constants, inputs, registers, data read
  /// from memories. In the order of SourceNets() (compile_netlist.h).
  std::span<const uint8_t> Sources() const { return {values_.data(), table_.first_function}; }

  /// Functions evaluated since the beginning.
  uint64_t evaluations() const { return evaluations_; }
  const SimulationTable& table() const { return table_; }

 private:
  struct BoundPort {
    uint8_t* value;
    std::vector<uint8_t> applied;  ///< of inputs
  };

  uint64_t Random();
  void Change(uint32_t net);
  void ApplyInputs();
  void Propagate();
  bool ClockEdges();
  void ClockMemory(const SimulationTable::Memory& memory, size_t index);
  void WriteOutputs();
  uint64_t Field(const uint32_t* pins, uint32_t count) const;

  SimulationTable table_;
  std::vector<uint8_t> values_;   ///< of nets, 0 or 1
  std::vector<uint64_t> agenda_;  ///< bit i % 64 of word i / 64: number i is to be done
  std::vector<std::vector<uint8_t>> memories_;  ///< bits, word after word
  std::vector<BoundPort> ports_;
  std::vector<uint32_t> changes_;  ///< nets that a clock edge turns over
  uint64_t random_;
  bool random_power_up_;
  bool settled_ = false;  ///< since power-up
  uint64_t evaluations_ = 0;
};

}  // namespace npugen

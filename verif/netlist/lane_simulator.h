// SPDX-License-Identifier: Apache-2.0
// 64 simulations of one netlist at a time, which get the same inputs and differ in the state at
// power-up.
#pragma once

#include <cstdint>
#include <vector>

#include "generator/support/diagnostic.h"
#include "verif/netlist/netlist.h"

namespace npugen {

/// Values are words: bit l is that of lane l. Clocks and latches are what they are for
/// NetlistSimulator.
class LaneSimulator {
 public:
  /// Registers, latches and nets that may be anything begin with random values of `seed`, unlike in
  /// each lane. Error: kToolFailed when gates form a loop. The netlist has no memories.
  static Result<LaneSimulator> Make(const Netlist& netlist, uint64_t seed);

  /// A net that is an input, in all lanes.
  void Set(NetId net, bool value) { values_[net] = value ? ~uint64_t{0} : 0; }
  uint64_t value(NetId net) const { return values_[net]; }

  /// Lets everything settle that follows the inputs. Registers take the data from before the call:
  /// a clock and what it clocks in are set in two calls.
  void Evaluate();

 private:
  struct Gate {
    uint64_t table;
    NetId output;
    uint32_t input_count;
    std::array<NetId, kMaxTableInputs> inputs;
  };

  void Propagate(const std::vector<uint32_t>& gates);

  std::vector<Gate> gates_;
  std::vector<uint32_t> all_, clock_cone_;  ///< gates in order
  std::vector<NetlistFlipFlop> flip_flops_;
  std::vector<uint64_t> values_, clocks_, data_;
};

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// Energy of a mapped netlist from one state to the next: every edge of every net with the delays of
// the cells, so that glitches count.
//
// A cycle begins with all nets settled and the clock low. The clock rises; registers, memories and
// inputs give what they give in the next cycle, each after its delay; edges run through the gates
// and in the middle of the cycle the clock falls. Delays are inertial: a pulse that is shorter than
// the delay of a gate does not come out of it; its output has moved by the part of the delay that
// the pulse lasts and moves back, which costs that part of the energy of both edges.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "generator/support/diagnostic.h"
#include "generator/synth/characterization.h"
#include "generator/synth/flat_netlist.h"
#include "generator/synth/memory_model.h"
#include "generator/synth/technology.h"

namespace npugen {

/// What energy is spent on.
enum class EnergyKind : uint8_t {
  kClock,      ///< nets of clocks, and what they do inside registers and gates of clocks
  kRegisters,  ///< outputs of registers and latches
  kLogic,      ///< all other nets
  kMemories,   ///< accesses
};
inline constexpr size_t kEnergyKinds = 4;

/// Energy of cycles, picojoules.
struct PlaceEnergy {
  std::array<double, kEnergyKinds> by_kind = {};
  double without_delays = 0;  ///< what `kLogic` would be if every net changed once at most

  double total() const { return by_kind[0] + by_kind[1] + by_kind[2] + by_kind[3]; }
};

struct EnergyOptions {
  double period = 0;       ///< of the clock, nanoseconds
  double input_delay = 0;  ///< when inputs change, nanoseconds after the edge
};

class EnergySimulator {
 public:
  /// `memories`: costs by type of `netlist` (index in `types`). All references must outlive the
  /// simulator. Error: kToolFailed when the netlist has a loop of gates, or a cell is not
  /// characterized.
  static Result<EnergySimulator> Make(const FlatNetlist& netlist,
                                      const TechnologyLibrary& technology,
                                      const Characterization& characterization,
                                      const std::vector<MemoryCost>& memories,
                                      const EnergyOptions& options);

  /// Adds `weight` times the energy of the cycle in which the nets `sources` go from `before` to
  /// `after` (0 or 1): outputs of registers, data of memories, inputs except the clock. Error:
  /// kToolFailed when the registers' own inputs do not say the same, with the first of them.
  Status AddCycle(const std::vector<FlatNet>& sources, const std::vector<uint8_t>& before,
                  const std::vector<uint8_t>& after, double weight = 1);

  /// Energy of all cycles added, by place of the netlist, and of the last one without its weight.
  const std::vector<PlaceEnergy>& energies() const { return energies_; }
  double last_cycle() const { return last_cycle_; }
  uint64_t cycles() const { return cycles_; }
  uint64_t edges() const { return edges_; }  ///< of nets, clocks apart
  /// Microwatts of leakage, of all cells.
  double leakage() const { return leakage_; }

 private:
  static constexpr uint32_t kNone = UINT32_MAX;
  /// A function of nets; of a latch `holds`, whose last input is its own output.
  struct Gate {
    FlatNet output = 0;
    uint32_t cell = 0;
    uint8_t inputs = 0;
    bool holds = false;
    bool clock = false;  ///< a gate of clocks: settles without delay
    std::array<FlatNet, kMaxTableInputs> nets = {};
    uint64_t table = 0;
    std::array<std::array<uint16_t, 2>, kMaxTableInputs> delay = {};  ///< picoseconds: fall, rise
  };
  struct Register {
    FlatNet clock = 0, data = 0, output = 0, inverted = 0;
    uint32_t cell = 0;
    bool falling = false;
    std::array<uint16_t, 2> delay = {}, delay_inverted = {};
    std::array<float, 2> clock_energy = {}, data_energy = {};  ///< of an edge: fall, rise
  };
  struct Memory {
    FlatNet clock = 0, enable = 0, read_enable = 0;
    bool two_ports = false;
    std::vector<FlatNet> byte_enables;
    uint32_t cell = 0;
    MemoryCost cost;
  };
  struct Event {
    FlatNet net;
    uint32_t stamp;  ///< of the net when it was made: else it was taken back
    uint8_t value;
  };

  EnergySimulator(const FlatNetlist& netlist, const TechnologyLibrary& technology,
                  const Characterization& characterization, const EnergyOptions& options)
      : netlist_(&netlist),
        technology_(&technology),
        characterization_(&characterization),
        options_(options) {}
  Status Build(const std::vector<MemoryCost>& memories);
  Status AddCells(const std::vector<MemoryCost>& memories);
  bool Order();
  void MarkClocks();
  void FindReaders();
  Status Characterize();
  void CharacterizeRegisters();
  Status CharacterizeGates();
  double PinLoad(const FlatCell& cell, size_t pin) const;
  uint8_t Evaluate(const Gate& gate, const std::vector<uint8_t>& values) const;
  void Settle(std::vector<uint8_t>* values) const;
  void Schedule(FlatNet net, uint8_t value, uint64_t time);
  void Edge(FlatNet net, uint8_t value);
  void ClockEdge(uint8_t level, uint64_t time);
  void RunUntil(uint64_t end);
  void Spend(uint32_t cell, EnergyKind kind, double energy);

  const FlatNetlist* netlist_;
  const TechnologyLibrary* technology_;
  const Characterization* characterization_;
  EnergyOptions options_;
  FlatNet clock_ = 0;
  std::vector<Gate> gates_;  ///< each behind those that it reads
  std::vector<Register> registers_;
  std::vector<Memory> memories_;
  std::vector<double> loads_;                       ///< of nets, picofarads
  std::vector<double> transitions_;                 ///< of nets, nanoseconds
  std::vector<uint32_t> drivers_;                   ///< gate of a net, or kNone
  std::vector<uint32_t> owners_;                    ///< cell that drives a net, or kNone
  std::vector<std::array<float, 2>> net_energies_;  ///< of an edge of a net, without clocks' pins
  std::vector<EnergyKind> net_kinds_;
  std::vector<uint32_t> reader_begins_, readers_;     ///< gates that read a net
  std::vector<uint32_t> data_begins_, data_readers_;  ///< registers whose data pin it is
  std::array<float, 2> latch_energy_ = {};            ///< in a latch by an edge of its enable
  std::vector<uint32_t> clock_gates_;                 ///< gates of clocks, in order
  std::vector<uint8_t> values_, initial_, final_;
  std::vector<uint32_t> stamps_;
  std::vector<uint8_t> pending_;  ///< by net: 0: nothing is to come; 2 + value: this is
  std::vector<uint64_t> since_,
      until_;  ///< by net with something to come: begin and end of the edge
  std::vector<std::vector<Event>> wheel_;
  uint64_t now_ = 0, events_ = 0;
  std::vector<PlaceEnergy> energies_;
  double last_cycle_ = 0, weight_ = 1;
  uint64_t cycles_ = 0, edges_ = 0;
  double leakage_ = 0;
};

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// Delays and energies of all nets, and edges in the order of time.
#include "verif/netlist/energy_simulator.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "generator/synth/timing.h"

namespace npugen {
namespace {

/// Buckets of the wheel, a picosecond each: no delay is longer.
constexpr size_t kWheel = size_t{1} << 16;
constexpr double kShortestTransition = 0.01, kLongestTransition = 2;

Diagnostic NotSimulated(std::string message) {
  return {DiagnosticCode::kToolFailed, SourceLocation(), std::move(message),
          "npugen needs netlists as its own synthesis makes them"};
}

double Transition(double nanoseconds) {
  return std::clamp(nanoseconds, kShortestTransition, kLongestTransition);
}

uint16_t Picoseconds(double nanoseconds) {
  return static_cast<uint16_t>(std::clamp(std::round(nanoseconds * 1000), 1.0, kWheel - 1.0));
}

const CharacterizedPin* FindPin(const CharacterizedCell& cell, const std::string& name) {
  const auto pin = cell.pins.find(name);
  return pin == cell.pins.end() ? nullptr : &pin->second;
}

/// Mean of `value` over those of `arcs` that come from `from` (empty: all); `count` of them.
template <typename Arcs, typename Value>
double Mean(const Arcs& arcs, const std::string& from, const Value& value, size_t* count) {
  double sum = 0;
  *count = 0;
  for (const auto& arc : arcs) {
    if (!from.empty() && arc.from != from) continue;
    sum += value(arc);
    ++*count;
  }
  return *count == 0 ? 0 : sum / static_cast<double>(*count);
}

/// Energy of an edge of the pin itself: fall, rise.
std::array<float, 2> PassiveEnergy(const CharacterizedPin* pin, double transition) {
  std::array<float, 2> energy = {};
  if (pin == nullptr) return energy;
  size_t count = 0;
  energy[0] = static_cast<float>(Mean(
      pin->energies, "", [&](const EnergyArc& arc) { return arc.fall.At(0, transition); }, &count));
  energy[1] = static_cast<float>(Mean(
      pin->energies, "", [&](const EnergyArc& arc) { return arc.rise.At(0, transition); }, &count));
  return energy;
}

}  // namespace

Result<EnergySimulator> EnergySimulator::Make(const FlatNetlist& netlist,
                                              const TechnologyLibrary& technology,
                                              const Characterization& characterization,
                                              const std::vector<MemoryCost>& memories,
                                              const EnergyOptions& options) {
  EnergySimulator simulator(netlist, technology, characterization, options);
  if (Status built = simulator.Build(memories); !built) return built.errors();
  return simulator;
}

Status EnergySimulator::Build(const std::vector<MemoryCost>& memories) {
  const FlatNet nets = netlist_->nets;
  loads_.assign(nets, 0);
  drivers_.assign(nets, kNone);
  owners_.assign(nets, kNone);
  values_.assign(nets, 0);
  initial_.assign(nets, 0);
  final_.assign(nets, 0);
  stamps_.assign(nets, 0);
  pending_.assign(nets, 0);
  since_.assign(nets, 0);
  until_.assign(nets, 0);
  wheel_.resize(kWheel);
  energies_.resize(netlist_->places.size());
  for (const FlatPort& port : netlist_->ports) {
    if (port.name == "clk_i" && port.nets.size() == 1) clock_ = port.nets[0];
    if (port.input) continue;
    for (const FlatNet net : port.nets) loads_[net] += technology_->technology.output_load;
  }
  if (clock_ == 0) return NotSimulated("the netlist has no port clk_i");
  if (Status added = AddCells(memories); !added) return added;
  if (!Order()) return NotSimulated("the netlist has a loop of gates");
  MarkClocks();
  FindReaders();
  return Characterize();
}

double EnergySimulator::PinLoad(const FlatCell& cell, size_t pin) const {
  const FlatType& type = netlist_->types[cell.type];
  if (type.kind == FlatType::Kind::kMemory) return kMemoryPinLoad;
  std::string name = type.name, pin_name = type.pins[pin];
  if (type.kind == FlatType::Kind::kLatch) {
    // The latch of the technology behind an inverter of its enable.
    const Technology& technology = technology_->technology;
    name = pin_name == "E" ? technology.inverter->name : technology.latch->cell.name;
    pin_name =
        pin_name == "E" ? technology_->library.cells.at(name).inputs[0] : technology.latch->data;
  }
  const auto known = characterization_->find(name);
  const CharacterizedPin* found =
      known == characterization_->end() ? nullptr : FindPin(known->second, pin_name);
  return found == nullptr ? 0 : found->capacitance;
}

Status EnergySimulator::AddCells(const std::vector<MemoryCost>& memories) {
  for (uint32_t c = 0; c < netlist_->cells.size(); ++c) {
    const FlatCell& cell = netlist_->cells[c];
    const FlatType& type = netlist_->types[cell.type];
    const auto net_of = [&](const std::string& pin) -> FlatNet {
      for (size_t i = 0; i < type.pins.size(); ++i) {
        if (type.pins[i] == pin) return netlist_->pins[cell.first_pin + i];
      }
      return kFlatZero;
    };
    for (size_t i = 0; i < type.pins.size(); ++i) {
      const FlatNet net = netlist_->pins[cell.first_pin + i];
      if (type.outputs[i]) owners_[net] = c;
      if (!type.outputs[i]) loads_[net] += PinLoad(cell, i);
    }
    switch (type.kind) {
      case FlatType::Kind::kFlipFlop: {
        const LibertyFlipFlop& pins = *technology_->library.cells.at(type.name).flip_flop;
        Register entry;
        entry.clock = net_of(pins.clock);
        entry.data = net_of(pins.data);
        if (!pins.output.empty()) entry.output = net_of(pins.output);
        if (!pins.output_invert.empty()) entry.inverted = net_of(pins.output_invert);
        entry.falling = pins.falling;
        entry.cell = c;
        registers_.push_back(entry);
        break;
      }
      case FlatType::Kind::kLatch: {
        Gate gate;
        gate.output = net_of("Q");
        gate.cell = c;
        gate.inputs = 3;
        gate.holds = true;
        gate.nets = {net_of("D"), net_of("E"), gate.output};
        gate.table = 0xe2e2e2e2e2e2e2e2;  // E ? Q : D
        drivers_[gate.output] = static_cast<uint32_t>(gates_.size());
        gates_.push_back(gate);
        break;
      }
      case FlatType::Kind::kMemory: {
        Memory memory;
        memory.cell = c;
        memory.cost = memories[cell.type];
        memory.clock = net_of("clk_i_0");
        memory.two_ports = type.box.find("npu_ram_1r1w") != std::string::npos;
        memory.enable = net_of(memory.two_ports ? "we_i_0" : "en_i_0");
        if (memory.two_ports) memory.read_enable = net_of("re_i_0");
        for (size_t i = 0; i < type.pins.size() && !memory.two_ports; ++i) {
          if (type.pins[i].starts_with("be_i_")) {
            memory.byte_enables.push_back(netlist_->pins[cell.first_pin + i]);
          }
        }
        memories_.push_back(std::move(memory));
        break;
      }
      case FlatType::Kind::kLogic: {
        const LibertyCell& kind = technology_->library.cells.at(type.name);
        for (const LibertyFunction& function : kind.functions) {
          Gate gate;
          gate.output = net_of(function.pin);
          gate.cell = c;
          gate.table = function.table;
          for (const std::string& input : kind.inputs) gate.nets[gate.inputs++] = net_of(input);
          drivers_[gate.output] = static_cast<uint32_t>(gates_.size());
          gates_.push_back(gate);
        }
        break;
      }
    }
    const auto known = characterization_->find(type.name);
    if (known != characterization_->end()) leakage_ += known->second.leakage * 1e-3;
    if (known == characterization_->end() &&
        (type.kind == FlatType::Kind::kLogic || type.kind == FlatType::Kind::kFlipFlop)) {
      return NotSimulated(fmt::format("the library says nothing of the cell `{}`", type.name));
    }
  }
  return Unit{};
}

/// Puts each gate behind those that it reads.
bool EnergySimulator::Order() {
  enum : uint8_t { kNew, kOpen, kDone };
  std::vector<uint8_t> states(gates_.size(), kNew);
  std::vector<uint32_t> order;
  order.reserve(gates_.size());
  std::vector<std::pair<uint32_t, uint32_t>> path;
  for (uint32_t root = 0; root < gates_.size(); ++root) {
    if (states[root] != kNew) continue;
    path.emplace_back(root, 0);
    states[root] = kOpen;
    while (!path.empty()) {
      auto& [gate, followed] = path.back();
      if (followed == gates_[gate].inputs) {
        states[gate] = kDone;
        order.push_back(gate);
        path.pop_back();
        continue;
      }
      const FlatNet input = gates_[gate].nets[followed++];
      const uint32_t next = drivers_[input];
      if (next == kNone || next == gate || states[next] == kDone) continue;
      if (states[next] == kOpen) return false;
      states[next] = kOpen;
      path.emplace_back(next, 0);
    }
  }
  std::vector<Gate> ordered;
  ordered.reserve(gates_.size());
  for (const uint32_t gate : order) {
    drivers_[gates_[gate].output] = static_cast<uint32_t>(ordered.size());
    ordered.push_back(gates_[gate]);
  }
  gates_ = std::move(ordered);
  return true;
}

/// Gates that the clock runs through, and kinds of nets.
void EnergySimulator::MarkClocks() {
  net_kinds_.assign(netlist_->nets, EnergyKind::kLogic);
  net_kinds_[clock_] = EnergyKind::kClock;
  for (const Register& entry : registers_) {
    net_kinds_[entry.output] = net_kinds_[entry.inverted] = EnergyKind::kRegisters;
  }
  for (uint32_t g = 0; g < gates_.size(); ++g) {
    Gate& gate = gates_[g];
    for (uint32_t i = 0; i < gate.inputs && !gate.holds; ++i) {
      gate.clock = gate.clock || net_kinds_[gate.nets[i]] == EnergyKind::kClock;
    }
    if (gate.clock) clock_gates_.push_back(g);
    if (gate.clock) net_kinds_[gate.output] = EnergyKind::kClock;
  }
  // What opens a clock gate is no clock, but spent on clocks.
  for (const Gate& gate : gates_) {
    if (gate.holds) net_kinds_[gate.output] = EnergyKind::kRegisters;
  }
}

void EnergySimulator::FindReaders() {
  const auto group = [&](const auto& visit, std::vector<uint32_t>* begins,
                         std::vector<uint32_t>* readers) {
    begins->assign(netlist_->nets + 1, 0);
    visit([&](FlatNet net, uint32_t) { ++(*begins)[net + 1]; });
    for (size_t n = 0; n < netlist_->nets; ++n) (*begins)[n + 1] += (*begins)[n];
    readers->resize(begins->back());
    std::vector<uint32_t> next(begins->begin(), begins->end() - 1);
    visit([&](FlatNet net, uint32_t reader) { (*readers)[next[net]++] = reader; });
  };
  group(
      [&](const auto& add) {
        for (uint32_t g = 0; g < gates_.size(); ++g) {
          for (uint32_t i = 0; i < gates_[g].inputs; ++i) {
            const FlatNet net = gates_[g].nets[i];
            const auto end = gates_[g].nets.begin() + i;
            const bool again = std::find(gates_[g].nets.begin(), end, net) != end;
            if (net > kFlatOne && net != gates_[g].output && !again) add(net, g);
          }
        }
      },
      &reader_begins_, &readers_);
  group(
      [&](const auto& add) {
        for (uint32_t r = 0; r < registers_.size(); ++r) {
          if (registers_[r].data > kFlatOne) add(registers_[r].data, r);
        }
      },
      &data_begins_, &data_readers_);
}

Status EnergySimulator::Characterize() {
  const Technology& technology = technology_->technology;
  const double sharp = technology.input_transition;
  const double half_square = technology.voltage * technology.voltage / 2;
  transitions_.assign(netlist_->nets, sharp);
  net_energies_.assign(netlist_->nets, {});
  for (FlatNet net = 2; net < netlist_->nets; ++net) {
    const auto charge = static_cast<float>(loads_[net] * half_square);
    net_energies_[net] = {charge, charge};
  }
  if (technology.latch && technology.inverter) {
    // Behind the inverter the enable goes the other way.
    const auto latch = characterization_->find(technology.latch->cell.name);
    const auto inverter = characterization_->find(technology.inverter->name);
    const LibertyCell& kind = technology_->library.cells.at(technology.inverter->name);
    for (const bool rise : {false, true}) {
      double energy = 0;
      if (latch != characterization_->end()) {
        const CharacterizedPin* enable = FindPin(latch->second, technology.latch->enable);
        energy += PassiveEnergy(enable, sharp)[!rise];
        if (enable != nullptr) energy += enable->capacitance * half_square;
      }
      const CharacterizedPin* output =
          inverter == characterization_->end() || kind.functions.empty()
              ? nullptr
              : FindPin(inverter->second, kind.functions[0].pin);
      if (output != nullptr) energy += PassiveEnergy(output, sharp)[!rise];
      latch_energy_[rise] = static_cast<float>(energy);
    }
  }
  CharacterizeRegisters();
  if (Status gates = CharacterizeGates(); !gates) return gates;
  for (Register& entry : registers_) {
    const FlatType& type = netlist_->types[netlist_->cells[entry.cell].type];
    const LibertyFlipFlop& pins = *technology_->library.cells.at(type.name).flip_flop;
    entry.data_energy = PassiveEnergy(FindPin(characterization_->at(type.name), pins.data),
                                      transitions_[entry.data]);
  }
  return Unit{};
}

/// Delays and energies of the outputs of registers.
void EnergySimulator::CharacterizeRegisters() {
  const double sharp = technology_->technology.input_transition;
  for (Register& entry : registers_) {
    const FlatType& type = netlist_->types[netlist_->cells[entry.cell].type];
    const CharacterizedCell& cell = characterization_->at(type.name);
    const LibertyFlipFlop& pins = *technology_->library.cells.at(type.name).flip_flop;
    entry.clock_energy = PassiveEnergy(FindPin(cell, pins.clock), sharp);
    const auto output = [&](const std::string& name, FlatNet net, std::array<uint16_t, 2>* delay) {
      const CharacterizedPin* pin = FindPin(cell, name);
      if (name.empty() || pin == nullptr) return;
      const double load = loads_[net];
      size_t count = 0;
      double longest = kShortestTransition;
      for (const bool rise : {false, true}) {
        (*delay)[rise] = Picoseconds(Mean(
            pin->delays, pins.clock,
            [&](const TimingArc& arc) { return (rise ? arc.rise : arc.fall).At(load, sharp); },
            &count));
        longest = std::max(
            longest,
            Mean(
                pin->delays, pins.clock,
                [&](const TimingArc& arc) {
                  return (rise ? arc.rise_transition : arc.fall_transition).At(load, sharp);
                },
                &count));
        net_energies_[net][rise] += static_cast<float>(Mean(
            pin->energies, "",
            [&](const EnergyArc& arc) { return (rise ? arc.rise : arc.fall).At(load, sharp); },
            &count));
      }
      transitions_[net] = Transition(longest);
    };
    output(pins.output, entry.output, &entry.delay);
    output(pins.output_invert, entry.inverted, &entry.delay_inverted);
  }
}

/// The same of gates, each with the transitions of its inputs.
Status EnergySimulator::CharacterizeGates() {
  const Technology& technology = technology_->technology;
  for (Gate& gate : gates_) {
    const FlatType& type = netlist_->types[netlist_->cells[gate.cell].type];
    std::string cell_name = type.name;
    std::string output_name;
    std::vector<std::string> inputs;
    if (gate.holds) {
      cell_name = technology.latch->cell.name;
      output_name = technology.latch->output;
      inputs = {technology.latch->data, technology.latch->enable};
    } else {
      const LibertyCell& kind = technology_->library.cells.at(type.name);
      inputs = kind.inputs;
      for (size_t i = 0; i < type.pins.size(); ++i) {
        if (type.outputs[i] &&
            netlist_->pins[netlist_->cells[gate.cell].first_pin + i] == gate.output) {
          output_name = type.pins[i];
        }
      }
    }
    const auto known = characterization_->find(cell_name);
    const CharacterizedPin* pin =
        known == characterization_->end() ? nullptr : FindPin(known->second, output_name);
    if (pin == nullptr || pin->delays.empty()) {
      return NotSimulated(fmt::format("the library has no delays of the output `{}` of `{}`",
                                      output_name, cell_name));
    }
    const double load = loads_[gate.output];
    double longest = kShortestTransition;
    size_t count = 0;
    for (size_t i = 0; i < inputs.size(); ++i) {
      const double transition = transitions_[gate.nets[i]];
      for (const bool rise : {false, true}) {
        const double delay = Mean(
            pin->delays, inputs[i],
            [&](const TimingArc& arc) { return (rise ? arc.rise : arc.fall).At(load, transition); },
            &count);
        gate.delay[i][rise] = Picoseconds(delay);
        if (count == 0) continue;
        longest = std::max(
            longest,
            Mean(
                pin->delays, inputs[i],
                [&](const TimingArc& arc) {
                  return (rise ? arc.rise_transition : arc.fall_transition).At(load, transition);
                },
                &count));
      }
    }
    const double transition = transitions_[gate.nets[0]];
    for (const bool rise : {false, true}) {
      net_energies_[gate.output][rise] += static_cast<float>(Mean(
          pin->energies, "",
          [&](const EnergyArc& arc) { return (rise ? arc.rise : arc.fall).At(load, transition); },
          &count));
    }
    transitions_[gate.output] = gate.clock ? technology.input_transition : Transition(longest);
  }
  return Unit{};
}

uint8_t EnergySimulator::Evaluate(const Gate& gate, const std::vector<uint8_t>& values) const {
  uint32_t row = 0;
  for (uint32_t i = 0; i < gate.inputs; ++i) row |= uint32_t{values[gate.nets[i]]} << i;
  return static_cast<uint8_t>(gate.table >> row & 1);
}

void EnergySimulator::Settle(std::vector<uint8_t>* values) const {
  (*values)[kFlatZero] = 0;
  (*values)[kFlatOne] = 1;
  (*values)[clock_] = 0;
  for (const Gate& gate : gates_) (*values)[gate.output] = Evaluate(gate, *values);
}

void EnergySimulator::Spend(uint32_t cell, EnergyKind kind, double energy) {
  const uint32_t place = cell == kNone ? 0 : netlist_->cells[cell].place;
  energies_[place].by_kind[static_cast<size_t>(kind)] += weight_ * energy;
  last_cycle_ += energy;
}

/// The net gets `value` at `time` unless that is taken back; what was to come is.
void EnergySimulator::Schedule(FlatNet net, uint8_t value, uint64_t time) {
  if (pending_[net] == 2 + value) return;
  if (pending_[net] != 0) {
    ++stamps_[net];
    pending_[net] = 0;
    --events_;
    const double part =
        static_cast<double>(now_ - since_[net]) / static_cast<double>(until_[net] - since_[net]);
    Spend(owners_[net], net_kinds_[net], part * (net_energies_[net][0] + net_energies_[net][1]));
  }
  if (value == values_[net]) return;
  since_[net] = now_;
  until_[net] = time;
  wheel_[time % kWheel].push_back({net, stamps_[net], value});
  pending_[net] = static_cast<uint8_t>(2 + value);
  ++events_;
}

void EnergySimulator::Edge(FlatNet net, uint8_t value) {
  values_[net] = value;
  ++edges_;
  Spend(owners_[net], net_kinds_[net], net_energies_[net][value]);
  for (uint32_t i = data_begins_[net]; i < data_begins_[net + 1]; ++i) {
    const Register& entry = registers_[data_readers_[i]];
    Spend(entry.cell, EnergyKind::kRegisters, entry.data_energy[value]);
  }
  for (uint32_t i = reader_begins_[net]; i < reader_begins_[net + 1]; ++i) {
    const Gate& gate = gates_[readers_[i]];
    const uint8_t output = Evaluate(gate, values_);
    if (output == values_[gate.output] && pending_[gate.output] == 0) continue;
    uint32_t pin = 0;
    while (gate.nets[pin] != net) ++pin;
    Schedule(gate.output, output, now_ + gate.delay[pin][output]);
  }
}

/// The clock gets `level`: gates of clocks settle at once.
void EnergySimulator::ClockEdge(uint8_t level, uint64_t time) {
  std::vector<uint8_t> changed(netlist_->nets);
  const auto turn = [&](FlatNet net, uint8_t value) {
    values_[net] = value;
    changed[net] = 1;
    Spend(owners_[net], EnergyKind::kClock, net_energies_[net][value]);
  };
  turn(clock_, level);
  for (const uint32_t g : clock_gates_) {
    const uint8_t value = Evaluate(gates_[g], values_);
    if (value != values_[gates_[g].output]) turn(gates_[g].output, value);
  }
  for (const Register& entry : registers_) {
    if (changed[entry.clock] == 0) continue;
    const uint8_t clock = values_[entry.clock];
    Spend(entry.cell, EnergyKind::kClock, entry.clock_energy[clock]);
    if ((clock != 0) == entry.falling) continue;
    const uint8_t value = initial_[entry.data];
    if (entry.output != 0) Schedule(entry.output, value, time + entry.delay[value]);
    if (entry.inverted != 0) {
      const auto other = static_cast<uint8_t>(1 - value);
      Schedule(entry.inverted, other, time + entry.delay_inverted[other]);
    }
  }
  for (const Memory& memory : memories_) {
    if (level == 0 || changed[memory.clock] == 0) continue;
    const bool enabled = initial_[memory.enable] != 0;
    bool writes = enabled, reads = initial_[memory.read_enable] != 0;
    if (!memory.two_ports) {
      writes = enabled && std::any_of(memory.byte_enables.begin(), memory.byte_enables.end(),
                                      [this](FlatNet net) { return initial_[net] != 0; });
      reads = enabled && !writes;
    }
    if (reads) Spend(memory.cell, EnergyKind::kMemories, memory.cost.read_energy);
    if (writes) Spend(memory.cell, EnergyKind::kMemories, memory.cost.write_energy);
  }
  for (const Gate& gate : gates_) {
    if (!gate.holds || changed[gate.nets[1]] == 0) continue;
    Spend(gate.cell, EnergyKind::kClock, latch_energy_[level]);
    if (level != 0) continue;
    const uint8_t value = Evaluate(gate, values_);
    Schedule(gate.output, value, time + gate.delay[1][value]);
  }
}

void EnergySimulator::RunUntil(uint64_t end) {
  while (now_ < end && events_ > 0) {
    std::vector<Event>& bucket = wheel_[now_ % kWheel];
    // Edges put no events into the bucket of their own time: delays are 1 at least.
    for (size_t i = 0; i < bucket.size(); ++i) {
      const Event event = bucket[i];
      if (event.stamp != stamps_[event.net] || pending_[event.net] == 0) continue;
      pending_[event.net] = 0;
      ++stamps_[event.net];
      --events_;
      Edge(event.net, event.value);
    }
    bucket.clear();
    ++now_;
  }
}

Status EnergySimulator::AddCycle(const std::vector<FlatNet>& sources,
                                 const std::vector<uint8_t>& before,
                                 const std::vector<uint8_t>& after, double weight) {
  weight_ = weight;
  for (size_t i = 0; i < sources.size(); ++i) {
    initial_[sources[i]] = before[i];
    final_[sources[i]] = after[i];
  }
  for (const Register& entry : registers_) {
    if (entry.inverted == 0) continue;
    initial_[entry.inverted] = static_cast<uint8_t>(1 - initial_[entry.output]);
    final_[entry.inverted] = static_cast<uint8_t>(1 - final_[entry.output]);
  }
  Settle(&initial_);
  Settle(&final_);
  values_ = initial_;
  last_cycle_ = 0;
  for (const Gate& gate : gates_) {
    if (net_kinds_[gate.output] != EnergyKind::kLogic) continue;
    const uint8_t value = final_[gate.output];
    if (initial_[gate.output] == value) continue;
    energies_[netlist_->cells[gate.cell].place].without_delays +=
        weight * net_energies_[gate.output][value];
  }
  now_ = 0;
  const auto half = static_cast<uint64_t>(options_.period * 500);
  ClockEdge(1, 0);
  for (size_t i = 0; i < sources.size(); ++i) {
    const FlatNet net = sources[i];
    if (before[i] == after[i] || net == clock_) continue;
    double delay = options_.input_delay;
    if (owners_[net] != kNone) {
      const FlatCell& cell = netlist_->cells[owners_[net]];
      if (netlist_->types[cell.type].kind != FlatType::Kind::kMemory) continue;
      const auto memory =
          std::find_if(memories_.begin(), memories_.end(),
                       [&](const Memory& entry) { return entry.cell == owners_[net]; });
      delay = memory->cost.access_time;
    }
    Schedule(net, after[i], Picoseconds(delay));
  }
  RunUntil(half);
  now_ = half;
  ClockEdge(0, half);
  RunUntil(UINT64_MAX);
  for (std::vector<Event>& bucket : wheel_) bucket.clear();
  ++cycles_;
  for (FlatNet net = 2; net < netlist_->nets; ++net) {
    if (values_[net] == final_[net]) continue;
    const uint32_t cell = owners_[net];
    return NotSimulated(fmt::format(
        "net {} ({}) does not get the value that it has in the next cycle", net,
        cell == kNone
            ? "an input"
            : netlist_->types[netlist_->cells[cell].type].name + " in " + netlist_->Path(cell)));
  }
  return Unit{};
}

}  // namespace npugen

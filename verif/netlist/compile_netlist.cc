// SPDX-License-Identifier: Apache-2.0
// Joining of gates, order of functions, numbers of nets.
#include "verif/netlist/compile_netlist.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>
#include <type_traits>
#include <utility>

namespace npugen {
namespace {

static_assert(kFunctionInputs == kMaxTableInputs);

constexpr uint32_t kNone = UINT32_MAX;

Diagnostic Loop(size_t gates) {
  return {DiagnosticCode::kToolFailed, SourceLocation(),
          fmt::format("the netlist has a loop of {} gates or fewer", gates),
          "a netlist with loops of gates cannot be simulated"};
}

uint32_t RoundUp(size_t count) { return static_cast<uint32_t>((count + 63) / 64 * 64); }

/// A function under construction.
struct Cone {
  std::vector<NetId> inputs;
  uint64_t table = 0;
  bool holds = false;
};

/// The value of `cone` where net `inputs[k]` has the value of bit k of `row`; all inputs of the
/// cone are among `inputs`, or replaced: `replaced` has the value `value`.
bool ValueOf(const Cone& cone, const std::vector<NetId>& inputs, uint32_t row, NetId replaced,
             bool value) {
  uint32_t index = 0;
  for (size_t k = 0; k < cone.inputs.size(); ++k) {
    bool bit = value;
    if (cone.inputs[k] != replaced) {
      const auto place = std::find(inputs.begin(), inputs.end(), cone.inputs[k]) - inputs.begin();
      bit = (row >> place & 1) != 0;
    }
    index |= static_cast<uint32_t>(bit) << k;
  }
  return (cone.table >> index & 1) != 0;
}

/// The same table for all 64 rows, of which the first 2^inputs are given.
uint64_t Repeated(uint64_t table, size_t inputs) {
  for (size_t k = inputs; k < kFunctionInputs; ++k) {
    const uint32_t rows = 1u << k;
    table &= (uint64_t{1} << rows) - 1;
    table |= table << rows;
  }
  return table;
}

/// Removes constants, repetitions and inputs that change nothing.
void Simplify(Cone* cone) {
  std::vector<NetId> inputs;
  for (size_t k = 0; k < cone->inputs.size(); ++k) {
    const NetId net = cone->inputs[k];
    const uint64_t high = cone->table >> (1u << k);
    bool matters = false;
    for (uint32_t row = 0; row < 64 && !matters; ++row) {
      matters = (row >> k & 1) == 0 && ((cone->table ^ high) >> row & 1) != 0;
    }
    const bool known = net == kNetZero || net == kNetOne ||
                       std::find(inputs.begin(), inputs.end(), net) != inputs.end();
    if (matters && !known) inputs.push_back(net);
  }
  uint64_t table = 0;
  for (uint32_t row = 0; row < (1u << inputs.size()); ++row) {
    uint32_t index = 0;
    for (size_t k = 0; k < cone->inputs.size(); ++k) {
      const auto place = std::find(inputs.begin(), inputs.end(), cone->inputs[k]);
      const bool bit = place == inputs.end() ? cone->inputs[k] == kNetOne
                                             : (row >> (place - inputs.begin()) & 1) != 0;
      index |= static_cast<uint32_t>(bit) << k;
    }
    table |= (cone->table >> index & 1) << row;
  }
  cone->inputs = std::move(inputs);
  cone->table = Repeated(table, cone->inputs.size());
}

/// Memories of one clock one after the other.
std::vector<const NetlistMemory*> SortedMemories(const Netlist& netlist) {
  std::vector<const NetlistMemory*> memories;
  for (const NetlistMemory& memory : netlist.memories) memories.push_back(&memory);
  std::stable_sort(memories.begin(), memories.end(),
                   [](const auto* a, const auto* b) { return a->clock < b->clock; });
  return memories;
}

class Compiler {
 public:
  explicit Compiler(const Netlist& netlist)
      : netlist_(netlist), drivers_(netlist.nets, kNone), readers_(netlist.nets) {}

  Result<SimulationTable> Compile() {
    for (const NetlistGate& gate : netlist_.gates) {
      Cone cone;
      cone.inputs.assign(gate.inputs.begin(), gate.inputs.begin() + gate.input_count);
      cone.table = gate.table;
      cone.holds = gate.holds;
      // The table of a latch stays as it is: it reads its own output.
      if (!cone.holds) Simplify(&cone);
      drivers_[gate.output] = static_cast<uint32_t>(cones_.size());
      outputs_.push_back(gate.output);
      cones_.push_back(std::move(cone));
    }
    memories_ = SortedMemories(netlist_);
    if (!Order()) return *error_;
    VisitRoots([this](NetId net) { ++readers_[net]; });
    for (const uint32_t cone : order_) {
      for (const NetId net : cones_[cone].inputs) ++readers_[net];
    }
    for (const uint32_t cone : std::vector<uint32_t>(order_)) Join(cone);
    if (!Order()) return *error_;
    Number();
    AddRegisters();
    AddMemories();
    AddPorts();
    AddFanout();
    return std::move(table_);
  }

 private:
  /// Calls `visit` with all nets that something besides gates reads.
  template <typename Visitor>
  void VisitRoots(Visitor&& visit) const {
    for (const NetlistFlipFlop& flip_flop : netlist_.flip_flops) {
      visit(flip_flop.data);
      visit(flip_flop.clock);
    }
    for (const NetlistMemory* memory : memories_) {
      visit(memory->clock);
      visit(memory->enable);
      visit(memory->read_enable);
      for (const auto* nets :
           {&memory->byte_enables, &memory->address, &memory->write_data, &memory->read_address}) {
        for (const NetId net : *nets) visit(net);
      }
    }
    for (const NetlistPort& port : netlist_.ports) {
      if (port.input) continue;
      for (const NetId net : port.nets) visit(net);
    }
  }

  /// Fills order_ with the cones that the roots need, each behind those that it reads.
  bool Order() {
    enum : uint8_t { kNew, kOpen, kDone };
    std::vector<uint8_t> states(cones_.size(), kNew);
    order_.clear();
    std::vector<std::pair<uint32_t, size_t>> path;  // cones, and how many inputs were followed
    bool good = true;
    VisitRoots([&](NetId root) {
      if (drivers_[root] == kNone || states[drivers_[root]] != kNew || !good) return;
      path.emplace_back(drivers_[root], 0);
      states[drivers_[root]] = kOpen;
      while (!path.empty() && good) {
        auto& [cone, followed] = path.back();
        if (followed == cones_[cone].inputs.size()) {
          states[cone] = kDone;
          order_.push_back(cone);
          path.pop_back();
          continue;
        }
        const NetId input = cones_[cone].inputs[followed++];
        const uint32_t next = drivers_[input];
        if (next == kNone || (next == cone && cones_[cone].holds)) continue;
        if (states[next] == kOpen) {
          good = false;
        } else if (states[next] == kNew) {
          states[next] = kOpen;
          path.emplace_back(next, 0);
        }
      }
    });
    if (!good) {
      error_ = Loop(path.size());
    }
    return good;
  }

  /// Takes drivers of inputs into a cone.
  void Join(uint32_t reader) {
    Cone& cone = cones_[reader];
    if (cone.holds) return;
    for (bool again = true; again;) {
      again = false;
      // The one that leaves the fewest inputs first.
      NetId best = kNetZero;
      std::vector<NetId> best_inputs(kFunctionInputs + 1);
      for (const NetId input : cone.inputs) {
        const uint32_t driver = drivers_[input];
        if (driver == kNone || cones_[driver].holds) continue;
        if (readers_[input] != 1 && cones_[driver].inputs.size() > 1) continue;
        std::vector<NetId> inputs;
        for (const NetId net : cone.inputs) {
          if (net != input) inputs.push_back(net);
        }
        for (const NetId net : cones_[driver].inputs) {
          if (std::find(inputs.begin(), inputs.end(), net) == inputs.end()) inputs.push_back(net);
        }
        if (inputs.size() < best_inputs.size()) {
          best = input;
          best_inputs = std::move(inputs);
        }
      }
      if (best_inputs.size() > kFunctionInputs) return;
      Replace(&cone, best, best_inputs);
      again = true;
    }
  }

  /// Puts the function behind the input `net` in its place.
  void Replace(Cone* cone, NetId net, const std::vector<NetId>& inputs) {
    const Cone& driver = cones_[drivers_[net]];
    Cone joined;
    joined.inputs = inputs;
    for (uint32_t row = 0; row < (1u << inputs.size()); ++row) {
      const bool value = ValueOf(driver, inputs, row, kNone, false);
      joined.table |= uint64_t{ValueOf(*cone, inputs, row, net, value)} << row;
    }
    joined.table = Repeated(joined.table, inputs.size());
    Simplify(&joined);
    for (const NetId input : joined.inputs) ++readers_[input];
    for (const NetId input : cone->inputs) Release(input);
    *cone = std::move(joined);
  }

  /// One reader less; what nobody reads reads nothing.
  void Release(NetId net) {
    if (--readers_[net] != 0 || drivers_[net] == kNone) return;
    for (const NetId input : cones_[drivers_[net]].inputs) {
      if (input != net) Release(input);
    }
    cones_[drivers_[net]].inputs.clear();
  }

  void Number() {
    numbers_.assign(netlist_.nets, kNone);
    for (const NetId net : SourceNets(netlist_)) numbers_[net] = table_.nets++;
    for (const NetId net : netlist_.unknown) table_.unknown.push_back(numbers_[net]);
    table_.first_function = table_.nets;
    for (const uint32_t cone : order_) numbers_[outputs_[cone]] = table_.nets++;
    for (const uint32_t number : order_) {
      const Cone& cone = cones_[number];
      SimulationTable::Function function = {};
      function.table = cone.table;
      for (size_t k = 0; k < cone.inputs.size(); ++k) {
        function.inputs[k] = numbers_[cone.inputs[k]];
      }
      table_.functions.push_back(function);
    }
  }

  void AddRegisters() {
    std::map<std::pair<NetId, bool>, std::vector<const NetlistFlipFlop*>> groups;
    for (const NetlistFlipFlop& flip_flop : netlist_.flip_flops) {
      groups[{flip_flop.clock, flip_flop.falling}].push_back(&flip_flop);
    }
    for (const NetlistMemory* memory : memories_) groups[{memory->clock, false}];
    table_.agenda_registers = RoundUp(table_.nets);
    for (const auto& [key, members] : groups) {
      SimulationTable::Clock clock = {};
      clock.net = numbers_[key.first];
      clock.rising = key.second ? 0 : 1;
      table_.registers.resize(RoundUp(table_.registers.size()));
      clock.first_register = static_cast<uint32_t>(table_.registers.size());
      clock.register_count = static_cast<uint32_t>(members.size());
      for (const NetlistFlipFlop* member : members) {
        table_.registers.push_back({numbers_[member->data], numbers_[member->output]});
      }
      for (size_t i = 0; i < memories_.size() && !key.second; ++i) {
        if (memories_[i]->clock != key.first) continue;
        if (clock.memory_count++ == 0) clock.first_memory = static_cast<uint32_t>(i);
      }
      table_.clocks.push_back(clock);
    }
    table_.agenda_clocks = RoundUp(table_.agenda_registers + table_.registers.size());
    table_.agenda_outputs = RoundUp(table_.agenda_clocks + table_.clocks.size());
  }

  void AddMemories() {
    for (const NetlistMemory* memory : memories_) {
      SimulationTable::Memory entry = {};
      entry.depth = memory->depth;
      entry.enable = numbers_[memory->enable];
      entry.read_enable = numbers_[memory->read_enable];
      entry.byte_enable_count = static_cast<uint32_t>(memory->byte_enables.size());
      entry.address_count = static_cast<uint32_t>(memory->address.size());
      entry.data_count = static_cast<uint32_t>(memory->write_data.size());
      entry.first_pin = static_cast<uint32_t>(table_.pins.size());
      for (const auto* nets : {&memory->byte_enables, &memory->address, &memory->write_data,
                               &memory->read_data, &memory->read_address}) {
        for (const NetId net : *nets) table_.pins.push_back(numbers_[net]);
      }
      table_.memories.push_back(entry);
    }
  }

  void AddPorts() {
    for (const NetlistPort& port : netlist_.ports) {
      SimulationTable::Port entry = {};
      entry.input = port.input ? 1 : 0;
      entry.first_net = static_cast<uint32_t>(table_.port_nets.size());
      entry.net_count = static_cast<uint32_t>(port.nets.size());
      for (const NetId net : port.nets) {
        if (!port.input)
          table_.output_bits.push_back(static_cast<uint32_t>(table_.port_nets.size()));
        table_.port_nets.push_back(numbers_[net]);
      }
      table_.ports.push_back(entry);
    }
  }

  void AddFanout() {
    std::vector<std::vector<uint32_t>> fanout(table_.nets);
    for (size_t i = 0; i < table_.functions.size(); ++i) {
      const auto output = static_cast<uint32_t>(table_.first_function + i);
      for (const uint32_t input : table_.functions[i].inputs) {
        // A latch that holds has nothing to do.
        if (input != output && (fanout[input].empty() || fanout[input].back() != output)) {
          fanout[input].push_back(output);
        }
      }
    }
    for (const SimulationTable::Clock& clock : table_.clocks) {
      for (uint32_t i = 0; i < clock.register_count; ++i) {
        const uint32_t number = clock.first_register + i;
        fanout[table_.registers[number].data].push_back(table_.agenda_registers + number);
      }
    }
    for (size_t i = 0; i < table_.clocks.size(); ++i) {
      fanout[table_.clocks[i].net].push_back(table_.agenda_clocks + static_cast<uint32_t>(i));
    }
    for (size_t i = 0; i < table_.output_bits.size(); ++i) {
      fanout[table_.port_nets[table_.output_bits[i]]].push_back(table_.agenda_outputs +
                                                                static_cast<uint32_t>(i));
    }
    fanout[kNetZero].clear();
    fanout[kNetOne].clear();
    for (const std::vector<uint32_t>& numbers : fanout) {
      table_.fanout_begins.push_back(static_cast<uint32_t>(table_.fanout.size()));
      table_.fanout.insert(table_.fanout.end(), numbers.begin(), numbers.end());
    }
    table_.fanout_begins.push_back(static_cast<uint32_t>(table_.fanout.size()));
  }

  const Netlist& netlist_;
  std::vector<Cone> cones_;
  std::vector<NetId> outputs_;     ///< of the cones
  std::vector<uint32_t> drivers_;  ///< net -> cone, or kNone
  std::vector<uint32_t> readers_;  ///< net -> how often it is read
  std::vector<uint32_t> order_;    ///< cones
  std::vector<uint32_t> numbers_;  ///< net -> number in the table
  std::vector<const NetlistMemory*> memories_;
  SimulationTable table_;
  std::optional<Diagnostic> error_;
};

/// Type of the member that Verilator makes for a port.
std::string MemberType(size_t bits) {
  if (bits <= 8) return "uint8_t";
  if (bits <= 16) return "uint16_t";
  if (bits <= 32) return "uint32_t";
  if (bits <= 64) return "uint64_t";
  return fmt::format("std::array<uint32_t, {}>", (bits + 31) / 32);
}

}  // namespace

Result<SimulationTable> CompileNetlist(const Netlist& netlist) {
  return Compiler(netlist).Compile();
}

std::vector<NetId> SourceNets(const Netlist& netlist) {
  std::vector<NetId> sources;
  std::vector<bool> known(netlist.nets);
  const auto add = [&](NetId net) {
    if (!known[net]) sources.push_back(net);
    known[net] = true;
  };
  add(kNetZero);
  add(kNetOne);
  for (const NetlistPort& port : netlist.ports) {
    if (!port.input) continue;
    for (const NetId net : port.nets) add(net);
  }
  for (const NetlistFlipFlop& flip_flop : netlist.flip_flops) add(flip_flop.output);
  for (const NetlistMemory* memory : SortedMemories(netlist)) {
    for (const NetId net : memory->read_data) add(net);
  }
  for (const NetId net : netlist.unknown) add(net);
  return sources;
}

std::string TableBytes(const SimulationTable& table) {
  std::string bytes;
  const auto add = [&bytes](const void* data, size_t size) {
    bytes.append(static_cast<const char*>(data), size);
  };
  VisitTable(table, [&](const auto& item) {
    if constexpr (std::is_same_v<std::decay_t<decltype(item)>, uint32_t>) {
      add(&item, sizeof item);
    } else {
      const auto count = static_cast<uint32_t>(item.size());
      add(&count, sizeof count);
      add(item.data(), item.size() * sizeof item[0]);
    }
  });
  return bytes;
}

std::string NetlistClassHeader(const Netlist& netlist) {
  std::string members;
  for (const NetlistPort& port : netlist.ports) {
    members += fmt::format("  {} {} = {{}};\n", MemberType(port.nets.size()), port.name);
  }
  return fmt::format(
      "// Printed by npugen: the ports of npu_top, and the simulator of its netlist behind them.\n"
      "#pragma once\n\n"
      "#include <array>\n"
      "#include <cstdint>\n\n"
      "#include \"verif/netlist/netlist_simulator.h\"\n\n"
      "class Vnpu_top {{\n"
      " public:\n"
      "  explicit Vnpu_top(const VerilatedContext* context);\n"
      "  void eval() {{ simulator_.Evaluate(); }}\n"
      "  void final() {{}}\n"
      "  const npugen::NetlistSimulator& simulator() const {{ return simulator_; }}\n\n"
      "{}\n"
      " private:\n"
      "  npugen::NetlistSimulator simulator_;\n"
      "}};\n",
      members);
}

std::string NetlistClassSource(const Netlist& netlist, const std::string& table_path) {
  std::string bindings;
  for (const NetlistPort& port : netlist.ports) {
    bindings += fmt::format("  simulator_.Bind(&{0}, sizeof {0});\n", port.name);
  }
  return fmt::format(
      "// Printed by npugen: the table of the netlist, and the members of its ports.\n"
      "#include \"Vnpu_top.h\"\n\n"
      "// The assembler reads the table sooner than any compiler.\n"
      "asm(\".section .rodata\\n\"\n"
      "    \".balign 8\\n\"\n"
      "    \"npu_netlist_begin: .incbin \\\"{}\\\"\\n\"\n"
      "    \"npu_netlist_end: .byte 0\\n\"\n"
      "    \".previous\\n\");\n"
      "extern \"C\" __attribute__((visibility(\"hidden\"))) const unsigned char "
      "npu_netlist_begin[], npu_netlist_end[];\n\n"
      "Vnpu_top::Vnpu_top(const VerilatedContext* context)\n"
      "    : simulator_({{npu_netlist_begin, npu_netlist_end}}, context->seed()) {{\n"
      "{}"
      "}}\n",
      table_path, bindings);
}

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// One pass over the agenda, clock edges, memories, ports.
#include "verif/netlist/netlist_simulator.h"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <type_traits>

namespace npugen {
namespace {

SimulationTable ReadTable(std::span<const unsigned char> bytes) {
  SimulationTable table;
  size_t at = 0;
  const auto read = [&](void* target, size_t size) {
    // The table is part of the same library: what does not fit was built wrongly.
    if (size > bytes.size() - at) std::abort();
    std::memcpy(target, bytes.data() + at, size);
    at += size;
  };
  VisitTable(table, [&](auto& item) {
    if constexpr (std::is_same_v<std::decay_t<decltype(item)>, uint32_t>) {
      read(&item, sizeof item);
    } else {
      uint32_t count = 0;
      read(&count, sizeof count);
      if (count > (bytes.size() - at) / sizeof item[0]) std::abort();
      item.resize(count);
      read(item.data(), count * sizeof item[0]);
    }
  });
  return table;
}

}  // namespace

NetlistSimulator::NetlistSimulator(std::span<const unsigned char> table, uint64_t seed)
    : table_(ReadTable(table)), random_(seed), random_power_up_(seed != 0) {
  values_.assign(table_.nets, 0);
  values_[1] = 1;
  agenda_.assign((table_.agenda_outputs + table_.output_bits.size() + 63) / 64, 0);
  const auto put_all = [this](uint32_t first, size_t count) {
    for (size_t i = first; i < first + count; ++i) agenda_[i / 64] |= uint64_t{1} << i % 64;
  };
  put_all(table_.first_function, table_.functions.size());
  for (const SimulationTable::Clock& clock : table_.clocks) {
    put_all(table_.agenda_registers + clock.first_register, clock.register_count);
  }
  put_all(table_.agenda_outputs, table_.output_bits.size());
  const auto power_up = [this](uint32_t net) {
    if (random_power_up_) values_[net] = Random() & 1;
  };
  for (const SimulationTable::Clock& clock : table_.clocks) {
    for (uint32_t i = 0; i < clock.register_count; ++i) {
      power_up(table_.registers[clock.first_register + i].output);
    }
  }
  for (const uint32_t net : table_.unknown) power_up(net);
  for (const SimulationTable::Memory& memory : table_.memories) {
    std::vector<uint8_t>& bits = memories_.emplace_back(size_t{memory.depth} * memory.data_count);
    if (random_power_up_) {
      for (uint8_t& bit : bits) bit = Random() & 1;
    }
    const uint32_t* read_data = &table_.pins[memory.first_pin + memory.byte_enable_count +
                                             memory.address_count + memory.data_count];
    for (uint32_t i = 0; i < memory.data_count; ++i) power_up(read_data[i]);
  }
}

/// splitmix64
uint64_t NetlistSimulator::Random() {
  uint64_t z = random_ += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z >> 32;
}

void NetlistSimulator::Bind(void* value, size_t bytes) {
  const SimulationTable::Port& port = table_.ports.at(ports_.size());
  BoundPort bound = {static_cast<uint8_t*>(value), {}};
  if (port.input != 0) {
    bound.applied.assign(bytes, 0);
    for (uint32_t i = 0; i < port.net_count && random_power_up_; ++i) {
      bound.value[i / 8] |= static_cast<uint8_t>((Random() & 1) << i % 8);
    }
  }
  ports_.push_back(std::move(bound));
}

inline void NetlistSimulator::Change(uint32_t net) {
  values_[net] ^= 1;
  const uint32_t* reader = &table_.fanout[table_.fanout_begins[net]];
  const uint32_t* end = &table_.fanout[table_.fanout_begins[net + 1]];
  for (; reader != end; ++reader) agenda_[*reader / 64] |= uint64_t{1} << *reader % 64;
}

void NetlistSimulator::ApplyInputs() {
  for (size_t p = 0; p < ports_.size(); ++p) {
    BoundPort& port = ports_[p];
    if (port.applied.empty() ||
        std::memcmp(port.value, port.applied.data(), port.applied.size()) == 0)
      continue;
    std::memcpy(port.applied.data(), port.value, port.applied.size());
    const SimulationTable::Port& entry = table_.ports[p];
    for (uint32_t i = 0; i < entry.net_count; ++i) {
      const uint32_t net = table_.port_nets[entry.first_net + i];
      if ((port.value[i / 8] >> i % 8 & 1) != values_[net]) Change(net);
    }
  }
}

void NetlistSimulator::Propagate() {
  const uint8_t* values = values_.data();
  const SimulationTable::Function* functions = table_.functions.data();
  const size_t end = (table_.nets + 63) / 64;
  for (size_t w = table_.first_function / 64; w < end; ++w) {
    // Functions put later ones on the agenda, maybe of the same word, but never earlier ones.
    while (agenda_[w] != 0) {
      const auto number = static_cast<uint32_t>(w * 64 + std::countr_zero(agenda_[w]));
      agenda_[w] &= agenda_[w] - 1;
      const SimulationTable::Function& function = functions[number - table_.first_function];
      const uint32_t row = values[function.inputs[0]] | values[function.inputs[1]] << 1 |
                           values[function.inputs[2]] << 2 | values[function.inputs[3]] << 3 |
                           values[function.inputs[4]] << 4 | values[function.inputs[5]] << 5;
      ++evaluations_;
      if ((function.table >> row & 1) != values[number]) Change(number);
    }
  }
}

uint64_t NetlistSimulator::Field(const uint32_t* pins, uint32_t count) const {
  uint64_t field = 0;
  for (uint32_t i = 0; i < count; ++i) field |= uint64_t{values_[pins[i]]} << i;
  return field;
}

/// Registers and memories whose clock has had its edge take over; false: there are none.
bool NetlistSimulator::ClockEdges() {
  bool edges = false;
  changes_.clear();
  for (size_t c = 0; c < table_.clocks.size(); ++c) {
    uint64_t& word = agenda_[table_.agenda_clocks / 64 + c / 64];
    if ((word >> c % 64 & 1) == 0) continue;
    word &= ~(uint64_t{1} << c % 64);
    const SimulationTable::Clock& clock = table_.clocks[c];
    if (values_[clock.net] != clock.rising) continue;
    edges = true;
    // Only registers whose data has changed since they took it.
    const uint32_t first = (table_.agenda_registers + clock.first_register) / 64;
    for (uint32_t w = 0; w < (clock.register_count + 63) / 64; ++w) {
      for (uint64_t& due = agenda_[first + w]; due != 0; due &= due - 1) {
        const SimulationTable::Register& entry =
            table_.registers[clock.first_register + w * 64 +
                             static_cast<uint32_t>(std::countr_zero(due))];
        if (values_[entry.data] != values_[entry.output]) changes_.push_back(entry.output);
      }
    }
    for (uint32_t i = 0; i < clock.memory_count; ++i) {
      const size_t index = clock.first_memory + i;
      ClockMemory(table_.memories[index], index);
    }
  }
  for (const uint32_t net : changes_) Change(net);
  return edges;
}

void NetlistSimulator::ClockMemory(const SimulationTable::Memory& memory, size_t index) {
  const uint32_t* byte_enables = &table_.pins[memory.first_pin];
  const uint32_t* address = byte_enables + memory.byte_enable_count;
  const uint32_t* write_data = address + memory.address_count;
  const uint32_t* read_data = write_data + memory.data_count;
  const uint32_t* read_address = read_data + memory.data_count;
  std::vector<uint8_t>& bits = memories_[index];
  const bool enabled = values_[memory.enable] != 0;
  bool writes = enabled, reads = values_[memory.read_enable] != 0;
  if (memory.byte_enable_count != 0) {
    writes = enabled &&
             std::any_of(byte_enables, address, [this](uint32_t net) { return values_[net] != 0; });
    reads = enabled && !writes;
    read_address = address;
  }
  if (reads) {
    const uint64_t word = Field(read_address, memory.address_count);
    for (uint32_t i = 0; i < memory.data_count; ++i) {
      // Beyond the last word a memory may give anything.
      const uint8_t bit = word < memory.depth ? bits[word * memory.data_count + i]
                          : random_power_up_  ? static_cast<uint8_t>(Random() & 1)
                                              : uint8_t{0};
      if (bit != values_[read_data[i]]) changes_.push_back(read_data[i]);
    }
  }
  const uint64_t word = writes ? Field(address, memory.address_count) : memory.depth;
  if (word >= memory.depth) return;
  for (uint32_t i = 0; i < memory.data_count; ++i) {
    if (memory.byte_enable_count == 0 || values_[byte_enables[i / 8]] != 0) {
      bits[word * memory.data_count + i] = values_[write_data[i]];
    }
  }
}

void NetlistSimulator::WriteOutputs() {
  size_t port = 0;
  const uint32_t first = table_.agenda_outputs / 64;
  for (uint32_t w = first; w < agenda_.size(); ++w) {
    for (uint64_t& due = agenda_[w]; due != 0; due &= due - 1) {
      const uint32_t bit =
          table_.output_bits[(w - first) * 64 + static_cast<uint32_t>(std::countr_zero(due))];
      while (bit >= table_.ports[port].first_net + table_.ports[port].net_count) ++port;
      const uint32_t place = bit - table_.ports[port].first_net;
      uint8_t& byte = ports_[port].value[place / 8];
      byte = static_cast<uint8_t>((byte & ~(1u << place % 8)) |
                                  uint32_t{values_[table_.port_nets[bit]]} << place % 8);
    }
  }
}

void NetlistSimulator::Evaluate() {
  ApplyInputs();
  Propagate();
  if (!settled_) {
    // Values of clocks that come into being are no edges.
    std::fill(agenda_.begin() + table_.agenda_clocks / 64,
              agenda_.begin() + table_.agenda_outputs / 64, 0);
    settled_ = true;
  }
  while (ClockEdges()) Propagate();
  WriteOutputs();
}

}  // namespace npugen

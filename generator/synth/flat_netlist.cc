// SPDX-License-Identifier: Apache-2.0
// Instances become cells, nets that ports connect become one; buffers; printers.
#include "generator/synth/flat_netlist.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "generator/plan/plan.h"

namespace npugen {
namespace {

class Flattener {
 public:
  Flattener(const Design& design, const TechnologyLibrary& technology)
      : design_(design), technology_(technology) {}

  Result<FlatNetlist> Run() {
    const DesignModule& top = design_.modules.at(std::string(kTopModule));
    Scope scope;
    for (const DesignPort& port : top.ports) {
      FlatPort flat = {port.name, port.input, {}};
      for (const BitId bit : port.bits) flat.nets.push_back(Net(&scope, bit));
      netlist_.ports.push_back(std::move(flat));
    }
    netlist_.places.push_back({0, std::string(), top.rtl});
    if (!Add(top, &scope, 0)) {
      return Diagnostic(DiagnosticCode::kToolFailed, SourceLocation(), error_,
                        "npugen needs netlists as Yosys 0.23 writes them");
    }
    for (FlatNet& net : netlist_.pins) net = Root(net);
    for (FlatPort& port : netlist_.ports) {
      for (FlatNet& net : port.nets) net = Root(net);
    }
    return std::move(netlist_);
  }

 private:
  using Scope = std::unordered_map<BitId, FlatNet>;

  FlatNet NewNet() {
    parents_.push_back(netlist_.nets);
    return netlist_.nets++;
  }
  FlatNet Root(FlatNet net) {
    while (parents_[net] != net) net = parents_[net] = parents_[parents_[net]];
    return net;
  }
  void Join(FlatNet one, FlatNet other) {
    one = Root(one);
    other = Root(other);
    parents_[std::max(one, other)] = std::min(one, other);
  }
  FlatNet Net(Scope* scope, BitId bit) {
    if (bit == kBitZero) return kFlatZero;
    if (bit == kBitOne) return kFlatOne;
    if (bit == kBitUnknown) return kFlatZero;
    const auto [entry, added] = scope->try_emplace(bit, 0);
    if (added) entry->second = NewNet();
    return entry->second;
  }

  uint32_t AddType(const std::string& name) {
    const auto [entry, added] = types_.try_emplace(name, netlist_.types.size());
    if (!added) return entry->second;
    FlatType type;
    type.name = name;
    const auto output = [&type](const std::string& pin) {
      if (pin.empty()) return;
      type.pins.push_back(pin);
      type.outputs.push_back(true);
    };
    if (const auto cell = technology_.library.cells.find(name);
        cell != technology_.library.cells.end()) {
      type.area = cell->second.area;
      type.pins = cell->second.inputs;
      type.outputs.assign(type.pins.size(), false);
      for (const LibertyFunction& function : cell->second.functions) output(function.pin);
      if (const auto& flip_flop = cell->second.flip_flop) {
        type.kind = FlatType::Kind::kFlipFlop;
        output(flip_flop->output);
        output(flip_flop->output_invert);
      }
    } else if (name == kLatchType) {
      type.kind = FlatType::Kind::kLatch;
      type.pins = {"D", "E", "Q"};
      type.outputs = {false, false, true};
      type.area = technology_.technology.latch->area / technology_.technology.area_unit;
    } else {
      type.kind = FlatType::Kind::kMemory;
      type.name = fmt::format("npu_memory_{}", netlist_.types.size());
      type.box = name;
      for (const DesignPort& port : design_.boxes.at(name).ports) {
        for (size_t i = 0; i < port.bits.size(); ++i) {
          type.pins.push_back(fmt::format("{}_{}", port.name, i));
          type.outputs.push_back(!port.input);
        }
      }
    }
    netlist_.types.push_back(std::move(type));
    return entry->second;
  }

  bool Add(const DesignModule& module, Scope* scope, uint32_t place) {
    for (const DesignCell& cell : module.cells) {
      const auto child = design_.modules.find(cell.type);
      if (child != design_.modules.end()) {
        Scope inner;
        for (const DesignPort& port : child->second.ports) {
          const std::vector<BitId>* bits = cell.Pin(port.name);
          if (bits == nullptr) continue;
          if (bits->size() != port.bits.size()) {
            error_ = fmt::format("port `{}` of `{}` has another width", port.name, cell.type);
            return false;
          }
          for (size_t i = 0; i < bits->size(); ++i) {
            const FlatNet outside = Net(scope, (*bits)[i]);
            if (port.bits[i] < 0) {
              if (port.bits[i] != kBitUnknown) Join(Net(&inner, port.bits[i]), outside);
              continue;
            }
            const auto [entry, added] = inner.try_emplace(port.bits[i], outside);
            if (!added) Join(entry->second, outside);
          }
        }
        netlist_.places.push_back({place, cell.name, child->second.rtl});
        const auto below = static_cast<uint32_t>(netlist_.places.size() - 1);
        if (!Add(child->second, &inner, below)) return false;
        continue;
      }
      AddCell(module, cell, scope, place);
    }
    return true;
  }

  void AddCell(const DesignModule& module, const DesignCell& cell, Scope* scope, uint32_t place) {
    const uint32_t number = AddType(cell.type);
    const FlatType& type = netlist_.types[number];
    const auto index = static_cast<uint32_t>(netlist_.cells.size());
    netlist_.cells.push_back({number, static_cast<uint32_t>(netlist_.pins.size()), place});
    if (type.kind == FlatType::Kind::kMemory) {
      for (const DesignPort& port : design_.boxes.at(cell.type).ports) {
        const std::vector<BitId>* bits = cell.Pin(port.name);
        for (size_t i = 0; i < port.bits.size(); ++i) {
          netlist_.pins.push_back(bits != nullptr && i < bits->size() ? Net(scope, (*bits)[i])
                                                                      : NewNet());
        }
      }
      netlist_.names.emplace_back(index, cell.name);
      return;
    }
    for (size_t i = 0; i < type.pins.size(); ++i) {
      const std::vector<BitId>* bits = cell.Pin(type.pins[i]);
      if (bits == nullptr || bits->size() != 1) {
        netlist_.pins.push_back(NewNet());
        continue;
      }
      netlist_.pins.push_back(Net(scope, bits->front()));
      if (!type.outputs[i] || type.kind == FlatType::Kind::kLogic) continue;
      const auto name = module.names.find(bits->front());
      if (type.kind == FlatType::Kind::kLatch) {
        netlist_.names.emplace_back(index, fmt::format("clock gate {}", cell.name));
      } else if (name != module.names.end()) {
        netlist_.names.emplace_back(index, name->second);
      }
    }
  }

  const Design& design_;
  const TechnologyLibrary& technology_;
  FlatNetlist netlist_;
  std::vector<FlatNet> parents_ = {kFlatZero, kFlatOne};
  std::unordered_map<std::string, uint32_t> types_;
  std::string error_;
};

/// Nets that are clocks: the way back from the clock pins of registers through gates.
std::vector<bool> Clocks(const FlatNetlist& netlist, const CellLibrary& cells) {
  std::vector<bool> clocks(netlist.nets);
  std::vector<uint32_t> drivers(netlist.nets, UINT32_MAX);
  std::vector<FlatNet> stack;
  for (uint32_t c = 0; c < netlist.cells.size(); ++c) {
    const FlatCell& cell = netlist.cells[c];
    const FlatType& type = netlist.types[cell.type];
    std::string_view clock;
    if (type.kind == FlatType::Kind::kFlipFlop) clock = cells.at(type.name).flip_flop->clock;
    if (type.kind == FlatType::Kind::kLatch) clock = "E";
    if (type.kind == FlatType::Kind::kMemory) clock = "clk_i_0";
    for (size_t i = 0; i < type.pins.size(); ++i) {
      const FlatNet net = netlist.pins[cell.first_pin + i];
      if (type.outputs[i]) drivers[net] = c;
      if (type.pins[i] == clock) stack.push_back(net);
    }
  }
  while (!stack.empty()) {
    const FlatNet net = stack.back();
    stack.pop_back();
    if (net <= kFlatOne || clocks[net]) continue;
    clocks[net] = true;
    if (drivers[net] == UINT32_MAX) continue;
    const FlatCell& cell = netlist.cells[drivers[net]];
    const FlatType& type = netlist.types[cell.type];
    if (type.kind != FlatType::Kind::kLogic) continue;
    for (size_t i = 0; i < type.pins.size(); ++i) {
      if (!type.outputs[i]) stack.push_back(netlist.pins[cell.first_pin + i]);
    }
  }
  return clocks;
}

}  // namespace

std::string FlatNetlist::Path(uint32_t cell) const {
  const auto name =
      std::lower_bound(names.begin(), names.end(), cell,
                       [](const auto& entry, uint32_t wanted) { return entry.first < wanted; });
  std::string path;
  if (name != names.end() && name->first == cell) path = name->second;
  const std::string instance = InstancePath(cells[cell].place);
  return instance.empty() ? path : path.empty() ? instance : fmt::format("{}.{}", instance, path);
}

std::string FlatNetlist::InstancePath(uint32_t place) const {
  std::string path;
  for (; place != 0; place = places[place].parent) {
    path = path.empty() ? places[place].name : fmt::format("{}.{}", places[place].name, path);
  }
  return path;
}

double FlatNetlist::Area() const {
  double area = 0;
  for (const FlatCell& cell : cells) area += types[cell.type].area;
  return area;
}

Result<FlatNetlist> Flatten(const Design& design, const TechnologyLibrary& technology) {
  return Flattener(design, technology).Run();
}

BufferTrees AddBuffers(const TechnologyLibrary& technology, FlatNetlist* netlist) {
  BufferTrees result;
  const uint32_t most = technology.technology.max_loads;
  if (most == 0 || !technology.technology.buffer) return result;
  const std::string& name = technology.technology.buffer->name;
  const LibertyCell& buffer = technology.library.cells.at(name);
  const std::vector<bool> clocks = Clocks(*netlist, technology.library.cells);
  std::vector<std::vector<uint32_t>> loads(netlist->nets);  // pins, in the order of instances
  std::vector<uint32_t> places(netlist->nets);              // of the drivers; the top of ports
  for (const FlatCell& cell : netlist->cells) {
    const FlatType& type = netlist->types[cell.type];
    for (uint32_t i = 0; i < type.pins.size(); ++i) {
      const FlatNet net = netlist->pins[cell.first_pin + i];
      if (type.outputs[i]) places[net] = cell.place;
      if (!type.outputs[i] && net > kFlatOne && !clocks[net]) {
        loads[net].push_back(cell.first_pin + i);
      }
    }
  }
  std::optional<uint32_t> type;
  for (size_t t = 0; t < netlist->types.size(); ++t) {
    if (netlist->types[t].name == name) type = static_cast<uint32_t>(t);
  }
  if (!type) {
    type = static_cast<uint32_t>(netlist->types.size());
    netlist->types.push_back({name,
                              FlatType::Kind::kLogic,
                              {buffer.inputs[0], buffer.functions[0].pin},
                              {false, true},
                              buffer.area,
                              std::string()});
  }
  const FlatNet nets = netlist->nets;
  for (FlatNet net = 0; net < nets; ++net) {
    std::vector<uint32_t>& level = loads[net];
    if (level.size() <= most) continue;
    ++result.nets;
    result.largest_loads = std::max<uint64_t>(result.largest_loads, level.size());
    while (level.size() > most) {
      // As many groups as are needed, of nearly equal size.
      const size_t groups = (level.size() + most - 1) / most;
      std::vector<uint32_t> above;
      for (size_t g = 0; g < groups; ++g) {
        const FlatNet driven = netlist->nets++;
        const size_t begin = g * level.size() / groups;
        const size_t end = (g + 1) * level.size() / groups;
        for (size_t i = begin; i < end; ++i) netlist->pins[level[i]] = driven;
        const auto first = static_cast<uint32_t>(netlist->pins.size());
        netlist->cells.push_back({*type, first, places[net]});
        netlist->pins.push_back(net);
        netlist->pins.push_back(driven);
        above.push_back(first);
        ++result.buffers;
      }
      level = std::move(above);
    }
  }
  return result;
}

std::string FlatVerilog(const FlatNetlist& netlist, const TechnologyLibrary& technology) {
  std::string text = "module npu_top (";
  const auto back = std::back_inserter(text);
  const auto net_name = [](FlatNet net) {
    if (net <= kFlatOne) return fmt::format("1'b{}", net);
    return fmt::format("n{}", net);
  };
  bool comma = false;
  for (const FlatPort& port : netlist.ports) {
    fmt::format_to(back, "{}{}", comma ? ", " : "", port.name);
    comma = true;
  }
  text += ");\n";
  for (const FlatPort& port : netlist.ports) {
    fmt::format_to(
        back, "  {} {}{};\n", port.input ? "input" : "output",
        port.nets.size() > 1 ? fmt::format("[{}:0] ", port.nets.size() - 1) : std::string(),
        port.name);
  }
  for (const FlatPort& port : netlist.ports) {
    for (size_t i = 0; i < port.nets.size(); ++i) {
      const std::string bit =
          port.nets.size() > 1 ? fmt::format("{}[{}]", port.name, i) : port.name;
      if (port.input) {
        fmt::format_to(back, "  assign {} = {};\n", net_name(port.nets[i]), bit);
      } else {
        fmt::format_to(back, "  assign {} = {};\n", bit, net_name(port.nets[i]));
      }
    }
  }
  const Technology& cells = technology.technology;
  // Comments say which instance the cells that follow belong to, and what registers are called.
  uint32_t place = UINT32_MAX;
  size_t name = 0;
  for (size_t c = 0; c < netlist.cells.size(); ++c) {
    const FlatCell& cell = netlist.cells[c];
    const FlatType& type = netlist.types[cell.type];
    if (cell.place != place) {
      place = cell.place;
      fmt::format_to(back, "  // instance {}\n", netlist.InstancePath(place));
    }
    while (name < netlist.names.size() && netlist.names[name].first < c) ++name;
    if (name < netlist.names.size() && netlist.names[name].first == c) {
      fmt::format_to(back, "  // register {}\n", netlist.names[name].second);
    }
    if (type.kind == FlatType::Kind::kLatch) {
      const LibertyCell& inverter = technology.library.cells.at(cells.inverter->name);
      fmt::format_to(back, "  {} i{} (.{}({}), .{}(e{}));\n", cells.inverter->name, c,
                     inverter.inputs[0], net_name(netlist.pins[cell.first_pin + 1]),
                     inverter.functions[0].pin, c);
      fmt::format_to(back, "  {} c{} (.{}({}), .{}(e{}), .{}({}));\n", cells.latch->cell.name, c,
                     cells.latch->data, net_name(netlist.pins[cell.first_pin]), cells.latch->enable,
                     c, cells.latch->output, net_name(netlist.pins[cell.first_pin + 2]));
      continue;
    }
    fmt::format_to(back, "  {} c{} (", type.name, c);
    for (size_t i = 0; i < type.pins.size(); ++i) {
      fmt::format_to(back, "{}.{}({})", i > 0 ? ", " : "", type.pins[i],
                     net_name(netlist.pins[cell.first_pin + i]));
    }
    text += ");\n";
  }
  text += "endmodule\n";
  return text;
}

std::string FlatJson(const FlatNetlist& netlist, const MappedDesign& mapped) {
  // Numbers 0 and 1 are constants in that format.
  const auto bit = [](FlatNet net) {
    return net <= kFlatOne ? fmt::format("\"{}\"", net) : fmt::format("{}", net);
  };
  std::string text = "{\"creator\":\"npugen\",\"modules\":{";
  const auto back = std::back_inserter(text);
  for (const auto& [name, module] : mapped.memories) {
    fmt::format_to(back, "{}:{},\n", nlohmann::json(name).dump(), module);
  }
  text += "\"npu_top\":{\"attributes\":{},\"ports\":{";
  bool comma = false;
  const auto bits = [&](const std::vector<FlatNet>& nets) {
    text += '[';
    for (size_t i = 0; i < nets.size(); ++i) {
      fmt::format_to(back, "{}{}", i > 0 ? "," : "", bit(nets[i]));
    }
    text += ']';
  };
  for (const FlatPort& port : netlist.ports) {
    fmt::format_to(back, "{}\"{}\":{{\"direction\":\"{}\",\"bits\":", comma ? "," : "", port.name,
                   port.input ? "input" : "output");
    bits(port.nets);
    text += '}';
    comma = true;
  }
  text += "},\"netnames\":{},\"cells\":{";
  comma = false;
  for (size_t c = 0; c < netlist.cells.size(); ++c) {
    const FlatCell& cell = netlist.cells[c];
    const FlatType& type = netlist.types[cell.type];
    const bool memory = type.kind == FlatType::Kind::kMemory;
    fmt::format_to(back, "{}\n\"c{}\":{{\"type\":{},\"connections\":{{", comma ? "," : "", c,
                   nlohmann::json(memory ? type.box : type.name).dump());
    comma = true;
    for (size_t i = 0; i < type.pins.size();) {
      // Pins of a vector follow each other.
      std::string name = type.pins[i];
      std::vector<FlatNet> nets = {netlist.pins[cell.first_pin + i]};
      size_t next = i + 1;
      if (memory) {
        name.resize(name.rfind('_'));
        while (next < type.pins.size() && type.pins[next] == fmt::format("{}_{}", name, next - i)) {
          nets.push_back(netlist.pins[cell.first_pin + next++]);
        }
      }
      fmt::format_to(back, "{}\"{}\":", i > 0 ? "," : "", name);
      bits(nets);
      i = next;
    }
    text += "}}";
  }
  text += "}}}}\n";
  return text;
}

}  // namespace npugen

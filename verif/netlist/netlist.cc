// SPDX-License-Identifier: Apache-2.0
// From Yosys' JSON to one graph: instances are made from the top down, and nets that ports connect
// become one.
#include "verif/netlist/netlist.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "generator/synth/mapping.h"

namespace npugen {
namespace {

using nlohmann::json;

constexpr const char* kTop = "npu_top";
constexpr const char* kClockGate = "npu_clock_gate";
constexpr int kMaxNesting = 64;
constexpr size_t kMaxCells = size_t{1} << 26;

/// A bit of a module as Yosys writes it: the number of a net, or a constant.
struct Bit {
  enum class Kind : uint8_t { kNet, kZero, kOne, kUnknown } kind = Kind::kUnknown;
  uint32_t number = 0;
};
using Bits = std::vector<Bit>;

struct Cell {
  std::string name;
  std::string type;
  std::map<std::string, Bits, std::less<>> pins;
};

struct ModulePort {
  std::string name;
  bool input = false;
  Bits bits;
};

struct Module {
  std::vector<ModulePort> ports;
  std::vector<Cell> cells;
  std::map<std::string, uint64_t> parameters;
  std::map<std::string, std::string> parameter_bits;
  bool black_box = false;
};

using Modules = std::map<std::string, Module, std::less<>>;

Diagnostic NotUnderstood(const std::string& path, std::string message) {
  return {DiagnosticCode::kToolFailed,
          {path, 0, 0},
          std::move(message),
          "npugen needs the netlist as Yosys 0.23 writes it"};
}

Bits ParseBits(const json& in) {
  Bits bits;
  for (const json& entry : in) {
    Bit bit;
    if (entry.is_number_unsigned()) {
      bit = {Bit::Kind::kNet, entry.get<uint32_t>()};
    } else {
      const std::string& constant = entry.get_ref<const std::string&>();
      if (constant == "0") bit.kind = Bit::Kind::kZero;
      if (constant == "1") bit.kind = Bit::Kind::kOne;
    }
    bits.push_back(bit);
  }
  return bits;
}

Module ParseModule(const json& in) {
  Module module;
  const json attributes = in.value("attributes", json::object());
  module.black_box = attributes.contains("blackbox");
  const json parameters = in.value("parameter_default_values", json::object());
  for (const auto& [name, value] : parameters.items()) {
    if (value.is_string()) {
      module.parameters[name] =
          std::strtoull(value.get_ref<const std::string&>().c_str(), nullptr, 2);
      module.parameter_bits[name] = value.get<std::string>();
    }
  }
  for (const auto& [name, port] : in.at("ports").items()) {
    module.ports.push_back({name, port.at("direction") == "input", ParseBits(port.at("bits"))});
  }
  for (const auto& [name, cell] : in.at("cells").items()) {
    Cell parsed;
    parsed.name = name;
    parsed.type = cell.at("type").get<std::string>();
    for (const auto& [pin, bits] : cell.at("connections").items()) {
      parsed.pins.emplace(pin, ParseBits(bits));
    }
    module.cells.push_back(std::move(parsed));
  }
  return module;
}

/// Copies JSON without what readers do not need, which is most of it: names of nets, directions of
/// pins, sources of cells. In one pass: the parser's own filter takes quadratic time.
class CompactWriter : public nlohmann::json_sax<json> {
 public:
  std::string TakeText() { return std::move(text_); }

  bool null() override { return Value("null"); }
  bool boolean(bool value) override { return Value(value ? "true" : "false"); }
  bool number_integer(json::number_integer_t value) override {
    return Value(std::to_string(value));
  }
  bool number_unsigned(json::number_unsigned_t value) override {
    return Value(std::to_string(value));
  }
  bool number_float(json::number_float_t, const std::string& text) override { return Value(text); }
  bool string(std::string& value) override { return Value(skip_ ? "" : json(value).dump()); }
  bool binary(json::binary_t&) override { return false; }
  bool start_object(size_t) override { return Open('{'); }
  bool end_object() override { return Close('}'); }
  bool start_array(size_t) override { return Open('['); }
  bool end_array() override { return Close(']'); }
  bool key(std::string& name) override {
    if (skip_) return true;
    skip_ = (depth_ == 3 && name == "netnames") ||
            (depth_ == 5 && (name == "port_directions" || name == "attributes"));
    skipped_from_ = depth_;
    if (skip_) return true;
    Separate();
    text_ += json(name).dump() + ':';
    first_ = true;
    return true;
  }
  bool parse_error(size_t, const std::string&, const nlohmann::detail::exception&) override {
    return false;
  }

 private:
  void Separate() {
    if (!first_) text_ += ',';
    first_ = false;
  }
  /// A value that is skipped ends with it.
  bool Value(const std::string& text) {
    if (!skip_) {
      Separate();
      text_ += text;
    } else if (depth_ == skipped_from_) {
      skip_ = false;
    }
    return true;
  }
  bool Open(char sign) {
    ++depth_;
    if (skip_) return true;
    Separate();
    text_ += sign;
    first_ = true;
    return true;
  }
  bool Close(char sign) {
    --depth_;
    if (skip_) {
      skip_ = depth_ != skipped_from_;
      return true;
    }
    text_ += sign;
    first_ = false;
    return true;
  }

  std::string text_;
  int depth_ = 0, skipped_from_ = 0;
  bool first_ = true;  ///< no comma is due
  bool skip_ = false;
};

std::optional<Modules> ParseModules(const std::string& text) {
  const json in = json::parse(text, nullptr, false);
  if (in.is_discarded() || !in.is_object()) return std::nullopt;
  Modules modules;
  try {
    for (const auto& [name, module] : in.at("modules").items()) {
      modules.emplace(name, ParseModule(module));
    }
  } catch (const json::exception&) {
    return std::nullopt;
  }
  return modules;
}

class Flattener {
 public:
  Flattener(const Modules& modules, const CellLibrary& cells, const std::string& path)
      : modules_(modules), cells_(cells), path_(path) {}

  Result<Netlist> Flatten() {
    const auto top = modules_.find(kTop);
    if (top == modules_.end())
      return NotUnderstood(path_, fmt::format("it has no module {}", kTop));
    Scope scope;
    for (const ModulePort& port : top->second.ports) {
      netlist_.ports.push_back({port.name, port.input, Nets(&scope, port.bits)});
    }
    if (!AddInstance(top->second, &scope, 0)) return *error_;
    if (!Resolve()) return *error_;
    for (const auto& [bit, net] : scope) netlist_.top_bits.emplace(bit, Root(net));
    return std::move(netlist_);
  }

  /// The module `name` alone.
  Result<ModuleNetlist> Cut(const std::string& name) {
    cut_ = true;
    const Module& module = modules_.at(name);
    Scope scope;
    for (const ModulePort& port : module.ports) {
      netlist_.ports.push_back({port.name, port.input, Nets(&scope, port.bits)});
    }
    if (!AddInstance(module, &scope, 0)) return *error_;
    for (CutInstance& instance : instances_) {
      for (NetlistPort& port : instance.ports) netlist_.ports.push_back(std::move(port));
      instance.ports.clear();
    }
    if (!Resolve()) return *error_;
    ModuleNetlist result;
    result.name = UnescapedName(name);
    result.rtl = RtlModuleName(name);
    result.parameters = module.parameter_bits;
    size_t ports = module.ports.size();
    const auto begin = netlist_.ports.begin();
    result.ports.assign(begin, begin + static_cast<ptrdiff_t>(ports));
    for (CutInstance& instance : instances_) {
      instance.ports.assign(begin + static_cast<ptrdiff_t>(ports),
                            begin + static_cast<ptrdiff_t>(ports + instance.port_count));
      ports += instance.port_count;
    }
    result.instances = std::move(instances_);
    result.netlist = std::move(netlist_);
    return result;
  }

 private:
  /// Nets of the bits of one instance.
  using Scope = std::unordered_map<uint32_t, NetId>;

  bool Fail(std::string message) {
    if (!error_) error_ = NotUnderstood(path_, std::move(message));
    return false;
  }

  NetId NewNet() {
    parents_.push_back(netlist_.nets);
    return netlist_.nets++;
  }

  NetId Root(NetId net) {
    while (parents_[net] != net) net = parents_[net] = parents_[parents_[net]];
    return net;
  }

  /// Makes two nets one; constants stay themselves.
  void Join(NetId one, NetId other) {
    one = Root(one);
    other = Root(other);
    parents_[std::max(one, other)] = std::min(one, other);
  }

  NetId Net(Scope* scope, const Bit& bit) {
    switch (bit.kind) {
      case Bit::Kind::kZero:
        return kNetZero;
      case Bit::Kind::kOne:
        return kNetOne;
      case Bit::Kind::kUnknown:
        return NewNet();
      case Bit::Kind::kNet:
        break;
    }
    const auto [entry, added] = scope->try_emplace(bit.number, 0);
    if (added) entry->second = NewNet();
    return entry->second;
  }

  std::vector<NetId> Nets(Scope* scope, const Bits& bits) {
    std::vector<NetId> nets;
    for (const Bit& bit : bits) nets.push_back(Net(scope, bit));
    return nets;
  }

  bool AddInstance(const Module& module, Scope* scope, int depth) {
    if (depth > kMaxNesting) return Fail("modules are nested too deeply");
    for (const Cell& cell : module.cells) {
      if (netlist_.gates.size() + netlist_.flip_flops.size() > kMaxCells) {
        return Fail("the netlist has too many cells");
      }
      const auto child = modules_.find(cell.type);
      bool added = false;
      if (const auto known = cells_.find(cell.type); known != cells_.end()) {
        added = AddCell(cell, known->second, scope);
      } else if (cell.type == "$_DLATCH_N_") {
        added = AddLatch(cell, scope);
      } else if (child == modules_.end()) {
        return Fail(fmt::format("the cell `{}` is neither in the library nor a module", cell.type));
      } else if (cut_ && IsCut(cell, child->second)) {
        added = CutOut(cell, child->second, scope);
      } else if (child->second.black_box) {
        added = AddMemory(cell, child->second, scope);
      } else {
        added = AddChild(cell, child->second, scope, depth);
      }
      if (!added) return false;
    }
    return true;
  }

  bool IsCut(const Cell& cell, const Module& module) const {
    return module.black_box || RtlModuleName(cell.type) != kClockGate;
  }

  /// Makes ports of what connects an instance that is cut out: its outputs become inputs.
  bool CutOut(const Cell& cell, const Module& module, Scope* scope) {
    CutInstance instance;
    instance.name = UnescapedName(cell.name);
    instance.rtl = RtlModuleName(cell.type);
    instance.parameters = module.parameter_bits;
    for (const ModulePort& port : module.ports) {
      const auto pin = cell.pins.find(port.name);
      if (pin == cell.pins.end() || pin->second.empty()) continue;
      instance.ports.push_back({port.name, !port.input, Nets(scope, pin->second)});
    }
    instance.port_count = instance.ports.size();
    instances_.push_back(std::move(instance));
    return true;
  }

  bool AddChild(const Cell& cell, const Module& module, Scope* scope, int depth) {
    Scope inner;
    for (const ModulePort& port : module.ports) {
      const auto pin = cell.pins.find(port.name);
      if (pin == cell.pins.end()) continue;
      if (pin->second.size() != port.bits.size()) {
        return Fail(fmt::format("port `{}` of `{}` has another width", port.name, cell.type));
      }
      for (size_t i = 0; i < port.bits.size(); ++i) {
        const NetId outside = Net(scope, pin->second[i]);
        // A bit of a module may be several ports, or a constant: then these are one net outside.
        if (port.bits[i].kind == Bit::Kind::kNet) {
          const auto [entry, added] = inner.try_emplace(port.bits[i].number, outside);
          if (!added) Join(entry->second, outside);
        } else if (port.bits[i].kind != Bit::Kind::kUnknown) {
          Join(Net(&inner, port.bits[i]), outside);
        }
      }
    }
    return AddInstance(module, &inner, depth + 1);
  }

  /// The net of a pin of one bit; not connected: one that nothing drives.
  NetId Pin(const Cell& cell, Scope* scope, const std::string& name) {
    const auto pin = cell.pins.find(name);
    if (pin == cell.pins.end() || pin->second.size() != 1) return NewNet();
    return Net(scope, pin->second.front());
  }

  bool AddCell(const Cell& cell, const LibertyCell& kind, Scope* scope) {
    if (!kind.unknown.empty()) {
      return Fail(fmt::format("what the cell `{}` does is not known: {}", cell.type, kind.unknown));
    }
    if (kind.flip_flop) {
      const LibertyFlipFlop& pins = *kind.flip_flop;
      NetlistFlipFlop flip_flop;
      flip_flop.clock = Pin(cell, scope, pins.clock);
      flip_flop.data = Pin(cell, scope, pins.data);
      flip_flop.output = pins.output.empty() ? NewNet() : Pin(cell, scope, pins.output);
      flip_flop.falling = pins.falling;
      netlist_.flip_flops.push_back(flip_flop);
      if (!pins.output_invert.empty()) {
        NetlistGate invert;
        invert.output = Pin(cell, scope, pins.output_invert);
        invert.input_count = 1;
        invert.inputs[0] = flip_flop.output;
        invert.table = 0x5555555555555555;
        netlist_.gates.push_back(invert);
      }
      return true;
    }
    NetlistGate gate;
    for (const std::string& input : kind.inputs) {
      gate.inputs[gate.input_count++] = Pin(cell, scope, input);
    }
    for (const LibertyFunction& function : kind.functions) {
      gate.output = Pin(cell, scope, function.pin);
      gate.table = function.table;
      netlist_.gates.push_back(gate);
    }
    return true;
  }

  /// The latch of npu_clock_gate.sv: follows D while E is 0.
  bool AddLatch(const Cell& cell, Scope* scope) {
    NetlistGate latch;
    latch.output = Pin(cell, scope, "Q");
    latch.input_count = 3;
    latch.inputs[0] = Pin(cell, scope, "D");
    latch.inputs[1] = Pin(cell, scope, "E");
    latch.inputs[2] = latch.output;
    latch.table = 0xe2e2e2e2e2e2e2e2;  // E ? Q : D
    latch.holds = true;
    netlist_.gates.push_back(latch);
    return true;
  }

  bool AddMemory(const Cell& cell, const Module& module, Scope* scope) {
    std::map<std::string, std::vector<NetId>, std::less<>> pins;
    for (const ModulePort& port : module.ports) {
      const auto pin = cell.pins.find(port.name);
      std::vector<NetId> nets;
      if (pin != cell.pins.end()) nets = Nets(scope, pin->second);
      while (nets.size() < port.bits.size()) nets.push_back(NewNet());
      pins[port.name] = std::move(nets);
    }
    const bool single = cell.type.find("npu_ram_1rw") != std::string::npos;
    const bool dual = cell.type.find("npu_ram_1r1w") != std::string::npos;
    const auto depth = module.parameters.find("Depth");
    if ((!single && !dual) || depth == module.parameters.end()) {
      return Fail(fmt::format("the black box `{}` is no memory", cell.type));
    }
    for (const char* name : {"clk_i", "rdata_o", "wdata_i"}) {
      if (pins[name].empty()) return Fail(fmt::format("the memory has no port `{}`", name));
    }
    NetlistMemory memory;
    memory.depth = static_cast<uint32_t>(depth->second);
    memory.clock = pins["clk_i"].front();
    memory.write_data = pins["wdata_i"];
    memory.read_data = pins["rdata_o"];
    memory.address = pins[single ? "addr_i" : "waddr_i"];
    const std::vector<NetId>& enable = pins[single ? "en_i" : "we_i"];
    if (single) {
      memory.byte_enables = pins["be_i"];
    } else {
      memory.read_address = pins["raddr_i"];
    }
    const bool whole = enable.size() == 1 && memory.write_data.size() == memory.read_data.size() &&
                       (single ? 8 * memory.byte_enables.size() == memory.write_data.size()
                               : pins["re_i"].size() == 1);
    if (!whole) return Fail(fmt::format("the ports of `{}` are not understood", cell.type));
    memory.enable = enable.front();
    if (dual) memory.read_enable = pins["re_i"].front();
    netlist_.memories.push_back(std::move(memory));
    return true;
  }

  /// Puts the nets that have become one in the place of all of them, and counts drivers.
  bool Resolve() {
    if (Root(kNetOne) == kNetZero) return Fail("0 and 1 are connected");
    std::vector<bool> driven(netlist_.nets), read(netlist_.nets);
    driven[kNetZero] = driven[kNetOne] = true;
    bool good = true;
    const auto drive = [&](NetId* net) {
      *net = Root(*net);
      good = good && !driven[*net];
      driven[*net] = true;
    };
    const auto use = [&](NetId* net) {
      *net = Root(*net);
      read[*net] = true;
    };
    const auto use_all = [&](std::vector<NetId>* nets) {
      for (NetId& net : *nets) use(&net);
    };
    for (NetlistGate& gate : netlist_.gates) {
      drive(&gate.output);
      for (uint32_t i = 0; i < gate.input_count; ++i) use(&gate.inputs[i]);
    }
    for (NetlistFlipFlop& flip_flop : netlist_.flip_flops) {
      drive(&flip_flop.output);
      use(&flip_flop.clock);
      use(&flip_flop.data);
    }
    for (NetlistMemory& memory : netlist_.memories) {
      for (NetId& net : memory.read_data) drive(&net);
      for (NetId* net : {&memory.clock, &memory.enable, &memory.read_enable}) use(net);
      for (std::vector<NetId>* nets :
           {&memory.byte_enables, &memory.address, &memory.write_data, &memory.read_address}) {
        use_all(nets);
      }
    }
    for (NetlistPort& port : netlist_.ports) {
      if (!port.input) {
        use_all(&port.nets);
        continue;
      }
      for (NetId& net : port.nets) drive(&net);
    }
    if (!good) return Fail("a net has two drivers");
    for (NetId net = 0; net < netlist_.nets; ++net) {
      if (read[net] && !driven[net]) netlist_.unknown.push_back(net);
    }
    return true;
  }

  const Modules& modules_;
  const CellLibrary& cells_;
  const std::string& path_;
  Netlist netlist_;
  bool cut_ = false;
  std::vector<CutInstance> instances_;
  std::vector<NetId> parents_ = {kNetZero, kNetOne};
  std::optional<Diagnostic> error_;
};

}  // namespace

Result<Netlist> ReadNetlist(const std::string& json, const CellLibrary& cells,
                            const std::string& path) {
  const std::optional<Modules> modules = ParseModules(json);
  if (!modules) {
    return NotUnderstood(path, "it is no netlist");
  }
  return Flattener(*modules, cells, path).Flatten();
}

Result<std::vector<ModuleNetlist>> ReadModuleNetlists(const std::string& json,
                                                      const CellLibrary& cells,
                                                      const std::string& path) {
  const std::optional<Modules> modules = ParseModules(json);
  if (!modules) {
    return NotUnderstood(path, "it is no netlist");
  }
  std::vector<ModuleNetlist> result;
  for (const auto& [name, module] : *modules) {
    const std::string rtl = RtlModuleName(name);
    if (module.black_box || !rtl.starts_with("npu_") || cells.contains(name)) continue;
    Result<ModuleNetlist> cut = Flattener(*modules, cells, path).Cut(name);
    if (!cut) return cut.errors();
    result.push_back(std::move(*cut));
  }
  return result;
}

Result<std::string> CompactNetlist(const std::string& json, const std::string& path) {
  CompactWriter writer;
  if (!nlohmann::json::sax_parse(json, &writer)) return NotUnderstood(path, "it is no netlist");
  return writer.TakeText();
}

}  // namespace npugen

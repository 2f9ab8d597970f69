// SPDX-License-Identifier: Apache-2.0
// Reads the JSON of mapped modules and counts instances from the top down.
#include "generator/synth/design.h"

#include <fmt/format.h>

#include <cstdlib>
#include <functional>
#include <nlohmann/json.hpp>
#include <tuple>
#include <utility>

#include "generator/plan/plan.h"

namespace npugen {
namespace {

using nlohmann::json;

constexpr int kMostModuleNesting = 64;

Diagnostic NotUnderstood(std::string message) {
  return {DiagnosticCode::kToolFailed, SourceLocation(), std::move(message),
          "npugen needs JSON as Yosys 0.23 writes it"};
}

std::vector<BitId> ParseBits(const json& in) {
  std::vector<BitId> bits;
  bits.reserve(in.size());
  for (const json& entry : in) {
    if (entry.is_number()) {
      bits.push_back(entry.get<BitId>());
    } else {
      const std::string& constant = entry.get_ref<const std::string&>();
      bits.push_back(constant == "0" ? kBitZero : constant == "1" ? kBitOne : kBitUnknown);
    }
  }
  return bits;
}

DesignModule ParseModule(const std::string& name, const json& in) {
  DesignModule module;
  module.rtl = RtlModuleName(name);
  for (const auto& [port, about] : in.at("ports").items()) {
    module.ports.push_back({port, about.at("direction") == "input", ParseBits(about.at("bits"))});
  }
  for (const auto& [cell, about] : in.at("cells").items()) {
    DesignCell parsed;
    parsed.name = cell;
    parsed.type = about.at("type").get<std::string>();
    for (const auto& [pin, bits] : about.at("connections").items()) {
      parsed.pins.emplace_back(pin, ParseBits(bits));
    }
    module.cells.push_back(std::move(parsed));
  }
  for (const auto& [net, about] : in.at("netnames").items()) {
    const std::vector<BitId> bits = ParseBits(about.at("bits"));
    for (size_t i = 0; i < bits.size(); ++i) {
      if (bits[i] < 0) continue;
      std::string bit = bits.size() == 1 ? net : fmt::format("{}[{}]", net, i);
      // Registers are called by the name that ends so; of others the first one holds.
      std::string& known = module.names[bits[i]];
      if (known.empty() || (net.ends_with("_q") && known.find("_q") == std::string::npos)) {
        known = std::move(bit);
      }
    }
  }
  return module;
}

/// `gen_bank[3].u_ram` -> `u_ram`.
std::string LastName(const std::string& instance) {
  const size_t dot = instance.rfind('.');
  return dot == std::string::npos ? instance : instance.substr(dot + 1);
}

}  // namespace

Result<Design> ReadDesign(const MappedDesign& mapped, const CellLibrary* cells) {
  Design design;
  try {
    for (const auto& [name, unit] : mapped.units) {
      DesignModule module = ParseModule(name, json::parse(unit.json));
      module.gating = unit.gating;
      module.seconds = unit.seconds;
      design.modules.emplace(name, std::move(module));
    }
    std::map<std::tuple<std::string, std::string, std::string>, DesignMemory> memories;
    std::map<std::string, json> boxes;
    for (const auto& [name, text] : mapped.memories) {
      boxes.emplace(name, json::parse(text));
      design.boxes.emplace(name, ParseModule(name, boxes.at(name)));
    }
    const std::string top(kTopModule);
    if (!design.modules.contains(top)) return NotUnderstood("no module " + top);
    // What is inside of each module, once; then the numbers of instances from the top down.
    struct Inside {
      std::map<std::string, uint64_t> modules;
      std::map<std::pair<std::string, std::string>, uint64_t> memories;  // by type and name
    };
    std::map<std::string, Inside> insides;
    for (const auto& [name, module] : design.modules) {
      Inside& inside = insides[name];
      for (const DesignCell& cell : module.cells) {
        if (design.modules.contains(cell.type)) {
          ++inside.modules[cell.type];
        } else if (boxes.contains(cell.type)) {
          ++inside.memories[{cell.type, LastName(cell.name)}];
        } else if (cells != nullptr && !cells->contains(cell.type) && cell.type != kLatchType) {
          return NotUnderstood(fmt::format(
              "the cell `{}` is neither in the library nor a module or memory", cell.type));
        }
      }
    }
    const std::function<void(const std::string&, uint64_t, int)> count =
        [&](const std::string& name, uint64_t times, int depth) {
          DesignModule& module = design.modules.at(name);
          module.instances += times;
          const Inside& inside = insides.at(name);
          for (const auto& [key, each] : inside.memories) {
            DesignMemory& memory = memories[{module.rtl, key.second, key.first}];
            memory.instances += times * each;
            if (!memory.type.empty()) continue;
            memory.rtl = RtlModuleName(key.first);
            memory.owner = module.rtl;
            memory.name = key.second;
            memory.type = key.first;
            const json& parameters = boxes.at(key.first).at("parameter_default_values");
            const auto value = [&parameters](const char* parameter) -> uint64_t {
              if (!parameters.contains(parameter)) return 0;
              const auto& bits = parameters[parameter].get_ref<const std::string&>();
              return std::strtoull(bits.c_str(), nullptr, 2);
            };
            memory.words = value("Depth");
            memory.bits = parameters.contains("Bytes") ? 8 * value("Bytes") : value("Width");
          }
          for (const auto& [child, each] : inside.modules) {
            if (depth < kMostModuleNesting) count(child, times * each, depth + 1);
          }
        };
    count(top, 1, 0);
    for (auto& [key, memory] : memories) design.memories.push_back(std::move(memory));
  } catch (const json::exception& exception) {
    return NotUnderstood(fmt::format("a netlist is not understood: {}", exception.what()));
  }
  return design;
}

}  // namespace npugen

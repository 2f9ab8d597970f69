// SPDX-License-Identifier: Apache-2.0
// The analytical model of memories and tables of macros.
#include "generator/synth/memory_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "generator/spec/yaml_tree.h"
#include "generator/synth/yaml_fields.h"

namespace npugen {

Result<std::vector<MemoryMacro>> ReadMacros(const std::string& text, const std::string& file) {
  constexpr uint64_t kMostWords = uint64_t{1} << 24;
  constexpr uint64_t kMostBits = 4096;
  const Result<YamlNode> root = ParseYaml(text, file);
  if (!root) return root.errors();
  Diagnostics errors;
  std::vector<MemoryMacro> macros;
  YamlFields fields(*root, file, "", &errors);
  if (const YamlNode* list = fields.List("macros")) {
    for (size_t i = 0; i < list->items.size(); ++i) {
      YamlFields entry(list->items[i], file, fmt::format("macros[{}]", i), &errors);
      MemoryMacro macro;
      macro.name = entry.Text("name").text;
      macro.shape.words = entry.Count("words", 1, kMostWords);
      macro.shape.bits = entry.Count("bits", 1, kMostBits);
      macro.shape.ports = static_cast<uint32_t>(entry.Count("ports", 1, 2));
      macro.area = entry.Quantity("area", AreaUnits());
      macro.access_time = entry.Quantity("access_time", TimeUnits());
      macro.read_energy = entry.Quantity("read_energy", EnergyUnits());
      macro.write_energy = entry.Quantity("write_energy", EnergyUnits());
      entry.Finish();
      macros.push_back(std::move(macro));
    }
  }
  fields.Finish();
  if (!errors.empty()) return errors;
  return macros;
}

MemoryCost ModelMemory(const MemoryCoefficients& c, const MemoryShape& shape) {
  constexpr uint64_t kMostMultiplexed = 16;
  const double ports = shape.ports;
  MemoryCost best;
  for (uint64_t words_in_row = 1; words_in_row <= kMostMultiplexed; words_in_row *= 2) {
    if (words_in_row > 1 && words_in_row > shape.words) break;
    const auto rows = static_cast<double>((shape.words + words_in_row - 1) / words_in_row);
    const auto columns = static_cast<double>(shape.bits * words_in_row);
    MemoryCost cost;
    cost.area = ports * (rows * columns * c.bit_area + rows * c.row_area + columns * c.column_area +
                         c.fixed_area);
    cost.access_time = c.access_time + rows * c.row_time + columns * c.column_time;
    cost.read_energy = c.access_energy + static_cast<double>(shape.bits) * c.bit_energy +
                       rows * columns * c.cell_energy;
    cost.write_energy = cost.read_energy;
    if (best.area == 0 || cost.area < best.area) best = cost;
  }
  return best;
}

std::optional<MemoryCost> ComposeMemory(const std::vector<MemoryMacro>& macros,
                                        const MemoryShape& shape) {
  std::optional<MemoryCost> best;
  for (const MemoryMacro& macro : macros) {
    if (macro.shape.ports != shape.ports) continue;
    const uint64_t beside = (shape.bits + macro.shape.bits - 1) / macro.shape.bits;
    const uint64_t behind = (shape.words + macro.shape.words - 1) / macro.shape.words;
    MemoryCost cost;
    cost.area = static_cast<double>(beside * behind) * macro.area;
    cost.access_time = macro.access_time;
    // Macros that are behind the addressed ones stay quiet.
    cost.read_energy = static_cast<double>(beside) * macro.read_energy;
    cost.write_energy = static_cast<double>(beside) * macro.write_energy;
    cost.macro = fmt::format("{} x {}", beside * behind, macro.name);
    if (!best || cost.area < best->area) best = std::move(cost);
  }
  return best;
}

}  // namespace npugen

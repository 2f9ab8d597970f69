// SPDX-License-Identifier: Apache-2.0
// Reads descriptions of technologies and holds them against their libraries.
#include "generator/synth/technology.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "generator/plan/constraint_library.h"
#include "generator/spec/yaml_tree.h"
#include "generator/support/file.h"
#include "generator/support/text.h"
#include "generator/synth/yaml_fields.h"

namespace npugen {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kLargestLiberty = uint64_t{1} << 30;
constexpr std::string_view kFolder = "tech/";
constexpr std::string_view kEnding = ".yaml";

TechnologyCell Cell(YamlFields& fields, std::string_view key, bool required = true) {
  const PlacedText text = fields.Text(key, required);
  return {text.text, text.location};
}

void ReadCells(const YamlNode& node, const std::string& file, Technology* technology,
               Diagnostics* errors) {
  YamlFields cells(node, file, "cells", errors);
  technology->nand2 = Cell(cells, "nand2");
  const auto optional = [&cells](std::string_view key) -> std::optional<TechnologyCell> {
    TechnologyCell cell = Cell(cells, key, false);
    if (cell.name.empty()) return std::nullopt;
    return cell;
  };
  technology->inverter = optional("inverter");
  technology->buffer = optional("buffer");
  technology->clock_and = optional("clock_and");
  if (const YamlNode* adder = cells.Block("full_adder", false)) {
    YamlFields fields(*adder, file, "cells.full_adder", errors);
    technology->full_adder = {Cell(fields, "cell"),    fields.Text("a").text,
                              fields.Text("b").text,   fields.Text("c").text,
                              fields.Text("sum").text, fields.Text("carry").text};
    fields.Finish();
  }
  if (const YamlNode* latch = cells.Block("latch", false)) {
    YamlFields fields(*latch, file, "cells.latch", errors);
    technology->latch = {Cell(fields, "cell"), fields.Text("data").text, fields.Text("enable").text,
                         fields.Text("output").text, fields.Quantity("area", AreaUnits())};
    fields.Finish();
  }
  cells.Finish();
}

MemoryCoefficients ReadMemory(const YamlNode& node, const std::string& file, Diagnostics* errors) {
  YamlFields fields(node, file, "memory", errors);
  MemoryCoefficients memory;
  memory.bit_area = fields.Quantity("bit_area", AreaUnits());
  memory.row_area = fields.Quantity("row_area", AreaUnits());
  memory.column_area = fields.Quantity("column_area", AreaUnits());
  memory.fixed_area = fields.Quantity("fixed_area", AreaUnits());
  memory.access_time = fields.Quantity("access_time", TimeUnits());
  memory.setup_time = fields.Quantity("setup_time", TimeUnits());
  memory.row_time = fields.Quantity("row_time", TimeUnits());
  memory.column_time = fields.Quantity("column_time", TimeUnits());
  memory.access_energy = fields.Quantity("access_energy", EnergyUnits());
  memory.bit_energy = fields.Quantity("bit_energy", EnergyUnits());
  memory.cell_energy = fields.Quantity("cell_energy", EnergyUnits());
  fields.Finish();
  return memory;
}

/// Holds the cells that a description names against the library.
class CellCheck {
 public:
  CellCheck(const LibraryFile& library, Diagnostics* errors) : library_(library), errors_(errors) {}

  const LibertyCell* Cell(const TechnologyCell& named) {
    const auto cell = library_.cells.find(named.name);
    if (cell != library_.cells.end()) return &cell->second;
    std::vector<std::string_view> names;
    for (const auto& [name, other] : library_.cells) names.push_back(name);
    const std::string_view near = NearestWord(named.name, names);
    errors_->push_back({DiagnosticCode::kTechnologyCell, named.location,
                        fmt::format("the library {} has no cell `{}`", library_.path, named.name),
                        near.empty() ? "name a cell of the library, or leave an optional key out"
                                     : fmt::format("there is `{}`", near)});
    return nullptr;
  }

  void Pins(const TechnologyCell& named, std::initializer_list<std::string> inputs,
            std::initializer_list<std::string> outputs) {
    const LibertyCell* cell = Cell(named);
    if (cell == nullptr) return;
    for (const std::string& pin : inputs) {
      if (std::find(cell->inputs.begin(), cell->inputs.end(), pin) != cell->inputs.end()) continue;
      Missing(named, "input", pin, fmt::format("its inputs: {}", fmt::join(cell->inputs, ", ")));
    }
    std::vector<std::string> names;
    for (const LibertyFunction& function : cell->functions) names.push_back(function.pin);
    for (const std::string& pin : outputs) {
      if (std::find(names.begin(), names.end(), pin) != names.end()) continue;
      Missing(named, "output", pin, fmt::format("its outputs: {}", fmt::join(names, ", ")));
    }
  }

  /// A cell with so many inputs and one output, whose truth table is `table`.
  void Function(const TechnologyCell& named, size_t inputs, uint64_t table, std::string_view what) {
    const LibertyCell* cell = Cell(named);
    if (cell == nullptr) return;
    if (cell->inputs.size() == inputs && cell->functions.size() == 1 &&
        cell->functions.front().table == table) {
      return;
    }
    errors_->push_back({DiagnosticCode::kTechnologyCell, named.location,
                        fmt::format("`{}` of {} is no {}", named.name, library_.path, what),
                        fmt::format("name a cell that is a {}", what)});
  }

 private:
  void Missing(const TechnologyCell& named, std::string_view kind, const std::string& pin,
               std::string hint) {
    errors_->push_back(
        {DiagnosticCode::kTechnologyCell, named.location,
         fmt::format("`{}` of {} has no {} `{}`", named.name, library_.path, kind, pin),
         std::move(hint)});
  }

  const LibraryFile& library_;
  Diagnostics* errors_;
};

Status CheckCells(Technology* technology, const LibraryFile& library) {
  constexpr uint64_t kFirst = 0xaaaaaaaaaaaaaaaa;
  constexpr uint64_t kSecond = 0xcccccccccccccccc;
  Diagnostics errors;
  CellCheck check(library, &errors);
  check.Function(technology->nand2, 2, ~(kFirst & kSecond), "two-input NAND");
  if (technology->inverter) check.Function(*technology->inverter, 1, ~kFirst, "inverter");
  if (technology->buffer) check.Function(*technology->buffer, 1, kFirst, "buffer");
  if (technology->clock_and) {
    check.Function(*technology->clock_and, 2, kFirst & kSecond, "two-input AND");
  }
  if (const auto& adder = technology->full_adder) {
    check.Pins(adder->cell, {adder->a, adder->b, adder->c}, {adder->sum, adder->carry});
  }
  if (const auto& latch = technology->latch) {
    check.Pins(latch->cell, {latch->data, latch->enable}, {});
  }
  if (errors.empty()) {
    technology->gate_area = library.cells.at(technology->nand2.name).area;
    if (technology->gate_area > 0) return Unit{};
    errors.push_back({DiagnosticCode::kTechnologyCell, technology->nand2.location,
                      fmt::format("`{}` of {} has no area", technology->nand2.name, library.path),
                      "gate equivalents are areas divided by that of this cell"});
  }
  return errors;
}

}  // namespace

Result<LibraryFile> LoadLibrary(const std::string& path, const std::string& hint) {
  Result<std::string> text = ReadFileText(path, kLargestLiberty);
  if (!text || text->size() > kLargestLiberty) {
    return Diagnostic(DiagnosticCode::kFileRead, {path, 0, 0},
                      "the cell library: " + (text ? std::string("it has more than 1 GiB")
                                                   : text.errors().front().message),
                      hint.empty() ? "name a liberty file with --liberty" : hint);
  }
  std::error_code code;
  LibraryFile library = {fs::absolute(path, code).string(), std::move(*text), {}};
  Result<CellLibrary> cells = ReadLiberty(library.text, path);
  if (!cells) return cells.errors();
  library.cells = std::move(*cells);
  return library;
}

Result<Technology> ReadTechnology(const std::string& text, const std::string& file) {
  const Result<YamlNode> root = ParseYaml(text, file);
  if (!root) return root.errors();
  Diagnostics errors;
  Technology technology;
  technology.file = file;
  YamlFields fields(*root, file, "", &errors);
  technology.name = fields.Text("name").text;
  technology.title = fields.Text("title").text;
  technology.liberty = fields.Text("liberty").text;
  technology.package = fields.Text("package", false).text;
  technology.voltage = fields.Quantity("voltage", VoltageUnits());
  const PlacedText unit = fields.Text("area_unit");
  bool known = unit.text.empty();
  for (const FieldUnit& area : AreaUnits()) {
    if (unit.text != area.name) continue;
    technology.area_unit = area.factor;
    known = true;
  }
  if (!known) {
    errors.push_back({DiagnosticCode::kSpecBadUnit, unit.location,
                      fmt::format("`area_unit`: unknown unit `{}`", unit.text),
                      "legal units: um2, mm2, nm2"});
  }
  if (const YamlNode* cells = fields.Block("cells")) ReadCells(*cells, file, &technology, &errors);
  if (const YamlNode* node = fields.Block("timing", false)) {
    YamlFields timing(*node, file, "timing", &errors);
    technology.driving_cell = timing.Text("driving_cell", false).text;
    technology.input_transition = timing.Quantity("input_transition", TimeUnits());
    technology.output_load = timing.Quantity("output_load", CapacitanceUnits());
    technology.max_loads = static_cast<uint32_t>(timing.Count("max_loads", 2, 1000));
    timing.Finish();
  }
  if (const YamlNode* memory = fields.Block("memory", false)) {
    technology.memory = ReadMemory(*memory, file, &errors);
  }
  fields.Finish();
  if (!errors.empty()) return errors;
  return technology;
}

std::vector<std::string> TechnologyNames() {
  std::vector<std::string> names;
  for (const ConstraintSource& source : ConstraintLibrary()) {
    std::string_view name = source.name;
    if (!name.starts_with(kFolder) || !name.ends_with(kEnding)) continue;
    name.remove_prefix(kFolder.size());
    name.remove_suffix(kEnding.size());
    names.emplace_back(name);
  }
  return names;
}

Result<TechnologyLibrary> LoadTechnology(const std::string& name, const std::string& liberty) {
  std::string file = fmt::format("constraints/{}{}{}", kFolder, name, kEnding);
  std::string text(ConstraintText(fmt::format("{}{}{}", kFolder, name, kEnding)));
  if (text.empty()) {
    const std::vector<std::string> names = TechnologyNames();
    if (name.find('.') == std::string::npos && name.find('/') == std::string::npos) {
      return Diagnostic(
          DiagnosticCode::kUsageValue, {}, fmt::format("there is no technology `{}`", name),
          fmt::format("name a file that describes one, or one of: {}", fmt::join(names, ", ")));
    }
    file = name;
    Result<std::string> read = ReadFileText(name, kMaxSpecBytes);
    if (!read) return read.errors();
    text = std::move(*read);
  }
  Result<Technology> technology = ReadTechnology(text, file);
  if (!technology) return technology.errors();
  if (!liberty.empty()) {
    technology->liberty = liberty;
  } else if (file == name && fs::path(technology->liberty).is_relative()) {
    technology->liberty = (fs::path(file).parent_path() / technology->liberty).string();
  }
  const std::string hint =
      technology->package.empty()
          ? "name a liberty file with --liberty"
          : fmt::format(
                "install the package {} (make setup), or name a liberty file with --liberty",
                technology->package);
  Result<LibraryFile> library = LoadLibrary(technology->liberty, hint);
  if (!library) return library.errors();
  if (Status status = CheckCells(&*technology, *library); !status) return status.errors();
  return TechnologyLibrary{std::move(*technology), std::move(*library)};
}

}  // namespace npugen

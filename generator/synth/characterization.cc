// SPDX-License-Identifier: Apache-2.0
// Tables of a liberty file, in nanoseconds, picofarads and picojoules.
#include "generator/synth/characterization.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <optional>

#include "generator/synth/liberty_groups.h"

namespace npugen {
namespace {

using Group = LibertyGroup;

/// Numbers of all arguments, which are lists in quotes. False: something is no number.
bool Numbers(const Group& group, std::vector<double>* numbers) {
  for (const std::string& list : group.arguments) {
    const char* at = list.c_str();
    for (;;) {
      while (*at == ' ' || *at == ',' || *at == '\t' || *at == '\\' || *at == '\n') ++at;
      if (*at == '\0') break;
      char* end = nullptr;
      numbers->push_back(std::strtod(at, &end));
      if (end == at || !std::isfinite(numbers->back())) return false;
      at = end;
    }
  }
  return true;
}

/// Factor of a unit such as `1ns` or `10fF`: what 1 of it is in `base` (such as "s", "f", "w") of
/// 10^`exponent`.
std::optional<double> UnitFactor(std::string text, char base, int exponent) {
  std::transform(text.begin(), text.end(), text.begin(), [](char c) { return std::tolower(c); });
  char* end = nullptr;
  double factor = std::strtod(text.c_str(), &end);
  if (end == text.c_str()) factor = 1;
  std::string unit = end;
  unit.erase(std::remove(unit.begin(), unit.end(), ' '), unit.end());
  if (unit.empty() || unit.back() != base || unit.size() > 2) return std::nullopt;
  static constexpr std::pair<char, int> kPrefixes[] = {
      {'m', -3}, {'u', -6}, {'n', -9}, {'p', -12}, {'f', -15}};
  int power = 0;
  if (unit.size() == 2) {
    const auto prefix = std::find_if(std::begin(kPrefixes), std::end(kPrefixes),
                                     [&](const auto& entry) { return entry.first == unit[0]; });
    if (prefix == std::end(kPrefixes)) return std::nullopt;
    power = prefix->second;
  }
  return factor * std::pow(10, power - exponent);
}

class Reader {
 public:
  Reader(const std::string& path) : path_(path) {}

  Result<Characterization> Read(const Group& library) {
    if (!ReadUnits(library)) return *error_;
    for (const Group& group : library.groups) {
      if (!group.name.ends_with("_template") || group.arguments.empty()) continue;
      templates_[group.arguments.front()] = &group;
    }
    Characterization cells;
    for (const Group& group : library.groups) {
      if (group.name != "cell" || group.arguments.empty()) continue;
      CharacterizedCell& cell = cells[group.arguments.front()];
      cell.leakage = Number(group, "cell_leakage_power") * leakage_;
      for (const Group& pin : group.groups) {
        if (pin.name != "pin") continue;
        for (const std::string& name : pin.arguments) ReadPin(pin, &cell.pins[name]);
      }
    }
    if (error_) return *error_;
    return cells;
  }

 private:
  bool Fail(int line, std::string message) {
    if (!error_) error_ = NoLibrary(path_, line, std::move(message));
    return false;
  }

  static double Number(const Group& group, std::string_view key) {
    return std::strtod(std::string(group.Attribute(key)).c_str(), nullptr);
  }

  bool ReadUnits(const Group& library) {
    const auto read = [&](std::string text, char base, int exponent, double* factor) {
      const std::optional<double> found = UnitFactor(text, base, exponent);
      if (!found) return Fail(library.line, fmt::format("the unit `{}` is not understood", text));
      *factor = *found;
      return true;
    };
    const std::string time(library.Attribute("time_unit"));
    const std::string leakage(library.Attribute("leakage_power_unit"));
    std::string load = "1pf";
    if (const Group* unit = library.Find("capacitive_load_unit")) {
      load.clear();
      for (const std::string& part : unit->arguments) load += part;
    }
    return read(time.empty() ? "1ns" : time, 's', -9, &time_) && read(load, 'f', -12, &load_) &&
           read(leakage.empty() ? "1nw" : leakage, 'w', -9, &leakage_);
  }

  void ReadPin(const Group& group, CharacterizedPin* pin) {
    pin->capacitance = Number(group, "capacitance") * load_;
    for (const Group& inner : group.groups) {
      const std::string from(inner.Attribute("related_pin"));
      if (inner.name == "timing") {
        const std::string_view type = inner.Attribute("timing_type");
        const bool edge = type == "rising_edge" || type == "falling_edge";
        if (!type.empty() && !edge && type != "combinational") continue;
        TimingArc arc;
        arc.from = from;
        arc.rise = Table(inner, "cell_rise", time_);
        arc.fall = Table(inner, "cell_fall", time_);
        arc.rise_transition = Table(inner, "rise_transition", time_);
        arc.fall_transition = Table(inner, "fall_transition", time_);
        pin->delays.push_back(std::move(arc));
      } else if (inner.name == "internal_power") {
        // In units of the load times volts squared.
        pin->energies.push_back(
            {from, Table(inner, "rise_power", load_), Table(inner, "fall_power", load_)});
      }
    }
  }

  LibertyTable Table(const Group& parent, std::string_view name, double unit) {
    LibertyTable table;
    const Group* group = parent.Find(name);
    if (group == nullptr) return table;
    const Group* form = nullptr;
    if (!group->arguments.empty()) {
      const auto found = templates_.find(group->arguments.front());
      if (found != templates_.end()) form = found->second;
    }
    std::vector<double> axes[2];
    bool load_first = true;
    bool good = true;
    for (int axis = 0; axis < 2; ++axis) {
      const std::string index = fmt::format("index_{}", axis + 1);
      const Group* numbers = group->Find(index);
      if (numbers == nullptr && form != nullptr) numbers = form->Find(index);
      if (numbers != nullptr) good = good && Numbers(*numbers, &axes[axis]);
    }
    if (form != nullptr) {
      load_first = form->Attribute("variable_1").find("capacitance") != std::string_view::npos;
    }
    std::vector<double> values;
    const Group* numbers = group->Find("values");
    if (numbers != nullptr) good = good && Numbers(*numbers, &values);
    const size_t rows = std::max<size_t>(axes[0].size(), 1);
    const size_t columns = std::max<size_t>(axes[1].size(), 1);
    const auto ascends = [](const std::vector<double>& axis) {
      return std::adjacent_find(axis.begin(), axis.end(), std::greater_equal<>()) == axis.end();
    };
    if (!good || values.size() != rows * columns || !ascends(axes[0]) || !ascends(axes[1])) {
      Fail(group->line, fmt::format("the table `{}` does not fit its axes", name));
      return table;
    }
    table.loads = load_first ? axes[0] : axes[1];
    table.transitions = load_first ? axes[1] : axes[0];
    for (double& point : table.loads) point *= load_;
    for (double& point : table.transitions) point *= time_;
    table.values.resize(values.size());
    for (size_t r = 0; r < rows; ++r) {
      for (size_t c = 0; c < columns; ++c) {
        table.values[load_first ? r * columns + c : c * rows + r] = values[r * columns + c] * unit;
      }
    }
    return table;
  }

  const std::string& path_;
  std::map<std::string, const Group*, std::less<>> templates_;
  double time_ = 1, load_ = 1, leakage_ = 1;
  std::optional<Diagnostic> error_;
};

/// The segment of an axis for `at`, and how far into it (may be outside 0..1).
std::pair<size_t, double> Place(const std::vector<double>& axis, double at) {
  if (axis.size() < 2) return {0, 0};
  size_t segment = 0;
  while (segment + 2 < axis.size() && at > axis[segment + 1]) ++segment;
  return {segment, (at - axis[segment]) / (axis[segment + 1] - axis[segment])};
}

}  // namespace

double LibertyTable::At(double load, double transition) const {
  if (values.empty()) return 0;
  const auto [row, down] = Place(loads, load);
  const auto [column, along] = Place(transitions, transition);
  const size_t columns = std::max<size_t>(transitions.size(), 1);
  const auto in_row = [&](size_t r) {
    const double first = values[r * columns + column];
    return transitions.size() < 2 ? first
                                  : first + along * (values[r * columns + column + 1] - first);
  };
  const double first = in_row(row);
  return loads.size() < 2 ? first : first + down * (in_row(row + 1) - first);
}

Result<Characterization> ReadCharacterization(const std::string& text, const std::string& path) {
  const Result<Group> file = ReadLibertyGroups(text, path, nullptr);
  if (!file) return file.errors();
  const Group* library = file->Find("library");
  if (library == nullptr) return NoLibrary(path, 0, "it has no group `library`");
  return Reader(path).Read(*library);
}

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// Works on the lines of RTLIL, which Yosys 0.23 writes one statement a line.
#include "generator/synth/rtlil.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <set>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

namespace npugen {
namespace {

Diagnostic NotUnderstood(const std::string& path, std::string message) {
  return {DiagnosticCode::kToolFailed,
          {path, 0, 0},
          std::move(message),
          "npugen needs RTLIL as Yosys 0.23 writes it"};
}

std::vector<std::string_view> Lines(std::string_view text) {
  std::vector<std::string_view> lines;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

std::string_view Trimmed(std::string_view line) {
  const size_t first = line.find_first_not_of(' ');
  return first == std::string_view::npos ? std::string_view() : line.substr(first);
}

/// The words of a line; blanks inside of quotes are no ends of words.
std::vector<std::string_view> Words(std::string_view line) {
  std::vector<std::string_view> words;
  for (size_t at = 0; at < line.size();) {
    if (line[at] == ' ') {
      ++at;
      continue;
    }
    size_t end = at;
    if (line[at] == '"') {
      for (++end; end < line.size() && line[end] != '"'; ++end) {
        if (line[end] == '\\') ++end;
      }
      end = std::min(end + 1, line.size());
    } else {
      end = std::min(line.find(' ', at), line.size());
    }
    words.push_back(line.substr(at, end - at));
    at = end;
  }
  return words;
}

/// The lines of one module, attributes in front of it included.
struct ModuleLines {
  std::vector<std::string_view> attributes;
  std::vector<std::string_view> body;  ///< without `module` and `end`
  bool black_box = false;
};

using ModuleMap = std::map<std::string, ModuleLines, std::less<>>;

Result<ModuleMap> ReadModules(std::string_view text, const std::string& path) {
  ModuleMap modules;
  ModuleLines* open = nullptr;
  std::vector<std::string_view> attributes;
  for (const std::string_view line : Lines(text)) {
    if (open != nullptr) {
      if (line == "end") {
        open = nullptr;
      } else {
        open->body.push_back(line);
      }
    } else if (line.starts_with("attribute ")) {
      attributes.push_back(line);
    } else if (line.starts_with("module ")) {
      const auto [entry, added] = modules.try_emplace(std::string(line.substr(7)));
      if (!added) return NotUnderstood(path, fmt::format("two modules `{}`", entry->first));
      open = &entry->second;
      open->attributes = std::exchange(attributes, {});
      for (const std::string_view attribute : open->attributes) {
        open->black_box |= attribute.starts_with("attribute \\blackbox ");
      }
    }
  }
  if (open != nullptr) return NotUnderstood(path, "its last module has no end");
  if (modules.empty()) return NotUnderstood(path, "it has no modules");
  return modules;
}

/// Replaces names that hold places in sources or running numbers, such as `$add$file.sv:12$34_Y`,
/// by numbers of the module's own.
class PlaceRemover {
 public:
  void Append(std::string_view line, std::string* out) {
    const std::vector<std::string_view> words = Words(line);
    out->append(line.substr(0, std::min(line.find_first_not_of(' '), line.size())));
    // Strings call memories by name, too: their names stay.
    if (!words.empty() && words.front() == "memory") kept_.emplace(words.back());
    bool blank = false;
    for (const std::string_view word : words) {
      if (blank) out->push_back(' ');
      blank = true;
      if (IsNumbered(word) && !kept_.contains(word)) {
        const auto [entry, added] = numbers_.try_emplace(std::string(word), numbers_.size());
        *out += fmt::format("{}place${}", word.front(), entry->second);
      } else {
        out->append(word);
      }
    }
    out->push_back('\n');
  }

 private:
  static bool IsNumbered(std::string_view word) {
    // `$paramod$...` is a module with parameters.
    if (word.front() == '"' || word.starts_with("$paramod")) return false;
    for (size_t i = 1; i + 1 < word.size(); ++i) {
      if (word[i] == '$' && word[i + 1] >= '0' && word[i + 1] <= '9') return true;
    }
    return false;
  }

  std::unordered_map<std::string, size_t> numbers_;
  std::set<std::string, std::less<>> kept_;
};

bool IsSource(std::string_view line) { return Trimmed(line).starts_with("attribute \\src "); }

void AppendModule(std::string_view name, const ModuleLines& module, std::string* out) {
  PlaceRemover places;
  for (const std::string_view line : module.attributes) {
    // How the front end made the module is none of the mapping's business.
    if (IsSource(line) || line.starts_with("attribute \\top ") ||
        line.starts_with("attribute \\hdlname ") ||
        line.starts_with("attribute \\cells_not_processed ")) {
      continue;
    }
    places.Append(line, out);
  }
  *out += fmt::format("module {}\n", name);
  for (const std::string_view line : module.body) {
    if (!IsSource(line)) places.Append(line, out);
  }
  *out += "end\n";
}

// --- Clock gates ---

/// A flip-flop with enable, as lines [first, last] of the text.
struct EnabledFlipFlop {
  size_t type_line = 0, last = 0;
  std::string type;
  std::map<std::string, std::string, std::less<>> parameters, pins;
  uint64_t width = 0;
};

/// What flip-flops must have in common to share a gate: clock, enable and its level, and the reset
/// (and its level) where it opens the gate.
using GateKey = std::tuple<std::string, std::string, bool, std::string, bool>;

bool IsOne(const std::map<std::string, std::string, std::less<>>& parameters,
           std::string_view name) {
  const auto entry = parameters.find(name);
  return entry != parameters.end() && (entry->second == "1'1" || entry->second == "1");
}

/// The flip-flop whose cell begins at `*line`, which then is that of its `end`.
Result<EnabledFlipFlop> ReadFlipFlop(const std::vector<std::string_view>& lines, size_t* line,
                                     const std::string& path) {
  EnabledFlipFlop flip_flop;
  flip_flop.type_line = *line;
  flip_flop.type = Words(Trimmed(lines[*line]))[1];
  for (++*line; *line < lines.size() && Trimmed(lines[*line]) != "end"; ++*line) {
    const std::string_view text = Trimmed(lines[*line]);
    const bool parameter = text.starts_with("parameter ");
    const size_t name = text.find('\\');
    const size_t blank = text.find(' ', name);
    if ((!parameter && !text.starts_with("connect ")) || name == std::string_view::npos ||
        blank == std::string_view::npos) {
      return NotUnderstood(path, fmt::format("`{}` in a flip-flop", text));
    }
    (parameter ? flip_flop.parameters : flip_flop.pins)
        .emplace(text.substr(name + 1, blank - name - 1), text.substr(blank + 1));
  }
  flip_flop.last = *line;
  flip_flop.width = std::strtoull(flip_flop.parameters["WIDTH"].c_str(), nullptr, 10);
  for (const char* pin : {"CLK", "EN", "SRST"}) {
    if (pin == std::string_view("SRST") && flip_flop.type != "$sdffe") continue;
    if (flip_flop.pins[pin].empty()) flip_flop.width = 0;
  }
  if (flip_flop.width == 0) {
    return NotUnderstood(path,
                         fmt::format("a `{}` without width, clock or enable", flip_flop.type));
  }
  return flip_flop;
}

/// Declarations and cells of the gates that are new in a module.
struct GateText {
  std::string wires, cells;

  /// The inverse of a signal.
  std::string Invert(const std::string& signal, std::string_view what, uint64_t number) {
    const std::string wire = fmt::format("$npugen$not_{}${}", what, number);
    wires += fmt::format("  wire {}\n", wire);
    cells += fmt::format(
        "  cell $not {0}_cell\n    parameter \\A_SIGNED 0\n    parameter \\A_WIDTH 1\n"
        "    parameter \\Y_WIDTH 1\n    connect \\A {1}\n    connect \\Y {0}\n  end\n",
        wire, signal);
    return wire;
  }

  /// The clock behind gate `number`.
  std::string Add(const GateKey& key, uint64_t number) {
    const auto& [clock, enable, enable_high, reset, reset_high] = key;
    std::string open = enable_high ? enable : Invert(enable, "enable", number);
    if (!reset.empty()) {
      const std::string active = reset_high ? reset : Invert(reset, "reset", number);
      const std::string wire = fmt::format("$npugen$open${}", number);
      wires += fmt::format("  wire {}\n", wire);
      cells += fmt::format(
          "  cell $or {0}_cell\n    parameter \\A_SIGNED 0\n    parameter \\A_WIDTH 1\n"
          "    parameter \\B_SIGNED 0\n    parameter \\B_WIDTH 1\n    parameter \\Y_WIDTH 1\n"
          "    connect \\A {1}\n    connect \\B {2}\n    connect \\Y {0}\n  end\n",
          wire, open, active);
      open = wire;
    }
    const std::string gated = fmt::format("$npugen$clock${}", number);
    wires += fmt::format("  wire {}\n", gated);
    cells += fmt::format(
        "  cell \\{1} {0}_gate\n    connect \\clk_i {2}\n    connect \\enable_i {3}\n"
        "    connect \\clk_o {0}\n  end\n",
        gated, kInferredGate, clock, open);
    return gated;
  }
};

/// The flip-flop without its enable, behind a gated clock.
std::string GatedFlipFlop(const EnabledFlipFlop& flip_flop, std::string_view name,
                          const std::string& clock) {
  std::string text =
      fmt::format("  cell {} {}\n", flip_flop.type == "$dffe" ? "$dff" : "$sdff", name);
  for (const auto& [parameter, value] : flip_flop.parameters) {
    if (parameter == "EN_POLARITY") continue;
    text += fmt::format("    parameter \\{} {}\n", parameter, value);
  }
  for (const auto& [pin, value] : flip_flop.pins) {
    if (pin == "EN") continue;
    text += fmt::format("    connect \\{} {}\n", pin, pin == "CLK" ? clock : value);
  }
  return text + "  end\n";
}

}  // namespace

Result<std::map<std::string, UnitText>> SplitDesign(const std::string& design,
                                                    const std::string& boxes,
                                                    const std::string& path) {
  const Result<ModuleMap> modules = ReadModules(design, path);
  if (!modules) return modules.errors();
  const Result<ModuleMap> black_boxes = ReadModules(boxes, path);
  if (!black_boxes) return black_boxes.errors();
  std::map<std::string, UnitText> units;
  for (const auto& [name, module] : *modules) {
    if (module.black_box) continue;
    UnitText unit;
    for (const std::string_view line : module.body) {
      const std::string_view statement = Trimmed(line);
      if (!statement.starts_with("cell ")) continue;
      const std::vector<std::string_view> words = Words(statement);
      if (words.size() != 3) return NotUnderstood(path, fmt::format("`{}`", statement));
      if (black_boxes->contains(words[1])) {
        unit.children.emplace(words[1]);
      } else if (!words[1].starts_with('$')) {
        return NotUnderstood(path,
                             fmt::format("`{}` is inside `{}` and no module", words[1], name));
      }
    }
    unit.text = "autoidx 1\n";
    for (const std::string& child : unit.children) {
      AppendModule(child, black_boxes->find(child)->second, &unit.text);
    }
    AppendModule(fmt::format("\\{}", kUnitName), module, &unit.text);
    units.emplace(name, std::move(unit));
  }
  return units;
}

Result<ClockGating> InferClockGates(uint32_t least_bits, std::string* text,
                                    const std::string& path) {
  const std::string before = std::move(*text);
  const std::vector<std::string_view> lines = Lines(before);
  const std::string begin = fmt::format("module \\{}", kUnitName);
  size_t first = 0;
  while (first < lines.size() && lines[first] != begin) ++first;
  size_t end = first;
  while (end < lines.size() && lines[end] != "end") ++end;
  if (end >= lines.size()) return NotUnderstood(path, fmt::format("it has no whole `{}`", begin));

  ClockGating result;
  std::map<GateKey, std::vector<EnabledFlipFlop>> groups;
  for (size_t i = first; i < end; ++i) {
    const std::string_view statement = Trimmed(lines[i]);
    const bool found = statement.starts_with("cell $dffe ") ||
                       statement.starts_with("cell $sdffe ") ||
                       statement.starts_with("cell $sdffce ");
    if (!found) continue;
    Result<EnabledFlipFlop> flip_flop = ReadFlipFlop(lines, &i, path);
    if (!flip_flop) return flip_flop.errors();
    if (!IsOne(flip_flop->parameters, "CLK_POLARITY")) {
      result.enabled_bits += flip_flop->width;
      continue;
    }
    const bool reset_first = flip_flop->type == "$sdffe";
    GateKey key = {flip_flop->pins["CLK"], flip_flop->pins["EN"],
                   IsOne(flip_flop->parameters, "EN_POLARITY"),
                   reset_first ? flip_flop->pins["SRST"] : "",
                   reset_first && IsOne(flip_flop->parameters, "SRST_POLARITY")};
    groups[std::move(key)].push_back(*std::move(flip_flop));
  }

  GateText gates;
  std::map<size_t, std::pair<const EnabledFlipFlop*, std::string>> replaced;  // by first line
  for (const auto& [key, members] : groups) {
    uint64_t bits = 0;
    for (const EnabledFlipFlop& member : members) bits += member.width;
    if (least_bits == 0 || bits < least_bits) {
      result.enabled_bits += bits;
      continue;
    }
    result.gated_bits += bits;
    const std::string clock = gates.Add(key, result.gates++);
    for (const EnabledFlipFlop& member : members) {
      replaced.emplace(member.type_line, std::pair(&member, clock));
    }
  }
  if (result.gates == 0) {
    *text = before;
    return result;
  }
  *text = fmt::format(
      "attribute \\blackbox 1\nmodule \\{}\n  wire input 1 \\clk_i\n  wire input 2 \\enable_i\n"
      "  wire output 3 \\clk_o\nend\n",
      kInferredGate);
  for (size_t i = 0; i < lines.size(); ++i) {
    if (i == end) *text += gates.cells;
    const auto found = replaced.find(i);
    if (found == replaced.end()) {
      *text += lines[i];
      *text += '\n';
      if (i == first) *text += gates.wires;  // before they are used
      continue;
    }
    const auto& [member, clock] = found->second;
    *text += GatedFlipFlop(*member, Words(Trimmed(lines[i]))[2], clock);
    i = member->last;
  }
  return result;
}

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// The meaning of the groups of a liberty file that describe logic.
#include "generator/synth/liberty.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "generator/synth/liberty_groups.h"

namespace npugen {
namespace {

using Group = LibertyGroup;

constexpr int kMostTokenNesting = 64;

/// Groups that have nothing to say about logic and are most of a file.
bool IsSkipped(std::string_view name) {
  return name == "timing" || name == "internal_power" || name == "leakage_power" ||
         name.ends_with("_template") || name == "values" || name == "operating_conditions" ||
         name == "wire_load";
}

/// Truth tables of the inputs themselves: bit i of entry k is bit k of i.
constexpr uint64_t kInputTables[kMaxTableInputs] = {0xaaaaaaaaaaaaaaaa, 0xcccccccccccccccc,
                                                    0xf0f0f0f0f0f0f0f0, 0xff00ff00ff00ff00,
                                                    0xffff0000ffff0000, 0xffffffff00000000};

/// Evaluates a function of a liberty file for all values of the variables at once. Inversion binds
/// most (`!` before, `'` behind), then `^`, AND (`*`, `&` or nothing), OR (`+`, `|`).
class Expression {
 public:
  Expression(std::string_view text, const std::vector<std::string>& variables)
      : text_(text), variables_(variables) {}

  /// No value when the text is no function of at most kMaxTableInputs variables.
  std::optional<uint64_t> Table() {
    if (variables_.size() > kMaxTableInputs) return std::nullopt;
    const uint64_t table = Or(0);
    if (failed_ || Peek() != '\0') return std::nullopt;
    return table;
  }

 private:
  char Peek() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
    return at_ < text_.size() ? text_[at_] : '\0';
  }

  uint64_t Or(int depth) {
    uint64_t table = And(depth);
    while (Peek() == '+' || Peek() == '|') {
      ++at_;
      table |= And(depth);
    }
    return table;
  }

  uint64_t And(int depth) {
    uint64_t table = Xor(depth);
    for (char next = Peek(); next != '\0' && next != '+' && next != '|' && next != ')' && !failed_;
         next = Peek()) {
      if (next == '*' || next == '&') ++at_;
      table &= Xor(depth);
    }
    return table;
  }

  uint64_t Xor(int depth) {
    uint64_t table = Operand(depth);
    while (Peek() == '^') {
      ++at_;
      table ^= Operand(depth);
    }
    return table;
  }

  uint64_t Operand(int depth) {
    uint64_t table = 0;
    const char first = Peek();
    if (depth > kMostTokenNesting || first == '\0') {
      failed_ = true;
      return 0;
    }
    if (first == '!' || first == '~') {
      ++at_;
      return ~Operand(depth + 1);
    }
    if (first == '(') {
      ++at_;
      table = Or(depth + 1);
      if (Peek() != ')') failed_ = true;
      ++at_;
    } else {
      const size_t begin = at_;
      while (at_ < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[at_])) ||
                                    text_[at_] == '_' || text_[at_] == '[' || text_[at_] == ']')) {
        ++at_;
      }
      const std::string_view name = text_.substr(begin, at_ - begin);
      const auto variable = std::find(variables_.begin(), variables_.end(), name);
      if (variable != variables_.end()) {
        table = kInputTables[variable - variables_.begin()];
      } else if (name == "1") {
        table = ~uint64_t{0};
      } else if (name != "0") {
        failed_ = true;
      }
    }
    while (Peek() == '\'') {
      ++at_;
      table = ~table;
    }
    return table;
  }

  std::string_view text_;
  const std::vector<std::string>& variables_;
  size_t at_ = 0;
  bool failed_ = false;
};

/// Index of the input that `table` is equal to, or to whose complement (`*inverted`).
std::optional<size_t> SingleInput(std::optional<uint64_t> table, size_t inputs, bool* inverted) {
  for (size_t i = 0; table && i < inputs; ++i) {
    *inverted = *table == ~kInputTables[i];
    if (*inverted || *table == kInputTables[i]) return i;
  }
  return std::nullopt;
}

/// Fills in `cell->flip_flop`. Returns what is not understood, or an empty text.
std::string ReadFlipFlop(const Group& group, const Group& state, LibertyCell* cell) {
  for (const char* key : {"clear", "preset", "clocked_on_also"}) {
    if (!state.Attribute(key).empty()) return fmt::format("a register with `{}`", key);
  }
  if (state.arguments.size() != 2) return "a register without two names of its state";
  LibertyFlipFlop flip_flop;
  bool inverted = false;
  const auto data = SingleInput(Expression(state.Attribute("next_state"), cell->inputs).Table(),
                                cell->inputs.size(), &inverted);
  if (!data || inverted) return "a register whose next state is not a pin";
  const auto clock = SingleInput(Expression(state.Attribute("clocked_on"), cell->inputs).Table(),
                                 cell->inputs.size(), &flip_flop.falling);
  if (!clock) return "a register whose clock is not a pin";
  flip_flop.data = cell->inputs[*data];
  flip_flop.clock = cell->inputs[*clock];
  for (const Group& pin : group.groups) {
    const std::string_view function = pin.Attribute("function");
    if (pin.name != "pin" || function.empty() || pin.arguments.empty()) continue;
    bool complement = false;
    const auto output = SingleInput(Expression(function, state.arguments).Table(), 2, &complement);
    if (!output) return "a register with logic behind it";
    ((*output == 1) != complement ? flip_flop.output_invert : flip_flop.output) =
        pin.arguments.front();
  }
  cell->flip_flop = std::move(flip_flop);
  return "";
}

/// Fills in the logic of `cell`. Returns what is not understood, or an empty text.
std::string ReadLogic(const Group& group, LibertyCell* cell) {
  for (const Group& pin : group.groups) {
    if (pin.name != "pin" || pin.arguments.empty()) continue;
    if (pin.Attribute("direction") == "input") cell->inputs.push_back(pin.arguments.front());
  }
  for (const Group& inner : group.groups) {
    if (inner.name == "latch" || inner.name == "statetable" || inner.name == "bus" ||
        inner.name == "bundle" || inner.name == "ff_bank" || inner.name == "test_cell") {
      return fmt::format("a `{}`", inner.name);
    }
    if (inner.name == "pin" && !inner.Attribute("three_state").empty()) return "a tristate output";
  }
  if (const Group* state = group.Find("ff")) return ReadFlipFlop(group, *state, cell);
  for (const Group& pin : group.groups) {
    const std::string_view function = pin.Attribute("function");
    if (pin.name != "pin" || function.empty() || pin.arguments.empty()) continue;
    const std::optional<uint64_t> table = Expression(function, cell->inputs).Table();
    if (!table) return fmt::format("the function `{}`", function);
    cell->functions.push_back({pin.arguments.front(), *table});
  }
  return "";
}

}  // namespace

Result<CellLibrary> ReadLiberty(const std::string& text, const std::string& path) {
  const Result<Group> file = ReadLibertyGroups(text, path, IsSkipped);
  if (!file) return file.errors();
  const Group* library = file->Find("library");
  if (library == nullptr) {
    return NoLibrary(path, 0, "it has no group `library`");
  }
  CellLibrary cells;
  for (const Group& group : library->groups) {
    if (group.name != "cell" || group.arguments.empty()) continue;
    LibertyCell cell;
    cell.area = std::strtod(std::string(group.Attribute("area")).c_str(), nullptr);
    cell.unknown = ReadLogic(group, &cell);
    cells.emplace(group.arguments.front(), std::move(cell));
  }
  return cells;
}

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// Works on the text: functions of generated files are read, normalized and compared.
#include "verif/sim/verilated_code.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <sstream>
#include <string_view>
#include <utility>
#include <vector>

namespace npugen {
namespace {

constexpr size_t kSmallest = 1000;  // characters of a function that is worth it
constexpr std::string_view kSymbols = "vlSymsp->TOP";
constexpr std::string_view kInstance = "__BRA__";  // in names of what belongs to one instance
constexpr std::string_view kTemporary = "vlSelf->__Vfunc_";  // numbered through all instances

bool IsWord(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

/// `void name(Class* vlSelf) { ... }` at [begin, end) of a file.
struct Function {
  const std::string* file;
  size_t begin = 0;
  size_t end = 0;
  std::string name;
  std::string type;                     ///< Class
  std::string body;                     ///< with braces; normalized
  std::vector<std::string> parameters;  ///< signals of one instance, in the order of first use
};

/// Names declared between `// Init` and `// Body`, one declaration per line.
std::map<std::string, std::string, std::less<>> LocalNames(std::string_view body) {
  std::map<std::string, std::string, std::less<>> names;
  const size_t init = body.find("// Init\n");
  const size_t end = body.find("// Body\n");
  if (init == std::string_view::npos || end == std::string_view::npos) return names;
  for (size_t at = init; at < end;) {
    const size_t next = body.find('\n', at) + 1;
    const std::string_view line = body.substr(at, next - 1 - at);
    at = next;
    if (!line.ends_with(';') || line.find('=') != line.npos || line.find('(') != line.npos)
      continue;
    size_t last = line.size() - 1;
    if (line.find('[') != line.npos) last = line.find('[');
    size_t first = last;
    while (first > 0 && IsWord(line[first - 1])) --first;
    if (first == last) continue;
    names.emplace(line.substr(first, last - first), fmt::format("local{}", names.size()));
  }
  return names;
}

/// Replaces names of locals and signals of one instance.
void Normalize(std::string_view body, Function* function) {
  const auto locals = LocalNames(body);
  std::map<std::string, size_t, std::less<>> parameters;
  for (size_t at = 0; at < body.size();) {
    if (!IsWord(body[at])) {
      function->body += body[at++];
      continue;
    }
    size_t end = at;
    const bool temporary = body.substr(at).starts_with(kTemporary);
    if (temporary) {
      end += kTemporary.size();
      while (end < body.size() && IsWord(body[end])) ++end;
    } else if (body.substr(at).starts_with(kSymbols)) {
      end += kSymbols.size();
      while (end < body.size() && (IsWord(body[end]) || body[end] == '.')) ++end;
      // A call of a member function is not part of the signal's name.
      if (end < body.size() && body[end] == '(') end = body.rfind('.', end);
    } else {
      while (end < body.size() && IsWord(body[end])) ++end;
    }
    const std::string_view word = body.substr(at, end - at);
    at = end;
    const auto local = locals.find(word);
    if (local != locals.end()) {
      function->body += local->second;
    } else if (word == function->name) {
      function->body += "shared";
    } else if (temporary || (word.starts_with(kSymbols) && word.find(kInstance) != word.npos)) {
      const auto found = parameters.emplace(word, parameters.size());
      if (found.second) function->parameters.emplace_back(word);
      function->body += fmt::format("signal{}", found.first->second);
    } else {
      function->body += word;
    }
  }
}

/// `text` without the white space between its tokens: Verilator breaks lines by the length of
/// names.
std::string WithoutSpace(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  bool space = false;
  for (const char c : text) {
    if (c == ' ' || c == '\n') {
      space = true;
      continue;
    }
    if (space && !out.empty() && IsWord(out.back()) && IsWord(c)) out += ' ';
    space = false;
    out += c;
  }
  return out;
}

/// Triggers that a condition needs one of, as masks of words of 64.
struct Condition {
  std::vector<uint64_t> masks;
  bool always = false;
};

/// Reads a condition made of nothing but triggers, variables in `known`, and `|`.
std::optional<Condition> ReadCondition(std::string_view text, size_t words,
                                       const std::set<size_t>& always,
                                       const std::map<std::string, Condition>& known) {
  constexpr std::string_view kTrigger = "vlSelf->__VnbaTriggered.at(";
  constexpr std::string_view kCast = "(IData)";
  Condition condition;
  condition.masks.resize(words);
  for (size_t at = 0; at < text.size();) {
    if (text.substr(at).starts_with(kTrigger)) {
      at += kTrigger.size();
      const size_t trigger = std::stoul(std::string(text.substr(at, 12)), nullptr, 0);
      if (trigger / 64 >= words) return std::nullopt;
      condition.masks[trigger / 64] |= uint64_t{1} << trigger % 64;
      condition.always |= always.contains(trigger);
      at = text.find(')', at) + 1;
    } else if (text.substr(at).starts_with(kCast)) {
      at += kCast.size();
    } else if (IsWord(text[at])) {
      size_t end = at;
      while (end < text.size() && IsWord(text[end])) ++end;
      const auto found = known.find(std::string(text.substr(at, end - at)));
      if (found == known.end()) return std::nullopt;
      for (size_t i = 0; i < words; ++i) condition.masks[i] |= found->second.masks[i];
      condition.always |= found->second.always;
      at = end;
    } else if (std::string_view("()| \n").find(text[at]) != std::string_view::npos) {
      ++at;
    } else {
      return std::nullopt;
    }
  }
  return condition;
}

/// The function that evaluates what clocks trigger, with the triggers in words computed at its
/// start. `words` are expressions.
std::optional<std::string> WithMasks(std::string_view function,
                                     const std::vector<std::string>& words,
                                     const std::set<size_t>& always) {
  constexpr std::string_view kBody = "    // Body\n";
  constexpr std::string_view kIf = "if (";
  constexpr std::string_view kDeep = "__Vdeeptemp_";
  const size_t body = function.find(kBody);
  if (body == function.npos) return std::nullopt;
  std::string out(function.substr(0, body + kBody.size()));
  for (size_t i = 0; i < words.size(); ++i) {
    out += fmt::format("    const QData triggers{} = {};\n", i, words[i].empty() ? "0" : words[i]);
  }
  std::map<std::string, Condition> known;
  for (size_t at = body + kBody.size(); at < function.size();) {
    const std::string_view rest = function.substr(at);
    if (rest.starts_with(kDeep)) {
      // A part of later conditions: NAME = CONDITION;
      const size_t equals = rest.find(" = "), end = rest.find(';');
      if (equals == rest.npos || end == rest.npos || end < equals) return std::nullopt;
      const std::optional<Condition> value =
          ReadCondition(rest.substr(equals + 3, end - equals - 3), words.size(), always, known);
      if (!value) return std::nullopt;
      known[std::string(rest.substr(0, equals))] = *value;
      at += end + 1;
    } else if (rest.starts_with(kIf)) {
      const size_t end = rest.find(") {\n");
      if (end == rest.npos) return std::nullopt;
      const std::optional<Condition> condition =
          ReadCondition(rest.substr(kIf.size(), end - kIf.size()), words.size(), always, known);
      if (!condition) return std::nullopt;
      std::string text;
      for (size_t i = 0; i < words.size(); ++i) {
        if (condition->masks[i] == 0) continue;
        text += fmt::format("{}(triggers{} & 0x{:x}ULL)", text.empty() ? "" : " | ", i,
                            condition->masks[i]);
      }
      if (text.empty()) return std::nullopt;
      out += condition->always ? "if (true" : "if (" + text;
      at += end;
    } else {
      out += function[at++];
    }
  }
  return out;
}

/// Whether a function besides the debugging aid that prints triggers looks at those that are set no
/// more: its statements would never run.
bool TestsTriggersElsewhere(const std::map<std::string, std::string>& files) {
  constexpr std::string_view kTrigger = "vlSelf->__VnbaTriggered.at(";
  for (const auto& [name, text] : files) {
    for (size_t at = text.find(kTrigger); at != text.npos; at = text.find(kTrigger, at + 1)) {
      const size_t begin = text.rfind("\n}\n", at);
      const size_t printer = text.rfind("___dump_triggers__nba(", at);
      if (printer == text.npos || (begin != text.npos && printer < begin)) return true;
    }
  }
  return false;
}

/// The functions of a file that take nothing but their instance.
void FindFunctions(const std::string& file, std::string_view text, std::vector<Function>* found) {
  for (size_t line = 0; line < text.size();) {
    const size_t line_end = std::min(text.find('\n', line), text.size());
    const std::string_view head = text.substr(line, line_end - line);
    const size_t start = line;
    line = line_end + 1;
    const size_t type = head.find("void ");
    const size_t open = head.find('(');
    const bool at_margin = head.starts_with("void ") || head.starts_with("VL_INLINE_OPT void ") ||
                           head.starts_with("VL_ATTR_COLD void ");
    constexpr std::string_view kArguments = "* vlSelf) {";
    if (!at_margin || open == head.npos || !head.ends_with(kArguments)) continue;
    const size_t close = text.find("\n}\n", line_end);
    if (close == text.npos) continue;
    line = close + 3;
    const std::string_view body = text.substr(line_end - 1, close + 3 - (line_end - 1));
    if (body.size() < kSmallest) continue;
    Function function;
    function.file = &file;
    function.begin = start;
    function.end = line;
    function.name = head.substr(type + 5, open - type - 5);
    function.type = head.substr(open + 1, head.size() - kArguments.size() - open - 1);
    Normalize(body, &function);
    found->push_back(std::move(function));
  }
}

}  // namespace

size_t DropLocalResets(std::string* file) {
  constexpr std::string_view kWide = "VlWide<";
  constexpr std::string_view kReset = "VL_ZERO_W(";
  std::string out;
  out.reserve(file->size());
  size_t count = 0;
  std::string declared;  // by the line before
  for (size_t at = 0; at < file->size();) {
    const size_t end = std::min(file->find('\n', at), file->size() - 1) + 1;
    const std::string_view line = std::string_view(*file).substr(at, end - at);
    at = end;
    const size_t text = line.find_first_not_of(' ');
    if (!declared.empty() && text != line.npos && line.substr(text).starts_with(kReset) &&
        line.ends_with(", " + declared + ");\n")) {
      ++count;
      declared.clear();
      continue;
    }
    declared.clear();
    if (text != line.npos && line.substr(text).starts_with(kWide) && line.ends_with(";\n")) {
      const size_t name = line.rfind(' ');
      declared = line.substr(name + 1, line.size() - name - 3);
    }
    out += line;
  }
  *file = std::move(out);
  return count;
}

size_t ShareFunctions(const std::string& class_name, std::map<std::string, std::string>* files) {
  std::vector<Function> functions;
  for (const auto& [name, text] : *files) FindFunctions(name, text, &functions);
  std::map<std::string, std::vector<const Function*>> groups;
  for (const Function& function : functions) {
    groups[function.type + WithoutSpace(function.body)].push_back(&function);
  }
  std::map<std::string, std::vector<const Function*>> removed;  // by file
  std::map<std::string, std::string> added;
  size_t count = 0;
  for (const auto& [key, group] : groups) {
    if (group.size() < 2) continue;
    const Function& first = *group.front();
    std::string& out = added[*first.file];
    const std::string shared = fmt::format("shared_function_{}", count);
    std::string parameters, mentioned;
    for (size_t i = 0; i < first.parameters.size(); ++i) {
      parameters += fmt::format(", auto& signal{}", i);
    }
    out += fmt::format("\n__attribute__((noinline)) static void {}({}* vlSelf{}) {}", shared,
                       first.type, parameters, first.body);
    for (const Function* function : group) {
      std::string arguments;
      for (const std::string& signal : function->parameters) arguments += ", " + signal;
      out += fmt::format(
          "\nvoid {}({}* vlSelf) {{\n    {}__Syms* const vlSymsp VL_ATTR_UNUSED = "
          "vlSelf->vlSymsp;\n"
          "    {}(vlSelf{});\n}}\n",
          function->name, function->type, class_name, shared, arguments);
      removed[*function->file].push_back(function);
    }
    count += group.size() - 1;
  }
  for (auto& [name, gone] : removed) {
    std::string& text = (*files)[name];
    std::sort(gone.begin(), gone.end(),
              [](const Function* a, const Function* b) { return a->begin > b->begin; });
    for (const Function* function : gone) {
      text.erase(function->begin, function->end - function->begin);
    }
  }
  for (const auto& [name, text] : added) (*files)[name] += text;
  return count;
}

bool DirectEdges(const std::string& class_name, std::map<std::string, std::string>* files) {
  // In the code without white space, triggers are listed as
  //   vlSelf->__VactTriggered.at(1U)=((IData)(OBJECT CLOCK)&(~(IData)(...)));
  // where OBJECT is `vlSelf->` or `vlSymsp->INSTANCE.`, and a gated clock is assigned as
  //   OBJECT CLOCK=((IData)(INPUT)&(IData)(OBJECT ENABLE));
  constexpr std::string_view kTrigger = "vlSelf->__VactTriggered.at(";
  constexpr std::string_view kValue = ")=((IData)(";
  constexpr std::string_view kInputs[] = {"vlSelf->clk_i", "vlSymsp->TOP.clk_i"};
  const auto split = [](std::string_view signal) {
    const size_t dot = signal.rfind('.'), arrow = signal.rfind("->");
    const size_t name = dot != signal.npos ? dot + 1 : arrow != signal.npos ? arrow + 2 : 0;
    return std::pair(std::string(signal.substr(0, name)), std::string(signal.substr(name)));
  };
  std::map<std::string, std::string> enables;  // by clock, both without object
  std::map<size_t, std::string> clocks;        // by trigger
  for (const auto& [file, spaced] : *files) {
    const std::string text = WithoutSpace(spaced);
    for (const std::string_view input : kInputs) {
      const std::string gated = fmt::format("=((IData)({})&(IData)(", input);
      for (size_t at = text.find(gated); at != text.npos; at = text.find(gated, at + 1)) {
        const auto in_signal = [](char c) { return IsWord(c) || c == '.' || c == '>' || c == '-'; };
        size_t begin = at;
        while (begin > 0 && in_signal(text[begin - 1])) --begin;
        const size_t enable = at + gated.size(), end = text.find(')', enable);
        if (end == text.npos || text.compare(end, 3, "));") != 0) continue;
        const std::string name = split(std::string_view(text).substr(enable, end - enable)).second;
        const std::string clock = split(std::string_view(text).substr(begin, at - begin)).second;
        const auto [known, added] = enables.emplace(clock, name);
        if (!added && known->second != name) return false;
      }
    }
    for (size_t at = text.find(kTrigger); at != text.npos; at = text.find(kTrigger, at + 1)) {
      const size_t number = at + kTrigger.size();
      const size_t value = text.find(kValue, number);
      if (value == text.npos || value > number + 8) continue;
      const size_t clock = value + kValue.size();
      clocks[std::stoul(text.substr(number), nullptr, 0)] =
          text.substr(clock, text.find(')', clock) - clock);
    }
  }
  if (clocks.empty() || clocks.rbegin()->first != clocks.size() - 1) return false;

  // The enables as the bits of words, by trigger; the input is always on.
  std::vector<std::string> words((clocks.size() + 63) / 64);
  std::set<size_t> always;
  for (const auto& [trigger, clock] : clocks) {
    if (std::find(std::begin(kInputs), std::end(kInputs), clock) != std::end(kInputs)) {
      always.insert(trigger);
      continue;
    }
    const auto [object, name] = split(clock);
    const auto found = enables.find(name);
    if (found == enables.end()) return false;
    std::string& word = words[trigger / 64];
    word += fmt::format("{}\n        (static_cast<QData>({}{}) << {})", word.empty() ? "" : " |",
                        object, found->second, trigger % 64);
  }

  const std::string head =
      fmt::format("void {0}___024root___eval_nba({0}___024root* vlSelf) {{\n", class_name);
  bool rewritten = false;
  for (auto& [file, text] : *files) {
    for (const std::string_view input : kInputs) {
      const std::string value = fmt::format("(IData)({})", input);
      for (size_t at = text.find(value); at != text.npos; at = text.find(value, at)) {
        text.replace(at, value.size(), "0U");
      }
    }
    const size_t begin = text.find(head);
    if (begin == text.npos) continue;
    const size_t end = text.find("\n}\n", begin);
    if (end == text.npos) return false;
    const std::optional<std::string> body =
        WithMasks(std::string_view(text).substr(begin, end - begin), words, always);
    if (!body) return false;
    text.replace(begin, end - begin, *body);
    rewritten = true;
  }
  return rewritten && !TestsTriggersElsewhere(*files);
}

std::string SignalList(const std::string& root_header) {
  constexpr std::string_view kTop = "npu_top__DOT__";
  std::string list;
  std::istringstream lines(root_header);
  for (std::string line; std::getline(lines, line);) {
    // A member is `type/*range*/ name;`.
    const size_t name = line.find(kTop);
    const size_t end = line.rfind(';');
    if (name == std::string::npos || end == std::string::npos || name > end) continue;
    if (name == 0 || line[name - 1] != ' ' || line.find('(') != std::string::npos) continue;
    if (line.find("__DOT__npu_", name) != std::string::npos) continue;
    list += "NPU_SIGNAL(" + line.substr(name, end - name) + ")\n";
  }
  return list;
}

}  // namespace npugen

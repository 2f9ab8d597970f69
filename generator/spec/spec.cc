// SPDX-License-Identifier: Apache-2.0
// Reads a spec against the schema and reports everything that is wrong with it.
#include "generator/spec/spec.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "generator/spec/quantity.h"
#include "generator/spec/yaml_tree.h"
#include "generator/support/text.h"

namespace npugen {
namespace {

/// A name for a node's type that users know.
std::string_view Describe(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::kNull:
      return "empty";
    case YamlNode::Kind::kScalar:
      return "a single value";
    case YamlNode::Kind::kList:
      return "a list";
    case YamlNode::Kind::kMap:
      return "a block of keys";
  }
  return "";
}

/// User text within a message: short and on one line.
std::string Quote(std::string_view text) {
  constexpr size_t kLongest = 40;
  std::string out = "`";
  for (const char c : text.substr(0, kLongest)) out += c == '\n' || c == '\r' ? ' ' : c;
  return out + (text.size() > kLongest ? "...`" : "`");
}

std::string Join(std::string_view block, std::string_view name) {
  return block.empty() ? std::string(name) : fmt::format("{}.{}", block, name);
}

class Reader {
 public:
  explicit Reader(const std::string& file) : spec_(file) {}

  SpecReading Read(std::string_view text, const std::vector<SpecChange>& changes) {
    Result<YamlNode> root = ParseYaml(text, spec_.file());
    if (!root) return {std::move(spec_), root.errors()};
    for (const SpecChange& change : changes) Change(change, &*root);
    if (root->kind == YamlNode::Kind::kNull) {
      Report(DiagnosticCode::kSpecEmpty, {}, "the spec has no keys",
             "start from specs/nano.yaml or specs/edge.yaml");
    } else if (root->kind != YamlNode::Kind::kMap) {
      Report(DiagnosticCode::kSpecWrongType, *root,
             fmt::format("a spec is a block of keys, this is {}", Describe(*root)),
             "start from specs/nano.yaml or specs/edge.yaml");
    } else {
      ReadBlock("", *root, *root);
    }
    return {std::move(spec_), std::move(errors_)};
  }

 private:
  /// Puts a value into the tree. Blocks on the way come into being where the text has none; what
  /// the schema does not know is reported as if it stood in the text.
  static void Change(const SpecChange& change, YamlNode* node) {
    for (size_t begin = 0; begin <= change.path.size();) {
      const size_t end = std::min(change.path.find('.', begin), change.path.size());
      const std::string name = change.path.substr(begin, end - begin);
      if (node->kind != YamlNode::Kind::kMap) {
        const int line = node->line, column = node->column;
        *node = YamlNode();
        node->kind = YamlNode::Kind::kMap;
        node->line = line;
        node->column = column;
      }
      size_t at = 0;
      while (at < node->keys.size() && node->keys[at].text != name) ++at;
      if (at == node->keys.size()) {
        YamlNode key, value;
        key.kind = YamlNode::Kind::kScalar;
        key.text = name;
        key.line = value.line = node->line;
        key.column = value.column = node->column;
        node->keys.push_back(std::move(key));
        node->items.push_back(std::move(value));
      }
      node = &node->items[at];
      begin = end + 1;
    }
    node->kind = YamlNode::Kind::kScalar;
    node->text = change.value;
    node->keys.clear();
    node->items.clear();
  }

  void Report(DiagnosticCode code, const YamlNode& at, std::string message, std::string hint) {
    errors_.push_back(
        {code, {spec_.file(), at.line, at.column}, std::move(message), std::move(hint)});
  }

  /// Reads the members of `block`; `place` is where missing keys are reported.
  void ReadBlock(std::string_view block, const YamlNode& map, const YamlNode& place) {
    std::map<std::string, const YamlNode*> seen;
    for (size_t i = 0; i < map.keys.size() && i < map.items.size(); ++i) {
      const YamlNode& key = map.keys[i];
      const auto [earlier, is_new] = seen.emplace(key.text, &key);
      if (!is_new) {
        Report(DiagnosticCode::kSpecDuplicateKey, key,
               fmt::format("{} is given twice", Quote(Join(block, key.text))),
               fmt::format("the first one is in line {}; keep one of them", earlier->second->line));
        continue;
      }
      const KeyInfo* info = FindKey(Join(block, key.text));
      if (info == nullptr || info->Parent() != block) {
        ReportUnknown(block, key);
        continue;
      }
      ReadValue(*info, key, map.items[i]);
    }
    for (const KeyInfo& info : AllKeys()) {
      if (info.Parent() != block || seen.contains(std::string(info.Name()))) continue;
      ReportMissing(info, place);
    }
  }

  void ReportUnknown(std::string_view block, const YamlNode& key) {
    const std::vector<std::string_view> siblings = KeysOf(block);
    std::string hint;
    if (const std::string_view near = NearestWord(key.text, siblings); !near.empty()) {
      hint = fmt::format("did you mean `{}`?", near);
    } else if (const KeyInfo* elsewhere = FindByName(key.text)) {
      hint = fmt::format("there is `{}`", elsewhere->path);
    } else {
      hint = fmt::format("legal keys: {}", fmt::join(siblings, ", "));
    }
    Report(DiagnosticCode::kSpecUnknownKey, key,
           fmt::format("unknown key {}", Quote(Join(block, key.text))), std::move(hint));
  }

  /// A key of that name, or nearly, in any block.
  static const KeyInfo* FindByName(std::string_view name) {
    std::vector<std::string_view> names;
    for (const KeyInfo& info : AllKeys()) names.push_back(info.Name());
    const std::string_view near = NearestWord(name, names);
    for (const KeyInfo& info : AllKeys()) {
      if (!near.empty() && info.Name() == near) return &info;
    }
    return nullptr;
  }

  /// Reports a missing key if it is required; of a missing block its required members.
  void ReportMissing(const KeyInfo& info, const YamlNode& place) {
    if (info.kind == KeyKind::kBlock) {
      for (const KeyInfo& member : AllKeys()) {
        if (member.Parent() == info.path) ReportMissing(member, place);
      }
      return;
    }
    if (info.presence != KeyPresence::kRequired) return;
    Report(DiagnosticCode::kSpecMissingKey, place, fmt::format("`{}` is missing", info.path),
           fmt::format("legal: {}", LegalValues(info)));
  }

  /// Marks a value, or all values in a block, as not to be relied on.
  void Spoil(const KeyInfo& info) {
    for (const KeyInfo& member : AllKeys()) {
      const bool inside = member.path.size() > info.path.size() &&
                          member.path.starts_with(info.path) &&
                          member.path[info.path.size()] == '.';
      if (member.kind != KeyKind::kBlock && (inside || &member == &info)) {
        spec_.At(member.path).usable = false;
      }
    }
  }

  void Refuse(DiagnosticCode code, const KeyInfo& info, const YamlNode& node, std::string message,
              std::string hint = "") {
    Spoil(info);
    if (hint.empty()) hint = fmt::format("legal: {}", LegalValues(info));
    Report(code, node, std::move(message), std::move(hint));
  }

  void ReadValue(const KeyInfo& info, const YamlNode& key, const YamlNode& node) {
    if (info.kind == KeyKind::kBlock) {
      if (node.kind == YamlNode::Kind::kMap) {
        ReadBlock(info.path, node, key);
      } else {
        Refuse(DiagnosticCode::kSpecWrongType, info, node.line > 0 ? node : key,
               fmt::format("`{}` is {}, not a block of keys", info.path, Describe(node)));
      }
      return;
    }
    SpecValue& value = spec_.At(info.path);
    value.given = true;
    value.usable = true;
    value.line = node.line;
    value.column = node.column;
    if (info.kind == KeyKind::kWords) {
      ReadWords(info, node, value);
    } else if (node.kind != YamlNode::Kind::kScalar) {
      Refuse(DiagnosticCode::kSpecWrongType, info, node,
             fmt::format("`{}` is {}, not a single value", info.path, Describe(node)));
    } else if (info.kind == KeyKind::kName) {
      ReadName(info, node, value);
    } else if (info.kind == KeyKind::kFlag) {
      ReadFlag(info, node, value);
    } else {
      ReadNumber(info, node, value);
    }
  }

  void ReadName(const KeyInfo& info, const YamlNode& node, SpecValue& value) {
    if (!IsIdentifier(node.text)) {
      Refuse(DiagnosticCode::kSpecBadName, info, node,
             fmt::format("{} is no name", Quote(node.text)));
      return;
    }
    value.text = node.text;
  }

  void ReadFlag(const KeyInfo& info, const YamlNode& node, SpecValue& value) {
    if (node.text != "true" && node.text != "false") {
      Refuse(DiagnosticCode::kSpecWrongType, info, node,
             fmt::format("`{}` is {}, not true or false", info.path, Quote(node.text)));
      return;
    }
    value.number = node.text == "true" ? 1 : 0;
    if (value.number < info.low || value.number > info.high) {
      Refuse(DiagnosticCode::kSpecNotSupported, info, node,
             fmt::format("`{}: {}` is not possible: {}", info.path, node.text, info.only_because));
    }
  }

  void ReadWords(const KeyInfo& info, const YamlNode& node, SpecValue& value) {
    if (node.kind != YamlNode::Kind::kList || node.items.empty()) {
      Refuse(DiagnosticCode::kSpecWrongType, info, node,
             fmt::format("`{}` is {}, not a list of words", info.path,
                         node.kind == YamlNode::Kind::kList ? "empty" : Describe(node)));
      return;
    }
    std::set<std::string_view> words;
    bool legal = true;
    for (const YamlNode& item : node.items) {
      const bool known =
          item.kind == YamlNode::Kind::kScalar &&
          (item.text == info.word || std::find(info.more_words.begin(), info.more_words.end(),
                                               item.text) != info.more_words.end());
      legal = legal && known;
      if (item.kind != YamlNode::Kind::kScalar) {
        Refuse(DiagnosticCode::kSpecWrongType, info, item,
               fmt::format("an item of `{}` is {}, not a word", info.path, Describe(item)));
      } else if (!known) {
        Refuse(DiagnosticCode::kSpecNotSupported, info, item,
               fmt::format("`{}` cannot have {}", info.path, Quote(item.text)));
      } else if (!words.insert(item.text).second) {
        Refuse(DiagnosticCode::kSpecDuplicateKey, info, item,
               fmt::format("{} is given twice", Quote(item.text)));
      }
    }
    const size_t more = words.size() - words.count(info.word);
    if (legal && (!words.contains(info.word) || (more != 0 && more != info.more_words.size()))) {
      Refuse(DiagnosticCode::kSpecNotSupported, info, node,
             fmt::format("`{}` has some of the formats that hardware has together", info.path));
    }
    value.number = more != 0 ? 1 : 0;
  }

  void ReadNumber(const KeyInfo& info, const YamlNode& node, SpecValue& value) {
    const Quantity quantity = ParseQuantity(node.text, info.kind);
    switch (quantity.state) {
      case Quantity::State::kNotANumber:
        Refuse(DiagnosticCode::kSpecWrongType, info, node,
               fmt::format("`{}` is {}, not {}", info.path, Quote(node.text),
                           info.kind == KeyKind::kCount ? "a whole number" : "a number with unit"));
        return;
      case Quantity::State::kUnknownUnit:
        Refuse(DiagnosticCode::kSpecBadUnit, info, node,
               fmt::format("`{}` has the unknown unit {}", info.path, Quote(quantity.unit)),
               quantity.hint);
        return;
      case Quantity::State::kFraction:
        Refuse(DiagnosticCode::kSpecBadUnit, info, node,
               fmt::format("{} is not a whole number of {}", Quote(node.text),
                           info.kind == KeyKind::kHertz ? "hertz" : "bytes"));
        return;
      case Quantity::State::kHuge:
      case Quantity::State::kNegative:
      case Quantity::State::kValue:
        break;
    }
    const bool is_low = quantity.state == Quantity::State::kNegative ||
                        (quantity.state == Quantity::State::kValue && quantity.value < info.low);
    const bool is_high = quantity.state == Quantity::State::kHuge || quantity.value > info.high;
    if (is_low || is_high) {
      Refuse(
          DiagnosticCode::kSpecOutOfRange, info, node,
          fmt::format("`{}` of {} is too {}: the {} legal value is {}", info.path, Quote(node.text),
                      is_low ? "small" : "large", is_low ? "smallest" : "largest",
                      FormatValue(info, is_low ? info.low : info.high)));
      return;
    }
    value.number = quantity.value;
    if (info.power_of_two && !IsPowerOfTwo(value.number)) {
      const uint64_t below = PowerOfTwoBelow(value.number);
      Refuse(DiagnosticCode::kSpecNotPowerOfTwo, info, node,
             fmt::format("`{}` of {} is not a power of two; the nearest are {} and {}", info.path,
                         Quote(node.text), FormatValue(info, below), FormatValue(info, below * 2)));
    }
  }

  Spec spec_;
  Diagnostics errors_;
};

}  // namespace

Spec::Spec(std::string file) : file_(std::move(file)) {
  for (const KeyInfo& key : AllKeys()) {
    if (key.kind == KeyKind::kBlock) continue;
    SpecValue& value = values_[key.path];
    value.number = key.default_value;
    value.usable = key.presence != KeyPresence::kRequired;
  }
}

SpecReading ReadSpec(std::string_view text, const std::string& file,
                     const std::vector<SpecChange>& changes) {
  return Reader(file).Read(text, changes);
}

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// Reads keys of descriptions: texts, counts, numbers with units, blocks.
#include "generator/synth/yaml_fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "generator/support/text.h"

namespace npugen {

std::vector<FieldUnit> AreaUnits() { return {{"um2", 1}, {"mm2", 1e6}, {"nm2", 1e-6}}; }
std::vector<FieldUnit> TimeUnits() { return {{"ns", 1}, {"ps", 1e-3}, {"us", 1e3}}; }
std::vector<FieldUnit> CapacitanceUnits() { return {{"pF", 1}, {"fF", 1e-3}}; }
std::vector<FieldUnit> VoltageUnits() { return {{"V", 1}, {"mV", 1e-3}}; }
std::vector<FieldUnit> EnergyUnits() { return {{"pJ", 1}, {"fJ", 1e-3}, {"nJ", 1e3}}; }

YamlFields::YamlFields(const YamlNode& node, std::string file, std::string block,
                       Diagnostics* errors)
    : node_(node), file_(std::move(file)), block_(std::move(block)), errors_(errors) {
  if (node.kind != YamlNode::Kind::kMap) {
    Fail(DiagnosticCode::kSpecWrongType, node,
         block_.empty() ? "the file is no list of keys and values"
                        : fmt::format("`{}` is no list of keys and values", block_),
         "write `key: value` lines");
  }
}

std::string YamlFields::Name(std::string_view key) const {
  return block_.empty() ? std::string(key) : fmt::format("{}.{}", block_, key);
}

void YamlFields::Fail(DiagnosticCode code, const YamlNode& at, std::string message,
                      std::string hint) {
  errors_->push_back({code, {file_, at.line, at.column}, std::move(message), std::move(hint)});
}

const YamlNode* YamlFields::Find(std::string_view key) const {
  for (size_t i = 0; i < node_.keys.size() && i < node_.items.size(); ++i) {
    if (node_.keys[i].text == key) return &node_.items[i];
  }
  return nullptr;
}

const YamlNode* YamlFields::Get(std::string_view key, bool required, YamlNode::Kind kind,
                                std::string_view expected) {
  asked_.emplace_back(key);
  if (node_.kind != YamlNode::Kind::kMap) return nullptr;
  const YamlNode* value = Find(key);
  if (value == nullptr) {
    if (required) {
      Fail(DiagnosticCode::kSpecMissingKey, node_, fmt::format("`{}` is missing", Name(key)),
           fmt::format("{} is expected", expected));
    }
    return nullptr;
  }
  if (value->kind != kind) {
    Fail(DiagnosticCode::kSpecWrongType, *value, fmt::format("`{}` is not {}", Name(key), expected),
         fmt::format("{} is expected", expected));
    return nullptr;
  }
  return value;
}

PlacedText YamlFields::Text(std::string_view key, bool required) {
  const YamlNode* value = Get(key, required, YamlNode::Kind::kScalar, "a text");
  if (value == nullptr) return {};
  return {value->text, {file_, value->line, value->column}};
}

double YamlFields::Quantity(std::string_view key, const std::vector<FieldUnit>& units,
                            bool required) {
  std::string legal;
  for (const FieldUnit& unit : units) {
    legal += fmt::format("{}{}", legal.empty() ? "" : ", ", unit.name);
  }
  const YamlNode* value = Get(key, required, YamlNode::Kind::kScalar, "a number with its unit");
  if (value == nullptr) return 0;
  double number = 0;
  const char* begin = value->text.data();
  const char* end = begin + value->text.size();
  const auto [rest, error] = std::from_chars(begin, end, number);
  if (error != std::errc() || !std::isfinite(number) || number <= 0) {
    Fail(DiagnosticCode::kSpecWrongType, *value,
         fmt::format("`{}`: `{}` is no number above zero", Name(key), value->text),
         fmt::format("write a number and one of the units {}", legal));
    return 0;
  }
  std::string_view unit(rest, static_cast<size_t>(end - rest));
  while (unit.starts_with(' ')) unit.remove_prefix(1);
  for (const FieldUnit& known : units) {
    if (unit == known.name) return number * known.factor;
  }
  Fail(DiagnosticCode::kSpecBadUnit, *value,
       unit.empty() ? fmt::format("`{}` has no unit", Name(key))
                    : fmt::format("`{}`: unknown unit `{}`", Name(key), unit),
       fmt::format("legal units: {}", legal));
  return 0;
}

uint64_t YamlFields::Count(std::string_view key, uint64_t low, uint64_t high, bool required) {
  const YamlNode* value = Get(key, required, YamlNode::Kind::kScalar, "a whole number");
  if (value == nullptr) return low;
  uint64_t number = 0;
  const char* end = value->text.data() + value->text.size();
  const auto [rest, error] = std::from_chars(value->text.data(), end, number);
  if (error != std::errc() || rest != end) {
    Fail(DiagnosticCode::kSpecWrongType, *value,
         fmt::format("`{}`: `{}` is no whole number", Name(key), value->text),
         fmt::format("legal: {} to {}", low, high));
    return low;
  }
  if (number < low || number > high) {
    Fail(DiagnosticCode::kSpecOutOfRange, *value, fmt::format("`{}` is {}", Name(key), number),
         fmt::format("legal: {} to {}", low, high));
    return low;
  }
  return number;
}

const YamlNode* YamlFields::Block(std::string_view key, bool required) {
  return Get(key, required, YamlNode::Kind::kMap, "a block of keys");
}

const YamlNode* YamlFields::List(std::string_view key, bool required) {
  return Get(key, required, YamlNode::Kind::kList, "a list");
}

void YamlFields::Finish() {
  const std::vector<std::string_view> legal(asked_.begin(), asked_.end());
  for (size_t i = 0; i < node_.keys.size(); ++i) {
    const YamlNode& key = node_.keys[i];
    if (std::find(asked_.begin(), asked_.end(), key.text) == asked_.end()) {
      const std::string_view near = NearestWord(key.text, legal);
      Fail(DiagnosticCode::kSpecUnknownKey, key, fmt::format("unknown key `{}`", Name(key.text)),
           near.empty() ? fmt::format("legal keys: {}", fmt::join(legal, ", "))
                        : fmt::format("did you mean `{}`?", near));
    }
    for (size_t earlier = 0; earlier < i; ++earlier) {
      if (node_.keys[earlier].text != key.text) continue;
      Fail(DiagnosticCode::kSpecDuplicateKey, key,
           fmt::format("`{}` is given twice", Name(key.text)),
           fmt::format("the first one is in line {}; keep one of them", node_.keys[earlier].line));
      break;
    }
  }
}

}  // namespace npugen

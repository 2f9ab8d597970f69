// SPDX-License-Identifier: Apache-2.0
// Reads keys of descriptions (technologies, tables of macros) from YAML; reports all errors with
// their places.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "generator/spec/yaml_tree.h"
#include "generator/support/diagnostic.h"

namespace npugen {

/// A unit of a quantity and how many of the base unit it is.
struct FieldUnit {
  std::string_view name;
  double factor;
};
/// Square micrometres, nanoseconds, picofarads, volts, picojoules: what programs calculate in.
std::vector<FieldUnit> AreaUnits();
std::vector<FieldUnit> TimeUnits();
std::vector<FieldUnit> CapacitanceUnits();
std::vector<FieldUnit> VoltageUnits();
std::vector<FieldUnit> EnergyUnits();

/// A value and where it stands.
struct PlacedText {
  std::string text;
  SourceLocation location;
};

/// One block of a description. All functions note errors in the list that the reader was made with.
class YamlFields {
 public:
  /// `block` is how messages call the block; empty: the whole file. `node` must outlive the reader.
  YamlFields(const YamlNode& node, std::string file, std::string block, Diagnostics* errors);

  /// Errors for keys that none of the functions below has asked for, and for those given twice. To
  /// be called last.
  void Finish();

  bool Has(std::string_view key) const { return Find(key) != nullptr; }
  /// The text of a key; empty with an error when it is missing and required, or no text.
  PlacedText Text(std::string_view key, bool required = true);
  /// A number above zero with one of `units`, in the base unit; 0 with an error otherwise.
  double Quantity(std::string_view key, const std::vector<FieldUnit>& units, bool required = true);
  /// A whole number from `low` to `high`; `low` with an error otherwise.
  uint64_t Count(std::string_view key, uint64_t low, uint64_t high, bool required = true);
  /// The map or list under a key, nullptr with an error when it is missing and required or of
  /// another kind.
  const YamlNode* Block(std::string_view key, bool required = true);
  const YamlNode* List(std::string_view key, bool required = true);

  SourceLocation Place() const { return {file_, node_.line, node_.column}; }
  std::string Name(std::string_view key) const;

 private:
  const YamlNode* Find(std::string_view key) const;
  const YamlNode* Get(std::string_view key, bool required, YamlNode::Kind kind,
                      std::string_view expected);
  void Fail(DiagnosticCode code, const YamlNode& at, std::string message, std::string hint);

  const YamlNode& node_;
  std::string file_, block_;
  Diagnostics* errors_;
  std::vector<std::string> asked_;
};

}  // namespace npugen

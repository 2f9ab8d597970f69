// SPDX-License-Identifier: Apache-2.0
// The options table of one operator of a TFLite file, as the families read it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sw/model/flat_table.h"
#include "sw/model/model.h"
#include "sw/model/operators/checker.h"
#include "sw/model/tflite_schema.h"

namespace npugen {

/// Fields by their numbers in the schema (tflite_schema.h). What a field holds and npugen does not
/// support is refused and read as if it were not there.
class OptionReader {
 public:
  /// `kind` is the BuiltinOptions number of `table`.
  /// `custom_options` are those of an operator of the family custom.
  OptionReader(const FlatTable& table, uint8_t kind, Operator& operation, FileForm& file_form,
               const std::vector<uint8_t>* custom_options)
      : op(operation), form(file_form), custom(custom_options), table_(table), kind_(kind) {}

  Operator& op;    ///< gets the options
  FileForm& form;  ///< gets what Operator has no place for
  const std::vector<uint8_t>* const custom;

  /// Whether to go on: the table is of kind `kind`, or missing and not `required` (all fields then
  /// have their defaults).
  bool Expect(uint8_t kind, bool required);
  int32_t Number(int field, int32_t default_value) const {
    return table_.Scalar<int32_t>(field, default_value, "an operator's option");
  }
  int8_t Code(int field, const char* what) const { return table_.Scalar<int8_t>(field, 0, what); }
  bool Flag(int field) const {
    return table_.Scalar<uint8_t>(field, 0, "an operator's option") != 0;
  }
  float Real(int field) const { return table_.Scalar<float>(field, 0.0f, "an operator's option"); }
  npugen::Activation Activation(int field);
  npugen::Padding Padding(int field);
  /// The type in which a product is accumulated: int32, or not given.
  void BiasType(int field);

  void Refuse(std::string reason) { refusals_.push_back(std::move(reason)); }
  /// Why the options are refused; empty if they are not.
  const std::vector<std::string>& refusals() const { return refusals_; }

 private:
  const FlatTable& table_;
  const uint8_t kind_;
  std::vector<std::string> refusals_;
};

}  // namespace npugen

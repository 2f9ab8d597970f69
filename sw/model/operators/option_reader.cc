// SPDX-License-Identifier: Apache-2.0
// Fields that several options tables have.
#include "sw/model/operators/option_reader.h"

#include <fmt/core.h>

namespace npugen {

bool OptionReader::Expect(uint8_t kind, bool required) {
  if (!table_.present()) {
    if (required) Refuse("has no options");
    return !required;
  }
  if (kind_ == kind) return true;
  Refuse(fmt::format("has options of kind {}, not {}", kind_, kind));
  return false;
}

Activation OptionReader::Activation(int field) {
  const int8_t value = Code(field, "an operator's activation");
  if (value >= 0 && value <= static_cast<int8_t>(npugen::Activation::kRelu6)) {
    return static_cast<npugen::Activation>(value);
  }
  Refuse(fmt::format("fused activation {} is not supported", value));
  return npugen::Activation::kNone;
}

Padding OptionReader::Padding(int field) {
  const int8_t value = Code(field, "an operator's padding");
  if (value != 0 && value != 1) Refuse(fmt::format("padding {} is unknown", value));
  return value == 0 ? npugen::Padding::kSame : npugen::Padding::kValid;
}

void OptionReader::BiasType(int field) {
  const int8_t value = Code(field, "an operator's bias type");  // 0 stands for "not given"
  if (value != 0 && value != tflite::kInt32) {
    Refuse(fmt::format("accumulates in {}", tflite::TypeName(value)));
  }
}

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// The fill byte of the reference run's memory.
#include "tests/support/reference_fill.h"

namespace npugen::testing {

void PadAsTheReferenceDid(Model& model) {
  constexpr uint8_t kReferenceFill = 0xA5;
  for (Operator& op : model.operators) {
    if (op.type != OperatorType::kSpaceToBatch) continue;
    std::get<BatchSpaceOptions>(op.options).value = static_cast<int8_t>(kReferenceFill);
  }
}

}  // namespace npugen::testing

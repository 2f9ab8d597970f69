// SPDX-License-Identifier: Apache-2.0
// Operators of several tensors, element by element. Their options.
#pragma once

#include "sw/model/operators/option_types.h"

namespace npugen {

/// ADD, SUB, MUL. Operands broadcast as in NumPy; so do those of MAXIMUM, MINIMUM and
/// SQUARED_DIFFERENCE. (ADD_N has none: TFLite adds one more value 0, not zero point, to its sum.)
struct AddOptions {
  Activation activation = Activation::kNone;
};

/// All options of this family, for OperatorOptions.
using ElementwiseOptions = OptionList<AddOptions>;

}  // namespace npugen

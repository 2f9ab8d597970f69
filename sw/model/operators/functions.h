// SPDX-License-Identifier: Apache-2.0
// Functions of one value, and softmax. Their options.
#pragma once

#include "sw/model/operators/option_types.h"

namespace npugen {

struct SoftmaxOptions {
  float beta = 1.0f;
};

struct LeakyReluOptions {
  float alpha = 0.0f;
};

/// All options of this family, for OperatorOptions.
using FunctionsOptions = OptionList<SoftmaxOptions, LeakyReluOptions>;

}  // namespace npugen

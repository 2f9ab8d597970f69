// SPDX-License-Identifier: Apache-2.0
// Pools and reductions. Their options.
#pragma once

#include <cstdint>
#include <vector>

#include "sw/model/operators/option_types.h"

namespace npugen {

struct PoolOptions {
  Padding padding = Padding::kValid;
  int32_t stride_h = 1, stride_w = 1;
  int32_t filter_h = 1, filter_w = 1;
  Activation activation = Activation::kNone;
};

/// MEAN, SUM, REDUCE_MAX, REDUCE_MIN.
struct ReduceOptions {
  std::vector<int32_t> axes;  ///< normalized to 0..rank-1, ascending, unique
  bool keep_dims = false;
};

/// All options of this family, for OperatorOptions.
using WindowsOptions = OptionList<PoolOptions, ReduceOptions>;

}  // namespace npugen

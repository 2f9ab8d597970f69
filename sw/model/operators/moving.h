// SPDX-License-Identifier: Apache-2.0
// Operators that only move elements, along the dimensions of a tensor. Their options.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "sw/model/operators/option_types.h"

namespace npugen {

struct ReshapeOptions {};

struct PadOptions {
  std::vector<std::pair<int32_t, int32_t>>
      paddings;      ///< before, after for each dimension of the input
  int8_t value = 0;  ///< what PAD (the zero point) and PADV2 (their constant) fill with
};

struct MirrorPadOptions {
  std::vector<std::pair<int32_t, int32_t>> paddings;
  bool symmetric = false;  ///< true: the border element is repeated
};

struct TransposeOptions {
  std::vector<int32_t> permutation;  ///< output dimension d is input dimension permutation[d]
};

struct ReverseOptions {
  std::vector<int32_t> axes;
};

/// SLICE and STRIDED_SLICE, one entry for each dimension of the input: output element i is input
/// element begin + i * stride. Dimensions that STRIDED_SLICE drops have a size of 1.
struct SliceOptions {
  std::vector<int32_t> begin, stride, size;
};

/// Output position i of the dimensions that take the place of dimension `axis` is input position
/// indices[i]. The first `batch_dims` dimensions, all before `axis`, have lists of their own.
struct GatherOptions {
  int32_t axis = 0;
  int32_t batch_dims = 0;
  std::vector<int32_t> indices;  ///< batch by batch, in the order of the output; legal positions
};

/// All options of this family, for OperatorOptions.
using MovingOptions = OptionList<ReshapeOptions, PadOptions, MirrorPadOptions, TransposeOptions,
                                 ReverseOptions, SliceOptions, GatherOptions>;

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// Elements in other places: each one's origin is a sum of one offset for each dimension of the
// result.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "verif/golden/kernels.h"

namespace npugen::golden {

using Shape = std::vector<int32_t>;

inline constexpr int64_t kOutside = -1;

/// By dimension of the result, by position in it: an offset in the input, or kOutside.
using Origins = std::vector<std::vector<int64_t>>;

/// Elements from one position to the next, by dimension.
Shape Steps(const Shape& shape);

/// The elements of `in` at `origins`, `fill` where a dimension is outside.
Bytes Gather(const Bytes& in, const Origins& origins, uint8_t fill = 0);

/// With `paddings` (before, after for each dimension) of `value`.
Bytes Padded(const Bytes& in, const Shape& shape,
             const std::vector<std::pair<int32_t, int32_t>>& paddings, int8_t value);

/// Elements begin, begin + stride ... of each dimension.
Bytes Sliced(const Bytes& in, const Shape& shape, const SliceOptions& options);

/// Dimension d of the result is dimension permutation[d] of `shape`.
Bytes Transposed(const Bytes& in, const Shape& shape, const std::vector<int32_t>& permutation);

/// The kernel of an operator of one output, `function` of the input's bytes.
template <typename Function>
Kernel GatherKernel(Function function) {
  return [function](const Run& run) { *run.outputs[0] = function(*run.inputs[0]); };
}

}  // namespace npugen::golden

// SPDX-License-Identifier: Apache-2.0
// Kernels: operators made ready to run many times. Which one an operator has follows from its row
// in the operator table.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <vector>

#include "sw/model/model.h"
#include "sw/model/quantization.h"
#include "verif/golden/fixed_point.h"

namespace npugen::golden {

using Bytes = std::vector<uint8_t>;

/// What a kernel is made for. The model outlives the kernel.
struct Node {
  const Model& model;
  const Operator& op;
  Rounding rounding;

  const Tensor& input(size_t i = 0) const { return model.tensors[op.inputs[i]]; }
  const Tensor& output(size_t i = 0) const { return model.tensors[op.outputs[i]]; }
  int32_t Scale(int32_t x, const QuantizedMultiplier& factor) const {
    return MultiplyByQuantizedMultiplier(x, factor.multiplier, factor.shift, rounding);
  }
};

/// The bytes of one run: those of the operator's inputs (nullptr: absent) and of its outputs, which
/// have their tensors' sizes.
struct Run {
  std::vector<const Bytes*> inputs;
  std::vector<Bytes*> outputs;

  const int8_t* in(size_t i = 0) const {
    return reinterpret_cast<const int8_t*>(inputs[i]->data());
  }
  int8_t* out() const { return reinterpret_cast<int8_t*>(outputs[0]->data()); }
};
using Kernel = std::function<void(const Run& run)>;

/// MakeConv2d, MakeDepthwiseConv2d ...: one for each row of the table.
#define NPUGEN_OPERATOR(kind, ...) Kernel Make##kind(const Node& node);
#include "sw/model/operators.def"
#undef NPUGEN_OPERATOR

inline int8_t Clamp(int64_t value, const ActivationRange& range = {}) {
  return static_cast<int8_t>(std::clamp<int64_t>(value, range.min, range.max));
}

/// The limits of a fused activation.
inline ActivationRange RangeOf(const Node& node, Activation activation) {
  return ComputeActivationRange(activation, node.output().scale(), node.output().zero_point())
      .value();
}

/// Where a window lies along one dimension: positions start + tap * dilation for tap in [first,
/// last).
struct WindowSpan {
  int64_t start;
  int64_t first;
  int64_t last;
};

inline WindowSpan PlaceWindow(int64_t output, int64_t stride, int64_t padding, int64_t filter,
                              int64_t dilation, int64_t size) {
  WindowSpan span;
  span.start = output * stride - padding;
  span.first = span.start < 0 ? (-span.start + dilation - 1) / dilation : 0;
  span.last = span.start >= size ? 0 : (size - 1 - span.start) / dilation + 1;
  span.last = std::min(span.last, filter);
  span.first = std::min(span.first, span.last);
  return span;
}

/// Calls function(i, a, b) for each element of `shape`, with the elements of the two operands,
/// whose dimensions of size 1 are stretched.
template <typename Function>
void ForEachPair(const std::vector<int32_t>& shape, const std::vector<int32_t>& first,
                 const std::vector<int32_t>& second, Function function) {
  const size_t rank = shape.size();
  const auto steps = [&](const std::vector<int32_t>& operand) {
    std::vector<int64_t> result(rank, 0);
    int64_t step = 1;
    for (size_t i = 1; i <= operand.size(); ++i) {
      const int32_t size = operand[operand.size() - i];
      if (size != 1) result[rank - i] = step;
      step *= size;
    }
    return result;
  };
  const std::vector<int64_t> first_steps = steps(first);
  const std::vector<int64_t> second_steps = steps(second);
  int64_t count = 1;
  for (int32_t size : shape) count *= size;
  std::vector<int32_t> position(rank, 0);
  int64_t a = 0, b = 0;
  for (int64_t i = 0; i < count; ++i) {
    function(i, a, b);
    for (size_t d = rank; d-- > 0;) {
      a += first_steps[d];
      b += second_steps[d];
      if (++position[d] < shape[d]) break;
      a -= first_steps[d] * shape[d];
      b -= second_steps[d] * shape[d];
      position[d] = 0;
    }
  }
}

}  // namespace npugen::golden

// SPDX-License-Identifier: Apache-2.0
// Strided views of storages: how operators that only move data are said.
#pragma once

#include <cstdint>
#include <vector>

#include "sw/compiler/lower/layer.h"

namespace npugen::compiler {

/// Elements of a storage in some order. Views are values; the functions below make new ones.
struct View {
  int32_t storage = 0;
  int64_t offset = 0;  ///< bytes of the first element
  int64_t element_bytes = 1;
  std::vector<int64_t> shape;
  std::vector<int64_t> strides;  ///< bytes; may be negative, or 0 where elements repeat
};

/// All elements of a storage in row-major order.
View DenseView(int32_t storage, const std::vector<int64_t>& shape, int64_t element_bytes = 1);
/// Dimension d of the result is dimension permutation[d] of `view`.
View Transposed(const View& view, const std::vector<int32_t>& permutation);
/// Elements begin, begin + stride, ... (`size` of them) of a dimension; the stride may be negative.
View Sliced(const View& view, size_t dimension, int64_t begin, int64_t size, int64_t stride = 1);
/// The dimension backwards.
View Reversed(const View& view, size_t dimension);
/// A dimension of size a * b as two of sizes a and b.
View SplitDimension(const View& view, size_t dimension, int64_t inner);
/// With a further dimension of size 1 in front of `dimension`, or without one that has size 1.
View WithDimension(const View& view, size_t dimension);
View WithoutDimension(const View& view, size_t dimension);
/// Numpy broadcasting to `shape`: dimensions of size 1, or missing ones in front, repeat.
View Broadcast(const View& view, const std::vector<int64_t>& shape);

/// An empty copy layer that writes `output`.
Layer NewCopy(int32_t output, uint8_t fill = 0);
/// Appends a box to a copy layer: `target` (a view of its output) gets the elements of `source`, of
/// the same shape.
void AddCopy(Layer* copy, const View& source, const View& target);
/// `target` gets the layer's fill byte.
void AddFill(Layer* copy, const View& target);

}  // namespace npugen::compiler

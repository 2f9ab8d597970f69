// SPDX-License-Identifier: Apache-2.0
// Single bits of kBits tensors; the layout is that of Tensor in model.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "sw/model/model.h"

namespace npugen {

/// A bit of a kBits tensor: `byte` of its bytes, bit `shift` of that.
struct BitPlace {
  size_t byte;
  int32_t shift;
};

/// Where plane `plane` of the code at [n, y, x, c] stands; all within the tensor's shape, but that
/// `c` may reach to the end of the pixel's last byte (those bits are 0).
inline BitPlace PlaceOfBit(const Tensor& tensor, int64_t n, int64_t y, int32_t plane, int64_t x,
                           int64_t c) {
  const int64_t pixel_bytes = (int64_t{tensor.shape[3]} + 7) / 8;
  const int64_t row = (n * tensor.shape[1] + y) * tensor.bit_row_bytes();
  const int64_t pixel = (plane * int64_t{tensor.shape[2]} + x) * pixel_bytes;
  return {static_cast<size_t>(row + pixel + c / 8), static_cast<int32_t>(c % 8)};
}

/// Where the value at [0, y, x, c] of a kBits tensor with values, or of an int16 tensor, begins.
inline size_t PlaceOfValue(const Tensor& tensor, int64_t y, int64_t x, int64_t c) {
  const int64_t element = x * tensor.shape[3] + c;
  if (tensor.type != TensorType::kBits) {
    return static_cast<size_t>(2 * (y * tensor.shape[2] * tensor.shape[3] + element));
  }
  return static_cast<size_t>((y + 1) * tensor.bit_row_bytes() - tensor.value_row_bytes() +
                             2 * element);
}

}  // namespace npugen

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
  const int64_t row = (n * tensor.shape[1] + y) * tensor.planes + plane;
  return {static_cast<size_t>((row * tensor.shape[2] + x) * pixel_bytes + c / 8),
          static_cast<int32_t>(c % 8)};
}

}  // namespace npugen

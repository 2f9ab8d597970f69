// SPDX-License-Identifier: Apache-2.0
// Operators on int16.
#pragma once

#include "verif/golden/kernels.h"

namespace npugen::golden {

/// Whether the operator's result is int16 and not only converted to it.
bool IsWide(const Node& node);
/// Its kernel: of operators that move data the int8 one, plane by plane.
Kernel MakeWide(const Node& node, Kernel (*make)(const Node& node));

/// Modulo 2^64, as the driver adds: a bias of a file may be anything.
inline int64_t WrappingSum(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}
/// A sum of 64 bits times a factor: TFLite's MultiplyByQuantizedMultiplier(int64_t), modulo 2^64.
int32_t ScaleWide(int64_t sum, const QuantizedMultiplier& factor);
/// The hyperbolic tangent and the sigmoid of an int16 value by TFLite's table.
int16_t WideLogistic(int32_t value, const QuantizedMultiplier& factor);
int16_t WideTanh(int32_t value, const QuantizedMultiplier& factor);

inline int16_t ClampWide(int64_t value, const ActivationRange& range = {-32768, 32767}) {
  return static_cast<int16_t>(std::clamp<int64_t>(value, range.min, range.max));
}

}  // namespace npugen::golden

// SPDX-License-Identifier: Apache-2.0
// From a sum to a result: scale, bias, ReLU, largest magnitude, cast (docs/machine.md, 4.9).
#pragma once

#include <cstdint>
#include <optional>

#include "sw/numerics/float_format.h"

namespace npugen::numerics {

/// What a command does with every sum; constants that are not given do not take part.
struct Drain {
  std::optional<Fp32> scale = {};       ///< of the channel
  std::optional<Fp32> bias = {};        ///< of the channel
  bool relu = false;                    ///< what is not above 0 becomes +0; a NaN stays
  std::optional<Fp32> cast_scale = {};  ///< behind the largest magnitude
  const FloatFormat* format = nullptr;  ///< of results; nullptr: FP32
  Overflow overflow = Overflow::kInfinity;
  bool stochastic = false;  ///< with kBf16: not to nearest
};

struct Drained {
  uint32_t code = 0;
  bool above_zero = false;  ///< the code's value
};

/// The result of a sum. `largest` becomes the largest magnitude so far, and stays NaN once there
/// was a NaN. `random`: 0..65535 for stochastic rounding.
Drained DrainSum(const Drain& drain, Fp32 sum, Fp32& largest, uint32_t random = 0);

}  // namespace npugen::numerics

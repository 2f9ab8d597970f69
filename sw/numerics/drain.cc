// SPDX-License-Identifier: Apache-2.0
// One rounding for each operation, in this order.
#include "sw/numerics/drain.h"

namespace npugen::numerics {

Drained DrainSum(const Drain& drain, Fp32 sum, Fp32& largest, uint32_t random) {
  Fp32 value = IsNaN(sum) ? kFp32NaN : sum;
  if (drain.scale) value = Multiply(value, *drain.scale);
  if (drain.bias) value = Add(value, *drain.bias);
  if (drain.relu && !IsNaN(value) && !IsLess(0, value)) value = 0;
  largest = IsNaN(largest) || IsNaN(value) ? kFp32NaN : Maximum(largest, Magnitude(value));
  if (drain.cast_scale) value = Multiply(value, *drain.cast_scale);
  if (drain.format == nullptr) return {value, IsLess(0, value)};
  const uint32_t code = drain.stochastic ? ToBf16Stochastically(value, random)
                                         : ToFormat(*drain.format, value, drain.overflow);
  return {code, IsLess(0, FromFormat(*drain.format, code))};
}

}  // namespace npugen::numerics

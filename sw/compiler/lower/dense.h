// SPDX-License-Identifier: Apache-2.0
// Dense products with constant weights, for everything that is a matrix product at heart.
#pragma once

#include <cstdint>
#include <functional>

#include "sw/compiler/lower/lower_operators.h"

namespace npugen::compiler {

/// What k1_count, k2_count, win_rows and win_cols can hold.
inline constexpr int64_t kLargestLoopCount = 255;

/// Weight of output channel `o` at kernel row, kernel column and input channel: of 8 bits, or of 9
/// where the layer has several parts (Layer::parts).
using WeightFunction =
    std::function<int16_t(int64_t o, int64_t kernel_row, int64_t kernel_column, int64_t c)>;
/// Record of an output channel.
using RecordFunction = std::function<ParameterRecord(int64_t o)>;

/// Whether slices may be cut from the kernel rows of `g`, of `run` bytes each, strung together:
/// none spans more rows than are fetched at a time, and all fields can hold what they must.
bool StrungSlicesLegal(const NpuConfig& config, const Geometry& g, int64_t run);

/// What the kernel of a MATMUL costs at one position.
struct DenseCost {
  double cycles = 0;    ///< until PE memory has delivered the operands of all slices
  int64_t slices = 0;   ///< of a group
  bool strung = false;  ///< cut from all kernel rows strung together (Layer::gather)
};
/// That of a layer whose geometry, parts and shift_sums are set; of the cheaper way to cut slices.
DenseCost CostOfDense(const NpuConfig& config, const Layer& layer);

/// Fills groups, slices and weights of a MATMUL layer whose geometry is set.
LowerResult SetDenseWeights(const NpuConfig& config, Layer* layer, const WeightFunction& weight);

/// Completes a MATMUL layer (geometry, storages, output type and clamping are set) and appends it.
LowerResult AppendDense(LoweringContext& context, Layer layer, const WeightFunction& weight,
                        const RecordFunction& record);

/// Completes a WINDOW layer whose geometry has as many output as input channels, and appends it;
/// weights are those of input channel 0.
LowerResult AppendDepthwise(LoweringContext& context, Layer layer, const WeightFunction& weight,
                            const RecordFunction& record);

/// Part `part` of a weight: each part has 8 bits, and all of them add up to it.
int8_t PartOf(int32_t weight, int64_t part);
/// Parts that a weight needs.
int64_t PartsOfWeight(int32_t weight);

/// Digit `digit` (0: the least significant) of a number in base 256 with digits -128..127.
int8_t SignedDigit(int64_t number, int64_t digit);

/// The geometry of a layer that multiplies, at each of `positions` places of `in_c` bytes, with
/// weights of `digits` base-256 digits (see Layer::shift_sums), most significant first.
void SetDigits(int64_t positions, int64_t in_c, int64_t out_c, int64_t digits, Layer* layer);

/// The largest divisor of `number` that is at most `most`.
int64_t LargestDivisor(int64_t number, int64_t most);

}  // namespace npugen::compiler

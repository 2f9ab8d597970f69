// The integer parameters that TensorFlow Lite derives from scales, zero points and window shapes.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "sw/model/model.h"

namespace npugen {

/// The factor multiplier * 2^(shift - 31), 2^30 <= multiplier < 2^31, or zero (0, 0).
struct QuantizedMultiplier {
  int32_t multiplier = 0;
  int32_t shift = 0;
  friend bool operator==(const QuantizedMultiplier&, const QuantizedMultiplier&) = default;
};

/// The largest shift of a factor that the reader accepts: an int32 has to survive it.
inline constexpr int32_t kMaxLeftShift = 30;

/// TFLite QuantizeMultiplier (quantization_util.cc): mantissa rounded to 31 bits, halves away from
/// zero; factors below 2^-32 become zero. `factor` is finite and >= 0.
QuantizedMultiplier QuantizeMultiplier(double factor);

/// CONV_2D and DEPTHWISE_CONV_2D: double(input) * double(filter[c]) / double(output), one factor
/// per output channel. `filter_scales` has 1 or `channels` entries.
std::vector<double> ConvFactors(float input_scale, std::span<const float> filter_scales,
                                float output_scale, int32_t channels);

/// FULLY_CONNECTED: as ConvFactors with several filter scales; with one scale the product of the
/// two scales is rounded to float32 before it is divided by double(output). One factor per unit.
std::vector<double> FullyConnectedFactors(float input_scale, std::span<const float> filter_scales,
                                          float output_scale, int32_t units);

/// The factors of a CONV_2D, DEPTHWISE_CONV_2D or FULLY_CONNECTED, one per output channel,
/// quantized.
std::vector<QuantizedMultiplier> OutputMultipliers(const Model& model, const Operator& op);

/// ADD: both operands, shifted left by kAddLeftShift, are scaled by their factors and summed; the
/// sum is scaled by `output`. All shifts are <= 0.
struct AddMultipliers {
  QuantizedMultiplier input1;  ///< of s1 / (2 max(s1, s2))
  QuantizedMultiplier input2;  ///< of s2 / (2 max(s1, s2))
  QuantizedMultiplier output;  ///< of 2 max(s1, s2) / (2^20 output scale)
};
inline constexpr int32_t kAddLeftShift = 20;
/// Empty if TFLite cannot represent it (a factor of 1 or more, or of zero).
std::optional<AddMultipliers> ComputeAddMultipliers(float scale1, float scale2, float output_scale);

/// MEAN over `count` elements: TFLite quantizes input/output scale and then folds 1/count into the
/// multiplier (reference/reduce.h): shift s = min(floor(log2 count), 32, 31 + shift),
/// multiplier = floor((multiplier << s) / count), shift = shift - s.
QuantizedMultiplier MeanMultiplier(float input_scale, float output_scale, int64_t count);

/// SOFTMAX on int8: differences to the row's maximum are multiplied by 2^shift and by
/// multiplier / 2^31 to give Q5.26; differences below `diff_min` count as zero probability.
struct SoftmaxParameters {
  int32_t multiplier = 0;
  int32_t left_shift = 0;
  int32_t diff_min = 0;
};
/// Empty if beta * scale is so small (<= 2^-26) that TFLite refuses it.
std::optional<SoftmaxParameters> ComputeSoftmaxParameters(float beta, float input_scale);

/// The int8 limits of a fused activation: zero point + round(limit / scale), clipped to int8. Empty
/// if limit / scale is beyond int32.
struct ActivationRange {
  int32_t min = -128;
  int32_t max = 127;
};
std::optional<ActivationRange> ComputeActivationRange(Activation activation, float output_scale,
                                                      int32_t output_zero_point);

/// Positions of a window along one dimension: SAME ceil(size / stride), VALID
/// ceil((size - span + 1) / stride) with span = (filter - 1) * dilation + 1; 0 if the window does
/// not fit. All arguments >= 1.
int32_t WindowOutputSize(Padding padding, int32_t size, int32_t filter, int32_t stride,
                         int32_t dilation);

/// Padding in front of (left of, above) a dimension: max((output - 1) * stride + span - size, 0) /
/// 2; the rest, an odd element included, is at the end. Always 0 for VALID.
int32_t PaddingBefore(Padding padding, int32_t size, int32_t output, int32_t filter, int32_t stride,
                      int32_t dilation);

}  // namespace npugen

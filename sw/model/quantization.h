// SPDX-License-Identifier: Apache-2.0
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

/// The same for factors of sums of 64 bits, of int16 data.
inline constexpr int32_t kMaxWideShift = 7;

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

/// The factors of a CONV_2D, DEPTHWISE_CONV_2D, TRANSPOSE_CONV or FULLY_CONNECTED, one per output
/// channel, quantized; BATCH_MATMUL has one, formed as that of a FULLY_CONNECTED.
std::vector<QuantizedMultiplier> OutputMultipliers(const Model& model, const Operator& op);

/// ADD: both operands, shifted left by kAddLeftShift, are scaled by their factors and summed; the
/// sum is scaled by `output`. All shifts are <= 0.
struct AddMultipliers {
  QuantizedMultiplier input1;  ///< of s1 / (2 max(s1, s2))
  QuantizedMultiplier input2;  ///< of s2 / (2 max(s1, s2))
  QuantizedMultiplier output;  ///< of 2 max(s1, s2) / (2^20 output scale)
};
inline constexpr int32_t kAddLeftShift = 20;
inline constexpr int32_t kWideAddLeftShift = 15;  ///< of int16
/// Empty if TFLite cannot represent it (a factor of 1 or more, or of zero).
std::optional<AddMultipliers> ComputeAddMultipliers(float scale1, float scale2, float output_scale,
                                                    int32_t left_shift = kAddLeftShift);

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

/// LOG_SOFTMAX: as SOFTMAX, and the factor (below 1) that leads back from Q5.26 to differences.
struct LogSoftmaxParameters {
  SoftmaxParameters softmax;
  QuantizedMultiplier reverse;
};
/// Empty where TFLite refuses the scale.
std::optional<LogSoftmaxParameters> ComputeLogSoftmaxParameters(float input_scale);

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

// The parameters below are empty where TFLite refuses, or where an int32 of its arithmetic could
// overflow.

/// SUB: as ADD, but all quotients are formed in float32.
std::optional<AddMultipliers> ComputeSubMultipliers(float scale1, float scale2, float output_scale,
                                                    int32_t left_shift = kAddLeftShift);

/// SQUARED_DIFFERENCE: both operands, shifted left by kSquaredDifferenceLeftShift, are scaled by
/// their factors; the square of the difference is scaled by `output`, of
/// (2 max(s1, s2))^2 / float(2^14 output scale). Of int16 nothing is shifted.
inline constexpr int32_t kSquaredDifferenceLeftShift = 7;
std::optional<AddMultipliers> ComputeSquaredDifferenceMultipliers(
    float scale1, float scale2, float output_scale,
    int32_t left_shift = kSquaredDifferenceLeftShift);

/// ADD_N: as ADD with two equal scales; at most this many operands cannot overflow the sum.
inline constexpr size_t kMaxAddNOperands = 15;

/// MUL: double(s1) * double(s2) / double(output); of uint8 networks all in float32.
std::optional<QuantizedMultiplier> MulMultiplier(float scale1, float scale2, float output_scale,
                                                 bool wide = false, bool from_uint8 = false);

/// QUANTIZE, from a type whose differences to the zero point are below 2^`value_bits`; SUM, whose
/// sums are: double(input) / double(output).
std::optional<QuantizedMultiplier> RescaleMultiplier(float input_scale, float output_scale,
                                                     int32_t value_bits);
/// Bits of |value - zero point| for the values of an 8-bit, 16-bit or 32-bit type: 8, 16 or 32.
int32_t ValueBits(TensorType type);

/// RELU and ABS: double(input / output), the quotient in float32.
std::optional<QuantizedMultiplier> UnaryMultiplier(float input_scale, float output_scale,
                                                   bool wide = false);

/// RELU6 does not rescale: values are clamped to zero point .. zero point + round(6 / scale) of its
/// *input*. The limit, clipped to int8.
int32_t Relu6Limit(float input_scale, int32_t input_zero_point);

/// LEAKY_RELU, quotients and products in float32.
struct LeakyReluMultipliers {
  QuantizedMultiplier identity;  ///< for values >= 0: of input / output
  QuantizedMultiplier alpha;     ///< for values < 0: of input * |alpha| / output
  bool negative = false;         ///< alpha < 0: the scaled value changes its sign
};
std::optional<LeakyReluMultipliers> ComputeLeakyReluMultipliers(float alpha, float input_scale,
                                                                float output_scale,
                                                                bool wide = false);

/// PRELU, in double.
struct PreluMultipliers {
  QuantizedMultiplier identity;  ///< for values >= 0: of input / output
  QuantizedMultiplier alpha;     ///< for values < 0, times alpha: of input * alpha / output
};
std::optional<PreluMultipliers> ComputePreluMultipliers(float input_scale, float alpha_scale,
                                                        float output_scale, bool wide = false);

/// RSQRT: 1 / (sqrt(input) * output), root and product in float32.
std::optional<QuantizedMultiplier> RsqrtMultiplier(float input_scale, float output_scale);

/// LOGISTIC and TANH: differences to the zero point become Q4.27 by the factor; from `radius` on
/// the result saturates.
struct SigmoidParameters {
  QuantizedMultiplier input;  ///< of input scale * 2^27; shift >= 0
  int32_t radius = 0;         ///< floor(15 * 2^27 / 2^shift)
};
std::optional<SigmoidParameters> ComputeSigmoidParameters(float input_scale);

/// LOGISTIC and TANH of int16: (x * multiplier + 2^(shift - 1)) >> shift is in steps of 1 / (3 *
/// 2^12), by which SigmoidTable() is looked up. Empty beyond TFLite's range.
std::optional<QuantizedMultiplier> ComputeWideSigmoidFactor(float input_scale, bool tanh);
/// The same for a power of two: TANH in an LSTM, whose cell state has scale 2^`log2_scale`.
std::optional<QuantizedMultiplier> CellTanhFactor(int32_t log2_scale);
/// log2 of a scale that is nearly a power of two.
std::optional<int32_t> PowerOfScale(float scale);
/// TFLite's table of 2^16 * sigmoid(i / 24).
const std::vector<int32_t>& SigmoidTable();

/// SOFTMAX of int16: differences to the maximum are multiplied by it, so that -65535 is -10. Empty
/// if beta * scale is beyond its range.
std::optional<QuantizedMultiplier> WideSoftmaxFactor(float beta, float input_scale);
/// Its tables, of e^x over -10..0 and of 1 / (1 + x) over 0..1, in 512 steps (LUTPopulate).
std::vector<int16_t> WideExponentialTable();
std::vector<int16_t> WideReciprocalTable();

/// The limits of a fused activation of int16.
ActivationRange WideActivationRange(Activation activation, float output_scale);

/// The factors of an LSTM (sw/model/operators/recurrent.h), in the order of its gates.
struct LstmFactors {
  QuantizedMultiplier input[4], recurrent[4];
  QuantizedMultiplier forget_cell, input_cell, hidden, cell_tanh;
  int32_t cell_clip = 0;  ///< 0: none
};
/// Empty where a factor is beyond its range, or the cell's scale no power of two.
std::optional<LstmFactors> ComputeLstmFactors(const Model& model, const Operator& op);

/// The factors of an SVDF: of feature sums, quotients in float32, and of results.
struct SvdfFactors {
  QuantizedMultiplier feature, output;
};
std::optional<SvdfFactors> ComputeSvdfFactors(const Model& model, const Operator& op);

/// HARD_SWISH: 16-bit multipliers m * 2^(exponent - 15) of input / (128 output) and of
/// input * 32768 / (128 * 3), quotients in float32.
struct HardSwishParameters {
  int16_t output_multiplier = 0;
  int32_t output_exponent = 0;  ///< -15..0
  int16_t reluish_multiplier = 0;
  int32_t reluish_exponent = 0;  ///< -15..30
};
std::optional<HardSwishParameters> ComputeHardSwishParameters(float input_scale,
                                                              float output_scale);

/// RESIZE_NEAREST_NEIGHBOR: the input position (row or column) of an output position.
int32_t NearestSource(const ResizeOptions& options, int32_t position, int32_t input_size,
                      int32_t output_size);

/// RESIZE_BILINEAR: an output position lies between two input positions.
struct BilinearSource {
  int32_t lower = 0;
  int32_t upper = 0;
  int32_t fraction = 0;  ///< 0..1023: weight of `upper` in 1/1024; `lower` has 1024 - fraction
};
/// Empty if TFLite would read outside of the input, or overflow.
std::optional<BilinearSource> ComputeBilinearSource(const ResizeOptions& options, int32_t position,
                                                    int32_t input_size, int32_t output_size);

/// The same for networks of uint8, whose kernel computes positions in float32. The fraction is
/// exact where it says so; where `lower` and `upper` are the same it does not matter and is 0.
struct FloatBilinearSource {
  BilinearSource source;
  bool exact = false;  ///< the float32 fraction is a multiple of 1/1024
};
FloatBilinearSource ComputeFloatBilinearSource(const ResizeOptions& options, int32_t position,
                                               int32_t input_size, int32_t output_size);

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// Derivation of TFLite's integer parameters; the formulas are those of the TFLM reference kernels.
#include "sw/model/quantization.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace npugen {
namespace {

constexpr int32_t kSoftmaxIntegerBits = 5;  // differences are Q5.26

std::vector<double> BroadcastFactors(float input_scale, std::span<const float> filter_scales,
                                     float output_scale, int32_t channels) {
  std::vector<double> factors(channels);
  for (int32_t c = 0; c < channels; ++c) {
    const double filter_scale = filter_scales[filter_scales.size() > 1 ? c : 0];
    factors[c] =
        static_cast<double>(input_scale) * filter_scale / static_cast<double>(output_scale);
  }
  return factors;
}

// The steps of an ADD, a SUB, a SQUARED_DIFFERENCE must not enlarge: 0 < factor < 1 and a shift to
// the right.
std::optional<AddMultipliers> ReducingMultipliers(double factor1, double factor2,
                                                  double factor_output) {
  for (double factor : {factor1, factor2, factor_output}) {
    if (!(factor > 0.0 && factor < 1.0) || QuantizeMultiplier(factor).shift > 0) return {};
  }
  return AddMultipliers{QuantizeMultiplier(factor1), QuantizeMultiplier(factor2),
                        QuantizeMultiplier(factor_output)};
}

// The quantized factor, if it is finite, positive or zero, and shifts by no more than `max_shift`.
std::optional<QuantizedMultiplier> Bounded(double factor, int32_t max_shift) {
  if (!std::isfinite(factor) || factor < 0.0) return std::nullopt;
  const QuantizedMultiplier quantized = QuantizeMultiplier(factor);
  if (quantized.shift > max_shift) return std::nullopt;
  return quantized;
}

// The rescaled value plus a zero point stays within int32: |value| * 2^shift < 2^30.
constexpr int32_t MaxShift(int32_t value_bits) { return std::max(0, 30 - value_bits); }
constexpr int32_t kDifferenceBits = 8;  // of an int8 value and its zero point
constexpr int32_t kProductBits = 16;    // of two such differences
constexpr int32_t kWideBits = 16;       // of an int16 value
constexpr int32_t kWideProductBits = 31;

// TFLite DownScaleInt32ToInt16Multiplier: rounded to the upper half, saturated.
int16_t UpperHalf(int32_t multiplier) {
  constexpr int32_t kHalf = 1 << 15;
  if (multiplier >= std::numeric_limits<int32_t>::max() - kHalf) {
    return std::numeric_limits<int16_t>::max();
  }
  return static_cast<int16_t>((multiplier + kHalf) >> 16);
}

}  // namespace

QuantizedMultiplier QuantizeMultiplier(double factor) {
  if (!(factor > 0.0)) return {0, 0};
  int shift = 0;
  const double mantissa = std::frexp(factor, &shift);
  int64_t multiplier = std::llround(mantissa * 2147483648.0);
  if (multiplier == int64_t{1} << 31) {
    multiplier /= 2;
    ++shift;
  }
  if (shift < -31) return {0, 0};
  return {static_cast<int32_t>(multiplier), shift};
}

std::vector<double> ConvFactors(float input_scale, std::span<const float> filter_scales,
                                float output_scale, int32_t channels) {
  return BroadcastFactors(input_scale, filter_scales, output_scale, channels);
}

std::vector<double> FullyConnectedFactors(float input_scale, std::span<const float> filter_scales,
                                          float output_scale, int32_t units) {
  if (filter_scales.size() > 1) {
    return BroadcastFactors(input_scale, filter_scales, output_scale, units);
  }
  const float product = input_scale * filter_scales[0];
  return std::vector<double>(units,
                             static_cast<double>(product) / static_cast<double>(output_scale));
}

std::vector<QuantizedMultiplier> OutputMultipliers(const Model& model, const Operator& op) {
  if (!op.multipliers.empty()) {
    std::vector<QuantizedMultiplier> given;
    for (const auto& [multiplier, shift] : op.multipliers) given.push_back({multiplier, shift});
    return given;
  }
  const Tensor& input = model.tensors[op.inputs[0]];
  const Tensor& filter = model.tensors[op.inputs[1]];
  const Tensor& output = model.tensors[op.outputs[0]];
  const int32_t channels = op.type == OperatorType::kBatchMatMul ? 1 : output.shape.back();
  const std::vector<double> factors =
      op.from_uint8 || op.type == OperatorType::kFullyConnected ||
              op.type == OperatorType::kBatchMatMul
          ? FullyConnectedFactors(input.scale(), filter.scales, output.scale(), channels)
          : ConvFactors(input.scale(), filter.scales, output.scale(), channels);
  std::vector<QuantizedMultiplier> multipliers;
  multipliers.reserve(factors.size());
  for (double factor : factors) multipliers.push_back(QuantizeMultiplier(factor));
  return multipliers;
}

std::optional<AddMultipliers> ComputeAddMultipliers(float scale1, float scale2, float output_scale,
                                                    int32_t left_shift) {
  const double twice_larger = 2 * static_cast<double>(std::max(scale1, scale2));
  const double factor1 = static_cast<double>(scale1) / twice_larger;
  const double factor2 = static_cast<double>(scale2) / twice_larger;
  const double factor_output =
      twice_larger / ((1 << left_shift) * static_cast<double>(output_scale));
  return ReducingMultipliers(factor1, factor2, factor_output);
}

QuantizedMultiplier MeanMultiplier(float input_scale, float output_scale, int64_t count) {
  const QuantizedMultiplier whole =
      QuantizeMultiplier(static_cast<double>(input_scale) / static_cast<double>(output_scale));
  const int32_t log2_count = 63 - std::countl_zero(static_cast<uint64_t>(count));
  const int32_t fold = std::min({log2_count, 32, 31 + whole.shift});
  return {static_cast<int32_t>((static_cast<int64_t>(whole.multiplier) << fold) / count),
          whole.shift - fold};
}

std::optional<SoftmaxParameters> ComputeSoftmaxParameters(float beta, float input_scale) {
  const double factor = std::min(static_cast<double>(beta) * static_cast<double>(input_scale) *
                                     static_cast<double>(1 << (31 - kSoftmaxIntegerBits)),
                                 2147483647.0);
  if (!(factor > 1.0)) return std::nullopt;
  const QuantizedMultiplier quantized = QuantizeMultiplier(factor);
  const double largest = static_cast<double>((1 << kSoftmaxIntegerBits) - 1) *
                         static_cast<double>(1 << (31 - kSoftmaxIntegerBits)) /
                         static_cast<double>(int64_t{1} << quantized.shift);
  return SoftmaxParameters{quantized.multiplier, quantized.shift,
                           -static_cast<int32_t>(std::floor(largest))};
}

std::optional<LogSoftmaxParameters> ComputeLogSoftmaxParameters(float input_scale) {
  const std::optional<SoftmaxParameters> softmax = ComputeSoftmaxParameters(1.0f, input_scale);
  if (!softmax) return std::nullopt;
  const double reverse = static_cast<double>(int64_t{1} << (31 - softmax->left_shift)) /
                         static_cast<double>(softmax->multiplier);
  if (reverse >= 1.0) return std::nullopt;
  return LogSoftmaxParameters{*softmax, QuantizeMultiplier(reverse)};
}

std::optional<ActivationRange> ComputeActivationRange(Activation activation, float output_scale,
                                                      int32_t output_zero_point) {
  ActivationRange range;
  bool representable = true;
  const auto quantize = [&](float limit) -> int64_t {
    const float steps = std::round(limit / output_scale);
    if (!(std::abs(steps) < 2147483648.0f)) {
      representable = false;
      return 0;
    }
    return output_zero_point + static_cast<int64_t>(steps);
  };
  const auto clip = [](int64_t value) {
    return static_cast<int32_t>(std::clamp<int64_t>(value, -128, 127));
  };
  switch (activation) {
    case Activation::kNone:
      break;
    case Activation::kRelu:
      range.min = clip(quantize(0.0f));
      break;
    case Activation::kReluN1To1:
      range = {clip(quantize(-1.0f)), clip(quantize(1.0f))};
      break;
    case Activation::kRelu6:
      range = {clip(quantize(0.0f)), clip(quantize(6.0f))};
      break;
  }
  if (!representable) return std::nullopt;
  return range;
}

int32_t WindowOutputSize(Padding padding, int32_t size, int32_t filter, int32_t stride,
                         int32_t dilation) {
  const int64_t span = (int64_t{filter} - 1) * dilation + 1;
  const int64_t starts = padding == Padding::kSame ? size : size - span + 1;
  if (starts <= 0) return 0;
  return static_cast<int32_t>((starts + stride - 1) / stride);
}

int32_t PaddingBefore(Padding padding, int32_t size, int32_t output, int32_t filter, int32_t stride,
                      int32_t dilation) {
  if (padding == Padding::kValid) return 0;
  const int64_t span = (int64_t{filter} - 1) * dilation + 1;
  const int64_t total = (int64_t{output} - 1) * stride + span - size;
  return total > 0 ? static_cast<int32_t>(
                         std::min<int64_t>(total / 2, std::numeric_limits<int32_t>::max()))
                   : 0;
}

std::optional<AddMultipliers> ComputeSubMultipliers(float scale1, float scale2, float output_scale,
                                                    int32_t left_shift) {
  const float twice_larger = 2 * std::max(scale1, scale2);
  const auto factor1 = static_cast<double>(scale1 / twice_larger);
  const auto factor2 = static_cast<double>(scale2 / twice_larger);
  const auto factor_output =
      static_cast<double>(twice_larger / (static_cast<float>(1 << left_shift) * output_scale));
  return ReducingMultipliers(factor1, factor2, factor_output);
}

std::optional<AddMultipliers> ComputeSquaredDifferenceMultipliers(float scale1, float scale2,
                                                                  float output_scale,
                                                                  int32_t left_shift) {
  const double twice_larger = 2.0 * static_cast<double>(std::max(scale1, scale2));
  const double factor1 = static_cast<double>(scale1) / twice_larger;
  const double factor2 = static_cast<double>(scale2) / twice_larger;
  const double factor_output =
      (twice_larger * twice_larger) /
      static_cast<double>(static_cast<float>(1 << (2 * left_shift)) * output_scale);
  return ReducingMultipliers(factor1, factor2, factor_output);
}

std::optional<QuantizedMultiplier> MulMultiplier(float scale1, float scale2, float output_scale,
                                                 bool wide, bool from_uint8) {
  if (from_uint8) {
    return Bounded(static_cast<double>(scale1 * scale2 / output_scale), MaxShift(kProductBits));
  }
  return Bounded(
      static_cast<double>(scale1) * static_cast<double>(scale2) / static_cast<double>(output_scale),
      MaxShift(wide ? kWideProductBits : kProductBits));
}

std::optional<QuantizedMultiplier> RescaleMultiplier(float input_scale, float output_scale,
                                                     int32_t value_bits) {
  return Bounded(static_cast<double>(input_scale) / static_cast<double>(output_scale),
                 MaxShift(value_bits));
}

int32_t ValueBits(TensorType type) { return static_cast<int32_t>(8 * ElementBytes(type)); }

std::optional<QuantizedMultiplier> UnaryMultiplier(float input_scale, float output_scale,
                                                   bool wide) {
  return Bounded(static_cast<double>(input_scale / output_scale),
                 MaxShift(wide ? kWideBits : kDifferenceBits));
}

int32_t Relu6Limit(float input_scale, int32_t input_zero_point) {
  // Beyond int8 in any case from 256 steps on.
  const float steps = std::min(std::round(6.0f / input_scale), 256.0f);
  return std::clamp(static_cast<int32_t>(steps) + input_zero_point, -128, 127);
}

std::optional<LeakyReluMultipliers> ComputeLeakyReluMultipliers(float alpha, float input_scale,
                                                                float output_scale, bool wide) {
  const auto alpha_factor = static_cast<double>(input_scale * alpha / output_scale);
  const auto identity = UnaryMultiplier(input_scale, output_scale, wide);
  const auto scaled = Bounded(std::abs(alpha_factor), MaxShift(wide ? kWideBits : kDifferenceBits));
  if (!identity || !scaled) return std::nullopt;
  return LeakyReluMultipliers{*identity, *scaled, alpha_factor < 0.0};
}

std::optional<PreluMultipliers> ComputePreluMultipliers(float input_scale, float alpha_scale,
                                                        float output_scale, bool wide) {
  const auto identity =
      RescaleMultiplier(input_scale, output_scale, wide ? kWideBits : kDifferenceBits);
  // Products of an int16 and an int8 value have 24 bits.
  const auto alpha = Bounded(static_cast<double>(input_scale) * static_cast<double>(alpha_scale) /
                                 static_cast<double>(output_scale),
                             MaxShift(wide ? 24 : kProductBits));
  if (!identity || !alpha) return std::nullopt;
  return PreluMultipliers{*identity, *alpha};
}

std::optional<QuantizedMultiplier> RsqrtMultiplier(float input_scale, float output_scale) {
  // The root is Q11.20, and TFLite shifts by 20 less: neither way beyond an int32.
  const auto factor = Bounded(1.0 / static_cast<double>(std::sqrt(input_scale) * output_scale), 29);
  return factor && factor->shift >= -11 ? factor : std::nullopt;
}

std::optional<SigmoidParameters> ComputeSigmoidParameters(float input_scale) {
  constexpr int32_t kFractionBits = 27;
  const double factor = static_cast<double>(input_scale) * static_cast<double>(1 << kFractionBits);
  const auto input = Bounded(factor, std::numeric_limits<int32_t>::max());
  if (!input || factor < 0.5) return std::nullopt;  // TFLite would shift by less than 0
  SigmoidParameters parameters{*input, 0};
  if (input->shift < 31) parameters.radius = static_cast<int32_t>((15LL << 27) >> input->shift);
  return parameters;
}

std::optional<HardSwishParameters> ComputeHardSwishParameters(float input_scale,
                                                              float output_scale) {
  const float fine_scale = (1.0f / 128.0f) * input_scale;
  const float reluish_scale = 3.0f / 32768.0f;
  const auto output = Bounded(static_cast<double>(fine_scale / output_scale), 0);
  const auto reluish = Bounded(static_cast<double>(fine_scale / reluish_scale), 30);
  if (!output || !reluish || output->shift < -15 || reluish->shift < -15) return std::nullopt;
  return HardSwishParameters{UpperHalf(output->multiplier), output->shift,
                             UpperHalf(reluish->multiplier), reluish->shift};
}

int32_t NearestSource(const ResizeOptions& options, int32_t position, int32_t input_size,
                      int32_t output_size) {
  const bool corners = options.align_corners;
  const float scale = corners && output_size > 1
                          ? (input_size - 1) / static_cast<float>(output_size - 1)
                          : input_size / static_cast<float>(output_size);
  const float exact = (position + (options.half_pixel_centers ? 0.5f : 0.0f)) * scale;
  const float chosen = corners ? std::round(exact) : std::floor(exact);
  // Compared as numbers that float32 and int32 have in common.
  if (!(chosen < 2147483648.0f)) return input_size - 1;
  return std::clamp(static_cast<int32_t>(chosen), 0, input_size - 1);
}

std::optional<BilinearSource> ComputeBilinearSource(const ResizeOptions& options, int32_t position,
                                                    int32_t input_size, int32_t output_size) {
  constexpr int64_t kOne = 1 << 10;
  const bool corners = options.align_corners && output_size > 1;
  const int64_t input_span = corners ? input_size - 1 : input_size;
  const int64_t output_span = corners ? output_size - 1 : output_size;
  const int64_t scale = (kOne * input_span + output_span / 2) / output_span;
  int64_t scaled = position * scale;
  if (options.half_pixel_centers) scaled += scale / 2 - kOne / 2;
  const int64_t lower = std::max<int64_t>(scaled / kOne, 0);
  const int64_t upper = std::min<int64_t>((scaled + kOne - 1) / kOne, input_size - 1);
  if (kOne * input_size + output_size / 2 > std::numeric_limits<int32_t>::max() ||
      scaled + kOne > std::numeric_limits<int32_t>::max() || lower >= input_size) {
    return std::nullopt;
  }
  // With one position only its weights, whatever they are, add up to 1.
  const int64_t fraction = lower == upper ? 0 : scaled - kOne * lower;
  return BilinearSource{static_cast<int32_t>(lower), static_cast<int32_t>(upper),
                        static_cast<int32_t>(fraction)};
}

FloatBilinearSource ComputeFloatBilinearSource(const ResizeOptions& options, int32_t position,
                                               int32_t input_size, int32_t output_size) {
  const bool corners = options.align_corners && output_size > 1;
  const float scale = corners
                          ? static_cast<float>(input_size - 1) / static_cast<float>(output_size - 1)
                          : static_cast<float>(input_size) / static_cast<float>(output_size);
  const float at = static_cast<float>(position);
  const float scaled = options.half_pixel_centers ? (at + 0.5f) * scale - 0.5f : at * scale;
  const int32_t lower = std::clamp(static_cast<int32_t>(std::floor(scaled)), 0, input_size - 1);
  const int32_t upper = std::clamp(static_cast<int32_t>(std::ceil(scaled)), lower, input_size - 1);
  const float fraction = (scaled - static_cast<float>(lower)) * 1024.0f;
  FloatBilinearSource result;
  result.exact = fraction == std::floor(fraction);
  result.source = {lower, upper,
                   lower == upper || !result.exact ? 0 : static_cast<int32_t>(fraction)};
  return result;
}

}  // namespace npugen

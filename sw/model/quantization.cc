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

// The steps of an ADD must not enlarge: 0 < factor < 1 and a shift to the right.
bool IsReducing(double factor, const QuantizedMultiplier& quantized) {
  return factor > 0.0 && factor < 1.0 && quantized.shift <= 0;
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
  const Tensor& input = model.tensors[op.inputs[0]];
  const Tensor& filter = model.tensors[op.inputs[1]];
  const Tensor& output = model.tensors[op.outputs[0]];
  const int32_t channels = output.shape.back();
  const std::vector<double> factors =
      op.type == OperatorType::kFullyConnected
          ? FullyConnectedFactors(input.scale(), filter.scales, output.scale(), channels)
          : ConvFactors(input.scale(), filter.scales, output.scale(), channels);
  std::vector<QuantizedMultiplier> multipliers;
  multipliers.reserve(factors.size());
  for (double factor : factors) multipliers.push_back(QuantizeMultiplier(factor));
  return multipliers;
}

std::optional<AddMultipliers> ComputeAddMultipliers(float scale1, float scale2,
                                                    float output_scale) {
  const double twice_larger = 2 * static_cast<double>(std::max(scale1, scale2));
  const double factor1 = static_cast<double>(scale1) / twice_larger;
  const double factor2 = static_cast<double>(scale2) / twice_larger;
  const double factor_output =
      twice_larger / ((1 << kAddLeftShift) * static_cast<double>(output_scale));
  const AddMultipliers result{QuantizeMultiplier(factor1), QuantizeMultiplier(factor2),
                              QuantizeMultiplier(factor_output)};
  if (!IsReducing(factor1, result.input1) || !IsReducing(factor2, result.input2) ||
      !IsReducing(factor_output, result.output)) {
    return std::nullopt;
  }
  return result;
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

}  // namespace npugen

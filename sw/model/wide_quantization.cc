// SPDX-License-Identifier: Apache-2.0
// Parameters of int16 kernels and of recurrent layers, as TFLM derives them.
#include <algorithm>
#include <cmath>
#include <limits>

#include "sw/model/quantization.h"

namespace npugen {
namespace {

constexpr int32_t kMostShift = 30;

/// A factor that an int32 of `value_bits` bits survives.
std::optional<QuantizedMultiplier> Factor(double factor, int32_t value_bits) {
  if (!std::isfinite(factor) || factor < 0.0) return std::nullopt;
  const QuantizedMultiplier quantized = QuantizeMultiplier(factor);
  if (quantized.shift > std::max(0, kMostShift - value_bits)) return std::nullopt;
  return quantized;
}

/// LUTPopulate<int16_t> in float32: values at 512 steps, corrected by half of the error that
/// interpolation makes in the middle of each.
std::vector<int16_t> Table(float input_scale, int32_t zero_point, float (*function)(float)) {
  constexpr int32_t kSteps = 512;
  const float range = 65535;
  const float input_min = input_scale * static_cast<float>(INT16_MIN - zero_point);
  const float input_max = input_scale * static_cast<float>(INT16_MAX - zero_point);
  const float output_scale = 2.0f / range;
  const float output_min = output_scale * INT16_MIN;
  const float output_max = output_scale * INT16_MAX;
  const float step = (input_max - input_min) / kSteps;
  const float half_step = step / 2;
  const float inverse = 65536.0f / (output_max - output_min);
  const auto limited = [](float value) {
    return static_cast<int16_t>(std::min(std::max(value, -32768.0f), 32767.0f));
  };
  std::vector<int16_t> table;
  for (int32_t i = 0; i < kSteps; ++i) {
    const float at = input_min + static_cast<float>(i) * step;
    const float next = input_min + static_cast<float>(i + 1) * step;
    const float sample = std::round(function(at) * inverse);
    const float between = std::round((function(next) * inverse + sample) / 2);
    const float middle = std::round(function(at + half_step) * inverse);
    table.push_back(limited(sample - std::round((between - middle) / 2)));
  }
  table.push_back(limited(std::round(function(input_max) * inverse)));
  return table;
}

}  // namespace

std::optional<int32_t> PowerOfScale(float scale) {
  const float log2_scale = std::log(scale) * (1.0f / std::log(2.0f));
  const float rounded = std::round(log2_scale);
  if (!(std::abs(log2_scale - rounded) < 1e-3f)) return std::nullopt;
  return static_cast<int32_t>(rounded);
}

std::optional<QuantizedMultiplier> CellTanhFactor(int32_t log2_scale) {
  const int32_t left = 12 + log2_scale;
  if (left > 14 || left < -30) return std::nullopt;
  return left >= 0 ? QuantizedMultiplier{3 << left, 0} : QuantizedMultiplier{3, -left};
}

std::optional<QuantizedMultiplier> ComputeWideSigmoidFactor(float input_scale, bool tanh) {
  const std::optional<int32_t> power = PowerOfScale(input_scale);
  const int32_t left = 12 + power.value_or(0);
  if (power && (left == 0 || (tanh && left == 1))) return QuantizedMultiplier{3 << left, 0};
  double multiplier = static_cast<double>(input_scale) * 4096.0 * 3.0;
  int32_t shift = 0;
  while (multiplier <= 32767.0 / 2.0 && shift <= 30) {
    ++shift;
    multiplier *= 2.0;
  }
  if (!(multiplier <= 32767.0) || shift > 30) return std::nullopt;
  return QuantizedMultiplier{static_cast<int32_t>(multiplier), shift};
}

const std::vector<int32_t>& SigmoidTable() {
  static const std::vector<int32_t> table = [] {
    // Entries that TFLite has one higher than rounded.
    constexpr int32_t kHigher[] = {4,  8,  12, 14, 15, 16, 17, 19, 20,  21,  22,  25,  27,  28, 29,
                                   30, 31, 33, 34, 35, 37, 39, 40, 41,  43,  44,  45,  46,  49, 50,
                                   54, 62, 63, 64, 66, 82, 86, 93, 100, 103, 112, 116, 135, 255};
    std::vector<int32_t> values;
    for (int32_t i = 0; i < 256; ++i) {
      values.push_back(static_cast<int32_t>(std::lround(65536.0 / (1.0 + std::exp(-i / 24.0)))));
    }
    for (const int32_t i : kHigher) ++values[static_cast<size_t>(i)];
    return values;
  }();
  return table;
}

std::optional<QuantizedMultiplier> WideSoftmaxFactor(float beta, float input_scale) {
  return Factor(static_cast<double>(input_scale) * static_cast<double>(beta) / (10.0 / 65535.0),
                17);
}

std::vector<int16_t> WideExponentialTable() {
  return Table(10.0f / 65535.0f, INT16_MAX, [](float x) { return std::exp(x); });
}

std::vector<int16_t> WideReciprocalTable() {
  return Table(1.0f / 65535.0f, INT16_MIN, [](float x) { return 1.0f / (1.0f + x); });
}

ActivationRange WideActivationRange(Activation activation, float output_scale) {
  const auto limit = [&](float value) {
    return static_cast<int32_t>(std::clamp(std::round(value / output_scale), -32768.0f, 32767.0f));
  };
  switch (activation) {
    case Activation::kRelu:
      return {0, 32767};
    case Activation::kRelu6:
      return {0, limit(6.0f)};
    case Activation::kReluN1To1:
      return {limit(-1.0f), limit(1.0f)};
    default:
      return {-32768, 32767};
  }
}

std::optional<LstmFactors> ComputeLstmFactors(const Model& model, const Operator& op) {
  constexpr double kGateScale = 1.0 / 4096;       // gates are 3.12 before their function
  constexpr double kFunctionScale = 1.0 / 32768;  // and 0.15 behind it
  const auto tensor = [&](size_t input) -> const Tensor& {
    return model.tensors[op.inputs[input]];
  };
  const bool wide = tensor(0).type == TensorType::kInt16;
  const Tensor& hidden = tensor(13);
  LstmFactors factors;
  for (size_t gate = 0; gate < 4; ++gate) {
    // The product of two scales is a float32, as in FULLY_CONNECTED.
    const auto factor = [&](const Tensor& data, const Tensor& weights) {
      const float product = data.scale() * weights.scale();
      return Factor(static_cast<double>(product) / kGateScale, wide ? kMostShift - 7 : 0);
    };
    const auto in = factor(tensor(0), tensor(1 + gate));
    const auto recurrent = factor(hidden, tensor(5 + gate));
    if (!in || !recurrent) return std::nullopt;
    factors.input[gate] = *in;
    factors.recurrent[gate] = *recurrent;
  }
  const double cell_scale = static_cast<double>(tensor(14).scale());
  const std::optional<int32_t> power = PowerOfScale(tensor(14).scale());
  if (!power || tensor(14).zero_point() != 0) return std::nullopt;
  const auto forget = Factor(kFunctionScale * cell_scale / cell_scale, 31);
  const auto input = Factor(kFunctionScale * kFunctionScale / cell_scale, 31);
  const auto output =
      Factor(kFunctionScale * kFunctionScale / static_cast<double>(hidden.scale()), 31);
  const auto tanh = CellTanhFactor(*power);
  if (!forget || !input || !output || !tanh) return std::nullopt;
  factors.forget_cell = *forget;
  factors.input_cell = *input;
  factors.hidden = *output;
  factors.cell_tanh = *tanh;
  const float clip = std::get<LstmOptions>(op.options).cell_clip;
  factors.cell_clip =
      clip > 0 ? static_cast<int32_t>(std::min(static_cast<double>(clip) / cell_scale, 32767.0))
               : 0;
  return factors;
}

std::optional<SvdfFactors> ComputeSvdfFactors(const Model& model, const Operator& op) {
  const auto scale = [&](size_t input) { return model.tensors[op.inputs[input]].scale(); };
  const float state = scale(4);
  const auto feature = Factor(static_cast<double>(scale(0) * scale(1) / state), 0);
  const auto output =
      Factor(static_cast<double>(state * scale(2) / model.tensors[op.outputs[0]].scale()), 0);
  if (!feature || !output) return std::nullopt;
  return SvdfFactors{*feature, *output};
}

}  // namespace npugen

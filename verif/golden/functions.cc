// SPDX-License-Identifier: Apache-2.0
// TFLM's kernels of one int8 operand, value by value.
#include "verif/golden/functions.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "sw/model/quantization.h"

namespace npugen::golden {
namespace {

int8_t Saturate(int64_t value) {
  return static_cast<int8_t>(std::clamp<int64_t>(value, -128, 127));
}

int32_t Scale(int32_t x, const QuantizedMultiplier& factor, Rounding rounding) {
  return MultiplyByQuantizedMultiplier(x, factor.multiplier, factor.shift, rounding);
}

int16_t SaturateShort(int64_t value) {
  return static_cast<int16_t>(std::clamp<int64_t>(value, INT16_MIN, INT16_MAX));
}

// a * b / 2^15, halves away from zero.
int16_t RoundingHighMultiply(int16_t a, int16_t b) {
  const int32_t product = int32_t{a} * b;
  const int32_t half = product >= 0 ? 1 << 14 : 1 - (1 << 14);
  return SaturateShort((product + half) / (1 << 15));
}

// The 16-bit arithmetic of HARD_SWISH: x * (relu6(x + 3) / 6), the factor in Q0.15.
int64_t HardSwish(int32_t x, const HardSwishParameters& parameters) {
  const auto fine = static_cast<int16_t>(x * (1 << 7));
  const int16_t value = RoundingHighMultiply(fine, parameters.output_multiplier);
  const int32_t exponent = parameters.reluish_exponent;
  int16_t factor = fine;
  if (exponent > 0) factor = SaturateShort(int64_t{factor} << (exponent - 1));
  factor = RoundingHighMultiply(factor, parameters.reluish_multiplier);
  if (exponent > 0) factor = SaturateShort(int64_t{factor} * 2);
  if (exponent < 0) factor = static_cast<int16_t>(RoundingShiftRight(factor, -exponent));
  factor = static_cast<int16_t>((factor + (1 << 15)) >> 1);
  const int16_t product = SaturateShort(int32_t{factor} * value / (1 << 15));  // towards zero
  return RoundingShiftRight(product, -parameters.output_exponent);
}

// LOGISTIC and TANH: `function` in Q4.27, its result rounded by `drop` bits.
int64_t Sigmoid(int32_t x, const SigmoidParameters& parameters, int32_t (*function)(int32_t),
                int32_t drop, Rounding rounding) {
  return RoundingShiftRight(function(Scale(x, parameters.input, rounding)), drop);
}

}  // namespace

bool IsFunction(OperatorType type) {
  switch (type) {
    case OperatorType::kLogistic:
    case OperatorType::kTanh:
    case OperatorType::kHardSwish:
    case OperatorType::kElu:
    case OperatorType::kLeakyRelu:
    case OperatorType::kRelu:
    case OperatorType::kRelu6:
    case OperatorType::kAbs:
    case OperatorType::kRsqrt:
      return true;
    default:
      return false;
  }
}

FunctionTable TabulateFunction(const Model& model, const Operator& op, Rounding rounding) {
  const Tensor& input = model.tensors[op.inputs[0]];
  const Tensor& output = model.tensors[op.outputs[0]];
  const int32_t zero = input.zero_point();
  const int32_t zero_out = output.zero_point();
  FunctionTable table;
  const auto fill = [&](const std::function<int64_t(int32_t)>& function) {
    for (int32_t q = -128; q <= 127; ++q) table[q + 128] = Saturate(function(q));
  };
  const float scale = input.scale();
  const float scale_out = output.scale();
  switch (op.type) {
    case OperatorType::kLogistic:
    case OperatorType::kTanh: {
      const bool logistic = op.type == OperatorType::kLogistic;
      const SigmoidParameters parameters = ComputeSigmoidParameters(scale).value();
      fill([&](int32_t q) -> int64_t {
        const int32_t x = q - zero;
        if (x <= -parameters.radius) return -128;
        if (x >= parameters.radius) return 127;
        return logistic ? Sigmoid(x, parameters, Logistic, 23, rounding) - 128
                        : Sigmoid(x, parameters, Tanh, 24, rounding);
      });
      break;
    }
    case OperatorType::kHardSwish: {
      const HardSwishParameters parameters = ComputeHardSwishParameters(scale, scale_out).value();
      fill([&](int32_t q) { return HardSwish(q - zero, parameters) + zero_out; });
      break;
    }
    case OperatorType::kElu: {
      const float inverse = 1 / scale_out;
      fill([&](int32_t q) {
        const float x = scale * static_cast<float>(q - zero);
        const float y = x < 0.0f ? std::exp(x) - 1.0f : x;
        return static_cast<int32_t>(std::round(y * inverse) + static_cast<float>(zero_out));
      });
      break;
    }
    case OperatorType::kLeakyRelu: {
      const LeakyReluMultipliers factors =
          ComputeLeakyReluMultipliers(std::get<LeakyReluOptions>(op.options).alpha, scale,
                                      scale_out)
              .value();
      fill([&](int32_t q) -> int64_t {
        const int32_t x = q - zero;
        if (x >= 0) return int64_t{Scale(x, factors.identity, rounding)} + zero_out;
        const int64_t scaled = Scale(x, factors.alpha, rounding);
        return (factors.negative ? -scaled : scaled) + zero_out;
      });
      break;
    }
    case OperatorType::kRelu: {
      const QuantizedMultiplier factor = UnaryMultiplier(scale, scale_out).value();
      fill([&](int32_t q) {
        return std::max<int64_t>(int64_t{Scale(q - zero, factor, rounding)} + zero_out, zero_out);
      });
      break;
    }
    case OperatorType::kRelu6: {
      const int32_t limit = Relu6Limit(scale, zero);
      fill([&](int32_t q) { return q > limit ? limit : std::max(q, zero); });
      break;
    }
    case OperatorType::kAbs: {
      const QuantizedMultiplier factor = UnaryMultiplier(scale, scale_out).value();
      fill([&](int32_t q) {
        const int32_t x = std::abs(q - zero);
        return (scale == scale_out ? x : int64_t{Scale(x, factor, rounding)}) + zero_out;
      });
      break;
    }
    case OperatorType::kRsqrt: {
      constexpr int32_t kFractionBits = 20;
      const QuantizedMultiplier factor = RsqrtMultiplier(scale, scale_out).value();
      fill([&](int32_t q) -> int64_t {
        if (q == zero) return 127;
        const ScaledNumber root = InverseSquareRoot(q - zero);
        const int32_t fixed =
            MultiplyByQuantizedMultiplier(1, root.multiplier, root.shift + kFractionBits, rounding);
        return int64_t{MultiplyByQuantizedMultiplier(fixed, factor.multiplier,
                                                     factor.shift - kFractionBits, rounding)} +
               zero_out;
      });
      break;
    }
    default:
      break;
  }
  return table;
}

}  // namespace npugen::golden

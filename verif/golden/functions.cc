// SPDX-License-Identifier: Apache-2.0
// TFLM's kernels of one operand, value by value; softmax.
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "verif/golden/host.h"
#include "verif/golden/kernels.h"

namespace npugen::golden {
namespace {

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

/// A look-up of function(q) for each value q of the operand.
template <typename Function>
Kernel TableKernel(Function function) {
  std::array<int8_t, 256> table;
  for (int32_t q = -128; q <= 127; ++q) table[q + 128] = Clamp(function(q));
  return [table](const Run& run) {
    const int8_t* in = run.in();
    int8_t* out = run.out();
    for (size_t i = 0; i < run.inputs[0]->size(); ++i) out[i] = table[in[i] + 128];
  };
}

/// LOGISTIC and TANH, which saturate beyond a radius: `function` in Q4.27, its result rounded by
/// `drop` bits, plus `offset`.
Kernel SigmoidKernel(const Node& node, int32_t (*function)(int32_t), int32_t drop, int32_t offset) {
  const SigmoidParameters parameters = ComputeSigmoidParameters(node.input().scale()).value();
  return TableKernel([&](int32_t q) -> int64_t {
    const int32_t x = q - node.input().zero_point();
    if (x <= -parameters.radius) return -128;
    if (x >= parameters.radius) return 127;
    return RoundingShiftRight(function(node.Scale(x, parameters.input)), drop) + offset;
  });
}

/// The table that TFLite fills for uint8 functions (PopulateLookupTable), shifted by 128, and for
/// some of int8 (LUTPopulate). Where its conversion to int32 is undefined, results saturate.
template <typename Function>
Kernel FloatTableKernel(const Node& node, Function function) {
  const float inverse_scale = 1 / node.output().scale();
  return TableKernel([&](int32_t q) {
    const float dequantized =
        node.input().scale() * static_cast<float>(q - node.input().zero_point());
    const float rescaled = std::round(function(dequantized) * inverse_scale);
    const float shifted = rescaled + static_cast<float>(node.output().zero_point());
    return static_cast<int32_t>(std::min(std::max(shifted, -1000.0f), 1000.0f));
  });
}

template <typename From, typename To>
void Requantize(const Node& node, const QuantizedMultiplier& factor, const uint8_t* in,
                uint8_t* out) {
  const Tensor& input = node.input();
  const Tensor& output = node.output();
  const int64_t count = input.elements();
  for (int64_t i = 0; i < count; ++i) {
    From value;
    std::memcpy(&value, in + i * sizeof(From), sizeof(From));
    const int64_t scaled =
        int64_t{node.Scale(value - input.zero_point(), factor)} + output.zero_point();
    const auto result = static_cast<To>(std::clamp<int64_t>(scaled, std::numeric_limits<To>::min(),
                                                            std::numeric_limits<To>::max()));
    std::memcpy(out + i * sizeof(To), &result, sizeof(To));
  }
}

template <typename From>
void RequantizeFrom(const Node& node, const QuantizedMultiplier& factor, const uint8_t* in,
                    uint8_t* out) {
  switch (node.output().type) {
    case TensorType::kUint8:
      return Requantize<From, uint8_t>(node, factor, in, out);
    case TensorType::kInt16:
      return Requantize<From, int16_t>(node, factor, in, out);
    case TensorType::kInt32:
      return Requantize<From, int32_t>(node, factor, in, out);
    default:
      return Requantize<From, int8_t>(node, factor, in, out);
  }
}

void Softmax(const Node& node, const SoftmaxParameters& parameters, const int8_t* in, int8_t* out) {
  const Tensor& input = node.input();
  constexpr int32_t kSumIntegerBits = 12;  // the sum is Q12.19
  constexpr int32_t kOutputBits = 8;
  // Exponentials of all differences to the maximum; 0 where they are left out.
  std::vector<int32_t> exponentials(256, 0);
  for (int32_t difference = 0; difference >= -255; --difference) {
    if (difference < parameters.diff_min) break;
    const auto shifted =
        static_cast<int32_t>(static_cast<uint32_t>(difference) << parameters.left_shift);
    exponentials[-difference] =
        ExpOnNegativeValues(DoublingHighMultiply(shifted, parameters.multiplier));
  }
  const int64_t depth = input.shape.back();
  const int64_t rows = input.elements() / depth;
  for (int64_t r = 0; r < rows; ++r, in += depth, out += depth) {
    const int32_t largest = *std::max_element(in, in + depth);
    uint32_t sum = 0;
    for (int64_t i = 0; i < depth; ++i) {
      if (in[i] - largest < parameters.diff_min) continue;
      sum +=
          static_cast<uint32_t>(RoundingShiftRight(exponentials[largest - in[i]], kSumIntegerBits));
    }
    const int32_t headroom = std::countl_zero(sum);
    const int32_t bits_over_unit = kSumIntegerBits - headroom;
    const auto fraction = static_cast<int32_t>((sum << headroom) - (uint32_t{1} << 31));
    const int32_t reciprocal = OneOverOnePlus(fraction);
    for (int64_t i = 0; i < depth; ++i) {
      if (in[i] - largest < parameters.diff_min) {
        out[i] = -128;
        continue;
      }
      const int32_t product = DoublingHighMultiply(reciprocal, exponentials[largest - in[i]]);
      const int32_t probability = RoundingShiftRight(product, bits_over_unit + 31 - kOutputBits);
      out[i] = Clamp(int64_t{probability} - 128);
    }
  }
}

}  // namespace

Kernel MakeLogistic(const Node& node) {
  if (!node.op.from_uint8) return SigmoidKernel(node, Logistic, 23, -128);
  return FloatTableKernel(node, [](float x) { return 1.0f / (1.0f + std::exp(-x)); });
}
Kernel MakeTanh(const Node& node) {
  if (!node.op.from_uint8) return SigmoidKernel(node, Tanh, 24, 0);
  return FloatTableKernel(node, [](float x) { return std::tanh(x); });
}

Kernel MakeHardSwish(const Node& node) {
  const HardSwishParameters parameters =
      ComputeHardSwishParameters(node.input().scale(), node.output().scale()).value();
  return TableKernel([&](int32_t q) {
    return HardSwish(q - node.input().zero_point(), parameters) + node.output().zero_point();
  });
}

Kernel MakeElu(const Node& node) {
  const float scale = node.input().scale();
  const float inverse = 1 / node.output().scale();
  return TableKernel([&](int32_t q) {
    const float x = scale * static_cast<float>(q - node.input().zero_point());
    const float y = x < 0.0f ? std::exp(x) - 1.0f : x;
    return static_cast<int32_t>(std::round(y * inverse) +
                                static_cast<float>(node.output().zero_point()));
  });
}

Kernel MakeLeakyRelu(const Node& node) {
  const LeakyReluMultipliers factors =
      ComputeLeakyReluMultipliers(std::get<LeakyReluOptions>(node.op.options).alpha,
                                  node.input().scale(), node.output().scale())
          .value();
  const int32_t zero_out = node.output().zero_point();
  return TableKernel([&](int32_t q) -> int64_t {
    const int32_t x = q - node.input().zero_point();
    if (x >= 0) return int64_t{node.Scale(x, factors.identity)} + zero_out;
    const int64_t scaled = node.Scale(x, factors.alpha);
    return (factors.negative ? -scaled : scaled) + zero_out;
  });
}

Kernel MakeRelu(const Node& node) {
  const QuantizedMultiplier factor =
      UnaryMultiplier(node.input().scale(), node.output().scale()).value();
  const int32_t zero_out = node.output().zero_point();
  return TableKernel([&](int32_t q) {
    return std::max<int64_t>(int64_t{node.Scale(q - node.input().zero_point(), factor)} + zero_out,
                             zero_out);
  });
}

Kernel MakeRelu6(const Node& node) {
  if (node.op.from_uint8) {
    // QuantizedReluX of TFLite.
    const QuantizedMultiplier factor =
        UnaryMultiplier(node.input().scale(), node.output().scale()).value();
    const ActivationRange range = RangeOf(node, Activation::kRelu6);
    return TableKernel([&](int32_t q) -> int64_t {
      const int64_t scaled = node.Scale(q - node.input().zero_point(), factor);
      return std::clamp<int64_t>(scaled + node.output().zero_point(), range.min, range.max);
    });
  }
  const int32_t zero = node.input().zero_point();
  const int32_t limit = Relu6Limit(node.input().scale(), zero);
  return TableKernel([&](int32_t q) { return q > limit ? limit : std::max(q, zero); });
}

Kernel MakeAbs(const Node& node) {
  const float scale = node.input().scale();
  const float scale_out = node.output().scale();
  const QuantizedMultiplier factor = UnaryMultiplier(scale, scale_out).value();
  return TableKernel([&](int32_t q) {
    const int32_t x = std::abs(q - node.input().zero_point());
    return (scale == scale_out ? x : int64_t{node.Scale(x, factor)}) + node.output().zero_point();
  });
}

/// In int8 of nobody: the difference to the zero point, negated, as ABS scales it.
Kernel MakeNeg(const Node& node) {
  const float scale = node.input().scale();
  const float scale_out = node.output().scale();
  const QuantizedMultiplier factor = UnaryMultiplier(scale, scale_out).value();
  return TableKernel([&](int32_t q) {
    const int32_t x = -(q - node.input().zero_point());
    return (scale == scale_out ? x : int64_t{node.Scale(x, factor)}) + node.output().zero_point();
  });
}

Kernel MakeExp(const Node& node) {
  return FloatTableKernel(node, [](float x) { return std::exp(x); });
}

Kernel MakeLog(const Node& node) {
  const float output_min =
      static_cast<float>(-128 - node.output().zero_point()) * node.output().scale();
  return FloatTableKernel(node, [=](float x) { return x > 0.0f ? std::log(x) : output_min; });
}

/// SqrtEvalQuantized of TFLite's elementwise.cc.
Kernel MakeSqrt(const Node& node) {
  return TableKernel([&](int32_t q) -> int64_t {
    const float x = node.input().scale() * static_cast<float>(q - node.input().zero_point());
    const float quotient = std::sqrt(x) / node.output().scale();
    return (quotient > 1000.0f ? 1000 : static_cast<int32_t>(quotient)) +
           node.output().zero_point();
  });
}

Kernel MakeRsqrt(const Node& node) {
  constexpr int32_t kFractionBits = 20;
  const QuantizedMultiplier factor =
      RsqrtMultiplier(node.input().scale(), node.output().scale()).value();
  return TableKernel([&](int32_t q) -> int64_t {
    if (q == node.input().zero_point()) return 127;
    const ScaledNumber root = InverseSquareRoot(q - node.input().zero_point());
    const int32_t fixed = node.Scale(1, {root.multiplier, root.shift + kFractionBits});
    return int64_t{node.Scale(fixed, {factor.multiplier, factor.shift - kFractionBits})} +
           node.output().zero_point();
  });
}

Kernel MakeQuantize(const Node& node) {
  if (node.input().type == TensorType::kFloat32) return MakeQuantizeFloat(node);
  const QuantizedMultiplier factor =
      RescaleMultiplier(node.input().scale(), node.output().scale(), ValueBits(node.input().type))
          .value();
  return [node, factor](const Run& run) {
    const uint8_t* in = run.inputs[0]->data();
    uint8_t* out = run.outputs[0]->data();
    switch (node.input().type) {
      case TensorType::kUint8:
        return RequantizeFrom<uint8_t>(node, factor, in, out);
      case TensorType::kInt16:
        return RequantizeFrom<int16_t>(node, factor, in, out);
      case TensorType::kInt32:
        return RequantizeFrom<int32_t>(node, factor, in, out);
      default:
        return RequantizeFrom<int8_t>(node, factor, in, out);
    }
  };
}

Kernel MakeSoftmax(const Node& node) {
  const SoftmaxParameters parameters =
      ComputeSoftmaxParameters(std::get<SoftmaxOptions>(node.op.options).beta, node.input().scale())
          .value();
  return [node, parameters](const Run& run) { Softmax(node, parameters, run.in(), run.out()); };
}

}  // namespace npugen::golden

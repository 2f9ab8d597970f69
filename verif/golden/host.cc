// SPDX-License-Identifier: Apache-2.0
// What host operators compute: TFLM's reference kernels.
#include "verif/golden/host.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "verif/golden/fixed_point.h"

namespace npugen::golden {
namespace {

/// The value of element `i`.
template <typename T>
T Load(const uint8_t* bytes, int64_t i) {
  T value;
  std::memcpy(&value, bytes + i * static_cast<int64_t>(sizeof(T)), sizeof(T));
  return value;
}

template <typename T>
void Store(uint8_t* bytes, int64_t i, T value) {
  std::memcpy(bytes + i * static_cast<int64_t>(sizeof(T)), &value, sizeof(T));
}

/// AffineQuantize of reference/quantize.h. Where TFLite's conversion to int32 is undefined, numbers
/// saturate and NaN counts as 0.
template <typename To>
void Quantize(const Tensor& output, const uint8_t* in, uint8_t* out) {
  constexpr double kFar = 1e9;  // beyond every zero point and every result
  for (int64_t i = 0; i < output.elements(); ++i) {
    const float quotient = Load<float>(in, i) / output.scale();
    const double rounded = std::isnan(quotient) ? 0.0 : static_cast<double>(std::round(quotient));
    const double shifted = std::clamp(rounded, -kFar, kFar) + output.zero_point();
    Store(out, i,
          static_cast<To>(std::clamp<double>(shifted, std::numeric_limits<To>::min(),
                                             std::numeric_limits<To>::max())));
  }
}

/// Dequantize of reference/dequantize.h: the product is formed in double.
template <typename From>
void Dequantize(const Tensor& input, const uint8_t* in, uint8_t* out) {
  const double scale = static_cast<double>(input.scale());
  for (int64_t i = 0; i < input.elements(); ++i) {
    Store(out, i, static_cast<float>(scale * (Load<From>(in, i) - input.zero_point())));
  }
}

}  // namespace

Kernel MakeQuantizeFloat(const Node& node) {
  return [node](const Run& run) {
    const uint8_t* in = run.inputs[0]->data();
    uint8_t* out = run.outputs[0]->data();
    switch (node.output().type) {
      case TensorType::kUint8:
        return Quantize<uint8_t>(node.output(), in, out);
      case TensorType::kInt16:
        return Quantize<int16_t>(node.output(), in, out);
      default:
        return Quantize<int8_t>(node.output(), in, out);
    }
  };
}

/// reference_integer_ops::L2Normalization.
Kernel MakeL2Normalization(const Node& node) {
  return [node](const Run& run) {
    constexpr int32_t kOutputBits = 7;
    const int64_t depth = node.input().shape.back();
    const int32_t zero_point = node.input().zero_point();
    const int8_t* in = run.in();
    int8_t* out = run.out();
    for (int64_t row = 0; row < node.input().elements(); row += depth) {
      int32_t squares = 0;
      for (int64_t i = row; i < row + depth; ++i) {
        squares += (in[i] - zero_point) * (in[i] - zero_point);
      }
      const ScaledNumber root = InverseSquareRoot(squares);
      for (int64_t i = row; i < row + depth; ++i) {
        const int32_t value =
            node.Scale(in[i] - zero_point, {root.multiplier, root.shift + kOutputBits});
        out[i] = static_cast<int8_t>(std::clamp(value, -128, 127));
      }
    }
  };
}

namespace {

/// a * 2^exponent, saturated or rounded.
int32_t ScaleByPower(int32_t a, int32_t exponent) {
  if (exponent < 0) return RoundingShiftRight(a, -exponent);
  return static_cast<int32_t>(std::clamp<int64_t>(int64_t{a} << exponent, INT32_MIN, INT32_MAX));
}

/// log(x) for x >= 1 in Q12.19; the result is Q5.26. TFLite's
/// log_x_for_x_greater_than_or_equal_to_1.
int32_t LogOf(int32_t x) {
  constexpr auto kMultiply = DoublingHighMultiply;
  constexpr int32_t kLog2 = 1488522236, kSqrtHalf = 1518500250, kSqrtSqrtHalf = 1805811301;
  constexpr int32_t kAccumulatorBits = 6, kInputBits = 12;
  const int32_t shifted_quarter = RoundingShiftRight(1 << 29, kAccumulatorBits);
  const int32_t a_headroom = std::countl_zero(static_cast<uint32_t>(x));
  const int32_t a = ScaleByPower(kMultiply(ScaleByPower(x, a_headroom - 1), kSqrtHalf), 1);
  const int32_t a_power =
      ScaleByPower(kInputBits - a_headroom, 31 - kAccumulatorBits) + shifted_quarter;
  const int32_t b_headroom = std::countl_zero(static_cast<uint32_t>(kMultiply(x, kSqrtHalf))) - 1;
  const int32_t b_power =
      ScaleByPower(kInputBits - b_headroom, 31 - kAccumulatorBits) - shifted_quarter;
  const int32_t r = std::min(a, ScaleByPower(x, b_headroom));
  const int32_t p = static_cast<int32_t>((int64_t{r} + kSqrtSqrtHalf + 1) / 2);
  const int32_t q = 2 * (r - kSqrtSqrtHalf);
  const int32_t square = kMultiply(q, q);
  const int32_t numerator = kMultiply(q, r) + kMultiply(kMultiply(q, square), 117049297);
  const int32_t denominator =
      kMultiply(p, 1057819769 + q + kMultiply(127690142, square)) + kMultiply(638450708, q);
  const int32_t fraction =
      kMultiply(RoundingShiftRight(numerator, kAccumulatorBits), OneOverOnePlus(denominator));
  return ScaleByPower(kMultiply(std::max(a_power, b_power), kLog2) + fraction, 1);
}

}  // namespace

/// LogSoftmaxQuantized of reference/log_softmax.h.
Kernel MakeLogSoftmax(const Node& node) {
  const LogSoftmaxParameters parameters = ComputeLogSoftmaxParameters(node.input().scale()).value();
  return [node, parameters](const Run& run) {
    const QuantizedMultiplier factor = {parameters.softmax.multiplier,
                                        parameters.softmax.left_shift};
    const auto depth = static_cast<int64_t>(node.input().shape.back());
    for (int64_t row = 0; row < node.input().elements(); row += depth) {
      const int8_t* in = run.in() + row;
      const int32_t most = *std::max_element(in, in + depth);
      int32_t sum = 0;
      for (int64_t i = 0; i < depth; ++i) {
        if (in[i] - most < parameters.softmax.diff_min) continue;
        sum += RoundingShiftRight(ExpOnNegativeValues(node.Scale(in[i] - most, factor)), 12);
      }
      const int32_t log_sum = LogOf(sum);
      const int32_t least = std::max(parameters.softmax.diff_min - 1,
                                     node.Scale(log_sum + INT32_MIN, parameters.reverse));
      for (int64_t i = 0; i < depth; ++i) {
        const int32_t difference = in[i] - most;
        run.out()[row + i] =
            difference <= least
                ? int8_t{-128}
                : Clamp(int64_t{RoundingShiftRight(node.Scale(difference, factor) - log_sum, 22)} +
                        127);
      }
    }
  };
}

Kernel MakeDequantize(const Node& node) {
  return [node](const Run& run) {
    const uint8_t* in = run.inputs[0]->data();
    uint8_t* out = run.outputs[0]->data();
    switch (node.input().type) {
      case TensorType::kUint8:
        return Dequantize<uint8_t>(node.input(), in, out);
      case TensorType::kInt16:
        return Dequantize<int16_t>(node.input(), in, out);
      case TensorType::kInt32:
        return Dequantize<int32_t>(node.input(), in, out);
      default:
        return Dequantize<int8_t>(node.input(), in, out);
    }
  };
}

}  // namespace npugen::golden

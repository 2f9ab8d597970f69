// SPDX-License-Identifier: Apache-2.0
// What host operators compute: TFLM's reference kernels.
#include "verif/golden/host.h"

#include <algorithm>
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

Kernel MakeDequantize(const Node& node) {
  return [node](const Run& run) {
    const uint8_t* in = run.inputs[0]->data();
    uint8_t* out = run.outputs[0]->data();
    switch (node.input().type) {
      case TensorType::kUint8:
        return Dequantize<uint8_t>(node.input(), in, out);
      case TensorType::kInt16:
        return Dequantize<int16_t>(node.input(), in, out);
      default:
        return Dequantize<int8_t>(node.input(), in, out);
    }
  };
}

}  // namespace npugen::golden

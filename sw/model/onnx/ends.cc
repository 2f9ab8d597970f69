// SPDX-License-Identifier: Apache-2.0
// The ends of a network of bits, in type and order of the file: QUANTIZE, TRANSPOSE and DEQUANTIZE
// stand between them and the layers.
#include <fmt/core.h>

#include <bit>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "sw/model/onnx/evaluator.h"

namespace npugen::symbolic {
namespace {

/// Finite float32 numbers in ascending order, 0 as number 0.
constexpr int32_t kLargestFloat = 0x7f7fffff;
float FloatOfNumber(int32_t number) {
  const auto size = std::bit_cast<float>(static_cast<uint32_t>(number < 0 ? -number : number));
  return number < 0 ? -size : size;
}

/// A quantization by which a float32 number is at least `zero` exactly if it is one of the wanted.
struct Cut {
  float scale = 1;
  int32_t zero_point = 0;
};

/// `first` is the number of the smallest float32 that is wanted.
///
/// QUANTIZE forms round(x / scale) + zero_point, halves away from zero. Of t > 0 with scale 2 t: x
/// >= t exactly if the quotient is 0.5 or more; the next smaller x gives at most 0.5 - 2^-25, which
/// float32 has. Of t <= 0 the same with the largest x that is not wanted, at -0.5.
Outcome CutAt(int32_t first, Cut* cut) {
  const float t = FloatOfNumber(first);
  cut->scale = t > 0 ? 2 * t : -2 * FloatOfNumber(first - 1);
  cut->zero_point = t > 0 ? -1 : 0;
  if (std::isfinite(cut->scale)) return std::nullopt;
  return Bad(fmt::format("the input changes its sign at {}", t), "smaller numbers");
}

}  // namespace

int32_t Evaluator::InputTensor(float scale, int32_t zero_point) {
  if (!model.inputs.empty()) return input_bytes_;
  const bool image = input_dims.size() == 4;
  const int32_t channels = input_dims[1];
  const int32_t height = image ? input_dims[2] : 1, width = image ? input_dims[3] : 1;
  Tensor bytes = ByteTensor("input", height, width, channels, TensorType::kInt8, zero_point);
  bytes.scales = {scale};
  const bool reorders = channels > 1 && int64_t{height} * width > 1;
  Tensor ordered = bytes;
  if (reorders) bytes.shape = input_dims;
  if (float_input) {
    Tensor real;
    real.name = "input";
    real.type = TensorType::kFloat32;
    real.shape = input_dims;
    model.inputs = {Add(std::move(real))};
    bytes.name = "quantized input";
    input_bytes_ = Add(std::move(bytes));
    AddOperator(OperatorType::kQuantize, model.inputs, input_bytes_, NoOptions{});
  } else {
    input_bytes_ = Add(std::move(bytes));
    model.inputs = {input_bytes_};
  }
  if (!reorders) return input_bytes_;
  const int32_t from = input_bytes_;
  ordered.name = "input in NHWC";
  input_bytes_ = Add(std::move(ordered));
  AddOperator(OperatorType::kTranspose, {from}, input_bytes_, TransposeOptions{{0, 2, 3, 1}});
  return input_bytes_;
}

Value Evaluator::InputBytes(const Value& value, float scale, int32_t zero_point) {
  Value bytes = value;
  bytes.kind = Kind::kBytes;
  bytes.tensor = InputTensor(scale, zero_point);
  return bytes;
}

Outcome Evaluator::InputBits(const Value& value, Value* bits) {
  Cut cut;
  bool falls = false;
  if (float_input) {
    const Form form = value.forms.empty() ? Form::Identity() : value.forms[0];
    falls = form.p.Sign() < 0;
    // From there on the bit, or of a falling function its inverse, is 1.
    const auto wanted = [&](int32_t number) {
      const Dyadic sum = form.p * Dyadic::FromDouble(FloatOfNumber(number)) + form.q + form.r;
      return (sum.Sign() >= 0) != falls;
    };
    if (form.p.Sign() == 0 || !wanted(kLargestFloat) || wanted(-kLargestFloat)) {
      return Bad("its sign is the same for all inputs", "a sign that depends on the input");
    }
    int64_t low = -int64_t{kLargestFloat}, high = kLargestFloat;
    while (low < high) {
      const int64_t middle = (low + high) >> 1;
      if (wanted(static_cast<int32_t>(middle))) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    if (auto refusal = CutAt(static_cast<int32_t>(low), &cut)) return refusal;
  }
  *bits = value;
  bits->kind = Kind::kBits;
  bits->forms.clear();
  if (falls) bits->inverted.assign(static_cast<size_t>(value.channels), true);
  const int32_t input = InputTensor(cut.scale, cut.zero_point);
  bits->tensor = Add(BitTensor("input bits", model.tensors[input].shape[1],
                               model.tensors[input].shape[2], model.tensors[input].shape[3], 1));
  AddOperator(OperatorType::kThermometer, {input}, bits->tensor,
              ThermometerOptions{.levels = 1, .first = -1, .step = 1, .list = {}});
  return std::nullopt;
}

void Evaluator::EndWith(const Value& value, int32_t tensor) {
  model.outputs = {tensor};
  // float32 has integers of 24 bits, so that the product with the scale is the only rounding.
  constexpr int64_t kMostExact = int64_t{1} << 24;
  const BinaryConvOptions& options = std::get<BinaryConvOptions>(model.operators.back().options);
  const std::vector<int32_t>& filter = value.layer.filter.shape;
  const bool bits = value.layer.filter.type == TensorType::kBits;
  const int64_t reach = int64_t{filter[1]} * filter[2] * filter[3] * (bits ? 1 : 255 * 128);
  for (const int32_t bias : options.bias) {
    if (reach + std::abs(int64_t{bias}) > kMostExact) return;
  }
  if (value.channels > 1 && int64_t{value.height} * value.width > 1) return;
  Tensor real;
  real.name = "output";
  real.type = TensorType::kFloat32;
  real.shape = {1, value.channels};
  if (!value.flat) real.shape.insert(real.shape.end(), {value.height, value.width});
  model.outputs = {Add(std::move(real))};
  AddOperator(OperatorType::kDequantize, {tensor}, model.outputs[0], NoOptions{});
}

}  // namespace npugen::symbolic

// SPDX-License-Identifier: Apache-2.0
// Tensors of bits and bounds of sums.
#include "sw/model/bit_model.h"

#include <fmt/core.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "sw/model/bits.h"

namespace npugen {

Tensor BitTensor(const std::string& name, int32_t height, int32_t width, int32_t channels,
                 int32_t planes) {
  Tensor tensor;
  tensor.name = name;
  tensor.type = TensorType::kBits;
  tensor.shape = {1, height, width, channels};
  tensor.planes = planes;
  return tensor;
}

Tensor ByteTensor(const std::string& name, int32_t height, int32_t width, int32_t channels,
                  TensorType type, int32_t zero_point) {
  Tensor tensor;
  tensor.name = name;
  tensor.type = type;
  tensor.shape = {1, height, width, channels};
  tensor.scales = {1.0f};
  tensor.zero_points = {zero_point};
  return tensor;
}

Tensor BitFilter(const std::string& name, const std::vector<int32_t>& shape,
                 const std::function<bool(int64_t)>& bit) {
  Tensor tensor;
  tensor.name = name;
  tensor.type = TensorType::kBits;
  tensor.shape = shape;
  tensor.is_constant = true;
  tensor.data.assign(tensor.bytes(), 0);
  int64_t index = 0;
  for (int64_t o = 0; o < shape[0]; ++o) {
    for (int64_t y = 0; y < shape[1]; ++y) {
      for (int64_t x = 0; x < shape[2]; ++x) {
        for (int64_t i = 0; i < shape[3]; ++i) {
          if (!bit(index++)) continue;
          const BitPlace place = PlaceOfBit(tensor, o, y, 0, x, i);
          tensor.data[place.byte] =
              static_cast<uint8_t>(tensor.data[place.byte] | 1 << place.shift);
        }
      }
    }
  }
  return tensor;
}

Tensor ByteFilter(const std::string& name, const std::vector<int32_t>& shape,
                  std::vector<uint8_t> bytes) {
  Tensor tensor;
  tensor.name = name;
  tensor.type = TensorType::kInt8;
  tensor.shape = shape;
  tensor.scales = {1.0f};
  tensor.zero_points = {0};
  tensor.is_constant = true;
  tensor.data = std::move(bytes);
  return tensor;
}

int64_t Positions(int64_t size, int64_t filter, int64_t stride, int64_t before, int64_t after) {
  const int64_t room = size + before + after - filter;
  return room < 0 ? 0 : room / stride + 1;
}

std::optional<std::string> CheckSums(const Model& model, const Operator& op) {
  const auto& options = std::get<BinaryConvOptions>(op.options);
  const Tensor& input = model.tensors[op.inputs[0]];
  const Tensor& filter = model.tensors[op.inputs[1]];
  const Tensor& output = model.tensors[op.outputs[0]];
  const int64_t taps = int64_t{filter.shape[1]} * filter.shape[2] * filter.shape[3];
  const bool bits = input.type == TensorType::kBits;
  for (int64_t o = 0; o < filter.shape[0]; ++o) {
    int64_t least = 0, most = 0;
    if (bits) {
      most = taps * (input.planes == 2 ? 3 : 1);
      least = -most;
    } else {
      // Zero points are int8, so that 0 (the padding) is within the range of each product.
      const int64_t high = 127 - input.zero_point(), low = -128 - input.zero_point();
      for (int64_t i = 0; i < taps; ++i) {
        const int64_t weight = static_cast<int8_t>(filter.data[o * taps + i]);
        most += std::max(weight * low, weight * high);
        least += std::min(weight * low, weight * high);
      }
    }
    if (options.affine && taps > INT16_MAX) {
      return fmt::format("sums of a plane can reach {}, beyond 16 bits", taps);
    }
    if (output.type == TensorType::kBits && !options.affine && output.planes == 2 &&
        (most > kLargestSumOfThree || least < -kLargestSumOfThree)) {
      return fmt::format(
          "sums of channel {} can reach {}..{}; layers with three thresholds are limited to "
          "-{}..{}",
          o, least, most, kLargestSumOfThree, kLargestSumOfThree);
    }
    const int64_t bias =
        output.type == TensorType::kBits || options.bias.empty() ? 0 : options.bias[o];
    if (most > INT32_MAX || least < INT32_MIN || most + bias > INT32_MAX ||
        least + bias < INT32_MIN) {
      return fmt::format("sums of channel {} can reach {}..{} with a bias of {}, beyond 32 bits", o,
                         least, most, bias);
    }
    if (bits && options.bias.empty()) break;  // the same for all channels
  }
  return std::nullopt;
}

int32_t AppendTensor(Model* model, Tensor tensor) {
  model->tensors.push_back(std::move(tensor));
  return static_cast<int32_t>(model->tensors.size()) - 1;
}

void AppendOperator(Model* model, OperatorType type, std::vector<int32_t> inputs, int32_t output,
                    OperatorOptions options) {
  Operator op;
  op.type = type;
  op.index = static_cast<int32_t>(model->operators.size());
  op.inputs = std::move(inputs);
  op.outputs = {output};
  op.options = std::move(options);
  op.name = OperatorName(type);
  model->operators.push_back(std::move(op));
}

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// Parts of networks of bits that every reader needs: tensors, packed filters, checks of sums.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "sw/model/model.h"

namespace npugen {

/// With three thresholds no sum may be larger: the NPU stores the second and the third one as
/// distances.
inline constexpr int64_t kLargestSumOfThree = int64_t{1} << 20;

/// An activation of bits, [1, height, width, channels].
Tensor BitTensor(const std::string& name, int32_t height, int32_t width, int32_t channels,
                 int32_t planes);

/// An activation of bytes, [1, height, width, channels], with scale 1.
Tensor ByteTensor(const std::string& name, int32_t height, int32_t width, int32_t channels,
                  TensorType type, int32_t zero_point);

/// A constant filter of bits, [O,KH,KW,I]; `bit(i)` is bit i of them, row major.
Tensor BitFilter(const std::string& name, const std::vector<int32_t>& shape,
                 const std::function<bool(int64_t)>& bit);

/// A constant filter of int8, [O,KH,KW,I].
Tensor ByteFilter(const std::string& name, const std::vector<int32_t>& shape,
                  std::vector<uint8_t> bytes);

/// The positions of a window of `filter` elements every `stride` ones in `size` elements with
/// `before` and `after` more on the sides; 0 if it does not fit.
int64_t Positions(int64_t size, int64_t filter, int64_t stride, int64_t before, int64_t after);

/// Appends a tensor; its number.
int32_t AppendTensor(Model* model, Tensor tensor);

/// Appends an operator of one output, named after its type.
void AppendOperator(Model* model, OperatorType type, std::vector<int32_t> inputs, int32_t output,
                    OperatorOptions options);

/// Why the sums of a BINARY_CONV_2D, whose tensors and options are set, cannot be computed: they
/// exceed int32 with their bias, or kLargestSumOfThree. Empty if they can.
std::optional<std::string> CheckSums(const Model& model, const Operator& op);

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// Sizes and names of the model's parts.
#include "sw/model/model.h"

#include "generator/arch/formats.h"

namespace npugen {

size_t ElementBytes(TensorType type) {
  switch (type) {
    case TensorType::kInt8:
    case TensorType::kInt4:  // unpacked
      return Format(FormatId::kInt8).Bytes(1);
    case TensorType::kInt16:
      return Format(FormatId::kInt16).Bytes(1);
    case TensorType::kInt32:
      return Format(FormatId::kInt32).Bytes(1);
    case TensorType::kUint8:
    case TensorType::kBool:
      return 1;
    case TensorType::kFloat32:
      return 4;
    case TensorType::kInt64:
      return 8;
    case TensorType::kBits:
    case TensorType::kOther:
      break;
  }
  return 0;
}

int64_t Tensor::elements() const {
  int64_t count = 1;
  for (int32_t dimension : shape) count *= dimension;
  return count;
}

size_t Tensor::bytes() const {
  if (type != TensorType::kBits) return static_cast<size_t>(elements()) * ElementBytes(type);
  if (shape.size() != 4) return 0;
  return static_cast<size_t>(int64_t{shape[0]} * shape[1] * bit_row_bytes());
}

}  // namespace npugen

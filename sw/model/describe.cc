// SPDX-License-Identifier: Apache-2.0
// Names and shapes for messages.
#include "sw/model/describe.h"

#include <fmt/core.h>

namespace npugen {
namespace {

constexpr size_t kLongestNameInMessage = 80;

template <typename T>
std::string ListText(const std::vector<T>& list) {
  std::string text = "[";
  for (size_t i = 0; i < list.size(); ++i) {
    if (i > 0) text += ',';
    text += fmt::format("{}", list[i]);
  }
  text += ']';
  return text;
}

}  // namespace

std::string ShapeText(const std::vector<int32_t>& shape) { return ListText(shape); }
std::string ShapeText(const std::vector<int64_t>& shape) { return ListText(shape); }
std::string ShapeText(const std::vector<double>& shape) { return ListText(shape); }

std::string PrintableName(const std::string& name) {
  std::string text = name.substr(0, kLongestNameInMessage);
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7f) c = '?';
  }
  if (text.size() < name.size()) text += "...";
  return text;
}

std::string DescribeTensor(const Model& model, int32_t tensor) {
  const Tensor& t = model.tensors[tensor];
  return fmt::format("tensor {} \"{}\" {}{}", tensor, PrintableName(t.name), TensorTypeName(t.type),
                     ShapeText(t.shape));
}

const char* TensorTypeName(TensorType type) {
  switch (type) {
    case TensorType::kInt8:
      return "INT8";
    case TensorType::kUint8:
      return "UINT8";
    case TensorType::kInt16:
      return "INT16";
    case TensorType::kInt32:
      return "INT32";
    case TensorType::kInt64:
      return "INT64";
    case TensorType::kFloat32:
      return "FLOAT32";
    case TensorType::kInt4:
      return "INT4";
    case TensorType::kBool:
      return "BOOL";
    case TensorType::kBits:
      return "BITS";
    case TensorType::kOther:
      break;
  }
  return "OTHER";
}

}  // namespace npugen

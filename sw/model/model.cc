// Sizes and names of the model's parts.
#include "sw/model/model.h"

namespace npugen {

size_t ElementBytes(TensorType type) {
  switch (type) {
    case TensorType::kInt8:
    case TensorType::kUint8:
    case TensorType::kInt4:
    case TensorType::kBool:
      return 1;
    case TensorType::kInt16:
      return 2;
    case TensorType::kInt32:
    case TensorType::kFloat32:
      return 4;
    case TensorType::kInt64:
      return 8;
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

const char* OperatorName(OperatorType type) {
  switch (type) {
    case OperatorType::kConv2d:
      return "CONV_2D";
    case OperatorType::kDepthwiseConv2d:
      return "DEPTHWISE_CONV_2D";
    case OperatorType::kFullyConnected:
      return "FULLY_CONNECTED";
    case OperatorType::kAdd:
      return "ADD";
    case OperatorType::kMaxPool2d:
      return "MAX_POOL_2D";
    case OperatorType::kAveragePool2d:
      return "AVERAGE_POOL_2D";
    case OperatorType::kMean:
      return "MEAN";
    case OperatorType::kReshape:
      return "RESHAPE";
    case OperatorType::kPad:
      return "PAD";
    case OperatorType::kSoftmax:
      return "SOFTMAX";
  }
  return "?";
}

}  // namespace npugen

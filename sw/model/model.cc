// SPDX-License-Identifier: Apache-2.0
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
  const int64_t pixels = int64_t{shape[0]} * shape[1] * shape[2];
  return static_cast<size_t>(pixels * planes * ((shape[3] + 7) / 8));
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
    case OperatorType::kTransposeConv:
      return "TRANSPOSE_CONV";
    case OperatorType::kBatchMatMul:
      return "BATCH_MATMUL";
    case OperatorType::kSub:
      return "SUB";
    case OperatorType::kMul:
      return "MUL";
    case OperatorType::kMaximum:
      return "MAXIMUM";
    case OperatorType::kMinimum:
      return "MINIMUM";
    case OperatorType::kSquaredDifference:
      return "SQUARED_DIFFERENCE";
    case OperatorType::kAddN:
      return "ADD_N";
    case OperatorType::kSum:
      return "SUM";
    case OperatorType::kReduceMax:
      return "REDUCE_MAX";
    case OperatorType::kReduceMin:
      return "REDUCE_MIN";
    case OperatorType::kArgMax:
      return "ARG_MAX";
    case OperatorType::kArgMin:
      return "ARG_MIN";
    case OperatorType::kLogistic:
      return "LOGISTIC";
    case OperatorType::kTanh:
      return "TANH";
    case OperatorType::kHardSwish:
      return "HARD_SWISH";
    case OperatorType::kElu:
      return "ELU";
    case OperatorType::kLeakyRelu:
      return "LEAKY_RELU";
    case OperatorType::kPrelu:
      return "PRELU";
    case OperatorType::kRelu:
      return "RELU";
    case OperatorType::kRelu6:
      return "RELU6";
    case OperatorType::kAbs:
      return "ABS";
    case OperatorType::kRsqrt:
      return "RSQRT";
    case OperatorType::kQuantize:
      return "QUANTIZE";
    case OperatorType::kConcatenation:
      return "CONCATENATION";
    case OperatorType::kMirrorPad:
      return "MIRROR_PAD";
    case OperatorType::kTranspose:
      return "TRANSPOSE";
    case OperatorType::kReverse:
      return "REVERSE_V2";
    case OperatorType::kSlice:
      return "SLICE";
    case OperatorType::kSplit:
      return "SPLIT";
    case OperatorType::kPack:
      return "PACK";
    case OperatorType::kUnpack:
      return "UNPACK";
    case OperatorType::kSpaceToDepth:
      return "SPACE_TO_DEPTH";
    case OperatorType::kDepthToSpace:
      return "DEPTH_TO_SPACE";
    case OperatorType::kSpaceToBatch:
      return "SPACE_TO_BATCH_ND";
    case OperatorType::kBatchToSpace:
      return "BATCH_TO_SPACE_ND";
    case OperatorType::kResizeNearestNeighbor:
      return "RESIZE_NEAREST_NEIGHBOR";
    case OperatorType::kResizeBilinear:
      return "RESIZE_BILINEAR";
    case OperatorType::kBinaryConv2d:
      return "BINARY_CONV_2D";
    case OperatorType::kThermometer:
      return "THERMOMETER";
  }
  return "?";
}

}  // namespace npugen

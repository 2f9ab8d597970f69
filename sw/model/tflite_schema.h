// Numbers of the TensorFlow Lite schema (version 3): fields, types and operators that the reader
// knows.
#pragma once

#include <cstdint>
#include <string>

namespace npugen::tflite {

inline constexpr char kFileIdentifier[] = "TFL3";
inline constexpr uint32_t kSchemaVersion = 3;

/// Field numbers of each table, in the order of the schema.
struct ModelField {
  enum { kVersion, kOperatorCodes, kSubgraphs, kDescription, kBuffers };
};
struct OperatorCodeField {
  enum { kDeprecatedBuiltinCode, kCustomCode, kVersion, kBuiltinCode };
};
struct SubgraphField {
  enum { kTensors, kInputs, kOutputs, kOperators, kName };
};
struct TensorField {
  enum { kShape, kType, kBuffer, kName, kQuantization, kIsVariable, kSparsity, kShapeSignature };
};
struct QuantizationField {
  enum { kMin, kMax, kScale, kZeroPoint, kDetailsType, kDetails, kQuantizedDimension };
};
struct BufferField {
  enum { kData, kOffset, kSize };
};
struct OperatorField {
  enum { kOpcodeIndex, kInputs, kOutputs, kBuiltinOptionsType, kBuiltinOptions };
};
struct Conv2dField {
  enum { kPadding, kStrideW, kStrideH, kActivation, kDilationW, kDilationH, kBiasType };
};
struct DepthwiseField {
  enum { kPadding, kStrideW, kStrideH, kDepthMultiplier, kActivation, kDilationW, kDilationH };
};
struct PoolField {
  enum { kPadding, kStrideW, kStrideH, kFilterW, kFilterH, kActivation };
};
struct FullyConnectedField {
  enum { kActivation, kWeightsFormat, kKeepNumDims, kAsymmetricInputs, kBiasType };
};
struct AddField {
  enum { kActivation };
};
struct ReducerField {
  enum { kKeepDims };
};
struct SoftmaxField {
  enum { kBeta };
};

/// TensorType.
enum : int8_t {
  kFloat32 = 0,
  kInt32 = 2,
  kUint8 = 3,
  kInt64 = 4,
  kBool = 6,
  kInt16 = 7,
  kInt8 = 9,
  kInt4 = 17,
};

/// BuiltinOperator.
enum : int32_t {
  kOpAdd = 0,
  kOpAveragePool2d = 1,
  kOpConv2d = 3,
  kOpDepthwiseConv2d = 4,
  kOpFullyConnected = 9,
  kOpMaxPool2d = 17,
  kOpReshape = 22,
  kOpSoftmax = 25,
  kOpCustom = 32,
  kOpPad = 34,
  kOpMean = 40,
};

/// BuiltinOptions: which table an operator's options are.
enum : uint8_t {
  kOptionsNone = 0,
  kOptionsConv2d = 1,
  kOptionsDepthwise = 2,
  kOptionsPool = 5,
  kOptionsFullyConnected = 8,
  kOptionsSoftmax = 9,
  kOptionsAdd = 11,
  kOptionsReshape = 17,
  kOptionsPad = 22,
  kOptionsReducer = 27,
};

/// The schema's name of a builtin operator, such as "CONV_2D"; "operator 999" if it has none.
std::string BuiltinOperatorName(int32_t code);
/// The schema's name of a tensor type, such as "INT8"; "type 99" if it has none.
std::string TypeName(int32_t type);

}  // namespace npugen::tflite

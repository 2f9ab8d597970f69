// SPDX-License-Identifier: Apache-2.0
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
  enum {
    kOpcodeIndex,
    kInputs,
    kOutputs,
    kBuiltinOptionsType,
    kBuiltinOptions,
    kCustomOptions,
    kCustomOptionsFormat,
    kMutatingVariableInputs,
    kIntermediates
  };
};
struct CallOnceField {
  enum { kSubgraph };
};
struct VarHandleField {
  enum { kContainer, kSharedName };
};
struct SvdfField {
  enum { kRank, kActivation };
};
struct SequenceLstmField {
  enum { kActivation, kCellClip, kProjectionClip, kTimeMajor };
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
struct ConcatenationField {
  enum { kAxis, kActivation };
};
struct L2NormField {
  enum { kActivation };
};
struct GatherField {
  enum { kAxis, kBatchDims };
};
struct TransposeConvField {
  enum { kPadding, kStrideW, kStrideH, kActivation, kBiasType };
};
struct BatchMatMulField {
  enum { kAdjointX, kAdjointY };
};
struct LeakyReluField {
  enum { kAlpha };
};
struct MirrorPadField {
  enum { kMode };
};
struct StridedSliceField {
  enum { kBeginMask, kEndMask, kEllipsisMask, kNewAxisMask, kShrinkAxisMask, kOffset };
};
/// SPLIT and SPLIT_V.
struct SplitField {
  enum { kNumSplits };
};
/// PACK and UNPACK.
struct PackField {
  enum { kCount, kAxis };
};
/// SPACE_TO_DEPTH and DEPTH_TO_SPACE.
struct BlockField {
  enum { kBlockSize };
};
struct ResizeNearestField {
  enum { kAlignCorners, kHalfPixelCenters };
};
struct ResizeBilinearField {
  enum { kNewHeight, kNewWidth, kAlignCorners, kHalfPixelCenters };
};
/// ARG_MAX and ARG_MIN.
struct ArgField {
  enum { kOutputType };
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

/// BuiltinOperator: the one that stands for operators of other makers. All others are known by
/// their names, BuiltinOperatorName().
inline constexpr int32_t kOpCustom = 32;

/// BuiltinOptions: which table an operator's options are.
enum : uint8_t {
  kOptionsNone = 0,
  kOptionsConv2d = 1,
  kOptionsDepthwise = 2,
  kOptionsPool = 5,
  kOptionsSvdf = 6,
  kOptionsFullyConnected = 8,
  kOptionsSoftmax = 9,
  kOptionsConcatenation = 10,
  kOptionsAdd = 11,
  kOptionsResizeBilinear = 15,
  kOptionsReshape = 17,
  kOptionsSpaceToDepth = 19,
  kOptionsMul = 21,
  kOptionsPad = 22,
  kOptionsBatchToSpace = 24,
  kOptionsL2Norm = 12,
  kOptionsGather = 23,
  kOptionsSpaceToBatch = 25,
  kOptionsTranspose = 26,
  kOptionsReducer = 27,
  kOptionsSub = 28,
  kOptionsDiv = 29,
  kOptionsSqueeze = 30,
  kOptionsStridedSlice = 32,
  kOptionsSplit = 35,
  kOptionsMaximumMinimum = 39,
  kOptionsArgMax = 40,
  kOptionsPadV2 = 43,
  kOptionsSlice = 48,
  kOptionsTransposeConv = 49,
  kOptionsExpandDims = 52,
  kOptionsArgMin = 57,
  kOptionsPack = 59,
  kOptionsUnpack = 64,
  kOptionsResizeNearest = 74,
  kOptionsLeakyRelu = 75,
  kOptionsSequenceLstm = 71,
  kOptionsSquaredDifference = 76,
  kOptionsMirrorPad = 77,
  kOptionsAbs = 78,
  kOptionsSplitV = 79,
  kOptionsReverse = 81,
  kOptionsAddN = 82,
  kOptionsQuantize = 89,
  kOptionsHardSwish = 91,
  kOptionsDepthToSpace = 94,
  kOptionsBatchMatMul = 101,
  kOptionsCallOnce = 103,
  kOptionsVarHandle = 111,
};

/// The schema's name of a builtin operator, such as "CONV_2D"; "operator 999" if it has none.
std::string BuiltinOperatorName(int32_t code);
/// The schema's name of a tensor type, such as "INT8"; "type 99" if it has none.
std::string TypeName(int32_t type);

}  // namespace npugen::tflite

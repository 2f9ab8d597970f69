// SPDX-License-Identifier: Apache-2.0
// A quantized network as the compiler and the golden model see it: tensors and operators, already
// checked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace npugen {

enum class TensorType : uint8_t {
  kInt8,
  kUint8,
  kInt16,
  kInt32,
  kInt64,
  kFloat32,
  kInt4,
  kBool,
  kBits,  ///< codes of one or two bits per channel, packed; see Tensor
  kOther
};

/// Bytes of one element (kInt4 counts as 1 once unpacked; kBits and kOther are 0).
size_t ElementBytes(TensorType type);

/// One tensor. A kBits tensor has rank 4, [N,H,W,C], and is stored as [N][H][plane][W][ceil(C / 8)]
/// bytes: channel c is bit c % 8 of byte c / 8, and bits without a channel are 0. With two planes
/// the first one holds the upper bits of the codes. A bit stands for +1 (1) or -1 (0).
///
/// `shape` is as in the file (row major, NHWC where it matters); all dimensions >= 0
/// and the element count is below 2^31.
struct Tensor {
  std::string name;
  TensorType type = TensorType::kInt8;
  std::vector<int32_t> shape;
  std::vector<float> scales;  ///< 1 or one per channel; empty: not quantized; all finite, > 0
  std::vector<int32_t> zero_points;  ///< same length as scales
  int32_t quantized_dimension = 0;
  int32_t planes = 1;  ///< kBits: bits of a code, 1 or 2
  bool is_constant = false;
  std::vector<uint8_t> data;  ///< little endian bytes of a constant
  int64_t elements() const;
  size_t bytes() const;
  float scale() const { return scales.empty() ? 0.0f : scales[0]; }
  int32_t zero_point() const { return zero_points.empty() ? 0 : zero_points[0]; }
};

enum class OperatorType : uint8_t {
  kConv2d,
  kDepthwiseConv2d,
  kFullyConnected,
  kAdd,
  kMaxPool2d,
  kAveragePool2d,
  kMean,
  kReshape,  ///< also SQUEEZE and EXPAND_DIMS: the bytes stay as they are
  kPad,      ///< also PADV2
  kSoftmax,
  kTransposeConv,
  kBatchMatMul,
  kSub,
  kMul,
  kMaximum,
  kMinimum,
  kSquaredDifference,
  kAddN,  ///< TFLite adds one more value 0 (not zero point) to the sum
  kSum,
  kReduceMax,
  kReduceMin,
  kArgMax,
  kArgMin,
  kLogistic,
  kTanh,
  kHardSwish,
  kElu,
  kLeakyRelu,
  kPrelu,
  kRelu,
  kRelu6,
  kAbs,
  kRsqrt,
  kQuantize,
  kConcatenation,
  kMirrorPad,
  kTranspose,
  kReverse,  ///< REVERSE_V2
  kSlice,    ///< also STRIDED_SLICE
  kSplit,    ///< also SPLIT_V
  kPack,
  kUnpack,
  kSpaceToDepth,
  kDepthToSpace,
  kSpaceToBatch,  ///< SPACE_TO_BATCH_ND
  kBatchToSpace,  ///< BATCH_TO_SPACE_ND
  kResizeNearestNeighbor,
  kResizeBilinear,
  kBinaryConv2d,  ///< of the packed-bit format: operands of bits, or results of bits, or both
  kThermometer,   ///< bytes to bits: channel k of a value says whether it exceeds level k
};

/// Name as in the TFLite schema, such as "CONV_2D".
const char* OperatorName(OperatorType type);

enum class Activation : uint8_t { kNone, kRelu, kReluN1To1, kRelu6 };
enum class Padding : uint8_t { kSame, kValid };

/// CONV_2D and DEPTHWISE_CONV_2D. Inputs: data [N,H,W,C], filter ([O,KH,KW,I] or [1,KH,KW,O]), bias
/// [O] (may be absent: -1).
struct ConvOptions {
  Padding padding = Padding::kSame;
  int32_t stride_h = 1, stride_w = 1;
  int32_t dilation_h = 1, dilation_w = 1;
  int32_t depth_multiplier = 1;  ///< depthwise only
  Activation activation = Activation::kNone;
};
struct PoolOptions {
  Padding padding = Padding::kValid;
  int32_t stride_h = 1, stride_w = 1;
  int32_t filter_h = 1, filter_w = 1;
  Activation activation = Activation::kNone;
};
struct FullyConnectedOptions {
  Activation activation = Activation::kNone;
  bool keep_num_dims = false;
};
/// ADD, SUB, MUL. Operands broadcast as in NumPy; so do those of MAXIMUM, MINIMUM and
/// SQUARED_DIFFERENCE.
struct AddOptions {
  Activation activation = Activation::kNone;
};
/// MEAN, SUM, REDUCE_MAX, REDUCE_MIN.
struct ReduceOptions {
  std::vector<int32_t> axes;  ///< normalized to 0..rank-1, ascending, unique
  bool keep_dims = false;
};
struct PadOptions {
  std::vector<std::pair<int32_t, int32_t>>
      paddings;      ///< before, after for each dimension of the input
  int8_t value = 0;  ///< what PAD (the zero point) and PADV2 (their constant) fill with
};
struct SoftmaxOptions {
  float beta = 1.0f;
};
struct ReshapeOptions {};
/// TRANSPOSE_CONV. Inputs: data [N,H,W,C], filter [O,KH,KW,I], bias [O] or -1. The output shape is
/// that of the output tensor.
struct TransposeConvOptions {
  Padding padding = Padding::kSame;
  int32_t stride_h = 1, stride_w = 1;
  Activation activation = Activation::kNone;
};
struct BatchMatMulOptions {
  bool adjoint_x = false, adjoint_y = false;
};
/// ARG_MAX, ARG_MIN: the axis (0..rank-1); the output is int32.
/// CONCATENATION, PACK, UNPACK, SPLIT: the axis along which tensors stand side by side.
struct AxisOptions {
  int32_t axis = 0;
};
struct LeakyReluOptions {
  float alpha = 0.0f;
};
struct MirrorPadOptions {
  std::vector<std::pair<int32_t, int32_t>> paddings;
  bool symmetric = false;  ///< true: the border element is repeated
};
struct TransposeOptions {
  std::vector<int32_t> permutation;  ///< output dimension d is input dimension permutation[d]
};
struct ReverseOptions {
  std::vector<int32_t> axes;
};
/// SLICE and STRIDED_SLICE, one entry for each dimension of the input: output element i is input
/// element begin + i * stride. Dimensions that STRIDED_SLICE drops have a size of 1.
struct SliceOptions {
  std::vector<int32_t> begin, stride, size;
};
struct BlockOptions {
  int32_t block_size = 1;  ///< SPACE_TO_DEPTH, DEPTH_TO_SPACE
};
/// SPACE_TO_BATCH_ND, BATCH_TO_SPACE_ND: blocks of the spatial dimensions 1.., and paddings or
/// crops of them.
struct BatchSpaceOptions {
  std::vector<int32_t> block;
  std::vector<std::pair<int32_t, int32_t>> borders;
  int8_t value = 0;  ///< what SPACE_TO_BATCH_ND pads with: the zero point
};
/// RESIZE_*: data [N,H,W,C]; the new size is that of the output tensor.
struct ResizeOptions {
  bool align_corners = false;
  bool half_pixel_centers = false;
};
/// BINARY_CONV_2D. Inputs: data [N,H,W,I], filter [O,KH,KW,I]; both kBits (filter of one plane) or
/// both kInt8 (then padding reads as the data's zero point, and products are (data - zero point) *
/// filter). S is the sum of products of an output, where bits are +1 and -1. Of two planes, P and Q
/// being the sums of the first and the second: S = 2 P + Q, or 2 P where `gates` are given and
/// P <= gates[o]. The output is
///   kBits: the code is the number of thresholds[i][o] that S reaches (S >= threshold), or with
///     flip[o] the number of thresholds less that;
///   kInt32: S + bias[o];
///   kInt8: S + bias[o], rescaled by multipliers[o] and shifts[o] as in TFLite, plus the output's
///     zero point, saturated.
struct BinaryConvOptions {
  int32_t stride_h = 1, stride_w = 1;
  int32_t pad_top = 0, pad_left = 0;  ///< below and on the right follows from the output's shape
  bool skip_outside = false;  ///< kBits: outside of the image counts 0; else bits are 0, that is -1
  std::vector<int32_t> gates;     ///< of two planes; empty: none
  std::vector<int32_t> activity;  ///< how often a channel passes its gate; empty: not known
  std::vector<std::vector<int32_t>> thresholds;  ///< 1 or 3 (two planes), ascending
  std::vector<uint8_t> flip;
  std::vector<int32_t> bias;
  std::vector<int32_t> multipliers, shifts;
};
/// THERMOMETER: [N,H,W,C] bytes (kInt8 or kUint8) to [N,H,W,C * levels] bits; bit c * levels + k is
/// whether value c exceeds first + k * step.
struct ThermometerOptions {
  int32_t levels = 1, first = 0, step = 1;
};
/// Operators without options.
struct NoOptions {};

using OperatorOptions =
    std::variant<ConvOptions, PoolOptions, FullyConnectedOptions, AddOptions, ReduceOptions,
                 PadOptions, SoftmaxOptions, ReshapeOptions, TransposeConvOptions,
                 BatchMatMulOptions, AxisOptions, LeakyReluOptions, MirrorPadOptions,
                 TransposeOptions, ReverseOptions, SliceOptions, BlockOptions, BatchSpaceOptions,
                 ResizeOptions, BinaryConvOptions, ThermometerOptions, NoOptions>;

/// One operator. Tensor numbers index Model::tensors; -1 is an absent optional input. `inputs` are
/// the operands in a fixed order, without the constant lists (axes, paddings, shapes ...), which
/// are in the options: conv, transposed conv, depthwise and fully connected 3 (data, filter, bias
/// or -1), operators of two operands, BATCH_MATMUL and BINARY_CONV_2D 2, ADD_N, CONCATENATION and
/// PACK all, PRELU 2 (data, alpha), all others 1. SPLIT and UNPACK have several outputs, all others
/// one. Constant are: filters, biases, the alpha of PRELU, and any but all of the operands of
/// operators of two operands, BATCH_MATMUL, ADD_N, CONCATENATION and PACK. No other operand is
/// constant.
struct Operator {
  OperatorType type;
  int32_t index = 0;  ///< position in the file's operator list
  std::vector<int32_t> inputs;
  std::vector<int32_t> outputs;
  OperatorOptions options;
  std::string name;  ///< as in the file, such as "STRIDED_SLICE"; for messages
};

/// A checked network: operators are in execution order, every shape is consistent, and only
/// supported operators occur. Activation tensors are kBits (of BINARY_CONV_2D, THERMOMETER and
/// MAX_POOL_2D; filters of the first one, too), or int8 with one scale and zero point, but for
/// the operands of QUANTIZE (int8, uint8, int16, int32), the outputs of ARG_MAX and ARG_MIN
/// (int32), and what kReshape passes on of these types. Filters are int8, or kInt4 (unpacked to
/// one value a byte).
struct Model {
  std::string name;  ///< file name without folder
  std::vector<Tensor> tensors;
  std::vector<Operator> operators;
  std::vector<int32_t> inputs;
  std::vector<int32_t> outputs;
};

}  // namespace npugen

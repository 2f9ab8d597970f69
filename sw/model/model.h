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
  kOther
};

/// Bytes of one element (kInt4 counts as 1 once unpacked; kOther is 0).
size_t ElementBytes(TensorType type);

/// One tensor. `shape` is as in the file (row major, NHWC where it matters); all dimensions >= 0
/// and the element count is below 2^31.
struct Tensor {
  std::string name;
  TensorType type = TensorType::kInt8;
  std::vector<int32_t> shape;
  std::vector<float> scales;  ///< 1 or one per channel; empty: not quantized; all finite, > 0
  std::vector<int32_t> zero_points;  ///< same length as scales
  int32_t quantized_dimension = 0;
  bool is_constant = false;
  std::vector<uint8_t> data;  ///< little endian bytes of a constant
  int64_t elements() const;
  size_t bytes() const { return static_cast<size_t>(elements()) * ElementBytes(type); }
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
  kReshape,
  kPad,
  kSoftmax,
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
struct AddOptions {
  Activation activation = Activation::kNone;
};
struct MeanOptions {
  std::vector<int32_t> axes;  ///< normalized to 0..rank-1, ascending, unique
  bool keep_dims = false;
};
struct PadOptions {
  std::vector<std::pair<int32_t, int32_t>>
      paddings;  ///< before, after for each dimension of the input
};
struct SoftmaxOptions {
  float beta = 1.0f;
};
struct ReshapeOptions {};

using OperatorOptions = std::variant<ConvOptions, PoolOptions, FullyConnectedOptions, AddOptions,
                                     MeanOptions, PadOptions, SoftmaxOptions, ReshapeOptions>;

/// One operator. Tensor numbers index Model::tensors; -1 is an absent optional input. The inputs
/// always have their full number: conv, depthwise and fully connected 3 (data, filter, bias or -1),
/// add 2, reshape 2 (data, shape or -1), mean and pad 2 (data, constant list, already in the
/// options).
struct Operator {
  OperatorType type;
  int32_t index = 0;  ///< position in the file's operator list
  std::vector<int32_t> inputs;
  std::vector<int32_t> outputs;
  OperatorOptions options;
};

/// A checked network: operators are in execution order, every shape is consistent, every activation
/// tensor is int8 with one scale and zero point, and only supported operators occur.
struct Model {
  std::string name;  ///< file name without folder
  std::vector<Tensor> tensors;
  std::vector<Operator> operators;
  std::vector<int32_t> inputs;
  std::vector<int32_t> outputs;
};

}  // namespace npugen

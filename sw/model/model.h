// SPDX-License-Identifier: Apache-2.0
// A quantized network as the compiler and the golden model see it: tensors and operators, already
// checked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "sw/model/operators/bits.h"
#include "sw/model/operators/blocks.h"
#include "sw/model/operators/custom.h"
#include "sw/model/operators/elementwise.h"
#include "sw/model/operators/functions.h"
#include "sw/model/operators/moving.h"
#include "sw/model/operators/products.h"
#include "sw/model/operators/recurrent.h"
#include "sw/model/operators/windows.h"

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
/// the first one holds the upper bits of the codes. A bit stands for +1 (1) or -1 (0). With
/// `values` there are numbers beside the codes: each row of [plane][W][..] is followed by its int16
/// values [W][C], little endian; C is then a multiple of 8, and N is 1.
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
  int32_t planes = 1;   ///< kBits: bits of a code, 1 or 2
  bool values = false;  ///< kBits: int16 values stand beside the codes
  bool is_constant = false;
  std::vector<uint8_t> data;  ///< little endian bytes of a constant
  int64_t elements() const;
  size_t bytes() const;
  /// Of kBits: bytes of a row's values, and of a row with all planes and values.
  int64_t value_row_bytes() const { return values ? 2 * int64_t{shape[2]} * shape[3] : 0; }
  int64_t bit_row_bytes() const {
    return int64_t{planes} * shape[2] * ((int64_t{shape[3]} + 7) / 8) + value_row_bytes();
  }
  float scale() const { return scales.empty() ? 0.0f : scales[0]; }
  int32_t zero_point() const { return zero_points.empty() ? 0 : zero_points[0]; }
};

/// The kinds of operators: kConv2d, kDepthwiseConv2d ..., a row of operators.def each. kReshape is
/// also SQUEEZE and EXPAND_DIMS: the bytes stay as they are; kPad, kSlice and kSplit have a second
/// form, too.
enum class OperatorType : uint8_t {
#define NPUGEN_OPERATOR(kind, ...) k##kind,
#include "sw/model/operators.def"
#undef NPUGEN_OPERATOR
};
/// Number of kinds.
inline constexpr size_t kOperatorKinds = 0
#define NPUGEN_OPERATOR(kind, ...) +1
#include "sw/model/operators.def"
#undef NPUGEN_OPERATOR
    ;

/// Name as in the TFLite schema, such as "CONV_2D".
const char* OperatorName(OperatorType type);

/// What an operator has beside its operands: a struct of its family (sw/model/operators/*.h).
using OperatorOptions =
    OneOf<ProductsOptions, SharedOptions, WindowsOptions, ElementwiseOptions, FunctionsOptions,
          MovingOptions, BlocksOptions, BitsOptions, RecurrentOptions, CustomOptions>;

/// One operator. Tensor numbers index Model::tensors; -1 is an absent optional input. `inputs` are
/// the operands in a fixed order, without the constant lists (axes, paddings, shapes ...), which
/// are in the options: conv, transposed conv, depthwise and fully connected 3 (data, filter, bias
/// or -1), operators of two operands, BATCH_MATMUL and BINARY_CONV_2D 2, ADD_N, CONCATENATION and
/// PACK all, PRELU 2 (data, alpha), SVDF and LSTM as recurrent.h has them, all others 1. SPLIT and
/// UNPACK have several outputs, SVDF and LSTM their new states behind the result, all others one.
/// Constant are: filters, biases, the alpha of PRELU, and any but all of the operands of operators
/// of two operands, BATCH_MATMUL, ADD_N, CONCATENATION and PACK. No other operand is constant.
struct Operator {
  OperatorType type;
  int32_t index = 0;  ///< position in the file's operator list
  std::vector<int32_t> inputs;
  std::vector<int32_t> outputs;
  OperatorOptions options;
  std::string name;  ///< as in the file, such as "STRIDED_SLICE"; for messages
  /// The file has it on uint8 (ConvertUint8): factors are formed from float32 products, averages
  /// round halves up, LOGISTIC and TANH are tabulated in float32, and filters may be int16.
  bool from_uint8 = false;
  /// Of parts into which the compiler divides an operator: multipliers and shifts of the output
  /// channels. Empty: they follow from scales.
  std::vector<std::pair<int32_t, int32_t>> multipliers;
};

/// A checked network: operators are in execution order, every shape is consistent, and only
/// supported operators occur. Activation tensors are kBits (of BINARY_CONV_2D, THERMOMETER and
/// MAX_POOL_2D; filters of the first one, too), or int8 with one scale and zero point, but for
/// the operands of QUANTIZE (int8, uint8, int16, int32), the outputs of ARG_MAX and ARG_MIN
/// (int32, int64), what kReshape passes on of these types, float32 at host operators, and int16
/// with zero point 0 where OperatorRules::wide accepts it. Filters are int8, kInt4 (unpacked to one
/// value a byte), or, of operators from uint8, int16 with values of -255 to 255.
///
/// A network with states goes on from one run to the next: `read` of a state is there when a run
/// begins, as an input is, and in the next run it has the bytes that `written` has at the end of
/// this one.
struct Model {
  /// Two tensors of the same type and shape; `written` is the result of an operator.
  struct State {
    int32_t read = 0;
    int32_t written = 0;
    std::vector<uint8_t> initial;  ///< bytes of `read` in the first run
  };
  std::string name;  ///< file name without folder
  std::vector<Tensor> tensors;
  std::vector<Operator> operators;
  std::vector<int32_t> inputs;
  std::vector<int32_t> outputs;
  std::vector<State> states;
};

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// Kernels on numbers as they are, int32 and float32: what converters leave of index arithmetic and
// of float tails. Bit for bit TensorFlow Lite's reference kernels; where those leave something
// open, what holds here stands below. Part of npu_host_operators.h; what their options are stands
// here, one struct of words for each kind.
#ifndef NPUGEN_SW_DRIVER_NPU_HOST_PLAIN_H_
#define NPUGEN_SW_DRIVER_NPU_HOST_PLAIN_H_

#include "sw/driver/npu_host_kernels.h"

#ifdef __cplusplus
extern "C" {
#endif

/// int32 wraps; a quotient or remainder by 0 is 0. Which NaN a NaN is, is open.
enum npu_arithmetic_function {
  NPU_ARITHMETIC_ADD = 0,
  NPU_ARITHMETIC_SUB = 1,
  NPU_ARITHMETIC_MUL = 2,
  NPU_ARITHMETIC_SQUARED_DIFFERENCE = 3,
  NPU_ARITHMETIC_MAXIMUM = 4,
  NPU_ARITHMETIC_MINIMUM = 5,
  NPU_ARITHMETIC_DIV = 6,        ///< int32: towards 0
  NPU_ARITHMETIC_FLOOR_DIV = 7,  ///< int32 only
  NPU_ARITHMETIC_FLOOR_MOD = 8   ///< int32 only; has the sign of the divisor
};

/// NPU_HOST_ARITHMETIC: two operands of int32, or of float32, to the same. Steps are elements of
/// the operands, 0 where they repeat.
typedef struct npu_arithmetic_options {
  int32_t function;
  int32_t size[NPU_HOST_RANK];
  int32_t a_step[NPU_HOST_RANK], b_step[NPU_HOST_RANK];
  int32_t least, most;  ///< of results; of float32 its bits, and NaN stays
} npu_arithmetic_options;

enum npu_unary_function {
  NPU_UNARY_ABS = 0,
  NPU_UNARY_NEG = 1,
  NPU_UNARY_SQRT = 2  ///< float32 only, correctly rounded; NaN of what is below 0
};

/// NPU_HOST_UNARY: int32, or float32, to the same.
typedef struct npu_unary_options {
  int32_t function;
} npu_unary_options;

// NPU_HOST_CAST has no options: int8, uint8, int16, int32, int64 and float32 to another of them.
// Integers wrap; float32 is cut off towards 0, saturates, and NaN becomes 0.

/// NPU_HOST_JOIN: inputs of any type but bits, to the same type: in turn the next chunk of each
/// input, `chunks` times. An input's chunk is its bytes divided by `chunks`.
typedef struct npu_join_options {
  int32_t chunks;
} npu_join_options;

/// NPU_HOST_GATHER_ND: inputs are data of any type but bits, and rows of indices (int32); the
/// output has a slice of the data for each row. Indices outside the data give zeros.
typedef struct npu_gather_nd_options {
  int32_t rows;
  int32_t depth;                ///< indices of a row, 1..NPU_HOST_RANK
  int32_t size[NPU_HOST_RANK];  ///< of the data's first `depth` dimensions; 1 behind them
  int32_t slice_bytes;          ///< of the dimensions behind
} npu_gather_nd_options;

/// The parts of npu_host_operator_fits() and npu_host_operator_run() for these kinds.
int npu_host_plain_fits(uint32_t kind, const npu_network_tensor* const* inputs,
                        uint32_t input_count, const npu_network_tensor* const* outputs,
                        uint32_t output_count, const uint32_t* options, uint32_t option_count);
void npu_host_plain_run(uint32_t kind, const struct npu_host_operand* inputs,
                        const struct npu_host_operand* outputs, const uint32_t* options);

#ifdef __cplusplus
}
#endif

#endif  // NPUGEN_SW_DRIVER_NPU_HOST_PLAIN_H_

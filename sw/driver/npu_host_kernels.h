// SPDX-License-Identifier: Apache-2.0
// Kernels of what the NPU cannot compute: activations of 16 bits and recurrent layers, bit for bit
// as TensorFlow Lite Micro computes them. Part of npu_host_operators.h, which says what they share;
// what their options are stands here, one struct of words for each kind.
//
// A factor is a pair of a multiplier m and a shift s: m * 2^(s - 31), 0 <= m.
#ifndef NPUGEN_SW_DRIVER_NPU_HOST_KERNELS_H_
#define NPUGEN_SW_DRIVER_NPU_HOST_KERNELS_H_

#include "sw/driver/npu_host_operators.h"

#ifdef __cplusplus
extern "C" {
#endif

/// Dimensions over which elementwise kernels and reductions run; unused ones have size 1.
#define NPU_HOST_RANK 6

typedef struct npu_host_factor {
  int32_t multiplier;
  int32_t shift;  ///< -31..30; of sums of 64 bits at most 7
} npu_host_factor;

/// What a filter is of a convolution.
enum npu_convolution_form {
  NPU_CONVOLUTION_GROUPED = 0,    ///< [out_c][h][w][in_c / groups]
  NPU_CONVOLUTION_DEPTHWISE = 1,  ///< [h][w][out_c]; each input channel makes out_c / in_c outputs
  NPU_CONVOLUTION_TRANSPOSED = 2  ///< [out_c][h][w][in_c]; strides are the output's
};

/// NPU_HOST_CONVOLUTION: int16 and int8 filter to int16. Inputs: data, filter, bias (int32, int64
/// or left out), factors of the output channels (int32, two numbers each). A FULLY_CONNECTED is one
/// of 1x1 images.
typedef struct npu_convolution_options {
  int32_t form;
  int32_t batches, in_h, in_w, in_c, out_h, out_w, out_c;
  int32_t filter_h, filter_w, filter_c;
  int32_t stride_h, stride_w, dilation_h, dilation_w;
  int32_t pad_h, pad_w;  ///< above and left of the input; of a transposed one of the output
  int32_t wide_sums;     ///< 1: sums of 64 bits; 0: of 32 bits, which wrap
  int32_t least, most;   ///< of results
} npu_convolution_options;

/// NPU_HOST_MATMUL: int16 matrices. Inputs: a, b. Steps are elements from one index to the next.
typedef struct npu_matmul_options {
  int32_t size[NPU_HOST_RANK];  ///< of the batches
  int32_t a_step[NPU_HOST_RANK], b_step[NPU_HOST_RANK];
  int32_t rows, columns, depth;
  int32_t a_row_step, a_depth_step, b_depth_step, b_column_step;
  npu_host_factor factor;
} npu_matmul_options;

/// NPU_HOST_ROUNDED_SUMS: of int16 values x, with half(n) = 2^(n-1), 0 for n = 0, and >> rounding
/// down. One input: the means (int16, saturated) (sum of x + half(sum_shift)) >> sum_shift. Three
/// (x, weights int16 [outputs][terms], bias int32): int32 bias + sum of
/// (x w + half(product_shift)) >> product_shift, modulo 2^32.
typedef struct npu_rounded_sums_options {
  int32_t outputs, terms;
  int32_t output_step, term_step;  ///< of x, in elements
  int32_t product_shift, sum_shift;
} npu_rounded_sums_options;

enum npu_elementwise_function {
  NPU_ELEMENTWISE_ADD = 0,
  NPU_ELEMENTWISE_SUB = 1,
  NPU_ELEMENTWISE_MUL = 2,
  NPU_ELEMENTWISE_SQUARED_DIFFERENCE = 3,
  NPU_ELEMENTWISE_MAXIMUM = 4,
  NPU_ELEMENTWISE_MINIMUM = 5,
  NPU_ELEMENTWISE_PRELU = 6  ///< factors: `a` of values >= 0, `b` of values times alpha
};

/// NPU_HOST_ELEMENTWISE: two int16 operands (of PRELU int16 and an int8 alpha) to int16. Steps are
/// elements of the operands, 0 where they repeat.
typedef struct npu_elementwise_options {
  int32_t function;
  int32_t size[NPU_HOST_RANK];
  int32_t a_step[NPU_HOST_RANK], b_step[NPU_HOST_RANK];
  int32_t left_shift;  ///< of both operands, 0..15
  npu_host_factor a, b, out;
  int32_t least, most;
} npu_elementwise_options;

enum npu_function {
  NPU_FUNCTION_LEAKY_RELU = 0,
  NPU_FUNCTION_ABS = 1,
  NPU_FUNCTION_LOGISTIC = 2,  ///< further input: the table of sigmoids, int32[256]
  NPU_FUNCTION_TANH = 3       ///< the same
};

/// NPU_HOST_FUNCTION: int16 to int16.
typedef struct npu_function_options {
  int32_t function;
  npu_host_factor
      factor;  ///< LOGISTIC, TANH: (x * multiplier + 2^(shift - 1)) >> shift is looked up
  npu_host_factor alpha;  ///< LEAKY_RELU: of values < 0
  int32_t negative;       ///< LEAKY_RELU: alpha is
} npu_function_options;

/// NPU_HOST_SOFTMAX: int16 to int16 with two further inputs, tables of e^x and 1 / (1 + x) (int16,
/// 513 elements each), or int8 to int16.
typedef struct npu_softmax_options {
  int32_t depth;           ///< elements of a row
  npu_host_factor factor;  ///< of differences to the row's maximum
  int32_t diff_min;        ///< int8: smaller ones count as probability 0
} npu_softmax_options;

/// NPU_HOST_LOG_SOFTMAX: int8 to int8.
typedef struct npu_log_softmax_options {
  int32_t depth;            ///< elements of a row
  npu_host_factor factor;   ///< of differences to the row's maximum, to 5.26
  int32_t diff_min;         ///< smaller ones count as probability 0
  npu_host_factor reverse;  ///< from 5.26 to differences
} npu_log_softmax_options;

/// NPU_HOST_POOL: int16, average or maximum.
typedef struct npu_pool_options {
  int32_t average;
  int32_t batches, in_h, in_w, channels, out_h, out_w;
  int32_t filter_h, filter_w, stride_h, stride_w, pad_h, pad_w;
  int32_t least, most;
} npu_pool_options;

enum npu_reduction { NPU_REDUCTION_SUM = 0, NPU_REDUCTION_MAXIMUM = 1, NPU_REDUCTION_MINIMUM = 2 };

/// NPU_HOST_REDUCTION: int16. `out_step` is 0 along reduced dimensions. Works in 4 bytes for each
/// result.
typedef struct npu_reduction_options {
  int32_t function;
  int32_t size[NPU_HOST_RANK], out_step[NPU_HOST_RANK];
  npu_host_factor factor;  ///< of sums
} npu_reduction_options;

/// NPU_HOST_SVDF: inputs are data [batches, inputs] (int8), feature weights [filters, inputs]
/// (int8), time weights [filters, memory], bias [filters / rank] (int32) or left out, and the state
/// [batches, filters, memory]; outputs are the result [batches, filters / rank] (int8) and the new
/// state, which may stand where the old one does. State and time weights are int8 or int16.
typedef struct npu_svdf_options {
  int32_t batches, inputs, filters, rank, memory;
  int32_t in_zero_point, state_zero_point, out_zero_point;
  npu_host_factor feature, out;
} npu_svdf_options;

/// NPU_HOST_LSTM: inputs are data [batches, steps, inputs] or, time major, [steps, batches,
/// inputs]; the weights of input, forget, cell and output gate [units, inputs] (int8), their
/// recurrent weights [units, units] (int8), their biases [units] (int32, int64 with int16 data; or
/// left out), hidden state [batches, units] of the data's type, cell state [batches, units]
/// (int16), and the table of sigmoids (int32[256]). Outputs are the results [.., .., units], and
/// the new hidden and cell state, which may stand where the old ones do. Works in 8 bytes for each
/// element of a state.
typedef struct npu_lstm_options {
  int32_t batches, steps, inputs, units, time_major;
  int32_t in_zero_point, hidden_zero_point;
  npu_host_factor in[4], recurrent[4];  ///< of the gates: input, forget, cell, output
  npu_host_factor forget_cell, input_cell, hidden;
  npu_host_factor cell_tanh;  ///< as of NPU_FUNCTION_TANH
  int32_t cell_clip;          ///< 0: none
} npu_lstm_options;

/// The parts of npu_host_operator_fits() and npu_host_operator_run() for these kinds.
int npu_host_kernel_fits(uint32_t kind, const npu_network_tensor* const* inputs,
                         uint32_t input_count, const npu_network_tensor* const* outputs,
                         uint32_t output_count, const uint32_t* options, uint32_t option_count,
                         uint32_t work_bytes);
void npu_host_kernel_run(uint32_t kind, const struct npu_host_operand* inputs,
                         const struct npu_host_operand* outputs, const uint32_t* options,
                         void* work);

#ifdef __cplusplus
}
#endif

#endif  // NPUGEN_SW_DRIVER_NPU_HOST_KERNELS_H_

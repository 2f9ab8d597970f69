// SPDX-License-Identifier: Apache-2.0
// What the host computes of a network: freestanding C11 without libc and libm.
//
// Float32 arithmetic is that of the compiler, in soft float where the CPU has none; results are
// those of TensorFlow Lite's reference kernels, bit for bit.
#ifndef NPUGEN_SW_DRIVER_NPU_HOST_OPERATORS_H_
#define NPUGEN_SW_DRIVER_NPU_HOST_OPERATORS_H_

#include <stdint.h>

#include "sw/compiler/network_format.h"

#ifdef __cplusplus
extern "C" {
#endif

/// An operand: what its row of the tensor table says, and where its bytes are, suitably aligned.
struct npu_host_operand {
  const npu_network_tensor* tensor;
  void* bytes;
};

/// Bytes of an element of a type; 0 for NPU_ELEMENT_BITS and for what is no type.
uint32_t npu_element_bytes(uint32_t type);

/// Elements of the tensor of a row.
uint32_t npu_element_count(const npu_network_tensor* tensor);

/// Whether the operator can work on operands and options like these: their number, types, sizes and
/// ranges, and whether `work_bytes` of memory are enough for it. Inputs that are left out are null.
/// The rows are valid (npu_network_inspect).
int npu_host_operator_fits(uint32_t kind, const npu_network_tensor* const* inputs,
                           uint32_t input_count, const npu_network_tensor* const* outputs,
                           uint32_t output_count, const uint32_t* options, uint32_t option_count,
                           uint32_t work_bytes);

/// Computes it. Operands and options must fit. Operands must not overlap, but a new state may stand
/// where the old one does; inputs that are left out have no tensor. `work` is aligned to
/// NPU_PROGRAM_ALIGNMENT.
void npu_host_operator_run(uint32_t kind, const struct npu_host_operand* inputs,
                           const struct npu_host_operand* outputs, const uint32_t* options,
                           void* work);

/// round(value / scale) + zero_point, halves away from zero, limited to least..most. The quotient
/// is rounded to float32 before; what is beyond int32 saturates, and NaN counts as 0.
int32_t npu_quantize(float value, float scale, int32_t zero_point, int32_t least, int32_t most);

#ifdef __cplusplus
}
#endif

#endif  // NPUGEN_SW_DRIVER_NPU_HOST_OPERATORS_H_

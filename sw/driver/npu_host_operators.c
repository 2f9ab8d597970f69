// SPDX-License-Identifier: Apache-2.0
// Kernels of host operators, and what they ask of their operands.
#include "sw/driver/npu_host_operators.h"

#include <stddef.h>

#include "sw/driver/npu_host_detection.h"
#include "sw/driver/npu_host_kernels.h"
#include "sw/driver/npu_host_plain.h"

/// A float32 and its bits.
union float_bits {
  float value;
  uint32_t bits;
};

static float scale_of(const npu_network_tensor* tensor) {
  const union float_bits scale = {.bits = tensor->scale};
  return scale.value;
}

/// Positive and finite.
static int scale_is_good(const npu_network_tensor* tensor) {
  return tensor->scale != 0 && tensor->scale < 0x7f800000u;
}

/// What a value of the type can be.
static int32_t least_of(uint32_t type) {
  return type == NPU_ELEMENT_UINT8 ? 0 : type == NPU_ELEMENT_INT8 ? -128 : -32768;
}

static int32_t most_of(uint32_t type) {
  return type == NPU_ELEMENT_UINT8 ? 255 : type == NPU_ELEMENT_INT8 ? 127 : 32767;
}

/// int8, uint8 or int16 with a scale and a zero point of the type.
static int is_quantized(const npu_network_tensor* tensor) {
  return (tensor->type == NPU_ELEMENT_INT8 || tensor->type == NPU_ELEMENT_UINT8 ||
          tensor->type == NPU_ELEMENT_INT16) &&
         scale_is_good(tensor) && tensor->zero_point >= least_of(tensor->type) &&
         tensor->zero_point <= most_of(tensor->type);
}

/// int32 with a scale: sums of a network of bits.
static int is_sums(const npu_network_tensor* tensor) {
  return tensor->type == NPU_ELEMENT_INT32 && scale_is_good(tensor) && tensor->zero_point == 0;
}

uint32_t npu_element_bytes(uint32_t type) {
  switch (type) {
    case NPU_ELEMENT_INT8:
    case NPU_ELEMENT_UINT8:
      return 1;
    case NPU_ELEMENT_INT16:
      return 2;
    case NPU_ELEMENT_INT32:
    case NPU_ELEMENT_FLOAT32:
      return 4;
    case NPU_ELEMENT_INT64:
      return 8;
    default:
      return 0;
  }
}

uint32_t npu_element_count(const npu_network_tensor* tensor) {
  uint32_t count = 1;
  for (uint32_t i = 0; i < tensor->rank; ++i) count *= tensor->shape[i];
  return count;
}

int npu_host_operator_fits(uint32_t kind, const npu_network_tensor* const* inputs,
                           uint32_t input_count, const npu_network_tensor* const* outputs,
                           uint32_t output_count, const uint32_t* options, uint32_t option_count,
                           uint32_t work_bytes) {
  if (kind == NPU_HOST_DETECTION || kind == NPU_HOST_POSES) {
    return npu_host_detection_fits(kind, inputs, input_count, outputs, output_count, options,
                                   option_count, work_bytes);
  }
  if (kind >= NPU_HOST_ARITHMETIC && kind <= NPU_HOST_GATHER_ND) {
    return npu_host_plain_fits(kind, inputs, input_count, outputs, output_count, options,
                               option_count);
  }
  if (kind > NPU_HOST_DEQUANTIZE) {
    return npu_host_kernel_fits(kind, inputs, input_count, outputs, output_count, options,
                                option_count, work_bytes);
  }
  if (input_count != 1 || output_count != 1 || option_count != 0 || inputs[0] == NULL) return 0;
  const npu_network_tensor* input = inputs[0];
  const npu_network_tensor* output = outputs[0];
  switch (kind) {
    case NPU_HOST_COPY:
      return input->type == output->type && input->bytes == output->bytes;
    case NPU_HOST_QUANTIZE:
      return input->type == NPU_ELEMENT_FLOAT32 && is_quantized(output) &&
             npu_element_count(input) == npu_element_count(output);
    case NPU_HOST_DEQUANTIZE:
      return output->type == NPU_ELEMENT_FLOAT32 && (is_quantized(input) || is_sums(input)) &&
             npu_element_count(input) == npu_element_count(output);
    default:
      return 0;
  }
}

/// To the nearest integer, halves away from zero; beyond int32 the nearest limit, 0 for NaN.
static int32_t round_to_integer(float value) {
  const union float_bits number = {.value = value};
  const uint32_t exponent = number.bits >> 23 & 255;  // 127: of 1.0
  const uint32_t fraction = number.bits & 0x7fffffu;
  const int negative = number.bits >> 31 != 0;
  if (exponent == 255 && fraction != 0) return 0;
  if (exponent < 126) return 0;
  if (exponent >= 127 + 31) return negative ? INT32_MIN : INT32_MAX;
  const uint32_t mantissa = fraction | 0x800000u;
  uint32_t magnitude;
  if (exponent >= 127 + 23) {
    magnitude = mantissa << (exponent - 127 - 23);
  } else {
    const uint32_t drop = 127 + 23 - exponent;  // 1..24
    magnitude = (mantissa + (1u << (drop - 1))) >> drop;
  }
  return negative ? -(int32_t)magnitude : (int32_t)magnitude;
}

int32_t npu_quantize(float value, float scale, int32_t zero_point, int32_t least, int32_t most) {
  const int64_t result = (int64_t)round_to_integer(value / scale) + zero_point;
  return result < least ? least : result > most ? most : (int32_t)result;
}

static void quantize(const struct npu_host_operand* input, const struct npu_host_operand* output) {
  const npu_network_tensor* to = output->tensor;
  const float* values = (const float*)input->bytes;
  const float scale = scale_of(to);
  const int32_t least = least_of(to->type);
  const int32_t most = most_of(to->type);
  const uint32_t count = npu_element_count(to);
  for (uint32_t i = 0; i < count; ++i) {
    const int32_t q = npu_quantize(values[i], scale, to->zero_point, least, most);
    if (to->type == NPU_ELEMENT_INT16) {
      ((int16_t*)output->bytes)[i] = (int16_t)q;
    } else {
      ((uint8_t*)output->bytes)[i] = (uint8_t)q;
    }
  }
}

/// The difference has at most 17 bits, and sums at most 24 beside their sign (the compiler sees to
/// it), so that the one product is the only rounding.
static void dequantize(const struct npu_host_operand* input,
                       const struct npu_host_operand* output) {
  const npu_network_tensor* from = input->tensor;
  float* values = (float*)output->bytes;
  const float scale = scale_of(from);
  const uint32_t count = npu_element_count(from);
  for (uint32_t i = 0; i < count; ++i) {
    int32_t q;
    if (from->type == NPU_ELEMENT_INT32) {
      q = ((const int32_t*)input->bytes)[i];
    } else if (from->type == NPU_ELEMENT_INT16) {
      q = ((const int16_t*)input->bytes)[i];
    } else if (from->type == NPU_ELEMENT_INT8) {
      q = ((const int8_t*)input->bytes)[i];
    } else {
      q = ((const uint8_t*)input->bytes)[i];
    }
    values[i] = scale * (float)(q - from->zero_point);
  }
}

static void copy(const struct npu_host_operand* input, const struct npu_host_operand* output) {
  // Tensors begin at multiples of NPU_PROGRAM_ALIGNMENT.
  const uint32_t words = input->tensor->bytes / 4;
  for (uint32_t i = 0; i < words; ++i) {
    ((uint32_t*)output->bytes)[i] = ((const uint32_t*)input->bytes)[i];
  }
  for (uint32_t i = 4 * words; i < input->tensor->bytes; ++i) {
    ((uint8_t*)output->bytes)[i] = ((const uint8_t*)input->bytes)[i];
  }
}

void npu_host_operator_run(uint32_t kind, const struct npu_host_operand* inputs,
                           const struct npu_host_operand* outputs, const uint32_t* options,
                           void* work) {
  switch (kind) {
    case NPU_HOST_COPY:
      copy(&inputs[0], &outputs[0]);
      break;
    case NPU_HOST_QUANTIZE:
      quantize(&inputs[0], &outputs[0]);
      break;
    case NPU_HOST_DEQUANTIZE:
      dequantize(&inputs[0], &outputs[0]);
      break;
    case NPU_HOST_DETECTION:
    case NPU_HOST_POSES:
      npu_host_detection_run(kind, inputs, outputs, options, work);
      break;
    case NPU_HOST_ARITHMETIC:
    case NPU_HOST_UNARY:
    case NPU_HOST_CAST:
    case NPU_HOST_JOIN:
    case NPU_HOST_GATHER_ND:
      npu_host_plain_run(kind, inputs, outputs, options);
      break;
    default:
      npu_host_kernel_run(kind, inputs, outputs, options, work);
      break;
  }
}

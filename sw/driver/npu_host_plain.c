// SPDX-License-Identifier: Apache-2.0
// Kernels on int32 and float32 as they are, and what they ask of their operands and options.
#include "sw/driver/npu_host_plain.h"

#include "sw/driver/npu_host_operands.h"

enum { MOST_DIMENSION = 1 << 24 };

union float_bits {
  float value;
  uint32_t bits;
};

static float float_of(uint32_t bits) {
  const union float_bits number = {.bits = bits};
  return number.value;
}

static uint32_t bits_of(float value) {
  const union float_bits number = {.value = value};
  return number.bits;
}

static int is_number(const npu_network_tensor* tensor) {
  return has_type(tensor, NPU_ELEMENT_INT32) || has_type(tensor, NPU_ELEMENT_FLOAT32);
}

// Two operands.

static int arithmetic_fits(const npu_network_tensor* const* inputs,
                           const npu_network_tensor* const* outputs,
                           const npu_arithmetic_options* o) {
  const npu_network_tensor* out = outputs[0];
  const int32_t last = has_type(out, NPU_ELEMENT_FLOAT32) ? NPU_ARITHMETIC_DIV  //
                                                          : NPU_ARITHMETIC_FLOOR_MOD;
  return is_number(out) && has_type(inputs[0], out->type) && has_type(inputs[1], out->type) &&
         between(o->function, NPU_ARITHMETIC_ADD, last) &&
         all_between(o->size, NPU_HOST_RANK, 1, MOST_DIMENSION) &&
         npu_element_count(out) == product_of(o->size, NPU_HOST_RANK) &&
         steps_stay_inside(o->size, o->a_step, NPU_HOST_RANK, npu_element_count(inputs[0])) &&
         steps_stay_inside(o->size, o->b_step, NPU_HOST_RANK, npu_element_count(inputs[1]));
}

static float float_result(int32_t function, float a, float b) {
  switch (function) {
    case NPU_ARITHMETIC_ADD:
      return a + b;
    case NPU_ARITHMETIC_SUB:
      return a - b;
    case NPU_ARITHMETIC_MUL:
      return a * b;
    case NPU_ARITHMETIC_SQUARED_DIFFERENCE:
      return (a - b) * (a - b);
    case NPU_ARITHMETIC_MAXIMUM:
      return a > b ? a : b;
    case NPU_ARITHMETIC_MINIMUM:
      return a < b ? a : b;
    default:
      return a / b;
  }
}

/// a / b and a - a / b * b of int32, rounded towards 0; both 0 where b is.
static int32_t quotient_of(int32_t a, int32_t b) {
  // -2^31 / -1 wraps.
  return b == 0 ? 0 : b == -1 ? (int32_t)(0u - (uint32_t)a) : a / b;
}
static int32_t remainder_of(int32_t a, int32_t b) { return b == 0 || b == -1 ? 0 : a % b; }

static int32_t integer_result(int32_t function, int32_t a, int32_t b) {
  const uint32_t first = (uint32_t)a, second = (uint32_t)b;
  const int32_t remainder = remainder_of(a, b);
  const int signs_differ = remainder != 0 && (remainder < 0) != (b < 0);
  switch (function) {
    case NPU_ARITHMETIC_ADD:
      return (int32_t)(first + second);
    case NPU_ARITHMETIC_SUB:
      return (int32_t)(first - second);
    case NPU_ARITHMETIC_MUL:
      return (int32_t)(first * second);
    case NPU_ARITHMETIC_SQUARED_DIFFERENCE:
      return (int32_t)((first - second) * (first - second));
    case NPU_ARITHMETIC_MAXIMUM:
      return a > b ? a : b;
    case NPU_ARITHMETIC_MINIMUM:
      return a < b ? a : b;
    case NPU_ARITHMETIC_DIV:
      return quotient_of(a, b);
    case NPU_ARITHMETIC_FLOOR_DIV:
      return quotient_of(a, b) - (signs_differ ? 1 : 0);
    default:
      return remainder + (signs_differ ? b : 0);
  }
}

static void arithmetic(const struct npu_host_operand* inputs,
                       const struct npu_host_operand* outputs, const npu_arithmetic_options* o) {
  const int32_t* const steps[2] = {o->a_step, o->b_step};
  const uint32_t* const a = (const uint32_t*)inputs[0].bytes;
  const uint32_t* const b = (const uint32_t*)inputs[1].bytes;
  uint32_t* out = (uint32_t*)outputs[0].bytes;
  const int is_float = outputs[0].tensor->type == NPU_ELEMENT_FLOAT32;
  const float least = float_of((uint32_t)o->least), most = float_of((uint32_t)o->most);
  int32_t index[NPU_HOST_RANK] = {0}, places[2] = {0};
  const uint32_t count = npu_element_count(outputs[0].tensor);
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t first = a[places[0]], second = b[places[1]];
    if (is_float) {
      const float value = float_result(o->function, float_of(first), float_of(second));
      out[i] = bits_of(value < least ? least : most < value ? most : value);
    } else {
      const int32_t value = integer_result(o->function, (int32_t)first, (int32_t)second);
      out[i] = (uint32_t)(value < o->least ? o->least : o->most < value ? o->most : value);
    }
    advance(index, o->size, steps, places, 2);
  }
}

// One operand.

static int unary_fits(const npu_network_tensor* const* inputs,
                      const npu_network_tensor* const* outputs, const npu_unary_options* o) {
  const int is_float = has_type(outputs[0], NPU_ELEMENT_FLOAT32);
  return is_number(outputs[0]) &&
         is_of(inputs[0], outputs[0]->type, npu_element_count(outputs[0])) &&
         between(o->function, NPU_UNARY_ABS, is_float ? NPU_UNARY_SQRT : NPU_UNARY_NEG);
}

/// The root of a float32 by its bits, rounded to nearest.
static uint32_t root_of(uint32_t bits) {
  const uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude == 0 || magnitude > 0x7f800000u || bits == 0x7f800000u) return bits;
  if (bits >> 31 != 0) return 0x7fc00000u;
  int32_t exponent = (int32_t)(bits >> 23);
  uint32_t mantissa = bits & 0x7fffffu;
  if (exponent == 0) {
    exponent = 1;  // subnormal
    while (mantissa < 0x800000u) {
      mantissa <<= 1;
      --exponent;
    }
  } else {
    mantissa |= 0x800000u;
  }
  // The value is mantissa * 2^(exponent - 150). Shifted to a square of 2^48..2^50 that has an even
  // power its root has 25 bits, found digit by digit. One of them is rounded away; the root is
  // never half way, as the square of an odd number is odd.
  const int32_t shift = (exponent & 1) == 0 ? 26 : 25;
  const uint64_t square = (uint64_t)mantissa << shift;
  uint64_t root = 0;
  for (uint64_t digit = 1ull << 24; digit != 0; digit >>= 1) {
    if ((root + digit) * (root + digit) <= square) root += digit;
  }
  const uint32_t result = (uint32_t)(151 + (exponent - 150 - shift) / 2);
  return (result << 23) + ((uint32_t)((root + 1) >> 1) - 0x800000u);
}

static void unary(const struct npu_host_operand* inputs, const struct npu_host_operand* outputs,
                  const npu_unary_options* o) {
  const uint32_t* in = (const uint32_t*)inputs[0].bytes;
  uint32_t* out = (uint32_t*)outputs[0].bytes;
  const int is_float = outputs[0].tensor->type == NPU_ELEMENT_FLOAT32;
  const uint32_t sign = 1u << 31;
  const uint32_t count = npu_element_count(outputs[0].tensor);
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t x = in[i];
    if (o->function == NPU_UNARY_SQRT) {
      out[i] = root_of(x);
    } else if (o->function == NPU_UNARY_NEG) {
      out[i] = is_float ? x ^ sign : 0u - x;
    } else {
      out[i] = is_float ? x & ~sign : (x & sign) != 0 ? 0u - x : x;
    }
  }
}

// Casts.

static int is_castable(const npu_network_tensor* tensor) {
  return tensor != NULL && tensor->type != NPU_ELEMENT_BITS;
}

static int64_t integer_at(const struct npu_host_operand* operand, uint32_t i) {
  switch (operand->tensor->type) {
    case NPU_ELEMENT_INT8:
      return ((const int8_t*)operand->bytes)[i];
    case NPU_ELEMENT_UINT8:
      return ((const uint8_t*)operand->bytes)[i];
    case NPU_ELEMENT_INT16:
      return ((const int16_t*)operand->bytes)[i];
    case NPU_ELEMENT_INT32:
      return ((const int32_t*)operand->bytes)[i];
    default:
      return ((const int64_t*)operand->bytes)[i];
  }
}

static void set_integer(const struct npu_host_operand* operand, uint32_t i, int64_t value) {
  switch (npu_element_bytes(operand->tensor->type)) {
    case 1:
      ((uint8_t*)operand->bytes)[i] = (uint8_t)value;
      break;
    case 2:
      ((uint16_t*)operand->bytes)[i] = (uint16_t)value;
      break;
    case 4:
      ((uint32_t*)operand->bytes)[i] = (uint32_t)value;
      break;
    default:
      ((uint64_t*)operand->bytes)[i] = (uint64_t)value;
      break;
  }
}

/// Towards 0, within the values of a type.
static int64_t cut_off(float value, uint32_t type) {
  const uint32_t bits = 8 * npu_element_bytes(type);
  const int64_t most = type == NPU_ELEMENT_UINT8 ? 255 : (int64_t)(~0ull >> 1 >> (64 - bits));
  const int64_t least = type == NPU_ELEMENT_UINT8 ? 0 : -most - 1;
  if (value != value) return 0;
  // Both limits are powers of two, or near enough to be rounded to them.
  if (value >= (float)most) return most;
  if (value <= (float)least) return least;
  return (int64_t)value;
}

static void cast(const struct npu_host_operand* input, const struct npu_host_operand* output) {
  const int from_float = input->tensor->type == NPU_ELEMENT_FLOAT32;
  const int to_float = output->tensor->type == NPU_ELEMENT_FLOAT32;
  const uint32_t count = npu_element_count(output->tensor);
  for (uint32_t i = 0; i < count; ++i) {
    if (from_float) {
      const float value = ((const float*)input->bytes)[i];
      if (to_float) {
        ((float*)output->bytes)[i] = value;
      } else {
        set_integer(output, i, cut_off(value, output->tensor->type));
      }
    } else if (to_float) {
      ((float*)output->bytes)[i] = (float)integer_at(input, i);
    } else {
      set_integer(output, i, integer_at(input, i));
    }
  }
}

// Bytes.

static void copy_bytes(uint8_t* to, const uint8_t* from, uint32_t bytes) {
  for (uint32_t i = 0; i < bytes; ++i) to[i] = from[i];
}

static int join_fits(const npu_network_tensor* const* inputs, uint32_t input_count,
                     const npu_network_tensor* const* outputs, const npu_join_options* o) {
  uint64_t bytes = 0;
  if (o->chunks <= 0 || !is_castable(outputs[0])) return 0;
  for (uint32_t i = 0; i < input_count; ++i) {
    if (!has_type(inputs[i], outputs[0]->type) || inputs[i]->bytes % (uint32_t)o->chunks != 0) {
      return 0;
    }
    bytes += inputs[i]->bytes;
  }
  return bytes == outputs[0]->bytes;
}

static void join(const struct npu_host_operand* inputs, const struct npu_host_operand* outputs,
                 const npu_join_options* o) {
  uint8_t* out = (uint8_t*)outputs[0].bytes;
  const uint32_t chunks = (uint32_t)o->chunks;
  uint32_t done = 0;
  for (uint32_t chunk = 0; chunk < chunks; ++chunk) {
    const uint32_t end = (uint32_t)((uint64_t)outputs[0].tensor->bytes * (chunk + 1ull) / chunks);
    for (uint32_t i = 0; done < end; ++i) {
      const uint32_t bytes = inputs[i].tensor->bytes / chunks;
      copy_bytes(out + done, (const uint8_t*)inputs[i].bytes + (size_t)chunk * bytes, bytes);
      done += bytes;
    }
  }
}

static int gather_nd_fits(const npu_network_tensor* const* inputs,
                          const npu_network_tensor* const* outputs,
                          const npu_gather_nd_options* o) {
  return is_castable(inputs[0]) && has_type(outputs[0], inputs[0]->type) &&
         between(o->depth, 1, NPU_HOST_RANK) && o->rows > 0 && o->slice_bytes > 0 &&
         all_between(o->size, NPU_HOST_RANK, 1, MOST_DIMENSION) &&
         product_of(o->size, (uint32_t)o->depth) * (uint64_t)o->slice_bytes == inputs[0]->bytes &&
         is_of(inputs[1], NPU_ELEMENT_INT32, (uint64_t)o->rows * (uint64_t)o->depth) &&
         outputs[0]->bytes == (uint64_t)o->rows * (uint64_t)o->slice_bytes;
}

static void gather_nd(const struct npu_host_operand* inputs, const struct npu_host_operand* outputs,
                      const npu_gather_nd_options* o) {
  const int32_t* index = (const int32_t*)inputs[1].bytes;
  uint8_t* out = (uint8_t*)outputs[0].bytes;
  const uint32_t bytes = (uint32_t)o->slice_bytes;
  for (int32_t row = 0; row < o->rows; ++row) {
    uint32_t slice = 0;
    int inside = 1;
    for (int32_t d = 0; d < o->depth; ++d) {
      inside = inside && index[d] >= 0 && index[d] < o->size[d];
      slice = slice * (uint32_t)o->size[d] + (inside ? (uint32_t)index[d] : 0);
    }
    if (inside) {
      copy_bytes(out, (const uint8_t*)inputs[0].bytes + (size_t)slice * bytes, bytes);
    } else {
      for (uint32_t i = 0; i < bytes; ++i) out[i] = 0;
    }
    index += o->depth;
    out += bytes;
  }
}

// All kinds.

int npu_host_plain_fits(uint32_t kind, const npu_network_tensor* const* inputs,
                        uint32_t input_count, const npu_network_tensor* const* outputs,
                        uint32_t output_count, const uint32_t* options, uint32_t option_count) {
  /// Words of options and inputs; inputs 0: any number from 1 on.
  static const struct {
    uint32_t options, inputs;
  } kForms[] = {
      {sizeof(npu_arithmetic_options) / 4, 2}, {sizeof(npu_unary_options) / 4, 1},     {0, 1},
      {sizeof(npu_join_options) / 4, 0},       {sizeof(npu_gather_nd_options) / 4, 2},
  };
  const uint32_t form = kind - NPU_HOST_ARITHMETIC;
  if (form >= sizeof kForms / sizeof kForms[0] || output_count != 1 || input_count == 0 ||
      kForms[form].options != option_count ||
      (kForms[form].inputs != 0 && kForms[form].inputs != input_count)) {
    return 0;
  }
  const void* o = options;
  switch (kind) {
    case NPU_HOST_ARITHMETIC:
      return arithmetic_fits(inputs, outputs, (const npu_arithmetic_options*)o);
    case NPU_HOST_UNARY:
      return unary_fits(inputs, outputs, (const npu_unary_options*)o);
    case NPU_HOST_CAST:
      return is_castable(inputs[0]) && is_castable(outputs[0]) &&
             npu_element_count(inputs[0]) == npu_element_count(outputs[0]);
    case NPU_HOST_JOIN:
      return join_fits(inputs, input_count, outputs, (const npu_join_options*)o);
    default:
      return gather_nd_fits(inputs, outputs, (const npu_gather_nd_options*)o);
  }
}

void npu_host_plain_run(uint32_t kind, const struct npu_host_operand* inputs,
                        const struct npu_host_operand* outputs, const uint32_t* options) {
  const void* o = options;
  switch (kind) {
    case NPU_HOST_ARITHMETIC:
      arithmetic(inputs, outputs, (const npu_arithmetic_options*)o);
      break;
    case NPU_HOST_UNARY:
      unary(inputs, outputs, (const npu_unary_options*)o);
      break;
    case NPU_HOST_CAST:
      cast(&inputs[0], &outputs[0]);
      break;
    case NPU_HOST_JOIN:
      join(inputs, outputs, (const npu_join_options*)o);
      break;
    default:
      gather_nd(inputs, outputs, (const npu_gather_nd_options*)o);
      break;
  }
}

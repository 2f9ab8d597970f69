// SPDX-License-Identifier: Apache-2.0
// Kernels in integers: 16-bit, recurrent and L2_NORMALIZATION, and what they ask of their operands
// and options.
#include "sw/driver/npu_host_kernels.h"

#include "sw/driver/npu_host_operands.h"

/// Most of a size, a stride or a border, so that places in an image are int32.
enum { MOST_SIZE = 32767, MOST_CHANNELS = 1 << 24 };
enum { TABLE_ENTRIES = 513, SIGMOIDS = 256 };

// Fixed point.

static int32_t clamp(int32_t value, int32_t least, int32_t most) {
  return value < least ? least : value > most ? most : value;
}

static int32_t shifted_left(int32_t value, int32_t by) { return (int32_t)((uint32_t)value << by); }

/// 2 * a * b / 2^32, rounded to nearest, halves upwards in magnitude; a and b are not both -2^31.
static int32_t doubling_high_product(int32_t a, int32_t b) {
  const int64_t product = (int64_t)a * b;
  const int64_t nudge = product >= 0 ? 1ll << 30 : 1 - (1ll << 30);
  return (int32_t)((product + nudge) / (1ll << 31));
}

/// value / 2^by, rounded to nearest, halves away from zero; 0 <= by <= 31.
static int32_t divided_by_power(int32_t value, int32_t by) {
  const int32_t mask = (int32_t)((1u << by) - 1u);
  const int32_t threshold = (mask >> 1) + (value < 0 ? 1 : 0);
  return (value >> by) + ((value & mask) > threshold ? 1 : 0);
}

/// A value of 32 bits times a factor, in two roundings.
static int32_t scaled(int32_t value, npu_host_factor factor) {
  const int32_t shift = clamp(factor.shift, -31, 30);
  const int32_t left = shift > 0 ? shift : 0;
  const int32_t product = doubling_high_product(shifted_left(value, left), factor.multiplier);
  return divided_by_power(product, shift > 0 ? 0 : -shift);
}

/// Modulo 2^32: with constants of a file that belong to no network sums may be anything.
static int32_t sum_32(int32_t a, int32_t b) { return (int32_t)((uint32_t)a + (uint32_t)b); }
static int32_t negated_32(int32_t a) { return (int32_t)(0u - (uint32_t)a); }

/// Modulo 2^64: a bias of a file may be anything.
static int64_t wrapping_sum(int64_t a, int64_t b) { return (int64_t)((uint64_t)a + (uint64_t)b); }

/// A sum of 64 bits times a factor of which 16 bits count, in one rounding; modulo 2^64.
static int32_t scaled_wide(int64_t value, npu_host_factor factor) {
  const int32_t shift = clamp(factor.shift, -31, 7);
  const int64_t multiplier =
      factor.multiplier < 0x7fff0000 ? (factor.multiplier + (1 << 15)) >> 16 : 0x7fff;
  const int32_t total = 15 - shift;
  const uint64_t product = (uint64_t)value * (uint64_t)multiplier + (1ull << (total - 1));
  return (int32_t)((int64_t)product >> total);
}

// Operands.

static int is_16(const npu_network_tensor* tensor) { return has_type(tensor, NPU_ELEMENT_INT16); }

/// A bias of so many elements, or none.
static int is_bias(const npu_network_tensor* tensor, uint32_t elements) {
  return tensor == NULL || is_of(tensor, NPU_ELEMENT_INT32, elements) ||
         is_of(tensor, NPU_ELEMENT_INT64, elements);
}

static int factor_is_good(npu_host_factor factor) {
  return factor.multiplier >= 0 && between(factor.shift, -31, 30);
}

static int limits_are_good(int32_t least, int32_t most) {
  return -32768 <= least && least <= most && most <= 32767;
}

static int64_t bias_of(const struct npu_host_operand* bias, int32_t i) {
  if (bias->tensor == NULL) return 0;
  return bias->tensor->type == NPU_ELEMENT_INT64 ? ((const int64_t*)bias->bytes)[i]
                                                 : ((const int32_t*)bias->bytes)[i];
}

// Convolution.

static int convolution_fits(const npu_network_tensor* const* inputs,
                            const npu_network_tensor* const* outputs,
                            const npu_convolution_options* o) {
  if (!between(o->form, NPU_CONVOLUTION_GROUPED, NPU_CONVOLUTION_TRANSPOSED) ||
      !all_between(&o->batches, 1, 1, MOST_CHANNELS) || !between(o->in_h, 1, MOST_SIZE) ||
      !between(o->in_w, 1, MOST_SIZE) || !between(o->in_c, 1, MOST_CHANNELS) ||
      !between(o->out_h, 1, MOST_SIZE) || !between(o->out_w, 1, MOST_SIZE) ||
      !between(o->out_c, 1, MOST_CHANNELS) || !all_between(&o->filter_h, 2, 1, MOST_SIZE) ||
      !between(o->filter_c, 1, MOST_CHANNELS) || !all_between(&o->stride_h, 4, 1, MOST_SIZE) ||
      !all_between(&o->pad_h, 2, 0, MOST_SIZE) || !limits_are_good(o->least, o->most)) {
    return 0;
  }
  int32_t filter[4] = {o->out_c, o->filter_h, o->filter_w, o->filter_c};
  if (o->form == NPU_CONVOLUTION_GROUPED) {
    if (o->in_c % o->filter_c != 0 || o->out_c % (o->in_c / o->filter_c) != 0) return 0;
  } else if (o->form == NPU_CONVOLUTION_DEPTHWISE) {
    if (o->out_c % o->in_c != 0 || o->filter_c != 1) return 0;
  } else if (o->filter_c != o->in_c) {
    return 0;
  }
  const int32_t in[4] = {o->batches, o->in_h, o->in_w, o->in_c};
  const int32_t out[4] = {o->batches, o->out_h, o->out_w, o->out_c};
  return is_of(inputs[0], NPU_ELEMENT_INT16, product_of(in, 4)) &&
         is_of(inputs[1], NPU_ELEMENT_INT8, product_of(filter, 4)) &&
         is_bias(inputs[2], (uint32_t)o->out_c) &&
         is_of(inputs[3], NPU_ELEMENT_INT32, 2ull * (uint32_t)o->out_c) &&
         is_of(outputs[0], NPU_ELEMENT_INT16, product_of(out, 4));
}

/// The input position that a filter's tap meets, or -1.
static int32_t input_position(int32_t transposed, int32_t out, int32_t stride, int32_t pad,
                              int32_t tap, int32_t dilation, int32_t size) {
  if (transposed) {
    const int32_t from = out + pad - tap;
    if (from < 0 || from % stride != 0) return -1;
    return from / stride < size ? from / stride : -1;
  }
  const int32_t position = out * stride - pad + tap * dilation;
  return position >= 0 && position < size ? position : -1;
}

/// The products of one output element.
static int64_t convolution_sum(const npu_convolution_options* o, const int16_t* image,
                               const int8_t* filter, int32_t y, int32_t x, int32_t channel) {
  const int32_t transposed = o->form == NPU_CONVOLUTION_TRANSPOSED;
  const int32_t depthwise = o->form == NPU_CONVOLUTION_DEPTHWISE;
  const int32_t first = depthwise ? channel / (o->out_c / o->in_c)
                                  : channel / (o->out_c / (o->in_c / o->filter_c)) * o->filter_c;
  int64_t sum = 0;
  for (int32_t tap_y = 0; tap_y < o->filter_h; ++tap_y) {
    const int32_t in_y =
        input_position(transposed, y, o->stride_h, o->pad_h, tap_y, o->dilation_h, o->in_h);
    if (in_y < 0) continue;
    for (int32_t tap_x = 0; tap_x < o->filter_w; ++tap_x) {
      const int32_t in_x =
          input_position(transposed, x, o->stride_w, o->pad_w, tap_x, o->dilation_w, o->in_w);
      if (in_x < 0) continue;
      const int16_t* values = image + (in_y * o->in_w + in_x) * o->in_c + first;
      const int32_t tap = tap_y * o->filter_w + tap_x;
      const int8_t* weights =
          depthwise ? filter + tap * o->out_c + channel
                    : filter + (channel * o->filter_h * o->filter_w + tap) * o->filter_c;
      for (int32_t c = 0; c < o->filter_c; ++c) sum += weights[c] * values[c];
    }
  }
  return sum;
}

static void convolution(const struct npu_host_operand* inputs,
                        const struct npu_host_operand* outputs, const npu_convolution_options* o) {
  const int16_t* image = (const int16_t*)inputs[0].bytes;
  const npu_host_factor* factors = (const npu_host_factor*)inputs[3].bytes;
  int16_t* out = (int16_t*)outputs[0].bytes;
  for (int32_t batch = 0; batch < o->batches; ++batch) {
    for (int32_t y = 0; y < o->out_h; ++y) {
      for (int32_t x = 0; x < o->out_w; ++x) {
        for (int32_t channel = 0; channel < o->out_c; ++channel) {
          const int64_t sum =
              wrapping_sum(convolution_sum(o, image, (const int8_t*)inputs[1].bytes, y, x, channel),
                           bias_of(&inputs[2], channel));
          const int32_t result = o->wide_sums
                                     ? scaled_wide(sum, factors[channel])
                                     : scaled((int32_t)(uint32_t)(uint64_t)sum, factors[channel]);
          *out++ = (int16_t)clamp(result, o->least, o->most);
        }
      }
    }
    image += o->in_h * o->in_w * o->in_c;
  }
}

// Matrices.

static int matmul_fits(const npu_network_tensor* const* inputs,
                       const npu_network_tensor* const* outputs, const npu_matmul_options* o) {
  if (!all_between(o->size, NPU_HOST_RANK, 1, MOST_CHANNELS) ||
      !all_between(&o->rows, 3, 1, MOST_CHANNELS) || !is_16(inputs[0]) || !is_16(inputs[1]) ||
      !factor_is_good(o->factor)) {
    return 0;
  }
  int32_t out[NPU_HOST_RANK + 2], size[NPU_HOST_RANK + 2], step[NPU_HOST_RANK + 2];
  for (uint32_t i = 0; i < NPU_HOST_RANK; ++i) out[i] = size[i] = o->size[i];
  out[NPU_HOST_RANK] = o->rows;
  out[NPU_HOST_RANK + 1] = o->columns;
  if (!is_of(outputs[0], NPU_ELEMENT_INT16, product_of(out, NPU_HOST_RANK + 2))) return 0;
  size[NPU_HOST_RANK + 1] = o->depth;
  for (uint32_t operand = 0; operand < 2; ++operand) {
    const int32_t* batch = operand == 0 ? o->a_step : o->b_step;
    for (uint32_t i = 0; i < NPU_HOST_RANK; ++i) step[i] = batch[i];
    size[NPU_HOST_RANK] = operand == 0 ? o->rows : o->columns;
    step[NPU_HOST_RANK] = operand == 0 ? o->a_row_step : o->b_column_step;
    step[NPU_HOST_RANK + 1] = operand == 0 ? o->a_depth_step : o->b_depth_step;
    if (!steps_stay_inside(size, step, NPU_HOST_RANK + 2, npu_element_count(inputs[operand]))) {
      return 0;
    }
  }
  return 1;
}

static void matmul(const struct npu_host_operand* inputs, const struct npu_host_operand* outputs,
                   const npu_matmul_options* o) {
  int16_t* out = (int16_t*)outputs[0].bytes;
  const int32_t* const steps[2] = {o->a_step, o->b_step};
  int32_t index[NPU_HOST_RANK] = {0}, places[2] = {0};
  const uint64_t batches = product_of(o->size, NPU_HOST_RANK);
  for (uint64_t batch = 0; batch < batches; ++batch) {
    for (int32_t row = 0; row < o->rows; ++row) {
      for (int32_t column = 0; column < o->columns; ++column) {
        const int16_t* a = (const int16_t*)inputs[0].bytes + places[0] + row * o->a_row_step;
        const int16_t* b = (const int16_t*)inputs[1].bytes + places[1] + column * o->b_column_step;
        int64_t sum = 0;
        for (int32_t d = 0; d < o->depth; ++d) {
          sum += a[d * o->a_depth_step] * b[d * o->b_depth_step];
        }
        *out++ = (int16_t)clamp(scaled_wide(sum, o->factor), -32768, 32767);
      }
    }
    advance(index, o->size, steps, places, 2);
  }
}

// Two operands.

static int elementwise_fits(const npu_network_tensor* const* inputs,
                            const npu_network_tensor* const* outputs,
                            const npu_elementwise_options* o) {
  const int prelu = o->function == NPU_ELEMENTWISE_PRELU;
  return between(o->function, NPU_ELEMENTWISE_ADD, NPU_ELEMENTWISE_PRELU) && is_16(inputs[0]) &&
         has_type(inputs[1], prelu ? NPU_ELEMENT_INT8 : NPU_ELEMENT_INT16) &&
         between(o->left_shift, 0, 15) && all_between(o->size, NPU_HOST_RANK, 1, MOST_CHANNELS) &&
         is_of(outputs[0], NPU_ELEMENT_INT16, product_of(o->size, NPU_HOST_RANK)) &&
         steps_stay_inside(o->size, o->a_step, NPU_HOST_RANK, npu_element_count(inputs[0])) &&
         steps_stay_inside(o->size, o->b_step, NPU_HOST_RANK, npu_element_count(inputs[1])) &&
         factor_is_good(o->a) && factor_is_good(o->b) && factor_is_good(o->out) &&
         limits_are_good(o->least, o->most);
}

static int32_t elementwise_of(const npu_elementwise_options* o, int32_t a, int32_t b) {
  switch (o->function) {
    case NPU_ELEMENTWISE_MUL:
      return scaled(a * b, o->out);
    case NPU_ELEMENTWISE_MAXIMUM:
      return a > b ? a : b;
    case NPU_ELEMENTWISE_MINIMUM:
      return a < b ? a : b;
    case NPU_ELEMENTWISE_PRELU:
      return a >= 0 ? scaled(a, o->a) : scaled(a * b, o->b);
    default:
      break;
  }
  const int32_t first = scaled(shifted_left(a, o->left_shift), o->a);
  const int32_t second = scaled(shifted_left(b, o->left_shift), o->b);
  if (o->function == NPU_ELEMENTWISE_ADD) return scaled(sum_32(first, second), o->out);
  const int32_t difference = sum_32(first, negated_32(second));
  if (o->function == NPU_ELEMENTWISE_SUB) return scaled(difference, o->out);
  return scaled((int32_t)((uint32_t)difference * (uint32_t)difference), o->out);
}

static void elementwise(const struct npu_host_operand* inputs,
                        const struct npu_host_operand* outputs, const npu_elementwise_options* o) {
  int16_t* out = (int16_t*)outputs[0].bytes;
  const int32_t* const steps[2] = {o->a_step, o->b_step};
  int32_t index[NPU_HOST_RANK] = {0}, places[2] = {0};
  const uint32_t count = npu_element_count(outputs[0].tensor);
  for (uint32_t i = 0; i < count; ++i) {
    const int32_t a = ((const int16_t*)inputs[0].bytes)[places[0]];
    const int32_t b = o->function == NPU_ELEMENTWISE_PRELU
                          ? ((const int8_t*)inputs[1].bytes)[places[1]]
                          : ((const int16_t*)inputs[1].bytes)[places[1]];
    out[i] = (int16_t)clamp(elementwise_of(o, a, b), o->least, o->most);
    advance(index, o->size, steps, places, 2);
  }
}

// One operand.

/// `value` in steps of 1 / (3 * 2^12), which the table of sigmoids is for.
static int32_t table_steps(int32_t value, npu_host_factor factor) {
  const int32_t round = factor.shift > 0 ? 1 << (factor.shift - 1) : 0;
  return (value * factor.multiplier + round) >> factor.shift;
}

static int table_factor_is_good(npu_host_factor factor) {
  return between(factor.multiplier, 0, 3 << 14) && between(factor.shift, 0, 30);
}

/// The sigmoid of a number of steps as 0.15.
static int16_t logistic(int32_t steps, const int32_t* sigmoids) {
  const uint32_t magnitude = (uint32_t)(steps < 0 ? -steps : steps);
  const uint32_t entry = magnitude >> 9;
  uint32_t result = 0x7fffu << 10;
  if (entry < SIGMOIDS - 1) {
    const uint32_t low = (uint32_t)sigmoids[entry];
    result = (low << 9) + (magnitude & 0x1ffu) * ((uint32_t)sigmoids[entry + 1] - low);
  }
  result = steps >= 0 ? result + (1u << 9) : (1u << 25) - result + (1u << 9) - 1;
  return (int16_t)(uint16_t)(result >> 10);
}

/// The hyperbolic tangent: 2 * sigmoid(2 * x) - 1.
static int16_t tangent(int32_t steps, const int32_t* sigmoids) {
  const uint32_t magnitude = (uint32_t)(steps < 0 ? -steps : steps);
  const uint32_t entry = magnitude >> 8;
  int32_t result = 0xffff << 8;
  if (entry < SIGMOIDS - 1) {
    const int32_t low = sigmoids[entry];
    result = (int32_t)(((uint32_t)low << 8) +
                       (magnitude & 0xffu) * (uint32_t)(sigmoids[entry + 1] - low));
  }
  result = steps >= 0 ? result - (1 << 23) + (1 << 7) : -result + (1 << 23) + (1 << 7) - 1;
  return (int16_t)(result >> 8);
}

static int function_fits(const npu_network_tensor* const* inputs, uint32_t input_count,
                         const npu_network_tensor* const* outputs, const npu_function_options* o) {
  if (!between(o->function, NPU_FUNCTION_LEAKY_RELU, NPU_FUNCTION_TANH) || !is_16(inputs[0]) ||
      !is_of(outputs[0], NPU_ELEMENT_INT16, npu_element_count(inputs[0]))) {
    return 0;
  }
  if (o->function <= NPU_FUNCTION_ABS) {
    return input_count == 1 && factor_is_good(o->factor) && factor_is_good(o->alpha);
  }
  return input_count == 2 && is_of(inputs[1], NPU_ELEMENT_INT32, SIGMOIDS) &&
         table_factor_is_good(o->factor);
}

static void function(const struct npu_host_operand* inputs, const struct npu_host_operand* outputs,
                     const npu_function_options* o) {
  const int16_t* values = (const int16_t*)inputs[0].bytes;
  int16_t* out = (int16_t*)outputs[0].bytes;
  const uint32_t count = npu_element_count(outputs[0].tensor);
  for (uint32_t i = 0; i < count; ++i) {
    const int32_t value = values[i];
    int32_t result;
    if (o->function == NPU_FUNCTION_LOGISTIC) {
      result = logistic(table_steps(value, o->factor), (const int32_t*)inputs[1].bytes);
    } else if (o->function == NPU_FUNCTION_TANH) {
      result = tangent(table_steps(value, o->factor), (const int32_t*)inputs[1].bytes);
    } else if (o->function == NPU_FUNCTION_ABS) {
      result = scaled(value < 0 ? -value : value, o->factor);
    } else if (value >= 0) {
      result = scaled(value, o->factor);
    } else {
      result = scaled(value, o->alpha);
      if (o->negative) result = -result;
    }
    out[i] = (int16_t)clamp(result, -32768, 32767);
  }
}

// Softmax.

static int softmax_fits(const npu_network_tensor* const* inputs, uint32_t input_count,
                        const npu_network_tensor* const* outputs, const npu_softmax_options* o) {
  if (inputs[0] == NULL || o->depth < 1 || npu_element_count(inputs[0]) % (uint32_t)o->depth != 0 ||
      !factor_is_good(o->factor) ||
      !is_of(outputs[0], NPU_ELEMENT_INT16, npu_element_count(inputs[0]))) {
    return 0;
  }
  if (inputs[0]->type == NPU_ELEMENT_INT8) return input_count == 1 && o->depth <= 4095;
  return input_count == 3 && is_16(inputs[0]) && o->depth <= 32768 &&
         is_of(inputs[1], NPU_ELEMENT_INT16, TABLE_ENTRIES) &&
         is_of(inputs[2], NPU_ELEMENT_INT16, TABLE_ENTRIES);
}

/// A table of 512 steps between -32768 and 32767, with what lies between.
static int16_t looked_up(int32_t value, const int16_t* table) {
  const int32_t index = 256 + (value >> 7);
  const int16_t slope = (int16_t)(table[index + 1] - table[index]);
  return (int16_t)(table[index] + ((slope * (value & 127) + 64) >> 7));
}

static int32_t leading_zeros(uint32_t value) {
  int32_t zeros = 0;
  while (zeros < 32 && (value & 0x80000000u) == 0) {
    value <<= 1;
    ++zeros;
  }
  return zeros;
}

static void softmax_row_16(const int16_t* in, int16_t* out, const int16_t* exponentials,
                           const int16_t* reciprocals, const npu_softmax_options* o) {
  int16_t most = -32768;
  for (int32_t c = 0; c < o->depth; ++c) most = in[c] > most ? in[c] : most;
  int32_t sum = 0;
  for (int32_t c = 0; c < o->depth; ++c) {
    const int32_t steps = sum_32(scaled(in[c] - most, o->factor), 32767);
    out[c] = looked_up(clamp(steps, -32768, 32767), exponentials);
    sum += out[c];
  }
  // The sum is 2^n * (1 + x) with 0 <= x < 1.
  const int32_t zeros = clamp(leading_zeros((uint32_t)sum), 1, 30);
  const int32_t scaled_sum =
      (int32_t)((((int64_t)sum << (zeros - 1)) + (1 << 13)) >> 14) - (1 << 15) - (1 << 16);
  const int32_t reciprocal = looked_up(clamp(scaled_sum, -32768, 32767), reciprocals);
  const int32_t shift = 31 - zeros;
  for (int32_t c = 0; c < o->depth; ++c) {
    const int64_t result = ((int64_t)out[c] * reciprocal + (1 << (shift - 1))) >> shift;
    out[c] = (int16_t)clamp((int32_t)result, 0, 32767);
  }
}

/// e^x for x <= 0 as 5.26; the result is 0.31.
static int32_t exponential(int32_t x) {
  static const int32_t factors[7] = {1672461947, 1302514674, 790015084, 290630308,
                                     39332535,   720401,     242};
  const int32_t quarter = 1 << 24;
  const int32_t within = (x & (quarter - 1)) - quarter;  // -1/4 .. 0
  // Around -1/8, with terms up to the fourth.
  const int32_t y = shifted_left(within, 5) + (1 << 28);
  const int32_t y2 = doubling_high_product(y, y);
  const int32_t y3 = doubling_high_product(y2, y);
  const int32_t y4 = doubling_high_product(y2, y2);
  const int32_t y4_over_4 = divided_by_power(y4, 2);
  const int32_t terms = divided_by_power(doubling_high_product(y4_over_4 + y3, 715827883) + y2, 1);
  int32_t result = 1895147668 + doubling_high_product(1895147668, y + terms);
  const int32_t remainder = within - x;
  for (int32_t bit = 0; bit < 7; ++bit) {
    if ((remainder & shifted_left(1, 24 + bit)) != 0) {
      result = doubling_high_product(result, factors[bit]);
    }
  }
  return x == 0 ? INT32_MAX : result;
}

/// 1 / (1 + a) for 0 <= a < 1, both 0.31.
static int32_t reciprocal_of_one_plus(int32_t a) {
  // Newton's steps from 48/17 - 32/17 d, as 2.29, with d = (1 + a) / 2.
  const int64_t sum = (int64_t)a + INT32_MAX;
  const int32_t half = (int32_t)((sum + (sum >= 0 ? 1 : -1)) / 2);
  int32_t x = 1515870810 + doubling_high_product(half, -1010580540);
  for (int32_t i = 0; i < 3; ++i) {
    const int32_t error = (1 << 29) - doubling_high_product(half, x);
    // Products of two 2.29 are 4.27.
    const int64_t step = (int64_t)doubling_high_product(x, error) * 4;
    x = sum_32(x, (int32_t)(step < INT32_MIN ? INT32_MIN : step > INT32_MAX ? INT32_MAX : step));
  }
  const int64_t result = (int64_t)x * 2;
  return result > INT32_MAX ? INT32_MAX : result < INT32_MIN ? INT32_MIN : (int32_t)result;
}

static void softmax_row_8(const int8_t* in, int16_t* out, const npu_softmax_options* o) {
  int32_t most = -128;
  for (int32_t c = 0; c < o->depth; ++c) most = in[c] > most ? in[c] : most;
  int32_t sum = 0;  // 12.19
  for (int32_t c = 0; c < o->depth; ++c) {
    const int32_t difference = in[c] - most;
    if (difference < o->diff_min) continue;
    sum = sum_32(sum, divided_by_power(exponential(scaled(difference, o->factor)), 12));
  }
  const int32_t zeros = clamp(leading_zeros((uint32_t)sum), 0, 31);
  const int32_t fraction = (int32_t)(((uint32_t)sum << zeros) - (1u << 31));
  const int32_t scale = reciprocal_of_one_plus(fraction);
  const int32_t exponent = 12 - zeros + 31 - 16;
  for (int32_t c = 0; c < o->depth; ++c) {
    const int32_t difference = in[c] - most;
    out[c] = -32768;
    if (difference < o->diff_min) continue;
    const int32_t product =
        doubling_high_product(scale, exponential(scaled(difference, o->factor)));
    const int32_t value = sum_32(divided_by_power(product, clamp(exponent, 0, 31)), -32768);
    out[c] = (int16_t)clamp(value, -32768, 32767);
  }
}

static void softmax(const struct npu_host_operand* inputs, const struct npu_host_operand* outputs,
                    const npu_softmax_options* o) {
  const uint32_t rows = npu_element_count(inputs[0].tensor) / (uint32_t)o->depth;
  for (uint32_t row = 0; row < rows; ++row) {
    const uint32_t at = row * (uint32_t)o->depth;
    int16_t* out = (int16_t*)outputs[0].bytes + at;
    if (inputs[0].tensor->type == NPU_ELEMENT_INT8) {
      softmax_row_8((const int8_t*)inputs[0].bytes + at, out, o);
    } else {
      softmax_row_16((const int16_t*)inputs[0].bytes + at, out, (const int16_t*)inputs[1].bytes,
                     (const int16_t*)inputs[2].bytes, o);
    }
  }
}

// Pools and reductions.

static int log_softmax_fits(const npu_network_tensor* const* inputs,
                            const npu_network_tensor* const* outputs,
                            const npu_log_softmax_options* o) {
  return inputs[0] != NULL && o->depth >= 1 && o->depth <= 4095 &&
         npu_element_count(inputs[0]) % (uint32_t)o->depth == 0 && factor_is_good(o->factor) &&
         factor_is_good(o->reverse) && has_type(inputs[0], NPU_ELEMENT_INT8) &&
         is_of(outputs[0], NPU_ELEMENT_INT8, npu_element_count(inputs[0]));
}

/// value * 2^by, limited to int32; of negative exponents as divided_by_power.
static int32_t times_power(int32_t value, int32_t by) {
  if (by < 0) return divided_by_power(value, -by);
  const int64_t product = (int64_t)value * (1ll << by);
  return product > INT32_MAX ? INT32_MAX : product < INT32_MIN ? INT32_MIN : (int32_t)product;
}

/// The natural logarithm of a sum as 12.19, at least 1; the result is 5.26.
static int32_t logarithm(int32_t sum) {
  // Constants as 0.31, sums of two logarithms as 6.25.
  const int32_t log_2 = 1488522236, fourth_root_half = 1805811301, root_half = 1518500250;
  const int32_t alpha_n = 117049297, alpha_d = 127690142, alpha_i = 1057819769, alpha_f = 638450708;
  const int32_t quarter = divided_by_power(536870912, 6);
  const int32_t zeros = leading_zeros((uint32_t)sum);
  const int32_t a = times_power(doubling_high_product(times_power(sum, zeros - 1), root_half), 1);
  const int32_t power_a = times_power(12 - zeros, 25) + quarter;
  const int32_t headroom = leading_zeros((uint32_t)doubling_high_product(sum, root_half)) - 1;
  const int32_t b = times_power(sum, headroom);
  const int32_t power_b = times_power(12 - headroom, 25) - quarter;
  const int32_t r = a < b ? a : b;
  const int32_t power = power_a > power_b ? power_a : power_b;
  const int64_t both = (int64_t)r + fourth_root_half;
  const int32_t p = (int32_t)((both + (both >= 0 ? 1 : -1)) / 2);
  const int32_t half = r - fourth_root_half;
  const int32_t q = sum_32(half, half);
  const int32_t square = doubling_high_product(q, q);
  const int32_t above = sum_32(doubling_high_product(q, r),
                               doubling_high_product(doubling_high_product(q, square), alpha_n));
  const int32_t inner = sum_32(sum_32(alpha_i, q), doubling_high_product(alpha_d, square));
  const int32_t below = sum_32(doubling_high_product(p, inner), doubling_high_product(alpha_f, q));
  const int32_t rest = doubling_high_product(divided_by_power(above, 6),
                                             reciprocal_of_one_plus(below < 0 ? 0 : below));
  return times_power(sum_32(doubling_high_product(power, log_2), rest), 1);
}

static void log_softmax(const struct npu_host_operand* inputs,
                        const struct npu_host_operand* outputs, const npu_log_softmax_options* o) {
  const int32_t count = (int32_t)npu_element_count(inputs[0].tensor);
  for (int32_t at = 0; at < count; at += o->depth) {
    const int8_t* in = (const int8_t*)inputs[0].bytes + at;
    int8_t* out = (int8_t*)outputs[0].bytes + at;
    int32_t most = -128;
    for (int32_t c = 0; c < o->depth; ++c) most = in[c] > most ? in[c] : most;
    int32_t sum = 0;
    for (int32_t c = 0; c < o->depth; ++c) {
      if (in[c] - most < o->diff_min) continue;
      sum = sum_32(sum, divided_by_power(exponential(scaled(in[c] - most, o->factor)), 12));
    }
    const int32_t log_sum = logarithm(sum);
    const int32_t lowest = scaled(sum_32(log_sum, INT32_MIN), o->reverse);
    const int32_t least = o->diff_min > lowest ? o->diff_min - 1 : lowest;
    for (int32_t c = 0; c < o->depth; ++c) {
      const int32_t difference = in[c] - most;
      out[c] = -128;
      if (difference <= least) continue;
      const int32_t value = sum_32(scaled(difference, o->factor), negated_32(log_sum));
      out[c] = (int8_t)clamp(divided_by_power(value, 22) + 127, -128, 127);
    }
  }
}

static int pool_fits(const npu_network_tensor* const* inputs,
                     const npu_network_tensor* const* outputs, const npu_pool_options* o) {
  if (!between(o->batches, 1, MOST_CHANNELS) || !all_between(&o->in_h, 2, 1, MOST_SIZE) ||
      !between(o->channels, 1, MOST_CHANNELS) || !all_between(&o->out_h, 2, 1, MOST_SIZE) ||
      !all_between(&o->filter_h, 4, 1, MOST_SIZE) || !all_between(&o->pad_h, 2, 0, MOST_SIZE) ||
      (int64_t)o->filter_h * o->filter_w > 65535 || !limits_are_good(o->least, o->most)) {
    return 0;
  }
  const int32_t in[4] = {o->batches, o->in_h, o->in_w, o->channels};
  const int32_t out[4] = {o->batches, o->out_h, o->out_w, o->channels};
  return is_of(inputs[0], NPU_ELEMENT_INT16, product_of(in, 4)) &&
         is_of(outputs[0], NPU_ELEMENT_INT16, product_of(out, 4));
}

static int32_t pooled(const npu_pool_options* o, const int16_t* image, int32_t y, int32_t x,
                      int32_t channel) {
  int32_t sum = 0, most = -32768, count = 0;
  for (int32_t tap_y = 0; tap_y < o->filter_h; ++tap_y) {
    const int32_t in_y = y * o->stride_h - o->pad_h + tap_y;
    if (in_y < 0 || in_y >= o->in_h) continue;
    for (int32_t tap_x = 0; tap_x < o->filter_w; ++tap_x) {
      const int32_t in_x = x * o->stride_w - o->pad_w + tap_x;
      if (in_x < 0 || in_x >= o->in_w) continue;
      const int32_t value = image[(in_y * o->in_w + in_x) * o->channels + channel];
      sum += value;
      most = value > most ? value : most;
      ++count;
    }
  }
  if (!o->average) return most;
  if (count == 0) return 0;
  return (sum > 0 ? sum + count / 2 : sum - count / 2) / count;
}

static void pool(const struct npu_host_operand* inputs, const struct npu_host_operand* outputs,
                 const npu_pool_options* o) {
  const int16_t* image = (const int16_t*)inputs[0].bytes;
  int16_t* out = (int16_t*)outputs[0].bytes;
  for (int32_t batch = 0; batch < o->batches; ++batch) {
    for (int32_t y = 0; y < o->out_h; ++y) {
      for (int32_t x = 0; x < o->out_w; ++x) {
        for (int32_t channel = 0; channel < o->channels; ++channel) {
          *out++ = (int16_t)clamp(pooled(o, image, y, x, channel), o->least, o->most);
        }
      }
    }
    image += o->in_h * o->in_w * o->channels;
  }
}

static int reduction_fits(const npu_network_tensor* const* inputs,
                          const npu_network_tensor* const* outputs, const npu_reduction_options* o,
                          uint32_t work_bytes) {
  return between(o->function, NPU_REDUCTION_SUM, NPU_REDUCTION_MINIMUM) &&
         all_between(o->size, NPU_HOST_RANK, 1, MOST_CHANNELS) && is_16(outputs[0]) &&
         is_of(inputs[0], NPU_ELEMENT_INT16, product_of(o->size, NPU_HOST_RANK)) &&
         steps_stay_inside(o->size, o->out_step, NPU_HOST_RANK, npu_element_count(outputs[0])) &&
         factor_is_good(o->factor) && work_bytes / 4 >= npu_element_count(outputs[0]);
}

static void reduction(const struct npu_host_operand* inputs, const struct npu_host_operand* outputs,
                      const npu_reduction_options* o, int32_t* results) {
  const int16_t* values = (const int16_t*)inputs[0].bytes;
  const uint32_t in_count = npu_element_count(inputs[0].tensor);
  const uint32_t out_count = npu_element_count(outputs[0].tensor);
  for (uint32_t i = 0; i < out_count; ++i) {
    results[i] = o->function == NPU_REDUCTION_SUM       ? 0
                 : o->function == NPU_REDUCTION_MAXIMUM ? -32768
                                                        : 32767;
  }
  const int32_t* const steps[1] = {o->out_step};
  int32_t index[NPU_HOST_RANK] = {0}, place = 0;
  for (uint32_t i = 0; i < in_count; ++i) {
    int32_t* result = &results[place];
    if (o->function == NPU_REDUCTION_SUM) {
      *result = (int32_t)((uint32_t)*result + (uint32_t)(int32_t)values[i]);
    } else if (o->function == NPU_REDUCTION_MAXIMUM ? values[i] > *result : values[i] < *result) {
      *result = values[i];
    }
    advance(index, o->size, steps, &place, 1);
  }
  for (uint32_t i = 0; i < out_count; ++i) {
    const int32_t result =
        o->function == NPU_REDUCTION_SUM ? scaled(results[i], o->factor) : results[i];
    ((int16_t*)outputs[0].bytes)[i] = (int16_t)clamp(result, -32768, 32767);
  }
}

// Recurrent layers.

static int32_t element_of(const struct npu_host_operand* operand, int32_t i) {
  return operand->tensor->type == NPU_ELEMENT_INT16 ? ((const int16_t*)operand->bytes)[i]
                                                    : ((const int8_t*)operand->bytes)[i];
}

static void set_element(const struct npu_host_operand* operand, int32_t i, int32_t value) {
  if (operand->tensor->type == NPU_ELEMENT_INT16) {
    ((int16_t*)operand->bytes)[i] = (int16_t)value;
  } else {
    ((int8_t*)operand->bytes)[i] = (int8_t)value;
  }
}

static int svdf_fits(const npu_network_tensor* const* inputs,
                     const npu_network_tensor* const* outputs, const npu_svdf_options* o) {
  if (!all_between(&o->batches, 5, 1, MOST_CHANNELS) || o->filters % o->rank != 0 ||
      !between(o->in_zero_point, -128, 127) || !between(o->out_zero_point, -128, 127) ||
      !between(o->state_zero_point, -32768, 32767) || !factor_is_good(o->feature) ||
      !factor_is_good(o->out)) {
    return 0;
  }
  const int32_t in[2] = {o->batches, o->inputs}, feature[2] = {o->filters, o->inputs};
  const int32_t time[2] = {o->filters, o->memory};
  const int32_t state[3] = {o->batches, o->filters, o->memory};
  const int32_t units = o->filters / o->rank, out[2] = {o->batches, units};
  const uint32_t type = inputs[4] != NULL ? inputs[4]->type : 0;
  return (type == NPU_ELEMENT_INT8 || type == NPU_ELEMENT_INT16) &&
         is_of(inputs[0], NPU_ELEMENT_INT8, product_of(in, 2)) &&
         is_of(inputs[1], NPU_ELEMENT_INT8, product_of(feature, 2)) &&
         is_of(inputs[2], type, product_of(time, 2)) &&
         (inputs[3] == NULL || is_of(inputs[3], NPU_ELEMENT_INT32, (uint32_t)units)) &&
         is_of(inputs[4], type, product_of(state, 3)) &&
         is_of(outputs[0], NPU_ELEMENT_INT8, product_of(out, 2)) &&
         is_of(outputs[1], type, product_of(state, 3));
}

static void svdf(const struct npu_host_operand* inputs, const struct npu_host_operand* outputs,
                 const npu_svdf_options* o) {
  const struct npu_host_operand* state = &outputs[1];
  const int wide = state->tensor->type == NPU_ELEMENT_INT16;
  const int32_t all = o->batches * o->filters * o->memory;
  for (int32_t i = 0; i + 1 < all; ++i) set_element(state, i, element_of(&inputs[4], i + 1));
  const int8_t* weights = (const int8_t*)inputs[1].bytes;
  for (int32_t b = 0; b < o->batches; ++b) {
    const int8_t* values = (const int8_t*)inputs[0].bytes + b * o->inputs;
    for (int32_t f = 0; f < o->filters; ++f) {
      uint32_t sum = 0;
      for (int32_t i = 0; i < o->inputs; ++i) {
        sum += (uint32_t)(weights[f * o->inputs + i] * (values[i] - o->in_zero_point));
      }
      const int32_t feature =
          clamp(scaled((int32_t)sum, o->feature), wide ? -32768 : -128, wide ? 32767 : 127);
      // It wraps where the zero point leads out of the type.
      set_element(state, (b * o->filters + f + 1) * o->memory - 1, feature + o->state_zero_point);
    }
    for (int32_t u = 0; u < o->filters / o->rank; ++u) {
      uint32_t sum = (uint32_t)bias_of(&inputs[3], u);
      for (int32_t f = u * o->rank; f < (u + 1) * o->rank; ++f) {
        for (int32_t m = 0; m < o->memory; ++m) {
          const int32_t past = element_of(state, (b * o->filters + f) * o->memory + m);
          sum += (uint32_t)element_of(&inputs[2], f * o->memory + m) *
                 (uint32_t)(past - o->state_zero_point);
        }
      }
      const int32_t result = sum_32(scaled((int32_t)sum, o->out), o->out_zero_point);
      ((int8_t*)outputs[0].bytes)[b * (o->filters / o->rank) + u] =
          (int8_t)clamp(result, -128, 127);
    }
  }
}

/// Inputs of an LSTM.
enum {
  LSTM_DATA = 0,
  LSTM_WEIGHTS = 1,
  LSTM_RECURRENT = 5,
  LSTM_BIAS = 9,
  LSTM_HIDDEN = 13,
  LSTM_CELL = 14,
  LSTM_SIGMOIDS = 15,
  LSTM_INPUTS = 16
};

static int lstm_fits(const npu_network_tensor* const* inputs,
                     const npu_network_tensor* const* outputs, const npu_lstm_options* o,
                     uint32_t work_bytes) {
  if (!all_between(&o->batches, 4, 1, MOST_CHANNELS) || !between(o->cell_clip, 0, 32767) ||
      !all_between(&o->in_zero_point, 2, -32768, 32767) || !factor_is_good(o->forget_cell) ||
      !factor_is_good(o->input_cell) || !factor_is_good(o->hidden) ||
      !table_factor_is_good(o->cell_tanh) || inputs[0] == NULL) {
    return 0;
  }
  const uint32_t type = inputs[LSTM_DATA]->type;
  if (type != NPU_ELEMENT_INT8 && type != NPU_ELEMENT_INT16) return 0;
  const int32_t in[3] = {o->batches, o->steps, o->inputs},
                out[3] = {o->batches, o->steps, o->units};
  const int32_t weights[2] = {o->units, o->inputs}, recurrent[2] = {o->units, o->units};
  const int32_t states[2] = {o->batches, o->units};
  const uint64_t state = product_of(states, 2);
  for (uint32_t gate = 0; gate < 4; ++gate) {
    if (!factor_is_good(o->in[gate]) || !factor_is_good(o->recurrent[gate]) ||
        !is_of(inputs[LSTM_WEIGHTS + gate], NPU_ELEMENT_INT8, product_of(weights, 2)) ||
        !is_of(inputs[LSTM_RECURRENT + gate], NPU_ELEMENT_INT8, product_of(recurrent, 2)) ||
        !is_bias(inputs[LSTM_BIAS + gate], (uint32_t)o->units)) {
      return 0;
    }
  }
  return is_of(inputs[LSTM_DATA], type, product_of(in, 3)) &&
         is_of(inputs[LSTM_HIDDEN], type, state) &&
         is_of(inputs[LSTM_CELL], NPU_ELEMENT_INT16, state) &&
         is_of(inputs[LSTM_SIGMOIDS], NPU_ELEMENT_INT32, SIGMOIDS) &&
         is_of(outputs[0], type, product_of(out, 3)) && is_of(outputs[1], type, state) &&
         is_of(outputs[2], NPU_ELEMENT_INT16, state) && work_bytes / 8 >= state;
}

/// The products of a row of weights with `count` values from `first` on, scaled to 3.12.
static int32_t gate_sum(const struct npu_host_operand* values, int32_t first, int32_t zero_point,
                        const int8_t* weights, int32_t count, int64_t bias,
                        npu_host_factor factor) {
  int64_t sum = 0;
  for (int32_t i = 0; i < count; ++i) {
    sum += weights[i] * (element_of(values, first + i) - zero_point);
  }
  sum = wrapping_sum(sum, bias);
  const int32_t result = values->tensor->type == NPU_ELEMENT_INT16
                             ? scaled_wide(sum, factor)
                             : scaled((int32_t)(uint32_t)(uint64_t)sum, factor);
  return clamp(result, -32768, 32767);
}

static int16_t product_16(int32_t a, int32_t b, npu_host_factor factor) {
  return (int16_t)clamp(scaled(a * b, factor), -32768, 32767);
}

/// One step of one sequence: its data and results from element `in` and `out` on, its states from
/// element `state` on. `gates` are 4 values for each unit.
static void lstm_step(const struct npu_host_operand* inputs, const struct npu_host_operand* outputs,
                      const npu_lstm_options* o, int16_t* gates, int32_t in, int32_t out,
                      int32_t state) {
  static const npu_host_factor three = {3, 0};
  const int32_t* sigmoids = (const int32_t*)inputs[LSTM_SIGMOIDS].bytes;
  const struct npu_host_operand* hidden = &outputs[1];
  int16_t* cell = (int16_t*)outputs[2].bytes + state;
  for (int32_t gate = 0; gate < 4; ++gate) {
    const int8_t* weights = (const int8_t*)inputs[LSTM_WEIGHTS + gate].bytes;
    const int8_t* recurrent = (const int8_t*)inputs[LSTM_RECURRENT + gate].bytes;
    for (int32_t u = 0; u < o->units; ++u) {
      const int32_t sum =
          gate_sum(&inputs[LSTM_DATA], in, o->in_zero_point, weights + u * o->inputs, o->inputs,
                   bias_of(&inputs[LSTM_BIAS + gate], u), o->in[gate]) +
          gate_sum(hidden, state, o->hidden_zero_point, recurrent + u * o->units, o->units, 0,
                   o->recurrent[gate]);
      const int32_t steps = table_steps(clamp(sum, -32768, 32767), three);
      gates[gate * o->units + u] = gate == 2 ? tangent(steps, sigmoids) : logistic(steps, sigmoids);
    }
  }
  for (int32_t u = 0; u < o->units; ++u) {
    const int32_t kept = product_16(gates[o->units + u], cell[u], o->forget_cell);
    const int32_t added = product_16(gates[u], gates[2 * o->units + u], o->input_cell);
    int32_t value = clamp(kept + added, -32768, 32767);
    if (o->cell_clip > 0) value = clamp(value, -o->cell_clip, o->cell_clip);
    cell[u] = (int16_t)value;
  }
  const int wide = hidden->tensor->type == NPU_ELEMENT_INT16;
  for (int32_t u = 0; u < o->units; ++u) {
    const int32_t activated = tangent(table_steps(cell[u], o->cell_tanh), sigmoids);
    const int32_t value =
        sum_32(scaled(activated * gates[3 * o->units + u], o->hidden), o->hidden_zero_point);
    const int32_t result = clamp(value, wide ? -32768 : -128, wide ? 32767 : 127);
    set_element(hidden, state + u, result);
    set_element(&outputs[0], out + u, result);
  }
}

static void lstm(const struct npu_host_operand* inputs, const struct npu_host_operand* outputs,
                 const npu_lstm_options* o, void* work) {
  const int32_t all = o->batches * o->units;
  for (int32_t i = 0; i < all; ++i) {
    set_element(&outputs[1], i, element_of(&inputs[LSTM_HIDDEN], i));
    set_element(&outputs[2], i, element_of(&inputs[LSTM_CELL], i));
  }
  for (int32_t b = 0; b < o->batches; ++b) {
    for (int32_t t = 0; t < o->steps; ++t) {
      const int32_t row = o->time_major ? t * o->batches + b : b * o->steps + t;
      lstm_step(inputs, outputs, o, (int16_t*)work, row * o->inputs, row * o->units, b * o->units);
    }
  }
}

// All kinds.

// L2_NORMALIZATION.

/// The sum of the squares of a row is an int32.
enum { LONGEST_ROW = 1 << 15 };

static int l2_normalization_fits(const npu_network_tensor* const* inputs,
                                 const npu_network_tensor* const* outputs) {
  const npu_network_tensor* input = inputs[0];
  return has_type(input, NPU_ELEMENT_INT8) && between(input->zero_point, -128, 127) &&
         input->rank > 0 && input->shape[input->rank - 1] <= LONGEST_ROW &&
         is_of(outputs[0], NPU_ELEMENT_INT8, npu_element_count(input));
}

static int32_t saturating_shift_left(int32_t value, int32_t by) {
  const int64_t shifted = (int64_t)value * (1ll << by);
  return shifted > INT32_MAX ? INT32_MAX : shifted < INT32_MIN ? INT32_MIN : (int32_t)shifted;
}

/// GetInvSqrtQuantizedMultiplierExp of TensorFlow Lite: 1 / sqrt(value), for value >= 0.
static npu_host_factor inverse_square_root(int32_t value) {
  npu_host_factor factor = {INT32_MAX, 0};
  if (value <= 1) return factor;
  int32_t right = 11;
  while (value >= 1 << 29) {
    value /= 4;
    ++right;
  }
  // So many pairs of bits that bit 28 or 27 is the highest one.
  while (value < 1 << 27) {
    value *= 4;
    --right;
  }
  // Newton's iterations with three bits before the binary point.
  const int32_t half = divided_by_power(value >> 1, 1);
  const int32_t three_halves = (1 << 28) + (1 << 27);
  int32_t root = 1 << 28;
  for (int i = 0; i < 5; ++i) {
    const int32_t square = doubling_high_product(root, root);
    const int32_t cube = saturating_shift_left(doubling_high_product(square, root), 6);
    const int32_t difference = (int32_t)((uint32_t)doubling_high_product(three_halves, root) -
                                         (uint32_t)doubling_high_product(half, cube));
    root = saturating_shift_left(difference, 3);
  }
  factor.multiplier = doubling_high_product(root, 1518500250);  // by sqrt(1/2)
  if (right < 0) {
    factor.multiplier *= 1 << -right;
    right = 0;
  }
  factor.shift = -right;
  return factor;
}

/// Rows of length 1, in 1/128.
static void l2_normalization(const struct npu_host_operand* input,
                             const struct npu_host_operand* output) {
  const npu_network_tensor* from = input->tensor;
  const int8_t* in = (const int8_t*)input->bytes;
  int8_t* out = (int8_t*)output->bytes;
  const uint32_t count = npu_element_count(from);
  const uint32_t depth = from->shape[from->rank - 1];
  for (uint32_t row = 0; row < count; row += depth) {
    int32_t squares = 0;
    for (uint32_t i = row; i < row + depth; ++i) {
      const int32_t difference = in[i] - from->zero_point;
      squares += difference * difference;
    }
    npu_host_factor factor = inverse_square_root(squares);
    factor.shift += 7;
    for (uint32_t i = row; i < row + depth; ++i) {
      out[i] = (int8_t)clamp(scaled(in[i] - from->zero_point, factor), -128, 127);
    }
  }
}

// Rounded sums.

/// So many terms of int16 are an int32.
enum { MOST_TERMS = 65535 };

static int rounded_sums_fit(const npu_network_tensor* const* inputs, uint32_t input_count,
                            const npu_network_tensor* const* outputs,
                            const npu_rounded_sums_options* o) {
  if (!has_type(inputs[0], NPU_ELEMENT_INT16) || !between(o->outputs, 1, INT32_MAX) ||
      !between(o->terms, 1, MOST_TERMS) || !between(o->product_shift, 0, 15) ||
      !between(o->sum_shift, 0, 15)) {
    return 0;
  }
  const int32_t sizes[2] = {o->outputs, o->terms};
  const int32_t steps[2] = {o->output_step, o->term_step};
  if (!steps_stay_inside(sizes, steps, 2, npu_element_count(inputs[0]))) return 0;
  const uint64_t count = (uint64_t)o->outputs;
  if (input_count == 1) return is_of(outputs[0], NPU_ELEMENT_INT16, count);
  return input_count == 3 && is_of(inputs[1], NPU_ELEMENT_INT16, product_of(sizes, 2)) &&
         is_of(inputs[2], NPU_ELEMENT_INT32, count) && is_of(outputs[0], NPU_ELEMENT_INT32, count);
}

/// Halves upwards.
static int32_t rounded_shift(int32_t value, int32_t shift) {
  return shift == 0 ? value : ((value >> (shift - 1)) + 1) >> 1;
}

static void rounded_sums(const struct npu_host_operand* inputs,
                         const struct npu_host_operand* outputs,
                         const npu_rounded_sums_options* o) {
  const int16_t* x = (const int16_t*)inputs[0].bytes;
  const int weighted = outputs[0].tensor->type == NPU_ELEMENT_INT32;
  for (int32_t i = 0; i < o->outputs; ++i) {
    const int16_t* from = x + (size_t)i * (size_t)o->output_step;
    if (!weighted) {
      int32_t sum = 0;
      for (int32_t t = 0; t < o->terms; ++t) sum += from[(size_t)t * (size_t)o->term_step];
      ((int16_t*)outputs[0].bytes)[i] =
          (int16_t)clamp(rounded_shift(sum, o->sum_shift), -32768, 32767);
      continue;
    }
    const int16_t* weights = (const int16_t*)inputs[1].bytes + (size_t)i * (size_t)o->terms;
    uint32_t sum = (uint32_t)((const int32_t*)inputs[2].bytes)[i];
    for (int32_t t = 0; t < o->terms; ++t) {
      const int32_t product = from[(size_t)t * (size_t)o->term_step] * weights[t];
      sum += (uint32_t)rounded_shift(product, o->product_shift);
    }
    ((int32_t*)outputs[0].bytes)[i] = (int32_t)sum;
  }
}

/// Words of options, inputs and outputs; inputs 0: the kernel looks itself.
static const struct {
  uint32_t options, inputs, outputs;
} kForms[NPU_HOST_KINDS] = {
    [NPU_HOST_L2_NORMALIZATION] = {0, 1, 1},
    [NPU_HOST_CONVOLUTION] = {sizeof(npu_convolution_options) / 4, 4, 1},
    [NPU_HOST_MATMUL] = {sizeof(npu_matmul_options) / 4, 2, 1},
    [NPU_HOST_ELEMENTWISE] = {sizeof(npu_elementwise_options) / 4, 2, 1},
    [NPU_HOST_FUNCTION] = {sizeof(npu_function_options) / 4, 0, 1},
    [NPU_HOST_SOFTMAX] = {sizeof(npu_softmax_options) / 4, 0, 1},
    [NPU_HOST_LOG_SOFTMAX] = {sizeof(npu_log_softmax_options) / 4, 1, 1},
    [NPU_HOST_POOL] = {sizeof(npu_pool_options) / 4, 1, 1},
    [NPU_HOST_REDUCTION] = {sizeof(npu_reduction_options) / 4, 1, 1},
    [NPU_HOST_SVDF] = {sizeof(npu_svdf_options) / 4, 5, 2},
    [NPU_HOST_LSTM] = {sizeof(npu_lstm_options) / 4, LSTM_INPUTS, 3},
    [NPU_HOST_ROUNDED_SUMS] = {sizeof(npu_rounded_sums_options) / 4, 0, 1},
};

int npu_host_kernel_fits(uint32_t kind, const npu_network_tensor* const* inputs,
                         uint32_t input_count, const npu_network_tensor* const* outputs,
                         uint32_t output_count, const uint32_t* options, uint32_t option_count,
                         uint32_t work_bytes) {
  if (kind >= NPU_HOST_KINDS || kForms[kind].outputs == 0 || kForms[kind].options != option_count ||
      kForms[kind].outputs != output_count || input_count == 0 ||
      (kForms[kind].inputs != 0 && kForms[kind].inputs != input_count)) {
    return 0;
  }
  const void* o = options;
  switch (kind) {
    case NPU_HOST_L2_NORMALIZATION:
      return l2_normalization_fits(inputs, outputs);
    case NPU_HOST_CONVOLUTION:
      return convolution_fits(inputs, outputs, (const npu_convolution_options*)o);
    case NPU_HOST_MATMUL:
      return matmul_fits(inputs, outputs, (const npu_matmul_options*)o);
    case NPU_HOST_ELEMENTWISE:
      return elementwise_fits(inputs, outputs, (const npu_elementwise_options*)o);
    case NPU_HOST_FUNCTION:
      return function_fits(inputs, input_count, outputs, (const npu_function_options*)o);
    case NPU_HOST_SOFTMAX:
      return softmax_fits(inputs, input_count, outputs, (const npu_softmax_options*)o);
    case NPU_HOST_LOG_SOFTMAX:
      return log_softmax_fits(inputs, outputs, (const npu_log_softmax_options*)o);
    case NPU_HOST_POOL:
      return pool_fits(inputs, outputs, (const npu_pool_options*)o);
    case NPU_HOST_REDUCTION:
      return reduction_fits(inputs, outputs, (const npu_reduction_options*)o, work_bytes);
    case NPU_HOST_ROUNDED_SUMS:
      return rounded_sums_fit(inputs, input_count, outputs, (const npu_rounded_sums_options*)o);
    case NPU_HOST_SVDF:
      return svdf_fits(inputs, outputs, (const npu_svdf_options*)o);
    default:
      return lstm_fits(inputs, outputs, (const npu_lstm_options*)o, work_bytes);
  }
}

void npu_host_kernel_run(uint32_t kind, const struct npu_host_operand* inputs,
                         const struct npu_host_operand* outputs, const uint32_t* options,
                         void* work) {
  const void* o = options;
  switch (kind) {
    case NPU_HOST_L2_NORMALIZATION:
      l2_normalization(&inputs[0], &outputs[0]);
      break;
    case NPU_HOST_CONVOLUTION:
      convolution(inputs, outputs, (const npu_convolution_options*)o);
      break;
    case NPU_HOST_MATMUL:
      matmul(inputs, outputs, (const npu_matmul_options*)o);
      break;
    case NPU_HOST_ELEMENTWISE:
      elementwise(inputs, outputs, (const npu_elementwise_options*)o);
      break;
    case NPU_HOST_FUNCTION:
      function(inputs, outputs, (const npu_function_options*)o);
      break;
    case NPU_HOST_SOFTMAX:
      softmax(inputs, outputs, (const npu_softmax_options*)o);
      break;
    case NPU_HOST_LOG_SOFTMAX:
      log_softmax(inputs, outputs, (const npu_log_softmax_options*)o);
      break;
    case NPU_HOST_POOL:
      pool(inputs, outputs, (const npu_pool_options*)o);
      break;
    case NPU_HOST_REDUCTION:
      reduction(inputs, outputs, (const npu_reduction_options*)o, (int32_t*)work);
      break;
    case NPU_HOST_ROUNDED_SUMS:
      rounded_sums(inputs, outputs, (const npu_rounded_sums_options*)o);
      break;
    case NPU_HOST_SVDF:
      svdf(inputs, outputs, (const npu_svdf_options*)o);
      break;
    case NPU_HOST_LSTM:
      lstm(inputs, outputs, (const npu_lstm_options*)o, work);
      break;
    default:
      break;
  }
}

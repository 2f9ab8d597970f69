// SPDX-License-Identifier: Apache-2.0
// What kernels of the host ask of their operands, and how they walk through them.
#ifndef NPUGEN_SW_DRIVER_NPU_HOST_OPERANDS_H_
#define NPUGEN_SW_DRIVER_NPU_HOST_OPERANDS_H_

#include <stddef.h>

#include "sw/driver/npu_host_kernels.h"

static inline int has_type(const npu_network_tensor* tensor, uint32_t type) {
  return tensor != NULL && tensor->type == type;
}

/// A tensor of a type with so many elements.
static inline int is_of(const npu_network_tensor* tensor, uint32_t type, uint64_t elements) {
  return has_type(tensor, type) && npu_element_count(tensor) == elements;
}

static inline int between(int32_t value, int32_t least, int32_t most) {
  return least <= value && value <= most;
}

/// Each of `count` values from `first` on.
static inline int all_between(const int32_t* first, uint32_t count, int32_t least, int32_t most) {
  for (uint32_t i = 0; i < count; ++i) {
    if (!between(first[i], least, most)) return 0;
  }
  return 1;
}

/// The product of positive sizes; 2^31 where it is larger.
static inline uint64_t product_of(const int32_t* sizes, uint32_t count) {
  uint64_t product = 1;
  for (uint32_t i = 0; i < count; ++i) {
    product *= (uint64_t)sizes[i];
    if (product > 1ull << 31) product = 1ull << 31;
  }
  return product;
}

/// Whether indices below `size`, times their steps, stay below `elements`.
static inline int steps_stay_inside(const int32_t* size, const int32_t* step, uint32_t count,
                                    uint64_t elements) {
  uint64_t last = 0;
  for (uint32_t i = 0; i < count; ++i) {
    if (step[i] < 0) return 0;
    last += (uint64_t)(size[i] - 1) * (uint64_t)step[i];
  }
  return last < elements;
}

/// The next index, and where it leads in up to three operands.
static inline void advance(int32_t* index, const int32_t* size, const int32_t* const* steps,
                           int32_t* places, uint32_t operands) {
  for (uint32_t d = NPU_HOST_RANK; d-- > 0;) {
    // A step that is never taken may be anything.
    if (index[d] + 1 < size[d]) {
      ++index[d];
      for (uint32_t o = 0; o < operands; ++o) places[o] += steps[o][d];
      return;
    }
    for (uint32_t o = 0; o < operands; ++o) places[o] -= steps[o][d] * index[d];
    index[d] = 0;
  }
}

#endif  // NPUGEN_SW_DRIVER_NPU_HOST_OPERANDS_H_

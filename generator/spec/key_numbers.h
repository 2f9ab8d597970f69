// SPDX-License-Identifier: Apache-2.0
// The values that a spec's keys set: what the schema's rows point into, and the first part of
// NpuConfig.
#pragma once

#include <cstdint>

namespace npugen {

/// One member for each key of a spec that is a number (its name is text: NpuConfig::name). The
/// defaults are those of the schema. Sizes are bytes unless the name says otherwise.
struct KeyNumbers {
  // npu:
  uint32_t grid_x = 1;  ///< PE columns, 1..8
  uint32_t grid_y = 1;  ///< PE rows, 1..8; grid_x * grid_y <= 32
  uint64_t clock_hz = 200'000'000;
  uint32_t axi_data_bits = 128;      ///< 32, 64, ... 512
  uint32_t axi_address_bits = 40;    ///< 32..64
  uint32_t axi_burst = 32;           ///< most beats of a burst, 4..256 (power of two)
  uint32_t axi_outstanding = 8;      ///< bursts in flight per direction, 1..64 (power of two)
  uint32_t command_queue_depth = 4;  ///< commands per engine queue, 1..16
  uint32_t watchdog = 1;             ///< 1: a bus that does not answer is an error
  uint32_t memory_clear = 0;         ///< 1: control.clear zeroes the memories
  uint32_t clock_gating = 1;         ///< 1: units that hold still have their clock stopped

  // pe:
  uint32_t pe_memory_bytes = 128 * 1024;  ///< at most 8 MiB
  uint32_t pe_banks = 8;                  ///< power of two, at least 2
  uint32_t pe_bank_bytes = 16;            ///< bytes per bank word ("A"), power of two
  uint32_t cores = 1;                     ///< cores per PE, 1..16

  // core:
  uint32_t core_memory_bytes = 64 * 1024;  ///< at most 8 MiB
  uint32_t core_banks = 4;                 ///< power of two
  uint32_t core_bank_bytes = 16;           ///< bytes per bank word, power of two
  uint32_t lanes = 16;                     ///< lanes per core ("L"), 1..128
  uint32_t accumulators = 16;              ///< accumulator entries per lane and half ("T"), 2..256
  // lane:
  uint32_t simd = 16;        ///< MACs per lane and cycle ("S"), 1..64
  uint32_t lane_stages = 1;  ///< cycles from operands to the written sum: 1, 2; 6 of floats

  // controller: entries
  uint32_t instruction_entries = 256;  ///< 16-byte command entries held by the fetch unit
  uint32_t parameter_entries = 64;     ///< bus beats staged on the way to core memory
  uint32_t activation_entries = 64;    ///< bus beats staged on the way to PE memory

  // units:
  uint32_t post_width = 16;       ///< results post-processed per cycle ("R"), power of two
  uint32_t lookup_ports = 8;      ///< table look-ups per cycle, power of two, at most post_width
  uint32_t window_ports = 4;      ///< vectors read from PE memory per cycle for the array, 1..4
  uint32_t residual = 0;          ///< 1: the drain of MATMUL can add a second operand
  uint32_t bnn_enabled = 0;       ///< 1: lanes also multiply bits, 8 * simd per cycle
  uint32_t bnn_skip_window = 1;   ///< positions out of which a lane picks its next gated one, 1..16
  uint32_t bnn_skip_slices = 32;  ///< operand slices that such a window can hold, 1..256
  uint32_t float_formats = 0;     ///< 1: lanes also take BF16 and FP8
  uint32_t vector_lanes = 0;      ///< elements of the vector unit per cycle: 4, 8, 16; 0: none
  uint32_t bnn_residual = 0;      ///< 1: the drain of bits gives values and adds residuals
  uint32_t dma_strides = 0;       ///< 1: coordinates of a box go in steps
  uint32_t dma_store_bounds = 0;  ///< 1: STOREs have bounds
  uint32_t dma_wide_fill = 0;     ///< 1: fill of 2 or 4 bytes
  uint32_t dma_im2col = 0;        ///< 1: runs may be the pixels of a convolution's walk
  uint32_t dma_swizzle = 0;       ///< 1: chunks of 16 bytes may change places in PE memory
  uint32_t dma_transpose = 0;     ///< 1: LOADs may turn rows into columns

  // debug:
  uint32_t debug_trace = 1;  ///< 1: npu_top has trace ports
};

}  // namespace npugen

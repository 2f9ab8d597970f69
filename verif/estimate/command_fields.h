// SPDX-License-Identifier: Apache-2.0
// Commands as structures of numbers, read from a stream without looking names up.
#pragma once

#include <cstdint>

#include "generator/arch/command_set.h"

namespace npugen::estimate {

#define NPUGEN_ESTIMATE_HEADER_FIELDS(X) \
  X(tag)                                 \
  X(wait0_id)                            \
  X(wait0_en) X(wait1_id) X(wait1_en) X(signal_id) X(signal_en) X(wait0_count) X(wait1_count)

#define NPUGEN_ESTIMATE_DMA_FIELDS(X)                                                            \
  X(signal_bytes)                                                                                \
  X(ahead)                                                                                       \
  X(window)                                                                                      \
  X(local_source)                                                                                \
  X(core_memory)                                                                                 \
  X(core_mask)                                                                                   \
  X(bounds) X(global_offset) X(local_address) X(pe_mask) X(size0) X(size1) X(size2) X(size3)     \
      X(size4) X(source_pe) X(global_stride1) X(global_stride2) X(global_stride3)                \
          X(global_stride4) X(local_stride1) X(local_stride2) X(local_stride3) X(local_stride4)  \
              X(start0) X(extent0) X(start1) X(start2) X(start3) X(start4) X(extent1) X(extent2) \
                  X(extent3) X(extent4)

#define NPUGEN_ESTIMATE_COMPUTE_FIELDS(X)                                                         \
  X(pe_mask)                                                                                      \
  X(acc_init)                                                                                     \
  X(drain)                                                                                        \
  X(common_scale)                                                                                 \
  X(follow)                                                                                       \
  X(weight_group_rows)                                                                            \
  X(packed_weights) X(act_base) X(b_base) X(out_w) X(out_h) X(x_step) X(row_step) X(y_start)      \
      X(y_step) X(k2_y_step) X(x_start) X(row_bytes) X(in_h) X(run_bytes) X(k0_count) X(k1_count) \
          X(k2_count) X(k1_step) X(k2_row_step) X(groups) X(group_step) X(out_base) X(out_x_step) \
              X(out_row_step) X(out_group_step) X(channels) X(group_channels) X(positions)        \
                  X(win_rows) X(win_cols) X(win_new_cols) X(win_y_step) X(win_row_step)           \
                      X(win_col_step) X(b_row_step) X(two_planes) X(gated) X(thresholds)          \
                          X(plane_step)

/// What all commands have. Names as in the command set.
struct HeaderFields {
  Opcode opcode = Opcode::kEnd;
  uint32_t entries = 0;
#define NPUGEN_FIELD(name) int64_t name = 0;
  NPUGEN_ESTIMATE_HEADER_FIELDS(NPUGEN_FIELD)
#undef NPUGEN_FIELD
};

/// Fields of LOAD and STORE.
struct DmaFields {
#define NPUGEN_FIELD(name) int64_t name = 0;
  NPUGEN_ESTIMATE_DMA_FIELDS(NPUGEN_FIELD)
#undef NPUGEN_FIELD
};

/// Fields of compute commands that decide cycles.
struct ComputeFields {
#define NPUGEN_FIELD(name) int64_t name = 0;
  NPUGEN_ESTIMATE_COMPUTE_FIELDS(NPUGEN_FIELD)
#undef NPUGEN_FIELD
};

HeaderFields ReadHeader(const Command& command);
DmaFields ReadDma(const Command& command);
ComputeFields ReadCompute(const Command& command);

}  // namespace npugen::estimate

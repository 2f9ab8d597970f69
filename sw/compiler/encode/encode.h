// SPDX-License-Identifier: Apache-2.0
// Stage 5a: layers and transfers become commands, field by field, with every range checked.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "generator/config/npu_config.h"
#include "sw/compiler/encode/step.h"
#include "sw/compiler/lower/layer.h"

namespace npugen::compiler {

/// A rectangle of output positions of one layer and image, for some groups and a part of the
/// kernel.
struct ComputeRequest {
  const Layer* layer;
  int64_t row_begin, row_end;        ///< output rows
  int64_t column_begin, column_end;  ///< output columns
  int64_t group_begin, group_end;
  KernelPart part;
  bool first_part = true, last_part = true;
  std::array<int64_t, 2> in_address{};  ///< PE memory address of input row FirstInputRow(row_begin)
  int64_t out_address = 0;              ///< PE memory address of output row row_begin, column 0
  int64_t pe = 0;                       ///< that runs the command
  bool second_plane = false;            ///< pools of codes: computes the output's second plane
};

/// Fields that did not fit, such as "x_step = 16777216", or that hardware would refuse; empty: all
/// is well.
using FieldErrors = std::vector<std::string>;

/// Encodes a compute command (parameter rows are 0 until SetParameterRows).
Step EncodeCompute(const NpuConfig& config, const ComputeRequest& request, FieldErrors* errors);
/// Rows of the first weight slice (or table) and of the first block of records.
void SetParameterRows(Step* step, int64_t weight_row, int64_t param_row);

/// What the DMA moves: a box of bytes between a window (or PE memory) and local memories.
struct Transfer {
  struct Dimension {
    int64_t count = 1;
    int64_t global_stride = 0, local_stride = 0;  ///< bytes
  };
  int engine = kLoadEngine;  ///< or kStoreEngine
  bool fill_only = false;    ///< LOAD of `fill` bytes; there is no global side
  uint8_t fill = 0;
  bool local_source = false;  ///< LOAD: the global side is PE memory of `source_pe`
  int64_t source_pe = 0;
  Window window = Window::kProgram;
  int64_t global_offset = 0;
  PeMask pes = 1;            ///< LOAD: destinations; STORE: the one source
  bool core_memory = false;  ///< LOAD: to the cores of core_mask; local addresses are theirs
  uint32_t core_mask = 1;
  int64_t local_address = 0;
  int64_t run = 1;                    ///< contiguous bytes
  std::vector<Dimension> dimensions;  ///< at most kTransferDimensions, innermost first
  /// Of a LOAD: coordinates of its first byte, and where a tensor ends: what is outside is `fill`.
  struct Bound {
    int64_t start = 0, extent = 1, step = 1;
  };
  std::vector<Bound> bounds;  ///< empty: none; else of the run (bytes) and of each dimension
  int64_t element = 0;        ///< not 0: bytes of elements of a LOAD whose runs become columns
  uint32_t tag = 0;
};
inline constexpr size_t kTransferDimensions = 4;
inline constexpr int64_t kLargestTransferCount = 0xffff;  ///< of a dimension
inline constexpr int64_t kLargestTransferRun = 0xffffff;  ///< bytes

/// Encodes a LOAD or STORE in the shortest form; accesses of PE memory, scratch and output
/// window are derived from it.
Step EncodeTransfer(const NpuConfig& config, const Transfer& transfer, FieldErrors* errors);

}  // namespace npugen::compiler

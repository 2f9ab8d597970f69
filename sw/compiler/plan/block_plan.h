// SPDX-License-Identifier: Apache-2.0
// Stage 2 before all else: layers of which not even one row of output fits in PE memory with what
// it reads are computed in blocks, which are parts of rows, of channels, or of sums.
#pragma once

#include <cstdint>
#include <vector>

#include "generator/config/npu_config.h"
#include "sw/compiler/lower/layer.h"
#include "sw/compiler/plan/partition.h"

namespace npugen::compiler {

/// Bytes of an input that a block reads: rows of an image, columns of them, and bytes of each of
/// these (a column of a kernel's part is the whole row of a plane).
struct InputBox {
  Range rows, columns, bytes;
  int64_t row_bytes() const { return columns.size() * bytes.size(); }  ///< of one plane
  friend bool operator==(const InputBox&, const InputBox&) = default;
};

/// What a rectangle of output positions of an image, and some groups, read of each input. There is
/// always at least one column.
InputBox BlockInput(const Layer& layer, const Range& rows, const Range& columns,
                    const Range& groups);
/// What one output position reads for a part of the kernel, whose slices have `simd` bytes a lane.
InputBox PartInput(const Layer& layer, int64_t row, int64_t column, int64_t group,
                   const KernelPart& part, int64_t simd);

/// The geometry of a layer whose input is that box and whose output are those columns and groups;
/// rows are still those of the image.
Geometry BlockGeometry(const Layer& layer, const InputBox& input, const Range& columns,
                       const Range& groups);
/// The geometry of one position whose kernel is a part, and whose input is PartInput().
Geometry PartGeometry(const Layer& layer, const InputBox& input, int64_t row, int64_t column,
                      int64_t group, const KernelPart& part, int64_t simd);

/// Cuts the kernel loops into parts of at most `most` slices that are contiguous in the order of
/// use.
std::vector<KernelPart> SplitKernel(const Layer& layer, int64_t most);

/// PE memory addresses of buffers are multiples of it.
int64_t BufferAlignment(const NpuConfig& config);

/// Gives layers that need it a BlockSize, the one that moves least. Their operands are then never
/// resident. Layers for which there is none stay as they are.
void PlanBlocks(const NpuConfig& config, LoweredModel* lowered);

}  // namespace npugen::compiler

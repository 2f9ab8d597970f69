// SPDX-License-Identifier: Apache-2.0
// Blocks of pixels to channels, batches and back; other sizes of images. Their options.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "sw/model/operators/option_types.h"

namespace npugen {

struct BlockOptions {
  int32_t block_size = 1;  ///< SPACE_TO_DEPTH, DEPTH_TO_SPACE
};

/// SPACE_TO_BATCH_ND, BATCH_TO_SPACE_ND: blocks of the spatial dimensions 1.., and paddings or
/// crops of them.
struct BatchSpaceOptions {
  std::vector<int32_t> block;
  std::vector<std::pair<int32_t, int32_t>> borders;
  int8_t value = 0;  ///< what SPACE_TO_BATCH_ND pads with: the zero point
};

/// RESIZE_*: data [N,H,W,C]; the new size is that of the output tensor.
struct ResizeOptions {
  bool align_corners = false;
  bool half_pixel_centers = false;
};

/// All options of this family, for OperatorOptions.
using BlocksOptions = OptionList<BlockOptions, BatchSpaceOptions, ResizeOptions>;

}  // namespace npugen

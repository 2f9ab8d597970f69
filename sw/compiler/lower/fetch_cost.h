// SPDX-License-Identifier: Apache-2.0
// How long PE memory takes to deliver the vectors that a position needs.
#pragma once

#include <cstdint>
#include <vector>

#include "generator/config/npu_config.h"

namespace npugen::compiler {

/// A vector that a position fetches: bytes [offset, offset + length) relative to the position.
struct FetchVector {
  int64_t offset;
  int64_t length;
};

/// Cycles in which PE memory delivers `vectors` in this order, in groups of window_ports and of a
/// group at a time what their banks allow; the mean over positions that are `step` bytes apart.
double FetchCycles(const NpuConfig& config, const std::vector<FetchVector>& vectors, int64_t step);

}  // namespace npugen::compiler

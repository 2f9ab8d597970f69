// SPDX-License-Identifier: Apache-2.0
// Static check of a command stream: structure, fields and freedom from deadlock.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "generator/config/npu_config.h"

namespace npugen {

/// What CheckStream found out about a stream.
struct StreamReport {
  std::vector<std::string> problems;  ///< empty: the stream is well formed and cannot deadlock
  uint32_t commands = 0;
  uint32_t bytes = 0;
};

/// Static check of the stream at byte `offset` of `program`: header, hash, lengths, opcodes,
/// barrier numbers, fields (what hardware refuses, and what no sensible stream says), and deadlock
/// by running the barrier counts alone.
StreamReport CheckStream(const NpuConfig& config, std::span<const uint8_t> program,
                         uint32_t offset);

}  // namespace npugen

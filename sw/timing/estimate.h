// SPDX-License-Identifier: Apache-2.0
// The performance model: how many cycles a command stream takes on an NPU, and on what they are
// spent, without simulating it.
//
// It plays the stream with the timing of the RTL but without data: fetch, dispatcher, queues,
// barriers and the two DMA engines advance cycle by cycle while they move anything and jump over
// the time in which they do not; compute commands advance by whole tiles. docs/estimate.md says
// what is exact and what is an average.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "generator/arch/command_set.h"
#include "generator/config/npu_config.h"
#include "generator/support/diagnostic.h"

namespace npugen {

/// The memory behind the bus, and what is where in it.
struct EstimateOptions {
  uint32_t latency = 50;  ///< cycles from a request to its answer, at least 1
  /// Bus addresses of the windows: bursts end at multiples of 4 KiB.
  std::array<uint64_t, kWindowCount> window_base = {};
};

/// One job from doorbell to interrupt.
struct StreamEstimate {
  uint64_t cycles = 0;
  /// Cycles by tag and cause, as Machine::Trace(): element tag * 16 + cause.
  std::vector<uint64_t> trace;
  uint64_t bytes_read = 0;  ///< on the bus, commands included
  uint64_t bytes_written = 0;
  uint64_t commands = 0;
};

/// Plays commands, END among them or not, that are valid for `config`, as if they stood at the
/// beginning of a window 0 of `image_bytes`. Error: kProgramFile when they cannot end.
Result<StreamEstimate> EstimateCommands(const NpuConfig& config,
                                        std::span<const Command* const> commands,
                                        uint64_t image_bytes, const EstimateOptions& options = {});

/// Cycles of a compute command alone: from its start to its end, when all that it waits for is
/// there and nothing else uses the PE's memories.
uint64_t CommandCycles(const NpuConfig& config, const Command& command);

/// Plays the stream at byte `offset` of `image` (the contents of window 0). Equal inputs give equal
/// results. Error: kProgramFile when the stream is not valid for `config`, or cannot end.
Result<StreamEstimate> EstimateStream(const NpuConfig& config, std::span<const uint8_t> image,
                                      uint32_t offset, const EstimateOptions& options = {});

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// The performance model for streams that are only compared with one another: command by command
// instead of cycle by cycle, some hundred times faster and a few percent off (docs/estimate.md).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>

#include "generator/arch/command_set.h"
#include "generator/config/npu_config.h"
#include "sw/timing/estimate.h"

namespace npugen {

/// CommandCycles() of commands of one NPU, each computed once: streams of the same model have most
/// of them in common.
class CommandTimes {
 public:
  explicit CommandTimes(const NpuConfig& config) : config_(config) {}
  /// As CommandCycles(). Where parameters stand in core memory makes no difference.
  uint64_t Cycles(const Command& command);

 private:
  const NpuConfig& config_;
  std::unordered_map<std::string, uint64_t> cycles_;
};

/// A command of a stream, and if it is a PE's the cycles that it takes alone (CommandTimes).
struct TimedCommand {
  const Command* command = nullptr;
  uint64_t cycles = 0;
};

/// Cycles of the bus for the boxes of LOADs and STOREs, each run for itself.
uint64_t TransferBeats(const NpuConfig& config, const Command& command);

/// About as many cycles as EstimateCommands() has of the same commands, which have waits for
/// commands in front of them only. Left out: what engines cost each other in memories.
uint64_t RoughCycles(const NpuConfig& config, std::span<const TimedCommand> commands,
                     const EstimateOptions& options = {});

}  // namespace npugen

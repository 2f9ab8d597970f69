// SPDX-License-Identifier: Apache-2.0
// Schedules handed to the performance model.
#include "sw/compiler/schedule/estimate.h"

#include "generator/support/check.h"
#include "sw/timing/estimate.h"

namespace npugen::compiler {
namespace {

/// Beats of the bus from which on a stream is played roughly.
constexpr uint64_t kMostBeats = 1'000'000;

}  // namespace

int64_t EstimateCycles(const NpuConfig& config, const std::vector<Step>& steps,
                       CommandTimes* times) {
  std::vector<const Command*> commands;
  commands.reserve(steps.size() + 1);
  uint64_t entries = kStreamHeaderEntries + 1, beats = 0;
  for (const Step& step : steps) {
    commands.push_back(&step.command);
    entries += step.command.entries();
    if (step.engine < kFirstPeEngine) beats += TransferBeats(config, step.command);
  }
  const Command end(Opcode::kEnd, 1, 0);
  commands.push_back(&end);
  if (beats > kMostBeats) {
    return static_cast<int64_t>(RoughCycles(config, commands, times));
  }
  const Result<StreamEstimate> estimate = EstimateCommands(config, commands, entries * kEntryBytes);
  Check(estimate.ok(), "a schedule cannot end");
  return static_cast<int64_t>(estimate->cycles);
}

}  // namespace npugen::compiler

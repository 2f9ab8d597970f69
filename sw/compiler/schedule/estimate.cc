// SPDX-License-Identifier: Apache-2.0
// Schedules handed to the performance model.
#include "sw/compiler/schedule/estimate.h"

#include "generator/support/check.h"
#include "sw/timing/estimate.h"
#include "sw/timing/rough_estimate.h"

namespace npugen::compiler {
namespace {

/// Beats of the bus from which on a stream is played roughly; a beat takes longer the more PEs
/// there are to look after.
constexpr uint64_t kMostBeats = 1'200'000;

}  // namespace

bool IsLong(const NpuConfig& config, const std::vector<Step>& steps) {
  uint64_t beats = 0;
  for (const Step& step : steps) {
    if (step.engine < kFirstPeEngine) beats += TransferBeats(config, step.command);
  }
  return beats * (config.pes() + 7) / 8 > kMostBeats;
}

int64_t EstimateCycles(const NpuConfig& config, const std::vector<Step>& steps) {
  if (IsLong(config, steps)) {
    std::vector<TimedCommand> timed;
    timed.reserve(steps.size());
    for (const Step& step : steps) timed.push_back({&step.command, step.cycles});
    return static_cast<int64_t>(RoughCycles(config, timed));
  }
  std::vector<const Command*> commands;
  commands.reserve(steps.size() + 1);
  uint64_t entries = kStreamHeaderEntries + 1;
  for (const Step& step : steps) {
    commands.push_back(&step.command);
    entries += step.command.entries();
  }
  const Command end(Opcode::kEnd, 1, 0);
  commands.push_back(&end);
  const Result<StreamEstimate> estimate = EstimateCommands(config, commands, entries * kEntryBytes);
  Check(estimate.ok(), "a schedule cannot end");
  return static_cast<int64_t>(estimate->cycles);
}

}  // namespace npugen::compiler

// SPDX-License-Identifier: Apache-2.0
// Static check of a command stream: structure, field consistency and freedom from deadlock.
#include "sw/stream/stream_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <deque>

#include "sw/stream/field_check.h"
#include "sw/stream/stream_decoder.h"

namespace npugen {
namespace {

/// Runs barrier counts and queues alone. Since counts only grow, any order of execution gives the
/// same answer, so one order decides.
void CheckDeadlock(const NpuConfig& config, const DecodedStream& stream, StreamReport* report) {
  std::vector<std::deque<size_t>> queues(kFirstPeEngine + config.pes());
  std::array<int64_t, kMostBarriers> barriers = {};
  const auto holds = [&](const Command& command, int number) {
    const WaitFields& wait = kWaits[number];
    return command.Get(wait.enable) == 0 ||
           barriers[command.Get(wait.id)] >= WaitCount(config, command, number);
  };
  size_t next = 0;
  for (;;) {
    bool moved = false;
    for (size_t q = 0; q < queues.size(); ++q) {
      std::deque<size_t>& queue = queues[q];
      while (!queue.empty()) {
        const Command& command = stream.commands[queue.front()];
        if (!holds(command, 0) || !holds(command, 1)) break;
        if (command.Get(header::signal_en) != 0) {
          int64_t& count = barriers[command.Get(header::signal_id) +
                                    (q < kFirstPeEngine ? 0 : q - kFirstPeEngine)];
          const bool bytes =
              command.opcode() == Opcode::kLoad && command.Get(header::signal_bytes) != 0;
          count += bytes ? BoxBytes(command) : 1;
          if (count >= int64_t{1} << kBarrierCountBits) {
            report->problems.push_back(
                fmt::format("command {}: a barrier count overflows", queue.front()));
            return;
          }
        }
        queue.pop_front();
        moved = true;
      }
    }
    while (next < stream.commands.size()) {
      const Command& command = stream.commands[next];
      const std::vector<int> targets = EnginesOf(command, config.pes());
      bool room = true;
      if (targets.empty()) {
        for (const auto& queue : queues) room = room && queue.empty();
      }
      for (int target : targets) {
        room = room && queues[target].size() < config.command_queue_depth;
      }
      if (!room) break;
      for (int target : targets) queues[target].push_back(next);
      ++next;
      moved = true;
    }
    if (next == stream.commands.size()) {
      bool empty = true;
      for (const auto& queue : queues) empty = empty && queue.empty();
      if (empty) return;
    }
    if (!moved) {
      report->problems.push_back(
          fmt::format("deadlock: the dispatcher stands at command {}", next));
      return;
    }
  }
}

/// Shifts of rescaling: positive to the left.
constexpr int64_t kLargestShift = 31;
/// Kernel rows that one slice spans.
constexpr int64_t kLargestGatherRows = 4;

/// Slices of strung rows: their steps follow from run and kernel, and they span at most four rows.
template <typename Problem>
void CheckStrungRows(const NpuConfig& config, const Command& command, const Problem& problem) {
  const int64_t run = command.Get(compute::run_bytes), rows = command.Get(compute::win_rows);
  if (command.opcode() != Opcode::kMatmul || run == 0) return;
  const int64_t whole_rows = command.Get(compute::win_cols),
                slices = command.Get(compute::k0_count);
  const int64_t simd = config.simd;
  const bool steps =
      command.Get(compute::k1_step) == simd % run && whole_rows == simd / run &&
      command.Get(compute::k2_y_step) == whole_rows * command.Get(compute::win_y_step) &&
      command.Get(compute::k2_row_step) == whole_rows * command.Get(compute::win_row_step);
  if (!steps || slices * simd >= rows * run + simd) {
    problem(fmt::format("slices of rows of {} bytes", run));
  }
  for (int64_t k0 = 0; k0 < slices; ++k0) {
    const int64_t last = std::min((k0 + 1) * simd, rows * run) - 1;
    if (last / run - k0 * simd / run >= kLargestGatherRows) {
      problem(fmt::format("a slice of rows of {} bytes", run));
      return;
    }
  }
}

/// What hardware refuses, and what it would take but no sensible stream says.
void CheckFields(const NpuConfig& config, const Command& command, size_t number,
                 StreamReport* report) {
  const auto problem = [&](std::string_view text) {
    report->problems.push_back(
        fmt::format("command {} ({}): {}", number, InfoOf(command.opcode()).name, text));
  };
  if (command.opcode() == Opcode::kLoad && command.entries() == 1) return;
  if (const std::optional<std::string> text = CheckCommandFields(config, command)) {
    problem(*text);
    return;
  }
  const OpcodeInfo& info = InfoOf(command.opcode());
  if (info.engine == EngineKind::kController) return;
  if (uint64_t{command.pe_mask()} >> config.pes() != 0)
    problem("pe_mask names a PE that does not exist");
  if (info.layout->id == LayoutId::kDma) {
    const bool core = command.opcode() == Opcode::kLoad && command.Get(dma::core_memory) != 0;
    if (core && command.Get(dma::core_mask) >> config.cores != 0) {
      problem("core_mask names a core that does not exist");
    }
    if (command.Get(dma::bounds) != 0 && command.entries() < 7) problem("bounds need 7 entries");
    return;
  }
  if (In(command.opcode(), opcodes::kWalks)) {
    if (command.Get(compute::positions) % command.Get(compute::out_w) != 0) {
      problem("positions end within a row");
    }
    if (command.Get(compute::groups) * command.Get(compute::group_channels) <
            command.Get(compute::channels) ||
        (command.Get(compute::groups) - 1) * command.Get(compute::group_channels) >=
            command.Get(compute::channels)) {
      problem("groups do not cover the channels");
    }
    CheckStrungRows(config, command, problem);
  }
  for (const CommandField& shift : {compute::out_shift, compute::b_shift}) {
    if (std::abs(command.Get(shift)) > kLargestShift) problem("a shift of more than 31 places");
  }
}

}  // namespace

StreamReport CheckStream(const NpuConfig& config, std::span<const uint8_t> program,
                         uint32_t offset) {
  StreamReport report;
  const DecodedStream stream = DecodeStream(config, program, offset);
  report.commands = static_cast<uint32_t>(stream.commands.size());
  report.bytes = stream.bytes;
  if (stream.error_code != 0) {
    report.problems.push_back(fmt::format("{} at byte {}: {}",
                                          AllHardwareErrors()[stream.error_code].name,
                                          stream.error_offset, stream.detail));
    return report;
  }
  for (size_t i = 0; i < stream.commands.size(); ++i) {
    CheckFields(config, stream.commands[i], i, &report);
  }
  if (report.problems.empty()) CheckDeadlock(config, stream, &report);
  return report;
}

}  // namespace npugen

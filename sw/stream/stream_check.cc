// SPDX-License-Identifier: Apache-2.0
// Static check of a command stream: structure, field consistency and freedom from deadlock.
#include "sw/stream/stream_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <deque>

#include "sw/stream/field_check.h"
#include "sw/stream/stream_decoder.h"

namespace npugen {
namespace {

/// Queue of a command: 0 load, 1 store, 2 + pe; empty for END and FENCE.
std::vector<size_t> QueuesOf(const NpuConfig& config, const Command& command) {
  switch (command.opcode()) {
    case Opcode::kEnd:
    case Opcode::kFence:
      return {};
    case Opcode::kLoad:
      return {0};
    case Opcode::kStore:
      return {1};
    default:
      break;
  }
  std::vector<size_t> queues;
  for (size_t pe = 0; pe < config.pes(); ++pe) {
    if (command.Get("pe_mask") >> pe & 1) queues.push_back(2 + pe);
  }
  return queues;
}

/// Bytes that a LOAD or STORE writes; none for a LOAD of one entry.
int64_t BoxBytes(const Command& command) {
  int64_t bytes = command.Get("size0");
  for (const char* size : {"size1", "size2", "size3", "size4"}) {
    bytes *= std::max<int64_t>(command.Get(size), 1);
  }
  return bytes;
}

/// Runs barrier counts and queues alone. Since counts only grow, any order of execution gives the
/// same answer, so one order decides.
void CheckDeadlock(const NpuConfig& config, const DecodedStream& stream, StreamReport* report) {
  std::vector<std::deque<size_t>> queues(2 + config.pes());
  std::array<int64_t, kMostBarriers> barriers = {};
  const auto holds = [&](const Command& command, int number) {
    const std::string wait = number == 0 ? "wait0" : "wait1";
    return command.Get(wait + "_en") == 0 ||
           barriers[command.Get(wait + "_id")] >= WaitCount(config, command, number);
  };
  size_t next = 0;
  for (;;) {
    bool moved = false;
    for (size_t q = 0; q < queues.size(); ++q) {
      std::deque<size_t>& queue = queues[q];
      while (!queue.empty()) {
        const Command& command = stream.commands[queue.front()];
        if (!holds(command, 0) || !holds(command, 1)) break;
        if (command.Get("signal_en") != 0) {
          int64_t& count = barriers[command.Get("signal_id") + (q < 2 ? 0 : q - 2)];
          const bool bytes = command.opcode() == Opcode::kLoad && command.Get("signal_bytes") != 0;
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
      const std::vector<size_t> targets = QueuesOf(config, command);
      bool room = true;
      if (targets.empty()) {
        for (const auto& queue : queues) room = room && queue.empty();
      }
      for (size_t target : targets) {
        room = room && queues[target].size() < config.command_queue_depth;
      }
      if (!room) break;
      for (size_t target : targets) queues[target].push_back(next);
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
  const int64_t run = command.Get("run_bytes"), rows = command.Get("win_rows");
  if (command.opcode() != Opcode::kMatmul || run == 0) return;
  const int64_t whole_rows = command.Get("win_cols"), slices = command.Get("k0_count");
  const int64_t simd = config.simd;
  const bool steps = command.Get("k1_step") == simd % run && whole_rows == simd / run &&
                     command.Get("k2_y_step") == whole_rows * command.Get("win_y_step") &&
                     command.Get("k2_row_step") == whole_rows * command.Get("win_row_step");
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
    report->problems.push_back(fmt::format("command {} ({}): {}", number,
                                           FindOpcode(command.words()[0] & 0xff)->name, text));
  };
  if (command.opcode() == Opcode::kEnd || command.opcode() == Opcode::kFence) return;
  if (command.opcode() == Opcode::kLoad && command.entries() == 1) return;
  if (const std::optional<std::string> text = CheckCommandFields(config, command)) {
    problem(*text);
    return;
  }
  if (command.Get("pe_mask") >> config.pes() != 0)
    problem("pe_mask names a PE that does not exist");
  if (command.opcode() == Opcode::kStore || command.opcode() == Opcode::kLoad) {
    const bool core = command.opcode() == Opcode::kLoad && command.Get("core_memory") != 0;
    if (core && command.Get("core_mask") >> config.cores != 0) {
      problem("core_mask names a core that does not exist");
    }
    if (command.Get("bounds") != 0 && command.entries() < 7) problem("bounds need 7 entries");
    return;
  }
  const bool array = command.opcode() == Opcode::kMatmul || command.opcode() == Opcode::kWindow;
  if (array || command.opcode() == Opcode::kMaxPool) {
    if (command.Get("positions") % command.Get("out_w") != 0) {
      problem("positions end within a row");
    }
    if (command.Get("groups") * command.Get("group_channels") < command.Get("channels") ||
        (command.Get("groups") - 1) * command.Get("group_channels") >= command.Get("channels")) {
      problem("groups do not cover the channels");
    }
    CheckStrungRows(config, command, problem);
  }
  for (const char* shift : {"out_shift", "b_shift"}) {
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

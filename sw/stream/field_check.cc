// SPDX-License-Identifier: Apache-2.0
// Field checks, in the order in which hardware makes them.
#include "sw/stream/field_check.h"

#include <fmt/format.h>

#include <algorithm>

namespace npugen {
namespace {

using Problem = std::optional<std::string>;

/// Kernel rows that a gathered slice may touch.
constexpr int64_t kLargestGatherRows = 4;

Problem CheckTransfer(const NpuConfig& config, const Command& command) {
  const bool load = command.opcode() == Opcode::kLoad;
  if (load && command.entries() == 1) return std::nullopt;  // only waits and signals
  if (command.Get("size0") == 0) return "size0 is 0";
  const int64_t pes = command.Get("pe_mask") & ((int64_t{1} << config.pes()) - 1);
  const bool to_core = load && command.Get("core_memory") != 0;
  const int64_t cores = command.Get("core_mask") & ((int64_t{1} << config.cores) - 1);
  if (pes == 0 || (to_core && cores == 0)) return "no target memory";
  if (!load && (pes & (pes - 1)) != 0) return "a STORE reads exactly one PE";
  if (load && command.Get("local_source") != 0 && command.Get("source_pe") >= config.pes()) {
    return "no source PE";
  }
  return std::nullopt;
}

Problem CheckBits(const NpuConfig& config, const Command& command) {
  const auto is = [&](const char* field) { return command.Get(field) != 0; };
  const bool binary = is("binary"), two_planes = is("two_planes"), gated = is("gated");
  const bool pool_bits = is("pool_bits"), skip_window = is("skip_window");
  const int64_t thresholds = command.Get("thresholds");
  const bool any = binary || is("skip_outside") || two_planes || gated || thresholds != 0 ||
                   is("bit_output") || pool_bits || skip_window;
  if (!any) return std::nullopt;
  if (config.bnn_enabled == 0) return "this NPU has no binary unit";
  const bool matmul = command.opcode() == Opcode::kMatmul;
  const bool array = matmul || command.opcode() == Opcode::kWindow;
  const bool binary_fits =
      !binary || (matmul && is("run_bytes") && !is("packed_weights") && !is("acc_shift"));
  const bool planes_fit = !two_planes || (pool_bits ? command.Get("win_rows") % 2 == 0
                                                    : binary && is("acc_init") && is("drain"));
  const bool gates_fit = !gated || (binary && two_planes);
  const bool thresholds_fit = thresholds == 0 || (thresholds != 2 && array);
  // Which positions a lane visits when changes no sum.
  const bool window_fits = !skip_window || (gated && config.bnn_skip_window > 1 &&
                                            command.Get("k0_count") <= config.bnn_skip_slices);
  if (!window_fits || !binary_fits || !planes_fit || !gates_fit || !thresholds_fit ||
      (pool_bits && array)) {
    return "fields of the binary unit contradict each other";
  }
  return std::nullopt;
}

/// Slices of strung rows: their steps follow from run and kernel, and they span at most four rows.
Problem CheckStrungRows(const NpuConfig& config, const Command& command) {
  const int64_t run = command.Get("run_bytes"), rows = command.Get("win_rows");
  const int64_t whole_rows = command.Get("win_cols"), slices = command.Get("k0_count");
  const int64_t simd = config.simd;
  const bool steps = command.Get("k1_count") == 1 && command.Get("k2_count") == 1 && rows > 0 &&
                     command.Get("k1_step") == simd % run && whole_rows == simd / run &&
                     command.Get("k2_y_step") == whole_rows * command.Get("win_y_step") &&
                     command.Get("k2_row_step") == whole_rows * command.Get("win_row_step");
  if (!steps || slices * simd >= rows * run + simd) {
    return fmt::format("slices of rows of {} bytes", run);
  }
  for (int64_t k0 = 0; k0 < slices; ++k0) {
    const int64_t last = std::min((k0 + 1) * simd, rows * run) - 1;
    if (last / run - k0 * simd / run >= kLargestGatherRows) {
      return fmt::format("a slice of rows of {} bytes", run);
    }
  }
  return std::nullopt;
}

Problem CheckArray(const NpuConfig& config, const Command& command) {
  const bool window = command.opcode() == Opcode::kWindow;
  const int64_t groups = command.Get("groups"), tiles = command.Get("tiles");
  const int64_t positions = command.Get("positions");
  const int64_t out_w = command.Get("out_w"), out_h = command.Get("out_h");
  if (groups == 0 || tiles == 0 || positions == 0 || out_w == 0 || out_h == 0 ||
      command.Get("k0_count") == 0 || command.Get("k1_count") == 0 ||
      command.Get("k2_count") == 0) {
    return "a count is 0";
  }
  const int64_t most = window ? config.window_channels() : config.pe_lanes();
  const int64_t channels = command.Get("group_channels");
  if (channels < 1 || channels > most) return fmt::format("{} channels in a group", channels);
  if (window) {
    const int64_t rows = command.Get("win_rows"), columns = command.Get("win_cols");
    const int64_t new_columns = command.Get("win_new_cols");
    if (command.Get("k0_count") != 1 || rows < 1 || columns < 1 || new_columns < 1 ||
        new_columns > columns || rows * columns > config.simd) {
      return fmt::format("a window of {} x {}", rows, columns);
    }
  }
  const int64_t tile = config.accumulators;
  if (positions != out_w * out_h || tiles != (positions + tile - 1) / tile) {
    return "positions or tiles disagree with out_w, out_h";
  }
  const int64_t type = command.Get("out_type"), byte = command.Get("out_byte");
  if (type > 2 || byte > (type == 0 ? 0 : type == 1 ? 1 : 3)) {
    return fmt::format("byte {} of output type {}", byte, type);
  }
  if (!window && command.Get("run_bytes") != 0) {
    if (Problem problem = CheckStrungRows(config, command)) return problem;
  }
  if ((command.Get("acc_init") == 0 || command.Get("drain") == 0) && (groups != 1 || tiles != 1)) {
    return "sums over several commands need one group and one tile";
  }
  return std::nullopt;
}

Problem CheckPool(const NpuConfig& config, const Command& command) {
  for (const char* count : {"groups", "positions", "out_w", "out_h", "win_rows", "win_cols"}) {
    if (command.Get(count) == 0) return "a count is 0";
  }
  const int64_t channels = command.Get("group_channels");
  if (channels < 1 || channels > config.post_width) {
    return fmt::format("{} channels in a group", channels);
  }
  return std::nullopt;
}

Problem CheckCounts(const Command& command, std::initializer_list<const char*> counts) {
  for (const char* count : counts) {
    if (command.Get(count) == 0) return "a count is 0";
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> CheckCommandFields(const NpuConfig& config, const Command& command) {
  switch (command.opcode()) {
    case Opcode::kEnd:
    case Opcode::kFence:
      return std::nullopt;
    case Opcode::kLoad:
    case Opcode::kStore:
      return CheckTransfer(config, command);
    case Opcode::kMatmul:
    case Opcode::kWindow: {
      Problem bits = CheckBits(config, command);
      return bits ? bits : CheckArray(config, command);
    }
    case Opcode::kMaxPool: {
      Problem bits = CheckBits(config, command);
      return bits ? bits : CheckPool(config, command);
    }
    case Opcode::kAdd:
    case Opcode::kMultiply:
    case Opcode::kMaximum:
    case Opcode::kSquaredDifference:
    case Opcode::kLookup:
      return CheckCounts(command, {"out_w", "out_h"});
    case Opcode::kSoftmax:
    case Opcode::kArgMax:
      return CheckCounts(command, {"out_h", "row_bytes"});
  }
  return "not a command";
}

}  // namespace npugen

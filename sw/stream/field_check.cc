// SPDX-License-Identifier: Apache-2.0
// Field checks, in the order in which hardware makes them.
#include "sw/stream/field_check.h"

#include <fmt/format.h>

namespace npugen {
namespace {

using Problem = std::optional<std::string>;

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

/// Fields of the binary unit; without one they are all 0.
Problem CheckBits(const NpuConfig& config, const Command& command) {
  const auto is = [&](const char* field) { return command.Get(field) != 0; };
  const bool binary = is("binary"), two_planes = is("two_planes"), gated = is("gated");
  const bool binary_fits =
      !binary || (is("run_bytes") && !is("packed_weights") && !is("acc_shift"));
  const bool planes_fit =
      !two_planes || (is("pool_bits") ? command.Get("win_rows") % 2 == 0
                                      : binary && is("acc_init") && is("drain"));
  const bool gates_fit = !gated || (binary && two_planes);
  const bool thresholds_fit = command.Get("thresholds") != 2;
  const bool window_fits =
      !is("skip_window") ||
      (gated && config.bnn_skip_window > 1 && command.Get("k0_count") <= config.bnn_skip_slices);
  if (!window_fits || !binary_fits || !planes_fit || !gates_fit || !thresholds_fit) {
    return "fields of the binary unit contradict each other";
  }
  return std::nullopt;
}

Problem CheckCounts(const Command& command, std::initializer_list<const char*> counts) {
  for (const char* count : counts) {
    if (command.Get(count) == 0) return fmt::format("{} is 0", count);
  }
  return std::nullopt;
}

Problem CheckArray(const NpuConfig& config, const Command& command) {
  const bool window = command.opcode() == Opcode::kWindow;
  const int64_t groups = command.Get("groups");
  if (Problem problem = CheckCounts(command, {"groups", "out_w", "positions", "channels",
                                              "k0_count", "k1_count", "k2_count"})) {
    return problem;
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
  const int64_t type = command.Get("out_type"), byte = command.Get("out_byte");
  if (type > 2 || byte > (type == 0 ? 0 : type == 1 ? 1 : 3)) {
    return fmt::format("byte {} of output type {}", byte, type);
  }
  const int64_t run = command.Get("run_bytes");
  if (run != 0 && (command.Get("k1_count") != 1 || command.Get("k2_count") != 1 ||
                   command.Get("win_rows") == 0 || command.Get("k1_step") >= run)) {
    return fmt::format("slices of rows of {} bytes", run);
  }
  if ((command.Get("acc_init") == 0 || command.Get("drain") == 0) &&
      (groups != 1 || command.Get("positions") > config.accumulators)) {
    return "sums over several commands need one group and one tile";
  }
  if (command.Get("follow") != 0 && command.Get("wait1_en") == 0) return "it follows no barrier";
  return CheckBits(config, command);
}

Problem CheckPool(const NpuConfig& config, const Command& command) {
  if (Problem problem = CheckCounts(
          command, {"groups", "out_w", "positions", "channels", "win_rows", "win_cols"})) {
    return problem;
  }
  const int64_t channels = command.Get("group_channels");
  if (channels < 1 || channels > config.post_width) {
    return fmt::format("{} channels in a group", channels);
  }
  const bool pool_bits = command.Get("pool_bits") != 0;
  if (command.Get("two_planes") != 0 && (!pool_bits || command.Get("win_rows") % 2 != 0)) {
    return "fields of the binary unit contradict each other";
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> CheckDispatch(const NpuConfig& config, const Command& command) {
  const OpcodeInfo* info = FindOpcode(command.words()[0] & 0xff);
  if (info == nullptr) return "not a command";
  const bool binary_unit = config.bnn_enabled != 0;
  for (uint32_t word = 0; word < command.words().size(); ++word) {
    const uint32_t unused = command.words()[word] & ~UsedBits(info->opcode, word, binary_unit);
    if (unused == 0) continue;
    for (const CommandField& field : info->layout->fields) {
      if (field.word == word && (unused >> field.lsb & 1) != 0) {
        return fmt::format("{} does not use {}", info->name, field.name);
      }
    }
    return fmt::format("unused bits 0x{:08x} of word {}", unused, word);
  }
  return std::nullopt;
}

std::optional<std::string> CheckEngine(const NpuConfig& config, const Command& command) {
  switch (command.opcode()) {
    case Opcode::kEnd:
    case Opcode::kFence:
      return std::nullopt;
    case Opcode::kLoad:
    case Opcode::kStore:
      return CheckTransfer(config, command);
    case Opcode::kMatmul:
    case Opcode::kWindow:
      return CheckArray(config, command);
    case Opcode::kMaxPool:
      return CheckPool(config, command);
    case Opcode::kAdd:
    case Opcode::kMultiply:
    case Opcode::kSquaredDifference:
    case Opcode::kMaximum:
    case Opcode::kLookup:
      return CheckCounts(command, {"out_w", "positions"});
    case Opcode::kSoftmax:
    case Opcode::kArgMax:
      return CheckCounts(command, {"out_h", "row_bytes"});
  }
  return "not a command";
}

std::optional<std::string> CheckCommandFields(const NpuConfig& config, const Command& command) {
  if (Problem problem = CheckDispatch(config, command)) return problem;
  return CheckEngine(config, command);
}

}  // namespace npugen

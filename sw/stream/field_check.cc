// SPDX-License-Identifier: Apache-2.0
// Field checks, in the order in which hardware makes them.
#include "sw/stream/field_check.h"

#include <fmt/format.h>

namespace npugen {
namespace {

using Problem = std::optional<std::string>;

/// Columns of a transposed box lie less than so many bytes apart.
constexpr int64_t kColumnReach = int64_t{1} << 23;

Problem CheckTransfer(const NpuConfig& config, const Command& command) {
  const bool load = command.opcode() == Opcode::kLoad;
  const int64_t pes = int64_t{command.pe_mask()} & ((int64_t{1} << config.pes()) - 1);
  const bool to_core = load && command.Get(dma::core_memory) != 0;
  const int64_t cores = command.Get(dma::core_mask) & ((int64_t{1} << config.cores) - 1);
  if (pes == 0 || (to_core && cores == 0)) return "no target memory";
  if (!load && (pes & (pes - 1)) != 0) return "a STORE reads exactly one PE";
  if (load && command.Get(dma::local_source) != 0 && command.Get(dma::source_pe) >= config.pes()) {
    return "no source PE";
  }
  for (int d = 1; d < kBoxDimensions; ++d) {
    if (command.Get(*kBoxStep[d]) > kMostStep) return "a step of more than 8";
  }
  if (command.Get(dma::element) > 2) return "a fill of elements that are not";
  if (to_core && command.Get(dma::swizzle) != 0) return "a swizzle in core memory";
  if (load && command.Get(dma::transpose) != 0) {
    if (command.Get(dma::size0) % (int64_t{1} << command.Get(dma::element)) != 0) {
      return "columns of parts of elements";
    }
    const int64_t stride = command.Get(dma::local_stride1);
    if (stride < -kColumnReach || stride >= kColumnReach) return "columns too far apart";
    if (command.Get(dma::size4) > 1 || command.Get(dma::im2col) != 0) {
      return "a transposition of more than four dimensions";
    }
  }
  if (!load || command.Get(dma::im2col) == 0) return std::nullopt;
  if (command.Get(dma::bounds) == 0 || command.Get(dma::size1) == 0) return "pixels of nothing";
  for (int d = 1; d < kBoxDimensions - 1; ++d) {
    const int64_t start = command.Get(*kBoxStart[d]);
    if (start < command.Get(*kPixelLow[d]) ||
        start >= static_cast<int16_t>(command.Get(*kPixelHigh[d]))) {
      return "a first pixel that no row has";
    }
  }
  return std::nullopt;
}

/// Fields of the binary unit; without one they are all 0.
Problem CheckBits(const NpuConfig& config, const Command& command) {
  const auto is = [&](const CommandField& field) { return command.Get(field) != 0; };
  const bool binary = is(compute::binary), two_planes = is(compute::two_planes),
             gated = is(compute::gated);
  const bool binary_fits = !binary || (is(compute::run_bytes) && !is(compute::packed_weights) &&
                                       !is(compute::acc_shift));
  const bool planes_fit =
      !two_planes ||
      (is(compute::pool_bits) ? command.Get(compute::win_rows) % 2 == 0
                              : binary && is(compute::acc_init) && is(compute::drain));
  const bool gates_fit = !gated || (binary && two_planes);
  const bool thresholds_fit = command.Get(compute::thresholds) != 2;
  const bool window_fits =
      !is(compute::skip_window) || (gated && config.bnn_skip_window > 1 &&
                                    command.Get(compute::k0_count) <= config.bnn_skip_slices);
  const bool affine_fits =
      !is(compute::affine) ||
      (binary && is(compute::drain) && !is(compute::residual) && !is(compute::common_scale) &&
       !is(compute::average) && !is(compute::out_type) &&
       (!is(compute::thresholds) || is(compute::bit_output)));
  if (!affine_fits || !window_fits || !binary_fits || !planes_fit || !gates_fit ||
      !thresholds_fit) {
    return "fields of the binary unit contradict each other";
  }
  return std::nullopt;
}

/// Fields of an addition in the drain.
Problem CheckResidual(const Command& command) {
  const auto is = [&](const CommandField& field) { return command.Get(field) != 0; };
  if (command.opcode() != Opcode::kMatmul || !is(compute::residual)) return std::nullopt;
  if (!is(compute::format_a) && !is(compute::format_w) && is(compute::drain) &&
      !is(compute::average) && !is(compute::common_scale) && !is(compute::thresholds) &&
      !is(compute::out_type)) {
    return std::nullopt;
  }
  return "an addition of what is no int8 result";
}

/// Fields of floating-point products.
Problem CheckFloat(const Command& command) {
  const auto is = [&](const CommandField& field) { return command.Get(field) != 0; };
  if (command.opcode() != Opcode::kMatmul || (!is(compute::format_a) && !is(compute::format_w))) {
    return std::nullopt;
  }
  const int64_t a = command.Get(compute::format_a), w = command.Get(compute::format_w);
  const int64_t out = command.Get(compute::out_format);
  if (a == 0 || w == 0 || (a == kFormatBf16) != (w == kFormatBf16)) {
    return "formats that have no product";
  }
  if (out == 0 || out > kFormatFp32) return "results in a format that is none";
  if (is(compute::packed_weights) || is(compute::acc_shift) || is(compute::average) ||
      is(compute::out_type) || is(compute::fill)) {
    return "fields of integers in a product of floating-point numbers";
  }
  return std::nullopt;
}

Problem CheckArray(const NpuConfig& config, const Command& command) {
  const bool window = command.opcode() == Opcode::kWindow;
  const int64_t groups = command.Get(compute::groups);
  const int64_t most = window ? config.window_channels() : config.pe_lanes();
  const int64_t channels = command.Get(compute::group_channels);
  if (channels < 1 || channels > most) return fmt::format("{} channels in a group", channels);
  if (window) {
    const int64_t rows = command.Get(compute::win_rows), columns = command.Get(compute::win_cols);
    const int64_t new_columns = command.Get(compute::win_new_cols);
    if (command.Get(compute::k0_count) != 1 || rows < 1 || columns < 1 || new_columns < 1 ||
        new_columns > columns || columns * config.window_column_slots(rows) > config.simd) {
      return fmt::format("a window of {} x {}", rows, columns);
    }
  }
  const int64_t type = command.Get(compute::out_type), byte = command.Get(compute::out_byte);
  if (type > 2 || byte > (type == 0 ? 0 : type == 1 ? 1 : 3)) {
    return fmt::format("byte {} of output type {}", byte, type);
  }
  const int64_t run = command.Get(compute::run_bytes);
  if (run != 0 && (command.Get(compute::k1_count) != 1 || command.Get(compute::k2_count) != 1 ||
                   command.Get(compute::win_rows) == 0 || command.Get(compute::k1_step) >= run)) {
    return fmt::format("slices of rows of {} bytes", run);
  }
  if ((command.Get(compute::acc_init) == 0 || command.Get(compute::drain) == 0) &&
      (groups != 1 || command.Get(compute::positions) > config.accumulators)) {
    return "sums over several commands need one group and one tile";
  }
  if (command.Get(compute::follow) != 0 && command.Get(header::wait1_en) == 0)
    return "it follows no barrier";
  if (Problem problem = CheckResidual(command)) return problem;
  if (Problem problem = CheckFloat(command)) return problem;
  return CheckBits(config, command);
}

Problem CheckPool(const NpuConfig& config, const Command& command) {
  const int64_t channels = command.Get(compute::group_channels);
  if (channels < 1 || channels > config.post_width) {
    return fmt::format("{} channels in a group", channels);
  }
  const bool pool_bits = command.Get(compute::pool_bits) != 0;
  if (command.Get(compute::two_planes) != 0 &&
      (!pool_bits || command.Get(compute::win_rows) % 2 != 0)) {
    return "fields of the binary unit contradict each other";
  }
  return std::nullopt;
}

/// Formats of the vector unit's streams.
Problem CheckVector(const Command& command) {
  for (const CommandField* format : kVectorFormats) {
    if (command.Get(*format) > kFormatFp32) return fmt::format("{} is no format", format->name);
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> CheckDispatch(const NpuConfig& config, const Command& command) {
  const HardwareFeatures features = config.features();
  const OpcodeInfo* info = FindOpcode(command.words()[0] & 0xff, features);
  if (info == nullptr) return "not a command";
  for (uint32_t word = 0; word < command.words().size(); ++word) {
    const uint32_t unused = command.words()[word] & ~UsedBits(info->opcode, word, features);
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
  const OpcodeInfo& info = InfoOf(command.opcode());
  // A LOAD of one entry only waits and signals.
  if (info.layout->id == LayoutId::kDma && command.entries() == 1) return std::nullopt;
  for (const CommandField& field : info.layout->fields) {
    if (In(info.opcode, field.not_zero) && command.Get(field) == 0) {
      return fmt::format("{} is 0", field.name);
    }
  }
  switch (info.check) {
    case FieldCheck::kNone:
      return std::nullopt;
    case FieldCheck::kTransfer:
      return CheckTransfer(config, command);
    case FieldCheck::kArray:
      return CheckArray(config, command);
    case FieldCheck::kPool:
      return CheckPool(config, command);
    case FieldCheck::kVector:
      return CheckVector(command);
  }
  return std::nullopt;
}

std::optional<std::string> CheckCommandFields(const NpuConfig& config, const Command& command) {
  if (Problem problem = CheckDispatch(config, command)) return problem;
  return CheckEngine(config, command);
}

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// The rules between keys.
#include "generator/config/rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "generator/spec/quantity.h"
#include "generator/support/text.h"

namespace npugen {
namespace {

constexpr uint32_t kMaxPes = 32;  // commands select PEs with a 32-bit mask
constexpr uint64_t kMaxMemory = 8 * 1024 * 1024;

uint64_t PeMemoryUnit(const NpuConfig& config) {
  return uint64_t{config.pe_banks} * config.pe_bank_bytes;
}

/// Rows that let one weight slice load while another one is used, beside one parameter block.
uint32_t NeededCoreRows(const NpuConfig& config) {
  return 2 * config.slice_rows() +
         (config.bnn_residual != 0 ? config.affine_rows() : config.param_rows());
}

/// `1 KiB or 2 KiB`: the multiples of `unit` around `value`, within memory's limits.
std::string NearestMultiples(uint64_t value, uint64_t unit) {
  const uint64_t below = value / unit * unit;
  const uint64_t above = below + unit;
  if (below == 0) return FormatBytes(above);
  if (above > kMaxMemory) return FormatBytes(below);
  return fmt::format("{} or {}", FormatBytes(below), FormatBytes(above));
}

std::string BufferReason(const NpuConfig& config, uint32_t entries) {
  return fmt::format("a staging buffer of {} beats does not hold a burst of {} beats", entries,
                     config.axi_burst);
}

std::string BufferNearest(const NpuConfig& config, std::string_view key, uint32_t entries) {
  return fmt::format("set {} to {} or more, or npu.axi.burst to {} or less", key, config.axi_burst,
                     PowerOfTwoBelow(entries));
}

/// The largest value of `member` below its present one with which the rows of a slice, doubled, and
/// of the parameters fit in core memory; 0 if there is none.
uint32_t LargestFitting(NpuConfig config, uint32_t NpuConfig::*member) {
  while (--(config.*member) != 0) {
    if (config.core_rows() >= NeededCoreRows(config)) break;
  }
  return config.*member;
}

/// Of a lane with floating-point formats: its stages, and the most products of a step.
constexpr uint32_t kFloatStages = 6;
constexpr uint32_t kMostFloatSimd = 16;

/// Within which swizzles move chunks.
constexpr uint32_t kSwizzleLineBytes = 128;

// Long: one table, whose rows are conditions over the same names.
const std::vector<ConfigRule>& Rules() {
  static const std::vector<ConfigRule> rules = {
      {DiagnosticCode::kSpecTooManyPes,
       {"npu.grid.x", "npu.grid.y"},
       "`npu.grid.x` * `npu.grid.y` is at most 32: commands select PEs with a mask of 32 bits.",
       [](const NpuConfig& c) { return c.pes() <= kMaxPes; },
       [](const NpuConfig& c) {
         return fmt::format("the grid has {} PEs, a command can select {}", c.pes(), kMaxPes);
       },
       [](const NpuConfig& c) {
         return fmt::format("set npu.grid.x to {} or less, or npu.grid.y to {} or less",
                            kMaxPes / c.grid_y, kMaxPes / c.grid_x);
       }},
      {DiagnosticCode::kSpecPeBankTooNarrow,
       {"pe.bank_width", "lane.simd"},
       "`pe.bank_width` >= `lane.simd`: one access to PE memory feeds all multipliers of a lane.",
       [](const NpuConfig& c) { return c.pe_bank_bytes >= c.simd; },
       [](const NpuConfig& c) {
         return fmt::format("a bank word of {} bytes cannot feed {} multipliers", c.pe_bank_bytes,
                            c.simd);
       },
       [](const NpuConfig& c) {
         return fmt::format("set pe.bank_width to {} or more, or lane.simd to {} or less",
                            PowerOfTwoAbove(c.simd), c.pe_bank_bytes);
       }},
      {DiagnosticCode::kSpecPeBankTooNarrow,
       {"pe.bank_width", "units.postprocess_width"},
       "`pe.bank_width` >= `units.postprocess_width`: the results of a cycle are one access.",
       [](const NpuConfig& c) { return c.pe_bank_bytes >= c.post_width; },
       [](const NpuConfig& c) {
         return fmt::format("a bank word of {} bytes cannot take {} results per cycle",
                            c.pe_bank_bytes, c.post_width);
       },
       [](const NpuConfig& c) {
         return fmt::format(
             "set pe.bank_width to {} or more, or units.postprocess_width to {} or "
             "less",
             c.post_width, c.pe_bank_bytes);
       }},
      {DiagnosticCode::kSpecPeBankTooNarrow,
       {"pe.bank_width", "npu.axi.data_width"},
       "`pe.bank_width` * 8 >= `npu.axi.data_width`: a bus beat is one access.",
       [](const NpuConfig& c) { return c.pe_bank_bytes >= c.axi_bytes(); },
       [](const NpuConfig& c) {
         return fmt::format("a bank word of {} bytes cannot take a bus beat of {} bytes",
                            c.pe_bank_bytes, c.axi_bytes());
       },
       [](const NpuConfig& c) {
         return fmt::format("set pe.bank_width to {} or more, or npu.axi.data_width to {} or less",
                            c.axi_bytes(), c.pe_bank_bytes * 8);
       }},
      {DiagnosticCode::kSpecCoreRowTooNarrow,
       {"core.bank_width", "core.banks", "npu.axi.data_width"},
       "`core.banks` * `core.bank_width` * 8 >= `npu.axi.data_width`: a bus beat lies in one row.",
       [](const NpuConfig& c) { return c.core_row_bytes() >= c.axi_bytes(); },
       [](const NpuConfig& c) {
         return fmt::format("a core memory row of {} bytes cannot take a bus beat of {} bytes",
                            c.core_row_bytes(), c.axi_bytes());
       },
       [](const NpuConfig& c) {
         return fmt::format(
             "set core.bank_width to {} or more, core.banks to {} or more, or npu.axi.data_width "
             "to "
             "{} or less",
             c.axi_bytes() / c.core_banks, c.axi_bytes() / c.core_bank_bytes,
             c.core_row_bytes() * 8);
       }},
      {DiagnosticCode::kSpecPostprocessTooWide,
       {"units.postprocess_width", "pe.cores", "core.lanes"},
       "`units.postprocess_width` <= `pe.cores` * `core.lanes`: no more results than lanes.",
       [](const NpuConfig& c) { return c.post_width <= c.pe_lanes(); },
       [](const NpuConfig& c) {
         return fmt::format("{} results per cycle cannot come from {} lanes", c.post_width,
                            c.pe_lanes());
       },
       [](const NpuConfig& c) {
         return fmt::format(
             "set units.postprocess_width to {} or less, or core.lanes to {} or more",
             PowerOfTwoBelow(c.pe_lanes()), (c.post_width + c.cores - 1) / c.cores);
       }},
      {DiagnosticCode::kSpecTooManyLookups,
       {"units.lookup_ports", "units.postprocess_width"},
       "`units.lookup_ports` <= `units.postprocess_width`: look-ups are on the way of results.",
       [](const NpuConfig& c) { return c.lookup_ports <= c.post_width; },
       [](const NpuConfig& c) {
         return fmt::format("{} look-ups per cycle are more than {} results per cycle",
                            c.lookup_ports, c.post_width);
       },
       [](const NpuConfig& c) {
         const std::string first =
             fmt::format("set units.lookup_ports to {} or less", c.post_width);
         if (c.lookup_ports > c.pe_lanes()) return first;
         return fmt::format("{}, or units.postprocess_width to {} or more", first, c.lookup_ports);
       }},
      {DiagnosticCode::kSpecTooManyWindowPorts,
       {"units.window_ports", "lane.simd"},
       "`units.window_ports` <= `lane.simd`: the window rows of a cycle have a slot each.",
       [](const NpuConfig& c) { return c.window_ports <= c.simd; },
       [](const NpuConfig& c) {
         return fmt::format("{} rows per cycle do not fit into {} operand slots", c.window_ports,
                            c.simd);
       },
       [](const NpuConfig& c) {
         return fmt::format("set units.window_ports to {} or less, or lane.simd to {} or more",
                            c.simd, c.window_ports);
       }},
      {DiagnosticCode::kSpecWideSkipWindow,
       {"units.bnn.skip_window", "core.accumulators"},
       "`units.bnn.skip_window` <= `core.accumulators`: a window is a part of a tile of positions.",
       [](const NpuConfig& c) { return c.bnn_skip_window <= c.accumulators; },
       [](const NpuConfig& c) {
         return fmt::format("a window of {} positions is more than the {} of a tile",
                            c.bnn_skip_window, c.accumulators);
       },
       [](const NpuConfig& c) {
         return fmt::format(
             "set units.bnn.skip_window to {} or less, or core.accumulators to {} or more",
             std::bit_floor(c.accumulators), c.bnn_skip_window);
       }},
      {DiagnosticCode::kSpecFloatLanes,
       {"lane.stages", "units.data_types"},
       "`lane.stages` is 6 with floating-point formats in `units.data_types`, else 1 or 2.",
       [](const NpuConfig& c) {
         return c.float_formats != 0 ? c.lane_stages == kFloatStages : c.lane_stages <= 2;
       },
       [](const NpuConfig& c) {
         return fmt::format("a lane {} floating-point formats does not have {} stages",
                            c.float_formats != 0 ? "with" : "without", c.lane_stages);
       },
       [](const NpuConfig& c) {
         return c.float_formats != 0 ? fmt::format("set lane.stages to {}", kFloatStages)
                                     : std::string("set lane.stages to 1 or 2");
       }},
      {DiagnosticCode::kSpecFloatLanes,
       {"lane.simd", "units.data_types"},
       "`lane.simd` is even and at most 16 with floating-point formats: a step has 16 products.",
       [](const NpuConfig& c) {
         return c.float_formats == 0 || (c.simd % 2 == 0 && c.simd <= kMostFloatSimd);
       },
       [](const NpuConfig& c) {
         return fmt::format("a step of floating-point numbers does not have {} bytes", c.simd);
       },
       [](const NpuConfig& c) {
         return fmt::format("set lane.simd to {}, or units.data_types to [int8]",
                            std::clamp<uint32_t>(c.simd / 2 * 2, 2, kMostFloatSimd));
       }},
      {DiagnosticCode::kSpecFloatLanes,
       {"units.postprocess_width", "units.data_types"},
       "`units.postprocess_width` >= 4 with floating-point formats: results have 4 bytes.",
       [](const NpuConfig& c) { return c.float_formats == 0 || c.post_width >= 4; },
       [](const NpuConfig& c) {
         return fmt::format("{} bytes of results per cycle are no number of 4", c.post_width);
       },
       [](const NpuConfig& c) {
         return c.pe_lanes() >= 4 ? std::string("set units.postprocess_width to 4 or more")
                                  : std::string("set units.data_types to [int8]");
       }},
      {DiagnosticCode::kSpecFloatLanes,
       {"units.bnn.enabled", "units.data_types"},
       "`units.bnn.enabled` is false with floating-point formats: lanes have one of both.",
       [](const NpuConfig& c) { return c.float_formats == 0 || c.bnn_enabled == 0; },
       [](const NpuConfig&) { return std::string("a lane cannot have both"); },
       [](const NpuConfig&) {
         return std::string("set units.bnn.enabled to false, or units.data_types to [int8]");
       }},
      {DiagnosticCode::kSpecVectorLanes,
       {"units.vector_lanes"},
       "`units.vector_lanes` is 0, 4, 8 or 16.",
       [](const NpuConfig& c) {
         return c.vector_lanes == 0 || (c.vector_lanes >= 4 && std::has_single_bit(c.vector_lanes));
       },
       [](const NpuConfig& c) {
         return fmt::format("a vector unit does not have {} lanes", c.vector_lanes);
       },
       [](const NpuConfig&) { return std::string("set units.vector_lanes to 0, 4, 8 or 16"); }},
      {DiagnosticCode::kSpecVectorLanes,
       {"units.vector_lanes", "units.data_types"},
       "`units.vector_lanes` needs floating-point formats in `units.data_types`.",
       [](const NpuConfig& c) { return c.vector_lanes == 0 || c.float_formats != 0; },
       [](const NpuConfig&) { return std::string("its numbers are floating-point ones"); },
       [](const NpuConfig&) {
         return std::string(
             "set units.data_types to [int8, bf16, fp8_e4m3, fp8_e5m2], or units.vector_lanes to "
             "0");
       }},
      {DiagnosticCode::kSpecVectorLanes,
       {"units.vector_lanes", "core.banks", "core.bank_width"},
       "`core.banks` * `core.bank_width` >= 8 with `units.vector_lanes`: entries of its programs "
       "have 8 bytes.",
       [](const NpuConfig& c) { return c.vector_lanes == 0 || c.core_row_bytes() >= 8; },
       [](const NpuConfig& c) {
         return fmt::format("a row of {} bytes does not hold an entry of a program",
                            c.core_row_bytes());
       },
       [](const NpuConfig&) {
         return std::string("set core.banks to 8 or more, or units.vector_lanes to 0");
       }},
      {DiagnosticCode::kSpecBitResidual,
       {"units.bnn.residual", "units.bnn.enabled"},
       "`units.bnn.residual` needs `units.bnn.enabled`: it adds to sums of bits.",
       [](const NpuConfig& c) { return c.bnn_residual == 0 || c.bnn_enabled != 0; },
       [](const NpuConfig&) { return std::string("there are no sums of bits"); },
       [](const NpuConfig&) {
         return std::string("set units.bnn.enabled to true, or units.bnn.residual to false");
       }},
      {DiagnosticCode::kSpecBitResidual,
       {"units.bnn.residual", "units.residual"},
       "`units.bnn.residual` needs `units.residual`: it reads PE memory where additions do.",
       [](const NpuConfig& c) { return c.bnn_residual == 0 || c.residual != 0; },
       [](const NpuConfig&) { return std::string("there are no additions"); },
       [](const NpuConfig&) {
         return std::string("set units.residual to true, or units.bnn.residual to false");
       }},
      {DiagnosticCode::kSpecBitResidual,
       {"units.bnn.residual", "units.postprocess_width"},
       "`units.bnn.residual` needs `units.postprocess_width` >= 8: codes leave as whole bytes.",
       [](const NpuConfig& c) { return c.bnn_residual == 0 || c.post_width >= 8; },
       [](const NpuConfig& c) {
         return fmt::format("codes of {} channels do not fill a byte", c.post_width);
       },
       [](const NpuConfig&) {
         return std::string(
             "set units.postprocess_width to 8 or more, or units.bnn.residual to false");
       }},
      {DiagnosticCode::kSpecPeMemoryShape,
       {"pe.memory", "pe.banks", "pe.bank_width"},
       "`pe.memory` is a multiple of `pe.banks` * `pe.bank_width`: all banks have the same depth.",
       [](const NpuConfig& c) { return c.pe_memory_bytes % PeMemoryUnit(c) == 0; },
       [](const NpuConfig& c) {
         return fmt::format("PE memory of {} is no multiple of {} banks * {} bytes = {}",
                            FormatBytes(c.pe_memory_bytes), c.pe_banks, c.pe_bank_bytes,
                            FormatBytes(PeMemoryUnit(c)));
       },
       [](const NpuConfig& c) {
         return fmt::format("set pe.memory to {}",
                            NearestMultiples(c.pe_memory_bytes, PeMemoryUnit(c)));
       }},
      {DiagnosticCode::kSpecPeMemoryShape,
       {"units.dma.swizzle", "pe.memory"},
       "`pe.memory` is a multiple of 128 bytes with `units.dma.swizzle`, whose lines have as many.",
       [](const NpuConfig& c) {
         return c.dma_swizzle == 0 || c.pe_memory_bytes % kSwizzleLineBytes == 0;
       },
       [](const NpuConfig& c) {
         return fmt::format("PE memory of {} does not consist of lines of {} bytes",
                            FormatBytes(c.pe_memory_bytes), kSwizzleLineBytes);
       },
       [](const NpuConfig& c) {
         return fmt::format("set pe.memory to {}, or units.dma.swizzle to false",
                            NearestMultiples(c.pe_memory_bytes, kSwizzleLineBytes));
       }},
      {DiagnosticCode::kSpecModeWithoutSteps,
       {"units.dma.im2col", "units.dma.strides"},
       "`units.dma.im2col` needs `units.dma.strides`: convolutions have strides.",
       [](const NpuConfig& c) { return c.dma_im2col == 0 || c.dma_strides != 0; },
       [](const NpuConfig&) { return std::string("pixels have no steps without strides"); },
       [](const NpuConfig&) {
         return std::string("set units.dma.strides to true, or units.dma.im2col to false");
       }},
      {DiagnosticCode::kSpecModeWithoutElements,
       {"units.dma.transpose", "units.dma.wide_fill"},
       "`units.dma.transpose` needs `units.dma.wide_fill`: its elements have as many bytes.",
       [](const NpuConfig& c) { return c.dma_transpose == 0 || c.dma_wide_fill != 0; },
       [](const NpuConfig&) { return std::string("there are no elements of several bytes"); },
       [](const NpuConfig&) {
         return std::string("set units.dma.wide_fill to true, or units.dma.transpose to false");
       }},
      {DiagnosticCode::kSpecCoreMemoryShape,
       {"core.memory", "core.banks", "core.bank_width"},
       "`core.memory` is a multiple of `core.banks` * `core.bank_width`: it consists of whole "
       "rows.",
       [](const NpuConfig& c) { return c.core_memory_bytes % c.core_row_bytes() == 0; },
       [](const NpuConfig& c) {
         return fmt::format("core memory of {} is no multiple of {} banks * {} bytes = {}",
                            FormatBytes(c.core_memory_bytes), c.core_banks, c.core_bank_bytes,
                            FormatBytes(c.core_row_bytes()));
       },
       [](const NpuConfig& c) {
         return fmt::format("set core.memory to {}",
                            NearestMultiples(c.core_memory_bytes, c.core_row_bytes()));
       }},
      {DiagnosticCode::kSpecCoreMemoryTooSmall,
       {"core.memory", "core.lanes", "lane.simd", "core.banks", "core.bank_width"},
       "`core.memory` holds two weight slices of `core.lanes` * `lane.simd` bytes and one "
       "parameter "
       "block of `core.lanes` * 9 bytes, each padded to rows: less cannot overlap load and use.",
       [](const NpuConfig& c) {
         return c.core_memory_bytes / c.core_row_bytes() >= NeededCoreRows(c);
       },
       [](const NpuConfig& c) {
         return fmt::format(
             "core memory of {} is less than two weight slices and a parameter block "
             "({} rows of {} bytes)",
             FormatBytes(c.core_memory_bytes), NeededCoreRows(c), c.core_row_bytes());
       },
       [](const NpuConfig& c) {
         std::string text =
             fmt::format("set core.memory to {} or more",
                         FormatBytes(uint64_t{NeededCoreRows(c)} * c.core_row_bytes()));
         if (const uint32_t lanes = LargestFitting(c, &NpuConfig::lanes); lanes != 0) {
           text += fmt::format(", or core.lanes to {} or less", lanes);
         }
         if (const uint32_t simd = LargestFitting(c, &NpuConfig::simd); simd != 0) {
           text += fmt::format(", or lane.simd to {} or less", simd);
         }
         return text;
       }},
      {DiagnosticCode::kSpecBufferBelowBurst,
       {"controller.parameter_buffer", "npu.axi.burst"},
       "`controller.parameter_buffer` >= `npu.axi.burst`: parameters are staged a burst at a time.",
       [](const NpuConfig& c) { return c.parameter_entries >= c.axi_burst; },
       [](const NpuConfig& c) { return BufferReason(c, c.parameter_entries); },
       [](const NpuConfig& c) {
         return BufferNearest(c, "controller.parameter_buffer", c.parameter_entries);
       }},
      {DiagnosticCode::kSpecBufferBelowBurst,
       {"controller.activation_buffer", "npu.axi.burst"},
       "`controller.activation_buffer` >= `npu.axi.burst`: activations are staged a burst at a "
       "time.",
       [](const NpuConfig& c) { return c.activation_entries >= c.axi_burst; },
       [](const NpuConfig& c) { return BufferReason(c, c.activation_entries); },
       [](const NpuConfig& c) {
         return BufferNearest(c, "controller.activation_buffer", c.activation_entries);
       }},
  };
  return rules;
}

/// `pe.bank_width = 8 (line 12)`.
std::string Named(const Spec& spec, std::string_view path) {
  const SpecValue& value = spec.At(path);
  return fmt::format("{} = {} ({})", path, FormatValue(*FindKey(path), value.number),
                     value.given ? fmt::format("line {}", value.line) : "default");
}

}  // namespace

std::span<const ConfigRule> AllRules() { return Rules(); }

void CheckRules(const Spec& spec, const NpuConfig& config, Diagnostics& errors) {
  for (const ConfigRule& rule : Rules()) {
    const bool usable = std::all_of(rule.keys.begin(), rule.keys.end(),
                                    [&](std::string_view key) { return spec.At(key).usable; });
    if (!usable || rule.holds(config)) continue;
    const auto given = std::find_if(rule.keys.begin(), rule.keys.end(),
                                    [&](std::string_view key) { return spec.At(key).given; });
    SourceLocation location = {spec.file(), 0, 0};
    if (given != rule.keys.end()) {
      location.line = spec.At(*given).line;
      location.column = spec.At(*given).column;
    }
    std::string named;
    for (const std::string_view key : rule.keys) {
      named += fmt::format("{}{}", named.empty() ? "" : ", ", Named(spec, key));
    }
    errors.push_back({rule.code, location, fmt::format("{}: {}", rule.reason(config), named),
                      rule.nearest(config)});
  }
}

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// The rows of the schema.
#include "generator/spec/schema.h"

#include <fmt/format.h>

#include "generator/support/text.h"

namespace npugen {
namespace {

using enum KeyKind;
using enum KeyPresence;

constexpr uint64_t kKi = 1024;
constexpr uint64_t kMi = 1024 * 1024;

constexpr std::string_view kFloatWords[] = {"bf16", "fp8_e4m3", "fp8_e5m2"};

constexpr KeyInfo kKeys[] = {
    {.path = "name",
     .kind = kName,
     .presence = kDerived,
     .summary = "Name of the NPU: used in banners, reports and file headers.",
     .default_text = "the file's name without its ending"},

    {.path = "npu", .kind = kBlock, .summary = "The whole NPU and its bus."},
    {.path = "npu.grid", .kind = kBlock, .summary = "Processing elements (PEs)."},
    {.path = "npu.grid.x",
     .kind = kCount,
     .presence = kRequired,
     .low = 1,
     .high = 8,
     .unit = "PE columns",
     .summary = "PEs side by side. PEs run the same command on their own share of a layer.",
     .member = &KeyNumbers::grid_x},
    {.path = "npu.grid.y",
     .kind = kCount,
     .presence = kRequired,
     .low = 1,
     .high = 8,
     .unit = "PE rows",
     .summary = "PEs on top of each other; x * y is at most 32.",
     .member = &KeyNumbers::grid_y},
    {.path = "npu.clock",
     .kind = kHertz,
     .default_value = 200'000'000,
     .low = 1'000,
     .high = 5'000'000'000,
     .summary =
         "Clock target: goes to the timing constraints and to peak numbers, never to logic."},
    {.path = "npu.axi", .kind = kBlock, .summary = "The AXI4 bus master."},
    {.path = "npu.axi.data_width",
     .kind = kCount,
     .default_value = 128,
     .low = 32,
     .high = 512,
     .power_of_two = true,
     .unit = "bits",
     .summary = "Bits of a bus beat: the load and store engines move one beat per cycle each.",
     .member = &KeyNumbers::axi_data_bits},
    {.path = "npu.axi.address_width",
     .kind = kCount,
     .default_value = 40,
     .low = 32,
     .high = 64,
     .unit = "bits",
     .summary = "Bits of a bus address.",
     .member = &KeyNumbers::axi_address_bits},
    {.path = "npu.axi.burst",
     .kind = kCount,
     .presence = kDerived,
     .low = 4,
     .high = 256,
     .power_of_two = true,
     .unit = "beats",
     .summary = "Most beats of a burst.",
     .member = &KeyNumbers::axi_burst,
     .default_text = "32, or the largest power of two within both staging buffers if that is less"},
    {.path = "npu.axi.outstanding",
     .kind = kCount,
     .default_value = 8,
     .low = 1,
     .high = 64,
     .power_of_two = true,
     .unit = "bursts",
     .summary = "Bursts under way per direction; more of them hide a longer memory latency. More "
                "than 16 stand in memory cells.",
     .member = &KeyNumbers::axi_outstanding},
    {.path = "npu.axi.watchdog",
     .kind = kFlag,
     .default_value = 1,
     .low = 0,
     .high = 1,
     .summary = "Whether a bus that does not answer for a number of cycles (register bus_timeout) "
                "ends the job with BusTimeout, and control.reset gives up waiting for it.",
     .member = &KeyNumbers::watchdog},
    {.path = "npu.memory_clear",
     .kind = kFlag,
     .default_value = 0,
     .low = 0,
     .high = 1,
     .summary = "Whether control.clear zeroes PE memories, core memories and accumulators, so that "
                "nothing of a job is left for the next one. A cycle for each row of the deepest "
                "memory.",
     .member = &KeyNumbers::memory_clear},
    {.path = "npu.command_queue",
     .kind = kCount,
     .default_value = 4,
     .low = 1,
     .high = 16,
     .unit = "commands",
     .summary = "Commands that wait in the queue of each engine.",
     .member = &KeyNumbers::command_queue_depth},
    {.path = "npu.clock_gating",
     .kind = kFlag,
     .default_value = 1,
     .low = 0,
     .high = 1,
     .summary = "Whether the clock of a unit stops in cycles in which none of its registers would "
                "change: saves power, costs a latch and an AND per unit, changes no cycle. FPGAs "
                "want it off.",
     .member = &KeyNumbers::clock_gating},

    {.path = "pe", .kind = kBlock, .summary = "One processing element."},
    {.path = "pe.memory",
     .kind = kBytes,
     .presence = kRequired,
     .low = 1 * kKi,
     .high = 8 * kMi,
     .summary = "Memory for activations, shared by the cores of the PE.",
     .member = &KeyNumbers::pe_memory_bytes},
    {.path = "pe.banks",
     .kind = kCount,
     .presence = kRequired,
     .low = 2,
     .high = 64,
     .power_of_two = true,
     .unit = "banks",
     .summary =
         "Single-ported banks of PE memory: more of them mean fewer conflicts between reads, "
         "writes and the bus.",
     .member = &KeyNumbers::pe_banks},
    {.path = "pe.bank_width",
     .kind = kCount,
     .presence = kDerived,
     .low = 4,
     .high = 128,
     .power_of_two = true,
     .unit = "bytes",
     .summary = "Bytes of a bank word, the longest vector that one access delivers.",
     .member = &KeyNumbers::pe_bank_bytes,
     .default_text = "the smallest power of two that holds `lane.simd`, `units.postprocess_width` "
                     "and a bus beat"},
    {.path = "pe.cores",
     .kind = kCount,
     .presence = kRequired,
     .low = 1,
     .high = 16,
     .unit = "cores",
     .summary = "Cores that work in lockstep, each on its own output channels.",
     .member = &KeyNumbers::cores},

    {.path = "core", .kind = kBlock, .summary = "One core of a PE."},
    {.path = "core.memory",
     .kind = kBytes,
     .presence = kRequired,
     .low = 256,
     .high = 8 * kMi,
     .summary = "Memory for weights and other parameters, private to the core.",
     .member = &KeyNumbers::core_memory_bytes},
    {.path = "core.banks",
     .kind = kCount,
     .presence = kRequired,
     .low = 1,
     .high = 32,
     .power_of_two = true,
     .unit = "banks",
     .summary = "Banks of core memory, read side by side: a row has banks * bank_width bytes.",
     .member = &KeyNumbers::core_banks},
    {.path = "core.bank_width",
     .kind = kCount,
     .presence = kDerived,
     .low = 4,
     .high = 64,
     .power_of_two = true,
     .unit = "bytes",
     .summary =
         "Bytes of a bank word. A weight slice of lanes * simd bytes takes one cycle per row.",
     .member = &KeyNumbers::core_bank_bytes,
     .default_text =
         "16; less where a row would be longer than a weight slice, more where it would "
         "be shorter than a bus beat"},
    {.path = "core.lanes",
     .kind = kCount,
     .presence = kRequired,
     .low = 1,
     .high = 128,
     .unit = "lanes",
     .summary = "Output channels that a core computes at the same time.",
     .member = &KeyNumbers::lanes},
    {.path = "core.accumulators",
     .kind = kCount,
     .default_value = 16,
     .low = 2,
     .high = 256,
     .unit = "entries",
     .summary = "Positions that share one weight slice: accumulator entries per lane and half.",
     .member = &KeyNumbers::accumulators},

    {.path = "lane", .kind = kBlock, .summary = "One lane of a core."},
    {.path = "lane.simd",
     .kind = kCount,
     .presence = kRequired,
     .low = 1,
     .high = 64,
     .unit = "multipliers",
     .summary = "Multiplications that a lane adds up per cycle.",
     .member = &KeyNumbers::simd},
    {.path = "lane.stages",
     .kind = kCount,
     .presence = kDerived,
     .default_value = 1,
     .low = 1,
     .high = 6,
     .unit = "stages",
     .summary = "Pipeline stages of a sum: with 2 the products are added up in one cycle and go to "
                "the accumulator in the next, which shortens the longest path of the lanes. A tile "
                "takes a cycle more until its results leave. Lanes with floating-point formats "
                "have 6.",
     .member = &KeyNumbers::lane_stages,
     .default_text = "6 with floating-point formats, else 1"},

    {.path = "controller", .kind = kBlock, .summary = "Buffers between bus and engines."},
    {.path = "controller.instruction_memory",
     .kind = kCount,
     .default_value = 256,
     .low = 16,
     .high = 65536,
     .unit = "entries of 16 bytes",
     .summary = "Command entries fetched ahead.",
     .member = &KeyNumbers::instruction_entries},
    {.path = "controller.parameter_buffer",
     .kind = kCount,
     .default_value = 64,
     .low = 16,
     .high = 65536,
     .unit = "bus beats",
     .summary = "Beats staged on the way to core memory.",
     .member = &KeyNumbers::parameter_entries},
    {.path = "controller.activation_buffer",
     .kind = kCount,
     .default_value = 64,
     .low = 16,
     .high = 65536,
     .unit = "bus beats",
     .summary = "Beats staged on the way to PE memory.",
     .member = &KeyNumbers::activation_entries},

    {.path = "units", .kind = kBlock, .summary = "Function units and their widths."},
    {.path = "units.postprocess_width",
     .kind = kCount,
     .presence = kDerived,
     .low = 1,
     .high = 64,
     .power_of_two = true,
     .unit = "results per cycle",
     .summary = "Results that are rescaled, clamped and written per cycle and PE.",
     .member = &KeyNumbers::post_width,
     .default_text = "16, or the largest power of two within `pe.cores` * `core.lanes` if that is "
                     "less"},
    {.path = "units.lookup_ports",
     .kind = kCount,
     .presence = kDerived,
     .low = 1,
     .high = 64,
     .power_of_two = true,
     .unit = "look-ups per cycle",
     .summary = "Table look-ups (activation functions) per cycle and PE.",
     .member = &KeyNumbers::lookup_ports,
     .default_text = "4, or `units.postprocess_width` if that is less"},
    {.path = "units.window_ports",
     .kind = kCount,
     .presence = kDerived,
     .low = 1,
     .high = 4,
     .unit = "vectors per cycle",
     .summary = "Rows of a depthwise window, or of a kernel with few channels, that are read from "
                "PE memory side by side: 3 give a 3x3 window a position per cycle.",
     .member = &KeyNumbers::window_ports,
     .default_text = "4, or half of `pe.banks` or `lane.simd` if one of these is less"},
    {.path = "units.residual",
     .kind = kFlag,
     .default_value = 0,
     .low = 0,
     .high = 1,
     .summary = "Whether the results of a matrix product can be added to a second tensor on their "
                "way to PE memory, as residual networks do behind convolutions: such an addition "
                "then takes no time of its own. It reads PE memory through the last of "
                "`units.window_ports`, so there should be two at least.",
     .member = &KeyNumbers::residual},
    {.path = "units.bnn", .kind = kBlock, .summary = "The unit for binary networks."},
    {.path = "units.bnn.enabled",
     .kind = kFlag,
     .default_value = 0,
     .low = 0,
     .high = 1,
     .summary =
         "Whether the lanes also multiply bits (XNOR and popcount), 8 * `lane.simd` per lane "
         "and cycle, for binary and fractional networks.",
     .member = &KeyNumbers::bnn_enabled},
    {.path = "units.bnn.skip_window",
     .kind = kCount,
     .default_value = 1,
     .low = 1,
     .high = 16,
     .power_of_two = true,
     .unit = "positions",
     .summary =
         "Gated second passes of fractional networks: out of this number of positions each lane "
         "picks its next one that passed its gate. 1: all lanes go through all positions.",
     .member = &KeyNumbers::bnn_skip_window},
    {.path = "units.bnn.skip_slices",
     .kind = kCount,
     .default_value = 32,
     .low = 1,
     .high = 256,
     .unit = "slices",
     .summary = "Operand slices (8 * `lane.simd` bits) of a kernel that the window's memory holds; "
                "longer kernels skip nothing. No effect with a window of 1.",
     .member = &KeyNumbers::bnn_skip_slices},
    {.path = "units.bnn.residual",
     .kind = kFlag,
     .default_value = 0,
     .low = 0,
     .high = 1,
     .summary = "Whether sums of bits can become int16 values with a slope for negative ones, to "
                "which those of another tensor are added on their way to PE memory, as FracBNN "
                "needs it. It needs `units.residual`.",
     .member = &KeyNumbers::bnn_residual},
    {.path = "units.data_types",
     .kind = kWords,
     .default_value = 0,
     .summary = "Number formats of activations and weights. With the floating-point formats each "
                "lane takes products of BF16 (one for two multipliers) and of FP8 (one for each), "
                "too; sums are FP32 (docs/machine.md, 4.9).",
     .member = &KeyNumbers::float_formats,
     .word = "int8",
     .more_words = kFloatWords},
    {.path = "units.vector_lanes",
     .kind = kCount,
     .default_value = 0,
     .low = 0,
     .high = 16,
     .unit = "lanes",
     .summary = "Elements that the vector unit works on at the same time: 0 (there is none), 4, 8 "
                "or 16. It runs programs of FP32 operations over rows of elements in PE memory: "
                "norms, exponentials, optimizers (docs/machine.md, 4.10).",
     .member = &KeyNumbers::vector_lanes},
    {.path = "units.dma", .kind = kBlock, .summary = "Features of the load engine."},
    {.path = "units.dma.bounds_fill",
     .kind = kFlag,
     .default_value = 1,
     .low = 1,
     .high = 1,
     .summary = "Filling of what lies outside of a tensor (padding).",
     .only_because = "the compiler relies on it for every padded layer"},
    {.path = "units.dma.local_copy",
     .kind = kFlag,
     .default_value = 1,
     .low = 1,
     .high = 1,
     .summary = "Copies from PE memory to PE memory or core memory.",
     .only_because = "the compiler relies on it to rearrange activations"},
    {.path = "units.dma.strides",
     .kind = kFlag,
     .default_value = 0,
     .low = 0,
     .high = 1,
     .summary = "Whether the coordinates of a box with bounds may go in steps of up to 8: every "
                "second row of a tensor with padding, for instance.",
     .member = &KeyNumbers::dma_strides},
    {.path = "units.dma.store_bounds",
     .kind = kFlag,
     .default_value = 0,
     .low = 0,
     .high = 1,
     .summary = "Whether a STORE can have bounds, outside of which nothing is written.",
     .member = &KeyNumbers::dma_store_bounds},
    {.path = "units.dma.wide_fill",
     .kind = kFlag,
     .default_value = 0,
     .low = 0,
     .high = 1,
     .summary = "Whether a LOAD can fill with elements of 2 or 4 bytes, such as a NaN.",
     .member = &KeyNumbers::dma_wide_fill},
    {.path = "units.dma.im2col",
     .kind = kFlag,
     .default_value = 0,
     .low = 0,
     .high = 1,
     .summary = "Whether a LOAD can walk over the pixels that a convolution's filter visits, over "
                "the ends of rows and images.",
     .member = &KeyNumbers::dma_im2col},
    {.path = "units.dma.swizzle",
     .kind = kFlag,
     .default_value = 0,
     .low = 0,
     .high = 1,
     .summary = "Whether chunks of 16 bytes may change places on their way to and from PE memory: "
                "patterns of 32, 64 and 128 bytes.",
     .member = &KeyNumbers::dma_swizzle},
    {.path = "units.dma.transpose",
     .kind = kFlag,
     .default_value = 0,
     .low = 0,
     .high = 1,
     .summary = "Whether a LOAD can transpose: elements of 1, 2 or 4 bytes of a row become a "
                "column.",
     .member = &KeyNumbers::dma_transpose},

    {.path = "debug", .kind = kBlock, .summary = "What only observes."},
    {.path = "debug.trace",
     .kind = kFlag,
     .default_value = 1,
     .low = 0,
     .high = 1,
     .summary = "Whether `npu_top` has trace ports, which say for every cycle what it was spent on "
                "and what each unit does. They cost wires only. Without them `npugen run` charges "
                "cycles to causes but to no layer, and draws no timeline.",
     .member = &KeyNumbers::debug_trace},
};

}  // namespace

bool KeyInfo::HiddenWhenOff() const {
  return default_value == 0 &&
         (Parent() == "units.dma" || path == "units.residual" || path == "units.bnn.residual" ||
          path == "units.vector_lanes" || kind == KeyKind::kWords);
}

std::string_view KeyInfo::Name() const { return path.substr(path.rfind('.') + 1); }

std::string_view KeyInfo::Parent() const {
  const size_t dot = path.rfind('.');
  return dot == std::string_view::npos ? std::string_view() : path.substr(0, dot);
}

std::span<const KeyInfo> AllKeys() { return kKeys; }

const KeyInfo* FindKey(std::string_view path) {
  for (const KeyInfo& key : kKeys) {
    if (key.path == path) return &key;
  }
  return nullptr;
}

std::vector<std::string_view> KeysOf(std::string_view block) {
  std::vector<std::string_view> names;
  for (const KeyInfo& key : kKeys) {
    if (key.Parent() == block) names.push_back(key.Name());
  }
  return names;
}

std::string FormatValue(const KeyInfo& key, uint64_t value) {
  switch (key.kind) {
    case kBytes:
      return FormatBytes(value);
    case kHertz:
      return FormatHertz(value);
    case kFlag:
      return value != 0 ? "true" : "false";
    case kWords:
      return value != 0 ? fmt::format("[{}, {}]", key.word, fmt::join(key.more_words, ", "))
                        : fmt::format("[{}]", key.word);
    default:
      return fmt::format("{}", value);
  }
}

std::string LegalValues(const KeyInfo& key) {
  switch (key.kind) {
    case kBlock: {
      std::string names;
      for (const std::string_view name : KeysOf(key.path)) {
        names += fmt::format("{}{}", names.empty() ? "" : ", ", name);
      }
      return fmt::format("a block with the keys {}", names);
    }
    case kName:
      return "a lower-case letter, then up to 63 lower-case letters, digits and underscores";
    case kCount:
      return fmt::format("a {} from {} to {} ({})",
                         key.power_of_two ? "power of two" : "whole number", key.low, key.high,
                         key.unit);
    case kBytes:
      return fmt::format("a size from {} to {}, such as 64 KiB", FormatBytes(key.low),
                         FormatBytes(key.high));
    case kHertz:
      return fmt::format("a frequency from {} to {}, such as 200 MHz", FormatHertz(key.low),
                         FormatHertz(key.high));
    case kFlag:
      return fmt::format("{}", key.low == key.high ? FormatValue(key, key.low) : "true or false");
    case kWords:
      return fmt::format("the list {} or {}", FormatValue(key, 0), FormatValue(key, 1));
  }
  return {};
}

}  // namespace npugen

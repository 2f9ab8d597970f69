// SPDX-License-Identifier: Apache-2.0
// The configuration object: everything that the generator, compiler, models and driver know about
// one NPU.
#pragma once

#include <cstdint>
#include <string>

#include "generator/arch/features.h"

namespace npugen {

/// One validated NPU configuration. Made from a spec by BuildConfig() and never changed afterwards;
/// every view (RTL, headers, compiler, golden model, docs) is printed from it.
/// Sizes are bytes unless the name says otherwise. The first part mirrors the spec's keys.
struct NpuConfig {
  std::string name = "npu";  ///< identifier: [a-z][a-z0-9_]*

  // npu:
  uint32_t grid_x = 1;  ///< PE columns, 1..8
  uint32_t grid_y = 1;  ///< PE rows, 1..8; grid_x * grid_y <= 32
  uint64_t clock_hz = 200'000'000;
  uint32_t axi_data_bits = 128;      ///< 32, 64, ... 512
  uint32_t axi_address_bits = 40;    ///< 32..64
  uint32_t axi_burst = 32;           ///< most beats of a burst, 4..256 (power of two)
  uint32_t axi_outstanding = 8;      ///< bursts in flight per direction, 1..32 (power of two)
  uint32_t command_queue_depth = 4;  ///< commands per engine queue, 1..16
  uint32_t watchdog = 1;             ///< 1: a bus that does not answer is an error
  uint32_t memory_clear = 0;         ///< 1: control.clear zeroes the memories
  uint32_t clock_gating = 1;         ///< 1: units that hold still have their clock stopped

  // pe:
  uint32_t pe_memory_bytes = 128 * 1024;  ///< at most 8 MiB
  uint32_t pe_banks = 8;                  ///< power of two, at least 2
  uint32_t pe_bank_bytes = 16;            ///< bytes per bank word ("A"), power of two
  uint32_t cores = 1;                     ///< cores per PE, 1..16

  // core:
  uint32_t core_memory_bytes = 64 * 1024;  ///< at most 8 MiB
  uint32_t core_banks = 4;                 ///< power of two
  uint32_t core_bank_bytes = 16;           ///< bytes per bank word, power of two
  uint32_t lanes = 16;                     ///< lanes per core ("L"), 1..128
  uint32_t accumulators = 16;              ///< accumulator entries per lane and half ("T"), 2..256
  // lane:
  uint32_t simd = 16;        ///< MACs per lane and cycle ("S"), 1..64
  uint32_t lane_stages = 1;  ///< cycles from operands to the written sum, 1..2

  // controller: entries
  uint32_t instruction_entries = 256;  ///< 16-byte command entries held by the fetch unit
  uint32_t parameter_entries = 64;     ///< bus beats staged on the way to core memory
  uint32_t activation_entries = 64;    ///< bus beats staged on the way to PE memory

  // units:
  uint32_t post_width = 16;       ///< results post-processed per cycle ("R"), power of two
  uint32_t lookup_ports = 8;      ///< table look-ups per cycle, power of two, at most post_width
  uint32_t window_ports = 4;      ///< vectors read from PE memory per cycle for the array, 1..4
  uint32_t bnn_enabled = 0;       ///< 1: lanes also multiply bits, 8 * simd per cycle
  uint32_t bnn_skip_window = 1;   ///< positions out of which a lane picks its next gated one, 1..16
  uint32_t bnn_skip_slices = 32;  ///< operand slices that such a window can hold, 1..256

  /// FNV-1a (64 bit) of the canonical text of all values above but those that change nothing but
  /// the implementation or its host: `name`, `clock_hz`, `clock_gating`, `watchdog`,
  /// `memory_clear`, `lane_stages`.
  uint64_t hash = 0;

  /// What its registers show.
  HardwareFeatures features() const { return {watchdog != 0, memory_clear != 0, bnn_enabled != 0}; }

  // Derived numbers.
  /// Cycles that control.clear needs beyond a reset: the rows of the deepest memory.
  uint32_t clear_cycles() const {
    const uint32_t words = pe_memory_bytes / (pe_banks * pe_bank_bytes);
    const uint32_t rows = words > core_rows() ? words : core_rows();
    return rows > accumulators ? rows : accumulators;
  }
  uint32_t pes() const { return grid_x * grid_y; }
  uint32_t axi_bytes() const { return axi_data_bits / 8; }                  ///< "B"
  uint32_t core_row_bytes() const { return core_banks * core_bank_bytes; }  ///< "W"
  uint32_t core_rows() const { return core_memory_bytes / core_row_bytes(); }
  uint32_t pe_lanes() const { return cores * lanes; }  ///< output channels of a group
  /// Core memory rows of one weight slice: lanes * simd bytes, padded to rows.
  uint32_t slice_rows() const { return (lanes * simd + core_row_bytes() - 1) / core_row_bytes(); }
  /// Core memory rows of one core's parameter records for a group: lanes * 9 bytes, padded to rows.
  uint32_t param_rows() const { return (lanes * 9 + core_row_bytes() - 1) / core_row_bytes(); }
  /// The same where records are biases only (common_scale): lanes * 4 bytes.
  uint32_t bias_rows() const { return (lanes * 4 + core_row_bytes() - 1) / core_row_bytes(); }
  /// Core memory rows of one core's gates for a group: lanes * 4 bytes, padded to rows.
  uint32_t gate_rows() const { return bias_rows(); }
  /// Channels of a WINDOW group: one vector read delivers at most a bank word.
  uint32_t window_channels() const {
    return pe_lanes() < pe_bank_bytes ? pe_lanes() : pe_bank_bytes;
  }
  /// Bank of PE memory that holds a byte: the first bank of a line moves on from line to line
  /// (bank_of in rtl/pe/npu_pe_memory.sv).
  uint32_t pe_bank_of(uint64_t address) const {
    const uint64_t word = address / pe_bank_bytes, line = word / pe_banks;
    const uint64_t skew1 = pe_banks == 2 ? 0 : pe_banks == 4 ? 1 : pe_banks == 8 ? 2 : 7;
    const uint64_t skew2 = pe_banks == 8 ? 3 : pe_banks > 8 ? 9 : 0;
    const uint64_t skew3 = pe_banks == 4 ? 3 : 0;
    return static_cast<uint32_t>(
        (word + line * skew1 + line / pe_banks * skew2 + line / pe_banks / pe_banks * skew3) %
        pe_banks);
  }
  /// Barriers: one for LOADs, one for STOREs, one for each PE; at least 16.
  uint32_t barriers() const { return pes() + 2 < 16 ? 16 : pes() + 2; }
  uint64_t macs_per_cycle() const { return uint64_t{pes()} * pe_lanes() * simd; }
};

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// The configuration object: everything that the generator, compiler, models and driver know about
// one NPU.
#pragma once

#include <cstdint>
#include <string>

#include "generator/arch/features.h"
#include "generator/arch/formats.h"
#include "generator/spec/key_numbers.h"

namespace npugen {

/// One validated NPU configuration. Made from a spec by BuildConfig() and never changed afterwards;
/// every view (RTL, headers, compiler, golden model, docs) is printed from it.
/// Sizes are bytes unless the name says otherwise. The base has the numbers of the spec's keys.
struct NpuConfig : KeyNumbers {
  std::string name = "npu";  ///< identifier: [a-z][a-z0-9_]*

  /// FNV-1a (64 bit) of the canonical text of all values above but those that change nothing but
  /// the implementation or its host: `name`, `clock_hz`, `clock_gating`, `watchdog`,
  /// `memory_clear`, `lane_stages`, `debug_trace`.
  uint64_t hash = 0;

  /// What its registers show.
  HardwareFeatures features() const {
    return {.watchdog = watchdog != 0,
            .memory_clear = memory_clear != 0,
            .binary_unit = bnn_enabled != 0,
            .residual = residual != 0,
            .float_formats = float_formats != 0,
            .bit_residual = bnn_residual != 0,
            .vector_unit = vector_lanes != 0,
            .strides = dma_strides != 0,
            .store_bounds = dma_store_bounds != 0,
            .wide_fill = dma_wide_fill != 0,
            .im2col = dma_im2col != 0,
            .swizzle = dma_swizzle != 0,
            .transpose = dma_transpose != 0};
  }

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
  /// Results of floating-point numbers per cycle, at most 4 bytes each.
  uint32_t float_width() const { return post_width / 4; }
  /// Core memory rows of one weight slice: lanes * simd bytes, padded to rows.
  uint32_t slice_rows() const { return Rows(kOperandFormat.Bytes(uint64_t{lanes} * simd)); }
  /// The same with packed_weights.
  uint32_t packed_slice_rows() const {
    return Rows(kPackedWeightFormat.Bytes(uint64_t{lanes} * simd));
  }
  /// Core memory rows of one core's parameter records for a group, padded to rows.
  uint32_t param_rows() const { return Rows(uint64_t{lanes} * kParameterRecordBytes); }
  /// The same where records are biases only (common_scale).
  uint32_t bias_rows() const { return Rows(uint64_t{lanes} * kBiasRecordBytes); }
  /// The same with affine.
  uint32_t affine_rows() const { return Rows(uint64_t{lanes} * kAffineRecordBytes); }
  /// Core memory rows of one core's gates for a group, padded to rows.
  uint32_t gate_rows() const { return Rows(uint64_t{lanes} * kGateBytes); }
  /// Channels of a WINDOW group: one vector read delivers at most a bank word.
  uint32_t window_channels() const {
    return pe_lanes() < pe_bank_bytes ? pe_lanes() : pe_bank_bytes;
  }
  /// Slots that a lane's operands move by, with the first row of each group of so many rows of a
  /// window column: machine.md 4.2.
  int64_t window_row_group(int64_t rows) const { return rows == 1 ? 1 : window_ports; }
  /// Operand slots of a column of so many window rows: whole groups.
  int64_t window_column_slots(int64_t rows) const {
    const int64_t group = window_row_group(rows);
    return (rows + group - 1) / group * group;
  }
  /// The slot that row `row` of column `column`, out of `columns`, ends up in.
  int64_t window_slot(int64_t rows, int64_t columns, int64_t row, int64_t column) const {
    return simd - (columns - column) * window_column_slots(rows) + row;
  }
  /// Bank of PE memory that holds a byte: the first bank of a line moves on from line to line
  /// (rtl/pe/npu_bank_map.sv).
  uint32_t pe_bank_of(uint64_t address) const {
    const uint64_t word = address / pe_bank_bytes, line = word / pe_banks;
    const uint64_t skew1 = pe_banks == 2 ? 0 : pe_banks == 4 ? 1 : pe_banks == 8 ? 2 : 7;
    const uint64_t skew2 = pe_banks == 8 ? 3 : pe_banks > 8 ? 9 : 0;
    const uint64_t skew3 = pe_banks == 4 ? 3 : 0;
    return static_cast<uint32_t>(
        (word + line * skew1 + line / pe_banks * skew2 + line / pe_banks / pe_banks * skew3) %
        pe_banks);
  }
  /// The address with the number of its bank in the place of the low bits of its word's number, as
  /// the DMA engines give it to PE memory (rtl/dma/npu_bus_place.sv).
  uint64_t pe_place_of(uint64_t address) const {
    const uint64_t word = address / pe_bank_bytes;
    return (word / pe_banks * pe_banks + pe_bank_of(address)) * pe_bank_bytes +
           address % pe_bank_bytes;
  }
  /// Barriers: one for LOADs, one for STOREs, one for each PE; at least 16.
  uint32_t barriers() const { return pes() + 2 < 16 ? 16 : pes() + 2; }
  uint64_t macs_per_cycle() const { return uint64_t{pes()} * pe_lanes() * simd; }

 private:
  /// Core memory rows of so many bytes.
  uint32_t Rows(uint64_t bytes) const {
    return static_cast<uint32_t>((bytes + core_row_bytes() - 1) / core_row_bytes());
  }
};

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// One PE of the functional model: its memories, accumulators and compute commands.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "generator/arch/command_set.h"
#include "generator/config/npu_config.h"

namespace npugen::functional {

/// Why a command stopped.
struct Fault {
  uint8_t code;      ///< row of AllHardwareErrors()
  uint64_t address;  ///< bus or local address
  std::string detail;
};

/// Fields of a compute command, decoded once. Names as in the command set.
struct ComputeFields {
#define NPUGEN_COMPUTE_FIELDS(X)                                                                   \
  X(acc_init)                                                                                      \
  X(drain)                                                                                         \
  X(average)                                                                                       \
  X(acc_shift)                                                                                     \
  X(packed_weights) X(minimum) X(out_byte) X(out_type) X(run_bytes) X(fill) X(act_min) X(act_max)  \
      X(act_base) X(b_base) X(out_w) X(out_h) X(x_step) X(row_step) X(y_start) X(y_step)           \
          X(k2_y_step) X(x_start) X(row_bytes) X(in_h) X(k0_count) X(k1_count) X(k2_count)         \
              X(k1_step) X(k2_row_step) X(groups) X(tiles) X(group_step) X(common_scale)           \
                  X(weight_row) X(weight_group_rows) X(param_row) X(param_group_rows) X(out_base)  \
                      X(out_x_step) X(out_row_step) X(out_group_step) X(out_zero_point)            \
                          X(channels) X(group_channels) X(positions) X(win_rows) X(win_cols)       \
                              X(win_new_cols) X(win_y_step) X(win_row_step) X(win_col_step)        \
                                  X(b_row_step) X(a_zero_point) X(b_zero_point) X(b_shift)         \
                                      X(out_shift) X(b_multiplier) X(out_multiplier) X(b_subtract) \
                                          X(a_subtract) X(binary) X(skip_outside) X(two_planes)    \
                                              X(gated) X(thresholds) X(bit_output) X(pool_bits)    \
                                                  X(skip_window) X(plane_step) X(out_plane_step)
#define NPUGEN_DECLARE_FIELD(name) int64_t name = 0;
  NPUGEN_COMPUTE_FIELDS(NPUGEN_DECLARE_FIELD)
#undef NPUGEN_DECLARE_FIELD
  explicit ComputeFields(const Command& command);
};

/// Memories are public: the DMA of the model reads and writes them.
class ProcessingElement {
 public:
  explicit ProcessingElement(const NpuConfig& config);

  /// Runs one compute command to its end, or to the first fault.
  std::optional<Fault> Execute(const Command& command);

  std::vector<uint8_t> memory;                    ///< PE memory
  std::vector<std::vector<uint8_t>> core_memory;  ///< of each core
  std::vector<int32_t> accumulators;              ///< [position of tile][lane of PE]
  uint64_t multiplications = 0;

 private:
  struct Position {
    int64_t x, y;  ///< output column and row
  };

  bool Fail(std::string_view code, int64_t address, std::string detail);
  /// Reads operand byte `bx` of row `y` at `address`, or `fill` outside the tensor. False:
  /// LocalBounds.
  bool ReadOperand(const ComputeFields& f, int64_t y, int64_t bx, int64_t address, uint8_t* byte);
  bool ReadMemory(int64_t address, uint8_t* byte);
  bool WriteMemory(int64_t address, uint8_t byte);
  /// Pointer to `bytes` bytes at core memory row `row`, or null with a fault.
  const uint8_t* CoreRows(uint32_t core, int64_t row, int64_t bytes);

  bool RunArray(const ComputeFields& f, bool window);
  bool AccumulateDense(const ComputeFields& f, int64_t first, int64_t count, int64_t k2, int64_t k1,
                       int64_t k0, bool overwrite);
  /// Binary operands of slice k0 in one plane: bits of value +1 and -1.
  bool AccumulateBits(const ComputeFields& f, int64_t first, int64_t count, int64_t plane,
                      int64_t k0, bool overwrite);
  /// Before the second plane: sums are doubled, and `gated` positions and lanes found.
  bool BeginSecondPlane(const ComputeFields& f, int64_t group, int64_t count);
  bool AccumulateWindow(const ComputeFields& f, int64_t group, int64_t first, int64_t count,
                        int64_t k2, int64_t k1, bool overwrite);
  bool LoadWeights(const ComputeFields& f, int64_t group, int64_t slice);
  /// The bits of one channel's code; `out` is where the position's first channel goes.
  bool WriteBits(const ComputeFields& f, int64_t out, int64_t channel, const uint8_t* record,
                 int32_t sum);
  bool PoolBits(const ComputeFields& f);
  bool Drain(const ComputeFields& f, int64_t group, int64_t first, int64_t count);
  bool RunMaxPool(const ComputeFields& f);
  /// Two int8 operands to a result before clamping.
  using Combine = int64_t (ProcessingElement::*)(const ComputeFields& f, int64_t a,
                                                 int64_t b) const;
  bool RunTwoOperands(const ComputeFields& f, Combine combine);
  int64_t AddBytes(const ComputeFields& f, int64_t a, int64_t b) const;
  int64_t MultiplyBytes(const ComputeFields& f, int64_t a, int64_t b) const;
  int64_t MaximumBytes(const ComputeFields& f, int64_t a, int64_t b) const;
  int64_t SquaredDifferenceBytes(const ComputeFields& f, int64_t a, int64_t b) const;
  int64_t Rescaled(const ComputeFields& f, int32_t value) const;
  void ShiftSums(int64_t positions);
  bool RunArgMax(const ComputeFields& f);
  bool RunLookup(const ComputeFields& f);
  bool RunSoftmax(const ComputeFields& f);

  const NpuConfig config_;
  std::optional<Fault> fault_;
  std::vector<int8_t> weights_;   ///< the current slice: [lane of PE][slot]
  std::vector<int8_t> slots_;     ///< WINDOW operand slots: [lane of PE][slot]
  std::vector<uint8_t> skipped_;  ///< second plane: [position of tile][lane of PE]
  int64_t slots_x_ = -2;          ///< output position that the slots hold; x -2: none
  int64_t slots_y_ = -2;
};

}  // namespace npugen::functional

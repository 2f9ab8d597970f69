// SPDX-License-Identifier: Apache-2.0
// One PE of the functional model: its memories, accumulators and compute commands.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "generator/arch/command_set.h"
#include "generator/config/npu_config.h"
#include "verif/functional/access_observer.h"

namespace npugen::functional {

/// Why a command stopped.
struct Fault {
  uint8_t code;      ///< row of AllHardwareErrors()
  uint64_t address;  ///< bus or local address
  std::string detail;
  /// With `beyond_faults`: local addresses of all bytes (or rows of core memory) outside.
  std::vector<uint64_t> outside = {};
};

/// Memories are public: the DMA of the model reads and writes them.
class ProcessingElement {
 public:
  /// PE number `index` of an NPU.
  ProcessingElement(const NpuConfig& config, uint32_t index);

  /// Forgets what commands of earlier jobs left for later ones.
  void BeginJob();

  /// Runs one compute command to its end, or to the first fault.
  std::optional<Fault> Execute(const Command& command);

  std::vector<uint8_t> memory;                    ///< PE memory
  std::vector<std::vector<uint8_t>> core_memory;  ///< of each core
  std::vector<int32_t> accumulators;              ///< [position of tile][lane of PE]
  uint64_t multiplications = 0;
  AccessObserver* observer = nullptr;  ///< may be null
  /// Goes on after a fault without the accesses that are at fault, as hardware may for a while.
  bool beyond_faults = false;
  uint64_t work = 0;                ///< bytes that were read or written
  uint64_t most_work = UINT64_MAX;  ///< commands stop, without a fault, when `work` is larger

 private:
  /// Where the first kernel row of a slice of strung rows stands.
  struct StrungRows {
    int64_t skip = 0;       ///< bytes of it that earlier slices took
    int64_t rows_left = 0;  ///< kernel rows from it on
    int64_t row = 0;        ///< its address, relative to the position's
    int64_t y = 0;
  };
  /// A slice of a tile.
  struct Slice {
    int64_t k0 = 0, k1 = 0, k2 = 0, plane = 0;
    bool overwrite = false;  ///< accumulation begins
    StrungRows strung;
  };

  bool Fail(std::string_view code, int64_t address, std::string detail);
  /// Counts `bytes` accesses; false: it is enough.
  bool Spend(uint64_t bytes);
  void Undefined(std::string_view why);
  /// Reads operand byte `bx` of row `y` at `address`, or `fill` outside the tensor. False:
  /// LocalBounds.
  bool ReadOperand(const ComputeFields& f, int64_t y, int64_t bx, int64_t address, uint8_t* byte);
  bool ReadMemory(int64_t address, uint8_t* byte);
  /// The address counts modulo 2^24.
  bool WriteMemory(int64_t address, uint8_t byte);
  /// Pointer to `bytes` bytes at core memory row `row` (modulo 2^24), or null with a fault.
  const uint8_t* CoreRows(uint32_t core, int64_t row, int64_t bytes, bool weights = false);

  bool RunArray(const ComputeFields& f, bool window);
  /// The vector of S bytes that position (ox, oy) has in a slice, and which of them count.
  bool FetchVector(const ComputeFields& f, int64_t ox, int64_t oy, const Slice& slice);
  bool AccumulateDense(const ComputeFields& f, int64_t first, int64_t count, const Slice& slice);
  /// Floating-point operands: one step of numerics for each position and lane.
  bool AccumulateFloat(const ComputeFields& f, int64_t first, int64_t count, const Slice& slice);
  /// Binary operands: bits of value +1 and -1.
  bool AccumulateBits(const ComputeFields& f, int64_t first, int64_t count, const Slice& slice);
  /// Before the second plane: sums are doubled, and `gated` positions and lanes found.
  bool BeginSecondPlane(const ComputeFields& f, int64_t group, int64_t count);
  bool AccumulateWindow(const ComputeFields& f, int64_t group, int64_t first, int64_t count,
                        const Slice& slice);
  bool LoadWeights(const ComputeFields& f, int64_t group, int64_t slice);
  /// The codes of a position's channels, whose first one goes to `out`.
  bool WriteCodes(const ComputeFields& f, int64_t out, const std::vector<int64_t>& codes);
  /// Result of a channel whose record and sum these are; what is written of it.
  /// With `residual`: the sum of the result and `other`.
  uint8_t SumByte(const ComputeFields& f, const uint8_t* record, int32_t sum, int64_t other) const;
  /// What values are added to, and what becomes of a channel's sum with it.
  bool ReadResidual(const ComputeFields& f, int64_t group, int64_t position, int64_t channel,
                    int64_t* value);
  int64_t AffineValue(const ComputeFields& f, const uint8_t* record, int32_t sum,
                      int64_t other) const;
  uint8_t ResultByte(const ComputeFields& f, const uint8_t* record, int32_t sum) const;
  /// The PE memory address of a group's position.
  int64_t OutAddress(const ComputeFields& f, int64_t group, int64_t position, int64_t x_step) const;
  /// Reads the bytes of a window position of MAXPOOL, column by column: [fetch][byte].
  bool FetchPool(const ComputeFields& f, int64_t group, int64_t position,
                 std::vector<std::vector<uint8_t>>* fetches);
  bool Drain(const ComputeFields& f, int64_t group, int64_t first, int64_t count);
  /// Writes the floating-point result of a channel whose record and sum these are.
  bool WriteFloat(const ComputeFields& f, const uint8_t* record, int32_t sum, int64_t out);
  bool RunMaxPool(const ComputeFields& f);
  bool RunTwoOperands(const ComputeFields& f, Opcode opcode);
  void ShiftSums(int64_t positions);
  bool RunArgMax(const ComputeFields& f);
  bool RunLookup(const ComputeFields& f);
  bool RunSoftmax(const ComputeFields& f);
  bool RunVector(const ComputeFields& f);
  class VectorAccess;

  const NpuConfig config_;
  const uint32_t index_;
  std::optional<Fault> fault_;
  std::vector<int8_t> weights_;   ///< the current slice: [lane of PE][slot]
  std::vector<int8_t> slots_;     ///< WINDOW operand slots: [lane of PE][slot]
  std::vector<uint8_t> skipped_;  ///< second plane: [position of tile][lane of PE]
  std::vector<uint8_t> vector_;   ///< of FetchVector()
  std::vector<uint8_t> counts_;   ///< bytes of it that count
  std::vector<uint8_t> no_rows_;  ///< zeros instead of rows that do not exist
  int64_t next_column_ = 0;       ///< first window column that the next position fetches
  int64_t outside_ = 0;           ///< columns of its first ones that were left of the row
  int64_t open_positions_ = 0;    ///< sums that a command left for the next one: of positions
  int64_t open_channels_ = 0;     ///< and channels
};

}  // namespace npugen::functional

// What a compute command costs a PE, as far as its fields say: fetch cycles of positions, slices
// and their rows, results and their chunks, pipelines of vector operations.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "generator/config/npu_config.h"
#include "verif/estimate/command_fields.h"

namespace npugen::estimate {

/// Codes of AllCycleCauses().
enum Cause : uint8_t {
  kIdle = 0,
  kCompute = 1,
  kWeightPort = 2,
  kActivationPort = 3,
  kBarrier = 4,
  kDrain = 5,
  kDma = 6,
  kFill = 7
};
inline constexpr uint32_t kCauses = 16;  ///< 4-bit codes, as of the trace
using Causes = std::array<uint64_t, kCauses>;

/// NpuConfig::pe_bank_of() without divisions.
class BankMap {
 public:
  explicit BankMap(const NpuConfig& config);
  uint32_t Bank(uint64_t address) const;
  /// Number of the word at an address.
  uint64_t Word(uint64_t address) const { return address >> offset_bits_; }
  uint32_t banks() const { return mask_ + 1; }
  uint32_t word_bytes() const { return 1u << offset_bits_; }

 private:
  uint32_t offset_bits_, bank_bits_, mask_;
  uint32_t skew1_, skew2_, skew3_;
};

/// Fetch cycles of a position in one slice, averages over the positions of the command.
struct SliceCost {
  double next = 1;       ///< of a position that slides on from its left neighbour
  double wrapped = 1;    ///< of a row's first position that slides on from the row before
  double fresh = 1;      ///< of any other
  bool several = false;  ///< some position takes more than one cycle
};

/// Cycles of a bank pattern, a power of two.
inline constexpr size_t kPatternCycles = 128;

/// A compute command, ready to be played.
struct ComputePlan {
  ComputeFields fields;
  bool is_array = false;  ///< MATMUL, WINDOW: tiles of slices; else `fixed_cycles` say all

  // MATMUL, WINDOW
  uint32_t slices = 1;             ///< passes over a tile, those of both planes
  uint32_t weight_slices = 1;      ///< of a group in core memory
  uint32_t gate_rows = 0;          ///< core memory rows before them
  uint32_t slice_rows = 1;         ///< core memory rows of a slice
  uint32_t record_rows = 0;        ///< core memory rows of a group's records
  std::vector<SliceCost> costs;    ///< of each slice; one element: the same for all
  bool slides_over_tiles = false;  ///< a window slides on from one tile to the next
  /// Banks of PE memory that the command uses in each of some consecutive cycles, one bit each; the
  /// bus side finds them taken. kPatternCycles masks, or none.
  std::vector<uint64_t> bank_pattern;

  // Vector operations: cycles from the one after StStart to `finished`, and their causes.
  uint64_t fixed_cycles = 0;
  Causes fixed_causes = {};
};

ComputePlan PlanCompute(const NpuConfig& config, const BankMap& banks, Opcode opcode,
                        const ComputeFields& fields);

}  // namespace npugen::estimate

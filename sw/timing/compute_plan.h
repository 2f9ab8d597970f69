// SPDX-License-Identifier: Apache-2.0
// What a compute command costs a PE, as far as its fields say: fetch cycles of positions, slices
// and their rows, results and their chunks, pipelines of vector operations.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "generator/arch/command_set.h"
#include "generator/config/npu_config.h"

namespace npugen::timing {

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
  /// Masks of the banks of bytes from `address` on, and of a single one.
  uint64_t Mask(uint64_t address) const { return uint64_t{1} << (Bank(address) % 64); }
  uint64_t Mask(uint64_t address, uint64_t bytes) const {
    const bool two = (address & (word_bytes() - 1)) + bytes > word_bytes();
    return Mask(address) | (two ? Mask((address + word_bytes()) & 0xffffff) : 0);
  }

 private:
  uint32_t offset_bits_, bank_bits_, mask_;
  uint32_t skew1_, skew2_, skew3_;
};

/// Fetch cycles of a position in one slice, averages over the positions of the command.
struct SliceCost {
  double next = 1;      ///< of a position that slides on from its left neighbour
  double wrapped = 1;   ///< of a row's first position that slides on from the row before
  double fresh = 1;     ///< of any other
  bool at_once = true;  ///< all of a position is wanted in one cycle, whatever is granted
};

/// The most banks that a mask tells apart.
inline constexpr uint32_t kMaskBanks = 64;

/// Operand of one slice relative to its position.
struct SliceOperand {
  int64_t x = 0, y = 0, address = 0;  ///< k offsets: bytes in the row, rows, bytes of rows
  int64_t rows = 1;                   ///< rows fetched of a column or of a gathered slice
  int64_t skip = 0;                   ///< bytes of the first kernel row that are not fetched
};

/// When a vector operation reads PE memory, and when its results reach the write buffer.
class VectorAccesses {
 public:
  /// What happens in a cycle: the number of the fetch and of the result, kNone for none.
  struct Step {
    uint64_t fetch = kNone, result = kNone;
  };
  static constexpr uint64_t kNone = ~uint64_t{0};

  bool empty() const { return steps_.empty(); }
  /// Appends what happens in the next cycle.
  void Record(bool fetches, bool pushes) {
    steps_.push_back({fetch_count_, result_count_, fetches, pushes});
    fetch_count_ += fetches ? 1 : 0;
    result_count_ += pushes ? 1 : 0;
  }
  /// The cycles from..to-1 repeat from cycle `to` on, until there are `fetches` and `results`.
  void Repeat(uint64_t from, uint64_t to, uint64_t fetches, uint64_t results) {
    from_ = from;
    to_ = to;
    fetches_ = fetches;
    results_ = results;
  }
  /// Cycle 0 is the first one in which a vector may be fetched.
  Step At(uint64_t cycle) const;

 private:
  struct Recorded {
    uint64_t fetch, result;  ///< numbers of the next ones
    bool fetches, pushes;
  };
  std::vector<Recorded> steps_;
  uint64_t fetch_count_ = 0, result_count_ = 0;
  uint64_t from_ = 0, to_ = 0, fetches_ = 0, results_ = 0;
};

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
  bool counted = false;            ///< fetches are counted slice by slice; `costs` are averages
  bool slides_over_tiles = false;  ///< a window slides on from one tile to the next
  /// Of each slice, in the sequencer's order; of MATMULs of whole vectors those of k0 = 0 only.
  std::vector<SliceOperand> operands;

  // Vector operations: cycles from the one after StStart to `finished`, and their causes.
  uint64_t fixed_cycles = 0;
  Causes fixed_causes = {};
  Opcode opcode = Opcode::kEnd;
  uint64_t vector_fetches = 1;  ///< of a vector
  uint64_t vectors_from = 0;    ///< cycles before the first fetch
  VectorAccesses accesses;
};

/// A slice of a tile of MATMUL or WINDOW.
struct TileSlice {
  uint32_t group = 0, slice = 0;
  int64_t first = 0, size = 1;  ///< positions of the group
  bool fresh = true;            ///< the first of them needs its whole window
};

/// Banks of PE memory, one bit each, that its fetches read, cycle by cycle, if nothing but other
/// fetches is in their way.
void ReadBanks(const NpuConfig& config, const BankMap& banks, const ComputePlan& plan,
               const TileSlice& tile, std::vector<uint64_t>* masks);
/// Banks that chunk `chunk` of the results of a position of a group is written to.
uint64_t ChunkBanks(const NpuConfig& config, const BankMap& banks, const ComputePlan& plan,
                    uint32_t group, int64_t position, uint64_t chunk);

/// Banks of PE memory, one bit each, that a vector operation reads with fetch number `fetch`.
uint64_t FetchBanks(const NpuConfig& config, const BankMap& banks, const ComputePlan& plan,
                    uint64_t fetch);
/// The same for result number `result`, which is written.
uint64_t ResultBanks(const NpuConfig& config, const BankMap& banks, const ComputePlan& plan,
                     uint64_t result);

ComputePlan PlanCompute(const NpuConfig& config, const BankMap& banks, Opcode opcode,
                        const ComputeFields& fields);

}  // namespace npugen::timing

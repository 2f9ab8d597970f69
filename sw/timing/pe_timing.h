// SPDX-License-Identifier: Apache-2.0
// When a PE's commands run: tiles of MATMUL and WINDOW one by one, other commands as a whole; what
// each cycle is spent on; when its memories are free for the bus side.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <vector>

#include "generator/config/npu_config.h"
#include "sw/timing/calibration.h"
#include "sw/timing/compute_plan.h"
#include "sw/timing/front_end.h"

namespace npugen::timing {

inline constexpr uint64_t kNever = std::numeric_limits<uint64_t>::max();

/// One PE. Times are cycles since the doorbell.
class PeTiming {
 public:
  PeTiming(const NpuConfig& config, const BankMap& banks, const Barriers& barriers);

  bool busy() const { return plan_ != nullptr; }
  /// Begins a command whose StStart is cycle `now`. Plan and header must outlive the command.
  void Start(const ComputePlan* plan, const HeaderFields* header, uint64_t now);
  /// The cycle of the next change that nobody asks for; kNever while idle or starved.
  uint64_t next_event() const { return plan_ == nullptr ? kNever : at_.next; }
  /// Plays the change of cycle next_event(). True when the command is complete: `finished` is that
  /// cycle.
  bool Advance();
  /// The next slice has weights that the command follows (`follow`) and that are not there.
  bool starved() const { return plan_ != nullptr && at_.load_starved; }
  /// Barriers count more in cycle `now`: a starved command may go on.
  void Wake(uint64_t now);
  /// Causes of the command's cycles, complete with the command.
  const Causes& causes() const { return at_.causes; }

  /// A bus word of `bytes` bytes for core memory asks in this cycle; false: it must ask again in
  /// the next. `row` is the same for words that can be gathered into one row.
  bool WriteCore(uint64_t now, uint64_t row, uint64_t bytes);
  /// The row held is written in a cycle without such a word, when the port is free, or at last
  /// anyway. To be called in each cycle, behind the words; whether a row is held.
  bool SettleRow(uint64_t now);
  /// The same for the word of PE memory at `address`. Writes of a cycle come before its read.
  bool WriteMemory(uint64_t now, uint64_t address);
  bool ReadMemory(uint64_t now, uint64_t address);

 private:
  enum class State : uint8_t {
    kBegin,   ///< a tile begins in cycle `next`
    kHalf,    ///< its accumulator half is free then
    kSlice,   ///< its next slice is loaded then
    kHazard,  ///< the sum of its single position is in its entry then
    kFetch,   ///< the fetches of its slice end before that cycle
    kEnd      ///< `finished` is that cycle
  };
  /// What changes while the slices of a tile are played.
  struct Moment {
    State state = State::kEnd;
    uint64_t next = kNever;
    uint64_t wait_from = 0;
    uint32_t slice = 0;       ///< of the tile, the next one
    bool granted = false;     ///< something of the command
    double carry = 0;         ///< fetch cycles not yet charged
    uint64_t fetch_from = 0;  ///< first grant of the slice
    // npu_weight_loader: rows of the next slice are requested from load_from on.
    bool loading = false, load_starved = false;
    uint64_t load_from = 0;
    uint64_t load_cycles = 0;  ///< that they take, and words from the bus among them
    uint64_t load_there = 0;   ///< while it is starved: rows that could be requested since then
    uint64_t slice_ready = 0;  ///< first cycle in which the slice may be taken
    Causes causes = {};
  };
  /// A tile on its way through npu_drain.
  struct Drain {
    uint64_t ready;  ///< first cycle in which a result of it could be issued
    uint64_t length;
    uint32_t half;
    uint32_t group;
    int64_t first;  ///< position
    uint64_t chunks;
    bool records;           ///< then the records of the next group are read
    uint64_t extra;         ///< cycles in which words from the bus take their row port
    uint64_t last;          ///< cycles that the last chunk keeps sums and records: its parts
    uint64_t done;          ///< the cycle after its last issue
    uint64_t records_from;  ///< the cycle in which the first of these rows can be read
    uint64_t records_done;  ///< the cycle after the last one
  };

  void Step();
  void BeginTile(uint64_t now);
  void WantSlice(uint64_t now);
  void BeginSlice(uint64_t now);
  void LoadSlice(uint64_t now);
  void FinishTile(uint64_t end);
  /// Plays the tile that begins now as far as its last slice, which happens if nothing interferes.
  void Skim();
  /// Goes back to what is true in cycle `now`, to be played slice by slice.
  void Unskim(uint64_t now);
  /// The times of the tiles in the drain.
  void PlanDrains();
  uint64_t Finished() const;
  /// Cycles that results take less where they become bits.
  uint64_t Sooner() const {
    return plan_->fields.thresholds != 0 ? kCalibration.threshold_sooner : 0;
  }
  /// Cycles that they take more where they are added to something.
  uint64_t Later() const {
    const ComputeFields& f = plan_->fields;
    if (f.format_a == 0) return f.residual != 0 ? kCalibration.addition_later : 0;
    return kCalibration.float_later + (f.float_cast != 0 ? kCalibration.float_again : 0);
  }
  /// Idle cycles between the last fire of a slice of a small tile and the first of the next one:
  /// its sums are not yet in their entries.
  uint64_t IdleCycles(bool at_once) const {
    const uint64_t apart = config_.lane_stages > 2 ? 4 : 2;
    if (tile_size_ >= apart) return 0;
    return apart - tile_size_ - (at_once ? 0 : 1);
  }
  /// Rows of a group's slice that are in core memory, and whether all are.
  uint64_t ArrivedRows(uint32_t group, uint32_t slice) const;
  bool Arrived(uint32_t group, uint32_t slice) const {
    return ArrivedRows(group, slice) == plan_->slice_rows;
  }
  /// Cycles of from..to-1 in which no records are read.
  uint64_t FreeCycles(uint64_t from, uint64_t to) const;
  /// Fetch cycles of the tile's positions in a slice.
  double Fetches(const SliceCost& cost) const;
  /// The tile's first position in its group.
  int64_t FirstPosition() const;
  uint64_t WholeCycles(double value);
  /// Lists the banks of the fetches of the slice that begins in cycle `now`.
  void ListReads(uint64_t now, uint32_t slice);
  /// Whether records are read in cycle `now`; the tile behind which they are, null for the first.
  bool ReadsRecords(uint64_t now, Drain** drain);
  /// The cycle behind the rows of the next slice, which wait while records are read.
  uint64_t LoadEnd() const;
  bool RowPortBusy(uint64_t now);
  void StealRow(uint64_t now);
  /// Banks of PE memory that compute uses in cycle `now`.
  uint64_t TakenBanks(uint64_t now);
  /// A word from the bus goes before the fetches of cycle `now`: they come again a cycle later.
  void DelayFetches(uint64_t now);
  /// What a vector operation fetches and writes in a cycle.
  VectorAccesses::Step VectorStep(uint64_t cycle) const;
  /// Those that the fetches of a cycle read.
  uint64_t ReadsAt(uint64_t cycle);
  /// Those of the result that reaches the write buffer in a cycle; 0: none does.
  uint64_t ResultAt(uint64_t cycle);

  const NpuConfig& config_;
  const BankMap& banks_;
  const Barriers& barriers_;
  const ComputePlan* plan_ = nullptr;
  const HeaderFields* header_ = nullptr;
  uint64_t started_ = 0;
  Moment at_, tile_begin_;
  bool skimmed_ = false;  ///< at_ is the tile's end, tile_begin_ its beginning

  // MATMUL, WINDOW: loops
  uint64_t groups_left_ = 0, positions_left_ = 0;  ///< of the group, after the present tile
  uint32_t group_ = 0;
  int64_t column_ = 0;  ///< ox of the next tile's first position
  // the tile
  uint64_t tile_size_ = 0;
  int64_t fresh_ = 0;    ///< positions that begin with a full window
  int64_t wrapped_ = 0;  ///< rows' first positions that slide on from the row before
  int64_t whole_ = 0;    ///< and such that would, but begin with a full window
  uint32_t half_ = 0;
  // npu_drain: tiles in it, and what was before them
  std::vector<Drain> drains_;
  uint64_t first_records_from_ = 0, first_records_to_ = 0;
  uint64_t records_before_ = 0, free_before_ = 0;  ///< records valid, drain free from then on
  uint64_t drain_free_ = 0, last_grant_ = 0;
  uint64_t pace_ = 1;           ///< cycles from one result of the command to the next
  uint64_t half_free_[2] = {};  ///< first cycle in which a half may be used

  // npu_row_writer
  bool row_held_ = false;
  uint64_t held_row_ = 0, held_bytes_ = 0, last_beat_ = 0;
  uint64_t single_until_ = 0;  ///< tiles that begin before that are not skimmed
  uint32_t core_wait_ = 0;
  // PE memory
  uint32_t write_wait_ = 0, read_wait_ = 0;  ///< refusals so far
  uint64_t bus_write_cycle_ = kNever, bus_write_bank_ = 0;
  // The next cycle to look at, results that wait, banks of the cycle before; banks of the slice
  // whose fetches begin in cycle masks_from_.
  uint64_t walk_cycle_ = 0, walk_banks_ = 0, walk_reads_ = 0, masks_from_ = kNever;
  std::vector<uint64_t> masks_;
  std::array<uint64_t, kCalibration.write_slots> walk_slots_ = {};
};

}  // namespace npugen::timing

// When a PE's commands run: tiles of MATMUL and WINDOW one by one, other commands as a whole; what
// each cycle is spent on; when its memories are free for the bus side.
#pragma once

#include <array>
#include <cstdint>
#include <limits>

#include "generator/config/npu_config.h"
#include "verif/estimate/calibration.h"
#include "verif/estimate/compute_plan.h"
#include "verif/estimate/front_end.h"

namespace npugen::estimate {

inline constexpr uint64_t kNever = std::numeric_limits<uint64_t>::max();

/// One PE. Times are cycles since the doorbell.
class PeTiming {
 public:
  PeTiming(const NpuConfig& config, const BankMap& banks, const Barriers& barriers);

  bool busy() const { return plan_ != nullptr; }
  /// Begins a command whose StStart is cycle `now`. Plan and header must outlive the command.
  void Start(const ComputePlan* plan, const HeaderFields* header, uint64_t now);
  /// The cycle of the next change that nobody asks for; kNever while idle or starved.
  uint64_t next_event() const { return next_; }
  /// Plays the change of cycle next_event(). True when the command is complete: `finished` is that
  /// cycle.
  bool Advance();
  /// The command waits for weights that it follows (`follow`).
  bool starved() const { return starved_; }
  /// Barriers count more in cycle `now`: a starved command may go on.
  void Wake(uint64_t now);
  /// Causes of the command's cycles, complete with the command.
  const Causes& causes() const { return causes_; }

  /// A bus word of `bytes` bytes for core memory asks in this cycle; false: it must ask again in
  /// the next. `row` is the same for words that can be gathered into one row.
  bool WriteCore(uint64_t now, uint64_t row, uint64_t bytes);
  /// The same for the word of PE memory at `address`. Writes of a cycle come before its read.
  bool WriteMemory(uint64_t now, uint64_t address);
  bool ReadMemory(uint64_t now, uint64_t address);

 private:
  void BeginTile(uint64_t now);
  void PlanTile();
  void PlanSlice(uint64_t now);
  void FinishTile(uint64_t end);
  /// Waits for the slice at tile_from_, which becomes its first grant.
  void AwaitSlice();
  /// Whether the rows of slice `slice` of the group's first tile are in core memory.
  bool Arrived(uint32_t slice) const;
  /// Fetch cycles of the tile's positions in a slice.
  double Fetches(const SliceCost& cost) const;
  uint64_t WholeCycles(double value);
  bool RowPortBusy(uint64_t now) const;
  void StealRow(uint64_t now);
  /// Banks of PE memory that compute uses in cycle `now`.
  uint64_t TakenBanks(uint64_t now);
  uint64_t VectorBanks(uint64_t cycle);

  const NpuConfig& config_;
  const BankMap& banks_;
  const Barriers& barriers_;
  const ComputePlan* plan_ = nullptr;
  const HeaderFields* header_ = nullptr;
  uint64_t next_ = kNever;
  uint64_t started_ = 0;
  Causes causes_ = {};
  bool ended_ = false;  ///< next_ is the cycle `finished`

  // MATMUL, WINDOW: loops
  uint64_t groups_left_ = 0, positions_left_ = 0;  ///< of the group, after the present tile
  uint32_t group_ = 0;
  int64_t column_ = 0;  ///< ox of the next tile's first position
  // the tile
  bool tile_running_ = false;
  uint64_t tile_size_ = 0;
  int64_t fresh_ = 0;       ///< positions that begin with a full window
  int64_t wrapped_ = 0;     ///< rows' first positions that slide on from the row before
  uint64_t tile_from_ = 0;  ///< first grant of the tile, or of the slice that is played alone
  double carry_ = 0;        ///< fetch cycles not yet charged
  // `follow`: slices are played one by one while rows are still to come
  bool slicing_ = false, starved_ = false;
  uint32_t slice_ = 0;
  uint64_t starved_from_ = 0;
  // weight slices, accumulator halves, drain
  bool granted_ = false;
  uint64_t slice_ready_ = 0;    ///< first cycle in which the next slice may be taken
  uint64_t half_free_[2] = {};  ///< first cycle in which a half may be used
  uint32_t half_ = 0;
  uint64_t records_valid_ = 0, drain_free_ = 0;
  uint64_t steal_from_ = 0, steal_to_ = 0;  ///< cycles in which records take the row port

  // Row port as the bus side sees it: busy until the first slice is there, then for the first rows
  // of every period.
  uint64_t rows_until_ = 0, pattern_from_ = 0, pattern_period_ = 1, pattern_rows_ = 0;
  bool loader_bound_ = false, slice_bound_ = false, more_slices_ = false;
  Cause lead_cause_ = kFill;
  // npu_row_writer
  bool row_held_ = false;
  uint64_t held_row_ = 0, held_bytes_ = 0, last_beat_ = 0;
  uint32_t core_wait_ = 0;
  // PE memory
  uint32_t write_wait_ = 0, read_wait_ = 0;  ///< refusals so far
  uint64_t bus_write_cycle_ = kNever, bus_write_bank_ = 0;
  // Vector operations: the next cycle to look at, results that wait, banks of the cycle before.
  uint64_t walk_cycle_ = 0, walk_banks_ = 0;
  std::array<uint64_t, kCalibration.write_slots> walk_slots_ = {};
};

}  // namespace npugen::estimate

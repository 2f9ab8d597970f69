// The sequencer's gates, the weight loader's rows and the drain's results as times of tiles.
#include "verif/estimate/pe_timing.h"

#include <algorithm>

#include "verif/estimate/calibration.h"

namespace npugen::estimate {

PeTiming::PeTiming(const NpuConfig& config, const BankMap& banks, const Barriers& barriers)
    : config_(config), banks_(banks), barriers_(barriers) {}

void PeTiming::Start(const ComputePlan* plan, const HeaderFields* header, uint64_t now) {
  plan_ = plan;
  header_ = header;
  started_ = now;
  causes_ = {};
  causes_[kFill] = 1;  // StStart
  tile_running_ = slicing_ = starved_ = granted_ = false;
  pattern_rows_ = 0;
  steal_from_ = steal_to_ = 0;
  walk_cycle_ = 0;
  walk_slots_.fill(0);
  if (!plan->is_array) {
    for (uint32_t i = 0; i < kCauses; ++i) causes_[i] += plan->fixed_causes[i];
    next_ = now + plan->fixed_cycles;
    ended_ = true;
    return;
  }
  ended_ = false;
  const ComputeFields& f = plan->fields;
  groups_left_ = static_cast<uint64_t>(std::max<int64_t>(f.groups, 1));
  positions_left_ = static_cast<uint64_t>(std::max<int64_t>(f.positions, 1));
  group_ = 0;
  column_ = 0;
  carry_ = 0;
  slice_ready_ = now + 1 + plan->record_rows + plan->slice_rows;
  records_valid_ = now + 1 + plan->record_rows + kCalibration.record_delay;
  half_free_[0] = half_free_[1] = 0;
  drain_free_ = 0;
  next_ = now + 1;
}

uint64_t PeTiming::WholeCycles(double value) {
  // Of a sum of averages; the rest stays for the next one.
  carry_ += value;
  const auto whole = static_cast<uint64_t>(std::max(carry_ + 1e-9, 0.0));
  carry_ -= static_cast<double>(whole);
  return whole;
}

double PeTiming::Fetches(const SliceCost& cost) const {
  const auto fresh = static_cast<double>(fresh_), wrapped = static_cast<double>(wrapped_);
  return cost.next * (static_cast<double>(tile_size_) - fresh - wrapped) + cost.wrapped * wrapped +
         cost.fresh * fresh;
}

bool PeTiming::Arrived(uint32_t slice) const {
  const uint32_t last =
      std::min(slice, plan_->weight_slices - 1);  // a second plane uses them again
  const uint64_t row = uint64_t{group_} * static_cast<uint64_t>(plan_->fields.weight_group_rows) +
                       plan_->gate_rows + uint64_t{last + 1} * plan_->slice_rows - 1;
  const auto before = static_cast<uint64_t>(header_->wait1_count);
  const uint64_t count = barriers_.count(header_->wait1_id);
  return count >= before && (count - before) / config_.core_row_bytes() >= row;
}

void PeTiming::BeginTile(uint64_t now) {
  const ComputeFields& f = plan_->fields;
  const bool first = positions_left_ == static_cast<uint64_t>(std::max<int64_t>(f.positions, 1));
  tile_size_ = std::min<uint64_t>(positions_left_, config_.accumulators);
  positions_left_ -= tile_size_;
  more_slices_ = positions_left_ != 0 || groups_left_ > 1;
  // Rows of the output that begin in the tile slide on from the row before. The tile's first
  // position needs a full window unless the window slides on from the tile before.
  const auto width = std::max<int64_t>(f.out_w, 1);
  const auto size = static_cast<int64_t>(tile_size_);
  wrapped_ = (column_ + size + width - 1) / width - (column_ + width - 1) / width;
  fresh_ = first || !plan_->slides_over_tiles ? 1 : 0;
  if (fresh_ != 0 && column_ == 0) --wrapped_;
  column_ = (column_ + size) % width;

  tile_from_ = now;
  if (f.drain != 0 && half_free_[half_] > now) {
    causes_[kDrain] += half_free_[half_] - now;
    tile_from_ = half_free_[half_];
  }
  if (f.follow != 0 && !Arrived(plan_->slices - 1)) {
    slicing_ = true;
    slice_ = 0;
    PlanSlice(tile_from_);
  } else {
    PlanTile();
  }
}

void PeTiming::AwaitSlice() {
  rows_until_ = slice_ready_;
  slice_bound_ = slice_ready_ > tile_from_;
  if (slice_bound_) {
    lead_cause_ = granted_ ? kWeightPort : kFill;
    causes_[lead_cause_] += slice_ready_ - tile_from_;
    tile_from_ = slice_ready_;
  }
  granted_ = true;
}

void PeTiming::PlanSlice(uint64_t now) {
  const ComputePlan& plan = *plan_;
  tile_from_ = now;
  if (!Arrived(slice_)) {
    starved_ = true;
    starved_from_ = now;
    next_ = kNever;
    return;
  }
  AwaitSlice();
  const SliceCost& cost = plan.costs.size() == 1 ? plan.costs[0] : plan.costs[slice_];
  const uint64_t fetches = std::max(WholeCycles(Fetches(cost)), tile_size_);
  causes_[kCompute] += tile_size_;
  causes_[kActivationPort] += fetches - tile_size_;
  slice_ready_ = tile_from_ + plan.slice_rows;
  next_ = tile_from_ + fetches;
  if (++slice_ == plan.slices) {
    slicing_ = false;
    tile_running_ = true;
  } else if (tile_size_ == 1 && !cost.several && slice_ready_ <= next_) {
    ++causes_[kFill];  // the sum of a single position is not yet in its entry
    ++next_;
  }
  pattern_from_ = tile_from_;
  pattern_period_ = std::max<uint64_t>(next_ - tile_from_, plan.slice_rows);
  pattern_rows_ = plan.slice_rows;
  loader_bound_ = pattern_period_ <= plan.slice_rows;
}

void PeTiming::Wake(uint64_t now) {
  if (!Arrived(slice_)) return;
  starved_ = false;
  // Rows are compared with the count of the cycle before; the last one is requested then.
  causes_[kBarrier] += now + kCalibration.follow_delay - starved_from_;
  slice_ready_ = std::max(slice_ready_, now + kCalibration.follow_delay + 1);
  PlanSlice(now + kCalibration.follow_delay);
}

void PeTiming::PlanTile() {
  const ComputePlan& plan = *plan_;
  AwaitSlice();
  const uint64_t start = tile_from_;
  const uint64_t rows = plan.slice_rows;
  uint64_t at = start, wait = 0, hazards = 0, grants = 0;
  const auto gap = [&](uint64_t fetches, bool several) {
    // From a slice's first grant to the next one's: its fetches (one cycle more where the sum of a
    // single position is not yet in its entry), or the rows of the next slice.
    const uint64_t compute = fetches + (tile_size_ == 1 && !several ? 1 : 0);
    uint64_t load = rows;
    if (steal_to_ > at && steal_from_ < at + load) load += steal_to_ - std::max(steal_from_, at);
    if (load > fetches) {
      wait += load - fetches;
      if (compute > load) hazards += compute - load;
    } else {
      hazards += compute - fetches;
    }
    return std::max(compute, load);
  };
  uint64_t last = 0;  // grants of the last slice
  if (plan.costs.size() == 1) {
    const double each = Fetches(plan.costs[0]);
    const bool several = plan.costs[0].several;
    uint64_t gaps = plan.slices - 1;
    // One by one as long as records take the row port, the rest at once.
    for (; gaps != 0 && at < steal_to_; --gaps) {
      const uint64_t fetches = WholeCycles(each);
      at += gap(fetches, several);
      grants += fetches;
    }
    if (gaps != 0) {
      const uint64_t fetches = WholeCycles(each * static_cast<double>(gaps));
      const uint64_t before_wait = wait, before_hazards = hazards;
      at += (gap(fetches / gaps, several) - fetches / gaps) * gaps + fetches;
      grants += fetches;
      wait += (wait - before_wait) * (gaps - 1);
      hazards += (hazards - before_hazards) * (gaps - 1);
    }
    last = WholeCycles(each);
  } else {
    for (size_t k = 0; k < plan.costs.size(); ++k) {
      const SliceCost& cost = plan.costs[k];
      const uint64_t fetches = WholeCycles(Fetches(cost));
      if (k + 1 == plan.costs.size()) {
        last = fetches;
        break;
      }
      at += gap(fetches, cost.several);
      grants += fetches;
    }
  }
  last = std::max(last, tile_size_);
  grants += last;
  const uint64_t sums = tile_size_ * plan.slices;
  causes_[kCompute] += sums;
  causes_[kActivationPort] += grants > sums ? grants - sums : 0;
  causes_[kWeightPort] += wait;
  causes_[kFill] += hazards;

  uint64_t load = rows;
  if (steal_to_ > at && steal_from_ < at + load) load += steal_to_ - std::max(steal_from_, at);
  slice_ready_ = at + load;
  next_ = at + last;  // the cycle after the last grant
  tile_running_ = true;

  pattern_from_ = start;
  pattern_period_ = std::max<uint64_t>(
      1, plan.slices > 1 ? (at - start) / (plan.slices - 1) : std::max<uint64_t>(last, rows));
  pattern_rows_ = rows;
  loader_bound_ = plan.slices > 1 ? pattern_period_ <= rows : last <= rows;
}

void PeTiming::FinishTile(uint64_t end) {
  // `end` is the cycle of the last grant.
  const ComputeFields& f = plan_->fields;
  tile_running_ = false;
  if (f.drain == 0) {
    drain_free_ = end;
  } else {
    const int64_t group_channels = std::max<int64_t>(f.group_channels, 1);
    const int64_t left = f.channels - static_cast<int64_t>(group_) * group_channels;
    const int64_t channels = std::clamp<int64_t>(left, 1, group_channels);
    const uint64_t width = config_.post_width;
    const uint64_t most = (config_.pe_lanes() + width - 1) / width;
    // Codes of two planes are two writes each.
    const uint64_t chunks =
        std::min<uint64_t>((static_cast<uint64_t>(channels) + width - 1) / width, most) *
        (f.thresholds == 3 ? 2 : 1);
    const uint64_t first = std::max({end + kCalibration.drain_delay, drain_free_, records_valid_});
    const uint64_t done = first + tile_size_ * chunks;  // the cycle after the last issue
    half_free_[half_] = done;
    half_ ^= 1;
    drain_free_ = done;
    if (positions_left_ == 0 && groups_left_ > 1) {
      steal_from_ = done;
      steal_to_ = done + plan_->record_rows;
      records_valid_ = steal_to_ + kCalibration.record_delay;
    }
  }
  if (positions_left_ == 0) {
    --groups_left_;
    ++group_;
    column_ = 0;
    positions_left_ = static_cast<uint64_t>(std::max<int64_t>(f.positions, 1));
  }
  if (groups_left_ != 0) return;
  ended_ = true;
  if (f.drain != 0) {
    // Drain until its last result has left, then the way to memory.
    const uint64_t finished = drain_free_ - 1 + kCalibration.finish_after_result;
    causes_[kDrain] += drain_free_ - end;
    causes_[kFill] += finished - drain_free_;
    next_ = finished;
  } else {
    causes_[kFill] += kCalibration.finish_after_grant;
    next_ = end + kCalibration.finish_after_grant;
  }
}

bool PeTiming::Advance() {
  if (ended_) {
    plan_ = nullptr;
    next_ = kNever;
    pattern_rows_ = 0;
    tile_running_ = false;
    return true;
  }
  if (tile_running_) FinishTile(next_ - 1);
  if (slicing_) {
    PlanSlice(next_);
  } else if (!ended_) {
    BeginTile(next_);
  }
  return false;
}

bool PeTiming::RowPortBusy(uint64_t now) const {
  if (plan_ == nullptr || !plan_->is_array) return false;
  if (now >= steal_from_ && now < steal_to_) return true;
  if ((!tile_running_ && !slicing_) || ended_ || starved_) return false;
  if (now < pattern_from_) return now < rows_until_;
  const uint64_t since = now - pattern_from_;
  if (tile_running_ && !more_slices_ && since / pattern_period_ + 1 >= plan_->slices) return false;
  return since % pattern_period_ < pattern_rows_;
}

void PeTiming::StealRow(uint64_t now) {
  // The loader's row waits for a cycle. That delays the tile if it waits for its first slice, or if
  // rows take longer than fetches.
  if (starved_) return;  // nothing runs that it could delay
  const bool lead = now + 1 < pattern_from_;
  if ((tile_running_ || slicing_) && (lead ? slice_bound_ : loader_bound_)) {
    ++pattern_from_;
    ++rows_until_;
    ++next_;
    ++slice_ready_;
    ++causes_[lead ? lead_cause_ : kWeightPort];
  }
}

bool PeTiming::WriteCore(uint64_t now, uint64_t row, uint64_t bytes) {
  const uint64_t row_bytes = config_.core_row_bytes();
  const bool gathers = row_bytes != config_.axi_bytes();
  if (row_held_) {
    // In cycles without a beat the row is written when the port is free, or at last anyway.
    for (uint64_t cycle = last_beat_ + 1; cycle < now; ++cycle) {
      const bool busy = RowPortBusy(cycle);
      if (busy && core_wait_ < kCalibration.bus_max_wait) {
        ++core_wait_;
        continue;
      }
      if (busy) StealRow(cycle);
      row_held_ = false;
      core_wait_ = 0;
      break;
    }
  }
  last_beat_ = now;
  if (gathers && (!row_held_ || row == held_row_)) {
    held_bytes_ = row_held_ ? held_bytes_ + bytes : bytes;
    held_row_ = row;
    row_held_ = true;
    core_wait_ = 0;
    return true;
  }
  // The row before, or where nothing is gathered the beat itself, must be written now.
  if (RowPortBusy(now)) {
    const bool whole = gathers && held_bytes_ >= row_bytes;
    if (!whole && core_wait_ < kCalibration.bus_max_wait) {
      ++core_wait_;
      return false;
    }
    StealRow(now);
  }
  core_wait_ = 0;
  if (gathers) {
    held_row_ = row;
    held_bytes_ = bytes;
    row_held_ = true;
  }
  return true;
}

uint64_t PeTiming::VectorBanks(uint64_t cycle) {
  // Only cycles in which the bus asks count, and what waits then came shortly before.
  constexpr uint64_t kSettle = 16;
  if (cycle + 1 < walk_cycle_ || cycle >= walk_cycle_ + 2 * kSettle) {
    walk_cycle_ = cycle < kSettle ? 0 : cycle - kSettle;
    walk_slots_.fill(0);
  }
  for (; walk_cycle_ <= cycle; ++walk_cycle_) {
    const VectorAccesses::Step step = plan_->accesses.At(walk_cycle_);
    walk_banks_ =
        step.fetch == VectorAccesses::kNone ? 0 : FetchBanks(config_, banks_, *plan_, step.fetch);
    // As npu_pe_memory: the last slot that can leave, and the last free one for the next result.
    uint64_t* free_slot = nullptr;
    uint64_t* leaving = nullptr;
    for (uint64_t& slot : walk_slots_) {
      if (slot == 0) free_slot = &slot;
      if (slot != 0 && (slot & walk_banks_) == 0) leaving = &slot;
    }
    if (leaving != nullptr) {
      walk_banks_ |= *leaving;
      *leaving = 0;
    }
    if (step.result != VectorAccesses::kNone && free_slot != nullptr) {
      *free_slot = ResultBanks(config_, banks_, *plan_, step.result);
    }
  }
  return walk_banks_;
}

uint64_t PeTiming::TakenBanks(uint64_t now) {
  if (plan_ == nullptr) return 0;
  if (!plan_->accesses.empty()) {
    const uint64_t first = started_ + 1 + plan_->vectors_from;
    return now < first ? 0 : VectorBanks(now - first);
  }
  return plan_->bank_pattern.empty() ? 0 : plan_->bank_pattern[(now - started_) % kPatternCycles];
}

bool PeTiming::WriteMemory(uint64_t now, uint64_t address) {
  const uint64_t bank = banks_.Mask(address);
  if (write_wait_ < kCalibration.bus_max_wait && (TakenBanks(now) & bank) != 0) {
    ++write_wait_;
    return false;
  }
  write_wait_ = 0;
  bus_write_cycle_ = now;
  bus_write_bank_ = bank;
  return true;
}

bool PeTiming::ReadMemory(uint64_t now, uint64_t address) {
  const uint64_t bank = banks_.Mask(address);
  const bool written = bus_write_cycle_ == now && bus_write_bank_ == bank;
  if (read_wait_ < kCalibration.bus_max_wait && (written || (TakenBanks(now) & bank) != 0)) {
    ++read_wait_;
    return false;
  }
  read_wait_ = 0;
  return true;
}

}  // namespace npugen::estimate

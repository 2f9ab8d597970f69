// SPDX-License-Identifier: Apache-2.0
// The sequencer's gates, the weight loader's rows and the drain's results as times of tiles.
#include "sw/timing/pe_timing.h"

#include <algorithm>

#include "sw/timing/calibration.h"

namespace npugen::timing {
namespace {

/// After a word for core memory, tiles that begin within so many cycles are played slice by slice
/// at once: others are likely to follow. The result does not depend on it.
constexpr uint64_t kSingleCycles = 32;

}  // namespace

PeTiming::PeTiming(const NpuConfig& config, const BankMap& banks, const Barriers& barriers)
    : config_(config), banks_(banks), barriers_(barriers) {}

void PeTiming::Start(const ComputePlan* plan, const HeaderFields* header, uint64_t now) {
  plan_ = plan;
  header_ = header;
  started_ = now;
  at_ = Moment();
  at_.causes[kFill] = 1;  // StStart
  skimmed_ = false;
  walk_cycle_ = 0;
  walk_slots_.fill(0);
  drains_.clear();
  first_records_from_ = first_records_to_ = now + 1;
  if (!plan->is_array) {
    for (uint32_t i = 0; i < kCauses; ++i) at_.causes[i] += plan->fixed_causes[i];
    at_.next = now + plan->fixed_cycles;
    return;
  }
  const ComputeFields& f = plan->fields;
  pace_ = f.affine != 0     ? (f.affine_residual == 0 ? kCalibration.value_pace
                               : f.affine_pool != 0   ? kCalibration.value_mean_pace
                                                      : kCalibration.value_addition_pace)
          : f.residual != 0 ? kCalibration.addition_pace
                            : 1;
  if (f.format_a != 0) {
    const auto channels = static_cast<uint64_t>(std::max<int64_t>(f.group_channels, 1));
    const uint64_t width = config_.float_width();
    pace_ = (std::min<uint64_t>(channels, config_.post_width) + width - 1) / width *
            (f.float_cast != 0 ? 2 : 1);
  }
  groups_left_ = static_cast<uint64_t>(std::max<int64_t>(f.groups, 1));
  positions_left_ = static_cast<uint64_t>(std::max<int64_t>(f.positions, 1));
  group_ = 0;
  column_ = 0;
  first_records_to_ += plan->record_rows;
  records_before_ = first_records_to_ + kCalibration.record_delay;
  free_before_ = 0;
  half_free_[0] = half_free_[1] = 0;
  PlanDrains();
  at_.state = State::kBegin;
  at_.next = now + 1 + kCalibration.fetch_ahead;
  at_.causes[kFill] += kCalibration.fetch_ahead;
  at_.slice = plan->slices;  // as behind a tile of the group before
  LoadSlice(now + 1);
}

uint64_t PeTiming::WholeCycles(double value) {
  // Of a sum of averages; the rest stays for the next one.
  at_.carry += value;
  const auto whole = static_cast<uint64_t>(std::max(at_.carry + 1e-9, 0.0));
  at_.carry -= static_cast<double>(whole);
  return whole;
}

double PeTiming::Fetches(const SliceCost& cost) const {
  const auto fresh = static_cast<double>(fresh_ + whole_), wrapped = static_cast<double>(wrapped_);
  return cost.next * (static_cast<double>(tile_size_) - fresh - wrapped) + cost.wrapped * wrapped +
         cost.fresh * fresh;
}

uint64_t PeTiming::ArrivedRows(uint32_t group, uint32_t slice) const {
  const uint32_t same =
      std::min(slice, plan_->weight_slices - 1);  // a second plane uses them again
  const uint64_t first = uint64_t{group} * static_cast<uint64_t>(plan_->fields.weight_group_rows) +
                         plan_->gate_rows + uint64_t{same} * plan_->slice_rows;
  const auto before = static_cast<uint64_t>(header_->wait1_count);
  const uint64_t count = barriers_.count(header_->wait1_id);
  if (count < before) return 0;
  const uint64_t rows = (count - before) / config_.core_row_bytes() + 1;
  return std::min<uint64_t>(rows - std::min(rows, first), plan_->slice_rows);
}

uint64_t PeTiming::FreeCycles(uint64_t from, uint64_t to) const {
  if (to <= from) return 0;
  uint64_t free = to - from;
  const auto records = [&](uint64_t begin, uint64_t behind) {
    begin = std::max(begin, from);
    behind = std::min(behind, to);
    if (behind > begin) free -= behind - begin;
  };
  records(first_records_from_, first_records_to_);
  for (const Drain& drain : drains_) records(drain.records_from, drain.records_done);
  return free;
}

void PeTiming::BeginTile(uint64_t now) {
  const ComputeFields& f = plan_->fields;
  const bool first = positions_left_ == static_cast<uint64_t>(std::max<int64_t>(f.positions, 1));
  tile_size_ = std::min<uint64_t>(positions_left_, config_.accumulators);
  positions_left_ -= tile_size_;
  // Rows of the output that begin in the tile slide on from the row before. The tile's first
  // position needs a full window unless the window slides on from the tile before.
  const auto width = std::max<int64_t>(f.out_w, 1);
  const auto size = static_cast<int64_t>(tile_size_);
  wrapped_ = (column_ + size + width - 1) / width - (column_ + width - 1) / width;
  fresh_ = first || !plan_->slides_over_tiles ? 1 : 0;
  if (fresh_ != 0 && column_ == 0) --wrapped_;
  column_ = (column_ + size) % width;
  // The second row of a group begins with a full window: npu_fetch_walker learns from the first
  // one.
  const int64_t second_row = width - FirstPosition();
  whole_ = wrapped_ > 0 && second_row >= (fresh_ != 0 ? 1 : 0) && second_row < size ? 1 : 0;
  wrapped_ -= whole_;

  at_.slice = 0;
  if (f.drain != 0 && half_free_[half_] > now) {
    at_.state = State::kHalf;
    at_.wait_from = now;
    at_.next = half_free_[half_];
  } else {
    WantSlice(now);
  }
  const bool more_groups = positions_left_ == 0 && groups_left_ > 1;
  const bool all_there =
      f.follow == 0 || (!at_.load_starved && Arrived(group_, plan_->slices - 1) &&
                        (!more_groups || Arrived(group_ + 1, 0)));
  if (all_there && now >= single_until_) Skim();
}

void PeTiming::WantSlice(uint64_t now) {
  if (at_.slice_ready <= now) {
    BeginSlice(now);
    return;
  }
  at_.state = State::kSlice;
  at_.wait_from = now;
  at_.next = at_.slice_ready;
}

void PeTiming::BeginSlice(uint64_t now) {
  const ComputePlan& plan = *plan_;
  const SliceCost& cost = plan.costs.size() == 1 ? plan.costs[0] : plan.costs[at_.slice];
  uint64_t fetches = 0;
  if (plan.counted) {
    ListReads(now, at_.slice);
    fetches = masks_.size();
  } else {
    fetches = std::max(WholeCycles(Fetches(cost)), tile_size_);
  }
  at_.causes[kCompute] += tile_size_;
  at_.causes[kActivationPort] += fetches - tile_size_;
  at_.granted = true;
  at_.state = State::kFetch;
  at_.next = now + fetches;
  at_.fetch_from = now;
  ++at_.slice;
  LoadSlice(now);
}

uint64_t PeTiming::LoadEnd() const {
  const uint64_t from = at_.load_from;
  uint64_t end = from + at_.load_cycles;
  const auto records = [&](uint64_t begin, uint64_t behind) {
    if (behind > from && begin < end) end += behind - std::max(begin, from);
  };
  records(first_records_from_, first_records_to_);
  for (const Drain& drain : drains_) records(drain.records_from, drain.records_done);
  return end;
}

void PeTiming::LoadSlice(uint64_t now) {
  const bool same_tile = at_.slice < plan_->slices;
  const bool same_group = same_tile || positions_left_ != 0;
  at_.loading = same_group || groups_left_ > 1;
  at_.load_starved = false;
  at_.slice_ready = 0;
  if (!at_.loading) return;
  at_.load_from = now;
  // A tile's gates come before its first slice, in core memory, too.
  const uint32_t gates = same_tile ? 0 : plan_->gate_rows;
  at_.load_cycles = plan_->slice_rows + gates;
  if (plan_->fields.follow != 0) {
    at_.load_there = ArrivedRows(same_group ? group_ : group_ + 1, same_tile ? at_.slice : 0);
    at_.load_starved = at_.load_there < plan_->slice_rows;
    at_.load_there += gates;
  }
  at_.slice_ready = at_.load_starved ? kNever : LoadEnd();
}

void PeTiming::Wake(uint64_t now) {
  const bool same_tile = at_.slice < plan_->slices;
  const bool same_group = same_tile || positions_left_ != 0;
  const uint64_t there = ArrivedRows(same_group ? group_ : group_ + 1, same_tile ? at_.slice : 0);
  // Rows are compared with the count of the cycle before. Those that were there until now are
  // loaded as far as records left them the port.
  const uint64_t request = now + kCalibration.follow_delay;
  const uint64_t loaded = std::min(at_.load_there, FreeCycles(at_.load_from, request));
  at_.load_cycles -= loaded;
  at_.load_there = there - (plan_->slice_rows - at_.load_cycles);
  at_.load_from = std::max(at_.load_from, request);
  at_.load_starved = there < plan_->slice_rows;
  if (at_.load_starved) return;
  at_.slice_ready = LoadEnd();
  if (at_.state != State::kSlice) return;
  at_.causes[kBarrier] += request - at_.wait_from;
  at_.wait_from = request;
  at_.next = at_.slice_ready;
}

void PeTiming::Step() {
  const uint64_t now = at_.next;
  switch (at_.state) {
    case State::kBegin:
      BeginTile(now);
      break;
    case State::kHalf:
      at_.causes[kDrain] += now - at_.wait_from;
      WantSlice(now);
      break;
    case State::kSlice:
      at_.causes[at_.granted ? kWeightPort : kFill] += now - at_.wait_from;
      BeginSlice(now);
      break;
    case State::kHazard:
      WantSlice(now);
      break;
    case State::kFetch:
      if (at_.slice == plan_->slices) {
        skimmed_ = false;
        FinishTile(now - 1);
        if (at_.state != State::kEnd) BeginTile(now);
      } else if (const uint64_t idle =
                     IdleCycles(plan_->costs[plan_->costs.size() == 1 ? 0 : at_.slice].at_once);
                 idle > 0 && at_.slice_ready < now + idle) {
        const uint64_t wait = now + idle - std::max(at_.slice_ready, now);
        at_.causes[kFill] += wait;
        at_.causes[kWeightPort] += idle - wait;
        at_.state = State::kHazard;
        at_.next = now + idle;
      } else {
        WantSlice(now);
      }
      break;
    case State::kEnd:
      break;
  }
}

void PeTiming::Skim() {
  tile_begin_ = at_;
  skimmed_ = true;
  const ComputePlan& plan = *plan_;
  while (at_.state != State::kFetch || at_.slice != plan.slices) {
    const uint64_t rest = plan.slices - at_.slice;
    const bool records = first_records_to_ > at_.load_from ||
                         (!drains_.empty() && drains_.back().records_done > at_.load_from);
    if (at_.state != State::kFetch || plan.costs.size() != 1 || plan.counted || records ||
        rest < 3) {
      Step();
      continue;
    }
    // Slices that cost the same: all but the last of them at once.
    const uint64_t slices = rest - 1;
    const uint64_t hazard = IdleCycles(plan.costs[0].at_once);
    const uint64_t fetches = std::max(
        WholeCycles(Fetches(plan.costs[0]) * static_cast<double>(slices)), tile_size_ * slices);
    const uint64_t each = fetches / slices + hazard;
    const uint64_t rows = plan.slice_rows;
    // The slice that runs waits, too, before the first of them begins.
    const uint64_t begin = std::max(at_.next + hazard, at_.slice_ready);
    const uint64_t loads = at_.slice_ready - std::min(at_.slice_ready, at_.next);
    at_.causes[kWeightPort] += loads;
    at_.causes[kFill] += begin - at_.next - loads;
    const uint64_t gap = std::max(each, rows);
    const uint64_t waits = slices - 1;  // the last of them is left running
    at_.causes[kCompute] += tile_size_ * slices;
    // What is left of a division is behind the loads of weights where these take longer.
    const uint64_t left = rows > fetches / slices ? 0 : fetches % slices;
    at_.causes[kActivationPort] += (fetches / slices - tile_size_) * slices + left;
    const uint64_t hidden = std::min(hazard, rows - std::min(rows, fetches / slices));
    if (rows > fetches / slices) {
      at_.causes[kWeightPort] += (rows - fetches / slices) * waits;
    }
    at_.causes[kFill] += (hazard - hidden) * waits;
    const uint64_t last = begin + gap * waits + left;
    at_.slice += static_cast<uint32_t>(slices);
    at_.state = State::kFetch;
    at_.next = last + fetches / slices;
    at_.fetch_from = last;
    LoadSlice(last);
  }
}

void PeTiming::Unskim(uint64_t now) {
  single_until_ = now + kSingleCycles;
  if (skimmed_) {
    at_ = tile_begin_;
    skimmed_ = false;
  }
  while (at_.state != State::kEnd && at_.next <= now) Step();
}

void PeTiming::PlanDrains() {
  uint64_t valid = records_before_;
  drain_free_ = free_before_;
  uint64_t gap = pace_ - 1;  // behind the last result of the drain before
  for (Drain& drain : drains_) {
    drain.done = std::max({drain.ready, drain_free_ + gap, valid}) + drain.length;
    // Results of several parts keep their half and records until the last one has entered.
    drain.records_from = drain.done + drain.last - 1;
    drain.records_done =
        drain.records_from + (drain.records ? plan_->record_rows + drain.extra : 0);
    if (drain.records) valid = drain.records_done + kCalibration.record_delay;
    drain_free_ = drain.done;
    half_free_[drain.half] = drain.done + (drain.last > 1 ? drain.last : 0);
    if (plan_->fields.format_a != 0) gap = drain.last - 1;
  }
}

uint64_t PeTiming::Finished() const {
  // Drain until its last result has left, then the way to memory.
  return plan_->fields.drain != 0 ? drain_free_ - 1 + kCalibration.finish_after_result + Later() -
                                        Sooner() + (drains_.empty() ? 0 : drains_.back().last - 1)
                                  : last_grant_ + kCalibration.finish_after_grant;
}

void PeTiming::FinishTile(uint64_t end) {
  // `end` is the cycle of the last grant.
  const ComputeFields& f = plan_->fields;
  last_grant_ = end;
  if (f.drain != 0) {
    const int64_t group_channels = std::max<int64_t>(f.group_channels, 1);
    const int64_t left = f.channels - static_cast<int64_t>(group_) * group_channels;
    const int64_t channels = std::clamp<int64_t>(left, 1, group_channels);
    const uint64_t width = config_.post_width;
    const uint64_t most = (config_.pe_lanes() + width - 1) / width;
    // Codes of two planes are two writes each.
    const uint64_t chunks =
        std::min<uint64_t>((static_cast<uint64_t>(channels) + width - 1) / width, most) *
        (f.thresholds == 3 ? 2 : 1);
    const uint64_t past = at_.loading ? std::min(end, at_.load_from) : end;
    while (!drains_.empty() && drains_.front().records_done <= past) {
      const Drain& gone = drains_.front();
      free_before_ = gone.done;
      if (gone.records) records_before_ = gone.records_done + kCalibration.record_delay;
      drains_.erase(drains_.begin());
    }
    const bool records = positions_left_ == 0 && groups_left_ > 1;
    uint64_t length = (tile_size_ * chunks - 1) * pace_ + 1, last = 1;
    if (f.format_a != 0) {
      // Parts of all chunks of a position; those of the last one enter behind its issue.
      const uint64_t passes = f.float_cast != 0 ? 2 : 1, each = config_.float_width();
      const uint64_t parts = (static_cast<uint64_t>(channels) + each - 1) / each;
      last = parts - (chunks - 1) * (width / each);
      length = tile_size_ * parts * passes - last + 1;
    }
    drains_.push_back({end + kCalibration.drain_delay + config_.lane_stages, length, half_, group_,
                       FirstPosition(), chunks, records, 0, last, 0, 0, 0});
    PlanDrains();
    half_ ^= 1;
    if (at_.loading && !at_.load_starved && at_.slice_ready > end) at_.slice_ready = LoadEnd();
  }
  if (positions_left_ == 0) {
    --groups_left_;
    ++group_;
    column_ = 0;
    positions_left_ = static_cast<uint64_t>(std::max<int64_t>(f.positions, 1));
  }
  if (groups_left_ != 0) return;
  at_.state = State::kEnd;
  at_.next = Finished();
}

bool PeTiming::Advance() {
  if (at_.state != State::kEnd) {
    Step();
    return false;
  }
  if (plan_->is_array) {
    const uint64_t drained = plan_->fields.drain != 0 ? drain_free_ : last_grant_;
    at_.causes[kDrain] += drained - last_grant_;
    at_.causes[kFill] += at_.next - drained;
  }
  plan_ = nullptr;
  return true;
}

bool PeTiming::ReadsRecords(uint64_t now, Drain** drain) {
  *drain = nullptr;
  if (now >= first_records_from_ && now < first_records_to_) return true;
  for (Drain& one : drains_) {
    if (now < one.records_from || now >= one.records_done) continue;
    *drain = &one;
    return true;
  }
  return false;
}

bool PeTiming::RowPortBusy(uint64_t now) {
  if (plan_ == nullptr || !plan_->is_array) return false;
  Unskim(now);
  Drain* drain = nullptr;
  return ReadsRecords(now, &drain) ||
         (at_.loading && !at_.load_starved && now >= at_.load_from && now < at_.slice_ready);
}

void PeTiming::StealRow(uint64_t now) {
  // Records, and the loader's rows behind them, come a cycle later.
  const bool loads = at_.loading && !at_.load_starved && now < at_.slice_ready;
  Drain* drain = nullptr;
  if (ReadsRecords(now, &drain)) {
    if (drain != nullptr) {
      ++drain->extra;
    } else {
      ++first_records_to_;
      ++records_before_;
    }
    PlanDrains();
  } else if (loads && now >= at_.load_from) {
    ++at_.load_cycles;
  }
  if (loads) at_.slice_ready = LoadEnd();
  if (at_.state == State::kSlice) at_.next = at_.slice_ready;
  if (at_.state == State::kHalf) at_.next = half_free_[half_];
  if (at_.state == State::kEnd) at_.next = Finished();
}

bool PeTiming::SettleRow(uint64_t now) {
  if (!row_held_ || last_beat_ == now) return row_held_;
  const bool busy = RowPortBusy(now);
  if (busy && core_wait_ < kCalibration.bus_max_wait) {
    ++core_wait_;
    return true;
  }
  if (busy) StealRow(now);
  row_held_ = false;
  core_wait_ = 0;
  return false;
}

bool PeTiming::WriteCore(uint64_t now, uint64_t row, uint64_t bytes) {
  const uint64_t row_bytes = config_.core_row_bytes();
  const bool gathers = row_bytes != config_.axi_bytes();
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

int64_t PeTiming::FirstPosition() const {
  return std::max<int64_t>(plan_->fields.positions, 1) -
         static_cast<int64_t>(positions_left_ + tile_size_);
}

void PeTiming::ListReads(uint64_t now, uint32_t slice) {
  masks_from_ = now;
  TileSlice tile;
  tile.group = group_;
  tile.slice = slice;
  tile.first = FirstPosition();
  tile.size = static_cast<int64_t>(tile_size_);
  tile.fresh = fresh_ != 0;
  ReadBanks(config_, banks_, *plan_, tile, &masks_);
}

VectorAccesses::Step PeTiming::VectorStep(uint64_t cycle) const {
  const uint64_t first = started_ + 1 + plan_->vectors_from;
  return cycle < first ? VectorAccesses::Step() : plan_->accesses.At(cycle - first);
}

uint64_t PeTiming::ReadsAt(uint64_t cycle) {
  if (!plan_->is_array) {
    const uint64_t fetch = VectorStep(cycle).fetch;
    return fetch == VectorAccesses::kNone ? 0 : FetchBanks(config_, banks_, *plan_, fetch);
  }
  if (at_.state != State::kFetch || cycle < at_.fetch_from) return 0;
  if (masks_from_ != at_.fetch_from) ListReads(at_.fetch_from, at_.slice - 1);
  const uint64_t since = cycle - at_.fetch_from;
  return since < masks_.size() ? masks_[since] : 0;
}

uint64_t PeTiming::ResultAt(uint64_t cycle) {
  if (!plan_->is_array) {
    const uint64_t result = VectorStep(cycle).result;
    return result == VectorAccesses::kNone ? 0 : ResultBanks(config_, banks_, *plan_, result);
  }
  for (const Drain& drain : drains_) {
    const uint64_t first =
        drain.done - drain.length + kCalibration.result_delay + Later() - Sooner();
    if (cycle < first || cycle >= first + drain.length || (cycle - first) % pace_ != 0) continue;
    const uint64_t result = (cycle - first) / pace_;
    return ChunkBanks(config_, banks_, *plan_, drain.group,
                      drain.first + static_cast<int64_t>(result / drain.chunks),
                      result % drain.chunks);
  }
  return 0;
}

uint64_t PeTiming::TakenBanks(uint64_t now) {
  if (plan_ == nullptr) return 0;
  if (plan_->is_array) {
    Unskim(now);
  } else if (plan_->accesses.empty()) {
    return 0;
  }
  // Only cycles in which the bus asks count, and what waits then came shortly before.
  constexpr uint64_t kSettle = 12;
  if (now + 1 < walk_cycle_ || now >= walk_cycle_ + 2 * kSettle) {
    walk_cycle_ = std::max(started_, now - std::min(now, kSettle));
    walk_slots_.fill(0);
  }
  for (; walk_cycle_ <= now; ++walk_cycle_) {
    walk_banks_ = walk_reads_ = ReadsAt(walk_cycle_);
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
    const uint64_t result = ResultAt(walk_cycle_);
    if (result != 0 && free_slot != nullptr) *free_slot = result;
  }
  // The bus goes before writes.
  return walk_reads_;
}

void PeTiming::DelayFetches(uint64_t now) {
  if (!plan_->is_array) {
    ++started_;
    ++at_.next;
    ++at_.causes[kActivationPort];
  } else if (at_.state == State::kFetch && now >= at_.fetch_from) {
    ++at_.fetch_from;
    ++masks_from_;
    ++at_.next;
    ++at_.causes[kActivationPort];
  }
}

bool PeTiming::WriteMemory(uint64_t now, uint64_t address) {
  const uint64_t bank = banks_.Mask(address);
  if ((TakenBanks(now) & bank) != 0) {
    if (write_wait_ < kCalibration.bus_max_wait) {
      ++write_wait_;
      return false;
    }
    if ((walk_reads_ & bank) != 0) DelayFetches(now);
  }
  write_wait_ = 0;
  bus_write_cycle_ = now;
  bus_write_bank_ = bank;
  return true;
}

bool PeTiming::ReadMemory(uint64_t now, uint64_t address) {
  const uint64_t bank = banks_.Mask(address);
  const bool written = bus_write_cycle_ == now && bus_write_bank_ == bank;
  const bool taken = (TakenBanks(now) & bank) != 0;
  if (written || taken) {
    if (read_wait_ < kCalibration.bus_max_wait) {
      ++read_wait_;
      return false;
    }
    if (taken && (walk_reads_ & bank) != 0) DelayFetches(now);
  }
  read_wait_ = 0;
  return true;
}

}  // namespace npugen::timing

// SPDX-License-Identifier: Apache-2.0
// Each Tick() goes from the end of an engine's pipeline to its beginning, so that what a stage
// makes in a cycle is seen by the next stage in the following one, as with registers.
#include "sw/timing/dma_timing.h"

#include <algorithm>
#include <bit>

#include "sw/timing/calibration.h"

namespace npugen::timing {

// ---- Runs ----

uint64_t SwizzledWord(int64_t mode, uint64_t address, uint64_t bus_bytes) {
  const uint64_t flips = (address >> 7 & ((uint64_t{1} << mode) - 1)) << 4;
  return address ^ (flips & ~(bus_bytes - 1));
}

void RunLister::Take(const DmaFields& f, uint64_t now) {
  f_ = &f;
  held_ = true;
  valid_from_ = now + kCalibration.runs_setup + (f.im2col != 0 ? 1 : 0);
  const int64_t sizes[4] = {f.size1, f.size2, f.size3, f.size4};
  for (int d = 0; d < 4; ++d) {
    index_[d] = 0;
    counts_[d] = std::max<int64_t>(sizes[d], 1);
  }
  size = static_cast<uint64_t>(f.size0);
  left = 0;
  copied = size;
  if (with_bounds_ && f.bounds != 0) {
    const int64_t begin = std::max<int64_t>(-f.start0, 0);
    const int64_t end = std::min<int64_t>(f.size0, f.extent0 - f.start0);
    left = static_cast<uint64_t>(begin);
    copied = end > begin ? static_cast<uint64_t>(end - begin) : 0;
  }
  if (f.transpose != 0) {
    counts_[3] = (f.size0 + bus_bytes_ - 1) / bus_bytes_;
    PlacePiece();
    return;
  }
  if (f.im2col != 0) {
    for (int64_t& count : counts_) count = 1;
    counts_[0] = std::max<int64_t>(f.size1, 1);
    const int64_t starts[4] = {f.start1, f.start2, f.start3, f.start4};
    const int64_t levels[4] = {0, f.local_stride2, f.local_stride3, f.local_stride4};
    for (int d = 0; d < 4; ++d) {
      coordinate_[d] = starts[d];
      level_[d] = f.global_offset + static_cast<int64_t>(left) + levels[d];
    }
    PlacePixel();
    return;
  }
  Place();
}

void RunLister::PlacePiece() {
  const DmaFields& f = *f_;
  const int64_t strip = index_[3] * bus_bytes_;
  const int64_t side = bus_bytes_ >> f.element;
  int64_t begin = 0, end = std::min(f.size0 - strip, bus_bytes_);
  size = static_cast<uint64_t>(end);
  outside = false;
  if (f.bounds != 0) {
    begin = std::clamp<int64_t>(-f.start0 - strip, 0, end);
    end = std::clamp<int64_t>(f.extent0 - f.start0 - strip, begin, end);
    const int64_t starts[4] = {f.start1, f.start2, f.start3, f.start4};
    const int64_t steps[4] = {f.step1, f.step2, f.step3, 0};
    const int64_t extents[4] = {f.extent1, f.extent2, f.extent3, f.extent4};
    for (int d = 0; d < 4; ++d) {
      const int64_t x = starts[d] + (d < 3 ? index_[d] * std::max<int64_t>(steps[d], 1) : 0);
      outside = outside || x < 0 || x >= extents[d];
    }
  }
  left = static_cast<uint64_t>(begin);
  copied = static_cast<uint64_t>(end - begin);
  outside = outside || copied == 0;
  first = std::all_of(index_, index_ + 4, [](int64_t i) { return i == 0; });
  last = true;
  for (int d = 0; d < 4; ++d) last = last && index_[d] + 1 == counts_[d];
  const int64_t g = f.global_offset + strip + begin + index_[0] * f.global_stride1 +
                    index_[1] * f.global_stride2 + index_[2] * f.global_stride3;
  // As many words as there are pieces: the tile's columns, of a square tile.
  const int64_t column = (strip >> f.element) + index_[0] % side;
  const int64_t l = f.local_address + column * f.local_stride1 + index_[0] / side * bus_bytes_ +
                    index_[1] * f.local_stride2 + index_[2] * f.local_stride3;
  global = static_cast<uint64_t>(g) & 0xffffffff;
  local = static_cast<uint64_t>(l) & 0xffffffff;
}

void RunLister::PlacePixel() {
  const int64_t extents[4] = {f_->extent1, f_->extent2, f_->extent3, f_->extent4};
  outside = copied == 0;
  for (int d = 0; d < 4; ++d) {
    outside = outside || coordinate_[d] < 0 || coordinate_[d] >= extents[d];
  }
  first = index_[0] == 0;
  last = index_[0] + 1 == counts_[0];
  global = static_cast<uint64_t>(level_[0]) & 0xffffffff;
  local = static_cast<uint64_t>(f_->local_address + index_[0] * f_->local_stride1) & 0xffffffff;
}

void RunLister::NextPixel() {
  const int64_t steps[4] = {f_->step1, f_->step2, f_->step3, f_->step4};
  const int64_t strides[4] = {f_->global_stride1, f_->global_stride2, f_->global_stride3,
                              f_->global_stride4};
  const int64_t lows[3] = {f_->low1, f_->low2, f_->low3};
  const int64_t highs[3] = {f_->size2, f_->size3, f_->size4};
  ++index_[0];
  for (int d = 0; d < 4; ++d) {
    coordinate_[d] += std::max<int64_t>(steps[d], 1);
    level_[d] += strides[d];
    if (d < 3 && coordinate_[d] >= static_cast<int16_t>(highs[d])) continue;
    for (int inner = 0; inner < d; ++inner) {
      coordinate_[inner] = lows[inner];
      level_[inner] = level_[d];
    }
    break;
  }
  PlacePixel();
}

void RunLister::Place() {
  const int64_t global_strides[4] = {f_->global_stride1, f_->global_stride2, f_->global_stride3,
                                     f_->global_stride4};
  const int64_t local_strides[4] = {f_->local_stride1, f_->local_stride2, f_->local_stride3,
                                    f_->local_stride4};
  const int64_t starts[4] = {f_->start1, f_->start2, f_->start3, f_->start4};
  const int64_t extents[4] = {f_->extent1, f_->extent2, f_->extent3, f_->extent4};
  const int64_t steps[4] = {f_->step1, f_->step2, f_->step3, f_->step4};
  int64_t g = f_->global_offset + static_cast<int64_t>(left), l = f_->local_address;
  if (copies_only_) l += static_cast<int64_t>(left);
  outside = copied == 0;
  first = last = true;
  for (int d = 0; d < 4; ++d) {
    g += index_[d] * global_strides[d];
    l += index_[d] * local_strides[d];
    first = first && index_[d] == 0;
    last = last && index_[d] + 1 == counts_[d];
    if (with_bounds_ && f_->bounds != 0) {
      const int64_t x = starts[d] + index_[d] * std::max<int64_t>(steps[d], 1);
      outside = outside || x < 0 || x >= extents[d];
    }
  }
  global = static_cast<uint64_t>(g) & 0xffffffff;
  local = static_cast<uint64_t>(l) & 0xffffffff;
}

void RunLister::Next(uint64_t now) {
  if (last) {
    held_ = false;
    free_from_ = now + 1;
    return;
  }
  if (f_->im2col != 0) {
    NextPixel();
    return;
  }
  for (int d = 0; d < 4; ++d) {
    if (++index_[d] < counts_[d]) break;
    index_[d] = 0;
  }
  if (f_->transpose != 0) {
    PlacePiece();
  } else {
    Place();
  }
}

// ---- Realignment ----

void Realigner::Take(uint64_t address, uint64_t source_low, bool copies, uint64_t copy_first,
                     uint64_t copy_last, uint64_t last_byte) {
  const uint64_t low = address % bus_bytes_;
  const uint64_t from = copy_first + low, to = copy_last + low;
  const bool two_beats = source_low > from % bus_bytes_;
  const uint64_t rotation = (source_low - from) % bus_bytes_;  // a power of two: wraps rightly
  const uint64_t present_from = (bus_bytes_ - rotation) % bus_bytes_;
  const bool tail_beat = to % bus_bytes_ >= present_from;
  const bool one_word = from / bus_bytes_ == to / bus_bytes_;
  active_ = true;
  copies_ = copies;
  prime_ = copies && two_beats && (!one_word || tail_beat);
  tail_beat_ = tail_beat || (one_word && two_beats);
  word_ = 0;
  copy_word_ = from / bus_bytes_;
  copy_end_ = to / bus_bytes_;
  last_word_ = (last_byte + low) / bus_bytes_;
  first_byte_ = low;
  last_byte_ = last_byte + low;
}

void Realigner::Step(bool beat, bool room, bool* popped, bool* emitted, bool* ended) {
  *popped = *emitted = *ended = false;
  if (!active_) return;
  const bool copying = Copying();
  if (prime_ && !copying) {
    // The held beat may come while words of fill are made.
    if (beat) {
      *popped = true;
      prime_ = false;
    }
  } else if (prime_) {
    if (beat) {
      *popped = true;
      prime_ = false;
    }
    return;
  }
  const bool need = NeedBeat();
  if ((need && !beat) || !room) return;
  *popped = *popped || need;
  *emitted = true;
  const uint64_t begin = word_ == 0 ? first_byte_ : word_ * bus_bytes_;
  const uint64_t end = std::min(last_byte_ + 1, (word_ + 1) * bus_bytes_);
  word_bytes_ = end - begin;
  *ended = word_ == last_word_;
  if (*ended) active_ = false;
  ++word_;
}

// ---- Read channel ----

bool ReadChannel::Present(uint64_t now) {
  if (valid_ || bursts_.empty() || bursts_.front().due > now + 1) return false;
  Burst& burst = bursts_.front();
  valid_ = true;
  load_ = burst.load;
  last_ = --burst.left == 0;
  if (last_) bursts_.pop_front();
  return true;
}

// ---- LOAD ----

LoadEngine::LoadEngine(Surroundings* around, CommandQueue* queue)
    : around_(*around),
      queue_(*queue),
      bus_bytes_(around->config.axi_bytes()),
      runs_(true, false, around->config.axi_bytes()),
      realigner_(around->config.axi_bytes()) {}

bool LoadEngine::busy(uint64_t now) const {
  return !runs_.ready(now) || check_valid_ || !contexts_.empty() || realigner_.active() ||
         word_valid_ || (done_at_ != kNever && now <= done_at_);
}

bool LoadEngine::WriteWord(uint64_t now) {
  if (word_context_.nothing) return true;
  const DmaFields& f = word_context_.command->dma;
  const uint64_t row =
      word_address_ / around_.config.core_row_bytes() << 16 | static_cast<uint64_t>(f.core_mask);
  wrote_ = true;
  rows_held_ = rows_held_ || f.core_memory != 0;
  bool all = true;
  for (uint64_t left = pes_left_; left != 0; left &= left - 1) {
    const auto pe = static_cast<size_t>(std::countr_zero(left));
    PeTiming& target = around_.pes[pe];
    if (f.core_memory != 0 ? target.WriteCore(now, row, word_bytes_)
                           : target.WriteMemory(now, word_address_)) {
      pes_left_ &= ~(uint64_t{1} << pe);
    } else {
      all = false;
    }
  }
  return all;
}

void LoadEngine::SettleRows(uint64_t now) {
  if (!rows_held_) return;
  rows_held_ = false;
  for (PeTiming& pe : around_.pes) rows_held_ = pe.SettleRow(now) || rows_held_;
  moved_ = wrote_ = true;
}

void LoadEngine::TickWord(uint64_t now) {
  if (!word_valid_) return;
  moved_ = true;
  if (!WriteWord(now)) return;
  word_valid_ = false;
  const HeaderFields& header = word_context_.command->header;
  const bool end = word_last_ && word_last_run_;
  if (end) done_at_ = now + 1;
  if (header.signal_en == 0) return;
  if (word_context_.command->header.signal_bytes != 0) {
    if (!word_context_.nothing) {
      around_.barriers.Arrive(static_cast<uint32_t>(header.signal_id), word_bytes_,
                              now + kCalibration.dma_signal);
    }
  } else if (end) {
    around_.barriers.Arrive(static_cast<uint32_t>(header.signal_id), 1,
                            now + kCalibration.dma_signal);
  }
}

void LoadEngine::TickRealigner() {
  if (realigner_.active()) {
    const bool core = run_context_.command->dma.core_memory != 0;
    bool popped = false, emitted = false, ended = false;
    realigner_.Step(staged_[core] != 0, !word_valid_, &popped, &emitted, &ended);
    if (popped) {
      --staged_[core];
      --used_[core];
    }
    if (emitted) {
      word_valid_ = true;
      word_last_ = ended;
      word_last_run_ = run_last_;
      word_bytes_ = realigner_.word_bytes();
      word_address_ = SwizzledWord(run_context_.command->dma.swizzle,
                                   run_address_ + realigner_.word() * bus_bytes_, bus_bytes_);
      word_context_ = run_context_;
      const uint64_t pes = around_.config.pes();
      pes_left_ =
          static_cast<uint64_t>(run_context_.command->dma.pe_mask) & ((uint64_t{1} << pes) - 1);
    }
    moved_ = moved_ || popped || emitted;
  }
  // The oldest run begins when the waits of its command hold.
  if (!realigner_.active() && !run_queue_.empty() && released_ != begun_) {
    const Run run = run_queue_.front();
    run_queue_.pop_front();
    run_context_ = contexts_.front();
    run_last_ = run.last;
    run_address_ = run.destination / bus_bytes_ * bus_bytes_;
    const uint64_t size = std::max<uint64_t>(run_context_.nothing ? 1 : run.size, 1);
    realigner_.Take(run.destination, run.source_low, run.copies, run.left,
                    run.left + run.copied - (run.copied != 0), size - 1);
    if (run.last) {
      contexts_.pop_front();
      ++begun_;
    }
    moved_ = true;
  }
}

bool LoadEngine::Beat(bool last) {
  const bool core = bursts_.front();
  const uint64_t depth =
      core ? around_.config.parameter_entries : around_.config.activation_entries;
  if (staged_before_[core] > depth) return false;
  ++staged_[core];
  around_.bytes_read += bus_bytes_;
  if (last) bursts_.pop_front();
  return true;
}

void LoadEngine::ListRun() {
  if (!check_first_) return;
  check_run_.source_low = check_address_ % bus_bytes_;
  run_queue_.push_back(check_run_);
  check_first_ = false;
}

void LoadEngine::MemoryRead(uint64_t now) {
  ListRun();
  memory_reads_.push_back(now + kCalibration.memory_read_delay - 1);
  ++used_[check_core_];
  check_address_ = check_address_ / bus_bytes_ * bus_bytes_ + bus_bytes_;
  --check_beats_;
  wants_memory_ = false;
  if (check_beats_ != 0) return;
  check_valid_ = false;
  CheckRun(now);  // the next run follows without a gap
}

void LoadEngine::TickRequests(uint64_t now) {
  wants_memory_ = false;
  if (!check_valid_) return;
  const NpuConfig& config = around_.config;
  if (check_first_ && runs_queued_ >= config.axi_outstanding + kCalibration.load_extra_runs) {
    return;
  }
  if (!check_copies_) {
    ListRun();
    check_valid_ = false;
    moved_ = true;
    return;
  }
  const uint64_t depth = check_core_ ? config.parameter_entries : config.activation_entries;
  if (alone_) {
    if (used_before_[check_core_] >= depth) return;
    // The grant comes from outside.
    wants_memory_ = true;
    memory_address_ = check_address_;
    memory_pe_ = static_cast<uint32_t>(std::min<int64_t>(contexts_.back().command->dma.source_pe,
                                                         static_cast<int64_t>(config.pes()) - 1));
    return;
  }
  if (bursts_.size() >= config.axi_outstanding || address_valid_) return;
  const uint64_t page_left = (4096 - check_address_ % 4096 + bus_bytes_ - 1) / bus_bytes_;
  const uint64_t burst = std::min({check_beats_, page_left, uint64_t{config.axi_burst}});
  const bool room = used_before_[check_core_] + burst <= depth;
  if (released_ <= check_number_ && !room) return;
  ListRun();
  address_valid_ = true;
  address_from_ = now + 1;
  address_beats_ = static_cast<uint32_t>(burst);
  bursts_.push_back(check_core_);
  used_[check_core_] += burst;
  check_address_ = (check_address_ / bus_bytes_ + burst) * bus_bytes_;
  check_beats_ -= burst;
  if (check_beats_ == 0) check_valid_ = false;
  moved_ = true;
}

void LoadEngine::CheckRun(uint64_t now) {
  if (check_valid_ || !runs_.valid(now)) return;
  if (runs_.first) {
    contexts_.push_back({listed_, listed_->header.length == 1});
  }
  check_valid_ = check_first_ = true;
  check_copies_ = !runs_.outside;
  check_core_ = listed_->dma.core_memory != 0;
  check_number_ = taken_ - 1;
  check_run_ = {runs_.local, 0, runs_.left, runs_.copied, runs_.size, check_copies_, runs_.last};
  check_address_ =
      runs_.global + (listed_->dma.local_source != 0
                          ? 0
                          : around_.window_base[static_cast<size_t>(listed_->dma.window)]);
  check_beats_ = (runs_.copied + runs_.global % bus_bytes_ + bus_bytes_ - 1) / bus_bytes_;
  runs_.Next(now);
  moved_ = true;
}

bool LoadEngine::Tick(uint64_t now) {
  moved_ = wrote_ = false;
  // Whether a command can be taken depends on the registers as they are.
  const StreamCommand* next = queue_.next(now);
  bool take = false;
  if (next != nullptr) {
    const bool local = next->dma.local_source != 0;
    const bool early = (next->header.ahead != 0 && !local) || next->header.length == 1;
    take = runs_.ready(now) && contexts_.size() < kCalibration.load_contexts &&
           waits_.size() < kCalibration.load_waits && !alone_ &&
           (early || (around_.barriers.Hold(next->header) && waits_.empty())) &&
           (!local || !busy(now));
  }
  const bool releases = !waits_.empty() && around_.barriers.Hold(waits_.front()->header);
  if (done_at_ != kNever && done_at_ <= now) {
    if (done_at_ == now) alone_ = false;
    if (done_at_ < now) done_at_ = kNever;
    moved_ = true;
  }

  // Queues and buffers give room in the cycle after something has left.
  runs_queued_ = run_queue_.size();
  used_before_[0] = used_[0];
  used_before_[1] = used_[1];
  staged_before_[0] = staged_[0];
  staged_before_[1] = staged_[1];
  TickWord(now);
  SettleRows(now);
  TickRealigner();
  while (!memory_reads_.empty() && memory_reads_.front() <= now) {
    memory_reads_.pop_front();
    ++staged_[check_core_];
    moved_ = true;
  }
  if (!memory_reads_.empty()) moved_ = true;
  TickRequests(now);
  CheckRun(now);
  if (releases) {
    waits_.pop_front();
    ++released_;
    moved_ = true;
  }
  if (take) {
    listed_ = next;
    running_tag_ = static_cast<uint32_t>(next->header.tag);
    waits_.push_back(next);
    alone_ = next->dma.local_source != 0;
    ++taken_;
    runs_.Take(next->dma, now);
    queue_.Take(now);
    moved_ = true;
  }
  if (runs_.busy() && !check_valid_) moved_ = true;
  return moved_;
}

// ---- STORE ----

StoreEngine::StoreEngine(Surroundings* around, CommandQueue* queue, uint32_t latency)
    : around_(*around),
      queue_(*queue),
      bus_bytes_(around->config.axi_bytes()),
      latency_(latency),
      runs_(around->config.dma_store_bounds != 0, /*copies_only=*/true, around->config.axi_bytes()),
      realigner_(around->config.axi_bytes()) {}

bool StoreEngine::busy(uint64_t now) const {
  return !runs_.ready(now) || check_valid_ || !answers_.empty() ||
         (done_at_ != kNever && now <= done_at_);
}

void StoreEngine::ListRun() {
  if (!check_first_) return;
  run_queue_.push_back(check_run_);
  check_first_ = false;
}

void StoreEngine::MemoryRead(uint64_t now) {
  staged_.push_back(now + kCalibration.memory_read_delay);
  ++credit_;
  --check_words_;
  wants_memory_ = false;
  ListRun();
  if (check_beats_ != 0 || check_words_ != 0) return;
  check_valid_ = false;
  CheckRun(now);  // the next run follows without a gap
}

void StoreEngine::CheckRun(uint64_t now) {
  if (check_valid_ || !runs_.valid(now)) return;
  if (runs_.outside && !runs_.last) {  // dropped
    runs_.Next(now);
    return;
  }
  check_valid_ = check_first_ = true;
  check_nothing_ = runs_.outside;
  check_last_ = runs_.last;
  check_command_ = listed_;
  check_address_ = runs_.global + around_.window_base[static_cast<size_t>(listed_->dma.window)];
  check_beats_ = (runs_.copied + runs_.global % bus_bytes_ + bus_bytes_ - 1) / bus_bytes_;
  check_words_ = (runs_.copied + runs_.local % bus_bytes_ + bus_bytes_ - 1) / bus_bytes_;
  if (check_nothing_) check_beats_ = check_words_ = 0;
  check_source_ = runs_.local / bus_bytes_ * bus_bytes_;
  check_all_words_ = check_words_;
  check_run_ = {runs_.global % bus_bytes_, runs_.local % bus_bytes_,
                std::max<uint64_t>(runs_.copied, 1) - 1};
  const auto mask = static_cast<uint32_t>(listed_->dma.pe_mask);
  memory_pe_ = std::min<uint32_t>(mask == 0 ? 0 : static_cast<uint32_t>(std::countr_zero(mask)),
                                  around_.config.pes() - 1);
  runs_.Next(now);
}

/// The bus answers a burst.
bool StoreEngine::TakeAnswer(uint64_t now) {
  if (answers_.empty() || answers_.front().due > now) return false;
  const Answer answer = answers_.front();
  answers_.pop_front();
  --answers_written_;
  if (answer.last) End(*answer.command, now);
  return true;
}

void StoreEngine::End(const StreamCommand& command, uint64_t now) {
  done_at_ = now + 1;
  if (command.header.signal_en == 0) return;
  around_.barriers.Arrive(static_cast<uint32_t>(command.header.signal_id), 1,
                          now + kCalibration.dma_signal);
}

/// Data on the bus, after the address of its burst, and that address.
bool StoreEngine::WriteBus(uint64_t now) {
  bool moved = false;
  if (word_valid_ && accepted_writes_ != 0 && write_ready_from_ <= now) {
    word_valid_ = false;
    around_.bytes_written += word_bytes_;
    if (--writes_.front() == 0) {
      writes_.pop_front();
      --accepted_writes_;
      answers_[answers_written_++].due = now + latency_;
    }
    moved = true;
  }
  if (address_valid_ && address_from_ <= now) {
    address_valid_ = false;
    if (accepted_writes_++ == 0) write_ready_from_ = now + 1;
    moved = true;
  }
  return moved;
}

/// Words from PE memory into words of the bus.
bool StoreEngine::Realign(uint64_t now) {
  bool moved = false;
  if (realigner_.active()) {
    bool popped = false, emitted = false, ended = false;
    const bool beat = !staged_.empty() && staged_.front() <= now;
    realigner_.Step(beat, !word_valid_, &popped, &emitted, &ended);
    if (popped) {
      staged_.pop_front();
      --credit_;
    }
    if (emitted) {
      word_valid_ = true;
      word_bytes_ = realigner_.word_bytes();
    }
    moved = popped || emitted || (!staged_.empty() && !beat);
  }
  if (!realigner_.active() && !run_queue_.empty()) {
    const Run& run = run_queue_.front();
    realigner_.Take(run.low, run.source_low, true, 0, run.last_byte, run.last_byte);
    run_queue_.pop_front();
    moved = true;
  }
  return moved;
}

/// Requests of the run under check to bus and PE memory. `before` is the room at the beginning of
/// the cycle: queues give room in the cycle after a word has left.
bool StoreEngine::Request(uint64_t now, const Filled& before) {
  wants_memory_ = false;
  if (!check_valid_ || (check_first_ && before.runs >= kCalibration.store_runs)) return false;
  const NpuConfig& config = around_.config;
  bool moved = false;
  if (check_nothing_) {  // all before it must be answered
    if (before.unanswered != 0 || address_valid_) return false;
    End(*check_command_, now);
    check_valid_ = check_nothing_ = false;
    return true;
  }
  if (check_beats_ != 0 && before.unwritten < config.axi_outstanding &&
      before.unanswered < config.axi_outstanding && !address_valid_) {
    const uint64_t page_left = (4096 - check_address_ % 4096 + bus_bytes_ - 1) / bus_bytes_;
    const uint64_t burst = std::min({check_beats_, page_left, uint64_t{config.axi_burst}});
    address_valid_ = true;
    address_from_ = now + 1;
    writes_.push_back(static_cast<uint32_t>(burst));
    answers_.push_back({kNever, check_command_, check_last_ && check_beats_ == burst});
    check_address_ = (check_address_ / bus_bytes_ + burst) * bus_bytes_;
    check_beats_ -= burst;
    ListRun();
    moved = true;
  }
  if (check_words_ != 0 && before.credit < kCalibration.store_stage) {
    wants_memory_ = true;
    memory_address_ =
        SwizzledWord(check_command_->dma.swizzle,
                     check_source_ + (check_all_words_ - check_words_) * bus_bytes_, bus_bytes_);
  }
  if (check_beats_ == 0 && check_words_ == 0) check_valid_ = false;
  return moved;
}

bool StoreEngine::Tick(uint64_t now) {
  bool moved = false;
  const Filled before{writes_.size(), answers_.size(), run_queue_.size(), credit_};
  const StreamCommand* next = queue_.next(now);
  const bool take = next != nullptr && around_.barriers.Hold(next->header) && runs_.ready(now);
  if (done_at_ != kNever && done_at_ <= now) {
    if (done_at_ < now) done_at_ = kNever;
    moved = true;
  }

  if (TakeAnswer(now)) moved = true;
  if (WriteBus(now)) moved = true;
  if (Realign(now)) moved = true;
  if (Request(now, before)) moved = true;
  if (!check_valid_ && runs_.valid(now)) {
    CheckRun(now);
    moved = true;
  }
  if (take) {
    listed_ = next;
    running_tag_ = static_cast<uint32_t>(next->header.tag);
    runs_.Take(next->dma, now);
    queue_.Take(now);
    moved = true;
  }
  if (runs_.busy() && !check_valid_) moved = true;
  next_event_ = answers_.empty() ? kNever : answers_.front().due;
  return moved;
}

}  // namespace npugen::timing

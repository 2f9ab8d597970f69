// SPDX-License-Identifier: Apache-2.0
// Fetch cycles by the banks of sampled positions; vector operations by stepping their pipeline for
// a while.
#include "sw/timing/compute_plan.h"

#include <algorithm>
#include <bit>

#include "generator/arch/vector_operations.h"
#include "sw/timing/calibration.h"

namespace npugen::timing {
namespace {

/// Positions looked at for the fetch cycles of a slice, and vectors stepped through: enough for
/// averages, few enough to cost nothing.
constexpr int64_t kSampledPositions = 96;
/// Commands that have at most this number of positions, counted over all slices, have the fetches
/// of each one counted.
constexpr int64_t kCountedPositions = 4096;
constexpr uint64_t kSteppedVectors = 64;

int64_t AtLeastOne(int64_t value) { return std::max<int64_t>(value, 1); }

/// Looks at single positions of a MATMUL or WINDOW command.
class FetchCounter {
 public:
  FetchCounter(const NpuConfig& config, const BankMap& banks, const ComputeFields& f, bool window)
      : banks_(banks), f_(f), window_(window), ports_(config.window_ports), simd_(config.simd) {}

  /// Grant cycles of columns first..cols-1 of position (ox, oy) of a group.
  int64_t Cycles(const SliceOperand& slice, int64_t group, int64_t ox, int64_t oy,
                 int64_t first_column, int64_t columns) {
    const int64_t x0 =
        f_.x_start + ox * f_.x_step + slice.x + (window_ ? group * f_.group_step : 0);
    const int64_t y0 = f_.y_start + oy * f_.y_step + slice.y;
    const int64_t row0 = f_.act_base + oy * f_.row_step + slice.address;
    int64_t cycles = 0;
    for (int64_t c = first_column; c < columns; ++c) {
      int64_t row = 0;
      while (row < slice.rows) {
        const int64_t wanted = std::min<int64_t>(ports_ - row % ports_, slice.rows - row);
        const int64_t granted = Grant(slice, row, wanted, x0 + c * f_.win_col_step, y0, row0);
        row += std::max<int64_t>(granted, 1);
        ++cycles;
      }
    }
    return cycles;
  }

  /// From now on the banks of each grant are appended to `masks`; null: no more.
  void Record(std::vector<uint64_t>* masks) { record_ = masks; }

 private:
  /// Ports granted of `wanted` rows from `row` on: those before the first whose bank is taken.
  int64_t Grant(const SliceOperand& slice, int64_t row, int64_t wanted, int64_t x0, int64_t y0,
                int64_t row0) {
    uint64_t taken = 0;  // banks
    uint64_t words[8];   // and words read, at most two for each port
    int count = 0;
    const auto take = [&](uint64_t address) {
      const uint64_t bit = uint64_t{1} << (banks_.Bank(address) % kMaskBanks);
      const uint64_t word = banks_.Word(address);
      if ((taken & bit) != 0) return std::find(words, words + count, word) != words + count;
      taken |= bit;
      words[count++] = word;
      return true;
    };
    int64_t granted = 0;
    for (; granted < wanted; ++granted) {
      const int64_t r = row + granted;
      int64_t length = window_ ? f_.group_channels : simd_;
      int64_t x = x0;
      if (f_.run_bytes != 0 && !window_) {
        length = std::min<int64_t>(f_.run_bytes, simd_);
        if (r == 0) {
          x += slice.skip;
          length = std::min<int64_t>(f_.run_bytes - slice.skip, simd_);
        }
      }
      const int64_t y = y0 + r * f_.win_y_step;
      const bool inside = y >= 0 && y < f_.in_h && x < f_.row_bytes && x + length > 0;
      if (!inside) continue;
      const auto address = static_cast<uint64_t>(row0 + r * f_.win_row_step + x) & 0xffffff;
      const uint64_t before = taken;
      const int count_before = count;
      const uint64_t offset = address & (banks_.word_bytes() - 1);
      bool free = take(address);
      if (free && offset + static_cast<uint64_t>(length) > banks_.word_bytes()) {
        free = take((address + banks_.word_bytes()) & 0xffffff);
      }
      if (!free) {
        taken = before;
        count = count_before;
        break;
      }
    }
    if (record_ != nullptr) record_->push_back(taken);
    return granted;
  }

  const BankMap& banks_;
  const ComputeFields& f_;
  const bool window_;
  const int64_t ports_, simd_;
  std::vector<uint64_t>* record_ = nullptr;
};

/// Slices of a command in the sequencer's order, as far as their fetches may differ.
std::vector<SliceOperand> ListSlices(const NpuConfig& config, const ComputeFields& f, bool window) {
  std::vector<SliceOperand> slices;
  if (!window && f.run_bytes != 0) {
    int64_t skip = 0, rows_left = f.win_rows, address = 0, y = 0;
    for (int64_t k = 0; k < AtLeastOne(f.k0_count); ++k) {
      SliceOperand slice;
      slice.skip = skip;
      slice.address = address;
      slice.y = y;
      int64_t taken = f.run_bytes - skip;
      while (slice.rows < 4 && slice.rows < rows_left && taken < config.simd) {
        ++slice.rows;
        taken += f.run_bytes;
      }
      slices.push_back(slice);
      const int64_t next = skip + f.k1_step;
      const bool carry = next >= f.run_bytes;
      skip = carry ? next - f.run_bytes : next;
      rows_left -= f.win_cols + (carry ? 1 : 0);
      address += f.k2_row_step + (carry ? f.win_row_step : 0);
      y += f.k2_y_step + (carry ? f.win_y_step : 0);
    }
    if (f.two_planes != 0) {
      // The second pass, as if no lane had a window of positions to skip.
      for (int64_t k = 0; k < AtLeastOne(f.k0_count); ++k) {
        SliceOperand slice = slices[static_cast<size_t>(k)];
        slice.address += f.plane_step;
        slices.push_back(slice);
      }
    }
    return slices;
  }
  for (int64_t k2 = 0; k2 < AtLeastOne(f.k2_count); ++k2) {
    for (int64_t k1 = 0; k1 < AtLeastOne(f.k1_count); ++k1) {
      SliceOperand slice;
      slice.x = k1 * f.k1_step;
      slice.y = k2 * f.k2_y_step;
      slice.address = k2 * f.k2_row_step;
      slice.rows = f.win_rows;
      slices.push_back(slice);
    }
  }
  return slices;
}

/// Window columns left of a row that its first position finds in the lanes, where the row before
/// has put as many columns that lie behind it.
int64_t SharedColumns(const ComputeFields& f, int64_t group) {
  const int64_t first = f.x_start + group * f.group_step;
  const int64_t last = first + (AtLeastOne(f.out_w) - 1) * f.x_step;
  int64_t left = 0;
  while (left + 1 < f.win_cols && first + left * f.win_col_step + f.group_channels <= 0) ++left;
  const bool behind = last + (f.win_cols - left) * f.win_col_step >= f.row_bytes;
  return f.k1_count <= 1 && behind ? left : 0;
}

void PlanFetches(const NpuConfig& config, const BankMap& banks, bool window, ComputePlan* plan) {
  const ComputeFields& f = plan->fields;
  FetchCounter counter(config, banks, f, window);
  const bool dense = !window && f.run_bytes == 0;
  if (dense) {
    plan->costs.emplace_back();  // one vector of one port: always granted
    return;
  }
  const int64_t positions = AtLeastOne(f.positions);
  const int64_t groups = window ? AtLeastOne(f.groups) : 1;
  const int64_t all = positions * groups;
  const int64_t samples = std::min(all, kSampledPositions);
  const int64_t columns = window ? AtLeastOne(f.win_cols) : 1;
  const int64_t new_first = window ? columns - AtLeastOne(f.win_new_cols) : 0;
  for (const SliceOperand& slice : plan->operands) {
    int64_t next = 0, wrapped = 0, fresh = 0;
    for (int64_t i = 0; i < samples; ++i) {
      // Spread over all of them, and not in step with rows or words.
      const int64_t index = all == samples ? i : (i * all / samples + i * 7 % (all / samples));
      const int64_t position = index % positions;
      const int64_t ox = position % AtLeastOne(f.out_w), oy = position / AtLeastOne(f.out_w);
      const int64_t slid = counter.Cycles(slice, index / positions, ox, oy,
                                          std::max<int64_t>(new_first, 0), columns);
      next += slid;
      const int64_t full =
          new_first <= 0 ? slid
                         : slid + counter.Cycles(slice, index / positions, ox, oy, 0, new_first);
      const int64_t shared = window ? SharedColumns(f, index / positions) : 0;
      wrapped +=
          shared == 0 ? full : counter.Cycles(slice, index / positions, ox, oy, shared, columns);
      fresh += full;
    }
    SliceCost cost;
    cost.next = static_cast<double>(next) / static_cast<double>(samples);
    cost.wrapped = static_cast<double>(wrapped) / static_cast<double>(samples);
    cost.fresh = static_cast<double>(fresh) / static_cast<double>(samples);
    cost.at_once = slice.rows <= config.window_ports && columns == 1;
    plan->costs.push_back(cost);
    // Where fetches meet in banks an average may be off for the few positions of a small command.
    plan->counted = plan->counted || (fresh > samples && all * plan->slices <= kCountedPositions);
  }
}

void PlanArray(const NpuConfig& config, const BankMap& banks, bool window, ComputePlan* plan) {
  const ComputeFields& f = plan->fields;
  plan->is_array = true;
  const bool gathered = !window && f.run_bytes != 0;
  plan->weight_slices = static_cast<uint32_t>(
      AtLeastOne(f.k0_count) * (gathered ? 1 : AtLeastOne(f.k1_count) * AtLeastOne(f.k2_count)));
  plan->slices = plan->weight_slices * (gathered && f.two_planes != 0 ? 2 : 1);
  plan->gate_rows = f.gated != 0 ? config.gate_rows() : 0;
  const uint32_t row = config.core_row_bytes();
  plan->slice_rows = f.packed_weights != 0 ? config.packed_slice_rows() : config.slice_rows();
  const uint32_t record = f.affine != 0         ? kAffineRecordBytes
                          : f.common_scale != 0 ? kBiasRecordBytes
                                                : kParameterRecordBytes;
  plan->record_rows = f.drain != 0 ? (config.lanes * record + row - 1) / row : 0;
  plan->slides_over_tiles = window && plan->slices == 1;
  plan->operands = ListSlices(config, f, window);
  PlanFetches(config, banks, window, plan);
}

/// Cycles of the vector operations: fetches, vector buffer, npu_postprocess or npu_lookup, write
/// buffer, one cycle after the other.
class VectorPipeline {
 public:
  VectorPipeline(const NpuConfig& config, Opcode opcode, uint64_t vectors, uint32_t fetches)
      : opcode_(opcode),
        vectors_(vectors),
        fetches_(std::max(fetches, 1u)),
        lookup_steps_(config.post_width / std::max(config.lookup_ports, 1u)) {
    switch (opcode) {
      case Opcode::kAdd:
        mode_ = 2;
        break;
      case Opcode::kMultiply:
        mode_ = 4;
        break;
      case Opcode::kSquaredDifference:
        mode_ = 5;
        break;
      default:
        mode_ = 3;
        break;
    }
  }

  /// Plays all vectors; those beyond the first kSteppedVectors cost, and do, what the last half of
  /// them did.
  void Run(uint64_t* cycles, Causes* causes, VectorAccesses* accesses) {
    accesses_ = accesses;
    const uint64_t all = vectors_;
    const uint64_t stepped = std::min(all, kSteppedVectors);
    left_ = stepped;
    Causes at_half = {};
    uint64_t half_cycle = 0;
    bool halved = false;
    while (!Finished()) {
      if (!halved && left_ == stepped / 2) {
        halved = true;
        half_cycle = cycle_;
        at_half = causes_;
      }
      if (left_ == 0 && end_cycle_ == 0) {
        end_cycle_ = cycle_;
        at_end_ = causes_;
      }
      Step();
    }
    causes_[kFill] += 1;  // the cycle `finished`
    ++cycle_;
    *cycles = cycle_;
    *causes = causes_;
    const bool repeats = all > stepped && end_cycle_ > half_cycle;
    accesses->Repeat(repeats ? half_cycle : cycle_, repeats ? end_cycle_ : cycle_, all * fetches_,
                     all);
    if (all == stepped || end_cycle_ <= half_cycle) return;
    const double scale =
        static_cast<double>(all - stepped) / static_cast<double>(stepped - stepped / 2);
    uint64_t more = 0;
    for (uint32_t i = 0; i < kCauses; ++i) {
      const auto extra =
          static_cast<uint64_t>(static_cast<double>(at_end_[i] - at_half[i]) * scale + 0.5);
      (*causes)[i] += extra;
      more += extra;
    }
    *cycles += more;
  }

 private:
  static bool Returns(uint32_t mode) { return mode >= 4 || mode == 2; }
  static bool Excludes(uint32_t mode) { return mode >= 4 && mode != 4; }
  bool is_lookup() const { return opcode_ == Opcode::kLookup; }
  bool is_two() const { return fetches_ == 2 && opcode_ != Opcode::kMaxPool; }

  bool Finished() const {
    return left_ == 0 && !stage_ && !buffer_ && !valid_[0] && !valid_[1] && !valid_[2] &&
           !valid_[3] && !cross_ && !lookup_ && !lookup_arrives_ && slots_ == 0 && flight_ == 0;
  }

  void Step() {
    const bool differs = valid_[2] && modes_[2] == 5;
    const bool last = valid_[2] && (modes_[2] == 2 || modes_[2] == 4 || modes_[2] == 7);
    const bool second = (valid_[2] && Returns(modes_[2])) || cross_ || low_;
    const bool first_passes =
        (valid_[0] && Returns(modes_[0])) || (valid_[1] && Returns(modes_[1]));
    const bool excluded =
        second || (valid_[0] && Excludes(modes_[0])) || (valid_[1] && Excludes(modes_[1]));
    const bool post_ready = !excluded && (mode_ == 2 || mode_ == 4 || !first_passes);
    const bool stall = lookup_done_ && slots_ == kCalibration.write_slots;
    const bool looks = lookup_ && !stall;
    const bool lookup_last = looks && lookup_step_ + 1 == lookup_steps_;
    const bool buffer_load = stage_ && stage_last_;
    const bool buffer_go =
        buffer_ &&
        (is_lookup() ? !lookup_ || lookup_last : post_ready && flight_ < kCalibration.write_slots);
    const bool result_ready = !buffer_load && (!buffer_ || buffer_go);
    const bool accept = buffer_go && !is_lookup();
    const bool fetch_last = phase_ + 1 == fetches_;
    const bool grant = left_ != 0 && (!fetch_last || result_ready);

    if (left_ != 0) {
      if (!grant)
        ++causes_[kDrain];
      else
        ++causes_[fetch_last || is_two() ? kCompute : kActivationPort];
    } else {
      ++causes_[lookup_ || lookup_arrives_ ? kDrain : kFill];
    }

    const bool push = is_lookup() ? lookup_done_ && slots_ != kCalibration.write_slots : valid_[3];
    const bool written = slots_ != 0;
    accesses_->Record(grant, push);

    // Registers.
    if (is_lookup()) {
      if (!stall) {
        lookup_arrives_ = looks;
        lookup_done_ = lookup_last;
      }
      if (looks) ++lookup_step_;
      if (buffer_go) {
        lookup_ = true;
        lookup_step_ = 0;
      } else if (lookup_last) {
        lookup_ = false;
      }
    }
    valid_[3] = valid_[2] && !second;
    modes_[2] = modes_[1];
    valid_[2] = valid_[1];
    modes_[1] = modes_[0];
    valid_[1] = valid_[0];
    valid_[0] = accept || last || cross_ || low_;
    if (accept || second) modes_[0] = cross_ ? 6 : low_ ? 7 : second ? 0 : mode_;
    low_ = cross_;
    cross_ = differs;
    slots_ = slots_ + (push ? 1 : 0) - (written ? 1 : 0);
    flight_ = flight_ + (accept ? 1 : 0) - (written && !is_lookup() ? 1 : 0);
    if (buffer_load)
      buffer_ = true;
    else if (buffer_go)
      buffer_ = false;
    stage_ = grant;
    stage_last_ = grant && fetch_last;
    if (grant) {
      phase_ = fetch_last ? 0 : phase_ + 1;
      if (fetch_last) --left_;
    }
    ++cycle_;
  }

  const Opcode opcode_;
  const uint64_t vectors_;
  const uint32_t fetches_, lookup_steps_;
  uint32_t mode_;
  uint64_t left_ = 0, cycle_ = 0, end_cycle_ = 0;
  uint32_t phase_ = 0;
  bool stage_ = false, stage_last_ = false, buffer_ = false;
  bool valid_[4] = {};
  uint32_t modes_[3] = {};
  bool cross_ = false, low_ = false;
  bool lookup_ = false, lookup_arrives_ = false, lookup_done_ = false;
  uint32_t lookup_step_ = 0;
  uint32_t slots_ = 0, flight_ = 0;
  Causes causes_ = {}, at_end_ = {};
  VectorAccesses* accesses_ = nullptr;
};

}  // namespace

BankMap::BankMap(const NpuConfig& config)
    : offset_bits_(static_cast<uint32_t>(std::countr_zero(config.pe_bank_bytes))),
      bank_bits_(static_cast<uint32_t>(std::countr_zero(config.pe_banks))),
      mask_(config.pe_banks - 1) {
  const uint32_t banks = config.pe_banks;
  skew1_ = banks == 2 ? 0 : banks == 4 ? 1 : banks == 8 ? 2 : 7;
  skew2_ = banks == 8 ? 3 : banks > 8 ? 9 : 0;
  skew3_ = banks == 4 ? 3 : 0;
}

uint32_t BankMap::Bank(uint64_t address) const {
  const uint64_t word = address >> offset_bits_;
  const uint64_t line = word >> bank_bits_;
  return static_cast<uint32_t>(word + line * skew1_ + (line >> bank_bits_) * skew2_ +
                               (line >> (2 * bank_bits_)) * skew3_) &
         mask_;
}

VectorAccesses::Step VectorAccesses::At(uint64_t cycle) const {
  uint64_t rounds = 0;
  if (cycle >= to_ && to_ > from_) {
    rounds = (cycle - to_) / (to_ - from_) + 1;
    cycle -= rounds * (to_ - from_);
  }
  Step step;
  if (cycle >= steps_.size()) return step;
  const Recorded& recorded = steps_[cycle];
  const auto number = [&](uint64_t at, uint64_t begin, uint64_t end, uint64_t all) {
    const uint64_t n = at + rounds * (end - begin);
    return n < all ? n : kNone;
  };
  // The rounds are there only if the recording goes on behind them.
  const Recorded& begin = steps_[std::min<uint64_t>(from_, steps_.size() - 1)];
  const Recorded& end = steps_[std::min<uint64_t>(to_, steps_.size() - 1)];
  if (recorded.fetches) step.fetch = number(recorded.fetch, begin.fetch, end.fetch, fetches_);
  if (recorded.pushes) step.result = number(recorded.result, begin.result, end.result, results_);
  return step;
}

void ReadBanks(const NpuConfig& config, const BankMap& banks, const ComputePlan& plan,
               const TileSlice& tile, std::vector<uint64_t>* masks) {
  const ComputeFields& f = plan.fields;
  const bool window = plan.opcode == Opcode::kWindow;
  masks->clear();
  FetchCounter counter(config, banks, f, window);
  counter.Record(masks);
  SliceOperand operand;
  if (window || f.run_bytes != 0) {
    operand = plan.operands[tile.slice];
  } else {
    const auto k0_count = static_cast<uint32_t>(AtLeastOne(f.k0_count));
    operand = plan.operands[tile.slice / k0_count];
    operand.x += int64_t{tile.slice % k0_count} * config.simd;
    operand.rows = 1;
  }
  const int64_t width = AtLeastOne(f.out_w);
  const int64_t columns = window ? AtLeastOne(f.win_cols) : 1;
  const int64_t slid = window ? std::max<int64_t>(columns - AtLeastOne(f.win_new_cols), 0) : 0;
  const int64_t shared = window ? SharedColumns(f, tile.group) : 0;
  for (int64_t p = tile.first; p < tile.first + tile.size; ++p) {
    const bool fresh = p == tile.first && tile.fresh;
    const bool whole = fresh || p == width;  // npu_fetch_walker learns from the first row
    const int64_t begin = whole ? 0 : p % width == 0 ? shared : slid;
    counter.Cycles(operand, tile.group, p % width, p / width, begin, columns);
  }
}

uint64_t ChunkBanks(const NpuConfig& config, const BankMap& banks, const ComputePlan& plan,
                    uint32_t group, int64_t position, uint64_t chunk) {
  const ComputeFields& f = plan.fields;
  const int64_t width = AtLeastOne(f.out_w), post = config.post_width;
  const auto offset = static_cast<int64_t>(chunk) * post;
  const int64_t left = std::min(f.channels - group * f.group_channels, f.group_channels) - offset;
  const int64_t address = f.out_base + group * f.out_group_step +
                          position / width * f.out_row_step + position % width * f.out_x_step +
                          offset;
  return banks.Mask(static_cast<uint64_t>(address) & 0xffffff,
                    static_cast<uint64_t>(std::clamp<int64_t>(left, 1, post)));
}

uint64_t FetchBanks(const NpuConfig& config, const BankMap& banks, const ComputePlan& plan,
                    uint64_t fetch) {
  const ComputeFields& f = plan.fields;
  const auto vector = static_cast<int64_t>(fetch / plan.vector_fetches);
  const auto phase = static_cast<int64_t>(fetch % plan.vector_fetches);
  const bool pool = plan.opcode == Opcode::kMaxPool;
  const int64_t positions = pool ? AtLeastOne(f.positions) : vector + 1;
  const int64_t group = vector / positions, position = vector % positions;
  const int64_t ox = position % AtLeastOne(f.out_w), oy = position / AtLeastOne(f.out_w);
  int64_t x = f.x_start, address = f.act_base + oy * f.row_step, length = config.post_width;
  if (pool) {
    const int64_t column = phase / AtLeastOne(f.win_rows), row = phase % AtLeastOne(f.win_rows);
    const int64_t y = f.y_start + oy * f.y_step + row * f.win_y_step;
    if (y < 0 || y >= f.in_h) return 0;
    x += ox * f.x_step + column * f.win_col_step + group * f.group_step;
    address += row * f.win_row_step;
    length = f.group_channels;
  } else {
    x += ox * config.post_width;
    if (phase == 1) address = f.b_base + oy * f.b_row_step;
  }
  if (x >= f.row_bytes || x + length <= 0) return 0;
  return banks.Mask(static_cast<uint64_t>(address + x) & 0xffffff, static_cast<uint64_t>(length));
}

uint64_t ResultBanks(const NpuConfig& config, const BankMap& banks, const ComputePlan& plan,
                     uint64_t result) {
  const ComputeFields& f = plan.fields;
  const auto vector = static_cast<int64_t>(result);
  const bool pool = plan.opcode == Opcode::kMaxPool;
  const int64_t positions = pool ? AtLeastOne(f.positions) : vector + 1;
  const int64_t group = vector / positions, position = vector % positions;
  const int64_t ox = position % AtLeastOne(f.out_w), oy = position / AtLeastOne(f.out_w);
  const int64_t step = pool ? f.out_x_step : config.post_width;
  const int64_t left = pool ? f.channels - group * f.group_channels : f.row_bytes - ox * step;
  const int64_t most = pool ? std::min<int64_t>(f.group_channels, config.post_width)
                            : static_cast<int64_t>(config.post_width);
  const int64_t address = f.out_base + group * f.out_group_step + oy * f.out_row_step + ox * step;
  return banks.Mask(static_cast<uint64_t>(address) & 0xffffff,
                    static_cast<uint64_t>(std::clamp<int64_t>(left, 1, most)));
}

ComputePlan PlanCompute(const NpuConfig& config, const BankMap& banks, Opcode opcode,
                        const ComputeFields& fields) {
  ComputePlan plan;
  plan.fields = fields;
  plan.opcode = opcode;
  const int64_t rows = AtLeastOne(fields.out_h), depth = AtLeastOne(fields.row_bytes);
  const auto vectors = (depth + banks.word_bytes() - 1) / banks.word_bytes();
  switch (opcode) {
    case Opcode::kMatmul:
    case Opcode::kWindow:
      PlanArray(config, banks, opcode == Opcode::kWindow, &plan);
      return plan;
    case Opcode::kSoftmax: {
      // Maximum and settle; sum and settle; reciprocal; outputs and their way to memory.
      const int64_t row =
          vectors * (kCalibration.softmax_vector + 1) + kCalibration.softmax_pass_end +
          vectors * (kCalibration.softmax_vector + 1) + depth + kCalibration.softmax_pass_end +
          kCalibration.softmax_reciprocal + vectors * (kCalibration.softmax_vector + 1) + depth +
          kCalibration.softmax_settle;
      plan.fixed_causes[kCompute] = static_cast<uint64_t>(rows * row);
      plan.fixed_causes[kFill] = kCalibration.finish_after_softmax;
      break;
    }
    case Opcode::kArgMax:
      plan.fixed_causes[kCompute] = static_cast<uint64_t>(
          rows * (vectors * kCalibration.argmax_vector + depth + kCalibration.argmax_write));
      plan.fixed_causes[kFill] = kCalibration.finish_after_argmax;
      break;
    case Opcode::kVector: {
      // The program is data, which nothing here looks at: one pass of so many operations.
      constexpr int64_t kOperations = 12, kStripCycles = 1, kPartCycles = 60;
      const int64_t lanes = AtLeastOne(config.vector_lanes);
      const int64_t strips = (depth + lanes - 1) / lanes;
      const int64_t parts = rows * ((strips + kVectorStrips - 1) / kVectorStrips);
      plan.fixed_causes[kCompute] = static_cast<uint64_t>(
          rows * strips * (kOperations + 3) * kStripCycles + parts * kPartCycles);
      break;
    }
    default: {
      const bool pool = opcode == Opcode::kMaxPool;
      const int64_t count = pool ? AtLeastOne(fields.groups) * AtLeastOne(fields.positions)
                                 : AtLeastOne(fields.out_w) * rows;
      const int64_t fetches = pool ? AtLeastOne(fields.win_rows) * AtLeastOne(fields.win_cols)
                              : opcode == Opcode::kLookup ? 1
                                                          : 2;
      plan.vector_fetches = static_cast<uint64_t>(fetches);
      uint64_t cycles = 0;
      VectorPipeline(config, opcode, static_cast<uint64_t>(count), static_cast<uint32_t>(fetches))
          .Run(&cycles, &plan.fixed_causes, &plan.accesses);
      plan.vectors_from = kCalibration.fetch_ahead;
      if (opcode == Opcode::kLookup) {
        const uint32_t row = config.core_row_bytes();
        plan.vectors_from += kCalibration.lookup_table + (row < 256 ? 256 / row : 1) + 1;
      }
      plan.fixed_causes[kFill] += plan.vectors_from;
      break;
    }
  }
  for (uint64_t cycles : plan.fixed_causes) plan.fixed_cycles += cycles;
  return plan;
}

}  // namespace npugen::timing

// SPDX-License-Identifier: Apache-2.0
// Compute commands, written after docs/machine.md section 4.
#include "verif/functional/processing_element.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <map>

#include "sw/numerics/dot_product.h"
#include "sw/numerics/drain.h"
#include "sw/stream/field_check.h"
#include "sw/stream/stream_decoder.h"
#include "verif/functional/fixed_point.h"
#include "verif/functional/vector_unit.h"

namespace npugen::functional {
namespace {

uint32_t Word32(const uint8_t* bytes) {
  return uint32_t{bytes[0]} | uint32_t{bytes[1]} << 8 | uint32_t{bytes[2]} << 16 |
         uint32_t{bytes[3]} << 24;
}

/// Address arithmetic keeps so many bits: signed ones of operands, and of output addresses.
/// Places in a parameter record: bytes, and bits of thresholds behind the bias.
constexpr size_t kMultiplierByte = kParameterRecord.lsb("multiplier") / 8;
constexpr size_t kShiftByte = kParameterRecord.lsb("shift") / 8;
constexpr uint64_t ThresholdField(uint64_t rest, std::string_view name) {
  return rest >> (kThresholdRecord.lsb(name) - kSumFormat.bits) &
         ((uint64_t{1} << kThresholdRecord.width_of(name)) - 1);
}

constexpr int kOperandBits = 26;
constexpr int kRowNumberBits = 18;  // of operand rows
constexpr int64_t kOutputMask = (int64_t{1} << 24) - 1;
constexpr int64_t kRowAddressMask = (int64_t{1} << 25) - 1;  // of SOFTMAX and ARGMAX

/// The number that the low `bits` bits of `value` are, signed.
int64_t Signed(int64_t value, int bits) {
  const int64_t low = value & ((int64_t{1} << bits) - 1);
  return low >> (bits - 1) != 0 ? low - (int64_t{1} << bits) : low;
}
int64_t OperandNumber(int64_t value) { return Signed(value, kOperandBits); }

/// Sums wrap at 32 bits.
int32_t Wrap(int64_t value) { return static_cast<int32_t>(static_cast<uint64_t>(value)); }

int64_t SaturateHalf(int64_t value) {
  return std::min<int64_t>(std::max<int64_t>(value, -32768), 32767);
}

uint8_t Clamp(int64_t value, const ComputeFields& f) {
  return static_cast<uint8_t>(std::min(std::max(value, f.act_min), f.act_max));
}

/// One byte of a result wider than int8.
uint8_t WideByte(int64_t value, const ComputeFields& f) {
  if (f.out_type == 1) value = std::min<int64_t>(std::max<int64_t>(value, -32768), 32767);
  return static_cast<uint8_t>(static_cast<uint64_t>(value) >> 8 * f.out_byte);
}

int64_t Rescaled(const ComputeFields& f, int32_t value) {
  return int64_t{MultiplyByQuantized(value, static_cast<int32_t>(f.out_multiplier),
                                     static_cast<int>(f.out_shift))} +
         f.out_zero_point;
}

int64_t AddBytes(const ComputeFields& f, int64_t a, int64_t b, std::string_view*) {
  const int64_t u = (a - f.a_zero_point) * (int64_t{1} << 19);
  const int64_t w =
      MultiplyByQuantized(Wrap((b - f.b_zero_point) * (int64_t{1} << 20)),
                          static_cast<int32_t>(f.b_multiplier), static_cast<int>(f.b_shift));
  return Rescaled(f, Wrap((f.a_subtract ? -u : u) + (f.b_subtract ? -w : w)));
}

int64_t MultiplyBytes(const ComputeFields& f, int64_t a, int64_t b, std::string_view*) {
  return Rescaled(f, Wrap((a - f.a_zero_point) * (b - f.b_zero_point)));
}

int64_t MaximumBytes(const ComputeFields& f, int64_t a, int64_t b, std::string_view*) {
  return f.minimum != 0 ? std::min(a, b) : std::max(a, b);
}

int64_t SquaredDifferenceBytes(const ComputeFields& f, int64_t a, int64_t b,
                               std::string_view* undefined) {
  const int64_t u = (a - f.a_zero_point) * 64;
  const int64_t w =
      MultiplyByQuantized(Wrap((b - f.b_zero_point) * 128), static_cast<int32_t>(f.b_multiplier),
                          static_cast<int>(f.b_shift));
  if (u - w < -32768 || u - w > 32767) *undefined = "a difference beyond 16 bits";
  return Rescaled(f, Wrap((u - w) * (u - w)));
}

/// By format_a, format_w and out_format.
constexpr const numerics::FloatFormat* kFloatFormats[] = {nullptr, &numerics::kBf16,
                                                          &numerics::kE4m3, &numerics::kE5m2};

/// Two int8 operands to a result before clamping; `undefined` is set to the reason where
/// docs/machine.md leaves the result open.
using Combine = int64_t (*)(const ComputeFields& f, int64_t a, int64_t b,
                            std::string_view* undefined);

/// What each command of two operands makes of them.
const std::map<Opcode, Combine> kCombine = {
    {Opcode::kAdd, AddBytes},
    {Opcode::kMultiply, MultiplyBytes},
    {Opcode::kMaximum, MaximumBytes},
    {Opcode::kSquaredDifference, SquaredDifferenceBytes},
};

}  // namespace

ProcessingElement::ProcessingElement(const NpuConfig& config, uint32_t index)
    : memory(config.pe_memory_bytes),
      core_memory(config.cores, std::vector<uint8_t>(config.core_memory_bytes)),
      accumulators(size_t{config.accumulators} * config.pe_lanes()),
      config_(config),
      index_(index),
      weights_(size_t{config.pe_lanes()} * config.simd),
      slots_(size_t{config.pe_lanes()} * config.simd) {}

void ProcessingElement::BeginJob() { open_positions_ = open_channels_ = 0; }

std::optional<Fault> ProcessingElement::Execute(const Command& command) {
  fault_.reset();
  if (std::optional<std::string> problem = CheckEngine(config_, command)) {
    Fail("BadField", 0, *std::move(problem));
    return fault_;
  }
  const ComputeFields fields(command);
  if (In(command.opcode(), opcodes::kTwoOperands)) {
    RunTwoOperands(fields, command.opcode());
    return fault_;
  }
  switch (command.opcode()) {
    case Opcode::kMatmul:
      RunArray(fields, /*window=*/false);
      break;
    case Opcode::kWindow:
      RunArray(fields, /*window=*/true);
      break;
    case Opcode::kMaxPool:
      RunMaxPool(fields);
      break;
    case Opcode::kLookup:
      RunLookup(fields);
      break;
    case Opcode::kSoftmax:
      RunSoftmax(fields);
      break;
    case Opcode::kArgMax:
      RunArgMax(fields);
      break;
    case Opcode::kVector:
      RunVector(fields);
      break;
    default:
      Fail("BadOpcode", 0, "not a compute command");
  }
  return fault_;
}

bool ProcessingElement::Fail(std::string_view code, int64_t address, std::string detail) {
  if (!fault_) {
    fault_ = Fault{ErrorCode(code), static_cast<uint64_t>(address), std::move(detail)};
    if (observer != nullptr) observer->Fault();
  }
  if (beyond_faults) fault_->outside.push_back(static_cast<uint64_t>(address));
  return beyond_faults;
}

bool ProcessingElement::Spend(uint64_t bytes) {
  work += bytes;
  return work <= most_work;
}

void ProcessingElement::Undefined(std::string_view why) {
  if (observer != nullptr) observer->Undefined(why);
}

bool ProcessingElement::ReadMemory(int64_t address, uint8_t* byte) {
  if (!Spend(1)) return false;
  if (address < 0 || address >= static_cast<int64_t>(memory.size())) {
    *byte = 0;
    return Fail("LocalBounds", address, fmt::format("read at {} of PE memory", address));
  }
  *byte = memory[address];
  if (observer != nullptr) observer->Read(index_, address, /*weights=*/false);
  return true;
}

bool ProcessingElement::WriteMemory(int64_t address, uint8_t byte) {
  if (!Spend(1)) return false;
  address &= kOutputMask;
  if (address >= static_cast<int64_t>(memory.size())) {
    return Fail("LocalBounds", address, fmt::format("write at {} of PE memory", address));
  }
  memory[address] = byte;
  if (observer != nullptr) observer->Write(index_, address, byte);
  return true;
}

bool ProcessingElement::ReadOperand(const ComputeFields& f, int64_t y, int64_t bx, int64_t address,
                                    uint8_t* byte) {
  if (y < 0 || y >= f.in_h || bx < 0 || bx >= f.row_bytes) {
    *byte = static_cast<uint8_t>(f.fill);
    return Spend(1);
  }
  return ReadMemory(address, byte);
}

const uint8_t* ProcessingElement::CoreRows(uint32_t core, int64_t row, int64_t bytes,
                                           bool weights) {
  row &= kOutputMask;
  const int64_t start = row * config_.core_row_bytes();
  if (!Spend(static_cast<uint64_t>(bytes))) return nullptr;
  if (start + bytes > static_cast<int64_t>(config_.core_memory_bytes)) {
    if (!Fail("LocalBounds", row, fmt::format("row {} of core memory", row))) return nullptr;
    no_rows_.resize(static_cast<size_t>(bytes));
    return no_rows_.data();
  }
  if (observer != nullptr) {
    const size_t number = config_.pes() + size_t{index_} * config_.cores + core;
    for (int64_t i = 0; i < bytes; ++i) observer->Read(number, start + i, weights);
  }
  return core_memory[core].data() + start;
}

bool ProcessingElement::RunArray(const ComputeFields& f, bool window) {
  if (f.acc_init == 0 && (f.positions > open_positions_ || f.group_channels > open_channels_)) {
    Undefined("sums that no command began");
  }
  const int64_t tile_positions = config_.accumulators;
  const int64_t planes = f.two_planes != 0 ? 2 : 1;
  for (int64_t group = 0; group < f.groups; ++group) {
    next_column_ = outside_ = 0;
    for (int64_t first = 0; first < f.positions; first += tile_positions) {
      const int64_t count = std::min(tile_positions, f.positions - first);
      Slice slice;
      for (slice.plane = 0; slice.plane < planes; ++slice.plane) {
        if (slice.plane > 0 && !BeginSecondPlane(f, group, count)) return false;
        slice.strung = {};
        slice.strung.rows_left = f.win_rows;
        int64_t number = 0;
        for (slice.k2 = 0; slice.k2 < f.k2_count; ++slice.k2) {
          for (slice.k1 = 0; slice.k1 < f.k1_count; ++slice.k1) {
            for (slice.k0 = 0; slice.k0 < f.k0_count; ++slice.k0, ++number) {
              slice.overwrite = number == 0 && slice.plane == 0 && f.acc_init != 0;
              if (f.acc_shift != 0 && slice.k2 > 0 && slice.k1 == 0 && slice.k0 == 0) {
                ShiftSums(count);
              }
              if (!LoadWeights(f, group, number)) return false;
              const bool ok = f.binary != 0     ? AccumulateBits(f, first, count, slice)
                              : f.format_a != 0 ? AccumulateFloat(f, first, count, slice)
                              : window          ? AccumulateWindow(f, group, first, count, slice)
                                                : AccumulateDense(f, first, count, slice);
              if (!ok) return false;
              if (f.run_bytes == 0) continue;
              StrungRows& strung = slice.strung;
              strung.skip += f.k1_step;
              const bool carry = strung.skip >= f.run_bytes;
              if (carry) strung.skip -= f.run_bytes;
              strung.rows_left = (strung.rows_left - f.win_cols - (carry ? 1 : 0)) & 0xff;
              strung.row += f.k2_row_step + (carry ? f.win_row_step : 0);
              strung.y += f.k2_y_step + (carry ? f.win_y_step : 0);
            }
          }
        }
      }
      if (f.drain != 0 && !Drain(f, group, first, count)) return false;
    }
  }
  open_positions_ = f.drain != 0 ? 0 : f.positions;
  open_channels_ = f.drain != 0 ? 0 : f.group_channels;
  return true;
}

/// One digit further: sums are multiplied by 256.
void ProcessingElement::ShiftSums(int64_t positions) {
  for (int64_t i = 0; i < positions * config_.pe_lanes(); ++i) {
    accumulators[i] = Wrap(int64_t{accumulators[i]} * 256);
  }
}

bool ProcessingElement::LoadWeights(const ComputeFields& f, int64_t group, int64_t slice) {
  const int64_t weights = int64_t{config_.lanes} * config_.simd;
  const int64_t bytes =
      (f.packed_weights != 0 ? kPackedWeightFormat : kOperandFormat).Bytes(weights);
  const int64_t row_bytes = config_.core_row_bytes();
  const int64_t rows = (bytes + row_bytes - 1) / row_bytes;
  const int64_t row = f.weight_row + group * f.weight_group_rows + slice * rows +
                      (f.gated ? int64_t{config_.gate_rows()} : 0);
  for (uint32_t core = 0; core < config_.cores; ++core) {
    const uint8_t* source = CoreRows(core, row, rows * row_bytes, /*weights=*/true);
    if (source == nullptr) return false;
    int8_t* target = weights_.data() + core * weights;
    for (int64_t i = 0; i < weights; ++i) {
      if (f.packed_weights == 0) {
        target[i] = static_cast<int8_t>(source[i]);
        continue;
      }
      const int64_t from = i / row_bytes;  // row of the slice
      const int nibble = source[from / 2 * row_bytes + i % row_bytes] >> 4 * (from % 2) & 0xf;
      target[i] = static_cast<int8_t>(nibble < 8 ? nibble : nibble - 16);
    }
  }
  return true;
}

bool ProcessingElement::FetchVector(const ComputeFields& f, int64_t ox, int64_t oy,
                                    const Slice& slice) {
  const int64_t simd = config_.simd;
  vector_.assign(static_cast<size_t>(simd), 0);
  counts_.assign(static_cast<size_t>(simd), 0);
  if (f.run_bytes == 0) {
    const int64_t y = Signed(f.y_start + oy * f.y_step + slice.k2 * f.k2_y_step, kRowNumberBits);
    const int64_t x = f.x_start + ox * f.x_step + slice.k1 * f.k1_step + slice.k0 * simd;
    const int64_t address =
        OperandNumber(f.act_base + oy * f.row_step + slice.k2 * f.k2_row_step + x);
    for (int64_t i = 0; i < simd; ++i) {
      if (!ReadOperand(f, y, OperandNumber(x) + i, address + i, &vector_[i])) return false;
    }
    return true;
  }
  // The rest of the first kernel row, then whole rows until the slice is full: four at most.
  const StrungRows& strung = slice.strung;
  int64_t place = 0;
  for (int64_t r = 0; r < 4 && (r == 0 || (r < strung.rows_left && place < simd)); ++r) {
    const int64_t skip = r == 0 ? strung.skip : 0;
    const int64_t length = std::min(f.run_bytes - skip, simd);
    const int64_t y =
        Signed(f.y_start + oy * f.y_step + strung.y + r * f.win_y_step, kRowNumberBits);
    const int64_t x = f.x_start + ox * f.x_step + skip;
    const int64_t address = OperandNumber(f.act_base + oy * f.row_step + strung.row +
                                          r * f.win_row_step + slice.plane * f.plane_step + x);
    for (int64_t i = 0; i < length; ++i) {
      const int64_t bx = OperandNumber(x) + i;
      uint8_t byte = 0;
      if (!ReadOperand(f, y, bx, address + i, &byte)) return false;
      if (place + i >= simd) continue;
      vector_[place + i] = byte;
      const bool inside = y >= 0 && y < f.in_h && bx >= 0 && bx < f.row_bytes;
      counts_[place + i] = inside || f.skip_outside == 0 ? 1 : 0;
    }
    place += length;
  }
  return true;
}

bool ProcessingElement::AccumulateDense(const ComputeFields& f, int64_t first, int64_t count,
                                        const Slice& slice) {
  const int64_t simd = config_.simd;
  const int64_t lanes = config_.pe_lanes();
  for (int64_t p = 0; p < count; ++p) {
    if (!FetchVector(f, (first + p) % f.out_w, (first + p) / f.out_w, slice)) return false;
    int32_t* sums = &accumulators[p * lanes];
    const int8_t* weight = weights_.data();
    for (int64_t lane = 0; lane < lanes; ++lane, weight += simd) {
      int32_t sum = 0;
      for (int64_t i = 0; i < simd; ++i) {
        sum += int32_t{static_cast<int8_t>(vector_[i])} * int32_t{weight[i]};
      }
      sums[lane] = Wrap((slice.overwrite ? int64_t{0} : int64_t{sums[lane]}) + sum);
    }
  }
  multiplications += static_cast<uint64_t>(count * lanes * simd);
  return true;
}

bool ProcessingElement::AccumulateFloat(const ComputeFields& f, int64_t first, int64_t count,
                                        const Slice& slice) {
  const numerics::FloatFormat& format_a = *kFloatFormats[f.format_a];
  const numerics::FloatFormat& format_w = *kFloatFormats[f.format_w];
  const int64_t lanes = config_.pe_lanes();
  const auto codes = [&](const uint8_t* bytes) {
    std::vector<uint16_t> made;
    const uint32_t each = format_a.bits() / 8;
    for (uint32_t i = 0; i < config_.simd; i += each) {
      made.push_back(static_cast<uint16_t>(each == 1 ? bytes[i] : bytes[i] | bytes[i + 1] << 8));
    }
    return made;
  };
  std::vector<std::vector<uint16_t>> weights;
  for (int64_t lane = 0; lane < lanes; ++lane) {
    weights.push_back(codes(reinterpret_cast<const uint8_t*>(&weights_[lane * config_.simd])));
  }
  for (int64_t p = 0; p < count; ++p) {
    if (!FetchVector(f, (first + p) % f.out_w, (first + p) / f.out_w, slice)) return false;
    const std::vector<uint16_t> operand = codes(vector_.data());
    int32_t* sums = &accumulators[p * lanes];
    for (int64_t lane = 0; lane < lanes; ++lane) {
      const auto before = slice.overwrite ? 0 : static_cast<numerics::Fp32>(sums[lane]);
      const numerics::Fp32 sum =
          numerics::DotStep(before, format_a, operand, format_w, weights[lane]);
      sums[lane] = static_cast<int32_t>(numerics::IsNaN(sum) ? numerics::kFp32NaN : sum);
    }
  }
  multiplications += static_cast<uint64_t>(count * lanes * config_.simd * 8 / format_a.bits());
  return true;
}

bool ProcessingElement::AccumulateBits(const ComputeFields& f, int64_t first, int64_t count,
                                       const Slice& slice) {
  const int64_t simd = config_.simd;
  const int64_t lanes = config_.pe_lanes();
  for (int64_t p = 0; p < count; ++p) {
    if (!FetchVector(f, (first + p) % f.out_w, (first + p) / f.out_w, slice)) return false;
    int32_t* sums = &accumulators[p * lanes];
    if (slice.overwrite) std::fill(sums, sums + lanes, 0);
    for (int64_t i = 0; i < simd; ++i) {
      if (counts_[i] == 0) continue;
      for (int64_t lane = 0; lane < lanes; ++lane) {
        if (slice.plane > 0 && skipped_[p * lanes + lane]) continue;
        const uint8_t weights = static_cast<uint8_t>(weights_[lane * simd + i]);
        const int alike = 8 - std::popcount(static_cast<uint8_t>(weights ^ vector_[i]));
        sums[lane] = Wrap(int64_t{sums[lane]} + 2 * alike - 8);
      }
    }
  }
  multiplications += static_cast<uint64_t>(8 * count * lanes * simd);
  return true;
}

bool ProcessingElement::BeginSecondPlane(const ComputeFields& f, int64_t group, int64_t count) {
  const int64_t lanes = config_.pe_lanes();
  skipped_.assign(static_cast<size_t>(count * lanes), 0);
  for (uint32_t core = 0; core < config_.cores; ++core) {
    const uint8_t* gates = nullptr;
    if (f.gated != 0) {
      gates = CoreRows(core, f.weight_row + group * f.weight_group_rows, 4 * config_.lanes,
                       /*weights=*/true);
      if (gates == nullptr) return false;
    }
    for (int64_t p = 0; p < count; ++p) {
      for (int64_t l = 0; l < config_.lanes; ++l) {
        const int64_t at = p * lanes + int64_t{core} * config_.lanes + l;
        skipped_[at] =
            gates != nullptr && accumulators[at] <= static_cast<int32_t>(Word32(gates + 4 * l));
        accumulators[at] = Wrap(int64_t{accumulators[at]} * (f.affine != 0 ? 65536 : 2));
      }
    }
  }
  return true;
}

bool ProcessingElement::AccumulateWindow(const ComputeFields& f, int64_t group, int64_t first,
                                         int64_t count, const Slice& slice) {
  const int64_t simd = config_.simd;
  const int64_t lanes = config_.pe_lanes();
  const int64_t fetched_lanes = std::min<int64_t>(lanes, config_.pe_bank_bytes);
  const bool single_slice = f.k1_count == 1 && f.k2_count == 1;
  // Rows of a column come in groups; the slots move with the first one of each.
  const int64_t row_group = f.win_rows == 1 ? 1 : config_.window_ports;
  const int64_t column_slots = (f.win_rows + row_group - 1) / row_group * row_group;
  // Sums of lanes beyond the last channel are not drained.
  const int64_t used = f.drain != 0 ? f.channels - group * f.group_channels : f.group_channels;
  for (int64_t lane = 0; lane < std::min(f.group_channels, used); ++lane) {
    const int8_t* weights = &weights_[lane * simd];
    for (int64_t slot = 0; slot < simd; ++slot) {
      const bool reached = slot >= simd - f.win_cols * column_slots &&
                           (slot - (simd - f.win_cols * column_slots)) % column_slots < f.win_rows;
      if (!reached && weights[slot] != 0) {
        Undefined("a weight of a slot that the window does not reach");
      }
    }
  }
  for (int64_t p = 0; p < count; ++p) {
    const int64_t oy = (first + p) / f.out_w;
    const int64_t ox = (first + p) % f.out_w;
    const auto x_of = [&](int64_t column) {
      return OperandNumber(f.x_start + group * f.group_step + ox * f.x_step + slice.k1 * f.k1_step +
                           column * f.win_col_step);
    };
    for (int64_t c = next_column_; c < f.win_cols; ++c) {
      for (int64_t r = 0; r < f.win_rows; ++r) {
        const int64_t y = Signed(
            f.y_start + oy * f.y_step + slice.k2 * f.k2_y_step + r * f.win_y_step, kRowNumberBits);
        const int64_t bx = x_of(c);
        const int64_t a = OperandNumber(f.act_base + oy * f.row_step + slice.k2 * f.k2_row_step +
                                        r * f.win_row_step + bx);
        for (int64_t lane = 0; lane < fetched_lanes; ++lane) {
          // Lanes beyond the group's channels fetch as well; only the group's bytes must exist.
          uint8_t byte = 0;
          if (lane < f.group_channels && !ReadOperand(f, y, bx + lane, a + lane, &byte))
            return false;
          int8_t* slots = &slots_[lane * simd];
          if (r % row_group == 0) std::copy(slots + row_group, slots + simd, slots);
          slots[simd - row_group + r % row_group] = static_cast<int8_t>(byte);
        }
      }
      // The last column is never left out.
      if (c + 1 < f.win_cols && OperandNumber(x_of(c) + f.group_channels) <= 0) outside_ = c + 1;
    }
    const bool pass_end = p + 1 == count;
    const bool row_end = ox + 1 == f.out_w;
    const bool behind = OperandNumber(x_of(f.win_cols - 1) + f.win_col_step -
                                      outside_ * f.win_col_step) >= f.row_bytes;
    next_column_ = 0;
    if (!pass_end || single_slice) {
      if (!row_end) next_column_ = f.win_cols - f.win_new_cols;
      if (row_end && behind && f.k1_count == 1) next_column_ = outside_;
    }
    int32_t* sums = &accumulators[p * lanes];
    for (int64_t lane = 0; lane < lanes; ++lane) {
      int32_t sum = 0;
      for (int64_t i = 0; i < simd; ++i) {
        sum += int32_t{slots_[lane * simd + i]} * int32_t{weights_[lane * simd + i]};
      }
      sums[lane] = Wrap((slice.overwrite ? int64_t{0} : int64_t{sums[lane]}) + sum);
    }
  }
  multiplications += static_cast<uint64_t>(count * lanes * simd);
  return true;
}

int64_t ProcessingElement::OutAddress(const ComputeFields& f, int64_t group, int64_t position,
                                      int64_t x_step) const {
  return f.out_base + group * f.out_group_step + position / f.out_w * f.out_row_step +
         position % f.out_w * x_step;
}

bool ProcessingElement::Drain(const ComputeFields& f, int64_t group, int64_t first, int64_t count) {
  const int64_t channels =
      std::clamp<int64_t>(f.channels - group * f.group_channels, 0, f.group_channels);
  const int64_t lanes = config_.pe_lanes();
  const int64_t record_bytes = f.affine != 0         ? kAffineRecordBytes
                               : f.common_scale != 0 ? kBiasRecordBytes
                                                     : kParameterRecordBytes;
  std::vector<const uint8_t*> records;
  for (uint32_t core = 0; core < config_.cores; ++core) {
    records.push_back(CoreRows(core, f.param_row + group * f.param_group_rows,
                               int64_t{config_.lanes} * record_bytes));
    if (records.back() == nullptr) return false;
  }
  std::vector<int64_t> codes;
  for (int64_t p = 0; p < count; ++p) {
    const int64_t out = OutAddress(f, group, first + p, f.out_x_step);
    const int64_t beside = f.b_base + group * f.out_group_step +
                           (first + p) / f.out_w * f.b_row_step +
                           (first + p) % f.out_w * f.out_x_step;
    codes.clear();
    if (!Spend(1)) return false;
    for (int64_t j = 0; j < channels; ++j) {
      const uint8_t* record = records[j / config_.lanes] + j % config_.lanes * record_bytes;
      const int32_t sum = accumulators[p * lanes + j];
      if (f.format_a != 0) {
        if (!WriteFloat(f, record, sum, out + j * ElementBytes(f.out_format))) return false;
        continue;
      }
      if (f.affine != 0) {
        int64_t other = 0;
        if (f.affine_residual != 0 && !ReadResidual(f, group, first + p, j, &other)) return false;
        const int64_t value = AffineValue(f, record, sum, other);
        const int64_t target = f.value_base + group * 16 * f.out_group_step +
                               (first + p) / f.out_w * f.out_row_step +
                               (first + p) % f.out_w * 16 * f.out_x_step;
        for (int64_t byte = 0; byte < 2 && f.value_output != 0; ++byte) {
          if (!WriteMemory(target + 2 * j + byte, static_cast<uint8_t>(value >> 8 * byte))) {
            return false;
          }
        }
        int64_t code = value >= f.code_first ? 1 : 0;
        if (f.thresholds == 3) {
          code += value >= f.code_first + f.code_second ? 1 : 0;
          code += value >= f.code_first + f.code_second + f.code_third ? 1 : 0;
        }
        codes.push_back(code);
        continue;
      }
      if (f.residual != 0) {
        uint8_t byte = 0;
        if (!ReadMemory((beside + j) & kOutputMask, &byte)) return false;
        if (!WriteMemory(out + j, SumByte(f, record, sum, static_cast<int8_t>(byte)))) return false;
        continue;
      }
      if (f.thresholds == 0) {
        if (!WriteMemory(out + j, ResultByte(f, record, sum))) return false;
        continue;
      }
      // With common_scale the rest of the record is what the fields of the scale are.
      const uint64_t rest =
          f.common_scale != 0
              ? static_cast<uint64_t>(f.out_multiplier) | (f.out_shift & 0xff) << 32
              : uint64_t{Word32(record + kMultiplierByte)} | uint64_t{record[kShiftByte]} << 32;
      const int64_t value = Wrap(int64_t{sum} + static_cast<int32_t>(Word32(record)));
      int64_t code = value >= 0 ? 1 : 0;
      if (f.thresholds == 3) {
        code += value >= static_cast<int64_t>(ThresholdField(rest, "second")) ? 1 : 0;
        code += value >= static_cast<int64_t>(ThresholdField(rest, "third")) ? 1 : 0;
      }
      codes.push_back(ThresholdField(rest, "flip") != 0 ? f.thresholds - code : code);
    }
    if (f.thresholds != 0 && !WriteCodes(f, out, codes)) return false;
  }
  return true;
}

bool ProcessingElement::ReadResidual(const ComputeFields& f, int64_t group, int64_t position,
                                     int64_t channel, int64_t* value) {
  const int64_t first = f.b_base + group * 16 * f.out_group_step +
                        position / f.out_w * f.b_row_step + position % f.out_w * f.b_x_step +
                        2 * channel;
  const auto read = [&](int64_t step, int64_t* number) {
    uint8_t low = 0, high = 0;
    if (!ReadMemory((first + step) & kOutputMask, &low) ||
        !ReadMemory((first + step + 1) & kOutputMask, &high)) {
      return false;
    }
    *number = Signed(low | high << 8, 16);
    return true;
  };
  if (f.affine_pool == 0) return read(0, value);
  const int64_t column = f.b_x_step / 2, row = f.b_row_step / 2;
  int64_t sum = 0;
  for (const int64_t step : {int64_t{0}, column, row, row + column}) {
    int64_t one = 0;
    if (!read(step, &one)) return false;
    sum = SaturateHalf(sum + one);
  }
  *value = sum < 0 ? -(-sum / 4) : sum / 4;
  return true;
}

int64_t ProcessingElement::AffineValue(const ComputeFields& f, const uint8_t* record, int32_t sum,
                                       int64_t other) const {
  const auto field = [&](const char* name, int bits) {
    const uint32_t lsb = kAffineRecord.lsb(name);
    int64_t number = 0;
    for (int i = 0; i < bits / 8; ++i) number |= int64_t{record[lsb / 8 + i]} << 8 * i;
    return Signed(number, bits);
  };
  const auto half = [](int64_t shift) { return shift == 0 ? 0 : int64_t{1} << (shift - 1); };
  const int64_t second = Signed(sum & 0xffff, 16);
  const int64_t first = Signed((int64_t{sum} - second) >> 16 & 0xffff, 16);
  const int64_t t = SaturateHalf((f.p_weight * first + f.q_weight * second) >> f.sum_shift);
  const int64_t u =
      SaturateHalf((field("multiplier", 16) * t + field("bias", 24)) >> f.affine_shift);
  const int64_t v =
      u < 0 ? SaturateHalf((field("slope", 16) * u + half(f.slope_shift)) >> f.slope_shift) : u;
  const int64_t w = SaturateHalf(other + v + field("offset", 16));
  return SaturateHalf((field("scale", 16) * w + field("scale_bias", 24)) >> f.scale_shift);
}

uint8_t ProcessingElement::ResultByte(const ComputeFields& f, const uint8_t* record,
                                      int32_t sum) const {
  const bool common = f.common_scale != 0;
  const int32_t bias = static_cast<int32_t>(Word32(record));
  const int32_t multiplier = static_cast<int32_t>(
      common ? f.out_multiplier : int64_t{Word32(record + kMultiplierByte) & 0x7fffffff});
  const int shift = common ? static_cast<int>(f.out_shift) : record[kShiftByte];
  const int64_t value = f.average != 0
                            ? DivideForAverage(sum, bias, multiplier, shift)
                            : MultiplyByQuantized(Wrap(int64_t{sum} + bias), multiplier, shift);
  const int64_t result = value + f.out_zero_point;
  return f.out_type == 0 ? Clamp(result, f) : WideByte(result, f);
}

bool ProcessingElement::WriteFloat(const ComputeFields& f, const uint8_t* record, int32_t sum,
                                   int64_t out) {
  numerics::Drain drain;
  if (f.float_scale != 0) {
    drain.scale = f.common_scale != 0 ? static_cast<numerics::Fp32>(f.out_multiplier)
                                      : Word32(record + kMultiplierByte);
  }
  if (f.float_bias != 0) drain.bias = Word32(record);
  drain.relu = f.relu != 0;
  if (f.float_cast != 0) drain.cast_scale = static_cast<numerics::Fp32>(f.b_multiplier);
  if (f.out_format != kFormatFp32) drain.format = kFloatFormats[f.out_format];
  drain.overflow = f.saturate != 0 ? numerics::Overflow::kSaturates : numerics::Overflow::kInfinity;
  numerics::Fp32 largest = 0;
  const uint32_t code = numerics::DrainSum(drain, static_cast<numerics::Fp32>(sum), largest).code;
  for (int64_t i = 0; i < ElementBytes(f.out_format); ++i) {
    if (!WriteMemory(out + i, static_cast<uint8_t>(code >> 8 * i))) return false;
  }
  return true;
}

uint8_t ProcessingElement::SumByte(const ComputeFields& f, const uint8_t* record, int32_t sum,
                                   int64_t other) const {
  ComputeFields alone = f;
  alone.act_min = -128;
  alone.act_max = 127;
  alone.out_zero_point = f.residual_second != 0 ? f.b_zero_point : f.a_zero_point;
  const int64_t result = static_cast<int8_t>(ResultByte(alone, record, sum));
  return Clamp(f.residual_second != 0 ? AddBytes(f, other, result, nullptr)
                                      : AddBytes(f, result, other, nullptr),
               f);
}

bool ProcessingElement::WriteCodes(const ComputeFields& f, int64_t out,
                                   const std::vector<int64_t>& codes) {
  const bool two_planes = f.thresholds == 3;
  const int64_t each = f.bit_output != 0 ? 8 : 1;  // channels of a byte
  const int64_t count = static_cast<int64_t>(codes.size());
  for (int64_t plane = 0; plane < (two_planes ? 2 : 1); ++plane) {
    for (int64_t first = 0; first < count; first += each) {
      uint8_t byte = 0;
      for (int64_t bit = 0; bit < std::min(each, count - first); ++bit) {
        const int64_t code = codes[first + bit] >> (two_planes ? 1 - plane : 0) & 1;
        byte = static_cast<uint8_t>(byte | code << bit);
      }
      if (!WriteMemory(out + plane * f.out_plane_step + first / each, byte)) return false;
    }
  }
  return true;
}

bool ProcessingElement::FetchPool(const ComputeFields& f, int64_t group, int64_t position,
                                  std::vector<std::vector<uint8_t>>* fetches) {
  const int64_t oy = position / f.out_w, ox = position % f.out_w;
  fetches->clear();
  for (int64_t c = 0; c < f.win_cols; ++c) {
    for (int64_t r = 0; r < f.win_rows; ++r) {
      const int64_t y = Signed(f.y_start + oy * f.y_step + r * f.win_y_step, kRowNumberBits);
      const int64_t x = f.x_start + ox * f.x_step + c * f.win_col_step + group * f.group_step;
      const int64_t address = OperandNumber(f.act_base + oy * f.row_step + r * f.win_row_step + x);
      std::vector<uint8_t>& bytes = fetches->emplace_back(static_cast<size_t>(f.group_channels), 0);
      for (int64_t j = 0; j < f.group_channels; ++j) {
        if (!ReadOperand(f, y, OperandNumber(x) + j, address + j, &bytes[j])) return false;
      }
    }
  }
  return true;
}

bool ProcessingElement::RunMaxPool(const ComputeFields& f) {
  std::vector<std::vector<uint8_t>> fetches;
  for (int64_t group = 0; group < f.groups; ++group) {
    const int64_t channels =
        std::clamp<int64_t>(f.channels - group * f.group_channels, 0, f.group_channels);
    for (int64_t position = 0; position < f.positions; ++position) {
      if (!FetchPool(f, group, position, &fetches)) return false;
      for (int64_t j = 0; j < channels; ++j) {
        int64_t result = f.minimum != 0 ? 127 : -128;
        if (f.pool_bits == 0) {
          for (const std::vector<uint8_t>& bytes : fetches) {
            const int64_t value = static_cast<int8_t>(bytes[j]);
            result = f.minimum != 0 ? std::min(result, value) : std::max(result, value);
          }
        } else {
          uint8_t bits = 0;
          for (int bit = 0; bit < 8; ++bit) {
            // Without planes the largest bit; with them the lower bit of the largest code.
            int largest = 0;
            for (size_t i = 0; i < fetches.size(); i += f.two_planes ? 2 : 1) {
              int code = fetches[i][j] >> bit & 1;
              if (f.two_planes) code = 2 * code + (fetches[i + 1][j] >> bit & 1);
              largest = std::max(largest, code);
            }
            bits = static_cast<uint8_t>(bits | (largest & 1) << bit);
          }
          result = static_cast<int8_t>(bits);
        }
        if (!WriteMemory(OutAddress(f, group, position, f.out_x_step) + j, Clamp(result, f))) {
          return false;
        }
      }
    }
  }
  return true;
}

bool ProcessingElement::RunTwoOperands(const ComputeFields& f, Opcode opcode) {
  const Combine combine = kCombine.at(opcode);
  const int64_t width = config_.post_width;
  for (int64_t position = 0; position < f.positions; ++position) {
    const int64_t oy = position / f.out_w, x = position % f.out_w * width;
    const int64_t a_address = OperandNumber(f.act_base + oy * f.row_step + x);
    const int64_t b_address = OperandNumber(f.b_base + oy * f.b_row_step + x);
    const int64_t out = OutAddress(f, 0, position, width);
    if (!Spend(1)) return false;
    for (int64_t i = 0; i < std::min(width, f.row_bytes - x); ++i) {
      uint8_t a = 0;
      uint8_t b = 0;
      if (!ReadMemory(a_address + i, &a) || !ReadMemory(b_address + i, &b)) return false;
      std::string_view undefined;
      const int64_t value = combine(f, static_cast<int8_t>(a), static_cast<int8_t>(b), &undefined);
      if (!undefined.empty()) Undefined(undefined);
      if (!WriteMemory(out + i, Clamp(value, f))) return false;
    }
  }
  return true;
}

bool ProcessingElement::RunLookup(const ComputeFields& f) {
  const int64_t row_bytes = config_.core_row_bytes();
  std::vector<uint8_t> table;
  for (int64_t row = 0; table.size() < 256; ++row) {
    const uint8_t* bytes = CoreRows(0, f.b_base + row, std::min<int64_t>(row_bytes, 256));
    if (bytes == nullptr) return false;
    table.insert(table.end(), bytes, bytes + std::min<int64_t>(row_bytes, 256));
  }
  const int64_t width = config_.post_width;
  for (int64_t position = 0; position < f.positions; ++position) {
    const int64_t oy = position / f.out_w, x = position % f.out_w * width;
    const int64_t address = OperandNumber(f.act_base + oy * f.row_step + x);
    if (!Spend(1)) return false;
    for (int64_t i = 0; i < std::min(width, f.row_bytes - x); ++i) {
      uint8_t a = 0;
      if (!ReadMemory(address + i, &a)) return false;
      if (!WriteMemory(OutAddress(f, 0, position, width) + i, table[a])) return false;
    }
  }
  return true;
}

bool ProcessingElement::RunArgMax(const ComputeFields& f) {
  for (int64_t oy = 0; oy < f.out_h; ++oy) {
    const int64_t address = (f.act_base + oy * f.row_step) & kRowAddressMask;
    int64_t extreme = 0;
    int64_t position = 0;
    for (int64_t i = 0; i < f.row_bytes; ++i) {
      uint8_t byte = 0;
      if (!ReadMemory(address + i, &byte)) return false;
      const int64_t value = static_cast<int8_t>(byte);
      if (i > 0 && (f.minimum != 0 ? value >= extreme : value <= extreme)) continue;
      extreme = value;
      position = i;
    }
    for (int64_t i = 0; i < 4; ++i) {
      if (!WriteMemory(f.out_base + oy * f.out_row_step + i,
                       static_cast<uint8_t>(position >> 8 * i))) {
        return false;
      }
    }
  }
  return true;
}

/// What a VECTOR reads and writes.
class ProcessingElement::VectorAccess : public VectorMemory {
 public:
  VectorAccess(const ComputeFields& f, ProcessingElement& pe) : f_(f), pe_(pe) {}
  bool Entry(int64_t k, uint64_t* entry) override {
    const int64_t byte = k * kVectorEntryBytes, row_bytes = pe_.config_.core_row_bytes();
    const uint8_t* row = pe_.CoreRows(0, f_.weight_row + byte / row_bytes, row_bytes);
    if (row == nullptr) return false;
    const uint8_t* bytes = row + byte % row_bytes;
    *entry = Word32(bytes) | uint64_t{Word32(bytes + 4)} << 32;
    return true;
  }
  bool Row(int64_t address, int64_t bytes) override {
    return address + bytes <= static_cast<int64_t>(pe_.memory.size()) ||
           pe_.Fail("LocalBounds", address, "a row of VECTOR");
  }
  bool Read(int64_t address, uint8_t* byte) override { return pe_.ReadMemory(address, byte); }
  bool Write(int64_t address, uint8_t byte) override { return pe_.WriteMemory(address, byte); }
  bool Spend(uint64_t elements) override { return pe_.Spend(elements); }

 private:
  const ComputeFields& f_;
  ProcessingElement& pe_;
};

bool ProcessingElement::RunVector(const ComputeFields& f) {
  VectorCommand command;
  command.rows = f.out_h;
  command.elements = f.row_bytes;
  command.saturate = f.vector_saturate != 0;
  command.streams = {{{f.act_base, f.row_step, f.a_format, f.a_single != 0},
                      {f.b_base, f.b_row_step, f.b_format, f.b_single != 0},
                      {f.c_base, f.c_row_step, f.c_format, f.c_single != 0},
                      {f.out_base, f.out_row_step, f.d_format},
                      {f.e_base, f.e_row_step, f.e_format}}};
  VectorAccess access(f, *this);
  return RunVectorProgram(command, config_.vector_lanes, access);
}

bool ProcessingElement::RunSoftmax(const ComputeFields& f) {
  std::vector<int32_t> row(
      static_cast<size_t>(std::min<int64_t>(f.row_bytes, static_cast<int64_t>(memory.size()))));
  for (int64_t oy = 0; oy < f.out_h; ++oy) {
    const int64_t address = (f.act_base + oy * f.row_step) & kRowAddressMask;
    if (address + f.row_bytes > static_cast<int64_t>(memory.size())) {
      if (!Fail("LocalBounds", address, fmt::format("row {} of softmax", oy))) return false;
      continue;
    }
    for (int64_t i = 0; i < f.row_bytes; ++i) {
      uint8_t byte = 0;
      if (!ReadMemory(address + i, &byte)) return false;
      row[i] = static_cast<int8_t>(byte);
    }
    const int32_t largest = *std::max_element(row.begin(), row.end());
    std::array<int32_t, 256> terms = {};
    uint64_t sum = 0;
    for (int32_t value : row) {
      const int64_t entry = 4 * (largest - value);
      const int64_t row_bytes = config_.core_row_bytes();
      const uint8_t* bytes = CoreRows(0, f.b_base + entry / row_bytes,
                                      std::min<int64_t>(row_bytes, entry % row_bytes + 4));
      if (bytes == nullptr) return false;
      int32_t& term = terms[largest - value];
      term = static_cast<int32_t>(Word32(bytes + entry % row_bytes));
      if (term < 0) Undefined("an entry of a softmax table from 2^31 on");
      sum += static_cast<uint64_t>(RoundingShift(std::max(term, 0), 12));
    }
    if (sum == 0 || sum >> 31 != 0) Undefined("a softmax sum of 0, or from 2^31 on");
    const int headroom = std::min(std::countl_zero(static_cast<uint32_t>(sum)), 31);
    const int32_t fraction =
        static_cast<int32_t>((static_cast<uint32_t>(sum) << headroom) - 0x80000000u);
    const int32_t reciprocal = OneOverOnePlus(fraction);
    for (int64_t i = 0; i < f.row_bytes; ++i) {
      // The hardware reads the row again.
      if (observer != nullptr) observer->Read(index_, address + i, /*weights=*/false);
      const int32_t product = HighMultiply(reciprocal, terms[largest - row[i]]);
      const int32_t value = RoundingShift(product, 12 - headroom + 23) - 128;
      if (!WriteMemory(f.out_base + oy * f.out_row_step + i,
                       static_cast<uint8_t>(std::min(127, value)))) {
        return false;
      }
    }
  }
  return true;
}

}  // namespace npugen::functional

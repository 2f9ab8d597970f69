// SPDX-License-Identifier: Apache-2.0
// Compute commands, written after docs/machine.md section 4.
#include "verif/functional/processing_element.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "sw/stream/field_check.h"
#include "sw/stream/stream_decoder.h"
#include "verif/functional/fixed_point.h"

namespace npugen::functional {
namespace {

uint32_t Word32(const uint8_t* bytes) {
  return uint32_t{bytes[0]} | uint32_t{bytes[1]} << 8 | uint32_t{bytes[2]} << 16 |
         uint32_t{bytes[3]} << 24;
}

/// Sums wrap at 32 bits.
int32_t Wrap(int64_t value) { return static_cast<int32_t>(static_cast<uint64_t>(value)); }

uint8_t Clamp(int64_t value, const ComputeFields& f) {
  return static_cast<uint8_t>(std::min(std::max(value, f.act_min), f.act_max));
}

/// One byte of a result wider than int8.
uint8_t WideByte(int64_t value, const ComputeFields& f) {
  if (f.out_type == 1) value = std::min<int64_t>(std::max<int64_t>(value, -32768), 32767);
  return static_cast<uint8_t>(static_cast<uint64_t>(value) >> 8 * f.out_byte);
}

}  // namespace

ComputeFields::ComputeFields(const Command& command) {
#define NPUGEN_READ_FIELD(name) name = command.Get(#name);
  NPUGEN_COMPUTE_FIELDS(NPUGEN_READ_FIELD)
#undef NPUGEN_READ_FIELD
}

ProcessingElement::ProcessingElement(const NpuConfig& config)
    : memory(config.pe_memory_bytes),
      core_memory(config.cores, std::vector<uint8_t>(config.core_memory_bytes)),
      accumulators(size_t{config.accumulators} * config.pe_lanes()),
      config_(config),
      weights_(size_t{config.pe_lanes()} * config.simd),
      slots_(size_t{config.pe_lanes()} * config.simd) {}

std::optional<Fault> ProcessingElement::Execute(const Command& command) {
  fault_.reset();
  if (std::optional<std::string> problem = CheckCommandFields(config_, command)) {
    Fail("BadField", 0, *std::move(problem));
    return fault_;
  }
  const ComputeFields fields(command);
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
    case Opcode::kAdd:
      RunTwoOperands(fields, &ProcessingElement::AddBytes);
      break;
    case Opcode::kMultiply:
      RunTwoOperands(fields, &ProcessingElement::MultiplyBytes);
      break;
    case Opcode::kMaximum:
      RunTwoOperands(fields, &ProcessingElement::MaximumBytes);
      break;
    case Opcode::kSquaredDifference:
      RunTwoOperands(fields, &ProcessingElement::SquaredDifferenceBytes);
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
    default:
      Fail("BadOpcode", 0, "not a compute command");
  }
  return fault_;
}

bool ProcessingElement::Fail(std::string_view code, int64_t address, std::string detail) {
  if (!fault_) fault_ = Fault{ErrorCode(code), static_cast<uint64_t>(address), std::move(detail)};
  return false;
}

bool ProcessingElement::ReadMemory(int64_t address, uint8_t* byte) {
  if (address < 0 || address >= static_cast<int64_t>(memory.size())) {
    return Fail("LocalBounds", address, fmt::format("read at {} of PE memory", address));
  }
  *byte = memory[address];
  return true;
}

bool ProcessingElement::WriteMemory(int64_t address, uint8_t byte) {
  if (address < 0 || address >= static_cast<int64_t>(memory.size())) {
    return Fail("LocalBounds", address, fmt::format("write at {} of PE memory", address));
  }
  memory[address] = byte;
  return true;
}

bool ProcessingElement::ReadOperand(const ComputeFields& f, int64_t y, int64_t bx, int64_t address,
                                    uint8_t* byte) {
  if (y < 0 || y >= f.in_h || bx < 0 || bx >= f.row_bytes) {
    *byte = static_cast<uint8_t>(f.fill);
    return true;
  }
  return ReadMemory(address, byte);
}

const uint8_t* ProcessingElement::CoreRows(uint32_t core, int64_t row, int64_t bytes) {
  const int64_t start = row * config_.core_row_bytes();
  if (row < 0 || start + bytes > static_cast<int64_t>(config_.core_memory_bytes)) {
    Fail("LocalBounds", start, fmt::format("row {} of core memory", row));
    return nullptr;
  }
  return core_memory[core].data() + start;
}

bool ProcessingElement::RunArray(const ComputeFields& f, bool window) {
  const int64_t tile_positions = config_.accumulators;
  for (int64_t group = 0; group < f.groups; ++group) {
    slots_x_ = slots_y_ = -2;  // a window never slides from one group to the next
    for (int64_t tile = 0; tile < f.tiles; ++tile) {
      const int64_t first = tile * tile_positions;
      const int64_t count = std::min(tile_positions, f.positions - first);
      if (f.binary != 0) {
        for (int64_t plane = 0; plane < (f.two_planes ? 2 : 1); ++plane) {
          if (plane > 0 && !BeginSecondPlane(f, group, count)) return false;
          for (int64_t k0 = 0; k0 < f.k0_count; ++k0) {
            const bool overwrite = k0 == 0 && plane == 0 && f.acc_init != 0;
            if (!LoadWeights(f, group, k0)) return false;
            if (!AccumulateBits(f, first, count, plane, k0, overwrite)) return false;
          }
        }
        if (f.drain != 0 && !Drain(f, group, first, count)) return false;
        continue;
      }
      int64_t slice = 0;
      for (int64_t k2 = 0; k2 < f.k2_count; ++k2) {
        for (int64_t k1 = 0; k1 < f.k1_count; ++k1) {
          for (int64_t k0 = 0; k0 < f.k0_count; ++k0, ++slice) {
            const bool overwrite = slice == 0 && f.acc_init != 0;
            if (f.acc_shift != 0 && k2 > 0 && k1 == 0 && k0 == 0) ShiftSums(count);
            if (!LoadWeights(f, group, slice)) return false;
            const bool ok = window ? AccumulateWindow(f, group, first, count, k2, k1, overwrite)
                                   : AccumulateDense(f, first, count, k2, k1, k0, overwrite);
            if (!ok) return false;
          }
        }
      }
      if (f.drain != 0 && !Drain(f, group, first, count)) return false;
    }
  }
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
  const int64_t bytes = f.packed_weights != 0 ? (weights + 1) / 2 : weights;
  const int64_t row_bytes = config_.core_row_bytes();
  const int64_t rows = (bytes + row_bytes - 1) / row_bytes;
  const int64_t row = f.weight_row + group * f.weight_group_rows + slice * rows +
                      (f.gated ? int64_t{config_.gate_rows()} : 0);
  for (uint32_t core = 0; core < config_.cores; ++core) {
    const uint8_t* source = CoreRows(core, row, rows * row_bytes);
    if (source == nullptr) return false;
    int8_t* target = weights_.data() + core * weights;
    for (int64_t i = 0; i < weights; ++i) {
      if (f.packed_weights == 0) {
        target[i] = static_cast<int8_t>(source[i]);
        continue;
      }
      const int nibble = source[i / 2] >> 4 * (i % 2) & 0xf;
      target[i] = static_cast<int8_t>(nibble < 8 ? nibble : nibble - 16);
    }
  }
  return true;
}

bool ProcessingElement::AccumulateDense(const ComputeFields& f, int64_t first, int64_t count,
                                        int64_t k2, int64_t k1, int64_t k0, bool overwrite) {
  const int64_t simd = config_.simd;
  const int64_t lanes = config_.pe_lanes();
  std::vector<int8_t> vector(static_cast<size_t>(simd));
  for (int64_t p = 0; p < count; ++p) {
    const int64_t oy = (first + p) / f.out_w;
    const int64_t ox = (first + p) % f.out_w;
    const int64_t y = f.y_start + oy * f.y_step + k2 * f.k2_y_step;
    const int64_t bx = f.x_start + ox * f.x_step + k1 * f.k1_step + k0 * simd;
    const int64_t a = f.act_base + oy * f.row_step + k2 * f.k2_row_step + bx;
    for (int64_t i = 0; i < simd; ++i) {
      uint8_t byte = 0;
      if (f.run_bytes == 0) {
        if (!ReadOperand(f, y, bx + i, a + i, &byte)) return false;
      } else {
        // Byte k0 * S + i of the kernel's rows, strung together.
        const int64_t row = (k0 * simd + i) / f.run_bytes;
        const int64_t x = f.x_start + ox * f.x_step + (k0 * simd + i) % f.run_bytes;
        if (row < f.win_rows &&
            !ReadOperand(f, f.y_start + oy * f.y_step + row * f.win_y_step, x,
                         f.act_base + oy * f.row_step + row * f.win_row_step + x, &byte)) {
          return false;
        }
      }
      vector[i] = static_cast<int8_t>(byte);
    }
    int32_t* sums = &accumulators[p * lanes];
    const int8_t* weight = weights_.data();
    for (int64_t lane = 0; lane < lanes; ++lane, weight += simd) {
      int32_t sum = 0;
      for (int64_t i = 0; i < simd; ++i) sum += int32_t{vector[i]} * int32_t{weight[i]};
      sums[lane] = Wrap((overwrite ? int64_t{0} : int64_t{sums[lane]}) + sum);
    }
  }
  multiplications += static_cast<uint64_t>(count * lanes * simd);
  return true;
}

bool ProcessingElement::AccumulateBits(const ComputeFields& f, int64_t first, int64_t count,
                                       int64_t plane, int64_t k0, bool overwrite) {
  const int64_t simd = config_.simd;
  const int64_t lanes = config_.pe_lanes();
  for (int64_t p = 0; p < count; ++p) {
    const int64_t oy = (first + p) / f.out_w;
    const int64_t ox = (first + p) % f.out_w;
    int32_t* sums = &accumulators[p * lanes];
    if (overwrite) std::fill(sums, sums + lanes, 0);
    for (int64_t i = 0; i < simd; ++i) {
      const int64_t place = k0 * simd + i;
      const int64_t row = place / f.run_bytes;
      if (row >= f.win_rows) break;
      const int64_t x = f.x_start + ox * f.x_step + place % f.run_bytes;
      const int64_t y = f.y_start + oy * f.y_step + row * f.win_y_step;
      const bool inside = y >= 0 && y < f.in_h && x >= 0 && x < f.row_bytes;
      uint8_t byte = 0;
      if (!ReadOperand(
              f, y, x,
              f.act_base + oy * f.row_step + row * f.win_row_step + x + plane * f.plane_step,
              &byte)) {
        return false;
      }
      if (f.skip_outside && !inside) continue;
      for (int64_t lane = 0; lane < lanes; ++lane) {
        if (plane > 0 && skipped_[p * lanes + lane]) continue;
        const uint8_t weights = static_cast<uint8_t>(weights_[lane * simd + i]);
        for (int bit = 0; bit < 8; ++bit) {
          const int a = byte >> bit & 1 ? 1 : -1;
          const int w = weights >> bit & 1 ? 1 : -1;
          sums[lane] = Wrap(int64_t{sums[lane]} + a * w);
        }
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
      gates = CoreRows(core, f.weight_row + group * f.weight_group_rows, 4 * config_.lanes);
      if (gates == nullptr) return false;
    }
    for (int64_t p = 0; p < count; ++p) {
      for (int64_t l = 0; l < config_.lanes; ++l) {
        const int64_t at = p * lanes + int64_t{core} * config_.lanes + l;
        skipped_[at] =
            gates != nullptr && accumulators[at] <= static_cast<int32_t>(Word32(gates + 4 * l));
        accumulators[at] = Wrap(int64_t{accumulators[at]} * 2);
      }
    }
  }
  return true;
}

bool ProcessingElement::AccumulateWindow(const ComputeFields& f, int64_t group, int64_t first,
                                         int64_t count, int64_t k2, int64_t k1, bool overwrite) {
  const int64_t simd = config_.simd;
  const int64_t lanes = config_.pe_lanes();
  const int64_t fetched_lanes = std::min<int64_t>(lanes, config_.pe_bank_bytes);
  const bool several_slices = f.k1_count * f.k2_count > 1;
  if (several_slices) slots_x_ = slots_y_ = -2;  // another slice's window stands in the slots
  for (int64_t p = 0; p < count; ++p) {
    const int64_t oy = (first + p) / f.out_w;
    const int64_t ox = (first + p) % f.out_w;
    const bool slides = slots_y_ == oy && slots_x_ + 1 == ox;
    for (int64_t c = slides ? f.win_cols - f.win_new_cols : 0; c < f.win_cols; ++c) {
      for (int64_t r = 0; r < f.win_rows; ++r) {
        const int64_t y = f.y_start + oy * f.y_step + k2 * f.k2_y_step + r * f.win_y_step;
        const int64_t bx =
            f.x_start + ox * f.x_step + k1 * f.k1_step + c * f.win_col_step + group * f.group_step;
        const int64_t a =
            f.act_base + oy * f.row_step + k2 * f.k2_row_step + r * f.win_row_step + bx;
        for (int64_t lane = 0; lane < fetched_lanes; ++lane) {
          // Lanes beyond the group's channels fetch as well; only the group's bytes must exist.
          uint8_t byte = 0;
          if (lane < f.group_channels && !ReadOperand(f, y, bx + lane, a + lane, &byte))
            return false;
          int8_t* slots = &slots_[lane * simd];
          std::copy(slots + 1, slots + simd, slots);
          slots[simd - 1] = static_cast<int8_t>(byte);
        }
      }
    }
    slots_x_ = ox;
    slots_y_ = oy;
    int32_t* sums = &accumulators[p * lanes];
    for (int64_t lane = 0; lane < lanes; ++lane) {
      int32_t sum = 0;
      for (int64_t i = 0; i < simd; ++i) {
        sum += int32_t{slots_[lane * simd + i]} * int32_t{weights_[lane * simd + i]};
      }
      sums[lane] = Wrap((overwrite ? int64_t{0} : int64_t{sums[lane]}) + sum);
    }
  }
  multiplications += static_cast<uint64_t>(count * lanes * simd);
  return true;
}

bool ProcessingElement::Drain(const ComputeFields& f, int64_t group, int64_t first, int64_t count) {
  const int64_t channels = std::min(f.group_channels, f.channels - group * f.group_channels);
  const int64_t lanes = config_.pe_lanes();
  const int64_t row = f.param_row + group * f.param_group_rows;
  for (uint32_t core = 0; core < config_.cores; ++core) {
    const bool common = f.common_scale != 0;
    const int64_t record_bytes = common ? kBiasRecordBytes : kParameterRecordBytes;
    const int64_t bytes = int64_t{config_.lanes} * record_bytes;
    const uint8_t* records = CoreRows(core, row, bytes);
    if (records == nullptr) return false;
    const int64_t first_channel = int64_t{core} * config_.lanes;
    for (int64_t p = 0; p < count; ++p) {
      const int64_t oy = (first + p) / f.out_w;
      const int64_t ox = (first + p) % f.out_w;
      const int64_t out = f.out_base + group * f.out_group_step + oy * f.out_row_step +
                          ox * f.out_x_step + first_channel;
      for (int64_t j = 0; j < config_.lanes && first_channel + j < channels; ++j) {
        const uint8_t* record = records + j * record_bytes;
        const int32_t bias = static_cast<int32_t>(Word32(record));
        const int32_t multiplier = static_cast<int32_t>(
            common ? f.out_multiplier : int64_t{Word32(record + 4) & 0x7fffffff});
        const int shift = common ? static_cast<int>(f.out_shift) : static_cast<int8_t>(record[8]);
        const int32_t sum = accumulators[p * lanes + first_channel + j];
        if (f.thresholds != 0) {
          if (!WriteBits(f, out - first_channel, first_channel + j, record, sum)) return false;
          continue;
        }
        if (f.average != 0 ? (shift > 0 || shift < -31) : (shift > 31 || shift < -31)) {
          return Fail("BadField", row, fmt::format("shift {} in a parameter record", shift));
        }
        const int32_t value =
            f.average != 0 ? DivideForAverage(sum, bias, multiplier, shift)
                           : MultiplyByQuantized(Wrap(int64_t{sum} + bias), multiplier, shift);
        const int64_t result = int64_t{value} + f.out_zero_point;
        if (!WriteMemory(out + j, f.out_type == 0 ? Clamp(result, f) : WideByte(result, f))) {
          return false;
        }
      }
    }
  }
  return true;
}

bool ProcessingElement::WriteBits(const ComputeFields& f, int64_t out, int64_t channel,
                                  const uint8_t* record, int32_t sum) {
  const uint64_t rest = uint64_t{Word32(record + 4)} | uint64_t{record[8]} << 32;
  const int64_t value = Wrap(int64_t{sum} + static_cast<int32_t>(Word32(record)));
  int64_t code = value >= 0 ? 1 : 0;
  if (f.thresholds == 3) {
    code += value >= static_cast<int64_t>(rest & 0x7ffff) ? 1 : 0;
    code += value >= static_cast<int64_t>(rest >> 19 & 0xfffff) ? 1 : 0;
  }
  if (rest >> 39 & 1) code = f.thresholds - code;
  for (int64_t plane = 0; plane < (f.thresholds == 3 ? 2 : 1); ++plane) {
    const uint8_t bit = static_cast<uint8_t>(code >> (f.thresholds == 3 ? 1 - plane : 0) & 1);
    const int64_t base = out + plane * f.out_plane_step;
    if (f.bit_output == 0) {
      if (!WriteMemory(base + channel, bit)) return false;
      continue;
    }
    // A byte's first channel clears those that do not exist.
    uint8_t byte = 0;
    if (channel % 8 != 0 && !ReadMemory(base + channel / 8, &byte)) return false;
    if (!WriteMemory(base + channel / 8, static_cast<uint8_t>(byte | bit << channel % 8))) {
      return false;
    }
  }
  return true;
}

bool ProcessingElement::PoolBits(const ComputeFields& f) {
  for (int64_t group = 0; group < f.groups; ++group) {
    const int64_t channels = std::min(f.group_channels, f.channels - group * f.group_channels);
    for (int64_t position = 0; position < f.out_w * f.out_h; ++position) {
      const int64_t oy = position / f.out_w, ox = position % f.out_w;
      for (int64_t j = 0; j < channels; ++j) {
        std::vector<uint8_t> bytes;
        for (int64_t c = 0; c < f.win_cols; ++c) {
          for (int64_t r = 0; r < f.win_rows; ++r) {
            const int64_t bx =
                f.x_start + ox * f.x_step + c * f.win_col_step + group * f.group_step + j;
            bytes.push_back(0);
            if (!ReadOperand(f, f.y_start + oy * f.y_step + r * f.win_y_step, bx,
                             f.act_base + oy * f.row_step + r * f.win_row_step + bx,
                             &bytes.back())) {
              return false;
            }
          }
        }
        uint8_t result = 0;
        for (int bit = 0; bit < 8; ++bit) {
          // Without planes the largest bit; with them the lower bit of the largest code.
          int largest = 0;
          for (size_t i = 0; i < bytes.size(); i += f.two_planes ? 2 : 1) {
            int code = bytes[i] >> bit & 1;
            if (f.two_planes) code = 2 * code + (bytes[i + 1] >> bit & 1);
            largest = std::max(largest, code);
          }
          result = static_cast<uint8_t>(result | (largest & 1) << bit);
        }
        const int64_t out =
            f.out_base + group * f.out_group_step + oy * f.out_row_step + ox * f.out_x_step + j;
        if (!WriteMemory(out, Clamp(static_cast<int8_t>(result), f))) return false;
      }
    }
  }
  return true;
}

bool ProcessingElement::RunMaxPool(const ComputeFields& f) {
  if (f.pool_bits != 0) return PoolBits(f);
  for (int64_t group = 0; group < f.groups; ++group) {
    const int64_t channels = std::min(f.group_channels, f.channels - group * f.group_channels);
    for (int64_t oy = 0; oy < f.out_h; ++oy) {
      for (int64_t ox = 0; ox < f.out_w; ++ox) {
        for (int64_t j = 0; j < channels; ++j) {
          int64_t extreme = f.minimum != 0 ? 127 : -128;
          for (int64_t c = 0; c < f.win_cols; ++c) {
            for (int64_t r = 0; r < f.win_rows; ++r) {
              const int64_t y = f.y_start + oy * f.y_step + r * f.win_y_step;
              const int64_t bx =
                  f.x_start + ox * f.x_step + c * f.win_col_step + group * f.group_step + j;
              const int64_t a = f.act_base + oy * f.row_step + r * f.win_row_step + bx;
              uint8_t byte = 0;
              if (!ReadOperand(f, y, bx, a, &byte)) return false;
              const int64_t value = static_cast<int8_t>(byte);
              extreme = f.minimum != 0 ? std::min(extreme, value) : std::max(extreme, value);
            }
          }
          const int64_t out =
              f.out_base + group * f.out_group_step + oy * f.out_row_step + ox * f.out_x_step + j;
          if (!WriteMemory(out, Clamp(extreme, f))) return false;
        }
      }
    }
  }
  return true;
}

bool ProcessingElement::RunTwoOperands(const ComputeFields& f, Combine combine) {
  const int64_t width = config_.post_width;
  for (int64_t oy = 0; oy < f.out_h; ++oy) {
    const int64_t bytes = std::min(f.out_w * width, f.row_bytes);
    for (int64_t i = 0; i < bytes; ++i) {
      uint8_t a = 0;
      uint8_t b = 0;
      if (!ReadMemory(f.act_base + oy * f.row_step + i, &a)) return false;
      if (!ReadMemory(f.b_base + oy * f.b_row_step + i, &b)) return false;
      const int64_t value = (this->*combine)(f, static_cast<int8_t>(a), static_cast<int8_t>(b));
      if (!WriteMemory(f.out_base + oy * f.out_row_step + i, Clamp(value, f))) return false;
    }
  }
  return true;
}

int64_t ProcessingElement::AddBytes(const ComputeFields& f, int64_t a, int64_t b) const {
  const int64_t u = (a - f.a_zero_point) * (int64_t{1} << 19);
  const int64_t w =
      MultiplyByQuantized(Wrap((b - f.b_zero_point) * (int64_t{1} << 20)),
                          static_cast<int32_t>(f.b_multiplier), static_cast<int>(f.b_shift));
  const int32_t sum = Wrap((f.a_subtract ? -u : u) + (f.b_subtract ? -w : w));
  return Rescaled(f, sum);
}

int64_t ProcessingElement::MultiplyBytes(const ComputeFields& f, int64_t a, int64_t b) const {
  return Rescaled(f, Wrap((a - f.a_zero_point) * (b - f.b_zero_point)));
}

int64_t ProcessingElement::MaximumBytes(const ComputeFields& f, int64_t a, int64_t b) const {
  return f.minimum != 0 ? std::min(a, b) : std::max(a, b);
}

int64_t ProcessingElement::SquaredDifferenceBytes(const ComputeFields& f, int64_t a,
                                                  int64_t b) const {
  const int64_t u = (a - f.a_zero_point) * 64;
  const int64_t w =
      MultiplyByQuantized(Wrap((b - f.b_zero_point) * 128), static_cast<int32_t>(f.b_multiplier),
                          static_cast<int>(f.b_shift));
  return Rescaled(f, Wrap((u - w) * (u - w)));
}

int64_t ProcessingElement::Rescaled(const ComputeFields& f, int32_t value) const {
  return int64_t{MultiplyByQuantized(value, static_cast<int32_t>(f.out_multiplier),
                                     static_cast<int>(f.out_shift))} +
         f.out_zero_point;
}

bool ProcessingElement::RunLookup(const ComputeFields& f) {
  const uint8_t* table = CoreRows(0, f.b_base, 256);
  if (table == nullptr) return false;
  for (int64_t oy = 0; oy < f.out_h; ++oy) {
    const int64_t bytes = std::min(f.out_w * int64_t{config_.post_width}, f.row_bytes);
    for (int64_t i = 0; i < bytes; ++i) {
      uint8_t a = 0;
      if (!ReadMemory(f.act_base + oy * f.row_step + i, &a)) return false;
      if (!WriteMemory(f.out_base + oy * f.out_row_step + i, table[a])) return false;
    }
  }
  return true;
}

bool ProcessingElement::RunArgMax(const ComputeFields& f) {
  for (int64_t oy = 0; oy < f.out_h; ++oy) {
    int64_t extreme = 0;
    int64_t position = 0;
    for (int64_t i = 0; i < f.row_bytes; ++i) {
      uint8_t byte = 0;
      if (!ReadMemory(f.act_base + oy * f.row_step + i, &byte)) return false;
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

bool ProcessingElement::RunSoftmax(const ComputeFields& f) {
  const uint8_t* table = CoreRows(0, f.b_base, 1024);
  if (table == nullptr) return false;
  std::vector<int32_t> row(static_cast<size_t>(f.row_bytes));
  for (int64_t oy = 0; oy < f.out_h; ++oy) {
    for (int64_t i = 0; i < f.row_bytes; ++i) {
      uint8_t byte = 0;
      if (!ReadMemory(f.act_base + oy * f.row_step + i, &byte)) return false;
      row[i] = static_cast<int8_t>(byte);
    }
    const int32_t largest = *std::max_element(row.begin(), row.end());
    const auto term = [&](int32_t value) {
      return static_cast<int32_t>(Word32(table + 4 * (largest - value)));
    };
    uint32_t sum = 0;
    for (int32_t value : row) sum += static_cast<uint32_t>(RoundingShift(term(value), 12));
    const int headroom = std::countl_zero(sum);
    const int32_t fraction = static_cast<int32_t>((sum << headroom) - 0x80000000u);
    const int32_t reciprocal = OneOverOnePlus(fraction);
    for (int64_t i = 0; i < f.row_bytes; ++i) {
      const int32_t product = HighMultiply(reciprocal, term(row[i]));
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

// SPDX-License-Identifier: Apache-2.0
// Fields of compute and DMA commands.
#include "sw/compiler/encode/encode.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "generator/support/check.h"
#include "sw/stream/field_check.h"

namespace npugen::compiler {
namespace {

/// Sets fields and remembers those that do not fit.
class FieldWriter {
 public:
  FieldWriter(Command* command, FieldErrors* errors) : command_(command), errors_(errors) {}
  void Set(const CommandField& field, int64_t value) {
    if (command_->Set(field, value)) return;
    if (errors_ != nullptr) {
      errors_->push_back(fmt::format("{} = {}", field.name, value));
    } else {
      InternalError(fmt::format("{} = {} does not fit into a command", field.name, value));
    }
  }

 private:
  Command* command_;
  FieldErrors* errors_;
};

/// What hardware would refuse is an error like a field that does not fit.
void CheckFields(const NpuConfig& config, const Command& command, FieldErrors* errors) {
  if (errors == nullptr || !errors->empty()) return;
  if (std::optional<std::string> problem = CheckCommandFields(config, command)) {
    errors->push_back(fmt::format("{}: {}", InfoOf(command.opcode()).name, *problem));
  }
}

/// The scale of all results stands behind what MATMUL and WINDOW need otherwise.
uint32_t EntriesOf(const Layer& layer, Opcode opcode) {
  const OpcodeInfo& info = InfoOf(opcode);
  const bool array = In(layer.opcode, opcodes::kArray);
  if (layer.residual) return info.most_entries;
  const bool bits = layer.binary || layer.thresholds != 0 || layer.pool_bits;
  if (bits) return info.most_entries;
  if (layer.opcode == Opcode::kMaxPool) return info.least_entries;
  return array && !layer.parameters.common_scale ? info.least_entries : info.most_entries;
}

/// One axis of positions as the hardware sees it: the image's columns, or its rows in swapped
/// WINDOWs.
struct Axis {
  int64_t first;      ///< operand coordinate of the first position's first tap
  int64_t stride;     ///< operand elements from position to position
  int64_t dilation;   ///< operand elements from tap to tap
  int64_t pitch;      ///< bytes from element to element
  int64_t count;      ///< positions
  int64_t out_pitch;  ///< output bytes from position to position
};

/// What becomes of the sums of MATMUL and WINDOW.
void SetSumFields(const NpuConfig& config, const ComputeRequest& request, FieldWriter* fields) {
  const Layer& layer = *request.layer;
  const KernelPart& part = request.part;
  if (request.group_end - request.group_begin > 1 && !layer.parameters.shared) {
    const int64_t slices = part.k0_count * part.k1_count * part.k2_count;
    fields->Set(compute::weight_group_rows, GroupRows(config, layer, slices));
    fields->Set(compute::param_group_rows, RecordRows(config, layer));
  }
  fields->Set(compute::acc_init, request.first_part ? 1 : 0);
  fields->Set(compute::drain, request.last_part ? 1 : 0);
  fields->Set(compute::average, layer.average ? 1 : 0);
  fields->Set(compute::out_zero_point, layer.out_zero_point);
  if (layer.parameters.common_scale) {
    fields->Set(compute::common_scale, 1);
    fields->Set(compute::out_multiplier, layer.parameters.records[0].multiplier);
    fields->Set(compute::out_shift, layer.parameters.records[0].shift);
  }
  fields->Set(compute::acc_shift, layer.shift_sums ? 1 : 0);
  fields->Set(compute::packed_weights, layer.parameters.packed ? 1 : 0);
  fields->Set(compute::out_type, layer.out_type);
  fields->Set(compute::out_byte, layer.out_byte);
}

/// Taps that are fetched at once: runs of a gathered kernel, or window of a column of slots.
void SetWindowFields(const NpuConfig& config, const Layer& layer, const Axis& y, const Axis& x,
                     FieldWriter* fields) {
  if (layer.gather) {
    const int64_t run = layer.geometry.kernel_w * layer.geometry.in_c;
    const int64_t whole_rows = config.simd / run;
    fields->Set(compute::run_bytes, run);
    fields->Set(compute::k1_step, config.simd % run);
    fields->Set(compute::k2_y_step, whole_rows * y.dilation);
    fields->Set(compute::k2_row_step, whole_rows * y.dilation * y.pitch);
    fields->Set(compute::win_rows, layer.geometry.kernel_h);
    fields->Set(compute::win_cols, whole_rows);
    fields->Set(compute::win_y_step, y.dilation);
    fields->Set(compute::win_row_step, y.dilation * y.pitch);
  }
  if (layer.opcode == Opcode::kMatmul) return;
  const WindowShape& window = layer.window;
  fields->Set(compute::win_rows, window.rows);
  fields->Set(compute::win_cols, window.columns);
  if (layer.opcode != Opcode::kMaxPool) fields->Set(compute::win_new_cols, window.new_columns);
  if (window.rows > 1) {
    fields->Set(compute::win_y_step, y.dilation);
    fields->Set(compute::win_row_step, y.dilation * y.pitch);
  }
  if (window.columns > 1) fields->Set(compute::win_col_step, x.dilation * x.pitch);
}

void SetArrayFields(const NpuConfig& config, const ComputeRequest& request, FieldWriter* fields) {
  const Layer& layer = *request.layer;
  const Geometry& g = layer.geometry;
  const bool matmul = layer.opcode == Opcode::kMatmul;
  const bool pool = layer.opcode == Opcode::kMaxPool;
  const bool swap = layer.window.swap;
  const KernelPart& part = request.part;
  const int64_t in_row = g.FirstInputRow(request.row_begin);
  const int64_t in_rows = g.EndInputRow(request.row_end) - in_row;
  const Axis image_rows{request.row_begin * g.stride_h - g.pad_top - in_row,
                        g.stride_h,
                        g.dilation_h,
                        g.in_row_bytes(),
                        request.row_end - request.row_begin,
                        g.out_row_bytes()};
  const Axis image_columns{
      request.column_begin * g.stride_w - g.pad_left, g.stride_w, g.dilation_w, g.in_c,
      request.column_end - request.column_begin,      g.out_c};
  const Axis& y = swap ? image_columns : image_rows;
  const Axis& x = swap ? image_rows : image_columns;

  // Taps in one step of k1 and k2: WINDOW fetches several at once.
  const int64_t k1_taps = matmul ? 1 : layer.window.columns;
  const int64_t k2_taps = matmul ? 1 : layer.window.rows;
  const int64_t k1_step = layer.parts > 1 ? 0 : k1_taps * x.dilation * x.pitch;
  const int64_t k2_rows = k2_taps * y.dilation;
  const int64_t group_step = matmul ? 0 : layer.group_channels;
  const int64_t groups = request.group_end - request.group_begin;

  const int64_t y_start = y.first + part.k2_begin * k2_rows;
  const int64_t x_start = x.first * x.pitch + part.k1_begin * k1_step +
                          part.k0_begin * config.simd + request.group_begin * group_step;
  fields->Set(compute::act_base, request.in_address[0] + y_start * y.pitch);
  fields->Set(compute::y_start, y_start);
  fields->Set(compute::x_start, x_start);
  fields->Set(compute::out_w, x.count);
  fields->Set(compute::positions, x.count * y.count);
  // In a swapped operand a row is a column of the image: its last byte is that of the last image
  // row, if there is one (borders may be whole tiles).
  const int64_t column_bytes = in_rows > 0 ? (in_rows - 1) * g.in_row_bytes() + g.in_c : 0;
  fields->Set(compute::row_bytes, swap ? column_bytes : g.in_plane_bytes());
  fields->Set(compute::in_h, swap ? g.in_w : in_rows);
  // Steps that are never taken stay 0, so that they need not fit.
  if (x.count > 1) {
    fields->Set(compute::x_step, x.stride * x.pitch);
    fields->Set(compute::out_x_step, x.out_pitch);
  }
  if (y.count > 1) {
    fields->Set(compute::y_step, y.stride);
    fields->Set(compute::row_step, y.stride * y.pitch);
    fields->Set(compute::out_row_step, y.out_pitch);
  }
  SetWindowFields(config, layer, y, x, fields);

  fields->Set(compute::groups, groups);
  fields->Set(compute::group_channels, layer.group_channels);
  fields->Set(compute::channels,
              std::min(request.group_end * layer.group_channels, layer.out_channels()) -
                  request.group_begin * layer.group_channels);
  fields->Set(compute::out_base, request.out_address + request.column_begin * g.out_c +
                                     request.group_begin * layer.group_bytes());
  if (groups > 1) {
    if (!matmul) fields->Set(compute::group_step, group_step);
    fields->Set(compute::out_group_step, layer.group_bytes());
  }
  fields->Set(compute::fill, layer.fill);
  fields->Set(compute::act_min, layer.act_min);
  fields->Set(compute::act_max, layer.act_max);
  if (pool) {
    fields->Set(compute::minimum, layer.minimum ? 1 : 0);
    return;
  }
  fields->Set(compute::k0_count, part.k0_count);
  fields->Set(compute::k1_count, part.k1_count);
  fields->Set(compute::k2_count, part.k2_count);
  if (part.k1_count > 1) fields->Set(compute::k1_step, k1_step);
  if (part.k2_count > 1) {
    fields->Set(compute::k2_y_step, k2_rows);
    fields->Set(compute::k2_row_step, k2_rows * y.pitch);
  }
  SetSumFields(config, request, fields);
}

/// What results are added to, and how.
void SetResidualFields(const ComputeRequest& request, FieldWriter* fields) {
  const Layer& layer = *request.layer;
  const Geometry& g = layer.geometry;
  fields->Set(compute::residual, 1);
  fields->Set(compute::residual_second, layer.residual_second ? 1 : 0);
  fields->Set(compute::b_base, request.in_address[1] + request.column_begin * g.out_c +
                                   request.group_begin * layer.group_bytes());
  if (request.row_end - request.row_begin > 1) fields->Set(compute::b_row_step, g.out_row_bytes());
  fields->Set(compute::a_zero_point, layer.a_zero_point);
  fields->Set(compute::b_zero_point, layer.b_zero_point);
  fields->Set(compute::b_multiplier, layer.b_multiplier);
  fields->Set(compute::b_shift, layer.b_shift);
  fields->Set(compute::out_multiplier, layer.out_multiplier);
  fields->Set(compute::out_shift, layer.out_shift);
  fields->Set(compute::a_subtract, layer.a_subtract ? 1 : 0);
  fields->Set(compute::b_subtract, layer.b_subtract ? 1 : 0);
}

/// How sums of bits become values, and what these are added to.
void SetAffineFields(const ComputeRequest& request, FieldWriter* fields) {
  const Layer& layer = *request.layer;
  const Geometry& g = layer.geometry;
  const AffineDrain& a = *layer.affine;
  fields->Set(compute::affine, 1);
  fields->Set(compute::p_weight, a.p_weight);
  fields->Set(compute::q_weight, a.q_weight);
  fields->Set(compute::sum_shift, a.sum_shift);
  fields->Set(compute::affine_shift, a.affine_shift);
  fields->Set(compute::slope_shift, a.slope_shift);
  fields->Set(compute::scale_shift, a.scale_shift);
  fields->Set(compute::code_first, a.code_first);
  fields->Set(compute::code_second, a.code_second);
  fields->Set(compute::code_third, a.code_third);
  fields->Set(compute::value_output, 1);
  // Eight channels of values have the bytes of sixteen of bits.
  constexpr int64_t kValues = 16;
  fields->Set(compute::value_base, request.out_address + g.out_planes * g.out_plane_bytes() +
                                       kValues * (request.column_begin * g.out_c +
                                                  request.group_begin * layer.group_bytes()));
  if (!layer.residual) return;
  const Geometry& r = a.residual;
  const int64_t pixel = 2 * a.residual_channels;
  const int64_t x_step = r.stride_w * pixel;
  const int64_t channel = request.group_begin * layer.group_channels % a.residual_channels;
  fields->Set(compute::affine_residual, 1);
  fields->Set(compute::affine_pool, a.pool ? 1 : 0);
  fields->Set(compute::b_base, request.in_address[1] + r.in_planes * r.in_plane_bytes() +
                                   request.column_begin * x_step + 2 * channel);
  fields->Set(compute::b_x_step, x_step);
  fields->Set(compute::b_row_step, r.stride_h * r.in_row_bytes());
}

/// Fields of layers of bits.
void SetBitFields(const NpuConfig& config, const ComputeRequest& request, Command* command,
                  FieldWriter* fields) {
  const Layer& layer = *request.layer;
  const Geometry& g = layer.geometry;
  if (layer.opcode == Opcode::kMatmul) {
    fields->Set(compute::binary, layer.binary ? 1 : 0);
    fields->Set(compute::skip_outside, layer.skip_outside ? 1 : 0);
    fields->Set(compute::gated, layer.parameters.gates.empty() ? 0 : 1);
  }
  if (layer.binary && g.in_planes == 2) {
    fields->Set(compute::two_planes, 1);
    fields->Set(compute::plane_step, g.in_plane_bytes());
    const bool window = config.bnn_skip_window > 1 && !layer.parameters.gates.empty() &&
                        layer.k0_count <= config.bnn_skip_slices &&
                        command->Get(compute::positions) > 1;
    fields->Set(compute::skip_window, window ? 1 : 0);
  }
  if (layer.opcode != Opcode::kMaxPool) {
    fields->Set(compute::thresholds, layer.thresholds);
    fields->Set(compute::bit_output, layer.bit_output ? 1 : 0);
    if (layer.thresholds == 3) fields->Set(compute::out_plane_step, g.out_plane_bytes());
  }
  if (!layer.pool_bits) return;
  fields->Set(compute::pool_bits, 1);
  if (!request.second_plane) return;
  // Rows of both planes in turn: twice as many rows of half the pitch.
  fields->Set(compute::two_planes, 1);
  fields->Set(compute::out_base, command->Get(compute::out_base) + g.out_plane_bytes());
  fields->Set(compute::win_rows, 2 * layer.window.rows);
  fields->Set(compute::win_y_step, 1);
  fields->Set(compute::win_row_step, g.in_plane_bytes());
  for (const CommandField& field : {compute::y_start, compute::y_step, compute::in_h}) {
    fields->Set(field, 2 * command->Get(field));
  }
}

/// Element-wise commands see the rows of a tile as one long row where its vectors can be counted.
void SetVectorFields(const NpuConfig& config, const ComputeRequest& request, FieldWriter* fields) {
  const Layer& layer = *request.layer;
  const Geometry& g = layer.geometry;
  int64_t rows = request.row_end - request.row_begin;
  int64_t row_bytes = g.in_row_bytes();
  const bool rows_matter = In(layer.opcode, opcodes::kRows);
  if (!rows_matter && CeilDiv(rows * row_bytes, config.post_width) <= 0xffff) {
    row_bytes *= rows;
    rows = 1;
  }
  fields->Set(compute::act_base, request.in_address[0]);
  fields->Set(compute::out_base, request.out_address);
  fields->Set(compute::row_bytes, row_bytes);
  if (rows > 1) {
    fields->Set(compute::row_step, row_bytes);
    fields->Set(compute::out_row_step,
                layer.opcode == Opcode::kArgMax ? g.out_row_bytes() : row_bytes);
  }
  if (layer.opcode == Opcode::kMaximum || layer.opcode == Opcode::kArgMax) {
    fields->Set(compute::minimum, layer.minimum ? 1 : 0);
  }
  if (rows_matter) {
    fields->Set(compute::out_h, rows);
    return;
  }
  const int64_t vectors = CeilDiv(row_bytes, config.post_width);
  fields->Set(compute::out_w, vectors);
  fields->Set(compute::positions, vectors * rows);
  if (!In(layer.opcode, opcodes::kTwoOperands)) return;
  fields->Set(compute::b_base, request.in_address[1]);
  if (rows > 1) fields->Set(compute::b_row_step, row_bytes);
  fields->Set(compute::act_min, layer.act_min);
  fields->Set(compute::act_max, layer.act_max);
  if (layer.opcode == Opcode::kMaximum) return;
  fields->Set(compute::out_zero_point, layer.out_zero_point);
  fields->Set(compute::a_zero_point, layer.a_zero_point);
  fields->Set(compute::b_zero_point, layer.b_zero_point);
  fields->Set(compute::out_shift, layer.out_shift);
  fields->Set(compute::out_multiplier, layer.out_multiplier);
  if (layer.opcode == Opcode::kMultiply) return;
  fields->Set(compute::b_shift, layer.b_shift);
  fields->Set(compute::b_multiplier, layer.b_multiplier);
  if (layer.opcode != Opcode::kAdd) return;
  fields->Set(compute::a_subtract, layer.a_subtract ? 1 : 0);
  fields->Set(compute::b_subtract, layer.b_subtract ? 1 : 0);
}

/// Hull of the bytes that a transfer writes or reads in local memory.
Access LocalHull(const Transfer& transfer) {
  Access access{Space::kPeMemory, transfer.local_address,
                transfer.local_address + (transfer.element != 0 ? transfer.element : transfer.run),
                transfer.pes};
  const auto add = [&](int64_t reach) { (reach < 0 ? access.begin : access.end) += reach; };
  for (size_t d = 0; d < transfer.dimensions.size(); ++d) {
    const Transfer::Dimension& dimension = transfer.dimensions[d];
    // Of a transposition the first stride leads from column to column, whose elements are the runs.
    const bool columns = transfer.element != 0 && d == 0;
    add((dimension.count - 1) * (columns ? transfer.element : dimension.local_stride));
    if (columns) add((transfer.run / transfer.element - 1) * dimension.local_stride);
  }
  return access;
}

/// Hull of the bytes of the other side; of those within bounds, where there are any.
Access GlobalHull(Space space, PeMask pes, const Transfer& transfer) {
  Access access{space, transfer.global_offset, transfer.global_offset, pes};
  const auto add = [&](int64_t count, int64_t stride, size_t dimension) {
    int64_t first = 0, last = count - 1;
    if (!transfer.bounds.empty()) {
      const Transfer::Bound& bound = transfer.bounds[dimension];
      first = bound.start < 0 ? (-bound.start + bound.step - 1) / bound.step : 0;
      last = std::min(last, bound.extent - 1 < bound.start
                                ? int64_t{-1}
                                : (bound.extent - 1 - bound.start) / bound.step);
    }
    if (first > last) return false;
    access.begin += (stride < 0 ? last : first) * stride;
    access.end += (stride < 0 ? first : last) * stride;
    return true;
  };
  bool any = add(transfer.run, 1, 0);
  for (size_t d = 0; d < transfer.dimensions.size(); ++d) {
    any = add(transfer.dimensions[d].count, transfer.dimensions[d].global_stride, d + 1) && any;
  }
  access.end += 1;
  return any ? access : Access{space, 0, 0, pes};
}

void SetBounds(const Transfer& transfer, FieldWriter* fields) {
  if (transfer.bounds.empty()) return;
  Check(transfer.bounds.size() == transfer.dimensions.size() + 1, "a bound for each dimension");
  fields->Set(dma::bounds, 1);
  for (size_t d = 0; d <= kTransferDimensions; ++d) {
    const Transfer::Bound bound =
        d < transfer.bounds.size() ? transfer.bounds[d] : Transfer::Bound{};
    fields->Set(*kBoxStart[d], bound.start);
    fields->Set(*kBoxExtent[d], bound.extent);
    if (d > 0 && bound.step != 1) fields->Set(*kBoxStep[d], bound.step);
  }
}

}  // namespace

Step EncodeCompute(const NpuConfig& config, const ComputeRequest& request, FieldErrors* errors) {
  const Layer& layer = *request.layer;
  const Geometry& g = layer.geometry;
  const Opcode opcode = layer.opcode;
  Check(InfoOf(opcode).engine == EngineKind::kPe, "copies are DMA commands");
  Step step{kFirstPeEngine + static_cast<int>(request.pe),
            Command(opcode, EntriesOf(layer, opcode), static_cast<uint32_t>(layer.tag)),
            {},
            {},
            -1,
            0};
  FieldWriter fields(&step.command, errors);
  const PeMask pes = PeBit(request.pe);
  fields.Set(compute::pe_mask, pes);
  if (!In(opcode, opcodes::kWalks)) {
    SetVectorFields(config, request, &fields);
  } else {
    SetArrayFields(config, request, &fields);
    if (layer.affine) {
      SetAffineFields(request, &fields);
    } else if (layer.residual && request.last_part) {
      SetResidualFields(request, &fields);
    }
    if (layer.binary || layer.thresholds != 0 || layer.pool_bits) {
      SetBitFields(config, request, &step.command, &fields);
    }
  }
  CheckFields(config, step.command, errors);
  for (size_t i = 0; i < layer.inputs.size(); ++i) {
    if (layer.IsResidual(i) && !request.last_part) continue;
    const Geometry read = layer.InputGeometry(i);
    const int64_t in_bytes =
        (read.EndInputRow(request.row_end) - read.FirstInputRow(request.row_begin)) *
        read.in_row_bytes();
    step.reads.push_back(
        {Space::kPeMemory, request.in_address[i], request.in_address[i] + in_bytes, pes});
  }
  if (request.last_part) {
    step.writes.push_back(
        {Space::kPeMemory, request.out_address,
         request.out_address + (request.row_end - request.row_begin) * g.out_row_bytes(), pes});
  }
  return step;
}

void SetParameterRows(Step* step, int64_t weight_row, int64_t param_row) {
  FieldWriter fields(&step->command, nullptr);
  const Opcode opcode = step->command.opcode();
  if (opcode == Opcode::kSoftmax || opcode == Opcode::kLookup) {
    fields.Set(compute::b_base, weight_row);
    return;
  }
  fields.Set(compute::weight_row, weight_row);
  fields.Set(compute::param_row, param_row);
}

Step EncodeTransfer(const NpuConfig& config, const Transfer& transfer, FieldErrors* errors) {
  const std::vector<Transfer::Dimension>& dimensions = transfer.dimensions;
  Check(dimensions.size() <= kTransferDimensions, "a transfer has too many dimensions");
  const bool load = transfer.engine == kLoadEngine;
  const bool whole = transfer.fill_only || !transfer.bounds.empty() || transfer.element != 0;
  const uint32_t entries = whole ? 7 : dimensions.empty() ? 3 : 5;
  Step step{transfer.engine,
            Command(load ? Opcode::kLoad : Opcode::kStore, entries, transfer.tag),
            {},
            {},
            -1,
            0};
  FieldWriter fields(&step.command, errors);
  fields.Set(dma::window, static_cast<int64_t>(transfer.window));
  fields.Set(dma::pe_mask, transfer.pes);
  fields.Set(dma::local_address, transfer.local_address);
  fields.Set(dma::size0, transfer.run);
  for (size_t d = 0; d < dimensions.size(); ++d) {
    fields.Set(*kBoxSize[d + 1], dimensions[d].count);
    fields.Set(*kLocalStride[d + 1], dimensions[d].local_stride);
    if (transfer.fill_only) continue;
    fields.Set(*kGlobalStride[d + 1], dimensions[d].global_stride);
  }
  if (transfer.fill_only) {
    // A source without bytes: everything is out of bounds.
    fields.Set(dma::bounds, 1);
    fields.Set(dma::fill, transfer.fill);
  } else {
    fields.Set(dma::global_offset, transfer.global_offset);
  }
  SetBounds(transfer, &fields);
  if (transfer.element != 0) {
    fields.Set(dma::transpose, 1);
    fields.Set(dma::element, std::countr_zero(static_cast<uint64_t>(transfer.element)));
  }
  const Access local = LocalHull(transfer);
  if (transfer.core_memory) {
    fields.Set(dma::core_memory, 1);
    fields.Set(dma::core_mask, transfer.core_mask);
  } else {
    (load ? step.writes : step.reads).push_back(local);
  }
  if (transfer.local_source) {
    fields.Set(dma::local_source, 1);
    fields.Set(dma::source_pe, transfer.source_pe);
  }
  CheckFields(config, step.command, errors);
  if (transfer.fill_only) return step;
  const auto global = [&](Space space, PeMask pes) { return GlobalHull(space, pes, transfer); };
  if (transfer.local_source) {
    step.reads.push_back(global(Space::kPeMemory, PeBit(transfer.source_pe)));
  } else if (transfer.window == Window::kScratch) {
    (load ? step.reads : step.writes).push_back(global(Space::kScratch, 1));
  } else if (transfer.window == Window::kOutput) {
    (load ? step.reads : step.writes).push_back(global(Space::kOutput, 1));
  }
  return step;
}

}  // namespace npugen::compiler

// SPDX-License-Identifier: Apache-2.0
// Loop counts of layers, and the constants of the performance model.
#include "sw/compiler/plan/layer_cost.h"

#include <algorithm>
#include <cmath>

#include "sw/compiler/lower/additions.h"
#include "sw/compiler/lower/lower_operators.h"
#include "sw/timing/calibration.h"

namespace npugen::compiler {
namespace {

using timing::kCalibration;

/// Cycles of the busiest PE, roughly: a weight slice takes as long as it takes to load, or one
/// cycle per position.
int64_t Cost(const Layer& layer, const NpuConfig& config, int64_t rows, int64_t groups) {
  const int64_t positions = rows * layer.geometry.out_w;
  if (layer.opcode != Opcode::kMatmul) return positions * groups;
  const int64_t tile = config.accumulators;
  const int64_t load = SliceRows(config, layer);
  const int64_t rest = positions % tile;
  return groups * (positions / tile * std::max(tile, load) + (rest > 0 ? std::max(rest, load) : 0));
}

}  // namespace

double LayerCycles(const Layer& layer, const NpuConfig& config) {
  const Geometry& g = layer.geometry;
  const int64_t rows = g.images * g.out_h;
  const double vectors = static_cast<double>(CeilDiv(rows * g.in_row_bytes(), config.post_width));
  const int64_t words = CeilDiv(g.in_row_bytes(), config.pe_bank_bytes);
  switch (layer.opcode) {
    case Opcode::kMatmul:
      return static_cast<double>(
          Cost(layer, config, rows, layer.groups) *
          std::max(layer.slices() * (layer.binary ? g.in_planes : 1),
                   layer.residual || layer.affine
                       ? kAdditionCycles * CeilDiv(layer.group_channels, int64_t{config.post_width})
                       : int64_t{0}));
    case Opcode::kWindow:
      return WindowCost(config, layer);
    case Opcode::kMaxPool:
      return static_cast<double>(rows * g.out_w * layer.groups * layer.window.rows *
                                 layer.window.columns);
    case Opcode::kLookup:
      return vectors * std::max(2.0, static_cast<double>(config.post_width) / config.lookup_ports);
    case Opcode::kSoftmax:
      // Three passes over the row's words, two of which take its bytes one by one.
      return static_cast<double>(rows * (3 * words * (kCalibration.softmax_vector + 1) +
                                         2 * g.in_row_bytes() + kCalibration.softmax_reciprocal));
    case Opcode::kArgMax:
      return static_cast<double>(rows * (words * kCalibration.argmax_vector + g.in_row_bytes() +
                                         kCalibration.argmax_write));
    case Opcode::kLoad:
      return 0;
    default:
      return 2 * vectors;
  }
}

double TableCycles(const Layer& layer, const NpuConfig& config) {
  if (layer.opcode != Opcode::kLookup) return 0;
  return kCalibration.lookup_table + static_cast<double>(CeilDiv(256, config.core_row_bytes()));
}

double ShareCycles(const Layer& layer, const NpuConfig& config, Split split) {
  const int64_t pes = config.pes();
  const int64_t rows = layer.geometry.images * layer.geometry.out_h;
  const bool by_groups = split == Split::kGroups;
  const int64_t share_rows = by_groups ? rows : CeilDiv(rows, std::min(pes, rows));
  const int64_t share_groups =
      by_groups ? CeilDiv(layer.groups, std::min(pes, layer.groups)) : layer.groups;
  const double whole = static_cast<double>(Cost(layer, config, rows, layer.groups));
  const double share = static_cast<double>(Cost(layer, config, share_rows, share_groups));
  return LayerCycles(layer, config) * share / std::max(1.0, whole);
}

double ExchangeCycles(const Layer& from, Split from_split, const Layer& to, Split to_split,
                      const NpuConfig& config) {
  constexpr double kStartCycles = 15;  // from the last PE's end to the first PE's beginning
  constexpr double kLoadCycles = 8;    // of a LOAD besides its words
  const int64_t pes = config.pes();
  const Geometry& g = from.geometry;
  const double beat = config.axi_bytes();
  const double rows = static_cast<double>(g.images * g.out_h);
  const double positions = rows * static_cast<double>(g.out_w);
  const double row_beats = std::ceil(static_cast<double>(g.out_row_bytes()) / beat);
  const double share =
      std::ceil(static_cast<double>(g.out_c) / static_cast<double>(pes));  // channels of a PE
  const double share_beats = positions * std::ceil(share / beat);
  const bool own_channels = to_split == Split::kGroups && KeepsChannels(to);
  if (from_split == Split::kGroups) {
    if (own_channels && from.groups * from.group_bytes() == to.groups * to.group_bytes() &&
        from.groups == to.groups) {
      return 0;
    }
    // Each PE sends its channels of all positions to all others.
    return kStartCycles + static_cast<double>(pes) * (kLoadCycles + share_beats);
  }
  if (to_split == Split::kRows) {
    // Rows at the borders between shares: of the share above, and of the one below.
    const int64_t above = std::max<int64_t>(0, to.geometry.pad_top);
    const int64_t below = std::max<int64_t>(0, (to.geometry.kernel_h - 1) * to.geometry.dilation_h +
                                                   1 - to.geometry.stride_h - to.geometry.pad_top);
    if (above + below == 0) return 0;
    const double loads = (above > 0 ? 1 : 0) + (below > 0 ? 1 : 0);
    return kStartCycles +
           static_cast<double>(pes - 1) *
               (loads * kLoadCycles + static_cast<double>(above + below) * row_beats);
  }
  if (own_channels) {
    return kStartCycles + static_cast<double>(pes * (pes - 1)) * kLoadCycles +
           share_beats * static_cast<double>(pes - 1);
  }
  return kStartCycles + static_cast<double>(pes) * kLoadCycles + rows * row_beats;
}

}  // namespace npugen::compiler

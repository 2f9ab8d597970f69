// SPDX-License-Identifier: Apache-2.0
// Shares of rows and channel groups.
#include "sw/compiler/plan/partition.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "sw/compiler/lower/lower_operators.h"

namespace npugen::compiler {
namespace {

/// The `index`th of `parts` nearly equal parts of 0..total.
Range PartOf(int64_t total, int64_t parts, int64_t index) {
  return {total * index / parts, total * (index + 1) / parts};
}

/// Cycles of the busiest PE, roughly: a weight slice takes as long as it takes to load, or one
/// cycle per position.
int64_t Cost(const Layer& layer, const NpuConfig& config, int64_t rows, int64_t groups) {
  const int64_t positions = rows * layer.geometry.out_w;
  if (layer.kind != LayerKind::kMatmul) return positions * groups;
  const int64_t tile = config.accumulators;
  const int64_t load = SliceRows(config, layer);
  const int64_t rest = positions % tile;
  return groups * (positions / tile * std::max(tile, load) + (rest > 0 ? std::max(rest, load) : 0));
}

bool HasGroups(const Layer& layer) {
  return layer.kind == LayerKind::kMatmul || layer.kind == LayerKind::kWindow ||
         layer.kind == LayerKind::kMaxPool;
}

}  // namespace

Range Hull(const Range& a, const Range& b) {
  if (a.empty()) return b;
  if (b.empty()) return a;
  return {std::min(a.begin, b.begin), std::max(a.end, b.end)};
}

Range Intersection(const Range& a, const Range& b) {
  const Range both{std::max(a.begin, b.begin), std::min(a.end, b.end)};
  return both.empty() ? Range{} : both;
}

double LayerCycles(const Layer& layer, const NpuConfig& config) {
  const Geometry& g = layer.geometry;
  const int64_t rows = g.images * g.out_h;
  const double vectors = static_cast<double>(CeilDiv(rows * g.in_row_bytes(), config.post_width));
  switch (layer.kind) {
    case LayerKind::kMatmul:
      return static_cast<double>(Cost(layer, config, rows, layer.groups) * layer.slices() *
                                 (layer.binary ? g.in_planes : 1));
    case LayerKind::kWindow:
      return WindowCost(config, layer);
    case LayerKind::kMaxPool:
      return static_cast<double>(rows * g.out_w * layer.groups * layer.window.rows *
                                 layer.window.columns);
    case LayerKind::kLookup:
      return vectors * std::max(2.0, static_cast<double>(config.post_width) / config.lookup_ports);
    case LayerKind::kSoftmax:
    case LayerKind::kArgMax:
      return static_cast<double>(2 * rows * g.in_row_bytes());
    case LayerKind::kCopy:
      return 0;
    default:
      return 2 * vectors;
  }
}

namespace {

/// Whether a channel of the output depends on the same channel of the input only.
bool KeepsChannels(const Layer& layer) {
  return layer.kind == LayerKind::kWindow || layer.kind == LayerKind::kMaxPool;
}

/// A layer's share by rows.
Partition ByRows(const Layer& layer, const NpuConfig& config) {
  const int64_t rows = layer.geometry.images * layer.geometry.out_h;
  const int64_t parts = std::min<int64_t>(config.pes(), rows);
  Partition partition;
  partition.shares.resize(config.pes());
  for (int64_t pe = 0; pe < parts; ++pe) {
    partition.shares[pe] = {PartOf(rows, parts, pe), {0, layer.groups}};
  }
  return partition;
}

/// By channel groups.
Partition ByGroups(const Layer& layer, const NpuConfig& config) {
  const int64_t rows = layer.geometry.images * layer.geometry.out_h;
  const int64_t parts = std::min<int64_t>(config.pes(), layer.groups);
  Partition partition;
  partition.split = Split::kGroups;
  partition.shares.resize(config.pes());
  for (int64_t pe = 0; pe < parts; ++pe) {
    partition.shares[pe] = {{0, rows}, PartOf(layer.groups, parts, pe)};
  }
  return partition;
}

/// Cycles of a PE's share, by rows or by groups.
double ComputeCycles(const Layer& layer, const NpuConfig& config, Split split) {
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

/// Cycles of the LOADs that bring `from`'s output to the PEs that compute `to` from it.
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

/// Core memory rows of a layer's parameters.
int64_t ParameterRows(const Layer& layer, const NpuConfig& config) {
  const Parameters& parameters = layer.parameters;
  return parameters.groups * layer.slices() * SliceRows(config, layer) +
         parameters.blocks * RecordRows(config, layer);
}

}  // namespace

std::vector<Partition> PartitionLayers(const LoweredModel& lowered, const NpuConfig& config,
                                       double copies) {
  const size_t count = lowered.layers.size();
  constexpr Split kSplits[] = {Split::kRows, Split::kGroups};
  // Fewest cycles up to a layer that is split in either way, and the split of the layer before.
  std::vector<std::array<double, 2>> best(count);
  std::vector<std::array<int, 2>> previous(count);
  const auto may = [&](const Layer& layer, Split split) {
    // Parameters that the NPU computes itself lie in memory as one PE wants them.
    return split == Split::kRows || (config.pes() > 1 && HasGroups(layer) && layer.groups > 1 &&
                                     layer.parameters.storage < 0);
  };
  // Shares of rows need all parameters in every PE. Where core memory cannot hold those of all
  // layers, each row takes the place of one that must then be loaded again.
  int64_t parameter_rows = 0;
  for (const Layer& layer : lowered.layers) parameter_rows += ParameterRows(layer, config);
  const double row_cycles =
      parameter_rows <= config.core_rows()
          ? 0
          : copies * config.core_row_bytes() / static_cast<double>(config.axi_bytes());
  const auto copies_cycles = [&](const Layer& layer, Split split) {
    return split == Split::kRows
               ? row_cycles * static_cast<double>((config.pes() - 1) * ParameterRows(layer, config))
               : 0;
  };
  constexpr double kNever = 1e300;
  for (size_t l = 0; l < count; ++l) {
    const Layer& layer = lowered.layers[l];
    for (int split = 0; split < 2; ++split) {
      best[l][split] = kNever;
      previous[l][split] = 0;
      if (!may(layer, kSplits[split])) continue;
      const double cycles =
          ComputeCycles(layer, config, kSplits[split]) + copies_cycles(layer, kSplits[split]);
      if (l == 0) {
        best[l][split] = cycles;
        continue;
      }
      const Layer& before = lowered.layers[l - 1];
      const bool reads =
          std::find(layer.inputs.begin(), layer.inputs.end(), before.output) != layer.inputs.end();
      for (int last = 0; last < 2; ++last) {
        if (best[l - 1][last] >= kNever) continue;
        const double exchange =
            reads && config.pes() > 1 && before.kind != LayerKind::kCopy &&
                    layer.kind != LayerKind::kCopy
                ? ExchangeCycles(before, kSplits[last], layer, kSplits[split], config)
                : 0;
        const double total = best[l - 1][last] + exchange + cycles;
        if (total < best[l][split]) {
          best[l][split] = total;
          previous[l][split] = last;
        }
      }
    }
  }
  std::vector<Partition> partitions(count);
  int split = count > 0 && best[count - 1][1] < best[count - 1][0] ? 1 : 0;
  for (size_t l = count; l-- > 0;) {
    const Layer& layer = lowered.layers[l];
    if (layer.kind == LayerKind::kCopy) {
      partitions[l].split = Split::kCopy;
      partitions[l].shares.resize(config.pes());
    } else {
      partitions[l] = split == 1 ? ByGroups(layer, config) : ByRows(layer, config);
    }
    split = previous[l][split];
  }
  return partitions;
}

std::vector<Piece> PiecesOf(const Geometry& geometry, const Range& rows, int64_t most) {
  std::vector<Piece> pieces;
  for (int64_t row = rows.begin; row < rows.end;) {
    const int64_t image = row / geometry.out_h;
    const int64_t first = row % geometry.out_h;
    const int64_t count = std::min({rows.end - row, geometry.out_h - first, most});
    pieces.push_back({image, {first, first + count}});
    row += count;
  }
  return pieces;
}

Range InputBytes(const Geometry& geometry, const Piece& piece) {
  const int64_t first = piece.image * geometry.in_h;
  return {(first + geometry.FirstInputRow(piece.rows.begin)) * geometry.in_row_bytes(),
          (first + geometry.EndInputRow(piece.rows.end)) * geometry.in_row_bytes()};
}

Range OutputBytes(const Geometry& geometry, const Piece& piece) {
  const int64_t first = piece.image * geometry.out_h;
  return {(first + piece.rows.begin) * geometry.out_row_bytes(),
          (first + piece.rows.end) * geometry.out_row_bytes()};
}

Range ShareInputBytes(const Layer& layer, const Partition& partition, int64_t pe) {
  const Geometry& g = layer.geometry;
  Range hull;
  for (const Piece& piece : PiecesOf(g, partition.shares[pe].rows, g.out_h)) {
    hull = Hull(hull, InputBytes(g, piece));
  }
  return hull;
}

Range ShareInputChannels(const Layer& layer, const Partition& partition, int64_t pe) {
  const Range all{0, layer.geometry.in_c};
  if (partition.split != Split::kGroups) return all;
  if (!KeepsChannels(layer)) return all;
  const Range& groups = partition.shares[pe].groups;
  return Intersection(all, {groups.begin * layer.group_bytes(), groups.end * layer.group_bytes()});
}

Range ShareOutputBytes(const Layer& layer, const Partition& partition, int64_t pe) {
  const Range& rows = partition.shares[pe].rows;
  if (rows.empty()) return {};
  return {rows.begin * layer.geometry.out_row_bytes(), rows.end * layer.geometry.out_row_bytes()};
}

}  // namespace npugen::compiler

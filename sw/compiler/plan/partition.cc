// Shares of rows and channel groups.
#include "sw/compiler/plan/partition.h"

#include <algorithm>

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
      return static_cast<double>(Cost(layer, config, rows, layer.groups) * layer.slices());
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

Partition PartitionLayer(const Layer& layer, const NpuConfig& config) {
  const int64_t pes = config.pes();
  const int64_t rows = layer.geometry.images * layer.geometry.out_h;
  Partition partition;
  partition.shares.resize(static_cast<size_t>(pes));
  if (layer.kind == LayerKind::kCopy) {
    partition.split = Split::kCopy;
    return partition;
  }
  // Parameters that the NPU computes itself lie in memory as one PE wants them.
  const bool may_split_groups =
      pes > 1 && HasGroups(layer) && layer.groups > 1 && layer.parameters.storage < 0;
  const int64_t row_parts = std::min(pes, rows);
  const int64_t group_parts = std::min(pes, layer.groups);
  if (may_split_groups && Cost(layer, config, CeilDiv(rows, row_parts), layer.groups) * 10 >
                              Cost(layer, config, rows, CeilDiv(layer.groups, group_parts)) * 11) {
    partition.split = Split::kGroups;
    for (int64_t pe = 0; pe < group_parts; ++pe) {
      partition.shares[pe] = {{0, rows}, PartOf(layer.groups, group_parts, pe)};
    }
    return partition;
  }
  for (int64_t pe = 0; pe < row_parts; ++pe) {
    partition.shares[pe] = {PartOf(rows, row_parts, pe), {0, layer.groups}};
  }
  return partition;
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

Range ShareOutputBytes(const Layer& layer, const Partition& partition, int64_t pe) {
  const Range& rows = partition.shares[pe].rows;
  if (rows.empty()) return {};
  return {rows.begin * layer.geometry.out_row_bytes(), rows.end * layer.geometry.out_row_bytes()};
}

}  // namespace npugen::compiler

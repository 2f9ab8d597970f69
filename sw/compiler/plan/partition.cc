// SPDX-License-Identifier: Apache-2.0
// Shares of rows and channel groups.
#include "sw/compiler/plan/partition.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "sw/compiler/plan/layer_cost.h"

namespace npugen::compiler {
namespace {

/// The `index`th of `parts` nearly equal parts of 0..total.
Range PartOf(int64_t total, int64_t parts, int64_t index) {
  return {total * index / parts, total * (index + 1) / parts};
}

bool HasGroups(const Layer& layer) { return In(layer.opcode, opcodes::kWalks); }

}  // namespace

bool KeepsChannels(const Layer& layer) {
  return layer.opcode == Opcode::kWindow || layer.opcode == Opcode::kMaxPool;
}

Range Hull(const Range& a, const Range& b) {
  if (a.empty()) return b;
  if (b.empty()) return a;
  return {std::min(a.begin, b.begin), std::max(a.end, b.end)};
}

Range Intersection(const Range& a, const Range& b) {
  const Range both{std::max(a.begin, b.begin), std::min(a.end, b.end)};
  return both.empty() ? Range{} : both;
}

namespace {

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
    // Parameters that the NPU computes itself lie in memory as one PE wants them. Bits and values
    // of a channel are apart.
    return split == Split::kRows || (config.pes() > 1 && HasGroups(layer) && layer.groups > 1 &&
                                     layer.parameters.storage < 0 && !layer.affine);
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
          ShareCycles(layer, config, kSplits[split]) + copies_cycles(layer, kSplits[split]);
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
            reads && config.pes() > 1 && !before.copies() && !layer.copies()
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
    if (layer.copies()) {
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
  const int64_t row = geometry.in_row_bytes();
  return {geometry.in_offset + (first + geometry.FirstInputRow(piece.rows.begin)) * row,
          geometry.in_offset + (first + geometry.EndInputRow(piece.rows.end)) * row};
}

Range OutputBytes(const Geometry& geometry, const Piece& piece) {
  const int64_t first = piece.image * geometry.out_h;
  const int64_t row = geometry.out_row_bytes();
  return {geometry.out_offset + (first + piece.rows.begin) * row,
          geometry.out_offset + (first + piece.rows.end) * row};
}

Range ShareInputBytes(const Layer& layer, const Partition& partition, int64_t pe, size_t input) {
  const Geometry g = layer.InputGeometry(input);
  Range hull;
  for (const Piece& piece : PiecesOf(g, partition.shares[pe].rows, g.out_h)) {
    hull = Hull(hull, InputBytes(g, piece));
  }
  return hull;
}

Range ShareInputChannels(const Layer& layer, const Partition& partition, int64_t pe, size_t input) {
  const Range all{0, layer.InputGeometry(input).in_c};
  if (partition.split != Split::kGroups) return all;
  if (!KeepsChannels(layer) && !layer.IsResidual(input)) return all;
  const Range& groups = partition.shares[pe].groups;
  return Intersection(all, {groups.begin * layer.group_bytes(), groups.end * layer.group_bytes()});
}

Range ShareOutputBytes(const Layer& layer, const Partition& partition, int64_t pe) {
  const Range& rows = partition.shares[pe].rows;
  if (rows.empty()) return {};
  const Geometry& g = layer.geometry;
  return {g.out_offset + rows.begin * g.out_row_bytes(),
          g.out_offset + rows.end * g.out_row_bytes()};
}

}  // namespace npugen::compiler

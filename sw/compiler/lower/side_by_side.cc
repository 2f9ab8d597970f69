// SPDX-License-Identifier: Apache-2.0
// Convolutions whose lanes compute several positions at a time.
#include "sw/compiler/lower/side_by_side.h"

#include <algorithm>

namespace npugen::compiler {
namespace {

/// More positions widen kernels without filling more lanes.
constexpr int64_t kMostPositions = 64;
/// What the rough cost must promise.
constexpr double kWorth = 0.97;

Geometry Joined(Geometry g, int64_t positions) {
  g.kernel_w += (positions - 1) * g.stride_w;
  g.dilation_w = 1;
  g.stride_w *= positions;
  g.out_w /= positions;
  g.out_c *= positions;
  return g;
}

/// Rough cycles of the layer, with the way of its weights from memory.
double Cycles(const NpuConfig& config, const Layer& layer) {
  const Geometry& g = layer.geometry;
  const int64_t lanes = config.pe_lanes();
  const int64_t groups = CeilDiv(g.out_c, lanes);
  const DenseCost cost = CostOfDense(config, layer);
  const double load = static_cast<double>(cost.slices * SliceRows(config, layer));
  const int64_t results = CeilDiv(std::min(g.out_c, lanes), int64_t{config.post_width});
  const double position = std::max(cost.cycles, static_cast<double>(results));
  const int64_t positions = CeilDiv(g.images * g.out_h, int64_t{config.pes()}) * g.out_w;
  const int64_t tile = config.accumulators;
  const auto tile_cycles = [&](int64_t count) {
    return count == 0 ? 0 : std::max(static_cast<double>(count) * position, load);
  };
  const double compute =
      static_cast<double>(positions / tile) * tile_cycles(tile) + tile_cycles(positions % tile);
  const double bytes = static_cast<double>(groups * cost.slices * SliceRows(config, layer)) *
                       static_cast<double>(config.core_row_bytes()) * config.cores;
  return static_cast<double>(groups) * compute + bytes / static_cast<double>(config.axi_bytes());
}

}  // namespace

int64_t ChooseSideBySide(const NpuConfig& config, const Layer& layer) {
  const Geometry& g = layer.geometry;
  if (g.dilation_w != 1 && g.kernel_w != 1) return 1;
  int64_t best = 1;
  double fewest = kWorth * Cycles(config, layer);
  // Only one sum of several positions fits where a single one leaves half of lanes or slots idle.
  const int64_t most = std::min(
      kMostPositions, std::max(config.pe_lanes() / std::max<int64_t>(g.out_c, 1),
                               int64_t{config.simd} / std::max<int64_t>(g.kernel_w * g.in_c, 1)) *
                          2);
  for (int64_t positions = 2; positions <= std::min(most, g.out_w); ++positions) {
    if (g.out_w % positions != 0) continue;
    Layer joined;
    joined.geometry = Joined(g, positions);
    joined.parts = layer.parts;
    joined.shift_sums = layer.shift_sums;
    joined.parameters.packed = layer.parameters.packed;
    const double cycles = Cycles(config, joined);
    if (cycles < fewest) {
      best = positions;
      fewest = cycles;
    }
  }
  return best;
}

void SetSideBySide(const NpuConfig& config, int64_t positions, Layer* layer) {
  const int64_t lanes = config.pe_lanes();
  const int64_t channels = layer->geometry.out_c;
  const int64_t group_channels = layer->group_channels;
  Geometry& g = layer->geometry;
  g = Joined(g, positions);
  layer->group_channels = std::min(lanes, g.out_c);
  layer->groups = CeilDiv(g.out_c, layer->group_channels);
  Parameters& parameters = layer->parameters;
  parameters.groups = parameters.blocks = layer->groups;
  const std::vector<ParameterRecord> records = std::move(parameters.records);
  parameters.records.assign(static_cast<size_t>(layer->groups * lanes), {});
  for (int64_t o = 0; o < g.out_c; ++o) {
    const int64_t channel = o % channels;
    parameters.records[static_cast<size_t>(o / layer->group_channels * lanes +
                                           o % layer->group_channels)] =
        records[static_cast<size_t>(channel / group_channels * lanes + channel % group_channels)];
  }
  layer->regions = {Region{0, g.out_h, 0, g.out_w, 0}};
}

WeightFunction SideBySideWeights(const Geometry& before, const WeightFunction& weight) {
  const int64_t channels = before.out_c, stride = before.stride_w, width = before.kernel_w;
  return [channels, stride, width, &weight](int64_t o, int64_t row, int64_t column, int64_t c) {
    const int64_t own = column - o / channels * stride;
    return own >= 0 && own < width ? weight(o % channels, row, own, c) : int16_t{0};
  };
}

}  // namespace npugen::compiler

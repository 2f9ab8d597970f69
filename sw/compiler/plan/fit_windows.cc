// SPDX-License-Identifier: Apache-2.0
// Windows are chosen again once it is known how many rows a command has.
#include "sw/compiler/plan/fit_windows.h"

#include <algorithm>

#include "sw/compiler/lower/lower_operators.h"

namespace npugen::compiler {
namespace {

/// What another window must promise.
constexpr double kWorth = 0.97;

/// Where tap (y, x) of the kernel stands: slice, and slot in a lane.
struct Place {
  int64_t slice, slot;
};

Place PlaceOf(const NpuConfig& config, const Layer& layer, int64_t y, int64_t x) {
  const WindowShape& window = layer.window;
  const int64_t row = window.swap ? x : y, column = window.swap ? y : x;
  return {row / window.rows * layer.k1_count + column / window.columns,
          config.window_slot(window.rows, window.columns, row % window.rows,
                             column % window.columns)};
}

/// Brings the weights of `from` into the order of `layer`, which is the same but for its window.
void Repack(const NpuConfig& config, const Layer& from, Layer* layer) {
  const int64_t lanes = config.pe_lanes(), simd = config.simd;
  const Geometry& g = layer->geometry;
  std::vector<int8_t>& weights = layer->parameters.weights;
  weights.assign(static_cast<size_t>(layer->parameters.groups * layer->slices() * lanes * simd), 0);
  for (int64_t y = 0; y < g.kernel_h; ++y) {
    for (int64_t x = 0; x < g.kernel_w; ++x) {
      const Place old = PlaceOf(config, from, y, x), now = PlaceOf(config, *layer, y, x);
      for (int64_t group = 0; group < layer->parameters.groups; ++group) {
        for (int64_t lane = 0; lane < lanes; ++lane) {
          const auto at = [&](const Layer& of, const Place& place) {
            return static_cast<size_t>(
                ((group * of.slices() + place.slice) * lanes + lane) * simd + place.slot);
          };
          weights[at(*layer, now)] = from.parameters.weights[at(from, old)];
        }
      }
    }
  }
}

void Fit(const NpuConfig& config, int64_t rows, Layer* layer) {
  const Geometry whole = layer->geometry;
  if (layer->opcode != Opcode::kWindow || layer->blocks || layer->parts != 1 ||
      layer->parameters.packed || layer->thresholds != 0 || rows >= whole.out_h) {
    return;
  }
  Layer fitted = *layer;
  fitted.geometry.images = 1;
  fitted.geometry.out_h = rows;
  const double before = WindowCost(config, fitted);
  if (!ChooseWindow(config, &fitted) || WindowCost(config, fitted) >= kWorth * before) return;
  fitted.geometry = whole;
  Repack(config, *layer, &fitted);
  *layer = std::move(fitted);
}

}  // namespace

void FitWindows(const NpuConfig& config, const std::vector<Partition>& partitions,
                const ActivationPlan& plan, LoweredModel* lowered) {
  for (size_t group = 0; group < plan.groups.size(); ++group) {
    const LayerGroup& layers = plan.groups[group];
    // New rows of each layer in a tile: those that tiles share are computed once.
    int64_t rows = plan.tiles[group].rows;
    for (int32_t l = layers.last; l >= layers.first; --l) {
      Layer& layer = lowered->layers[static_cast<size_t>(l)];
      int64_t share = 1;
      for (const Share& of_pe : partitions[static_cast<size_t>(l)].shares) {
        share = std::max(share, std::min(of_pe.rows.size(), layer.geometry.out_h));
      }
      if (layer.copies()) continue;
      rows = std::min(rows, share);
      Fit(config, rows, &layer);
      rows *= std::max<int64_t>(layer.geometry.stride_h, 1);
    }
  }
}

}  // namespace npugen::compiler

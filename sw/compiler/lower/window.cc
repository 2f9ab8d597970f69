// SPDX-License-Identifier: Apache-2.0
// Pools, means, and the choice of the window that WINDOW commands fetch.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "sw/compiler/lower/dense.h"
#include "sw/compiler/lower/fetch_cost.h"
#include "sw/compiler/lower/view.h"
#include "sw/model/quantization.h"

namespace npugen::compiler {
namespace {

struct WindowChoice {
  WindowShape shape;
  int64_t k1_count, k2_count;
  double cost;
};

/// Columns of padding before a line that stay in the lanes from the end of the line before.
int64_t SharedColumns(const Geometry& g, const WindowChoice& choice) {
  if (choice.k1_count != 1) return 0;
  const bool swap = choice.shape.swap;
  const int64_t dilation = swap ? g.dilation_h : g.dilation_w;
  const int64_t pad = swap ? g.pad_top : g.pad_left;
  const int64_t before =
      std::min(CeilDiv(std::max<int64_t>(pad, 0), dilation), choice.shape.columns - 1);
  const int64_t last = ((swap ? g.out_h : g.out_w) - 1) * (swap ? g.stride_h : g.stride_w) - pad;
  const bool behind = last + (choice.shape.columns - before) * dilation >= (swap ? g.in_h : g.in_w);
  return behind ? before : 0;
}

/// Cycles of the whole layer for one way to cut the kernel, several rows at a time: of fetches, or
/// of loading weights where a tile of positions takes less.
double FetchCost(const NpuConfig& config, const Geometry& g, const WindowChoice& choice,
                 int64_t groups) {
  const int64_t lines = choice.shape.swap ? g.out_w : g.out_h;
  const int64_t line_positions = choice.shape.swap ? g.out_h : g.out_w;
  const int64_t pitch = choice.shape.swap ? g.dilation_w * g.in_c : g.dilation_h * g.in_row_bytes();
  const int64_t step = choice.shape.swap ? g.stride_h * g.in_row_bytes() : g.stride_w * g.in_c;
  std::vector<FetchVector> column;
  for (int64_t row = 0; row < choice.shape.rows; ++row) {
    column.push_back({row * pitch, std::min<int64_t>(config.window_channels(), g.in_c)});
  }
  const int64_t line_columns =
      choice.shape.columns + (line_positions - 1) * choice.shape.new_columns;
  const int64_t columns = lines * line_columns - (lines - 1) * SharedColumns(g, choice);
  const double fetches = FetchCycles(config, column, step) * static_cast<double>(columns);
  const int64_t positions = lines * line_positions;
  const double position_fetches = fetches / static_cast<double>(positions);
  const auto tiles = [&](int64_t count, int64_t size) {
    return static_cast<double>(count) * std::max(position_fetches * static_cast<double>(size),
                                                 static_cast<double>(config.slice_rows()));
  };
  const int64_t tile = config.accumulators, rest = positions % tile;
  const double slice = tiles(positions / tile, tile) + (rest > 0 ? tiles(1, rest) : 0);
  return slice * static_cast<double>(groups * g.images * choice.k1_count * choice.k2_count);
}

}  // namespace

double WindowCost(const NpuConfig& config, const Layer& layer) {
  const int64_t groups = CeilDiv(layer.geometry.out_c, config.window_channels());
  return FetchCost(config, layer.geometry,
                   WindowChoice{layer.window, layer.k1_count, layer.k2_count, 0}, groups);
}

bool ChooseWindow(const NpuConfig& config, Layer* layer) {
  const Geometry& g = layer->geometry;
  bool found = false;
  WindowChoice best{};
  for (bool swap : {false, true}) {
    const int64_t kernel_rows = swap ? g.kernel_w : g.kernel_h;
    const int64_t kernel_columns = swap ? g.kernel_h : g.kernel_w;
    const int64_t stride = swap ? g.stride_h : g.stride_w;
    const int64_t dilation = swap ? g.dilation_h : g.dilation_w;
    if (dilation == 0) continue;  // taps that all read one pixel are rows of a window
    for (int64_t rows = 1; rows <= std::min<int64_t>(kernel_rows, config.simd); ++rows) {
      const int64_t most_columns =
          std::min(kernel_columns, config.simd / config.window_column_slots(rows));
      for (int64_t columns = 1; columns <= most_columns; ++columns) {
        if (rows > kLargestLoopCount || columns > kLargestLoopCount) continue;
        WindowChoice choice;
        choice.shape = {swap, rows, columns, columns};
        choice.k1_count = CeilDiv(kernel_columns, columns);
        choice.k2_count = CeilDiv(kernel_rows, rows);
        if (choice.k1_count > kLargestLoopCount || choice.k2_count > kLargestLoopCount) continue;
        if (layer->parts > 1 && choice.k1_count > 1) continue;
        if (stride % dilation == 0) {
          choice.shape.new_columns = std::min(columns, stride / dilation);
        }
        choice.cost = FetchCost(config, g, choice, 1);
        const auto slices = [](const WindowChoice& c) { return c.k1_count * c.k2_count; };
        if (!found || choice.cost < best.cost ||
            (choice.cost == best.cost && slices(choice) < slices(best))) {
          best = choice;
          found = true;
        }
      }
    }
  }
  if (!found) return false;
  layer->window = best.shape;
  layer->k0_count = 1;
  layer->k1_count = best.k1_count * layer->parts;
  layer->k2_count = best.k2_count;
  return true;
}

namespace {

/// Parameters of a sum over the kernel: slices of ones, or of `weight`, that all groups share, and
/// the given records.
void SetOnes(const NpuConfig& config, Layer* layer, const std::vector<ParameterRecord>& blocks,
             int8_t weight = 1) {
  const Geometry& g = layer->geometry;
  const WindowShape& window = layer->window;
  const int64_t simd = config.simd;
  const int64_t lanes = config.pe_lanes();
  Parameters& parameters = layer->parameters;
  parameters.groups = 1;
  parameters.shared = true;
  parameters.blocks = static_cast<int64_t>(blocks.size());
  for (const ParameterRecord& block : blocks) {
    parameters.records.insert(parameters.records.end(), static_cast<size_t>(lanes), block);
  }
  parameters.weights.assign(static_cast<size_t>(layer->slices() * lanes * simd), 0);
  const int64_t kernel_rows = window.swap ? g.kernel_w : g.kernel_h;
  const int64_t kernel_columns = window.swap ? g.kernel_h : g.kernel_w;
  for (int64_t row = 0; row < kernel_rows; ++row) {
    for (int64_t column = 0; column < kernel_columns; ++column) {
      const int64_t slice = (row / window.rows) * layer->k1_count + column / window.columns;
      const int64_t slot = config.window_slot(window.rows, window.columns, row % window.rows,
                                              column % window.columns);
      for (int64_t lane = 0; lane < lanes; ++lane) {
        parameters.weights[(slice * lanes + lane) * simd + slot] = weight;
      }
    }
  }
  layer->group_channels = std::min<int64_t>(config.window_channels(), g.out_c);
  layer->groups = CeilDiv(g.out_c, layer->group_channels);
}

/// Bias, multiplier and shift with which `average` post-processing divides sums of `count` int8
/// values by `count`, rounding halves away from zero. Exact: the multiplier is 2^s / count rounded
/// up, and its error times the largest sum stays below 2^s.
std::optional<ParameterRecord> AverageRecord(int64_t count) {
  if (count == 1)
    return ParameterRecord{1, 0x7fffffff, 0};  // (x + 1) * (1 - 2^-31) rounds down to x
  int s = 31;
  const auto multiplier = [&](int shift) { return ((int64_t{1} << shift) + count - 1) / count; };
  while (s < 61 && multiplier(s + 1) < (int64_t{1} << 31)) ++s;
  const int64_t error = multiplier(s) * count - (int64_t{1} << s);
  const int64_t largest = 128 * count + count / 2;
  if (count >= int64_t{1} << 23 || largest * error >= int64_t{1} << s) return std::nullopt;
  return ParameterRecord{static_cast<int32_t>(count / 2), static_cast<int32_t>(multiplier(s)),
                         31 - s};
}

/// Of uint8 networks: halves round up, since sums of uint8 values are positive. Sums are taken
/// kUint8Weight times; of even counts half of that is added. So no quotient is nearer to a half
/// than 1 / (2 count), which is more than the requantization's roundings come to.
constexpr int8_t kUint8Weight = 64;
constexpr int64_t kUint8Shift = 128;
std::optional<ParameterRecord> Uint8AverageRecord(int64_t count) {
  if (count >= int64_t{1} << 16) return std::nullopt;
  const QuantizedMultiplier factor =
      QuantizeMultiplier(1.0 / static_cast<double>(kUint8Weight * count));
  return ParameterRecord{static_cast<int32_t>(kUint8Weight * kUint8Shift * count +
                                              (count % 2 == 0 ? kUint8Weight / 2 : 0)),
                         factor.multiplier, factor.shift};
}

/// A stretch of output positions whose windows have `taps` rows (or columns) inside the input.
struct Stretch {
  int64_t begin, end, taps;
};

std::vector<Stretch> Stretches(int64_t out, int64_t in, int64_t kernel, int64_t stride,
                               int64_t pad) {
  std::vector<Stretch> stretches;
  for (int64_t position = 0; position < out; ++position) {
    const int64_t first = position * stride - pad;
    const int64_t taps = std::min(in, first + kernel) - std::max<int64_t>(0, first);
    if (stretches.empty() || stretches.back().taps != taps) {
      stretches.push_back({position, position, taps});
    }
    stretches.back().end = position + 1;
  }
  return stretches;
}

LowerResult SetPoolGeometry(LoweringContext& context, int32_t op, Layer* layer) {
  const Operator& node = context.model.operators[op];
  const PoolOptions& options = std::get<PoolOptions>(node.options);
  const Tensor& input = context.tensor(node.inputs[0]);
  const Tensor& output = context.tensor(node.outputs[0]);
  if (input.shape.size() != 4 || output.shape.size() != 4) {
    return Refusal{DiagnosticCode::kCompileOperator, "data is not of rank 4", ""};
  }
  const std::optional<ActivationRange> range =
      ComputeActivationRange(options.activation, output.scale(), output.zero_point());
  if (!range) return Refusal{DiagnosticCode::kCompileLimit, "the activation's limits overflow", ""};
  layer->act_min = range->min;
  layer->act_max = range->max;
  Geometry& g = layer->geometry;
  g.images = input.shape[0];
  g.in_h = input.shape[1];
  g.in_w = input.shape[2];
  g.in_c = g.out_c = input.shape[3];
  g.out_h = output.shape[1];
  g.out_w = output.shape[2];
  g.kernel_h = options.filter_h;
  g.kernel_w = options.filter_w;
  g.stride_h = options.stride_h;
  g.stride_w = options.stride_w;
  g.pad_top = PaddingBefore(options.padding, static_cast<int32_t>(g.in_h),
                            static_cast<int32_t>(g.out_h), options.filter_h, options.stride_h, 1);
  g.pad_left = PaddingBefore(options.padding, static_cast<int32_t>(g.in_w),
                             static_cast<int32_t>(g.out_w), options.filter_w, options.stride_w, 1);
  layer->inputs = {context.StorageOf(node.inputs[0])};
  layer->regions = {Region{0, g.out_h, 0, g.out_w, 0}};
  // A single window is clipped to the input: whole rows then make it one run of taps
  // (FlattenKernel).
  if (g.out_h == 1) {
    const int64_t first = std::max<int64_t>(0, -g.pad_top);
    const int64_t end = std::min(g.in_h, g.kernel_h - g.pad_top);
    g.kernel_h = end - first;
    g.pad_top = -first;
    g.stride_h = 1;
  }
  if (g.out_w == 1) {
    const int64_t first = std::max<int64_t>(0, -g.pad_left);
    const int64_t end = std::min(g.in_w, g.kernel_w - g.pad_left);
    g.kernel_w = end - first;
    g.pad_left = -first;
    g.stride_w = 1;
  }
  return std::nullopt;
}

/// The same sum with whole rows strung together, if the kernel covers them: more taps in a window.
std::optional<Geometry> FlattenKernel(const Geometry& g) {
  if (g.out_h != 1 || g.out_w != 1 || g.kernel_w != g.in_w || g.dilation_h != 1 ||
      g.dilation_w != 1) {
    return std::nullopt;
  }
  Geometry flat = g;
  flat.in_h = flat.kernel_h = 1;
  flat.in_w = g.in_h * g.in_w;
  flat.kernel_w = g.kernel_h * g.kernel_w;
  flat.pad_top = 0;
  flat.pad_left = g.pad_top * g.in_w;
  return flat;
}

/// Chooses window and geometry for a sum over the kernel.
bool ChooseSum(const NpuConfig& config, Layer* layer) {
  bool found = ChooseWindow(config, layer);
  if (std::optional<Geometry> flat = FlattenKernel(layer->geometry)) {
    Layer candidate = *layer;
    candidate.geometry = *flat;
    if (ChooseWindow(config, &candidate) &&
        (!found || WindowCost(config, candidate) < WindowCost(config, *layer))) {
      *layer = std::move(candidate);
      found = true;
    }
  }
  return found;
}

/// A window of a maximum pool may take this part of PE memory; a larger one is taken by axes.
constexpr int64_t kWindowShare = 4;
/// What must be saved by axes: they take a command more, and what stands between them takes room.
constexpr int64_t kAxesCommand = 100;
constexpr double kAxesWorth = 0.8;

/// Whether a maximum pool is taken by axes: where it must, or where one vector at a time is fetched
/// fewer times.
bool ByAxes(const NpuConfig& config, const Layer& layer) {
  const Geometry& g = layer.geometry;
  if (g.kernel_h == 1 || g.kernel_w == 1) return false;
  const int64_t taps = g.kernel_h * g.kernel_w;
  if (taps * layer.group_channels * kWindowShare > config.pe_memory_bytes) return true;
  const int64_t lines = g.images * layer.groups * g.out_w;
  const int64_t whole = lines * g.out_h * taps / config.pes();
  const int64_t axes = lines * (g.in_h * g.kernel_w + g.out_h * g.kernel_h) / config.pes();
  return static_cast<double>(axes + kAxesCommand) < kAxesWorth * static_cast<double>(whole);
}

/// The largest of each row of a window, then the largest of these.
void AppendPoolByAxes(LoweringContext& context, Layer layer) {
  Layer rows = layer;
  Geometry& g = rows.geometry;
  g.kernel_h = g.stride_h = 1;
  g.pad_top = 0;
  g.out_h = g.in_h;
  rows.output = context.NewStorage(g.images * g.out_h * g.out_row_bytes());
  rows.regions = {Region{0, g.out_h, 0, g.out_w, 0}};
  rows.window = {false, 1, g.kernel_w, g.kernel_w};
  layer.inputs = {rows.output};
  layer.geometry.in_w = layer.geometry.out_w;
  layer.geometry.kernel_w = layer.geometry.stride_w = 1;
  layer.geometry.pad_left = 0;
  layer.window = {false, layer.geometry.kernel_h, 1, 1};
  context.lowered.layers.push_back(std::move(rows));
  context.lowered.layers.push_back(std::move(layer));
}

}  // namespace

LowerResult LowerMaxPool2d(LoweringContext& context, int32_t op) {
  const Operator& node = context.model.operators[op];
  Layer layer;
  layer.opcode = Opcode::kMaxPool;
  if (LowerResult refusal = SetPoolGeometry(context, op, &layer)) return refusal;
  const Geometry& g = layer.geometry;
  if (g.kernel_h > kLargestLoopCount || g.kernel_w > kLargestLoopCount) {
    return Refusal{DiagnosticCode::kCompileLimit,
                   fmt::format("a window of {} x {}; the limit is 255", g.kernel_h, g.kernel_w),
                   ""};
  }
  layer.output = context.StorageOf(node.outputs[0]);
  layer.fill = 0x80;
  layer.group_channels = std::min<int64_t>(context.config.post_width, g.out_c);
  layer.groups = CeilDiv(g.out_c, layer.group_channels);
  layer.window = {false, g.kernel_h, g.kernel_w, g.kernel_w};
  const bool bits = context.tensor(node.inputs[0]).type == TensorType::kBits;
  if (!bits && ByAxes(context.config, layer)) {
    AppendPoolByAxes(context, std::move(layer));
    return std::nullopt;
  }
  if (context.tensor(node.inputs[0]).type == TensorType::kBits) {
    return LowerBitPool(context, op, std::move(layer));
  }
  context.lowered.layers.push_back(std::move(layer));
  return std::nullopt;
}

LowerResult LowerAveragePool2d(LoweringContext& context, int32_t op) {
  const Operator& node = context.model.operators[op];
  Layer layer;
  layer.opcode = Opcode::kWindow;
  layer.average = !node.from_uint8;
  if (node.from_uint8) layer.out_zero_point = -static_cast<int32_t>(kUint8Shift);
  if (LowerResult refusal = SetPoolGeometry(context, op, &layer)) return refusal;
  layer.output = context.StorageOf(node.outputs[0]);
  // The divisor is the number of taps inside the input: near borders it differs.
  const Geometry& g = layer.geometry;
  std::vector<ParameterRecord> blocks;
  std::map<int64_t, int64_t> block_of_count;
  layer.regions.clear();
  for (const Stretch& rows : Stretches(g.out_h, g.in_h, g.kernel_h, g.stride_h, g.pad_top)) {
    for (const Stretch& columns : Stretches(g.out_w, g.in_w, g.kernel_w, g.stride_w, g.pad_left)) {
      const int64_t count = rows.taps * columns.taps;
      if (block_of_count.count(count) == 0) {
        const std::optional<ParameterRecord> record =
            node.from_uint8 ? Uint8AverageRecord(count) : AverageRecord(count);
        if (!record) {
          return Refusal{DiagnosticCode::kCompileLimit,
                         fmt::format("an average over {} elements", count), ""};
        }
        block_of_count[count] = static_cast<int64_t>(blocks.size());
        blocks.push_back(*record);
      }
      layer.regions.push_back(
          {rows.begin, rows.end, columns.begin, columns.end, block_of_count[count]});
    }
  }
  if (!ChooseSum(context.config, &layer)) {
    return Refusal{DiagnosticCode::kCompileLimit,
                   fmt::format("a window of {} x {} needs more than 255 slices in a row",
                               g.kernel_h, g.kernel_w),
                   ""};
  }
  SetOnes(context.config, &layer, blocks, node.from_uint8 ? kUint8Weight : int8_t{1});
  context.lowered.layers.push_back(std::move(layer));
  return std::nullopt;
}

namespace {

/// Kept and reduced dimensions in turn, from the outermost on; those of one element are left out.
struct Run {
  bool reduced;
  int64_t size;
};

std::vector<Run> RunsOf(const std::vector<int32_t>& shape, const std::vector<int32_t>& axes) {
  std::vector<Run> runs;
  for (size_t d = 0; d < shape.size(); ++d) {
    if (shape[d] == 1) continue;
    const bool reduced = std::find(axes.begin(), axes.end(), static_cast<int32_t>(d)) != axes.end();
    if (runs.empty() || runs.back().reduced != reduced) runs.push_back({reduced, 1});
    runs.back().size *= shape[d];
  }
  return runs;
}

/// A copy of a tensor with `axes` behind all others.
int32_t MoveBehind(LoweringContext& context, int32_t number, const std::vector<int32_t>& axes) {
  const Tensor& tensor = context.tensor(number);
  std::vector<int32_t> order;
  for (int32_t pass = 0; pass < 2; ++pass) {
    for (int32_t d = 0; d < static_cast<int32_t>(tensor.shape.size()); ++d) {
      const bool moves = std::find(axes.begin(), axes.end(), d) != axes.end();
      if (moves == (pass == 1)) order.push_back(d);
    }
  }
  const View source = Transposed(
      DenseView(context.StorageOf(number), {tensor.shape.begin(), tensor.shape.end()}), order);
  const int32_t target = context.NewStorage(tensor.elements());
  Layer copy = NewCopy(target);
  AddCopy(&copy, source, DenseView(target, source.shape));
  context.lowered.layers.push_back(std::move(copy));
  return target;
}

/// A reduction as a pool over an image [kept * reduced, kept * reduced, kept] of rows, columns and
/// channels, with windows side by side.
struct Reduction {
  int32_t source = 0;           ///< storage
  int64_t count = 1;            ///< elements that become one
  int64_t kept[3] = {1, 1, 1};  ///< rows, columns, channels
  int64_t reduced[2] = {1, 1};  ///< rows, columns

  /// Fills kept and reduced from `runs`; false if there are too many of them.
  bool Assign(const std::vector<Run>& runs) {
    size_t left = runs.size();
    if (left > 0 && !runs[left - 1].reduced) kept[2] = runs[--left].size;
    for (int level = 1; level >= 0; --level) {
      if (left > 0 && runs[left - 1].reduced) reduced[level] = runs[--left].size;
      if (left > 0 && !runs[left - 1].reduced) kept[level] = runs[--left].size;
    }
    return left == 0;
  }
  void SetGeometry(int64_t rows, int64_t columns, Geometry* g) const {
    g->in_h = kept[0] * rows;
    g->in_w = kept[1] * columns;
    g->in_c = g->out_c = kept[2];
    g->out_h = kept[0];
    g->out_w = kept[1];
    g->kernel_h = g->stride_h = rows;
    g->kernel_w = g->stride_w = columns;
  }
};

Reduction FindReduction(LoweringContext& context, int32_t op) {
  const Operator& node = context.model.operators[op];
  const Tensor& input = context.tensor(node.inputs[0]);
  const std::vector<int32_t>& axes = std::get<ReduceOptions>(node.options).axes;
  const std::vector<Run> runs = RunsOf(input.shape, axes);
  Reduction reduction;
  for (const Run& run : runs) reduction.count *= run.reduced ? run.size : 1;
  reduction.source = context.StorageOf(node.inputs[0]);
  if (reduction.Assign(runs)) return reduction;
  Reduction moved;
  moved.count = reduction.count;
  moved.source = MoveBehind(context, node.inputs[0], axes);
  moved.Assign({{false, input.elements() / moved.count}, {true, moved.count}});
  return moved;
}

/// Sets the geometry of a layer (its kind is set) that reduces: wider or taller cuts of the same
/// run of taps; the first that the loops can count is nearly the best. False: none.
bool ChooseCut(const NpuConfig& config, const Reduction& reduction, Layer* layer) {
  const Geometry& g = layer->geometry;
  const int64_t* reduced = reduction.reduced;
  bool found = false;
  for (int64_t rows = 1; rows <= kLargestLoopCount * config.simd && !found; ++rows) {
    if (reduced[0] > 1 || reduction.kept[1] > 1) {
      reduction.SetGeometry(reduced[0], reduced[1], &layer->geometry);
      rows = kLargestLoopCount * config.simd;  // rows are taken: no other cut
    } else {
      if (reduced[1] % rows != 0) continue;
      reduction.SetGeometry(rows, reduced[1] / rows, &layer->geometry);
    }
    if (layer->opcode == Opcode::kWindow) {
      found = ChooseWindow(config, layer);
    } else if (layer->opcode == Opcode::kMaxPool) {
      found = g.kernel_h <= kLargestLoopCount && g.kernel_w <= kLargestLoopCount;
    } else {
      found = CeilDiv(g.kernel_w, config.simd) <= 0xffff && g.kernel_h <= kLargestLoopCount;
    }
  }
  return found;
}

Refusal TooManyElements(const Reduction& reduction) {
  return Refusal{DiagnosticCode::kCompileLimit,
                 fmt::format("a reduction of {} elements", reduction.count), ""};
}

/// MEAN and SUM: sums times `multiplier`.
LowerResult LowerSums(LoweringContext& context, int32_t op, const Reduction& reduction,
                      const QuantizedMultiplier& multiplier) {
  const Operator& node = context.model.operators[op];
  const Tensor& input = context.tensor(node.inputs[0]);
  Layer layer;
  layer.inputs = {reduction.source};
  layer.output = context.StorageOf(node.outputs[0]);
  layer.opcode = reduction.kept[2] == 1 ? Opcode::kMatmul : Opcode::kWindow;
  layer.out_zero_point = context.tensor(node.outputs[0]).zero_point();
  if (multiplier.shift > 31 || multiplier.shift < -31) {
    return Refusal{DiagnosticCode::kCompileLimit,
                   fmt::format("its sum is scaled by 2^{}", multiplier.shift), ""};
  }
  if (!ChooseCut(context.config, reduction, &layer)) return TooManyElements(reduction);
  const ParameterRecord record{static_cast<int32_t>(-int64_t{input.zero_point()} * reduction.count),
                               multiplier.multiplier, multiplier.shift};
  layer.regions = {Region{0, layer.geometry.out_h, 0, layer.geometry.out_w, 0}};
  if (layer.opcode == Opcode::kMatmul) {
    return AppendDense(
        context, std::move(layer), [](int64_t, int64_t, int64_t, int64_t) { return int8_t{1}; },
        [&](int64_t) { return record; });
  }
  SetOnes(context.config, &layer, {record});
  context.lowered.layers.push_back(std::move(layer));
  return std::nullopt;
}

/// REDUCE_MAX and REDUCE_MIN.
LowerResult LowerExtremes(LoweringContext& context, int32_t op, bool minimum) {
  const Reduction reduction = FindReduction(context, op);
  Layer layer;
  layer.inputs = {reduction.source};
  layer.output = context.StorageOf(context.model.operators[op].outputs[0]);
  layer.opcode = Opcode::kMaxPool;
  layer.minimum = minimum;
  layer.fill = minimum ? 0x7f : 0x80;
  if (!ChooseCut(context.config, reduction, &layer)) return TooManyElements(reduction);
  const Geometry& g = layer.geometry;
  layer.regions = {Region{0, g.out_h, 0, g.out_w, 0}};
  layer.group_channels = std::min<int64_t>(context.config.post_width, g.out_c);
  layer.groups = CeilDiv(g.out_c, layer.group_channels);
  layer.window = {false, g.kernel_h, g.kernel_w, g.kernel_w};
  if (ByAxes(context.config, layer)) {
    AppendPoolByAxes(context, std::move(layer));
    return std::nullopt;
  }
  context.lowered.layers.push_back(std::move(layer));
  return std::nullopt;
}

/// ARG_MAX and ARG_MIN.
LowerResult LowerArg(LoweringContext& context, int32_t op, bool minimum) {
  const Operator& node = context.model.operators[op];
  const Tensor& input = context.tensor(node.inputs[0]);
  const int32_t axis = std::get<AxisOptions>(node.options).axis;
  const std::vector<Run> runs = RunsOf(input.shape, {axis});
  const bool last = runs.empty() || runs.back().reduced || input.shape[axis] == 1;
  Layer layer;
  layer.opcode = Opcode::kArgMax;
  layer.minimum = minimum;
  layer.inputs = {last ? context.StorageOf(node.inputs[0])
                       : MoveBehind(context, node.inputs[0], {axis})};
  Geometry& g = layer.geometry;
  g.in_w = input.shape[axis];
  g.in_h = g.out_h = input.elements() / g.in_w;
  g.out_c = 4;  // the bytes of an int32
  const bool wide = context.tensor(node.outputs[0]).type == TensorType::kInt64;
  const int64_t count = g.out_h;
  const int32_t indices = wide ? context.NewStorage(4 * count) : context.StorageOf(node.outputs[0]);
  layer.output = indices;
  context.lowered.layers.push_back(std::move(layer));
  if (!wide) return std::nullopt;
  // Indices are not negative: upper halves of int64 are 0.
  const int32_t output = context.StorageOf(node.outputs[0]);
  const View halves = DenseView(output, {count, 2}, 4);
  Layer copy = NewCopy(output, /*fill=*/0);
  AddCopy(&copy, DenseView(indices, {count, 1}, 4), Sliced(halves, 1, 0, 1));
  AddFill(&copy, Sliced(halves, 1, 1, 1));
  context.lowered.layers.push_back(std::move(copy));
  return std::nullopt;
}

}  // namespace

LowerResult LowerMean(LoweringContext& context, int32_t op) {
  const Operator& node = context.model.operators[op];
  const Reduction reduction = FindReduction(context, op);
  return LowerSums(context, op, reduction,
                   MeanMultiplier(context.tensor(node.inputs[0]).scale(),
                                  context.tensor(node.outputs[0]).scale(), reduction.count));
}

LowerResult LowerSum(LoweringContext& context, int32_t op) {
  const Operator& node = context.model.operators[op];
  const Reduction reduction = FindReduction(context, op);
  const double factor = double{context.tensor(node.inputs[0]).scale()} /
                        double{context.tensor(node.outputs[0]).scale()};
  return LowerSums(context, op, reduction, QuantizeMultiplier(factor));
}

LowerResult LowerReduceMax(LoweringContext& context, int32_t op) {
  return LowerExtremes(context, op, /*minimum=*/false);
}
LowerResult LowerReduceMin(LoweringContext& context, int32_t op) {
  return LowerExtremes(context, op, /*minimum=*/true);
}
LowerResult LowerArgMax(LoweringContext& context, int32_t op) {
  return LowerArg(context, op, /*minimum=*/false);
}
LowerResult LowerArgMin(LoweringContext& context, int32_t op) {
  return LowerArg(context, op, /*minimum=*/true);
}

}  // namespace npugen::compiler

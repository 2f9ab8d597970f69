// SPDX-License-Identifier: Apache-2.0
// Sizes of blocks, and what they read.
#include "sw/compiler/plan/block_plan.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <set>

#include "sw/compiler/plan/layer_cost.h"

namespace npugen::compiler {
namespace {

/// DMA cycles that a run of bytes costs besides its words.
constexpr double kRunCycles = 1;

int64_t Aligned(int64_t value, int64_t alignment) { return CeilDiv(value, alignment) * alignment; }

bool Walks(const Layer& layer) { return In(layer.opcode, opcodes::kWalks); }

/// Bytes of each pixel of the input, or of the output, that groups touch.
Range GroupBytes(const Layer& layer, const Range& groups, int64_t pixel) {
  return Intersection({0, pixel},
                      {groups.begin * layer.group_bytes(), groups.end * layer.group_bytes()});
}

/// Whether each kernel row is one run of bytes (SetDenseWeights).
bool HasDenseRows(const Geometry& g) { return g.dilation_w == 1 || g.kernel_w == 1; }

/// [begin, end) within [0, size), of one element at least.
Range Within(int64_t begin, int64_t end, int64_t size) {
  const int64_t first = std::clamp<int64_t>(begin, 0, size - 1);
  return {first, std::clamp(end, first + 1, size)};
}

/// Kernel rows and columns of a part of a WINDOW's loops.
struct Taps {
  Range rows, columns;
};

Taps TapsOf(const Layer& layer, const KernelPart& part) {
  const Geometry& g = layer.geometry;
  const WindowShape& window = layer.window;
  const Range outer{part.k2_begin * window.rows, (part.k2_begin + part.k2_count) * window.rows};
  const Range inner{part.k1_begin * window.columns,
                    (part.k1_begin + part.k1_count) * window.columns};
  const Range rows = window.swap ? inner : outer;
  const Range columns = window.swap ? outer : inner;
  return {Intersection(rows, {0, g.kernel_h}), Intersection(columns, {0, g.kernel_w})};
}

/// First byte in a row, perhaps before it, that a MATMUL's part reads for a column, and one past
/// the last one.
Range PartBytes(const Layer& layer, int64_t column, const KernelPart& part, int64_t simd) {
  const Geometry& g = layer.geometry;
  const bool dense = HasDenseRows(g);
  const int64_t run = dense ? g.kernel_w * g.in_c : g.in_c;
  const int64_t step = dense ? 0 : g.dilation_w * g.in_c;
  const int64_t first = (column * g.stride_w - g.pad_left) * g.in_c;
  return {first + part.k1_begin * step + part.k0_begin * simd,
          first + (part.k1_begin + part.k1_count - 1) * step +
              std::min((part.k0_begin + part.k0_count) * simd, run)};
}

}  // namespace

int64_t BufferAlignment(const NpuConfig& config) {
  return std::max<int64_t>(config.pe_bank_bytes, config.axi_bytes());
}

InputBox BlockInput(const Layer& layer, const Range& rows, const Range& columns,
                    const Range& groups) {
  const Geometry& g = layer.geometry;
  InputBox box;
  box.rows = {g.FirstInputRow(rows.begin), g.EndInputRow(rows.end)};
  box.bytes = {0, g.in_c};
  if (!Walks(layer)) {
    box.columns = columns;
    return box;
  }
  box.columns = Within(
      columns.begin * g.stride_w - g.pad_left,
      (columns.end - 1) * g.stride_w - g.pad_left + (g.kernel_w - 1) * g.dilation_w + 1, g.in_w);
  if (KeepsChannels(layer)) box.bytes = GroupBytes(layer, groups, g.in_c);
  return box;
}

InputBox PartInput(const Layer& layer, int64_t row, int64_t column, int64_t group,
                   const KernelPart& part, int64_t simd) {
  const Geometry& g = layer.geometry;
  InputBox box;
  const int64_t first_row = row * g.stride_h - g.pad_top;
  const auto rows_of = [&](int64_t first, int64_t last) {
    return Within(first_row + first * g.dilation_h, first_row + last * g.dilation_h + 1, g.in_h);
  };
  if (layer.opcode == Opcode::kMatmul) {
    box.rows = rows_of(part.k2_begin, part.k2_begin + part.k2_count - 1);
    box.columns = {0, 1};
    const Range bytes = PartBytes(layer, column, part, simd);
    box.bytes = Within(bytes.begin, bytes.end, g.in_plane_bytes());
    return box;
  }
  const Taps taps = TapsOf(layer, part);
  const int64_t first = column * g.stride_w - g.pad_left;
  box.rows = rows_of(taps.rows.begin, taps.rows.end - 1);
  box.columns = Within(first + taps.columns.begin * g.dilation_w,
                       first + (taps.columns.end - 1) * g.dilation_w + 1, g.in_w);
  box.bytes = GroupBytes(layer, {group, group + 1}, g.in_c);
  return box;
}

Geometry BlockGeometry(const Layer& layer, const InputBox& input, const Range& columns,
                       const Range& groups) {
  Geometry g = layer.geometry;
  g.in_w = input.columns.size();
  g.in_c = input.bytes.size();
  g.out_w = columns.size();
  if (!Walks(layer)) return g;
  g.pad_left += input.columns.begin - columns.begin * g.stride_w;
  g.out_c = GroupBytes(layer, groups, g.out_c).size();
  return g;
}

Geometry PartGeometry(const Layer& layer, const InputBox& input, int64_t row, int64_t column,
                      int64_t group, const KernelPart& part, int64_t simd) {
  Geometry g = layer.geometry;
  const int64_t first_row = row * g.stride_h - g.pad_top;
  g.images = g.out_h = g.out_w = 1;
  g.in_h = input.rows.size();
  g.in_w = input.columns.size();
  g.in_c = input.bytes.size();
  g.out_c = GroupBytes(layer, {group, group + 1}, g.out_c).size();
  g.stride_h = g.stride_w = 1;
  if (layer.opcode == Opcode::kMatmul) {
    g.kernel_h = part.k2_count;
    g.pad_top = input.rows.begin - (first_row + part.k2_begin * g.dilation_h);
    // Bytes are columns.
    g.dilation_w *= layer.geometry.in_c;
    g.in_w = g.in_c;
    g.in_c = 1;
    g.pad_left = input.bytes.begin - PartBytes(layer, column, part, simd).begin;
    return g;
  }
  const Taps taps = TapsOf(layer, part);
  g.kernel_h = taps.rows.size();
  g.kernel_w = taps.columns.size();
  g.pad_top = input.rows.begin - (first_row + taps.rows.begin * g.dilation_h);
  g.pad_left = input.columns.begin - (column * layer.geometry.stride_w - layer.geometry.pad_left +
                                      taps.columns.begin * g.dilation_w);
  return g;
}

std::vector<KernelPart> SplitKernel(const Layer& layer, int64_t most) {
  std::vector<KernelPart> parts;
  const auto cut = [most](int64_t count, int64_t slices_each, auto&& emit) {
    const int64_t step = std::max<int64_t>(1, most / slices_each);
    for (int64_t begin = 0; begin < count; begin += step)
      emit(begin, std::min(step, count - begin));
  };
  const int64_t row = layer.k0_count * layer.k1_count;
  if (row <= most) {
    cut(layer.k2_count, row, [&](int64_t begin, int64_t count) {
      parts.push_back({0, layer.k0_count, 0, layer.k1_count, begin, count});
    });
    return parts;
  }
  for (int64_t k2 = 0; k2 < layer.k2_count; ++k2) {
    if (layer.k0_count <= most) {
      cut(layer.k1_count, layer.k0_count, [&](int64_t begin, int64_t count) {
        parts.push_back({0, layer.k0_count, begin, count, k2, 1});
      });
      continue;
    }
    for (int64_t k1 = 0; k1 < layer.k1_count; ++k1) {
      cut(layer.k0_count, 1, [&](int64_t begin, int64_t count) {
        parts.push_back({begin, count, k1, 1, k2, 1});
      });
    }
  }
  return parts;
}

namespace {

/// Finds the size of a layer's blocks.
class BlockPlanner {
 public:
  BlockPlanner(const NpuConfig& config, const Layer& layer)
      : config_(config),
        layer_(layer),
        g_(layer.geometry),
        inputs_(static_cast<int64_t>(
            std::set<int32_t>(layer.inputs.begin(), layer.inputs.end()).size())) {}

  bool OneRowFits() const {
    const int64_t rows = std::min((g_.kernel_h - 1) * g_.dilation_h + 1, g_.in_h);
    return Fits(rows * g_.in_row_bytes(), g_.out_row_bytes(), 1);
  }
  std::optional<BlockSize> Choose() const {
    if (In(layer_.opcode, opcodes::kRows) || layer_.copies() || layer_.affine ||
        g_.in_value_bytes != 0) {
      return std::nullopt;
    }
    std::optional<BlockSize> size = WholeKernel();
    return size ? size : PartOfKernel();
  }

 private:
  bool Fits(int64_t in_bytes, int64_t out_bytes, int64_t buffers) const {
    const int64_t alignment = BufferAlignment(config_);
    return buffers * (inputs_ * Aligned(in_bytes, alignment) + Aligned(out_bytes, alignment)) <=
           config_.pe_memory_bytes;
  }
  /// Bytes for blocks of so many rows, columns and groups.
  BlockSize SizeOf(int64_t rows, int64_t columns, int64_t groups) const {
    const Geometry& g = g_;
    const int64_t in_rows =
        std::min((rows - 1) * g.stride_h + (g.kernel_h - 1) * g.dilation_h + 1, g.in_h);
    int64_t in_columns = columns, pixel = g.in_c, out_pixel = g.out_c;
    if (Walks(layer_)) {
      in_columns =
          std::min((columns - 1) * g.stride_w + (g.kernel_w - 1) * g.dilation_w + 1, g.in_w);
      out_pixel = std::min(g.out_c, groups * layer_.group_bytes());
      if (KeepsChannels(layer_)) pixel = std::min(g.in_c, groups * layer_.group_bytes());
    }
    return {rows,
            columns,
            groups,
            0,
            in_rows * g.in_planes * in_columns * pixel,
            rows * g.out_planes * columns * out_pixel};
  }
  /// Cycles of the bus for `bytes` in runs of `run`.
  double Transfer(int64_t bytes, int64_t run) const {
    return static_cast<double>(bytes) / static_cast<double>(run) *
           (static_cast<double>(run) / config_.axi_bytes() + kRunCycles);
  }
  double CyclesOf(const BlockSize& size, int64_t buffers) const {
    const int64_t strips = CeilDiv(layer_.groups, size.groups);
    const int64_t places = CeilDiv(g_.out_h, size.rows) * CeilDiv(g_.out_w, size.columns);
    const bool keeps = KeepsChannels(layer_);
    // What is not narrower than the tensor is one run over several columns.
    const int64_t columns = std::max<int64_t>(1, size.columns);
    const int64_t in_run =
        keeps && strips > 1 ? size.groups * layer_.group_bytes() : columns * g_.stride_w * g_.in_c;
    const int64_t out_run = strips > 1 ? size.groups * layer_.group_bytes() : columns * g_.out_c;
    double cycles = static_cast<double>(places * (keeps ? strips : 1) * inputs_) *
                    Transfer(size.in_bytes, std::max<int64_t>(1, in_run));
    cycles += static_cast<double>(places * strips) *
              (Transfer(size.out_bytes, std::max<int64_t>(1, out_run)) + kCommandCycles);
    const int64_t parameter_rows =
        layer_.parameters.groups * GroupRows(config_, layer_, layer_.slices());
    if (parameter_rows > config_.core_rows() / 2) {
      cycles += static_cast<double>(places * parameter_rows * config_.core_row_bytes()) /
                config_.axi_bytes();
    }
    return buffers == 1 ? 1.5 * cycles : cycles;
  }
  /// Every size that `total` things have when they are shared equally.
  static std::vector<int64_t> Parts(int64_t total) {
    std::vector<int64_t> parts;
    for (int64_t count = 1; count <= total; count += 1 + count / 16) {
      const int64_t part = CeilDiv(total, count);
      if (parts.empty() || parts.back() != part) parts.push_back(part);
    }
    if (parts.back() != 1) parts.push_back(1);
    return parts;
  }

  std::optional<BlockSize> WholeKernel() const {
    std::optional<BlockSize> best;
    double least = std::numeric_limits<double>::max();
    const std::vector<int64_t> strips =
        Walks(layer_) ? Parts(layer_.groups) : std::vector{layer_.groups};
    for (const int64_t groups : strips) {
      for (const int64_t columns : Parts(g_.out_w)) {
        for (const int64_t buffers : {2, 1}) {
          const auto fits = [&](int64_t rows) {
            const BlockSize size = SizeOf(rows, columns, groups);
            return Fits(size.in_bytes, size.out_bytes, buffers);
          };
          int64_t low = 0, high = g_.out_h;
          while (low < high) {
            const int64_t middle = (low + high + 1) / 2;
            (fits(middle) ? low : high) = fits(middle) ? middle : middle - 1;
          }
          if (low == 0) continue;
          const BlockSize size = SizeOf(low, columns, groups);
          const double cycles = CyclesOf(size, buffers);
          if (cycles < least) {
            least = cycles;
            best = size;
          }
        }
      }
    }
    return best;
  }

  /// One position and one group at a time, and only a part of its kernel: sums wait in the
  /// accumulators for the next part.
  std::optional<BlockSize> PartOfKernel() const {
    const bool array = layer_.opcode == Opcode::kMatmul || layer_.opcode == Opcode::kWindow;
    if (!array || layer_.indivisible() || layer_.binary || layer_.thresholds != 0 ||
        layer_.parts > 1 || layer_.parameters.storage >= 0) {
      return std::nullopt;
    }
    for (const int64_t slices : Parts(layer_.slices())) {
      BlockSize size{1, 1, 1, slices, 0, std::min(g_.out_c, layer_.group_bytes())};
      // Near borders less is read.
      for (const KernelPart& part : SplitKernel(layer_, slices)) {
        size.in_bytes = std::max(size.in_bytes, MostPartBytes(part));
      }
      if (Fits(size.in_bytes, size.out_bytes, 2)) return size;
    }
    return std::nullopt;
  }
  int64_t MostPartBytes(const KernelPart& part) const {
    const auto rows = [&](int64_t count) {
      return std::min((count - 1) * g_.dilation_h + 1, g_.in_h);
    };
    if (layer_.opcode == Opcode::kMatmul) {
      const int64_t bytes = PartBytes(layer_, 0, part, config_.simd).size();
      return rows(part.k2_count) * std::min(bytes, g_.in_plane_bytes());
    }
    const Taps taps = TapsOf(layer_, part);
    return rows(taps.rows.size()) *
           std::min((taps.columns.size() - 1) * g_.dilation_w + 1, g_.in_w) *
           std::min(g_.in_c, layer_.group_bytes());
  }

  const NpuConfig& config_;
  const Layer& layer_;
  const Geometry& g_;
  int64_t inputs_;
};

}  // namespace

void PlanBlocks(const NpuConfig& config, LoweredModel* lowered) {
  for (Layer& layer : lowered->layers) {
    if (layer.copies()) continue;
    const BlockPlanner planner(config, layer);
    if (planner.OneRowFits()) continue;
    layer.blocks = planner.Choose();
    if (!layer.blocks) continue;
    for (const int32_t input : layer.inputs) lowered->storages[input].in_memory = true;
    lowered->storages[layer.output].in_memory = true;
  }
}

}  // namespace npugen::compiler

// Chunks, units and core memory.
#include "sw/compiler/plan/parameter_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <tuple>

#include "sw/compiler/encode/encode.h"

namespace npugen::compiler {
namespace {

constexpr int64_t kImageAlignment = 64;
/// Small layers are loaded together until a LOAD has this many bytes: its latency is then hidden,
/// and the compute engine does not wait long for the first of them.
constexpr int64_t kUnitBytes = 4096;

KernelPart WholeKernel(const Layer& layer) {
  return {0, layer.k0_count, 0, layer.k1_count, 0, layer.k2_count};
}

int64_t PartSlices(const KernelPart& part) { return part.k0_count * part.k1_count * part.k2_count; }

/// Cuts the kernel loops into parts of at most `most` slices that are contiguous in the order of
/// use.
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

class ParameterPlanner {
 public:
  ParameterPlanner(const Model& model, const LoweredModel& lowered, const NpuConfig& config)
      : model_(model), lowered_(lowered), config_(config), core_rows_(config.core_rows()) {}

  Result<ParameterPlan> Run();

 private:
  int64_t RecordBlocks(const Layer& layer, int64_t groups) const {
    return layer.parameters.shared ? layer.parameters.blocks : groups;
  }
  int64_t Rows(const Layer& layer, int64_t groups, int64_t slices) const {
    if (!layer.parameters.table.empty()) {
      return CeilDiv(static_cast<int64_t>(layer.parameters.table.size()), config_.core_row_bytes());
    }
    return groups * slices * config_.slice_rows() +
           RecordBlocks(layer, groups) * config_.param_rows();
  }
  void AddChunk(int32_t layer, int64_t group_begin, int64_t group_end, const KernelPart& part,
                bool first, bool last);
  bool CutLayer(int32_t layer);
  void FormUnits();
  void WriteImage();

  const Model& model_;
  const LoweredModel& lowered_;
  const NpuConfig& config_;
  int64_t core_rows_;
  ParameterPlan plan_;
  Diagnostics errors_;
};

void ParameterPlanner::AddChunk(int32_t number, int64_t group_begin, int64_t group_end,
                                const KernelPart& part, bool first, bool last) {
  const Layer& layer = lowered_.layers[number];
  Chunk chunk;
  chunk.layer = number;
  chunk.group_begin = group_begin;
  chunk.group_end = group_end;
  chunk.part = part;
  chunk.first_part = first;
  chunk.last_part = last;
  const int64_t groups = group_end - group_begin;
  chunk.rows = Rows(layer, groups, PartSlices(part));
  chunk.weight_rows =
      layer.parameters.table.empty() ? groups * PartSlices(part) * config_.slice_rows() : 0;
  plan_.layer_chunks[number].push_back(static_cast<int32_t>(plan_.chunks.size()));
  plan_.chunks.push_back(chunk);
}

/// Streaming: pieces of at most a third of core memory, so that two more can be loaded or wait
/// while one is in use. False: not even one slice fits.
bool ParameterPlanner::CutLayer(int32_t number) {
  const Layer& layer = lowered_.layers[number];
  const int64_t groups = layer.parameters.table.empty() ? layer.parameters.groups : 1;
  const int64_t slices = layer.slices();
  const int64_t third = core_rows_ / 3;
  if (Rows(layer, groups, slices) <= third) {
    AddChunk(number, 0, groups, WholeKernel(layer), true, true);
    return true;
  }
  if (!layer.parameters.table.empty() || layer.parameters.shared) {
    if (Rows(layer, groups, slices) <= core_rows_) {
      AddChunk(number, 0, groups, WholeKernel(layer), true, true);
      return true;
    }
    if (!layer.parameters.table.empty()) return false;
  }
  const int64_t one = Rows(layer, 1, slices);
  // One position tile reads each part once, so parts cost nothing there; else a whole group is
  // better even if it cannot be loaded ahead.
  const Geometry& g = layer.geometry;
  const bool single_tile = g.images * g.out_h * g.out_w <= config_.accumulators;
  if (!layer.parameters.shared && (one <= core_rows_ / 2 || (one <= core_rows_ && !single_tile))) {
    const int64_t most = std::max<int64_t>(1, third / one);
    const int64_t pieces = CeilDiv(groups, most);
    for (int64_t piece = 0; piece < pieces; ++piece) {
      AddChunk(number, groups * piece / pieces, groups * (piece + 1) / pieces, WholeKernel(layer),
               true, true);
    }
    return true;
  }
  const int64_t records = RecordBlocks(layer, 1) * config_.param_rows();
  int64_t most_slices = (third - records) / config_.slice_rows();
  if (most_slices < 1) most_slices = (core_rows_ - records) / config_.slice_rows();
  if (most_slices < 1) return false;
  plan_.split_kernel[number] = true;
  const std::vector<KernelPart> parts = SplitKernel(layer, most_slices);
  for (int64_t group = 0; group < groups; ++group) {
    for (size_t p = 0; p < parts.size(); ++p) {
      AddChunk(number, group, group + 1, parts[p], p == 0, p + 1 == parts.size());
    }
  }
  return true;
}

void ParameterPlanner::FormUnits() {
  const int64_t row_bytes = config_.core_row_bytes();
  const int64_t most_rows = plan_.cached ? core_rows_ : std::max<int64_t>(1, core_rows_ / 3);
  const int64_t wanted = std::max<int64_t>(1, kUnitBytes / row_bytes);
  bool open = false;  // the last unit takes more chunks
  for (const std::vector<int32_t>& chunks : plan_.layer_chunks) {
    for (int32_t number : chunks) {
      Chunk& chunk = plan_.chunks[number];
      const bool alone = chunks.size() > 1;
      const bool fits =
          open && !alone && plan_.units.back().rows + chunk.rows <= std::min(most_rows, wanted);
      if (!fits) plan_.units.emplace_back();
      LoadUnit& unit = plan_.units.back();
      chunk.unit = static_cast<int32_t>(plan_.units.size()) - 1;
      chunk.unit_row = unit.rows;
      unit.rows += chunk.rows;
      if (lowered_.layers[chunk.layer].parameters.table.empty()) unit.all_cores = true;
      // The first layer waits for nothing but its own parameters.
      open = !alone && chunk.unit > 0 && unit.rows < wanted;
    }
  }
  for (LoadUnit& unit : plan_.units) {
    unit.image_offset =
        CeilDiv(static_cast<int64_t>(plan_.image.size()), kImageAlignment) * kImageAlignment;
    const int64_t cores = unit.all_cores ? config_.cores : 1;
    plan_.image.resize(static_cast<size_t>(unit.image_offset + cores * unit.rows * row_bytes));
  }
}

void ParameterPlanner::WriteImage() {
  const int64_t row_bytes = config_.core_row_bytes();
  const int64_t lanes = config_.lanes;
  const int64_t pe_lanes = config_.pe_lanes();
  const int64_t slice_bytes = lanes * config_.simd;
  for (const Chunk& chunk : plan_.chunks) {
    const Layer& layer = lowered_.layers[chunk.layer];
    const Parameters& parameters = layer.parameters;
    const LoadUnit& unit = plan_.units[chunk.unit];
    for (int64_t core = 0; core < config_.cores; ++core) {
      if (core > 0 && !parameters.table.empty()) break;
      uint8_t* base =
          plan_.image.data() + unit.image_offset + (core * unit.rows + chunk.unit_row) * row_bytes;
      std::copy(parameters.table.begin(), parameters.table.end(), base);
      if (!parameters.table.empty()) continue;
      const int64_t first_slice =
          (chunk.part.k2_begin * layer.k1_count + chunk.part.k1_begin) * layer.k0_count +
          chunk.part.k0_begin;
      const int64_t slices = PartSlices(chunk.part);
      for (int64_t group = chunk.group_begin; group < chunk.group_end; ++group) {
        for (int64_t slice = 0; slice < slices; ++slice) {
          const int64_t source =
              ((group * layer.slices() + first_slice + slice) * pe_lanes + core * lanes) *
              config_.simd;
          const int64_t row = ((group - chunk.group_begin) * slices + slice) * config_.slice_rows();
          std::copy_n(parameters.weights.begin() + source, slice_bytes, base + row * row_bytes);
        }
      }
      const int64_t blocks = RecordBlocks(layer, chunk.group_end - chunk.group_begin);
      const int64_t first_block = parameters.shared ? 0 : chunk.group_begin;
      for (int64_t block = 0; block < blocks; ++block) {
        uint8_t* record = base + (chunk.weight_rows + block * config_.param_rows()) * row_bytes;
        for (int64_t lane = 0; lane < lanes; ++lane) {
          const ParameterRecord& r =
              parameters.records[(first_block + block) * pe_lanes + core * lanes + lane];
          for (int i = 0; i < 4; ++i) *record++ = static_cast<uint32_t>(r.bias) >> 8 * i & 0xff;
          for (int i = 0; i < 4; ++i)
            *record++ = static_cast<uint32_t>(r.multiplier) >> 8 * i & 0xff;
          *record++ = static_cast<uint8_t>(r.shift);
        }
      }
    }
  }
}

Result<ParameterPlan> ParameterPlanner::Run() {
  const size_t layers = lowered_.layers.size();
  plan_.layer_chunks.resize(layers);
  plan_.split_kernel.assign(layers, false);
  int64_t total = 0;
  for (const Layer& layer : lowered_.layers) {
    if (layer.parameters.empty()) continue;
    total +=
        Rows(layer, layer.parameters.table.empty() ? layer.parameters.groups : 1, layer.slices());
  }
  plan_.cached = total <= core_rows_;
  for (size_t l = 0; l < layers; ++l) {
    const Layer& layer = lowered_.layers[l];
    const int32_t number = static_cast<int32_t>(l);
    if (layer.parameters.empty()) continue;
    if (plan_.cached) {
      AddChunk(number, 0, layer.parameters.table.empty() ? layer.parameters.groups : 1,
               WholeKernel(layer), true, true);
    } else if (!CutLayer(number)) {
      errors_.push_back(OperatorError(
          model_, layer.op, DiagnosticCode::kCompileCoreMemory,
          fmt::format("one weight slice, or its table, with {} rows of parameters does not fit in "
                      "core memory of {} rows",
                      RecordBlocks(layer, 1) * config_.param_rows(), core_rows_),
          "a larger core.memory"));
    }
  }
  if (!errors_.empty()) return errors_;
  FormUnits();
  WriteImage();
  return std::move(plan_);
}

/// Core memory over time: which unit stands where, and who used which rows last.
class CoreMemory {
 public:
  CoreMemory(const ParameterPlan& plan, int64_t rows, const std::vector<int32_t>& uses)
      : plan_(plan), rows_(rows), next_use_(plan.units.size()), row_(plan.units.size(), -1) {
    for (size_t i = uses.size(); i-- > 0;) next_use_[uses[i]].push_back(static_cast<int64_t>(i));
  }

  bool Holds(int32_t unit) const { return row_[unit] >= 0; }
  int64_t row(int32_t unit) const { return row_[unit]; }

  /// Marks use number `use` (ascending) of `unit`.
  void Use(int32_t unit, int64_t use) {
    next_use_[unit].pop_back();
    for (Segment& segment : segments_) {
      if (segment.unit == unit) segment.last_use = use;
    }
  }

  /// Makes room for the unit of use number `use`. Among all places next to other units, those are
  /// best that the previous command does not use, since the LOAD then overlaps with it; then those
  /// that evict nothing needed again, or else what is needed last; then the one that has been idle
  /// longest, so that the LOAD can run ahead.
  void Place(int32_t unit, int64_t use) {
    const int64_t size = plan_.units[unit].rows;
    std::vector<int64_t> candidates{0};
    for (const Segment& segment : segments_) {
      candidates.push_back(segment.end);
      candidates.push_back(segment.begin - size);
    }
    using Key = std::tuple<bool, bool, int64_t, int64_t, int64_t>;
    Key best{};
    bool found = false;
    for (int64_t begin : candidates) {
      if (begin < 0 || begin + size > rows_) continue;
      bool needed = false;
      int64_t soonest = std::numeric_limits<int64_t>::max();
      int64_t last_use = -1;
      for (const Segment& segment : segments_) {
        if (segment.end <= begin || segment.begin >= begin + size) continue;
        last_use = std::max(last_use, segment.last_use);
        if (row_[segment.unit] != segment.begin || next_use_[segment.unit].empty()) continue;
        needed = true;
        soonest = std::min(soonest, next_use_[segment.unit].back());
      }
      const bool busy = last_use >= 0 && last_use + 1 >= use;
      const Key key{busy, needed, needed ? -soonest : 0, last_use, begin};
      if (!found || key < best) best = key;
      found = true;
    }
    const int64_t begin = std::get<4>(best);
    std::vector<Segment> kept;
    for (const Segment& segment : segments_) {
      if (segment.end <= begin || segment.begin >= begin + size) {
        kept.push_back(segment);
        continue;
      }
      if (row_[segment.unit] == segment.begin) row_[segment.unit] = -1;
      // What is left and right of the new unit remembers its last use, but holds nothing.
      if (segment.begin < begin)
        kept.push_back({segment.unit, segment.begin, begin, segment.last_use});
      if (segment.end > begin + size) {
        kept.push_back({segment.unit, begin + size, segment.end, segment.last_use});
      }
    }
    kept.push_back({unit, begin, begin + size, -1});
    segments_ = std::move(kept);
    row_[unit] = begin;
  }

 private:
  struct Segment {
    int32_t unit;
    int64_t begin, end;
    int64_t last_use;
  };
  const ParameterPlan& plan_;
  int64_t rows_;
  std::vector<std::vector<int64_t>> next_use_;  ///< of each unit, descending
  std::vector<int64_t> row_;                    ///< of each unit, or -1
  std::vector<Segment> segments_;
};

}  // namespace

Result<ParameterPlan> PlanParameters(const Model& model, const LoweredModel& lowered,
                                     const NpuConfig& config) {
  return ParameterPlanner(model, lowered, config).Run();
}

std::vector<Step> PlaceParameters(const ParameterPlan& plan, const NpuConfig& config,
                                  const std::vector<Step>& steps, int64_t image_base, bool warm) {
  std::vector<int32_t> uses;
  for (const Step& step : steps) {
    if (step.chunk >= 0) uses.push_back(plan.chunks[step.chunk].unit);
  }
  CoreMemory memory(plan, config.core_rows(), uses);
  std::vector<int64_t> cached_row(plan.units.size());
  int64_t next_row = 0;
  for (size_t u = 0; u < plan.units.size(); ++u) {
    cached_row[u] = next_row;
    next_row += plan.units[u].rows;
  }
  std::vector<bool> loaded(plan.units.size(), false);
  std::vector<Step> placed;
  int64_t use = 0;
  for (const Step& original : steps) {
    Step step = original;
    if (step.chunk >= 0) {
      const Chunk& chunk = plan.chunks[step.chunk];
      const LoadUnit& unit = plan.units[chunk.unit];
      const bool present = plan.cached ? (warm || loaded[chunk.unit]) : memory.Holds(chunk.unit);
      if (!present) {
        if (!plan.cached) memory.Place(chunk.unit, use);
        loaded[chunk.unit] = true;
        const int64_t row = plan.cached ? cached_row[chunk.unit] : memory.row(chunk.unit);
        const int64_t cores = unit.all_cores ? config.cores : 1;
        for (int64_t core = 0; core < cores; ++core) {
          const int64_t bytes = unit.rows * config.core_row_bytes();
          placed.push_back(EncodeParameterLoad(image_base + unit.image_offset + core * bytes,
                                               row * config.core_row_bytes(), bytes, core,
                                               step.command.tag()));
          placed.back().writes.push_back({Space::kCoreRows, row, row + unit.rows});
        }
      }
      const int64_t unit_row = plan.cached ? cached_row[chunk.unit] : memory.row(chunk.unit);
      const int64_t first = unit_row + chunk.unit_row;
      SetParameterRows(&step, first,
                       first + chunk.weight_rows + step.param_block * config.param_rows());
      step.reads.push_back({Space::kCoreRows, first, first + chunk.rows});
      if (!plan.cached) memory.Use(chunk.unit, use);
      ++use;
    }
    placed.push_back(std::move(step));
  }
  return placed;
}

}  // namespace npugen::compiler

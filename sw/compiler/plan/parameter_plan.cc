// SPDX-License-Identifier: Apache-2.0
// Chunks, units and core memory.
#include "sw/compiler/plan/parameter_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <tuple>

#include "generator/support/check.h"
#include "sw/compiler/encode/encode.h"
#include "sw/compiler/plan/block_plan.h"

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

class ParameterPlanner {
 public:
  ParameterPlanner(const Model& model, const LoweredModel& lowered,
                   const std::vector<Partition>& partitions, const std::vector<LayerGroup>& groups,
                   const NpuConfig& config, const ParameterPolicy& policy)
      : model_(model),
        lowered_(lowered),
        partitions_(partitions),
        groups_(groups),
        config_(config),
        policy_(policy),
        core_rows_(config.core_rows()) {
    ForgetCached();
  }

  /// A layer whose parameters could stay in core memory.
  struct Candidate {
    size_t planner = 0;  ///< which model's
    int32_t layer = 0;
    int64_t rows = 0;
    int64_t cycles = 0;  ///< that the layer takes, roughly
  };
  void AddCandidates(size_t number, std::vector<Candidate>* candidates) const;
  /// Rows of the largest group that the NPU computes itself.
  int64_t ComputedRows() const;
  /// Rows without which a layer that is not cached cannot be streamed.
  int64_t LeastStreamRows() const;
  /// Rows of the layers of the largest group of several.
  int64_t LargestGroupRows() const;
  void ForgetCached() { cached_.assign(lowered_.layers.size(), false); }
  void Cache(int32_t layer) { cached_[layer] = true; }

  /// Plans the model; cached units stand from `next_cached` on, which is moved.
  Result<ParameterPlan> Run(int64_t stream_rows, int64_t* next_cached);

 private:
  /// Whether each PE has parameters of its own.
  bool PerPe(int32_t layer) const {
    const Parameters& parameters = lowered_.layers[layer].parameters;
    return partitions_[layer].split == Split::kGroups && !parameters.shared &&
           parameters.table.empty();
  }
  /// Groups with slices of their own in one PE.
  int64_t LocalGroups(int32_t layer) const {
    const Parameters& parameters = lowered_.layers[layer].parameters;
    if (!parameters.table.empty()) return 1;
    if (!PerPe(layer)) return parameters.groups;
    int64_t most = 0;
    for (const Share& share : partitions_[layer].shares) {
      most = std::max(most, share.groups.size());
    }
    return most;
  }
  int64_t RecordBlocks(const Layer& layer, int64_t groups) const {
    return layer.parameters.shared ? layer.parameters.blocks : groups;
  }
  int64_t Rows(const Layer& layer, int64_t groups, int64_t slices) const {
    if (!layer.parameters.table.empty()) {
      return CeilDiv(static_cast<int64_t>(layer.parameters.table.size()), config_.core_row_bytes());
    }
    return groups * GroupRows(config_, layer, slices) +
           RecordBlocks(layer, groups) * RecordRows(config_, layer);
  }
  int64_t WholeRows(int32_t number) const {
    const Layer& layer = lowered_.layers[number];
    if (!layer.blocks || layer.blocks->part_slices == 0) {
      return Rows(layer, LocalGroups(number), layer.slices());
    }
    // Every part has records of its own.
    int64_t rows = 0;
    for (const KernelPart& part : SplitKernel(layer, layer.blocks->part_slices)) {
      rows += Rows(layer, 1, PartSlices(part));
    }
    return LocalGroups(number) * rows;
  }
  void AddChunk(int32_t layer, int64_t group_begin, int64_t group_end, const KernelPart& part,
                bool first, bool last);
  void AddParts(int32_t layer, int64_t most_slices);
  bool CutLayer(int32_t layer);
  /// Cores of a PE whose lanes compute channels of a chunk. What the others hold does not matter:
  /// no result of theirs is drained.
  int64_t Cores(const Chunk& chunk, int64_t pe) const;
  /// Groups of a chunk that a PE computes.
  Range GroupsOf(const Chunk& chunk, int64_t pe) const;
  void FormUnits(int64_t* next_cached);
  void WriteImage();
  void WriteChunk(const Chunk& chunk, int64_t pe, int64_t core, uint8_t* base) const;

  const Model& model_;
  const LoweredModel& lowered_;
  const std::vector<Partition>& partitions_;
  const std::vector<LayerGroup>& groups_;
  const NpuConfig& config_;
  const ParameterPolicy policy_;
  int64_t core_rows_;
  std::vector<bool> cached_;  ///< of each layer
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
  chunk.per_pe = PerPe(number);
  chunk.part = part;
  chunk.first_part = first;
  chunk.last_part = last;
  const int64_t groups = group_end - group_begin;
  chunk.rows = Rows(layer, groups, PartSlices(part));
  chunk.record_rows = RecordRows(config_, layer);
  if (layer.parameters.storage >= 0) {
    chunk.first_record = groups * PartSlices(part) * SliceRows(config_, layer);
  } else if (layer.parameters.table.empty()) {
    chunk.first_weight = RecordBlocks(layer, groups) * chunk.record_rows;
  }
  plan_.layer_chunks[number].push_back(static_cast<int32_t>(plan_.chunks.size()));
  plan_.chunks.push_back(chunk);
}

/// Each group in parts of the kernel of at most so many slices.
void ParameterPlanner::AddParts(int32_t number, int64_t most_slices) {
  const int64_t groups = LocalGroups(number);
  plan_.split_kernel[number] = true;
  const std::vector<KernelPart> parts = SplitKernel(lowered_.layers[number], most_slices);
  for (int64_t group = 0; group < groups; ++group) {
    for (size_t p = 0; p < parts.size(); ++p) {
      AddChunk(number, group, group + 1, parts[p], p == 0, p + 1 == parts.size());
    }
  }
}

/// Streaming: pieces of at most a third of the rows, so that two more can be loaded or wait while
/// one is in use. False: not even one slice fits.
bool ParameterPlanner::CutLayer(int32_t number) {
  const Layer& layer = lowered_.layers[number];
  const int64_t groups = LocalGroups(number);
  const int64_t slices = layer.slices();
  const int64_t rows = plan_.stream_rows;
  const int64_t piece_rows = rows / policy_.chunk_parts;
  // PE memory may hold the operands of so many slices only.
  const int64_t input_slices = layer.blocks ? layer.blocks->part_slices : 0;
  if (layer.parameters.storage >= 0) {
    if (Rows(layer, 1, slices) > rows) return false;
    for (int64_t group = 0; group < groups; ++group) {
      AddChunk(number, group, group + 1, WholeKernel(layer), true, true);
    }
    return true;
  }
  if (input_slices == 0 && Rows(layer, groups, slices) <= piece_rows) {
    AddChunk(number, 0, groups, WholeKernel(layer), true, true);
    return true;
  }
  if (input_slices == 0 &&
      (!layer.parameters.table.empty() || layer.parameters.shared || layer.indivisible())) {
    if (Rows(layer, groups, slices) <= rows) {
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
  if (!layer.parameters.shared && input_slices == 0 &&
      (one <= rows / 2 || (one <= rows && (!single_tile || layer.indivisible())))) {
    const int64_t most = std::max<int64_t>(1, piece_rows / one);
    const int64_t pieces = CeilDiv(groups, most);
    for (int64_t piece = 0; piece < pieces; ++piece) {
      AddChunk(number, groups * piece / pieces, groups * (piece + 1) / pieces, WholeKernel(layer),
               true, true);
    }
    return true;
  }
  if (layer.indivisible()) return false;
  const int64_t records = RecordBlocks(layer, 1) * RecordRows(config_, layer);
  int64_t most_slices = (piece_rows - records) / SliceRows(config_, layer);
  if (most_slices < 1) most_slices = (rows - records) / SliceRows(config_, layer);
  if (most_slices < 1) return false;
  if (input_slices > 0) most_slices = std::min(most_slices, input_slices);
  AddParts(number, most_slices);
  return true;
}

Range ParameterPlanner::GroupsOf(const Chunk& chunk, int64_t pe) const {
  if (!chunk.per_pe) return {chunk.group_begin, chunk.group_end};
  const Range& share = partitions_[chunk.layer].shares[pe].groups;
  return {share.begin + chunk.group_begin, std::min(share.begin + chunk.group_end, share.end)};
}

int64_t ParameterPlanner::Cores(const Chunk& chunk, int64_t pe) const {
  const Layer& layer = lowered_.layers[chunk.layer];
  if (!layer.parameters.table.empty()) return 1;
  const Range groups = GroupsOf(chunk, pe);
  if (groups.begin >= groups.end) return 0;
  // Lanes that pass their gate take cycles of the second plane, those without channels, too.
  if (!layer.parameters.gates.empty()) return config_.cores;
  // Only the last group of a layer may have fewer channels than the others.
  int64_t channels = layer.group_channels;
  if (!layer.parameters.shared) {
    channels = std::min(channels, layer.out_channels() - groups.begin * layer.group_channels);
  }
  return std::min<int64_t>(CeilDiv(channels, config_.lanes), config_.cores);
}

void ParameterPlanner::FormUnits(int64_t* next_cached) {
  const int64_t row_bytes = config_.core_row_bytes();
  const int64_t wanted = std::max<int64_t>(1, kUnitBytes / row_bytes);
  bool open = false;  // the last unit takes more chunks
  bool open_cached = false;
  for (size_t l = 0; l < plan_.layer_chunks.size(); ++l) {
    const std::vector<int32_t>& chunks = plan_.layer_chunks[l];
    const Parameters& parameters = lowered_.layers[l].parameters;
    const int64_t most_rows =
        cached_[l] ? core_rows_ : std::max<int64_t>(1, plan_.stream_rows / policy_.chunk_parts);
    for (int32_t number : chunks) {
      Chunk& chunk = plan_.chunks[number];
      const bool alone = chunks.size() > 1 || parameters.storage >= 0;
      const bool fits = open && !alone && open_cached == cached_[l] &&
                        plan_.units.back().per_pe == chunk.per_pe &&
                        plan_.units.back().rows + chunk.rows <= std::min(most_rows, wanted);
      if (!fits) plan_.units.emplace_back();
      LoadUnit& unit = plan_.units.back();
      unit.per_pe = chunk.per_pe;
      unit.storage = parameters.storage;
      if (unit.storage >= 0) {
        const Layer& layer = lowered_.layers[l];
        unit.block_rows = parameters.block_slices * SliceRows(config_, layer);
        unit.blocks = parameters.stored_slices / parameters.block_slices;
        unit.stored_rows =
            parameters.stored_slices * SliceRows(config_, layer) + RecordRows(config_, layer);
        unit.stored_blocks = parameters.stored_blocks;
      }
      chunk.unit = static_cast<int32_t>(plan_.units.size()) - 1;
      chunk.unit_row = unit.rows;
      unit.rows += chunk.rows;
      unit.cores.resize(unit.per_pe ? config_.pes() : 1, 0);
      for (size_t pe = 0; pe < unit.cores.size(); ++pe) {
        unit.cores[pe] = std::max(unit.cores[pe], Cores(chunk, static_cast<int64_t>(pe)));
      }
      if (cached_[l]) {
        if (!fits) unit.cached_row = *next_cached;
        *next_cached += chunk.rows;
      }
      // The first layer waits for nothing but its own parameters.
      open = !alone && chunk.unit > 0 && unit.rows < wanted;
      open_cached = cached_[l];
    }
  }
  std::vector<int64_t> storage_bytes(lowered_.storages.size(), 0);
  for (LoadUnit& unit : plan_.units) {
    if (unit.storage >= 0) {
      // The NPU writes rows for every core.
      unit.image_offset = storage_bytes[unit.storage];
      storage_bytes[unit.storage] += config_.cores * unit.stored_rows * row_bytes;
      continue;
    }
    const int64_t blocks = std::accumulate(unit.cores.begin(), unit.cores.end(), int64_t{0});
    const int64_t all = blocks * unit.rows * row_bytes;
    unit.image_offset =
        CeilDiv(static_cast<int64_t>(plan_.image.size()), kImageAlignment) * kImageAlignment;
    plan_.image.resize(static_cast<size_t>(unit.image_offset + all));
    unit.image_bytes = all;
    if (unit.cached_row >= 0) plan_.cached_bytes += all;
  }
}

/// Slices and records of one core at `base`.
void ParameterPlanner::WriteChunk(const Chunk& chunk, int64_t pe, int64_t core,
                                  uint8_t* base) const {
  const Layer& layer = lowered_.layers[chunk.layer];
  const Parameters& parameters = layer.parameters;
  const int64_t row_bytes = config_.core_row_bytes();
  const int64_t lanes = config_.lanes;
  const int64_t pe_lanes = config_.pe_lanes();
  const int64_t slice_bytes = lanes * config_.simd;
  if (!parameters.table.empty()) {
    if (core == 0) std::copy(parameters.table.begin(), parameters.table.end(), base);
    return;
  }
  const Range groups = GroupsOf(chunk, pe);
  const int64_t first_slice =
      (chunk.part.k2_begin * layer.k1_count + chunk.part.k1_begin) * layer.k0_count +
      chunk.part.k0_begin;
  const int64_t slices = PartSlices(chunk.part);
  const int64_t group_rows = GroupRows(config_, layer, slices);
  const int64_t gate_rows = group_rows - slices * SliceRows(config_, layer);
  for (int64_t group = groups.begin; group < groups.end; ++group) {
    uint8_t* group_base =
        base + (chunk.first_weight + (group - groups.begin) * group_rows) * row_bytes;
    for (int64_t lane = 0; gate_rows != 0 && lane < lanes; ++lane) {
      const uint32_t gate =
          static_cast<uint32_t>(parameters.gates[group * pe_lanes + core * lanes + lane]);
      for (uint32_t i = 0; i < kGateBytes; ++i) *group_base++ = gate >> 8 * i & 0xff;
    }
    for (int64_t slice = 0; slice < slices; ++slice) {
      const int8_t* source =
          parameters.weights.data() +
          ((group * layer.slices() + first_slice + slice) * pe_lanes + core * lanes) * config_.simd;
      uint8_t* target = base + (chunk.first_weight + (group - groups.begin) * group_rows +
                                gate_rows + slice * SliceRows(config_, layer)) *
                                   row_bytes;
      if (!parameters.packed) {
        std::copy_n(source, slice_bytes, target);
        continue;
      }
      for (int64_t i = 0; i < slice_bytes; ++i) {
        // Rows 2k and 2k + 1 share the bytes of a packed row.
        uint8_t& byte = target[i / row_bytes / 2 * row_bytes + i % row_bytes];
        byte = static_cast<uint8_t>(byte | (source[i] & 0xf) << 4 * (i / row_bytes % 2));
      }
    }
  }
  const Range blocks = parameters.shared ? Range{0, parameters.blocks} : groups;
  for (int64_t block = blocks.begin; block < blocks.end; ++block) {
    uint8_t* record =
        base + (chunk.first_record + (block - blocks.begin) * chunk.record_rows) * row_bytes;
    for (int64_t lane = 0; lane < lanes; ++lane) {
      const ParameterRecord& r = parameters.records[block * pe_lanes + core * lanes + lane];
      for (uint32_t i = 0; i < kBiasRecordBytes; ++i)
        *record++ = static_cast<uint32_t>(r.bias) >> 8 * i & 0xff;
      if (parameters.common_scale) continue;
      for (int i = 0; i < 4; ++i) *record++ = static_cast<uint32_t>(r.multiplier) >> 8 * i & 0xff;
      *record++ = static_cast<uint8_t>(r.shift);
      for (uint32_t i = kParameterRecordBytes; parameters.affine && i < kAffineRecordBytes; ++i) {
        *record++ = static_cast<uint8_t>(r.rest >> 8 * (i - kParameterRecordBytes));
      }
    }
  }
}

void ParameterPlanner::WriteImage() {
  const int64_t row_bytes = config_.core_row_bytes();
  for (const Chunk& chunk : plan_.chunks) {
    const LoadUnit& unit = plan_.units[chunk.unit];
    if (unit.storage >= 0) continue;
    uint8_t* block = plan_.image.data() + unit.image_offset + chunk.unit_row * row_bytes;
    for (size_t pe = 0; pe < unit.cores.size(); ++pe) {
      for (int64_t core = 0; core < unit.cores[pe]; ++core) {
        WriteChunk(chunk, static_cast<int64_t>(pe), core, block);
        block += unit.rows * row_bytes;
      }
    }
  }
}

Result<ParameterPlan> ParameterPlanner::Run(int64_t stream_rows, int64_t* next_cached) {
  const size_t layers = lowered_.layers.size();
  plan_.layer_chunks.resize(layers);
  plan_.split_kernel.assign(layers, false);
  plan_.stream_rows = stream_rows;
  for (size_t l = 0; l < layers; ++l) {
    const Layer& layer = lowered_.layers[l];
    const int32_t number = static_cast<int32_t>(l);
    if (layer.parameters.empty()) continue;
    if (cached_[l] && layer.blocks && layer.blocks->part_slices > 0) {
      AddParts(number, layer.blocks->part_slices);
    } else if (cached_[l]) {
      AddChunk(number, 0, LocalGroups(number), WholeKernel(layer), true, true);
    } else if (!CutLayer(number)) {
      const int64_t records = RecordBlocks(layer, 1) * RecordRows(config_, layer);
      const std::string what =
          layer.parameters.table.empty() && layer.indivisible()
              ? fmt::format("the kernel of {} output channels, which cannot be cut, in {} rows",
                            layer.group_channels, Rows(layer, 1, layer.slices()))
              : fmt::format("one weight slice, or its table, with {} rows of parameters", records);
      errors_.push_back(
          OperatorError(model_, layer.op, DiagnosticCode::kCompileCoreMemory,
                        fmt::format("{} does not fit in core memory of {} rows", what, core_rows_),
                        "a larger core.memory"));
    }
  }
  if (!errors_.empty()) return errors_;
  FormUnits(next_cached);
  WriteImage();
  return std::move(plan_);
}

/// Core memory over time: which unit stands where, and who used which rows last. Cached units that
/// a cold run has yet to load leave their rows to others until then; those that it has loaded stay.
class CoreMemory {
 public:
  CoreMemory(const ParameterPlan& plan, int64_t rows, const std::vector<int32_t>& uses)
      : plan_(plan), rows_(rows), next_use_(plan.units.size()), row_(plan.units.size(), -1) {
    rows_before_.push_back(0);
    for (int32_t unit : uses) rows_before_.push_back(rows_before_.back() + plan.units[unit].rows);
    for (size_t i = uses.size(); i-- > 0;) next_use_[uses[i]].push_back(static_cast<int64_t>(i));
    for (size_t u = 0; u < plan.units.size(); ++u) {
      if (plan.units[u].cached_row >= 0 && !next_use_[u].empty()) {
        reserved_.push_back(static_cast<int32_t>(u));
      }
    }
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

  /// Makes room for the unit of use number `use`.
  void Place(int32_t unit, int64_t use) {
    const int64_t size = plan_.units[unit].rows;
    int64_t begin = plan_.units[unit].cached_row;
    if (begin >= 0) {
      reserved_.erase(std::find(reserved_.begin(), reserved_.end(), unit));
    } else {
      begin = FindPlace(size, use);
    }
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

  /// Among all places next to other units, those are best that the previous command does not use,
  /// since the LOAD then overlaps with it; then those that evict nothing needed again, or else what
  /// is needed last; then the one that has been idle longest, so that the LOAD can run ahead.
  int64_t FindPlace(int64_t size, int64_t use) const {
    std::vector<int64_t> candidates{0};
    const auto add = [&](int64_t begin, int64_t end) {
      candidates.push_back(end);
      candidates.push_back(begin - size);
    };
    for (const Segment& segment : segments_) add(segment.begin, segment.end);
    for (int32_t unit : reserved_) {
      add(plan_.units[unit].cached_row, plan_.units[unit].cached_row + plan_.units[unit].rows);
    }
    using Key = std::tuple<bool, bool, int64_t, int64_t, int64_t>;
    Key best{};
    bool found = false;
    for (int64_t begin : candidates) {
      const int64_t end = begin + size;
      if (begin < 0 || end > rows_) continue;
      bool possible = true;
      bool needed = false;
      int64_t soonest = std::numeric_limits<int64_t>::max();
      int64_t last_use = -1;
      for (const Segment& segment : segments_) {
        if (segment.end <= begin || segment.begin >= end) continue;
        last_use = std::max(last_use, segment.last_use);
        if (row_[segment.unit] != segment.begin) continue;
        if (plan_.units[segment.unit].cached_row >= 0) possible = false;
        if (next_use_[segment.unit].empty()) continue;
        needed = true;
        soonest = std::min(soonest, next_use_[segment.unit].back());
      }
      // A cached unit that is due soon could not be loaded early.
      for (int32_t unit : reserved_) {
        const int64_t row = plan_.units[unit].cached_row;
        const int64_t due = next_use_[unit].back();
        if (row + plan_.units[unit].rows <= begin || row >= end) continue;
        if (rows_before_[due] - rows_before_[use] >= rows_) continue;
        needed = true;
        soonest = std::min(soonest, due);
      }
      const bool busy = last_use >= 0 && last_use + 1 >= use;
      const Key key{busy, needed, needed ? -soonest : 0, last_use, begin};
      if (!possible || (found && key >= best)) continue;
      best = key;
      found = true;
    }
    Check(found, "the rows for streaming hold every unit");
    return std::get<4>(best);
  }

  const ParameterPlan& plan_;
  int64_t rows_;
  std::vector<std::vector<int64_t>> next_use_;  ///< of each unit, descending
  std::vector<int64_t> rows_before_;            ///< of each use: rows that earlier uses took
  std::vector<int32_t> reserved_;               ///< cached units that are not loaded yet
  std::vector<int64_t> row_;                    ///< of each unit, or -1
  std::vector<Segment> segments_;
};

void ParameterPlanner::AddCandidates(size_t number, std::vector<Candidate>* candidates) const {
  for (size_t l = 0; l < lowered_.layers.size(); ++l) {
    const Layer& layer = lowered_.layers[l];
    if (layer.parameters.empty() || layer.parameters.storage >= 0) continue;
    const Geometry& g = layer.geometry;
    const int64_t cycles = g.images * g.out_h * g.out_w * layer.groups * layer.slices();
    candidates->push_back({number, static_cast<int32_t>(l), WholeRows(static_cast<int32_t>(l)),
                           std::max<int64_t>(cycles, 1)});
  }
}

int64_t ParameterPlanner::ComputedRows() const {
  int64_t rows = 0;
  for (const Layer& layer : lowered_.layers) {
    if (layer.parameters.storage >= 0) rows = std::max(rows, Rows(layer, 1, layer.slices()));
  }
  return rows;
}

int64_t ParameterPlanner::LargestGroupRows() const {
  int64_t largest = 0;
  for (const LayerGroup& group : groups_) {
    int64_t rows = 0;
    for (int32_t l = group.first; l <= group.last && group.last > group.first; ++l) {
      if (!lowered_.layers[l].parameters.empty()) rows += WholeRows(l);
    }
    // What core memory cannot hold streams for each tile in any case.
    if (rows <= core_rows_) largest = std::max(largest, rows);
  }
  return largest;
}

int64_t ParameterPlanner::LeastStreamRows() const {
  int64_t least = ComputedRows();
  for (size_t l = 0; l < lowered_.layers.size(); ++l) {
    const Layer& layer = lowered_.layers[l];
    if (cached_[l] || layer.parameters.empty() || layer.parameters.storage >= 0) continue;
    const bool whole = layer.parameters.shared || layer.indivisible();
    least = std::max(least, Rows(layer, 1, whole ? layer.slices() : 1));
  }
  return least;
}

/// Decides what is cached and returns the rows that are left for streaming. Everything is cached
/// where it fits. Else one part of core memory streams, and the other part keeps the layers that
/// have most parameters for their time: their loads are the hardest to hide.
int64_t ChooseCached(int64_t core_rows, const ParameterPolicy& policy,
                     std::vector<ParameterPlanner>* planners) {
  std::vector<ParameterPlanner::Candidate> candidates;
  int64_t computed = 0;
  for (size_t p = 0; p < planners->size(); ++p) {
    (*planners)[p].AddCandidates(p, &candidates);
    computed = std::max(computed, (*planners)[p].ComputedRows());
  }
  int64_t total = 0;
  for (const auto& candidate : candidates) total += candidate.rows;
  // What layers that take turns need together stays free for streaming.
  int64_t left = core_rows * policy.cached_eighths / 8;
  for (const ParameterPlanner& planner : *planners) {
    left = std::min(left, core_rows - planner.LargestGroupRows());
  }
  if (total + 2 * computed <= core_rows) {
    left = total;
  } else {
    std::stable_sort(candidates.begin(), candidates.end(), [](const auto& a, const auto& b) {
      return a.rows * b.cycles > b.rows * a.cycles;
    });
  }
  int64_t cached = 0;
  for (const auto& candidate : candidates) {
    if (candidate.rows > left) continue;
    (*planners)[candidate.planner].Cache(candidate.layer);
    left -= candidate.rows;
    cached += candidate.rows;
  }
  int64_t least = 0;
  for (const ParameterPlanner& planner : *planners) {
    least = std::max(least, planner.LeastStreamRows());
  }
  if (least <= core_rows - cached) return core_rows - cached;
  for (ParameterPlanner& planner : *planners) planner.ForgetCached();
  return core_rows;
}

}  // namespace

Result<std::vector<ParameterPlan>> PlanParameters(const std::vector<ParameterInput>& inputs,
                                                  const NpuConfig& config,
                                                  const ParameterPolicy& policy) {
  std::vector<ParameterPlanner> planners;
  for (const ParameterInput& input : inputs) {
    planners.emplace_back(*input.model, *input.lowered, *input.partitions, *input.groups, config,
                          policy);
  }
  const int64_t stream_rows = ChooseCached(config.core_rows(), policy, &planners);
  int64_t next_cached = stream_rows;
  std::vector<ParameterPlan> plans;
  Diagnostics errors;
  for (ParameterPlanner& planner : planners) {
    Result<ParameterPlan> plan = planner.Run(stream_rows, &next_cached);
    if (plan) {
      plans.push_back(std::move(*plan));
    } else {
      errors.insert(errors.end(), plan.errors().begin(), plan.errors().end());
    }
  }
  if (!errors.empty()) return errors;
  return plans;
}

namespace {

/// LOADs of a unit to core memory from row `row` on: one for each core that needs it, and PE where
/// they differ.
void LoadCores(const LoadUnit& unit, const NpuConfig& config, Window window, int64_t base,
               int64_t row, uint32_t tag, std::vector<Step>* steps) {
  const PeMask all = static_cast<PeMask>((uint64_t{1} << config.pes()) - 1);
  Transfer transfer;
  transfer.core_memory = true;
  transfer.tag = tag;
  transfer.local_address = row * config.core_row_bytes();
  transfer.run = unit.rows * config.core_row_bytes();
  transfer.window = window;
  transfer.global_offset = base + unit.image_offset;
  for (size_t pe = 0; pe < unit.cores.size(); ++pe) {
    for (int64_t core = 0; core < unit.cores[pe]; ++core) {
      transfer.pes = unit.per_pe ? PeBit(static_cast<int64_t>(pe)) : all;
      transfer.core_mask = uint32_t{1} << core;
      steps->push_back(EncodeTransfer(config, transfer, nullptr));
      steps->back().writes.push_back({Space::kCoreRows, row, row + unit.rows, transfer.pes});
      transfer.global_offset += transfer.run;
    }
  }
}

/// LOADs of a unit that the NPU computed: block by block, and the records. Those that stand side by
/// side in both places go together.
void LoadComputed(const LoadUnit& unit, const NpuConfig& config, const Placement& place,
                  int64_t row, uint32_t tag, std::vector<Step>* steps) {
  const int64_t row_bytes = config.core_row_bytes();
  Transfer transfer;
  transfer.core_memory = true;
  transfer.tag = tag;
  transfer.pes = static_cast<PeMask>((uint64_t{1} << config.pes()) - 1);
  transfer.local_source = place.resident;
  transfer.window = Window::kScratch;
  const int64_t base = place.resident ? place.AddressOf(0, 0) : place.scratch_offset;
  const size_t blocks = unit.stored_blocks.size();
  for (int64_t core = 0; core < unit.cores[0]; ++core) {
    transfer.core_mask = uint32_t{1} << core;
    const auto block_of = [&](size_t i) {
      return i < blocks ? unit.stored_blocks[i] : unit.blocks;
    };
    for (size_t first = 0, end = 0; first <= blocks; first = end) {
      end = first + 1;
      while (end <= blocks && block_of(end) == block_of(end - 1) + 1) ++end;
      const int64_t begin_row = row + static_cast<int64_t>(first) * unit.block_rows;
      const int64_t end_row =
          end > blocks ? row + unit.rows : row + static_cast<int64_t>(end) * unit.block_rows;
      transfer.local_address = begin_row * row_bytes;
      transfer.run = (end_row - begin_row) * row_bytes;
      transfer.global_offset =
          base + unit.image_offset +
          (core * unit.stored_rows + block_of(first) * unit.block_rows) * row_bytes;
      steps->push_back(EncodeTransfer(config, transfer, nullptr));
      steps->back().writes.push_back({Space::kCoreRows, begin_row, end_row, transfer.pes});
    }
  }
}

}  // namespace

std::vector<Step> LoadCached(const ParameterPlan& plan, const NpuConfig& config,
                             std::vector<uint8_t>* image) {
  std::vector<Step> steps;
  for (const LoadUnit& unit : plan.units) {
    if (unit.cached_row < 0) continue;
    const int64_t base =
        CeilDiv(static_cast<int64_t>(image->size()), kImageAlignment) * kImageAlignment;
    const auto first = plan.image.begin() + unit.image_offset;
    image->resize(static_cast<size_t>(base), 0);
    image->insert(image->end(), first, first + unit.image_bytes);
    LoadCores(unit, config, Window::kProgram, base - unit.image_offset, unit.cached_row, 0, &steps);
  }
  return steps;
}

std::vector<Step> PlaceParameters(const ParameterPlan& plan, const NpuConfig& config,
                                  const std::vector<Placement>& placements,
                                  const std::vector<Step>& steps, bool warm) {
  // Uses of units that this run loads, in order; neighbouring commands with the same unit are one
  // use. A warm run leaves the rows of cached units alone.
  const auto loads = [&](int32_t unit) { return !warm || plan.units[unit].cached_row < 0; };
  std::vector<int32_t> uses;
  for (const Step& step : steps) {
    if (step.chunk < 0) continue;
    const int32_t unit = plan.chunks[step.chunk].unit;
    if (loads(unit) && (uses.empty() || uses.back() != unit)) uses.push_back(unit);
  }
  CoreMemory memory(plan, warm ? plan.stream_rows : config.core_rows(), uses);
  std::vector<Step> placed;
  int64_t use = -1;
  int32_t last_unit = -1;
  for (const Step& original : steps) {
    Step step = original;
    if (step.chunk >= 0) {
      const Chunk& chunk = plan.chunks[step.chunk];
      const LoadUnit& unit = plan.units[chunk.unit];
      int64_t row = unit.cached_row;
      if (loads(chunk.unit)) {
        if (chunk.unit != last_unit) {
          ++use;
          last_unit = chunk.unit;
          if (!memory.Holds(chunk.unit)) {
            memory.Place(chunk.unit, use);
            if (unit.storage >= 0) {
              LoadComputed(unit, config, placements[unit.storage], memory.row(chunk.unit),
                           step.command.tag(), &placed);
            } else {
              LoadCores(unit, config, Window::kProgram, 0, memory.row(chunk.unit),
                        step.command.tag(), &placed);
            }
          }
          memory.Use(chunk.unit, use);
        }
        row = memory.row(chunk.unit);
      }
      const int64_t first = row + chunk.unit_row;
      SetParameterRows(&step, first + chunk.first_weight + step.weight_rows,
                       first + chunk.first_record + step.param_block * chunk.record_rows);
      step.reads.push_back(
          {Space::kCoreRows, first, first + chunk.rows, PeBit(step.engine - kFirstPeEngine)});
    }
    placed.push_back(std::move(step));
  }
  return placed;
}

}  // namespace npugen::compiler

// SPDX-License-Identifier: Apache-2.0
// Residency of tensors in PE memory and tile sizes.
#include "sw/compiler/plan/activation_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "sw/compiler/plan/block_plan.h"
#include "sw/compiler/plan/first_fit.h"
#include "sw/compiler/plan/layer_cost.h"

namespace npugen::compiler {

const TileBuffer* TilePlan::Find(int32_t storage, bool residual) const {
  for (const TileBuffer& operand : operands) {
    if (operand.storage == storage && operand.residual == residual) return &operand;
  }
  return nullptr;
}

namespace {

constexpr int64_t kWindowAlignment = 64;

int64_t Align(int64_t value, int64_t alignment) { return CeilDiv(value, alignment) * alignment; }

/// Input rows that `rows` output rows read, at most.
int64_t InputRows(const Geometry& g, int64_t rows) {
  return std::min((rows - 1) * g.stride_h + (g.kernel_h - 1) * g.dilation_h + 1, g.in_h);
}

/// Bytes that a tile of `rows` output rows of a layer reads of each input.
int64_t InputTileBytes(const Layer& layer, int64_t rows) {
  return InputRows(layer.geometry, rows) * layer.geometry.in_row_bytes();
}

/// Bytes that it writes.
int64_t OutputTileBytes(const Layer& layer, int64_t rows) {
  if (layer.copies()) return rows * kCopyUnit;
  return std::min(rows, layer.geometry.out_h) * layer.geometry.out_row_bytes();
}

/// Bytes that a box moves at a time: contiguous on both sides.
int64_t RunBytes(const CopyBox& box) {
  std::vector<CopyBox::Dimension> dimensions = box.dimensions;
  std::stable_sort(dimensions.begin(), dimensions.end(), [](const auto& a, const auto& b) {
    return std::abs(a.out_stride) < std::abs(b.out_stride);
  });
  int64_t run = 1;
  for (const CopyBox::Dimension& dimension : dimensions) {
    if (dimension.count == 1) continue;
    if (dimension.in_stride != run || dimension.out_stride != run) break;
    run *= dimension.count;
  }
  return run;
}

/// Whether each output row depends on nothing but the same row of the inputs.
bool IsRowLocal(const Layer& layer) {
  const Geometry& g = layer.geometry;
  return !layer.copies() && (g.kernel_h - 1) * g.dilation_h == 0 && g.stride_h == 1 &&
         g.pad_top == 0 && g.in_h == g.out_h;
}

class Planner {
 public:
  Planner(const Model& model, const LoweredModel& lowered, const std::vector<Partition>& partitions,
          const NpuConfig& config, bool weigh_parameters)
      : model_(model),
        lowered_(lowered),
        partitions_(partitions),
        config_(config),
        weigh_parameters_(weigh_parameters),
        alignment_(BufferAlignment(config)),
        capacity_(config.pe_memory_bytes) {}

  Result<ActivationPlan> Run(bool keep_tensors);

 private:
  /// Places residents and smallest tile buffers. False: `full_` says where there is no room.
  void Distribute();
  bool PlaceAll();
  bool MayFuse(const LayerGroup& group, bool keep_tensors) const;
  int64_t ParameterRows(int32_t number) const;
  double RepeatedParameterCycles(const LayerGroup& group, double tiles) const;
  double GroupCycles(size_t group, const TilePlan& tile) const;
  double AllCycles() const;
  /// Places tensors and tiles anew; infinite where they do not fit.
  double CyclesWhenPlaced();
  void EvictForParameters();
  void EvictToFuse(bool keep_tensors);
  void SetFused(const LayerGroup& group, bool fused);
  double TransferCycles(const LayerGroup& group) const;
  void FuseLayers(bool keep_tensors);
  void FindLifetimes();
  /// Storages of a group that are not resident, with bytes for tiles of `rows` rows.
  std::vector<TileBuffer> OperandsOf(const LayerGroup& group, int64_t rows) const;
  int64_t MostRows(const LayerGroup& group) const;
  int64_t BytesOf(size_t storage) const { return bytes_[storage]; }
  std::optional<TilePlan> LargestTile(size_t group) const;
  void GrowTiles();
  void AssignWindows(bool keep_tensors);

  const Model& model_;
  const LoweredModel& lowered_;
  const std::vector<Partition>& partitions_;
  const NpuConfig& config_;
  const bool weigh_parameters_;
  mutable bool weighed_ = false;  ///< it would have made a difference
  int64_t alignment_;
  int64_t capacity_;
  std::vector<int64_t> bytes_;              ///< of each storage, in one PE
  std::vector<int64_t> first_, last_;       ///< groups during which each storage lives
  std::vector<std::vector<size_t>> begin_;  ///< by group: storages that begin to live
  std::vector<int64_t> transfers_;          ///< of each storage, if it is in memory
  ActivationPlan plan_;
  std::pair<int64_t, int64_t> full_;  ///< groups
  bool MakeRoom();
};

/// Residents that are tried in turn for the one that makes room: more would take hours with
/// thousands of them.
constexpr size_t kMostCandidates = 32;

/// Shares of all layers, and from them what each PE needs and stores of each storage.
void Planner::Distribute() {
  const size_t pes = config_.pes();
  for (Placement& place : plan_.placements) {
    place.needed.resize(pes);
    place.needed_channels.resize(pes);
    place.stored.resize(pes);
  }
  for (size_t l = 0; l < lowered_.layers.size(); ++l) {
    const Layer& layer = lowered_.layers[l];
    const Partition& partition = partitions_[l];
    for (size_t i = 0; i < layer.inputs.size(); ++i) {
      const int32_t input = layer.inputs[i];
      const int64_t depth = layer.InputGeometry(i).in_c;
      Placement& place = plan_.placements[input];
      const bool agrees = place.channels < 0 || place.channels == depth;
      place.channels = agrees ? depth : 0;
      for (size_t pe = 0; pe < pes; ++pe) {
        place.needed_channels[pe] =
            Hull(place.needed_channels[pe],
                 ShareInputChannels(layer, partition, static_cast<int64_t>(pe), i));
        Range bytes = ShareInputBytes(layer, partition, static_cast<int64_t>(pe), i);
        if (partition.split == Split::kCopy) {
          bytes = pe == 0 ? Range{0, lowered_.storages[input].bytes} : Range{};
        }
        place.needed[pe] = Hull(place.needed[pe], bytes);
      }
    }
  }
  // Parameters that the NPU lays out are loaded to all cores from PE 0.
  for (const Layer& layer : lowered_.layers) {
    if (layer.parameters.storage < 0) continue;
    Placement& place = plan_.placements[layer.parameters.storage];
    place.channels = 0;
    place.needed[0] = {0, lowered_.storages[layer.parameters.storage].bytes};
  }
  for (Placement& place : plan_.placements) place.stored = place.needed;
  for (size_t l = 0; l < lowered_.layers.size(); ++l) {
    const Layer& layer = lowered_.layers[l];
    const Partition& partition = partitions_[l];
    Placement& place = plan_.placements[layer.output];
    for (size_t pe = 0; pe < pes; ++pe) {
      if (partition.split == Split::kCopy) {
        // The DMA writes whole copies at once.
        if (pe == 0 || !place.needed[pe].empty()) {
          place.stored[pe] = {0, lowered_.storages[layer.output].bytes};
        }
        continue;
      }
      place.stored[pe] =
          Hull(place.stored[pe], ShareOutputBytes(layer, partition, static_cast<int64_t>(pe)));
    }
  }
  for (const Placement& place : plan_.placements) {
    int64_t most = 0;
    for (const Range& range : place.stored) most = std::max(most, range.size());
    bytes_.push_back(most);
  }
}

/// Rows of the largest share of a group within an image.
int64_t Planner::MostRows(const LayerGroup& group) const {
  const Layer& layer = lowered_.layers[group.last];
  if (layer.copies()) {
    return CeilDiv(lowered_.storages[layer.output].bytes, kCopyUnit);
  }
  int64_t most = 1;
  for (const Share& share : partitions_[group.last].shares) {
    most = std::max(most, std::min(share.rows.size(), layer.geometry.out_h));
  }
  return most;
}

std::vector<TileBuffer> Planner::OperandsOf(const LayerGroup& group, int64_t rows) const {
  std::vector<TileBuffer> operands;
  const auto add = [&](int32_t storage, int64_t bytes, bool residual = false) {
    if (plan_.placements[storage].resident) return;
    bytes = Align(bytes, alignment_);
    for (TileBuffer& operand : operands) {
      if (operand.storage != storage || operand.residual != residual) continue;
      operand.bytes = std::max(operand.bytes, bytes);
      return;
    }
    operands.push_back({storage, bytes, 0, residual});
  };
  for (int32_t l = group.last; l >= group.first; --l) {
    const Layer& layer = lowered_.layers[l];
    if (layer.blocks) {
      add(layer.output, layer.blocks->out_bytes);
      for (int32_t input : layer.inputs) add(input, layer.blocks->in_bytes);
      continue;
    }
    add(layer.output, OutputTileBytes(layer, rows));
    if (layer.copies()) {
      // The DMA reads sources where they are, but for those in memory of which runs are short.
      for (const CopyBox& box : layer.boxes) {
        if (!operands.empty() || box.input < 0 || RunBytes(box) >= ShortRun(config_)) continue;
        add(layer.inputs[static_cast<size_t>(box.input)], rows * kCopyUnit);
      }
      continue;
    }
    for (size_t i = 0; i < layer.inputs.size(); ++i) {
      const bool residual = layer.IsResidual(i);
      const Geometry read = layer.InputGeometry(i);
      add(layer.inputs[i],
          residual ? InputRows(read, rows) * read.in_row_bytes() : InputTileBytes(layer, rows),
          residual);
    }
    rows = InputRows(layer.geometry, rows);
  }
  return operands;
}

/// A group's output can stay in tiles if it would go to memory otherwise, the next layer alone
/// reads it, by rows, and the PEs share the work in a way that lets each compute what it reads.
bool Planner::MayFuse(const LayerGroup& group, bool keep_tensors) const {
  const int32_t number = group.last;
  const Layer& layer = lowered_.layers[number];
  const Layer& next = lowered_.layers[number + 1];
  const Storage& storage = lowered_.storages[layer.output];
  const Partition& partition = partitions_[number];
  const Partition& next_partition = partitions_[number + 1];
  if (plan_.placements[layer.output].resident || storage.in_memory || !storage.outputs.empty() ||
      (keep_tensors && !storage.tensors.empty()) || storage.last_layer != number + 1) {
    return false;
  }
  // Several layers may share a storage.
  if (next.geometry.in_offset != 0 || layer.geometry.out_offset != 0 ||
      storage.bytes != layer.geometry.images * OutputTileBytes(layer, layer.geometry.out_h)) {
    return false;
  }
  if (layer.copies() || next.copies() ||
      std::find(next.inputs.begin(), next.inputs.end(), layer.output) == next.inputs.end() ||
      layer.geometry.images != next.geometry.images || layer.geometry.out_h != next.geometry.in_h ||
      layer.geometry.out_row_bytes() != next.geometry.in_row_bytes()) {
    return false;
  }
  // What results are added to comes from memory.
  if (next.residual && next.inputs[0] != layer.output) return false;
  if (next.residual && next.inputs[1] == layer.output) return false;
  if (partition.split != Split::kRows || next_partition.split != Split::kRows) return false;
  bool same_rows = IsRowLocal(next);
  for (size_t pe = 0; pe < partition.shares.size(); ++pe) {
    if (!(partition.shares[pe].rows == next_partition.shares[pe].rows)) same_rows = false;
  }
  // Each PE computes the rows that its share of the next layer reads, also where they belong to
  // another PE's share: what they are computed from must then come from memory.
  for (int32_t l = group.first; l <= group.last && !same_rows && config_.pes() > 1; ++l) {
    for (int32_t input : lowered_.layers[l].inputs) {
      if (plan_.placements[input].resident) return false;
    }
  }
  // What the next layer reads besides must not be read by the group in other rows.
  bool local = IsRowLocal(next);
  for (int32_t l = group.last; l >= group.first; --l) {
    local = local && IsRowLocal(lowered_.layers[l]);
    const Layer& before = lowered_.layers[l];
    for (size_t i = 0; i < before.inputs.size(); ++i) {
      for (size_t n = 0; n < next.inputs.size(); ++n) {
        const bool again =
            before.inputs[i] == next.inputs[n] && before.IsResidual(i) == next.IsResidual(n);
        if (again && !local) return false;
      }
    }
  }
  return true;
}

/// Cycles of the bus for what a group reads from memory and writes there.
double Planner::TransferCycles(const LayerGroup& group) const {
  double bytes = 0;
  for (int32_t l = group.first; l <= group.last; ++l) {
    const Layer& layer = lowered_.layers[l];
    std::vector<int32_t> storages = layer.inputs;
    storages.push_back(layer.output);
    for (int32_t storage : storages) {
      const Placement& place = plan_.placements[storage];
      if (!place.resident && !place.fused) {
        bytes += static_cast<double>(lowered_.storages[storage].bytes);
      }
    }
  }
  return bytes / config_.axi_bytes();
}

/// Core memory rows of all parameters of a layer.
int64_t Planner::ParameterRows(int32_t number) const {
  const Layer& layer = lowered_.layers[number];
  return layer.parameters.groups * GroupRows(config_, layer, layer.slices()) +
         layer.parameters.blocks * RecordRows(config_, layer);
}

/// Cycles of the bus for parameters that a group loads anew for each tile but the first: core
/// memory does not hold those of all its layers. Blocks are planned with theirs.
double Planner::RepeatedParameterCycles(const LayerGroup& group, double tiles) const {
  int64_t rows = 0, share = 0;
  for (int32_t l = group.first; l <= group.last; ++l) {
    if (lowered_.layers[l].blocks) return 0;
    const bool by_groups = partitions_[l].split == Split::kGroups;
    rows += ParameterRows(l);
    share += CeilDiv(ParameterRows(l), by_groups ? config_.pes() : 1);
  }
  tiles *= static_cast<double>(lowered_.layers[group.last].geometry.images);
  if (share * 4 <= int64_t{config_.core_rows()} * 3 || tiles <= 1) return 0;
  weighed_ = true;
  if (!weigh_parameters_) return 0;
  return (tiles - 1) * static_cast<double>(rows) * config_.core_row_bytes() * config_.cores /
         config_.axi_bytes();
}

/// Cycles that a group takes, roughly, with a little for its traffic: of equals, less is better.
double Planner::GroupCycles(size_t number, const TilePlan& tile) const {
  constexpr double kTrafficWeight = 0.02;
  // Of parameters that are loaded again, and of what shares the bus with them: measured on networks
  // whose weights exceed core memory.
  constexpr double kSharedBusWeight = 0.25;
  const LayerGroup& group = plan_.groups[number];
  const double tiles = static_cast<double>(CeilDiv(MostRows(group), tile.rows));
  double cycles = 0;
  for (int32_t l = group.first; l <= group.last; ++l) {
    cycles += tiles * (kCommandCycles + TableCycles(lowered_.layers[l], config_));
  }
  int64_t rows = tile.rows;
  for (int32_t l = group.last; l >= group.first; --l) {
    double share = 1;
    if (l < group.last) {
      const Geometry& next = lowered_.layers[l + 1].geometry;
      const int64_t needed = InputRows(next, rows);
      // With one buffer, rows that neighbouring tiles share are computed twice.
      if (tile.buffers == 1 && tiles > 1) {
        share = static_cast<double>(needed) /
                static_cast<double>(std::max<int64_t>(1, std::min(rows * next.stride_h, needed)));
      }
      rows = needed;
    }
    cycles += share * LayerCycles(lowered_.layers[l], config_) / config_.pes();
  }
  const double transfers = TransferCycles(group);
  const double repeated = RepeatedParameterCycles(group, tiles);
  if (repeated > 0) {
    // With one buffer only parameters come beside the work.
    return (tile.buffers > 1 ? std::max(cycles, transfers + repeated) + transfers / tiles
                             : std::max(cycles, repeated) + transfers) +
           kSharedBusWeight * (transfers + repeated);
  }
  // Nothing runs beside the first tile's loads and the last one's stores.
  return std::max(cycles, transfers) + transfers / tiles + kTrafficWeight * transfers;
}

/// Marks or unmarks the tensors between the layers of a group.
void Planner::SetFused(const LayerGroup& group, bool fused) {
  for (int32_t l = group.first; l < group.last; ++l) {
    plan_.placements[lowered_.layers[l].output].fused = fused;
  }
}

/// Divides the layers into groups that take the fewest cycles together.
void Planner::FuseLayers(bool keep_tensors) {
  constexpr int32_t kMostLayers = 8;
  const int32_t layers = static_cast<int32_t>(lowered_.layers.size());
  const std::vector<LayerGroup> singles = plan_.groups;
  // Cycles of layers [first, last] as a group, all others for themselves; none where that cannot
  // be: not even a row of all operands fits.
  bool singles_are_placed = false;
  const auto cycles_of = [&](const LayerGroup& group) -> std::optional<double> {
    const bool single = group.first == group.last;
    bool placed = single && singles_are_placed;
    if (!placed) {
      plan_.groups.assign(singles.begin(), singles.begin() + group.first);
      plan_.groups.push_back(group);
      plan_.groups.insert(plan_.groups.end(), singles.begin() + group.last + 1, singles.end());
      SetFused(group, true);
      placed = PlaceAll();
      singles_are_placed = single && placed;
    }
    std::optional<double> cycles;
    const size_t number = static_cast<size_t>(group.first);
    if (placed) {
      const bool resident = plan_.tiles[number].operands.empty();
      const std::optional<TilePlan> tile =
          resident ? std::optional<TilePlan>(plan_.tiles[number]) : LargestTile(number);
      if (tile) cycles = GroupCycles(number, *tile);
    }
    SetFused(group, false);
    if (!single) plan_.groups = singles;
    return cycles;
  };
  // Best division of the first `end` layers, and where its last group begins.
  std::vector<double> best(static_cast<size_t>(layers) + 1, 0);
  std::vector<int32_t> begin(static_cast<size_t>(layers) + 1, 0);
  for (int32_t end = 1; end <= layers; ++end) {
    best[end] = best[end - 1] + cycles_of({end - 1, end - 1}).value_or(0);
    begin[end] = end - 1;
    // Core memory holds the parameters of all layers while they take turns, or the plan weighs that
    // it does not.
    int64_t rows = ParameterRows(end - 1);
    for (int32_t first = end - 2; first >= std::max(0, end - kMostLayers); --first) {
      rows += ParameterRows(first);
      if (rows * 4 > int64_t{config_.core_rows()} * 3) {
        weighed_ = true;
        if (!weigh_parameters_) break;
      }
      bool may = true;
      for (int32_t last = first; last < end - 1 && may; ++last) {
        may = MayFuse({first, last}, keep_tensors);
      }
      if (!may) continue;
      const std::optional<double> cycles = cycles_of({first, end - 1});
      if (!cycles || best[first] + *cycles >= best[end]) continue;
      best[end] = best[first] + *cycles;
      begin[end] = first;
    }
  }
  std::vector<LayerGroup> groups;
  for (int32_t end = layers; end > 0; end = begin[end]) groups.push_back({begin[end], end - 1});
  std::reverse(groups.begin(), groups.end());
  plan_.groups = groups;
  for (const LayerGroup& group : groups) SetFused(group, true);
  // Groups live longer than layers: where all of them together leave no room, fewer are fused.
  for (size_t g = groups.size(); g-- > 0 && !PlaceAll();) {
    const LayerGroup group = plan_.groups[g];
    SetFused(group, false);
    plan_.groups.erase(plan_.groups.begin() + static_cast<int64_t>(g));
    plan_.groups.insert(plan_.groups.begin() + static_cast<int64_t>(g),
                        singles.begin() + group.first, singles.begin() + group.last + 1);
  }
}

/// Moves a resident to memory: the one with the least traffic of those that let the placement get
/// further, or else the one that takes most bytes for most time. False: there is none in the way.
bool Planner::MakeRoom() {
  const auto [first, last] = full_;
  std::vector<std::pair<int64_t, size_t>> candidates;
  size_t largest = 0;
  int64_t most = 0;
  for (size_t s = 0; s < lowered_.storages.size(); ++s) {
    if (first_[s] < 0 || !plan_.placements[s].resident) continue;
    if (last_[s] < first || first_[s] > last) continue;
    candidates.push_back({BytesOf(s) * transfers_[s], s});
    const int64_t weight = BytesOf(s) * (last_[s] - first_[s] + 1);
    if (weight > most) {
      most = weight;
      largest = s;
    }
  }
  if (most == 0) return false;
  std::sort(candidates.begin(), candidates.end());
  if (candidates.size() > kMostCandidates) candidates.resize(kMostCandidates);
  for (const auto& [cost, s] : candidates) {
    plan_.placements[s].resident = false;
    if (PlaceAll() || full_.first > first) return true;
    plan_.placements[s].resident = true;
  }
  plan_.placements[largest].resident = false;
  return true;
}

void Planner::FindLifetimes() {
  std::vector<int64_t> group_of(lowered_.layers.size());
  for (size_t g = 0; g < plan_.groups.size(); ++g) {
    for (int32_t l = plan_.groups[g].first; l <= plan_.groups[g].last; ++l) {
      group_of[l] = static_cast<int64_t>(g);
    }
  }
  first_.assign(lowered_.storages.size(), -1);
  last_.assign(lowered_.storages.size(), -1);
  begin_.assign(plan_.groups.size(), {});
  for (size_t s = 0; s < lowered_.storages.size(); ++s) {
    const Storage& storage = lowered_.storages[s];
    if (storage.first_layer < 0) continue;
    first_[s] = group_of[storage.first_layer];
    last_[s] = group_of[storage.last_layer];
    begin_[static_cast<size_t>(first_[s])].push_back(s);
  }
}

bool Planner::PlaceAll() {
  FindLifetimes();
  FirstFit memory(capacity_, alignment_);
  plan_.tiles.assign(plan_.groups.size(), TilePlan{});
  // Group by group: first what begins to live, then what a tiled group needs for one row.
  for (size_t g = 0; g < plan_.groups.size(); ++g) {
    const int64_t step = static_cast<int64_t>(g);
    memory.Forget(step);
    for (const size_t s : begin_[g]) {
      if (!plan_.placements[s].resident) continue;
      const std::optional<int64_t> address = memory.Place({BytesOf(s), first_[s], last_[s]});
      if (!address) {
        full_ = {first_[s], last_[s]};
        return false;
      }
      plan_.placements[s].address = *address;
    }
    TilePlan& tile = plan_.tiles[g];
    tile.operands = OperandsOf(plan_.groups[g], 1);
    tile.rows = tile.operands.empty() ? MostRows(plan_.groups[g]) : 1;
    for (TileBuffer& operand : tile.operands) {
      const std::optional<int64_t> address = memory.Place({operand.bytes, step, step});
      if (!address) {
        full_ = {step, step};
        return false;
      }
      operand.address = *address;
    }
  }
  return true;
}

/// The largest tiles of a group beside the residents that are alive; none where not even a row
/// fits. Not for groups whose operands are all resident.
std::optional<TilePlan> Planner::LargestTile(size_t number) const {
  const LayerGroup& group = plan_.groups[number];
  const int64_t step = static_cast<int64_t>(number);
  const auto try_rows = [&](int64_t rows, int64_t buffers) -> std::optional<TilePlan> {
    TilePlan tile{rows, buffers, OperandsOf(group, rows)};
    // Residents alive at this step stay where they are.
    std::vector<std::pair<int64_t, int64_t>> taken;
    for (size_t s = 0; s < lowered_.storages.size(); ++s) {
      if (first_[s] < 0 || !plan_.placements[s].resident) continue;
      if (first_[s] > step || last_[s] < step) continue;
      taken.push_back({plan_.placements[s].address, plan_.placements[s].address + BytesOf(s)});
    }
    std::sort(taken.begin(), taken.end());
    for (TileBuffer& operand : tile.operands) {
      const int64_t bytes = operand.bytes * buffers;
      int64_t begin = 0;
      for (const auto& [from, to] : taken) {
        if (begin + bytes <= from) break;
        begin = std::max(begin, Align(to, alignment_));
      }
      if (begin + bytes > capacity_) return std::nullopt;
      operand.address = begin;
      taken.push_back({begin, begin + bytes});
      std::sort(taken.begin(), taken.end());
    }
    return tile;
  };
  const int64_t all = MostRows(group);
  const Layer& layer = lowered_.layers[group.last];
  if (layer.blocks) {
    const int64_t rows = layer.blocks->rows;
    const std::optional<TilePlan> two = try_rows(rows, 2);
    return two ? two : try_rows(rows, 1);
  }
  if (layer.geometry.images == 1 && !layer.copies()) {
    if (std::optional<TilePlan> whole = try_rows(all, 1)) {
      // Everything fits at once; in several tiles, transfers run beside the work of others.
      double tables = 0;
      for (int32_t l = group.first; l <= group.last; ++l) {
        tables += TableCycles(lowered_.layers[l], config_);
      }
      int64_t tiles = std::clamp<int64_t>(
          static_cast<int64_t>(std::sqrt(TransferCycles(group) / (kCommandCycles + tables))), 1,
          all);
      std::optional<TilePlan> best = tiles > 1 ? try_rows(CeilDiv(all, tiles), 2) : std::nullopt;
      if (!best) return whole;
      if (RepeatedParameterCycles(group, static_cast<double>(tiles)) == 0) return best;
      // Each tile but the first loads parameters again: fewer of them, or one.
      while (--tiles > 1) {
        std::optional<TilePlan> tile = try_rows(CeilDiv(all, tiles), 2);
        if (tile && GroupCycles(number, *tile) < GroupCycles(number, *best)) best = std::move(tile);
      }
      return GroupCycles(number, *whole) < GroupCycles(number, *best) ? whole : best;
    }
  }
  // Two buffers unless not even one row fits twice, or parameters would pass by more often.
  std::optional<TilePlan> best;
  for (int64_t buffers : {2, 1}) {
    int64_t low = 0;
    int64_t high = all;
    while (low < high) {
      const int64_t middle = (low + high + 1) / 2;
      if (try_rows(middle, buffers)) {
        low = middle;
      } else {
        high = middle - 1;
      }
    }
    if (low == 0) continue;
    // Equal tiles rather than a short last one.
    std::optional<TilePlan> tile = try_rows(CeilDiv(all, CeilDiv(all, low)), buffers);
    const double tiles = static_cast<double>(CeilDiv(all, tile->rows));
    if (best && GroupCycles(number, *best) <= GroupCycles(number, *tile)) continue;
    best = std::move(tile);
    if (RepeatedParameterCycles(group, tiles) == 0) break;
  }
  return best;
}

void Planner::GrowTiles() {
  for (size_t g = 0; g < plan_.groups.size(); ++g) {
    if (plan_.tiles[g].operands.empty()) continue;
    if (std::optional<TilePlan> tile = LargestTile(g)) plan_.tiles[g] = *tile;
  }
}

double Planner::CyclesWhenPlaced() {
  if (!PlaceAll()) return std::numeric_limits<double>::infinity();
  GrowTiles();
  return AllCycles();
}

double Planner::AllCycles() const {
  double cycles = 0;
  for (size_t g = 0; g < plan_.groups.size(); ++g) cycles += GroupCycles(g, plan_.tiles[g]);
  return cycles;
}

/// Moves residents to memory that leave so little room for a group's tiles that loading parameters
/// anew for each of them takes longer than the residents' traffic.
void Planner::EvictForParameters() {
  double cycles = AllCycles();
  for (size_t g = 0; g < plan_.groups.size(); ++g) {
    const int64_t step = static_cast<int64_t>(g);
    const auto tiles = [&] {
      return static_cast<double>(CeilDiv(MostRows(plan_.groups[g]), plan_.tiles[g].rows));
    };
    std::vector<std::pair<int64_t, size_t>> candidates;  // the largest first
    for (size_t s = 0; s < lowered_.storages.size(); ++s) {
      if (first_[s] < 0 || first_[s] > step || last_[s] < step) continue;
      if (plan_.placements[s].resident) candidates.push_back({-BytesOf(s), s});
    }
    std::sort(candidates.begin(), candidates.end());
    if (candidates.size() > kMostCandidates) candidates.resize(kMostCandidates);
    for (const auto& [bytes, s] : candidates) {
      if (RepeatedParameterCycles(plan_.groups[g], tiles()) == 0) break;
      ActivationPlan before = plan_;
      plan_.placements[s].resident = false;
      const double fewer = CyclesWhenPlaced();
      if (fewer < cycles) {
        cycles = fewer;
      } else {
        plan_ = std::move(before);
      }
    }
  }
}

/// Fuses groups with the next one where what they read leaves no room for tiles of both, and moving
/// it to memory costs less than the tensor between them.
void Planner::EvictToFuse(bool keep_tensors) {
  constexpr int32_t kMostLayers = 8;
  double cycles = AllCycles();
  for (size_t g = 0; g + 1 < plan_.groups.size(); ++g) {
    const LayerGroup group = plan_.groups[g];
    const LayerGroup next = plan_.groups[g + 1];
    const auto may_fuse = [&] {
      bool may = next.last - group.first < kMostLayers;
      for (int32_t last = group.last; last < next.last && may; ++last) {
        may = MayFuse({group.first, last}, keep_tensors);
      }
      return may;
    };
    if (lowered_.layers[group.last].copies() || lowered_.layers[next.last].copies() ||
        lowered_.layers[group.last].blocks || lowered_.layers[next.last].blocks || !may_fuse()) {
      continue;
    }
    // What the group reads and nobody reads behind the next one.
    std::vector<int32_t> residents;
    for (int32_t l = group.first; l <= next.last; ++l) {
      for (const int32_t input : lowered_.layers[l].inputs) {
        const int64_t last = last_[static_cast<size_t>(input)];
        if (plan_.placements[input].resident && last <= static_cast<int64_t>(g) + 1) {
          residents.push_back(input);
        }
      }
    }
    if (residents.empty()) continue;
    ActivationPlan before = plan_;
    for (const int32_t input : residents) plan_.placements[input].resident = false;
    double fewer = cycles;
    if (may_fuse()) {
      SetFused({group.first, next.last}, true);
      plan_.groups[g].last = next.last;
      plan_.groups.erase(plan_.groups.begin() + static_cast<int64_t>(g) + 1);
      fewer = CyclesWhenPlaced();
    }
    if (fewer < cycles) {
      cycles = fewer;
    } else {
      plan_ = std::move(before);
      FindLifetimes();
    }
  }
}

void Planner::AssignWindows(bool keep_tensors) {
  const auto place = [](int64_t* end, int64_t bytes) {
    const int64_t offset = Align(*end, kWindowAlignment);
    *end = offset + bytes;
    return offset;
  };
  // In the order of the model's tables, so that hosts can rely on it.
  std::vector<int32_t> by_input(model_.inputs.size(), -1);
  std::vector<int32_t> by_output(model_.outputs.size(), -1);
  for (size_t s = 0; s < lowered_.storages.size(); ++s) {
    if (lowered_.storages[s].input >= 0) {
      by_input[lowered_.storages[s].input] = static_cast<int32_t>(s);
    }
    for (int32_t output : lowered_.storages[s].outputs) by_output[output] = static_cast<int32_t>(s);
  }
  std::vector<bool> is_state(lowered_.storages.size(), false);
  for (const Model::State& state : model_.states) {
    is_state[static_cast<size_t>(lowered_.tensor_storage[state.read])] = true;
  }
  for (int32_t s : by_input) {
    if (s < 0 || is_state[static_cast<size_t>(s)]) continue;
    plan_.placements[s].input_offset = place(&plan_.input_bytes, lowered_.storages[s].bytes);
  }
  for (int32_t s : by_output) {
    if (s < 0) continue;
    plan_.placements[s].output_offsets.push_back(
        place(&plan_.output_bytes, lowered_.storages[s].bytes));
  }
  for (const Model::State& state : model_.states) {
    const auto output = std::find(model_.outputs.begin(), model_.outputs.end(), state.written);
    const int32_t number = static_cast<int32_t>(output - model_.outputs.begin());
    const int32_t written = by_output[number];
    const auto& outputs = lowered_.storages[written].outputs;
    const auto which = std::find(outputs.begin(), outputs.end(), number) - outputs.begin();
    plan_.placements[lowered_.tensor_storage[state.read]].state_offset =
        plan_.placements[written].output_offsets[static_cast<size_t>(which)];
  }
  FirstFit scratch(int64_t{1} << 40, kWindowAlignment);
  // Layers of a group take turns, tile by tile: what one reads and another writes must not share
  // bytes. So lifetimes are counted in groups.
  const int64_t groups = static_cast<int64_t>(plan_.groups.size());
  for (size_t s = 0; s < lowered_.storages.size(); ++s) {
    const Storage& storage = lowered_.storages[s];
    Placement& placement = plan_.placements[s];
    const bool computed = storage.input < 0 && storage.constant.empty();
    if (storage.first_layer < 0 || !computed || placement.fused) continue;
    placement.kept = keep_tensors && !storage.tensors.empty();
    const bool read_again = storage.last_layer > storage.first_layer;
    if (!placement.kept && (placement.resident || !read_again)) continue;
    const Lifetime life = placement.kept ? Lifetime{storage.bytes, 0, groups}
                                         : Lifetime{storage.bytes, first_[s], last_[s]};
    placement.scratch_offset = *scratch.Place(life);
  }
  plan_.scratch_bytes = scratch.used();
}

Result<ActivationPlan> Planner::Run(bool keep_tensors) {
  plan_.placements.resize(lowered_.storages.size());
  for (size_t l = 0; l < lowered_.layers.size(); ++l) {
    plan_.groups.push_back({static_cast<int32_t>(l), static_cast<int32_t>(l)});
  }
  Distribute();
  transfers_.resize(lowered_.storages.size());
  for (size_t s = 0; s < transfers_.size(); ++s) {
    transfers_[s] = lowered_.storages[s].input < 0 ? 1 : 0;
  }
  for (const Layer& layer : lowered_.layers) {
    for (const int32_t input : layer.inputs) ++transfers_[static_cast<size_t>(input)];
    const int32_t parameters = layer.parameters.storage;
    if (parameters >= 0) ++transfers_[static_cast<size_t>(parameters)];
  }
  // A storage that can never fit makes no sense as a resident.
  for (size_t s = 0; s < lowered_.storages.size(); ++s) {
    plan_.placements[s].resident = BytesOf(s) <= capacity_ && !lowered_.storages[s].in_memory;
  }
  Diagnostics errors;
  while (!PlaceAll()) {
    if (MakeRoom()) continue;
    // Nothing is left to move (so nothing is resident): report all layers that cannot run even
    // alone.
    for (size_t l = 0; l < lowered_.layers.size(); ++l) {
      const Layer& layer = lowered_.layers[l];
      int64_t bytes = 0;
      for (const TileBuffer& operand : OperandsOf(plan_.groups[l], 1)) bytes += operand.bytes;
      if (bytes <= capacity_) continue;
      errors.push_back(
          OperatorError(model_, layer.op, DiagnosticCode::kCompilePeMemory,
                        fmt::format("one row of output needs {} bytes of PE memory; there are {}",
                                    bytes, capacity_),
                        "a larger pe.memory"));
    }
    return errors;
  }
  FuseLayers(keep_tensors);
  PlaceAll();
  GrowTiles();
  if (weigh_parameters_) {
    EvictToFuse(keep_tensors);
    EvictForParameters();
  }
  plan_.parameters_weighed = weighed_;
  AssignWindows(keep_tensors);
  return plan_;
}

}  // namespace

void SeparateState(const LoweredModel& lowered, int32_t storage, ActivationPlan* plan) {
  Placement& placement = plan->placements[storage];
  placement.state_offset = Align(plan->output_bytes, kWindowAlignment);
  plan->output_bytes = placement.state_offset + lowered.storages[storage].bytes;
}

Result<ActivationPlan> PlanActivations(const Model& model, const LoweredModel& lowered,
                                       const std::vector<Partition>& partitions,
                                       const NpuConfig& config, bool keep_tensors,
                                       bool weigh_parameters) {
  return Planner(model, lowered, partitions, config, weigh_parameters).Run(keep_tensors);
}

}  // namespace npugen::compiler

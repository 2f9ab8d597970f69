// Residency of tensors in PE memory and tile sizes.
#include "sw/compiler/plan/activation_plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "sw/compiler/plan/first_fit.h"

namespace npugen::compiler {

const TileBuffer* TilePlan::Find(int32_t storage) const {
  for (const TileBuffer& operand : operands) {
    if (operand.storage == storage) return &operand;
  }
  return nullptr;
}

namespace {

constexpr int64_t kWindowAlignment = 64;

int64_t Align(int64_t value, int64_t alignment) { return CeilDiv(value, alignment) * alignment; }

/// Bytes that a tile of `rows` output rows of a layer reads of each input.
int64_t InputTileBytes(const Layer& layer, int64_t rows) {
  const Geometry& g = layer.geometry;
  const int64_t span = (rows - 1) * g.stride_h + (g.kernel_h - 1) * g.dilation_h + 1;
  return std::min(span, g.in_h) * g.in_row_bytes();
}

/// Bytes that it writes.
int64_t OutputTileBytes(const Layer& layer, int64_t rows) {
  if (layer.kind == LayerKind::kCopy) return rows * kCopyUnit;
  return std::min(rows, layer.geometry.out_h) * layer.geometry.out_row_bytes();
}

/// Whether each output row depends on nothing but the same row of the inputs.
bool IsRowLocal(const Layer& layer) {
  const Geometry& g = layer.geometry;
  return layer.kind != LayerKind::kCopy && g.kernel_h == 1 && g.stride_h == 1 && g.pad_top == 0 &&
         g.in_h == g.out_h;
}

class Planner {
 public:
  Planner(const Model& model, const LoweredModel& lowered, const std::vector<Partition>& partitions,
          const NpuConfig& config)
      : model_(model),
        lowered_(lowered),
        partitions_(partitions),
        config_(config),
        alignment_(std::max(config.pe_bank_bytes, config.axi_bytes())),
        capacity_(config.pe_memory_bytes) {}

  Result<ActivationPlan> Run(bool keep_tensors);

 private:
  /// Places residents and smallest tile buffers. False: `victim_` names the storage to move to
  /// memory, or -1.
  void Distribute();
  bool PlaceAll();
  bool MayFuse(int32_t layer, bool keep_tensors) const;
  void FuseLayers(bool keep_tensors);
  void FindLifetimes();
  /// Storages of a group that are not resident, with bytes for tiles of `rows` rows.
  std::vector<TileBuffer> OperandsOf(const LayerGroup& group, int64_t rows) const;
  int64_t MostRows(const LayerGroup& group) const;
  int64_t BytesOf(size_t storage) const { return bytes_[storage]; }
  void GrowTiles();
  void AssignWindows(bool keep_tensors);

  const Model& model_;
  const LoweredModel& lowered_;
  const std::vector<Partition>& partitions_;
  const NpuConfig& config_;
  int64_t alignment_;
  int64_t capacity_;
  std::vector<int64_t> bytes_;         ///< of each storage, in one PE
  std::vector<int64_t> first_, last_;  ///< groups during which each storage lives
  ActivationPlan plan_;
  int32_t victim_ = -1;
};

/// Shares of all layers, and from them what each PE needs and stores of each storage.
void Planner::Distribute() {
  const size_t pes = config_.pes();
  for (Placement& place : plan_.placements) {
    place.needed.resize(pes);
    place.stored.resize(pes);
  }
  for (size_t l = 0; l < lowered_.layers.size(); ++l) {
    const Layer& layer = lowered_.layers[l];
    const Partition& partition = partitions_[l];
    for (int32_t input : layer.inputs) {
      Placement& place = plan_.placements[input];
      for (size_t pe = 0; pe < pes; ++pe) {
        Range bytes = ShareInputBytes(layer, partition, static_cast<int64_t>(pe));
        if (partition.split == Split::kCopy) {
          bytes = pe == 0 ? Range{0, lowered_.storages[input].bytes} : Range{};
        }
        place.needed[pe] = Hull(place.needed[pe], bytes);
      }
    }
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
  if (layer.kind == LayerKind::kCopy) {
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
  const auto add = [&](int32_t storage, int64_t bytes) {
    if (plan_.placements[storage].resident) return;
    bytes = Align(bytes, alignment_);
    for (TileBuffer& operand : operands) {
      if (operand.storage != storage) continue;
      operand.bytes = std::max(operand.bytes, bytes);
      return;
    }
    operands.push_back({storage, bytes, 0});
  };
  for (int32_t l = group.first; l <= group.last; ++l) {
    const Layer& layer = lowered_.layers[l];
    // The sources of a copy need no buffer: the DMA reads them where they are.
    if (layer.kind != LayerKind::kCopy) {
      for (int32_t input : layer.inputs) add(input, InputTileBytes(layer, rows));
    }
    add(layer.output, OutputTileBytes(layer, rows));
  }
  return operands;
}

/// A layer's output can stay in tiles if it would go to memory otherwise, the next layer alone
/// reads it, row by row, in the same PEs, and core memory holds the parameters of both while they
/// take turns.
bool Planner::MayFuse(int32_t number, bool keep_tensors) const {
  const Layer& layer = lowered_.layers[number];
  const Layer& next = lowered_.layers[number + 1];
  const Storage& storage = lowered_.storages[layer.output];
  const Partition& partition = partitions_[number];
  const Partition& next_partition = partitions_[number + 1];
  if (plan_.placements[layer.output].resident || storage.in_memory || !storage.outputs.empty() ||
      (keep_tensors && !storage.tensors.empty()) || storage.last_layer != number + 1) {
    return false;
  }
  if (layer.kind == LayerKind::kCopy || !IsRowLocal(next) ||
      std::find(next.inputs.begin(), next.inputs.end(), layer.output) == next.inputs.end() ||
      layer.geometry.images != next.geometry.images || layer.geometry.out_h != next.geometry.in_h ||
      layer.geometry.out_row_bytes() != next.geometry.in_row_bytes()) {
    return false;
  }
  if (partition.split != Split::kRows || next_partition.split != Split::kRows) return false;
  for (size_t pe = 0; pe < partition.shares.size(); ++pe) {
    if (!(partition.shares[pe].rows == next_partition.shares[pe].rows)) return false;
  }
  return true;
}

void Planner::FuseLayers(bool keep_tensors) {
  const auto parameter_rows = [&](int32_t number) {
    const Layer& layer = lowered_.layers[number];
    const Parameters& parameters = layer.parameters;
    return parameters.groups * layer.slices() * SliceRows(config_, layer) +
           parameters.blocks * config_.param_rows();
  };
  for (size_t g = 0; g + 1 < plan_.groups.size();) {
    LayerGroup& group = plan_.groups[g];
    bool fuse = MayFuse(group.last, keep_tensors);
    // What the next layer reads besides must not be read by the group in other rows.
    const Layer& next = lowered_.layers[group.last + 1];
    int64_t rows = parameter_rows(group.last + 1);
    for (int32_t l = group.first; l <= group.last; ++l) {
      rows += parameter_rows(l);
      for (int32_t input : lowered_.layers[l].inputs) {
        const bool again =
            std::find(next.inputs.begin(), next.inputs.end(), input) != next.inputs.end();
        if (again && !IsRowLocal(lowered_.layers[l])) fuse = false;
      }
    }
    if (!fuse || rows > config_.core_rows() / 2) {
      ++g;
      continue;
    }
    const std::vector<LayerGroup> before = plan_.groups;
    const int32_t storage = lowered_.layers[group.last].output;
    group.last = plan_.groups[g + 1].last;
    plan_.groups.erase(plan_.groups.begin() + static_cast<int64_t>(g) + 1);
    plan_.placements[storage].fused = true;
    if (PlaceAll()) continue;
    // Not even a row of all operands fits.
    plan_.placements[storage].fused = false;
    plan_.groups = before;
    ++g;
  }
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
  for (size_t s = 0; s < lowered_.storages.size(); ++s) {
    const Storage& storage = lowered_.storages[s];
    if (storage.first_layer < 0) continue;
    first_[s] = group_of[storage.first_layer];
    last_[s] = group_of[storage.last_layer];
  }
}

bool Planner::PlaceAll() {
  FindLifetimes();
  FirstFit memory(capacity_, alignment_);
  victim_ = -1;
  // The largest resident storage that is alive in [first, last] makes room.
  const auto choose_victim = [&](int64_t first, int64_t last) {
    int64_t most = 0;
    for (size_t s = 0; s < lowered_.storages.size(); ++s) {
      if (first_[s] < 0 || !plan_.placements[s].resident) continue;
      if (last_[s] < first || first_[s] > last) continue;
      const int64_t weight = BytesOf(s) * (last_[s] - first_[s] + 1);
      if (weight > most) {
        most = weight;
        victim_ = static_cast<int32_t>(s);
      }
    }
  };
  plan_.tiles.assign(plan_.groups.size(), TilePlan{});
  // Group by group: first what begins to live, then what a tiled group needs for one row.
  for (size_t g = 0; g < plan_.groups.size(); ++g) {
    const int64_t step = static_cast<int64_t>(g);
    for (size_t s = 0; s < lowered_.storages.size(); ++s) {
      if (first_[s] != step || !plan_.placements[s].resident) continue;
      const std::optional<int64_t> address = memory.Place({BytesOf(s), first_[s], last_[s]});
      if (!address) {
        choose_victim(first_[s], last_[s]);
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
        choose_victim(step, step);
        return false;
      }
      operand.address = *address;
    }
  }
  return true;
}

void Planner::GrowTiles() {
  for (size_t g = 0; g < plan_.groups.size(); ++g) {
    if (plan_.tiles[g].operands.empty()) continue;
    const LayerGroup& group = plan_.groups[g];
    const int64_t step = static_cast<int64_t>(g);
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
    if (layer.geometry.images == 1 && layer.kind != LayerKind::kCopy) {
      if (std::optional<TilePlan> tile = try_rows(all, 1)) {
        plan_.tiles[g] = *tile;
        continue;
      }
    }
    // Two buffers unless not even one row fits twice.
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
      plan_.tiles[g] = *try_rows(CeilDiv(all, CeilDiv(all, low)), buffers);
      break;
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
  for (int32_t s : by_input) {
    if (s >= 0)
      plan_.placements[s].input_offset = place(&plan_.input_bytes, lowered_.storages[s].bytes);
  }
  for (int32_t s : by_output) {
    if (s < 0) continue;
    plan_.placements[s].output_offsets.push_back(
        place(&plan_.output_bytes, lowered_.storages[s].bytes));
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
    const Lifetime life = placement.kept
                              ? Lifetime{storage.bytes, 0, groups}
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
  // A storage that can never fit makes no sense as a resident.
  for (size_t s = 0; s < lowered_.storages.size(); ++s) {
    plan_.placements[s].resident = BytesOf(s) <= capacity_ && !lowered_.storages[s].in_memory;
  }
  Diagnostics errors;
  while (!PlaceAll()) {
    if (victim_ >= 0) {
      plan_.placements[victim_].resident = false;
      continue;
    }
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
  AssignWindows(keep_tensors);
  return plan_;
}

}  // namespace

Result<ActivationPlan> PlanActivations(const Model& model, const LoweredModel& lowered,
                                       const std::vector<Partition>& partitions,
                                       const NpuConfig& config, bool keep_tensors) {
  return Planner(model, lowered, partitions, config).Run(keep_tensors);
}

}  // namespace npugen::compiler

// Residency of tensors in PE memory and tile sizes.
#include "sw/compiler/plan/activation_plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "sw/compiler/plan/first_fit.h"

namespace npugen::compiler {
namespace {

constexpr int64_t kWindowAlignment = 64;

int64_t Align(int64_t value, int64_t alignment) { return CeilDiv(value, alignment) * alignment; }

/// Storages of a layer: inputs 0 and 1, output 2; -1 where there is none. The sources of a copy
/// need no buffer of their own: the DMA reads them where they are.
std::array<int32_t, 3> Operands(const Layer& layer) {
  std::array<int32_t, 3> operands{-1, -1, layer.output};
  if (layer.kind == LayerKind::kCopy) return operands;
  for (size_t i = 0; i < layer.inputs.size(); ++i) operands[i] = layer.inputs[i];
  return operands;
}

/// Largest number of bytes that operand `operand` needs in a PE for tiles of `rows` output rows.
int64_t TileBytes(const Layer& layer, int operand, int64_t rows) {
  const Geometry& g = layer.geometry;
  if (layer.kind == LayerKind::kCopy) return rows * kCopyUnit;
  if (operand == 2) return std::min(rows, g.out_h) * g.out_row_bytes();
  const int64_t span = (rows - 1) * g.stride_h + (g.kernel_h - 1) * g.dilation_h + 1;
  return std::min(span, g.in_h) * g.in_row_bytes();
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
  bool LayerIsTiled(const Layer& layer) const;
  int64_t MostRows(size_t layer) const;
  int64_t BytesOf(size_t storage) const { return bytes_[storage]; }
  void GrowTiles();
  void AssignWindows(bool keep_tensors);

  const Model& model_;
  const LoweredModel& lowered_;
  const std::vector<Partition>& partitions_;
  const NpuConfig& config_;
  int64_t alignment_;
  int64_t capacity_;
  std::vector<int64_t> bytes_;  ///< of each storage, in one PE
  ActivationPlan plan_;
  int32_t victim_ = -1;
  int32_t failed_layer_ = -1;
  int64_t failed_bytes_ = 0;
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

/// Rows of the largest share of a layer within an image.
int64_t Planner::MostRows(size_t number) const {
  const Layer& layer = lowered_.layers[number];
  if (layer.kind == LayerKind::kCopy) {
    return CeilDiv(lowered_.storages[layer.output].bytes, kCopyUnit);
  }
  int64_t most = 1;
  for (const Share& share : partitions_[number].shares) {
    most = std::max(most, std::min(share.rows.size(), layer.geometry.out_h));
  }
  return most;
}

bool Planner::LayerIsTiled(const Layer& layer) const {
  for (int32_t storage : Operands(layer)) {
    if (storage >= 0 && !plan_.placements[storage].resident) return true;
  }
  return false;
}

bool Planner::PlaceAll() {
  FirstFit memory(capacity_, alignment_);
  victim_ = failed_layer_ = -1;
  // The largest resident storage that is alive in [first, last] makes room.
  const auto choose_victim = [&](int64_t first, int64_t last) {
    int64_t most = 0;
    for (size_t s = 0; s < lowered_.storages.size(); ++s) {
      const Storage& storage = lowered_.storages[s];
      if (storage.first_layer < 0 || !plan_.placements[s].resident) continue;
      if (storage.last_layer < first || storage.first_layer > last) continue;
      const int64_t weight = BytesOf(s) * (storage.last_layer - storage.first_layer + 1);
      if (weight > most) {
        most = weight;
        victim_ = static_cast<int32_t>(s);
      }
    }
  };
  // Layer by layer: first what begins to live, then what a tiled layer needs for one row.
  for (size_t l = 0; l < lowered_.layers.size(); ++l) {
    const int64_t step = static_cast<int64_t>(l);
    for (size_t s = 0; s < lowered_.storages.size(); ++s) {
      const Storage& storage = lowered_.storages[s];
      if (storage.first_layer != step || !plan_.placements[s].resident) continue;
      const std::optional<int64_t> address =
          memory.Place({BytesOf(s), storage.first_layer, storage.last_layer});
      if (!address) {
        choose_victim(storage.first_layer, storage.last_layer);
        return false;
      }
      plan_.placements[s].address = *address;
    }
    const Layer& layer = lowered_.layers[l];
    TilePlan& tile = plan_.tiles[l];
    tile = TilePlan{};
    tile.rows = MostRows(l);
    if (!LayerIsTiled(layer)) continue;
    tile.rows = 1;
    const std::array<int32_t, 3> operands = Operands(layer);
    for (int i = 0; i < 3; ++i) {
      if (operands[i] < 0 || plan_.placements[operands[i]].resident) continue;
      tile.buffer_bytes[i] = Align(TileBytes(layer, i, 1), alignment_);
      const std::optional<int64_t> address = memory.Place({tile.buffer_bytes[i], step, step});
      if (!address) {
        failed_layer_ = static_cast<int32_t>(l);
        failed_bytes_ = 0;
        for (int j = 0; j < 3; ++j) {
          if (operands[j] >= 0) failed_bytes_ += Align(TileBytes(layer, j, 1), alignment_);
        }
        choose_victim(step, step);
        return false;
      }
      tile.address[i] = *address;
    }
  }
  return true;
}

void Planner::GrowTiles() {
  for (size_t l = 0; l < lowered_.layers.size(); ++l) {
    const Layer& layer = lowered_.layers[l];
    if (!LayerIsTiled(layer)) continue;
    const int64_t step = static_cast<int64_t>(l);
    const std::array<int32_t, 3> operands = Operands(layer);
    const auto try_rows = [&](int64_t rows, int64_t buffers) -> std::optional<TilePlan> {
      FirstFit memory(capacity_, alignment_);
      TilePlan tile;
      tile.rows = rows;
      tile.buffers = buffers;
      // Residents alive at this step are fixed: place each as a block at its address.
      std::vector<std::pair<int64_t, int64_t>> taken;
      for (size_t s = 0; s < lowered_.storages.size(); ++s) {
        const Storage& storage = lowered_.storages[s];
        if (storage.first_layer < 0 || !plan_.placements[s].resident) continue;
        if (storage.first_layer > step || storage.last_layer < step) continue;
        taken.push_back({plan_.placements[s].address, plan_.placements[s].address + BytesOf(s)});
      }
      std::sort(taken.begin(), taken.end());
      for (int i = 0; i < 3; ++i) {
        if (operands[i] < 0 || plan_.placements[operands[i]].resident) continue;
        tile.buffer_bytes[i] = Align(TileBytes(layer, i, rows), alignment_);
        const int64_t bytes = tile.buffer_bytes[i] * buffers;
        int64_t begin = 0;
        for (const auto& [from, to] : taken) {
          if (begin + bytes <= from) break;
          begin = std::max(begin, Align(to, alignment_));
        }
        if (begin + bytes > capacity_) return std::nullopt;
        tile.address[i] = begin;
        taken.push_back({begin, begin + bytes});
        std::sort(taken.begin(), taken.end());
      }
      return tile;
    };
    const int64_t all = MostRows(l);
    if (layer.geometry.images == 1 && layer.kind != LayerKind::kCopy) {
      if (std::optional<TilePlan> tile = try_rows(all, 1)) {
        plan_.tiles[l] = *tile;
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
      plan_.tiles[l] = *try_rows(CeilDiv(all, CeilDiv(all, low)), buffers);
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
  const int64_t layers = static_cast<int64_t>(lowered_.layers.size());
  for (size_t s = 0; s < lowered_.storages.size(); ++s) {
    const Storage& storage = lowered_.storages[s];
    Placement& placement = plan_.placements[s];
    const bool computed = storage.input < 0 && storage.constant.empty();
    if (storage.first_layer < 0 || !computed) continue;
    placement.kept = keep_tensors && !storage.tensors.empty();
    const bool read_again = storage.last_layer > storage.first_layer;
    if (!placement.kept && (placement.resident || !read_again)) continue;
    const Lifetime life = placement.kept
                              ? Lifetime{storage.bytes, 0, layers}
                              : Lifetime{storage.bytes, storage.first_layer, storage.last_layer};
    placement.scratch_offset = *scratch.Place(life);
  }
  plan_.scratch_bytes = scratch.used();
}

Result<ActivationPlan> Planner::Run(bool keep_tensors) {
  plan_.placements.resize(lowered_.storages.size());
  plan_.tiles.resize(lowered_.layers.size());
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
    // Nothing is left to move: report all layers that cannot run even alone.
    for (size_t l = 0; l < lowered_.layers.size(); ++l) {
      const Layer& layer = lowered_.layers[l];
      int64_t bytes = 0;
      const std::array<int32_t, 3> operands = Operands(layer);
      for (int i = 0; i < 3; ++i) {
        if (operands[i] >= 0) bytes += Align(TileBytes(layer, i, 1), alignment_);
      }
      if (bytes <= capacity_) continue;
      errors.push_back(
          OperatorError(model_, layer.op, DiagnosticCode::kCompilePeMemory,
                        fmt::format("one row of output needs {} bytes of PE memory; there are {}",
                                    bytes, capacity_),
                        "a larger pe.memory"));
    }
    return errors;
  }
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

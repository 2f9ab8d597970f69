// SPDX-License-Identifier: Apache-2.0
// The order of layers of products of batches, and rows between them.
#include "sw/compiler/lower/interleave_batches.h"

#include <algorithm>
#include <optional>

namespace npugen::compiler {
namespace {

/// A layer of rows between products, by positions in LoweredModel::layers.
struct Chain {
  size_t rows = 0;
  std::vector<size_t> before, after;  ///< of each batch: what writes its rows, what reads them
};

/// Layers of a chain and between them: the order is found by recursion.
constexpr size_t kMostLayers = 4096;
/// Copies that are put in front of a product are at most so many layers away from it: what moves
/// its operand, and what adds to it.
constexpr int kCopyDistance = 2;

class Interleaver {
 public:
  explicit Interleaver(LoweredModel* lowered) : lowered_(*lowered) {}

  void Run() {
    FindUses();
    for (size_t l = 0; l < lowered_.layers.size(); ++l) {
      const std::optional<Chain> chain = ChainOf(l);
      if (!chain) continue;
      Interleave(*chain);
      FindUses();
    }
  }

 private:
  void FindUses() {
    writers_.assign(lowered_.storages.size(), {});
    readers_.assign(lowered_.storages.size(), {});
    for (size_t l = 0; l < lowered_.layers.size(); ++l) {
      const Layer& layer = lowered_.layers[l];
      writers_[static_cast<size_t>(layer.output)].push_back(l);
      for (const int32_t input : layer.inputs) readers_[static_cast<size_t>(input)].push_back(l);
      if (layer.parameters.storage >= 0) {
        readers_[static_cast<size_t>(layer.parameters.storage)].push_back(l);
      }
    }
  }

  /// Whether nothing but layers knows of a storage.
  bool IsInner(int32_t number) const {
    const Storage& storage = lowered_.storages[static_cast<size_t>(number)];
    return storage.input < 0 && storage.outputs.empty() && storage.constant.empty() &&
           !storage.in_memory;
  }

  /// Whether `layers`, in order, are products that read or write a storage of `bytes` in equal
  /// parts, one behind the other.
  bool AreParts(const std::vector<size_t>& layers, int32_t storage, int64_t bytes,
                bool write) const {
    const auto count = static_cast<int64_t>(layers.size());
    if (count < 2 || bytes % count != 0) return false;
    for (size_t b = 0; b < layers.size(); ++b) {
      const Layer& layer = lowered_.layers[layers[b]];
      const Geometry& g = layer.geometry;
      if (layer.opcode != Opcode::kMatmul || layer.inputs.size() != 1 ||
          layer.parameters.storage < 0 || (write ? layer.output : layer.inputs[0]) != storage ||
          layer.blocks) {
        return false;
      }
      const int64_t part =
          g.images * (write ? g.out_h * g.out_row_bytes() : g.in_h * g.in_row_bytes());
      if (part != bytes / count ||
          (write ? g.out_offset : g.in_offset) != static_cast<int64_t>(b) * part) {
        return false;
      }
    }
    return true;
  }

  std::optional<Chain> ChainOf(size_t number) const {
    const Layer& layer = lowered_.layers[number];
    if (layer.opcode != Opcode::kSoftmax || layer.inputs.size() != 1 ||
        layer.inputs[0] == layer.output) {
      return std::nullopt;
    }
    const auto input = static_cast<size_t>(layer.inputs[0]);
    const auto output = static_cast<size_t>(layer.output);
    const int64_t bytes = lowered_.storages[input].bytes;
    const Geometry& g = layer.geometry;
    const Chain chain{number, writers_[input], readers_[output]};
    const auto batches = static_cast<int64_t>(chain.before.size());
    if (!IsInner(layer.inputs[0]) || !IsInner(layer.output) || batches < 2 ||
        chain.before.size() != chain.after.size() || readers_[input].size() != 1 ||
        writers_[output].size() != 1 || lowered_.storages[output].bytes != bytes || g.images != 1 ||
        g.in_h % batches != 0 || g.in_offset != 0 || g.out_offset != 0 ||
        g.in_h * g.in_w != bytes || !AreParts(chain.before, layer.inputs[0], bytes, true) ||
        !AreParts(chain.after, layer.output, bytes, false) ||
        chain.after.back() - chain.before.front() > kMostLayers) {
      return std::nullopt;
    }
    return chain;
  }

  int32_t NewPart(int64_t bytes) {
    lowered_.storages.emplace_back();
    lowered_.storages.back().bytes = bytes;
    return static_cast<int32_t>(lowered_.storages.size()) - 1;
  }

  void Interleave(const Chain& chain) {
    const size_t batches = chain.before.size();
    // Rows of each batch. They stand behind all layers until the new order is known.
    const Layer whole = lowered_.layers[chain.rows];
    const int64_t part =
        lowered_.storages[static_cast<size_t>(whole.output)].bytes / static_cast<int64_t>(batches);
    const size_t first_row = lowered_.layers.size();
    for (size_t b = 0; b < batches; ++b) {
      Layer rows = whole;
      rows.geometry.in_h = rows.geometry.out_h =
          whole.geometry.in_h / static_cast<int64_t>(batches);
      rows.inputs = {NewPart(part)};
      rows.output = NewPart(part);
      Layer& before = lowered_.layers[chain.before[b]];
      before.output = rows.inputs[0];
      before.geometry.out_offset = 0;
      Layer& after = lowered_.layers[chain.after[b]];
      after.inputs = {rows.output};
      after.geometry.in_offset = 0;
      lowered_.layers.push_back(std::move(rows));
    }
    FindUses();
    order_.clear();
    placed_.assign(lowered_.layers.size(), false);
    placed_[chain.rows] = true;
    const size_t begin = *std::min_element(chain.before.begin(), chain.before.end());
    for (size_t l = 0; l < begin; ++l) Place(l);
    PlaceCopiesFor(chain.before[0]);
    for (size_t b = 0; b < batches; ++b) {
      Place(chain.before[b]);
      // Other operands of the second product are ready when the rows are; those of the first one
      // are still to be moved.
      if (b > 0) PlaceOperands(chain.after[b], first_row + b);
      Place(first_row + b);
      // Behind the rows, which take the longest: commands are dispatched in order.
      const size_t copies = order_.size();
      if (b == 0) PlaceCopiesFor(chain.after[0]);
      if (b + 1 < batches) {
        PlaceCopiesFor(chain.before[b + 1]);
        PlaceCopiesFor(chain.after[b + 1]);
      }
      for (size_t i = copies; i < order_.size(); ++i) {
        lowered_.layers[order_[i]].held = lowered_.layers[first_row + b].inputs;
      }
      Place(chain.after[b]);
    }
    for (size_t l = 0; l < first_row; ++l) Place(l);
    std::vector<Layer> layers;
    for (const size_t l : order_) layers.push_back(std::move(lowered_.layers[l]));
    lowered_.layers = std::move(layers);
  }

  /// Layers that write what a layer reads.
  std::vector<size_t> Sources(size_t number) const {
    const Layer& layer = lowered_.layers[number];
    std::vector<size_t> sources;
    const auto add = [&](int32_t storage) {
      const std::vector<size_t>& writers = writers_[static_cast<size_t>(storage)];
      sources.insert(sources.end(), writers.begin(), writers.end());
    };
    for (const int32_t input : layer.inputs) add(input);
    if (layer.parameters.storage >= 0) add(layer.parameters.storage);
    return sources;
  }

  /// Puts a layer next, behind all that it needs.
  void Place(size_t number) {
    if (placed_[number]) return;
    placed_[number] = true;
    for (const size_t source : Sources(number)) Place(source);
    order_.push_back(number);
  }

  void PlaceOperands(size_t number, size_t without) {
    for (const size_t source : Sources(number)) {
      if (source != without) Place(source);
    }
  }

  /// Copies among what a product needs that need nothing but what is placed already.
  void PlaceCopiesFor(size_t number, int distance = kCopyDistance) {
    for (const size_t source : Sources(number)) {
      if (placed_[source]) continue;
      if (distance > 1) PlaceCopiesFor(source, distance - 1);
      const std::vector<size_t> sources = Sources(source);
      if (lowered_.layers[source].copies() &&
          std::all_of(sources.begin(), sources.end(), [&](size_t s) { return placed_[s]; })) {
        Place(source);
      }
    }
  }

  LoweredModel& lowered_;
  std::vector<std::vector<size_t>> writers_, readers_;  ///< of each storage
  std::vector<size_t> order_;
  std::vector<bool> placed_;
};

}  // namespace

void InterleaveBatches(LoweredModel* lowered) { Interleaver(lowered).Run(); }

}  // namespace npugen::compiler

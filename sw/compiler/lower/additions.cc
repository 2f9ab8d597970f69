// SPDX-License-Identifier: Apache-2.0
// Which additions, and into which product.
#include "sw/compiler/lower/additions.h"

#include <algorithm>

namespace npugen::compiler {
namespace {

/// Passes of ADD through post-processing.
constexpr int64_t kAddCycles = 2;

/// Whether nothing happens to the sums of a MATMUL but that they become int8 of the whole range, by
/// records of their own, position by position as memory has them.
bool MakesPlainBytes(const Layer& layer) {
  const Parameters& parameters = layer.parameters;
  return layer.opcode == Opcode::kMatmul && !layer.residual && !layer.binary &&
         layer.thresholds == 0 && !layer.average && layer.out_type == 0 && layer.act_min == -128 &&
         layer.act_max == 127 && layer.channels == 0 && layer.geometry.out_planes == 1 &&
         layer.regions.size() == 1 && parameters.storage < 0 && !parameters.shared &&
         !parameters.records.empty() && layer.inputs.size() == 1;
}

/// Whether the addition costs less in the drain of `product` than behind it. A position takes the
/// longer of its slices and its results.
bool Pays(const NpuConfig& config, const Layer& product) {
  const int64_t chunks =
      CeilDiv(std::min(product.group_channels, product.out_channels()), int64_t{config.post_width});
  return std::max(product.slices(), kAdditionCycles * chunks) <=
         std::max(product.slices(), chunks) + kAddCycles * chunks;
}

/// Whether a row of all that the layer needs has room in PE memory, twice: such layers are never
/// cut into blocks.
bool RowFits(const NpuConfig& config, const Layer& product) {
  const Geometry& g = product.geometry;
  const int64_t rows = std::min((g.kernel_h - 1) * g.dilation_h + 1, g.in_h);
  const int64_t bytes = rows * g.in_row_bytes() + 2 * g.out_row_bytes();
  return 2 * bytes + 6 * int64_t{config.pe_bank_bytes} <= config.pe_memory_bytes;
}

class Fuser {
 public:
  Fuser(const NpuConfig& config, LoweredModel* lowered) : config_(config), lowered_(*lowered) {}

  void Run() {
    CountReaders();
    for (size_t l = 0; l < lowered_.layers.size(); ++l) {
      if (lowered_.layers[l].opcode == Opcode::kAdd) Fuse(l);
    }
    size_t l = 0;
    std::erase_if(lowered_.layers, [&](const Layer&) { return gone_[l++]; });
  }

 private:
  void CountReaders() {
    gone_.assign(lowered_.layers.size(), false);
    readers_.assign(lowered_.storages.size(), 0);
    writer_.assign(lowered_.storages.size(), -1);
    for (size_t l = 0; l < lowered_.layers.size(); ++l) {
      const Layer& layer = lowered_.layers[l];
      for (const int32_t input : layer.inputs) ++readers_[static_cast<size_t>(input)];
      if (layer.parameters.storage >= 0) {
        ++readers_[static_cast<size_t>(layer.parameters.storage)];
      }
      int64_t& writer = writer_[static_cast<size_t>(layer.output)];
      writer = writer == -1 ? static_cast<int64_t>(l) : -2;
    }
  }

  /// The layer whose results, operand `input` of `add`, can be added as they come; -1: none.
  int64_t ProductOf(const Layer& add, size_t input) const {
    const auto storage = static_cast<size_t>(add.inputs[input]);
    const Storage& results = lowered_.storages[storage];
    if (readers_[storage] != 1 || writer_[storage] < 0 || !results.outputs.empty()) return -1;
    const Layer& product = lowered_.layers[static_cast<size_t>(writer_[storage])];
    const Geometry& g = product.geometry;
    const int32_t zero_point = input == 0 ? add.a_zero_point : add.b_zero_point;
    const int64_t bytes = g.images * g.out_h * g.out_row_bytes();
    if (!MakesPlainBytes(product) || product.out_zero_point != zero_point ||
        bytes != results.bytes || bytes != lowered_.storages[add.output].bytes ||
        bytes != lowered_.storages[add.inputs[1 - input]].bytes || !Pays(config_, product) ||
        !RowFits(config_, product)) {
      return -1;
    }
    return writer_[storage];
  }

  /// Both operands may come from products: the later one is nearer.
  void Fuse(size_t number) {
    Layer& add = lowered_.layers[number];
    const int64_t products[2] = {ProductOf(add, 0), ProductOf(add, 1)};
    const size_t input = products[1] > products[0] ? 1 : 0;
    if (products[input] < 0) return;
    Layer layer = lowered_.layers[static_cast<size_t>(products[input])];
    layer.inputs.push_back(add.inputs[1 - input]);
    layer.output = add.output;
    layer.residual = true;
    layer.residual_second = input == 1;
    layer.parameters.common_scale = false;
    layer.out_zero_point = add.out_zero_point;
    layer.act_min = add.act_min;
    layer.act_max = add.act_max;
    layer.a_zero_point = add.a_zero_point;
    layer.b_zero_point = add.b_zero_point;
    layer.b_multiplier = add.b_multiplier;
    layer.b_shift = add.b_shift;
    layer.out_multiplier = add.out_multiplier;
    layer.out_shift = add.out_shift;
    layer.a_subtract = add.a_subtract;
    layer.b_subtract = add.b_subtract;
    gone_[static_cast<size_t>(products[input])] = true;
    add = std::move(layer);
  }

  const NpuConfig& config_;
  LoweredModel& lowered_;
  std::vector<int32_t> readers_;  ///< of each storage
  std::vector<int64_t> writer_;   ///< of each storage: a layer; -1: none, -2: several
  std::vector<bool> gone_;        ///< of each layer
};

}  // namespace

void FuseAdditions(const NpuConfig& config, LoweredModel* lowered) { Fuser(config, lowered).Run(); }

}  // namespace npugen::compiler

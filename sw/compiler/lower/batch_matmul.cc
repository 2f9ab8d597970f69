// SPDX-License-Identifier: Apache-2.0
// Products of two computed matrices: the second one becomes parameters that the NPU itself lays out
// in memory.
#include <algorithm>

#include "sw/compiler/lower/dense.h"
#include "sw/compiler/lower/view.h"
#include "sw/model/quantization.h"

namespace npugen::compiler {
namespace {

/// Constants in -128..127 whose sum is `value`, -128..128; none for 0.
std::vector<int8_t> Summands(int64_t value) {
  if (value == 0) return {};
  if (value == 128) return {64, 64};
  return {static_cast<int8_t>(value)};
}

int32_t NewConstant(LoweringContext& context, std::vector<uint8_t> bytes) {
  const int32_t storage = context.NewStorage(static_cast<int64_t>(bytes.size()));
  context.lowered.storages[storage].constant = std::move(bytes);
  return storage;
}

/// A byte, repeated over `shape`.
View Repeated(LoweringContext& context, int8_t byte, const std::vector<int64_t>& shape) {
  const int32_t storage = NewConstant(context, {static_cast<uint8_t>(byte)});
  return Broadcast(DenseView(storage, {1}), shape);
}

/// Batch `index` of a tensor of at least two dimensions, as rows x columns.
View BatchOf(LoweringContext& context, int32_t number, const std::vector<int64_t>& index,
             bool transposed) {
  const Tensor& tensor = context.tensor(number);
  View view = DenseView(context.StorageOf(number), {tensor.shape.begin(), tensor.shape.end()});
  const size_t batches = tensor.shape.size() - 2;
  const size_t skipped = index.size() - batches;
  for (size_t d = 0; d < batches; ++d) {
    view = WithoutDimension(Sliced(view, 0, tensor.shape[d] == 1 ? 0 : index[skipped + d], 1), 0);
  }
  return transposed ? Transposed(view, {1, 0}) : view;
}

/// The product of two matrices of bytes: what all batches have in common.
///
/// sum (a - za)(b - zb) = sum ab - zb sum a - za sum b + depth za zb: further blocks of `depth`
/// operands multiply a by -zb, and -za by b.
struct Product {
  int64_t rows, columns, depth;
  std::vector<int8_t> for_a, for_b;         ///< what a is multiplied by, and what b is
  int64_t blocks, width;                    ///< of `depth` operands; operands of a row in all
  int64_t slices, slice_bytes, core_bytes;  ///< of core memory
  int64_t group_channels, groups;
  std::vector<uint8_t> records;  ///< of a core
};

Product ProductOf(const LoweringContext& context, const Operator& node,
                  const QuantizedMultiplier& factor) {
  const NpuConfig& config = context.config;
  const Tensor& first = context.tensor(node.inputs[0]);
  const std::vector<int32_t>& out = context.tensor(node.outputs[0]).shape;
  const int64_t za = first.zero_point();
  const int64_t zb = context.tensor(node.inputs[1]).zero_point();
  Product p;
  p.rows = out[out.size() - 2];
  p.columns = out[out.size() - 1];
  p.depth = std::get<BatchMatMulOptions>(node.options).adjoint_x
                ? first.shape[first.shape.size() - 2]
                : first.shape.back();
  p.for_a = Summands(-zb);
  p.for_b = Summands(-za);
  p.blocks = 1 + static_cast<int64_t>(p.for_a.size() + p.for_b.size());
  p.width = p.blocks * p.depth;
  const int64_t row_bytes = config.core_row_bytes();
  p.slices = CeilDiv(p.width, config.simd);
  p.slice_bytes = int64_t{config.slice_rows()} * row_bytes;
  p.core_bytes = p.slices * p.slice_bytes + int64_t{config.param_rows()} * row_bytes;
  p.group_channels = std::min(int64_t{config.pe_lanes()}, p.columns);
  p.groups = CeilDiv(p.columns, p.group_channels);
  const uint32_t bias = static_cast<uint32_t>(static_cast<uint64_t>(p.depth * za * zb));
  for (int64_t lane = 0; lane < config.lanes; ++lane) {
    for (uint32_t word : {bias, static_cast<uint32_t>(factor.multiplier)}) {
      for (int i = 0; i < 4; ++i) p.records.push_back(static_cast<uint8_t>(word >> 8 * i));
    }
    p.records.push_back(static_cast<uint8_t>(factor.shift));
  }
  return p;
}

/// A storage of the left matrix with its further blocks.
int32_t AppendLeft(LoweringContext& context, const Product& p, const View& a) {
  const int32_t left = context.NewStorage(p.rows * p.width);
  Layer widen = NewCopy(left);
  const View wide = DenseView(left, {p.rows, p.blocks, p.depth});
  const auto left_block = [&](int64_t block) {
    return WithoutDimension(Sliced(wide, 1, block, 1), 1);
  };
  int64_t block = 0;
  AddCopy(&widen, a, left_block(block++));
  for (size_t i = 0; i < p.for_a.size(); ++i) AddCopy(&widen, a, left_block(block++));
  for (int8_t value : p.for_b) {
    AddCopy(&widen, Repeated(context, value, {p.rows, p.depth}), left_block(block++));
  }
  context.lowered.layers.push_back(std::move(widen));
  return left;
}

/// A storage of the right matrix as core memory wants parameters: slices and `records`.
int32_t AppendRight(LoweringContext& context, const Product& p, const View& b, int32_t records) {
  const int64_t simd = context.config.simd;
  const int64_t lanes = context.config.lanes;
  const int64_t cores = context.config.cores;
  const int64_t record_bytes = static_cast<int64_t>(p.records.size());
  const int32_t right = context.NewStorage(p.groups * cores * p.core_bytes);
  context.lowered.storages[right].in_memory = true;
  Layer pack = NewCopy(right, 0);
  AddFill(&pack, DenseView(right, {p.groups * cores * p.core_bytes}));
  for (int64_t group = 0; group < p.groups; ++group) {
    for (int64_t core = 0; core < cores; ++core) {
      const int64_t base = (group * cores + core) * p.core_bytes;
      const int64_t channel = group * p.group_channels + core * lanes;
      const int64_t used = std::min({lanes, p.columns - channel, p.group_channels - core * lanes});
      AddCopy(&pack, DenseView(records, {record_bytes}),
              View{right, base + p.slices * p.slice_bytes, 1, {record_bytes}, {1}});
      if (used <= 0) continue;
      for (int64_t k = 0; k < p.width;) {
        // As far as neither a block nor a slice ends.
        const int64_t block_number = k / p.depth;
        const int64_t count = std::min(p.depth - k % p.depth, simd - k % simd);
        const View to{
            right, base + k / simd * p.slice_bytes + k % simd, 1, {count, used}, {1, simd}};
        const bool constant =
            block_number >= 1 && block_number <= static_cast<int64_t>(p.for_a.size());
        if (constant) {
          AddCopy(&pack, Repeated(context, p.for_a[block_number - 1], {count, used}), to);
        } else {
          AddCopy(&pack, Sliced(Sliced(b, 0, k % p.depth, count), 1, channel, used), to);
        }
        k += count;
      }
    }
  }
  context.lowered.layers.push_back(std::move(pack));
  return right;
}

/// Appends the product of two storages made by the functions above.
void AppendProduct(LoweringContext& context, const Product& p, int32_t left, int32_t right,
                   int32_t target, int32_t out_zero_point) {
  Layer layer;
  layer.opcode = Opcode::kMatmul;
  layer.inputs = {left};
  layer.output = target;
  Geometry& g = layer.geometry;
  g.in_h = g.out_h = p.rows;
  g.in_c = p.width;
  g.out_c = p.columns;
  layer.k0_count = p.slices;
  layer.group_channels = p.group_channels;
  layer.groups = p.groups;
  layer.regions = {Region{0, p.rows, 0, 1, 0}};
  layer.out_zero_point = out_zero_point;
  layer.parameters.groups = layer.parameters.blocks = p.groups;
  layer.parameters.storage = right;
  context.lowered.layers.push_back(std::move(layer));
}

}  // namespace

LowerResult LowerBatchMatMul(LoweringContext& context, int32_t op) {
  const Operator& node = context.model.operators[op];
  const BatchMatMulOptions& options = std::get<BatchMatMulOptions>(node.options);
  const Tensor& output = context.tensor(node.outputs[0]);
  const std::vector<QuantizedMultiplier> factors = OutputMultipliers(context.model, node);
  if (factors.empty() || factors[0].shift > 31 || factors[0].shift < -31) {
    return Refusal{DiagnosticCode::kCompileLimit, "its scales are out of range", ""};
  }
  const Product p = ProductOf(context, node, factors[0]);
  const int32_t records = NewConstant(context, p.records);
  const std::vector<int64_t> shape(output.shape.begin(), output.shape.end());
  const size_t batch_dimensions = shape.size() - 2;
  const int32_t target = context.StorageOf(node.outputs[0]);
  const View result = DenseView(target, shape);
  Layer assemble = NewCopy(target);
  int64_t batches = 1;
  for (size_t d = 0; d < batch_dimensions; ++d) batches *= shape[d];
  for (int64_t batch = 0; batch < batches; ++batch) {
    std::vector<int64_t> index(batch_dimensions);
    int64_t rest = batch;
    for (size_t d = batch_dimensions; d-- > 0; rest /= shape[d]) index[d] = rest % shape[d];
    const View a = BatchOf(context, node.inputs[0], index, options.adjoint_x);
    const View b = BatchOf(context, node.inputs[1], index, options.adjoint_y);
    const int32_t left = AppendLeft(context, p, a);
    const int32_t right = AppendRight(context, p, b, records);
    const int32_t part = batches == 1 ? target : context.NewStorage(p.rows * p.columns);
    AppendProduct(context, p, left, right, part, output.zero_point());
    if (batches == 1) continue;
    View place = result;
    for (size_t d = 0; d < batch_dimensions; ++d) {
      place = WithoutDimension(Sliced(place, 0, index[d], 1), 0);
    }
    AddCopy(&assemble, DenseView(part, {p.rows, p.columns}), place);
  }
  if (batches > 1) context.lowered.layers.push_back(std::move(assemble));
  return std::nullopt;
}

}  // namespace npugen::compiler

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

}  // namespace

LowerResult LowerBatchMatMul(LoweringContext& context, int32_t op) {
  const Operator& node = context.model.operators[op];
  const BatchMatMulOptions& options = std::get<BatchMatMulOptions>(node.options);
  const NpuConfig& config = context.config;
  const Tensor& first = context.tensor(node.inputs[0]);
  const Tensor& second = context.tensor(node.inputs[1]);
  const Tensor& output = context.tensor(node.outputs[0]);
  const size_t rank = output.shape.size();
  const int64_t rows = output.shape[rank - 2];
  const int64_t columns = output.shape[rank - 1];
  const int64_t depth =
      options.adjoint_x ? first.shape[first.shape.size() - 2] : first.shape.back();
  const std::vector<QuantizedMultiplier> factors = OutputMultipliers(context.model, node);
  if (factors.empty() || factors[0].shift > 31 || factors[0].shift < -31) {
    return Refusal{DiagnosticCode::kCompileLimit, "its scales are out of range", ""};
  }
  // sum (a - za)(b - zb) = sum ab - zb sum a - za sum b + depth za zb: further blocks of `depth`
  // operands multiply a by -zb, and -za by b.
  const int64_t za = first.zero_point();
  const int64_t zb = second.zero_point();
  const std::vector<int8_t> for_a = Summands(-zb);
  const std::vector<int8_t> for_b = Summands(-za);
  const int64_t blocks = 1 + static_cast<int64_t>(for_a.size() + for_b.size());
  const int64_t width = blocks * depth;

  const int64_t simd = config.simd;
  const int64_t lanes = config.lanes;
  const int64_t cores = config.cores;
  const int64_t row_bytes = config.core_row_bytes();
  const int64_t slices = CeilDiv(width, simd);
  const int64_t slice_bytes = int64_t{config.slice_rows()} * row_bytes;
  const int64_t core_bytes = slices * slice_bytes + int64_t{config.param_rows()} * row_bytes;
  const int64_t group_channels = std::min(int64_t{config.pe_lanes()}, columns);
  const int64_t groups = CeilDiv(columns, group_channels);
  std::vector<uint8_t> records;
  const uint32_t bias = static_cast<uint32_t>(static_cast<uint64_t>(depth * za * zb));
  for (int64_t lane = 0; lane < lanes; ++lane) {
    for (uint32_t word : {bias, static_cast<uint32_t>(factors[0].multiplier)}) {
      for (int i = 0; i < 4; ++i) records.push_back(static_cast<uint8_t>(word >> 8 * i));
    }
    records.push_back(static_cast<uint8_t>(factors[0].shift));
  }
  const int32_t record_storage = NewConstant(context, records);

  const std::vector<int64_t> shape(output.shape.begin(), output.shape.end());
  const int32_t target = context.StorageOf(node.outputs[0]);
  const View result = DenseView(target, shape);
  Layer assemble = NewCopy(target);
  int64_t batches = 1;
  for (size_t d = 0; d + 2 < rank; ++d) batches *= shape[d];
  for (int64_t batch = 0; batch < batches; ++batch) {
    std::vector<int64_t> index(rank - 2);
    int64_t rest = batch;
    for (size_t d = rank - 2; d-- > 0; rest /= shape[d]) index[d] = rest % shape[d];
    const View a = BatchOf(context, node.inputs[0], index, options.adjoint_x);
    const View b = BatchOf(context, node.inputs[1], index, options.adjoint_y);

    const int32_t left = context.NewStorage(rows * width);
    Layer widen = NewCopy(left);
    const View wide = DenseView(left, {rows, blocks, depth});
    const auto left_block = [&](int64_t block) {
      return WithoutDimension(Sliced(wide, 1, block, 1), 1);
    };
    int64_t block = 0;
    AddCopy(&widen, a, left_block(block++));
    for (size_t i = 0; i < for_a.size(); ++i) AddCopy(&widen, a, left_block(block++));
    for (int8_t value : for_b) {
      AddCopy(&widen, Repeated(context, value, {rows, depth}), left_block(block++));
    }
    context.lowered.layers.push_back(std::move(widen));

    const int32_t right = context.NewStorage(groups * cores * core_bytes);
    context.lowered.storages[right].in_memory = true;
    Layer pack = NewCopy(right, 0);
    AddFill(&pack, DenseView(right, {groups * cores * core_bytes}));
    for (int64_t group = 0; group < groups; ++group) {
      for (int64_t core = 0; core < cores; ++core) {
        const int64_t base = (group * cores + core) * core_bytes;
        const int64_t channel = group * group_channels + core * lanes;
        const int64_t used = std::min({lanes, columns - channel, group_channels - core * lanes});
        AddCopy(&pack, DenseView(record_storage, {static_cast<int64_t>(records.size())}),
                View{right,
                     base + slices * slice_bytes,
                     1,
                     {static_cast<int64_t>(records.size())},
                     {1}});
        if (used <= 0) continue;
        for (int64_t k = 0; k < width;) {
          // As far as neither a block nor a slice ends.
          const int64_t block_number = k / depth;
          const int64_t count = std::min(depth - k % depth, simd - k % simd);
          const View to{
              right, base + k / simd * slice_bytes + k % simd, 1, {count, used}, {1, simd}};
          const bool constant =
              block_number >= 1 && block_number <= static_cast<int64_t>(for_a.size());
          if (constant) {
            AddCopy(&pack, Repeated(context, for_a[block_number - 1], {count, used}), to);
          } else {
            AddCopy(&pack, Sliced(Sliced(b, 0, k % depth, count), 1, channel, used), to);
          }
          k += count;
        }
      }
    }
    context.lowered.layers.push_back(std::move(pack));

    Layer layer;
    layer.kind = LayerKind::kMatmul;
    layer.inputs = {left};
    layer.output = batches == 1 ? target : context.NewStorage(rows * columns);
    Geometry& g = layer.geometry;
    g.in_h = g.out_h = rows;
    g.in_c = width;
    g.out_c = columns;
    layer.k0_count = slices;
    layer.group_channels = group_channels;
    layer.groups = groups;
    layer.regions = {Region{0, rows, 0, 1, 0}};
    layer.out_zero_point = output.zero_point();
    layer.parameters.groups = layer.parameters.blocks = groups;
    layer.parameters.storage = right;
    const int32_t part = layer.output;
    context.lowered.layers.push_back(std::move(layer));
    if (batches == 1) continue;
    View place = result;
    for (size_t d = 0; d + 2 < rank; ++d) {
      place = WithoutDimension(Sliced(place, 0, index[d], 1), 0);
    }
    AddCopy(&assemble, DenseView(part, {rows, columns}), place);
  }
  if (batches > 1) context.lowered.layers.push_back(std::move(assemble));
  return std::nullopt;
}

}  // namespace npugen::compiler

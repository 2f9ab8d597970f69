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
/// sum (a - za)(b - zb) = sum ab - zb sum a - za (sum b - depth zb): further blocks of `depth`
/// operands multiply a by -zb. The last term is the same for all rows. With `sums` it is the bias,
/// computed of b by a product of its own; else further blocks multiply -za by b. Blocks begin with
/// slices. Those of -za lie behind the end of a row, where operands read as the layer's filler.
struct Product {
  int64_t rows, columns, depth;
  std::vector<int8_t> for_a, for_b;  ///< what a is multiplied by, and what b is
  bool sums = false;                 ///< biases are computed: for_b is empty
  int64_t left_zero, right_zero;     ///< za and zb
  QuantizedMultiplier factor;        ///< of the result
  int64_t block_slices;              ///< of one block
  std::vector<int32_t> order;        ///< blocks of a group: 0 is b, others are constants
  int64_t block_bytes;               ///< of core memory
  int64_t core_bytes;                ///< that are stored for a core
  int64_t group_channels, groups;
  std::vector<uint8_t> tail;  ///< blocks of constants and records of a core
  int64_t tail_offset;        ///< in core_bytes
};

/// Blocks of constants (slots behind `depth` are 0), and records where they are constants.
std::vector<uint8_t> ConstantTail(const LoweringContext& context, const Product& p) {
  const NpuConfig& config = context.config;
  const int64_t slice_bytes = p.block_bytes / p.block_slices;
  std::vector<uint8_t> tail(static_cast<size_t>(p.block_bytes) * p.for_a.size(), 0);
  for (size_t block = 0; block < p.for_a.size(); ++block) {
    for (int64_t k = 0; k < p.depth; ++k) {
      for (int64_t lane = 0; lane < config.lanes; ++lane) {
        tail[static_cast<size_t>(static_cast<int64_t>(block) * p.block_bytes +
                                 k / config.simd * slice_bytes + lane * config.simd +
                                 k % config.simd)] = static_cast<uint8_t>(p.for_a[block]);
      }
    }
  }
  if (p.sums) return tail;
  const auto bias =
      static_cast<uint32_t>(static_cast<uint64_t>(p.depth * p.left_zero * p.right_zero));
  for (int64_t lane = 0; lane < config.lanes; ++lane) {
    for (uint32_t word : {bias, static_cast<uint32_t>(p.factor.multiplier)}) {
      for (int i = 0; i < 4; ++i) tail.push_back(static_cast<uint8_t>(word >> 8 * i));
    }
    tail.push_back(static_cast<uint8_t>(p.factor.shift));
  }
  return tail;
}

/// The sums take a command, and the way of their bytes into the biases.
constexpr int64_t kSumCommand = 100;
/// Sums times a zero point, and twice of that, are far from the ends of 32 bits.
constexpr int64_t kMostSummed = 1 << 14;

/// Whether biases that are computed take fewer cycles than the blocks `for_b`, and can be.
bool SumsPay(const NpuConfig& config, const Product& p) {
  const int64_t slice_bytes = p.block_bytes / p.block_slices;
  if (p.for_b.empty() || slice_bytes % config.simd != 0 || p.block_slices > kLargestLoopCount ||
      p.depth > kMostSummed) {
    return false;
  }
  const int64_t blocks = static_cast<int64_t>(p.for_b.size());
  const int64_t saved = blocks * p.rows * p.groups * p.block_slices;
  const int64_t sums = p.groups * config.pe_lanes() * p.block_slices;
  return saved / config.pes() > sums / config.pes() + kSumCommand;
}

Product ProductOf(const LoweringContext& context, const Operator& node,
                  const QuantizedMultiplier& factor) {
  const NpuConfig& config = context.config;
  const Tensor& first = context.tensor(node.inputs[0]);
  const std::vector<int32_t>& out = context.tensor(node.outputs[0]).shape;
  Product p;
  const int64_t za = p.left_zero = first.zero_point();
  const int64_t zb = p.right_zero = context.tensor(node.inputs[1]).zero_point();
  p.factor = factor;
  p.rows = out[out.size() - 2];
  p.columns = out[out.size() - 1];
  p.depth = std::get<BatchMatMulOptions>(node.options).adjoint_x
                ? first.shape[first.shape.size() - 2]
                : first.shape.back();
  p.for_a = Summands(-zb);
  p.for_b = Summands(-za);
  p.block_slices = CeilDiv(p.depth, config.simd);
  p.group_channels = std::min(int64_t{config.pe_lanes()}, p.columns);
  p.groups = CeilDiv(p.columns, p.group_channels);
  p.block_bytes = p.block_slices * config.slice_rows() * config.core_row_bytes();
  p.sums = SumsPay(config, p);
  if (p.sums) p.for_b.clear();
  p.order = {0};
  for (size_t i = 0; i < p.for_a.size(); ++i) p.order.push_back(static_cast<int32_t>(i) + 1);
  p.order.insert(p.order.end(), p.for_b.size(), 0);
  const int64_t row_bytes = config.core_row_bytes();
  p.tail_offset = p.block_bytes;
  p.core_bytes = (1 + static_cast<int64_t>(p.for_a.size())) * p.block_bytes +
                 int64_t{p.sums ? config.bias_rows() : config.param_rows()} * row_bytes;
  p.tail = ConstantTail(context, p);
  return p;
}

/// The left matrix of a product.
struct Left {
  int32_t storage = 0;
  int64_t offset = 0;  ///< bytes of its first row
  int64_t width = 0;   ///< bytes of a row
};

/// The left matrix where it is, or a copy with further blocks for `for_a`.
Left LeftOf(LoweringContext& context, const Product& p, const View& a) {
  const bool dense = a.strides[1] == 1 && (p.rows == 1 || a.strides[0] == p.depth);
  if (dense && p.for_a.empty()) return {a.storage, a.offset, p.depth};
  const int64_t blocks = 1 + static_cast<int64_t>(p.for_a.size());
  const int64_t pitch = blocks == 1 ? p.depth : p.block_slices * context.config.simd;
  const int32_t left = context.NewStorage(p.rows * blocks * pitch);
  Layer widen = NewCopy(left);
  const View wide = DenseView(left, {p.rows, blocks, pitch});
  AddFill(&widen, Sliced(wide, 2, p.depth, pitch - p.depth));
  for (int64_t block = 0; block < blocks; ++block) {
    const View target = WithoutDimension(Sliced(wide, 1, block, 1), 1);
    AddCopy(&widen, a, Sliced(target, 1, 0, p.depth));
  }
  context.lowered.layers.push_back(std::move(widen));
  return {left, 0, blocks * pitch};
}

/// The right matrix as core memory wants parameters.
struct Right {
  int32_t slices = 0;  ///< storage; with Product::sums of its slices alone
  int32_t whole = 0;   ///< storage of all
};

/// Copies `tail`, a storage of p.tail (-1: none), behind the slices of all cores.
void AddTail(const Product& p, int32_t tail, int64_t cores, int32_t whole, Layer* copy) {
  if (tail < 0) return;
  const int64_t rows = p.groups * cores;
  const int64_t bytes = static_cast<int64_t>(p.tail.size());
  AddCopy(copy, View{tail, 0, 1, {rows, bytes}, {0, 1}},
          View{whole, p.tail_offset, 1, {rows, bytes}, {p.core_bytes, 1}});
}

/// Slices of the right matrix; without Product::sums all of it.
Right AppendRight(LoweringContext& context, const Product& p, const View& b, int32_t tail) {
  const int64_t simd = context.config.simd;
  const int64_t lanes = context.config.lanes;
  const int64_t cores = context.config.cores;
  const int64_t rows = p.groups * cores;
  const int64_t slice_bytes = p.block_bytes / p.block_slices;
  const int32_t whole = context.NewStorage(rows * p.core_bytes);
  const int32_t packed = p.sums ? context.NewStorage(rows * p.block_bytes) : whole;
  const int64_t pitch = p.sums ? p.block_bytes : p.core_bytes;
  Layer pack = NewCopy(packed, 0);
  if (!p.sums) AddTail(p, tail, cores, whole, &pack);
  // Slots behind the last operand meet fillers.
  const int64_t rest = p.depth % simd;
  if (rest != 0) {
    AddFill(&pack, View{packed,
                        p.block_bytes - slice_bytes + rest,
                        1,
                        {rows, lanes, simd - rest},
                        {pitch, simd, 1}});
  }
  /// Operands [0, depth) of `count` lanes in each of `groups` groups.
  const auto add = [&](int64_t core, int64_t group, int64_t groups, int64_t count) {
    const int64_t channel = group * p.group_channels + core * lanes;
    const int64_t base = (group * cores + core) * pitch;
    const auto part = [&](int64_t first, int64_t slices, int64_t slots) {
      const std::vector<int64_t> shape{groups, slices, count, slots};
      AddCopy(
          &pack,
          View{b.storage,
               b.offset + first * simd * b.strides[0] + channel * b.strides[1],
               1,
               shape,
               {p.group_channels * b.strides[1], simd * b.strides[0], b.strides[1], b.strides[0]}},
          View{
              packed, base + first * slice_bytes, 1, shape, {cores * pitch, slice_bytes, simd, 1}});
    };
    if (p.depth / simd > 0) part(0, p.depth / simd, simd);
    if (rest != 0) part(p.depth / simd, 1, rest);
  };
  for (int64_t core = 0; core < cores; ++core) {
    const auto used = [&](int64_t group) {
      const int64_t end = std::min((group + 1) * p.group_channels, p.columns);
      return std::min(lanes, end - group * p.group_channels - core * lanes);
    };
    // All groups but the last have as many channels as the first.
    if (p.groups > 1 && used(0) > 0) add(core, 0, p.groups - 1, used(0));
    if (used(p.groups - 1) > 0) add(core, p.groups - 1, 1, used(p.groups - 1));
  }
  context.lowered.layers.push_back(std::move(pack));
  return {packed, whole};
}

/// Completes the right matrix by the biases -za (sum b - depth zb) of all groups and cores. Bytes
/// of lanes are positions of an image whose rows are the groups of cores, and the kernel goes from
/// slice to slice. Channels are the four bytes of a bias, that is floors of the sum over powers of
/// 256: halves round up, so half of the power is taken off before.
LowerResult AppendBiases(LoweringContext& context, const Product& p, int32_t tail,
                         const Right& right) {
  const NpuConfig& config = context.config;
  const int64_t rows = p.groups * config.cores;
  const int64_t bias_bytes = 4 * int64_t{config.lanes};
  const int32_t biases = context.NewStorage(rows * bias_bytes);
  // -za as a weight: 128 is twice 64.
  const int64_t twice = p.left_zero == -128 ? 2 : 1;
  const int64_t weight = -p.left_zero / twice;
  Layer layer;
  layer.inputs = {right.slices};
  layer.output = biases;
  Geometry& g = layer.geometry;
  g.in_h = g.out_h = rows;
  g.in_w = p.block_bytes / config.simd;
  g.in_c = config.simd;
  g.out_w = config.lanes;
  g.out_c = 4;
  g.kernel_w = p.block_slices;
  g.dilation_w = g.in_w / p.block_slices;
  layer.out_type = 2;
  LowerResult refusal = AppendDense(
      context, std::move(layer),
      [=](int64_t, int64_t, int64_t, int64_t) { return static_cast<int16_t>(weight); },
      [&](int64_t byte) -> ParameterRecord {
        const int64_t bias = -weight * p.depth * p.right_zero;
        if (byte == 0) return {static_cast<int32_t>(bias), 1 << 30, static_cast<int32_t>(twice)};
        const int64_t half = (int64_t{1} << (8 * byte - 1)) / twice;
        return {static_cast<int32_t>(bias - half),
                static_cast<int32_t>((twice << 31) >> (8 * byte)), 0};
      });
  Layer join = NewCopy(right.whole, 0);
  AddCopy(&join, DenseView(right.slices, {rows, p.block_bytes}),
          View{right.whole, 0, 1, {rows, p.block_bytes}, {p.core_bytes, 1}});
  AddTail(p, tail, config.cores, right.whole, &join);
  const int64_t end = p.tail_offset + static_cast<int64_t>(p.tail.size());
  AddCopy(&join, DenseView(biases, {rows, bias_bytes}),
          View{right.whole, end, 1, {rows, bias_bytes}, {p.core_bytes, 1}});
  context.lowered.layers.push_back(std::move(join));
  return refusal;
}

/// Appends the product of two storages made by the functions above.
void AppendProduct(LoweringContext& context, const Product& p, const Left& left, int32_t right,
                   const View& target, int32_t out_zero_point) {
  Layer layer;
  layer.opcode = Opcode::kMatmul;
  layer.inputs = {left.storage};
  layer.output = target.storage;
  Geometry& g = layer.geometry;
  g.in_h = g.out_h = p.rows;
  g.in_c = left.width;
  g.in_offset = left.offset;
  g.out_c = p.columns;
  g.out_offset = target.offset;
  layer.k0_count = static_cast<int64_t>(p.order.size()) * p.block_slices;
  layer.group_channels = p.group_channels;
  layer.groups = p.groups;
  layer.regions = {Region{0, p.rows, 0, 1, 0}};
  layer.fill = p.for_b.empty() ? 0 : static_cast<uint8_t>(p.for_b[0]);
  layer.out_zero_point = out_zero_point;
  Parameters& parameters = layer.parameters;
  parameters.groups = parameters.blocks = p.groups;
  parameters.storage = right;
  if (p.sums) parameters.records = {{0, p.factor.multiplier, p.factor.shift}};
  parameters.stored_blocks = p.order;
  parameters.block_slices = p.block_slices;
  parameters.stored_slices = (1 + static_cast<int64_t>(p.for_a.size())) * p.block_slices;
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
  const int32_t tail = p.tail.empty() ? -1 : NewConstant(context, p.tail);
  const std::vector<int64_t> shape(output.shape.begin(), output.shape.end());
  const size_t batch_dimensions = shape.size() - 2;
  int64_t batches = 1;
  for (size_t d = 0; d < batch_dimensions; ++d) batches *= shape[d];
  const auto index_of = [&](int64_t batch) {
    std::vector<int64_t> index(batch_dimensions);
    for (size_t d = batch_dimensions; d-- > 0; batch /= shape[d]) index[d] = batch % shape[d];
    return index;
  };
  // The operands of the next product are moved while one is computed. What sums them up waits until
  // they are there, so then they are moved one product earlier.
  std::vector<Left> lefts;
  std::vector<Right> rights;
  const auto move = [&](int64_t batch) {
    if (batch >= batches) return;
    const std::vector<int64_t> index = index_of(batch);
    lefts.push_back(LeftOf(context, p, BatchOf(context, node.inputs[0], index, options.adjoint_x)));
    rights.push_back(
        AppendRight(context, p, BatchOf(context, node.inputs[1], index, options.adjoint_y), tail));
  };
  const auto finish = [&](int64_t batch) -> LowerResult {
    if (batch >= batches || !p.sums) return std::nullopt;
    return AppendBiases(context, p, tail, rights[static_cast<size_t>(batch)]);
  };
  move(0);
  if (p.sums) move(1);
  if (LowerResult refusal = finish(0)) return refusal;
  for (int64_t batch = 0; batch < batches; ++batch) {
    move(batch + (p.sums ? 2 : 1));
    if (LowerResult refusal = finish(batch + 1)) return refusal;
    View target = DenseView(context.StorageOf(node.outputs[0]), {p.rows, p.columns});
    target.offset = batch * p.rows * p.columns;
    AppendProduct(context, p, lefts[static_cast<size_t>(batch)],
                  rights[static_cast<size_t>(batch)].whole, target, output.zero_point());
  }
  return std::nullopt;
}

}  // namespace npugen::compiler

// SPDX-License-Identifier: Apache-2.0
// Data as two digits, each a plane of bytes: the upper one, and the lower one with its top bit
// inverted, which is signed then and 128 less. Windows are gathered by the DMA. Two matrix products
// give the bytes of the results.
//
// TFLM: (sum * m + 2^(14 - s)) >> (15 - s) with 0 <= m < 2^15, s <= 0. The NPU's first rounding is
// (sum * M + 2^30) >> 31: the same with M = m * 2^(16 + s), for s >= -16, and no shift behind it.
#include "sw/compiler/lower/wide.h"

#include <algorithm>
#include <cstring>

#include "sw/compiler/lower/dense.h"
#include "sw/compiler/lower/elementwise.h"
#include "sw/compiler/lower/view.h"
#include "sw/model/quantization.h"

namespace npugen::compiler {
namespace {

constexpr int32_t kLowestShift = -16;
constexpr uint8_t kInvertedZero = 0x80;

/// A product over windows: `positions` results of out_c channels, of taps * in_c values each.
struct Product {
  int64_t images = 1, in_h = 1, in_w = 1, in_c = 1, out_h = 1, out_w = 1, out_c = 1;
  int64_t kernel_h = 1, kernel_w = 1, stride_h = 1, stride_w = 1, dilation_h = 1, dilation_w = 1;
  int64_t pad_h = 0, pad_w = 0;
  bool depthwise = false;
  int64_t filter_c = 1;
  Activation activation = Activation::kNone;

  int64_t taps() const { return kernel_h * kernel_w; }
  int64_t depth() const { return taps() * in_c; }
  int64_t positions() const { return images * out_h * out_w; }
};

Product ProductOf(const Model& model, const Operator& op) {
  const std::vector<int32_t>& in = model.tensors[op.inputs[0]].shape;
  const std::vector<int32_t>& out = model.tensors[op.outputs[0]].shape;
  const std::vector<int32_t>& filter = model.tensors[op.inputs[1]].shape;
  Product p;
  if (const auto* dense = std::get_if<FullyConnectedOptions>(&op.options)) {
    p.activation = dense->activation;
    p.in_c = p.filter_c = filter[1];
    p.out_c = filter[0];
    p.images = model.tensors[op.inputs[0]].elements() / p.in_c;
    return p;
  }
  const auto& options = std::get<ConvOptions>(op.options);
  p.images = in[0], p.in_h = in[1], p.in_w = in[2], p.in_c = in[3];
  p.out_h = out[1], p.out_w = out[2], p.out_c = out[3];
  p.kernel_h = filter[1], p.kernel_w = filter[2];
  p.stride_h = options.stride_h, p.stride_w = options.stride_w;
  p.dilation_h = options.dilation_h, p.dilation_w = options.dilation_w;
  p.pad_h = PaddingBefore(options.padding, in[1], out[1], filter[1], options.stride_h,
                          options.dilation_h);
  p.pad_w = PaddingBefore(options.padding, in[2], out[2], filter[2], options.stride_w,
                          options.dilation_w);
  p.depthwise = op.type == OperatorType::kDepthwiseConv2d;
  p.filter_c = p.depthwise ? 1 : filter[3];
  p.activation = options.activation;
  return p;
}

/// The weight of output channel `o` for value `k` of its window.
int8_t WeightOf(const Product& p, const Tensor& filter, int64_t o, int64_t k) {
  const int64_t tap = k / p.in_c, c = k % p.in_c;
  if (p.depthwise) {
    return c == o / (p.out_c / p.in_c) ? static_cast<int8_t>(filter.data[tap * p.out_c + o])
                                       : int8_t{0};
  }
  const int64_t group = o / (p.out_c / (p.in_c / p.filter_c));
  if (c / p.filter_c != group) return 0;
  return static_cast<int8_t>(filter.data[(o * p.taps() + tap) * p.filter_c + c % p.filter_c]);
}

int64_t BiasOf(const Model& model, const Operator& op, int64_t o) {
  if (op.inputs[2] < 0) return 0;
  int64_t bias = 0;
  std::memcpy(&bias, model.tensors[op.inputs[2]].data.data() + o * 8, 8);
  return bias;
}

/// The 16 bits of a factor that count, where the NPU has a way to multiply with them alone.
std::optional<int32_t> NpuMultiplier(const QuantizedMultiplier& factor) {
  if (factor.multiplier == 0) return 0;
  if (factor.shift > 0 || factor.shift < kLowestShift) return std::nullopt;
  const int32_t upper =
      factor.multiplier < 0x7fff0000 ? (factor.multiplier + (1 << 15)) >> 16 : 0x7fff;
  return static_cast<int32_t>(int64_t{upper} << (16 + factor.shift));
}

/// A plane of bytes of the source, every second one from `byte` on, with a border of `fill`.
int32_t AppendPlane(LoweringContext& context, const Product& p, int32_t source, int64_t byte,
                    uint8_t fill, int64_t padded_h, int64_t padded_w) {
  const int32_t plane = context.NewStorage(p.images * padded_h * padded_w * p.in_c);
  Layer copy = NewCopy(plane, fill);
  const View target = DenseView(plane, {p.images, padded_h, padded_w, p.in_c});
  if (padded_h != p.in_h || padded_w != p.in_w) AddFill(&copy, target);
  const int64_t rows = std::min(p.in_h, padded_h - p.pad_h);
  const int64_t columns = std::min(p.in_w, padded_w - p.pad_w);
  const View bytes = DenseView(source, {p.images, p.in_h, p.in_w, p.in_c, 2});
  const View one = WithoutDimension(Sliced(bytes, 4, byte, 1), 4);
  AddCopy(&copy, Sliced(Sliced(one, 1, 0, rows), 2, 0, columns),
          Sliced(Sliced(target, 1, p.pad_h, rows), 2, p.pad_w, columns));
  context.lowered.layers.push_back(std::move(copy));
  return plane;
}

/// The two bytes of RELU of a number, from its own.
void AppendRelu(LoweringContext& context, int64_t elements, int32_t* low, int32_t* high) {
  const std::vector<int32_t> shape = {static_cast<int32_t>(elements)};
  const auto look_up = [&](int32_t from, const auto& function) {
    std::vector<uint8_t> table(256);
    for (int32_t byte = 0; byte < 256; ++byte) table[byte] = function(byte);
    const int32_t to = context.NewStorage(elements);
    AppendLookup(context, from, to, shape, std::move(table));
    return to;
  };
  const int32_t mask =
      look_up(*high, [](int32_t byte) { return static_cast<uint8_t>(byte < 128 ? 1 : 0); });
  // A product with 0 or 1 at equal scales.
  Model parts;
  Tensor tensor;
  tensor.shape = shape;
  tensor.scales = {1.0f};
  tensor.zero_points = {0};
  parts.tensors.assign(3, tensor);
  Operator multiply;
  multiply.type = OperatorType::kMul;
  multiply.inputs = {0, 1};
  multiply.outputs = {2};
  multiply.options = AddOptions{};
  parts.operators = {multiply};
  std::vector<int32_t> outer = std::move(context.lowered.tensor_storage);
  const int32_t product = context.NewStorage(elements);
  context.lowered.tensor_storage = {*low, mask, product};
  LoweringContext inner{parts, context.config, context.lowered};
  LowerMul(inner, 0);
  context.lowered.tensor_storage = std::move(outer);
  *low = product;
  *high = look_up(*high, [](int32_t byte) { return static_cast<uint8_t>(byte < 128 ? byte : 0); });
}

}  // namespace

bool TakesWideProduct(const Model& model, const Operator& op, const NpuConfig& config) {
  if (op.type != OperatorType::kConv2d && op.type != OperatorType::kDepthwiseConv2d &&
      op.type != OperatorType::kFullyConnected) {
    return false;
  }
  if (model.tensors[op.outputs[0]].type != TensorType::kInt16 ||
      (op.inputs[2] >= 0 && model.tensors[op.inputs[2]].type != TensorType::kInt64)) {
    return false;
  }
  const Product p = ProductOf(model, op);
  if (p.activation != Activation::kNone && p.activation != Activation::kRelu) return false;
  // A window in PE memory beside others, and the weights of a group in core memory.
  const int64_t slices = 2 * CeilDiv(p.depth(), config.simd);
  const int64_t weights = slices * config.slice_rows() * config.core_row_bytes();
  if (8 * p.depth() > config.pe_memory_bytes || 2 * weights > config.core_memory_bytes) {
    return false;
  }
  const std::vector<QuantizedMultiplier> factors = OutputMultipliers(model, op);
  const Tensor& filter = model.tensors[op.inputs[1]];
  for (int64_t o = 0; o < p.out_c; ++o) {
    int64_t most = std::abs(BiasOf(model, op, o));
    for (int64_t k = 0; k < p.depth() && most < INT32_MAX; ++k) {
      most += std::abs(int64_t{WeightOf(p, filter, o, k)}) * 32768;
    }
    if (most >= INT32_MAX || !NpuMultiplier(factors[static_cast<size_t>(o)])) return false;
  }
  return true;
}

LowerResult LowerWideProduct(LoweringContext& context, int32_t op) {
  const Model& model = context.model;
  const Operator& node = model.operators[op];
  const Product p = ProductOf(model, node);
  const Tensor& filter = context.tensor(node.inputs[1]);
  const int64_t elements = p.images * p.in_h * p.in_w * p.in_c;
  const int32_t source = context.StorageOf(node.inputs[0]);
  const int32_t inverted = context.NewStorage(2 * elements);
  std::vector<uint8_t> invert(256);
  for (int32_t byte = 0; byte < 256; ++byte) invert[byte] = static_cast<uint8_t>(byte ^ 0x80);
  AppendLookup(context, source, inverted, {static_cast<int32_t>(2 * elements)}, std::move(invert));

  const int64_t padded_h =
      std::max(p.in_h + p.pad_h, (p.out_h - 1) * p.stride_h + (p.kernel_h - 1) * p.dilation_h + 1);
  const int64_t padded_w =
      std::max(p.in_w + p.pad_w, (p.out_w - 1) * p.stride_w + (p.kernel_w - 1) * p.dilation_w + 1);
  const int32_t planes[2] = {
      AppendPlane(context, p, source, 1, 0, padded_h, padded_w),
      AppendPlane(context, p, inverted, 0, kInvertedZero, padded_h, padded_w)};
  // At each position its window of the upper, then of the lower digits.
  const int64_t depth = p.depth(), positions = p.positions();
  const int32_t windows = context.NewStorage(positions * 2 * depth);
  Layer gather = NewCopy(windows);
  for (int64_t digit = 0; digit < 2; ++digit) {
    const View plane = DenseView(planes[digit], {p.images, padded_h, padded_w, p.in_c});
    for (int64_t tap = 0; tap < p.taps(); ++tap) {
      const View rows = Sliced(plane, 1, tap / p.kernel_w * p.dilation_h, p.out_h, p.stride_h);
      const int64_t row = p.out_w * 2 * depth;
      AddCopy(&gather, Sliced(rows, 2, tap % p.kernel_w * p.dilation_w, p.out_w, p.stride_w),
              View{windows,
                   digit * depth + tap * p.in_c,
                   1,
                   {p.images, p.out_h, p.out_w, p.in_c},
                   {p.out_h * row, row, 2 * depth, 1}});
    }
  }
  context.lowered.layers.push_back(std::move(gather));

  const std::vector<QuantizedMultiplier> factors = OutputMultipliers(model, node);
  std::vector<int32_t> results;
  for (int32_t byte = 0; byte < 2; ++byte) {
    Layer layer;
    layer.inputs = {windows};
    layer.output = context.NewStorage(positions * p.out_c);
    results.push_back(layer.output);
    Geometry& g = layer.geometry;
    g.in_h = 2 * positions;
    g.out_h = positions;
    g.stride_h = g.kernel_h = 2;
    g.in_c = depth;
    g.out_c = p.out_c;
    layer.shift_sums = true;
    layer.out_type = 1;
    layer.out_byte = byte;
    if (LowerResult refusal = AppendDense(
            context, std::move(layer),
            [&](int64_t o, int64_t, int64_t, int64_t c) {
              return int16_t{WeightOf(p, filter, o, c)};
            },
            [&](int64_t o) {
              int64_t bias = BiasOf(model, node, o);
              for (int64_t k = 0; k < depth; ++k) bias += 128 * WeightOf(p, filter, o, k);
              // Sums wrap, and all is in range at the end.
              return ParameterRecord{static_cast<int32_t>(static_cast<uint64_t>(bias)),
                                     *NpuMultiplier(factors[static_cast<size_t>(o)]), 0};
            })) {
      return refusal;
    }
  }
  const int64_t count = positions * p.out_c;
  if (p.activation == Activation::kRelu) {
    AppendRelu(context, count, &results[0], &results[1]);
  }
  const int32_t target = context.StorageOf(node.outputs[0]);
  Layer join = NewCopy(target);
  for (int64_t byte = 0; byte < 2; ++byte) {
    AddCopy(&join, DenseView(results[static_cast<size_t>(byte)], {count, 1}),
            Sliced(DenseView(target, {count, 2}), 1, byte, 1));
  }
  context.lowered.layers.push_back(std::move(join));
  return std::nullopt;
}

}  // namespace npugen::compiler

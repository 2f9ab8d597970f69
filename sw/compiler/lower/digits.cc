// SPDX-License-Identifier: Apache-2.0
// Numbers wider than a byte: operands or weights as base-256 digits, whose sums are multiplied by
// 256 from digit to digit (Layer::shift_sums).
#include <algorithm>

#include "sw/compiler/lower/dense.h"
#include "sw/compiler/lower/elementwise.h"
#include "sw/compiler/lower/fixed_point.h"
#include "sw/compiler/lower/view.h"
#include "sw/model/quantization.h"

namespace npugen::compiler {
namespace {

constexpr int64_t kMostBlockChannels = 16;
/// RESIZE_BILINEAR: combinations of weights that get layers of their own; where there are more, the
/// axes take turns.
constexpr size_t kMostResizePhases = 96;
/// Input positions that a block of output positions of an axis may read in any case.
constexpr int64_t kMostBandPositions = 32;

/// A copy layer that makes `output` (elements of several bytes) from planes of their bytes, the
/// least significant first.
Layer Interleave(const std::vector<int32_t>& planes, int64_t elements, int32_t output) {
  const int64_t bytes = static_cast<int64_t>(planes.size());
  Layer copy = NewCopy(output);
  for (int64_t byte = 0; byte < bytes; ++byte) {
    AddCopy(&copy, DenseView(planes[byte], {elements, 1}),
            Sliced(DenseView(output, {elements, bytes}), 1, byte, 1));
  }
  return copy;
}

/// QUANTIZE from 8 to 16 or 32 bits: a look-up for each byte of the result.
LowerResult Widen(LoweringContext& context, const Operator& node,
                  const QuantizedMultiplier& factor) {
  const Tensor& input = context.tensor(node.inputs[0]);
  const Tensor& output = context.tensor(node.outputs[0]);
  const int64_t bytes = static_cast<int64_t>(ElementBytes(output.type));
  std::vector<int32_t> planes;
  for (int64_t byte = 0; byte < bytes; ++byte) {
    std::vector<uint8_t> table(256);
    for (int32_t index = 0; index < 256; ++index) {
      const int32_t q = input.type == TensorType::kInt8 && index > 127 ? index - 256 : index;
      int64_t value = int64_t{Scaled(q - input.zero_point(), factor)} + output.zero_point();
      const int64_t limit = int64_t{1} << (8 * bytes - 1);
      value = std::clamp(value, -limit, limit - 1);
      table[index] = static_cast<uint8_t>(static_cast<uint64_t>(value) >> 8 * byte);
    }
    planes.push_back(context.NewStorage(output.elements()));
    AppendLookup(context, context.StorageOf(node.inputs[0]), planes.back(), output.shape, table);
  }
  context.lowered.layers.push_back(
      Interleave(planes, output.elements(), context.StorageOf(node.outputs[0])));
  return std::nullopt;
}

/// QUANTIZE from 16 or 32 bits: a product with the identity whose operands are digits.
LowerResult Requantize(LoweringContext& context, const Operator& node,
                       const QuantizedMultiplier& factor) {
  const Tensor& input = context.tensor(node.inputs[0]);
  const Tensor& output = context.tensor(node.outputs[0]);
  const int64_t elements = input.elements();
  const int64_t digits = static_cast<int64_t>(ElementBytes(input.type));
  const int32_t source = context.StorageOf(node.inputs[0]);
  // Digits but the highest are unsigned: with the top bit inverted they are signed and 128 less.
  const int32_t inverted = context.NewStorage(elements * digits);
  std::vector<uint8_t> invert(256);
  for (int32_t byte = 0; byte < 256; ++byte) invert[byte] = static_cast<uint8_t>(byte ^ 0x80);
  AppendLookup(context, source, inverted, {static_cast<int32_t>(elements * digits)}, invert);
  const int64_t block =
      std::min<int64_t>({context.config.pe_lanes(), context.config.simd, elements});
  const int64_t padded = CeilDiv(elements, block) * block;
  const int32_t planes = context.NewStorage(padded * digits);
  Layer copy = NewCopy(planes);
  const View rows = DenseView(planes, {digits, padded});
  AddFill(&copy, Sliced(rows, 1, elements, padded - elements));
  int64_t offset = 0;
  for (int64_t digit = 0; digit < digits; ++digit) {
    const int32_t from = digit + 1 == digits ? source : inverted;
    AddCopy(&copy, Sliced(DenseView(from, {elements, digits}), 1, digit, 1),
            View{planes, (digits - 1 - digit) * padded, 1, {elements, 1}, {1, 1}});
    if (digit + 1 < digits) offset += int64_t{128} << 8 * digit;
  }
  context.lowered.layers.push_back(std::move(copy));

  const int64_t out_bytes = static_cast<int64_t>(ElementBytes(output.type));
  const int32_t target = context.StorageOf(node.outputs[0]);
  std::vector<int32_t> results;
  for (int64_t byte = 0; byte < out_bytes; ++byte) {
    Layer layer;
    layer.inputs = {planes};
    layer.output = out_bytes == 1 && padded == elements ? target : context.NewStorage(padded);
    results.push_back(layer.output);
    Geometry& g = layer.geometry;
    g.in_h = g.kernel_h = digits;
    g.in_w = g.out_w = padded / block;
    g.in_c = g.out_c = block;
    layer.shift_sums = true;
    layer.out_type = out_bytes == 1 ? 0 : out_bytes == 2 ? 1 : 2;
    layer.out_byte = static_cast<int32_t>(byte);
    layer.out_zero_point = output.zero_point();
    const int64_t bias = offset - input.zero_point();
    if (LowerResult refusal = AppendDense(
            context, std::move(layer),
            [](int64_t o, int64_t, int64_t, int64_t c) { return static_cast<int8_t>(o == c); },
            [&](int64_t) {
              return ParameterRecord{static_cast<int32_t>(bias), factor.multiplier, factor.shift};
            })) {
      return refusal;
    }
  }
  if (results[0] == target) return std::nullopt;
  context.lowered.layers.push_back(Interleave(results, elements, target));
  return std::nullopt;
}

/// Output positions of one axis between the same neighbours' weights, at regular distances.
struct RatioStretch {
  int64_t out_begin, out_step, count;
  int64_t lower, step;  ///< input position of the first, and from one to the next
  int64_t reach;        ///< upper - lower: 0 or 1
  int64_t fraction;     ///< weight of the upper one in 1/1024
};

std::vector<RatioStretch> FindStretches(const std::vector<BilinearSource>& sources,
                                        int32_t in_size) {
  std::vector<RatioStretch> stretches;
  std::vector<bool> taken(sources.size(), false);
  const int64_t size = static_cast<int64_t>(sources.size());
  const int64_t distance = std::max<int64_t>(1, (size + in_size / 2) / in_size);
  for (int64_t first = 0; first < size; ++first) {
    if (taken[first]) continue;
    const BilinearSource& source = sources[first];
    RatioStretch stretch{first,          distance, 1, source.lower, 0, source.upper - source.lower,
                         source.fraction};
    if (first + distance < size) stretch.step = sources[first + distance].lower - source.lower;
    taken[first] = true;
    for (int64_t at = first + distance; at < size; at += distance) {
      const BilinearSource& next = sources[at];
      if (taken[at] || next.fraction != stretch.fraction ||
          next.upper - next.lower != stretch.reach ||
          next.lower != stretch.lower + stretch.count * stretch.step) {
        break;
      }
      taken[at] = true;
      ++stretch.count;
    }
    stretches.push_back(stretch);
  }
  return stretches;
}

/// How sums of weights that add up to 2^20 become bytes. Halves are rounded away from zero; those
/// of uint8 networks up: of twice the sum of uint8 values, which is not negative.
struct ResizeRounding {
  explicit ResizeRounding(const Operator& node)
      : average(!node.from_uint8),
        factor(node.from_uint8 ? 2 : 1),
        zero_point(node.from_uint8 ? -128 : 0),
        record(node.from_uint8 ? ParameterRecord{1 << 28, 1 << 30, -20}
                               : ParameterRecord{1 << 19, 1 << 30, -19}) {}
  void Set(Layer* layer) const {
    layer->average = average;
    layer->out_zero_point = zero_point;
  }
  bool average;
  int64_t factor;  ///< of weights
  int32_t zero_point;
  ParameterRecord record;
};

/// Output positions at regular distances have the same weights: each combination of such a phase of
/// rows and one of columns is a product with the four neighbours, which the DMA gathers.
LowerResult ResizeByPhases(LoweringContext& context, const Operator& node,
                           const std::vector<RatioStretch>& y_stretches,
                           const std::vector<RatioStretch>& x_stretches) {
  const std::vector<int32_t>& in = context.tensor(node.inputs[0]).shape;
  const std::vector<int32_t>& out = context.tensor(node.outputs[0]).shape;
  const ResizeRounding rounding(node);
  // At each position and block of channels four taps.
  const int64_t images = in[0];
  const int64_t channels = in[3];
  const int64_t block = LargestDivisor(channels, kMostBlockChannels);
  const int64_t blocks = channels / block;
  const View source = SplitDimension(
      DenseView(context.StorageOf(node.inputs[0]), {in[0], in[1], in[2], in[3]}), 3, block);
  const int32_t target = context.StorageOf(node.outputs[0]);
  const View result = DenseView(target, {out[0], out[1], out[2], out[3]});
  Layer assemble = NewCopy(target);
  for (const RatioStretch& y : y_stretches) {
    for (const RatioStretch& x : x_stretches) {
      const int64_t positions = images * y.count * x.count * blocks;
      const int32_t taps = context.NewStorage(positions * 4 * block);
      const View gathered = DenseView(taps, {images, y.count, x.count, blocks, 4, block});
      Layer gather = NewCopy(taps);
      for (int64_t tap = 0; tap < 4; ++tap) {
        const int64_t row = y.lower + (tap / 2) * y.reach;
        const int64_t column = x.lower + (tap % 2) * x.reach;
        AddCopy(&gather,
                Sliced(Sliced(source, 1, row, y.count, y.step), 2, column, x.count, x.step),
                WithoutDimension(Sliced(gathered, 4, tap, 1), 4));
      }
      context.lowered.layers.push_back(std::move(gather));
      // Weights are up to 2^20: three digits. The division by 2^20 rounds halves away from zero.
      constexpr int64_t kDigits = 3;
      const int64_t rows[2] = {1024 - y.fraction, y.fraction};
      const int64_t columns[2] = {1024 - x.fraction, x.fraction};
      Layer layer;
      layer.inputs = {taps};
      layer.output = context.NewStorage(positions * block);
      rounding.Set(&layer);
      SetDigits(positions, 4 * block, block, kDigits, &layer);
      const int32_t part = layer.output;
      if (LowerResult refusal = AppendDense(
              context, std::move(layer),
              [&](int64_t o, int64_t row, int64_t, int64_t c) {
                if (c % block != o) return int8_t{0};
                const int64_t tap = c / block;
                return SignedDigit(rounding.factor * rows[tap / 2] * columns[tap % 2],
                                   kDigits - 1 - row);
              },
              [&](int64_t) { return rounding.record; })) {
        return refusal;
      }
      AddCopy(&assemble, DenseView(part, {images, y.count, x.count, channels}),
              Sliced(Sliced(result, 1, y.out_begin, y.count, y.out_step), 2, x.out_begin, x.count,
                     x.out_step));
    }
  }
  context.lowered.layers.push_back(std::move(assemble));
  return std::nullopt;
}

/// Output positions [begin, end) of an axis, and the input positions that they read.
struct AxisBlock {
  int64_t begin, end;
  int64_t in_begin, in_end;
};

/// Blocks of an axis that read few input positions each.
std::vector<AxisBlock> BlocksOf(const std::vector<BilinearSource>& sources, int64_t lanes) {
  std::vector<AxisBlock> blocks;
  for (size_t i = 0; i < sources.size(); ++i) {
    const AxisBlock one{static_cast<int64_t>(i), static_cast<int64_t>(i) + 1, sources[i].lower,
                        sources[i].upper + 1};
    if (!blocks.empty()) {
      AxisBlock joined = blocks.back();
      joined.end = one.end;
      joined.in_begin = std::min(joined.in_begin, one.in_begin);
      joined.in_end = std::max(joined.in_end, one.in_end);
      if (joined.end - joined.begin <= lanes ||
          joined.in_end - joined.in_begin <= kMostBandPositions) {
        blocks.back() = joined;
        continue;
      }
    }
    blocks.push_back(one);
  }
  return blocks;
}

/// Weight of input position `at`, in 1/1024.
int64_t AxisWeight(const BilinearSource& source, int64_t at) {
  return (at == source.lower ? 1024 - source.fraction : 0) +
         (at == source.upper ? source.fraction : 0);
}

/// A layer of as many rows as there are positions; row by row the same positions of an axis (of
/// `in_c` bytes each) are multiplied by weights of several digits.
Layer AxisLayer(int64_t positions, int64_t size, int64_t in_c, const AxisBlock& block,
                int64_t digits) {
  Layer layer;
  layer.shift_sums = true;
  Geometry& g = layer.geometry;
  g.in_h = g.out_h = positions;
  g.in_w = size;
  g.in_c = in_c;
  g.out_c = block.end - block.begin;
  g.kernel_w = block.in_end - block.in_begin;
  g.pad_left = -block.in_begin;
  g.kernel_h = digits;
  g.dilation_h = 0;
  return layer;
}

/// First along the rows, then along the columns, with the axis innermost: a position of the output
/// is a channel of a product, so the number of commands does not depend on how often weights
/// repeat. Between the axes values have 18 bits: three planes of signed digits. The only rounding
/// is the last one, as in TFLite.
LowerResult ResizeByAxes(LoweringContext& context, const Operator& node,
                         const std::vector<BilinearSource>& rows,
                         const std::vector<BilinearSource>& columns) {
  const ResizeRounding rounding(node);
  constexpr int64_t kPlanes = 3;        // digits of a value between the axes
  constexpr int64_t kWeightDigits = 2;  // weights are at most 1024
  constexpr int64_t kLevels = kPlanes + kWeightDigits - 1;
  const std::vector<int32_t>& in = context.tensor(node.inputs[0]).shape;
  const std::vector<int32_t>& out = context.tensor(node.outputs[0]).shape;
  const int64_t images = in[0], in_h = in[1], in_w = in[2], channels = in[3];
  const int64_t out_h = out[1], out_w = out[2];
  const int64_t lanes = context.config.pe_lanes();
  const int32_t upright = context.NewStorage(images * in_w * channels * in_h);
  Layer turn = NewCopy(upright);
  AddCopy(&turn,
          Transposed(DenseView(context.StorageOf(node.inputs[0]), {images, in_h, in_w, channels}),
                     {0, 2, 3, 1}),
          DenseView(upright, {images, in_w, channels, in_h}));
  context.lowered.layers.push_back(std::move(turn));

  const int32_t between = context.NewStorage(images * out_h * channels * in_w * kPlanes);
  const View planes = DenseView(between, {images, out_h, channels, in_w, kPlanes});
  Layer flat = NewCopy(between);
  int64_t carry = 0;  // what makes the lower digits signed
  for (int64_t plane = 0; plane < kPlanes; ++plane) {
    for (const AxisBlock& block : BlocksOf(rows, lanes)) {
      const int64_t positions = images * in_w * channels;
      const int64_t height = block.end - block.begin;
      Layer layer = AxisLayer(positions, in_h, 1, block, kWeightDigits);
      layer.inputs = {upright};
      const int32_t part = layer.output = context.NewStorage(positions * height);
      layer.out_type = 2;
      layer.out_byte = static_cast<int32_t>(plane);
      if (LowerResult refusal = AppendDense(
              context, std::move(layer),
              [&](int64_t o, int64_t digit, int64_t column, int64_t) {
                return SignedDigit(AxisWeight(rows[block.begin + o], block.in_begin + column),
                                   kWeightDigits - 1 - digit);
              },
              [&](int64_t) {
                return ParameterRecord{static_cast<int32_t>(carry), 1 << 30, 1};
              })) {
        return refusal;
      }
      AddCopy(&flat, Transposed(DenseView(part, {images, in_w, channels, height}), {0, 3, 2, 1}),
              WithoutDimension(Sliced(Sliced(planes, 4, plane, 1), 1, block.begin, height), 4));
    }
    carry += int64_t{128} << 8 * plane;
  }
  context.lowered.layers.push_back(std::move(flat));

  const int32_t target = context.StorageOf(node.outputs[0]);
  const View result = DenseView(target, {images, out_h, out_w, channels});
  Layer assemble = NewCopy(target);
  for (const AxisBlock& block : BlocksOf(columns, lanes)) {
    const int64_t positions = images * out_h * channels;
    const int64_t width = block.end - block.begin;
    Layer layer = AxisLayer(positions, in_w, kPlanes, block, kLevels);
    layer.inputs = {between};
    const int32_t part = layer.output = context.NewStorage(positions * width);
    rounding.Set(&layer);
    if (LowerResult refusal = AppendDense(
            context, std::move(layer),
            [&](int64_t o, int64_t row, int64_t column, int64_t plane) {
              const int64_t digit = kLevels - 1 - row - plane;
              if (digit < 0 || digit >= kWeightDigits) return int8_t{0};
              return SignedDigit(
                  rounding.factor * AxisWeight(columns[block.begin + o], block.in_begin + column),
                  digit);
            },
            [&](int64_t) { return rounding.record; })) {
      return refusal;
    }
    AddCopy(&assemble, Transposed(DenseView(part, {images, out_h, channels, width}), {0, 1, 3, 2}),
            Sliced(result, 2, block.begin, width));
  }
  context.lowered.layers.push_back(std::move(assemble));
  return std::nullopt;
}

}  // namespace

LowerResult LowerQuantize(LoweringContext& context, int32_t op) {
  const Operator& node = context.model.operators[op];
  const Tensor& input = context.tensor(node.inputs[0]);
  const Tensor& output = context.tensor(node.outputs[0]);
  const bool wide_input = ElementBytes(input.type) > 1;
  if (!wide_input && ElementBytes(output.type) == 1) return LowerRequantizedBytes(context, op);
  const std::optional<QuantizedMultiplier> factor =
      RescaleMultiplier(input.scale(), output.scale(), ValueBits(input.type));
  if (!factor) return Refusal{DiagnosticCode::kCompileLimit, "its scales are out of range", ""};
  return wide_input ? Requantize(context, node, *factor) : Widen(context, node, *factor);
}

LowerResult LowerAddN(LoweringContext& context, int32_t op) {
  const Operator& node = context.model.operators[op];
  const Tensor& input = context.tensor(node.inputs[0]);
  const Tensor& output = context.tensor(node.outputs[0]);
  const std::optional<AddMultipliers> factors =
      ComputeAddMultipliers(input.scale(), input.scale(), output.scale());
  if (!factors) return Refusal{DiagnosticCode::kCompileLimit, "its scales are out of range", ""};
  const int64_t operands = static_cast<int64_t>(node.inputs.size());
  const int64_t elements = output.elements();
  const int64_t block = LargestDivisor(elements, kMostBlockChannels);
  const int64_t positions = elements / block;
  // The operands of a block side by side.
  const int32_t stacked = context.NewStorage(elements * operands);
  Layer copy = NewCopy(stacked);
  for (int64_t i = 0; i < operands; ++i) {
    AddCopy(&copy, DenseView(context.StorageOf(node.inputs[i]), {positions, 1, block}),
            Sliced(DenseView(stacked, {positions, operands, block}), 1, i, 1));
  }
  context.lowered.layers.push_back(std::move(copy));
  // Values count 2^19 = 8 * 256^2; TFLM adds one more value 0.
  constexpr int64_t kDigits = 3;
  Layer layer;
  layer.inputs = {stacked};
  layer.output = context.StorageOf(node.outputs[0]);
  layer.out_zero_point = output.zero_point();
  SetDigits(positions, operands * block, block, kDigits, &layer);
  const int64_t bias = -(operands + 1) * input.zero_point() * (int64_t{1} << 19);
  return AppendDense(
      context, std::move(layer),
      [=](int64_t o, int64_t row, int64_t, int64_t c) {
        return static_cast<int8_t>(c % block == o && row == 0 ? 8 : 0);
      },
      [&](int64_t) {
        return ParameterRecord{static_cast<int32_t>(bias), factors->output.multiplier,
                               factors->output.shift};
      });
}

LowerResult LowerResizeBilinear(LoweringContext& context, int32_t op) {
  const Operator& node = context.model.operators[op];
  const ResizeOptions& options = std::get<ResizeOptions>(node.options);
  const std::vector<int32_t>& in = context.tensor(node.inputs[0]).shape;
  const std::vector<int32_t>& out = context.tensor(node.outputs[0]).shape;
  std::vector<BilinearSource> sources[2];
  for (int axis = 0; axis < 2; ++axis) {
    for (int32_t position = 0; position < out[axis + 1]; ++position) {
      const std::optional<BilinearSource> source =
          node.from_uint8
              ? ComputeFloatBilinearSource(options, position, in[axis + 1], out[axis + 1]).source
              : ComputeBilinearSource(options, position, in[axis + 1], out[axis + 1]);
      if (!source) {
        return Refusal{DiagnosticCode::kCompileOperator, "it reads outside of the input", ""};
      }
      sources[axis].push_back(*source);
    }
  }
  const std::vector<RatioStretch> rows = FindStretches(sources[0], in[1]);
  const std::vector<RatioStretch> columns = FindStretches(sources[1], in[2]);
  if (rows.size() * columns.size() <= kMostResizePhases) {
    return ResizeByPhases(context, node, rows, columns);
  }
  return ResizeByAxes(context, node, sources[0], sources[1]);
}

}  // namespace npugen::compiler

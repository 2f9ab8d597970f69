// SPDX-License-Identifier: Apache-2.0
// Convolutions and fully connected layers as MATMUL; depthwise convolutions as WINDOW.
#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "sw/compiler/lower/dense.h"
#include "sw/compiler/lower/fetch_cost.h"
#include "sw/compiler/lower/side_by_side.h"
#include "sw/compiler/lower/view.h"
#include "sw/model/quantization.h"

namespace npugen::compiler {
namespace {

/// Of post-processing.
constexpr int32_t kLargestLeftShift = 31;
/// Kernel rows that a gathered slice may touch, and the length of a row that a command can hold.
constexpr int64_t kLargestGatherRows = 4;
constexpr int64_t kGatherRunLimit = 1 << 14;
/// Parameters of one layer, packed; a guard against models that expand beyond reason.
constexpr int64_t kLargestParameters = int64_t{1} << 30;

int32_t Word(const std::vector<uint8_t>& bytes, size_t index) {
  const uint8_t* b = bytes.data() + index * 4;
  return static_cast<int32_t>(uint32_t{b[0]} | uint32_t{b[1]} << 8 | uint32_t{b[2]} << 16 |
                              uint32_t{b[3]} << 24);
}

/// Element `index` of a filter.
int16_t FilterValue(const Tensor& filter, int64_t index) {
  if (filter.type != TensorType::kInt16) return static_cast<int8_t>(filter.data[index]);
  return static_cast<int16_t>(filter.data[2 * index] | filter.data[2 * index + 1] << 8);
}

/// Parts that the weights of a filter need.
int64_t PartsOf(const Tensor& filter) {
  int64_t parts = 1;
  for (int64_t i = 0; i < filter.elements(); ++i) {
    parts = std::max(parts, PartsOfWeight(FilterValue(filter, i)));
  }
  return parts;
}

/// Fills what all weighted layers share: filler, clamping, channel groups and parameter records
/// with the input's zero point folded into the bias (padding reads as the zero point, so it adds
/// nothing).
LowerResult SetChannels(const LoweringContext& context, int32_t op, Layer* layer,
                        int64_t group_channels, Activation activation,
                        const WeightFunction& weight) {
  const Model& model = context.model;
  const Operator& node = model.operators[op];
  const Tensor& input = context.tensor(node.inputs[0]);
  const Tensor& filter = context.tensor(node.inputs[1]);
  const Tensor& output = context.tensor(node.outputs[0]);
  const Geometry& g = layer->geometry;

  const std::optional<ActivationRange> range =
      ComputeActivationRange(activation, output.scale(), output.zero_point());
  if (!range) return Refusal{DiagnosticCode::kCompileLimit, "the activation's limits overflow", ""};
  layer->act_min = range->min;
  layer->act_max = range->max;
  layer->out_zero_point = output.zero_point();
  layer->fill = static_cast<uint8_t>(input.zero_point());
  layer->group_channels = std::min(group_channels, g.out_c);
  layer->groups = CeilDiv(g.out_c, layer->group_channels);

  const std::vector<QuantizedMultiplier> multipliers = OutputMultipliers(model, node);
  if (static_cast<int64_t>(multipliers.size()) != g.out_c) {
    return Refusal{DiagnosticCode::kCompileOperator, "scales and channels disagree", ""};
  }
  for (int32_t zero_point : filter.zero_points) {
    if (zero_point != 0) {
      return Refusal{DiagnosticCode::kCompileOperator, "the weights have a zero point", ""};
    }
  }
  const Tensor* bias = nullptr;
  if (node.inputs.size() > 2 && node.inputs[2] >= 0) bias = &context.tensor(node.inputs[2]);
  if (bias != nullptr && (bias->type != TensorType::kInt32 || bias->elements() != g.out_c ||
                          bias->data.size() != bias->bytes())) {
    return Refusal{DiagnosticCode::kCompileOperator, "the bias is not an int32 constant", ""};
  }

  const int64_t lanes = context.config.pe_lanes();
  Parameters& parameters = layer->parameters;
  parameters.packed = filter.type == TensorType::kInt4;
  parameters.groups = parameters.blocks = layer->groups;
  parameters.records.resize(static_cast<size_t>(layer->groups * lanes));
  for (int64_t o = 0; o < g.out_c; ++o) {
    const QuantizedMultiplier& multiplier = multipliers[o];
    if (multiplier.shift > kLargestLeftShift) {
      return Refusal{DiagnosticCode::kCompileLimit,
                     fmt::format("output channel {} is scaled up by 2^{}; post-processing shifts "
                                 "left by at most {}",
                                 o, multiplier.shift, kLargestLeftShift),
                     "its output scale is far too small for its input and weight scales"};
    }
    int64_t sum = 0;
    const int64_t channels = layer->opcode == Opcode::kWindow ? 1 : g.in_c;
    for (int64_t r = 0; r < g.kernel_h; ++r) {
      for (int64_t k = 0; k < g.kernel_w; ++k) {
        for (int64_t c = 0; c < channels; ++c) sum += weight(o, r, k, c);
      }
    }
    const int64_t folded =
        (bias ? int64_t{Word(bias->data, static_cast<size_t>(o))} : 0) - input.zero_point() * sum;
    const int64_t group = o / layer->group_channels;
    const int64_t lane = o % layer->group_channels;
    // Sums wrap at 32 bits in TFLite as well, so a bias beyond them only wraps once more.
    parameters.records[group * lanes + lane] = {static_cast<int32_t>(static_cast<uint64_t>(folded)),
                                                multiplier.multiplier, multiplier.shift};
  }
  layer->regions = {Region{0, g.out_h, 0, g.out_w, 0}};
  return std::nullopt;
}

LowerResult CheckSize(const Layer& layer, const NpuConfig& config) {
  const int64_t slice = int64_t{config.pe_lanes()} * config.simd;
  if (layer.slices() > kLargestParameters / slice / layer.groups) {
    return Refusal{DiagnosticCode::kCompileLimit, "the packed weights exceed 1 GiB", ""};
  }
  return std::nullopt;
}

}  // namespace

int8_t PartOf(int32_t weight, int64_t part) {
  for (; part > 0; --part) weight -= std::clamp(weight, -128, 127);
  return static_cast<int8_t>(std::clamp(weight, -128, 127));
}

int64_t PartsOfWeight(int32_t weight) {
  int64_t parts = 0;
  for (; weight != 0; ++parts) weight -= std::clamp(weight, -128, 127);
  return parts;
}

bool StrungSlicesLegal(const NpuConfig& config, const Geometry& g, int64_t run) {
  const int64_t simd = config.simd;
  if (run >= kGatherRunLimit || g.kernel_h > kLargestLoopCount ||
      simd / run * g.dilation_h > kLargestLoopCount) {
    return false;
  }
  const int64_t bytes = g.kernel_h * run;
  for (int64_t begin = 0; begin < bytes; begin += simd) {
    const int64_t last = std::min(begin + simd, bytes) - 1;
    if (last / run - begin / run >= kLargestGatherRows) return false;
  }
  return true;
}

/// Whether a kernel row without dilation is one run of bytes.
static bool HasDenseRows(const Geometry& g) { return g.dilation_w == 1 || g.kernel_w == 1; }

/// Cost of slices that are cut from all kernel rows of `run` bytes, strung together: the hardware
/// fetches several rows per cycle. None where that is impossible.
static std::optional<DenseCost> CostOfStrung(const NpuConfig& config, const Layer& layer,
                                             int64_t run) {
  const Geometry& g = layer.geometry;
  const int64_t simd = config.simd;
  const int64_t bytes = g.kernel_h * run;
  if (!HasDenseRows(g) || layer.parts > 1 || g.kernel_h == 1 || layer.shift_sums ||
      !StrungSlicesLegal(config, g, run)) {
    return std::nullopt;
  }
  // Such kernels are never cut, so they must be small.
  DenseCost cost{0, CeilDiv(bytes, simd), true};
  if (cost.slices * config.slice_rows() + config.param_rows() > config.core_rows() / 6) {
    return std::nullopt;
  }
  for (int64_t begin = 0; begin < bytes; begin += simd) {
    const int64_t end = std::min(begin + simd, bytes);
    const int64_t first = begin / run, last = (end - 1) / run;
    std::vector<FetchVector> vectors;
    for (int64_t row = first; row <= last; ++row) {
      const int64_t skipped = row == first ? begin - row * run : 0;
      vectors.push_back(
          {row * g.dilation_h * g.in_row_bytes() + skipped, std::min(simd, run - skipped)});
    }
    cost.cycles += FetchCycles(config, vectors, g.stride_w * g.in_c);
  }
  return cost;
}

DenseCost CostOfDense(const NpuConfig& config, const Layer& layer) {
  const Geometry& g = layer.geometry;
  const bool dense_rows = HasDenseRows(g);
  const int64_t run = dense_rows ? g.kernel_w * g.in_c : g.in_c;
  const int64_t slices =
      g.kernel_h * (dense_rows ? layer.parts : g.kernel_w) * CeilDiv(run, int64_t{config.simd});
  const DenseCost apart{static_cast<double>(slices), slices, false};
  const std::optional<DenseCost> strung = CostOfStrung(config, layer, run);
  return strung && strung->cycles < apart.cycles ? *strung : apart;
}

/// Slices for MATMUL. A kernel row without dilation is one run of kernel_w * in_c bytes, which is
/// cut into slices without regard to taps; where that wastes much, as with 10x4x1, all rows are one
/// run.
LowerResult SetDenseWeights(const NpuConfig& config, Layer* layer, const WeightFunction& weight) {
  const Geometry& g = layer->geometry;
  const int64_t simd = config.simd;
  const int64_t lanes = config.pe_lanes();
  const bool dense_rows = HasDenseRows(g);
  const int64_t run = dense_rows ? g.kernel_w * g.in_c : g.in_c;
  if (layer->binary) {
    if (!StrungSlicesLegal(config, g, run)) {
      return Refusal{DiagnosticCode::kCompileLimit,
                     fmt::format("kernel rows of {} bytes of bits", run),
                     fmt::format("at most {} kernel rows of less than {} bytes", kLargestLoopCount,
                                 kGatherRunLimit)};
    }
  }
  layer->gather = layer->binary || CostOfDense(config, *layer).strung;
  layer->k0_count = CeilDiv(layer->gather ? g.kernel_h * run : run, simd);
  layer->k1_count = dense_rows ? layer->parts : g.kernel_w;
  layer->k2_count = layer->gather ? 1 : g.kernel_h;
  if (LowerResult refusal = CheckSize(*layer, config)) return refusal;
  const int64_t slices = layer->slices();
  std::vector<int8_t>& packed = layer->parameters.weights;
  packed.assign(static_cast<size_t>(layer->groups * slices * lanes * simd), 0);
  for (int64_t o = 0; o < layer->out_channels(); ++o) {
    const int64_t group = o / layer->group_channels;
    const int64_t lane = o % layer->group_channels;
    for (int64_t row = 0; row < g.kernel_h; ++row) {
      for (int64_t k1 = 0; k1 < layer->k1_count; ++k1) {
        for (int64_t i = 0; i < run; ++i) {
          const int64_t byte = layer->gather ? row * run + i : i;
          const int64_t first = layer->gather ? 0 : (row * layer->k1_count + k1) * layer->k0_count;
          const int64_t column = dense_rows ? i / g.in_c : k1;
          packed[((group * slices + first + byte / simd) * lanes + lane) * simd + byte % simd] =
              PartOf(weight(o, row, column, dense_rows ? i % g.in_c : i),
                     layer->parts > 1 ? k1 : 0);
        }
      }
    }
  }
  return std::nullopt;
}

/// Groups of `group_channels` channels with their records.
static void SetGroups(const NpuConfig& config, int64_t group_channels, const RecordFunction& record,
                      Layer* layer) {
  const int64_t lanes = config.pe_lanes();
  const Geometry& g = layer->geometry;
  if (layer->channels == 0) {
    layer->group_channels = std::min(group_channels, g.out_c);
    layer->groups = CeilDiv(g.out_c, layer->group_channels);
  }
  layer->regions = {Region{0, g.out_h, 0, g.out_w, 0}};
  Parameters& parameters = layer->parameters;
  parameters.groups = parameters.blocks = layer->groups;
  parameters.records.resize(static_cast<size_t>(layer->groups * lanes));
  for (int64_t o = 0; o < layer->out_channels(); ++o) {
    parameters.records[o / layer->group_channels * lanes + o % layer->group_channels] = record(o);
  }
}

LowerResult AppendDense(LoweringContext& context, Layer layer, const WeightFunction& weight,
                        const RecordFunction& record) {
  layer.opcode = Opcode::kMatmul;
  SetGroups(context.config, context.config.pe_lanes(), record, &layer);
  LowerResult refusal = SetDenseWeights(context.config, &layer, weight);
  if (!refusal) context.lowered.layers.push_back(std::move(layer));
  return refusal;
}

int8_t SignedDigit(int64_t number, int64_t digit) {
  for (; digit > 0; --digit) number = (number + 128) >> 8;
  return static_cast<int8_t>(static_cast<uint8_t>(number));
}

void SetDigits(int64_t positions, int64_t in_c, int64_t out_c, int64_t digits, Layer* layer) {
  // All digits are multiplied with the same row.
  Geometry& g = layer->geometry;
  g = Geometry{};
  g.in_w = g.out_w = positions;
  g.in_c = in_c;
  g.out_c = out_c;
  g.kernel_h = digits;
  g.dilation_h = 0;
  layer->shift_sums = true;
}

int64_t LargestDivisor(int64_t number, int64_t most) {
  int64_t divisor = std::min(number, most);
  while (number % divisor != 0) --divisor;
  return divisor;
}

namespace {

/// Slices for WINDOW; column-major taps of a window end in the last slot.
LowerResult SetWindowWeights(const NpuConfig& config, Layer* layer, const WeightFunction& weight) {
  if (LowerResult refusal = CheckSize(*layer, config)) return refusal;
  const Geometry& g = layer->geometry;
  const WindowShape& window = layer->window;
  const int64_t simd = config.simd;
  const int64_t lanes = config.pe_lanes();
  const int64_t slices = layer->slices();
  std::vector<int8_t>& packed = layer->parameters.weights;
  packed.assign(static_cast<size_t>(layer->parameters.groups * slices * lanes * simd), 0);
  const int64_t kernel_rows = window.swap ? g.kernel_w : g.kernel_h;
  const int64_t kernel_columns = window.swap ? g.kernel_h : g.kernel_w;
  for (int64_t o = 0; o < layer->parameters.groups * layer->group_channels && o < g.out_c; ++o) {
    const int64_t group = o / layer->group_channels;
    const int64_t lane = o % layer->group_channels;
    for (int64_t row = 0; row < kernel_rows; ++row) {
      for (int64_t column = 0; column < kernel_columns; ++column) {
        const int64_t slot = config.window_slot(window.rows, window.columns, row % window.rows,
                                                column % window.columns);
        const int16_t value = window.swap ? weight(o, column, row, 0) : weight(o, row, column, 0);
        for (int64_t part = 0; part < layer->parts; ++part) {
          // With several parts a window has all columns.
          const int64_t slice =
              (row / window.rows) * layer->k1_count + column / window.columns + part;
          packed[((group * slices + slice) * lanes + lane) * simd + slot] = PartOf(value, part);
        }
      }
    }
  }
  return std::nullopt;
}

}  // namespace

LowerResult AppendDepthwise(LoweringContext& context, Layer layer, const WeightFunction& weight,
                            const RecordFunction& record) {
  layer.opcode = Opcode::kWindow;
  SetGroups(context.config, context.config.window_channels(), record, &layer);
  LowerResult refusal;
  if (!ChooseWindow(context.config, &layer)) {
    refusal = Refusal{DiagnosticCode::kCompileLimit, "no window fits", ""};
  }
  if (!refusal) refusal = SetWindowWeights(context.config, &layer, weight);
  if (!refusal) context.lowered.layers.push_back(std::move(layer));
  return refusal;
}

namespace {

/// Where a convolution finds its image: borders of PAD that have what the array reads outside of an
/// image, the zero point, need not be there.
struct ImageSource {
  int32_t tensor;
  int64_t top = 0, left = 0;  ///< rows and columns of the borders before it
};

ImageSource SourceOf(const LoweringContext& context, int32_t tensor) {
  ImageSource source{tensor};
  for (;;) {
    const int32_t producer = context.producers[static_cast<size_t>(source.tensor)];
    if (producer < 0) return source;
    const Operator& node = context.model.operators[static_cast<size_t>(producer)];
    const auto* pad = std::get_if<PadOptions>(&node.options);
    if (node.type != OperatorType::kPad || pad == nullptr || pad->paddings.size() != 4)
      return source;
    const Tensor& inner = context.tensor(node.inputs[0]);
    const std::pair<int32_t, int32_t> none(0, 0);
    if (pad->paddings[0] != none || pad->paddings[3] != none || inner.is_constant ||
        inner.type != TensorType::kInt8 || pad->value != context.tensor(tensor).zero_point()) {
      return source;
    }
    source = {node.inputs[0], source.top + pad->paddings[1].first,
              source.left + pad->paddings[2].first};
  }
}

LowerResult SetConvolutionGeometry(const LoweringContext& context, int32_t op, Geometry* g) {
  const Operator& node = context.model.operators[op];
  const ConvOptions& options = std::get<ConvOptions>(node.options);
  const std::vector<int32_t>& in = context.tensor(node.inputs[0]).shape;
  const std::vector<int32_t>& out = context.tensor(node.outputs[0]).shape;
  const Tensor& filter = context.tensor(node.inputs[1]);
  if (in.size() != 4 || out.size() != 4 || filter.shape.size() != 4) {
    return Refusal{DiagnosticCode::kCompileOperator, "data or filter is not of rank 4", ""};
  }
  if (filter.data.size() != filter.bytes()) {
    return Refusal{DiagnosticCode::kCompileOperator, "the weights are no constant", ""};
  }
  g->images = in[0];
  const ImageSource source = SourceOf(context, node.inputs[0]);
  g->in_h = context.tensor(source.tensor).shape[1];
  g->in_w = context.tensor(source.tensor).shape[2];
  g->in_c = in[3];
  g->out_h = out[1];
  g->out_w = out[2];
  g->out_c = out[3];
  g->kernel_h = filter.shape[1];
  g->kernel_w = filter.shape[2];
  g->stride_h = options.stride_h;
  g->stride_w = options.stride_w;
  g->dilation_h = options.dilation_h;
  g->dilation_w = options.dilation_w;
  g->pad_top = source.top + PaddingBefore(options.padding, in[1], out[1], filter.shape[1],
                                          options.stride_h, options.dilation_h);
  g->pad_left = source.left + PaddingBefore(options.padding, in[2], out[2], filter.shape[2],
                                            options.stride_w, options.dilation_w);
  return std::nullopt;
}

Layer NewLayer(LoweringContext& context, int32_t op, Opcode opcode) {
  const Operator& node = context.model.operators[op];
  Layer layer;
  layer.opcode = opcode;
  layer.inputs = {context.StorageOf(node.inputs[0])};
  layer.output = context.StorageOf(node.outputs[0]);
  layer.parts = PartsOf(context.tensor(node.inputs[1]));
  return layer;
}

LowerResult FinishDense(LoweringContext& context, int32_t op, Layer layer, Activation activation,
                        const WeightFunction& weight) {
  Geometry& g = layer.geometry;
  if (layer.parts > 1 && g.dilation_w > 1 && g.kernel_w > 1) {
    // Parts take the loop over columns: zeros between them make one run of a row.
    const int64_t dilation = g.dilation_w;
    g.kernel_w = (g.kernel_w - 1) * dilation + 1;
    g.dilation_w = 1;
    const WeightFunction spread = [&weight, dilation](int64_t o, int64_t row, int64_t column,
                                                      int64_t c) {
      return column % dilation == 0 ? weight(o, row, column / dilation, c) : int16_t{0};
    };
    return FinishDense(context, op, std::move(layer), activation, spread);
  }
  LowerResult refusal =
      SetChannels(context, op, &layer, context.config.pe_lanes(), activation, weight);
  if (refusal) return refusal;
  const Geometry alone = g;
  const int64_t positions =
      context.options.side_by_side ? ChooseSideBySide(context.config, layer) : 1;
  if (positions > 1) {
    SetSideBySide(context.config, positions, &layer);
    context.lowered.side_by_side = true;
  }
  refusal = SetDenseWeights(context.config, &layer,
                            positions > 1 ? SideBySideWeights(alone, weight) : weight);
  if (!refusal) context.lowered.layers.push_back(std::move(layer));
  return refusal;
}

}  // namespace

LowerResult LowerConv2d(LoweringContext& context, int32_t op) {
  const Operator& node = context.model.operators[op];
  const Tensor& filter = context.tensor(node.inputs[1]);
  Layer layer = NewLayer(context, op, Opcode::kMatmul);
  if (LowerResult refusal = SetConvolutionGeometry(context, op, &layer.geometry)) return refusal;
  layer.inputs = {context.StorageOf(SourceOf(context, node.inputs[0]).tensor)};
  const Geometry g = layer.geometry;
  const int64_t filter_c = filter.shape[3];
  if (filter_c == 0 || g.in_c % filter_c != 0 || g.out_c % (g.in_c / filter_c) != 0) {
    return Refusal{DiagnosticCode::kCompileOperator, "groups do not divide the channels", ""};
  }
  // A grouped convolution is a dense one whose weights between groups are zero.
  const int64_t channels_of_group = g.out_c / (g.in_c / filter_c);
  const WeightFunction weight = [=, &filter](int64_t o, int64_t row, int64_t column, int64_t c) {
    if (c / filter_c != o / channels_of_group) return int16_t{0};
    const int64_t index = ((o * g.kernel_h + row) * g.kernel_w + column) * filter_c + c % filter_c;
    return FilterValue(filter, index);
  };
  return FinishDense(context, op, std::move(layer), std::get<ConvOptions>(node.options).activation,
                     weight);
}

LowerResult LowerDepthwiseConv2d(LoweringContext& context, int32_t op) {
  const Operator& node = context.model.operators[op];
  const ConvOptions& options = std::get<ConvOptions>(node.options);
  const Tensor& filter = context.tensor(node.inputs[1]);
  Layer layer = NewLayer(context, op, Opcode::kWindow);
  if (LowerResult refusal = SetConvolutionGeometry(context, op, &layer.geometry)) return refusal;
  layer.inputs = {context.StorageOf(SourceOf(context, node.inputs[0]).tensor)};
  const Geometry g = layer.geometry;
  if (g.out_c % g.in_c != 0) {
    return Refusal{DiagnosticCode::kCompileOperator, "the depth multiplier is not whole", ""};
  }
  const int64_t multiplier = g.out_c / g.in_c;
  const auto value = [=, &filter](int64_t o, int64_t row, int64_t column) {
    return FilterValue(filter, (row * g.kernel_w + column) * g.out_c + o);
  };
  if (multiplier != 1 || g.in_c == 1 || !ChooseWindow(context.config, &layer)) {
    // Lanes of WINDOW work on channels of their own; otherwise a convolution with zeros between
    // channels does, and with one input channel there are none.
    layer.opcode = Opcode::kMatmul;
    return FinishDense(context, op, std::move(layer), options.activation,
                       [=](int64_t o, int64_t row, int64_t column, int64_t c) {
                         return o / multiplier == c ? value(o, row, column) : int16_t{0};
                       });
  }
  const WeightFunction weight = [=](int64_t o, int64_t row, int64_t column, int64_t) {
    return value(o, row, column);
  };
  LowerResult refusal = SetChannels(context, op, &layer, context.config.window_channels(),
                                    options.activation, weight);
  if (!refusal) refusal = SetWindowWeights(context.config, &layer, weight);
  if (!refusal) context.lowered.layers.push_back(std::move(layer));
  return refusal;
}

LowerResult LowerFullyConnected(LoweringContext& context, int32_t op) {
  const Operator& node = context.model.operators[op];
  const Tensor& filter = context.tensor(node.inputs[1]);
  if (filter.shape.size() != 2 || filter.data.size() != filter.bytes()) {
    return Refusal{DiagnosticCode::kCompileOperator, "the weights are not a constant matrix", ""};
  }
  Layer layer = NewLayer(context, op, Opcode::kMatmul);
  Geometry& g = layer.geometry;
  g.in_c = filter.shape[1];
  g.out_c = filter.shape[0];
  g.in_h = g.out_h = context.tensor(node.inputs[0]).elements() / std::max<int64_t>(g.in_c, 1);
  if (g.in_c < 1 || g.in_h * g.in_c != context.tensor(node.inputs[0]).elements() ||
      g.out_h * g.out_c != context.tensor(node.outputs[0]).elements()) {
    return Refusal{DiagnosticCode::kCompileOperator, "data and matrix disagree", ""};
  }
  const int64_t depth = g.in_c;
  return FinishDense(context, op, std::move(layer),
                     std::get<FullyConnectedOptions>(node.options).activation,
                     [&filter, depth](int64_t o, int64_t, int64_t, int64_t c) {
                       return FilterValue(filter, o * depth + c);
                     });
}

LowerResult LowerTransposeConv(LoweringContext& context, int32_t op) {
  const Operator& node = context.model.operators[op];
  const TransposeConvOptions& options = std::get<TransposeConvOptions>(node.options);
  const Tensor& input = context.tensor(node.inputs[0]);
  const Tensor& filter = context.tensor(node.inputs[1]);
  const Tensor& output = context.tensor(node.outputs[0]);
  if (filter.data.size() != filter.bytes()) {
    return Refusal{DiagnosticCode::kCompileOperator, "the weights are no constant", ""};
  }
  const std::vector<int32_t>& in = input.shape;
  const std::vector<int32_t>& out = output.shape;
  const int64_t strides[2] = {options.stride_h, options.stride_w};
  /// The outputs along one axis that see the same taps of the kernel: begin, begin + stride, ...
  struct Phase {
    int64_t begin, count;  ///< output positions
    int64_t tap, taps;     ///< kernel positions tap, tap + stride, ...
    int64_t pad;           ///< of the convolution with these taps, last one first
  };
  std::vector<Phase> phases[2];
  for (int axis = 0; axis < 2; ++axis) {
    const int64_t stride = strides[axis];
    const int64_t kernel = filter.shape[axis + 1];
    const int64_t pad = PaddingBefore(options.padding, out[axis + 1], in[axis + 1],
                                      filter.shape[axis + 1], static_cast<int32_t>(stride), 1);
    for (int64_t tap = 0; tap < stride; ++tap) {
      // Output o gets input i by tap o + pad - i * stride.
      const int64_t begin = ((tap - pad) % stride + stride) % stride;
      if (begin >= out[axis + 1]) continue;
      const int64_t taps = tap < kernel ? CeilDiv(kernel - tap, stride) : 0;
      const int64_t first = (begin + pad - tap) / stride;  // input of the first output's first tap
      phases[axis].push_back({begin, CeilDiv(out[axis + 1] - begin, stride), tap, taps,
                              std::max<int64_t>(taps - 1, 0) - first});
    }
  }
  const int32_t target = context.StorageOf(node.outputs[0]);
  const View whole = DenseView(target, {out[0], out[1], out[2], out[3]});
  const bool alone = phases[0].size() * phases[1].size() == 1;
  Layer copy = NewCopy(target);
  for (const Phase& y : phases[0]) {
    for (const Phase& x : phases[1]) {
      Layer layer = NewLayer(context, op, Opcode::kMatmul);
      Geometry& g = layer.geometry;
      g.images = in[0];
      g.in_h = in[1];
      g.in_w = in[2];
      g.in_c = in[3];
      g.out_h = y.count;
      g.out_w = x.count;
      g.out_c = out[3];
      g.kernel_h = std::max<int64_t>(y.taps, 1);
      g.kernel_w = std::max<int64_t>(x.taps, 1);
      g.pad_top = y.pad;
      g.pad_left = x.pad;
      const int64_t images = g.images, depth = g.in_c, channels = g.out_c;
      if (!alone) layer.output = context.NewStorage(images * y.count * x.count * channels);
      const int32_t part = layer.output;
      const int64_t kernel_h = filter.shape[1], kernel_w = filter.shape[2];
      const WeightFunction weight = [=, &filter, &strides](int64_t o, int64_t row, int64_t column,
                                                           int64_t c) {
        const int64_t ky = y.tap + (y.taps - 1 - row) * strides[0];
        const int64_t kx = x.tap + (x.taps - 1 - column) * strides[1];
        if (y.taps == 0 || x.taps == 0) return int16_t{0};
        return FilterValue(filter, ((o * kernel_h + ky) * kernel_w + kx) * depth + c);
      };
      if (LowerResult refusal =
              FinishDense(context, op, std::move(layer), options.activation, weight)) {
        return refusal;
      }
      if (alone) return std::nullopt;
      AddCopy(
          &copy, DenseView(part, {images, y.count, x.count, channels}),
          Sliced(Sliced(whole, 1, y.begin, y.count, strides[0]), 2, x.begin, x.count, strides[1]));
    }
  }
  context.lowered.layers.push_back(std::move(copy));
  return std::nullopt;
}

}  // namespace npugen::compiler

// SPDX-License-Identifier: Apache-2.0
// Convolutions and matrix products: options, shapes, filters, biases and factors.
#include "sw/model/operators/products.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "sw/model/operators/rules.h"

namespace npugen {
namespace {

void ReadConv2d(OptionReader& reader) {
  using Field = tflite::Conv2dField;
  if (!reader.Expect(tflite::kOptionsConv2d, true)) return;
  reader.BiasType(Field::kBiasType);
  reader.op.options = ConvOptions{.padding = reader.Padding(Field::kPadding),
                                  .stride_h = reader.Number(Field::kStrideH, 0),
                                  .stride_w = reader.Number(Field::kStrideW, 0),
                                  .dilation_h = reader.Number(Field::kDilationH, 1),
                                  .dilation_w = reader.Number(Field::kDilationW, 1),
                                  .activation = reader.Activation(Field::kActivation)};
}

void ReadDepthwiseConv2d(OptionReader& reader) {
  using Field = tflite::DepthwiseField;
  if (!reader.Expect(tflite::kOptionsDepthwise, true)) return;
  reader.op.options = ConvOptions{.padding = reader.Padding(Field::kPadding),
                                  .stride_h = reader.Number(Field::kStrideH, 0),
                                  .stride_w = reader.Number(Field::kStrideW, 0),
                                  .dilation_h = reader.Number(Field::kDilationH, 1),
                                  .dilation_w = reader.Number(Field::kDilationW, 1),
                                  .depth_multiplier = reader.Number(Field::kDepthMultiplier, 0),
                                  .activation = reader.Activation(Field::kActivation)};
}

void ReadFullyConnected(OptionReader& reader) {
  using Field = tflite::FullyConnectedField;
  if (!reader.Expect(tflite::kOptionsFullyConnected, false)) return;
  reader.BiasType(Field::kBiasType);
  if (reader.Code(Field::kWeightsFormat, "an operator's weights format") != 0) {
    reader.Refuse("weights are stored in a shuffled format");
  }
  reader.op.options = FullyConnectedOptions{.activation = reader.Activation(Field::kActivation),
                                            .keep_num_dims = reader.Flag(Field::kKeepNumDims)};
}

void ReadTransposeConv(OptionReader& reader) {
  using Field = tflite::TransposeConvField;
  if (!reader.Expect(tflite::kOptionsTransposeConv, true)) return;
  reader.BiasType(Field::kBiasType);
  reader.op.options = TransposeConvOptions{.padding = reader.Padding(Field::kPadding),
                                           .stride_h = reader.Number(Field::kStrideH, 0),
                                           .stride_w = reader.Number(Field::kStrideW, 0),
                                           .activation = reader.Activation(Field::kActivation)};
}

void ReadBatchMatMul(OptionReader& reader) {
  if (!reader.Expect(tflite::kOptionsBatchMatMul, false)) return;
  reader.op.options =
      BatchMatMulOptions{.adjoint_x = reader.Flag(tflite::BatchMatMulField::kAdjointX),
                         .adjoint_y = reader.Flag(tflite::BatchMatMulField::kAdjointY)};
}

/// Int8 constant, or one of 4 bits where `packed` allows it, with zero point 0 and one scale, or
/// one per output channel along `channel_dimension`.
void Filter(Checker& check, int32_t channel_dimension, bool packed = true) {
  const Tensor& filter = check.Input(1);
  const bool wide = check.op.from_uint8 && filter.type == TensorType::kInt16;
  packed = packed && !check.wide;
  if (filter.type != TensorType::kInt8 && !wide && !(packed && filter.type == TensorType::kInt4)) {
    check.Refuse(
        DiagnosticCode::kOperatorType,
        fmt::format("filter {} is not INT8{}", check.InputText(1), packed ? " or INT4" : ""));
    return;
  }
  if (!filter.is_constant) {
    check.Refuse(DiagnosticCode::kOperatorOperands,
                 fmt::format("filter {} is not constant", check.InputText(1)));
    return;
  }
  const size_t channels = filter.shape[channel_dimension];
  if (filter.scales.size() != 1 && filter.scales.size() != channels) {
    check.Refuse(DiagnosticCode::kOperatorQuantization,
                 fmt::format("filter {} has {} scales, but {} output channels", check.InputText(1),
                             filter.scales.size(), channels));
  } else if (filter.scales.size() > 1 && filter.quantized_dimension != channel_dimension) {
    check.Refuse(DiagnosticCode::kOperatorQuantization,
                 fmt::format("filter {} is quantized along dimension {}, not {}",
                             check.InputText(1), filter.quantized_dimension, channel_dimension));
  }
  if (std::any_of(filter.zero_points.begin(), filter.zero_points.end(),
                  [](int32_t z) { return z; })) {
    check.Refuse(DiagnosticCode::kOperatorQuantization,
                 fmt::format("filter {} has a zero point other than 0", check.InputText(1)),
                 "weights must be quantized symmetrically");
  }
}

/// The factors of a convolution.
std::vector<double> FilterFactors(Checker& check, int32_t channels) {
  const auto factors = check.op.from_uint8 ? FullyConnectedFactors : ConvFactors;
  return factors(check.Input(0).scale(), check.Input(1).scales, check.Output().scale(), channels);
}

void Bias(Checker& check, int32_t channels) {
  if (check.op.inputs[2] < 0) return;
  const Tensor& bias = check.Input(2);
  // With int16 data depthwise and transposed convolutions have sums of 64 bits only.
  const bool narrow = !check.wide || check.op.type == OperatorType::kConv2d ||
                      check.op.type == OperatorType::kFullyConnected;
  const bool int64 = check.wide && bias.type == TensorType::kInt64;
  if (!int64 && !(narrow && bias.type == TensorType::kInt32)) {
    check.Refuse(DiagnosticCode::kOperatorType, fmt::format("bias {} is not {}", check.InputText(2),
                                                            !narrow      ? "INT64"
                                                            : check.wide ? "INT64 or INT32"
                                                                         : "INT32"));
  } else if (!bias.is_constant) {
    check.Refuse(DiagnosticCode::kOperatorOperands,
                 fmt::format("bias {} is not constant", check.InputText(2)));
  } else if (ElementCount(bias.shape) != channels) {
    check.Refuse(DiagnosticCode::kOperatorShape,
                 fmt::format("bias {} does not have one element for each of {} output channels",
                             check.InputText(2), channels));
  }
}

/// The depth multiplier agrees with filter and channels; 0 stands for the actual one.
void DepthMultiplier(Checker& check, ConvOptions& options) {
  const std::vector<int32_t>& in = check.Input(0).shape;
  const std::vector<int32_t>& filter = check.Input(1).shape;
  const int32_t channels = filter[3];
  if (filter[0] != 1) {
    check.Refuse(DiagnosticCode::kOperatorShape,
                 fmt::format("filter {} should have 1 as its first dimension", check.InputText(1)));
  }
  if (channels % in[3] != 0) {
    check.Refuse(
        DiagnosticCode::kOperatorShape,
        fmt::format("{} output channels are no multiple of {} input channels", channels, in[3]));
  } else if (options.depth_multiplier == 0) {
    options.depth_multiplier = channels / in[3];
  } else if (options.depth_multiplier != channels / in[3]) {
    check.Refuse(DiagnosticCode::kOperatorOptions,
                 fmt::format("depth_multiplier is {}, but {} input channels become {}",
                             options.depth_multiplier, in[3], channels));
  }
}

/// Channels and filters form groups of the same size.
void Groups(Checker& check) {
  const std::vector<int32_t>& in = check.Input(0).shape;
  const std::vector<int32_t>& filter = check.Input(1).shape;
  const int32_t channels = filter[0];
  if (in[3] % filter[3] != 0 || channels % (in[3] / filter[3]) != 0) {
    check.Refuse(
        DiagnosticCode::kOperatorShape,
        fmt::format("{} input channels, filters of {} and {} output channels do not form groups",
                    in[3], filter[3], channels));
  }
}

void CheckConv(Checker& check, bool depthwise) {
  if (!check.Operands(2, 3)) return;
  auto& options = std::get<ConvOptions>(check.op.options);
  check.Activation(check.op.inputs[0], "input");
  check.Activation(check.op.outputs[0], "output");
  check.Rank(check.Input(0), "input " + check.InputText(0), 4);
  check.Rank(check.Input(1), "filter " + check.InputText(1), 4);
  check.Rank(check.Output(), "output " + check.OutputText(), 4);
  check.Positive("stride_h", options.stride_h);
  check.Positive("stride_w", options.stride_w);
  check.Positive("dilation_h", options.dilation_h);
  check.Positive("dilation_w", options.dilation_w);
  if (check.refused()) return;
  const std::vector<int32_t>& in = check.Input(0).shape;
  const std::vector<int32_t>& filter = check.Input(1).shape;
  const int32_t channel_dimension = depthwise ? 3 : 0;
  const int32_t channels = filter[channel_dimension];
  Filter(check, channel_dimension);
  Bias(check, channels);
  if (depthwise) {
    DepthMultiplier(check, options);
  } else {
    Groups(check);
  }
  const int32_t out_h =
      WindowOutputSize(options.padding, in[1], filter[1], options.stride_h, options.dilation_h);
  const int32_t out_w =
      WindowOutputSize(options.padding, in[2], filter[2], options.stride_w, options.dilation_w);
  check.OutputShape({in[0], out_h, out_w, channels});
  check.FusedActivation(options.activation);
  if (check.refused()) return;
  check.Factors(FilterFactors(check, channels));
}

void CheckConv2d(Checker& check) { CheckConv(check, /*depthwise=*/false); }
void CheckDepthwiseConv2d(Checker& check) { CheckConv(check, /*depthwise=*/true); }

void CheckFullyConnected(Checker& check) {
  if (!check.Operands(2, 3)) return;
  const auto& options = std::get<FullyConnectedOptions>(check.op.options);
  check.Activation(check.op.inputs[0], "input");
  check.Activation(check.op.outputs[0], "output");
  check.Rank(check.Input(1), "filter " + check.InputText(1), 2);
  if (check.refused()) return;
  const int32_t units = check.Input(1).shape[0];
  const int32_t depth = check.Input(1).shape[1];
  Filter(check, 0);
  if (check.Input(1).type == TensorType::kInt4 && check.Input(1).scales.size() > 1) {
    check.Refuse(DiagnosticCode::kOperatorQuantization,
                 fmt::format("filter {} has 4 bits and {} scales, not one", check.InputText(1),
                             check.Input(1).scales.size()));
  }
  Bias(check, units);
  const std::vector<int32_t>& in = check.Input(0).shape;
  const int64_t elements = ElementCount(in);
  if (options.keep_num_dims) {
    if (in.empty() || in.back() != depth) {
      check.Refuse(
          DiagnosticCode::kOperatorShape,
          fmt::format("input {} should have {} as its last dimension", check.InputText(0), depth));
    } else {
      std::vector<int32_t> expected = in;
      expected.back() = units;
      check.OutputShape(expected);
    }
  } else if (elements % depth != 0) {
    check.Refuse(DiagnosticCode::kOperatorShape,
                 fmt::format("input {} is no multiple of the filter's {} columns",
                             check.InputText(0), depth));
  } else if (check.Output().shape.empty() || check.Output().shape.back() != units ||
             ElementCount(check.Output().shape) != elements / depth * units) {
    check.Refuse(DiagnosticCode::kOperatorShape,
                 fmt::format("output {} should have the shape [{},{}]", check.OutputText(),
                             elements / depth, units));
  }
  check.FusedActivation(options.activation);
  if (check.refused()) return;
  check.Factors(FullyConnectedFactors(check.Input(0).scale(), check.Input(1).scales,
                                      check.Output().scale(), units));
}

void CheckTransposeConv(Checker& check) {
  if (!check.Operands(3, 4)) return;
  const auto& options = std::get<TransposeConvOptions>(check.op.options);
  // Streaming networks pass it as an input; the kernels take the shape that the output has.
  const bool given = check.Input(0).is_constant;
  std::vector<int32_t> shape;
  if (given) {
    shape = check.ConstantIntegers(0, "output shape");
  } else if (check.Input(0).type != TensorType::kInt32) {
    check.Refuse(DiagnosticCode::kOperatorType,
                 fmt::format("output shape {} is not INT32", check.InputText(0)));
  }
  check.op.inputs = {check.op.inputs[2], check.op.inputs[1], check.op.inputs[3]};
  check.Activation(check.op.inputs[0], "input");
  check.Activation(check.op.outputs[0], "output");
  check.Rank(check.Input(0), "input " + check.InputText(0), 4);
  check.Rank(check.Input(1), "filter " + check.InputText(1), 4);
  check.Rank(check.Output(), "output " + check.OutputText(), 4);
  check.Positive("stride_h", options.stride_h);
  check.Positive("stride_w", options.stride_w);
  if (check.refused()) return;
  const std::vector<int32_t>& in = check.Input(0).shape;
  const std::vector<int32_t>& filter = check.Input(1).shape;
  Filter(check, 0, /*packed=*/false);
  Bias(check, filter[0]);
  if (given) check.OutputShape(shape);
  if (filter[3] != in[3] || check.Output().shape[3] != filter[0] ||
      check.Output().shape[0] != in[0]) {
    check.Refuse(DiagnosticCode::kOperatorShape,
                 fmt::format("input {}, filter {} and output {} do not fit together",
                             check.InputText(0), check.InputText(1), check.OutputText()));
  }
  if (check.refused()) return;
  for (int32_t d : {1, 2}) {
    const int32_t stride = d == 1 ? options.stride_h : options.stride_w;
    if (WindowOutputSize(options.padding, check.Output().shape[d], filter[d], stride, 1) != in[d]) {
      check.Refuse(DiagnosticCode::kOperatorShape,
                   fmt::format("a convolution of output {} would not give the size of input {}",
                               check.OutputText(), check.InputText(0)));
      return;
    }
  }
  check.FusedActivation(options.activation);
  if (check.refused()) return;
  check.Factors(FilterFactors(check, filter[0]));
}

void CheckBatchMatMul(Checker& check) {
  if (!check.Operands(2, 2)) return;
  const auto& options = std::get<BatchMatMulOptions>(check.op.options);
  check.OperandsOfOne();
  check.Activation(check.op.outputs[0], "output");
  for (size_t i : {0, 1}) {
    if (check.Input(i).shape.size() >= 2) continue;
    check.Refuse(DiagnosticCode::kOperatorShape,
                 fmt::format("operand {} is not a matrix", check.InputText(i)));
  }
  if (check.refused()) return;
  std::vector<int32_t> x = check.Input(0).shape;
  std::vector<int32_t> y = check.Input(1).shape;
  if (options.adjoint_x) std::swap(x.back(), x[x.size() - 2]);
  if (options.adjoint_y) std::swap(y.back(), y[y.size() - 2]);
  const int32_t rows = x[x.size() - 2], depth = x.back();
  const int32_t inner = y[y.size() - 2], columns = y.back();
  x.resize(x.size() - 2);
  y.resize(y.size() - 2);
  const auto batches = BroadcastShape(x, y);
  if (depth != inner || !batches || (check.wide && batches->size() > kMostHostDimensions)) {
    check.Refuse(DiagnosticCode::kOperatorShape,
                 fmt::format("operands {} and {} cannot be multiplied", check.InputText(0),
                             check.InputText(1)));
    return;
  }
  std::vector<int32_t> expected = *batches;
  expected.insert(expected.end(), {rows, columns});
  check.OutputShape(expected);
  if (check.refused()) return;
  check.Factors(FullyConnectedFactors(check.Input(0).scale(), check.Input(1).scales,
                                      check.Output().scale(), 1));
}

}  // namespace

const OperatorRules kConv2dRules = {ReadConv2d, CheckConv2d, ComputesWide, true};
const OperatorRules kDepthwiseConv2dRules = {ReadDepthwiseConv2d, CheckDepthwiseConv2d,
                                             ComputesWide, true};
const OperatorRules kFullyConnectedRules = {ReadFullyConnected, CheckFullyConnected, ComputesWide,
                                            true};
const OperatorRules kTransposeConvRules = {ReadTransposeConv, CheckTransposeConv, ComputesWide,
                                           true};
const OperatorRules kBatchMatMulRules = {ReadBatchMatMul, CheckBatchMatMul, ComputesWide, true};

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// Shape, type and quantization rules of each supported operator.
#include "sw/model/operator_checks.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>
#include <set>

#include "sw/model/quantization.h"
#include "sw/model/tflite_schema.h"

namespace npugen {
namespace {

constexpr size_t kLongestNameInMessage = 80;
constexpr size_t kMostRefusals = 16;  // of one operator, which may have any number of operands
// More exponentials than this could overflow the Q12.19 sum of TFLite's softmax.
constexpr int32_t kMaxSoftmaxDepth = 4095;
constexpr float kSoftmaxOutputScale = 1.0f / 256.0f;
constexpr int32_t kSoftmaxOutputZeroPoint = -128;

std::string ShapeText(const std::vector<int32_t>& shape) {
  return fmt::format("[{}]", fmt::join(shape, ","));
}

// Elements of a shape; saturates far above any legal size.
int64_t ElementCount(const std::vector<int32_t>& shape) {
  int64_t count = 1;
  for (int32_t dimension : shape) count = std::min<int64_t>(count * dimension, int64_t{1} << 31);
  return count;
}

// The shape of two broadcast operands: dimensions are matched from the last one on, and 1
// stretches.
std::optional<std::vector<int32_t>> BroadcastShape(const std::vector<int32_t>& a,
                                                   const std::vector<int32_t>& b) {
  std::vector<int32_t> shape(std::max(a.size(), b.size()));
  for (size_t i = 1; i <= shape.size(); ++i) {
    const int32_t first = i <= a.size() ? a[a.size() - i] : 1;
    const int32_t second = i <= b.size() ? b[b.size() - i] : 1;
    if (first != second && first != 1 && second != 1) return std::nullopt;
    shape[shape.size() - i] = std::max(first, second);
  }
  return shape;
}

std::vector<int32_t> WithoutOnes(std::vector<int32_t> shape) {
  std::erase(shape, 1);
  return shape;
}

class Checker {
 public:
  Checker(const Model& model, Operator& op, const FileForm& form)
      : model_(model), op_(op), form_(form) {}

  Diagnostics Run() {
    switch (op_.type) {
      case OperatorType::kConv2d:
        CheckConv(/*depthwise=*/false);
        break;
      case OperatorType::kDepthwiseConv2d:
        CheckConv(/*depthwise=*/true);
        break;
      case OperatorType::kFullyConnected:
        CheckFullyConnected();
        break;
      case OperatorType::kTransposeConv:
        CheckTransposeConv();
        break;
      case OperatorType::kBatchMatMul:
        CheckBatchMatMul();
        break;
      case OperatorType::kAdd:
      case OperatorType::kSub:
      case OperatorType::kMul:
      case OperatorType::kMaximum:
      case OperatorType::kMinimum:
      case OperatorType::kSquaredDifference:
        CheckTwoOperands();
        break;
      case OperatorType::kAddN:
        CheckAddN();
        break;
      case OperatorType::kMaxPool2d:
      case OperatorType::kAveragePool2d:
        CheckPool();
        break;
      case OperatorType::kMean:
      case OperatorType::kSum:
      case OperatorType::kReduceMax:
      case OperatorType::kReduceMin:
        CheckReduce();
        break;
      case OperatorType::kArgMax:
      case OperatorType::kArgMin:
        CheckArg();
        break;
      case OperatorType::kLogistic:
      case OperatorType::kTanh:
      case OperatorType::kHardSwish:
      case OperatorType::kElu:
      case OperatorType::kLeakyRelu:
      case OperatorType::kRelu:
      case OperatorType::kRelu6:
      case OperatorType::kAbs:
      case OperatorType::kRsqrt:
        CheckFunction();
        break;
      case OperatorType::kPrelu:
        CheckPrelu();
        break;
      case OperatorType::kQuantize:
        CheckQuantize();
        break;
      case OperatorType::kReshape:
        CheckReshape();
        break;
      case OperatorType::kPad:
        CheckPad();
        break;
      case OperatorType::kMirrorPad:
        CheckMirrorPad();
        break;
      case OperatorType::kSoftmax:
        CheckSoftmax();
        break;
      case OperatorType::kConcatenation:
        CheckConcatenation();
        break;
      case OperatorType::kTranspose:
        CheckTranspose();
        break;
      case OperatorType::kReverse:
        CheckReverse();
        break;
      case OperatorType::kSlice:
        CheckSlice();
        break;
      case OperatorType::kSplit:
        CheckSplit();
        break;
      case OperatorType::kPack:
        CheckPack();
        break;
      case OperatorType::kUnpack:
        CheckUnpack();
        break;
      case OperatorType::kSpaceToDepth:
      case OperatorType::kDepthToSpace:
        CheckBlocks();
        break;
      case OperatorType::kSpaceToBatch:
      case OperatorType::kBatchToSpace:
        CheckBatchBlocks();
        break;
      case OperatorType::kResizeNearestNeighbor:
      case OperatorType::kResizeBilinear:
        CheckResize();
        break;
      case OperatorType::kBinaryConv2d:  // no TFLite file has them
      case OperatorType::kThermometer:
        break;
    }
    return std::move(diagnostics_);
  }

 private:
  void Refuse(DiagnosticCode code, std::string reason, std::string hint = "") {
    if (diagnostics_.size() >= kMostRefusals) return;
    Diagnostic error;
    error.code = code;
    error.location.file = model_.name;
    error.message = fmt::format("operator {} {}: {}", op_.index, op_.name, reason);
    error.hint = std::move(hint);
    diagnostics_.push_back(std::move(error));
  }
  bool refused() const { return !diagnostics_.empty(); }

  const Tensor& Input(size_t i) const { return model_.tensors[op_.inputs[i]]; }
  const Tensor& Output() const { return model_.tensors[op_.outputs[0]]; }
  std::string InputText(size_t i) const { return DescribeTensor(model_, op_.inputs[i]); }
  std::string OutputText() const { return DescribeTensor(model_, op_.outputs[0]); }

  /// Between `least` and `most` inputs, of which the first `least` are present, and one output.
  /// Inputs that are left out at the end become -1.
  bool Operands(size_t least, size_t most) {
    const bool good = op_.inputs.size() >= least && op_.inputs.size() <= most &&
                      op_.outputs.size() == 1 && op_.outputs[0] >= 0 && Present(op_.inputs, least);
    if (!good) {
      RefuseOperands(least == most
                         ? fmt::format("{} inputs and 1 output are expected", least)
                         : fmt::format("{} to {} inputs and 1 output are expected", least, most));
      return false;
    }
    op_.inputs.resize(most, -1);
    return true;
  }
  /// At least `least` inputs, all present, and one output.
  bool ManyOperands(size_t least) {
    if (op_.inputs.size() >= least && Present(op_.inputs, op_.inputs.size()) &&
        op_.outputs.size() == 1 && op_.outputs[0] >= 0) {
      return true;
    }
    RefuseOperands(fmt::format("at least {} inputs and 1 output are expected", least));
    return false;
  }
  /// `inputs` inputs and any number of outputs, all present.
  bool ManyOutputs(size_t inputs) {
    if (op_.inputs.size() == inputs && Present(op_.inputs, inputs) && !op_.outputs.empty() &&
        Present(op_.outputs, op_.outputs.size())) {
      return true;
    }
    RefuseOperands(fmt::format("{} inputs and at least 1 output are expected", inputs));
    return false;
  }
  static bool Present(const std::vector<int32_t>& tensors, size_t count) {
    return std::none_of(tensors.begin(), tensors.begin() + static_cast<std::ptrdiff_t>(count),
                        [](int32_t tensor) { return tensor < 0; });
  }
  void RefuseOperands(std::string hint) {
    Refuse(
        DiagnosticCode::kOperatorOperands,
        fmt::format("has inputs {} and outputs {}", ShapeText(op_.inputs), ShapeText(op_.outputs)),
        std::move(hint));
  }

  /// An int8 tensor with one scale; it may be constant.
  void Operand(int32_t tensor, const char* role) {
    const Tensor& t = model_.tensors[tensor];
    if (t.type != TensorType::kInt8) {
      Refuse(DiagnosticCode::kOperatorType,
             fmt::format("{} {} is not INT8", role, DescribeTensor(model_, tensor)),
             "quantize the whole network to int8 (inputs and outputs included)");
    } else if (t.scales.size() != 1) {
      Refuse(DiagnosticCode::kOperatorQuantization,
             fmt::format("{} {} has {} scales, not one", role, DescribeTensor(model_, tensor),
                         t.scales.size()));
    }
  }
  void NotConstant(int32_t tensor, const char* role) {
    if (!model_.tensors[tensor].is_constant) return;
    Refuse(DiagnosticCode::kOperatorOperands,
           fmt::format("{} {} is a constant", role, DescribeTensor(model_, tensor)));
  }
  void Activation(int32_t tensor, const char* role) {
    const bool before = refused();
    Operand(tensor, role);
    if (before || !refused()) NotConstant(tensor, role);
  }
  /// All inputs are operands, and not all of them constants.
  void OperandsOfOne() {
    bool constant = true;
    for (int32_t tensor : op_.inputs) {
      Operand(tensor, "operand");
      constant &= model_.tensors[tensor].is_constant;
    }
    if (constant) Refuse(DiagnosticCode::kOperatorOperands, "all operands are constants");
  }

  void Rank(const Tensor& tensor, const std::string& text, size_t rank) {
    if (tensor.shape.size() != rank) {
      Refuse(DiagnosticCode::kOperatorShape,
             fmt::format("{} has {} dimensions, not {}", text, tensor.shape.size(), rank));
    }
  }

  void OutputShape(const std::vector<int32_t>& expected) { ShapeOf(op_.outputs[0], expected); }
  void ShapeOf(int32_t output, const std::vector<int32_t>& expected) {
    if (model_.tensors[output].shape != expected) {
      Refuse(DiagnosticCode::kOperatorShape,
             fmt::format("output {} should have the shape {}", DescribeTensor(model_, output),
                         ShapeText(expected)));
    }
  }

  void SameQuantization() {
    for (int32_t input : op_.inputs) {
      for (int32_t output : op_.outputs) SameQuantization(input, output);
      if (refused()) return;
    }
  }
  void SameQuantization(int32_t input, int32_t output) {
    const Tensor& in = model_.tensors[input];
    const Tensor& out = model_.tensors[output];
    if (in.scales == out.scales && in.zero_points == out.zero_points) return;
    Refuse(DiagnosticCode::kOperatorQuantization,
           fmt::format("input has scale {}, zero point {} but output has scale {}, zero point {}",
                       in.scale(), in.zero_point(), out.scale(), out.zero_point()),
           "both must be the same, since values are passed on unchanged");
  }

  void FusedActivation(npugen::Activation activation) {
    if (!ComputeActivationRange(activation, Output().scale(), Output().zero_point())) {
      Refuse(DiagnosticCode::kOperatorQuantization,
             fmt::format("the fused activation's limit is beyond int32 at output scale {}",
                         Output().scale()));
    }
  }

  void Positive(const char* what, int32_t value) {
    if (value <= 0) {
      Refuse(DiagnosticCode::kOperatorOptions, fmt::format("{} is {}, not positive", what, value));
    }
  }

  /// Int8 constant, or one of 4 bits where `packed` allows it, with zero point 0 and one scale, or
  /// one per output channel along `channel_dimension`.
  void Filter(int32_t channel_dimension, bool packed = true) {
    const Tensor& filter = Input(1);
    if (filter.type != TensorType::kInt8 && !(packed && filter.type == TensorType::kInt4)) {
      Refuse(DiagnosticCode::kOperatorType,
             fmt::format("filter {} is not INT8{}", InputText(1), packed ? " or INT4" : ""));
      return;
    }
    if (!filter.is_constant) {
      Refuse(DiagnosticCode::kOperatorOperands,
             fmt::format("filter {} is not constant", InputText(1)));
      return;
    }
    const size_t channels = filter.shape[channel_dimension];
    if (filter.scales.size() != 1 && filter.scales.size() != channels) {
      Refuse(DiagnosticCode::kOperatorQuantization,
             fmt::format("filter {} has {} scales, but {} output channels", InputText(1),
                         filter.scales.size(), channels));
    } else if (filter.scales.size() > 1 && filter.quantized_dimension != channel_dimension) {
      Refuse(DiagnosticCode::kOperatorQuantization,
             fmt::format("filter {} is quantized along dimension {}, not {}", InputText(1),
                         filter.quantized_dimension, channel_dimension));
    }
    if (std::any_of(filter.zero_points.begin(), filter.zero_points.end(),
                    [](int32_t z) { return z; })) {
      Refuse(DiagnosticCode::kOperatorQuantization,
             fmt::format("filter {} has a zero point other than 0", InputText(1)),
             "weights must be quantized symmetrically");
    }
  }

  void Bias(int32_t channels) {
    if (op_.inputs[2] < 0) return;
    const Tensor& bias = Input(2);
    if (bias.type != TensorType::kInt32) {
      Refuse(DiagnosticCode::kOperatorType, fmt::format("bias {} is not INT32", InputText(2)));
    } else if (!bias.is_constant) {
      Refuse(DiagnosticCode::kOperatorOperands,
             fmt::format("bias {} is not constant", InputText(2)));
    } else if (ElementCount(bias.shape) != channels) {
      Refuse(DiagnosticCode::kOperatorShape,
             fmt::format("bias {} does not have one element for each of {} output channels",
                         InputText(2), channels));
    }
  }

  void Factors(const std::vector<double>& factors) {
    for (size_t c = 0; c < factors.size(); ++c) {
      if (std::isfinite(factors[c]) && factors[c] < std::ldexp(1.0, kMaxLeftShift - 1)) continue;
      Refuse(
          DiagnosticCode::kOperatorQuantization,
          fmt::format("channel {}: input scale * filter scale / output scale is {}", c, factors[c]),
          "the factor must be below 2^29");
      return;
    }
  }

  void CheckConv(bool depthwise) {
    if (!Operands(2, 3)) return;
    auto& options = std::get<ConvOptions>(op_.options);
    Activation(op_.inputs[0], "input");
    Activation(op_.outputs[0], "output");
    Rank(Input(0), "input " + InputText(0), 4);
    Rank(Input(1), "filter " + InputText(1), 4);
    Rank(Output(), "output " + OutputText(), 4);
    Positive("stride_h", options.stride_h);
    Positive("stride_w", options.stride_w);
    Positive("dilation_h", options.dilation_h);
    Positive("dilation_w", options.dilation_w);
    if (refused()) return;
    const std::vector<int32_t>& in = Input(0).shape;
    const std::vector<int32_t>& filter = Input(1).shape;
    const int32_t channel_dimension = depthwise ? 3 : 0;
    const int32_t channels = filter[channel_dimension];
    Filter(channel_dimension);
    Bias(channels);
    if (depthwise) {
      if (filter[0] != 1) {
        Refuse(DiagnosticCode::kOperatorShape,
               fmt::format("filter {} should have 1 as its first dimension", InputText(1)));
      }
      if (channels % in[3] != 0) {
        Refuse(DiagnosticCode::kOperatorShape,
               fmt::format("{} output channels are no multiple of {} input channels", channels,
                           in[3]));
      } else if (options.depth_multiplier == 0) {
        options.depth_multiplier = channels / in[3];
      } else if (options.depth_multiplier != channels / in[3]) {
        Refuse(DiagnosticCode::kOperatorOptions,
               fmt::format("depth_multiplier is {}, but {} input channels become {}",
                           options.depth_multiplier, in[3], channels));
      }
    } else if (in[3] % filter[3] != 0 || channels % (in[3] / filter[3]) != 0) {
      Refuse(
          DiagnosticCode::kOperatorShape,
          fmt::format("{} input channels, filters of {} and {} output channels do not form groups",
                      in[3], filter[3], channels));
    }
    const int32_t out_h =
        WindowOutputSize(options.padding, in[1], filter[1], options.stride_h, options.dilation_h);
    const int32_t out_w =
        WindowOutputSize(options.padding, in[2], filter[2], options.stride_w, options.dilation_w);
    OutputShape({in[0], out_h, out_w, channels});
    FusedActivation(options.activation);
    if (refused()) return;
    Factors(ConvFactors(Input(0).scale(), Input(1).scales, Output().scale(), channels));
  }

  void CheckFullyConnected() {
    if (!Operands(2, 3)) return;
    const auto& options = std::get<FullyConnectedOptions>(op_.options);
    Activation(op_.inputs[0], "input");
    Activation(op_.outputs[0], "output");
    Rank(Input(1), "filter " + InputText(1), 2);
    if (refused()) return;
    const int32_t units = Input(1).shape[0];
    const int32_t depth = Input(1).shape[1];
    Filter(0);
    if (Input(1).type == TensorType::kInt4 && Input(1).scales.size() > 1) {
      Refuse(DiagnosticCode::kOperatorQuantization,
             fmt::format("filter {} has 4 bits and {} scales, not one", InputText(1),
                         Input(1).scales.size()));
    }
    Bias(units);
    const std::vector<int32_t>& in = Input(0).shape;
    const int64_t elements = ElementCount(in);
    if (options.keep_num_dims) {
      if (in.empty() || in.back() != depth) {
        Refuse(DiagnosticCode::kOperatorShape,
               fmt::format("input {} should have {} as its last dimension", InputText(0), depth));
      } else {
        std::vector<int32_t> expected = in;
        expected.back() = units;
        OutputShape(expected);
      }
    } else if (elements % depth != 0) {
      Refuse(
          DiagnosticCode::kOperatorShape,
          fmt::format("input {} is no multiple of the filter's {} columns", InputText(0), depth));
    } else if (Output().shape.empty() || Output().shape.back() != units ||
               ElementCount(Output().shape) != elements / depth * units) {
      Refuse(DiagnosticCode::kOperatorShape, fmt::format("output {} should have the shape [{},{}]",
                                                         OutputText(), elements / depth, units));
    }
    FusedActivation(options.activation);
    if (refused()) return;
    Factors(FullyConnectedFactors(Input(0).scale(), Input(1).scales, Output().scale(), units));
  }

  /// The fused activation of ADD, SUB and MUL.
  void FusedAddActivation() {
    if (const auto* options = std::get_if<AddOptions>(&op_.options)) {
      FusedActivation(options->activation);
    }
  }
  void Multipliers(bool representable) {
    if (representable) return;
    Refuse(DiagnosticCode::kOperatorQuantization,
           op_.inputs.size() > 1
               ? fmt::format("scales {} and {} cannot be combined to scale {}: a factor is beyond "
                             "its range",
                             Input(0).scale(), Input(1).scale(), Output().scale())
               : fmt::format("scale {} cannot be brought to scale {}: a factor is beyond its range",
                             Input(0).scale(), Output().scale()));
  }

  void CheckTwoOperands() {
    if (!Operands(2, 2)) return;
    OperandsOfOne();
    Activation(op_.outputs[0], "output");
    if (refused()) return;
    const auto shape = BroadcastShape(Input(0).shape, Input(1).shape);
    if (!shape) {
      Refuse(DiagnosticCode::kOperatorShape,
             fmt::format("the operands' shapes {} and {} cannot be broadcast",
                         ShapeText(Input(0).shape), ShapeText(Input(1).shape)),
             "dimensions must be equal, or one of them 1");
      return;
    }
    OutputShape(*shape);
    FusedAddActivation();
    const float scale1 = Input(0).scale();
    const float scale2 = Input(1).scale();
    const float scale_out = Output().scale();
    switch (op_.type) {
      case OperatorType::kAdd:
        Multipliers(ComputeAddMultipliers(scale1, scale2, scale_out).has_value());
        break;
      case OperatorType::kSub:
        Multipliers(ComputeSubMultipliers(scale1, scale2, scale_out).has_value());
        break;
      case OperatorType::kMul:
        Multipliers(MulMultiplier(scale1, scale2, scale_out).has_value());
        break;
      case OperatorType::kSquaredDifference:
        Multipliers(ComputeSquaredDifferenceMultipliers(scale1, scale2, scale_out).has_value());
        break;
      default:  // MAXIMUM, MINIMUM: values are compared as they are
        SameQuantization();
        break;
    }
  }

  void CheckAddN() {
    if (!ManyOperands(2)) return;
    OperandsOfOne();
    Activation(op_.outputs[0], "output");
    if (refused()) return;
    if (op_.inputs.size() > kMaxAddNOperands) {
      Refuse(DiagnosticCode::kOperatorOperands, fmt::format("adds {} operands", op_.inputs.size()),
             fmt::format("at most {} cannot overflow the sum", kMaxAddNOperands));
    }
    OutputShape(Input(0).shape);
    for (size_t i = 1; i < op_.inputs.size(); ++i) {
      if (Input(i).shape != Input(0).shape) {
        Refuse(DiagnosticCode::kOperatorShape,
               fmt::format("operands {} and {} differ in shape", InputText(0), InputText(i)));
      }
      if (Input(i).scale() != Input(0).scale() || Input(i).zero_point() != Input(0).zero_point()) {
        Refuse(DiagnosticCode::kOperatorQuantization,
               fmt::format("operands {} and {} differ in scale or zero point", InputText(0),
                           InputText(i)));
      }
    }
    Multipliers(
        ComputeAddMultipliers(Input(0).scale(), Input(0).scale(), Output().scale()).has_value());
  }

  void CheckTransposeConv() {
    if (!Operands(3, 4)) return;
    const auto& options = std::get<TransposeConvOptions>(op_.options);
    const std::vector<int32_t> shape = ConstantIntegers(0, "output shape");
    op_.inputs = {op_.inputs[2], op_.inputs[1], op_.inputs[3]};
    Activation(op_.inputs[0], "input");
    Activation(op_.outputs[0], "output");
    Rank(Input(0), "input " + InputText(0), 4);
    Rank(Input(1), "filter " + InputText(1), 4);
    Rank(Output(), "output " + OutputText(), 4);
    Positive("stride_h", options.stride_h);
    Positive("stride_w", options.stride_w);
    if (refused()) return;
    const std::vector<int32_t>& in = Input(0).shape;
    const std::vector<int32_t>& filter = Input(1).shape;
    Filter(0, /*packed=*/false);
    Bias(filter[0]);
    OutputShape(shape);
    if (filter[3] != in[3] || Output().shape[3] != filter[0] || Output().shape[0] != in[0]) {
      Refuse(DiagnosticCode::kOperatorShape,
             fmt::format("input {}, filter {} and output {} do not fit together", InputText(0),
                         InputText(1), OutputText()));
    }
    if (refused()) return;
    for (int32_t d : {1, 2}) {
      const int32_t stride = d == 1 ? options.stride_h : options.stride_w;
      if (WindowOutputSize(options.padding, Output().shape[d], filter[d], stride, 1) != in[d]) {
        Refuse(DiagnosticCode::kOperatorShape,
               fmt::format("a convolution of output {} would not give the size of input {}",
                           OutputText(), InputText(0)));
        return;
      }
    }
    FusedActivation(options.activation);
    if (refused()) return;
    Factors(ConvFactors(Input(0).scale(), Input(1).scales, Output().scale(), filter[0]));
  }

  void CheckBatchMatMul() {
    if (!Operands(2, 2)) return;
    const auto& options = std::get<BatchMatMulOptions>(op_.options);
    OperandsOfOne();
    Activation(op_.outputs[0], "output");
    for (size_t i : {0, 1}) {
      if (Input(i).shape.size() >= 2) continue;
      Refuse(DiagnosticCode::kOperatorShape,
             fmt::format("operand {} is not a matrix", InputText(i)));
    }
    if (refused()) return;
    std::vector<int32_t> x = Input(0).shape;
    std::vector<int32_t> y = Input(1).shape;
    if (options.adjoint_x) std::swap(x.back(), x[x.size() - 2]);
    if (options.adjoint_y) std::swap(y.back(), y[y.size() - 2]);
    const int32_t rows = x[x.size() - 2], depth = x.back();
    const int32_t inner = y[y.size() - 2], columns = y.back();
    x.resize(x.size() - 2);
    y.resize(y.size() - 2);
    const auto batches = BroadcastShape(x, y);
    if (depth != inner || !batches) {
      Refuse(DiagnosticCode::kOperatorShape,
             fmt::format("operands {} and {} cannot be multiplied", InputText(0), InputText(1)));
      return;
    }
    std::vector<int32_t> expected = *batches;
    expected.insert(expected.end(), {rows, columns});
    OutputShape(expected);
    if (refused()) return;
    Factors(FullyConnectedFactors(Input(0).scale(), Input(1).scales, Output().scale(), 1));
  }

  void CheckPool() {
    if (!Operands(1, 1)) return;
    const auto& options = std::get<PoolOptions>(op_.options);
    Activation(op_.inputs[0], "input");
    Activation(op_.outputs[0], "output");
    Rank(Input(0), "input " + InputText(0), 4);
    Rank(Output(), "output " + OutputText(), 4);
    Positive("stride_h", options.stride_h);
    Positive("stride_w", options.stride_w);
    Positive("filter_height", options.filter_h);
    Positive("filter_width", options.filter_w);
    if (refused()) return;
    const std::vector<int32_t>& in = Input(0).shape;
    OutputShape(
        {in[0], WindowOutputSize(options.padding, in[1], options.filter_h, options.stride_h, 1),
         WindowOutputSize(options.padding, in[2], options.filter_w, options.stride_w, 1), in[3]});
    SameQuantization();
    FusedActivation(options.activation);
  }

  /// The values of a constant INT32 input; refuses anything else.
  std::vector<int32_t> ConstantIntegers(size_t input, const char* role) {
    const Tensor& tensor = Input(input);
    if (tensor.type != TensorType::kInt32 || !tensor.is_constant) {
      Refuse(DiagnosticCode::kOperatorOperands,
             fmt::format("{} {} is not a constant of type INT32", role, InputText(input)));
      return {};
    }
    std::vector<int32_t> values(tensor.data.size() / sizeof(int32_t));
    std::memcpy(values.data(), tensor.data.data(), values.size() * sizeof(int32_t));
    return values;
  }

  /// Dimension `axis` of a tensor of `rank` dimensions, counted from the end if negative; -1 and
  /// refused if it does not exist.
  int32_t Axis(int32_t axis, size_t rank) {
    const auto count = static_cast<int32_t>(rank);
    if (axis < -count || axis >= count) {
      Refuse(DiagnosticCode::kOperatorShape,
             fmt::format("axis {} does not exist in {} dimensions", axis, rank));
      return -1;
    }
    return axis < 0 ? axis + count : axis;
  }
  /// Axes of the data input, ascending, each once.
  std::vector<int32_t> Axes(const std::vector<int32_t>& values) {
    std::set<int32_t> axes;
    for (int32_t axis : values) {
      axes.insert(Axis(axis, Input(0).shape.size()));
      if (refused()) break;
    }
    return {axes.begin(), axes.end()};
  }
  /// The one value of a constant list.
  int32_t ConstantInteger(size_t input, const char* role) {
    const std::vector<int32_t> values = ConstantIntegers(input, role);
    if (values.size() == 1) return values[0];
    if (!refused()) {
      Refuse(DiagnosticCode::kOperatorShape,
             fmt::format("{} {} does not have one element", role, InputText(input)));
    }
    return 0;
  }
  /// The last inputs, constant lists, are read: only the first `count` remain.
  void KeepInputs(size_t count) { op_.inputs.resize(count); }

  void CheckReduce() {
    if (!Operands(2, 2)) return;
    auto& options = std::get<ReduceOptions>(op_.options);
    Activation(op_.inputs[0], "input");
    Activation(op_.outputs[0], "output");
    const std::vector<int32_t> values = ConstantIntegers(1, "axis list");
    KeepInputs(1);
    if (refused()) return;
    options.axes = Axes(values);
    if (refused()) return;
    const std::vector<int32_t>& in = Input(0).shape;
    const std::set<int32_t> axes(options.axes.begin(), options.axes.end());
    std::vector<int32_t> expected;
    int64_t count = 1;
    for (int32_t i = 0; i < static_cast<int32_t>(in.size()); ++i) {
      if (!axes.contains(i)) {
        expected.push_back(in[i]);
        continue;
      }
      count *= in[i];
      if (options.keep_dims) expected.push_back(1);
    }
    OutputShape(expected);
    if (op_.type == OperatorType::kMean) {
      Factors({static_cast<double>(Input(0).scale()) / static_cast<double>(Output().scale())});
    } else if (op_.type == OperatorType::kSum) {
      const int32_t bits = 64 - std::countl_zero(static_cast<uint64_t>(count) * 255);
      Multipliers(bits <= 30 &&
                  RescaleMultiplier(Input(0).scale(), Output().scale(), bits).has_value());
    } else {
      SameQuantization();
    }
  }

  void CheckArg() {
    if (!Operands(2, 2)) return;
    Activation(op_.inputs[0], "input");
    const int32_t axis = ConstantInteger(1, "axis");
    KeepInputs(1);
    if (Output().type != TensorType::kInt32) {
      Refuse(DiagnosticCode::kOperatorType, fmt::format("output {} is not INT32", OutputText()));
    }
    NotConstant(op_.outputs[0], "output");
    if (refused()) return;
    auto& options = std::get<AxisOptions>(op_.options);
    std::vector<int32_t> expected = Input(0).shape;
    options.axis = Axis(axis, expected.size());
    if (refused()) return;
    expected.erase(expected.begin() + options.axis);
    OutputShape(expected);
  }

  void CheckReshape() {
    if (!Operands(1, 2)) return;
    std::vector<int32_t> shape;
    const bool has_list = op_.inputs[1] >= 0 && form_.code != tflite::kOpSqueeze;
    if (has_list) shape = ConstantIntegers(1, form_.code == tflite::kOpReshape ? "shape" : "axis");
    KeepInputs(1);
    switch (Input(0).type) {
      case TensorType::kUint8:
      case TensorType::kInt16:
      case TensorType::kInt32:
        if (Output().type != Input(0).type) {
          Refuse(DiagnosticCode::kOperatorType,
                 fmt::format("input {} and output {} differ in type", InputText(0), OutputText()));
        }
        NotConstant(op_.inputs[0], "input");
        break;
      default:
        Activation(op_.inputs[0], "input");
        Activation(op_.outputs[0], "output");
    }
    if (refused()) return;
    if (ElementCount(Input(0).shape) != ElementCount(Output().shape)) {
      Refuse(DiagnosticCode::kOperatorShape,
             fmt::format("input {} and output {} differ in size", InputText(0), OutputText()));
    } else if (form_.code != tflite::kOpReshape) {
      if (WithoutOnes(Input(0).shape) != WithoutOnes(Output().shape)) {
        Refuse(DiagnosticCode::kOperatorShape,
               fmt::format("input {} and output {} differ in more than dimensions of size 1",
                           InputText(0), OutputText()));
      }
    } else if (has_list) {
      int stretched = 0;
      bool agrees = shape.size() == Output().shape.size();
      for (size_t i = 0; agrees && i < shape.size(); ++i) {
        if (shape[i] == -1) {
          ++stretched;
        } else {
          agrees = shape[i] == Output().shape[i];
        }
      }
      if (!agrees || stretched > 1) {
        Refuse(DiagnosticCode::kOperatorShape,
               fmt::format("output {} is not of the requested shape {}", OutputText(),
                           ShapeText(shape)));
      }
    }
    SameQuantization();
  }

  using Borders = std::vector<std::pair<int32_t, int32_t>>;

  /// A constant [dimensions, 2] of numbers >= 0.
  Borders ConstantBorders(size_t input, const char* role, size_t dimensions) {
    const std::vector<int32_t> values = ConstantIntegers(input, role);
    if (refused()) return {};
    if (Input(input).shape != std::vector<int32_t>{static_cast<int32_t>(dimensions), 2}) {
      Refuse(DiagnosticCode::kOperatorShape,
             fmt::format("{} {} should have the shape [{},2]", role, InputText(input), dimensions));
      return {};
    }
    Borders borders;
    for (size_t i = 0; i < dimensions; ++i) {
      borders.emplace_back(values[2 * i], values[2 * i + 1]);
      if (values[2 * i] < 0 || values[2 * i + 1] < 0) {
        Refuse(DiagnosticCode::kOperatorShape,
               fmt::format("{} {} has {} and {} for dimension {}", role, InputText(input),
                           values[2 * i], values[2 * i + 1], i));
        return {};
      }
    }
    return borders;
  }
  /// The output's shape with `borders` around the input. `limit` says how large a border of a
  /// dimension may be.
  template <typename Limit>
  void PaddedShape(const Borders& borders, Limit limit) {
    const std::vector<int32_t>& in = Input(0).shape;
    std::vector<int32_t> expected;
    for (size_t i = 0; i < in.size(); ++i) {
      const auto& [before, after] = borders[i];
      const int64_t size = int64_t{in[i]} + before + after;
      if (size > std::numeric_limits<int32_t>::max() || std::max(before, after) > limit(in[i])) {
        Refuse(DiagnosticCode::kOperatorShape,
               fmt::format("dimension {} cannot be padded by {} and {}", i, before, after));
        return;
      }
      expected.push_back(static_cast<int32_t>(size));
    }
    OutputShape(expected);
  }

  void CheckPad() {
    const bool has_value = form_.code == tflite::kOpPadV2;
    if (!(has_value ? Operands(3, 3) : Operands(2, 2))) return;
    auto& options = std::get<PadOptions>(op_.options);
    Activation(op_.inputs[0], "input");
    Activation(op_.outputs[0], "output");
    options.paddings = ConstantBorders(1, "padding list", Input(0).shape.size());
    if (refused()) return;
    options.value = static_cast<int8_t>(Output().zero_point());
    if (has_value) {
      Operand(op_.inputs[2], "value");
      if (refused()) return;
      SameQuantization(op_.inputs[2], op_.outputs[0]);
      if (!Input(2).is_constant || Input(2).data.size() != 1) {
        Refuse(DiagnosticCode::kOperatorOperands,
               fmt::format("value {} is not a constant of one element", InputText(2)));
        return;
      }
      options.value = static_cast<int8_t>(Input(2).data[0]);
    }
    KeepInputs(1);
    PaddedShape(options.paddings, [](int32_t) { return std::numeric_limits<int32_t>::max(); });
    SameQuantization();
  }

  void CheckMirrorPad() {
    if (!Operands(2, 2)) return;
    auto& options = std::get<MirrorPadOptions>(op_.options);
    Activation(op_.inputs[0], "input");
    Activation(op_.outputs[0], "output");
    options.paddings = ConstantBorders(1, "padding list", Input(0).shape.size());
    KeepInputs(1);
    if (refused()) return;
    PaddedShape(options.paddings,
                [&](int32_t size) { return options.symmetric ? size : size - 1; });
    SameQuantization();
  }

  void CheckConcatenation() {
    if (!ManyOperands(1)) return;
    auto& options = std::get<AxisOptions>(op_.options);
    OperandsOfOne();
    Activation(op_.outputs[0], "output");
    if (refused()) return;
    std::vector<int32_t> expected = Input(0).shape;
    options.axis = Axis(options.axis, expected.size());
    if (refused()) return;
    int64_t size = 0;
    for (size_t i = 0; i < op_.inputs.size(); ++i) {
      std::vector<int32_t> shape = Input(i).shape;
      if (shape.size() == expected.size()) {
        size += shape[options.axis];
        shape[options.axis] = expected[options.axis];
      }
      if (shape != expected) {
        Refuse(DiagnosticCode::kOperatorShape,
               fmt::format("inputs {} and {} differ in more than dimension {}", InputText(0),
                           InputText(i), options.axis));
        return;
      }
    }
    expected[options.axis] =
        static_cast<int32_t>(std::min<int64_t>(size, std::numeric_limits<int32_t>::max()));
    OutputShape(expected);
    SameQuantization();
  }

  void CheckTranspose() {
    if (!Operands(2, 2)) return;
    auto& options = std::get<TransposeOptions>(op_.options);
    Activation(op_.inputs[0], "input");
    Activation(op_.outputs[0], "output");
    const std::vector<int32_t> values = ConstantIntegers(1, "permutation");
    KeepInputs(1);
    if (refused()) return;
    const std::vector<int32_t>& in = Input(0).shape;
    std::vector<int32_t> expected;
    for (int32_t axis : values) {
      options.permutation.push_back(Axis(axis, in.size()));
      if (refused()) return;
      expected.push_back(in[options.permutation.back()]);
    }
    if (values.size() != in.size() ||
        std::set<int32_t>(options.permutation.begin(), options.permutation.end()).size() !=
            in.size()) {
      Refuse(DiagnosticCode::kOperatorShape,
             fmt::format("{} does not name each dimension of input {} once", ShapeText(values),
                         InputText(0)));
      return;
    }
    OutputShape(expected);
    SameQuantization();
  }

  void CheckReverse() {
    if (!Operands(2, 2)) return;
    Activation(op_.inputs[0], "input");
    Activation(op_.outputs[0], "output");
    const std::vector<int32_t> values = ConstantIntegers(1, "axis list");
    KeepInputs(1);
    if (refused()) return;
    std::get<ReverseOptions>(op_.options).axes = Axes(values);
    OutputShape(Input(0).shape);
    SameQuantization();
  }

  void CheckSlice() {
    const bool strided = form_.code == tflite::kOpStridedSlice;
    const size_t lists = strided ? 3 : 2;
    if (!Operands(1 + lists, 1 + lists)) return;
    Activation(op_.inputs[0], "input");
    Activation(op_.outputs[0], "output");
    const std::vector<int32_t> begin = ConstantIntegers(1, "list of begins");
    const std::vector<int32_t> end = ConstantIntegers(2, strided ? "list of ends" : "size list");
    std::vector<int32_t> stride(begin.size(), 1);
    if (strided) stride = ConstantIntegers(3, "list of strides");
    KeepInputs(1);
    if (refused()) return;
    const std::vector<int32_t>& in = Input(0).shape;
    if (begin.size() != in.size() || end.size() != in.size() || stride.size() != in.size()) {
      Refuse(DiagnosticCode::kOperatorShape,
             fmt::format("{} begins, {} ends or sizes, {} strides are given for input {}",
                         begin.size(), end.size(), stride.size(), InputText(0)));
      return;
    }
    auto& options = std::get<SliceOptions>(op_.options);
    options = {};
    std::vector<int32_t> expected;
    for (size_t i = 0; i < in.size(); ++i) {
      bool dropped = false;
      if (!(strided ? StridedRange(i, begin[i], end[i], stride[i], dropped)
                    : PlainRange(i, begin[i], end[i]))) {
        Refuse(DiagnosticCode::kOperatorShape,
               fmt::format("nothing, or more than there is, is taken of dimension {} of input {}",
                           i, InputText(0)));
        return;
      }
      if (!dropped) expected.push_back(options.size.back());
    }
    OutputShape(expected);
    SameQuantization();
  }
  void AddRange(int64_t begin, int32_t stride, int64_t size) {
    auto& options = std::get<SliceOptions>(op_.options);
    options.begin.push_back(static_cast<int32_t>(begin));
    options.stride.push_back(size == 1 ? 1 : stride);
    options.size.push_back(static_cast<int32_t>(size));
  }
  bool PlainRange(size_t dimension, int32_t begin, int32_t size) {
    const int64_t available = int64_t{Input(0).shape[dimension]} - begin;
    const int64_t taken = size == -1 ? available : size;
    if (begin < 0 || taken <= 0 || taken > available) return false;
    AddRange(begin, 1, taken);
    return true;
  }
  bool StridedRange(size_t dimension, int32_t begin, int32_t end, int32_t stride, bool& dropped) {
    const int64_t size = Input(0).shape[dimension];
    const uint32_t bit = 1u << dimension;
    if (stride == 0) return false;
    const auto place = [&](int64_t index, bool open, int64_t open_index) {
      if (open)
        index = open_index;
      else if (index < 0)
        index += size;
      return stride > 0 ? std::clamp<int64_t>(index, 0, size)
                        : std::clamp<int64_t>(index, -1, size - 1);
    };
    const int64_t first = place(begin, form_.begin_mask & bit, stride > 0 ? 0 : size - 1);
    dropped = (form_.shrink_mask & bit) != 0;
    const int64_t last =
        dropped ? first + 1 : place(end, form_.end_mask & bit, stride > 0 ? size : -1);
    const int64_t step = dropped ? 1 : stride;
    const int64_t count = (last - first + step + (step > 0 ? -1 : 1)) / step;
    if (first < 0 || first >= size || count <= 0) return false;
    AddRange(first, stride, count);
    return true;
  }

  /// The file's number of tensors, if it gives one.
  void Count(size_t actual) {
    if (form_.count >= 0 && static_cast<size_t>(form_.count) != actual) {
      Refuse(DiagnosticCode::kOperatorOptions,
             fmt::format("names {} tensors but has {}", form_.count, actual));
    }
  }

  void CheckSplit() {
    const bool sizes_given = form_.code == tflite::kOpSplitV;
    if (!ManyOutputs(sizes_given ? 3 : 2)) return;
    const int32_t axis = ConstantInteger(sizes_given ? 2 : 0, "axis");
    std::vector<int32_t> sizes;
    if (sizes_given) sizes = ConstantIntegers(1, "size list");
    op_.inputs = {op_.inputs[sizes_given ? 0 : 1]};
    Activation(op_.inputs[0], "input");
    for (int32_t output : op_.outputs) Activation(output, "output");
    if (refused()) return;
    Count(op_.outputs.size());
    auto& options = std::get<AxisOptions>(op_.options);
    const std::vector<int32_t>& in = Input(0).shape;
    options.axis = Axis(axis, in.size());
    if (refused()) return;
    const auto count = static_cast<int64_t>(op_.outputs.size());
    const int32_t size = in[options.axis];
    if (!sizes_given) {
      if (size % count != 0) {
        Refuse(DiagnosticCode::kOperatorShape,
               fmt::format("input {} cannot be split into {} equal parts", InputText(0), count));
        return;
      }
      sizes.assign(count, static_cast<int32_t>(size / count));
    }
    int64_t total = 0;
    int open = 0;  // sizes of -1: what is left
    for (int32_t part : sizes) {
      if (part == -1) ++open;
      total += std::max(part, 0);
    }
    for (int32_t& part : sizes) {
      if (part == -1) part = static_cast<int32_t>(std::max<int64_t>(size - total, 0));
    }
    if (static_cast<int64_t>(sizes.size()) != count || open > 1 ||
        (open == 0 ? total != size : total >= size) ||
        std::any_of(sizes.begin(), sizes.end(), [](int32_t part) { return part <= 0; })) {
      Refuse(DiagnosticCode::kOperatorShape,
             fmt::format("sizes {} do not split dimension {} of input {} into {} outputs",
                         ShapeText(sizes), options.axis, InputText(0), count));
      return;
    }
    for (size_t i = 0; i < sizes.size(); ++i) {
      std::vector<int32_t> expected = in;
      expected[options.axis] = sizes[i];
      ShapeOf(op_.outputs[i], expected);
    }
    SameQuantization();
  }

  void CheckPack() {
    if (!ManyOperands(1)) return;
    auto& options = std::get<AxisOptions>(op_.options);
    OperandsOfOne();
    Activation(op_.outputs[0], "output");
    if (refused()) return;
    Count(op_.inputs.size());
    std::vector<int32_t> expected = Input(0).shape;
    options.axis = Axis(options.axis, expected.size() + 1);
    if (refused()) return;
    for (size_t i = 1; i < op_.inputs.size(); ++i) {
      if (Input(i).shape != expected) {
        Refuse(DiagnosticCode::kOperatorShape,
               fmt::format("inputs {} and {} differ in shape", InputText(0), InputText(i)));
        return;
      }
    }
    expected.insert(expected.begin() + options.axis, static_cast<int32_t>(op_.inputs.size()));
    OutputShape(expected);
    SameQuantization();
  }

  void CheckUnpack() {
    if (!ManyOutputs(1)) return;
    auto& options = std::get<AxisOptions>(op_.options);
    Activation(op_.inputs[0], "input");
    for (int32_t output : op_.outputs) Activation(output, "output");
    if (refused()) return;
    Count(op_.outputs.size());
    std::vector<int32_t> expected = Input(0).shape;
    options.axis = Axis(options.axis, expected.size());
    if (refused()) return;
    if (static_cast<size_t>(expected[options.axis]) != op_.outputs.size()) {
      Refuse(DiagnosticCode::kOperatorShape,
             fmt::format("input {} has no {} parts along dimension {}", InputText(0),
                         op_.outputs.size(), options.axis));
      return;
    }
    expected.erase(expected.begin() + options.axis);
    for (int32_t output : op_.outputs) ShapeOf(output, expected);
    SameQuantization();
  }

  void CheckBlocks() {
    if (!Operands(1, 1)) return;
    const int32_t block = std::get<BlockOptions>(op_.options).block_size;
    Activation(op_.inputs[0], "input");
    Activation(op_.outputs[0], "output");
    Rank(Input(0), "input " + InputText(0), 4);
    Positive("block_size", block);
    if (refused()) return;
    const std::vector<int32_t>& in = Input(0).shape;
    const int64_t cells = int64_t{block} * block;
    // Whichever of the two is the larger image: it must consist of whole blocks.
    const bool to_depth = op_.type == OperatorType::kSpaceToDepth;
    if (to_depth ? in[1] % block != 0 || in[2] % block != 0 : in[3] % cells != 0) {
      Refuse(DiagnosticCode::kOperatorShape,
             fmt::format("input {} is not of whole blocks of size {}", InputText(0), block));
      return;
    }
    const std::vector<int64_t> expected =
        to_depth ? std::vector<int64_t>{in[0], in[1] / block, in[2] / block, in[3] * cells}
                 : std::vector<int64_t>{in[0], int64_t{in[1]} * block, int64_t{in[2]} * block,
                                        in[3] / cells};
    OutputShape(Saturated(expected));
    SameQuantization();
  }

  void CheckBatchBlocks() {
    if (!Operands(3, 3)) return;
    auto& options = std::get<BatchSpaceOptions>(op_.options);
    Activation(op_.inputs[0], "input");
    Activation(op_.outputs[0], "output");
    options.block = ConstantIntegers(1, "block shape");
    if (refused()) return;
    const std::vector<int32_t>& in = Input(0).shape;
    if (in.size() < options.block.size() + 1 || options.block.empty()) {
      Refuse(DiagnosticCode::kOperatorShape, fmt::format("block shape {} does not fit input {}",
                                                         ShapeText(options.block), InputText(0)));
      return;
    }
    const bool to_batch = op_.type == OperatorType::kSpaceToBatch;
    options.value = static_cast<int8_t>(Output().zero_point());
    options.borders =
        ConstantBorders(2, to_batch ? "padding list" : "crop list", options.block.size());
    KeepInputs(1);
    for (int32_t block : options.block) Positive("a block size", block);
    if (refused()) return;
    std::vector<int64_t> expected(in.begin(), in.end());
    int64_t blocks = 1;
    for (size_t i = 0; i < options.block.size(); ++i) {
      const int64_t block = options.block[i];
      blocks = std::min<int64_t>(blocks * block, std::numeric_limits<int32_t>::max());
      const int64_t border = int64_t{options.borders[i].first} + options.borders[i].second;
      int64_t& size = expected[i + 1];
      if (to_batch ? (size + border) % block != 0 : size * block <= border) {
        Refuse(DiagnosticCode::kOperatorShape,
               fmt::format("dimension {} of input {} does not fit blocks of {}", i + 1,
                           InputText(0), block));
        return;
      }
      size = to_batch ? (size + border) / block : size * block - border;
    }
    if (!to_batch && expected[0] % blocks != 0) {
      Refuse(DiagnosticCode::kOperatorShape,
             fmt::format("input {} has no whole number of blocks {}", InputText(0),
                         ShapeText(options.block)));
      return;
    }
    expected[0] = to_batch ? expected[0] * blocks : expected[0] / blocks;
    OutputShape(Saturated(expected));
    SameQuantization();
  }
  static std::vector<int32_t> Saturated(const std::vector<int64_t>& shape) {
    std::vector<int32_t> result;
    for (int64_t size : shape) {
      result.push_back(
          static_cast<int32_t>(std::min<int64_t>(size, std::numeric_limits<int32_t>::max())));
    }
    return result;
  }

  void CheckResize() {
    if (!Operands(2, 2)) return;
    const auto& options = std::get<ResizeOptions>(op_.options);
    Activation(op_.inputs[0], "input");
    Activation(op_.outputs[0], "output");
    const std::vector<int32_t> size = ConstantIntegers(1, "size list");
    Rank(Input(0), "input " + InputText(0), 4);
    KeepInputs(1);
    if (refused()) return;
    const std::vector<int32_t>& in = Input(0).shape;
    if (size.size() != 2) {
      Refuse(DiagnosticCode::kOperatorShape, fmt::format("{} sizes are given, not 2", size.size()));
      return;
    }
    OutputShape({in[0], size[0], size[1], in[3]});
    SameQuantization();
    if (refused() || op_.type == OperatorType::kResizeNearestNeighbor) return;
    if (options.align_corners && options.half_pixel_centers) {
      Refuse(DiagnosticCode::kOperatorOptions, "has both align_corners and half_pixel_centers");
    }
    // Positions grow: if the last one is inside of the input, all are.
    if (!ComputeBilinearSource(options, size[0] - 1, in[1], size[0]) ||
        !ComputeBilinearSource(options, size[1] - 1, in[2], size[1])) {
      Refuse(DiagnosticCode::kOperatorShape,
             fmt::format("from {} to {} the rounded steps lead out of the input", InputText(0),
                         OutputText()));
    }
  }

  void CheckSoftmax() {
    if (!Operands(1, 1)) return;
    const auto& options = std::get<SoftmaxOptions>(op_.options);
    Activation(op_.inputs[0], "input");
    Activation(op_.outputs[0], "output");
    if (refused()) return;
    OutputShape(Input(0).shape);
    if (Input(0).shape.empty()) {
      Refuse(DiagnosticCode::kOperatorShape,
             fmt::format("input {} has no dimension", InputText(0)));
    } else if (Input(0).shape.back() > kMaxSoftmaxDepth) {
      Refuse(DiagnosticCode::kOperatorShape,
             fmt::format("{} classes are too many", Input(0).shape.back()),
             fmt::format("at most {} classes cannot overflow the sum", kMaxSoftmaxDepth));
    }
    if (Output().scale() != kSoftmaxOutputScale ||
        Output().zero_point() != kSoftmaxOutputZeroPoint) {
      Refuse(DiagnosticCode::kOperatorQuantization,
             fmt::format("output {} has scale {}, zero point {}", OutputText(), Output().scale(),
                         Output().zero_point()),
             "probabilities must have scale 1/256 and zero point -128");
    }
    if (!std::isfinite(options.beta) || !ComputeSoftmaxParameters(options.beta, Input(0).scale())) {
      Refuse(DiagnosticCode::kOperatorOptions,
             fmt::format("beta {} with input scale {} is too small, or not a number", options.beta,
                         Input(0).scale()));
    }
  }

  void CheckFunction() {
    if (!Operands(1, 1)) return;
    Activation(op_.inputs[0], "input");
    Activation(op_.outputs[0], "output");
    if (refused()) return;
    OutputShape(Input(0).shape);
    const float scale = Input(0).scale();
    const float scale_out = Output().scale();
    switch (op_.type) {
      case OperatorType::kLogistic:
        FixedOutput(1.0f / 256.0f, -128, "1/256");
        Multipliers(ComputeSigmoidParameters(scale).has_value());
        break;
      case OperatorType::kTanh:
        FixedOutput(1.0f / 128.0f, 0, "1/128");
        Multipliers(ComputeSigmoidParameters(scale).has_value());
        break;
      case OperatorType::kHardSwish:
        Multipliers(ComputeHardSwishParameters(scale, scale_out).has_value());
        break;
      case OperatorType::kLeakyRelu:
        Multipliers(ComputeLeakyReluMultipliers(std::get<LeakyReluOptions>(op_.options).alpha,
                                                scale, scale_out)
                        .has_value());
        break;
      case OperatorType::kElu:  // computed in float32, then as int32
        Multipliers(UnaryMultiplier(scale, scale_out) && std::isfinite(255.0f * scale) &&
                    std::isfinite(1.0f / scale_out));
        break;
      case OperatorType::kRelu:
      case OperatorType::kAbs:
        Multipliers(UnaryMultiplier(scale, scale_out).has_value());
        break;
      case OperatorType::kRsqrt:
        Multipliers(RsqrtMultiplier(scale, scale_out).has_value());
        if (Input(0).zero_point() != -128) {
          Refuse(DiagnosticCode::kOperatorQuantization,
                 fmt::format("input {} has zero point {}: values below it have no root",
                             InputText(0), Input(0).zero_point()),
                 "the input's zero point must be -128");
        }
        break;
      default:  // RELU6 only clamps
        break;
    }
  }
  void FixedOutput(float scale, int32_t zero_point, const char* scale_text) {
    if (Output().scale() == scale && Output().zero_point() == zero_point) return;
    Refuse(DiagnosticCode::kOperatorQuantization,
           fmt::format("output {} has scale {}, zero point {}", OutputText(), Output().scale(),
                       Output().zero_point()),
           fmt::format("scale {} and zero point {} are required", scale_text, zero_point));
  }

  void CheckPrelu() {
    if (!Operands(2, 2)) return;
    Activation(op_.inputs[0], "input");
    Operand(op_.inputs[1], "alpha");
    Activation(op_.outputs[0], "output");
    if (refused()) return;
    if (!Input(1).is_constant) {
      Refuse(DiagnosticCode::kOperatorOperands,
             fmt::format("alpha {} is not constant", InputText(1)));
    }
    if (BroadcastShape(Input(0).shape, Input(1).shape) != Input(0).shape) {
      Refuse(DiagnosticCode::kOperatorShape,
             fmt::format("alpha {} cannot be broadcast to input {}", InputText(1), InputText(0)));
    }
    OutputShape(Input(0).shape);
    Multipliers(
        ComputePreluMultipliers(Input(0).scale(), Input(1).scale(), Output().scale()).has_value());
  }

  void CheckQuantize() {
    if (!Operands(1, 1)) return;
    const TensorType from = Input(0).type;
    const TensorType to = Output().type;
    bool known = false;
    switch (from) {
      case TensorType::kInt8:
        known = to == TensorType::kInt8 || to == TensorType::kUint8 || to == TensorType::kInt16 ||
                to == TensorType::kInt32;
        break;
      case TensorType::kUint8:
        known = to == TensorType::kInt8;
        break;
      case TensorType::kInt16:
        known = to == TensorType::kInt8 || to == TensorType::kInt16 || to == TensorType::kInt32;
        break;
      case TensorType::kInt32:
        known = to == TensorType::kInt8 || to == TensorType::kInt16;
        break;
      default:
        break;
    }
    if (!known) {
      Refuse(DiagnosticCode::kOperatorType,
             fmt::format("input {} cannot become output {}", InputText(0), OutputText()),
             "quantize the whole network to int8 (inputs and outputs included)");
      return;
    }
    NotConstant(op_.inputs[0], "input");
    NotConstant(op_.outputs[0], "output");
    for (int32_t tensor : {op_.inputs[0], op_.outputs[0]}) {
      if (model_.tensors[tensor].scales.size() == 1) continue;
      Refuse(DiagnosticCode::kOperatorQuantization,
             fmt::format("{} has {} scales, not one", DescribeTensor(model_, tensor),
                         model_.tensors[tensor].scales.size()));
    }
    if (refused()) return;
    OutputShape(Input(0).shape);
    // Differences to other zero points of an int32 could overflow, and so could sums with them.
    constexpr int32_t kLargestZeroPoint = 1 << 29;
    if ((from == TensorType::kInt32 && Input(0).zero_point() != 0) ||
        std::abs(int64_t{Output().zero_point()}) > kLargestZeroPoint) {
      Refuse(DiagnosticCode::kOperatorQuantization,
             fmt::format("zero points {} and {} can overflow int32", Input(0).zero_point(),
                         Output().zero_point()));
    }
    Multipliers(RescaleMultiplier(Input(0).scale(), Output().scale(), ValueBits(from)).has_value());
  }

  const Model& model_;
  Operator& op_;
  const FileForm& form_;
  Diagnostics diagnostics_;
};

}  // namespace

Diagnostics CheckOperator(const Model& model, Operator& op, const FileForm& form) {
  return Checker(model, op, form).Run();
}

std::string PrintableName(const std::string& name) {
  std::string text = name.substr(0, kLongestNameInMessage);
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7f) c = '?';
  }
  if (text.size() < name.size()) text += "...";
  return text;
}

std::string DescribeTensor(const Model& model, int32_t tensor) {
  const Tensor& t = model.tensors[tensor];
  return fmt::format("tensor {} \"{}\" {}{}", tensor, PrintableName(t.name), TensorTypeName(t.type),
                     ShapeText(t.shape));
}

const char* TensorTypeName(TensorType type) {
  switch (type) {
    case TensorType::kInt8:
      return "INT8";
    case TensorType::kUint8:
      return "UINT8";
    case TensorType::kInt16:
      return "INT16";
    case TensorType::kInt32:
      return "INT32";
    case TensorType::kInt64:
      return "INT64";
    case TensorType::kFloat32:
      return "FLOAT32";
    case TensorType::kInt4:
      return "INT4";
    case TensorType::kBool:
      return "BOOL";
    case TensorType::kBits:
      return "BITS";
    case TensorType::kOther:
      break;
  }
  return "OTHER";
}

}  // namespace npugen

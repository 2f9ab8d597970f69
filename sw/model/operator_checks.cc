// Shape, type and quantization rules of each supported operator.
#include "sw/model/operator_checks.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <set>

#include "sw/model/quantization.h"

namespace npugen {
namespace {

constexpr size_t kLongestNameInMessage = 80;
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

class Checker {
 public:
  Checker(const Model& model, Operator& op) : model_(model), op_(op) {}

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
      case OperatorType::kAdd:
        CheckAdd();
        break;
      case OperatorType::kMaxPool2d:
      case OperatorType::kAveragePool2d:
        CheckPool();
        break;
      case OperatorType::kMean:
        CheckMean();
        break;
      case OperatorType::kReshape:
        CheckReshape();
        break;
      case OperatorType::kPad:
        CheckPad();
        break;
      case OperatorType::kSoftmax:
        CheckSoftmax();
        break;
    }
    return std::move(diagnostics_);
  }

 private:
  void Refuse(DiagnosticCode code, std::string reason, std::string hint = "") {
    Diagnostic error;
    error.code = code;
    error.location.file = model_.name;
    error.message = fmt::format("operator {} {}: {}", op_.index, OperatorName(op_.type), reason);
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
    const bool counts = op_.inputs.size() >= least && op_.inputs.size() <= most &&
                        op_.outputs.size() == 1 && op_.outputs[0] >= 0;
    if (!counts || std::any_of(op_.inputs.begin(), op_.inputs.begin() + least,
                               [](int32_t tensor) { return tensor < 0; })) {
      Refuse(DiagnosticCode::kOperatorOperands,
             fmt::format("has inputs {} and outputs {}", ShapeText(op_.inputs),
                         ShapeText(op_.outputs)),
             least == most ? fmt::format("{} inputs and 1 output are expected", least)
                           : fmt::format("{} to {} inputs and 1 output are expected", least, most));
      return false;
    }
    op_.inputs.resize(most, -1);
    return true;
  }

  void Activation(int32_t tensor, const char* role) {
    const Tensor& t = model_.tensors[tensor];
    if (t.type != TensorType::kInt8) {
      Refuse(DiagnosticCode::kOperatorType,
             fmt::format("{} {} is not INT8", role, DescribeTensor(model_, tensor)),
             "quantize the whole network to int8 (inputs and outputs included)");
    } else if (t.is_constant) {
      Refuse(DiagnosticCode::kOperatorOperands,
             fmt::format("{} {} is a constant", role, DescribeTensor(model_, tensor)));
    } else if (t.scales.size() != 1) {
      Refuse(DiagnosticCode::kOperatorQuantization,
             fmt::format("{} {} has {} scales, not one", role, DescribeTensor(model_, tensor),
                         t.scales.size()));
    }
  }

  void Rank(const Tensor& tensor, const std::string& text, size_t rank) {
    if (tensor.shape.size() != rank) {
      Refuse(DiagnosticCode::kOperatorShape,
             fmt::format("{} has {} dimensions, not {}", text, tensor.shape.size(), rank));
    }
  }

  void OutputShape(const std::vector<int32_t>& expected) {
    if (Output().shape != expected) {
      Refuse(DiagnosticCode::kOperatorShape,
             fmt::format("output {} should have the shape {}", OutputText(), ShapeText(expected)));
    }
  }

  void SameQuantization() {
    if (Input(0).scale() != Output().scale() || Input(0).zero_point() != Output().zero_point()) {
      Refuse(DiagnosticCode::kOperatorQuantization,
             fmt::format("input has scale {}, zero point {} but output has scale {}, zero point {}",
                         Input(0).scale(), Input(0).zero_point(), Output().scale(),
                         Output().zero_point()),
             "both must be the same, since values are passed on unchanged");
    }
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

  /// Int8 constant with zero point 0 and one scale, or one per output channel along
  /// `channel_dimension`.
  void Filter(int32_t channel_dimension) {
    const Tensor& filter = Input(1);
    if (filter.type != TensorType::kInt8) {
      Refuse(DiagnosticCode::kOperatorType, fmt::format("filter {} is not INT8", InputText(1)));
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

  void CheckAdd() {
    if (!Operands(2, 2)) return;
    Activation(op_.inputs[0], "first operand");
    Activation(op_.inputs[1], "second operand");
    Activation(op_.outputs[0], "output");
    if (refused()) return;
    if (Input(0).shape != Input(1).shape) {
      Refuse(DiagnosticCode::kOperatorShape,
             fmt::format("the operands' shapes {} and {} differ", ShapeText(Input(0).shape),
                         ShapeText(Input(1).shape)),
             "operands are not broadcast: both must have the same shape");
      return;
    }
    OutputShape(Input(0).shape);
    FusedActivation(std::get<AddOptions>(op_.options).activation);
    if (!ComputeAddMultipliers(Input(0).scale(), Input(1).scale(), Output().scale())) {
      Refuse(DiagnosticCode::kOperatorQuantization,
             fmt::format(
                 "scales {} and {} cannot be added to scale {}: a factor is not between 0 and 1",
                 Input(0).scale(), Input(1).scale(), Output().scale()));
    }
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

  void CheckMean() {
    if (!Operands(2, 2)) return;
    auto& options = std::get<ReduceOptions>(op_.options);
    Activation(op_.inputs[0], "input");
    Activation(op_.outputs[0], "output");
    const std::vector<int32_t> values = ConstantIntegers(1, "axis list");
    if (refused()) return;
    const std::vector<int32_t>& in = Input(0).shape;
    const auto rank = static_cast<int32_t>(in.size());
    std::set<int32_t> axes;
    for (int32_t axis : values) {
      if (axis < -rank || axis >= rank) {
        Refuse(DiagnosticCode::kOperatorShape,
               fmt::format("axis {} does not exist in input {}", axis, InputText(0)));
        return;
      }
      axes.insert(axis < 0 ? axis + rank : axis);
    }
    options.axes.assign(axes.begin(), axes.end());
    std::vector<int32_t> expected;
    int64_t count = 1;
    for (int32_t i = 0; i < rank; ++i) {
      if (!axes.contains(i)) {
        expected.push_back(in[i]);
        continue;
      }
      count *= in[i];
      if (options.keep_dims) expected.push_back(1);
    }
    OutputShape(expected);
    const double factor =
        static_cast<double>(Input(0).scale()) / static_cast<double>(Output().scale());
    Factors({factor});
  }

  void CheckReshape() {
    if (!Operands(1, 2)) return;
    Activation(op_.inputs[0], "input");
    Activation(op_.outputs[0], "output");
    std::vector<int32_t> shape;
    if (op_.inputs[1] >= 0) shape = ConstantIntegers(1, "shape");
    if (refused()) return;
    if (ElementCount(Input(0).shape) != ElementCount(Output().shape)) {
      Refuse(DiagnosticCode::kOperatorShape,
             fmt::format("input {} and output {} differ in size", InputText(0), OutputText()));
    } else if (op_.inputs[1] >= 0) {
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

  void CheckPad() {
    if (!Operands(2, 2)) return;
    auto& options = std::get<PadOptions>(op_.options);
    Activation(op_.inputs[0], "input");
    Activation(op_.outputs[0], "output");
    const std::vector<int32_t> values = ConstantIntegers(1, "padding list");
    if (refused()) return;
    const std::vector<int32_t>& in = Input(0).shape;
    if (Input(1).shape != std::vector<int32_t>{static_cast<int32_t>(in.size()), 2}) {
      Refuse(DiagnosticCode::kOperatorShape,
             fmt::format("padding list {} should have the shape [{},2]", InputText(1), in.size()));
      return;
    }
    options.paddings.clear();
    std::vector<int32_t> expected;
    for (size_t i = 0; i < in.size(); ++i) {
      const int32_t before = values[2 * i];
      const int32_t after = values[2 * i + 1];
      const int64_t size = int64_t{in[i]} + before + after;
      if (before < 0 || after < 0 || size > std::numeric_limits<int32_t>::max()) {
        Refuse(DiagnosticCode::kOperatorShape,
               fmt::format("dimension {} cannot be padded by {} and {}", i, before, after));
        return;
      }
      options.paddings.emplace_back(before, after);
      expected.push_back(static_cast<int32_t>(size));
    }
    OutputShape(expected);
    SameQuantization();
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

  const Model& model_;
  Operator& op_;
  Diagnostics diagnostics_;
};

}  // namespace

Diagnostics CheckOperator(const Model& model, Operator& op) { return Checker(model, op).Run(); }

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
    case TensorType::kOther:
      break;
  }
  return "OTHER";
}

}  // namespace npugen

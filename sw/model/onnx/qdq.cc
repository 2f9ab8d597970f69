// SPDX-License-Identifier: Apache-2.0
// Nodes in the file's order. What a node computes in float32 is no tensor before a QuantizeLinear
// says with which scale: until then it waits as a function that appends it.
#include "sw/model/onnx/qdq.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <set>

#include "sw/model/describe.h"
#include "sw/model/operators/rules.h"
#include "sw/model/quantization.h"

namespace npugen::symbolic {
namespace {

using Dims = std::vector<int64_t>;

constexpr int64_t kOnnxUint8 = 2;
constexpr const char* kWanted =
    "QuantizeLinear behind each layer, as static quantization in the QDQ format writes it";

/// Scale and zero point of a tensor of int8; those of uint8 less by 128.
struct Quantum {
  float scale = 0;
  int32_t zero_point = 0;
  friend bool operator==(const Quantum&, const Quantum&) = default;
};

/// What a name of the graph stands for.
struct QdqValue {
  enum class Kind : uint8_t {
    kConstant,
    kInput,      ///< the network's input, float32
    kQuantized,  ///< `tensor`
    kReal,       ///< the numbers that `tensor` stands for
    kWaiting     ///< `append` makes it with a scale
  };
  Kind kind = Kind::kConstant;
  Dims dims;  ///< as ONNX has them
  Constant constant;
  /// Constants of integers behind a DequantizeLinear: scales, and the dimension that they belong
  /// to.
  std::vector<double> scales;
  int64_t axis = 0;
  int32_t tensor = -1;
  /// Appends operators; the tensor of the result. The activation is what follows the layer.
  std::function<Result<int32_t>(const Quantum&, Activation)> append;
  Activation activation = Activation::kNone;
  bool activates = false;  ///< `append` takes an activation
};

class QdqReader {
 public:
  QdqReader(const Graph& graph, const std::string& name) : graph_(graph) { model_.name = name; }

  Result<Model> Run() {
    for (const GraphTensor& tensor : graph_.initializers) {
      if (tensor.problem) {
        return Error(fmt::format("initializer \"{}\": {}", PrintableName(tensor.name),
                                 tensor.problem->message),
                     tensor.problem->hint);
      }
      AddConstant(tensor.name, tensor.constant);
    }
    for (const GraphInput& input : graph_.inputs) {
      if (values_.contains(input.name)) continue;
      if (Status added = AddInput(input); !added) return added.errors();
    }
    for (size_t i = 0; i < graph_.nodes.size(); ++i) {
      node_ = &graph_.nodes[i];
      number_ = static_cast<int32_t>(i);
      if (node_->outputs.empty()) continue;
      Result<QdqValue> value = ReadNode();
      if (!value) return value.errors();
      values_[node_->outputs[0]] = std::move(*value);
    }
    node_ = nullptr;
    for (const std::string& output : graph_.outputs) {
      if (Status added = AddOutput(output); !added) return added.errors();
    }
    return std::move(model_);
  }

 private:
  Diagnostic Error(const std::string& message, const std::string& hint = kWanted) const {
    const std::string where =
        node_ == nullptr ? ""
                         : fmt::format("node {} \"{}\" ({}): ", number_, PrintableName(node_->name),
                                       PrintableName(node_->type));
    return {DiagnosticCode::kOnnxPattern, SourceLocation{model_.name}, where + message, hint};
  }

  void AddConstant(const std::string& name, const Constant& constant) {
    QdqValue value;
    value.dims = constant.dims;
    value.constant = constant;
    values_[name] = std::move(value);
  }

  Status AddInput(const GraphInput& input) {
    QdqValue value;
    value.kind = QdqValue::Kind::kInput;
    int64_t elements = 1;
    for (size_t i = 0; i < input.dims.size(); ++i) {
      // A batch size that is a name is taken as 1.
      const int64_t size = input.dims[i].value_or(i == 0 ? 1 : 0);
      if (size < 1 || size > kMostElements) {
        return Error(
            fmt::format("input \"{}\": dimension {} is not known", PrintableName(input.name), i),
            "fixed sizes");
      }
      value.dims.push_back(size);
      elements *= size;
      if (elements > kMostElements) {
        return Error(fmt::format("input \"{}\" is too large", PrintableName(input.name)), "");
      }
    }
    if (input.data_type != kOnnxFloat) {
      return Error(
          fmt::format("input \"{}\" has data type {}", PrintableName(input.name), input.data_type),
          "float");
    }
    Tensor tensor;
    tensor.name = input.name;
    tensor.type = TensorType::kFloat32;
    tensor.shape.assign(value.dims.begin(), value.dims.end());
    value.tensor = AddTensor(std::move(tensor));
    model_.inputs.push_back(value.tensor);
    values_[input.name] = std::move(value);
    return Unit{};
  }

  Status AddOutput(const std::string& name) {
    const auto found = values_.find(name);
    if (found == values_.end() || found->second.kind != QdqValue::Kind::kReal) {
      return Error(fmt::format("output \"{}\" is not the result of a DequantizeLinear",
                               PrintableName(name)));
    }
    const QdqValue& value = found->second;
    const Result<int32_t> ordered = InFileOrder(value);
    if (!ordered) return ordered.errors();
    Tensor tensor;
    tensor.name = name;
    tensor.type = TensorType::kFloat32;
    tensor.shape.assign(value.dims.begin(), value.dims.end());
    const int32_t output = AddTensor(std::move(tensor));
    model_.outputs.push_back(output);
    return Append(OperatorType::kDequantize, {*ordered}, output, NoOptions{});
  }

  int32_t AddTensor(Tensor tensor) {
    model_.tensors.push_back(std::move(tensor));
    return static_cast<int32_t>(model_.tensors.size()) - 1;
  }
  /// An activation; `shape` is that of the model.
  int32_t AddActivation(const std::vector<int32_t>& shape, const Quantum& quantum) {
    Tensor tensor;
    tensor.name = node_ == nullptr ? "" : node_->outputs[0];
    tensor.shape = shape;
    tensor.scales = {quantum.scale};
    tensor.zero_points = {quantum.zero_point};
    return AddTensor(std::move(tensor));
  }
  int32_t AddList(const std::vector<int32_t>& values) {
    Tensor tensor;
    tensor.name = "list";
    tensor.type = TensorType::kInt32;
    tensor.shape = {static_cast<int32_t>(values.size())};
    tensor.is_constant = true;
    for (const int32_t value : values) {
      for (int i = 0; i < 4; ++i) {
        tensor.data.push_back(static_cast<uint8_t>(static_cast<uint32_t>(value) >> 8 * i));
      }
    }
    return AddTensor(std::move(tensor));
  }

  /// Appends an operator in the form of a file, and checks it as one of a file.
  Status Append(OperatorType type, std::vector<int32_t> inputs, int32_t output,
                OperatorOptions options, const char* name = nullptr) {
    Operator op;
    op.type = type;
    op.index = static_cast<int32_t>(model_.operators.size());
    op.name = name != nullptr ? name : OperatorName(type);
    op.inputs = std::move(inputs);
    op.outputs = {output};
    op.options = std::move(options);
    FileForm form;
    Diagnostics refused = CheckOperator(model_, op, form);
    if (!refused.empty()) {
      const std::string where = node_ == nullptr ? "" : Error("", "").message;
      for (Diagnostic& error : refused) error.message = where + error.message;
      return refused;
    }
    model_.operators.push_back(std::move(op));
    return Unit{};
  }
  /// The same with an output of its own.
  Result<int32_t> AppendNew(OperatorType type, std::vector<int32_t> inputs,
                            const std::vector<int32_t>& shape, const Quantum& quantum,
                            OperatorOptions options, const char* name = nullptr) {
    const int32_t output = AddActivation(shape, quantum);
    if (Status done = Append(type, std::move(inputs), output, std::move(options), name); !done) {
      return done.errors();
    }
    return output;
  }

  Quantum QuantumOf(int32_t tensor) const {
    return {model_.tensors[tensor].scale(), model_.tensors[tensor].zero_point()};
  }
  const std::vector<int32_t>& ShapeOf(int32_t tensor) const { return model_.tensors[tensor].shape; }

  /// [N,C,H,W] as [N,H,W,C]; other ranks stay.
  static std::vector<int32_t> ModelShape(const Dims& dims) {
    std::vector<int32_t> shape(dims.begin(), dims.end());
    if (dims.size() == 4) shape = {shape[0], shape[2], shape[3], shape[1]};
    return shape;
  }
  static bool OrderMatters(const Dims& dims) {
    return dims.size() == 4 && dims[1] > 1 && dims[2] * dims[3] > 1;
  }
  Result<int32_t> Transposed(int32_t tensor, const std::vector<int32_t>& permutation) {
    std::vector<int32_t> shape;
    for (const int32_t d : permutation) shape.push_back(ShapeOf(tensor)[d]);
    return AppendNew(OperatorType::kTranspose, {tensor, AddList(permutation)}, shape,
                     QuantumOf(tensor), TransposeOptions{});
  }
  Result<int32_t> Reshaped(int32_t tensor, const std::vector<int32_t>& shape) {
    if (ShapeOf(tensor) == shape) return tensor;
    return AppendNew(OperatorType::kReshape, {tensor, AddList(shape)}, shape, QuantumOf(tensor),
                     ReshapeOptions{});
  }
  /// The tensor of a value in the order of the file.
  Result<int32_t> InFileOrder(const QdqValue& value) {
    const std::vector<int32_t> shape(value.dims.begin(), value.dims.end());
    if (!OrderMatters(value.dims)) return Reshaped(value.tensor, shape);
    return Transposed(value.tensor, {0, 3, 1, 2});
  }

  const QdqValue* Find(size_t input) const {
    if (!node_->Has(input)) return nullptr;
    const auto found = values_.find(node_->inputs[input]);
    return found == values_.end() ? nullptr : &found->second;
  }
  /// An operand that stands for a quantized tensor.
  Result<const QdqValue*> Real(size_t input) const {
    const QdqValue* value = Find(input);
    if (value == nullptr || value->kind != QdqValue::Kind::kReal) {
      return Error(fmt::format("input {} is not the result of a DequantizeLinear", input));
    }
    return value;
  }
  /// Weights: integers behind a DequantizeLinear, without zero points.
  Result<const QdqValue*> Weights(size_t input) const {
    const QdqValue* value = Find(input);
    if (value == nullptr || value->kind != QdqValue::Kind::kConstant || value->scales.empty()) {
      return Error(fmt::format("input {} is no constant behind a DequantizeLinear", input));
    }
    return value;
  }

  Result<Quantum> ReadQuantum(size_t channels_allowed, std::vector<double>* scales,
                              std::vector<double>* zero_points, bool* is_unsigned) const {
    const QdqValue* scale = Find(1);
    const QdqValue* zero = Find(2);
    if (scale == nullptr || scale->constant.values.empty() ||
        scale->constant.values.size() > channels_allowed) {
      return Error("its scale is no constant of the expected size", "one scale, or one a channel");
    }
    *scales = scale->constant.values;
    zero_points->assign(scales->size(), 0);
    *is_unsigned = true;  // without a zero point the type is uint8
    if (zero != nullptr) {
      if (zero->constant.values.size() != scales->size()) {
        return Error("its zero point is no constant of the size of its scale", "");
      }
      *zero_points = zero->constant.values;
      *is_unsigned = zero->constant.data_type == kOnnxUint8;
    }
    for (const double value : *scales) {
      if (!(value > 0) || !std::isfinite(value)) return Error("a scale is not positive", "");
    }
    return Quantum{static_cast<float>((*scales)[0]),
                   static_cast<int32_t>((*zero_points)[0]) - (*is_unsigned ? 128 : 0)};
  }

  Result<QdqValue> ReadDequantize() {
    const QdqValue* value = Find(0);
    if (value == nullptr) return Error("input 0 is not known", "");
    if (value->kind == QdqValue::Kind::kQuantized) {
      QdqValue result = *value;
      result.kind = QdqValue::Kind::kReal;
      return result;
    }
    if (value->kind != QdqValue::Kind::kConstant || !value->constant.is_integer) {
      return Error("input 0 is neither quantized nor a constant of integers");
    }
    QdqValue result = *value;
    std::vector<double> zero_points;
    bool is_unsigned = false;
    const Result<Quantum> quantum =
        ReadQuantum(static_cast<size_t>(kMostElements), &result.scales, &zero_points, &is_unsigned);
    if (!quantum) return quantum.errors();
    const int64_t rank = static_cast<int64_t>(value->dims.size());
    result.axis = node_->Integer("axis", 1);
    if (result.axis < 0) result.axis += rank;
    if (result.scales.size() > 1 &&
        (result.axis >= rank ||
         value->dims[result.axis] != static_cast<int64_t>(result.scales.size()))) {
      return Error("its scales do not belong to a dimension of the constant", "one a channel");
    }
    for (const double zero_point : zero_points) {
      if (zero_point != zero_points[0]) return Error("zero points of channels differ", "0");
    }
    for (double& number : result.constant.values) number -= zero_points[0];
    return result;
  }

  Result<QdqValue> ReadQuantize() {
    const QdqValue* value = Find(0);
    if (value == nullptr) return Error("input 0 is not known", "");
    std::vector<double> scales, zero_points;
    bool is_unsigned = false;
    const Result<Quantum> quantum = ReadQuantum(1, &scales, &zero_points, &is_unsigned);
    if (!quantum) return quantum.errors();
    if (quantum->zero_point < -128 || quantum->zero_point > 127) {
      return Error("its zero point is beyond 8 bits", "int8 or uint8");
    }
    QdqValue result;
    result.kind = QdqValue::Kind::kQuantized;
    result.dims = value->dims;
    Result<int32_t> tensor = Quantized(*value, *quantum);
    if (!tensor) return tensor.errors();
    result.tensor = *tensor;
    return result;
  }

  /// The tensor of a float32 value with that scale.
  Result<int32_t> Quantized(const QdqValue& value, const Quantum& quantum) {
    switch (value.kind) {
      case QdqValue::Kind::kInput: {
        const std::vector<int32_t> shape(value.dims.begin(), value.dims.end());
        const Result<int32_t> bytes =
            AppendNew(OperatorType::kQuantize, {value.tensor}, shape, quantum, NoOptions{});
        if (!bytes) return bytes;
        if (OrderMatters(value.dims)) return Transposed(*bytes, {0, 2, 3, 1});
        return Reshaped(*bytes, ModelShape(value.dims));
      }
      case QdqValue::Kind::kReal:
        if (QuantumOf(value.tensor) == quantum) return value.tensor;
        return AppendNew(OperatorType::kQuantize, {value.tensor}, ShapeOf(value.tensor), quantum,
                         NoOptions{});
      case QdqValue::Kind::kWaiting:
        return value.append(quantum, value.activation);
      default:
        return Error("input 0 is no float32 activation");
    }
  }

  QdqValue Waiting(Dims dims, std::function<Result<int32_t>(const Quantum&, Activation)> append,
                   bool activates) const {
    QdqValue value;
    value.kind = QdqValue::Kind::kWaiting;
    value.dims = std::move(dims);
    value.append = std::move(append);
    value.activates = activates;
    return value;
  }

  /// Constants of int8 in another order: element i of the result is element `source(i)`.
  template <typename Source>
  Result<int32_t> AddFilter(const QdqValue& weights, std::vector<int32_t> shape, int32_t dimension,
                            Source source) {
    Tensor tensor;
    tensor.name = node_->inputs[1];
    tensor.is_constant = true;
    tensor.shape = std::move(shape);
    for (const double scale : weights.scales) {
      tensor.scales.push_back(static_cast<float>(scale));
      tensor.zero_points.push_back(0);
    }
    tensor.quantized_dimension = dimension;
    const int64_t count = tensor.elements();
    for (int64_t i = 0; i < count; ++i) {
      const double value = weights.constant.values[static_cast<size_t>(source(i))];
      if (value < -128 || value > 127) {
        return Error("weights less their zero point are beyond int8",
                     "weights of int8, symmetric: QInt8");
      }
      tensor.data.push_back(static_cast<uint8_t>(static_cast<int8_t>(value)));
    }
    return AddTensor(std::move(tensor));
  }

  /// The bias as integers of scale input * weight, or -1.
  Result<int32_t> AddBias(size_t input, int32_t data, const QdqValue& weights, int64_t channels) {
    if (!node_->Has(input)) return -1;
    const QdqValue* bias = Find(input);
    if (bias == nullptr || bias->kind != QdqValue::Kind::kConstant ||
        static_cast<int64_t>(bias->constant.values.size()) != channels) {
      return Error("its bias is no constant, one number a channel", "");
    }
    Tensor tensor;
    tensor.name = node_->inputs[input];
    tensor.type = TensorType::kInt32;
    tensor.is_constant = true;
    tensor.shape = {static_cast<int32_t>(channels)};
    for (int64_t c = 0; c < channels; ++c) {
      const size_t at = static_cast<size_t>(c);
      const double weight = weights.scales[weights.scales.size() == 1 ? 0 : at];
      double real = bias->constant.values[at];
      if (!bias->scales.empty()) real *= bias->scales[bias->scales.size() == 1 ? 0 : at];
      const double scale = double{QuantumOf(data).scale} * weight;
      const double number = std::clamp(std::nearbyint(real / scale), -2147483648.0, 2147483647.0);
      const auto bits = static_cast<uint32_t>(static_cast<int32_t>(number));
      for (int i = 0; i < 4; ++i) tensor.data.push_back(static_cast<uint8_t>(bits >> 8 * i));
    }
    return AddTensor(std::move(tensor));
  }

  /// Windows of a node along both dimensions: sizes, strides, borders.
  struct Windows {
    int32_t kernel[2] = {1, 1}, stride[2] = {1, 1}, dilation[2] = {1, 1};
    int32_t before[2] = {0, 0}, after[2] = {0, 0};
    int32_t out[2] = {1, 1};
  };
  Result<Windows> ReadWindows(const Dims& in, const Dims& kernel) const {
    const Dims ones{1, 1};
    const Dims strides = node_->List("strides", ones), dilations = node_->List("dilations", ones);
    const Dims pads = node_->List("pads", {0, 0, 0, 0});
    if (in.size() != 4 || kernel.size() != 2 || strides.size() != 2 || dilations.size() != 2 ||
        pads.size() != 4) {
      return Error("it has not two dimensions", "images [N,C,H,W]");
    }
    const Attribute* automatic = node_->Find("auto_pad");
    const std::string mode = automatic == nullptr ? "NOTSET" : automatic->text;
    if (mode != "NOTSET" && mode != "VALID") return Error("auto_pad " + mode, "explicit pads");
    if (node_->Integer("ceil_mode", 0) != 0) return Error("it has ceil_mode", "0");
    Windows windows;
    for (size_t d = 0; d < 2; ++d) {
      for (const int64_t number : {kernel[d], strides[d], dilations[d]}) {
        if (number < 1 || number > 65535) return Error("a size is out of range", "1 to 65535");
      }
      for (const int64_t number : {pads[d], pads[d + 2]}) {
        if (number < 0 || number > 65535) return Error("a pad is out of range", "0 to 65535");
      }
      windows.kernel[d] = static_cast<int32_t>(kernel[d]);
      windows.stride[d] = static_cast<int32_t>(strides[d]);
      windows.dilation[d] = static_cast<int32_t>(dilations[d]);
      windows.before[d] = static_cast<int32_t>(pads[d]);
      windows.after[d] = static_cast<int32_t>(pads[d + 2]);
      const int64_t room = in[d + 2] + pads[d] + pads[d + 2] - (kernel[d] - 1) * dilations[d] - 1;
      if (room < 0) return Error("its window is larger than the image", "");
      windows.out[d] = static_cast<int32_t>(room / strides[d] + 1);
    }
    return windows;
  }

  /// How TensorFlow Lite says the borders of windows: SAME, or none after a PAD that is appended.
  Result<std::pair<int32_t, Padding>> Padded(int32_t tensor, const Windows& windows,
                                             std::optional<int8_t> fill) {
    const std::vector<int32_t> shape = ShapeOf(tensor);
    bool none = true, same = true;
    for (int d = 0; d < 2; ++d) {
      const int32_t size = shape[d + 1];
      none = none && windows.before[d] == 0 && windows.after[d] == 0;
      const bool full = windows.out[d] == (size + windows.stride[d] - 1) / windows.stride[d];
      same = same && full &&
             windows.before[d] == PaddingBefore(Padding::kSame, size, windows.out[d],
                                                windows.kernel[d], windows.stride[d],
                                                windows.dilation[d]);
    }
    if (none) return std::pair(tensor, Padding::kValid);
    if (same) return std::pair(tensor, Padding::kSame);
    Tensor borders;
    borders.name = "borders";
    borders.type = TensorType::kInt32;
    borders.is_constant = true;
    const int32_t list = AddList(
        {0, 0, windows.before[0], windows.after[0], windows.before[1], windows.after[1], 0, 0});
    model_.tensors[list].shape = {4, 2};
    const std::vector<int32_t> padded{shape[0], shape[1] + windows.before[0] + windows.after[0],
                                      shape[2] + windows.before[1] + windows.after[1], shape[3]};
    std::vector<int32_t> inputs{tensor, list};
    if (fill) {
      Tensor value;
      value.name = "fill";
      value.is_constant = true;
      value.shape = {1};
      value.scales = model_.tensors[tensor].scales;
      value.zero_points = model_.tensors[tensor].zero_points;
      value.data = {static_cast<uint8_t>(*fill)};
      inputs.push_back(AddTensor(std::move(value)));
    }
    const Result<int32_t> output = AppendNew(OperatorType::kPad, inputs, padded, QuantumOf(tensor),
                                             PadOptions{}, fill ? "PADV2" : "PAD");
    if (!output) return output.errors();
    return std::pair(*output, Padding::kValid);
  }

  Result<QdqValue> ReadConv() {
    const Result<const QdqValue*> data = Real(0);
    if (!data) return data.errors();
    const Result<const QdqValue*> weights = Weights(1);
    if (!weights) return weights.errors();
    const QdqValue& w = **weights;
    if (w.dims.size() != 4 || (w.scales.size() > 1 && w.axis != 0)) {
      return Error("its weights are not [O,I,H,W] with one scale, or one for each O", "");
    }
    const Dims& in = (*data)->dims;
    const Result<Windows> windows = ReadWindows(in, {w.dims[2], w.dims[3]});
    if (!windows) return windows.errors();
    const int64_t outputs = w.dims[0], part = w.dims[1];
    const int64_t kernel_h = w.dims[2], kernel_w = w.dims[3];
    const int64_t groups = node_->Integer("group", 1);
    if (groups < 1 || part * groups != in[1] || outputs % groups != 0) {
      return Error("weights and input disagree on channels", "");
    }
    const bool depthwise = groups == in[1] && part == 1 && groups > 1;
    const auto filter_shape = [&](int64_t a, int64_t d) {
      return std::vector<int32_t>{static_cast<int32_t>(a), static_cast<int32_t>(kernel_h),
                                  static_cast<int32_t>(kernel_w), static_cast<int32_t>(d)};
    };
    const int64_t taps = kernel_h * kernel_w;
    const Result<int32_t> filter =
        depthwise ? AddFilter(w, filter_shape(1, outputs), 3,
                              [&](int64_t i) { return i % outputs * taps + i / outputs; })
                  : AddFilter(w, filter_shape(outputs, part), 0, [&](int64_t i) {
                      const int64_t c = i % part, tap = i / part % taps, o = i / part / taps;
                      return (o * part + c) * taps + tap;
                    });
    if (!filter) return filter.errors();
    const Result<int32_t> bias = AddBias(2, (*data)->tensor, w, outputs);
    if (!bias) return bias.errors();
    const int32_t tensor = (*data)->tensor;
    const Dims dims{in[0], outputs, windows->out[0], windows->out[1]};
    return Waiting(
        dims,
        [this, tensor, depthwise, dims, windows = *windows, filter = *filter, bias = *bias,
         multiplier = depthwise ? outputs / groups : 1](const Quantum& quantum,
                                                        Activation activation) -> Result<int32_t> {
          const auto padded = Padded(tensor, windows, std::nullopt);
          if (!padded) return padded.errors();
          ConvOptions options;
          options.padding = padded->second;
          options.stride_h = windows.stride[0];
          options.stride_w = windows.stride[1];
          options.dilation_h = windows.dilation[0];
          options.dilation_w = windows.dilation[1];
          options.depth_multiplier = static_cast<int32_t>(multiplier);
          options.activation = activation;
          return AppendNew(depthwise ? OperatorType::kDepthwiseConv2d : OperatorType::kConv2d,
                           {padded->first, filter, bias}, ModelShape(dims), quantum, options);
        },
        /*activates=*/true);
  }

  Result<QdqValue> ReadMatrix() {
    const Result<const QdqValue*> data = Real(0);
    if (!data) return data.errors();
    const Result<const QdqValue*> weights = Weights(1);
    if (!weights) return weights.errors();
    const QdqValue& w = **weights;
    const bool gemm = node_->type == "Gemm";
    const bool transposed = gemm && node_->Integer("transB", 0) != 0;
    if ((*data)->dims.size() != 2 || w.dims.size() != 2 || node_->Integer("transA", 0) != 0 ||
        node_->Real("alpha", 1) != 1 || node_->Real("beta", 1) != 1) {
      return Error("it is not a product of [N,K] and a matrix, with alpha and beta 1", "");
    }
    const int64_t outputs = w.dims[transposed ? 0 : 1], depth = w.dims[transposed ? 1 : 0];
    if (depth != (*data)->dims[1] || (w.scales.size() > 1 && w.axis != (transposed ? 0 : 1))) {
      return Error("weights and input disagree", "one scale, or one for each output");
    }
    const Result<int32_t> filter =
        AddFilter(w, {static_cast<int32_t>(outputs), static_cast<int32_t>(depth)}, 0,
                  [&](int64_t i) { return transposed ? i : i % depth * outputs + i / depth; });
    if (!filter) return filter.errors();
    const Result<int32_t> bias =
        gemm ? AddBias(2, (*data)->tensor, w, outputs) : Result<int32_t>(-1);
    if (!bias) return bias.errors();
    const Dims dims{(*data)->dims[0], outputs};
    return Waiting(
        dims,
        [this, dims, tensor = (*data)->tensor, filter = *filter, bias = *bias](
            const Quantum& quantum, Activation activation) {
          FullyConnectedOptions options;
          options.activation = activation;
          return AppendNew(OperatorType::kFullyConnected, {tensor, filter, bias}, ModelShape(dims),
                           quantum, options);
        },
        /*activates=*/true);
  }

  Result<QdqValue> ReadTwo(OperatorType type) {
    const Result<const QdqValue*> first = Real(0), second = Real(1);
    if (!first) return first.errors();
    if (!second) return second.errors();
    if ((*first)->dims != (*second)->dims) return Error("its operands differ in shape", "the same");
    const Dims dims = (*first)->dims;
    return Waiting(
        dims,
        [this, type, dims, a = (*first)->tensor, b = (*second)->tensor](const Quantum& quantum,
                                                                        Activation activation) {
          return AppendNew(type, {a, b}, ModelShape(dims), quantum, AddOptions{activation});
        },
        /*activates=*/true);
  }

  /// Functions of one value whose result has a scale of its own: another one follows.
  Result<QdqValue> ReadFunction(OperatorType type, OperatorOptions options,
                                std::optional<Quantum> fixed) {
    const Result<const QdqValue*> data = Real(0);
    if (!data) return data.errors();
    return Waiting((*data)->dims,
                   [this, type, options, fixed, tensor = (*data)->tensor](
                       const Quantum& quantum, Activation) -> Result<int32_t> {
                     const std::vector<int32_t> shape = ShapeOf(tensor);
                     const Result<int32_t> result =
                         AppendNew(type, {tensor}, shape, fixed.value_or(quantum), options);
                     if (!result || !fixed || *fixed == quantum) return result;
                     return AppendNew(OperatorType::kQuantize, {*result}, shape, quantum,
                                      NoOptions{});
                   },
                   /*activates=*/false);
  }

  Result<QdqValue> ReadRelu() {
    const QdqValue* value = Find(0);
    if (value != nullptr && value->kind == QdqValue::Kind::kWaiting && value->activates &&
        value->activation == Activation::kNone) {
      QdqValue result = *value;
      result.activation = Activation::kRelu;
      return result;
    }
    return ReadFunction(OperatorType::kRelu, NoOptions{}, std::nullopt);
  }

  /// Between 0 and 6, as an activation.
  Result<QdqValue> ReadClip() {
    const QdqValue* value = Find(0);
    const auto limit = [&](size_t input, const char* name) {
      const QdqValue* given = Find(input);
      if (given != nullptr && given->constant.values.size() == 1) return given->constant.values[0];
      const Attribute* attribute = node_->Find(name);
      return attribute != nullptr ? double{attribute->real} : std::nan("");
    };
    if (value == nullptr || value->kind != QdqValue::Kind::kWaiting || !value->activates ||
        limit(1, "min") != 0 || limit(2, "max") != 6) {
      return Error("it is not a limit to 0..6 behind a layer", "Relu, or Clip to 0..6");
    }
    QdqValue result = *value;
    result.activation = Activation::kRelu6;
    return result;
  }

  Result<QdqValue> ReadMaxPool() {
    const Result<const QdqValue*> data = Real(0);
    if (!data) return data.errors();
    const Result<Windows> windows = ReadWindows((*data)->dims, node_->List("kernel_shape", {}));
    if (!windows) return windows.errors();
    if (windows->dilation[0] != 1 || windows->dilation[1] != 1) return Error("it is dilated", "1");
    const auto padded = Padded((*data)->tensor, *windows, int8_t{-128});
    if (!padded) return padded.errors();
    PoolOptions options;
    options.padding = padded->second;
    options.filter_h = windows->kernel[0];
    options.filter_w = windows->kernel[1];
    options.stride_h = windows->stride[0];
    options.stride_w = windows->stride[1];
    QdqValue result = **data;
    result.dims[2] = windows->out[0];
    result.dims[3] = windows->out[1];
    const Result<int32_t> tensor =
        AppendNew(OperatorType::kMaxPool2d, {padded->first}, ModelShape(result.dims),
                  QuantumOf(padded->first), options);
    if (!tensor) return tensor.errors();
    result.tensor = *tensor;
    return result;
  }

  /// GlobalAveragePool, and ReduceMean over both dimensions of an image.
  Result<QdqValue> ReadMean() {
    const Result<const QdqValue*> data = Real(0);
    if (!data) return data.errors();
    if ((*data)->dims.size() != 4) return Error("its input is no image", "[N,C,H,W]");
    bool keeps = true;
    if (node_->type == "ReduceMean") {
      keeps = node_->Integer("keepdims", 1) != 0;
      std::vector<int64_t> axes = node_->List("axes", {});
      if (const QdqValue* given = Find(1)) {
        axes.assign(given->constant.values.begin(), given->constant.values.end());
      }
      std::set<int64_t> unique;
      for (const int64_t axis : axes) unique.insert(axis < 0 ? axis + 4 : axis);
      if (unique != std::set<int64_t>{2, 3}) return Error("its axes are not 2 and 3", "2, 3");
    }
    Dims dims{(*data)->dims[0], (*data)->dims[1]};
    if (keeps) dims.insert(dims.end(), {1, 1});
    return Waiting(
        dims,
        [this, dims, keeps, tensor = (*data)->tensor](const Quantum& quantum, Activation) {
          return AppendNew(OperatorType::kMean, {tensor, AddList({1, 2})}, ModelShape(dims),
                           quantum, ReduceOptions{.axes = {}, .keep_dims = keeps});
        },
        /*activates=*/false);
  }

  /// Flatten, Reshape, Squeeze, Unsqueeze.
  Result<QdqValue> ReadReshape() {
    const Result<const QdqValue*> data = Real(0);
    if (!data) return data.errors();
    const Dims& in = (*data)->dims;
    int64_t elements = 1;
    for (const int64_t size : in) elements *= size;
    Dims dims;
    const std::string& type = node_->type;
    const QdqValue* list = Find(1);
    std::vector<int64_t> given = node_->List("axes", {});
    if (list != nullptr) {
      given.assign(list->constant.values.begin(), list->constant.values.end());
    }
    if (type == "Flatten") {
      int64_t axis = node_->Integer("axis", 1);
      if (axis < 0) axis += static_cast<int64_t>(in.size());
      dims = {1, 1};
      for (size_t d = 0; d < in.size(); ++d) dims[static_cast<int64_t>(d) < axis ? 0 : 1] *= in[d];
    } else if (type == "Reshape") {
      dims = given;
      int64_t known = 1;
      for (size_t d = 0; d < dims.size(); ++d) {
        if (dims[d] == 0 && d < in.size()) dims[d] = in[d];
        if (dims[d] > 0) known *= dims[d];
      }
      for (int64_t& size : dims) {
        if (size == -1 && known > 0) size = elements / known;
      }
    } else {
      const bool squeeze = type == "Squeeze";
      const int64_t rank =
          static_cast<int64_t>(in.size()) + (squeeze ? 0 : static_cast<int64_t>(given.size()));
      std::set<int64_t> axes;
      for (const int64_t axis : given) axes.insert(axis < 0 ? axis + rank : axis);
      size_t next = 0;
      for (int64_t d = 0; d < rank; ++d) {
        if (squeeze) {
          const bool drop = axes.empty() ? in[d] == 1 : axes.contains(d);
          if (!drop) dims.push_back(in[d]);
        } else {
          dims.push_back(axes.contains(d) || next >= in.size() ? 1 : in[next++]);
        }
      }
    }
    int64_t product = 1;
    for (const int64_t size : dims) product *= size;
    if (dims.empty() || product != elements) return Error("its shape does not fit its input", "");
    // The order of elements is that of the file.
    const Result<int32_t> ordered = InFileOrder(**data);
    if (!ordered) return ordered.errors();
    QdqValue result = **data;
    result.dims = dims;
    Result<int32_t> tensor = Reshaped(*ordered, std::vector<int32_t>(dims.begin(), dims.end()));
    if (tensor && OrderMatters(dims)) {
      tensor = Transposed(*tensor, {0, 2, 3, 1});
    } else if (tensor) {
      tensor = Reshaped(*tensor, ModelShape(dims));
    }
    if (!tensor) return tensor.errors();
    result.tensor = *tensor;
    return result;
  }

  Result<QdqValue> ReadConcat() {
    std::vector<int32_t> tensors;
    Dims dims;
    int64_t axis = node_->Integer("axis", 1);
    for (size_t i = 0; i < node_->inputs.size(); ++i) {
      const Result<const QdqValue*> part = Real(i);
      if (!part) return part.errors();
      Dims shape = (*part)->dims;
      if (axis < 0) axis += static_cast<int64_t>(shape.size());
      if (axis >= static_cast<int64_t>(shape.size())) return Error("its axis does not exist", "");
      if (i > 0 && shape.size() != dims.size()) return Error("its operands differ in rank", "");
      if (i > 0) shape[axis] += dims[axis];
      dims = shape;
      tensors.push_back((*part)->tensor);
    }
    if (tensors.empty()) return Error("it has no operands", "");
    // Of [N,C,H,W] in the order N, H, W, C.
    const int32_t place =
        dims.size() == 4 ? std::vector<int32_t>{0, 3, 1, 2}[axis] : static_cast<int32_t>(axis);
    return Waiting(
        dims,
        [this, dims, place, tensors](const Quantum& quantum, Activation) -> Result<int32_t> {
          std::vector<int32_t> parts;
          for (const int32_t tensor : tensors) {
            QdqValue part;
            part.kind = QdqValue::Kind::kReal;
            part.tensor = tensor;
            const Result<int32_t> same = Quantized(part, quantum);
            if (!same) return same;
            parts.push_back(*same);
          }
          return AppendNew(OperatorType::kConcatenation, parts, ModelShape(dims), quantum,
                           AxisOptions{place});
        },
        /*activates=*/false);
  }

  Result<QdqValue> ReadSoftmax() {
    const QdqValue* value = Find(0);
    const int64_t rank = value == nullptr ? 0 : static_cast<int64_t>(value->dims.size());
    const int64_t axis = node_->Integer("axis", -1);
    if (rank != 2 || (axis != -1 && axis != 1)) return Error("its axis is not the last", "[N,C]");
    return ReadFunction(OperatorType::kSoftmax, SoftmaxOptions{1.0f}, Quantum{1.0f / 256, -128});
  }

  Result<QdqValue> ReadNode() {
    const std::string& type = node_->type;
    if (type == "QuantizeLinear") return ReadQuantize();
    if (type == "DequantizeLinear") return ReadDequantize();
    if (type == "Conv") return ReadConv();
    if (type == "Gemm" || type == "MatMul") return ReadMatrix();
    if (type == "Add") return ReadTwo(OperatorType::kAdd);
    if (type == "Sub") return ReadTwo(OperatorType::kSub);
    if (type == "Mul") return ReadTwo(OperatorType::kMul);
    if (type == "Relu") return ReadRelu();
    if (type == "Clip") return ReadClip();
    if (type == "MaxPool") return ReadMaxPool();
    if (type == "GlobalAveragePool" || type == "ReduceMean") return ReadMean();
    if (type == "Concat") return ReadConcat();
    if (type == "Softmax") return ReadSoftmax();
    if (type == "Sigmoid") {
      return ReadFunction(OperatorType::kLogistic, NoOptions{}, Quantum{1.0f / 256, -128});
    }
    if (type == "Tanh") {
      return ReadFunction(OperatorType::kTanh, NoOptions{}, Quantum{1.0f / 128, 0});
    }
    if (type == "LeakyRelu") {
      return ReadFunction(OperatorType::kLeakyRelu,
                          LeakyReluOptions{static_cast<float>(node_->Real("alpha", 0.01f))},
                          std::nullopt);
    }
    if (type == "Flatten" || type == "Reshape" || type == "Squeeze" || type == "Unsqueeze") {
      return ReadReshape();
    }
    if (type == "Constant") {
      const Attribute* attribute = node_->Find("value");
      if (attribute != nullptr && attribute->tensor && !attribute->tensor->problem) {
        QdqValue value;
        value.dims = attribute->tensor->constant.dims;
        value.constant = attribute->tensor->constant;
        return value;
      }
      return Error("it has no tensor", "");
    }
    if (type == "Identity" || type == "Dropout") {
      const QdqValue* value = Find(0);
      if (value == nullptr) return Error("input 0 is not known", "");
      return *value;
    }
    return Error("this operator is not supported between int8 layers",
                 "docs/onnx.md lists those that are");
  }

  const Graph& graph_;
  const Node* node_ = nullptr;
  int32_t number_ = 0;
  Model model_;
  std::map<std::string, QdqValue> values_;
};

}  // namespace

bool IsQdq(const Graph& graph) {
  std::set<std::string> dequantized;
  bool quantizes = false, layers = false;
  for (const Node& node : graph.nodes) {
    if (node.type == "Sign" || node.type == "BipolarQuant" || node.type == "Quant") return false;
    quantizes = quantizes || node.type == "QuantizeLinear";
    if (node.type == "DequantizeLinear" && !node.outputs.empty()) {
      dequantized.insert(node.outputs[0]);
    }
  }
  for (const Node& node : graph.nodes) {
    if (node.type != "Conv" && node.type != "Gemm" && node.type != "MatMul") continue;
    layers = true;
    if (!node.Has(1) || !dequantized.contains(node.inputs[1])) return false;
  }
  return quantizes && layers;
}

Result<Model> ReadQdq(const Graph& graph, const std::string& name) {
  return QdqReader(graph, name).Run();
}

}  // namespace npugen::symbolic

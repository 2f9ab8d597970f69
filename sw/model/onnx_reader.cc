// SPDX-License-Identifier: Apache-2.0
// Nodes are executed symbolically in the file's order: constants are evaluated, activations of bits
// and bytes are tensors, and sums of a layer stay open, as a function of the integer sum for each
// channel, until a quantizer or the graph's output closes them.
#include "sw/model/onnx_reader.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>
#include <map>
#include <optional>
#include <set>

#include "sw/model/bit_model.h"
#include "sw/model/describe.h"
#include "sw/model/dyadic.h"
#include "sw/model/file_bytes.h"

namespace npugen {
namespace {

using Code = DiagnosticCode;

constexpr int64_t kLargestDimension = 65535;
constexpr int64_t kMostElements = std::numeric_limits<int32_t>::max();
constexpr size_t kMostFormBits = 16384;  // folded constants do not get longer in real networks
constexpr size_t kMostDiagnostics = 50;

// Operators that are known; what of them is supported depends on their operands.
const std::set<std::string>& KnownOperators() {
  static const std::set<std::string> known = {
      "Add",   "BatchNormalization", "BipolarQuant", "Cast",    "Constant",
      "Conv",  "DequantizeLinear",   "Div",          "Dropout", "Flatten",
      "Gemm",  "Identity",           "MatMul",       "MaxPool", "Mul",
      "Quant", "QuantizeLinear",     "Reshape",      "Sign",    "Squeeze",
      "Sub",   "Transpose",          "Unsqueeze"};
  return known;
}

// Why a node is not taken; the node is named where it becomes a diagnostic.
struct Refusal {
  Code code;
  std::string message;
  std::string hint;
};

// A constant: float32 values and products of two of them are exact as double.
struct Constant {
  std::vector<int64_t> dims;
  std::vector<double> values;
  bool is_integer = false;  // of an integer type
  double quantum = 0;       // all values are integers times this; 0: not known
};

// The value of a channel as a function of its integer sum S:
// (p * S + q + r * sqrt(v)) / (e * sqrt(v)), v > 0, e > 0.
struct Form {
  Dyadic p, q, r, v, e;
};

// Of the layer whose sums an activation stands for.
struct Layer {
  int32_t input = 0;  // tensor
  Tensor filter;
  BinaryConvOptions options;
};

// A MaxPool of a layer's sums, before the quantizer. It becomes one of bits.
struct SumPool {
  PoolOptions options;
  int32_t height = 1, width = 1;  // of the sums
  std::vector<bool> falls;        // channels whose value before the pool falls with the sum
};

enum class Kind : uint8_t { kConstant, kInput, kBits, kBytes, kSums };

const char* KindName(Kind kind) {
  switch (kind) {
    case Kind::kConstant:
      return "a constant";
    case Kind::kInput:
      return "the network's input without a quantizer";
    case Kind::kBits:
      return "an activation of bits";
    case Kind::kBytes:
      return "an int8 activation";
    case Kind::kSums:
      return "the sums of a layer";
  }
  return "?";
}

struct Value {
  Kind kind = Kind::kConstant;
  Constant constant;
  // Activations: the image in our order, and what ONNX says of it: [1,C,H,W], or [1, C*H*W] when
  // it is flat.
  int32_t channels = 1, height = 1, width = 1;
  bool flat = false;
  int32_t tensor = -1;          // kInput: of none yet; kBits, kBytes
  double scale = 1.0;           // kBits: of +1 and -1; kBytes: of value - zero point
  Layer layer;                  // kSums
  std::vector<Form> forms;      // kSums, one per channel; with a pool, of each of the pooled sums
  std::optional<SumPool> pool;  // kSums
  std::vector<bool> inverted;   // kBits: channels that are stored inverted; empty: none
  int64_t elements() const { return int64_t{channels} * height * width; }
};

class Reader {
 public:
  Reader(std::span<const uint8_t> bytes, const std::string& name) : bytes_(bytes) {
    model_.name = name;
  }

  Result<Model> Run() {
    if (auto refusal = ReadAll()) {
      errors_.push_back(Error(*refusal));
    }
    if (!errors_.empty()) return errors_;
    return std::move(model_);
  }

 private:
  using Status = std::optional<Refusal>;

  Diagnostic Error(const Refusal& refusal) const {
    return {refusal.code, SourceLocation{model_.name},
            where_.empty() ? refusal.message : where_ + ": " + refusal.message, refusal.hint};
  }
  static Refusal Pattern(const std::string& message, const std::string& hint) {
    return {Code::kOnnxPattern, message, hint};
  }
  static Refusal Bad(const std::string& message, const std::string& hint) {
    return {Code::kOnnxConstant, message, hint};
  }

  // Work on constants is bounded by a small multiple of the file, however often nodes name one.
  Status Charge(size_t elements) {
    spent_ += elements + 16;
    if (spent_ <= 64 * bytes_.size() + (size_t{1} << 20)) return std::nullopt;
    return Refusal{Code::kModelTooLarge, "constants are used too often for a file of this size",
                   "a constant for each layer"};
  }

  static std::string NodeName(const onnx::NodeProto& node, int number) {
    return fmt::format("node {} \"{}\" ({})", number, PrintableName(node.name()),
                       PrintableName(node.op_type()));
  }

  Status ReadAll() {
    onnx::ModelProto proto;
    if (bytes_.size() > static_cast<size_t>(std::numeric_limits<int32_t>::max()) ||
        !proto.ParseFromArray(bytes_.data(), static_cast<int>(bytes_.size()))) {
      return Refusal{Code::kOnnxDamaged, "the file cannot be parsed as an ONNX model", ""};
    }
    if (!proto.has_graph() || proto.graph().node_size() == 0) {
      return Refusal{Code::kOnnxDamaged, "the file has no graph with nodes", ""};
    }
    const onnx::GraphProto& graph = proto.graph();
    for (int i = 0; i < graph.node_size(); ++i) {
      const onnx::NodeProto& node = graph.node(i);
      const bool known = KnownOperators().contains(node.op_type());
      const bool domain = node.domain().empty() || node.domain() == "ai.onnx" ||
                          node.domain().starts_with("qonnx.") ||
                          node.domain().starts_with("finn.") || node.domain() == "onnx.brevitas";
      if ((known && domain) || errors_.size() >= kMostDiagnostics) continue;
      where_ = NodeName(node, i);
      errors_.push_back(Error({Code::kOnnxOperator, "this operator is not supported",
                               "docs/onnx.md lists the patterns that are"}));
    }
    where_.clear();
    if (!errors_.empty()) return std::nullopt;
    for (const onnx::TensorProto& tensor : graph.initializer()) {
      where_ = fmt::format("initializer \"{}\"", PrintableName(tensor.name()));
      Value value;
      if (auto refusal = ReadTensor(tensor, &value.constant)) return refusal;
      values_[tensor.name()] = std::move(value);
    }
    where_.clear();
    if (auto refusal = ReadInput(graph)) return refusal;
    for (int i = 0; i < graph.node_size(); ++i) {
      const onnx::NodeProto& node = graph.node(i);
      where_ = NodeName(node, i);
      if (node.output_size() == 0) return Pattern("it has no output", "one output");
      Value result;
      if (auto refusal = ReadNode(node, &result)) return refusal;
      values_[node.output(0)] = std::move(result);
    }
    where_.clear();
    return ReadOutput(graph);
  }

  // --- constants ---

  Status ReadTensor(const onnx::TensorProto& tensor, Constant* constant) {
    if (tensor.data_location() == onnx::TensorProto::EXTERNAL) {
      return Bad("its data are in another file", "data within the .onnx file");
    }
    int64_t count = 1;
    for (int64_t dimension : tensor.dims()) {
      if (dimension < 0 || dimension > kMostElements) return Bad("it has illegal dimensions", "");
      count *= dimension;
      if (count > kMostElements) return Bad("it has too many elements", "");
    }
    constant->dims.assign(tensor.dims().begin(), tensor.dims().end());
    const std::string& raw = tensor.raw_data();
    const auto size = static_cast<size_t>(count);
    const auto wrong_size = [&] {
      return Bad(fmt::format("its data do not have {} elements", count), "data that fit its shape");
    };
    const auto from_raw = [&]<typename T>(T) {
      if (raw.size() != size * sizeof(T)) return false;
      constant->values.resize(size);
      for (size_t i = 0; i < size; ++i) {
        T element;
        std::memcpy(&element, raw.data() + i * sizeof(T), sizeof(T));
        constant->values[i] = static_cast<double>(element);
      }
      return true;
    };
    const auto from_list = [&](const auto& list) {
      if (static_cast<size_t>(list.size()) != size) return false;
      constant->values.assign(list.begin(), list.end());
      return true;
    };
    const bool is_raw = !raw.empty();
    constant->is_integer = true;
    bool good = false;
    switch (tensor.data_type()) {
      case onnx::TensorProto::FLOAT:
        constant->is_integer = false;
        good = is_raw ? from_raw(float{}) : from_list(tensor.float_data());
        break;
      case onnx::TensorProto::DOUBLE:
        constant->is_integer = false;
        good = is_raw ? from_raw(double{}) : from_list(tensor.double_data());
        // More bits than those of a float would be lost in products.
        for (double& value : constant->values) {
          if (value != static_cast<double>(static_cast<float>(value))) {
            return Bad("it has values that no float32 holds", "float32");
          }
        }
        break;
      case onnx::TensorProto::INT8:
        good = is_raw ? from_raw(int8_t{}) : from_list(tensor.int32_data());
        break;
      case onnx::TensorProto::UINT8:
        good = is_raw ? from_raw(uint8_t{}) : from_list(tensor.int32_data());
        break;
      case onnx::TensorProto::INT32:
        good = is_raw ? from_raw(int32_t{}) : from_list(tensor.int32_data());
        break;
      case onnx::TensorProto::INT64:
        good = is_raw ? from_raw(int64_t{}) : from_list(tensor.int64_data());
        break;
      default:
        return Bad(fmt::format("it has data type {}", tensor.data_type()),
                   "float, double, int8, uint8, int32 or int64");
    }
    if (!good) return wrong_size();
    for (double value : constant->values) {
      if (!std::isfinite(value)) return Bad("it has values that are not finite", "numbers");
    }
    return std::nullopt;
  }

  // The value named by an input of the node. Values are not copied.
  Status Find(const onnx::NodeProto& node, int input, const Value** value) {
    if (input >= node.input_size() || node.input(input).empty()) {
      return Pattern(fmt::format("input {} is missing", input), "all inputs of the operator");
    }
    const auto found = values_.find(node.input(input));
    if (found == values_.end()) {
      return Refusal{Code::kOnnxDamaged,
                     fmt::format("input {} \"{}\" is not the result of a node before it", input,
                                 PrintableName(node.input(input))),
                     "nodes in the order of execution"};
    }
    *value = &found->second;
    // Results often begin as copies.
    return Charge(found->second.layer.filter.data.size() + found->second.forms.size());
  }
  Status FindConstant(const onnx::NodeProto& node, int input, const Constant** constant) {
    const Value* value = nullptr;
    if (auto refusal = Find(node, input, &value)) return refusal;
    if (value->kind != Kind::kConstant) {
      return Pattern(fmt::format("input {} is {}", input, KindName(value->kind)), "a constant");
    }
    *constant = &value->constant;
    return Charge(value->constant.values.size());
  }
  static bool Has(const onnx::NodeProto& node, int input) {
    return input < node.input_size() && !node.input(input).empty();
  }
  // One value.
  Status FindScalar(const onnx::NodeProto& node, int input, const char* what, double* scalar) {
    const Constant* constant = nullptr;
    if (auto refusal = FindConstant(node, input, &constant)) return refusal;
    if (constant->values.size() != 1) {
      return Pattern(fmt::format("its {} has {} values", what, constant->values.size()),
                     "one for the tensor");
    }
    *scalar = constant->values[0];
    return std::nullopt;
  }
  Status FindScale(const onnx::NodeProto& node, int input, double* scale) {
    if (auto refusal = FindScalar(node, input, "scale", scale)) return refusal;
    if (*scale > 0) return std::nullopt;
    return Bad(fmt::format("its scale is {}", *scale), "a positive one");
  }

  static const onnx::AttributeProto* Attribute(const onnx::NodeProto& node, const char* name) {
    for (const onnx::AttributeProto& attribute : node.attribute()) {
      if (attribute.name() == name) return &attribute;
    }
    return nullptr;
  }
  static int64_t IntegerAttribute(const onnx::NodeProto& node, const char* name,
                                  int64_t otherwise) {
    const auto* attribute = Attribute(node, name);
    return attribute == nullptr ? otherwise : attribute->i();
  }
  static double FloatAttribute(const onnx::NodeProto& node, const char* name, float otherwise) {
    const auto* attribute = Attribute(node, name);
    return double{attribute == nullptr ? otherwise : attribute->f()};
  }
  static std::vector<int64_t> ListAttribute(const onnx::NodeProto& node, const char* name,
                                            std::vector<int64_t> otherwise) {
    const auto* attribute = Attribute(node, name);
    if (attribute == nullptr) return otherwise;
    return {attribute->ints().begin(), attribute->ints().end()};
  }

  // --- input and output ---

  Status ReadInput(const onnx::GraphProto& graph) {
    const onnx::ValueInfoProto* input = nullptr;
    for (const onnx::ValueInfoProto& info : graph.input()) {
      if (values_.contains(info.name())) continue;  // an initializer
      if (input != nullptr) return Pattern("the graph has several inputs", "one");
      input = &info;
    }
    if (input == nullptr) return Pattern("the graph has no input", "one");
    where_ = fmt::format("input \"{}\"", PrintableName(input->name()));
    const auto& type = input->type().tensor_type();
    const int rank = type.shape().dim_size();
    if (rank != 4 && rank != 2) {
      return Pattern(fmt::format("it has {} dimensions", rank), "[1,C,H,W] or [1,C]");
    }
    // A batch size that is a name is taken as 1.
    if (type.shape().dim(0).has_dim_value() && type.shape().dim(0).dim_value() != 1) {
      return Pattern(fmt::format("it has a batch of {}", type.shape().dim(0).dim_value()), "1");
    }
    int64_t count = 1;
    std::vector<int32_t> dims;
    for (int i = 1; i < rank; ++i) {
      const int64_t dimension = type.shape().dim(i).dim_value();
      if (dimension < 1 || dimension > kLargestDimension) {
        return Pattern(fmt::format("dimension {} is {}", i, dimension),
                       fmt::format("1 to {}", kLargestDimension));
      }
      dims.push_back(static_cast<int32_t>(dimension));
      count *= dimension;
    }
    if (count > kMostElements) return Refusal{Code::kModelTooLarge, "it has too many elements", ""};
    Value value;
    value.kind = Kind::kInput;
    value.channels = dims[0];
    if (rank == 4) value.height = dims[1], value.width = dims[2];
    value.flat = rank == 2;
    std::string annotation;
    for (const onnx::TensorAnnotation& entry : graph.quantization_annotation()) {
      if (entry.tensor_name() != input->name()) continue;
      for (const auto& pair : entry.quant_parameter_tensor_names()) {
        if (pair.key() == "finn_datatype") annotation = pair.value();
      }
    }
    if (annotation == "BIPOLAR") {
      value = InputBits(value);
    } else if (type.elem_type() == onnx::TensorProto::INT8 || annotation == "INT8") {
      value = InputBytes(value, 0);
    } else if (type.elem_type() != onnx::TensorProto::FLOAT) {
      return Pattern(fmt::format("it has data type {}", type.elem_type()), "float or int8");
    }
    values_[input->name()] = std::move(value);
    where_.clear();
    return std::nullopt;
  }

  // The model's input tensor, made by whatever first quantizes the graph's input.
  int32_t InputTensor(const Value& value, int32_t zero_point) {
    if (model_.inputs.empty()) {
      model_.inputs = {Add(ByteTensor("input", value.height, value.width, value.channels,
                                      TensorType::kInt8, zero_point))};
    }
    return model_.inputs[0];
  }
  Value InputBytes(const Value& value, int32_t zero_point) {
    Value bytes = value;
    bytes.kind = Kind::kBytes;
    bytes.tensor = InputTensor(value, zero_point);
    return bytes;
  }
  // A bit is 1 where the byte is 0 or more.
  Value InputBits(const Value& value) {
    Value bits = value;
    bits.kind = Kind::kBits;
    const int32_t input = InputTensor(value, 0);
    bits.tensor = Add(BitTensor("input bits", value.height, value.width, value.channels, 1));
    AddOperator(OperatorType::kThermometer, {input}, bits.tensor,
                ThermometerOptions{.levels = 1, .first = -1, .step = 1});
    return bits;
  }

  Status ReadOutput(const onnx::GraphProto& graph) {
    if (graph.output_size() != 1) {
      return Pattern(fmt::format("the graph has {} outputs", graph.output_size()), "one");
    }
    const std::string& name = graph.output(0).name();
    where_ = fmt::format("output \"{}\"", PrintableName(name));
    const auto found = values_.find(name);
    if (found == values_.end()) {
      return Refusal{Code::kOnnxDamaged, "no node computes it", ""};
    }
    const Value& value = found->second;
    if (value.kind == Kind::kBits && !value.inverted.empty()) {
      return Pattern("bits behind a MaxPool of values that fall afterwards", "a layer behind them");
    }
    if (value.kind == Kind::kBits || (value.kind == Kind::kBytes && !model_.operators.empty())) {
      model_.outputs = {value.tensor};
      return std::nullopt;
    }
    if (value.kind != Kind::kSums) {
      return Pattern(fmt::format("it is {}", KindName(value.kind)), "the sums or bits of a layer");
    }
    return CloseAsSums(value);
  }

  // --- the model ---

  int32_t Add(Tensor tensor) { return AppendTensor(&model_, std::move(tensor)); }
  void AddOperator(OperatorType type, std::vector<int32_t> inputs, int32_t output,
                   OperatorOptions options) {
    AppendOperator(&model_, type, std::move(inputs), output, std::move(options));
  }

  // Ends a layer of which `value` has the sums.
  Status Close(const Value& value, BinaryConvOptions options, Tensor output, int32_t* tensor) {
    if (auto refusal = Charge(value.layer.filter.data.size())) return refusal;
    const int32_t filter = Add(value.layer.filter);
    *tensor = Add(std::move(output));
    AddOperator(OperatorType::kBinaryConv2d, {value.layer.input, filter}, *tensor,
                std::move(options));
    if (const auto problem = CheckSums(model_, model_.operators.back())) {
      return Refusal{Code::kModelSums, *problem, ""};
    }
    return std::nullopt;
  }

  Status CloseAsSums(const Value& value) {
    if (value.pool) return Pattern("a MaxPool of sums ends the network", "a quantizer behind it");
    BinaryConvOptions options = value.layer.options;
    // (p S + q + r) / e with the same p / e for all channels: S + (q + r) / p, scaled.
    const Form& first = value.forms[0];
    const Dyadic one = Dyadic::FromInteger(1);
    for (size_t c = 0; c < value.forms.size(); ++c) {
      const Form& form = value.forms[c];
      const char* hint = "sums times one positive factor, and an integer bias";
      if ((form.v - one).Sign() != 0) {
        return Pattern("the last layer's sums have a batch normalization", hint);
      }
      if (form.p.Sign() <= 0 || (form.p * first.e - first.p * form.e).Sign() != 0) {
        return Pattern(fmt::format("channel {} has a factor of its own, or a negative one", c),
                       hint);
      }
      const auto bias = ExactQuotient(form.q + form.r, form.p);
      if (!bias) {
        return Pattern(
            fmt::format("the bias of channel {} is no integer number of the sums' units", c), hint);
      }
      options.bias.push_back(*bias);
    }
    Tensor output =
        ByteTensor("sums", value.height, value.width, value.channels, TensorType::kInt32, 0);
    output.scales = {OutputScale(value)};
    int32_t tensor = -1;
    if (auto refusal = Close(value, std::move(options), std::move(output), &tensor)) return refusal;
    model_.outputs = {tensor};
    return std::nullopt;
  }
  // What one unit of the sums is worth; for people, nothing is computed with it.
  static float OutputScale(const Value& value) {
    // p and e are positive; both within some powers of two of the quotient.
    double low = 0x1p-60, high = 0x1p60;
    for (int i = 0; i < 200 && low * (1 + 0x1p-30) < high; ++i) {
      const double middle = std::sqrt(low) * std::sqrt(high);
      const Dyadic product = Dyadic::FromDouble(middle) * value.forms[0].e;
      const int sign = (product - value.forms[0].p).Sign();
      if (sign == 0) return static_cast<float>(middle);
      (sign > 0 ? high : low) = middle;
    }
    return static_cast<float>(high);
  }
  // a / b if it is an integer within int32; b > 0.
  static std::optional<int32_t> ExactQuotient(const Dyadic& a, const Dyadic& b) {
    int64_t low = INT32_MIN, high = INT32_MAX;  // the largest integer i with i * b <= a
    while (low < high) {
      const int64_t middle = low + (high - low + 1) / 2;
      if ((Dyadic::FromInteger(middle) * b - a).Sign() <= 0) {
        low = middle;
      } else {
        high = middle - 1;
      }
    }
    if ((Dyadic::FromInteger(low) * b - a).Sign() != 0) return std::nullopt;
    return static_cast<int32_t>(low);
  }

  // Thresholds at which sums become +1: values of 0 and more.
  Status CloseAsBits(const Value& value, double scale, Value* result) {
    BinaryConvOptions options = value.layer.options;
    options.thresholds.resize(1);
    const Tensor& filter = value.layer.filter;
    const int64_t taps = int64_t{filter.shape[1]} * filter.shape[2] * filter.shape[3];
    const bool bits = filter.type == TensorType::kBits;
    const int64_t reach = bits ? taps : taps * 255 * 128;
    if (reach >= INT32_MAX) {
      return Refusal{Code::kModelSums, fmt::format("sums can reach {}", reach),
                     "layers of fewer inputs"};
    }
    // What comes behind a pool rises or falls with the largest value: then the bit of the largest
    // one is an OR or an AND of all bits. An AND is an OR of inverted bits.
    std::vector<bool> inverted;
    for (size_t c = 0; c < value.forms.size(); ++c) {
      const Form& form = value.forms[c];
      const auto is_plus = [&](int64_t sum) {
        return SignOfRootSum(form.p * Dyadic::FromInteger(sum) + form.q, form.r, form.v) >= 0;
      };
      // The value grows with the sum, or falls: one boundary, found by bisection.
      const bool falls = form.p.Sign() < 0;
      int64_t low = -reach, high = reach + 1;  // of [low, high] the first sum on the upper side
      while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        if (is_plus(middle) != falls) {
          high = middle;
        } else {
          low = middle + 1;
        }
      }
      options.thresholds[0].push_back(static_cast<int32_t>(low));
      const bool inverts = value.pool && falls != value.pool->falls[c];
      inverted.push_back(inverts);
      options.flip.push_back(falls != inverts ? 1 : 0);
    }
    *result = value;
    result->kind = Kind::kBits;
    result->scale = scale;
    result->forms.clear();
    result->layer = {};
    result->pool.reset();
    if (std::find(inverted.begin(), inverted.end(), true) != inverted.end()) {
      result->inverted = std::move(inverted);
    }
    const int32_t height = value.pool ? value.pool->height : value.height;
    const int32_t width = value.pool ? value.pool->width : value.width;
    if (auto refusal = Close(value, std::move(options),
                             BitTensor(fmt::format("bits {}", model_.operators.size()), height,
                                       width, value.channels, 1),
                             &result->tensor)) {
      return refusal;
    }
    return value.pool ? AddPool(value.pool->options, result) : std::nullopt;
  }

  // `result`, of the pooled size, is that of the bits in its tensor.
  Status AddPool(const PoolOptions& options, Value* result) {
    const int32_t bits = result->tensor;
    result->tensor = Add(BitTensor(fmt::format("pool {}", model_.operators.size()), result->height,
                                   result->width, result->channels, 1));
    AddOperator(OperatorType::kMaxPool2d, {bits}, result->tensor, options);
    return Charge(16);
  }

  // --- nodes ---

  Status ReadNode(const onnx::NodeProto& node, Value* result) {
    const std::string& type = node.op_type();
    if (type == "Constant") {
      const auto* attribute = Attribute(node, "value");
      if (attribute == nullptr || !attribute->has_t()) {
        return Pattern("it has no tensor \"value\"", "a tensor");
      }
      return ReadTensor(attribute->t(), &result->constant);
    }
    const Value* first = nullptr;
    if (auto refusal = Find(node, 0, &first)) return refusal;
    if (type == "Add" || type == "Sub" || type == "Mul" || type == "Div") {
      return ReadArithmetic(node, *first, result);
    }
    if (first->kind == Kind::kConstant) {
      if (auto refusal = Charge(first->constant.values.size())) return refusal;
      return FoldConstant(node, first->constant, &result->constant);
    }
    if (type == "Identity" || type == "Dropout") {
      *result = *first;
      return std::nullopt;
    }
    if (type == "Cast") {
      const int64_t to = IntegerAttribute(node, "to", 0);
      if (to != onnx::TensorProto::FLOAT && to != onnx::TensorProto::DOUBLE) {
        return Pattern(fmt::format("it casts an activation to data type {}", to), "float");
      }
      *result = *first;
      return std::nullopt;
    }
    if (type == "BipolarQuant" || type == "Sign") return ReadSign(node, *first, result);
    if (type == "Quant" || type == "QuantizeLinear") return ReadQuant(node, *first, result);
    if (type == "DequantizeLinear") return ReadDequantize(node, *first, result);
    if (type == "Conv") return ReadConv(node, *first, result);
    if (type == "Gemm" || type == "MatMul") return ReadMatrix(node, *first, result);
    if (type == "BatchNormalization") return ReadNormalization(node, *first, result);
    if (type == "MaxPool") return ReadPool(node, *first, result);
    if (type == "Flatten" || type == "Reshape") return ReadFlatten(node, *first, result);
    return Pattern(fmt::format("its operand is {}", KindName(first->kind)), "a constant");
  }

  Status FoldConstant(const onnx::NodeProto& node, const Constant& in, Constant* out) {
    const std::string& type = node.op_type();
    *out = in;
    if (type == "Identity") return std::nullopt;
    if (type == "Cast") {
      const int64_t to = IntegerAttribute(node, "to", 0);
      if (to == onnx::TensorProto::FLOAT || to == onnx::TensorProto::DOUBLE) {
        out->is_integer = false;
        return std::nullopt;
      }
    } else if (type == "Sign" || type == "BipolarQuant") {
      double scale = 1;
      if (type == "BipolarQuant") {
        if (auto refusal = FindScale(node, 1, &scale)) return refusal;
      }
      for (double& value : out->values) {
        if (value == 0 && type == "Sign") {
          return Bad("its operand has zeros, whose sign is no bit", "values other than 0");
        }
        value = value >= 0 ? scale : -scale;
      }
      out->is_integer = false;
      out->quantum = scale;
      return std::nullopt;
    } else if (type == "DequantizeLinear" || type == "Quant") {
      double scale = 1, zero = 0, width = 8;
      if (auto refusal = FindScale(node, 1, &scale)) return refusal;
      if (Has(node, 2)) {
        if (auto refusal = FindScalar(node, 2, "zero point", &zero)) return refusal;
      }
      if (type == "Quant") {
        if (auto refusal = FindScalar(node, 3, "bit width", &width)) return refusal;
        const bool is_signed = IntegerAttribute(node, "signed", 1) != 0;
        const bool narrow = IntegerAttribute(node, "narrow", 0) != 0;
        if (!is_signed || width < 2 || width > 8 || width != std::floor(width)) {
          return Pattern("it quantizes weights otherwise than to 2..8 signed bits",
                         "signed, 2 to 8 bits");
        }
        const double most = std::ldexp(1.0, static_cast<int>(width) - 1) - 1;
        for (double& value : out->values) {
          const double rounded =
              std::nearbyint(double{static_cast<float>(value) / static_cast<float>(scale)} + zero);
          value = std::clamp(rounded, narrow ? -most : -most - 1, most);
        }
      } else if (!in.is_integer) {
        return Pattern("its operand is a constant that is no integer", "int8");
      }
      for (double& value : out->values) value = (value - zero) * scale;
      out->is_integer = false;
      out->quantum = scale;
      return std::nullopt;
    } else if (type == "Transpose") {
      return TransposeConstant(node, in, out);
    } else if (type == "Reshape" || type == "Flatten" || type == "Unsqueeze" || type == "Squeeze") {
      std::vector<int64_t> dims;
      if (type == "Reshape") {
        const Constant* shape = nullptr;
        if (auto refusal = FindConstant(node, 1, &shape)) return refusal;
        int64_t known = 1;
        int unknown = -1;
        for (size_t i = 0; i < shape->values.size() && i < 8; ++i) {
          double dimension = shape->values[i];
          if (dimension == 0 && i < in.dims.size()) dimension = static_cast<double>(in.dims[i]);
          if (dimension == -1) unknown = static_cast<int>(i);
          if (dimension < -1 || dimension > static_cast<double>(kMostElements)) {
            return Bad("its shape is illegal", "");
          }
          dims.push_back(static_cast<int64_t>(dimension));
          if (dimension > 0) known *= dims.back();
          if (known > kMostElements) return Bad("its shape is illegal", "");
        }
        if (unknown >= 0 && known > 0) {
          dims[static_cast<size_t>(unknown)] = static_cast<int64_t>(in.values.size()) / known;
        }
      } else {
        // Only the number of values matters to those who use them.
        dims = {static_cast<int64_t>(in.values.size())};
      }
      int64_t count = 1;
      for (int64_t dimension : dims) count *= dimension < 0 ? 0 : dimension;
      if (count != static_cast<int64_t>(in.values.size())) {
        return Bad("its shape does not fit its operand", "");
      }
      out->dims = dims;
      return std::nullopt;
    }
    return Pattern("its operand is a constant", "an activation");
  }

  Status TransposeConstant(const onnx::NodeProto& node, const Constant& in, Constant* out) {
    const size_t rank = in.dims.size();
    std::vector<int64_t> reversed;
    for (size_t i = rank; i-- > 0;) reversed.push_back(static_cast<int64_t>(i));
    const std::vector<int64_t> order = ListAttribute(node, "perm", reversed);
    std::vector<int64_t> sorted = order;
    std::sort(sorted.begin(), sorted.end());
    for (size_t i = 0; i < sorted.size(); ++i) {
      if (sorted[i] != static_cast<int64_t>(i)) return Bad("its \"perm\" is no permutation", "");
    }
    if (order.size() != rank || rank > 8) return Bad("its \"perm\" does not fit its operand", "");
    std::vector<int64_t> steps(rank, 1), position(rank, 0);
    for (size_t i = rank; i-- > 1;) steps[i - 1] = steps[i] * in.dims[i];
    for (size_t i = 0; i < rank; ++i) out->dims[i] = in.dims[static_cast<size_t>(order[i])];
    for (double& value : out->values) {
      int64_t source = 0;
      for (size_t i = 0; i < rank; ++i)
        source += position[i] * steps[static_cast<size_t>(order[i])];
      value = in.values[static_cast<size_t>(source)];
      for (size_t i = rank; i-- > 0;) {
        if (++position[i] < out->dims[i]) break;
        position[i] = 0;
      }
    }
    return std::nullopt;
  }

  // Values for each channel of an activation: one for all, [C], [1,C] (flat), [C,1,1], [1,C,1,1].
  Status PerChannel(const Constant& constant, const Value& value, std::vector<double>* list) {
    const auto count = static_cast<size_t>(value.channels);
    if (constant.values.size() == 1) {
      list->assign(count, constant.values[0]);
      return std::nullopt;
    }
    // The dimension of the channels, counted from the last one as broadcasting does.
    const size_t from_end = value.flat ? 1 : 3;
    const bool spatial = value.flat && (value.height != 1 || value.width != 1);
    const std::vector<int64_t>& dims = constant.dims;
    if (constant.values.size() != count || spatial || dims.size() < from_end ||
        dims[dims.size() - from_end] != value.channels) {
      return Pattern(fmt::format("a constant of shape [{}] meets {} channels", fmt::join(dims, ","),
                                 value.channels),
                     "one value for all, or one per channel");
    }
    *list = constant.values;
    return std::nullopt;
  }

  Status ReadArithmetic(const onnx::NodeProto& node, const Value& first, Value* result) {
    const Value* second = nullptr;
    if (auto refusal = Find(node, 1, &second)) return refusal;
    const std::string& type = node.op_type();
    if (first.kind == Kind::kConstant && second->kind == Kind::kConstant) {
      return FoldArithmetic(type, first.constant, second->constant, &result->constant);
    }
    if (first.kind != Kind::kConstant && second->kind != Kind::kConstant) {
      return Pattern("both operands are activations", "one constant operand");
    }
    const bool swapped = first.kind == Kind::kConstant;
    if (swapped && (type == "Sub" || type == "Div")) {
      return Pattern("the activation is the second operand", "the first one");
    }
    const Value& activation = swapped ? *second : first;
    const Constant& constant = swapped ? first.constant : second->constant;
    if (auto refusal = Charge(constant.values.size())) return refusal;
    if (activation.kind == Kind::kSums) {
      std::vector<double> list;
      if (auto refusal = PerChannel(constant, activation, &list)) return refusal;
      *result = activation;
      for (size_t c = 0; c < list.size(); ++c) {
        Form& form = result->forms[c];
        Dyadic factor = Dyadic::FromDouble(list[c]);
        if (type == "Add") {
          form.r = form.r + factor * form.e;
        } else if (type == "Sub") {
          form.r = form.r - factor * form.e;
        } else {
          if (type == "Div") {
            if (factor.Sign() == 0) return Bad("it divides by 0", "");
            form.e = form.e * (factor.Sign() < 0 ? factor.Negated() : factor);
            factor = Dyadic::FromInteger(factor.Sign());
          }
          form.p = form.p * factor;
          form.q = form.q * factor;
          form.r = form.r * factor;
        }
        if (auto refusal = CheckForm(form)) return refusal;
      }
      return std::nullopt;
    }
    if ((activation.kind == Kind::kBits || activation.kind == Kind::kBytes) && type == "Mul" &&
        constant.values.size() == 1 && constant.values[0] > 0) {
      const double scale = activation.scale * constant.values[0];
      if (auto refusal = CheckProduct(activation.scale, constant.values[0])) return refusal;
      *result = activation;
      result->scale = scale;
      return std::nullopt;
    }
    return Pattern(fmt::format("its operand is {}", KindName(activation.kind)),
                   "the sums of a layer, or Mul of bits by one positive number");
  }

  Status CheckProduct(double a, double b) {
    const double product = a * b;
    if (std::isfinite(product) && product != 0 && std::fma(a, b, -product) == 0 &&
        std::abs(product) > 0x1p-400) {
      return std::nullopt;
    }
    return Bad("a product of scales cannot be represented exactly", "fewer scales in a row");
  }

  Status CheckForm(const Form& form) {
    if (form.p.Bits() + form.q.Bits() + form.r.Bits() + form.e.Bits() <= kMostFormBits) {
      return Charge(4);
    }
    return Bad("too many constants in a row to be folded exactly", "fewer of them");
  }

  Status FoldArithmetic(const std::string& type, const Constant& a, const Constant& b,
                        Constant* out) {
    if (auto refusal = Charge(a.values.size() + b.values.size())) return refusal;
    // [O,1,1,1] or one value against weights; also the same shape.
    const bool swap = a.values.size() < b.values.size();
    const Constant& large = swap ? b : a;
    const Constant& small = swap ? a : b;
    if (type != "Mul" || small.values.empty()) {
      return Pattern("its operands are two constants", "Mul of weights and scales");
    }
    const size_t block = large.values.size() / small.values.size();
    bool rows = small.values.size() == 1 || small.dims == large.dims;
    if (!rows && !small.dims.empty() && small.dims.size() == large.dims.size() &&
        small.dims[0] == large.dims[0] &&
        static_cast<int64_t>(small.values.size()) == small.dims[0]) {
      rows = true;
    }
    if (!rows || large.values.size() % small.values.size() != 0) {
      return Pattern("its two constants have different shapes",
                     "weights and one scale, or one scale per channel out");
    }
    *out = large;
    out->is_integer = false;
    out->quantum = 0;
    for (size_t i = 0; i < out->values.size(); ++i) {
      const double factor = small.values[i / block];
      if (factor == 0) return Bad("a scale is 0", "other scales");
      if (large.values[i] != 0) {
        if (auto refusal = CheckProduct(large.values[i], factor)) return refusal;
      }
      out->values[i] = large.values[i] * factor;
    }
    return std::nullopt;
  }

  Status ReadSign(const onnx::NodeProto& node, const Value& value, Value* result) {
    double scale = 1;
    if (node.op_type() == "BipolarQuant") {
      if (auto refusal = FindScale(node, 1, &scale)) return refusal;
    }
    switch (value.kind) {
      case Kind::kSums:
        return CloseAsBits(value, scale, result);
      case Kind::kInput:
        if (!model_.inputs.empty()) break;
        *result = InputBits(value);
        result->scale = scale;
        return std::nullopt;
      case Kind::kBits:
        *result = value;
        result->scale = scale;
        return std::nullopt;
      default:
        break;
    }
    return Pattern(fmt::format("its operand is {}", KindName(value.kind)), "the sums of a layer");
  }

  Status ReadQuant(const onnx::NodeProto& node, const Value& value, Value* result) {
    if (value.kind != Kind::kInput || !model_.inputs.empty()) {
      return Pattern(fmt::format("its operand is {}", KindName(value.kind)),
                     "the network's input: between layers BipolarQuant or Sign");
    }
    double scale = 1, zero = 0, width = 8;
    if (auto refusal = FindScale(node, 1, &scale)) return refusal;
    const Constant* zero_constant = nullptr;
    if (Has(node, 2)) {
      if (auto refusal = FindScalar(node, 2, "zero point", &zero)) return refusal;
      if (auto refusal = FindConstant(node, 2, &zero_constant)) return refusal;
    }
    if (node.op_type() == "Quant") {
      if (auto refusal = FindScalar(node, 3, "bit width", &width)) return refusal;
      if (IntegerAttribute(node, "signed", 1) == 0 || width != 8) {
        return Pattern("it quantizes the input otherwise than to int8", "signed, 8 bits");
      }
    } else if (zero_constant == nullptr) {
      return Pattern("without a zero point it quantizes to uint8", "a zero point of int8");
    }
    if (zero < -128 || zero > 127 || zero != std::floor(zero)) {
      return Bad(fmt::format("its zero point is {}", zero), "-128 to 127");
    }
    if (node.op_type() == "QuantizeLinear") {
      // Integers; DequantizeLinear says what they are worth.
      *result = InputBytes(value, 0);
      return std::nullopt;
    }
    *result = InputBytes(value, static_cast<int32_t>(zero));
    result->scale = scale;
    return std::nullopt;
  }

  Status ReadDequantize(const onnx::NodeProto& node, const Value& value, Value* result) {
    // The zero point becomes the tensor's: no other operator may have seen another one.
    if (value.kind != Kind::kBytes || !model_.operators.empty() || value.scale != 1 ||
        model_.tensors[value.tensor].zero_points[0] != 0 || dequantized_) {
      return Pattern(fmt::format("its operand is {}", KindName(value.kind)),
                     "the int8 input of the network, once, or a constant");
    }
    double scale = 1, zero = 0;
    if (auto refusal = FindScale(node, 1, &scale)) return refusal;
    if (Has(node, 2)) {
      if (auto refusal = FindScalar(node, 2, "zero point", &zero)) return refusal;
    }
    if (zero < -128 || zero > 127 || zero != std::floor(zero)) {
      return Bad(fmt::format("its zero point is {}", zero), "-128 to 127");
    }
    dequantized_ = true;
    model_.tensors[value.tensor].zero_points[0] = static_cast<int32_t>(zero);
    *result = value;
    result->scale = scale;
    return std::nullopt;
  }

  // Weights as integers times a scale per channel out: bits for an operand of bits, int8 otherwise.
  // `at(o, y, x, i)` is the index of a weight in `weights`; `shape` is [O,KH,KW,I].
  template <typename Index>
  Status MakeLayer(const Value& operand, const Constant& weights, const std::vector<int32_t>& shape,
                   const Index& at, Value* result) {
    const int64_t rows = shape[0];
    const int64_t taps = int64_t{shape[1]} * shape[2] * shape[3];
    // `weights` has rows * taps values, as the caller has seen.
    std::vector<double> ordered;
    ordered.reserve(weights.values.size());
    for (int32_t o = 0; o < shape[0]; ++o) {
      for (int32_t y = 0; y < shape[1]; ++y) {
        for (int32_t x = 0; x < shape[2]; ++x) {
          for (int32_t i = 0; i < shape[3]; ++i) {
            const double weight = weights.values[static_cast<size_t>(at(o, y, x, i))];
            const bool inverted = !operand.inverted.empty() && operand.inverted[i];
            ordered.push_back(inverted ? -weight : weight);
          }
        }
      }
    }
    const bool bits = operand.kind == Kind::kBits;
    const std::string name = fmt::format("weights {}", model_.operators.size());
    std::vector<double> scales;
    std::vector<uint8_t> bytes;
    for (int64_t o = 0; o < rows; ++o) {
      const double* row = ordered.data() + o * taps;
      const double size = std::abs(row[0]);
      const bool bipolar =
          size > 0 && std::all_of(row, row + taps, [&](double w) { return std::abs(w) == size; });
      if (bits && !bipolar) {
        return Pattern(
            fmt::format("weights of channel {} are not +a and -a, but the operand is bits", o),
            "weights of +1 and -1, times one positive scale per channel");
      }
      if (bits) {
        scales.push_back(size);
        continue;
      }
      const auto fits = [&](double unit) {
        return std::all_of(row, row + taps, [&](double w) {
          const double integer = std::nearbyint(w / unit);
          return integer >= -128 && integer <= 127 && integer * unit == w;
        });
      };
      const double unit = weights.quantum > 0 && fits(weights.quantum) ? weights.quantum
                          : bipolar                                    ? size
                                                                       : 1.0;
      if (!fits(unit)) {
        return Pattern(fmt::format("weights of channel {} are no int8 numbers", o),
                       "integers of -128..127, also by Quant or DequantizeLinear");
      }
      scales.push_back(unit);
      for (int64_t i = 0; i < taps; ++i) {
        bytes.push_back(static_cast<uint8_t>(static_cast<int8_t>(std::nearbyint(row[i] / unit))));
      }
    }
    Layer& layer = result->layer;
    layer.input = operand.tensor;
    layer.filter = bits ? BitFilter(name, shape,
                                    [&](int64_t i) { return ordered[static_cast<size_t>(i)] > 0; })
                        : ByteFilter(name, shape, std::move(bytes));
    layer.options.skip_outside = bits;
    result->kind = Kind::kSums;
    result->inverted.clear();
    result->forms.clear();
    for (double scale : scales) {
      Form form;
      form.p = Dyadic::FromDouble(scale) * Dyadic::FromDouble(operand.scale);
      form.v = form.e = Dyadic::FromInteger(1);
      result->forms.push_back(std::move(form));
    }
    return std::nullopt;
  }

  static Status CheckOperand(const Value& value) {
    if (value.kind == Kind::kBits || value.kind == Kind::kBytes) return std::nullopt;
    return Pattern(fmt::format("its operand is {}", KindName(value.kind)),
                   "bits (after BipolarQuant or Sign), or the network's input after Quant, "
                   "QuantizeLinear and DequantizeLinear, or of type int8");
  }

  // `window` has two entries of 1..65535.
  static Status Spatial(const std::vector<int64_t>& list, const char* what) {
    if (list.size() == 2 && list[0] >= 1 && list[1] >= 1 && list[0] <= kLargestDimension &&
        list[1] <= kLargestDimension) {
      return std::nullopt;
    }
    return Pattern(fmt::format("its {} are [{}]", what, fmt::join(list, ",")), "two, of 1 or more");
  }

  // Padding before and after in both directions: [top, left, bottom, right].
  Status ReadPads(const onnx::NodeProto& node, const Value& value,
                  const std::vector<int64_t>& kernel, const std::vector<int64_t>& strides,
                  std::vector<int64_t>* pads) {
    *pads = ListAttribute(node, "pads", {0, 0, 0, 0});
    const auto* automatic = Attribute(node, "auto_pad");
    const std::string mode = automatic == nullptr ? "NOTSET" : automatic->s();
    if (mode == "SAME_UPPER" || mode == "SAME_LOWER") {
      const int64_t sizes[2] = {value.height, value.width};
      pads->assign(4, 0);
      for (size_t i = 0; i < 2; ++i) {
        const int64_t out = (sizes[i] + strides[i] - 1) / strides[i];
        const int64_t total = std::max<int64_t>(0, (out - 1) * strides[i] + kernel[i] - sizes[i]);
        (*pads)[i] = mode == "SAME_UPPER" ? total / 2 : total - total / 2;
        (*pads)[i + 2] = total - (*pads)[i];
      }
    } else if (mode == "VALID") {
      pads->assign(4, 0);
    } else if (mode != "NOTSET" && !mode.empty()) {
      return Pattern(fmt::format("its \"auto_pad\" is \"{}\"", PrintableName(mode)),
                     "NOTSET, VALID, SAME_UPPER or SAME_LOWER");
    }
    if (pads->size() != 4) return Pattern("its \"pads\" do not have four entries", "four");
    for (size_t i = 0; i < 4; ++i) {
      if ((*pads)[i] < 0 || (*pads)[i] >= kernel[i % 2]) {
        return Pattern(fmt::format("its \"pads\" are [{}]", fmt::join(*pads, ",")),
                       "0 or more, less than the kernel");
      }
    }
    return std::nullopt;
  }

  // Sets the image of `result` for a window over `value`.
  static Status SetPositions(const Value& value, const std::vector<int64_t>& kernel,
                             const std::vector<int64_t>& strides, const std::vector<int64_t>& pads,
                             int32_t channels, Value* result) {
    const int64_t height = Positions(value.height, kernel[0], strides[0], pads[0], pads[2]);
    const int64_t width = Positions(value.width, kernel[1], strides[1], pads[1], pads[3]);
    if (height < 1 || width < 1) return Pattern("its window does not fit in the image", "");
    if (height * width > kMostElements / channels) {
      return Refusal{Code::kModelTooLarge, "its output has too many elements", ""};
    }
    result->channels = channels;
    result->height = static_cast<int32_t>(height);
    result->width = static_cast<int32_t>(width);
    result->flat = false;
    return std::nullopt;
  }

  Status ReadConv(const onnx::NodeProto& node, const Value& value, Value* result) {
    if (auto refusal = CheckOperand(value)) return refusal;
    const Constant* weights = nullptr;
    if (auto refusal = FindConstant(node, 1, &weights)) return refusal;
    const std::vector<int64_t>& dims = weights->dims;
    if (value.flat || dims.size() != 4) return Pattern("it is not two-dimensional", "images");
    for (int64_t dimension : dims) {
      if (dimension < 1 || dimension > kLargestDimension) return Bad("its weights are empty", "");
    }
    if (IntegerAttribute(node, "group", 1) != 1) return Pattern("it has groups", "one group");
    for (int64_t dilation : ListAttribute(node, "dilations", {})) {
      if (dilation != 1) return Pattern("it has dilations", "1");
    }
    if (dims[1] != value.channels) {
      return Pattern(fmt::format("its weights [{}] do not fit {} channels", fmt::join(dims, ","),
                                 value.channels),
                     "[O,I,KH,KW]");
    }
    const std::vector<int64_t> kernel = {dims[2], dims[3]};
    if (ListAttribute(node, "kernel_shape", kernel) != kernel) {
      return Pattern("its \"kernel_shape\" is not that of its weights", "");
    }
    const std::vector<int64_t> strides = ListAttribute(node, "strides", {1, 1});
    if (auto refusal = Spatial(strides, "strides")) return refusal;
    std::vector<int64_t> pads;
    if (auto refusal = ReadPads(node, value, kernel, strides, &pads)) return refusal;
    const std::vector<int32_t> shape = {
        static_cast<int32_t>(dims[0]), static_cast<int32_t>(dims[2]), static_cast<int32_t>(dims[3]),
        static_cast<int32_t>(dims[1])};
    const auto at = [&](int64_t o, int64_t y, int64_t x, int64_t i) {
      return ((o * dims[1] + i) * dims[2] + y) * dims[3] + x;
    };
    if (auto refusal = MakeLayer(value, *weights, shape, at, result)) return refusal;
    if (auto refusal = SetPositions(value, kernel, strides, pads, shape[0], result)) return refusal;
    BinaryConvOptions& options = result->layer.options;
    options.stride_h = static_cast<int32_t>(strides[0]);
    options.stride_w = static_cast<int32_t>(strides[1]);
    options.pad_top = static_cast<int32_t>(pads[0]);
    options.pad_left = static_cast<int32_t>(pads[1]);
    return Has(node, 2) ? AddBias(node, 2, 1.0, result) : std::nullopt;
  }

  Status AddBias(const onnx::NodeProto& node, int input, double factor, Value* result) {
    const Constant* bias = nullptr;
    if (auto refusal = FindConstant(node, input, &bias)) return refusal;
    const auto count = static_cast<size_t>(result->channels);
    if (bias->values.size() != count && bias->values.size() != 1) {
      return Pattern(fmt::format("its bias has {} values", bias->values.size()),
                     fmt::format("{}", count));
    }
    for (size_t c = 0; c < count; ++c) {
      const double value = bias->values[bias->values.size() == 1 ? 0 : c];
      Form& form = result->forms[c];
      form.r = form.r + Dyadic::FromDouble(value) * Dyadic::FromDouble(factor);
    }
    return std::nullopt;
  }

  Status ReadMatrix(const onnx::NodeProto& node, const Value& value, Value* result) {
    if (auto refusal = CheckOperand(value)) return refusal;
    const bool gemm = node.op_type() == "Gemm";
    const Constant* weights = nullptr;
    if (auto refusal = FindConstant(node, 1, &weights)) return refusal;
    const std::vector<int64_t>& dims = weights->dims;
    if (!value.flat || dims.size() != 2) {
      return Pattern("its operands are not two matrices", "Flatten or Reshape before it");
    }
    if (gemm && IntegerAttribute(node, "transA", 0) != 0) {
      return Pattern("it transposes the activation", "transA 0");
    }
    const bool transposed = gemm && IntegerAttribute(node, "transB", 0) != 0;
    const int64_t rows = transposed ? dims[0] : dims[1];
    const int64_t columns = transposed ? dims[1] : dims[0];
    if (columns != value.elements() || rows < 1 || rows > kLargestDimension) {
      return Pattern(fmt::format("its weights [{}] do not fit {} elements", fmt::join(dims, ","),
                                 value.elements()),
                     "");
    }
    const std::vector<int32_t> shape = {static_cast<int32_t>(rows), value.height, value.width,
                                        value.channels};
    // Flattened elements run channel, y, x; ours y, x, channel.
    const int64_t height = value.height, width = value.width;
    const auto at = [&](int64_t o, int64_t y, int64_t x, int64_t i) {
      const int64_t element = (i * height + y) * width + x;
      return transposed ? o * columns + element : element * rows + o;
    };
    if (auto refusal = MakeLayer(value, *weights, shape, at, result)) return refusal;
    result->channels = shape[0];
    result->height = result->width = 1;
    result->flat = true;
    if (!gemm) return std::nullopt;
    const double alpha = FloatAttribute(node, "alpha", 1.0f);
    const double beta = FloatAttribute(node, "beta", 1.0f);
    if (!std::isfinite(alpha) || !std::isfinite(beta)) return Bad("alpha or beta is no number", "");
    for (Form& form : result->forms) form.p = form.p * Dyadic::FromDouble(alpha);
    return Has(node, 2) ? AddBias(node, 2, beta, result) : std::nullopt;
  }

  Status ReadNormalization(const onnx::NodeProto& node, const Value& value, Value* result) {
    if (value.kind != Kind::kSums) {
      return Pattern(fmt::format("its operand is {}", KindName(value.kind)), "the sums of a layer");
    }
    if (IntegerAttribute(node, "training_mode", 0) != 0) {
      return Pattern("it is in training mode", "training_mode 0");
    }
    if (value.flat && (value.height != 1 || value.width != 1)) {
      return Pattern("its operand is a flattened image", "BatchNormalization before Flatten");
    }
    const Constant* parts[4];  // gamma, beta, mean, variance
    for (int i = 0; i < 4; ++i) {
      if (auto refusal = FindConstant(node, i + 1, &parts[i])) return refusal;
      if (parts[i]->values.size() != static_cast<size_t>(value.channels)) {
        return Pattern(fmt::format("input {} has {} values", i + 1, parts[i]->values.size()),
                       fmt::format("{}, one per channel", value.channels));
      }
    }
    const double epsilon = FloatAttribute(node, "epsilon", 1e-5f);
    if (!std::isfinite(epsilon)) return Bad("its epsilon is no number", "");
    *result = value;
    const Dyadic one = Dyadic::FromInteger(1);
    for (size_t c = 0; c < result->forms.size(); ++c) {
      Form& form = result->forms[c];
      if ((form.v - one).Sign() != 0) {
        return Pattern("two batch normalizations follow each other", "one for each layer");
      }
      const Dyadic gamma = Dyadic::FromDouble(parts[0]->values[c]);
      const Dyadic beta = Dyadic::FromDouble(parts[1]->values[c]);
      const Dyadic mean = Dyadic::FromDouble(parts[2]->values[c]);
      // gamma ((p S + q + r) / e - mean) / sqrt(v) + beta
      form.q = gamma * (form.q + form.r - mean * form.e);
      form.p = gamma * form.p;
      form.r = beta * form.e;
      form.v = Dyadic::FromDouble(parts[3]->values[c]) + Dyadic::FromDouble(epsilon);
      if (form.v.Sign() <= 0) {
        return Bad(fmt::format("variance and epsilon of channel {} are not positive", c),
                   "a positive variance");
      }
      if (auto refusal = CheckForm(form)) return refusal;
    }
    return std::nullopt;
  }

  Status ReadPool(const onnx::NodeProto& node, const Value& value, Value* result) {
    const bool sums = value.kind == Kind::kSums;
    if ((value.kind != Kind::kBits && !sums) || value.flat) {
      return Pattern(fmt::format("its operand is {}", KindName(value.kind)),
                     "an image of bits or of the sums of a layer");
    }
    if (value.pool || !value.inverted.empty()) {
      return Pattern("a MaxPool of the same layer's sums comes before it", "one of them");
    }
    const std::vector<int64_t> kernel = ListAttribute(node, "kernel_shape", {});
    const std::vector<int64_t> strides = ListAttribute(node, "strides", {1, 1});
    if (auto refusal = Spatial(kernel, "\"kernel_shape\"")) return refusal;
    if (auto refusal = Spatial(strides, "strides")) return refusal;
    for (int64_t dilation : ListAttribute(node, "dilations", {})) {
      if (dilation != 1) return Pattern("it has dilations", "1");
    }
    std::vector<int64_t> pads;
    if (auto refusal = ReadPads(node, value, kernel, strides, &pads)) return refusal;
    if (IntegerAttribute(node, "ceil_mode", 0) != 0 || pads != std::vector<int64_t>(4, 0)) {
      return Pattern("it has padding or \"ceil_mode\"", "no padding");
    }
    if (node.output_size() > 1 && !node.output(1).empty()) {
      return Pattern("its indices are used", "one output");
    }
    *result = value;
    if (auto refusal = SetPositions(value, kernel, strides, pads, value.channels, result)) {
      return refusal;
    }
    const PoolOptions options{.padding = Padding::kValid,
                              .stride_h = static_cast<int32_t>(strides[0]),
                              .stride_w = static_cast<int32_t>(strides[1]),
                              .filter_h = static_cast<int32_t>(kernel[0]),
                              .filter_w = static_cast<int32_t>(kernel[1])};
    if (!sums) return AddPool(options, result);
    SumPool pool{options, value.height, value.width, {}};
    for (const Form& form : value.forms) pool.falls.push_back(form.p.Sign() < 0);
    result->pool = std::move(pool);
    return std::nullopt;
  }

  Status ReadFlatten(const onnx::NodeProto& node, const Value& value, Value* result) {
    *result = value;
    result->flat = true;
    if (node.op_type() == "Flatten") {
      const int64_t axis = IntegerAttribute(node, "axis", 1);
      if (axis == 1 || (value.flat && axis == -1)) return std::nullopt;
      return Pattern(fmt::format("its axis is {}", axis), "1");
    }
    const Constant* shape = nullptr;
    if (auto refusal = FindConstant(node, 1, &shape)) return refusal;
    const std::vector<double>& dims = shape->values;
    const auto all = static_cast<double>(value.elements());
    // [1, all elements]; -1 may stand for either, 0 for the batch.
    if (dims.size() == 2 && (dims[0] == 1 || dims[0] == 0 || dims[0] == -1) &&
        (dims[1] == all || (dims[1] == -1 && dims[0] != -1))) {
      return std::nullopt;
    }
    return Pattern(fmt::format("it reshapes an activation to [{}]", fmt::join(dims, ",")),
                   "[1, -1]: flattening");
  }

  std::span<const uint8_t> bytes_;
  Model model_;
  std::map<std::string, Value> values_;
  std::string where_;
  size_t spent_ = 0;
  bool dequantized_ = false;
  Diagnostics errors_;
};

}  // namespace

Result<Model> ReadOnnx(std::span<const uint8_t> bytes, const std::string& name) {
  return Reader(bytes, name).Run();
}

Result<Model> LoadOnnx(const std::string& path) {
  const Result<std::vector<uint8_t>> bytes = ReadModelFile(path);
  if (!bytes.ok()) return bytes.errors();
  return ReadOnnx(*bytes, std::filesystem::path(path).filename().string());
}

}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// ONNX networks built with the protobuf API: the golden model's results against a plain evaluation
// of the graph, and what is told of graphs that are not taken.
#include "sw/model/onnx_reader.h"

#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>

#include "sw/model/dyadic.h"
#include "sw/model/read_model.h"
#include "tests/support/processes.h"
#include "verif/golden/golden_model.h"
#include "verif/random/random_model.h"

namespace npugen {
namespace {

using testing::RandomSource;
using Code = DiagnosticCode;
using Dims = std::vector<int64_t>;

struct Array {
  Dims dims;
  std::vector<double> values;
};

// Builds a graph and computes it at once, in NCHW and in float64: values are small integers and
// powers of two where a test says so, and then this is exact.
class Graph {
 public:
  Graph() {
    model_.set_ir_version(8);
    model_.add_opset_import()->set_version(13);
    auto* qonnx = model_.add_opset_import();
    qonnx->set_domain("qonnx.custom_op.general");
    qonnx->set_version(1);
  }

  std::string Input(const Array& array, onnx::TensorProto::DataType type) {
    auto* input = model_.mutable_graph()->add_input();
    input->set_name("x");
    auto* tensor = input->mutable_type()->mutable_tensor_type();
    tensor->set_elem_type(type);
    for (int64_t dimension : array.dims)
      tensor->mutable_shape()->add_dim()->set_dim_value(dimension);
    arrays_["x"] = array;
    return "x";
  }
  std::string Constant(const Array& array,
                       onnx::TensorProto::DataType type = onnx::TensorProto::FLOAT) {
    auto* tensor = model_.mutable_graph()->add_initializer();
    tensor->set_name("c" + std::to_string(next_++));
    tensor->set_data_type(type);
    for (int64_t dimension : array.dims) tensor->add_dims(dimension);
    for (double value : array.values) {
      if (type == onnx::TensorProto::FLOAT) {
        tensor->add_float_data(static_cast<float>(value));
      } else if (type == onnx::TensorProto::INT64) {
        tensor->add_int64_data(static_cast<int64_t>(value));
      } else {
        tensor->add_int32_data(static_cast<int32_t>(value));
      }
    }
    arrays_[tensor->name()] = array;
    return tensor->name();
  }
  std::string Scalar(double value) { return Constant({{}, {value}}); }

  // Adds a node; `result` is what it computes.
  std::string Node(const std::string& type, const std::vector<std::string>& inputs, Array result) {
    auto* node = model_.mutable_graph()->add_node();
    node->set_op_type(type);
    node->set_name(type + std::to_string(next_));
    if (type == "BipolarQuant" || type == "Quant") node->set_domain("qonnx.custom_op.general");
    for (const std::string& input : inputs) node->add_input(input);
    node->add_output("v" + std::to_string(next_++));
    arrays_[node->output(0)] = std::move(result);
    return node->output(0);
  }
  onnx::NodeProto* last() {
    return model_.mutable_graph()->mutable_node(model_.graph().node_size() - 1);
  }
  void Attribute(const std::string& name, const Dims& list) {
    auto* attribute = last()->add_attribute();
    attribute->set_name(name);
    attribute->set_type(onnx::AttributeProto::INTS);
    for (int64_t value : list) attribute->add_ints(value);
  }
  void Attribute(const std::string& name, int64_t value) {
    auto* attribute = last()->add_attribute();
    attribute->set_name(name);
    attribute->set_type(onnx::AttributeProto::INT);
    attribute->set_i(value);
  }
  void FloatAttribute(const std::string& name, float value) {
    auto* attribute = last()->add_attribute();
    attribute->set_name(name);
    attribute->set_type(onnx::AttributeProto::FLOAT);
    attribute->set_f(value);
  }

  std::string Map(const std::string& type, const std::vector<std::string>& inputs,
                  const std::function<double(double)>& function) {
    Array out = arrays_[inputs[0]];
    for (double& value : out.values) value = function(value);
    return Node(type, inputs, out);
  }
  std::string Bipolar(const std::string& x, double scale) {
    return Map("BipolarQuant", {x, Scalar(scale)},
               [=](double value) { return value >= 0 ? scale : -scale; });
  }
  std::string Sign(const std::string& x) {
    return Map("Sign", {x}, [](double value) { return value >= 0 ? 1.0 : -1.0; });
  }

  // pads: top, left, bottom, right
  std::string Conv(const std::string& x, const std::string& w, const Dims& strides,
                   const Dims& pads, const std::string& bias = "") {
    const Array& in = arrays_[x];
    const Array& weights = arrays_[w];
    const int64_t rows = (in.dims[2] + pads[0] + pads[2] - weights.dims[2]) / strides[0] + 1;
    const int64_t columns = (in.dims[3] + pads[1] + pads[3] - weights.dims[3]) / strides[1] + 1;
    Array out{{1, weights.dims[0], rows, columns}, {}};
    for (int64_t o = 0; o < weights.dims[0]; ++o) {
      for (int64_t y = 0; y < rows; ++y) {
        for (int64_t x2 = 0; x2 < columns; ++x2) {
          double sum = bias.empty() ? 0 : arrays_[bias].values[o];
          for (int64_t i = 0; i < weights.dims[1]; ++i) {
            for (int64_t ky = 0; ky < weights.dims[2]; ++ky) {
              for (int64_t kx = 0; kx < weights.dims[3]; ++kx) {
                const int64_t iy = y * strides[0] - pads[0] + ky;
                const int64_t ix = x2 * strides[1] - pads[1] + kx;
                if (iy < 0 || iy >= in.dims[2] || ix < 0 || ix >= in.dims[3]) continue;
                sum += in.values[(i * in.dims[2] + iy) * in.dims[3] + ix] *
                       weights.values[((o * weights.dims[1] + i) * weights.dims[2] + ky) *
                                          weights.dims[3] +
                                      kx];
              }
            }
          }
          out.values.push_back(sum);
        }
      }
    }
    std::vector<std::string> inputs = {x, w};
    if (!bias.empty()) inputs.push_back(bias);
    const std::string name = Node("Conv", inputs, out);
    Attribute("strides", strides);
    Attribute("pads", pads);
    return name;
  }
  // x [1,K]; w [K,O], or [O,K] for Gemm with transB.
  std::string Matrix(const std::string& type, const std::string& x, const std::string& w,
                     bool transposed, const std::string& bias = "") {
    const Array& in = arrays_[x];
    const Array& weights = arrays_[w];
    const int64_t count = in.dims[1];
    const int64_t outputs = transposed ? weights.dims[0] : weights.dims[1];
    Array out{{1, outputs}, {}};
    for (int64_t o = 0; o < outputs; ++o) {
      double sum = bias.empty() ? 0 : arrays_[bias].values[o];
      for (int64_t i = 0; i < count; ++i) {
        sum += in.values[i] * weights.values[transposed ? o * count + i : i * outputs + o];
      }
      out.values.push_back(sum);
    }
    std::vector<std::string> inputs = {x, w};
    if (!bias.empty()) inputs.push_back(bias);
    const std::string name = Node(type, inputs, out);
    if (transposed) Attribute("transB", 1);
    return name;
  }
  std::string Normalize(const std::string& x, const std::vector<Array>& parts, float epsilon) {
    std::vector<std::string> inputs = {x};
    for (const Array& part : parts) inputs.push_back(Constant(part));
    Array out = arrays_[x];
    const size_t block = out.values.size() / parts[0].values.size();
    for (size_t i = 0; i < out.values.size(); ++i) {
      const size_t c = i / block;
      const long double root =
          std::sqrt(static_cast<long double>(parts[3].values[c]) + double{epsilon});
      out.values[i] = static_cast<double>(
          parts[0].values[c] * (out.values[i] - static_cast<long double>(parts[2].values[c])) /
              root +
          parts[1].values[c]);
    }
    const std::string name = Node("BatchNormalization", inputs, out);
    FloatAttribute("epsilon", epsilon);
    return name;
  }
  std::string MaxPool(const std::string& x, int64_t kernel, int64_t stride) {
    const Array& in = arrays_[x];
    const int64_t rows = (in.dims[2] - kernel) / stride + 1;
    const int64_t columns = (in.dims[3] - kernel) / stride + 1;
    Array out{{1, in.dims[1], rows, columns}, {}};
    for (int64_t c = 0; c < in.dims[1]; ++c) {
      for (int64_t y = 0; y < rows; ++y) {
        for (int64_t x2 = 0; x2 < columns; ++x2) {
          double most = -1e30;
          for (int64_t k = 0; k < kernel * kernel; ++k) {
            most =
                std::max(most, in.values[(c * in.dims[2] + y * stride + k / kernel) * in.dims[3] +
                                         x2 * stride + k % kernel]);
          }
          out.values.push_back(most);
        }
      }
    }
    const std::string name = Node("MaxPool", {x}, out);
    Attribute("kernel_shape", Dims{kernel, kernel});
    Attribute("strides", Dims{stride, stride});
    return name;
  }
  /// The shape [batch, -1] as exports compute it: of the list [batch, ...], or of its slice.
  std::string FlatShape(const std::string& x, bool slices) {
    const Dims& dims = arrays_[x].dims;
    const auto list = [&](const std::vector<double>& values) {
      return Constant({{static_cast<int64_t>(values.size())}, values}, onnx::TensorProto::INT64);
    };
    std::string size =
        Node("Shape", {x}, {{static_cast<int64_t>(dims.size())}, {dims.begin(), dims.end()}});
    if (slices) {
      size = Node("Slice", {size, list({0}), list({1})}, {{1}, {1}});
    } else {
      size = Node("Gather", {size, Constant({{}, {0}}, onnx::TensorProto::INT64)}, {{}, {1}});
      size = Node("Unsqueeze", {size, list({0})}, {{1}, {1}});
    }
    size = Node("Cast", {size}, {{1}, {1}});
    Attribute("to", int64_t{onnx::TensorProto::INT64});
    size = Node("Concat", {size, list({-1})}, {{2}, {1, -1}});
    Attribute("axis", int64_t{0});
    return size;
  }
  std::string Flatten(const std::string& x, int form) {
    Array out = arrays_[x];
    out.dims = {1, static_cast<int64_t>(out.values.size())};
    if (form == 0) return Node("Flatten", {x}, out);
    if (form > 1) return Node("Reshape", {x, FlatShape(x, form == 2)}, out);
    return Node("Reshape", {x, Constant({{2}, {1, -1}}, onnx::TensorProto::INT64)}, out);
  }

  std::vector<uint8_t> Write(const std::string& output) {
    model_.mutable_graph()->add_output()->set_name(output);
    const std::string text = model_.SerializeAsString();
    return {text.begin(), text.end()};
  }
  Array& array(const std::string& name) { return arrays_[name]; }
  onnx::GraphProto* graph() { return model_.mutable_graph(); }

 private:
  onnx::ModelProto model_;
  std::map<std::string, Array> arrays_;
  int next_ = 0;
};

Array Draw(const Dims& dims, const std::function<double()>& value) {
  Array array{dims, {}};
  int64_t count = 1;
  for (int64_t dimension : dims) count *= dimension;
  for (int64_t i = 0; i < count; ++i) array.values.push_back(value());
  return array;
}

// An input as the file has it: float32, or int8.
std::vector<uint8_t> InputBytes(const Array& array, bool is_float) {
  std::vector<uint8_t> bytes;
  for (const double value : array.values) {
    uint8_t word[4] = {static_cast<uint8_t>(static_cast<int8_t>(value))};
    const auto real = static_cast<float>(value);
    if (is_float) std::memcpy(word, &real, 4);
    bytes.insert(bytes.end(), word, word + (is_float ? 4 : 1));
  }
  return bytes;
}

// Element [c][y][x] of the model's output: a sum, or +1 and -1.
double OutputAt(const Tensor& tensor, const std::vector<uint8_t>& bytes, int64_t c, int64_t y,
                int64_t x) {
  if (tensor.type == TensorType::kInt32) {
    int32_t sum;
    std::memcpy(&sum, bytes.data() + 4 * ((y * tensor.shape[2] + x) * tensor.shape[3] + c), 4);
    return sum;
  }
  const int64_t pixel = (tensor.shape[3] + 7) / 8;
  return (bytes[(y * tensor.shape[2] + x) * pixel + c / 8] >> c % 8 & 1) != 0 ? 1 : -1;
}

// A number between the input and its quantizer to bits.
std::string Compute(Graph& graph, const std::string& x, RandomSource& random) {
  const double number = random.Integer(1, 40) * (random.Chance(3) ? -0.25 : 0.25);
  switch (random.Integer(0, 3)) {
    case 0:
      return graph.Map("Mul", {x, graph.Scalar(number)}, [=](double v) { return v * number; });
    case 1:  // the sign stays right
      return graph.Map("Div", {x, graph.Scalar(number)}, [=](double v) { return v / number; });
    case 2:
      return graph.Map("Sub", {x, graph.Scalar(number)}, [=](double v) { return v - number; });
    default:
      return graph.Map("Add", {x, graph.Scalar(number)}, [=](double v) { return v + number; });
  }
}

// Random chains of layers. With `exact` all constants are small integers, so that values of exactly
// 0 are frequent; otherwise constants are arbitrary floats.
void CheckRandomNetwork(uint64_t seed, bool exact, int* outputs) {
  RandomSource random(seed);
  Graph graph;
  const auto integer = [&](int32_t low, int32_t high) -> std::function<double()> {
    return [&random, low, high] { return double(random.Integer(low, high)); };
  };
  const auto real = [&](double size) -> std::function<double()> {
    return [&random, size] { return double{static_cast<float>(random.Real(-size, size))}; };
  };
  int64_t channels = random.Integer(1, 5);
  int64_t height = random.Integer(2, 8), width = random.Integer(2, 8);
  const int32_t form = random.Integer(0, 4);
  double scale = 1, zero = 0;
  Array image = Draw({1, channels, height, width}, integer(-128, 127));
  std::string last;
  const bool is_float = form != 0;
  if (form == 0) {  // int8 itself
    last = graph.Input(image, onnx::TensorProto::INT8);
    if (random.Chance(2)) {
      last = graph.Map("Cast", {last}, [](double v) { return v; });
      graph.Attribute("to", int64_t{onnx::TensorProto::FLOAT});
    }
  } else if (form == 1) {  // Quant
    scale = random.Chance(2) ? 0.5 : 0.125;
    zero = random.Integer(-20, 20);
    for (double& value : image.values) value = (value - zero) * scale;
    last = graph.Input(image, onnx::TensorProto::FLOAT);
    last = graph.Map("Quant", {last, graph.Scalar(scale), graph.Scalar(zero), graph.Scalar(8)},
                     [](double v) { return v; });
  } else if (form == 2) {  // QuantizeLinear, DequantizeLinear
    scale = 0.25;
    zero = random.Integer(-20, 20);
    for (double& value : image.values) value = (value - zero) * scale;
    last = graph.Input(image, onnx::TensorProto::FLOAT);
    const std::string zero_name = graph.Constant({{}, {zero}}, onnx::TensorProto::INT8);
    last = graph.Map("QuantizeLinear", {last, graph.Scalar(scale), zero_name},
                     [](double v) { return v; });
    last = graph.Map("DequantizeLinear", {last, graph.Scalar(scale), zero_name},
                     [](double v) { return v; });
  } else if (form == 3) {  // a quantizer to bits
    last = graph.Input(image, onnx::TensorProto::FLOAT);
    while (random.Chance(2)) last = Compute(graph, last, random);
    last = random.Chance(2) ? graph.Sign(last) : graph.Bipolar(last, 0.5);
  } else {  // bits, by annotation
    for (double& value : image.values) value = value >= 0 ? 1 : -1;
    last = graph.Input(image, onnx::TensorProto::FLOAT);
    auto* annotation = graph.graph()->add_quantization_annotation();
    annotation->set_tensor_name("x");
    auto* pair = annotation->add_quant_parameter_tensor_names();
    pair->set_key("finn_datatype");
    pair->set_value("BIPOLAR");
  }
  bool bits = form >= 3;
  bool flat = false;
  const int32_t layers = random.Integer(1, 3);
  for (int32_t number = 0; number < layers; ++number) {
    const bool end = number + 1 == layers;
    if (!flat && (random.Chance(3) || (end && random.Chance(2)))) {
      last = graph.Flatten(last, random.Integer(0, 3));
      flat = true;
    }
    const int64_t inputs = flat ? static_cast<int64_t>(graph.array(last).values.size()) : channels;
    const int64_t outputs = random.Integer(1, 11);
    const int64_t kernel_h =
        flat ? 1 : random.Integer(1, static_cast<int32_t>(std::min<int64_t>(3, height)));
    const int64_t kernel_w =
        flat ? 1 : random.Integer(1, static_cast<int32_t>(std::min<int64_t>(3, width)));
    const bool transposed = flat && random.Chance(2);
    const Dims dims = !flat        ? Dims{outputs, inputs, kernel_h, kernel_w}
                      : transposed ? Dims{outputs, inputs}
                                   : Dims{inputs, outputs};
    // Weights: +1 and -1 as they are, of a quantizer or Sign, times a scale; or int8.
    std::string weights;
    const auto sign = [&] { return random.Chance(2) ? 1.0 : -1.0; };
    const bool bipolar = bits || random.Chance(3);
    if (!bipolar && random.Chance(2)) {
      Array array = Draw(dims, integer(-128, 127));
      const std::string raw = graph.Constant(array, onnx::TensorProto::INT8);
      weights =
          graph.Map("DequantizeLinear",
                    {raw, graph.Scalar(0.5), graph.Constant({{}, {0}}, onnx::TensorProto::INT8)},
                    [](double v) { return v * 0.5; });
    } else if (!bipolar) {
      weights = graph.Constant(Draw(dims, integer(-128, 127)));
    } else if (random.Chance(3)) {
      weights = graph.Constant(Draw(dims, sign));
    } else if (random.Chance(2)) {
      weights = graph.Bipolar(graph.Constant(Draw(dims, real(1))), 0.25);
    } else {
      weights =
          graph.Sign(graph.Constant(Draw(dims, [&] { return sign() * random.Integer(1, 100); })));
      if (!flat && !end && random.Chance(2)) {  // a scale for each channel
        Array factors = Draw({outputs, 1, 1, 1}, integer(1, 9));
        Array product = graph.array(weights);
        for (size_t i = 0; i < product.values.size(); ++i) {
          product.values[i] *= factors.values[i / (product.values.size() / outputs)];
        }
        weights = graph.Node("Mul", {weights, graph.Constant(factors)}, product);
      }
    }
    std::string bias;
    if (random.Chance(3) && !end) {
      bias = graph.Constant(Draw({outputs}, exact ? integer(-3, 3) : real(3)));
    }
    if (flat) {
      last = graph.Matrix(transposed || !bias.empty() ? "Gemm" : "MatMul", last, weights,
                          transposed, bias);
      height = width = 1;
    } else {
      const Dims strides = {random.Integer(1, 2), random.Integer(1, 2)};
      const auto pad = [&](int64_t kernel) {
        return int64_t{random.Integer(0, static_cast<int32_t>(kernel) - 1)};
      };
      const Dims pads = {pad(kernel_h), pad(kernel_w), pad(kernel_h), pad(kernel_w)};
      last = graph.Conv(last, weights, strides, pads, bias);
      height = graph.array(last).dims[2];
      width = graph.array(last).dims[3];
    }
    channels = outputs;
    if (end && random.Chance(2)) break;
    // Behind the sums or their normalization, where channels rise or fall.
    const bool pools_sums = !end && !flat && height >= 2 && width >= 2 && random.Chance(3);
    const bool pools_first = random.Chance(2);
    const auto pool = [&] {
      last = graph.MaxPool(last, 2, random.Integer(1, 2));
      height = graph.array(last).dims[2];
      width = graph.array(last).dims[3];
    };
    if (pools_sums && pools_first) pool();
    if (!random.Chance(4)) {
      const auto part = [&](const std::function<double()>& value) {
        return Draw({outputs}, value);
      };
      const std::vector<Array> parts =
          exact
              ? std::vector<Array>{part(integer(-2, 2)), part(integer(-2, 2)), part(integer(-4, 4)),
                                   part([&] { return random.Chance(2) ? 4.0 : 1.0; })}
              : std::vector<Array>{part(real(2)), part(real(2)), part(real(5)), part([&] {
                                     return double{static_cast<float>(random.Real(0.1, 30))};
                                   })};
      last = graph.Normalize(last, parts, exact ? 0.0f : 1e-5f);
    }
    if (random.Chance(4)) {
      const double factor = random.Chance(2) ? -0.5 : 2.0;
      last = graph.Map(factor < 0 ? "Div" : "Mul", {last, graph.Scalar(factor)},
                       [=](double v) { return factor < 0 ? v / factor : v * factor; });
    }
    if (random.Chance(4)) {
      last = graph.Map("Add", {last, graph.Scalar(1)}, [](double v) { return v + 1; });
    }
    if (pools_sums && !pools_first) {
      pool();
      if (random.Chance(2)) {
        last = graph.Map("Mul", {last, graph.Scalar(-2)}, [](double v) { return -2 * v; });
      }
    }
    last = random.Chance(2) ? graph.Sign(last) : graph.Bipolar(last, random.Chance(2) ? 1.0 : 0.5);
    bits = true;
    if (!pools_sums && !flat && height >= 2 && width >= 2 && random.Chance(3)) pool();
  }
  const std::vector<uint8_t> file = graph.Write(last);
  const Result<Model> model = ReadOnnx(file, "random.onnx");
  ASSERT_TRUE(model.ok()) << FormatDiagnostic(model.errors()[0], false);
  const Result<TensorBytes> run = RunGolden(*model, {InputBytes(image, is_float)});
  ASSERT_TRUE(run.ok());
  const Tensor& output = model->tensors[model->outputs[0]];
  const std::vector<uint8_t>& bytes = (*run)[model->outputs[0]];
  const Array& expected = graph.array(last);
  if (output.type == TensorType::kFloat32) {
    ASSERT_EQ(output.shape, std::vector<int32_t>(expected.dims.begin(), expected.dims.end()));
    std::vector<float> values(bytes.size() / 4);
    std::memcpy(values.data(), bytes.data(), bytes.size());
    ASSERT_EQ(std::vector<double>(values.begin(), values.end()), expected.values);
    *outputs += static_cast<int>(values.size());
    return;
  }
  size_t element = 0;
  for (int64_t c = 0; c < output.shape[3]; ++c) {
    for (int64_t y = 0; y < output.shape[1]; ++y) {
      for (int64_t x = 0; x < output.shape[2]; ++x, ++element) {
        double want = expected.values[element];
        if (output.type == TensorType::kInt32) want /= double{output.scale()};
        if (output.type == TensorType::kBits) want = want > 0 ? 1 : -1;
        ASSERT_EQ(OutputAt(output, bytes, c, y, x), want) << "at " << c << "," << y << "," << x;
        ++*outputs;
      }
    }
  }
  ASSERT_EQ(element, expected.values.size());
}

TEST(OnnxReaderTest, RandomNetworksAgreeWithTheirGraph) {
  int outputs = 0;
  for (uint64_t seed = 0; seed < 1500; ++seed) {
    CheckRandomNetwork(seed, /*exact=*/seed % 2 == 0, &outputs);
    if (HasFatalFailure()) FAIL() << "seed " << seed;
  }
  EXPECT_GT(outputs, 20'000);
}

// A layer of one weight per channel whose normalization has its boundary at, or next to, a sum.
TEST(OnnxReaderTest, BoundariesAreExact) {
  const int64_t inputs = 15;
  struct Case {
    double gamma, beta, mean, variance;
    float epsilon;
    int32_t threshold;
    int32_t flip;
  };
  const std::vector<Case> cases = {
      {1, 0, 3, 1, 0.0f, 3, 0},  // the boundary belongs to +1
      {1, 0, std::nextafter(3.0f, 4.0f), 1, 0.0f, 4, 0},
      {1, 0, std::nextafter(3.0f, 2.0f), 1, 0.0f, 3, 0},
      {-1, 0, 3, 1, 0.0f, 4, 1},  // sums up to 3
      {-1, 0, std::nextafter(3.0f, 2.0f), 1, 0.0f, 3, 1},
      {2, -3, 1, 4, 0.0f, 4, 0},                 // 2 (S - 1) / 2 - 3 >= 0
      {0, 1, 3, 1, 0.0f, -15, 0},                // always
      {0, -1, 3, 1, 0.0f, 16, 0},                // never
      {0, 0, 3, 1, 0.0f, -15, 0},                // always: 0 is +1
      {1, -1, 0, 2, 0.0f, 2, 0},                 // S >= sqrt(2)
      {1, 1, 0, 2, 0.0f, -1, 0},                 // S >= -sqrt(2)
      {1, -0x1p-140, 0, 1, 0.0f, 1, 0},          // beyond 0, if only a little
      {0x1p-126, -0x1p-126, 0, 25, 0.0f, 5, 0},  // S / 5 >= 1
      {1, 0, 1e30, 1, 0.0f, 16, 0},
      {-1, 0, 1e30, 1, 0.0f, 16, 1},
      {1, 0, 4, 3, 1e-5f, 4, 0},
  };
  Graph graph;
  const auto channels = static_cast<int64_t>(cases.size());
  for (const Case& one : cases) {
    Graph single;
    const std::string x =
        single.Input({{1, inputs}, std::vector<double>(inputs, 1.0)}, onnx::TensorProto::FLOAT);
    const std::string layer =
        single.Matrix("MatMul", single.Sign(x),
                      single.Constant({{inputs, 1}, std::vector<double>(inputs, 1.0)}), false);
    const std::string normal = single.Normalize(
        layer, {{{1}, {one.gamma}}, {{1}, {one.beta}}, {{1}, {one.mean}}, {{1}, {one.variance}}},
        one.epsilon);
    const Result<Model> model = ReadOnnx(single.Write(single.Bipolar(normal, 1)), "one.onnx");
    ASSERT_TRUE(model.ok()) << FormatDiagnostic(model.errors()[0], false);
    const auto& options = std::get<BinaryConvOptions>(model->operators.back().options);
    EXPECT_EQ(options.thresholds[0][0], one.threshold) << one.gamma << " " << one.mean;
    EXPECT_EQ(options.flip[0], one.flip) << one.gamma << " " << one.mean;
  }
  EXPECT_EQ(channels, 16);
}

TEST(OnnxReaderTest, DyadicNumbersAreExact) {
  RandomSource random(3);
  for (int i = 0; i < 2'000; ++i) {
    const int64_t a = random.Integer(-1000000, 1000000), b = random.Integer(-1000000, 1000000);
    const double scale = std::ldexp(1.0, random.Integer(-300, 300));
    const Dyadic x = Dyadic::FromDouble(static_cast<double>(a) * scale);
    const Dyadic y = Dyadic::FromDouble(static_cast<double>(b) * scale);
    EXPECT_EQ((x - y).Sign(), (a > b) - (a < b));
    EXPECT_EQ((x * y).Sign(), ((a > 0) - (a < 0)) * ((b > 0) - (b < 0)));
    const Dyadic product = Dyadic::FromInteger(a) * Dyadic::FromInteger(b);
    EXPECT_EQ((product - Dyadic::FromInteger(a * b)).Sign(), 0);
    EXPECT_EQ((product - Dyadic::FromInteger(a * b + 1)).Sign(), -1);
    const Dyadic sum = Dyadic::FromInteger(a) + Dyadic::FromInteger(b);
    EXPECT_EQ((sum - Dyadic::FromInteger(a + b)).Sign(), 0);
  }
  const Dyadic tiny = Dyadic::FromDouble(0x1p-1074), huge = Dyadic::FromDouble(0x1.8p1000);
  EXPECT_EQ((huge + tiny - huge).Sign(), 1);
  const Dyadic seven = Dyadic::FromInteger(7), minus = Dyadic::FromInteger(-1);
  EXPECT_EQ(SignOfRootSum(seven, minus, Dyadic::FromInteger(49)), 0);
  EXPECT_EQ(SignOfRootSum(seven, minus, Dyadic::FromInteger(50)), -1);
  EXPECT_EQ(SignOfRootSum(seven.Negated(), minus.Negated(), Dyadic::FromInteger(50)), 1);
}

/// The bit of a float32 input behind a layer of one weight.
bool BitOf(const Model& model, float x) {
  std::vector<uint8_t> input(4);
  std::memcpy(input.data(), &x, 4);
  const Result<TensorBytes> run = RunGolden(model, {input});
  float value = 0;
  std::memcpy(&value, (*run)[model.outputs[0]].data(), 4);
  return value > 0;
}

// Where the input changes its sign, every float32 number is on the right side.
TEST(OnnxReaderTest, InputsAreCutExactly) {
  struct Case {
    float factor, offset;
  };
  const float inf = std::numeric_limits<float>::infinity();
  for (const Case& one :
       {Case{1, 0}, Case{2, -1}, Case{2, 1}, Case{-2, 1}, Case{-1, 0}, Case{3, -1}, Case{3, 1},
        Case{-7, 3}, Case{1, -0x1p-149}, Case{1, 0x1p-149}, Case{1, -0x1p-126}, Case{1, 1e37f},
        Case{1, -1e37f}, Case{0x1p-100, -1}, Case{0x1.fffffep0, -1}, Case{1, -0x1.fffffep0}}) {
    SCOPED_TRACE(std::to_string(one.factor) + " " + std::to_string(one.offset));
    Graph graph;
    std::string last = graph.Input({{1, 1}, {1.0}}, onnx::TensorProto::FLOAT);
    last = graph.Map("Mul", {last, graph.Scalar(one.factor)}, [](double v) { return v; });
    last = graph.Map("Add", {last, graph.Scalar(one.offset)}, [](double v) { return v; });
    last = graph.Matrix("MatMul", graph.Bipolar(last, 1), graph.Constant({{1, 1}, {1.0}}), false);
    const Result<Model> model = ReadOnnx(graph.Write(last), "cut.onnx");
    ASSERT_TRUE(model.ok()) << FormatDiagnostic(model.errors()[0], false);
    const auto boundary = static_cast<float>(-one.offset / one.factor);
    float near = boundary;
    for (int i = 0; i < 4; ++i) near = std::nextafter(near, -inf);
    std::vector<float> numbers = {0.0f,       -0.0f, 1.0f, -1.0f,           0x1p-149f,
                                  -0x1p-149f, inf,   -inf, 0x1.fffffep127f, -0x1.fffffep127f};
    for (int i = 0; i < 9; ++i) {
      numbers.push_back(near);
      near = std::nextafter(near, inf);
    }
    for (const float x : numbers) {
      // Exact: products of float32 have 48 bits, and the sum is compared, not formed.
      const bool want = std::isinf(x) ? x * one.factor > 0
                                      : double{x} * double{one.factor} >= -double{one.offset};
      ASSERT_EQ(BitOf(*model, x), want) << x;
    }
  }
}

// A small legal network, to be changed: Sign, Conv, BatchNormalization, Sign, MaxPool, Flatten,
// MatMul.
struct Small {
  Graph graph;
  std::string output;
};
void BuildSmall(Small& small) {
  Graph& g = small.graph;
  const std::string x =
      g.Input({{1, 2, 4, 4}, std::vector<double>(32, 1.0)}, onnx::TensorProto::FLOAT);
  const std::string conv = g.Conv(
      g.Sign(x), g.Constant({{3, 2, 3, 3}, std::vector<double>(54, -1)}), {1, 1}, {1, 1, 1, 1});
  const std::string normal = g.Normalize(
      conv, {{{3}, {1, 2, -3}}, {{3}, {0, 1, 0}}, {{3}, {1, 1, 1}}, {{3}, {1, 2, 3}}}, 1e-5f);
  const std::string flat = g.Flatten(g.MaxPool(g.Sign(normal), 2, 2), 0);
  small.output =
      g.Matrix("MatMul", flat, g.Constant({{12, 2}, std::vector<double>(24, 1.0)}), false);
}

TEST(OnnxReaderTest, OtherGraphsAreExplained) {
  using Change = std::function<void(onnx::GraphProto*)>;
  struct Case {
    Change change;
    Code code;
    const char* text;
  };
  // Nodes: 0 Sign, 1 Conv, 2 BatchNormalization, 3 Sign, 4 MaxPool, 5 Flatten, 6 MatMul
  const auto attribute = [](onnx::NodeProto* node, const char* name, int64_t value) {
    auto* entry = node->add_attribute();
    entry->set_name(name);
    entry->set_type(onnx::AttributeProto::INT);
    entry->set_i(value);
  };
  // Nodes in the place of those behind the convolution, each of which gets the one before it.
  const auto order = [](onnx::GraphProto* g, const std::vector<int>& numbers) {
    const onnx::GraphProto old = *g;
    for (size_t i = 0; i < numbers.size(); ++i) {
      onnx::NodeProto* node = g->mutable_node(static_cast<int>(2 + i));
      const std::string output = node->output(0);
      *node = old.node(numbers[i]);
      node->set_input(0, g->node(static_cast<int>(1 + i)).output(0));
      node->set_output(0, output);
    }
  };
  const std::vector<Case> cases = {
      {[](auto* g) { g->mutable_node(2)->set_op_type("LayerNormalization"); }, Code::kOnnxOperator,
       "(LayerNormalization): this operator is not supported"},
      {[](auto* g) { g->mutable_node(2)->set_domain("com.example"); }, Code::kOnnxOperator,
       "not supported"},
      {[](auto* g) { g->mutable_node(0)->set_op_type("Shape"); }, Code::kOnnxPattern,
       "(Conv): its operand is a constant"},
      {[](auto* g) { g->mutable_node(0)->set_op_type("Slice"); }, Code::kOnnxPattern,
       "(Slice): its operand is the network's input without a quantizer"},
      {[&](auto* g) {
         g->mutable_node(0)->set_op_type("Mul");
         g->mutable_node(0)->add_input(g->node(1).input(1));
       },
       Code::kOnnxPattern, "(Mul): its operand is the network's input without a quantizer"},
      {[](auto* g) { g->mutable_node(1)->set_input(0, "x"); }, Code::kOnnxPattern,
       "(Conv): its operand is the network's input without a quantizer"},
      {[](auto* g) { g->mutable_node(4)->set_input(0, g->node(2).output(0)); }, Code::kOnnxPattern,
       "(MatMul): its operand is the sums of a layer"},
      {[&](auto* g) {
         order(g, {2, 4, 4, 3});
       },
       Code::kOnnxPattern, "a MaxPool of the same layer's sums comes before it"},
      {[&](auto* g) {
         order(g, {4, 2, 3});
         g->mutable_output(0)->set_name(g->node(4).output(0));
       },
       Code::kOnnxPattern, "bits behind a MaxPool of values that fall afterwards"},
      {[&](auto* g) {
         order(g, {4});
         g->mutable_node()->DeleteSubrange(3, g->node_size() - 3);
         g->mutable_output(0)->set_name(g->node(2).output(0));
       },
       Code::kOnnxPattern, "a MaxPool of sums ends the network"},
      {[](auto* g) { g->mutable_node(1)->set_input(1, "nothing"); }, Code::kOnnxDamaged,
       "input 1 \"nothing\" is not the result"},
      {[&](auto* g) { attribute(g->mutable_node(1), "group", 2); }, Code::kOnnxPattern, "groups"},
      {[](auto* g) { g->mutable_node(1)->mutable_attribute(1)->set_ints(0, 3); },
       Code::kOnnxPattern, "\"pads\" are [3,1,1,1]"},
      {[](auto* g) { g->mutable_node(1)->mutable_attribute(0)->set_ints(0, 0); },
       Code::kOnnxPattern, "strides are [0,1]"},
      {[](auto* g) { g->mutable_initializer(0)->set_float_data(5, 0.5f); }, Code::kOnnxPattern,
       "weights of channel 0 are not +a and -a"},
      {[](auto* g) { g->mutable_initializer(0)->set_float_data(5, NAN); }, Code::kOnnxConstant,
       "not finite"},
      {[](auto* g) { g->mutable_initializer(0)->mutable_float_data()->RemoveLast(); },
       Code::kOnnxConstant, "do not have 54 elements"},
      {[](auto* g) { g->mutable_initializer(0)->set_dims(0, INT64_MAX); }, Code::kOnnxConstant,
       "illegal dimensions"},
      {[](auto* g) { g->mutable_initializer(0)->set_data_type(onnx::TensorProto::COMPLEX64); },
       Code::kOnnxConstant, "data type 14"},
      {[](auto* g) { g->mutable_initializer(0)->set_data_location(onnx::TensorProto::EXTERNAL); },
       Code::kOnnxConstant, "another file"},
      {[](auto* g) { g->mutable_initializer(4)->set_float_data(1, -2); }, Code::kOnnxConstant,
       "variance and epsilon of channel 1"},
      {[](auto* g) { g->mutable_node(3)->set_input(0, g->node(3).output(0)); }, Code::kOnnxDamaged,
       "not the result of a node before"},
      {[](auto* g) { g->mutable_output(0)->set_name(g->node(2).output(0)); }, Code::kOnnxPattern,
       "have a batch normalization"},
      {[](auto* g) { g->mutable_output(0)->set_name("none"); }, Code::kOnnxDamaged, "no node"},
      {[](auto* g) { g->add_output()->set_name("x"); }, Code::kOnnxPattern, "2 outputs"},
      {[](auto* g) {
         g->mutable_input(0)
             ->mutable_type()
             ->mutable_tensor_type()
             ->mutable_shape()
             ->mutable_dim(0)
             ->set_dim_value(8);
       },
       Code::kOnnxPattern, "batch of 8"},
      {[](auto* g) {
         g->mutable_input(0)
             ->mutable_type()
             ->mutable_tensor_type()
             ->mutable_shape()
             ->mutable_dim(2)
             ->set_dim_value(INT64_MAX);
       },
       Code::kOnnxPattern, "dimension 2 is"},
      {[](auto* g) { g->add_input()->set_name("y"); }, Code::kOnnxPattern, "several inputs"},
      {[](auto* g) { g->clear_node(); }, Code::kOnnxDamaged, "no graph with nodes"},
  };
  for (const Case& wrong : cases) {
    Small small;
    BuildSmall(small);
    const std::vector<uint8_t> file = small.graph.Write(small.output);
    ASSERT_TRUE(ReadOnnx(file, "small.onnx").ok())
        << FormatDiagnostic(ReadOnnx(file, "small.onnx").errors()[0], false);
    wrong.change(small.graph.graph());
    onnx::ModelProto proto;
    *proto.mutable_graph() = *small.graph.graph();
    const std::string text = proto.SerializeAsString();
    const Result<Model> model =
        ReadOnnx({reinterpret_cast<const uint8_t*>(text.data()), text.size()}, "small.onnx");
    ASSERT_FALSE(model.ok()) << wrong.text;
    const Diagnostic& error = model.errors()[0];
    EXPECT_EQ(CodeText(error.code), CodeText(wrong.code)) << error.message;
    EXPECT_NE(error.message.find(wrong.text), std::string::npos) << error.message;
    EXPECT_EQ(error.location.file, "small.onnx");
  }
}

TEST(OnnxReaderTest, ReadModelTakesOnnxFiles) {
  Small small;
  BuildSmall(small);
  const std::vector<uint8_t> file = small.graph.Write(small.output);
  const std::string path = ::testing::TempDir() + "npugen_small.onnx";
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(file.data()), static_cast<std::streamsize>(file.size()));
  const Result<Model> model = ReadModel(path);
  std::filesystem::remove(path);
  ASSERT_TRUE(model.ok()) << FormatDiagnostic(model.errors()[0], false);
  EXPECT_EQ(model->name, "npugen_small.onnx");
  EXPECT_EQ(model->operators.size(), 7u);  // three of them are the ends
  const Result<Model> missing = ReadModel(path);
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.errors()[0].code, Code::kFileRead);
}

// A file can name one large constant very often: memory must not grow with the product, which is
// 1.5 GB here.
TEST(OnnxFuzzTest, SharedPartsDoNotMultiply) {
  Graph graph;
  const int64_t size = 1000;
  std::string last =
      graph.Input({{1, size}, std::vector<double>(size, 1.0)}, onnx::TensorProto::INT8);
  const std::string weights = graph.Constant({{size, size}, std::vector<double>(size * size, 1.0)},
                                             onnx::TensorProto::INT8);
  for (int i = 0; i < 3000; ++i) {
    last = graph.Node(
        i % 2 == 0 ? "MatMul" : "Sign",
        i % 2 == 0 ? std::vector<std::string>{last, weights} : std::vector<std::string>{last},
        {{1, size}, {}});
  }
  const std::vector<uint8_t> file = graph.Write(last);
  const int64_t before = testing::PeakKilobytes();
  const Result<Model> read = ReadOnnx(file, "fuzz.onnx");
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.errors()[0].code, Code::kModelTooLarge);
  EXPECT_LT(testing::PeakKilobytes() - before, 700'000);
}

TEST(OnnxFuzzTest, DamagedFilesAreAnswered) {
  RandomSource random(5);
  int accepted = 0, refused = 0;
  Small small;
  BuildSmall(small);
  const std::vector<uint8_t> original = small.graph.Write(small.output);
  const auto read = [&](const std::vector<uint8_t>& file) {
    const Result<Model> model = ReadOnnx(file, "fuzz.onnx");
    if (!model.ok()) {
      ++refused;
      for (const Diagnostic& error : model.errors()) {
        ASSERT_EQ(ExitStatus(error.code), 4) << error.message;
        ASSERT_FALSE(error.message.empty());
      }
      return;
    }
    ++accepted;
    int64_t elements = 0;
    for (const Tensor& tensor : model->tensors) elements += tensor.elements();
    if (elements > 200'000) return;
    ASSERT_TRUE(RunGolden(*model, testing::MakeRandomInputs(*model, 1)).ok());
  };
  for (size_t size = 0; size < original.size(); ++size) {
    read({original.begin(), original.begin() + static_cast<int64_t>(size)});
    if (HasFatalFailure()) FAIL() << "size " << size;
  }
  for (int round = 0; round < 30'000; ++round) {
    std::vector<uint8_t> file = original;
    const int changes = random.Integer(1, 4);
    for (int i = 0; i < changes; ++i) {
      uint8_t& byte = file[random.Next() % file.size()];
      byte = random.Chance(2) ? static_cast<uint8_t>(byte ^ 1 << random.Integer(0, 7))
                              : static_cast<uint8_t>(random.Next());
    }
    read(file);
    if (HasFatalFailure()) FAIL() << "round " << round;
  }
  std::printf("%d damaged files refused, %d accepted\n", refused, accepted);
  EXPECT_GT(refused, 5'000);
  EXPECT_GT(accepted, 500);
}

}  // namespace
}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// Networks in the QDQ format: every layer of the golden model against the float64 evaluation of its
// nodes on the same bytes. docs/onnx.md states the bound that is held here.
#include <fmt/core.h>
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "sw/model/onnx_reader.h"
#include "verif/golden/golden_model.h"
#include "verif/random/random_model.h"

namespace npugen {
namespace {

using testing::RandomSource;
using Dims = std::vector<int64_t>;
using Values = std::vector<double>;

int64_t Count(const Dims& dims) {
  int64_t count = 1;
  for (const int64_t size : dims) count *= size;
  return count;
}

/// A quantized activation of the network under construction.
struct RealActivation {
  std::string bytes;  ///< name behind the QuantizeLinear
  std::string real;   ///< and behind the DequantizeLinear
  Dims dims;
  float scale = 1;
  int32_t zero_point = 0;
};

/// What a layer computes, in float64, of the real numbers of its inputs.
using RealFunction = std::function<Values(const std::vector<Values>&)>;

struct Layer {
  std::vector<RealActivation> inputs;
  RealActivation output;
  RealFunction function;
};

/// Writes nodes as onnxruntime's static quantization does.
class Network {
 public:
  explicit Network(uint64_t seed) : random(seed), is_unsigned(random.Chance(2)) {
    model_.set_ir_version(8);
    model_.add_opset_import()->set_version(13);
  }

  RandomSource random;
  const bool is_unsigned;
  std::vector<Layer> layers;

  std::string Add(const std::string& type, const std::vector<std::string>& inputs) {
    auto* node = model_.mutable_graph()->add_node();
    node->set_op_type(type);
    for (const std::string& input : inputs) node->add_input(input);
    node->add_output(fmt::format("v{}", next_++));
    return node->output(0);
  }
  void Integers(const std::string& name, const Dims& values) {
    auto* attribute = Attribute(name, onnx::AttributeProto::INTS);
    for (const int64_t value : values) attribute->add_ints(value);
  }
  void Integer(const std::string& name, int64_t value) {
    Attribute(name, onnx::AttributeProto::INT)->set_i(value);
  }
  std::string Constant(const Dims& dims, const Values& values, onnx::TensorProto::DataType type) {
    auto* tensor = model_.mutable_graph()->add_initializer();
    tensor->set_name(fmt::format("c{}", next_++));
    tensor->set_data_type(type);
    for (const int64_t size : dims) tensor->add_dims(size);
    for (const double value : values) {
      if (type == onnx::TensorProto::FLOAT) {
        tensor->add_float_data(static_cast<float>(value));
      } else {
        tensor->add_int32_data(static_cast<int32_t>(value));
      }
    }
    return tensor->name();
  }
  onnx::TensorProto::DataType ByteType() const {
    return is_unsigned ? onnx::TensorProto::UINT8 : onnx::TensorProto::INT8;
  }

  RealActivation Input(const Dims& dims) {
    auto* input = model_.mutable_graph()->add_input();
    input->set_name("x");
    auto* tensor = input->mutable_type()->mutable_tensor_type();
    tensor->set_elem_type(onnx::TensorProto::FLOAT);
    for (const int64_t size : dims) tensor->mutable_shape()->add_dim()->set_dim_value(size);
    return Quantized("x", dims, 0.02f);
  }
  /// QuantizeLinear and DequantizeLinear behind `real`.
  RealActivation Quantized(const std::string& real, const Dims& dims, float scale) {
    RealActivation a;
    a.dims = dims;
    a.scale = scale;
    a.zero_point = is_unsigned ? random.Integer(0, 255) : random.Integer(-128, 127);
    return Behind(real, a);
  }
  RealActivation Behind(const std::string& real, RealActivation a) {
    const std::string scale = Constant({}, {a.scale}, onnx::TensorProto::FLOAT);
    const std::string zero = Constant({}, {double(a.zero_point)}, ByteType());
    a.bytes = Add("QuantizeLinear", {real, scale, zero});
    a.real = Add("DequantizeLinear", {a.bytes, scale, zero});
    return a;
  }
  /// Weights of int8 behind a DequantizeLinear; `values` gets the real numbers.
  std::string Weights(const Dims& dims, int64_t axis, Values* values) {
    const bool per_channel = random.Chance(2);
    Values scales, bytes;
    for (int64_t c = 0; c < (per_channel ? dims[axis] : 1); ++c) {
      scales.push_back(static_cast<float>(random.Real(0.001, 0.01)));
    }
    int64_t inner = 1;
    for (size_t d = static_cast<size_t>(axis) + 1; d < dims.size(); ++d) inner *= dims[d];
    for (int64_t i = 0; i < Count(dims); ++i) {
      bytes.push_back(random.Integer(-127, 127));
      values->push_back(bytes.back() * scales[per_channel ? i / inner % dims[axis] : 0]);
    }
    const Dims shape = per_channel ? Dims{dims[axis]} : Dims{};
    const std::string name = Add(
        "DequantizeLinear", {Constant(dims, bytes, onnx::TensorProto::INT8),
                             Constant(shape, scales, onnx::TensorProto::FLOAT),
                             Constant(shape, Values(scales.size(), 0), onnx::TensorProto::INT8)});
    Integer("axis", axis);
    return name;
  }
  std::vector<uint8_t> Write(const RealActivation& output) {
    model_.mutable_graph()->add_output()->set_name(output.real);
    const std::string text = model_.SerializeAsString();
    return {text.begin(), text.end()};
  }

  RealActivation Conv(const RealActivation& in, int64_t outputs, int64_t kernel, int64_t stride,
                      bool depthwise, bool relu) {
    const int64_t groups = depthwise ? in.dims[1] : 1;
    if (depthwise) outputs = in.dims[1];
    const Dims shape{outputs, in.dims[1] / groups, kernel, kernel};
    Values weights, bias;
    const std::string filter = Weights(shape, 0, &weights);
    for (int64_t o = 0; o < outputs; ++o) bias.push_back(random.Real(-0.3, 0.3));
    for (double& value : bias) value = static_cast<float>(value);
    std::string real =
        Add("Conv", {in.real, filter, Constant({outputs}, bias, onnx::TensorProto::FLOAT)});
    const int64_t pad = kernel / 2;
    Integers("pads", {pad, pad, pad, pad});
    Integers("strides", {stride, stride});
    Integer("group", groups);
    if (relu) real = Add("Relu", {real});
    const int64_t h = (in.dims[2] + 2 * pad - kernel) / stride + 1;
    const int64_t w = (in.dims[3] + 2 * pad - kernel) / stride + 1;
    const RealActivation out = Quantized(real, {1, outputs, h, w}, 0.015f);
    const auto function = [=, dims = in.dims](const std::vector<Values>& inputs) {
      Values result;
      for (int64_t o = 0; o < outputs; ++o) {
        for (int64_t y = 0; y < h; ++y) {
          for (int64_t x = 0; x < w; ++x) {
            double sum = bias[o];
            for (int64_t c = 0; c < shape[1]; ++c) {
              for (int64_t ky = 0; ky < kernel; ++ky) {
                for (int64_t kx = 0; kx < kernel; ++kx) {
                  const int64_t iy = y * stride - pad + ky, ix = x * stride - pad + kx;
                  if (iy < 0 || iy >= dims[2] || ix < 0 || ix >= dims[3]) continue;
                  const int64_t channel = depthwise ? o : c;
                  sum += inputs[0][(channel * dims[2] + iy) * dims[3] + ix] *
                         weights[((o * shape[1] + c) * kernel + ky) * kernel + kx];
                }
              }
            }
            result.push_back(relu ? std::max(sum, 0.0) : sum);
          }
        }
      }
      return result;
    };
    layers.push_back({{in}, out, function});
    return out;
  }

 private:
  onnx::AttributeProto* Attribute(const std::string& name,
                                  onnx::AttributeProto::AttributeType type) {
    auto* graph = model_.mutable_graph();
    auto* attribute = graph->mutable_node(graph->node_size() - 1)->add_attribute();
    attribute->set_name(name);
    attribute->set_type(type);
    return attribute;
  }

  onnx::ModelProto model_;
  int next_ = 0;
};

/// Real numbers, in the file's order, of a tensor of the golden model.
Values RealOf(const Model& model, const TensorBytes& tensors, const RealActivation& a,
              bool is_unsigned) {
  for (size_t t = 0; t < model.tensors.size(); ++t) {
    const Tensor& tensor = model.tensors[t];
    // A transposition may stand before it, of the same name: the last one counts.
    if (tensor.name != a.bytes || tensor.type != TensorType::kInt8) continue;
    bool later = false;
    for (size_t u = t + 1; u < model.tensors.size(); ++u) {
      later =
          later || (model.tensors[u].name == a.bytes &&
                    model.tensors[u].type == TensorType::kInt8 && !model.tensors[u].is_constant);
    }
    if (later) continue;
    const int64_t c = a.dims.size() == 4 ? a.dims[1] : 1;
    const int64_t plane = Count(a.dims) / c / a.dims[0];
    Values values(static_cast<size_t>(Count(a.dims)));
    const int32_t zero_point = a.zero_point - (is_unsigned ? 128 : 0);
    for (int64_t i = 0; i < Count(a.dims); ++i) {
      const int64_t to = i % c * plane + i / c;  // NHWC to NCHW
      values[to] = (static_cast<int8_t>(tensors[t][i]) - zero_point) * double{a.scale};
    }
    return values;
  }
  ADD_FAILURE() << "no tensor " << a.bytes;
  return Values(static_cast<size_t>(Count(a.dims)));
}

TEST(OnnxQdq, LayersAreWithinOneOfTheirNodes) {
  int64_t elements = 0, different = 0;
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(seed);
    Network network(seed);
    RandomSource& random = network.random;
    const Dims image{1, random.Pick({1, 3, 4}), random.Integer(5, 9), random.Integer(5, 9)};
    RealActivation at = network.Input(image);
    at = network.Conv(at, random.Pick({4, 6, 8}), 3, random.Integer(1, 2), false, true);
    const RealActivation wide = at;
    at = network.Conv(at, 0, 3, 1, true, random.Chance(2));
    {
      const std::string real = network.Add("Add", {at.real, wide.real});
      const RealActivation sum = network.Quantized(real, at.dims, 0.021f);
      network.layers.push_back({{at, wide}, sum, [](const std::vector<Values>& in) {
                                  Values out = in[0];
                                  for (size_t i = 0; i < out.size(); ++i) out[i] += in[1][i];
                                  return out;
                                }});
      at = sum;
    }
    {
      const std::string real = network.Add("Concat", {at.real, wide.real});
      network.Integer("axis", 1);
      Dims dims = at.dims;
      dims[1] += wide.dims[1];
      const RealActivation both = network.Quantized(real, dims, 0.03f);
      network.layers.push_back({{at, wide}, both, [](const std::vector<Values>& in) {
                                  Values out = in[0];
                                  out.insert(out.end(), in[1].begin(), in[1].end());
                                  return out;
                                }});
      at = both;
    }
    {
      const std::string real = network.Add("MaxPool", {at.real});
      network.Integers("kernel_shape", {3, 3});
      network.Integers("strides", {2, 2});
      network.Integers("pads", {1, 1, 1, 1});
      RealActivation pooled = at;
      pooled.dims[2] = (at.dims[2] - 1) / 2 + 1;
      pooled.dims[3] = (at.dims[3] - 1) / 2 + 1;
      pooled = network.Behind(real, pooled);
      pooled.bytes = real;  // the same tensor
      at = pooled;
    }
    at = network.Conv(at, 5, 1, 1, false, true);
    if (random.Chance(2)) {
      const std::string real = network.Add("GlobalAveragePool", {at.real});
      const RealActivation mean = network.Quantized(real, {1, at.dims[1], 1, 1}, 0.011f);
      const int64_t plane = at.dims[2] * at.dims[3];
      network.layers.push_back({{at}, mean, [plane](const std::vector<Values>& in) {
                                  Values out;
                                  for (size_t i = 0; i < in[0].size(); ++i) {
                                    if (i % plane == 0) out.push_back(0);
                                    out.back() += in[0][i] / static_cast<double>(plane);
                                  }
                                  return out;
                                }});
      at = mean;
    }
    // Flatten keeps the order of the file.
    const RealActivation image_of = at;
    at.real = network.Add("Flatten", {at.real});
    at.dims = {1, Count(at.dims)};
    Values weights;
    const int64_t outputs = 7, depth = at.dims[1];
    const std::string filter = network.Weights({outputs, depth}, 0, &weights);
    std::string real = network.Add("Gemm", {at.real, filter});
    network.Integer("transB", 1);
    const RealActivation scores = network.Quantized(real, {1, outputs}, 0.02f);
    network.layers.push_back({{image_of}, scores, [=](const std::vector<Values>& in) {
                                Values out(static_cast<size_t>(outputs), 0);
                                for (int64_t o = 0; o < outputs; ++o) {
                                  for (int64_t i = 0; i < depth; ++i)
                                    out[o] += in[0][i] * weights[o * depth + i];
                                }
                                return out;
                              }});
    const Result<Model> model = ReadOnnx(network.Write(scores), "qdq");
    ASSERT_TRUE(model.ok()) << FormatDiagnostic(model.errors()[0], false);
    std::vector<uint8_t> input(static_cast<size_t>(4 * Count(image)));
    for (int64_t i = 0; i < Count(image); ++i) {
      const float value = static_cast<float>(random.Real(-2, 2));
      std::memcpy(input.data() + 4 * i, &value, 4);
    }
    const Result<TensorBytes> golden = RunGolden(*model, {input});
    ASSERT_TRUE(golden.ok());
    for (const Layer& layer : network.layers) {
      std::vector<Values> inputs;
      for (const RealActivation& a : layer.inputs) {
        inputs.push_back(RealOf(*model, *golden, a, network.is_unsigned));
      }
      const Values expected = layer.function(inputs);
      const Values actual = RealOf(*model, *golden, layer.output, network.is_unsigned);
      ASSERT_EQ(expected.size(), actual.size());
      const double scale = layer.output.scale;
      const double low = network.is_unsigned ? 0 : -128, zero = layer.output.zero_point;
      for (size_t i = 0; i < expected.size(); ++i) {
        const double exact = std::clamp(std::nearbyint(expected[i] / scale) + zero, low, low + 255);
        const double got = std::nearbyint(actual[i] / scale) + zero;
        ASSERT_LE(std::abs(exact - got), 1) << layer.output.bytes << " element " << i;
        ++elements;
        different += exact != got ? 1 : 0;
      }
    }
  }
  fmt::print("{} of {} elements differ by one\n", different, elements);
  EXPECT_LT(different * 25, elements);
}

}  // namespace
}  // namespace npugen

// SPDX-License-Identifier: Apache-2.0
// Nodes in the order of the layers.
#include "tests/training/onnx_network.h"

#include <fmt/format.h>
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <initializer_list>
#include <string>

namespace npugen::training {
namespace {

class OnnxMaker {
 public:
  explicit OnnxMaker(const Network& network) : network_(network) {
    proto_.set_ir_version(8);
    auto* opset = proto_.add_opset_import();
    opset->set_version(13);
    graph_ = proto_.mutable_graph();
    graph_->set_name("training");
  }

  std::vector<uint8_t> Make() {
    const ImageShape& in = network_.input;
    const bool flat = in.height * in.width == 1;
    AddValue(graph_->add_input(), "input",
             flat ? std::vector<int64_t>{in.channels}
                  : std::vector<int64_t>{in.channels, in.height, in.width});
    names_ = {"input"};
    flat_ = {flat};
    for (const Layer& layer : network_.layers) AddLayer(layer);
    AddValue(graph_->add_output(), names_.back(), {network_.output().elements()});
    std::vector<uint8_t> file(proto_.ByteSizeLong());
    proto_.SerializeToArray(file.data(), static_cast<int>(file.size()));
    return file;
  }

 private:
  static void AddValue(::onnx::ValueInfoProto* value, const std::string& name,
                       const std::vector<int64_t>& dims) {
    value->set_name(name);
    auto* type = value->mutable_type()->mutable_tensor_type();
    type->set_elem_type(::onnx::TensorProto::FLOAT);
    type->mutable_shape()->add_dim()->set_dim_param("N");
    for (const int64_t d : dims) type->mutable_shape()->add_dim()->set_dim_value(d);
  }
  ::onnx::NodeProto* AddNode(const std::string& type, const std::vector<std::string>& inputs,
                             const std::string& output) {
    auto* node = graph_->add_node();
    node->set_op_type(type);
    node->set_name(output);
    for (const std::string& input : inputs) node->add_input(input);
    node->add_output(output);
    return node;
  }
  static void AddList(::onnx::NodeProto* node, const std::string& name,
                      std::initializer_list<int64_t> values) {
    auto* attribute = node->add_attribute();
    attribute->set_name(name);
    attribute->set_type(::onnx::AttributeProto::INTS);
    for (const int64_t value : values) attribute->add_ints(value);
  }
  void AddTensor(const std::string& name, const std::vector<int64_t>& dims,
                 const std::vector<float>& values) {
    auto* tensor = graph_->add_initializer();
    tensor->set_name(name);
    tensor->set_data_type(::onnx::TensorProto::FLOAT);
    for (const int64_t d : dims) tensor->add_dims(d);
    tensor->set_raw_data(values.data(), values.size() * sizeof(float));
  }
  /// Weights [out][y][x][in] as [out][in][y][x].
  std::vector<float> InFileOrder(int32_t parameter, int64_t outs, const ImageShape& kernel) const {
    const std::vector<float>& from = network_.parameters[static_cast<size_t>(parameter)].initial;
    std::vector<float> to;
    for (int64_t o = 0; o < outs; ++o) {
      for (int64_t c = 0; c < kernel.channels; ++c) {
        for (int64_t p = 0; p < kernel.height * kernel.width; ++p) {
          to.push_back(from[static_cast<size_t>(
              (o * kernel.height * kernel.width + p) * kernel.channels + c)]);
        }
      }
    }
    return to;
  }

  void AddLayer(const Layer& layer) {
    const auto name_of = [&](int32_t v) { return names_[static_cast<size_t>(v)]; };
    std::string in = name_of(layer.inputs[0]);
    bool flat = flat_[static_cast<size_t>(layer.inputs[0])];
    const std::string out = layer.relu ? layer.name + ".sum" : layer.name;
    switch (layer.kind) {
      case LayerKind::kConvolution: {
        const ImageShape from = network_.ShapeOf(layer.inputs[0]);
        const bool dense =
            layer.in.height * layer.in.width == 1 && layer.kernel_h * layer.kernel_w == 1;
        const Parameter& weights = network_.parameters[static_cast<size_t>(layer.weights)];
        if (dense && !flat) {
          AddNode("Flatten", {in}, layer.name + ".flat");
          in = layer.name + ".flat";
        }
        const ImageShape kernel =
            dense ? from : ImageShape{layer.kernel_h, layer.kernel_w, layer.in.channels};
        AddTensor(weights.name,
                  dense ? std::vector<int64_t>{layer.out.channels, layer.in.channels}
                        : std::vector<int64_t>{layer.out.channels, layer.in.channels,
                                               layer.kernel_h, layer.kernel_w},
                  InFileOrder(layer.weights, layer.out.channels, kernel));
        std::vector<std::string> inputs = {in, weights.name};
        if (layer.bias >= 0) {
          const Parameter& bias = network_.parameters[static_cast<size_t>(layer.bias)];
          AddTensor(bias.name, {layer.out.channels}, bias.initial);
          inputs.push_back(bias.name);
        }
        auto* node = AddNode(dense ? "Gemm" : "Conv", inputs, out);
        if (dense) {
          auto* turned = node->add_attribute();
          turned->set_name("transB");
          turned->set_type(::onnx::AttributeProto::INT);
          turned->set_i(1);
        } else {
          const auto behind = [](int64_t o, int64_t stride, int64_t kernel_size, int64_t size,
                                 int64_t pad) {
            return (o - 1) * stride + kernel_size - size - pad;
          };
          AddList(node, "strides", {layer.stride_h, layer.stride_w});
          AddList(node, "pads",
                  {layer.pad_top, layer.pad_left,
                   std::max<int64_t>(behind(layer.out.height, layer.stride_h, layer.kernel_h,
                                            layer.in.height, layer.pad_top),
                                     0),
                   std::max<int64_t>(behind(layer.out.width, layer.stride_w, layer.kernel_w,
                                            layer.in.width, layer.pad_left),
                                     0)});
        }
        flat = dense;
        break;
      }
      case LayerKind::kMaxPool: {
        auto* node = AddNode("MaxPool", {in}, out);
        AddList(node, "kernel_shape", {layer.kernel_h, layer.kernel_w});
        AddList(node, "strides", {layer.stride_h, layer.stride_w});
        break;
      }
      case LayerKind::kAdd:
        AddNode("Add", {in, name_of(layer.inputs[1])}, out);
        break;
    }
    if (layer.relu) AddNode("Relu", {out}, layer.name);
    names_.push_back(layer.name);
    flat_.push_back(flat);
  }

  const Network& network_;
  ::onnx::ModelProto proto_;
  ::onnx::GraphProto* graph_;
  std::vector<std::string> names_;
  std::vector<bool> flat_;
};

}  // namespace

std::vector<uint8_t> MakeOnnx(const Network& network) { return OnnxMaker(network).Make(); }

}  // namespace npugen::training

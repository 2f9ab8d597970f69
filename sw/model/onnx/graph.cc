// SPDX-License-Identifier: Apache-2.0
// The one file that knows protobuf, whose headers take long to compile.
#include "sw/model/onnx/graph.h"

#include <fmt/core.h>
#include <onnx/onnx_pb.h>

#include <cmath>
#include <cstring>

namespace npugen::symbolic {
namespace {

Outcome ReadTensor(const ::onnx::TensorProto& tensor, Constant* constant) {
  if (tensor.data_location() == ::onnx::TensorProto::EXTERNAL) {
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
  constant->data_type = tensor.data_type();
  bool good = false;
  switch (tensor.data_type()) {
    case ::onnx::TensorProto::FLOAT:
      constant->is_integer = false;
      good = is_raw ? from_raw(float{}) : from_list(tensor.float_data());
      break;
    case ::onnx::TensorProto::DOUBLE:
      constant->is_integer = false;
      good = is_raw ? from_raw(double{}) : from_list(tensor.double_data());
      // More bits than those of a float would be lost in products.
      for (double& value : constant->values) {
        if (value != static_cast<double>(static_cast<float>(value))) {
          return Bad("it has values that no float32 holds", "float32");
        }
      }
      break;
    case ::onnx::TensorProto::INT8:
      good = is_raw ? from_raw(int8_t{}) : from_list(tensor.int32_data());
      break;
    case ::onnx::TensorProto::UINT8:
      good = is_raw ? from_raw(uint8_t{}) : from_list(tensor.int32_data());
      break;
    case ::onnx::TensorProto::INT32:
      good = is_raw ? from_raw(int32_t{}) : from_list(tensor.int32_data());
      break;
    case ::onnx::TensorProto::INT64:
      good = is_raw ? from_raw(int64_t{}) : from_list(tensor.int64_data());
      break;
    default:
      return Bad(fmt::format("it has data type {}", tensor.data_type()),
                 "float, double, int8, uint8, int32 or int64");
  }
  if (!good)
    return Bad(fmt::format("its data do not have {} elements", count), "data that fit its shape");
  for (double value : constant->values) {
    if (!std::isfinite(value)) return Bad("it has values that are not finite", "numbers");
  }
  return std::nullopt;
}

GraphTensor ToTensor(const ::onnx::TensorProto& proto) {
  GraphTensor tensor;
  tensor.name = proto.name();
  tensor.problem = ReadTensor(proto, &tensor.constant);
  return tensor;
}

Node ToNode(const ::onnx::NodeProto& proto) {
  Node node{proto.name(),
            proto.op_type(),
            proto.domain(),
            {proto.input().begin(), proto.input().end()},
            {proto.output().begin(), proto.output().end()},
            {}};
  for (const ::onnx::AttributeProto& from : proto.attribute()) {
    Attribute attribute;
    attribute.name = from.name();
    attribute.integer = from.i();
    attribute.real = from.f();
    attribute.text = from.s();
    attribute.integers.assign(from.ints().begin(), from.ints().end());
    if (from.has_t()) attribute.tensor = ToTensor(from.t());
    node.attributes.push_back(std::move(attribute));
  }
  return node;
}

GraphInput ToInput(const ::onnx::ValueInfoProto& proto) {
  const auto& type = proto.type().tensor_type();
  GraphInput input{proto.name(), type.elem_type(), {}};
  for (const auto& dimension : type.shape().dim()) {
    input.dims.push_back(dimension.has_dim_value() ? std::optional(dimension.dim_value())
                                                   : std::nullopt);
  }
  return input;
}

}  // namespace

const Attribute* Node::Find(const char* attribute) const {
  for (const Attribute& candidate : attributes) {
    if (candidate.name == attribute) return &candidate;
  }
  return nullptr;
}

int64_t Node::Integer(const char* attribute, int64_t otherwise) const {
  const Attribute* found = Find(attribute);
  return found == nullptr ? otherwise : found->integer;
}

double Node::Real(const char* attribute, float otherwise) const {
  const Attribute* found = Find(attribute);
  return double{found == nullptr ? otherwise : found->real};
}

std::vector<int64_t> Node::List(const char* attribute, std::vector<int64_t> otherwise) const {
  const Attribute* found = Find(attribute);
  return found == nullptr ? otherwise : found->integers;
}

Outcome ParseGraph(std::span<const uint8_t> bytes, Graph* graph) {
  ::onnx::ModelProto proto;
  if (bytes.size() > static_cast<size_t>(std::numeric_limits<int32_t>::max()) ||
      !proto.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return Refusal{Code::kOnnxDamaged, "the file cannot be parsed as an ONNX model", ""};
  }
  if (!proto.has_graph() || proto.graph().node_size() == 0) {
    return Refusal{Code::kOnnxDamaged, "the file has no graph with nodes", ""};
  }
  const ::onnx::GraphProto& from = proto.graph();
  for (const auto& tensor : from.initializer()) graph->initializers.push_back(ToTensor(tensor));
  for (const auto& node : from.node()) graph->nodes.push_back(ToNode(node));
  for (const auto& input : from.input()) graph->inputs.push_back(ToInput(input));
  for (const auto& output : from.output()) graph->outputs.push_back(output.name());
  for (const auto& entry : from.quantization_annotation()) {
    for (const auto& pair : entry.quant_parameter_tensor_names()) {
      if (pair.key() == "finn_datatype") graph->datatypes[entry.tensor_name()] = pair.value();
    }
  }
  return std::nullopt;
}

std::vector<uint8_t> WithInitializers(std::span<const uint8_t> bytes,
                                      const std::map<std::string, std::vector<float>>& values) {
  ::onnx::ModelProto proto;
  proto.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
  for (auto& tensor : *proto.mutable_graph()->mutable_initializer()) {
    const auto found = values.find(tensor.name());
    if (found == values.end()) continue;
    tensor.clear_float_data();
    tensor.set_raw_data(found->second.data(), found->second.size() * sizeof(float));
  }
  std::vector<uint8_t> file(proto.ByteSizeLong());
  proto.SerializeToArray(file.data(), static_cast<int>(file.size()));
  return file;
}

}  // namespace npugen::symbolic

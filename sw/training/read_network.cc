// SPDX-License-Identifier: Apache-2.0
// ONNX nodes, one after the other, as layers that can be trained.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>

#include "sw/model/describe.h"
#include "sw/model/limits.h"
#include "sw/model/onnx/graph.h"
#include "sw/training/network.h"

namespace npugen::training {
namespace {

using symbolic::Bad;
using symbolic::Constant;
using symbolic::Graph;
using symbolic::GraphInput;
using symbolic::GraphTensor;
using symbolic::Node;
using symbolic::Outcome;
using symbolic::Pattern;
using symbolic::Refusal;

/// What a name of the graph stands for.
struct Known {
  int32_t value = 0;
  bool flat = false;  ///< [N, elements], in the order channel, y, x of the value's shape
};

class NetworkReader {
 public:
  explicit NetworkReader(const std::string& name) { network_.name = name; }

  Result<Network> Run(std::span<const uint8_t> bytes) {
    if (Outcome refusal = Read(bytes)) {
      return Diagnostic{refusal->code, SourceLocation{network_.name},
                        where_.empty() ? refusal->message : where_ + ": " + refusal->message,
                        refusal->hint};
    }
    return std::move(network_);
  }

 private:
  Outcome Read(std::span<const uint8_t> bytes) {
    Graph graph;
    if (Outcome refusal = symbolic::ParseGraph(bytes, &graph)) return refusal;
    for (GraphTensor& tensor : graph.initializers) {
      constants_[tensor.name] = std::move(tensor);
    }
    for (const Node& node : graph.nodes) {
      for (const std::string& input : node.inputs) ++uses_[input];
    }
    if (Outcome refusal = ReadInput(graph)) return refusal;
    for (size_t i = 0; i < graph.nodes.size(); ++i) {
      const Node& node = graph.nodes[i];
      where_ =
          fmt::format("node {} \"{}\" ({})", i, PrintableName(node.name), PrintableName(node.type));
      if (node.outputs.empty()) return Pattern("it has no output", "one output");
      if (Outcome refusal = ReadNode(node)) return refusal;
    }
    where_.clear();
    if (graph.outputs.size() != 1) {
      return Pattern(fmt::format("the graph has {} outputs", graph.outputs.size()), "one");
    }
    where_ = fmt::format("output \"{}\"", PrintableName(graph.outputs[0]));
    const auto output = known_.find(graph.outputs[0]);
    if (output == known_.end()) {
      return Refusal{DiagnosticCode::kOnnxDamaged, "no node computes it", ""};
    }
    if (network_.layers.empty() ||
        output->second.value != static_cast<int32_t>(network_.layers.size())) {
      return Pattern("it is not what the last layer computes", "the last layer's result");
    }
    // What nothing uses has no gradient.
    std::vector<bool> used(network_.layers.size() + 1);
    used.back() = true;
    for (const Layer& layer : network_.layers) {
      for (const int32_t input : layer.inputs) used[static_cast<size_t>(input)] = true;
    }
    for (size_t i = 0; i < network_.layers.size(); ++i) {
      if (!used[i + 1]) {
        return Pattern(fmt::format("the result of {} is not part of it",
                                   PrintableName(network_.layers[i].name)),
                       "layers that lead to the output");
      }
    }
    return std::nullopt;
  }

  Outcome ReadInput(const Graph& graph) {
    const GraphInput* input = nullptr;
    for (const GraphInput& candidate : graph.inputs) {
      if (constants_.contains(candidate.name)) continue;
      if (input != nullptr) return Pattern("the graph has several inputs", "one");
      input = &candidate;
    }
    if (input == nullptr) return Pattern("the graph has no input", "one");
    where_ = fmt::format("input \"{}\"", PrintableName(input->name));
    if (input->data_type != symbolic::kOnnxFloat) {
      return Pattern(fmt::format("it has data type {}", input->data_type), "float");
    }
    const size_t rank = input->dims.size();
    if (rank != 2 && rank != 4) {
      return Pattern(fmt::format("it has {} dimensions", rank), "[N,C,H,W] or [N,C]");
    }
    for (size_t i = 1; i < rank; ++i) {
      const int64_t dimension = input->dims[i].value_or(0);
      if (dimension < 1 || dimension > kLargestDimension) {
        return Pattern(fmt::format("dimension {} is {}", i, dimension),
                       fmt::format("1 to {}", kLargestDimension));
      }
    }
    network_.planes = rank == 4;
    network_.input.channels = *input->dims[1];
    if (rank == 4) network_.input.height = *input->dims[2], network_.input.width = *input->dims[3];
    if (network_.input.elements() > kMostElements) {
      return Refusal{DiagnosticCode::kModelTooLarge, "it has too many elements", ""};
    }
    known_[input->name] = {0, rank == 2};
    where_.clear();
    return std::nullopt;
  }

  Outcome ReadNode(const Node& node) {
    static const std::map<std::string_view, Outcome (NetworkReader::*)(const Node&)> kReaders = {
        {"Conv", &NetworkReader::ReadConvolution}, {"Gemm", &NetworkReader::ReadGemm},
        {"MatMul", &NetworkReader::ReadMatMul},    {"Add", &NetworkReader::ReadAdd},
        {"Relu", &NetworkReader::ReadRelu},        {"MaxPool", &NetworkReader::ReadMaxPool},
        {"Flatten", &NetworkReader::ReadFlatten},  {"Reshape", &NetworkReader::ReadFlatten},
        {"Identity", &NetworkReader::Pass},        {"Dropout", &NetworkReader::Pass},
        {"Softmax", &NetworkReader::ReadSoftmax}};
    const auto reader = kReaders.find(node.type);
    if (reader == kReaders.end() || !(node.domain.empty() || node.domain == "ai.onnx")) {
      std::string list;
      for (const auto& entry : kReaders) {
        list += fmt::format("{}{}", list.empty() ? "" : ", ", entry.first);
      }
      return Refusal{DiagnosticCode::kTrainingGradient, "it has no gradient here",
                     "operators that can be trained: " + list};
    }
    return (this->*reader->second)(node);
  }

  /// The value that an input is.
  Outcome Find(const Node& node, size_t input, Known* known) const {
    if (!node.Has(input)) return Pattern(fmt::format("input {} is missing", input), "");
    const auto found = known_.find(node.inputs[input]);
    if (found == known_.end()) {
      return Pattern(fmt::format("\"{}\" is no value that the network computes from its input",
                                 PrintableName(node.inputs[input])),
                     "layers in the order in which they compute");
    }
    *known = found->second;
    return std::nullopt;
  }
  Outcome FindConstant(const Node& node, size_t input, const Constant** constant) const {
    if (!node.Has(input)) return Pattern(fmt::format("input {} is missing", input), "");
    const auto found = constants_.find(node.inputs[input]);
    if (found == constants_.end()) {
      return Pattern(fmt::format("input {} is no initializer", input), "weights as initializers");
    }
    if (found->second.problem) return found->second.problem;
    if (found->second.constant.data_type != symbolic::kOnnxFloat) {
      return Bad("weights are not float", "float");
    }
    *constant = &found->second.constant;
    return std::nullopt;
  }

  /// A parameter of the file's tensor `name`: element i is number source[i] of it.
  Outcome AddParameter(const std::string& name, const Constant& constant,
                       std::vector<int64_t> source, int32_t* number) {
    if (!parameter_names_.insert(name).second) {
      return Pattern(fmt::format("\"{}\" is used twice", PrintableName(name)),
                     "weights of one layer each");
    }
    Parameter parameter;
    parameter.name = name;
    for (const int64_t i : source) {
      parameter.initial.push_back(static_cast<float>(constant.values[static_cast<size_t>(i)]));
    }
    parameter.source = std::move(source);
    *number = static_cast<int32_t>(network_.parameters.size());
    network_.parameters.push_back(std::move(parameter));
    return std::nullopt;
  }

  Outcome AddBias(const Node& node, size_t input, Layer* layer) {
    if (!node.Has(input)) return std::nullopt;
    const Constant* bias = nullptr;
    if (Outcome refusal = FindConstant(node, input, &bias)) return refusal;
    if (static_cast<int64_t>(bias->values.size()) != layer->out.channels) {
      return Pattern(fmt::format("the bias has {} elements", bias->values.size()),
                     fmt::format("{}, one for each channel", layer->out.channels));
    }
    std::vector<int64_t> source(bias->values.size());
    for (size_t i = 0; i < source.size(); ++i) source[i] = static_cast<int64_t>(i);
    return AddParameter(node.inputs[input], *bias, std::move(source), &layer->bias);
  }

  void Append(const Node& node, Layer layer, bool flat) {
    layer.name = node.name.empty() ? node.outputs[0] : node.name;
    network_.layers.push_back(std::move(layer));
    known_[node.outputs[0]] = {static_cast<int32_t>(network_.layers.size()), flat};
  }

  Outcome ReadConvolution(const Node& node) {
    Known operand;
    if (Outcome refusal = Find(node, 0, &operand)) return refusal;
    if (operand.flat) return Pattern("its operand is flat", "an image");
    const Constant* weights = nullptr;
    if (Outcome refusal = FindConstant(node, 1, &weights)) return refusal;
    Layer layer;
    layer.inputs = {operand.value};
    layer.in = network_.ShapeOf(operand.value);
    if (weights->dims.size() != 4 || weights->dims[1] != layer.in.channels) {
      return Pattern(fmt::format("weights have the shape {}", ShapeText(weights->dims)),
                     fmt::format("[out,{},y,x], one group", layer.in.channels));
    }
    const int64_t outs = weights->dims[0];
    layer.kernel_h = weights->dims[2], layer.kernel_w = weights->dims[3];
    if (outs < 1 || layer.kernel_h < 1 || layer.kernel_w < 1) {
      return Pattern("weights are empty", "one at least");
    }
    for (const int64_t d : node.List("dilations", {1, 1})) {
      if (d != 1) return Pattern("dilations", "1");
    }
    if (node.Integer("group", 1) != 1) return Pattern("groups", "one group");
    const std::vector<int64_t> strides = node.List("strides", {1, 1});
    std::vector<int64_t> pads = node.List("pads", {0, 0, 0, 0});
    if (strides.size() != 2 || pads.size() != 4) return Pattern("not two dimensions", "two");
    const symbolic::Attribute* automatic = node.Find("auto_pad");
    const std::string mode = automatic == nullptr ? "NOTSET" : automatic->text;
    if (mode == "SAME_UPPER" || mode == "SAME_LOWER") {
      const int64_t in[] = {layer.in.height, layer.in.width};
      const int64_t kernel[] = {layer.kernel_h, layer.kernel_w};
      for (size_t d = 0; d < 2; ++d) {
        if (strides[d] < 1) break;
        const int64_t out = (in[d] + strides[d] - 1) / strides[d];
        const int64_t all = std::max<int64_t>((out - 1) * strides[d] + kernel[d] - in[d], 0);
        pads[d] = mode == "SAME_UPPER" ? all / 2 : all - all / 2;
        pads[d + 2] = all - pads[d];
      }
    } else if (mode == "VALID") {
      pads = {0, 0, 0, 0};
    } else if (mode != "NOTSET") {
      return Pattern("auto_pad " + PrintableName(mode), "NOTSET, VALID, SAME_UPPER, SAME_LOWER");
    }
    for (size_t d = 0; d < 2; ++d) {
      if (strides[d] < 1 || strides[d] > kMostStride) {
        return Pattern(fmt::format("a stride of {}", strides[d]),
                       fmt::format("1 to {}", kMostStride));
      }
      const int64_t kernel = d == 0 ? layer.kernel_h : layer.kernel_w;
      for (const int64_t pad : {pads[d], pads[d + 2]}) {
        if (pad < 0 || pad >= kernel) {
          return Pattern(fmt::format("pads of {}", pad), "less than the kernel");
        }
      }
    }
    layer.stride_h = strides[0], layer.stride_w = strides[1];
    layer.pad_top = pads[0], layer.pad_left = pads[1];
    const int64_t height = layer.in.height + pads[0] + pads[2] - layer.kernel_h;
    const int64_t width = layer.in.width + pads[1] + pads[3] - layer.kernel_w;
    if (height < 0 || width < 0) return Pattern("the kernel is larger than the image", "");
    layer.out = {height / layer.stride_h + 1, width / layer.stride_w + 1, outs};
    std::vector<int64_t> source;
    for (int64_t o = 0; o < outs; ++o) {
      for (int64_t y = 0; y < layer.kernel_h; ++y) {
        for (int64_t x = 0; x < layer.kernel_w; ++x) {
          for (int64_t c = 0; c < layer.in.channels; ++c) {
            source.push_back(((o * layer.in.channels + c) * layer.kernel_h + y) * layer.kernel_w +
                             x);
          }
        }
      }
    }
    if (Outcome refusal =
            AddParameter(node.inputs[1], *weights, std::move(source), &layer.weights)) {
      return refusal;
    }
    if (Outcome refusal = AddBias(node, 2, &layer)) return refusal;
    Append(node, std::move(layer), false);
    return std::nullopt;
  }

  /// A dense layer by the weights of input 1, [in][out] or (`turned`) [out][in].
  Outcome ReadDense(const Node& node, bool turned) {
    Known operand;
    if (Outcome refusal = Find(node, 0, &operand)) return refusal;
    if (!operand.flat) return Pattern("its operand is an image", "Flatten in front of it");
    const Constant* weights = nullptr;
    if (Outcome refusal = FindConstant(node, 1, &weights)) return refusal;
    const ImageShape from = network_.ShapeOf(operand.value);
    const int64_t ins = from.elements();
    if (weights->dims.size() != 2 || weights->dims[turned ? 1 : 0] != ins ||
        weights->dims[turned ? 0 : 1] < 1) {
      return Pattern(fmt::format("weights have the shape {}", ShapeText(weights->dims)),
                     turned ? fmt::format("[out,{}]", ins) : fmt::format("[{},out]", ins));
    }
    Layer layer;
    layer.inputs = {operand.value};
    layer.in = {1, 1, ins};
    layer.out = {1, 1, weights->dims[turned ? 0 : 1]};
    std::vector<int64_t> source;
    for (int64_t o = 0; o < layer.out.channels; ++o) {
      for (int64_t i = 0; i < ins; ++i) {
        // Of y, x, channel: where the file has it.
        const int64_t channel = i % from.channels, pixel = i / from.channels;
        const int64_t file = channel * from.height * from.width + pixel;
        source.push_back(turned ? o * ins + file : file * layer.out.channels + o);
      }
    }
    if (Outcome refusal =
            AddParameter(node.inputs[1], *weights, std::move(source), &layer.weights)) {
      return refusal;
    }
    if (Outcome refusal = AddBias(node, 2, &layer)) return refusal;
    Append(node, std::move(layer), true);
    return std::nullopt;
  }
  Outcome ReadGemm(const Node& node) {
    if (node.Integer("transA", 0) != 0 || node.Real("alpha", 1) != 1 || node.Real("beta", 1) != 1) {
      return Pattern("transA, alpha or beta", "0, 1 and 1");
    }
    return ReadDense(node, node.Integer("transB", 0) != 0);
  }
  Outcome ReadMatMul(const Node& node) { return ReadDense(node, false); }

  /// The layer whose only use is an input: what follows can become part of it.
  Layer* OnlyUse(const Node& node, size_t input, const Known& known) {
    if (known.value == 0 || uses_[node.inputs[input]] != 1) return nullptr;
    Layer& layer = network_.layers[static_cast<size_t>(known.value - 1)];
    return layer.relu ? nullptr : &layer;
  }

  Outcome ReadAdd(const Node& node) {
    for (size_t i = 0; i < 2; ++i) {
      if (!node.Has(i) || !constants_.contains(node.inputs[i])) continue;
      Known known;
      if (Outcome refusal = Find(node, 1 - i, &known)) return refusal;
      Layer* layer = OnlyUse(node, 1 - i, known);
      if (layer == nullptr || layer->kind != LayerKind::kConvolution || layer->bias >= 0) {
        return Pattern("a constant is added", "one for each channel, behind MatMul or Conv");
      }
      if (Outcome refusal = AddBias(node, i, layer)) return refusal;
      known_[node.outputs[0]] = known;
      return std::nullopt;
    }
    Known a, b;
    if (Outcome refusal = Find(node, 0, &a)) return refusal;
    if (Outcome refusal = Find(node, 1, &b)) return refusal;
    if (network_.ShapeOf(a.value) != network_.ShapeOf(b.value) || a.flat != b.flat) {
      return Pattern("values of different shapes are added", "equal shapes");
    }
    Layer layer;
    layer.kind = LayerKind::kAdd;
    layer.inputs = {a.value, b.value};
    layer.in = layer.out = network_.ShapeOf(a.value);
    Append(node, std::move(layer), a.flat);
    return std::nullopt;
  }

  Outcome ReadRelu(const Node& node) {
    Known known;
    if (Outcome refusal = Find(node, 0, &known)) return refusal;
    Layer* layer = OnlyUse(node, 0, known);
    if (layer == nullptr || layer->kind == LayerKind::kMaxPool) {
      return Pattern("it does not follow a layer alone", "Relu behind Conv, Gemm, MatMul or Add");
    }
    layer->relu = true;
    known_[node.outputs[0]] = known;
    return std::nullopt;
  }

  Outcome ReadMaxPool(const Node& node) {
    Known operand;
    if (Outcome refusal = Find(node, 0, &operand)) return refusal;
    if (operand.flat) return Pattern("its operand is flat", "an image");
    Layer layer;
    layer.kind = LayerKind::kMaxPool;
    layer.inputs = {operand.value};
    layer.in = network_.ShapeOf(operand.value);
    const std::vector<int64_t> kernel = node.List("kernel_shape", {});
    if (kernel.size() != 2) return Pattern("not two dimensions", "two");
    for (const int64_t pad : node.List("pads", {0, 0, 0, 0})) {
      if (pad != 0) return Pattern("pads", "0");
    }
    if (node.Integer("ceil_mode", 0) != 0) return Pattern("ceil_mode", "0");
    if (node.List("strides", {1, 1}) != kernel || kernel[0] < 1 || kernel[1] < 1 || kernel[0] > 2 ||
        kernel[1] > 2) {
      return Pattern("other squares", "kernels of 1 or 2 next to each other");
    }
    layer.kernel_h = layer.stride_h = kernel[0], layer.kernel_w = layer.stride_w = kernel[1];
    if (layer.in.height % kernel[0] != 0 || layer.in.width % kernel[1] != 0) {
      return Pattern("the image does not consist of whole squares", "even heights and widths");
    }
    layer.out = {layer.in.height / kernel[0], layer.in.width / kernel[1], layer.in.channels};
    Append(node, std::move(layer), false);
    return std::nullopt;
  }

  Outcome ReadFlatten(const Node& node) {
    Known known;
    if (Outcome refusal = Find(node, 0, &known)) return refusal;
    if (node.type == "Flatten") {
      if (node.Integer("axis", 1) != 1) return Pattern("another axis", "1");
    } else {
      const auto shape = node.Has(1) ? constants_.find(node.inputs[1]) : constants_.end();
      const int64_t elements = network_.ShapeOf(known.value).elements();
      if (shape == constants_.end() || shape->second.problem ||
          shape->second.constant.values.size() != 2 ||
          (shape->second.constant.values[1] != -1 &&
           shape->second.constant.values[1] != static_cast<double>(elements))) {
        return Pattern("another shape", "[N,elements] as an initializer");
      }
    }
    known.flat = true;
    known_[node.outputs[0]] = known;
    return std::nullopt;
  }

  Outcome Pass(const Node& node) {
    Known known;
    if (Outcome refusal = Find(node, 0, &known)) return refusal;
    known_[node.outputs[0]] = known;
    return std::nullopt;
  }

  /// At the end: the loss is that of its operand.
  Outcome ReadSoftmax(const Node& node) {
    if (uses_[node.outputs[0]] != 0) {
      return Pattern("it is not the last node", "Softmax at the end, which the loss contains");
    }
    return Pass(node);
  }

  static constexpr int64_t kMostStride = 8;  // steps of a box

  Network network_;
  std::string where_;
  std::map<std::string, GraphTensor> constants_;
  std::map<std::string, int> uses_;
  std::map<std::string, Known> known_;
  std::set<std::string> parameter_names_;
};

}  // namespace

Result<Network> ReadTrainingNetwork(std::span<const uint8_t> bytes, const std::string& name) {
  return NetworkReader(name).Run(bytes);
}

std::vector<uint8_t> WriteTrainingNetwork(std::span<const uint8_t> bytes, const Network& network,
                                          const std::vector<std::vector<float>>& values) {
  std::map<std::string, std::vector<float>> tensors;
  for (size_t p = 0; p < network.parameters.size(); ++p) {
    const Parameter& parameter = network.parameters[p];
    std::vector<float>& tensor = tensors[parameter.name];
    tensor.resize(parameter.source.size());
    for (size_t i = 0; i < parameter.source.size(); ++i) {
      tensor[static_cast<size_t>(parameter.source[i])] = values[p][i];
    }
  }
  return symbolic::WithInitializers(bytes, tensors);
}

}  // namespace npugen::training

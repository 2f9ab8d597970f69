// SPDX-License-Identifier: Apache-2.0
// Nodes are executed symbolically in the file's order: constants are evaluated, activations of bits
// and bytes are tensors, and sums of a layer stay open, as a function of the integer sum for each
// channel, until a quantizer or the graph's output closes them. The nodes are in sw/model/onnx.
#include "sw/model/onnx_reader.h"

#include <fmt/core.h>

#include <filesystem>

#include "sw/model/describe.h"
#include "sw/model/file_bytes.h"
#include "sw/model/onnx/nodes.h"
#include "sw/model/onnx/qdq.h"

namespace npugen {
namespace {

using namespace symbolic;  // NOLINT: the reader is the front of that namespace

constexpr size_t kMostOnnxDiagnostics = 50;

std::string NodeName(const Node& node, size_t number) {
  return fmt::format("node {} \"{}\" ({})", number, PrintableName(node.name),
                     PrintableName(node.type));
}

bool IsKnown(const Node& node) {
  const std::string& domain = node.domain;
  return FindNode(node.type) != nullptr &&
         (domain.empty() || domain == "ai.onnx" || domain.starts_with("qonnx.") ||
          domain.starts_with("finn.") || domain == "onnx.brevitas");
}

class OnnxReader {
 public:
  OnnxReader(std::span<const uint8_t> bytes, const std::string& name)
      : bytes_(bytes), evaluator_(name, bytes.size()) {}

  Result<Model> Run() {
    if (auto refusal = ReadAll()) errors_.push_back(Error(*refusal));
    if (!errors_.empty()) return errors_;
    return std::move(evaluator_.model);
  }

 private:
  Diagnostic Error(const Refusal& refusal) const {
    return {refusal.code, SourceLocation{evaluator_.model.name},
            where_.empty() ? refusal.message : where_ + ": " + refusal.message, refusal.hint};
  }

  Outcome ReadAll() {
    Graph graph;
    if (auto refusal = ParseGraph(bytes_, &graph)) return refusal;
    for (size_t i = 0; i < graph.nodes.size(); ++i) {
      if (IsKnown(graph.nodes[i]) || errors_.size() >= kMostOnnxDiagnostics) continue;
      where_ = NodeName(graph.nodes[i], i);
      errors_.push_back(Error({Code::kOnnxOperator, "this operator is not supported",
                               "docs/onnx.md lists the patterns that are"}));
    }
    where_.clear();
    if (!errors_.empty()) return std::nullopt;
    for (GraphTensor& tensor : graph.initializers) {
      where_ = fmt::format("initializer \"{}\"", PrintableName(tensor.name));
      if (tensor.problem) return tensor.problem;
      Value value;
      value.constant = std::move(tensor.constant);
      evaluator_.values[tensor.name] = std::move(value);
    }
    where_.clear();
    if (auto refusal = ReadInput(graph)) return refusal;
    for (size_t i = 0; i < graph.nodes.size(); ++i) {
      const Node& node = graph.nodes[i];
      where_ = NodeName(node, i);
      if (node.outputs.empty()) return Pattern("it has no output", "one output");
      Value result;
      if (auto refusal = ReadNode(evaluator_, node, &result)) return refusal;
      evaluator_.values[node.outputs[0]] = std::move(result);
    }
    where_.clear();
    return ReadOutput(graph);
  }

  Outcome ReadInput(const Graph& graph) {
    const GraphInput* input = nullptr;
    for (const GraphInput& candidate : graph.inputs) {
      if (evaluator_.values.contains(candidate.name)) continue;  // an initializer
      if (input != nullptr) return Pattern("the graph has several inputs", "one");
      input = &candidate;
    }
    if (input == nullptr) return Pattern("the graph has no input", "one");
    where_ = fmt::format("input \"{}\"", PrintableName(input->name));
    const size_t rank = input->dims.size();
    if (rank != 4 && rank != 2) {
      return Pattern(fmt::format("it has {} dimensions", rank), "[1,C,H,W] or [1,C]");
    }
    // A batch size that is a name is taken as 1.
    if (input->dims[0].value_or(1) != 1) {
      return Pattern(fmt::format("it has a batch of {}", *input->dims[0]), "1");
    }
    int64_t count = 1;
    std::vector<int32_t> dims;
    for (size_t i = 1; i < rank; ++i) {
      const int64_t dimension = input->dims[i].value_or(0);
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
    evaluator_.input_dims = {1};
    evaluator_.input_dims.insert(evaluator_.input_dims.end(), dims.begin(), dims.end());
    evaluator_.float_input = input->data_type == kOnnxFloat;
    const auto annotated = graph.datatypes.find(input->name);
    const std::string annotation = annotated == graph.datatypes.end() ? "" : annotated->second;
    if (annotation == "BIPOLAR") {
      Value bits;
      if (auto refusal = evaluator_.InputBits(value, &bits)) return refusal;
      value = std::move(bits);
    } else if (input->data_type == kOnnxInt8 || annotation == "INT8") {
      value = evaluator_.InputBytes(value, 1, 0);
    } else if (input->data_type != kOnnxFloat) {
      return Pattern(fmt::format("it has data type {}", input->data_type), "float or int8");
    }
    evaluator_.values[input->name] = std::move(value);
    where_.clear();
    return std::nullopt;
  }

  Outcome ReadOutput(const Graph& graph) {
    if (graph.outputs.size() != 1) {
      return Pattern(fmt::format("the graph has {} outputs", graph.outputs.size()), "one");
    }
    where_ = fmt::format("output \"{}\"", PrintableName(graph.outputs[0]));
    const auto found = evaluator_.values.find(graph.outputs[0]);
    if (found == evaluator_.values.end()) {
      return Refusal{Code::kOnnxDamaged, "no node computes it", ""};
    }
    Model& model = evaluator_.model;
    const Value& value = found->second;
    if (value.kind == Kind::kBits && !value.inverted.empty()) {
      return Pattern("bits behind a MaxPool of values that fall afterwards", "a layer behind them");
    }
    if (value.kind == Kind::kBits) {
      model.outputs = {value.tensor};
      return std::nullopt;
    }
    if (value.kind != Kind::kSums) {
      return Pattern(fmt::format("it is {}", KindName(value.kind)), "the sums or bits of a layer");
    }
    return CloseAsSums(evaluator_, value);
  }

  std::span<const uint8_t> bytes_;
  Evaluator evaluator_;
  std::string where_;  // of errors
  Diagnostics errors_;
};

}  // namespace

Result<Model> ReadOnnx(std::span<const uint8_t> bytes, const std::string& name) {
  Graph graph;
  if (!ParseGraph(bytes, &graph) && IsQdq(graph)) {
    Result<Model> model = ReadQdq(graph, name);
    if (model) return model;
    // A single layer before sums looks the same.
    Result<Model> bits = OnnxReader(bytes, name).Run();
    return bits ? std::move(bits) : std::move(model);
  }
  return OnnxReader(bytes, name).Run();
}

Result<Model> LoadOnnx(const std::string& path) {
  const Result<std::vector<uint8_t>> bytes = ReadModelFile(path);
  if (!bytes.ok()) return bytes.errors();
  return ReadOnnx(*bytes, std::filesystem::path(path).filename().string());
}

}  // namespace npugen

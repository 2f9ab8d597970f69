// SPDX-License-Identifier: Apache-2.0
// The graph of an ONNX file without protobuf: what of it the nodes' readers look at.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "generator/support/diagnostic.h"
#include "sw/model/limits.h"

namespace npugen::symbolic {

using Code = DiagnosticCode;

/// Why a node is not taken; the node is named where it becomes a diagnostic.
struct Refusal {
  Refusal(Code refused, std::string why, std::string legal);
  Refusal(Refusal&&) noexcept;
  Refusal(const Refusal&);
  Refusal& operator=(Refusal&&) noexcept;
  Refusal& operator=(const Refusal&);
  ~Refusal();

  Code code;
  std::string message;
  std::string hint;
};

using Outcome = std::optional<Refusal>;  ///< empty: good

/// A use of an operator that is not taken; `hint` says what is.
Refusal Pattern(const std::string& message, const std::string& hint);
/// A constant whose values are not taken.
Refusal Bad(const std::string& message, const std::string& hint);

/// A constant: float32 values and products of two of them are exact as double.
struct Constant {
  std::vector<int64_t> dims;
  std::vector<double> values;
  bool is_integer = false;  // of an integer type
  int64_t data_type = 0;    // TensorProto.DataType; 0: computed
  double quantum = 0;       // all values are integers times this; 0: not known
};

/// TensorProto.DataType, as far as nodes and inputs name them.
enum : int64_t { kOnnxFloat = 1, kOnnxInt8 = 3, kOnnxInt32 = 6, kOnnxInt64 = 7, kOnnxDouble = 11 };

/// A tensor of the file as a constant, or why it is none.
struct GraphTensor {
  std::string name;
  Constant constant;
  Outcome problem;
};

struct Attribute {
  std::string name;
  int64_t integer = 0;
  float real = 0;
  std::string text;
  std::vector<int64_t> integers;
  std::optional<GraphTensor> tensor;
};

struct Node {
  std::string name, type, domain;
  std::vector<std::string> inputs, outputs;  ///< names; an empty one is left out
  std::vector<Attribute> attributes;

  bool Has(size_t input) const { return input < inputs.size() && !inputs[input].empty(); }
  /// nullptr if there is none; the value of one, or `otherwise`.
  const Attribute* Find(const char* attribute) const;
  int64_t Integer(const char* attribute, int64_t otherwise) const;
  double Real(const char* attribute, float otherwise) const;
  std::vector<int64_t> List(const char* attribute, std::vector<int64_t> otherwise) const;
};

struct GraphInput {
  std::string name;
  int64_t data_type = 0;
  std::vector<std::optional<int64_t>> dims;  ///< empty where they are names
};

struct Graph {
  std::vector<GraphTensor> initializers;
  std::vector<Node> nodes;  ///< at least one
  std::vector<GraphInput> inputs;
  std::vector<std::string> outputs;
  std::map<std::string, std::string> datatypes;  ///< annotations "finn_datatype" by tensor
};

/// The graph of the file `bytes`.
Outcome ParseGraph(std::span<const uint8_t> bytes, Graph* graph);

/// The file `bytes`, which ParseGraph() takes, with other elements of its float initializers.
std::vector<uint8_t> WithInitializers(std::span<const uint8_t> bytes,
                                      const std::map<std::string, std::vector<float>>& values);

}  // namespace npugen::symbolic

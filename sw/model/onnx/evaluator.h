// SPDX-License-Identifier: Apache-2.0
// Values of the symbolic execution of a graph, and what it has built so far.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sw/model/bit_model.h"
#include "sw/model/dyadic.h"
#include "sw/model/onnx/graph.h"

namespace npugen::symbolic {

inline constexpr int64_t kLargestDimension = 65535;

/// The value of a channel as a function of its integer sum S:
/// (p * S + q + r * sqrt(v)) / (e * sqrt(v)), v > 0, e > 0.
struct Form {
  Form();
  Form(const Form&);
  Form(Form&&) noexcept;
  Form& operator=(const Form&);
  ~Form();

  Dyadic p, q, r, v, e;
};

/// Of the layer whose sums an activation stands for.
struct Layer {
  int32_t input = 0;  ///< tensor
  Tensor filter;
  BinaryConvOptions options;
};

/// A MaxPool of a layer's sums, before the quantizer. It becomes one of bits.
struct SumPool {
  PoolOptions options;
  int32_t height = 1, width = 1;  ///< of the sums
  std::vector<bool> falls;        ///< channels whose value before the pool falls with the sum
};

/// What is known of a value.
enum class Kind : uint8_t { kConstant, kInput, kBits, kBytes, kSums };

/// For messages.
const char* KindName(Kind kind);

/// What a name of the graph stands for.
struct Value {
  Value();
  Value(const Value&);
  Value(Value&&) noexcept;
  Value& operator=(const Value&);
  Value& operator=(Value&&) noexcept;
  ~Value();

  Kind kind = Kind::kConstant;
  Constant constant;
  /// Activations: the image in our order, and what ONNX says of it: [1,C,H,W], or [1, C*H*W] when
  /// it is flat.
  int32_t channels = 1, height = 1, width = 1;
  bool flat = false;
  int32_t tensor = -1;          ///< kInput: of none yet; kBits, kBytes
  double scale = 1.0;           ///< kBits: of +1 and -1; kBytes: of value - zero point
  Layer layer;                  ///< kSums
  std::vector<Form> forms;      ///< kSums, one per channel; with a pool, of each of the pooled sums
  std::optional<SumPool> pool;  ///< kSums
  std::vector<bool> inverted;   ///< kBits: channels that are stored inverted; empty: none
  int64_t elements() const { return int64_t{channels} * height * width; }
};

/// The network under construction and the values of all names. Nodes' readers (nodes.h) work on it.
class Evaluator {
 public:
  /// `file_bytes` bounds the work (Charge).
  Evaluator(std::string name, size_t file_bytes) : file_bytes_(file_bytes) {
    model.name = std::move(name);
  }

  Model model;
  std::map<std::string, Value> values;
  bool dequantized = false;  ///< a DequantizeLinear has set the input's zero point

  /// Work on constants is bounded by a small multiple of the file, however often nodes name one.
  Outcome Charge(size_t elements);
  /// The value named by an input of the node; it is not copied.
  Outcome Find(const Node& node, size_t input, const Value** value);
  /// The same, which is a constant.
  Outcome FindConstant(const Node& node, size_t input, const Constant** constant);
  /// One value.
  Outcome FindScalar(const Node& node, size_t input, const char* what, double* scalar);
  /// A scale, which is positive.
  Outcome FindScale(const Node& node, size_t input, double* scale);
  /// The model's input tensor, made by whatever first quantizes the graph's input.
  int32_t InputTensor(const Value& value, int32_t zero_point);
  /// The network's input as bytes or bits. A bit is 1 where the byte is 0 or more.
  Value InputBytes(const Value& value, int32_t zero_point);
  Value InputBits(const Value& value);
  /// Ends a layer of which `value` has the sums.
  Outcome Close(const Value& value, BinaryConvOptions options, Tensor output, int32_t* tensor);
  int32_t Add(Tensor tensor) { return AppendTensor(&model, std::move(tensor)); }
  void AddOperator(OperatorType type, std::vector<int32_t> inputs, int32_t output,
                   OperatorOptions options) {
    AppendOperator(&model, type, std::move(inputs), output, std::move(options));
  }

 private:
  const size_t file_bytes_;
  size_t spent_ = 0;
};

}  // namespace npugen::symbolic

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

/// The value of a channel as a function of its integer sum S:
/// (p * S + q + r * sqrt(v)) / (e * sqrt(v)), v > 0, e > 0.
struct Form {
  Form();
  Form(const Form&);
  Form(Form&&) noexcept;
  Form& operator=(const Form&);
  ~Form();
  /// S itself.
  static Form Identity();

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
  int32_t tensor = -1;  ///< kInput: of none yet; kBits, kBytes
  double scale = 1.0;   ///< kBits: of +1 and -1; kBytes: of value - zero point
  Layer layer;          ///< kSums
  /// kSums, one per channel; with a pool, of each of the pooled sums. kInput: one, of the input, or
  /// none where it stands for itself.
  std::vector<Form> forms;
  bool integers = false;        ///< kBytes: of a QuantizeLinear that no DequantizeLinear followed
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
  bool dequantized = false;         ///< a DequantizeLinear has set the input's zero point
  std::vector<int32_t> input_dims;  ///< of the graph's input: [1,C] or [1,C,H,W]
  bool float_input = false;         ///< the graph's input is float32

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
  /// The network's input as bytes, with the scale of a float input.
  Value InputBytes(const Value& value, float scale, int32_t zero_point);
  /// The network's input as bits: 1 where the function of it that `value` is, is 0 or more.
  Outcome InputBits(const Value& value, Value* bits);
  /// Makes the sums in `tensor`, which `value` stands for, the network's output: in float32, unless
  /// that would round them or their order is another one than the file's.
  void EndWith(const Value& value, int32_t tensor);
  /// Ends a layer of which `value` has the sums.
  Outcome Close(const Value& value, BinaryConvOptions options, Tensor output, int32_t* tensor);
  int32_t Add(Tensor tensor) { return AppendTensor(&model, std::move(tensor)); }
  void AddOperator(OperatorType type, std::vector<int32_t> inputs, int32_t output,
                   OperatorOptions options) {
    AppendOperator(&model, type, std::move(inputs), output, std::move(options));
  }

 private:
  /// The bytes of the network's input in our order, made by whatever first quantizes it.
  int32_t InputTensor(float scale, int32_t zero_point);

  int32_t input_bytes_ = -1;
  const size_t file_bytes_;
  size_t spent_ = 0;
};

}  // namespace npugen::symbolic

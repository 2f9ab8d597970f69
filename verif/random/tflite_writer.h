// SPDX-License-Identifier: Apache-2.0
// Writes small .tflite files for tests: well formed ones, and on request deliberately odd ones.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "sw/model/model.h"

namespace npugen::testing {

/// The masks of a STRIDED_SLICE; Model has no place for them.
struct SliceMasks {
  int32_t begin = 0, end = 0, ellipsis = 0, new_axis = 0, shrink_axis = 0;
  bool offset = false;
};

/// How the file departs from what a converter would write. The default departs in nothing.
struct TfliteForm {
  std::string identifier = "TFL3";
  uint32_t version = 3;
  int subgraphs = 1;                        ///< how often the one subgraph is listed
  std::map<int32_t, int32_t> builtin_code;  ///< operator index -> BuiltinOperator to claim instead
  std::map<int32_t, int32_t> activation;    ///< operator index -> ActivationFunctionType instead
  std::map<int32_t, int32_t> tensor_type;   ///< tensor -> TensorType of the schema instead
  std::map<int32_t, uint32_t> buffer;       ///< tensor -> buffer number instead
  std::map<int32_t, uint64_t> external_data;  ///< tensor -> its buffer has this offset and no data
  std::map<int32_t, SliceMasks> slice_masks;  ///< operator index -> masks
  std::map<int32_t, bool> no_options;         ///< operators that get no options table
  std::map<int32_t, std::string> variables;   ///< resource tensor -> its variable's name
  std::set<int32_t> variable_tensors;         ///< those that the file calls variables
  int once_operators = 0;               ///< so many last operators are those of a second subgraph
  std::string custom_code = "Mystery";  ///< name of an operator whose builtin code is CUSTOM
};

/// The file of `model`. The model need not be a legal one: it is written as it stands.
std::vector<uint8_t> WriteTflite(const Model& model, const TfliteForm& form = {});

/// Assembles a network tensor by tensor, operator by operator. Nothing is checked or completed.
/// Functions that make a tensor return its number. Shapes are NHWC.
class TfliteWriter {
 public:
  explicit TfliteWriter(std::string name = "test.tflite");

  /// An int8 tensor that is an input of the network.
  int32_t Input(std::vector<int32_t> shape, float scale, int32_t zero_point);
  /// An int8 tensor that an operator will write.
  int32_t Activation(std::vector<int32_t> shape, float scale, int32_t zero_point);
  /// Int8 weights with zero point 0 and one scale or one per index of `quantized_dimension`.
  int32_t Weights(std::vector<int32_t> shape, const std::vector<int8_t>& values,
                  std::vector<float> scales, int32_t quantized_dimension = 0);
  /// The same, stored with 4 bits a value (-8 .. 7).
  int32_t Weights4(std::vector<int32_t> shape, const std::vector<int8_t>& values,
                   std::vector<float> scales, int32_t quantized_dimension = 0);
  /// An int16 tensor that an operator will write, with zero point 0.
  int32_t Wide(std::vector<int32_t> shape, float scale);
  /// An int64 constant: biases of int16 data.
  int32_t LongIntegers(const std::vector<int64_t>& values);
  /// A float32 tensor that is an input of the network, or that an operator will write.
  int32_t Floats(std::vector<int32_t> shape);
  /// An int32 constant: biases, axes, paddings, shapes.
  int32_t Integers(std::vector<int32_t> shape, const std::vector<int32_t>& values);

  /// Filter [O,KH,KW,I / groups]; `bias` is a tensor or -1.
  void Conv2d(int32_t input, int32_t filter, int32_t bias, int32_t output,
              const ConvOptions& options);
  /// Filter [1,KH,KW,O]; options.depth_multiplier is written as given.
  void DepthwiseConv2d(int32_t input, int32_t filter, int32_t bias, int32_t output,
                       const ConvOptions& options);
  /// Filter [units, depth].
  void FullyConnected(int32_t input, int32_t filter, int32_t bias, int32_t output,
                      const FullyConnectedOptions& options = {});
  void Add(int32_t first, int32_t second, int32_t output, const AddOptions& options = {});
  void MaxPool2d(int32_t input, int32_t output, const PoolOptions& options);
  void AveragePool2d(int32_t input, int32_t output, const PoolOptions& options);
  /// The axes become a constant tensor; they may be negative.
  void Mean(int32_t input, const std::vector<int32_t>& axes, int32_t output, bool keep_dims);
  /// The output's shape becomes a constant tensor.
  void Reshape(int32_t input, int32_t output);
  /// The paddings become a constant tensor [rank, 2].
  void Pad(int32_t input, const std::vector<std::pair<int32_t, int32_t>>& paddings, int32_t output);
  void Softmax(int32_t input, int32_t output, float beta = 1.0f);

  /// Any operator, its inputs as the file has them: constant lists (axes, paddings, shapes ...)
  /// included, in the order of the schema. `name` chooses between operators of one type, such as
  /// "STRIDED_SLICE" for kSlice; left out, it is OperatorName(type).
  void Append(OperatorType type, std::vector<int32_t> inputs, std::vector<int32_t> outputs,
              OperatorOptions options = NoOptions{}, const std::string& name = "");

  /// Makes `tensor` an output of the network.
  void Output(int32_t tensor);

  /// What was assembled so far, open to any change.
  Model& model() { return model_; }
  const Model& model() const { return model_; }
  std::vector<uint8_t> Write(const TfliteForm& form = {}) const {
    return WriteTflite(model_, form);
  }

 private:
  int32_t AddTensor(Tensor tensor);
  void AddOperator(OperatorType type, std::vector<int32_t> inputs, int32_t output,
                   OperatorOptions options);

  Model model_;
};

}  // namespace npugen::testing

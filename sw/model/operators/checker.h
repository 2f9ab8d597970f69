// SPDX-License-Identifier: Apache-2.0
// What the checks of all families have in common: operands, shapes, quantization, constant lists.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "generator/support/diagnostic.h"
#include "sw/model/describe.h"
#include "sw/model/model.h"
#include "sw/model/quantization.h"

namespace npugen {

/// What an operator of the file says beyond Operator: options that only serve to check or to
/// complete. (Where one OperatorType stands for several operators, Operator::name says which.)
struct FileForm {
  uint32_t begin_mask = 0;   ///< STRIDED_SLICE, these three
  uint32_t end_mask = 0;     ///< bit d: dimension d has no end
  uint32_t shrink_mask = 0;  ///< bit d: the output has no dimension d
  int32_t count = -1;        ///< tensors of a SPLIT, PACK or UNPACK; -1: not given
};

/// Dimensions that operators of the host can have (NPU_HOST_RANK).
inline constexpr size_t kMostHostDimensions = 6;

/// Borders before and after, for each dimension.
using Borders = std::vector<std::pair<int32_t, int32_t>>;

/// Elements of a shape; saturates far above any legal size.
int64_t ElementCount(const std::vector<int32_t>& shape);

/// The shape of two broadcast operands: dimensions are matched from the last one on, and 1
/// stretches. Empty if they do not fit.
std::optional<std::vector<int32_t>> BroadcastShape(const std::vector<int32_t>& a,
                                                   const std::vector<int32_t>& b);

/// Checks one operator: collects what is refused and brings the operator into the form of model.h.
/// Its functions refuse what does not hold; those that return bool say whether to go on.
class Checker {
 public:
  Checker(const Model& checked_model, Operator& checked, const FileForm& checked_form)
      : model(checked_model), op(checked), form(checked_form) {}

  const Model& model;
  Operator& op;
  const FileForm& form;
  bool wide = false;   ///< activations are int16 with zero point 0, not int8
  bool plain = false;  ///< operands have the output's type, int32 or float32, and no scales

  /// Adds an error of this operator; from the 16th on they are dropped.
  void Refuse(DiagnosticCode code, std::string reason, std::string hint = "");
  /// Whether anything was refused so far.
  bool refused() const { return !diagnostics_.empty(); }
  /// Operands; they must be known to be there.
  const Tensor& Input(size_t i) const { return model.tensors[op.inputs[i]]; }
  const Tensor& Output() const { return model.tensors[op.outputs[0]]; }
  /// Operands for messages.
  std::string InputText(size_t i) const { return DescribeTensor(model, op.inputs[i]); }
  std::string OutputText() const { return DescribeTensor(model, op.outputs[0]); }
  /// Between `least` and `most` inputs, of which the first `least` are present, and one output.
  /// Inputs that are left out at the end become -1.
  bool Operands(size_t least, size_t most);
  /// At least `least` inputs, all present, and one output.
  bool ManyOperands(size_t least);
  /// `inputs` inputs and any number of outputs, all present.
  bool ManyOutputs(size_t inputs);
  /// An int8 tensor (`wide`: int16) with one scale, or what `plain` says; it may be constant.
  void Operand(int32_t tensor, const char* role);
  /// Not a constant; `role` is what the tensor is for the operator.
  void NotConstant(int32_t tensor, const char* role);
  /// An operand that is no constant.
  void Activation(int32_t tensor, const char* role);
  /// All inputs are operands, and not all of them constants.
  void OperandsOfOne();
  /// `text` describes the tensor.
  void Rank(const Tensor& tensor, const std::string& text, size_t rank);
  /// The output, or `output`, has the shape `expected`.
  void OutputShape(const std::vector<int32_t>& expected);
  void ShapeOf(int32_t output, const std::vector<int32_t>& expected);
  /// All inputs and outputs have the same scales and zero points.
  void SameQuantization();
  void SameQuantization(int32_t input, int32_t output);
  /// The limits of the activation can be represented at the output's scale.
  void FusedActivation(npugen::Activation activation);
  /// An option called `what`.
  void Positive(const char* what, int32_t value);
  /// The factors of all output channels are below 2^29.
  void Factors(const std::vector<double>& factors);
  /// Whether the factors between the scales are representable.
  void Multipliers(bool representable);
  /// The values of a constant INT32 input; refuses anything else.
  std::vector<int32_t> ConstantIntegers(size_t input, const char* role);
  /// The one value of a constant list.
  int32_t ConstantInteger(size_t input, const char* role);
  /// Dimension `axis` of a tensor of `rank` dimensions, counted from the end if negative; -1 and
  /// refused if it does not exist.
  int32_t Axis(int32_t axis, size_t rank);
  /// Axes of the data input, ascending, each once.
  std::vector<int32_t> Axes(const std::vector<int32_t>& values);
  /// The last inputs, constant lists, are read: only the first `count` remain.
  void KeepInputs(size_t count) { op.inputs.resize(count); }
  /// A constant [dimensions, 2] of numbers >= 0.
  Borders ConstantBorders(size_t input, const char* role, size_t dimensions);
  /// The file's number of tensors, if it gives one.
  void Count(size_t actual);

  /// What was refused; ends the check.
  Diagnostics Take() { return std::move(diagnostics_); }

 private:
  static bool Present(const std::vector<int32_t>& tensors, size_t count);
  void RefuseOperands(std::string hint);

  Diagnostics diagnostics_;
};

}  // namespace npugen

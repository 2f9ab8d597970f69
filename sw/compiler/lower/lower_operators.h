// SPDX-License-Identifier: Apache-2.0
// Lowering of single operators. Each function appends layers to the model or explains why it
// cannot.
#pragma once

#include <optional>
#include <string>

#include "sw/compiler/lower/layer.h"

namespace npugen::compiler {

/// What the functions share: the model, the NPU, and the result under construction.
struct LoweringContext {
  const Model& model;
  const NpuConfig& config;
  LoweredModel& lowered;

  const Tensor& tensor(int32_t number) const { return model.tensors[number]; }
  /// Storage of a tensor that an operator reads; constants get one at first use.
  int32_t StorageOf(int32_t tensor);
  /// A new storage of `bytes` bytes.
  int32_t NewStorage(int64_t bytes);
};

/// Why an operator cannot be lowered.
struct Refusal {
  DiagnosticCode code;
  std::string reason;
  std::string hint;
};
using LowerResult = std::optional<Refusal>;  ///< empty: done

LowerResult LowerConvolution(LoweringContext& context, int32_t op);
LowerResult LowerDepthwise(LoweringContext& context, int32_t op);
LowerResult LowerFullyConnected(LoweringContext& context, int32_t op);
LowerResult LowerMaxPool(LoweringContext& context, int32_t op);
/// THERMOMETER, BINARY_CONV_2D.
LowerResult LowerThermometer(LoweringContext& context, int32_t op);
LowerResult LowerBinaryConvolution(LoweringContext& context, int32_t op);
/// The pool `layer`, whose geometry is set in pixels, over codes of bits.
LowerResult LowerBitPool(LoweringContext& context, int32_t op, Layer layer);
LowerResult LowerAveragePool(LoweringContext& context, int32_t op);
/// MEAN, SUM, REDUCE_MAX, REDUCE_MIN.
LowerResult LowerReduce(LoweringContext& context, int32_t op);
/// ARG_MAX, ARG_MIN.
LowerResult LowerArgExtreme(LoweringContext& context, int32_t op);
LowerResult LowerTransposeConv(LoweringContext& context, int32_t op);
LowerResult LowerBatchMatMul(LoweringContext& context, int32_t op);
LowerResult LowerQuantize(LoweringContext& context, int32_t op);
LowerResult LowerAddN(LoweringContext& context, int32_t op);
LowerResult LowerResizeBilinear(LoweringContext& context, int32_t op);
/// ADD, SUB, MUL, MAXIMUM, MINIMUM, SQUARED_DIFFERENCE.
LowerResult LowerTwoOperands(LoweringContext& context, int32_t op);
/// Functions of one value, as look-ups: LOGISTIC, TANH, HARD_SWISH, ELU, LEAKY_RELU, RELU, RELU6,
/// ABS, RSQRT, and QUANTIZE between 8-bit types.
LowerResult LowerFunction(LoweringContext& context, int32_t op);
LowerResult LowerPrelu(LoweringContext& context, int32_t op);
LowerResult LowerSoftmax(LoweringContext& context, int32_t op);
/// Operators that only move data.
LowerResult LowerMoving(LoweringContext& context, int32_t op);
/// A plain copy of `source` to `target`, both storages of the same size.
void LowerCopy(LoweringContext& context, int32_t op, int32_t source, int32_t target);

/// Sets window shape and kernel loops of a WINDOW layer for the fewest fetches. False: no legal
/// split.
bool ChooseWindow(const NpuConfig& config, Layer* layer);
/// Rough cycles of a WINDOW layer, for the comparison of alternatives.
double WindowCost(const NpuConfig& config, const Layer& layer);

}  // namespace npugen::compiler

// SPDX-License-Identifier: Apache-2.0
// Lowering of single operators. Each function appends layers to the model or explains why it
// cannot.
#pragma once

#include <optional>
#include <string>

#include "sw/compiler/lower/layer.h"
#include "sw/compiler/lower/lower.h"

namespace npugen::compiler {

/// What the functions share: the model, the NPU, and the result under construction.
struct LoweringContext {
  LoweringContext(const Model& of_model, const NpuConfig& for_config,
                  const LowerOptions& with_options, LoweredModel& into);

  const Model& model;
  const NpuConfig& config;
  const LowerOptions& options;
  LoweredModel& lowered;
  std::vector<int32_t> producers;  ///< of each tensor: position in Model::operators, or -1

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

/// LowerConv2d, LowerDepthwiseConv2d ...: one for each row of the operator table. `op` is a
/// position in Model::operators.
#define NPUGEN_OPERATOR(kind, ...) LowerResult Lower##kind(LoweringContext& context, int32_t op);
#define NPUGEN_HOST_OPERATOR(...)
#include "sw/model/operators.def"
#undef NPUGEN_OPERATOR

/// The pool `layer`, whose geometry is set in pixels, over codes of bits.
LowerResult LowerBitPool(LoweringContext& context, int32_t op, Layer layer);
/// QUANTIZE between 8-bit types: a look-up.
LowerResult LowerRequantizedBytes(LoweringContext& context, int32_t op);
/// A plain copy of `source` to `target`, both storages of the same size.
void LowerCopy(LoweringContext& context, int32_t op, int32_t source, int32_t target);

/// Sets window shape and kernel loops of a WINDOW layer for the fewest fetches. False: no legal
/// split.
bool ChooseWindow(const NpuConfig& config, Layer* layer);
/// Rough cycles of a WINDOW layer, for the comparison of alternatives.
double WindowCost(const NpuConfig& config, const Layer& layer);

}  // namespace npugen::compiler

// SPDX-License-Identifier: Apache-2.0
// ONNX networks of int8 between QuantizeLinear and DequantizeLinear, as PyTorch and onnxruntime
// export them: the operators of TensorFlow Lite.
#pragma once

#include <string>

#include "generator/support/diagnostic.h"
#include "sw/model/model.h"
#include "sw/model/onnx/graph.h"

namespace npugen::symbolic {

/// Whether the weights of every layer of the graph come from a DequantizeLinear, and nothing of it
/// is bits.
bool IsQdq(const Graph& graph);

/// The network. Tensors are NHWC; inputs and outputs keep the file's layout, so TRANSPOSE stands
/// between. Operators compute as those of TensorFlow Lite: docs/onnx.md says how far that is from
/// onnxruntime.
Result<Model> ReadQdq(const Graph& graph, const std::string& name);

}  // namespace npugen::symbolic
